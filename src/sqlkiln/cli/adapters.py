"""`sqlkiln adapters`: which adapters there are, and making files of what was trained."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sqlkiln.core.adapters import Adapter, parse, shown
from sqlkiln.core.errors import MissingDependency, UsageError

if TYPE_CHECKING:
    from sqlkiln.models.adapters import Card

_adapters = typer.Typer(
    no_args_is_help=True, help="List adapters, show their cards, export and merge them."
)

SUM_MAY_MISS = 1e-6
"""By rounding, as in three weights of a third."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
To = Annotated[Path, typer.Option(metavar="FILE", help="The GGUF file to write.")]
TrainedOn = Annotated[
    str | None, typer.Option(help="What it was trained on, if RUN does not tell.")
]
Target = Annotated[str | None, typer.Option(help="What it writes, if RUN does not tell.")]
SchemaStyle = Annotated[str | None, typer.Option(help="Of its prompts, if RUN does not tell.")]
DataLicence = Annotated[str | None, typer.Option(help="For the card.")]
AdapterType = Annotated[str, typer.Option("--type", help="f16 or q8_0.")]
Score = Annotated[
    list[str] | None, typer.Option(metavar="WHAT=NUMBER", help="For the card; repeatable.")
]


def register(app: typer.Typer) -> None:
    """Add the `adapters` commands."""
    app.add_typer(_adapters, name="adapters")


@_adapters.command("list")
def list_adapters(as_json: AsJson = False) -> None:
    """Show the adapters known by name; * marks those that their base is used with by default."""
    from sqlkiln.models.adapters import known
    from sqlkiln.models.download import size_text

    rows = [_row(name, path) for name, path in known().items()]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        typer.echo("there are none yet; `sqlkiln train` makes one", err=True)
    widths = {key: max(len(row[key]) for row in rows) for key in ("name", "model")} if rows else {}
    for row in rows:
        scores = ", ".join(f"{what} {score:g}" for what, score in row["scores"].items())
        typer.echo(
            f"{'*' if row['default'] else ' '} {row['name']:{widths['name']}}  "
            f"{row['model']:{widths['model']}}  {size_text(row['size_bytes']):>7}  "
            f"{row['target']:10}  {scores or 'no scores'}"
        )


def _row(name: str, path: Path) -> dict[str, Any]:
    from sqlkiln.models.adapters import read_card, shipped_folder, shipped_for
    from sqlkiln.models.gguf import check_gguf

    check_gguf(path)
    card = read_card(path)
    model = card.model if card else "unknown"
    return {
        "name": name,
        "model": model,
        "target": card.target if card else "unknown",
        "schema_style": card.schema_style if card else "unknown",
        "scores": card.scores if card else {},
        "size_bytes": path.stat().st_size,
        "second_to": card.second_to if card else "",
        "default": path.parent == shipped_folder() and shipped_for(model) == name,
        "path": str(path),
    }


@_adapters.command()
def show(
    name: Annotated[str, typer.Argument(metavar="ADAPTER", help="Name or path.")],
    as_json: AsJson = False,
) -> None:
    """Print an adapter's card; of a run of train, the card that it would be exported with."""
    from sqlkiln.models.adapters import find, read_card
    from sqlkiln.models.card_text import card_text

    folder = Path(name).expanduser()
    if folder.is_dir():
        card: Card | None = _card_to_be(folder)
    else:
        card = read_card(find(name))
    if card is None:
        raise UsageError(f"no card: {find(name)} was not made by sqlkiln; ask whoever made it")
    typer.echo(card.model_dump_json(indent=2) if as_json else card_text(card), nl=as_json)


def _card_to_be(folder: Path) -> Card:
    with _train_extra():
        from sqlkiln.train.export_card import card_of, peft_folder
        from sqlkiln.train.export_changes import read_peft
    adapter = read_peft(peft_folder(folder))
    told = {"method": adapter.method, "rank": adapter.rank, "alpha": adapter.alpha}
    return card_of(folder, folder.absolute().name).model_copy(update=told)


@_adapters.command()
def export(
    folder: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run of train, or a folder that PEFT saved.")
    ],
    to: To,
    kind: AdapterType = "f16",
    model: TrainedOn = None,
    target: Target = None,
    schema_style: SchemaStyle = None,
    dora_rank: Annotated[
        int | None, typer.Option(min=1, help="To approximate DoRA with; 4 times its own.")
    ] = None,
    data_licence: DataLicence = None,
    second_to: Annotated[
        str | None,
        typer.Option(metavar="ADAPTER", help="Beside which it is asked for a second opinion."),
    ] = None,
    about: Annotated[
        str | None,
        typer.Option(help="'dates': asked in place of that one, and of such questions alone."),
    ] = None,
    score: Score = None,
) -> None:
    """Write a trained adapter as GGUF, its card inside and beside it.

    DoRA scales whole rows, which a GGUF adapter cannot: it is approximated, and what is lost is
    said. Merging has all of it.
    """
    with _train_extra():
        from sqlkiln.train.export import export_adapter
        from sqlkiln.train.export_card import card_of, peft_folder
    _require_gguf(to)
    card = card_of(
        folder,
        to.stem,
        model=model,
        target=target,
        schema_style=schema_style,
        data_licence=data_licence,
        second_to=second_to,
        about=about,
        scores=_scores(score),
    )
    done = export_adapter(peft_folder(folder), to, card, kind=kind, dora_rank=dora_rank)
    lost = f", without {done.left_out:.1%} of DoRA's change" if done.left_out else ""
    typer.echo(f"{done.path}: {done.bytes:,} bytes, rank {done.card.rank}{lost}")


