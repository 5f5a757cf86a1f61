"""Which table each column of a query belongs to.

It knows the rules of SQLite for names that have no table: an inner source before an outer one, a
column before an output alias, and "quoted" names that do not exist are text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from sqlkiln.core.records import DatabaseSchema, Table
from sqlkiln.scoring.failure_parts import Ref

DERIVED = "(query)"


@dataclass
class Source:
    """One thing in FROM. `columns` maps lower-case names to what they stand for.

    `key` is the column that alone is the primary key, if there is one. `used` grows as columns
    are looked up.
    """

    table: str
    alias: str
    columns: Mapping[str, Ref]
    key: str = ""
    used: set[str] = field(default_factory=set)


@dataclass
class Scope:
    """What a SELECT sees: its sources, its output aliases, and the SELECT around it."""

    outer: Scope | None = None
    sources: list[Source] = field(default_factory=list)
    aliases: dict[str, exp.Expr] = field(default_factory=dict)

    def find(self, column: exp.Expr) -> tuple[Source, Ref] | None:
        """The source and meaning of a column, here or further out."""
        name, table = column.name.lower(), column.args.get("table")
        wanted = table.name.lower() if table is not None else None
        for source in self.sources:
            if wanted in (None, source.alias) and (wanted or name in source.columns):
                source.used.add(name)
                unknown = Ref(source.table, f"{source.table}.{name}")
                return source, source.columns.get(name, unknown)
        return self.outer.find(column) if self.outer else None

    def is_ambiguous(self, column: exp.Expr) -> bool:
        """Whether a column without a table could belong to several sources."""
        found = [source for source in self.sources if column.name.lower() in source.columns]
        return column.args.get("table") is None and len(found) > 1


class Catalogue:
    """The tables of a schema by lower-case name, as sources of a query."""

    def __init__(self, schema: DatabaseSchema) -> None:
        self.dialect = schema.dialect
        self._tables = {table.name.lower(): table for table in schema.tables}

    def source(self, name: str, alias: str) -> Source:
        """The table `name` under `alias`; a table that does not exist has no columns."""
        table = self._tables.get(name)
        if table is None:
            return Source(name, alias, {})
        key = _single_key(table)
        names = [column.name.lower() for column in table.columns]
        columns = {column: Ref(name, f"{name}.{column}", column == key) for column in names}
        return Source(name, alias, columns, key)


def _single_key(table: Table) -> str:
    keys = [column.name.lower() for column in table.columns if column.primary_key]
    return keys[0] if len(keys) == 1 else ""
