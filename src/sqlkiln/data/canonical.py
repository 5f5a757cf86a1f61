"""One way to write SQL: the same statement in a consistent style, for a model to learn from.

Golds of Spider and others are typed by many hands: `select count ( * ) from Singer as t1 where
t1.Name = "Joe"`. The canonical style has keywords in capitals, one kind of spacing, text in single
quotes, names as the schema spells them and without needless quotes, `!=`, `NOT IN`, `JOIN` for
INNER JOIN, and no ASC. It is a rewriting of the parse, so it should mean the same; whoever uses it
compares the results of both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from sqlglot import exp
from sqlglot.dialects.sqlite import SQLite
from sqlglot.generators.sqlite import SQLiteGenerator

from sqlkiln.core.records import DatabaseSchema
from sqlkiln.sql.parse import parse

Aliases = Literal["keep", "names"]
"""Whether tables keep their aliases (T1, T2), or are called by their names where that is clear."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = {word.upper() for words in SQLite.Tokenizer.KEYWORDS for word in words.split()}
_BEFORE_NOT = (exp.In, exp.Like, exp.Glob, exp.Between, exp.Is)


class _Writer(SQLiteGenerator):
    """SQLite as people write it."""

    def neq_sql(self, expression: exp.NEQ) -> str:
        return self.binary(expression, "!=")

    def exists_sql(self, expression: exp.Exists) -> str:
        return super().exists_sql(expression).replace("EXISTS(", "EXISTS (", 1)

    def not_sql(self, expression: exp.Not) -> str:
        inner = expression.this
        if not isinstance(inner, _BEFORE_NOT):
            return super().not_sql(expression)
        if isinstance(inner, exp.Is):
            return f"{self.sql(inner, 'this')} IS NOT {self.sql(inner, 'expression')}"
        subject = self.sql(inner, "this")
        return f"{subject} NOT {self.sql(inner).removeprefix(subject).lstrip()}"


class _Names:
    """The names in a schema, looked up without regard to case."""

    def __init__(self, schema: DatabaseSchema) -> None:
        self.tables = {table.name.lower(): table.name for table in schema.tables}
        self.columns = {
            table.name.lower(): {column.name.lower(): column.name for column in table.columns}
            for table in schema.tables
        }

    def column(self, name: str, tables: Iterable[str]) -> str | None:
        """How the tables spell a column; None if none has it, or they differ."""
        low = name.lower()
        known = [self.columns.get(table, {}) for table in tables]
        spellings = {columns[low] for columns in known if low in columns}
        return spellings.pop() if len(spellings) == 1 else None


def canonical(sql: str, schema: DatabaseSchema, aliases: Aliases = "keep") -> str | None:
    """`sql` in the canonical style; None if it cannot be parsed, or is not for SQLite."""
    tree = parse(sql, "sqlite") if schema.dialect == "sqlite" else None
    if not isinstance(tree, exp.Query):
        return None
    names = _Names(schema)
    for literal in list(tree.find_all(exp.Column)):
        if _is_text(literal, tree, names):
            literal.replace(exp.Literal.string(literal.name))
    _spell_tables(tree, names)
    _spell_columns(tree, names)
    if aliases == "names":
        _drop_aliases(tree)
    for identifier in tree.find_all(exp.Identifier):
        if identifier.args.get("quoted") and _PLAIN.fullmatch(identifier.name):
            identifier.set("quoted", identifier.name.upper() in _RESERVED)
    for ordered in tree.find_all(exp.Ordered):
        if ordered.args.get("desc") is False:
            ordered.set("desc", None)
    for join in tree.find_all(exp.Join):
        _plain_join(join)
    return _Writer(dialect=SQLite()).generate(tree, copy=False)


def _plain_join(join: exp.Join) -> None:
    """Drop INNER and OUTER; where the parser made CROSS JOIN or ON TRUE of a comma, restore it."""
    kind, side = join.args.get("kind"), join.args.get("side")
    if kind == "INNER" or (kind == "OUTER" and side) or (kind == "CROSS" and not side):
        join.set("kind", None)
    if not side and isinstance(join.args.get("on"), exp.Boolean):
        join.set("on", None)


