"""Databases that a dataset brings as text, built as SQLite files in the cache when asked for.

A file lies in a folder named after the hash of its content, so that it never has to be replaced:
another text is another file.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from sqlkiln.core.cache import cache_folder
from sqlkiln.core.errors import DataError
from sqlkiln.core.records import Row
from sqlkiln.sql.database_build import create_sqlite

logging.getLogger("sqlglot").setLevel(logging.ERROR)
_log = logging.getLogger(__name__)


def build_database(
    dataset: str, db_id: str, ddl: str, rows: Mapping[str, Sequence[Row]] | None = None
) -> Path:
    """The database of `ddl` and the rows by table, built if it is not there yet.

    Raises:
        DataError: if the tables cannot be created, or cannot hold the rows.
        EnvironmentFault: if the cache cannot be written.
    """
    content = json.dumps([ddl, rows or {}], default=repr)
    digest = hashlib.sha256(content.encode()).hexdigest()
    path = cache_folder(dataset) / digest[:16] / f"{db_id}.sqlite"
    if not path.exists():
        create_sqlite(path, ddl, rows or {})
    return path


@dataclass
class Scripts:
    """Databases that are known as scripts: CREATE TABLE, and for some INSERT."""

    dataset: str
    texts: dict[str, str] = field(default_factory=dict)

    def add_context(self, stem: str, context: str) -> str:
        """Take tables that come with one question; return their db_id, one for one text."""
        db_id = f"{stem}-{hashlib.sha256(context.encode()).hexdigest()[:8]}"
        self.texts[db_id] = context
        return db_id

    def path(self, db_id: str) -> Path | None:
        """The database of `db_id`; None, with a warning in the log, if its script is no good.

        Tables that are created twice are merged into one.
        """
        text = self.texts.get(db_id)
        if text is None:
            return None
        try:
            return build_database(self.dataset, db_id, text)
        except DataError:
            mended = merge_tables(text)
        try:
            return build_database(self.dataset, db_id, mended)
        except DataError as error:
            _log.warning("%s: left out: %s", self.dataset, error)
            return None


def merge_tables(script: str) -> str:
    """Let a script of CREATE TABLE create every table and column once; others are left alone.

    Contexts were put together by a program from the SQL that they go with: about one in twenty
    creates a table twice, with other columns each time, or has a column twice.
    """
    tables: dict[str, tuple[str, dict[str, str]]] = {}
    for statement in _statements(script):
        if not isinstance(statement, exp.Create) or not isinstance(statement.this, exp.Schema):
            return script
        table = statement.this.this
        _, columns = tables.setdefault(table.name.lower(), (table.sql("sqlite"), {}))
        for column in statement.this.expressions:
            text = column.sql("sqlite")
            columns.setdefault(column.name.lower() or text, text)
    merged = (f"CREATE TABLE {name} ({', '.join(c.values())});" for name, c in tables.values())
    return "\n".join(merged)


def _statements(context: str) -> list[exp.Expr | None]:
    try:
        return list(sqlglot.parse(context, dialect="sqlite"))
    except (SqlglotError, RecursionError):
        return [None]
