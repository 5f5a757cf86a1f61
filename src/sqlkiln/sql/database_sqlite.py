"""SQLite behind bars: opens a file for reading only and answers one read query at a time.

Runs in the child process. What holds a hostile statement: the file is opened `mode=ro` with
`query_only`, an authorizer allows nothing but reading, SQLite's own limits cap sizes, and a
progress callback checks the deadline. See `database_worker` for the caps of the process.
"""

import os
import re
import sqlite3
import time
from typing import Any

from sqlkiln.core.errors import DatabaseUnreadable, QueryError
from sqlkiln.sql.database_query import (
    SQLITE_MAGIC,
    Query,
    exceeded,
    failed,
    not_a_database,
    refused,
    result_json,
    syntax_error,
    timed_out,
    unknown_name,
)
from sqlkiln.sql.database_samples import fill, quoted
from sqlkiln.sql.database_sqlite_schema import catalogue, hint, short
from sqlkiln.sql.database_wire import encode

_SKIP = re.compile(r"(?:[\s\ufeff;]|--[^\n]*+|/\*.*?(?:\*/|\Z))*+", re.S)
_WORD = re.compile(r"[A-Za-z]\w*")
_TOKEN = re.compile(
    r"""'(?:[^']|'')*+'?|"(?:[^"]|"")*+"?|`(?:[^`]|``)*+`?|\[[^\]]*+\]?"""
    r"""|--[^\n]*+|/\*.*?(?:\*/|\Z)|;""",
    re.S,
)
_READS = ("SELECT", "WITH", "VALUES")
_OTHERS = frozenset(
    "ALTER ANALYZE ATTACH BEGIN COMMIT CREATE DELETE DETACH DROP END EXPLAIN INSERT PRAGMA REINDEX "
    "RELEASE REPLACE ROLLBACK SAVEPOINT UPDATE VACUUM".split()
)
_WRITES = {
    sqlite3.SQLITE_INSERT: "inserts into",
    sqlite3.SQLITE_UPDATE: "updates",
    sqlite3.SQLITE_DELETE: "deletes from",
    sqlite3.SQLITE_PRAGMA: "uses the pragma",
}

