"""The frames between a database object and the process that runs its queries.

A frame is four bytes of length, big-endian, and that much JSON in UTF-8. It is JSON and not
pickle because the process at the other end runs hostile SQL: nothing it sends may be executed.
"""

import json
import os
import select
import time
from base64 import b64decode, b64encode
from decimal import Decimal
from struct import Struct
from typing import Any

_LENGTH = Struct(">I")
_PIECE_BYTES = 1 << 20
_PIECE_PATIENCE_S = 10.0
_BLOB = '{"b":"'
"""How a blob begins in a row. Quotes inside texts are escaped, so nothing else looks like it."""


def _plain(value: object) -> object:
    if isinstance(value, bytes | bytearray | memoryview):
        return {"b": b64encode(value).decode("ascii")}
    return float(value) if isinstance(value, Decimal) else str(value)


_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode


def encode(message: object) -> bytes:
    """JSON; decimals become numbers, blobs objects, dates and other types their text."""
    return _to_json(message).encode("utf-8", "replace")


def decode(text: str) -> dict[str, Any]:
    """The message of a frame, with the rows in it as tuples and their blobs as bytes."""
    message: dict[str, Any] = json.loads(text)
    if "rows" in message:
        rows = map(_with_blobs, message["rows"]) if _BLOB in text else message["rows"]
        message["rows"] = tuple(map(tuple, rows))
    return message


def _with_blobs(row: list[Any]) -> list[Any]:
    return [b64decode(cell["b"]) if isinstance(cell, dict) else cell for cell in row]


def write_frame(fd: int, body: bytes) -> None:
    """Send one frame.

    Raises:
        BrokenPipeError: if the other end is gone.
    """
    rest = memoryview(_LENGTH.pack(len(body)) + body)
    while rest:
        rest = rest[os.write(fd, rest) :]


def read_frame(fd: int, max_bytes: int, until: float | None = None) -> str:
    """Receive one frame; `until` is the `time.monotonic()` at which its first byte is overdue.

    Raises:
        EOFError: if the other end is gone.
        TimeoutError: if nothing has come by `until`, or the sender stops half-way.
        OverflowError: if the frame is longer than `max_bytes`.
    """
    (length,) = _LENGTH.unpack(_read_exactly(fd, _LENGTH.size, until))
    if length > max_bytes:
        raise OverflowError(f"{length} bytes")
    if until is not None:
        until = time.monotonic() + _PIECE_PATIENCE_S
    return _read_exactly(fd, length, until).decode("utf-8", "replace")


def _read_exactly(fd: int, count: int, until: float | None) -> bytes:
    pieces = []
    while count:
        if until is not None:
            _wait(fd, until)
            until = time.monotonic() + _PIECE_PATIENCE_S
        piece = os.read(fd, min(count, _PIECE_BYTES))
        if not piece:
            raise EOFError
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def _wait(fd: int, until: float) -> None:
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    if not poller.poll(max(0.0, (until - time.monotonic()) * 1000)):
        raise TimeoutError
