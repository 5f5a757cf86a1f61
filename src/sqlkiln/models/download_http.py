"""A model file from a web server: several ranges at a time, each one resumable.

It does not judge what comes: `download` compares the sha256. Proxies and certificates are taken
from the environment, as httpx does it.
"""

from __future__ import annotations

import itertools
import json
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import httpx

from sqlkiln.core.files import sha256_file, write_atomic
from sqlkiln.models.download import Meter, state_path
from sqlkiln.models.sources import Model, SourceFailed

_CONNECT_S, _READ_S, _PROBE_S = 3.0, 30.0, 10.0
_CONNECTIONS = 4
_SMALLEST_RANGE_BYTES = 4 * 2**20
_CHUNK_BYTES = 2**18
_TRIES = 4
_BACKOFF_S = 0.4
_POLL_S, _NOTE_S = 0.2, 1.0

T = TypeVar("T")


def fetch_url(url: str, model: Model, part: Path, meter: Meter) -> str:
    """Fill `part` from `url`, as `sources.Source.fetch` does; return its sha256.

    A server without ranges is read from start to end in one go.
    """
    with _client() as client:
        ranged = _probe(client, url, model.size_bytes)
        ranges = (_resumed(part, model) or _split(model.size_bytes)) if ranged else None
        transfer = _Transfer(client, url, part, ranges or [_Range(0, model.size_bytes)])
        transfer.run(model, meter, ranged)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    return sha256_file(part)


def _client() -> httpx.Client:
    timeout = httpx.Timeout(_READ_S, connect=_CONNECT_S)
    try:
        return httpx.Client(timeout=timeout, follow_redirects=True)
    except (ImportError, OSError, ValueError) as error:
        raise SourceFailed(
            f"the proxy or certificate settings of the environment cannot be used ({error})"
        ) from error


def _probe(client: httpx.Client, url: str, size_bytes: int) -> bool:
    """Whether the server serves ranges; fails fast where it cannot be reached."""
    try:
        # httpx bounds neither name resolution nor the sum over several addresses.
        ranged, found_bytes = _start(lambda: _first_byte(client, url)).result(_PROBE_S)
    except TimeoutError:
        raise SourceFailed(f"no answer within {_PROBE_S:.0f} s") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SourceFailed(_reason(error)) from error
    if found_bytes not in (None, size_bytes):
        raise SourceFailed(f"the file there has {found_bytes:,} bytes, not {size_bytes:,}")
    return ranged


def _first_byte(client: httpx.Client, url: str) -> tuple[bool, int | None]:
    with client.stream("GET", url, headers=_headers(0, 1)) as response:
        response.raise_for_status()
        ranged = response.status_code == httpx.codes.PARTIAL_CONTENT
        if ranged:
            size = response.headers.get("Content-Range", "").rpartition("/")[2]
        else:
            size = response.headers.get("Content-Length", "")
        return ranged, int(size) if size.isdecimal() else None


def _headers(start: int, end: int) -> dict[str, str]:
    return {"Accept-Encoding": "identity", "Range": f"bytes={start}-{end - 1}"}


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"HTTP {error.response.status_code} {error.response.reason_phrase}".rstrip()
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return f"cannot be reached ({error})"
    return f"{type(error).__name__}: {error}"


def _start(work: Callable[[], T]) -> Future[T]:
    """Run `work` in a daemon thread, so that a silent server never keeps the process alive."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


# --------------------------------------------------------------------------- ranges


@dataclass
class _Range:
    """Bytes `start` to `end` (exclusive) of the file, the first `done` of which are here."""

    start: int
    end: int
    done: int = 0

    @property
    def missing(self) -> int:
        return self.end - self.start - self.done


def _split(size_bytes: int) -> list[_Range]:
    count = max(1, min(_CONNECTIONS, size_bytes // _SMALLEST_RANGE_BYTES))
    edges = [size_bytes * number // count for number in range(count + 1)]
    return [_Range(start, end) for start, end in itertools.pairwise(edges)]


def _resumed(part: Path, model: Model) -> list[_Range] | None:
    """The ranges that an earlier call noted, if they belong to this file."""
    try:
        state = json.loads(state_path(part).read_text(encoding="utf-8"))
        ranges = [_Range(*numbers) for numbers in state["ranges"]]
        fits = state["sha256"] == model.sha256 and part.stat().st_size == model.size_bytes
    except (OSError, ValueError, KeyError, TypeError):
        return None
    covered = sum(item.end - item.start for item in ranges)
    return ranges if fits and covered == model.size_bytes else None


@dataclass
class _Transfer:
    """Fills `part` with `ranges` from `url`, one connection each."""

    client: httpx.Client
    url: str
    part: Path
    ranges: list[_Range]
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self, model: Model, meter: Meter, ranged: bool) -> None:
        """Return when all is here; note on the way, and on the way out, how far it is."""
        self.part.open("ab").close()
        os.truncate(self.part, model.size_bytes)
        missing = [item for item in self.ranges if item.missing]
        running = [_start(partial(self._fill, item, ranged)) for item in missing]
        noted_at = time.monotonic()
        try:
            while running:
                ended, unended = wait(running, timeout=_POLL_S, return_when=FIRST_EXCEPTION)
                meter.update(sum(item.done for item in self.ranges))
                if ranged and time.monotonic() - noted_at > _NOTE_S:
                    self._note(model)
                    noted_at = time.monotonic()
                for future in ended:
                    future.result()
                running = list(unended)
        except httpx.HTTPError as error:
            raise SourceFailed(_reason(error)) from error
        finally:
            self.stop.set()
            wait(running, timeout=1)
            if ranged:
                self._note(model)

    def _note(self, model: Model) -> None:
        ranges = [[item.start, item.end, item.done] for item in self.ranges]
        write_atomic(state_path(self.part), json.dumps({"sha256": model.sha256, "ranges": ranges}))

    def _fill(self, item: _Range, ranged: bool) -> None:
        """Read one range; after a broken connection, go on where it broke."""
        failures = 0
        while item.missing and not self.stop.is_set():
            before = item.done
            try:
                self._read(item, ranged)
                if item.missing and not self.stop.is_set():
                    raise httpx.RemoteProtocolError("the server sent less than it was asked for")
            except httpx.HTTPError as error:
                failures = 1 if item.done > before else failures + 1
                if failures == _TRIES or _is_final(error):
                    raise
                if not ranged:
                    item.done = 0
                self.stop.wait(_BACKOFF_S * 2**failures)

    def _read(self, item: _Range, ranged: bool) -> None:
        headers = _headers(item.start + item.done, item.end)
        if not ranged:
            del headers["Range"]
        with (
            self.part.open("r+b", buffering=0) as file,
            self.client.stream("GET", self.url, headers=headers) as response,
        ):
            response.raise_for_status()
            if ranged and response.status_code != httpx.codes.PARTIAL_CONTENT:
                raise SourceFailed("the server stopped serving ranges")
            file.seek(item.start + item.done)
            for chunk in response.iter_raw(_CHUNK_BYTES):
                if self.stop.is_set():
                    return
                if len(chunk) > item.missing:
                    raise SourceFailed("the server sends more than the file's size")
                rest = memoryview(chunk)
                while rest:
                    written = file.write(rest)
                    item.done += written
                    rest = rest[written:]


def _is_final(error: httpx.HTTPError) -> bool:
    if not isinstance(error, httpx.HTTPStatusError):
        return False
    status = error.response.status_code
    return status < 500 and status != httpx.codes.TOO_MANY_REQUESTS
