"""Files that are never half-written: atomic text, and records as JSON Lines."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self, TypeVar

from pydantic import ValidationError

from sqlkiln.core.errors import DataError, EnvironmentFault, StorageFull
from sqlkiln.core.records import Record

R = TypeVar("R", bound=Record)

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def sha256_file(path: Path) -> str:
    """The sha256 of the file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def enough_room(path: Path) -> Iterator[None]:
    """Turn "no room left" while `path` is being written into ours; other errors pass.

    Raises:
        StorageFull: no room on the disk, in the quota, or under the file size limit.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise StorageFull(
            f"no room on the disk: {path}: {error.strerror}; free some space and run the same "
            "command again"
        ) from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn every error of the system while `path` is being written into ours.

    Raises:
        StorageFull: as `enough_room`.
        EnvironmentFault: any other error, such as a missing permission.
    """
    try:
        with enough_room(path):
            yield
    except OSError as error:
        raise EnvironmentFault(
            f"cannot write: {path}: {error.strerror}; check the path and its permissions"
        ) from error


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write `content` (text as UTF-8) so that `path` holds all of it or what it held before.

    Raises:
        StorageFull: if there is no room.
        EnvironmentFault: if it cannot be written for another reason.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        draft = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            draft.chmod(0o666 & ~_umask())
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


# --------------------------------------------------------------------------- records


def read_jsonl(path: Path, record: type[R]) -> Iterator[R]:
    """Yield the records of `path`, one a line; blank lines are passed over.

    A line without `schema_id` is taken to be of the version that this sqlkiln writes.

    Raises:
        DataError: with file and line, for bad JSON, another `schema_id` or a wrong field.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield parse_record(line, record, f"{path}:{number}")
    except OSError as error:
        raise DataError(f"cannot read: {path}: {error.strerror}; check the path") from error


def parse_record(text: bytes, record: type[R], where: str) -> R:
    """Read one JSON object in UTF-8; `where` (such as "file:line") opens the error message.

    One of an older version that the record can be read from becomes one of this version.

    Raises:
        DataError: as `read_jsonl`.
    """
    try:
        value = json.loads(text.decode())
    except ValueError as error:
        raise DataError(f"{where}: not JSON: {error}; correct or remove it") from error
    if not isinstance(value, dict):
        raise DataError(f"{where}: not a JSON object: {type(value).__name__}; write {{...}}")
    field = record.model_fields.get("schema_id")
    if field is not None and value.get("schema_id") in record.older:
        value["schema_id"] = field.default
    if field is not None and value.get("schema_id", field.default) != field.default:
        raise DataError(
            f"{where}: unknown schema_id: {value['schema_id']!r}; this sqlkiln reads "
            f"{field.default!r}: make the file again with it"
        )
    try:
        return record.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise DataError(
            f"{where}: wrong field {name!r}: {first['msg']}; see the record "
            f"{record.__name__} for what it must hold"
        ) from error


class JsonlWriter:
    """Appends records to a file, one whole line at a time.

    Each line reaches the system before `write` returns, so a killed process loses at most the
    row in flight. With `resume`, what is there is kept, less a half-written last line. For use
    from one thread at a time.

    Raises:
        StorageFull: when there is no room; the file then ends with the last whole line.
    """

    def __init__(self, path: Path, resume: bool = False) -> None:
        self.path = path
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            if not resume:
                path.write_bytes(b"")
            elif path.exists():
                _cut_half_line(path)
            self._file = path.open("ab", buffering=0)

    def write(self, record: Record) -> None:
        """Append one record."""
        line = record.model_dump_json().encode() + b"\n"
        with writing(self.path):
            whole = os.fstat(self._file.fileno()).st_size
            try:
                rest = memoryview(line)
                while rest:
                    rest = rest[self._file.write(rest) :]
            except OSError:
                with suppress(OSError):
                    self._file.truncate(whole)
                raise

    def close(self) -> None:
        """Close the file; calling it twice is fine."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _cut_half_line(path: Path) -> None:
    block = 1 << 16
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - block)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                file.truncate(start + newline + 1)
                return
            end = start
        file.truncate(0)
