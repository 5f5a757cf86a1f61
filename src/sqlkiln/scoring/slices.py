"""By what to split a score: the hardness of a question and the features of its gold SQL."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from sqlkiln.sql.hardness import LEVELS, hardness_of
from sqlkiln.sql.parse import parse

UNGRADED = "ungraded"
LEVEL_ORDER = (*LEVELS, UNGRADED)

_BY_NODE: dict[str, tuple[type[exp.Expr], ...]] = {
    "join": (exp.Join,),
    "where": (exp.Where,),
    "or": (exp.Or,),
    "negation": (exp.Not, exp.NEQ),
    "like": (exp.Like, exp.ILike),
    "between": (exp.Between,),
    "null test": (exp.Is,),
    "aggregate": (exp.AggFunc,),
    "group": (exp.Group,),
    "having": (exp.Having,),
    "order": (exp.Order,),
    "limit": (exp.Limit,),
    "distinct": (exp.Distinct,),
    "case": (exp.Case,),
    "with": (exp.CTE,),
    "window": (exp.Window,),
    "set operation": (exp.SetOperation,),
    "arithmetic": (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod),
}
FEATURES = (*_BY_NODE, "several joins", "nested", "single table")
FEATURE_TAG = "sql:"
"""Before the name of a feature in an example's tags: datasets have tags of their own."""


@dataclass(frozen=True)
class Slices:
    """Where one question belongs: a level, and any number of features."""

    level: str
    features: tuple[str, ...]

    @property
    def tags(self) -> tuple[str, ...]:
        """The features as tags of an example."""
        return tuple(f"{FEATURE_TAG}{feature}" for feature in self.features)


def slices_of(gold_sql: str | None, dialect: str = "sqlite") -> Slices:
    """The level and the features of a gold query; none of a gold that cannot be parsed."""
    tree = parse(gold_sql, dialect) if gold_sql else None
    try:
        level = hardness_of(tree)
    except RecursionError:
        level = None
    if tree is None or level is None:
        return Slices(UNGRADED, ())
    found = _features(tree)
    return Slices(level, tuple(feature for feature in FEATURES if feature in found))


def _features(tree: exp.Expr) -> set[str]:
    kinds: set[type[exp.Expr]] = set()
    joins = selects = operations = 0
    negated = False
    for node in tree.walk():
        kinds.add(type(node))
        joins += isinstance(node, exp.Join)
        selects += isinstance(node, exp.Select)
        operations += isinstance(node, exp.SetOperation)
        negated = negated or bool(node.args.get("negate"))
    found = {name for name, wanted in _BY_NODE.items() if any(issubclass(k, wanted) for k in kinds)}
    # A set operation of n queries has n SELECTs; any other one is nested.
    special = {
        "negation": negated,
        "several joins": joins > 1,
        "nested": selects > operations + 1,
        "single table": joins == 0 and selects == 1,
    }
    return found | {name for name, holds in special.items() if holds}
