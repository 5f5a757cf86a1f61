"""DuckDB behind bars: opens a file, or data files, and answers one read query at a time.

Runs in the child process. What holds a hostile statement: the file is opened read-only with
external access off and the configuration locked; DuckDB's own parse of the statement must be one
SELECT whose functions only compute; a timer interrupts it at the deadline. See `database_worker`
for the caps of the process.
"""

import json
import os
import re
import threading
import time
from typing import Any

import duckdb

from sqlkiln.core.errors import DatabaseUnreadable, QueryError
from sqlkiln.sql.database_duckdb_schema import PLAIN, catalogue, short
from sqlkiln.sql.database_files import load, reader
from sqlkiln.sql.database_query import (
    NotBegunError,
    Query,
    exceeded,
    failed,
    is_duckdb,
    not_a_database,
    refused,
    result_json,
    syntax_error,
    timed_out,
    unknown_name,
)
from sqlkiln.sql.database_samples import count_at_once, fill, quoted
from sqlkiln.sql.database_wire import encode

_SETTINGS = {
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
    "temp_directory": "",
    "max_temp_directory_size": "0B",
    "max_expression_depth": "500",
    "threads": "2",
}
_NODES = ("SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE")
_TABLE_FUNCTIONS = frozenset(
    "range generate_series unnest repeat repeat_row json_each json_tree histogram "
    "histogram_values summary".split()
)
"""The only table functions allowed: those that read neither files nor the machine."""

_FORBIDDEN_FUNCTIONS = frozenset(
    "sleep_ms pg_sleep getenv getvariable current_setting write_log nextval setval currval setseed "
    "current_query stats vector_type json_serialize_plan json_serialize_sql json_deserialize_sql "
    "inet_client_addr inet_client_port inet_server_addr inet_server_port".split()
)
_PARSE = "SELECT system.main.json_serialize_sql(?)"
"""By its full name, since a hostile file may hold a macro of the same bare name."""

_UNKNOWN = re.compile(r"does not exist|not found|does not have a column")
_READ_ONLY = re.compile(r"read-only|configuration has been locked|disabled (?:by|through)")


