"""Blends: the questions of several sources, each with its own share, as one list of rows."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sqlkiln.core import plugins
from sqlkiln.core.errors import DataError
from sqlkiln.core.plugins import Dataset, DatasetOptions, DescribesTables
from sqlkiln.core.records import BUCKETS, DatabaseSchema, Example
from sqlkiln.data.curriculum import copies
from sqlkiln.data.described import described_schema

OWN_DATA = ("samples",)
"""Datasets that need no folder: one that is given would be filled."""


class Source(BaseModel):
    """One dataset of a blend.

    Of its rows, `limit` are drawn by the seed, or from each bucket as many as `take` says (a
    bucket that it does not name gives none). Each is shown `repeat` times an epoch, and that times
    the weight of its bucket in `weights` (1 if it has none; a fraction is a chance; 0 leaves it
    out). `name` replaces the dataset's in the keys of its databases.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str = "samples"
    data: Path | None = None
    questions: Path | None = None
    split: str = Field(default="train", min_length=1)
    name: str = ""
    evidence: bool = True
    limit: int | None = Field(default=None, ge=1)
    take: dict[str, int] = {}
    repeat: int = Field(default=1, ge=1)
    weights: dict[str, float] = {}

    @field_validator("take", "weights")
    @classmethod
    def _known_buckets(cls, given: dict[str, float]) -> dict[str, float]:
        for name, number in given.items():
            if name not in BUCKETS:
                raise ValueError(f"no such bucket {name!r}; there are {', '.join(BUCKETS)}")
            if number < 0:
                raise ValueError(f"bucket {name!r} may not be negative")
        return given

    def folder(self, data: Path | None) -> Path | None:
        """Its folder: its own, or the one named like the dataset in `data`, or `data` itself."""
        if self.data is not None or data is None or self.dataset in OWN_DATA:
            return self.data
        inside = data / self.dataset
        return inside if inside.is_dir() else data

    @property
    def label(self) -> str:
        """What messages and counts call it."""
        part = self.questions.stem if self.questions else self.split
        return f"{self.name or self.dataset} {part}"


@dataclass(frozen=True)
class Row:
    """A question on its way into the data: `key` is its database's, `label` its source's."""

    id: str
    key: str
    label: str
    source: Source
    example: Example


@dataclass(frozen=True)
class Blend:
    """All rows of all sources, and the database of each key, or None where it is missing."""

    rows: tuple[Row, ...]
    paths: Mapping[str, Path | None]
    datasets: Mapping[str, Dataset]

    def described(self, key: str) -> DatabaseSchema | None:
        """The schema of a missing database, if its dataset describes it."""
        dataset = self.datasets[key]
        if not isinstance(dataset, DescribesTables):
            return None
        entry = dataset.table_entries().get(key.partition("/")[2])
        return described_schema(entry, key) if entry else None


def gather(sources: Sequence[Source], data: Path | None) -> Blend:
    """Read all sources.

    Raises:
        UsageError: if there is no such dataset, or it needs a folder or a file.
        DataError: if its files are not what they should be, or two databases have one key.
    """
    rows: dict[str, Row] = {}
    paths: dict[str, Path | None] = {}
    datasets: dict[str, Dataset] = {}
    for source in sources:
        options = DatasetOptions(source.folder(data), source.questions, source.split)
        dataset: Dataset = plugins.load("datasets", source.dataset).open(options)
        prefix = source.name or source.dataset
        found: dict[str, Path | None] = {}
        for example in dataset.examples():
            key = f"{prefix}/{example.db_id}"
            if key not in found:
                found[key] = dataset.database_path(example.db_id)
                datasets.setdefault(key, dataset)
            if not source.evidence:
                example = example.model_copy(update={"evidence": ""})
            row_id = example.id if example.id not in rows else f"{source.label}/{example.id}"
            while row_id in rows:
                row_id += "'"
            rows[row_id] = Row(row_id, key, source.label, source, example)
        _join(paths, found, source)
    return Blend(tuple(rows.values()), paths, datasets)


def _join(paths: dict[str, Path | None], found: dict[str, Path | None], source: Source) -> None:
    for key, path in found.items():
        if paths.get(key, path) != path:
            raise DataError(
                f"two databases of one name: {key} is {paths[key]} and, in source "
                f"{source.label!r}, {path}; give one of the sources a name of its own"
            )
        paths[key] = path


# --------------------------------------------------------------------------- drawing


def lot(seed: int, name: str) -> float:
    """The draw of `name`, evenly from [0, 1): the same for one seed, whatever else there is."""
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def draw(rows: Sequence[Row], buckets: Callable[[Row], str], seed: int) -> list[Row]:
    """What `limit` and `take` leave of the rows of each source, in their order."""
    by_source: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        by_source[id(row.source)].append(row)
    kept: set[str] = set()
    for own in by_source.values():
        kept |= _drawn(own[0].source, own, buckets, seed)
    return [row for row in rows if row.id in kept]


def _drawn(
    source: Source, rows: Sequence[Row], buckets: Callable[[Row], str], seed: int
) -> set[str]:
    if source.limit is None and not source.take:
        return {row.id for row in rows}
    ranked = sorted(rows, key=lambda row: lot(seed, row.id))
    if source.take:
        left = dict(source.take)
        taken = []
        for row in ranked:
            name = buckets(row)
            if left.get(name, 0) > 0:
                left[name] -= 1
                taken.append(row)
        ranked = taken
    return {row.id for row in ranked[: source.limit]}


def times_shown(row: Row, name: str, seed: int) -> int:
    """How often an epoch shows a row of the bucket `name`."""
    weight = row.source.weights.get(name, 1.0)
    return copies(row.source.repeat * weight, lot(seed, f"times {row.id}"))
