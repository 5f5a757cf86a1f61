"""`sqlkiln data`: which datasets there are, what is wrong with one, and training data of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sqlkiln.cli import dates, prepare

if TYPE_CHECKING:
    from rich.console import RenderableType

    from sqlkiln.core.plugins import DatasetOptions
    from sqlkiln.core.records import Example
    from sqlkiln.data.check import Checkup

MOST_NAMED = 5

_data = typer.Typer(
    no_args_is_help=True, help="List datasets, check one of them, make training data."
)


def register(app: typer.Typer) -> None:
    """Add the `data` commands."""
    prepare.register(_data)
    dates.register(_data)
    app.add_typer(_data, name="data")


@_data.command("list")
def list_datasets(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """Show the datasets that can be read, by the name that --dataset takes."""
    import inspect
    import json

    from sqlkiln.core import plugins

    found = []
    for name in plugins.names("datasets"):
        kind = plugins.load("datasets", name)
        module = inspect.getmodule(kind)
        about = (module.__doc__ if module else None) or inspect.getdoc(kind) or ""
        found.append({"name": name, "about": about.strip().partition("\n\n")[0].replace("\n", " ")})
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    width = max((len(row["name"]) for row in found), default=0)
    for row in found:
        typer.echo(f"{row['name']:{width}}  {row['about']}")


@_data.command()
def check(
    dataset: Annotated[str, typer.Option(help="As `sqlkiln data list` names them.")],
    data: Annotated[Path | None, typer.Option(help="The folder that the dataset lies in.")] = None,
    questions: Annotated[
        Path | None, typer.Option(help="A file of questions instead of the dataset's own.")
    ] = None,
    split: Annotated[str, typer.Option(help="Which part of the dataset.")] = "dev",
    against: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[DATASET:]SPLIT[@DIR]",
            help="Look for leaks into these questions too; the dataset and the folder are the "
            "same if not given; repeatable.",
        ),
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.01, help="Seconds for one query.")] = 10.0,
    verbose: Annotated[bool, typer.Option("--verbose", help="List every row found.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check the questions and the gold SQL of a dataset.

    Finds gold SQL that does not run, returns nothing or leaves open what it returns; questions
    that are asked twice or answered in two ways; and those that other splits know. Exits with 1
    if gold SQL does not run, a database cannot be read, or another split asks the same.
    """
    from sqlkiln.core import plugins
    from sqlkiln.core.plugins import DatasetOptions, Limits
    from sqlkiln.data.check import check as examine
    from sqlkiln.evaluate.pool import progress

    options = DatasetOptions(data, questions, split)
    opened = plugins.load("datasets", dataset).open(options)
    others = dict(_others(spec, dataset, options) for spec in against or ())
    with progress("check", len(opened.examples())) as on_row:
        checkup = examine(opened, others, limits=Limits(timeout_s=timeout), on_row=on_row)
    if as_json:
        typer.echo(checkup.model_dump_json())
    else:
        _show(checkup, verbose)
    if checkup.failed:
        raise typer.Exit(1)


def _others(spec: str, dataset: str, options: DatasetOptions) -> tuple[str, tuple[Example, ...]]:
    """The questions that `spec` means, after a name for them."""
    from dataclasses import replace

    from sqlkiln.data.leaks import QuestionsSpec

    meant = QuestionsSpec.parse(spec, dataset)
    meant = replace(meant, data=meant.data or options.data)
    return meant.label, meant.examples()


# --------------------------------------------------------------------------- showing


def _show(checkup: Checkup, verbose: bool) -> None:
    from rich.console import Console

    console = Console(soft_wrap=True)
    for line in _heading(checkup):
        console.print(line, highlight=False, markup=False)
    if checkup.counts:
        console.print(_table(checkup))
    else:
        console.print("nothing found", highlight=False)
    if verbose:
        for finding in checkup.findings:
            where = f"{finding.id} ({finding.db_id})"
            line = f"{finding.severity}: {finding.kind}: {where}: {finding.detail}"
            console.print(line, highlight=False, markup=False)


def _heading(checkup: Checkup) -> list[str]:
    from sqlkiln.core.fingerprint import shown

    lines = [
        f"{checkup.dataset} {checkup.split}: {checkup.checked} of {checkup.questions} questions "
        "have gold SQL and a database",
        shown(checkup.questions_sha256, checkup.databases_sha256),
    ]
    if checkup.without_gold:
        lines.append(f"without gold SQL: {checkup.without_gold}")
    missing = [f"{db_id} ({count})" for db_id, count in checkup.missing_databases.items()]
    for title, names in (("no database", missing), ("no rows", checkup.empty_databases)):
        if names:
            more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
            lines.append(f"{title}: {', '.join(names[:MOST_NAMED])}{more}")
    if checkup.against:
        lines.append(f"looked for leaks from: {', '.join(checkup.against)}")
    return lines


def _table(checkup: Checkup) -> RenderableType:
    from rich import box
    from rich.table import Table

    from sqlkiln.data.check import ERRORS, MEANINGS

    table = Table(box=box.ROUNDED, header_style="bold")
    for name in ("found", "rows", "", "meaning"):
        table.add_column(name, justify="right" if name == "rows" else "left")
    for kind, count in checkup.counts.items():
        severity = "[red]error[/red]" if kind in ERRORS else "[yellow]warning[/yellow]"
        table.add_row(kind, str(count), severity, MEANINGS[kind])
    return table
