"""The sample databases that come with sqlkiln, and the questions about them.

Splits: `train`; `heldout`, also called `dev`; and `demo`, 25 of the held-out questions. The
databases are generated when they are first asked for, as DIR/<db_id>/<db_id>.sqlite, where DIR is
the `--data` folder or else the user's cache (`SQLKILN_CACHE_DIR`). They are generated again when
sqlkiln brings another version of them. The generators and the questions lie in `assets.samples`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Self

from sqlkiln.assets import samples
from sqlkiln.core.cache import cache_folder
from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.core.plugins import DatasetOptions
from sqlkiln.core.records import Example
from sqlkiln.core.store import read_jsonl
from sqlkiln.sql.database_build import create_sqlite, read_stamp

APPLICATION_ID = int.from_bytes(b"sqkn", "big")
"""Marks the files that are ours to replace."""

FILES = {"train": "train", "heldout": "heldout", "dev": "heldout", "demo": "heldout"}
"""Which file the questions of a split are in."""


class Samples:
    """The five sample databases with the questions of one split."""

    name = "samples"

    def __init__(self, folder: Path, split: str, questions: Path | None = None) -> None:
        """Keep the databases in `folder`; `questions` replaces the split's own file."""
        self.folder = folder
        self.split = split
        self.questions = questions

    @classmethod
    def open(cls, options: DatasetOptions) -> Self:
        """Take a split; nothing is built yet.

        Raises:
            UsageError: if there is no such split.
        """
        if options.split not in FILES:
            raise UsageError(
                f"no such split of the samples: {options.split!r}; there are {', '.join(FILES)}"
            )
        return cls(options.data or cache_folder("samples"), options.split, options.questions)

    def examples(self) -> Sequence[Example]:
        """All questions in file order.

        Raises:
            DataError: if a file of one's own is not one of records `Example`.
        """
        return self._examples

    @cached_property
    def _examples(self) -> tuple[Example, ...]:
        if self.questions is not None:
            return tuple(read_jsonl(self.questions, Example))
        with resources.as_file(samples.questions(FILES[self.split])) as file:
            known = tuple(read_jsonl(file, Example))
        return tuple(e for e in known if "demo" in e.tags) if self.split == "demo" else known

    def database_path(self, db_id: str) -> Path | None:
        """The database of `db_id`, built if it is not there yet; None if it is not a sample.

        Raises:
            DataError: as `build`.
            EnvironmentFault: as `build`.
        """
        return build(self.folder, db_id) if db_id in samples.NAMES else None


def build(folder: Path, name: str) -> Path:
    """Make sure that the sample database `name` lies in `folder`, and say where.

    A file of the present version is left as it is; one of another version is replaced.

    Raises:
        DataError: if something that is not a sample database has its name.
        StorageFull: if there is no room.
        EnvironmentFault: if it cannot be written for another reason.
    """
    path = folder / name / f"{name}.sqlite"
    version = samples.version()
    if path.exists():
        stamp = read_stamp(path)
        if stamp == (APPLICATION_ID, version):
            return path
        if stamp is None or stamp[0] != APPLICATION_ID:
            raise DataError(
                f"not a sample database: {path} is not from sqlkiln and will not be replaced; "
                "move it away or give another folder"
            )
    ddl, rows = samples.build(name)
    create_sqlite(path, ddl, rows, application_id=APPLICATION_ID, user_version=version)
    return path
