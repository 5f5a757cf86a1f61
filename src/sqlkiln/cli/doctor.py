"""`sqlkiln doctor`: what is on this machine, and whether hostile SQL can hurt a database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sqlkiln import __version__
from sqlkiln.core.errors import SqlkilnError

if TYPE_CHECKING:
    from sqlkiln.sql.attacks import Outcome, Report


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(doctor)


def doctor(
    attack: Annotated[
        Path | None,
        typer.Option(
            metavar="DB-COPY", help="Run the hostile statements against this copy of a database."
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds that a hostile statement may run.")
    ] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show versions, folders and models.

    With --attack, attack a copy of a database.
    """
    if attack is not None:
        _attack(attack, timeout, as_json)
        return
    facts = _facts()
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    for name, fact in facts.items():
        lines = [f"{k}: {v}" for k, v in fact.items()] if isinstance(fact, dict) else [fact]
        for index, line in enumerate(lines):
            typer.echo(f"{'' if index else name:<10} {line}")


def _facts() -> dict[str, Any]:
    import os
    import platform
    import sys
    from importlib.metadata import PackageNotFoundError, version

    from sqlkiln.models.catalog import cache_folder
    from sqlkiln.sql.database import engine_versions

    try:
        xllamacpp = version("xllamacpp")
    except PackageNotFoundError:
        xllamacpp = "not installed"
    return {
        "sqlkiln": __version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        **engine_versions(),
        "xllamacpp": xllamacpp,
        "cache": str(cache_folder()),
        "free": _free(cache_folder()),
        "models": _models(),
    }


def _free(folder: Path) -> str:
    import shutil

    while not folder.exists():
        folder = folder.parent
    return f"{shutil.disk_usage(folder).free / 1e9:.1f} GB"


def _models() -> dict[str, str]:
    from sqlkiln.models.catalog import MODELS, find

    found = {}
    for name in MODELS:
        try:
            found[name] = str(find(name) or "not here")
        except SqlkilnError as error:
            found[name] = str(error)
    return found


def _attack(path: Path, timeout_s: float, as_json: bool) -> None:
    from sqlkiln.sql.attacks import run_attacks

    typer.echo(f"attacking {path}: it should be a copy that nobody needs", err=True)
    report = run_attacks(path, timeout_s, on_outcome=None if as_json else _show)
    if as_json:
        typer.echo(json.dumps(_as_data(path, report), indent=2, ensure_ascii=True))
    else:
        for line in _summary(report):
            typer.echo(line)
    if not report.passed:
        raise typer.Exit(1)


def _show(outcome: Outcome) -> None:
    mark = "FAIL" if outcome.problem else "ok"
    line = f"{mark:4}  {outcome.answer:17} {outcome.seconds:6.2f} s  {outcome.attack.name}"
    typer.echo(f"{line}: {outcome.problem}" if outcome.problem else line)


def _summary(report: Report) -> list[str]:
    from collections import Counter

    answers = Counter(outcome.answer for outcome in report.outcomes)
    counted = ", ".join(f"{count} {answer}" for answer, count in answers.most_common())
    slowest = max(outcome.seconds for outcome in report.outcomes)
    return [
        "",
        f"{len(report.outcomes)} hostile statements in {report.dialect}: {counted}",
        f"{len(report.failed)} failed; slowest answer {slowest:.2f} s; highest memory of a query "
        f"process {report.peak_memory_bytes >> 20} MiB; {report.seconds:.0f} s in all",
        *(report.damage or ("the file is byte for byte what it was, and nothing lies beside it",)),
    ]


def _as_data(path: Path, report: Report) -> dict[str, Any]:
    return {
        "path": str(path),
        "dialect": report.dialect,
        "passed": report.passed,
        "damage": report.damage,
        "peak_memory_bytes": report.peak_memory_bytes,
        "seconds": round(report.seconds, 3),
        "attacks": [
            {
                "name": outcome.attack.name,
                "category": outcome.attack.category,
                "answer": outcome.answer,
                "message": outcome.message,
                "seconds": round(outcome.seconds, 4),
                "problem": outcome.problem,
            }
            for outcome in report.outcomes
        ],
    }
