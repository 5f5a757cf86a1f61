"""The child process that runs hostile SQL: caps on itself, then one request after another.

It is started by `database_process` and ends with its parent. Whatever SQL does to it (memory,
time, a crash) stays in it. What it does not protect against: a flaw in SQLite or DuckDB that runs
code of the attacker's choice; the process has its parent's rights on files and network.
"""

import json
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from sqlkiln.core.errors import SqlkilnError
from sqlkiln.sql.database_query import NotBegunError, Query, exceeded, failed
from sqlkiln.sql.database_wire import encode, read_frame, write_frame

if TYPE_CHECKING:
    from sqlkiln.sql.database_duckdb import DuckDBEngine
    from sqlkiln.sql.database_sqlite import SQLiteEngine

    Engine = SQLiteEngine | DuckDBEngine

MAX_REQUEST_BYTES = 8 << 20
SELF_DESTRUCT_S = 2.0
"""So long after the deadline the process ends by itself, should its parent be gone."""

_OPENING_BYTES = 1 << 30
_NESTING = 8_000


def main(fd: int) -> None:
    """Serve the requests that come over `fd` until the other end closes it."""
    sys.setrecursionlimit(_NESTING)
    engine: Engine | None = None
    while True:
        try:
            request = json.loads(read_frame(fd, MAX_REQUEST_BYTES))
        except (EOFError, OSError):
            return
        try:
            if engine is None:
                engine, reply = _open(request), b"{}"
            else:
                reply = _answer(engine, request)
        except NotBegunError as error:
            reply = _failure(exceeded(str(error)), spent=True, begun=False)
        except MemoryError:
            reply = _failure(exceeded("out of memory"), spent=True)
        except SqlkilnError as error:
            reply = _failure(error, spent=getattr(engine, "spent", False))
        except Exception as error:
            # Whatever a hostile file or statement provokes is an answer, never the end of a caller.
            reply = _failure(failed(f"{type(error).__name__}: {error}"), spent=True)
        signal.setitimer(signal.ITIMER_REAL, 0)
        try:
            write_frame(fd, reply)
        except OSError:
            return


def _failure(error: SqlkilnError, spent: bool, begun: bool = True) -> bytes:
    """An error as an answer; `spent` asks for another process, and not `begun` to be asked anew."""
    told = {"error": type(error).__name__, "text": str(error), "spent": spent, "begun": begun}
    return encode(told)


def _open(request: dict[str, Any]) -> "Engine":
    engine_class: type[Engine]
    if request["kind"] == "sqlite":
        from sqlkiln.sql.database_sqlite import SQLiteEngine as engine_class
    else:
        from sqlkiln.sql.database_duckdb import DuckDBEngine as engine_class
    memory_bytes = request["memory_bytes"]
    _forbid_writing()
    _cap_memory(memory_bytes + _OPENING_BYTES)
    engine = engine_class(request["path"], memory_bytes)
    _cap_memory(memory_bytes)
    return engine


def _answer(engine: "Engine", request: dict[str, Any]) -> bytes:
    timeout_s = request["timeout_s"]
    until = time.monotonic() + timeout_s
    signal.setitimer(signal.ITIMER_REAL, max(timeout_s, 0.0) + SELF_DESTRUCT_S)
    if request["op"] == "schema":
        details_until = min(until, time.monotonic() + request["details_s"])
        return engine.schema(request["samples"], details_until)
    return engine.execute(
        Query(request["sql"], timeout_s, request["max_rows"], request["max_bytes"], until)
    )


def _forbid_writing() -> None:
    """Let no file grow and no core be dumped: a last bar behind the engine's own."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    except (ImportError, ValueError, OSError):
        return


def _cap_memory(memory_bytes: int) -> None:
    """Allow so much address space on top of what is in use; only Linux tells how much that is."""
    try:
        import resource

        with open("/proc/self/statm", encoding="ascii") as file:
            used = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        cap = used + memory_bytes
        cap = cap if hard == resource.RLIM_INFINITY else min(cap, hard)
        resource.setrlimit(resource.RLIMIT_AS, (cap, hard))
    except (ImportError, ValueError, OSError):
        return
