"""Read predictions that were made elsewhere and bring them to the questions they answer.

Three forms, told apart by the file's name and first character:

- one statement a line, in the order of the questions; a blank line is an empty prediction, and
  a tab and the question's db_id may follow the statement, as in Spider's official files;
- JSONL, one object a line, with an id and a statement (`ID_FIELDS`, `SQL_FIELDS`), and where the
  system says so a `confidence` from 0 to 1;
- JSON: a list of such objects or of statements, or an object from id to statement, as BIRD's.

An id is the question's own, or the number at the end of it: 17 is `spider-dev-0017`. Questions
that JSON leaves out have no prediction, which counts as wrong; what a file cannot mean, such as
an id that is used twice, stops with file and line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlkiln.core.errors import DataError
from sqlkiln.core.records import Example, Prediction

ID_FIELDS = ("id", "question_id", "example_id", "idx", "index")
SQL_FIELDS = ("predicted_sql", "pred_sql", "prediction", "predicted", "pred", "sql", "SQL")
BIRD_MARK = "\t----- bird -----\t"

Found = tuple[str, Any, Any, Any]
"""(where it stands, id, statement, confidence or None)"""


def read_predictions(path: Path, examples: Sequence[Example]) -> list[Prediction]:
    """The predictions in `path`, in the order of the file.

    Raises:
        DataError: if the file cannot be read, does not fit the questions, or an id is unknown
            or used twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot read: {path}: {error.strerror}; check --predictions") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text: {error.reason}; save it as UTF-8") from error
    lines = text.replace("\r\n", "\n").split("\n")
    start = text.lstrip()[:1]
    if path.suffix == ".json" and start in ("[", "{"):
        document = _parse(text, str(path)) if not _is_jsonl(lines) else None
        if isinstance(document, list) and all(isinstance(entry, str) for entry in document):
            return _in_order(document, examples, path)
        if document is not None:
            return _by_id(_entries(document, path), examples)
    if path.suffix in (".json", ".jsonl") or start == "{":
        return _by_id(_objects(lines, path), examples)
    return _in_order(_without_end(lines, len(examples)), examples, path)


def _parse(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise DataError(f"{where}: not JSON: {error}; correct it") from error


def _is_jsonl(lines: Sequence[str]) -> bool:
    """Whether a file that calls itself .json holds one object a line."""
    full = [line for line in lines if line.strip()]
    return len(full) > 1 and all(re.fullmatch(r"\s*\{.*\}\s*", line) for line in full)


# --------------------------------------------------------------------------- in order


def _without_end(lines: list[str], needed: int) -> list[str]:
    """Drop what follows the last newline if it is nothing, and blank lines past `needed`."""
    end = len(lines) - 1 if not lines[-1] else len(lines)
    while end > needed and not lines[end - 1].strip():
        end -= 1
    return lines[:end]


def _in_order(
    statements: Sequence[str], examples: Sequence[Example], path: Path
) -> list[Prediction]:
    if len(statements) != len(examples):
        raise DataError(
            f"{path}: wrong number of predictions: {len(statements)} for {len(examples)} "
            "questions; give one a question, in their order, also where a database is missing"
        )
    db_ids = {example.db_id for example in examples}
    predictions = []
    for number, (text, example) in enumerate(zip(statements, examples, strict=True), start=1):
        sql, tab, last = text.strip(" \n").rpartition("\t")
        if tab and last.strip() in db_ids:
            if last.strip() != example.db_id:
                raise DataError(
                    f"{path}:{number}: out of order: the line is for database {last.strip()!r}, "
                    f"question {number} for {example.db_id!r}; put the lines in question order"
                )
            text = sql
        predictions.append(_prediction(example, text))
    return predictions


# --------------------------------------------------------------------------- by id


def _objects(lines: Sequence[str], path: Path) -> Iterator[Found]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            where = f"{path}:{number}"
            yield _found(_parse(line, where), where)


def _entries(document: Any, path: Path) -> Iterator[Found]:
    if isinstance(document, list):
        for number, entry in enumerate(document):
            yield _found(entry, f"{path}: entry {number}")
    else:
        for key, statement in document.items():
            yield f"{path}: entry {key!r}", key, statement, None


def _found(entry: Any, where: str) -> Found:
    if not isinstance(entry, dict):
        raise DataError(f"{where}: not an object: found {entry!r:.60}; write {{...}}")
    found = []
    for fields in (ID_FIELDS, SQL_FIELDS):
        name = next((name for name in fields if name in entry), None)
        if name is None:
            raise DataError(
                f"{where}: no {fields[0]!r}: the fields are {', '.join(entry) or 'none'}; "
                f"name it one of {', '.join(fields)}"
            )
        found.append(entry[name])
    return where, found[0], found[1], entry.get("confidence")


def _by_id(entries: Iterator[Found], examples: Sequence[Example]) -> list[Prediction]:
    ids = {example.id: example for example in examples}
    numbers = _numbers(examples)
    seen: dict[str, str] = {}
    predictions = []
    for where, given, sql, sure in entries:
        example = ids.get(str(given)) or numbers.get(_number(str(given)))
        if example is None:
            raise DataError(
                f"{where}: unknown id: {given!r}; the ids are {examples[0].id} to {examples[-1].id}"
            )
        if example.id in seen:
            raise DataError(
                f"{where}: id used twice: {given!r} is also {seen[example.id]}; remove one"
            )
        if sql is not None and not isinstance(sql, str):
            raise DataError(f"{where}: wrong SQL: found {sql!r:.60}; write text or null")
        if sure is not None and not (isinstance(sure, int | float) and 0 <= sure <= 1):
            raise DataError(f"{where}: wrong confidence: found {sure!r:.60}; write 0 to 1, or null")
        seen[example.id] = where
        predictions.append(_prediction(example, (sql or "").partition(BIRD_MARK)[0], sure))
    return predictions


def _numbers(examples: Sequence[Example]) -> dict[int | None, Example]:
    """The examples by the number at the end of their ids, as far as no two share it."""
    found: dict[int | None, list[Example]] = {}
    for example in examples:
        end = re.search(r"\d+$", example.id)
        found.setdefault(_number(end.group()) if end else None, []).append(example)
    found.pop(None, None)
    return {number: group[0] for number, group in found.items() if len(group) == 1}


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _prediction(example: Example, sql: str, confidence: float | None = None) -> Prediction:
    return Prediction(id=example.id, db_id=example.db_id, sql=sql.strip(), confidence=confidence)
