"""What C code writes to stderr, kept from the user's terminal while it is not wanted there."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock

_one_at_a_time = Lock()


@contextmanager
def captured() -> Iterator[list[str]]:
    """Collect what is written to file descriptor 2; the list holds its lines afterwards.

    It is the whole process's stderr: keep it short, and let nothing else write in the meantime.
    """
    lines: list[str] = []
    with _one_at_a_time, tempfile.TemporaryFile() as file:
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        before = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield lines
        finally:
            os.dup2(before, 2)
            os.close(before)
            file.seek(0)
            lines.extend(file.read().decode(errors="replace").splitlines())
