"""What a question about dates can speak of: columns of dates, and what stands beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlkiln.core.plugins import Database, Limits
from sqlkiln.core.records import Column, DatabaseSchema, Table
from sqlkiln.sql.database_samples import quoted
from sqlkiln.sql.date_columns import ISO_DATE
from sqlkiln.sql.explain_names import kind_of_type

LEAST_ROWS = 4
MOST_READ = 400

_NO_AMOUNT = re.compile(r"id$|code|number|phone|zip|year|month|day|lat|lon", re.IGNORECASE)
_LABEL = re.compile(r"name|title|label|description", re.IGNORECASE)


@dataclass(frozen=True)
class Parent:
    """A table that another one refers to, with the column that names its rows."""

    table: str
    label: str
    key: str
    reference: str


@dataclass(frozen=True)
class Subject:
    """A table with a column of dates, and what else a question about it can speak of."""

    table: str
    date: str
    times: bool
    alone: bool
    """Whether the table has no other dates, so that a question need not name this one."""
    days: tuple[str, ...]
    """Some of the dates, as YYYY-MM-DD."""
    amounts: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Columns of few texts, and those texts."""
    later: str | None = None
    """A column of dates that are never before those of `date`."""
    parents: tuple[Parent, ...] = ()


def subjects(database: Database, schema: DatabaseSchema) -> tuple[Subject, ...]:
    """The columns of dates in `schema` that questions can be asked about, in its order."""
    found: list[Subject] = []
    for table in schema.tables:
        if (table.row_count or 0) >= LEAST_ROWS:
            found += _subjects_of(table, database, schema)
    return tuple(found)


def _subjects_of(table: Table, database: Database, schema: DatabaseSchema) -> Iterator[Subject]:
    named = ", ".join(quoted(column.name) for column in table.columns)
    query = f"SELECT {named} FROM {quoted(table.name)} LIMIT {MOST_READ}"  # noqa: S608
    rows = database.execute(query, Limits(timeout_s=10.0, max_rows=MOST_READ)).rows
    cells = {
        column.name: [str(row[at]) for row in rows if row[at] is not None]
        for at, column in enumerate(table.columns)
    }
    dates = [column.name for column in table.columns if _are_dates(cells[column.name])]
    for name in dates:
        yield Subject(
            table=table.name,
            date=name,
            times=any(":" in cell for cell in cells[name]),
            alone=len(dates) == 1,
            days=tuple(sorted({cell[:10] for cell in cells[name]})),
            amounts=tuple(c.name for c in table.columns if _is_amount(c, table)),
            labels=tuple(c.name for c in table.columns if _is_label(c, cells[c.name])),
            groups=tuple(_groups(table, cells, dates)),
            later=_later(name, dates, table, rows),
            parents=tuple(_parents(table, schema)),
        )


def _are_dates(cells: Sequence[str]) -> bool:
    read = [ISO_DATE.fullmatch(cell) for cell in cells]
    return len(cells) >= LEAST_ROWS and all(
        m is not None and 1 <= int(m["month"]) <= 12 and 1 <= int(m["day"]) <= 31 for m in read
    )


def _is_amount(column: Column, table: Table) -> bool:
    refers = any(column.name in key.columns for key in table.foreign_keys)
    if column.primary_key or refers or _NO_AMOUNT.search(column.name):
        return False
    return kind_of_type(column.type) == "number"


def _is_label(column: Column, cells: Sequence[str]) -> bool:
    named = _LABEL.search(column.name) is not None
    return named and len(cells) >= LEAST_ROWS and all(len(cell) < 80 for cell in cells)


def _groups(
    table: Table, cells: dict[str, list[str]], dates: Sequence[str]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for column in table.columns:
        texts = sorted(set(cells[column.name]))
        fits = 2 <= len(texts) <= 12 and len(texts) * 2 <= len(cells[column.name])
        is_text = kind_of_type(column.type) in ("text", "") and column.name not in dates
        plain = all(re.fullmatch(r"[A-Za-z][\w &/-]{1,30}", text) for text in texts)
        if fits and is_text and plain and not column.primary_key:
            yield column.name, tuple(texts)


def _later(
    name: str, dates: Sequence[str], table: Table, rows: Sequence[Sequence[object]]
) -> str | None:
    place = {column.name: at for at, column in enumerate(table.columns)}
    for other in dates:
        pairs = [(str(row[place[name]]), str(row[place[other]])) for row in rows]
        if other != name and all(first <= second for first, second in pairs):
            return other
    return None


def _parents(table: Table, schema: DatabaseSchema) -> Iterator[Parent]:
    by_name = {t.name.lower(): t for t in schema.tables}
    for key in table.foreign_keys:
        other = by_name.get(key.ref_table.lower())
        if other is None or other.name == table.name or len(key.columns) != 1:
            continue
        label = next((c.name for c in other.columns if _LABEL.search(c.name)), None)
        if label is not None:
            yield Parent(other.name, label, key.ref_columns[0], key.columns[0])
