"""`sqlkiln models`: what models there are, fetching, checking and removing them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sqlkiln.core.errors import ModelCorrupt, UsageError

if TYPE_CHECKING:
    from sqlkiln.models.sources import Model

_models = typer.Typer(no_args_is_help=True, help="List, fetch, check and remove models.")

_Name = Annotated[str, typer.Argument(metavar="NAME", help="A name that `models list` shows.")]
_Names = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME]...", help="Names that `models list` shows.")
]


def register(app: typer.Typer) -> None:
    """Add the `models` commands."""
    app.add_typer(_models, name="models")


@_models.command("list")
def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """Show the models known by name, and where those on this machine lie."""
    from sqlkiln.models.catalog import MODELS
    from sqlkiln.models.download import size_text

    rows = [_row(model) for model in MODELS.values()]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    widths = [max(len(row[key]) for row in rows) for key in ("name", "title")]
    for row in rows:
        marker = "*" if row["default"] else " "
        typer.echo(
            f"{marker} {row['name']:{widths[0]}}  {size_text(row['size_bytes']):>7}  "
            f"{row['title']:{widths[1]}}  {row['path'] or 'not here'}"
        )


def _row(model: Model) -> dict[str, Any]:
    from sqlkiln.models.catalog import DEFAULT_MODEL, find

    path = find(model.name)
    return {
        "name": model.name,
        "title": model.title,
        "size_bytes": model.size_bytes,
        "present": path is not None,
        "path": str(path) if path else None,
        "default": model.name == DEFAULT_MODEL,
        "licence": model.licence,
        "sha256": model.sha256,
    }


@_models.command()
def pull(
    names: _Names = None,
    everything: Annotated[bool, typer.Option("--all", help="Fetch all of them.")] = False,
) -> None:
    """Fetch models; one that is here and sound is left as it is. Prints where they lie."""
    from sqlkiln.models import catalog

    if everything == bool(names):
        raise UsageError(
            "which model? `sqlkiln models pull` takes names, or --all and no names; "
            "see `sqlkiln models list`"
        )
    for name in names or ():
        catalog.lookup(name)
    for name in names or catalog.MODELS:
        typer.echo(catalog.pull(name))


@_models.command()
def verify(names: _Names = None) -> None:
    """Hash the files of models (by default of all that are here); ends with 1 if one is wrong."""
    from sqlkiln.models import catalog

    chosen = names or [name for name in catalog.MODELS if catalog.find(name)]
    if not chosen:
        typer.echo("no model is on this machine; `sqlkiln models pull` fetches one", err=True)
    damaged = False
    for name in chosen:
        try:
            path = catalog.verify(name)
        except ModelCorrupt as error:
            damaged = True
            typer.echo(f"{name}: {error}")
        else:
            typer.echo(f"{name}: sound: {path}")
    if damaged:
        raise typer.Exit(1)


@_models.command()
def path(name: _Name) -> None:
    """Print where a model's file lies on this machine."""
    from sqlkiln.models import catalog

    typer.echo(catalog.locate(name))


@_models.command()
def rm(
    name: _Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove a model's file from the cache."""
    from sqlkiln.models import catalog

    target = catalog.removable(name)
    if not yes:
        typer.confirm(f"Remove {target}?", abort=True, err=True)
    typer.echo(f"removed {catalog.remove(name)}", err=True)
