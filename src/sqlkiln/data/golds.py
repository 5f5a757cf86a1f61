"""Running gold SQL: does it run, and does a rewriting of it return the same?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

from sqlkiln.core import plugins
from sqlkiln.core.errors import DatabaseUnreadable, QueryError, QueryTimeout
from sqlkiln.core.plugins import Database, Limits, QueryResult
from sqlkiln.core.records import DatabaseSchema
from sqlkiln.data.canonical import Aliases, canonical
from sqlkiln.sql.compare import compare
from sqlkiln.sql.parse import is_ordered


@dataclass(frozen=True)
class GoldFailure:
    """Why a gold statement returned nothing at all."""

    kind: Literal["gold_failed", "gold_timeout"]
    detail: str


def run_gold(sql: str, database: Database) -> QueryResult | GoldFailure:
    """Run a gold statement; the database's limits hold."""
    try:
        return database.execute(sql)
    except QueryTimeout as error:
        return GoldFailure("gold_timeout", str(error))
    except QueryError as error:
        return GoldFailure("gold_failed", f"{type(error).__name__}: {error}")


def is_bare(schema: DatabaseSchema) -> bool:
    """Whether there are no rows in any table."""
    return not any(table.row_count for table in schema.tables)


@dataclass(frozen=True)
class GoldCheck:
    """What became of one gold statement.

    `sql` is how to write it: in the canonical style if that was asked for, and returns the same.
    """

    sql: str
    failure: GoldFailure | None = None
    rows: int = 0
    restyled: bool = False


@dataclass(frozen=True)
class DatabaseCheck:
    """What became of the golds over one database, by their text; `unreadable` says why if it is."""

    schema: DatabaseSchema | None
    golds: Mapping[str, GoldCheck] = field(default_factory=dict)
    unreadable: str = ""


@dataclass(frozen=True)
class Style:
    """How to write golds: as they are, or in the canonical style."""

    canonical: bool = False
    aliases: Aliases = "keep"

    def rewritten(self, sql: str, schema: DatabaseSchema) -> str | None:
        """`sql` in the style that is asked for, if it is another one than its own."""
        if not self.canonical:
            return None
        styled = canonical(sql, schema, self.aliases)
        return styled if styled != sql else None


def check_golds(path: Path, golds: Sequence[str], style: Style, limits: Limits) -> DatabaseCheck:
    """Run each of `golds` over the database at `path`, and its rewriting in `style`."""
    try:
        with closing(plugins.open_database(path, limits)) as database:
            schema = database.schema()
            if not schema.tables:
                return DatabaseCheck(None, unreadable=f"{path} has no tables")
            checks = {sql: _check(sql, database, schema, style) for sql in dict.fromkeys(golds)}
            return DatabaseCheck(schema, checks)
    except DatabaseUnreadable as error:
        return DatabaseCheck(None, unreadable=str(error))


def _check(sql: str, database: Database, schema: DatabaseSchema, style: Style) -> GoldCheck:
    found = run_gold(sql, database)
    if isinstance(found, GoldFailure):
        return GoldCheck(sql, found)
    styled = style.rewritten(sql, schema)
    if styled is not None:
        other = run_gold(styled, database)
        if isinstance(other, QueryResult):
            same = compare(found, other, ordered=_ordered(sql, schema.dialect)).equal
            if same:
                return GoldCheck(styled, rows=len(found.rows), restyled=True)
    return GoldCheck(sql, rows=len(found.rows))


@lru_cache(maxsize=4096)
def _ordered(sql: str, dialect: str) -> bool:
    return is_ordered(sql, dialect)
