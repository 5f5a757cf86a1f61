"""A gold query that a fault is planted in: its tree to edit, its schema, and chance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from sqlglot import exp

from sqlkiln.core.records import Column, DatabaseSchema, Table

_T = TypeVar("_T")
_NUMERIC = ("INT", "REAL", "FLOA", "DOUB", "NUM", "DEC")


@dataclass(frozen=True)
class Use:
    """A table in the FROM of a SELECT, under the name that columns refer to it by."""

    node: exp.Expr
    table: Table
    alias: str
    join: exp.Expr | None


@dataclass
class Target:
    """`tree` is a copy that a shape may edit; `schema` is the database's."""

    tree: exp.Expr
    schema: DatabaseSchema
    random: Random

    @property
    def sql(self) -> str:
        """The edited query."""
        return self.tree.sql(dialect=self.schema.dialect)

    def some(self, choices: Sequence[_T]) -> _T | None:
        """One of `choices`, or None if there are none."""
        return self.random.choice(choices) if choices else None

    def shuffled(self, choices: Sequence[_T]) -> list[_T]:
        """`choices` in any order."""
        return self.random.sample(choices, len(choices))

    def table(self, name: str) -> Table | None:
        """The table of that name, whatever its case."""
        named = (table for table in self.schema.tables if table.name.lower() == name.lower())
        return next(named, None)

    # ----------------------------------------------------------------------- the tree

    def selects(self) -> list[exp.Select]:
        """All SELECTs, the outermost first."""
        return list(self.tree.find_all(exp.Select))

    def shown_select(self) -> exp.Select | None:
        """The SELECT whose columns are the result's, if there is only one such."""
        return self.tree if isinstance(self.tree, exp.Select) else None

    def uses(self, select: exp.Select) -> list[Use]:
        """The tables of the schema that `select` reads, in its order."""
        start = select.args.get("from_")
        found = [(start.this, None)] if start else []
        found += [(join.this, join) for join in select.args.get("joins") or []]
        uses = []
        for node, join in found:
            table = self.table(node.name) if isinstance(node, exp.Table) else None
            if table is not None:
                uses.append(Use(node, table, node.alias_or_name, join))
        return uses

    def own(self, select: exp.Select, *kinds: type[exp.Expr]) -> Iterator[exp.Expr]:
        """The nodes of these kinds in `select`, less those of the queries in it."""
        for node in select.find_all(*kinds):
            if node.find_ancestor(exp.Select) is select:
                yield node

    def columns(self, select: exp.Select) -> list[tuple[exp.Column, Use]]:
        """The columns in `select` that are of a table of its own, each with that table."""
        uses = self.uses(select)
        found = []
        for column in self.own(select, exp.Column):
            owner = next((use for use in uses if _is_of(column, use)), None)
            if owner is not None:
                found.append((column, owner))
        return found

    def owner(self, column: exp.Expr) -> Use | None:
        """The table that a column is of."""
        select = column.find_ancestor(exp.Select)
        if not isinstance(select, exp.Select):
            return None
        return next((use for use in self.uses(select) if _is_of(column, use)), None)

    # ----------------------------------------------------------------------- columns

    def other_column(self, column: exp.Expr, use: Use, *, alike: bool = True) -> Column | None:
        """Another column of the same table, of the same kind if `alike`."""
        own = named(use.table, column.name)
        others = [c for c in use.table.columns if c.name.lower() != column.name.lower()]
        if alike and own is not None:
            others = [c for c in others if is_number(c) == is_number(own)] or others
        return self.some(others)

    def tie(self, one: Table, other: Table) -> tuple[str, str] | None:
        """Columns by which two tables can be joined: a foreign key, or else a shared name."""
        for left, right, turned in ((one, other, False), (other, one, True)):
            for key in left.foreign_keys:
                if key.ref_table.lower() == right.name.lower() and len(key.columns) == 1:
                    pair = (key.columns[0], key.ref_columns[0])
                    return pair[::-1] if turned else pair
        shared = [c.name for c in one.columns if named(other, c.name) and is_key_like(c)]
        return (shared[0], shared[0]) if shared else None


def named(table: Table, name: str) -> Column | None:
    """The column of that name, whatever its case."""
    return next((c for c in table.columns if c.name.lower() == name.lower()), None)


def is_number(column: Column) -> bool:
    """Whether the declared type holds numbers."""
    return any(word in column.type.upper() for word in _NUMERIC)


def is_key_like(column: Column) -> bool:
    """Whether a column looks like one that tables are joined by."""
    name = column.name.lower()
    return column.primary_key or name.endswith(("id", "code", "key", "no"))


def column_node(name: str, alias: str = "") -> exp.Column:
    """A column to put into a tree, quoted where its name needs it."""
    quoted = not name.isidentifier()
    table = exp.to_identifier(alias) if alias else None
    return exp.Column(this=exp.to_identifier(name, quoted=quoted), table=table)


def rename(column: exp.Expr, name: str) -> None:
    """Make a column node name another column of the same table."""
    column.set("this", exp.to_identifier(name, quoted=not name.isidentifier()))


def conjuncts(node: exp.Expr | None) -> list[exp.Expr]:
    """The conditions that AND joins."""
    if node is None:
        return []
    inner = node.unnest()
    if isinstance(inner, exp.And):
        return [*conjuncts(inner.this), *conjuncts(inner.expression)]
    return [node]


def set_conditions(select: exp.Expr, clause: str, conditions: list[exp.Expr]) -> None:
    """Put `conditions` into the WHERE or HAVING of `select`; without any, the clause goes."""
    if not conditions:
        select.set(clause, None)
        return
    wrap = {"where": exp.Where, "having": exp.Having}[clause]
    select.set(clause, wrap(this=exp.and_(*conditions, copy=False)))


def _is_of(column: exp.Expr, use: Use) -> bool:
    table = column.args.get("table")
    if table is not None:
        return bool(table.name.lower() == use.alias.lower())
    return named(use.table, column.name) is not None
