"""Rows of other people's files: fields under several names, and where their databases lie."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.core.plugins import DatasetOptions

GOLD_FIELDS = ("gold_sql", "query", "SQL", "sql")
SUFFIXES = (".sqlite", ".sqlite3", ".db", ".duckdb")


def find_questions(options: DatasetOptions, dataset: str, names: Sequence[str]) -> Path:
    """The file of questions that was given, or else the first of `names` in the data folder.

    Raises:
        UsageError: if no folder is given.
        DataError: if the folder or the file is not there.
    """
    data, given = options.data, options.questions
    if data is None:
        raise UsageError(f"no folder given for the dataset {dataset}; add --data DIR")
    if not data.is_dir():
        raise DataError(f"no such folder: {data}; check --data")
    places = [data / name for name in names] if given is None else [given, data / given]
    found = next((path for path in places if path.is_file()), None)
    if found is not None:
        return found
    if given is not None:
        raise DataError(f"no such file: {given}; check --questions")
    raise DataError(
        f"no questions of split {options.split!r}: {data} has no {' or '.join(names[:3])}; "
        "check --data and --split, or give --questions"
    )


def read_text(path: Path) -> str:
    """The file as text, with or without a byte order mark.

    Raises:
        DataError: if it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot read: {path}: {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text: {error.reason}; save it as UTF-8") from error


def parse_json(text: str, where: str) -> Any:
    """Parse JSON; `where` opens the message of the `DataError` that is raised if it is none."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise DataError(f"{where}: not JSON: {error}; correct it") from error


def text_field(row: Mapping[str, Any], names: Sequence[str], where: str) -> str:
    """The text in the first of the fields `names` that holds any, '' if none does.

    A field that holds an object or a list is passed over: Spider keeps a parse under "sql".

    Raises:
        DataError: if the field holds a number or truth value.
    """
    for name in names:
        value = row.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if value is not None and not isinstance(value, str | list | dict):
            raise DataError(f"{where}: wrong field {name!r}: found {value!r}; write text")
    return ""


def required_text(row: Mapping[str, Any], names: Sequence[str], where: str) -> str:
    """As `text_field`; raises `DataError` if there is no text."""
    text = text_field(row, names, where)
    if not text:
        has = ", ".join(row) or "nothing"
        raise DataError(f"{where}: no {' or '.join(names)}: the row has {has}; add it")
    return text


def check_db_id(db_id: str, where: str) -> str:
    """Return `db_id` if it is a plain name.

    Raises:
        DataError: if it would lead out of the folder of databases.
    """
    if db_id in (".", "..") or any(mark in db_id for mark in "/\\\0"):
        raise DataError(f"{where}: wrong db_id: {db_id!r} is a path; write a plain name")
    return db_id


def find_database(folders: Iterable[Path], db_id: str) -> Path | None:
    """The file of `db_id` in the first folder that has it, `ID/ID.sqlite` before `ID.sqlite`."""
    for folder in folders:
        for stem in (folder / db_id / db_id, folder / db_id):
            for suffix in SUFFIXES:
                path = stem.with_name(stem.name + suffix)
                if path.is_file():
                    return path
    return None
