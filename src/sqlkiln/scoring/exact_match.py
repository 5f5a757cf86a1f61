"""Spider's exact set match and component match (Yu et al. 2018, section 6).

Follows `evaluation.py` of test-suite-sql-eval with its defaults. Reads queries through
`spider_parse`; executes nothing. Official faults reproduced here:

* values, DISTINCT, LIMIT's number and ON conditions do not count;
* a prediction that cannot be read is compared as an empty query;
* columns that a foreign key ties together are equal only if the *outermost* FROM names their
  table, and never inside a sub-query of WHERE or HAVING, where DISTINCT and ON do count;
* in a sub-query of FROM the values count too;
* "group(no Having)" compares columns by name, whatever their table and order; "group", which is
  HAVING with its columns, goes by table and order too;
* "and/or" says only which connectives occur, and swaps predicted and gold when it counts them;
* two sub-queries in one FROM stop the official script; here they are compared as a set;
* so do comparisons with nothing between them, as in `a = 1 b = 2 AND c = 3`, where a connective
  then stands in the place of a comparison; here the prediction counts as one that cannot be read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlkiln.core.errors import SQLSyntaxError
from sqlkiln.scoring.slices import UNGRADED
from sqlkiln.scoring.spider_parse import parse_query
from sqlkiln.scoring.spider_query import (
    ColumnUnit,
    Condition,
    Conditions,
    Query,
    Value,
    ValueUnit,
)
from sqlkiln.scoring.spider_schema import SpiderSchema
from sqlkiln.scoring.spider_text import as_predicted
from sqlkiln.sql.hardness import LEVELS, hardness_of
from sqlkiln.sql.parse import parse


@dataclass(frozen=True, slots=True)
class ComponentMatch:
    """One component of one prediction: how many parts gold and prediction have, all equal or not.

    A component that neither has is matched.
    """

    gold: int
    predicted: int
    matched: bool


@dataclass(frozen=True, slots=True)
class ExactMatch:
    """The verdict on one prediction; `hardness` is the gold's, `parsed` the prediction's."""

    exact: bool
    hardness: str
    parsed: bool
    components: Mapping[str, ComponentMatch]


@dataclass(frozen=True, slots=True)
class ComponentScore:
    """Averages over questions: `accuracy` where the prediction has it, `recall` where gold has."""

    accuracy: float
    recall: float
    f1: float


def exact_set_match(gold_sql: str, predicted_sql: str, schema: SpiderSchema) -> ExactMatch:
    """Compare two queries clause by clause, as sets.

    Raises:
        SQLSyntaxError: if the gold cannot be read, where the official script stops.
    """
    gold = parse_query(gold_sql, schema)
    try:
        predicted, parsed = parse_query(as_predicted(predicted_sql), schema), True
    except SQLSyntaxError:
        predicted, parsed = Query(), False
    level = hardness_of(parse(gold_sql, "sqlite")) or UNGRADED
    gold, predicted = comparable(gold, schema), comparable(predicted, schema)
    components = component_matches(gold, predicted)
    return ExactMatch(_exact(gold, predicted, components), level, parsed, components)


# --------------------------------------------------------------------------- what is ignored


def comparable(query: Query, schema: SpiderSchema) -> Query:
    """`query` without values and DISTINCT, and with tied columns under their common name."""
    named = {table for table in query.tables if isinstance(table, str)}
    key_of = {c: key for c, key in schema.key_of.items() if c.partition(".")[0] in named}
    return _with_keys(_without_values(query), key_of)


def _without_values(query: Query) -> Query:
    return replace(
        query,
        on=_conditions_without_values(query.on),
        where=_conditions_without_values(query.where),
        having=_conditions_without_values(query.having),
        other=_without_values(query.other) if query.other else None,
    )


def _conditions_without_values(conditions: Conditions) -> Conditions:
    def only_query(value: Value) -> Value:
        return _without_values(value) if isinstance(value, Query) else None

    units = (
        replace(unit, value=only_query(unit.value), upper=only_query(unit.upper))
        for unit in conditions.units
    )
    return replace(conditions, units=tuple(units))


def _with_keys(query: Query, key_of: Mapping[str, str]) -> Query:
    def column(unit: ColumnUnit) -> ColumnUnit:
        return replace(unit, column=key_of.get(unit.column, unit.column), distinct=False)

    def value(unit: ValueUnit) -> ValueUnit:
        right = unit.right and column(unit.right)
        return replace(unit, left=column(unit.left), right=right)

    def conditions(of: Conditions) -> Conditions:
        return replace(of, units=tuple(replace(unit, unit=value(unit.unit)) for unit in of.units))

    order_by = query.order_by
    if order_by:
        order_by = replace(order_by, units=tuple(value(unit) for unit in order_by.units))
    return replace(
        query,
        select=tuple((aggregate, value(unit)) for aggregate, unit in query.select),
        distinct=False,
        where=conditions(query.where),
        group_by=tuple(column(unit) for unit in query.group_by),
        having=conditions(query.having),
        order_by=order_by,
        other=_with_keys(query.other, key_of) if query.other else None,
    )


# --------------------------------------------------------------------------- components


def component_matches(gold: Query, predicted: Query) -> dict[str, ComponentMatch]:
    """Every component's match, under the official names; takes queries made `comparable`."""
    return {name: compare(gold, predicted) for name, compare in _COMPONENTS.items()}


