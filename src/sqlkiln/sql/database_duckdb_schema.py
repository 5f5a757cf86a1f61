"""What a DuckDB holds: its tables and views, their columns and keys.

Runs in the child process, with statements of our own only. Functions go by their full names, since
a hostile file may hold macros of the same bare names.
"""

import re
from typing import TYPE_CHECKING, Any

from sqlkiln.sql.database_samples import FETCHED_CHARS, quoted

if TYPE_CHECKING:
    import duckdb

_TABLES = """
    SELECT schema_name, table_name, 'table' AS kind, table_oid AS oid
    FROM system.main.duckdb_tables() WHERE NOT internal
    UNION ALL
    SELECT schema_name, view_name, 'view', view_oid
    FROM system.main.duckdb_views() WHERE NOT internal
    ORDER BY schema_name <> 'main', schema_name, kind, oid"""
_COLUMNS = """
    SELECT schema_name, table_name, column_name, data_type, is_nullable
    FROM system.main.duckdb_columns() WHERE NOT internal ORDER BY table_oid, column_index"""
_CONSTRAINTS = """
    SELECT schema_name, table_name, constraint_type, constraint_column_names,
           referenced_table, referenced_column_names
    FROM system.main.duckdb_constraints() WHERE constraint_type IN ('PRIMARY KEY', 'FOREIGN KEY')
    ORDER BY table_oid, constraint_index"""

PLAIN = re.compile(
    r"(BOOLEAN|U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(.*\)|VARCHAR|BLOB"
    r"|BIT|UUID|DATE|TIME|TIMESTAMP(_S|_MS)?|ENUM\(.*\)|JSON|BIGNUM|NULL|\"NULL\")",
    re.S,
)
"""Result types that Python holds without loss; others are asked for as text."""


def catalogue(connection: "duckdb.DuckDBPyConnection") -> list[dict[str, Any]]:
    """Tables and views as records in the making: no counts and no samples yet.

    Of two tables of one name in several schemas, the one that a bare name means is listed.
    """
    tables: dict[tuple[str, str], dict[str, Any]] = {}
    seen: set[str] = set()
    for schema, name, kind, _ in connection.execute(_TABLES).fetchall():
        if name.lower() not in seen:
            seen.add(name.lower())
            tables[schema, name] = {"name": name, "kind": kind, "columns": [], "foreign_keys": []}
    for schema, name, column, declared, nullable in connection.execute(_COLUMNS).fetchall():
        if (schema, name) in tables:
            tables[schema, name]["columns"].append(
                {"name": column, "type": declared, "primary_key": False, "nullable": nullable}
            )
    for schema, name, kind, columns, target, referred in connection.execute(
        _CONSTRAINTS
    ).fetchall():
        if (schema, name) not in tables:
            continue
        table = tables[schema, name]
        if kind == "FOREIGN KEY":
            table["foreign_keys"].append(
                {"columns": columns, "ref_table": target, "ref_columns": referred}
            )
        else:
            for column in table["columns"]:
                column["primary_key"] = column["name"] in columns
    return [table for table in tables.values() if table["columns"]]


def short(column: dict[str, Any]) -> str:
    """The expression for a column's value, long text cut; NULL for blobs."""
    name, declared = quoted(column["name"]), column["type"]
    if declared in ("BLOB", "GEOMETRY"):
        return "NULL"
    if declared == "VARCHAR":
        return f"substr({name}, 1, {FETCHED_CHARS})"
    if PLAIN.fullmatch(declared):
        return name
    return f"substr(CAST({name} AS VARCHAR), 1, {FETCHED_CHARS})"
