"""Write SQL as the golds of Spider and create_context are written, for who compares it as text.

    SELECT city.Status FROM city JOIN farm ON city.Id = farm.City WHERE NOT farm.Size != 3
    SELECT T1.Status FROM city AS T1 JOIN farm AS T2 ON T1.Id = T2.City WHERE NOT T2.Size <> 3

Joined tables are called T1, T2 and so on, in the order of FROM and anew in each query; comparisons
are `<>` and `NOT x IN (...)`. It is a rewriting of the parse and means the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp
from sqlglot.dialects.sqlite import SQLite
from sqlglot.errors import SqlglotError
from sqlglot.generators.sqlite import SQLiteGenerator
from sqlglot.optimizer.scope import Scope, traverse_scope

from sqlkiln.sql.parse import parse


def numbered(sql: str, dialect: str) -> str:
    """`sql` in that style; as it is, if it cannot be parsed or is not for SQLite."""
    tree = parse(sql, dialect) if dialect == "sqlite" else None
    if not isinstance(tree, exp.Query):
        return sql
    try:
        scopes = traverse_scope(tree)
    except (SqlglotError, RecursionError):
        return sql
    apart = any(scope.external_columns for scope in scopes if scope.parent is not None)
    used = 0
    for scope in scopes:
        names = _names(scope, used)
        if names is None:
            return sql
        used += len(names) if apart else 0
        _rename(scope, names)
    return SQLiteGenerator(dialect=SQLite()).generate(tree)


def _names(scope: Scope, used: int) -> Mapping[str, str] | None:
    """New names of the tables that a query joins, by the present ones; None if there are CTEs."""
    if scope.cte_sources:
        return None
    sources = [(name, node) for name, (node, _) in scope.selected_sources.items()]
    if len(sources) < 2 or not all(isinstance(node, exp.Table) for _, node in sources):
        return {}
    return {name: f"T{number}" for number, (name, _) in enumerate(sources, start=used + 1)}


def _rename(scope: Scope, names: Mapping[str, str]) -> None:
    low = {name.lower(): number for name, number in names.items()}
    for name, (node, _) in scope.selected_sources.items():
        if name in names:
            node.set("alias", exp.TableAlias(this=exp.to_identifier(names[name])))
    for column in scope.columns:
        owner = column.args.get("table")
        if owner is not None and owner.name.lower() in low:
            column.set("table", exp.to_identifier(low[owner.name.lower()]))
