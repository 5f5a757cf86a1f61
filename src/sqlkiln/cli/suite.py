"""`sqlkiln suite build`: made-up databases on which a prediction has to be right as well."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sqlkiln.cli.stages import (
    AsJson,
    Data,
    Dataset,
    Questions,
    Split,
    execute,
    print_json,
    report_left_out,
    settings,
)

_suite = typer.Typer(no_args_is_help=True, help="Build test suites for stricter evaluation.")


def register(app: typer.Typer) -> None:
    """Add the `suite` commands."""
    app.add_typer(_suite, name="suite")


@_suite.command()
def build(
    out: Annotated[Path, typer.Option(metavar="SUITE", help="The folder to fill.")],
    dataset: Dataset = None,
    data: Data = None,
    questions: Questions = None,
    split: Split = None,
    limit: Annotated[
        int | None, typer.Option(help="Build from only so many questions, drawn by --seed.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Makes up the rows; 0 if not given.")] = None,
    max_instances: Annotated[
        int | None, typer.Option(help="At most so many for one database; 30 if not given.")
    ] = None,
    unseen_nulls: Annotated[
        bool, typer.Option(help="Put NULL wherever the schema allows it.")
    ] = False,
    workers: Annotated[int | None, typer.Option(help="Databases at work at a time.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make up databases that tell a dataset's gold SQL from queries which are nearly the same.

    Killed or stopped, it goes on where it was when the same command is given again. Score on them
    with `sqlkiln evaluate --suite SUITE`.
    """
    from sqlkiln.evaluate.suite import STAGE, SuiteConfig

    config = settings(
        SuiteConfig,
        dataset=dataset,
        data=data,
        questions=questions,
        split=split,
        limit=limit,
        seed=seed,
        max_instances=max_instances,
        unseen_nulls=unseen_nulls,
        workers=workers,
    )
    counts = execute(STAGE, config, (), out).counts
    report_left_out(counts["missing_databases"], "no database")
    report_left_out(counts["unreadable"], "no suite")
    if as_json:
        print_json({"suite": str(out), **counts})
        return
    neighbours = counts["neighbours"] or 1
    typer.echo(
        f"{out}: {counts['instances']} instances of {counts['databases']} databases "
        f"({counts['bytes'] / 1e6:.1f} MB) for {counts['golds']:,} gold queries; of their "
        f"{counts['neighbours']:,} neighbours the databases alone tell "
        f"{counts['killed_by_database'] / neighbours:.1%} apart, with the suite "
        f"{counts['killed'] / neighbours:.1%}"
    )
