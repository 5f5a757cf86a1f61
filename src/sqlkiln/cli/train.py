"""`sqlkiln train`: fine-tune a base on prepared data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sqlkiln.cli.stages import AsJson, execute, print_json, settings

if TYPE_CHECKING:
    from pydantic import BaseModel


def register(app: typer.Typer) -> None:
    """Add the command `train`."""
    app.command()(train)


def train(
    out: Annotated[Path, typer.Option(metavar="RUN", help="The run folder to fill.")],
    data: Annotated[Path, typer.Option(help="A run of `sqlkiln data prepare`.")],
    model: Annotated[
        str | None,
        typer.Option(help="Catalogue name, GGUF, folder of weights, or name on the Hub."),
    ] = None,
    adapter: Annotated[
        Path | None, typer.Option(help="An adapter to go on from: folder, GGUF or name.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="What to write: sql, from_first, qualified, plan or think.")
    ] = None,
    schema_style: Annotated[str | None, typer.Option(help="ddl, compact or mschema.")] = None,
    method: Annotated[
        str | None, typer.Option(help="lora, rslora, dora, qlora (CUDA) or full.")
    ] = None,
    rank: Annotated[int | None, typer.Option(help="Rank of the adapter.")] = None,
    epochs: Annotated[float | None, typer.Option(help="Passes over the data; may be 0.5.")] = None,
    rate: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first so many rows.")] = None,
    seed: Annotated[int | None, typer.Option(help="Draws rows, views and weights.")] = None,
    others: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any other setting; repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fine-tune a model on prepared questions.

    Loss and held-out accuracy are in RUN/loss.jsonl while it runs. Killed or stopped, it goes on
    from its last checkpoint when the same command is given again. What --set takes is what a
    recipe's [sft] takes (packing, order, noise, layers, checkpoints; see recipes/), for example
    --set tokens=1536 --set 'noise={full=1, shuffled=0}' --set report_to='["tensorboard"]'.
    """
    from sqlkiln.core.plugins import load

    stage = load("stages", "sft")
    given = {
        "data": data,
        "model": model,
        "adapter": adapter,
        "target": target,
        "schema_style": schema_style,
        "method": method,
        "rank": rank,
        "epochs": epochs,
        "rate": rate,
        "limit": limit,
        "seed": seed,
    }
    given = {name: value for name, value in given.items() if value is not None}
    config = settings(stage.config, **given, **_others(stage.config, others or (), given))
    counts = execute(stage, config, (), out).counts
    if as_json:
        print_json({"run": str(out), **counts})
    else:
        _show(out, counts, config.model if config.method == "full" else None)


def _others(
    config: type[BaseModel], overrides: Sequence[str], given: Mapping[str, Any]
) -> dict[str, Any]:
    from sqlkiln.core.config import read_settings
    from sqlkiln.core.errors import UsageError

    others = read_settings(config, overrides)
    twice = sorted(set(others) & set(given))
    if twice:
        raise UsageError(f"given twice: {', '.join(twice)}; as an option and with --set")
    return others


def _show(out: Path, counts: dict[str, Any], model: str | None) -> None:
    typer.echo(
        f"{out}: {counts['examples']:,} examples in {counts['steps']:,} steps, "
        f"{counts['trained_parameters']:,} parameters trained, mean loss {counts['loss']:.3f}"
    )
    held = counts["heldout"]
    if held:
        typer.echo(
            f"held out: {held['heldout_right']} of {held['heldout_asked']} right, "
            f"loss {held['heldout_loss']:.3f}"
        )
    if model:
        typer.echo(
            f"make a model of it: sqlkiln adapters merge {out} --model {model} --to NAME.gguf, if "
            f"that is a GGUF file or of the catalogue; or train on with --model {out / 'adapter'}"
        )
    else:
        typer.echo(f"export it: sqlkiln adapters export {out} --to NAME.gguf")
