"""Spider's hardness of a query: easy, medium, hard or extra, by counting its components.

Follows `eval_hardness` of test-suite-sql-eval. Official faults reproduced here: an aggregate in
HAVING does not count as one, but every NOT of WHERE and HAVING and every AND and OR of HAVING
does; a sub-query of FROM counts for nothing.
"""

from __future__ import annotations

from sqlkiln.scoring.spider_query import Condition, Query

LEVELS = ("easy", "medium", "hard", "extra")


def hardness(query: Query) -> str:
    """The level of `query`, one of `LEVELS`; takes it as parsed, values and all."""
    clauses, nested, others = _clauses(query), _nested(query), _others(query)
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


def _conditions(query: Query) -> tuple[Condition, ...]:
    return query.on.units + query.where.units + query.having.units


def _clauses(query: Query) -> int:
    """WHERE, GROUP BY, ORDER BY and LIMIT, each JOIN, each OR and each LIKE."""
    connectives = query.on.connectives + query.where.connectives + query.having.connectives
    return (
        bool(query.where.units)
        + bool(query.group_by)
        + (query.order_by is not None)
        + query.limited
        + max(len(query.tables) - 1, 0)
        + connectives.count("or")
        + sum(condition.operator == "like" for condition in _conditions(query))
    )


def _nested(query: Query) -> int:
    """Sub-queries in conditions, and the second half of a set operation."""
    values = [value for c in _conditions(query) for value in (c.value, c.upper)]
    return sum(isinstance(value, Query) for value in values) + (query.other is not None)


def _others(query: Query) -> int:
    """One each for more than one aggregate, SELECT item, comparison of WHERE, GROUP BY column."""
    return (
        (_aggregates(query) > 1)
        + (len(query.select) > 1)
        + (len(query.where.units) + len(query.where.connectives) > 1)
        + (len(query.group_by) > 1)
    )


def _aggregates(query: Query) -> int:
    ordered = query.order_by.units if query.order_by else ()
    columns = [column for unit in ordered for column in (unit.left, unit.right) if column]
    return (
        sum(aggregate != "none" for aggregate, _ in query.select)
        + sum(condition.negated for condition in (*query.where.units, *query.having.units))
        + len(query.having.connectives)
        + sum(column.aggregate != "none" for column in (*query.group_by, *columns))
    )
