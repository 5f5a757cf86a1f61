"""The sha256 of files that seldom change, so that databases are not read again for each run.

A digest is kept in the cache folder together with what the system says of the file: size, times
and inode. It is used again while all of that is the same. A file that was changed a moment ago is
always read, as a second change might leave the same time stamp.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlkiln.core.cache import cache_folder
from sqlkiln.core.errors import EnvironmentFault
from sqlkiln.core.files import sha256_file, write_atomic

SETTLED_S = 2.0
"""A file changed longer ago than this gets another time stamp with its next change."""

KEPT = 20_000
UNREADABLE = "unreadable"


def file_digests(paths: Iterable[Path]) -> dict[Path, str]:
    """The sha256 of each file, in hex; `UNREADABLE` where the file is not to be had.

    A cache that cannot be read or written only costs time.
    """
    place = cache_folder("digests") / "files.json"
    known = _read(place)
    fresh: dict[str, list[Any]] = {}
    digests: dict[Path, str] = {}
    for path in paths:
        try:
            name, stamp = str(path.absolute()), _stamp(path)
            held = known.get(name)
            if isinstance(held, list) and held[:-1] == stamp:
                digests[path] = str(held[-1])
                continue
            digests[path] = sha256_file(path)
            if stamp == _stamp(path) and time.time_ns() - max(stamp[1:3]) > SETTLED_S * 1e9:
                fresh[name] = [*stamp, digests[path]]
        except OSError:
            digests[path] = UNREADABLE
    if fresh:
        kept = list({**{n: v for n, v in known.items() if n not in fresh}, **fresh}.items())
        with suppress(EnvironmentFault):
            write_atomic(place, json.dumps(dict(kept[-KEPT:])))
    return digests


def _stamp(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _read(place: Path) -> dict[str, Any]:
    try:
        known = json.loads(place.read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
