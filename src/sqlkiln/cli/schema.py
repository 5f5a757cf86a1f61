"""`sqlkiln schema`: what a database holds, as text, as a Mermaid diagram or as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sqlkiln.core.errors import UsageError

if TYPE_CHECKING:
    from sqlkiln.core.records import DatabaseSchema


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(schema)


def schema(
    database: Annotated[
        Path, typer.Argument(metavar="DB", help="SQLite or DuckDB file, CSV, Parquet or a folder.")
    ],
    as_mermaid: Annotated[
        bool, typer.Option("--mermaid", help="Print a Mermaid entity-relationship diagram.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    samples: Annotated[int, typer.Option(min=0, help="Values to show of each column.")] = 3,
    table: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this table; repeatable.")
    ] = None,
) -> None:
    """Show the tables of a database.

    With columns, types, keys, row counts and sample values.
    """
    if as_mermaid and as_json:
        raise UsageError("--mermaid and --json exclude one another; choose one")
    from sqlkiln.core.plugins import open_database
    from sqlkiln.sql.implied_keys import with_implied_keys
    from sqlkiln.sql.schema import mermaid, schema_text

    opened = open_database(database)
    try:
        declared = opened.schema(0 if as_mermaid else samples)
        found = with_implied_keys(declared, opened)
    finally:
        opened.close()
    if found != declared:
        number = sum(len(table.foreign_keys) for table in found.tables)
        typer.echo(
            f"no foreign keys are declared; those shown are read off names and values: {number}",
            err=True,
        )
    if table:
        found = only(found, table)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    elif as_mermaid:
        typer.echo(mermaid(found), nl=False)
    else:
        for line in schema_text(found).splitlines():
            typer.echo(line if line.startswith(" ") else typer.style(line, bold=True))


def only(schema: DatabaseSchema, names: list[str]) -> DatabaseSchema:
    """The schema with the tables `names` alone, in the order of the schema.

    Raises:
        UsageError: if there is no such table; names those that look alike.
    """
    known = {table.name.lower(): table for table in schema.tables}
    for name in names:
        if name.lower() not in known:
            raise UsageError(f"no such table: {name!r}; {_suggestion(name, schema)}")
    wanted = {name.lower() for name in names}
    tables = tuple(table for table in schema.tables if table.name.lower() in wanted)
    return schema.model_copy(update={"tables": tables})


def _suggestion(name: str, schema: DatabaseSchema) -> str:
    from difflib import get_close_matches

    names = {table.name.lower(): table.name for table in schema.tables}
    close = [names[match] for match in get_close_matches(name.lower(), list(names), 3)]
    if close:
        return f"did you mean {' or '.join(map(repr, close))}?"
    listed = ", ".join(list(names.values())[:10])
    return f"the tables are {listed}{', ...' * (len(names) > 10)}"
