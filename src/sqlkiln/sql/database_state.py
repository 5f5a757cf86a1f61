"""What tells whether a database has changed: what the system says of its files."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from sqlkiln.core.errors import EnvironmentFault
from sqlkiln.core.files import write_atomic

SETTLED_S = 2.0
"""A file that was changed less long ago may change again within the same time stamp."""

Stamp = tuple[str, int, int, int, int]
"""Name, size, times in ns and inode of one file."""


def stamps(path: Path) -> tuple[Stamp, ...]:
    """Those of the files of a database, its journals among them."""
    beside = [path.with_name(path.name + ending) for ending in ("-wal", "-journal", ".wal")]
    files = sorted(path.iterdir()) if path.is_dir() else [path, *beside]
    found = []
    for file in files:
        with suppress(OSError):
            stat = file.stat()
            found.append((file.name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino))
    return tuple(found)


def is_settled(found: Sequence[Stamp]) -> bool:
    """Whether nothing has changed of late, so that what is read now may be kept."""
    newest = max((max(stamp[2:4]) for stamp in found), default=0)
    return time.time_ns() - newest > SETTLED_S * 1e9


def state_name(path: Path, found: Sequence[Stamp]) -> str:
    """A name for what is kept of this state; what stands before the '-' is the database's own."""
    return f"{digest(str(path.resolve()))}-{digest(repr(tuple(found)))}"


def keep(path: Path, content: bytes, state: str) -> None:
    """Write what was read of this `state`, and remove what is kept of others of that database.

    A folder that cannot be written only costs time.
    """
    with suppress(EnvironmentFault):
        write_atomic(path, content)
        for other in path.parent.glob(f"{state.partition('-')[0]}-*{path.suffix}"):
            if not other.name.startswith(state):
                with suppress(OSError):
                    other.unlink()


def digest(text: str) -> str:
    """16 hexadecimal digits of its sha256."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
