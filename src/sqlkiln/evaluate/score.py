"""Stage `evaluate`: score predictions against the gold SQL, by execution and by text.

Reads a run of `predict`, or a file of predictions made elsewhere (see `evaluate.predictions`),
and the dataset with its databases, which are only ever read. Writes `verdicts.jsonl` (records
`Verdict`, one line a row and metric) and `scores.json` (`scoring.summary.Scores`); for predictions
made elsewhere also `predictions.jsonl`. A killed run goes on where it was.

    sqlkiln evaluate RUN
    sqlkiln evaluate --dataset spider --data DIR --predictions FILE --out RUN

Questions whose database is missing or cannot be read are counted and named, never scored; so are
rows whose gold fails. A question without a prediction counts as wrong. Each statement has
`timeout_s`; rows past `max_rows` are cut off and flagged.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Event, Lock
from typing import Any

from pydantic import Field

from sqlkiln.core import plugins
from sqlkiln.core.errors import DatabaseUnreadable, DataError, UsageError
from sqlkiln.core.fingerprint import databases_digest
from sqlkiln.core.plugins import Database, Limits, Metric, Stage
from sqlkiln.core.records import SCHEMA_ONLY, Example, Prediction, Verdict
from sqlkiln.core.store import JsonlWriter, read_jsonl, read_manifest, write_atomic
from sqlkiln.evaluate.pool import Job, progress, run_jobs
from sqlkiln.evaluate.predictions import read_predictions
from sqlkiln.evaluate.questions import (
    Questions,
    QuestionSource,
    by_database,
    open_questions,
)
from sqlkiln.scoring.metrics import NO_ROWS
from sqlkiln.scoring.statistics import RESAMPLES
from sqlkiln.scoring.summary import Scores, Source, cost_of, summarize

PREDICTIONS = "predictions.jsonl"
VERDICTS = "verdicts.jsonl"
SCORES = "scores.json"
EMPTY_RESULTS = "empty_equals_empty"
EMPTY_DATABASE = "empty_database"
JOB_ROWS = 60
"""Rows that one thread scores with one opened database before it takes the next job."""


def _cores() -> int:
    return min(8, max(2, os.cpu_count() or 2))


class EvaluateConfig(QuestionSource):
    """What to score, and how. `workers` databases are at work at a time.

    With a run of `predict` as input, its dataset is taken, and `data` and `questions` only say
    where that lies now. With `predictions`, a file made elsewhere, all must be given here.
    """

    predictions: Path | None = None
    metrics: tuple[str, ...] = Field(("execution", "string"), min_length=1)
    timeout_s: float = Field(10.0, gt=0)
    max_rows: int = Field(100_000, ge=1)
    resamples: int = Field(RESAMPLES, ge=100)
    seed: int = 0
    workers: int = Field(default_factory=_cores, ge=1, exclude=True)


@dataclass(frozen=True)
class _Task:
    """The rows to score: examples in the dataset's order, and what was predicted for them.

    `unreadable` are databases that could not be read when the predictions were made.
    """

    questions: Questions
    source: QuestionSource
    examples: Sequence[Example]
    predictions: Mapping[str, Prediction]
    predicted_by: Mapping[str, Any]
    unreadable: Mapping[str, str] = field(default_factory=dict)


@dataclass
class _Run:
    """What the threads of one run share; `kept` are the (id, metric) that have verdicts."""

    config: EvaluateConfig
    task: _Task
    writer: JsonlWriter
    on_row: Callable[[], None]
    kept: frozenset[tuple[str, str]]
    lock: Lock = field(default_factory=Lock)
    unreadable: dict[str, str] = field(default_factory=dict)

    def keep(self, verdicts: Sequence[Verdict], stop: Event) -> None:
        """Write the verdicts of one row, unless the run has been stopped."""
        with self.lock:
            if not stop.is_set():
                for verdict in verdicts:
                    if (verdict.id, verdict.metric) not in self.kept:
                        self.writer.write(verdict)
                self.on_row()


# --------------------------------------------------------------------------- reading


def _read_task(config: EvaluateConfig, inputs: Sequence[Path], out: Path) -> _Task:
    if not inputs:
        return _read_foreign(config, out)
    manifest = read_manifest(inputs[0])
    if manifest is None or "questions_sha256" not in manifest.counts:
        raise UsageError(f"not a run of predict: {inputs[0]}; give the folder that predict wrote")
    held = {k: v for k, v in manifest.config.items() if k in QuestionSource.model_fields}
    moved = {"data": config.data, "questions": config.questions}
    source = QuestionSource(**(held | {k: v for k, v in moved.items() if v is not None}))
    questions = open_questions(source)
    if questions.digest != manifest.counts["questions_sha256"]:
        raise DataError(
            f"the questions have changed since {inputs[0]} was predicted: {source.dataset} "
            f"{source.split} has another sha256; predict again"
        )
    predictions = {p.id: p for p in read_jsonl(inputs[0] / PREDICTIONS, Prediction)}
    examples = [e for e in questions.answerable if e.id in predictions]
    by = {k: v for k, v in manifest.config.items() if k not in QuestionSource.model_fields}
    unreadable = manifest.counts["unreadable_databases"]
    return _Task(questions, source, examples, predictions, by, unreadable)


def _read_foreign(config: EvaluateConfig, out: Path) -> _Task:
    if config.predictions is None:
        raise UsageError("nothing to evaluate; give a run of predict, or --predictions FILE")
    questions = open_questions(config)
    predictions = read_predictions(config.predictions, questions.all)
    with JsonlWriter(out / PREDICTIONS) as writer:
        for prediction in predictions:
            writer.write(prediction)
    by = {"predictions": str(config.predictions)}
    rows = {prediction.id: prediction for prediction in predictions}
    return _Task(questions, config, questions.answerable, rows, by)


# --------------------------------------------------------------------------- scoring


def _jobs(run: _Run, waiting: Sequence[Example]) -> list[Job]:
    """Parts of databases, those of the largest first; rows with the same gold side by side."""
    jobs = []
    for db_id, examples in by_database(waiting):
        rows = sorted(examples, key=lambda e: (e.gold_sql or "", e.id))
        for first in range(0, len(rows), JOB_ROWS):
            jobs.append(_job(run, db_id, rows[first : first + JOB_ROWS]))
    return jobs


def _job(run: _Run, db_id: str, examples: Sequence[Example]) -> Job:
    config = run.config

    def job(stop: Event) -> None:
        metrics: list[Metric] = [plugins.load("metrics", name)() for name in config.metrics]
        limits = Limits(timeout_s=config.timeout_s, max_rows=config.max_rows)
        path = run.task.questions.paths[db_id]
        try:
            with closing(plugins.open_database(path, limits)) as database:
                is_empty = cache(lambda: _is_empty(database))
                for example in examples:
                    if stop.is_set():
                        return
                    prediction = run.task.predictions.get(example.id)
                    verdicts = [_score(m, example, prediction, database) for m in metrics]
                    run.keep([_flag_empty(v, is_empty) for v in verdicts], stop)
        except DatabaseUnreadable as error:
            run.unreadable[db_id] = str(error)

    return job


def _score(
    metric: Metric, example: Example, prediction: Prediction | None, database: Database
) -> Verdict:
    if SCHEMA_ONLY in example.tags and getattr(metric, "compares_rows", True):
        return _without_rows(metric, example)
    verdict = metric.score(example, prediction.sql if prediction else "", database)
    if verdict.details.get("failure") != "no_sql" or (prediction and not prediction.error):
        return verdict
    reason = f"the model failed: {prediction.error}" if prediction else "there is no prediction"
    failure = {"failure": "model_error" if prediction else "no_prediction"}
    return verdict.model_copy(update={"reason": reason, "details": verdict.details | failure})


def _without_rows(metric: Metric, example: Example) -> Verdict:
    return Verdict(
        id=example.id,
        db_id=example.db_id,
        metric=metric.name,
        score=0.0,
        reason="the tables have no rows to compare results on",
        flags=(NO_ROWS,),
    )


def _is_empty(database: Database) -> bool:
    return not any(table.row_count for table in database.schema(samples=0).tables)


def _flag_empty(verdict: Verdict, is_empty: Callable[[], bool]) -> Verdict:
    if EMPTY_RESULTS not in verdict.flags or not is_empty():
        return verdict
    return verdict.model_copy(update={"flags": (*verdict.flags, EMPTY_DATABASE)})


def _score_rest(config: EvaluateConfig, task: _Task, out: Path) -> dict[str, str]:
    """Score what has no verdict yet; return the databases that could not be read, and why."""
    with JsonlWriter(out / VERDICTS, resume=True) as writer:
        kept = frozenset((v.id, v.metric) for v in read_jsonl(out / VERDICTS, Verdict))
        waiting = [e for e in task.examples if not {(e.id, m) for m in config.metrics} <= kept]
        done = len(task.examples) - len(waiting)
        with progress("evaluate", len(task.examples), done) as on_row:
            scoring = _Run(config, task, writer, on_row, kept)
            run_jobs(_jobs(scoring, waiting), config.workers)
    return dict(sorted((*task.unreadable.items(), *scoring.unreadable.items())))


def _sum_up(
    config: EvaluateConfig, task: _Task, verdicts: Sequence[Verdict], unreadable: dict[str, str]
) -> Scores:
    asked = [task.predictions.get(example.id) for example in task.examples]
    made = [prediction for prediction in asked if prediction is not None]
    used = {example.db_id: task.questions.paths[example.db_id] for example in task.examples}
    source = task.source
    return Scores(
        source=Source(
            dataset=source.dataset,
            split=source.split,
            data=str(source.data) if source.data else None,
            questions_file=str(source.questions) if source.questions else None,
            questions_sha256=task.questions.digest,
            databases_sha256=databases_digest(used),
        ),
        predicted_by=dict(task.predicted_by),
        questions=len(task.questions.all),
        scored=len({verdict.id for verdict in verdicts}),
        missing_databases=dict(task.questions.missing),
        unreadable_databases=unreadable,
        empty_databases=tuple(sorted({v.db_id for v in verdicts if EMPTY_DATABASE in v.flags})),
        failed_predictions=sum(prediction.error is not None for prediction in made),
        absent_predictions=len(asked) - len(made),
        limits={"timeout_s": config.timeout_s, "max_rows": config.max_rows},
        metrics={
            name: summarize(name, verdicts, seed=config.seed, resamples=config.resamples)
            for name in config.metrics
        },
        cost=cost_of(made),
    )


def run(config: EvaluateConfig, inputs: tuple[Path, ...], out: Path) -> Mapping[str, Any]:
    """Score into `out`, or go on with what is there; returns scores for the manifest.

    Raises:
        DataError: if predictions and questions do not fit each other.
    """
    task = _read_task(config, inputs, out)
    unreadable = _score_rest(config, task, out)
    scores = _sum_up(config, task, list(read_jsonl(out / VERDICTS, Verdict)), unreadable)
    write_atomic(out / SCORES, scores.model_dump_json(indent=2) + "\n")
    counts: dict[str, Any] = {"questions": scores.questions, "scored": scores.scored}
    for name, metric in scores.metrics.items():
        counts[name] = metric.score
        if metric.interval is not None:
            counts[f"{name}_interval"] = [metric.interval.low, metric.interval.high]
    return counts


STAGE = Stage("evaluate", EvaluateConfig, run, needs=("predict",))