def _exact(gold: Query, predicted: Query, components: Mapping[str, ComponentMatch]) -> bool:
    """Official fault: without a table in the gold's FROM, the prediction's tables do not count."""
    if not all(component.matched for component in components.values()):
        return False
    return not gold.tables or Counter(gold.tables) == Counter(predicted.tables)


def _same_parts(gold: Sequence[Hashable], predicted: Sequence[Hashable]) -> ComponentMatch:
    return ComponentMatch(len(gold), len(predicted), Counter(gold) == Counter(predicted))


def _select(gold: Query, predicted: Query) -> ComponentMatch:
    return _same_parts(gold.select, predicted.select)


def _select_no_aggregate(gold: Query, predicted: Query) -> ComponentMatch:
    return _same_parts([unit for _, unit in gold.select], [unit for _, unit in predicted.select])


def _where(gold: Query, predicted: Query) -> ComponentMatch:
    return _same_parts(gold.where.units, predicted.where.units)


def _where_no_operator(gold: Query, predicted: Query) -> ComponentMatch:
    return _same_parts(
        [condition.unit for condition in gold.where.units],
        [condition.unit for condition in predicted.where.units],
    )


def _group_no_having(gold: Query, predicted: Query) -> ComponentMatch:
    def names(query: Query) -> list[str]:
        return [unit.column.rpartition(".")[2] for unit in query.group_by]

    return _same_parts(names(gold), names(predicted))


def _group(gold: Query, predicted: Query) -> ComponentMatch:
    def whole(query: Query) -> tuple[list[str], Conditions]:
        return [unit.column for unit in query.group_by], query.having

    both = bool(gold.group_by) and bool(predicted.group_by)
    neither = not gold.group_by and not predicted.group_by
    matched = neither or (both and whole(gold) == whole(predicted))
    return ComponentMatch(int(bool(gold.group_by)), int(bool(predicted.group_by)), matched)


def _order(gold: Query, predicted: Query) -> ComponentMatch:
    def whole(query: Query) -> tuple[Hashable, bool]:
        return query.order_by, query.limited

    neither = gold.order_by is None and predicted.order_by is None
    matched = neither or whole(gold) == whole(predicted)
    return ComponentMatch(int(bool(gold.order_by)), int(bool(predicted.order_by)), matched)


def _and_or(gold: Query, predicted: Query) -> ComponentMatch:
    in_gold, in_predicted = set(gold.where.connectives), set(predicted.where.connectives)
    if in_gold == in_predicted:
        return ComponentMatch(1, 1, True)
    return ComponentMatch(gold=len(in_predicted), predicted=len(in_gold), matched=False)


def _set_operation(gold: Query, predicted: Query) -> ComponentMatch:
    matched = gold.set_operator == predicted.set_operator
    if matched and gold.other and predicted.other:
        components = component_matches(gold.other, predicted.other)
        matched = _exact(gold.other, predicted.other, components)
    return ComponentMatch(int(bool(gold.other)), int(bool(predicted.other)), matched)


def _keywords(gold: Query, predicted: Query) -> ComponentMatch:
    in_gold, in_predicted = keywords(gold), keywords(predicted)
    return ComponentMatch(len(in_gold), len(in_predicted), in_gold == in_predicted)


_COMPONENTS: dict[str, Callable[[Query, Query], ComponentMatch]] = {
    "select": _select,
    "select(no AGG)": _select_no_aggregate,
    "where": _where,
    "where(no OP)": _where_no_operator,
    "group(no Having)": _group_no_having,
    "group": _group,
    "order": _order,
    "and/or": _and_or,
    "IUEN": _set_operation,
    "keywords": _keywords,
}
COMPONENTS = tuple(_COMPONENTS)


def keywords(query: Query) -> set[str]:
    """The keywords that the outermost level of `query` uses, as Spider counts them."""
    conditions: list[Condition] = [
        unit for part in (query.on, query.where, query.having) for unit in part.units
    ]
    connectives = query.on.connectives + query.where.connectives + query.having.connectives
    present = {
        "where": bool(query.where.units),
        "group": bool(query.group_by),
        "having": bool(query.having.units),
        "order": query.order_by is not None,
        "limit": query.limited,
        "or": "or" in connectives,
        "not": any(condition.negated for condition in conditions),
        "in": any(condition.operator == "in" for condition in conditions),
        "like": any(condition.operator == "like" for condition in conditions),
    }
    found = {word for word, is_there in present.items() if is_there}
    found |= {query.order_by.direction} if query.order_by else set()
    return found | ({query.set_operator} if query.other else set())


# --------------------------------------------------------------------------- over many questions


def component_scores(matches: Collection[ExactMatch]) -> dict[str, dict[str, ComponentScore]]:
    """Scores in [0, 1] by hardness level and component; "all" is one more level.

    Levels without a question are left out. Official fault: F1 is 1 where accuracy and recall are
    both 0.
    """
    by_level = {level: [m for m in matches if m.hardness == level] for level in LEVELS}
    by_level["all"] = list(matches)
    return {
        level: {name: _score([m.components[name] for m in group]) for name in COMPONENTS}
        for level, group in by_level.items()
        if group
    }


def _score(components: Sequence[ComponentMatch]) -> ComponentScore:
    accuracy = _share(c.matched for c in components if c.predicted > 0)
    recall = _share(c.matched for c in components if c.gold > 0)
    total = accuracy + recall
    return ComponentScore(accuracy, recall, 2 * accuracy * recall / total if total else 1.0)


def _share(matched: Iterable[bool]) -> float:
    outcomes = list(matched)
    return sum(outcomes) / len(outcomes) if outcomes else 0.0
