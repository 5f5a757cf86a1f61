"""How hard a query is, in Spider's four levels, for any SQL that sqlglot can parse.

The levels are those of `eval_hardness` in Spider's evaluation.py (Yu et al. 2018,
arXiv:1809.08887): they follow from three counts over the first SELECT of a statement. Its oddities
are kept, as they decide the published levels: queries in FROM count for nothing; of a set operation
only the first query is counted; NOT in WHERE and HAVING, and AND and OR in HAVING, count as
aggregates, while aggregates in HAVING do not. The levels are the official ones for all golds of
Spider dev, and for all but one of train: there the official parser loses an OR.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlkiln.core.errors import SQLSyntaxError
from sqlkiln.sql.parse import parse

LEVELS = ("easy", "medium", "hard", "extra")


def hardness(sql: str, dialect: str = "sqlite") -> str:
    """The level of `sql`, one of `LEVELS`.

    Raises:
        SQLSyntaxError: if it cannot be parsed or is not a query.
    """
    level = hardness_of(parse(sql, dialect))
    if level is None:
        raise SQLSyntaxError(f"cannot grade the statement: {sql[:60]!r} is no query; give a SELECT")
    return level


def hardness_of(tree: exp.Expr | None) -> str | None:
    """As `hardness`, for a statement that has been parsed; None if it is no query."""
    first, combined = tree, False
    while isinstance(first, exp.SetOperation | exp.Subquery):
        combined = combined or isinstance(first, exp.SetOperation)
        first = first.this
    if not isinstance(first, exp.Select):
        return None
    return _level(_clauses(first), _nested(first) + combined, _others(first))


def _level(clauses: int, nested: int, others: int) -> str:
    if nested == 0:
        if clauses <= 1 and others == 0:
            return "easy"
        if (clauses <= 1 and others <= 2) or (clauses <= 2 and others < 2):
            return "medium"
        if (clauses <= 2 and others > 2) or (clauses == 3 and others <= 2):
            return "hard"
    elif nested == 1 and clauses <= 1 and others == 0:
        return "hard"
    return "extra"


def _clauses(select: exp.Select) -> int:
    """`count_component1`: clauses, tables after the first, each OR and each LIKE."""
    conditions = _conditions(select)
    return (
        sum(select.args.get(key) is not None for key in ("where", "group", "order", "limit"))
        + len(select.args.get("joins") or ())
        + sum(_count(condition, exp.Or) for condition in conditions)
        + sum(_count(condition, exp.Like, exp.ILike) for condition in conditions)
    )


def _nested(select: exp.Select) -> int:
    """`count_component2`: the queries inside conditions."""
    return sum(_count(condition, exp.Query) for condition in _conditions(select))


def _others(select: exp.Select) -> int:
    """`count_others`: one each for several aggregates, columns, conditions and group keys."""
    where, having, group, order = (
        select.args.get(k) for k in ("where", "having", "group", "order")
    )
    aggregates = (
        sum(isinstance(shown.unalias(), exp.AggFunc) for shown in select.expressions)
        + (_denials(where.this) if where else 0)
        + (_denials(having.this) + _count(having.this, exp.Connector) if having else 0)
        + (_count(order, exp.AggFunc) if order else 0)
    )
    return (
        (aggregates > 1)
        + (len(select.expressions) > 1)
        + (where is not None and isinstance(where.this.unnest(), exp.Connector))
        + (group is not None and len(group.expressions) > 1)
    )


def _denials(condition: exp.Expr) -> int:
    """How many NOTs; sqlglot keeps that of NOT LIKE inside the LIKE."""
    return sum(isinstance(n, exp.Not) or bool(n.args.get("negate")) for n in _outer(condition))


def _conditions(select: exp.Select) -> list[exp.Expr]:
    clauses = [select.args.get("where"), select.args.get("having")]
    joined = [join.args.get("on") for join in select.args.get("joins") or ()]
    return [clause.this for clause in clauses if clause] + [on for on in joined if on]


def _count(tree: exp.Expr, *kinds: type[exp.Expr]) -> int:
    """Nodes of `kinds` in `tree`, an inner query being one node."""
    return sum(isinstance(node, kinds) for node in _outer(tree))


def _outer(tree: exp.Expr) -> Iterator[exp.Expr]:
    """The nodes of `tree`, down to inner queries and not into them."""
    return tree.walk(prune=lambda node: isinstance(node, exp.Query))
