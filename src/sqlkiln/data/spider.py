"""Spider (Yu et al. 2018, arXiv 1809.08887), and benchmarks that are laid out like it.

Reads DIR/dev.json (or the questions of another split) and the databases in
DIR/database/<db_id>/<db_id>.sqlite. BIRD's names for the same things work too: `SQL`, `evidence`,
`question_id`, dev_databases/. Schemas are read from the databases; tables.json is needed only by
metrics that must know the keys which Spider's official script knows.
It does not fetch anything, and it gives out the gold SQL as it is written, faults included.

An id is `spider-<split>-<number>`: the row's place in the split, from 0, or its `question_id` if
every row has one of its own (BIRD's mini_dev has two of the same). With a file of questions, its
name stands for the split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from sqlkiln.core.errors import DataError
from sqlkiln.core.plugins import DatasetOptions
from sqlkiln.core.records import Example
from sqlkiln.data.rows import (
    GOLD_FIELDS,
    check_db_id,
    find_database,
    find_questions,
    parse_json,
    read_text,
    required_text,
    text_field,
)

SPLITS = {
    "train": (
        ("train_spider.json", "train_spider_min.json", "train.json"),
        ("train_others.json", "train_others_min.json"),
    ),
}
"""The files of a split: of each group the first that exists, one after the other."""

TABLES = ("tables.json", "{split}_tables.json", "dev_tables.json")

FOLDERS = ("database", "{split}_database", "{split}_databases", "databases")


class Spider:
    """A folder in the layout of Spider."""

    name = "spider"

    def __init__(self, data: Path, files: Sequence[Path], split: str) -> None:
        """Read the questions in `files` over the databases in `data`; use `open` to find them."""
        self.data = data
        self.files = tuple(files)
        self.split = split

    @classmethod
    def open(cls, options: DatasetOptions) -> Self:
        """Find the folder and its questions.

        Raises:
            UsageError: if no folder is given.
            DataError: if the folder or its questions are not there.
        """
        groups = SPLITS.get(options.split, ((f"{options.split}.json",),))
        path = find_questions(options, cls.name, groups[0])
        data = options.data or path.parent
        if options.questions is not None:
            return cls(data, (path,), path.stem)
        others = [[data / name for name in group] for group in groups[1:]]
        rest = [next((p for p in paths if p.is_file()), None) for paths in others]
        return cls(data, (path, *(p for p in rest if p is not None)), options.split)

    def examples(self) -> Sequence[Example]:
        """All questions in file order.

        Raises:
            DataError: naming file and row of what is wrong.
        """
        return self._examples

    @cached_property
    def _examples(self) -> tuple[Example, ...]:
        rows = [(row, f"{f}: row {i}") for f in self.files for i, row in enumerate(_rows(f))]
        for row, where in rows:
            if not isinstance(row, dict):
                raise DataError(f"{where}: not an object: found {row!r:.60}; write {{...}}")
        numbers = [row.get("question_id") for row, _ in rows]
        if not all(type(n) is int for n in numbers) or len(set(numbers)) < len(numbers):
            numbers = list(range(len(rows)))
        return tuple(self._example(*row, n) for row, n in zip(rows, numbers, strict=True))

    def _example(self, row: dict[str, Any], where: str, number: int) -> Example:
        level = text_field(row, ("difficulty",), where)
        return Example(
            id=f"{self.name}-{self.split}-{number:04d}",
            db_id=check_db_id(required_text(row, ("db_id",), where), where),
            question=required_text(row, ("question",), where),
            evidence=text_field(row, ("evidence",), where),
            gold_sql=text_field(row, GOLD_FIELDS, where) or None,
            dataset=self.name,
            split=self.split,
            tags=(level,) if level else (),
        )

    def database_path(self, db_id: str) -> Path | None:
        """The database of `db_id`, or None if it is missing."""
        folders = [self.data / folder.format(split=self.split) for folder in FOLDERS]
        folders += [self.data / "dev_databases", self.data / "train_databases"]
        return find_database(folders, db_id)

    def table_entries(self) -> Mapping[str, Mapping[str, Any]]:
        """The entries of tables.json (BIRD: dev_tables.json) by db_id; none without the file.

        Raises:
            DataError: if the file is not a list of such entries.
        """
        return self._table_entries

    @cached_property
    def _table_entries(self) -> dict[str, dict[str, Any]]:
        names = (self.data / name.format(split=self.split) for name in TABLES)
        path = next((path for path in names if path.is_file()), None)
        if path is None:
            return {}
        entries = parse_json(read_text(path), str(path))
        if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
            raise DataError(f"{path}: not a list of objects; give a file laid out like tables.json")
        return {str(entry.get("db_id")): entry for entry in entries}


def _rows(path: Path) -> list[Any]:
    rows = parse_json(read_text(path), str(path))
    if not isinstance(rows, list) or not rows:
        raise DataError(f"{path}: not a list of questions; give a file laid out like dev.json")
    return rows