def _is_text(column: exp.Column, tree: exp.Expr, names: _Names) -> bool:
    """Whether SQLite reads a name in double quotes as text, as nothing is called so."""
    identifier = column.this
    if column.table or not isinstance(identifier, exp.Identifier):
        return False
    if not identifier.args.get("quoted"):
        return False
    low = identifier.name.lower()
    aliases = {alias.alias.lower() for alias in tree.find_all(exp.Alias, exp.TableAlias)}
    known = any(low in columns for columns in names.columns.values())
    return not known and low not in aliases and low not in ("rowid", "oid", "_rowid_")


def _spell_tables(tree: exp.Expr, names: _Names) -> None:
    """Give tables the case of the schema and aliases the case in which they are first seen."""
    withs = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if table.name.lower() not in withs and isinstance(table.this, exp.Identifier):
            table.this.set("this", names.tables.get(table.name.lower(), table.name))
        if re.fullmatch(r"t\d+", table.alias):
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.alias.upper())))
    for column in tree.find_all(exp.Column):
        owner = column.args.get("table")
        if owner is not None:
            low = owner.name.lower()
            if re.fullmatch(r"t\d+", low):
                owner.set("this", owner.name.upper())
            elif low in names.tables:
                owner.set("this", names.tables[low])


def _spell_columns(tree: exp.Expr, names: _Names) -> None:
    for column in tree.find_all(exp.Column):
        if not isinstance(column.this, exp.Identifier):
            continue
        tables = _tables_in_sight(column)
        if column.table:
            owner = tables.get(column.table.lower())
            found = [owner] if owner else []
        else:
            found = list(tables.values())
        spelled = names.column(column.name, found)
        if spelled is not None:
            column.this.set("this", spelled)


def _tables_in_sight(node: exp.Expr) -> dict[str, str]:
    """The tables of the queries around `node`, in lower case, by alias or name; inner ones win."""
    tables: dict[str, str] = {}
    select = node.find_ancestor(exp.Select)
    while select is not None:
        for table in _own_tables(select):
            tables.setdefault(table.alias_or_name.lower(), table.name.lower())
        select = select.find_ancestor(exp.Select)
    return tables


def _sources(select: exp.Expr) -> list[exp.Expr]:
    clauses = [select.args.get("from_"), *(select.args.get("joins") or [])]
    return [clause.this for clause in clauses if clause is not None]


def _own_tables(select: exp.Expr) -> list[exp.Table]:
    return [source for source in _sources(select) if isinstance(source, exp.Table)]


def _drop_aliases(tree: exp.Expr) -> None:
    """Call tables by their names in every query that has each of them once and none outside.

    Where there is one table only, its columns need no table at all.
    """
    for select in list(tree.find_all(exp.Select)):
        own = _own_tables(select)
        names = {table.name.lower() for table in own}
        if len(names) < len(own) or names & set(_tables_in_sight(select).values()):
            continue
        renamed = {table.alias.lower(): table.name for table in own if table.alias}
        alone = len(_sources(select)) == 1
        for column in list(select.find_all(exp.Column)):
            if column.table.lower() in renamed and not _hidden(column, select):
                bare = alone and column.find_ancestor(exp.Select) is select
                name = renamed[column.table.lower()]
                column.set("table", None if bare else exp.to_identifier(name))
        for table in own:
            table.set("alias", None)


def _hidden(column: exp.Column, select: exp.Expr) -> bool:
    """Whether a query between `column` and `select` calls another table the same."""
    inner = column.find_ancestor(exp.Select)
    while inner is not None and inner is not select:
        if any(t.alias_or_name.lower() == column.table.lower() for t in _own_tables(inner)):
            return True
        inner = inner.find_ancestor(exp.Select)
    return False
