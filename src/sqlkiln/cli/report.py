"""`sqlkiln report`: what came of runs, to look at."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sqlkiln.core.errors import UsageError


class Form(StrEnum):
    """What a report can be."""

    HTML = "html"
    MARKDOWN = "md"
    CSV = "csv"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(report)


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Evaluated runs.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to; without, html is report.html.")
    ] = None,
    form: Annotated[
        Form | None, typer.Option("--format", help="If not given, what the name of FILE says.")
    ] = None,
) -> None:
    """Make a report of one run or several.

    HTML is one file with charts and all rows, which needs no network. Markdown has the tables,
    CSV the rows; without --out these two go to standard output.
    """
    from sqlkiln.core.files import write_atomic
    from sqlkiln.report.render import render

    chosen = form or _form_of(out)
    text = render(runs, chosen.value)
    if out is None and chosen is not Form.HTML:
        typer.echo(text, nl=False)
        return
    path = out or Path("report.html")
    write_atomic(path, text)
    typer.echo(f"written to {path} ({len(text.encode()) / 2**20:.1f} MiB)", err=True)


def _form_of(out: Path | None) -> Form:
    if out is None:
        return Form.HTML
    kind = out.suffix.removeprefix(".").lower()
    if kind not in set(Form):
        raise UsageError(
            f"unknown format: {out.name} does not end with .html, .md or .csv; rename it or "
            "give --format"
        )
    return Form(kind)
