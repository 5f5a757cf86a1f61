"""`sqlkiln gate`: is the candidate good enough?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(gate)


def gate(
    gates: Annotated[Path, typer.Argument(help="A file of gates (TOML).")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Decide whether a candidate model may ship.

    Holds evaluated runs against thresholds and baselines, and ends with 1 if a suite does not
    pass. The decision is one of ship, route, continue-training, retry-data and reject.
    """
    from sqlkiln.evaluate.gate import run_gates

    result = run_gates(gates)
    if as_json:
        typer.echo(result.model_dump_json())
    else:
        colour = "green" if result.passed else "red"
        decided, *rest = result.reasons
        typer.echo(f"{typer.style(result.decision, fg=colour, bold=True)}: {decided}")
        for reason in rest:
            typer.echo(f"  {reason}")
    if not result.passed:
        raise typer.Exit(1)
