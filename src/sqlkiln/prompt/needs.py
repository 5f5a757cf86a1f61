"""What a statement needs of a schema: the tables and columns that no view may take away.

It errs on the side of keeping: a column's name counts in every table that is needed, `SELECT *`
and NATURAL JOIN need all columns of theirs, and a statement that cannot be read needs everything.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from sqlkiln.core.records import DatabaseSchema
from sqlkiln.sql.parse import parse


@dataclass(frozen=True)
class Needs:
    """Names in lower case; a column's is without its table's. `a | b` is what both need."""

    tables: frozenset[str] = frozenset()
    columns: frozenset[str] = frozenset()

    def __or__(self, other: Needs) -> Needs:
        """What is needed for either."""
        return Needs(self.tables | other.tables, self.columns | other.columns)


def needs_of(schema: DatabaseSchema, *statements: str) -> Needs:
    """What all `statements`, in the dialect of `schema`, need of it together."""
    needs = Needs()
    for sql in statements:
        needs |= _needs_of_one(schema, sql)
    return needs


def _needs_of_one(schema: DatabaseSchema, sql: str) -> Needs:
    tree = parse(sql, schema.dialect)
    if tree is None:
        return _whole(schema, {table.name.lower() for table in schema.tables})
    named = {table.name.lower() for table in tree.find_all(exp.Table)}
    named &= {table.name.lower() for table in schema.tables}
    if _takes_all_columns(tree):
        return _whole(schema, named)
    mentioned = {identifier.name.lower() for identifier in tree.find_all(exp.Identifier)}
    known = _whole(schema, named).columns
    return Needs(frozenset(named), known & mentioned)


def _whole(schema: DatabaseSchema, names: set[str]) -> Needs:
    tables = [table for table in schema.tables if table.name.lower() in names]
    columns = {column.name.lower() for table in tables for column in table.columns}
    return Needs(frozenset(names), frozenset(columns))


def _takes_all_columns(tree: exp.Expr) -> bool:
    stars = (star for star in tree.find_all(exp.Star) if not isinstance(star.parent, exp.Count))
    natural = (j for j in tree.find_all(exp.Join) if (j.args.get("method") or "") == "NATURAL")
    return any(True for _ in stars) or any(True for _ in natural)
