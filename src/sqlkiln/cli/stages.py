"""What commands that run a stage over a dataset share: their options, and how they run it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from sqlkiln.core.errors import UsageError

if TYPE_CHECKING:
    from sqlkiln.core.plugins import Stage
    from sqlkiln.core.store import Manifest

INTERRUPTED = 130
MOST_NAMED = 10
"""Databases that a message names; a dataset may lack thousands."""

C = TypeVar("C")

Dataset = Annotated[str | None, typer.Option(help="As `sqlkiln data list` names them.")]
Data = Annotated[Path | None, typer.Option(help="The folder that the dataset lies in.")]
Questions = Annotated[
    Path | None, typer.Option(help="A file of questions instead of the dataset's own.")
]
Split = Annotated[str | None, typer.Option(help="Which part of the dataset; 'dev' if not given.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


def settings(kind: type[C], **given: Any) -> C:
    """Make a config of the options that were given; the rest keeps its defaults.

    Raises:
        UsageError: for a value that the config does not take.
    """
    from pydantic import ValidationError

    try:
        return kind(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option = "--" + str(first["loc"][0]).removesuffix("_s").replace("_", "-")
        message = first["msg"].removeprefix("Value error, ")
        raise UsageError(
            f"wrong option: {option} {first['input']}: {message}; see --help"
        ) from error


def execute(
    stage: Stage, config: Any, inputs: tuple[Path, ...], out: Path, manifest_name: str = ""
) -> Manifest:
    """Run a stage into `out`, say so if there was nothing to do, and end well after Ctrl-C."""
    from sqlkiln.core.store import MANIFEST, execute_stage, read_manifest

    name = manifest_name or MANIFEST
    before = read_manifest(out, name)
    try:
        manifest = execute_stage(stage, config, inputs, out, name)
    except KeyboardInterrupt:
        typer.echo(
            f"stopped: what is done is kept in {out}; the same command goes on from there", err=True
        )
        _exit_if_threads_are_left()
        raise typer.Exit(INTERRUPTED) from None
    if manifest == before:
        typer.echo(f"{out}: already done; remove {name} there to do it again", err=True)
    return manifest


def _exit_if_threads_are_left() -> None:
    """End at once if a thread is still inside a model: Python would crash on its way out."""
    import os
    import sys
    import threading

    if threading.active_count() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(INTERRUPTED)


def report_left_out(databases: dict[str, Any], why: str) -> None:
    """Name databases that do not count, on stderr."""
    if databases:
        shown = list(databases.items())[:MOST_NAMED]
        named = ", ".join(f"{db_id} ({what})" for db_id, what in shown)
        rest = len(databases) - len(shown)
        more = f" and {rest} more" if rest else ""
        typer.echo(f"left out, {why}: {named}{more}", err=True)


def print_json(value: Any) -> None:
    """One JSON object on stdout."""
    import json

    typer.echo(json.dumps(value, ensure_ascii=False))
