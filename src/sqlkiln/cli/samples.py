"""`sqlkiln samples`: the five databases to try things out on, and what is asked about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

_samples = typer.Typer(no_args_is_help=True, help="Build and list the sample databases.")


def register(app: typer.Typer) -> None:
    """Add the `samples` commands."""
    app.add_typer(_samples, name="samples")


@_samples.command()
def build(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="The cache if not given.")
    ] = None,
) -> None:
    """Build the sample databases in DIR, those that are not there yet. Prints where they lie."""
    from sqlkiln.assets.samples import NAMES
    from sqlkiln.core.cache import cache_folder
    from sqlkiln.data import samples

    for name in NAMES:
        typer.echo(samples.build(folder or cache_folder("samples"), name))


@_samples.command("list")
def list_samples(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """Show the sample databases: how many tables, rows and questions each has."""
    from collections import Counter

    from sqlkiln.assets.samples import NAMES, about
    from sqlkiln.assets.samples import build as generate
    from sqlkiln.core.plugins import DatasetOptions
    from sqlkiln.data.samples import Samples

    asked = {
        split: Counter(e.db_id for e in Samples.open(DatasetOptions(split=split)).examples())
        for split in ("train", "heldout")
    }
    found = []
    for name in NAMES:
        _, tables = generate(name)
        size = {"tables": len(tables), "rows": sum(len(rows) for rows in tables.values())}
        counts = {split: number[name] for split, number in asked.items()}
        found.append({"name": name, **size, **counts, "about": about(name)})
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for row in found:
        typer.echo(f"{row['name']:8} {row['about']}")
        typer.echo(
            f"{'':8} {row['tables']} tables, {row['rows']:,} rows; "
            f"{row['train']} questions to train on, {row['heldout']} held out"
        )
