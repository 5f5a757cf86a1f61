"""Runs a recipe: each stage into a folder of its own, named by what went into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from sqlkiln.core.config import Recipe, did_you_mean
from sqlkiln.core.errors import UsageError
from sqlkiln.core.plugins import Stage
from sqlkiln.core.store import Manifest, execute_stage, find_complete, stage_hash


@dataclass(frozen=True)
class Outcome:
    """One run of one stage; `skipped` if it was already complete."""

    stage: Stage
    folder: Path
    manifest: Manifest
    skipped: bool


def run_recipe(
    recipe: Recipe,
    runs: Path,
    first: str = "",
    last: str = "",
    on_begin: Callable[[Stage, Path], None] = lambda stage, folder: None,
) -> Iterator[Outcome]:
    """Run the recipe's stages from `first` to `last`, into `runs/<recipe>/<stage>-<hash8>/`.

    A stage runs once for every combination of the runs that it needs, or once for all of them if
    it gathers. What is complete is skipped; what comes before `first` must be complete.

    Raises:
        UsageError: if `first` or `last` is not in the recipe, or an earlier stage is unfinished.
    """
    order = list(dict.fromkeys(step.stage.name for step in recipe.steps))
    begin, end = (
        _position(first or order[0], order, recipe),
        _position(last or order[-1], order, recipe),
    )
    if begin > end:
        raise UsageError(f"nothing to run: {first} comes after {last} in {recipe.path}; swap them")
    produced: dict[str, list[Path]] = {name: [] for name in order}
    for step in recipe.steps:
        position = order.index(step.stage.name)
        if position > end:
            return
        for inputs in _combinations(step.stage, produced):
            digest = stage_hash(step.stage, step.config, inputs)
            folder = runs / recipe.name / f"{step.stage.name}-{digest[:8]}"
            done = find_complete(step.stage, step.config, inputs, folder)
            if done is None:
                if position < begin:
                    raise UsageError(
                        f"cannot begin at {first}: {folder} is not complete; run without --from"
                    )
                on_begin(step.stage, folder)
            manifest = done or execute_stage(step.stage, step.config, inputs, folder)
            produced[step.stage.name].append(folder)
            if position >= begin:
                yield Outcome(step.stage, folder, manifest, skipped=done is not None)


def _combinations(
    stage: Stage, produced: Mapping[str, Sequence[Path]]
) -> Iterator[tuple[Path, ...]]:
    """The inputs of each run of `stage`; those it uses come after those it needs."""
    if stage.gathers:
        yield tuple(folder for need in stage.needs for folder in produced[need])
        return
    for needed in product(*(produced[need] for need in stage.needs)):
        fitting = (
            [folder for folder in produced.get(name, ()) if stage.fits(needed, folder)]
            for name in stage.uses
        )
        for used in product(*filter(None, fitting)):
            yield (*needed, *used)


def _position(name: str, order: list[str], recipe: Recipe) -> int:
    if name not in order:
        hint = did_you_mean(name, order)
        raise UsageError(f"no such stage: {name!r} is not in {recipe.path}; {hint}")
    return order.index(name)
