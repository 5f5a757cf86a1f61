"""Questions that bring their own CREATE TABLE text, as b-mc2/sql-create-context has them.

Reads JSON, a list of {"question", "context", "answer"} with or without "db_id": the Spider
questions in that form (spider_create_context_val.json and _train.json), or
sql_create_context_v4.json, which has one split, train. A context names the tables and columns
that the answer uses; there are no rows. So each context becomes an SQLite database without rows,
in the cache, which gives the prompt its schema, and the examples are tagged `schema_only`: they
are scored by their text.

A `db_id` here is one context's: Spider's name and a hash of the context.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from sqlkiln.core.errors import DataError
from sqlkiln.core.plugins import DatasetOptions
from sqlkiln.core.records import SCHEMA_ONLY, Example
from sqlkiln.data.built import Scripts
from sqlkiln.data.rows import (
    check_db_id,
    find_questions,
    parse_json,
    read_text,
    required_text,
    text_field,
)

FILES = {
    "dev": ("spider_create_context_val.json", "val.json", "dev.json"),
    "train": ("spider_create_context_train.json", "sql_create_context_v4.json", "train.json"),
}


class CreateContext:
    """One file of questions with their contexts."""

    name = "create_context"

    def __init__(self, path: Path, split: str) -> None:
        """Read the questions in `path`; use `open` to find them."""
        self.path = path
        self.split = split

    @classmethod
    def open(cls, options: DatasetOptions) -> Self:
        """Find the file of questions.

        Raises:
            UsageError: if no folder is given.
            DataError: if the folder or its questions are not there.
        """
        names = FILES.get(options.split, (f"{options.split}.json",))
        path = find_questions(options, cls.name, names)
        return cls(path, options.split if options.questions is None else path.stem)

    def examples(self) -> Sequence[Example]:
        """All questions in file order.

        Raises:
            DataError: naming file and row of what is wrong.
        """
        return self._content[0]

    def database_path(self, db_id: str) -> Path | None:
        """The database of one context, built if it is not there yet; None if it cannot be."""
        return self._content[1].path(db_id)

    @cached_property
    def _content(self) -> tuple[tuple[Example, ...], Scripts]:
        rows = parse_json(read_text(self.path), str(self.path))
        if not isinstance(rows, list) or not rows:
            raise DataError(f"{self.path}: not a list of questions; give a file as the docs show")
        scripts = Scripts(self.name)
        examples = [self._example(row, number, scripts) for number, row in enumerate(rows)]
        return tuple(examples), scripts

    def _example(self, row: Any, number: int, scripts: Scripts) -> Example:
        where = f"{self.path}: row {number}"
        if not isinstance(row, dict):
            raise DataError(f"{where}: not an object: found {row!r:.60}; write {{...}}")
        stem = check_db_id(text_field(row, ("db_id",), where) or "context", where)
        return Example(
            id=f"{self.name}-{self.split}-{number:04d}",
            db_id=scripts.add_context(stem, required_text(row, ("context",), where)),
            question=required_text(row, ("question",), where),
            gold_sql=text_field(row, ("answer",), where) or None,
            dataset=self.name,
            split=self.split,
            tags=(SCHEMA_ONLY,),
        )
