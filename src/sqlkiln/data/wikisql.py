"""WikiSQL (Zhong, Xiong, Socher 2017, arXiv 1709.00103): one question, one table.

Reads DIR/<split>.jsonl, where the SQL is a logical form, and writes it as SQL (see
`sql.logical_form`). The tables come from DIR/<split>.tables.jsonl or, where that is missing, from
MySQL dumps, DIR/*.sql and DIR/*/*.sql, such as InterCode's of the first 196 questions of dev.
Each table becomes an SQLite database of its own, in the cache, with the real headers for column
names; `db_id` is WikiSQL's id of the table.

The SQL of a question whose table is not there calls the columns col0, col1, ..., as WikiSQL's own
databases do; it has no database, so it is not scored.

Departures from WikiSQL's own evaluation: empty headers become col<n> and repeated ones get a
number, so that names can be told apart; text compares without case for ASCII letters only; and of
two conditions on one column both hold, where the official script keeps the last one's constant
for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from sqlkiln.core.errors import DataError
from sqlkiln.core.plugins import DatasetOptions
from sqlkiln.core.records import Example
from sqlkiln.data.rows import check_db_id, find_questions, parse_json, read_text, required_text
from sqlkiln.data.wikisql_tables import WikiTable, read_dump, read_tables, table_name
from sqlkiln.sql.logical_form import (
    AGGREGATES,
    OPERATORS,
    Condition,
    FlatTable,
    LogicalForm,
    to_sql,
)


class WikiSQL:
    """One split of WikiSQL, with the tables that are there."""

    name = "wikisql"

    def __init__(self, path: Path, split: str, tables: Sequence[Path]) -> None:
        """Read the questions in `path` over the tables in `tables`; use `open` to find them."""
        self.path = path
        self.split = split
        self.tables = tuple(tables)

    @classmethod
    def open(cls, options: DatasetOptions) -> Self:
        """Find the questions and the tables.

        Raises:
            UsageError: if no folder is given.
            DataError: if the folder or its questions are not there.
        """
        path = find_questions(options, cls.name, [f"{options.split}.jsonl"])
        official = path.with_name(f"{path.stem}.tables.jsonl")
        dumps = [
            dump
            for folder in dict.fromkeys((options.data, path.parent))
            if folder is not None
            for dump in sorted([*folder.glob("*.sql"), *folder.glob("*/*.sql")])
        ]
        return cls(path, path.stem, [official] if official.is_file() else dumps)

    def examples(self) -> Sequence[Example]:
        """All questions in file order.

        Raises:
            DataError: naming file and line of what is wrong.
        """
        return self._examples

    def database_path(self, db_id: str) -> Path | None:
        """The table of `db_id` as a database, built if it is not there yet; None if unknown.

        Raises:
            EnvironmentFault: if the cache cannot be written.
        """
        table = self._tables.get(db_id)
        return table.build(self.name) if table else None

    @cached_property
    def _tables(self) -> dict[str, WikiTable]:
        read = [read_dump(p) if p.suffix == ".sql" else read_tables(p) for p in self.tables]
        return {table.id: table for tables in read for table in tables}

    @cached_property
    def _examples(self) -> tuple[Example, ...]:
        lines = enumerate(read_text(self.path).split("\n"), start=1)
        rows = [(parse_json(line, f"{self.path}:{n}"), n) for n, line in lines if line.strip()]
        if not rows:
            raise DataError(f"{self.path}: no questions in it; write one JSON object a line")
        return tuple(
            self._example(row, number, f"{self.path}:{line}")
            for number, (row, line) in enumerate(rows)
        )

    def _example(self, row: Any, number: int, where: str) -> Example:
        if not isinstance(row, dict):
            raise DataError(f"{where}: not an object: found {row!r:.60}; write {{...}}")
        table_id = check_db_id(required_text(row, ("table_id",), where), where)
        table = self._tables.get(table_id)
        flat = table.flat if table else FlatTable(table_name(table_id))
        return Example(
            id=f"{self.name}-{self.split}-{number:04d}",
            db_id=table_id,
            question=required_text(row, ("question",), where),
            gold_sql=to_sql(_logical_form(row.get("sql"), flat, where), flat),
            dataset=self.name,
            split=self.split,
        )


def _logical_form(value: Any, table: FlatTable, where: str) -> LogicalForm:
    try:
        conditions = tuple(Condition(*condition) for condition in value["conds"])
        form = LogicalForm(value["sel"], value["agg"], conditions)
        _check(form, len(table.columns) or None)
    except (TypeError, KeyError, ValueError) as error:
        raise DataError(
            f"{where}: wrong field 'sql': found {value!r:.80}; write "
            '{"sel": column, "agg": 0 to 5, "conds": [[column, 0 to 2, constant], ...]}'
        ) from error
    return form


def _check(form: LogicalForm, columns: int | None) -> None:
    """Raise `ValueError` if a number is no number, or out of its range."""
    ranges = [(form.select, columns), (form.aggregate, len(AGGREGATES))]
    for condition in form.conditions:
        ranges += [(condition.column, columns), (condition.operator, len(OPERATORS))]
        if not isinstance(condition.value, str | int | float):
            raise ValueError(condition.value)
    for number, end in ranges:
        if type(number) is not int or number < 0 or (end is not None and number >= end):
            raise ValueError(number)
