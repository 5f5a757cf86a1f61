"""The one door through which SQL is executed: SQLite, DuckDB, and data files by way of DuckDB.

SQL that a model wrote is hostile input. Every statement runs in a child process with a deadline
and caps on rows, bytes and memory, on a file that is open for reading only; see
`database_sqlite`, `database_duckdb` and `database_worker` for what holds it there.
"""

import os
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Self

from sqlkiln.core.errors import DatabaseUnreadable, QueryError
from sqlkiln.core.plugins import Limits, QueryResult
from sqlkiln.core.records import DatabaseSchema
from sqlkiln.sql.database_files import data_files, reader
from sqlkiln.sql.database_process import QueryProcess
from sqlkiln.sql.database_query import SQLITE_MAGIC, exceeded, is_duckdb, syntax_error

MAX_SQL_BYTES = 1_000_000
"""Longer statements are not even looked at."""

_SQLITE_SUFFIXES = (".sqlite", ".sqlite3", ".db3", ".s3db")
_DUCKDB_SUFFIXES = (".duckdb", ".ddb")
_SCHEMA_S = 5.0
_SCHEMA_DETAILS_S = 1.5
_SCHEMA_BYTES = 256 << 20


class SQLiteDatabase:
    """A SQLite file. A call with another `memory_bytes` than the one before starts anew."""

    dialect = "sqlite"

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path = path
        self.db_id = path.stem
        self._limits = limits
        self._process = QueryProcess("sqlite", path.resolve(), limits.memory_bytes)

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """By its suffix, or else by its first bytes; `open` says what is wrong with the rest."""
        suffix = path.suffix.lower()
        if not path.is_file() or suffix in _DUCKDB_SUFFIXES or reader(path.name):
            return False
        if suffix in _SQLITE_SUFFIXES:
            return True
        head = _head(path)
        return head.startswith(SQLITE_MAGIC) or (suffix == ".db" and not is_duckdb(head))

    @classmethod
    def open(cls, path: Path, limits: Limits) -> Self:
        """Open for reading only; raises `DatabaseUnreadable`."""
        _check_readable(path)
        database = cls(path, limits)
        database._process.start(limits.memory_bytes)
        return database

    @property
    def pid(self) -> int | None:
        """The process that runs the queries, if one is up."""
        return self._process.pid

    def schema(self, samples: int = 3) -> DatabaseSchema:
        """See `core.plugins`; counting and sampling end after 1.5 s, then None and () are left."""
        return _schema(self, self._process, samples)

    def execute(self, sql: str, limits: Limits | None = None) -> QueryResult:
        """See `core.plugins`."""
        return _execute(self._process, sql, limits or self._limits)

    def close(self) -> None:
        """End the process."""
        self._process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class DuckDBDatabase:
    """A DuckDB file, a CSV, TSV, Parquet or JSON file, or a folder of such files.

    Each data file is a table named after it. Small ones are copied into memory when they are
    opened, larger ones are read in place by every query. A call with another `memory_bytes` than
    the one before starts anew.
    """

    dialect = "duckdb"

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path = path
        self.db_id = path.resolve().name if path.is_dir() else path.name.split(".")[0]
        self._limits = limits
        self._process = QueryProcess("duckdb", path.resolve(), limits.memory_bytes)

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """By its suffix, or else by its first bytes; any folder, so that `open` can say more."""
        if not path.is_file():
            return path.is_dir()
        named = reader(path.name) is not None or path.suffix.lower() in _DUCKDB_SUFFIXES
        return named or is_duckdb(_head(path))

    @classmethod
    def open(cls, path: Path, limits: Limits) -> Self:
        """Open for reading only; raises `DatabaseUnreadable`."""
        _check_readable(path)
        if path.is_dir():
            _check_folder(path)
        database = cls(path, limits)
        database._process.start(limits.memory_bytes)
        return database

    @property
    def pid(self) -> int | None:
        """The process that runs the queries, if one is up."""
        return self._process.pid

    def schema(self, samples: int = 3) -> DatabaseSchema:
        """See `core.plugins`; counting and sampling end after 1.5 s, then None and () are left."""
        return _schema(self, self._process, samples)

    def execute(self, sql: str, limits: Limits | None = None) -> QueryResult:
        """See `core.plugins`."""
        return _execute(self._process, sql, limits or self._limits)

    def close(self) -> None:
        """End the process."""
        self._process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def engine_versions() -> dict[str, str]:
    """The version of each database engine; 'not installed' where it is missing."""
    import sqlite3

    try:
        duckdb_version = version("duckdb")
    except PackageNotFoundError:
        duckdb_version = "not installed"
    return {"sqlite": sqlite3.sqlite_version, "duckdb": duckdb_version}


