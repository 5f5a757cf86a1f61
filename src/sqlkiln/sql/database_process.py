"""The parent's side of the process that runs the queries: start it, ask it, replace it.

The process has its own, softer deadline. The one here is hard: whoever has not begun to answer
shortly after it is killed, and the next request starts another.
"""

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
import weakref
from pathlib import Path
from typing import Any

from sqlkiln.core import errors
from sqlkiln.core.errors import DatabaseUnreadable, MissingDependency, SqlkilnError
from sqlkiln.sql.database_query import NotBegunError, exceeded, timed_out
from sqlkiln.sql.database_wire import decode, encode, read_frame, write_frame

GRACE_S = 0.5
"""How long after the deadline the process may still begin to answer."""

_OPEN_S = 120.0
_OVERHEAD_BYTES = 8 << 20
_BOOT = (
    "import sys; sys.path += sys.argv[2:]; "
    "from sqlkiln.sql.database_worker import main; main(int(sys.argv[1]))"
)
_ERRORS = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type)}
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TZ", "LANG", "LC_ALL")


class QueryProcess:
    """One database file, open in a process of its own."""

    def __init__(self, kind: str, path: Path, memory_bytes: int) -> None:
        self._kind = kind
        self._path = str(path)
        self._memory_bytes = memory_bytes
        self._fd = -1
        self._child: subprocess.Popen[bytes] | None = None
        self._finalizer: weakref.finalize[Any, Any] | None = None

    @property
    def pid(self) -> int | None:
        """The process at work, or None before the first and after the last request."""
        return self._child.pid if self._child else None

    def start(self, memory_bytes: int) -> None:
        """Make sure that a process with this memory cap is there.

        Raises:
            DatabaseUnreadable: if it cannot open the file.
            MissingDependency: if the driver is not installed.
        """
        if self._child and memory_bytes == self._memory_bytes and self._child.poll() is None:
            return
        self.stop()
        self._memory_bytes = memory_bytes
        self._spawn()
        try:
            self._exchange(
                {"kind": self._kind, "path": self._path, "memory_bytes": memory_bytes},
                time.monotonic() + _OPEN_S,
                _OVERHEAD_BYTES,
            )
        except SqlkilnError:
            self.stop()
            raise
        except (EOFError, OSError, OverflowError) as error:
            raise DatabaseUnreadable(
                f"cannot read the database: {self._path}: opening it ended its process"
                f"{self._cause()}; it is damaged, or too big for the memory limit"
            ) from error

    def ask(self, request: dict[str, Any], timeout_s: float, max_bytes: int) -> dict[str, Any]:
        """The answer to one request, within `timeout_s` and a grace.

        Raises:
            QueryTimeout: if there is none by then.
            ResourceExceeded: if the process broke down over it.
            SqlkilnError: what the process answered, if that is an error.
        """
        try:
            return self._ask(request, timeout_s, max_bytes)
        except NotBegunError:
            pass
        try:  # by a new process, which has all of its memory
            return self._ask(request, timeout_s, max_bytes)
        except NotBegunError as error:
            raise exceeded(str(error)) from error

    def _ask(self, request: dict[str, Any], timeout_s: float, max_bytes: int) -> dict[str, Any]:
        self.start(self._memory_bytes)
        try:
            return self._exchange(
                {**request, "timeout_s": timeout_s},
                time.monotonic() + timeout_s + GRACE_S,
                max_bytes + _OVERHEAD_BYTES,
            )
        except TimeoutError as error:
            raise timed_out(timeout_s) from error
        except (EOFError, OSError, OverflowError) as error:
            raise exceeded(f"the query ended its process{self._cause()}") from error

    def _exchange(self, request: dict[str, Any], until: float, max_bytes: int) -> dict[str, Any]:
        try:
            write_frame(self._fd, encode(request))
            reply = decode(read_frame(self._fd, max_bytes, until))
        except BaseException:
            # After an interrupt too: what is left in the pipe would answer the next request.
            self._kill()
            raise
        if "error" in reply:
            if reply["spent"]:
                self.stop()
            if not reply["begun"]:
                raise NotBegunError(reply["text"])
            raise _ERRORS[reply["error"]](reply["text"])
        return reply

    def _spawn(self) -> None:
        ours, theirs = socket.socketpair()
        try:
            child = subprocess.Popen(  # noqa: S603
                [sys.executable, "-I", "-S", "-c", _BOOT, str(theirs.fileno()), *self._imports()],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={k: v for k, v in os.environ.items() if k in _ENVIRONMENT},
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._child, self._fd = child, ours.detach()
        self._finalizer = weakref.finalize(self, _end, child, self._fd)

    def _imports(self) -> list[str]:
        """The folders that the child needs: our own package, and DuckDB's for DuckDB."""
        folders = [str(Path(__file__).parents[2])]
        if self._kind == "duckdb":
            found = importlib.util.find_spec("duckdb")
            if found is None or found.origin is None:
                raise MissingDependency(
                    "duckdb is not installed: it opens DuckDB, CSV, Parquet and JSON files; "
                    "run `pip install duckdb`"
                )
            folders.append(str(Path(found.origin).parents[1]))
        return folders

    def _kill(self) -> None:
        if self._child:
            self._child.kill()
            self._child.wait()

    def _cause(self) -> str:
        code = self._child.wait() if self._child else None
        if code is None or code >= 0:
            return ""
        with contextlib.suppress(ValueError):
            return f" ({signal.Signals(-code).name})"
        return f" (signal {-code})"

    def stop(self) -> None:
        """End the process; the next request starts another. Calling it twice is fine."""
        if self._finalizer:
            self._finalizer()
        self._child, self._finalizer, self._fd = None, None, -1


def _end(child: "subprocess.Popen[bytes]", fd: int) -> None:
    os.close(fd)
    child.kill()
    child.wait()
