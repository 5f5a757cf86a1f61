"""What there is to score: questions, the predictions for them, and what both came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.core.records import Example, Prediction
from sqlkiln.core.store import JsonlWriter, Manifest, read_jsonl, read_manifest
from sqlkiln.evaluate.predictions import read_predictions
from sqlkiln.evaluate.questions import (
    Questions,
    QuestionSource,
    open_questions,
    source_fingerprint,
)

PREDICTIONS = "predictions.jsonl"


@dataclass(frozen=True)
class Task:
    """The rows to score: examples in the dataset's order, and what was predicted for them.

    `textual` are those without a database, for metrics that need none. `unreadable` are databases
    that could not be read when the predictions were made. `at_a_time` questions were asked at
    once.
    """

    questions: Questions
    source: QuestionSource
    examples: Sequence[Example]
    predictions: Mapping[str, Prediction]
    predicted_by: Mapping[str, Any]
    textual: Sequence[Example] = ()
    unreadable: Mapping[str, str] = field(default_factory=dict)
    at_a_time: int = 1


def read_task(
    config: QuestionSource, predictions: Path | None, inputs: Sequence[Path], out: Path
) -> Task:
    """Read a run of predict, or a file of predictions; leave them in `out` too.

    Raises:
        UsageError: if there is neither, or the run is none of predict.
        DataError: if predictions and questions do not fit each other.
    """
    if inputs:
        return _read_run(config, inputs[0], out)
    if predictions is None:
        raise UsageError("nothing to evaluate; give a run of predict, or --predictions FILE")
    questions = open_questions(config)
    found = read_predictions(predictions, questions.all)
    _keep(found, out)
    return Task(
        questions,
        config,
        questions.answerable,
        {prediction.id: prediction for prediction in found},
        {"predictions": str(predictions)},
        textual=[e for e in questions.all if e.db_id not in questions.paths],
    )


def _read_run(config: QuestionSource, run: Path, out: Path) -> Task:
    manifest = _predict_manifest(run)
    source = _source_of(config, manifest)
    questions = open_questions(source)
    if questions.digest != manifest.counts["questions_sha256"]:
        raise DataError(
            f"the questions have changed since {run} was predicted: {source.dataset} "
            f"{source.split} has another sha256; predict again"
        )
    predictions = {p.id: p for p in read_jsonl(run / PREDICTIONS, Prediction)}
    if out.resolve() != run.resolve():
        _keep(predictions.values(), out)
    return Task(
        questions,
        source,
        [e for e in questions.answerable if e.id in predictions],
        predictions,
        _predicted_by(manifest),
        unreadable=manifest.counts["unreadable_databases"],
        at_a_time=int(manifest.counts.get("slots", 1)),
    )


def _predicted_by(manifest: Manifest) -> dict[str, Any]:
    """The settings, and what those that were left open came to."""
    given = manifest.config | manifest.counts.get("used", {})
    return {k: v for k, v in given.items() if k not in {*QuestionSource.model_fields, "adapter"}}


def _predict_manifest(run: Path) -> Manifest:
    manifest = read_manifest(run)
    if manifest is None or "questions_sha256" not in manifest.counts:
        raise UsageError(f"not a run of predict: {run}; give the folder that predict wrote")
    return manifest


def _source_of(config: QuestionSource, manifest: Manifest) -> QuestionSource:
    """The questions that were predicted; `config` only says where they lie now."""
    held = {k: v for k, v in manifest.config.items() if k in QuestionSource.model_fields}
    moved = {"data": config.data, "questions": config.questions}
    return QuestionSource(**(held | {k: v for k, v in moved.items() if v is not None}))


def _keep(predictions: Iterable[Prediction], out: Path) -> None:
    with JsonlWriter(out / PREDICTIONS) as writer:
        for prediction in predictions:
            writer.write(prediction)


def fingerprint(config: QuestionSource, inputs: tuple[Path, ...]) -> dict[str, str]:
    """The digests of the questions and of all their databases, for the identity of a run."""
    return source_fingerprint(
        _source_of(config, _predict_manifest(inputs[0])) if inputs else config
    )
