"""The fixtures of b1, an earlier set of experiments with small text-to-SQL models.

Reads the folder that holds sql-routed-mixed-v1, sql-poc-expanded and the others. The splits:

- synthetic50: questions over five small databases (company, retail, library, school, clinic),
  whose tables and rows are in sql-poc-expanded/schemas/<domain>.sql: scored by execution;
- public64, public24: questions of b-mc2/sql-create-context, which bring CREATE TABLE text and no
  rows (tag `schema_only`): scored by their text;
- mixed114, also called dev: synthetic50 and public64;
- synthetic_train108, public_train512, public_train2048, public_train5567: what was trained on. In
  the last, rows are repeated by weight;
- poc6 and poc_train12: the first trial, over sql-poc/company.sql.

Training rows have question and schema inside an instruction; both are taken out of it.
"""

from __future__ import annotations

import re
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
    "synthetic50": "sql-routed-mixed-v1/synthetic50.jsonl",
    "public64": "sql-routed-mixed-v1/public64.jsonl",
    "public24": "sql-public-bmc2/dev.jsonl",
    "mixed114": "sql-routed-mixed-v1/mixed114.jsonl",
    "dev": "sql-routed-mixed-v1/mixed114.jsonl",
    "synthetic_train108": "sql-poc-expanded/train.jsonl",
    "public_train512": "sql-public-bmc2-train/train.jsonl",
    "public_train2048": "sql-public-bmc2-train-v2/train.jsonl",
    "public_train5567": "sql-public-bmc2-train-v4-joinweighted/train.jsonl",
    "poc6": "sql-poc/dev.jsonl",
    "poc_train12": "sql-poc/train.jsonl",
}
"""The file of each split."""

_INSTRUCTION = re.compile(r"(?s).*? Schema: (?P<schema>.*?)\. Question: (?P<question>.*)")


class B1:
    """One split of the fixtures."""

    name = "b1"

    def __init__(self, data: Path, path: Path, split: str) -> None:
        """Read the questions in `path`; use `open` to find them."""
        self.data = data
        self.path = path
        self.split = split

    @classmethod
    def open(cls, options: DatasetOptions) -> Self:
        """Find the file of the split.

        Raises:
            UsageError: if no folder is given.
            DataError: if there is no such split, or its file is not there.
        """
        name = FILES.get(options.split)
        if name is None and options.questions is None:
            raise DataError(f"no such split of b1: {options.split!r}; there are {', '.join(FILES)}")
        path = find_questions(options, cls.name, [str(name)])
        split = options.split if options.questions is None else path.stem
        return cls(options.data or path.parent, path, split)

    def examples(self) -> Sequence[Example]:
        """All questions in file order, tagged by curriculum or domain.

        Raises:
            DataError: naming file and line of what is wrong.
        """
        return self._content[0]

    def database_path(self, db_id: str) -> Path | None:
        """The database of a domain or of one context, built if need be; None if it cannot be."""
        return self._content[1].path(db_id)

    @cached_property
    def _content(self) -> tuple[tuple[Example, ...], Scripts]:
        scripts = Scripts(self.name)
        examples: dict[str, Example] = {}
        for number, line in enumerate(read_text(self.path).split("\n"), start=1):
            if not line.strip():
                continue
            where = f"{self.path}:{number}"
            row = parse_json(line, where)
            if not isinstance(row, dict):
                raise DataError(f"{where}: not an object: found {row!r:.60}; write {{...}}")
            example = self._example(row, f"{self.split}-{number - 1:03d}", scripts, where)
            if example.id in examples:
                raise DataError(f"{where}: id used before: {example.id!r}; give every row its own")
            examples[example.id] = example
        if not examples:
            raise DataError(f"{self.path}: no questions in it; write one JSON object a line")
        return tuple(examples.values()), scripts

    def _example(self, row: dict[str, Any], place: str, scripts: Scripts, where: str) -> Example:
        asked = text_field(row, ("question",), where)
        told = text_field(row, ("instruction", "prompt"), where)
        found = _INSTRUCTION.fullmatch(told)
        schema = text_field(row, ("schema",), where) or (found["schema"] if found else "")
        question = asked or (found["question"] if found else told)
        if not question.strip():
            required_text(row, ("question", "instruction"), where)
        curriculum = text_field(row, ("curriculum", "domain"), where)
        tags = (curriculum,) if curriculum else ()
        if schema.upper().startswith("CREATE TABLE"):
            db_id = scripts.add_context("public", schema)
            tags = (*tags, SCHEMA_ONLY)
        else:
            db_id = self._domain(row, scripts, where)
        return Example(
            id=text_field(row, ("id",), where) or place,
            db_id=db_id,
            question=question,
            gold_sql=text_field(row, ("gold_sql", "response"), where) or None,
            dataset=self.name,
            split=self.split,
            tags=tags,
        )

    def _domain(self, row: dict[str, Any], scripts: Scripts, where: str) -> str:
        """The database that a row names, or the only one there was before rows did."""
        named = text_field(row, ("domain", "db"), where).removesuffix(".db") or "company"
        domain = check_db_id(named, where)
        here, expanded = self.path.parent, self.data / "sql-poc-expanded"
        places = [folder / f"{domain}.sql" for folder in (here, expanded / "schemas")]
        script = next((path for path in places if path.is_file()), None)
        if script is not None and domain not in scripts.texts:
            scripts.texts[domain] = read_text(script)
        return domain
