"""What Spider's evaluation sees of a query: the structure that exact set match compares."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ColumnUnit:
    """A column, perhaps aggregated: COUNT(DISTINCT t.a) is ("count", "t.a", True)."""

    aggregate: str
    column: str
    distinct: bool


@dataclass(frozen=True, slots=True)
class ValueUnit:
    """A column, or two joined by an arithmetic operator ("none" if there is one)."""

    operator: str
    left: ColumnUnit
    right: ColumnUnit | None


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison; `upper` is the second value of BETWEEN."""

    negated: bool
    operator: str
    unit: ValueUnit
    value: Value
    upper: Value


@dataclass(frozen=True, slots=True)
class Conditions:
    """Comparisons and what stands between them: "and", "or", or "" where nothing does."""

    units: tuple[Condition, ...] = ()
    connectives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderBy:
    """ORDER BY with its one direction, "asc" or "desc"."""

    direction: str
    units: tuple[ValueUnit, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A query as read; `select` holds (aggregate, unit) pairs, `tables` names or sub-queries.

    With its defaults it is what stands for a prediction that cannot be read.
    """

    select: tuple[tuple[str, ValueUnit], ...] = ()
    distinct: bool = False
    tables: tuple[str | Query, ...] = ()
    on: Conditions = Conditions()
    where: Conditions = Conditions()
    group_by: tuple[ColumnUnit, ...] = ()
    having: Conditions = Conditions()
    order_by: OrderBy | None = None
    limited: bool = False
    set_operator: str = ""
    other: Query | None = None


Value = float | str | ColumnUnit | Query | None
"""A number, a quoted string, a column, a sub-query, or no value."""
