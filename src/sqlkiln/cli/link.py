"""`sqlkiln link`: which tables, columns and values of a database a question is about, and why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from sqlkiln.core.records import DatabaseSchema
    from sqlkiln.prompt.link import Focused, Linked
    from sqlkiln.sql.values import IndexFacts

_SHOWN_PARTIAL = 5


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(link)


def link(
    database: Annotated[
        Path, typer.Argument(metavar="DB", help="SQLite or DuckDB file, CSV, Parquet or a folder.")
    ],
    question: Annotated[str, typer.Argument(help="In plain English.")],
    evidence: Annotated[str, typer.Option(help="What else is known about the question.")] = "",
    budget: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="TOKENS", help="What the schema may take, if not as in prompts."
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Tables and columns to print.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what of a database a question is about.

    Tables and columns with the chance that the answer needs them, values that the question
    mentions, and the schema as `ask` and +link put it into a prompt, which is all of it where that
    is small. No model is asked.
    """
    from sqlkiln.core.errors import DatabaseUnreadable
    from sqlkiln.core.plugins import open_database
    from sqlkiln.prompt.link import focus
    from sqlkiln.prompt.link import link as ranked
    from sqlkiln.prompt.render import check_question
    from sqlkiln.prompt.schema import read_schema
    from sqlkiln.search.shown import fitting
    from sqlkiln.sql.values import open_index

    line = check_question(question)
    opened = open_database(database)
    try:
        schema = read_schema(opened)
        if not schema.tables:
            raise DatabaseUnreadable(
                f"nothing to ask about: {database} has no tables; choose a database with data"
            )
        with open_index(opened, schema) as index:
            hits, facts = index.search(f"{line}\n{evidence}".strip()), index.facts
    finally:
        opened.close()
    linked = ranked(schema, line, hits, evidence)
    focused = (
        fitting(schema, line, hits, evidence)
        if budget is None
        else focus(schema, linked, budget_tokens=budget)
    )
    if as_json:
        import json

        typer.echo(json.dumps(_data(line, schema, linked, focused, facts), indent=2))
    else:
        _show(schema, linked, focused, facts, top)


def _data(
    question: str, schema: DatabaseSchema, linked: Linked, focused: Focused, facts: IndexFacts
) -> dict[str, Any]:
    from dataclasses import asdict

    shown = {(t.name, c.name) for t in focused.schema.tables for c in t.columns}
    omitted = set(focused.omitted)
    return {
        "question": question,
        "db_id": schema.db_id,
        "tables": [asdict(t) | {"shown": t.name not in omitted} for t in linked.tables],
        "columns": [asdict(c) | {"shown": (c.table, c.name) in shown} for c in linked.columns],
        "values": [asdict(hit) for hit in linked.hits],
        "schema": {
            "tables": len(schema.tables),
            "tables_shown": len(focused.schema.tables),
            "columns": sum(len(table.columns) for table in schema.tables),
            "columns_shown": len(shown),
            "omitted": list(focused.omitted),
        },
        "index": {
            "texts": facts.texts,
            "partial": [
                {"table": table, "column": column, "why": why}
                for table, column, why in facts.partial
            ],
        },
    }


def _show(
    schema: DatabaseSchema, linked: Linked, focused: Focused, facts: IndexFacts, top: int
) -> None:
    from sqlkiln.prompt.serialize import serialize
    from sqlkiln.search.shown import told

    tables = [(f"{t.score:.2f}", t.name, "; ".join(t.reasons)) for t in linked.tables[:top]]
    columns = [
        (f"{c.score:.2f}", f"{c.table}.{c.name}", "; ".join(c.reasons))
        for c in linked.columns[:top]
    ]
    values = [
        (f"{h.score:.2f}", f"{h.table}.{h.column} = {h.value!r}", f"{h.phrase!r}: {h.reason}")
        for h in linked.hits
    ]
    for title, rows in (("Tables", tables), ("Columns", columns), ("Values", values)):
        if rows:
            typer.secho(title, bold=True)
            for line in _aligned(rows):
                typer.echo(f"  {line}")
    typer.secho("Schema", bold=True)
    for line in serialize(focused.schema).splitlines():
        typer.echo(f"  {line}".rstrip())
    if cut := told(schema, focused):
        typer.echo(cut)
    if facts.partial:
        typer.secho(_partly_read(facts), fg="yellow", err=True)


def _partly_read(facts: IndexFacts) -> str:
    some = "; ".join(f"{t}.{c}: {why}" for t, c, why in facts.partial[:_SHOWN_PARTIAL])
    more = len(facts.partial) - _SHOWN_PARTIAL
    rest = f"; and {more} more" if more > 0 else ""
    return _printable(f"not all values were looked through: {some}{rest}")


def _aligned(rows: Sequence[tuple[str, str, str]]) -> list[str]:
    rows = [(a, _printable(b), _printable(c)) for a, b, c in rows]
    width = max(len(row[1]) for row in rows)
    return [f"{a}  {b:{width}}  {c}".rstrip() for a, b, c in rows]


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
