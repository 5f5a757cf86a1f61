"""Tells from its header whether a GGUF file is whole; reads no weights.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (versions 2 and 3).
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from sqlkiln.core.errors import ModelCorrupt, ModelNotFound

_MAGIC = b"GGUF"
_DEFAULT_ALIGNMENT = 32
_MAX_DEPTH = 4

_STRING, _ARRAY = 8, 9
_UNSIGNED = (4, 10)
_SCALAR_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

_BLOCKS: dict[int, tuple[int, int]] = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    9: (32, 36), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210),
    15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18),
    21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4),
    27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip
"""ggml tensor type -> (values, bytes) of one block."""


def check_gguf(path: Path) -> None:
    """Make sure that `path` is a GGUF file with all the bytes that its header announces.

    Weights are not looked at, so a flipped bit goes unseen; a file cut short does not.

    Raises:
        ModelNotFound: if there is no such file.
        ModelCorrupt: if it is no GGUF file, or shorter than its tensors need.
    """
    try:
        if not path.is_file():
            found = "a folder" if path.is_dir() else "nothing"
            raise ModelNotFound(f"no such model file: {path}: found {found}; check the path")
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise ModelCorrupt(
                    f"not a GGUF model: {path} does not start with 'GGUF'; give the path of a "
                    ".gguf file"
                )
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                needed, found_bytes = _Header(data).needed_bytes(), len(data)
    except OSError as error:
        raise ModelNotFound(
            f"cannot read the model: {path}: {error.strerror}; check the path and its permissions"
        ) from error
    except (struct.error, _BadHeader) as error:
        raise ModelCorrupt(
            f"damaged model file: {path}: its header breaks off or makes no sense ({error}); "
            "fetch the file again"
        ) from error
    if found_bytes < needed:
        raise ModelCorrupt(
            f"model file cut short: {path} has {found_bytes:,} bytes, its header announces "
            f"{needed:,}; fetch the file again"
        )


def read_numbers(path: Path) -> dict[str, int]:
    """The whole numbers that a file which `check_gguf` passes says of its model.

    Keys lack the architecture: `block_count`, `context_length`, `attention.head_count_kv`. Nothing
    behind the vocabulary is read.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        found = _Header(data).single_values()
    return {key.partition(".")[2]: value for key, value in found.items() if isinstance(value, int)}


def read_texts(path: Path) -> dict[str, str]:
    """The texts in the metadata of a file that `check_gguf` passes, by their whole keys.

    Nothing behind the vocabulary is read.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        found = _Header(data).single_values()
    return {key: value for key, value in found.items() if isinstance(value, str)}


class _BadHeader(ValueError):
    """A value in the header that cannot be."""


@dataclass
class _Header:
    data: mmap.mmap
    at: int = len(_MAGIC)

    def needed_bytes(self) -> int:
        """The size that the file must have for its last tensor to be whole."""
        version = self._unsigned(4)
        if version not in (2, 3):
            raise _BadHeader(f"version {version}, known are 2 and 3")
        tensors, pairs = self._unsigned(8), self._unsigned(8)
        alignment = self._alignment(pairs)
        ends = [self._tensor_end() for _ in range(self._plausible(tensors))]
        start = -(-self.at // alignment) * alignment
        return start + max(ends) if ends else self.at

    def single_values(self) -> dict[str, int | str]:
        """The unsigned numbers and the texts among the metadata, as far as the vocabulary."""
        found: dict[str, int | str] = {}
        self._forward(4 + 8)
        for _ in range(self._plausible(self._unsigned(8))):
            key, kind = self._string(), self._unsigned(4)
            if key.startswith(b"tokenizer."):
                break
            name = key.decode(errors="replace")
            if kind in _UNSIGNED:
                found[name] = self._unsigned(_SCALAR_BYTES[kind])
            elif kind == _STRING:
                found[name] = self._string().decode(errors="replace")
            else:
                self._skip(kind)
        return found

    def _alignment(self, pairs: int) -> int:
        alignment = _DEFAULT_ALIGNMENT
        for _ in range(self._plausible(pairs)):
            key, kind = self._string(), self._unsigned(4)
            if key == b"general.alignment" and kind == 4:
                alignment = self._unsigned(4)
            else:
                self._skip(kind)
        if alignment == 0:
            raise _BadHeader("alignment 0")
        return alignment

    def _tensor_end(self) -> int:
        self._string()
        values = 1
        for _ in range(self._plausible(self._unsigned(4))):
            values *= self._unsigned(8)
        kind, offset = self._unsigned(4), self._unsigned(8)
        block_values, block_bytes = _BLOCKS.get(kind, (1, 0))
        return offset + -(-values // block_values) * block_bytes

    def _skip(self, kind: int, depth: int = 0) -> None:
        if kind == _STRING:
            self._string()
        elif kind == _ARRAY and depth < _MAX_DEPTH:
            item, count = self._unsigned(4), self._unsigned(8)
            if item in _SCALAR_BYTES:
                self._forward(_SCALAR_BYTES[item] * count)
            else:
                for _ in range(self._plausible(count)):
                    self._skip(item, depth + 1)
        elif kind in _SCALAR_BYTES:
            self._forward(_SCALAR_BYTES[kind])
        else:
            raise _BadHeader(f"value type {kind}")

    def _string(self) -> bytes:
        size = self._unsigned(8)
        start = self.at
        self._forward(size)
        return self.data[start : self.at]

    def _unsigned(self, size: int) -> int:
        value: int = struct.unpack_from("<I" if size == 4 else "<Q", self.data, self.at)[0]
        self.at += size
        return value

    def _forward(self, count: int) -> None:
        self.at += count
        if self.at > len(self.data):
            raise _BadHeader("it runs past the end of the file")

    def _plausible(self, count: int) -> int:
        if count > len(self.data):
            raise _BadHeader(f"a count of {count:,}")
        return count
