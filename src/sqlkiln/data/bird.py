"""BIRD (Li et al. 2023, arXiv 2305.03111): the splits dev, mini_dev and train.

Reads DIR/dev.json, DIR/mini_dev.json (or mini_dev_sqlite.json) or DIR/train.json, or the same in
the folders that the official archives unpack to, with the databases beside the questions in
dev_databases/<db_id>/<db_id>.sqlite. The question comes with its evidence, which `predict` leaves
out if told to; the description files of the databases are not read.

An id is `bird-<split>-<number>` by the row's place in its file, as in BIRD's own prediction
files. In dev that is the row's `question_id` too; in mini_dev two rows share theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from sqlkiln.core.plugins import DatasetOptions
from sqlkiln.core.records import Example
from sqlkiln.data.rows import find_questions
from sqlkiln.data.spider import Spider

FILES = {
    "dev": ("dev.json",),
    "mini_dev": ("mini_dev.json", "mini_dev_sqlite.json"),
    "mini-dev": ("mini_dev.json", "mini_dev_sqlite.json"),
    "train": ("train.json",),
}
UNPACKED = ("", "dev_20240627", "dev", "MINIDEV", "minidev/MINIDEV", "train")
"""Where the official archives put their files."""


class Bird:
    """One split of BIRD; the files differ from Spider's in their names only."""

    name = "bird"

    def __init__(self, layout: Spider) -> None:
        """Read what `layout` finds; use `open` to find it."""
        self.layout = layout

    @classmethod
    def open(cls, options: DatasetOptions) -> Self:
        """Find the folder and its questions.

        Raises:
            UsageError: if no folder is given.
            DataError: if the folder or its questions are not there.
        """
        names = FILES.get(options.split, (f"{options.split}.json",))
        places = [f"{folder}/{name}".lstrip("/") for folder in UNPACKED for name in names]
        path = find_questions(options, cls.name, places)
        data = options.data or path.parent
        folder = path.parent if data in path.parents else data
        split = options.split if options.questions is None else path.stem
        return cls(Spider(folder, (path,), split.replace("-", "_")))

    def examples(self) -> Sequence[Example]:
        """All questions in file order, tagged by difficulty.

        Raises:
            DataError: naming file and row of what is wrong.
        """
        return self._examples

    @cached_property
    def _examples(self) -> tuple[Example, ...]:
        return tuple(
            example.model_copy(
                update={"id": f"{self.name}-{example.split}-{number:04d}", "dataset": self.name}
            )
            for number, example in enumerate(self.layout.examples())
        )

    def database_path(self, db_id: str) -> Path | None:
        """The database of `db_id`, or None if it is missing."""
        return self.layout.database_path(db_id)

    def table_entries(self) -> Mapping[str, Mapping[str, Any]]:
        """The entries of dev_tables.json by db_id; none without the file.

        Raises:
            DataError: if the file is not a list of such entries.
        """
        return self.layout.table_entries()
