"""What is known of a database's content: enough to make up other content for the same schema.

Reads the declarations, how often a column is NULL, and some of its values. Only statements of our
own are run, through the same door as any other query.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random

from sqlglot import exp

from sqlkiln.core.errors import DatabaseUnreadable, QueryError
from sqlkiln.core.plugins import Database, Limits
from sqlkiln.core.records import Cell, Column, DatabaseSchema, ForeignKey, Table
from sqlkiln.sql import parse

READ_ROWS = 20_000
"""So many rows of a table are looked at; the first ones, for speed."""

KEPT_VALUES = 200
LONGEST = 200
"""Longer texts and blobs are not kept."""

_CATEGORIES = 4
_LIMITS = Limits(timeout_s=30.0, max_rows=READ_ROWS)


@dataclass(frozen=True)
class ColumnProfile:
    """One column: how it is declared and what was found in it.

    `values` are different from one another, a sample where there are many. A `categorical` column
    has a handful of values that come again and again: whatever is made up for it is one of them.
    """

    name: str
    type: str
    nullable: bool
    null_share: float
    values: tuple[Cell, ...]
    categorical: bool
    collation: str = ""


@dataclass(frozen=True)
class TableProfile:
    """One table. `keys` are the column sets that are unique, the primary key first if any."""

    name: str
    columns: tuple[ColumnProfile, ...]
    primary_key: tuple[str, ...]
    keys: tuple[tuple[str, ...], ...]
    foreign_keys: tuple[ForeignKey, ...]


@dataclass(frozen=True)
class DatabaseProfile:
    """A database. `views` are CREATE statements, in an order in which they can be run."""

    db_id: str
    tables: tuple[TableProfile, ...]
    views: tuple[str, ...]

    def ddl(self) -> str:
        """The CREATE statements of tables and views, in small pages, as the rows will be few.

        Foreign keys are left out: SQLite refuses some that real databases declare.
        """
        statements = ["PRAGMA page_size = 512", *map(_create_table, self.tables), *self.views]
        return ";\n".join(statements) + ";\n"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _create_table(table: TableProfile) -> str:
    parts = []
    for column in table.columns:
        words = [_quoted(column.name), column.type, "" if column.nullable else "NOT NULL"]
        words.append(f"COLLATE {column.collation}" if column.collation else "")
        parts.append(" ".join(word for word in words if word))
    for key in table.keys:
        kind = "PRIMARY KEY" if key == table.primary_key else "UNIQUE"
        parts.append(f"{kind} ({', '.join(map(_quoted, key))})")
    return f"CREATE TABLE {_quoted(table.name)} ({', '.join(parts)})"


def read_profile(database: Database, schema: DatabaseSchema, seed: int = 0) -> DatabaseProfile:
    """Read a SQLite database; `seed` draws the values that are kept where there are many.

    Raises:
        DatabaseUnreadable: if it cannot be read, or is of another kind.
    """
    if schema.dialect != "sqlite":
        raise DatabaseUnreadable(
            f"no test suite for a {schema.dialect} database: {database.path}; suites are built for "
            "SQLite databases only"
        )
    try:
        declared = database.execute(
            "SELECT lower(tbl_name), sql FROM sqlite_master "
            "WHERE type IN ('table', 'index', 'view') AND sql IS NOT NULL ORDER BY rowid",
            _LIMITS,
        )
        statements: dict[str, list[str]] = {}
        for name, sql in declared.rows:
            statements.setdefault(str(name), []).append(str(sql))
        stored = [table for table in schema.tables if table.kind == "table"]
        names = {table.name for table in stored}
        tables = tuple(
            _read_table(database, table, statements.get(table.name.lower(), []), seed)
            for table in stored
        )
    except QueryError as error:
        raise DatabaseUnreadable(f"cannot read the content: {database.path}: {error}") from error
    shown = {table.name.lower() for table in schema.tables if table.kind == "view"}
    views = tuple(sql for name, found in statements.items() if name in shown for sql in found)
    return DatabaseProfile(schema.db_id, tuple(_within(table, names) for table in tables), views)


def _within(table: TableProfile, names: set[str]) -> TableProfile:
    """The table without foreign keys to anything but a table, such as a view."""
    kept = tuple(key for key in table.foreign_keys if key.ref_table in names)
    return replace(table, foreign_keys=kept)


def _read_table(database: Database, table: Table, statements: list[str], seed: int) -> TableProfile:
    primary = tuple(column.name for column in table.columns if column.primary_key)
    unique, collations = _declared(statements)
    keys = dict.fromkeys([primary] if primary else [])
    spelled = {column.name.lower(): column.name for column in table.columns}
    for key in unique:
        if all(name in spelled for name in key):
            keys.setdefault(tuple(spelled[name] for name in key))
    rows = f"(SELECT * FROM {_quoted(table.name)} LIMIT {READ_ROWS})"  # noqa: S608 - our own
    columns = tuple(
        _read_column(database, rows, column, f"{seed}:{table.name}", collations)
        for column in table.columns
    )
    return TableProfile(table.name, columns, primary, tuple(keys), table.foreign_keys)


def _read_column(
    database: Database, rows: str, column: Column, seed: str, collations: Mapping[str, str]
) -> ColumnProfile:
    name = _quoted(column.name)
    counted = f"SELECT count(*), count({name}), count(DISTINCT {name}) FROM {rows}"  # noqa: S608
    total, present, different = (
        number if isinstance(number, int) else 0
        for number in database.execute(counted, _LIMITS).rows[0]
    )
    values = f"SELECT DISTINCT {name} FROM {rows} WHERE length({name}) <= {LONGEST}"  # noqa: S608
    found = [row[0] for row in database.execute(values, _LIMITS).rows]
    return ColumnProfile(
        name=column.name,
        type=column.type,
        nullable=column.nullable,
        null_share=1 - present / total if total else 0.0,
        values=_kept(found, f"{seed}.{column.name}"),
        categorical=different <= _CATEGORIES and present > 2 * different,
        collation=collations.get(column.name.lower(), ""),
    )


def _kept(found: list[Cell], seed: str) -> tuple[Cell, ...]:
    if len(found) <= KEPT_VALUES:
        return tuple(found)
    return tuple(Random(seed).sample(found, KEPT_VALUES))  # noqa: S311 - nothing secret


def _declared(statements: list[str]) -> tuple[list[tuple[str, ...]], dict[str, str]]:
    """Which column sets are declared UNIQUE and which columns have a collation; in lower case."""
    unique: list[tuple[str, ...]] = []
    collations: dict[str, str] = {}
    for sql in statements:
        tree = parse.parse(sql, "sqlite")
        if not isinstance(tree, exp.Create):
            continue
        if isinstance(tree.this, exp.Index):
            if tree.args.get("unique") and tree.this.find(exp.Where) is None:
                unique.append(tuple(c.name.lower() for c in tree.this.find_all(exp.Column)))
            continue
        for column in tree.find_all(exp.ColumnDef):
            for constraint in column.find_all(exp.ColumnConstraint):
                if isinstance(constraint.kind, exp.UniqueColumnConstraint):
                    unique.append((column.name.lower(),))
                elif isinstance(constraint.kind, exp.CollateColumnConstraint):
                    collations[column.name.lower()] = constraint.kind.this.name
        unique += _table_constraints(tree)
    return unique, collations


def _table_constraints(tree: exp.Create) -> Iterator[tuple[str, ...]]:
    for constraint in tree.this.expressions if isinstance(tree.this, exp.Schema) else ():
        for found in constraint.find_all(exp.UniqueColumnConstraint):
            if isinstance(found.this, exp.Schema):
                yield tuple(name.name.lower() for name in found.this.expressions)
