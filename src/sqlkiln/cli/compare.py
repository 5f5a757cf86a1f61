"""`sqlkiln compare`: one run against another, row by row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sqlkiln.evaluate.compare import RunComparison
    from sqlkiln.scoring.paired import Paired

LISTED = 20


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(compare)


def compare(
    run_a: Annotated[Path, typer.Argument(metavar="RUN_A", help="The run to measure against.")],
    run_b: Annotated[Path, typer.Argument(metavar="RUN_B", help="The run to judge.")],
    metric: Annotated[str, typer.Option(help="What to compare by.")] = "execution",
    resamples: Annotated[int, typer.Option(min=100, help="For the bootstrap interval.")] = 2000,
    seed: Annotated[int, typer.Option(help="For the bootstrap interval.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Say whether one run is better than another.

    Both must answer the same questions. Gives the difference with its paired bootstrap interval,
    McNemar's exact p, and the rows gained and lost.
    """
    from sqlkiln.evaluate.compare import compare_runs

    found = compare_runs(run_a, run_b, metric, resamples=resamples, seed=seed)
    for notice in found.notices:
        typer.echo(f"notice: {notice}", err=True)
    if as_json:
        typer.echo(found.model_dump_json())
    else:
        _show(found)


def _show(found: RunComparison) -> None:
    paired = found.paired
    low, high = 100 * paired.interval.low, 100 * paired.interval.high
    typer.echo(f"{found.dataset}, {found.metric}, {paired.n} rows")
    typer.echo(f"  A  {paired.score_a:7.2%}  {found.run_a}")
    typer.echo(f"  B  {paired.score_b:7.2%}  {found.run_b}")
    typer.echo(
        f"B - A: {100 * paired.difference:+.2f} points "
        f"({paired.interval.confidence:.0%} interval {low:+.2f} to {high:+.2f}); "
        f"McNemar's exact p = {_short(paired.p)}"
    )
    typer.echo(f"so {_verdict(paired)}")
    for title, ids in (("gained", paired.gained), ("lost", paired.lost)):
        typer.echo(f"{title} {len(ids)}{': ' if ids else ''}{_listed(ids)}")


def _short(p: float) -> str:
    return f"{p:.3g}" if p >= 1e-4 else f"{p:.1e}"


def _verdict(paired: Paired) -> str:
    """Which is better, if both say so: of few rows that differ, the interval is too sure."""
    low, high = paired.interval.low, paired.interval.high
    counted = abs(paired.difference * paired.n - (len(paired.gained) - len(paired.lost))) < 1e-6
    if (low > 0 or high < 0) and (paired.p < 1 - paired.interval.confidence or not counted):
        return "B is better than A" if low > 0 else "B is worse than A"
    return "the rows do not tell which is better"


def _listed(ids: tuple[str, ...]) -> str:
    rest = len(ids) - LISTED
    return ", ".join(ids[:LISTED]) + (f" and {rest} more (all with --json)" if rest > 0 else "")
