"""What a SQLite file holds: its tables and views, their columns and keys.

Runs in the child process, with statements of our own only.
"""

import sqlite3
from typing import Any

from sqlkiln.sql.database_samples import FETCHED_CHARS, quoted

_SHADOWS = (
    "config content data docsize idx segdir segments stat node parent rowid".split()
)  # of FTS3 to FTS5 and R-Tree

_TABLES = "SELECT name, type, sql FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY rowid"
_COLUMNS = """
    SELECT m.name, c.name, c.type, c."notnull", c.pk
    FROM sqlite_master AS m, pragma_table_xinfo(m.name) AS c
    WHERE m.type = 'table' AND c.hidden <> 1 ORDER BY m.rowid, c.cid"""
_VIEW_COLUMNS = "SELECT name, type, 0, 0 FROM pragma_table_xinfo(?) ORDER BY cid"
_KEYS = """
    SELECT m.name, k.id, k."table", k."from", k."to"
    FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS k
    WHERE m.type = 'table' ORDER BY m.rowid, k.id DESC, k.seq"""

_HINT_NAMES = 3_000


def catalogue(connection: sqlite3.Connection, views: bool) -> list[dict[str, Any]]:
    """Tables and views as records in the making: no counts and no samples yet.

    Left out: SQLite's own tables, what full-text and R-Tree tables keep behind them, and views
    over something that is gone.
    """
    listed = connection.execute(_TABLES).fetchall()
    hidden = _shadow_tables(listed)
    tables: dict[str, dict[str, Any]] = {
        name: {"name": name, "kind": kind, "columns": [], "foreign_keys": []}
        for name, kind, _ in listed
        if not name.lower().startswith("sqlite_") and name not in hidden
    }
    primary: dict[str, list[tuple[int, str]]] = {}
    for name, column, declared, notnull, rank in connection.execute(_COLUMNS):
        if name in tables:
            tables[name]["columns"].append(_column(column, declared, notnull, rank))
            if rank:
                primary.setdefault(name, []).append((rank, column))
    for name, table in tables.items():
        if views and table["kind"] == "view":
            table["columns"] = _view_columns(connection, name)
    _add_foreign_keys(connection, tables, primary)
    return [table for table in tables.values() if table["columns"]]


def _shadow_tables(listed: list[tuple[str, str, str | None]]) -> set[str]:
    virtual = [n for n, _, sql in listed if (sql or "").upper().startswith("CREATE VIRTUAL TABLE")]
    return {f"{name}_{part}" for name in virtual for part in _SHADOWS}


def _view_columns(connection: sqlite3.Connection, name: str) -> list[dict[str, Any]]:
    try:
        return [_column(*found) for found in connection.execute(_VIEW_COLUMNS, (name,))]
    except sqlite3.Error:
        return []


def _column(name: str, declared: str | None, notnull: int, rank: int) -> dict[str, Any]:
    return {
        "name": name,
        "type": declared or "",
        "primary_key": rank > 0,
        "nullable": not notnull and not rank,
    }


def _add_foreign_keys(
    connection: sqlite3.Connection,
    tables: dict[str, dict[str, Any]],
    primary: dict[str, list[tuple[int, str]]],
) -> None:
    """Group the pairs of each key, in the order declared, with names spelled as declared.

    A key that names no column refers to the primary key. A key to nowhere is left out.
    """
    spelled = {name.lower(): name for name in tables}
    keys: dict[tuple[str, int], list[tuple[str, str, str | None]]] = {}
    for name, number, target, column, to in connection.execute(_KEYS):
        if name in tables and target.lower() in spelled:
            keys.setdefault((name, number), []).append((spelled[target.lower()], column, to))
    for (name, _), pairs in keys.items():
        target = pairs[0][0]
        columns = {c["name"].lower(): c["name"] for c in tables[target]["columns"]}
        implied = [column for _, column in sorted(primary.get(target, []))]
        named = [columns.get(to.lower()) for _, _, to in pairs if to is not None]
        referred = named or implied
        if len(referred) == len(pairs) and all(referred):
            tables[name]["foreign_keys"].append(
                {
                    "columns": [column for _, column, _ in pairs],
                    "ref_table": target,
                    "ref_columns": referred,
                }
            )


def short(column: dict[str, Any]) -> str:
    """The expression for the beginning of a column's value as text; blobs stay blobs."""
    return f"substr({quoted(column['name'])}, 1, {FETCHED_CHARS})"


def hint(tables: list[dict[str, Any]], kind: str, name: str) -> str:
    """Where the missing column is to be found, or which names look like the missing one."""
    from difflib import get_close_matches

    if kind == "column":
        owners = [
            table["name"]
            for table in tables
            if any(column["name"].lower() == name.lower() for column in table["columns"])
        ]
        if owners:
            return f"; {name} is a column of {', '.join(owners[:4])}"
        known = {column["name"] for table in tables for column in table["columns"]}
    else:
        known = {table["name"] for table in tables}
    lowered = {other.lower(): other for other in sorted(known)[:_HINT_NAMES]}
    close = get_close_matches(name.lower(), list(lowered), 3)
    return f"; did you mean {' or '.join(lowered[c] for c in close)}?" if close else ""
