"""Writes an SQLite file from CREATE statements and rows: the one place that does.

The file is put together in memory and written at once, so nobody ever sees half of it, and the
same tables give the same bytes (with one version of SQLite). Databases of users are only ever
read: see `sql.database`.

The CREATE statements may come from files that others wrote. They cannot reach another file, and
they have `SCRIPT_S` seconds; of PRAGMAs only `page_size` and `encoding` have an effect.
"""

import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from sqlkiln.core.errors import DataError
from sqlkiln.core.files import write_atomic
from sqlkiln.core.records import Cell

_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100
SCRIPT_S = 30.0
_PRAGMAS = {"page_size", "encoding"}
_STEPS_BETWEEN_LOOKS_AT_THE_CLOCK = 10_000


def create_sqlite(
    path: Path,
    ddl: str,
    rows: Mapping[str, Iterable[Sequence[Cell]]],
    *,
    application_id: int = 0,
    user_version: int = 0,
) -> None:
    """Write `path` anew, with the tables of `ddl` and their `rows` by table name.

    `ddl` may insert rows too. `application_id` and `user_version` are the two 32-bit numbers that
    SQLite leaves to the writer of a file; `read_stamp` gives them back.

    Raises:
        DataError: if the tables cannot hold the rows, or a foreign key leads nowhere.
        StorageFull: if there is no room.
        EnvironmentFault: if `path` cannot be written for another reason.
    """
    try:
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            _run_script(connection, ddl)
            connection.execute("BEGIN")
            for table, records in rows.items():
                _insert(connection, table, records)
            connection.execute("COMMIT")
            broken = connection.execute("PRAGMA foreign_key_check").fetchone()
            if broken:
                raise DataError(
                    f"cannot build {path}: a row of {broken[0]!r} refers to a row that is not in "
                    f"{broken[2]!r}; correct the rows"
                )
            connection.execute(f"PRAGMA application_id = {application_id:d}")
            connection.execute(f"PRAGMA user_version = {user_version:d}")
            content = connection.serialize()
    except sqlite3.Error as error:
        raise DataError(f"cannot build {path}: {error}; correct the tables or rows") from error
    write_atomic(path, content)


def _run_script(connection: sqlite3.Connection, script: str) -> None:
    deadline = time.monotonic() + SCRIPT_S
    connection.set_authorizer(_allow)
    connection.set_progress_handler(
        lambda: time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS_AT_THE_CLOCK
    )
    connection.executescript(script)
    connection.set_authorizer(None)
    connection.set_progress_handler(None, 0)
    if connection.in_transaction:
        connection.execute("COMMIT")


def _allow(action: int, first: str | None, *_: str | None) -> int:
    if action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH):
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA and (first or "").lower() not in _PRAGMAS:
        return sqlite3.SQLITE_IGNORE
    return sqlite3.SQLITE_OK


def _insert(connection: sqlite3.Connection, table: str, rows: Iterable[Sequence[Cell]]) -> None:
    quoted = '"' + table.replace('"', '""') + '"'
    width = len(connection.execute(f"SELECT * FROM {quoted} LIMIT 0").description)  # noqa: S608
    marks = ", ".join("?" * width)
    connection.executemany(f"INSERT INTO {quoted} VALUES ({marks})", rows)  # noqa: S608


def read_stamp(path: Path) -> tuple[int, int] | None:
    """(application_id, user_version) in the header of `path`; None if it is no SQLite file.

    Raises:
        DataError: if `path` cannot be read.
    """
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError as error:
        raise DataError(
            f"cannot read: {path}: {error.strerror}; check the path and its permissions"
        ) from error
    if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
        return None
    return _number(header, 68), _number(header, 60)


def _number(header: bytes, at: int) -> int:
    return int.from_bytes(header[at : at + 4], "big", signed=True)
