"""A gold query as a tree whose columns are known: the ground for neighbours and for fuzzing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from sqlkiln.core.records import Column, DatabaseSchema, Table
from sqlkiln.sql import parse

COMPARISONS: tuple[type[exp.Expr], ...] = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)


@dataclass(frozen=True)
class GoldQuery:
    """A parsed query; `root.this` is its tree, so that the tree itself can be replaced too."""

    root: exp.Paren
    schema: DatabaseSchema

    @property
    def sql(self) -> str:
        """The tree as text, as it is now."""
        return str(self.root.this.sql(dialect=self.schema.dialect))

    def owner(self, node: exp.Expr | None) -> tuple[Table, Column] | None:
        """The table that a column is of, and itself; None for an output alias, or no column."""
        if not isinstance(node, exp.Column):
            return None
        column = node
        for table, alias in self._tables_around(column):
            if column.table and column.table.lower() != alias.lower():
                continue
            for known in table.columns:
                if known.name.lower() == column.name.lower():
                    return table, known
        return None

    def _tables_around(self, node: exp.Expr) -> Iterator[tuple[Table, str]]:
        """The tables that `node` can see with their aliases, the innermost query's first."""
        select = node.find_ancestor(exp.Select)
        while select is not None:
            for source in sources(select):
                table = self.table(source.name) if isinstance(source, exp.Table) else None
                if table is not None:
                    yield table, source.alias_or_name
            select = select.find_ancestor(exp.Select)

    def table(self, name: str) -> Table | None:
        """The table of that name, whatever its case."""
        return next((t for t in self.schema.tables if t.name.lower() == name.lower()), None)


def sources(select: exp.Expr) -> list[exp.Expr]:
    """What stands in FROM and in JOIN."""
    first = select.args.get("from_")
    found = [first.this] if first is not None else []
    return found + [join.this for join in select.args.get("joins") or ()]


def read_gold(sql: str, schema: DatabaseSchema) -> GoldQuery | None:
    """Parse a query, or return None if that cannot be done.

    Text in double quotes that names no column is a string to SQLite, and becomes one here.
    """
    tree = parse.parse(sql, schema.dialect)
    if not isinstance(tree, exp.Query):
        return None
    query = GoldQuery(exp.Paren(this=tree), schema)
    if schema.dialect == "sqlite":
        known = {column.name.lower() for table in schema.tables for column in table.columns}
        known |= {alias.alias.lower() for alias in tree.find_all(exp.Alias)}
        for column in list(tree.find_all(exp.Column)):
            quoted = isinstance(column.this, exp.Identifier) and column.this.quoted
            if quoted and not column.table and column.name.lower() not in known:
                column.replace(exp.Literal.string(column.name))
    return query
