"""Stage `predict`: ask a model every question of a dataset, or a sample of them.

Reads the dataset and its databases. Writes `predictions.jsonl` (records `Prediction`), row by row
in the order they come, so that a killed run loses at most the rows in flight and goes on where it
was. The SQL is scored by the stage `evaluate`, not here.

    sqlkiln predict --dataset spider --data DIR --limit 300 --model qwen2.5-coder-0.5b --out RUN

Questions are asked database by database, so that a backend which keeps prefixes reads each schema
once; several databases run at a time, one per slot. Questions whose database is missing are
counted and named, and the sample is drawn from the others.

A question that the model cannot take (too long for its context, say) is recorded with its error.
Where the backend fails otherwise, it is probed with a one-token request: if it answers, only that
question is recorded as failed; if not, the run stops, to be continued later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from time import perf_counter
from typing import Any

from pydantic import Field, field_validator

from sqlkiln.core import plugins
from sqlkiln.core.errors import (
    BackendAuthError,
    BackendError,
    BackendRateLimited,
    ContextOverflow,
    DatabaseUnreadable,
    UsageError,
)
from sqlkiln.core.plugins import (
    Backend,
    BackendOptions,
    Database,
    Limits,
    Message,
    Request,
    Solution,
    Stage,
    Strategy,
    Watch,
)
from sqlkiln.core.records import DatabaseSchema, Example, Prediction, Tokens
from sqlkiln.core.store import JsonlWriter, read_jsonl
from sqlkiln.evaluate.pool import Job, progress, run_jobs
from sqlkiln.evaluate.questions import (
    QuestionSource,
    by_database,
    choose,
    open_questions,
    source_fingerprint,
)
from sqlkiln.prompt import render
from sqlkiln.prompt.serialize import DEFAULT_STYLE, STYLES

PREDICTIONS = "predictions.jsonl"
PROBE = Request((Message("user", "Say OK."),), max_tokens=1)


class PredictConfig(QuestionSource):
    """What to ask whom. `slots` questions run at a time; they change the speed, not the run.

    Without `limit` all questions are asked. `timeout_s` is for one query, where the strategy
    runs any; `adapters` are (name or path, weight).
    """

    model: str = "qwen2.5-coder-0.5b"
    adapters: tuple[tuple[str, float], ...] = ()
    strategy: str = "greedy"
    schema_style: str = DEFAULT_STYLE
    limit: int | None = Field(None, ge=1)
    seed: int = 0
    slots: int = Field(1, ge=1, exclude=True)
    max_tokens: int = Field(400, ge=1)
    context_tokens: int = Field(8192, ge=256)
    timeout_s: float = Field(10.0, gt=0)

    @field_validator("schema_style")
    @classmethod
    def _known_style(cls, style: str) -> str:
        if style not in STYLES:
            raise ValueError(f"no such schema style; choose one of {', '.join(STYLES)}")
        return style


class _Stopped(Exception):
    """Raised inside a generation to cancel it."""


@dataclass
class _Run:
    """What the threads of one run share."""

    config: PredictConfig
    backend: Backend
    writer: JsonlWriter
    on_row: Callable[[], None]
    lock: Lock = field(default_factory=Lock)
    unreadable: dict[str, str] = field(default_factory=dict)

    def keep(self, prediction: Prediction, stop: Event) -> None:
        """Write one row, unless the run has been stopped: its file may be closed by then."""
        with self.lock:
            if not stop.is_set():
                self.writer.write(prediction)
                self.on_row()


def _job(run: _Run, db_id: str, path: Path, examples: Sequence[Example]) -> Job:
    """Ask all questions over one database, one after the other."""

    def job(stop: Event) -> None:
        try:
            limits = Limits(timeout_s=run.config.timeout_s)
            with closing(plugins.open_database(path, limits)) as database:
                schema = database.schema()
                if not schema.tables:
                    raise DatabaseUnreadable(f"nothing to ask about: {path} has no tables")
                for example in examples:
                    run.keep(_predict(run, example, schema, database, stop), stop)
        except DatabaseUnreadable as error:
            run.unreadable[db_id] = str(error)
        except _Stopped:
            return

    return job


def _predict(
    run: _Run, example: Example, schema: DatabaseSchema, database: Database, stop: Event
) -> Prediction:
    """Ask one question; what only concerns this question is recorded, all else is raised."""
    config = run.config

    def check_stop(_: str = "") -> None:
        if stop.is_set():
            raise _Stopped

    check_stop()
    started = perf_counter()
    try:
        task = render.task(
            schema,
            example.question,
            style=config.schema_style,
            evidence=example.evidence,
            template=Request((), max_tokens=config.max_tokens, seed=config.seed),
        )
        strategy: Strategy = plugins.load("strategies", config.strategy)()
        solution = strategy.solve(task, run.backend, database, Watch(on_text=check_stop))
    except (UsageError, BackendError) as error:
        check_stop()
        if isinstance(error, BackendError) and not _concerns_one_question(error, run.backend):
            raise
        failure = f"{type(error).__name__}: {error}"
        return _record(run, example, None, failure, perf_counter() - started)
    return _record(run, example, solution, None, perf_counter() - started)


def _concerns_one_question(error: BackendError, backend: Backend) -> bool:
    if isinstance(error, ContextOverflow):
        return True
    if isinstance(error, BackendAuthError | BackendRateLimited):
        return False
    try:
        backend.generate(PROBE)
    except BackendError:
        return False
    return True


def _record(
    run: _Run, example: Example, solution: Solution | None, error: str | None, seconds: float
) -> Prediction:
    tried = solution.candidates if solution else ()
    completions = [candidate.completion for candidate in tried]
    named = [
        name if weight == 1.0 else f"{name}:{weight:g}" for name, weight in run.config.adapters
    ]
    return Prediction(
        id=example.id,
        db_id=example.db_id,
        sql=solution.chosen.sql if solution else "",
        completion=solution.chosen.completion.text if solution else "",
        model=run.backend.model,
        adapter="+".join(named) or None,
        strategy=run.config.strategy,
        error=error,
        attempts=max(1, len(tried)),
        prompt_tokens=sum(c.prompt_tokens for c in completions),
        cached_tokens=sum(c.cached_tokens for c in completions),
        completion_tokens=sum(c.completion_tokens for c in completions),
        seconds=round(seconds, 4),
    )


def _predict_rest(
    config: PredictConfig, chosen: Sequence[Example], paths: Mapping[str, Path], out: Path
) -> dict[str, str]:
    """Ask what has no prediction yet; return the databases that could not be read, and why."""
    with JsonlWriter(out / PREDICTIONS, resume=True) as writer:
        kept = {prediction.id for prediction in read_jsonl(out / PREDICTIONS, Prediction)}
        waiting = [example for example in chosen if example.id not in kept]
        if not waiting:
            return {}
        plugins.load("strategies", config.strategy)
        options = BackendOptions(
            slots=config.slots, context_tokens=config.context_tokens, adapters=config.adapters
        )
        done = len(chosen) - len(waiting)
        with (
            closing(plugins.open_backend(config.model, options)) as backend,
            progress("predict", len(chosen), done) as on_row,
        ):
            asking = _Run(config, backend, writer, on_row)
            groups = by_database(waiting)
            jobs = [_job(asking, db_id, paths[db_id], examples) for db_id, examples in groups]
            run_jobs(jobs, config.slots)
    return asking.unreadable


def _fingerprint(config: PredictConfig, inputs: tuple[Path, ...]) -> Mapping[str, str]:
    return source_fingerprint(config)


def run(config: PredictConfig, inputs: tuple[Path, ...], out: Path) -> Mapping[str, Any]:
    """Predict into `out`, or go on with what is there; returns counts for the manifest.

    Raises:
        BackendError: if the model cannot answer at all; what was predicted is kept.
    """
    questions = open_questions(config)
    chosen = choose(questions.answerable, config.limit, config.seed)
    unreadable = _predict_rest(config, chosen, questions.paths, out)
    predictions = list(read_jsonl(out / PREDICTIONS, Prediction))
    return {
        "questions": len(questions.all),
        "chosen": len(chosen),
        "predicted": len(predictions),
        "failed": sum(p.error is not None for p in predictions),
        "missing_databases": dict(questions.missing),
        "unreadable_databases": unreadable,
        "questions_sha256": questions.digest,
        "slots": config.slots,
        "tokens": Tokens(
            prompt=sum(p.prompt_tokens for p in predictions),
            cached=sum(p.cached_tokens for p in predictions),
            completion=sum(p.completion_tokens for p in predictions),
        ),
    }


STAGE = Stage("predict", PredictConfig, run, fingerprint=_fingerprint)
