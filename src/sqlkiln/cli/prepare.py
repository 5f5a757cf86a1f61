"""`sqlkiln data prepare`: questions with gold SQL, made ready to train on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sqlkiln.cli.stages import AsJson, execute, print_json, settings
from sqlkiln.core.errors import UsageError

if TYPE_CHECKING:
    from sqlkiln.data.blend import Source


Aliases = Annotated[
    str | None,
    typer.Option(help="What --style canonical calls tables: 'keep' (T1, T2), or 'names'."),
]


def register(data: typer.Typer) -> None:
    """Add `prepare` to the commands of `data`."""
    data.command()(prepare)


def prepare(
    out: Annotated[Path, typer.Option(metavar="RUN", help="The folder to fill.")],
    source: Annotated[
        list[str],
        typer.Option(
            metavar="DATASET[:SPLIT][@DIR][*TIMES]",
            help="What to train on, split 'train' if none is given, each row TIMES an epoch; "
            "repeatable.",
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(help="A folder with one for each dataset, or that of the only dataset."),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[DATASET:]SPLIT[@DIR]",
            help="Look for leaks from these questions, besides the known evaluation sets that "
            "lie in --data; the dataset is that of the first source if not given; repeatable.",
        ),
    ] = None,
    leaks: Annotated[
        str | None, typer.Option(help="'fail', or 'drop' to leave leaking rows out.")
    ] = None,
    heldout: Annotated[
        int | None, typer.Option(help="Hold so many databases out of training.")
    ] = None,
    style: Annotated[
        str | None, typer.Option(help="How to write SQL: 'as_is', or 'canonical'.")
    ] = None,
    aliases: Aliases = None,
    seed: Annotated[int | None, typer.Option(help="Draws rows and databases.")] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds for one query.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make training data: golds are run, repeats go, leaks from evaluation sets are an error.

    Weights by bucket and drawn samples are settings of a recipe: see recipes/data-*.toml.
    """
    from sqlkiln.data.prepare import STAGE, PrepareConfig

    config = settings(
        PrepareConfig,
        sources=tuple(_source(spec) for spec in source),
        data=data,
        against=tuple(against) if against else None,
        leaks=leaks,
        heldout=heldout,
        style=style,
        aliases=aliases,
        seed=seed,
        timeout_s=timeout,
    )
    counts = execute(STAGE, config, (), out).counts
    if as_json:
        print_json({"run": str(out), **counts})
    else:
        _show(out, counts)


def _source(spec: str) -> Source:
    from sqlkiln.data.blend import Source

    place, star, times = spec.partition("*")
    named, _, folder = place.partition("@")
    dataset, colon, split = named.partition(":")
    wrong_times = star and not (times.isdecimal() and int(times))
    if not dataset or (colon and not split) or wrong_times:
        raise UsageError(
            f"wrong --source: {spec!r}; write DATASET[:SPLIT][@DIR][*TIMES], TIMES from 1 up"
        )
    return settings(
        Source,
        dataset=dataset,
        split=split or None,
        data=Path(folder).expanduser() if folder else None,
        repeat=int(times) if times else None,
    )


def _show(out: Path, counts: dict[str, Any]) -> None:
    typer.echo(
        f"{out}: {counts['demonstrations']:,} demonstrations over {counts['databases']:,} "
        f"databases, {counts['presentations']:,} presentations an epoch"
    )
    shown = {
        title: {name: one["presentations"] for name, one in counts[title].items()}
        for title in ("sources", "buckets")
    }
    shown |= {
        "left out": counts["rejected"],
        "leaks from": counts["leaks"],
        "looked for leaks from": counts["checked_against"],
    }
    for title, numbers in shown.items():
        if numbers:
            told = ", ".join(f"{name} {number:,}" for name, number in numbers.items())
            typer.echo(f"{title}: {told}")
    if missing := counts["not_checked_against"]:
        typer.echo(f"not looked at, as they are not at hand: {', '.join(missing)}")
    if counts["heldout"]:
        named = ", ".join(counts["heldout_databases"])
        typer.echo(f"held out: {counts['heldout']:,} questions over {named}")
    if counts["unchecked"]:
        typer.echo(f"without a database to run on: {counts['unchecked']:,}")
