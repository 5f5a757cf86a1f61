"""Results of gold queries, kept on disk by what they depend on: database, engine, limits, text.

One file a database in the cache folder, one line a result: its key, a checksum, and JSON. A line
that is damaged, half-written or of another version is passed over, and a folder that cannot be
written only costs time. What depends on the clock or on chance is never kept.
"""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path

from sqlkiln.core.cache import cache_folder
from sqlkiln.core.plugins import Limits, QueryResult
from sqlkiln.sql.database import engine_versions
from sqlkiln.sql.database_wire import decode, encode

FORMAT = 1
MAX_RESULT_BYTES = 1 << 20
MAX_FILE_BYTES = 32 << 20
MAX_TOTAL_BYTES = 256 << 20

_VOLATILE = re.compile(
    r"\b(?:now|today|curdate|localtime\w*|current_\w+|get_current_\w+|\w*_timestamp|uuid|gen_\w+"
    r"|rand\w*|setseed|nextval|changes|total_changes|last_insert_rowid|sqlite_\w+)\b"
    r"|\b(?:date|time|datetime|julianday|unixepoch)\s*\(\s*\)"
    r"|\bstrftime\s*\(\s*'[^']*'\s*\)"
)


class GoldCache:
    """The results over one database under one set of limits. For use by one thread at a time."""

    def __init__(self, database_sha256: str, limits: Limits, folder: Path | None = None) -> None:
        folder = folder or cache_folder("gold_results")
        self._file = folder / f"{database_sha256[:32]}.jsonl"
        self._about = f"{FORMAT} {database_sha256} {engine_versions()} {astuple(limits)}"
        self._lines: dict[bytes, bytes] | None = None

    def get(self, sql: str) -> QueryResult | None:
        """The result of `sql`, if it is here and sound."""
        if self._lines is None:
            self._lines = self._read()
        checksum, _, body = self._lines.get(self._key(sql), b"").partition(b" ")
        if not body or checksum != _checksum(body):
            return None
        try:
            found = decode(body.decode())
            return QueryResult(
                tuple(found["columns"]), found["rows"], found["truncated"], found["seconds"]
            )
        except (ValueError, KeyError, TypeError):
            return None

    def put(self, sql: str, result: QueryResult) -> None:
        """Keep the result of `sql`, unless it is too big or may be another one tomorrow."""
        if _VOLATILE.search(sql.lower()):
            return
        body = encode(
            {
                "columns": result.columns,
                "rows": result.rows,
                "truncated": result.truncated,
                "seconds": result.seconds,
            }
        )
        if len(body) > MAX_RESULT_BYTES:
            return
        key, entry = self._key(sql), _checksum(body) + b" " + body
        if self._lines is not None:
            self._lines[key] = entry
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("ab", buffering=0) as file:
                # One write, so that lines of other processes do not get in between.
                file.write(b"\n" + key + b" " + entry + b"\n")

    def _key(self, sql: str) -> bytes:
        return (
            hashlib.sha256(f"{self._about}\n{sql}".encode("utf-8", "replace"))
            .hexdigest()[:32]
            .encode()
        )

    def _read(self) -> dict[bytes, bytes]:
        try:
            if self._file.stat().st_size > MAX_FILE_BYTES:
                self._file.unlink()
                return {}
            lines = self._file.read_bytes().split(b"\n")
            os.utime(self._file)
        except OSError:
            return {}
        pairs = (line.partition(b" ") for line in lines)
        return {key: entry for key, _, entry in pairs if entry}


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest()[:16].encode()


def prune(folder: Path | None = None) -> None:
    """Remove the files that were not used for longest, until the rest keep to the bound."""
    folder = folder or cache_folder("gold_results")
    with suppress(OSError):
        stats = {path: path.stat() for path in folder.glob("*.jsonl")}
        total = sum(stat.st_size for stat in stats.values())
        for path, stat in sorted(stats.items(), key=lambda item: item[1].st_mtime):
            if total <= MAX_TOTAL_BYTES:
                return
            path.unlink()
            total -= stat.st_size