@_adapters.command()
def average(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN[:WEIGHT]...", help="Runs of train, or folders of PEFT."),
    ],
    to: To,
    rank: Annotated[
        int | None, typer.Option(min=1, help="Of the mean; that of the first if not given.")
    ] = None,
    kind: AdapterType = "f16",
    model: TrainedOn = None,
    target: Target = None,
    schema_style: SchemaStyle = None,
    data_licence: DataLicence = None,
    score: Score = None,
) -> None:
    """Write the mean of adapters as one GGUF adapter of the same size.

    Each weight is above 0, and all add up to 1: those that are not given share what is left. Legs
    that went on from one another are often better together than each of them.
    """
    with _train_extra():
        from sqlkiln.train.average import average as write
        from sqlkiln.train.export import export_adapter
        from sqlkiln.train.export_card import card_of, peft_folder
    _require_gguf(to)
    parts = [(Path(name).expanduser(), weight) for name, weight in _shared(runs)]
    told = {
        "model": model,
        "target": target,
        "schema_style": schema_style,
        "data_licence": data_licence,
    }
    cards = [card_of(run, to.stem, **told) for run, _ in parts]
    mean = shown(Adapter(run.name, weight) for run, weight in parts)
    examples = sum(card.examples for card in cards)
    card = cards[-1].model_copy(update={"examples": examples, "scores": _scores(score) or {}})
    with TemporaryDirectory() as folder:
        places = [(peft_folder(run), weight) for run, weight in parts]
        left_out = write(places, Path(folder), rank)
        method = f"lora, the mean of {mean}"
        done = export_adapter(Path(folder), to, card, kind=kind, method=method)
    typer.echo(
        f"{done.path}: {done.bytes:,} bytes, rank {done.card.rank}, the mean of {len(parts)}, "
        f"without {left_out:.2%} of its change"
    )


def _shared(runs: list[str]) -> list[tuple[str, float]]:
    """Names and weights; those that are not given share what is left of 1.

    Raises:
        UsageError: if what stands after a colon is no number, or it is no mean.
    """
    weighted = [_weighed(text) for text in runs]
    rest = 1.0 - sum(weight for _, weight in weighted if weight is not None)
    bare = sum(weight is None for _, weight in weighted)
    shares = [(name, rest / bare if weight is None else weight) for name, weight in weighted]
    total = sum(weight for _, weight in shares)
    if not all(0 < weight <= 1 for _, weight in shares) or abs(total - 1) > SUM_MAY_MISS:
        found = ", ".join(f"{name}:{weight:g}" for name, weight in shares)
        raise UsageError(
            f"no weights of a mean: {found}, {total:g} in all; each must be above 0 and at most 1, "
            "and they must add up to 1"
        )
    return shares


def _weighed(text: str) -> tuple[str, float | None]:
    name, colon, weight = text.rpartition(":")
    if not colon or Path(text).expanduser().exists():
        return text, None
    try:
        return name, float(weight)
    except ValueError:
        raise UsageError(f"not a weight: {weight!r} in {text!r}; write RUN:0.5") from None


def _require_gguf(to: Path) -> None:
    if to.suffix != ".gguf":
        raise UsageError(f"not the name of a GGUF file: {to}; write --to {to}.gguf")


@_adapters.command()
def merge(
    adapters: Annotated[
        list[str], typer.Argument(metavar="ADAPTER[:WEIGHT]...", help="Names, paths or folders.")
    ],
    model: Annotated[str, typer.Option(help="Catalogue name or GGUF path.")],
    to: To,
    kind: Annotated[str, typer.Option("--type", help="f16, q8_0, q4_1 or q4_0.")] = "q8_0",
) -> None:
    """Add adapters to a base, each by its weight, as one GGUF model.

    A run of `train --method full` has no adapter, but all weights: it stands alone, and --model is
    what it was trained from.
    """
    with _train_extra():
        from sqlkiln.train.export_card import card_of_full, full_folder
        from sqlkiln.train.export_full import write_full
        from sqlkiln.train.export_merged import merge as write
    _require_gguf(to)
    run = Path(adapters[0]).expanduser()
    weights = full_folder(run) if len(adapters) == 1 else None
    if weights is not None:
        full = write_full(weights, model, to, card_of_full(run, to.stem, model), kind)
        typer.echo(f"{full.path}: {full.bytes:,} bytes, {full.changed} tensors written")
        return
    weighted = [parse(text) for text in adapters]
    done = write(weighted, model, to, _merged_card(to.stem, weighted, model), kind)
    typer.echo(f"{done.path}: {done.bytes:,} bytes, {done.changed} tensors changed")


def _merged_card(name: str, weighted: list[tuple[str, float]], model: str) -> Card:
    """A card that names the parts, and keeps what the first of them says of prompts."""
    from sqlkiln.models.adapters import Card, find, read_card
    from sqlkiln.train.export_card import card_of

    first = weighted[0][0]
    folder = Path(first).expanduser()
    card = card_of(folder, name, model=model) if folder.is_dir() else read_card(find(first))
    parts = shown(Adapter(Path(part).name, weight) for part, weight in weighted)
    given = (
        card.model_dump(include={"target", "schema_style", "data", "data_licence"}) if card else {}
    )
    return Card(name=name, model=model, method=f"merged: {parts}", **given)


def _scores(texts: list[str] | None) -> dict[str, float] | None:
    return dict(map(_score, texts)) if texts else None


def _score(text: str) -> tuple[str, float]:
    what, _, number = text.rpartition("=")
    try:
        return what.strip(), float(number)
    except ValueError:
        raise UsageError(f"not a score: {text!r}; write WHAT=NUMBER, such as EX=64.5") from None


@contextmanager
def _train_extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"cannot export: no module named {error.name!r}; install sqlkiln[train]"
        ) from error
