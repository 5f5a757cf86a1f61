"""What both engines share: one query with its caps, its result as JSON, the wording of errors.

The child process imports it, where every import costs start time.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlkiln.core.errors import (
    DatabaseUnreadable,
    QueryError,
    QueryFailed,
    QueryTimeout,
    ResourceExceeded,
    SQLSyntaxError,
    StatementRefused,
    UnknownName,
)
from sqlkiln.sql.database_wire import encode

SQLITE_MAGIC = b"SQLite format 3\0"
_BATCH_ROWS = 256


def is_duckdb(head: bytes) -> bool:
    """Whether a file that begins with `head` is of DuckDB's own format."""
    return head[8:12] == b"DUCK"


class NotBegunError(Exception):
    """Nothing was run: the process has too little memory left to begin with a query."""


class Query(NamedTuple):
    """One statement and what it may cost; `until` is a `time.monotonic()`."""

    sql: str
    timeout_s: float
    max_rows: int
    max_bytes: int
    until: float


def result_json(
    fetch: Callable[[int], Sequence[Any]], columns: Sequence[str], query: Query
) -> bytes:
    """Fetch and encode rows until they end or a cap is reached.

    Raises:
        ResourceExceeded: if the encoded rows pass `max_bytes`.
        QueryTimeout: if fetching them takes too long.
    """
    parts: list[bytes] = []
    left, spent, batch = query.max_rows, 0, 1
    while left >= 0:
        rows = fetch(min(batch, left + 1))
        if not rows:
            break
        left -= len(rows)
        part = encode(rows[:left] if left < 0 else rows)[1:-1]
        spent += len(part)
        if spent > query.max_bytes:
            raise exceeded(f"the result has more than {query.max_bytes:,} bytes")
        if time.monotonic() > query.until:
            raise timed_out(query.timeout_s)
        if part:
            parts.append(part)
        batch = min(2 * batch, _BATCH_ROWS)
    truncated = b"true" if left < 0 else b"false"
    head = b'{"columns":%b,"truncated":%b,"rows":[' % (encode(columns), truncated)
    return head + b",".join(parts) + b"]}"


def refused(found: str) -> StatementRefused:
    """The error for anything but one single read."""
    return StatementRefused(
        f"statement refused: {found}; only one single SELECT, WITH or VALUES is run"
    )


def timed_out(timeout_s: float) -> QueryTimeout:
    """The error for a passed deadline."""
    return QueryTimeout(
        f"query timed out: no answer within {timeout_s:g} s; narrow it down or allow more time"
    )


def exceeded(found: str) -> ResourceExceeded:
    """The error for a passed memory, size or nesting cap."""
    return ResourceExceeded(f"resource limit exceeded: {found}; ask for less, or raise the limit")


def syntax_error(found: str) -> SQLSyntaxError:
    """The error for what the engine cannot parse."""
    return SQLSyntaxError(f"syntax error: {found}")


def unknown_name(found: str) -> UnknownName:
    """The error for a name that does not exist."""
    return UnknownName(f"unknown name: {found}")


def failed(found: str) -> QueryError:
    """The error for all else that an engine reports."""
    return QueryFailed(f"query failed: {found}")


def not_a_database(path: str) -> DatabaseUnreadable:
    """The error for a file that begins like neither format."""
    return DatabaseUnreadable(
        f"not a database: {path} does not begin like a SQLite or DuckDB file; "
        "check that it is one, and that it is neither encrypted nor compressed"
    )