_LIMITS = (
    (sqlite3.SQLITE_LIMIT_SQL_LENGTH, 1_000_000),
    (sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 1_000),
    (sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 200),
    (sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 2_000),
    (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
    (sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 10),
    (sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0),
)
_TICK_OPCODES = 4_000
_BUSY_S = 2.0

_FORBIDDEN_FUNCTIONS = frozenset(
    "load_extension fts3_tokenizer readfile writefile edit fsdir lsmode sqlite_log rtreecheck "
    "optimize eval shell system exec".split()
)
_OWN_TABLES = ("sqlite_master", "sqlite_schema", "sqlite_sequence", "sqlite_stat1", "sqlite_stat4")
"""What may be read of the names that SQLite keeps to itself."""

_FTS_PRAGMAS = ("page_size", "data_version")
_CAP_WORDS = re.compile(r"too (?:big|large|many|deep|long|complex)|stack overflow|at most")
_UNKNOWN = re.compile(r"no such (table|column): (.*)", re.S)


def single_read(sql: str) -> str:
    """`sql` without what surrounds its one statement.

    Raises:
        StatementRefused: if it is empty, more than one statement, or not a read.
        SQLSyntaxError: if it begins with no keyword of SQL.
    """
    if "\0" in sql:
        raise refused("it contains a NUL byte")
    start = _SKIP.match(sql)
    body = sql[start.end() :] if start else sql
    if not body:
        raise refused("it is empty")
    word = _WORD.match(body)
    if word and word.group().upper() in _OTHERS:
        raise refused(f"it starts with {word.group().upper()}")
    if word and word.group().upper() not in _READS:
        raise syntax_error(f'near "{word.group()[:40]}"')
    for token in _TOKEN.finditer(body):
        if token.group() == ";":
            rest = _SKIP.match(body, token.end())
            if rest and rest.end() < len(body):
                raise refused("it is more than one statement")
            return body[: token.start()]
    return body


def _quoted(path: str) -> str:
    safe = b"/-_.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    return "".join(chr(b) if b in safe else f"%{b:02x}" for b in os.fsencode(path))


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


class SQLiteEngine:
    """One open SQLite file.

    A database in WAL mode cannot be read the plain way without SQLite making `-wal` and `-shm`
    files beside it. Where nobody else has it open it is therefore read without locks, and opened
    again as soon as its size or time stamp changes.
    """

    def __init__(self, path: str, memory_bytes: int) -> None:
        self.path = path
        self.memory_bytes = memory_bytes
        self._until = float("inf")
        self._denied = ""
        self._stamp: tuple[int, ...] | None = None
        self._tables: list[dict[str, Any]] | None = None
        try:
            self.connection = self._connect()
            found = self.connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        except (sqlite3.Error, OSError) as error:
            raise _unreadable(path, error) from error
        if not found:
            self.connection.close()
            raise DatabaseUnreadable(
                f"empty database: {path} has no tables; give a database with data in it"
            )

    def _connect(self) -> sqlite3.Connection:
        with open(self.path, "rb") as file:
            header = file.read(20)
        if not header.startswith(SQLITE_MAGIC):
            raise not_a_database(self.path)
        options, unlocked = "mode=ro", False
        if 2 in header[18:20]:
            live = _size(self.path + "-wal") > 0
            unlocked = not (live and os.path.exists(self.path + "-shm"))
            if unlocked:
                options += "&vfs=unix-none" if live else "&immutable=1"
        self._stamp = self._current_stamp() if unlocked else None
        connection = sqlite3.connect(
            f"file:{_quoted(self.path)}?{options}",
            uri=True,
            timeout=_BUSY_S,
            isolation_level=None,
        )
        if unlocked:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._harden(connection)
        return connection

    def _harden(self, connection: sqlite3.Connection) -> None:
        connection.text_factory = _text
        for pragma in (
            "query_only=ON",
            "trusted_schema=OFF",
            "cell_size_check=ON",
            "temp_store=MEMORY",
            "mmap_size=0",
            f"hard_heap_limit={self.memory_bytes}",
        ):
            connection.execute(f"PRAGMA {pragma}")
        _connect_virtual_tables(connection)
        for limit, value in _LIMITS:
            connection.setlimit(limit, value)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max(1_000_000, self.memory_bytes // 8))
        connection.set_progress_handler(self._overdue, _TICK_OPCODES)
        connection.set_authorizer(self._authorize)

    def _current_stamp(self) -> tuple[int, ...]:
        found = os.stat(self.path)
        return found.st_mtime_ns, found.st_size, found.st_ino, _size(self.path + "-wal")

    def _overdue(self) -> bool:
        return time.monotonic() > self._until

    def _authorize(
        self, action: int, first: str | None, second: str | None, *_origin: str | None
    ) -> int:
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ:
            name = (first or "").lower()
            if not name.startswith("sqlite_") or name in _OWN_TABLES:
                return sqlite3.SQLITE_OK
            self._denied = f"it reads {first}"
        elif action == sqlite3.SQLITE_FUNCTION:
            if (second or "").lower() not in _FORBIDDEN_FUNCTIONS:
                return sqlite3.SQLITE_OK
            self._denied = f"it calls {second}"
        elif action == sqlite3.SQLITE_PRAGMA and first in _FTS_PRAGMAS and second is None:
            # Full-text tables ask for these by themselves; a PRAGMA statement never gets here.
            return sqlite3.SQLITE_OK
        elif first == "sqlite_master":
            # How SQLite sets up a table-valued function, such as a pragma, on its first use.
            self._denied = "it reads from a function that is not allowed"
        else:
            self._denied = f"it {_WRITES.get(action, 'does more than read:')} {first}"
        return sqlite3.SQLITE_DENY

    def refresh(self) -> None:
        """Open again what is read without locks, if another program has written to it.

        Raises:
            DatabaseUnreadable: if it can no longer be opened.
        """
        if self._stamp is None:
            return
        try:
            if self._stamp != self._current_stamp():
                self.connection.close()
                self.connection, self._tables = self._connect(), None
        except (sqlite3.Error, OSError) as error:
            raise _unreadable(self.path, error) from error

    def execute(self, query: Query) -> bytes:
        """The result of one read as JSON (see `result_json`).

        Raises:
            QueryError: of the subclass that fits.
        """
        sql = single_read(query.sql)
        self.refresh()
        self._until, self._denied = query.until, ""
        cursor = self.connection.cursor()
        try:
            cursor.execute(sql)
            names = [column[0] for column in cursor.description or ()]
            return result_json(cursor.fetchmany, names, query)
        except (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeError) as error:
            raise self._translated(error, query) from error
        finally:
            cursor.close()
            self._until = float("inf")

    def _translated(self, error: Exception, query: Query) -> QueryError:
        text = str(error)
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code == sqlite3.SQLITE_AUTH or self._denied or text.startswith("unsafe use of"):
            return refused(self._denied or text)
        if code == sqlite3.SQLITE_INTERRUPT:
            return timed_out(query.timeout_s)
        if code == sqlite3.SQLITE_READONLY or "may not be modified" in text:
            return refused("it writes to the database")
        if code in (sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_NOMEM) or _CAP_WORDS.search(text):
            return exceeded(text)
        if "one statement at a time" in text:
            return refused("it is more than one statement")
        if text.startswith("no such"):
            return unknown_name(text + self._hint(text))
        if "syntax error" in text or "incomplete input" in text or "unrecognized" in text:
            return syntax_error(text)
        return failed(text)

    def _hint(self, text: str) -> str:
        found = _UNKNOWN.match(text)
        if not found:
            return ""
        try:
            return hint(self._catalogue(), found[1], found[2].rpartition(".")[2])
        except sqlite3.Error:
            return ""

    def _catalogue(self, views: bool = True) -> list[dict[str, Any]]:
        """Tables and columns, kept until the file is opened again."""
        if self._tables is None:
            self.connection.set_authorizer(None)
            try:
                self._tables = catalogue(self.connection, views)
            finally:
                self.connection.set_authorizer(self._authorize)
        return self._tables

    def schema(self, samples: int, until: float) -> bytes:
        """Tables with row counts and samples, as JSON; `until` bounds the last two.

        Past it already, views are left out.

        Raises:
            QueryFailed: if the catalogue itself cannot be read.
        """
        self.refresh()
        self._tables = None
        try:
            tables = self._catalogue(views=time.monotonic() < until)
        except sqlite3.Error as error:
            raise failed(str(error)) from error
        fill(tables, self._ask, short, samples, until)
        return encode({"tables": tables})

    def _ask(self, sql: str, seconds: float) -> list[tuple[Any, ...]] | None:
        self._until = time.monotonic() + seconds
        try:
            return self.connection.execute(sql).fetchall()
        except (sqlite3.Error, MemoryError):
            return None
        finally:
            self._until = float("inf")


def _connect_virtual_tables(connection: sqlite3.Connection) -> None:
    """Open full-text, R-Tree and JSON tables now: later they could not prepare themselves."""
    virtual = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%'"
    ).fetchall()
    for (name,) in [*virtual, ("json_each",), ("json_tree",)]:
        try:
            connection.execute(f"SELECT 1 FROM {quoted(name)} LIMIT 0").fetchall()  # noqa: S608
        except sqlite3.Error:
            continue


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _unreadable(path: str, error: Exception) -> DatabaseUnreadable:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if isinstance(error, PermissionError):
        advice = "check who may read it"
    elif code == sqlite3.SQLITE_NOTADB:
        advice = "it is not a SQLite file, or it is encrypted"
    elif code == sqlite3.SQLITE_CORRUPT:
        advice = "it is damaged or cut short; restore it from a copy"
    elif code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_BUSY):
        advice = "another program left it half-written or holds it; let that one finish first"
    else:
        advice = "check the file"
    return DatabaseUnreadable(f"cannot read the database: {path}: {error}; {advice}")