def _head(path: Path) -> bytes:
    """The first bytes of a file, read by another process.

    POSIX drops all locks that a process holds on a file when it closes it, even those of another
    connection: opened here, the database of the program around us would lose its locks.
    """
    code = "import sys; sys.stdout.buffer.write(open(sys.argv[1], 'rb').read(16))"
    command = [sys.executable, "-I", "-S", "-c", code, str(path)]
    return subprocess.run(command, capture_output=True, check=False).stdout  # noqa: S603


def _check_readable(path: Path) -> None:
    if not path.exists():
        raise DatabaseUnreadable(f"no such database: {path}; check the path")
    if not os.access(path, os.R_OK):
        raise DatabaseUnreadable(f"no permission: {path} may not be read; check who may read it")
    if path.is_file() and path.stat().st_size == 0:
        raise DatabaseUnreadable(f"empty file: {path} has no bytes; give a database with data")
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError as error:
        raise DatabaseUnreadable(
            f"unusable name: {str(path)!a} is not UTF-8; rename the file"
        ) from error


def _check_folder(path: Path) -> None:
    if data_files(str(path)):
        return
    suffixes = (*_SQLITE_SUFFIXES, *_DUCKDB_SUFFIXES, ".db")
    inside = sorted(p.name for p in path.iterdir() if p.suffix.lower() in suffixes)
    advice = f"give the path of {inside[0]} in it" if inside else "give a database file"
    raise DatabaseUnreadable(
        f"nothing to read: the folder {path} holds no CSV, TSV, Parquet or JSON file with data "
        f"in it; {advice}"
    )


def _schema(
    database: SQLiteDatabase | DuckDBDatabase, process: QueryProcess, samples: int
) -> DatabaseSchema:
    request = {"op": "schema", "samples": samples, "details_s": _SCHEMA_DETAILS_S}
    try:
        found = process.ask(request, _SCHEMA_S, _SCHEMA_BYTES)
    except QueryError:
        # A view can be built to break down whoever looks at it: then the tables alone.
        try:
            found = process.ask({**request, "details_s": 0.0}, _SCHEMA_S, _SCHEMA_BYTES)
        except QueryError as error:
            raise DatabaseUnreadable(f"cannot read the schema: {database.path}: {error}") from error
    return DatabaseSchema(db_id=database.db_id, dialect=database.dialect, tables=found["tables"])


def _execute(process: QueryProcess, sql: str, limits: Limits) -> QueryResult:
    try:
        size = len(sql.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise syntax_error("the statement is not valid Unicode") from error
    if size > MAX_SQL_BYTES:
        raise exceeded(f"the statement has {size:,} bytes, more than {MAX_SQL_BYTES:,}")
    process.start(limits.memory_bytes)
    request = {
        "op": "execute",
        "sql": sql,
        "max_rows": limits.max_rows,
        "max_bytes": limits.max_bytes,
    }
    started = time.perf_counter()
    reply = process.ask(request, limits.timeout_s, limits.max_bytes)
    seconds = time.perf_counter() - started
    return QueryResult(tuple(reply["columns"]), reply["rows"], reply["truncated"], seconds)
