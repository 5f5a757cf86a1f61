"""Read run folders for a report. What a folder does not hold is left empty, never made up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlkiln.core.errors import UsageError
from sqlkiln.core.records import Example, Prediction
from sqlkiln.core.store import Manifest, read_jsonl, read_manifest
from sqlkiln.scoring.evaluated import EvaluatedRun, Failure, read_evaluated, read_failures

PREDICTIONS = "predictions.jsonl"
EXAMPLES = "examples.jsonl"
_TELLING = (
    "adapters",
    "strategy",
    "target",
    "schema_style",
    "samples",
    "temperature",
    "limit",
    "seed",
    "max_tokens",
)
"""Settings that tell runs of one model apart, the most telling first."""


@dataclass(frozen=True)
class ReportRun:
    """One evaluated run; `name` is short and no other run of the report has it.

    `predicted` is the manifest of the run of `predict`, None if that is not at hand. `examples`
    are the questions; none if the run was evaluated without keeping them.
    """

    name: str
    evaluated: EvaluatedRun
    predicted: Manifest | None
    predictions: Mapping[str, Prediction]
    examples: Mapping[str, Example]
    failures: Mapping[str, Failure]

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The rows that have a verdict, in the dataset's order where that is known."""
        judged = dict.fromkeys(i for rows in self.evaluated.verdicts.values() for i in rows)
        known = [i for i in self.examples if i in judged]
        return tuple(dict.fromkeys([*known, *sorted(judged)]))


def read_runs(folders: Sequence[Path]) -> tuple[ReportRun, ...]:
    """Read the folders and give each run its name.

    Raises:
        UsageError: if one is not an evaluated run, or is given twice.
    """
    return _named(_read_all(folders))


def read_by_questions(folders: Sequence[Path]) -> list[tuple[ReportRun, ...]]:
    """As `read_runs`, the runs over the same questions together; each group has its names.

    Raises:
        UsageError: as `read_runs`.
    """
    groups: dict[str, list[ReportRun]] = {}
    for run in _read_all(folders):
        groups.setdefault(run.evaluated.scores.source.questions_sha256, []).append(run)
    return [_named(runs) for runs in groups.values()]


def _read_all(folders: Sequence[Path]) -> list[ReportRun]:
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise UsageError("the same run twice: each can be in a report only once; remove one")
    return [_read(folder) for folder in folders]


def _read(folder: Path) -> ReportRun:
    evaluated = read_evaluated(folder)
    source, manifest = _predict_run(evaluated)
    kept = next((f for f in (folder, source) if f and (f / PREDICTIONS).exists()), None)
    predictions = read_jsonl(kept / PREDICTIONS, Prediction) if kept else ()
    examples = read_jsonl(folder / EXAMPLES, Example) if (folder / EXAMPLES).exists() else ()
    return ReportRun(
        name=folder.name,
        evaluated=evaluated,
        predicted=manifest,
        predictions={prediction.id: prediction for prediction in predictions},
        examples={example.id: example for example in examples},
        failures=read_failures(folder),
    )


def _predict_run(run: EvaluatedRun) -> tuple[Path, Manifest] | tuple[None, None]:
    """The run of `predict` that was scored: in the same folder, or in the one beside it."""
    digests = {Path(name): digest for name, digest in run.manifest.inputs.items()}
    beside = [run.folder.resolve().parent / name.parent for name in digests]
    for folder in (run.folder, *beside):
        manifest = read_manifest(folder)
        if manifest is not None and manifest.stage == "predict":
            made = manifest.outputs.get(PREDICTIONS)
            if made is not None and made in digests.values():
                return folder, manifest
    return None, None


# --------------------------------------------------------------------------- names


def _named(runs: Sequence[ReportRun]) -> tuple[ReportRun, ...]:
    return tuple(replace(run, name=name) for run, name in zip(runs, _names(runs), strict=True))


def _names(runs: Sequence[ReportRun]) -> list[str]:
    """The model's name, and as much of the questions and settings as tells runs apart."""
    names = [_model(run) for run in runs]
    scores = [run.evaluated.scores for run in runs]
    told_by = [[f"{s.source.dataset} {s.source.split}" for s in scores]]
    told_by += [[_said(key, s.predicted_by.get(key)) for s in scores] for key in _TELLING]
    for values in told_by:
        told = Counter(names), Counter(zip(names, values, strict=True))
        names = [
            f"{name}, {value}" if value and told[0][name] > told[1][name, value] else name
            for name, value in zip(names, values, strict=True)
        ]
    folders = [run.evaluated.folder for run in runs]
    for places in ([folder.name for folder in folders], map(str, folders)):
        taken = Counter(names)
        names = [
            f"{name} ({place})" if taken[name] > 1 else name
            for name, place in zip(names, places, strict=True)
        ]
    return names


def _model(run: ReportRun) -> str:
    by = run.evaluated.scores.predicted_by
    if "predictions" in by:
        return Path(str(by["predictions"])).stem
    model = str(by.get("model") or run.evaluated.folder.name)
    _, mark, served = model.rpartition("#")
    return served if mark and "://" in model else Path(model).name.removesuffix(".gguf")


def _said(key: str, value: Any) -> str:
    """A setting in short; '' if it is not set."""
    if key == "adapters":
        return "+".join(str(name) for name, _ in value or ())
    if value is None:
        return ""
    return f"{key} {value}" if isinstance(value, int | float) else str(value)
