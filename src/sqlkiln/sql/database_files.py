"""CSV, TSV, Parquet and JSON files as tables of an in-memory DuckDB.

Runs in the child process; `reader` and `data_files` in the parent too, to recognise a path.
"""

import os
import re
from typing import TYPE_CHECKING

from sqlkiln.core.errors import DatabaseUnreadable
from sqlkiln.sql.database_samples import quoted

if TYPE_CHECKING:
    import duckdb

_READERS = {
    ".csv": "read_csv",
    ".tsv": "read_csv",
    ".parquet": "read_parquet",
    ".json": "read_json",
    ".jsonl": "read_json",
    ".ndjson": "read_json",
}
_COMPRESSED = (".gz", ".zst")
_CSV_TRIES = ("", ", sample_size=-1", ", sample_size=-1, encoding='latin-1'")
"""Types guessed from the first rows; from all rows; and for files that are not UTF-8."""

NOTHING = ("NA", "N/A", "n/a", "NULL", "null", "None", "none", "-", ".", "?")
"""What stands in a CSV file for no value; an empty field does anyway."""

_AMOUNTS = r"BIGINT|DOUBLE|DATE|TIME"
"""No truth values: a column of NO and NA may be one of countries."""


def reader(path: str) -> str | None:
    """The DuckDB function that reads files named like `path`."""
    stem, suffix = os.path.splitext(path.lower())
    if suffix in _COMPRESSED:
        suffix = os.path.splitext(stem)[1]
    return _READERS.get(suffix)


def data_files(path: str) -> list[str]:
    """`path` itself, or the data files right inside it by name; those of no bytes left out."""
    if not os.path.isdir(path):
        return [path]
    inside = (os.path.join(path, name) for name in sorted(os.listdir(path)))
    return [p for p in inside if reader(p) and os.path.isfile(p) and os.path.getsize(p)]


def table_names(paths: list[str]) -> dict[str, str]:
    """Table name -> path. Names come from the files; what needs quoting becomes `_`."""
    names: dict[str, str] = {}
    for path in paths:
        stem = os.path.basename(path)
        while reader(stem):
            stem = os.path.splitext(stem)[0]
        stem = re.sub(r"\W+", "_", os.path.splitext(stem)[0] if "." in stem else stem).strip("_")
        name = stem = f"t_{stem}" if not stem or stem[0].isdigit() else stem
        taken, number = {known.lower() for known in names}, 1
        while name.lower() in taken:
            number += 1
            name = f"{stem}_{number}"
        names[name] = path
    return names


def load(connection: "duckdb.DuckDBPyConnection", path: str, room_bytes: int) -> None:
    """Make one table of each data file, copied while there is `room_bytes`, else read in place.

    Afterwards no other file can be reached through `connection`.

    Raises:
        DatabaseUnreadable: if there is no data file, or one cannot be read.
    """
    tables = table_names(data_files(path))
    if not tables:
        raise DatabaseUnreadable(
            f"nothing to read: {path} holds no CSV, TSV, Parquet or JSON file with data in it; "
            "give a database file or a folder with such files"
        )
    in_place: list[str] = []
    for name, file in tables.items():
        size = os.path.getsize(file)
        if size == 0:
            raise DatabaseUnreadable(f"empty file: {file} has no bytes; give a file with data")
        copied = size <= room_bytes and _create(connection, "TABLE", name, file)
        if copied:
            room_bytes -= size
        else:
            _create(connection, "VIEW", name, file)
            in_place += [file, _unglobbed(file)]
    allowed = ", ".join(_literal(file) for file in in_place)
    connection.execute(f"SET allowed_paths = [{allowed}]")


def _create(connection: "duckdb.DuckDBPyConnection", kind: str, name: str, file: str) -> bool:
    """Whether it could be made; False when a copy would not fit into memory."""
    import duckdb

    function, path = reader(file), _literal(_unglobbed(file))
    tries = _CSV_TRIES if function == "read_csv" else ("",)
    attempts = [("*", f"{function}({path}{options})") for options in tries]
    if function == "read_csv" and kind == "TABLE":
        attempts.insert(0, (_without_nothing(connection, path), attempts[0][1]))
    failure: Exception | None = None
    for shown, source in attempts:
        try:
            connection.execute(f'CREATE {kind} "{name}" AS SELECT {shown} FROM {source}')  # noqa: S608
            return True
        except duckdb.OutOfMemoryException:
            return False
        except duckdb.Error as error:
            failure = failure or error
    found = str(failure).split("\n", 1)[0]
    raise DatabaseUnreadable(
        f"cannot read the data: {file}: {found}; check that it is what its name says"
    )


def _without_nothing(connection: "duckdb.DuckDBPyConnection", path: str) -> str:
    """What to select of a CSV file, so that numbers and dates are such in spite of `NOTHING`.

    A column of texts stays as it is: there `NA` may be Namibia.
    """
    import duckdb

    nothing = ", ".join(map(_literal, NOTHING))
    try:
        plain = _types(connection, f"read_csv({path})")
        # All rows are looked at: a cast to whole numbers would round a late 0.5 and not fail.
        told = _types(connection, f"read_csv({path}, sample_size=-1, nullstr=['', {nothing}])")
    except duckdb.Error:
        return "*"
    casts = [
        f"CAST(CASE WHEN {name} NOT IN ({nothing}) THEN {name} END AS {told[name]}) AS {name}"
        for name, kind in plain.items()
        if kind == "VARCHAR" and re.match(_AMOUNTS, told.get(name, kind))
    ]
    return f"* REPLACE ({', '.join(casts)})" if casts else "*"


def _types(connection: "duckdb.DuckDBPyConnection", source: str) -> dict[str, str]:
    """Quoted names of columns, and what they hold as far as DuckDB looks."""
    rows = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608
    return {quoted(str(row[0])): str(row[1]) for row in rows}


def _unglobbed(path: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", path)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
