"""Read the distinct short texts of a database's columns, within bounds of rows, values and time.

Small tables are read in full. Of larger ones come samples: stretches of rows spread evenly over
the table where the engine has row numbers (SQLite), rows drawn by the engine (DuckDB), or else the
first rows. Which columns were not read in full is told, and which of them may be tried once more,
as it was for want of time, or the database did not answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from sqlkiln.core.errors import QueryError
from sqlkiln.core.plugins import Database, Limits
from sqlkiln.core.records import Column, DatabaseSchema, Row, Table
from sqlkiln.sql.database_samples import quoted
from sqlkiln.sql.explain_names import kind_of_type

_COLUMNS_AT_ONCE = 8
_STRETCHES = 1_000
_STRETCHES_AT_ONCE = 20
_MAX_BYTES = 64 << 20
_QUICKER = 25
_TRIES = 2


@dataclass(frozen=True)
class Bounds:
    """What an index may cost.

    A table of more than `full_rows` rows (DuckDB, which is quicker at it: 25 times as many) is
    sampled: about `sample_rows` of it are read. A column gives at most `column_values` texts, all
    of them `all_values`, none longer than `value_chars` characters.
    Reading ends after `seconds`, one statement after `statement_s`.
    """

    full_rows: int = 200_000
    sample_rows: int = 50_000
    column_values: int = 20_000
    all_values: int = 200_000
    value_chars: int = 80
    seconds: float = 20.0
    statement_s: float = 2.0


@dataclass
class ColumnTexts:
    """The distinct texts that were read of one column; `partial` says why they may not be all.

    `tries_left` is how often reading it may yet be tried: 0 where another time gives no more.
    """

    table: str
    column: str
    texts: list[str] = field(default_factory=list)
    partial: str = ""
    tries_left: int = _TRIES


Known = Mapping[tuple[str, str], ColumnTexts]
"""What was read before, by table and column."""


def read_texts(
    database: Database, schema: DatabaseSchema, bounds: Bounds, known: Known | None = None
) -> Iterator[list[ColumnTexts]]:
    """Yield what each table's text columns hold, small tables first, views last.

    A table that cannot be read gives columns without texts, and `partial` says so. Of what is
    `known`, only that is read which has tries left.
    """
    reader = _Reader(database, bounds, known or {})
    for table in sorted(schema.tables, key=_cost):
        columns = [c for c in table.columns if may_hold_text(c)]
        for start in range(0, len(columns), _COLUMNS_AT_ONCE):
            yield reader.read(table, columns[start : start + _COLUMNS_AT_ONCE])


def may_hold_text(column: Column) -> bool:
    """Whether the declared type of `column` is text, or none."""
    return kind_of_type(column.type) == "text" or not column.type


def _cost(table: Table) -> tuple[bool, float]:
    return table.kind == "view", float("inf") if table.row_count is None else table.row_count


class _Reader:
    """Reads table after table, and keeps account of what is left to spend."""

    def __init__(self, database: Database, bounds: Bounds, known: Known) -> None:
        self._database = database
        self._bounds = bounds
        self._known = known
        self._until = time.monotonic() + bounds.seconds
        self._room = bounds.all_values - sum(len(each.texts) for each in known.values())

    def read(self, table: Table, columns: Sequence[Column]) -> list[ColumnTexts]:
        """The texts of `columns`, which are of `table`."""
        names = [(table.name, column.name) for column in columns]
        found = [self._known.get(name) or ColumnTexts(*name) for name in names]
        unread = [each for each in found if each.tries_left]
        if not unread:
            return found
        if self._room <= 0 or self._is_over():
            for each in unread:
                self._leave(each)
            return found
        before = [each.texts for each in unread]
        self._room += sum(map(len, before))
        for each in unread:
            each.texts, each.partial = [], ""
        ends = self._ends(table)
        if not (self._is_small(table, ends) and self._read_whole(table, unread)):
            self._read_sample(table, unread, ends)
        for each, texts in zip(unread, before, strict=True):
            if each.partial:
                each.texts = list(dict.fromkeys([*texts, *each.texts]))
            self._cap(each)
        return found

    def _leave(self, each: ColumnTexts) -> None:
        """Tell that there is no room for `each`, or else no time, which the next try may have."""
        full = self._room <= 0
        each.tries_left *= not full
        if not each.texts:
            each.partial = f"not read: no {'values' if full else 'time'} left"

    def _is_over(self) -> bool:
        return time.monotonic() >= self._until

    def _cap(self, found: ColumnTexts) -> None:
        most = min(self._bounds.column_values, self._room)
        if len(found.texts) > most:
            del found.texts[most:]
            found.partial = found.partial or f"{most:,} values of more"
        self._room -= len(found.texts)

    def _read_whole(self, table: Table, found: list[ColumnTexts]) -> bool:
        """Read all distinct texts with one statement; whether it was answered in time."""
        rows = self._ask(self._distinct(found, quoted(table.name)))
        if rows is None:
            return False
        _sort_in(rows, found)
        for each in found:
            each.tries_left = 0
        return True

    def _distinct(self, found: list[ColumnTexts], source: str) -> str:
        most = self._bounds.column_values + 1
        parts = []
        for number, each in enumerate(found):
            name = quoted(each.column)
            text = name if self._database.dialect == "sqlite" else f"CAST({name} AS VARCHAR)"
            kind = f"typeof({name}) = 'text' AND " if self._database.dialect == "sqlite" else ""
            parts.append(
                f"SELECT {number}, v FROM (SELECT DISTINCT {text} AS v FROM {source} "  # noqa: S608
                f"WHERE {kind}length({text}) BETWEEN 1 AND {self._bounds.value_chars} "
                f"LIMIT {most})"
            )
        return " UNION ALL ".join(parts)

    def _is_small(self, table: Table, ends: tuple[int, int] | None) -> bool:
        """Whether all of `table` may be read; of views that is tried and given up in time."""
        rows = ends[1] - ends[0] + 1 if table.row_count is None and ends else table.row_count
        if table.kind == "view":
            return True
        if self._database.dialect != "sqlite":
            return rows is None or rows <= self._bounds.full_rows * _QUICKER
        return rows is not None and rows <= self._bounds.full_rows

    def _ends(self, table: Table) -> tuple[int, int] | None:
        """The first and the last row number of a SQLite table; None if it has none."""
        if self._database.dialect != "sqlite" or table.kind == "view":
            return None
        if table.row_count is not None and table.row_count <= self._bounds.full_rows:
            return None
        name = quoted(table.name)
        rows = self._ask(
            f"SELECT (SELECT min(_rowid_) FROM {name}), (SELECT max(_rowid_) FROM {name})"  # noqa: S608
        )
        first, last = rows[0] if rows else (None, None)
        return (first, last) if isinstance(first, int) and isinstance(last, int) else None

    def _read_sample(
        self, table: Table, found: list[ColumnTexts], ends: tuple[int, int] | None
    ) -> None:
        """Read some of `table`; that is all there is to read where it is too large."""
        name, most = quoted(table.name), self._bounds.sample_rows
        rows, whole, how = None, not self._is_small(table, ends), f"a sample of {most:,} rows"
        if ends is not None:
            rows, ended = self._spread(table, found, ends)
            whole &= ended
        elif self._database.dialect != "sqlite" and table.kind == "table":
            source = f"(SELECT * FROM {name} USING SAMPLE reservoir({most} ROWS) REPEATABLE (0))"  # noqa: S608
            rows = self._ask(self._distinct(found, source))
        if rows is None:
            source, how = f"(SELECT * FROM {name} LIMIT {most})", f"the first {most:,} rows"  # noqa: S608
            rows = self._ask(self._distinct(found, source))
        _sort_in(rows or (), found)
        over = self._is_over()
        if rows is None:
            how = "not read: " + ("no time left" if over else "it took too long or failed")
        for each in found:
            each.partial = how
            each.tries_left = 0 if rows is not None and whole else each.tries_left - (not over)

    def _spread(
        self, table: Table, found: list[ColumnTexts], ends: tuple[int, int]
    ) -> tuple[list[Row] | None, bool]:
        """Distinct texts of stretches of rows all over the table, and whether all were answered.

        None if nothing is. Where in its part of the table a stretch begins is drawn: rows may
        repeat in step.
        """
        texts: dict[Row, None] = {}
        names = ", ".join(quoted(each.column) for each in found)
        rows_each = max(1, self._bounds.sample_rows // _STRETCHES)
        step, rng = (ends[1] - ends[0]) / _STRETCHES, Random(0)  # noqa: S311
        starts = [ends[0] + int(step * (i + rng.random())) for i in range(_STRETCHES)]
        starts[0] = ends[0]
        for first in range(0, _STRETCHES, _STRETCHES_AT_ONCE):
            stretches = (
                f"SELECT * FROM (SELECT {names} FROM {quoted(table.name)} "  # noqa: S608
                f"WHERE _rowid_ >= {start} LIMIT {rows_each})"
                for start in starts[first : first + _STRETCHES_AT_ONCE]
            )
            rows = self._ask(self._distinct(found, f"({' UNION ALL '.join(stretches)})"))
            if rows is None:
                return list(texts) or None, False
            texts |= dict.fromkeys(rows)
        return list(texts), True

    def _ask(self, sql: str) -> list[Row] | None:
        """The rows of `sql`; None if there is no time left or the database does not answer."""
        seconds = min(self._bounds.statement_s, self._until - time.monotonic())
        if seconds <= 0:
            return None
        rows = (self._bounds.column_values + 1) * _COLUMNS_AT_ONCE
        limits = Limits(timeout_s=seconds, max_rows=rows, max_bytes=_MAX_BYTES)
        try:
            return list(self._database.execute(sql, limits).rows)
        except QueryError:
            return None


def _sort_in(rows: Sequence[Row], found: list[ColumnTexts]) -> None:
    for number, text in rows:
        if isinstance(number, int) and isinstance(text, str):
            found[number].texts.append(text)