class DuckDBEngine:
    """One open DuckDB file, or data files behind an in-memory DuckDB.

    `spent` says that the process had better be replaced: DuckDB gave up for good, or memory is in
    shreds.
    """

    def __init__(self, path: str, memory_bytes: int) -> None:
        self.path = path
        self.from_files = reader(path) is not None or os.path.isdir(path)
        self.spent = False
        settings: dict[str, Any] = {
            **_SETTINGS,
            "memory_limit": f"{max(memory_bytes * 3 // 4, 1 << 20)}B",
        }
        try:
            if self.from_files:
                self.connection = duckdb.connect(":memory:", config=settings)
                load(self.connection, path, memory_bytes // 8)
            else:
                _check_head(path)
                settings["enable_external_access"] = "false"
                self.connection = duckdb.connect(path, read_only=True, config=settings)
            self._close_in()
        except (duckdb.Error, OSError) as error:
            raise _unreadable(path, error) from error

    def _close_in(self) -> None:
        schemas = self.connection.execute(
            "SELECT DISTINCT schema_name FROM system.main.duckdb_tables() WHERE NOT internal "
            "UNION SELECT schema_name FROM system.main.duckdb_views() WHERE NOT internal "
            "ORDER BY schema_name <> 'main', schema_name"
        ).fetchall()
        if not schemas:
            raise DatabaseUnreadable(
                f"empty database: {self.path} has no tables; give a database with data in it"
            )
        path = ",".join(quoted(name) for (name,) in schemas)
        self.connection.execute("SET search_path = '{}'".format(path.replace("'", "''")))
        self.connection.execute("SET enable_external_access = false")
        self.connection.execute("SET lock_configuration = true")

    def execute(self, query: Query) -> bytes:
        """The result of one read as JSON (see `result_json`).

        Raises:
            QueryError: of the subclass that fits.
        """
        timer = threading.Timer(query.until - time.monotonic(), self.connection.interrupt)
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError as error:
            # What the query before left of the memory does not suffice for a thread.
            raise NotBegunError(f"nothing was run: {error}") from error
        try:
            statement = self._single_read(query.sql)
            self.connection.execute(statement)
            names = [column[0] for column in self.connection.description]
            casts = self._casts()
            if casts:
                self.connection.execute(self._wrapped(casts, statement.query))
            return result_json(self.connection.fetchmany, names, query)
        except (duckdb.Error, RecursionError, OverflowError, UnicodeError) as error:
            raise self._translated(error, query) from error
        finally:
            timer.cancel()

    def _single_read(self, sql: str) -> Any:
        """The one statement of `sql`, parsed by DuckDB and found to be a harmless read.

        Raises:
            StatementRefused: if it is not.
        """
        if "\0" in sql:
            raise refused("it contains a NUL byte")
        statements = self.connection.extract_statements(sql)
        if not statements:
            raise refused("it is empty")
        if len(statements) > 1:
            raise refused("it is more than one statement")
        if statements[0].type != duckdb.StatementType.SELECT:
            raise refused(f"it is of type {statements[0].type.name}")
        row = self.connection.execute(_PARSE, [sql]).fetchone()
        tree: dict[str, Any] = json.loads(row[0]) if row else {"error": True}
        if tree["error"]:
            raise refused(f"it cannot be checked ({tree.get('error_message')})")
        _check_tree(tree["statements"])
        return statements[0]

    def _wrapped(self, casts: str, sql: str) -> Any:
        """`SELECT casts FROM (sql)`, parsed and checked again, like what came in."""
        while True:
            try:
                return self._single_read(f"SELECT {casts} FROM (\n{sql}\n)")  # noqa: S608
            except duckdb.ParserException:
                # Only a semicolon can be in the way, with perhaps a comment behind it.
                sql, semicolon, _ = sql.rpartition(";")
                if not semicolon:
                    raise

    def _casts(self) -> str:
        """What to select instead when a column has no plain type; '' when all have."""
        plain = [PLAIN.fullmatch(str(column[1])) for column in self.connection.description]
        if all(plain):
            return ""
        return ", ".join(
            f"#{number}" if match else f"CAST(#{number} AS VARCHAR)"
            for number, match in enumerate(plain, 1)
        )

    def _translated(self, error: Exception, query: Query) -> QueryError:
        text = re.split(r"\n\s*(?:LINE \d|Possible solutions)", str(error))[0].strip()
        if isinstance(error, duckdb.OutOfMemoryException):
            self.spent = True
            return exceeded(text)
        if isinstance(error, RecursionError) or "expression depth" in text:
            return exceeded("it is nested too deeply")
        if isinstance(error, duckdb.InterruptException):
            return timed_out(query.timeout_s)
        if isinstance(error, duckdb.PermissionException) or _READ_ONLY.search(text):
            return refused(text)
        if isinstance(error, duckdb.FatalException | duckdb.InternalException):
            self.spent = True
            return failed(text)
        if isinstance(error, duckdb.ParserException | duckdb.SyntaxException):
            return syntax_error(text)
        if isinstance(error, duckdb.CatalogException | duckdb.BinderException):
            return unknown_name(text) if _UNKNOWN.search(text) else failed(text)
        if "maximum" in text or "larger than" in text:
            return exceeded(text)
        return failed(text)

    def schema(self, samples: int, until: float) -> bytes:
        """Tables with row counts and samples, as JSON; `until` bounds the last two.

        Past it already, views are left out.

        Raises:
            QueryFailed: if the catalogue itself cannot be read.
        """
        try:
            tables = catalogue(self.connection)
        except duckdb.Error as error:
            raise failed(str(error)) from error
        stored = [table for table in tables if table["kind"] == "table"]
        if time.monotonic() > until:
            tables = stored
        count_at_once(stored, self._ask)
        if self.from_files:
            tables = [{**table, "kind": "table"} for table in tables]
        fill(tables, self._ask, short, samples, until)
        return encode({"tables": tables})

    def _ask(self, sql: str, seconds: float) -> list[tuple[Any, ...]] | None:
        if seconds <= 0:
            return None
        timer = threading.Timer(seconds, self.connection.interrupt)
        timer.start()
        try:
            return self.connection.execute(sql).fetchall()
        except (duckdb.Error, MemoryError):
            return None
        finally:
            timer.cancel()


def _check_head(path: str) -> None:
    with open(path, "rb") as file:
        if not is_duckdb(file.read(16)):
            raise not_a_database(path)


def _check_tree(statements: list[Any]) -> None:
    """Refuse what is a SELECT by name but more than a read by content."""
    waiting: list[Any] = list(statements)
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        if not isinstance(node, dict):
            continue
        waiting += node.values()
        kind = node.get("type")
        if "cte_map" in node and kind not in _NODES:
            raise refused(f"it contains {str(kind).removesuffix('_NODE').replace('_', ' ')}")
        if kind == "SHOW_REF":
            raise refused("it is DESCRIBE, SHOW or SUMMARIZE")
        if kind == "TABLE_FUNCTION":
            name = node["function"]["function_name"].lower()
            if name not in _TABLE_FUNCTIONS:
                raise refused(f"it reads from {name}()")
        if str(node.get("function_name", "")).lower() in _FORBIDDEN_FUNCTIONS:
            raise refused(f"it calls {node['function_name']}()")


def _unreadable(path: str, error: Exception) -> DatabaseUnreadable:
    found = str(error).split("\n", 1)[0]
    if "lock" in found:
        advice = "another program has it open for writing; close that one first"
    elif "encrypted" in found.lower():
        advice = "encrypted databases are not supported"
    elif "version" in found:
        advice = "it was written by another version of DuckDB"
    else:
        advice = "it is damaged, cut short or not a DuckDB file"
    return DatabaseUnreadable(f"cannot read the database: {path}: {found}; {advice}")
