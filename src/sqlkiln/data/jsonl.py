"""Questions of one's own, one JSON object a line.

    {"id": "q1", "question": "...", "gold_sql": "SELECT ...", "db_id": "shop"}

`question` must be there, and the database: `db_id`, found as DIR/<db_id>/<db_id>.sqlite or
DIR/<db_id>.sqlite (also .sqlite3, .db, .duckdb) in the `--data` folder, or the folder of the file
if none is given; or `database` (or `db`), a path relative to the file or to the `--data` folder.
`gold_sql` (or `query`, `SQL`, `sql`), `evidence` and `id` may be left out; other fields are passed
over. It does not read Spider's dev.json (see `data.spider`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.core.plugins import DatasetOptions
from sqlkiln.core.records import Example
from sqlkiln.data.rows import (
    GOLD_FIELDS,
    check_db_id,
    find_database,
    parse_json,
    read_text,
    required_text,
    text_field,
)

PATH_FIELDS = ("database", "db", "db_path")


class Jsonl:
    """One file of questions, and the databases that its rows name."""

    name = "jsonl"

    def __init__(self, path: Path, folders: Sequence[Path]) -> None:
        """Read the questions in `path`, with databases in `folders`; use `open` to find them."""
        self.path = path
        self.folders = tuple(folders)

    @classmethod
    def open(cls, options: DatasetOptions) -> Self:
        """Find the file: `questions`, or `<split>.jsonl` in the folder `data`.

        Raises:
            UsageError: if neither is given.
            DataError: if there is no such file or folder.
        """
        if options.data is not None and not options.data.is_dir():
            raise DataError(f"no such folder: {options.data}; check --data")
        if options.questions is None and options.data is None:
            raise UsageError("no questions given for the dataset jsonl; add --questions FILE.jsonl")
        path = options.questions or Path(f"{options.split}.jsonl")
        beside = [path] if options.questions is not None else []
        if options.data is not None:
            beside.append(options.data / path)
        found = next((candidate for candidate in beside if candidate.is_file()), None)
        if found is None:
            raise DataError(f"no such file: {beside[-1]}; check --questions, --data and --split")
        return cls(found, [options.data] if options.data is not None else [found.parent])

    def examples(self) -> Sequence[Example]:
        """All questions in file order.

        Raises:
            DataError: naming file and line of what is wrong.
        """
        return self._content[0]

    def database_path(self, db_id: str) -> Path | None:
        """The database of `db_id`, or None if it is missing."""
        paths = self._content[1]
        if db_id not in paths:
            return find_database(self.folders, db_id)
        beside = [folder / paths[db_id] for folder in (self.path.parent, *self.folders)]
        return next((path for path in beside if path.exists()), None)

    @cached_property
    def _content(self) -> tuple[tuple[Example, ...], dict[str, Path]]:
        """The questions, and the paths of those databases that rows name by path."""
        examples: dict[str, Example] = {}
        paths: dict[str, Path] = {}
        for number, line in enumerate(read_text(self.path).split("\n"), start=1):
            if not line.strip():
                continue
            where = f"{self.path}:{number}"
            row = parse_json(line, where)
            if not isinstance(row, dict):
                raise DataError(f"{where}: not an object: found {row!r:.60}; write {{...}}")
            example = self._example(row, number, where)
            if example.id in examples:
                raise DataError(f"{where}: id used before: {example.id!r}; give every row its own")
            examples[example.id] = example
            if text_field(row, PATH_FIELDS, where):
                self._note_path(paths, example.db_id, row, where)
        if not examples:
            raise DataError(f"{self.path}: no questions in it; write one JSON object a line")
        return tuple(examples.values()), paths

    def _example(self, row: dict[str, Any], number: int, where: str) -> Example:
        given = row.get("id", f"{self.path.stem}-{number:04d}")
        if isinstance(given, bool) or not isinstance(given, int | str) or not str(given).strip():
            raise DataError(f"{where}: wrong field 'id': found {given!r}; write text or a number")
        named = text_field(row, ("db_id",), where)
        path = text_field(row, PATH_FIELDS, where)
        if not named and not path:
            required_text(row, ("db_id", *PATH_FIELDS), where)
        return Example(
            id=str(given),
            db_id=check_db_id(named or Path(path).stem, where),
            question=required_text(row, ("question",), where),
            evidence=text_field(row, ("evidence",), where),
            gold_sql=text_field(row, GOLD_FIELDS, where) or None,
            dataset=self.name,
            split=self.path.stem,
        )

    def _note_path(
        self, paths: dict[str, Path], db_id: str, row: dict[str, Any], where: str
    ) -> None:
        path = Path(text_field(row, PATH_FIELDS, where))
        if paths.setdefault(db_id, path) != path:
            raise DataError(
                f"{where}: two databases of one name: {db_id!r} is {paths[db_id]} and {path}; "
                "give them different db_id"
            )
