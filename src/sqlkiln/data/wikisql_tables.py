"""The tables that WikiSQL asks about, from its own JSON Lines or from a MySQL dump of them."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from sqlkiln.core.errors import DataError
from sqlkiln.core.records import Cell, Row
from sqlkiln.data.built import build_database
from sqlkiln.data.rows import check_db_id, parse_json, read_text, required_text
from sqlkiln.sql.logical_form import FlatTable, column_names

logging.getLogger("sqlglot").setLevel(logging.ERROR)

_NUMERIC = {"DOUBLE", "FLOAT", "DECIMAL", "INT", "BIGINT"}


@dataclass(frozen=True)
class WikiTable:
    """One table with its rows; `id` is WikiSQL's, such as 1-10015132-11."""

    id: str
    flat: FlatTable
    rows: tuple[Row, ...]

    def build(self, dataset: str) -> Path:
        """The table as a database of its own, in the cache.

        Text compares without case, as WikiSQL's evaluation, which lowers it all, has it.
        """
        types = {"text": "TEXT COLLATE NOCASE", "real": "REAL"}
        columns = ", ".join(
            '"' + name.replace('"', '""') + f'" {types[kind]}'
            for name, kind in zip(self.flat.columns, self.flat.types, strict=True)
        )
        ddl = f"CREATE TABLE {self.flat.name} ({columns})"
        return build_database(dataset, self.id, ddl, {self.flat.name: self.rows})


def table_name(table_id: str) -> str:
    """What WikiSQL's databases call the table of `table_id`."""
    return f"table_{table_id.replace('-', '_')}"


# --------------------------------------------------------------------------- JSON Lines


def read_tables(path: Path) -> Iterator[WikiTable]:
    """The tables of an official file such as dev.tables.jsonl.

    Raises:
        DataError: naming file and line of what is wrong.
    """
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            yield _from_json(parse_json(line, f"{path}:{number}"), f"{path}:{number}")


def _from_json(row: Any, where: str) -> WikiTable:
    if not isinstance(row, dict):
        raise DataError(f"{where}: not an object: found {row!r:.60}; write {{...}}")
    table_id = check_db_id(required_text(row, ("id",), where), where)
    header, types, rows = (row.get(name) for name in ("header", "types", "rows"))
    if not isinstance(header, list) or not header:
        raise DataError(f"{where}: no header: found {header!r:.60}; write a list of names")
    if not isinstance(types, list) or len(types) != len(header) or set(types) - {"text", "real"}:
        raise DataError(f"{where}: wrong types: {types!r:.60}; write 'text' or 'real' a column")
    if not isinstance(rows, list) or any(
        not isinstance(cells, list) or len(cells) != len(header) for cells in rows
    ):
        raise DataError(f"{where}: wrong rows: write a list with {len(header)} values for each")
    flat = FlatTable(table_name(table_id), column_names(list(map(str, header))), tuple(types))
    return WikiTable(table_id, flat, _typed(rows, flat.types))


def _typed(rows: Iterable[Sequence[Any]], types: Sequence[str]) -> tuple[Row, ...]:
    return tuple(
        tuple(_cell(value, kind) for value, kind in zip(row, types, strict=True)) for row in rows
    )


def _cell(value: Any, kind: str) -> Cell:
    if value is None or (kind == "real" and isinstance(value, int | float)):
        return value
    text = str(value)
    try:
        number = float(text.replace(",", "")) if kind == "real" else math.nan
    except ValueError:
        number = math.nan
    return number if math.isfinite(number) else text


# --------------------------------------------------------------------------- MySQL dump


def read_dump(path: Path) -> Iterator[WikiTable]:
    """The tables of a MySQL dump whose tables are called table_1_10015132_11 and the like.

    Columns that MySQL numbers by itself are not WikiSQL's and are left out.

    Raises:
        DataError: if it cannot be read as MySQL.
    """
    try:
        statements = sqlglot.parse(read_text(path), dialect="mysql")
    except (SqlglotError, RecursionError) as error:
        first = str(error).partition("\n")[0]
        raise DataError(f"{path}: not a MySQL dump: {first}; give another file") from error
    rows: dict[str, list[list[Cell]]] = {}
    for statement in statements:
        if isinstance(statement, exp.Insert) and isinstance(statement.expression, exp.Values):
            table = statement.find(exp.Table)
            records = rows.setdefault(table.name if table else "", [])
            records += [list(map(_constant, row.expressions)) for row in statement.expression]
    for statement in statements:
        if isinstance(statement, exp.Create) and isinstance(statement.this, exp.Schema):
            yield _from_mysql(statement.this, rows.get(statement.this.this.name, []), str(path))


def _from_mysql(schema: exp.Schema, rows: Sequence[Sequence[Cell]], where: str) -> WikiTable:
    name = schema.this.name
    columns = [c for c in schema.expressions if isinstance(c, exp.ColumnDef)]
    wrong = next((row for row in rows if len(row) != len(columns)), None)
    if not name.startswith("table_") or wrong is not None:
        found = name if wrong is None else f"{name} has a row of {len(wrong)} values"
        raise DataError(f"{where}: not a dump of WikiSQL: found {found}; give another file")
    kept = [
        i for i, column in enumerate(columns) if not column.find(exp.AutoIncrementColumnConstraint)
    ]
    kinds = [columns[i].kind for i in kept]
    types = tuple("real" if k is not None and k.this.name in _NUMERIC else "text" for k in kinds)
    flat = FlatTable(name, column_names([columns[i].name for i in kept]), types)
    table_id = name.removeprefix("table_").replace("_", "-")
    return WikiTable(table_id, flat, _typed([[row[i] for i in kept] for row in rows], types))


def _constant(value: exp.Expr) -> Cell:
    if isinstance(value, exp.Null):
        return None
    if isinstance(value, exp.Neg):
        return -float(value.this.name)
    if isinstance(value, exp.Literal) and not value.is_string:
        return int(value.name) if value.is_int else float(value.name)
    return value.name
