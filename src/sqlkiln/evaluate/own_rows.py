"""Questions of a user's own about one database, as a file that the dataset `jsonl` reads.

Reads JSONL rows with `question` and `gold_sql` (or what else `data.jsonl` takes for it). Rows need
not say which database they are about; those that name another one are left out. Writes a file of
the cache folder, named by its content.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from sqlkiln.core.cache import cache_folder
from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.core.store import write_atomic

PLACES = ("database", "db", "db_path")


def about_database(rows: Path, database: Path) -> tuple[Path, int]:
    """The rows about `database`, in a file that names it; and how many were left out.

    Raises:
        DataError: if there is no such file, or a line is no JSON object.
        UsageError: if no row is about the database.
    """
    try:
        lines = rows.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read: {rows}: {error}; check --questions") from error
    name, kept, others = database.stem, list[str](), 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        row = _parsed(line, f"{rows}:{number}")
        if _named(row) not in (None, name):
            others += 1
            continue
        about = {key: value for key, value in row.items() if key not in (*PLACES, "db_id")}
        about |= {"database": str(database.resolve()), "db_id": name}
        kept.append(json.dumps({"id": f"{rows.stem}-{number:04d}"} | about, ensure_ascii=False))
    if not kept:
        found = f"{others} are about others" if others else "it is empty"
        raise UsageError(
            f"no question about {database.name} in {rows}: {found}; write one JSON object a line, "
            "with question and gold_sql"
        )
    text = "\n".join(kept) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    path = cache_folder("budget") / "questions" / f"{digest[:24]}.jsonl"
    write_atomic(path, text)
    return path, others


def _parsed(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(f"{where}: not JSON: {error}; correct or remove it") from error
    if not isinstance(row, dict):
        raise DataError(f"{where}: not an object: found {row!r:.60}; write {{...}}")
    return row


def _named(row: dict[str, Any]) -> str | None:
    """The database that a row says it is about; None if it does not say."""
    if row.get("db_id"):
        return str(row["db_id"])
    place = next((row[key] for key in PLACES if row.get(key)), None)
    return Path(str(place)).stem if place is not None else None
