"""WikiSQL's logical form and SQL, one into the other (Zhong, Xiong, Socher 2017, arXiv 1709.00103).

A logical form asks one table for one column, with at most one aggregate, where all of some
comparisons with constants hold. `to_sql` writes it as SQL, `from_sql` reads such SQL back, and
`same_form` is the equality by which WikiSQL's logical form accuracy counts. Pure functions: no
database, no files.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from sqlglot import exp

from sqlkiln.sql.parse import parse

AGGREGATES = ("", "MAX", "MIN", "COUNT", "SUM", "AVG")
OPERATORS = ("=", ">", "<")

_CALLS: dict[type[exp.Expr], int] = {
    exp.Max: 1,
    exp.Min: 2,
    exp.Count: 3,
    exp.Sum: 4,
    exp.Avg: 5,
}
_COMPARISONS: dict[type[exp.Expr], int] = {exp.EQ: 0, exp.GT: 1, exp.LT: 2}
_TURNED = (0, 2, 1)
"""The operator that says the same with its two sides exchanged."""

_CLAUSES = {"expressions", "from_", "where"}
_MOST_DIGITS = 300
_NUMBER = re.compile(r"[-+]?\d*\.\d+|\d+")


@dataclass(frozen=True)
class Condition:
    """Column number, position in `OPERATORS`, and the constant."""

    column: int
    operator: int
    value: str | int | float


@dataclass(frozen=True)
class LogicalForm:
    """Number of the selected column, position in `AGGREGATES`, and conditions that all hold."""

    select: int
    aggregate: int
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class FlatTable:
    """A table to ask; `types` are 'text' or 'real', one a column.

    Without `columns`, they are called col0, col1, ... as in WikiSQL's own databases.
    """

    name: str
    columns: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


def column_names(headers: Sequence[str]) -> tuple[str, ...]:
    """Headers as SQL can tell them apart: none empty, and no two the same but for case."""
    taken: set[str] = set()
    names = []
    for position, header in enumerate(headers):
        first = name = " ".join(header.split()) or f"col{position}"
        number = 1
        while name.lower() in taken:
            number += 1
            name = f"{first}_{number}"
        taken.add(name.lower())
        names.append(name)
    return tuple(names)


def as_number(text: str) -> int | float | None:
    """The number that `text` is, with or without commas, else the first in it, else None.

    WikiSQL's own evaluation reads the constants of its numeric columns like this.
    """
    try:
        number = Decimal(text.strip().replace(",", ""))
    except InvalidOperation:
        found = _NUMBER.search(text)
        number = Decimal(found.group()) if found else Decimal("NaN")
    if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS:
        return None
    return int(number) if number == number.to_integral_value() else float(number)


# --------------------------------------------------------------------------- to SQL


def to_sql(form: LogicalForm, table: FlatTable) -> str:
    """Write `form` as SQL; constants get the type of their column."""
    selected = _quoted(form.select, table)
    if form.aggregate:
        selected = f"{AGGREGATES[form.aggregate]}({selected})"
    conditions = [
        f"{_quoted(c.column, table)} {OPERATORS[c.operator]} {_constant(c, table)}"
        for c in form.conditions
    ]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {selected} FROM {table.name}{where}"  # noqa: S608 - written, not run


def _quoted(column: int, table: FlatTable) -> str:
    if not table.columns:
        return f"col{column}"
    return '"' + table.columns[column].replace('"', '""') + '"'


def _constant(condition: Condition, table: FlatTable) -> str:
    value = condition.value
    kind = table.types[condition.column] if table.types else ""
    if kind == "real" and isinstance(value, str):
        number = as_number(value)
        value = value if number is None else number
    elif kind == "text":
        value = str(value)
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


# --------------------------------------------------------------------------- from SQL


def from_sql(sql: str, table: FlatTable) -> LogicalForm | None:
    """Read SQL as a logical form over `table`; None if it says more than one can, or other tables.

    Names and constants may be quoted and turned in any way that SQLite takes; a name in double
    quotes that is no column is text, as it is to SQLite.
    """
    tree = parse(sql, "sqlite")
    if not isinstance(tree, exp.Select) or not _is_flat(tree, table):
        return None
    selected = _selected(tree.expressions[0].unalias(), table)
    where = tree.args.get("where")
    conditions = [_condition(part, table) for part in _conjuncts(where.this)] if where else []
    if selected is None or any(condition is None for condition in conditions):
        return None
    return LogicalForm(*selected, tuple(c for c in conditions if c is not None))


def _is_flat(tree: exp.Select, table: FlatTable) -> bool:
    if {clause for clause, value in tree.args.items() if value} - _CLAUSES:
        return False
    source = tree.args.get("from_")
    asked = source.this if source else None
    if not isinstance(asked, exp.Table) or asked.db or asked.name.lower() != table.name.lower():
        return False
    return len(tree.expressions) == 1


def _selected(term: exp.Expr, table: FlatTable) -> tuple[int, int] | None:
    aggregate = _CALLS.get(type(term), 0)
    column = _column(term.this if aggregate else term, table)
    return None if column is None or term.args.get("expressions") else (column, aggregate)


def _column(term: exp.Expr, table: FlatTable) -> int | None:
    if not isinstance(term, exp.Column):
        return None
    names = [name.lower() for name in table.columns]
    if term.name.lower() in names:
        return names.index(term.name.lower())
    numbered = re.fullmatch(r"col(\d{1,4})", term.name.lower())
    number = int(numbered.group(1)) if numbered else -1
    return number if number >= 0 and (not names or number < len(names)) else None


def _conjuncts(term: exp.Expr) -> list[exp.Expr]:
    term = term.unnest()
    if isinstance(term, exp.And):
        return [*_conjuncts(term.this), *_conjuncts(term.expression)]
    return [term]


def _condition(term: exp.Expr, table: FlatTable) -> Condition | None:
    operator = _COMPARISONS.get(type(term))
    if operator is None:
        return None
    left, right = term.this.unnest(), term.expression.unnest()
    column = _column(left, table)
    if column is None:
        left, right, operator = right, left, _TURNED[operator]
        column = _column(left, table)
    value = _value(right, table)
    return None if column is None or value is None else Condition(column, operator, value)


def _value(term: exp.Expr, table: FlatTable) -> str | int | float | None:
    if isinstance(term, exp.Column) and _column(term, table) is None:
        quoted = isinstance(term.this, exp.Identifier) and term.this.quoted and not term.table
        return term.name if quoted else None
    sign = -1 if isinstance(term, exp.Neg) else 1
    literal = term.this if isinstance(term, exp.Neg) else term
    if not isinstance(literal, exp.Literal) or (literal.is_string and sign < 0):
        return None
    if literal.is_string:
        return literal.name
    return sign * (int(literal.name) if literal.is_int else float(literal.name))


def same_form(left: LogicalForm, right: LogicalForm) -> bool:
    """Whether two forms are equal as WikiSQL has it: conditions in any order, text without case."""
    return _comparable(left) == _comparable(right)


def _comparable(form: LogicalForm) -> tuple[int, int, frozenset[tuple[int, int, str]]]:
    conditions = ((c.column, c.operator, str(c.value).lower()) for c in form.conditions)
    return form.select, form.aggregate, frozenset(conditions)
