"""`sqlkiln run` and `sqlkiln check`: recipes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sqlkiln.core.errors import RecipeError

if TYPE_CHECKING:
    from sqlkiln.core.plugins import Stage
    from sqlkiln.core.runner import Outcome


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(run)
    app.command()(check)


def run(
    recipe: Annotated[Path, typer.Argument(help="A recipe (TOML).")],
    first: Annotated[str, typer.Option("--from", help="The stage to begin at.")] = "",
    last: Annotated[str, typer.Option("--to", help="The stage to end with.")] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="STAGE.KEY=VALUE", help="Override one setting; repeatable."),
    ] = None,
    runs: Annotated[Path, typer.Option(help="Where the run folders go.")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a run.")] = False,
) -> None:
    """Run a recipe's stages, skipping what is done.

    Each run goes to RUNS/<recipe>/<stage>-<hash>/. An interrupted run continues where it
    stopped when the same command is given again. Paths in a recipe are relative to the working
    directory. Started by `accelerate launch -m sqlkiln run RECIPE`, training is spread over all
    its processes, and the first of them does the rest.
    """
    from sqlkiln.core.config import read_recipe
    from sqlkiln.core.processes import is_follower
    from sqlkiln.core.runner import run_recipe

    def announce(stage: Stage, folder: Path) -> None:
        if not is_follower():
            typer.echo(f"{stage.name}: running in {folder}", err=True)

    plan = read_recipe(recipe, settings or ())
    for outcome in run_recipe(plan, runs, first, last, announce):
        if not is_follower():
            typer.echo(_json_line(outcome) if as_json else _line(outcome))


def check(
    recipes: Annotated[list[Path], typer.Argument(help="Recipes (TOML).")],
) -> None:
    """Check recipes without running anything."""
    from sqlkiln.core.config import check_form, read_recipe

    problems: list[str] = []
    for path in recipes:
        wrong = len(problems)
        for inspect in (read_recipe, check_form):
            try:
                inspect(path)
            except RecipeError as error:
                if str(error) not in problems:
                    problems.append(str(error))
        if len(problems) == wrong:
            typer.echo(f"{path}: right")
    if problems:
        raise RecipeError("\n".join(problems))


def _line(outcome: Outcome) -> str:
    state = "skipped (done)" if outcome.skipped else f"done in {outcome.manifest.seconds:.1f} s"
    numbers = {name: _number(value) for name, value in outcome.manifest.counts.items()}
    shown = ", ".join(f"{name} {text}" for name, text in numbers.items() if text)
    return f"{outcome.folder}: {state}" + (f": {shown}" if shown else "")


def _number(value: object) -> str:
    """A number, or a list of them such as an interval, in short; '' for anything else."""
    if isinstance(value, list):
        parts = [_number(part) for part in value]
        return f"[{', '.join(parts)}]" if parts and all(parts) else ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value) if isinstance(value, int) else ""


def _json_line(outcome: Outcome) -> str:
    manifest = outcome.manifest
    return json.dumps(
        {
            "stage": outcome.stage.name,
            "folder": str(outcome.folder),
            "skipped": outcome.skipped,
            "seconds": manifest.seconds,
            "counts": manifest.counts,
        }
    )
