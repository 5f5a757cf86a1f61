"""Stage `predict`: ask a model every question of a dataset, or a sample of them.

Reads the dataset and its databases, and the adapter of a run of `export` where it is given one.
Writes `predictions.jsonl` (records `Prediction`), row by row in the order they come, so that a
killed run loses at most the rows in flight and goes on where it was. The SQL is scored by the stage
`evaluate`, not here.

    sqlkiln predict --dataset spider --data DIR --limit 300 --model qwen2.5-coder-0.5b --out RUN

Questions are asked database by database, so that a backend which keeps prefixes reads each schema
once; several databases run at a time, one per slot. Questions whose database is missing are
counted and named, and the sample is drawn from the others.

A question that the model cannot take (too long for its context, say) is recorded with its error.
Where the backend fails otherwise, it is probed with a one-token request: if it answers, only that
question is recorded as failed; if not, the run stops, to be continued later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event, Lock
from time import perf_counter
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from sqlkiln.core import adapters, plugins
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
    Task,
    Watch,
)
from sqlkiln.core.records import DatabaseSchema, Example, Prediction, Tokens
from sqlkiln.core.store import JsonlWriter, read_jsonl
from sqlkiln.evaluate.asking import (
    Prompting,
    adapter_digests,
    may_ask_others,
    row_of,
    settled,
    task_of,
)
from sqlkiln.evaluate.pool import Job, progress, run_jobs
from sqlkiln.evaluate.questions import (
    QuestionSource,
    by_database,
    choose,
    open_questions,
    source_fingerprint,
)
from sqlkiln.prompt.beside import Beside, require_asked
from sqlkiln.prompt.schema import read_schema
from sqlkiln.prompt.serialize import STYLES
from sqlkiln.prompt.targets import TARGETS
from sqlkiln.scoring.spider_writing import numbered

PREDICTIONS = "predictions.jsonl"
PROBE = Request((Message("user", "Say OK."),), max_tokens=1)


class PredictConfig(QuestionSource):
    """What to ask whom. `slots` questions run at a time; they change the speed, not the run.

    Without `limit` all questions are asked. `timeout_s` is for one query, where the strategy
    runs any. With a `temperature`, every question may be asked for several `samples`, the seed
    being one more each time; the first of them is the answer.

    `adapter` is one or several of NAME_OR_PATH[:WEIGHT], or "none" for the weights of the base;
    without it, the adapter of an `export` in the same recipe counts, or else the one that is
    shipped for the model. `target` and `schema_style` are those that the adapter was trained with,
    unless they are given.

    `beside` is another model, to be asked where the answer may be wrong, by a strategy with
    +second.

    With `sql_style` "spider" statements are kept as golds of Spider and create_context are written,
    with T1 and T2 (`scoring.spider_writing`), for metrics that compare them as text.
    """

    model: str = "qwen2.5-coder-0.5b"
    adapter: tuple[str, ...] | None = None
    beside: str | None = None
    strategy: str = "greedy"
    target: str | None = None
    schema_style: str | None = None
    sql_style: Literal["written", "spider"] = "written"
    limit: int | None = Field(None, ge=1)
    seed: int = 0
    slots: int = Field(1, ge=1, exclude=True)
    max_tokens: int = Field(400, ge=1)
    context_tokens: int = Field(8192, ge=256)
    timeout_s: float = Field(10.0, gt=0)
    temperature: float = Field(0.0, ge=0)
    samples: int = Field(1, ge=1)

    @field_validator("samples")
    @classmethod
    def _not_all_alike(cls, samples: int, told: ValidationInfo) -> int:
        if samples > 1 and not told.data.get("temperature"):
            raise ValueError("samples without a temperature are all alike; give one above 0")
        return samples

    @field_validator("adapter", mode="before")
    @classmethod
    def _one_or_several(cls, adapter: object) -> object:
        return (adapter,) if isinstance(adapter, str) else adapter

    @field_validator("schema_style")
    @classmethod
    def _known_style(cls, style: str | None) -> str | None:
        if style not in (None, *STYLES):
            raise ValueError(f"no such schema style; choose one of {', '.join(STYLES)}")
        return style

    @field_validator("target")
    @classmethod
    def _known_target(cls, target: str | None) -> str | None:
        if target not in (None, *TARGETS):
            raise ValueError(f"no such target; choose one of {', '.join(TARGETS)}")
        return target


def prompting(config: PredictConfig, inputs: tuple[Path, ...]) -> Prompting:
    """Settle what `config` leaves open; `inputs` may hold a run of `export`.

    Raises:
        UsageError: if an adapter is one of another model, several want different prompts, or
            one wants a prompt that there is not.
        ModelNotFound: if there is no such adapter.
    """
    asked = config.adapter
    if asked is None and inputs:
        asked = tuple(str(path) for folder in inputs for path in sorted(folder.glob("*.gguf")))
    beside = None
    require_asked(config.beside, config.model, config.strategy)
    if config.beside is not None:
        opening = BackendOptions(slots=config.slots, context_tokens=config.context_tokens)
        beside = Beside(config.beside, opening)
    return settled(config.model, asked, config.target, config.schema_style, beside)


class _Stopped(Exception):
    """Raised inside a generation to cancel it."""


@dataclass
class _Run:
    """What the threads of one run share."""

    config: PredictConfig
    prompting: Prompting
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
                schema = read_schema(database)
                if not schema.tables:
                    raise DatabaseUnreadable(f"nothing to ask about: {path} has no tables")
                place = _Place(database, schema, plugins.open_strategy(run.config.strategy))
                for example in examples:
                    run.keep(_predict(run, example, place, stop), stop)
        except DatabaseUnreadable as error:
            run.unreadable[db_id] = str(error)
        except _Stopped:
            return

    return job


@dataclass(frozen=True)
class _Place:
    """An open database, and the strategy that has come to know it."""

    database: Database
    schema: DatabaseSchema
    strategy: Strategy


def _predict(run: _Run, example: Example, place: _Place, stop: Event) -> Prediction:
    """Ask one question; what only concerns this question is recorded, all else is raised."""

    def check_stop(_: str = "") -> None:
        if stop.is_set():
            raise _Stopped

    check_stop()
    started = perf_counter()
    try:
        watch = Watch(on_text=check_stop)
        solutions = [
            place.strategy.solve(task, run.backend, place.database, watch)
            for task in _tasks(run, example, place.schema)
        ]
        if run.config.sql_style == "spider":
            solutions = [_numbered(solution, place.schema.dialect) for solution in solutions]
    except (UsageError, BackendError) as error:
        check_stop()
        asked = [run.backend, *([run.prompting.beside] if run.prompting.beside else [])]
        if isinstance(error, BackendError) and not _concerns_one_question(error, asked):
            raise
        failure = f"{type(error).__name__}: {error}"
        return _record(run, example, (), failure, perf_counter() - started)
    return _record(run, example, solutions, None, perf_counter() - started)


def _numbered(solution: Solution, dialect: str) -> Solution:
    return replace(
        solution, chosen=replace(solution.chosen, sql=numbered(solution.chosen.sql, dialect))
    )


def _tasks(run: _Run, example: Example, schema: DatabaseSchema) -> Iterator[Task]:
    """The question, once for every sample."""
    config = run.config
    template = Request((), max_tokens=config.max_tokens, temperature=config.temperature)
    for number in range(config.samples):
        seeded = replace(template, seed=config.seed + number)
        yield task_of(example, schema, run.prompting, seeded)


def _concerns_one_question(error: BackendError, backends: Sequence[Backend]) -> bool:
    if isinstance(error, ContextOverflow):
        return True
    if isinstance(error, BackendAuthError | BackendRateLimited):
        return False
    try:
        for backend in backends:
            backend.generate(PROBE)
    except BackendError:
        return False
    return True


def _record(
    run: _Run,
    example: Example,
    solutions: Sequence[Solution],
    error: str | None,
    seconds: float,
) -> Prediction:
    return row_of(
        example,
        solutions,
        model=run.backend.model,
        adapter=adapters.shown(run.prompting.adapters),
        strategy=run.config.strategy,
        error=error,
        seconds=round(seconds, 4),
    )


def _predict_rest(
    config: PredictConfig,
    prompt: Prompting,
    chosen: Sequence[Example],
    paths: Mapping[str, Path],
    out: Path,
) -> dict[str, str]:
    """Ask what has no prediction yet; return the databases that could not be read, and why."""
    with JsonlWriter(out / PREDICTIONS, resume=True) as writer:
        kept = {prediction.id for prediction in read_jsonl(out / PREDICTIONS, Prediction)}
        waiting = [example for example in chosen if example.id not in kept]
        if not waiting:
            return {}
        plugins.open_strategy(config.strategy)
        options = BackendOptions(
            slots=config.slots,
            context_tokens=config.context_tokens,
            adapters=adapters.options(prompt.adapters),
        )
        done = len(chosen) - len(waiting)
        with (
            closing(plugins.open_backend(config.model, options)) as backend,
            closing(prompt.beside) if prompt.beside else nullcontext(),
            progress("predict", len(chosen), done) as on_row,
        ):
            asking = _Run(config, prompt, backend, writer, on_row)
            groups = by_database(waiting)
            jobs = [_job(asking, db_id, paths[db_id], examples) for db_id, examples in groups]
            run_jobs(jobs, config.slots)
    return asking.unreadable


def _fingerprint(config: PredictConfig, inputs: tuple[Path, ...]) -> Mapping[str, str]:
    digests = adapter_digests(prompting(config, inputs), [config.strategy])
    return source_fingerprint(config) | digests


def _second_of(config: PredictConfig, prompt: Prompting) -> dict[str, str]:
    """What is recorded of those that the strategy may ask for other opinions."""
    named = ", ".join(other.name for other in prompt.others)
    return {"second": named} if named and may_ask_others(config.strategy) else {}


def run(config: PredictConfig, inputs: tuple[Path, ...], out: Path) -> Mapping[str, Any]:
    """Predict into `out`, or go on with what is there; returns counts for the manifest.

    Raises:
        BackendError: if the model cannot answer at all; what was predicted is kept.
    """
    questions = open_questions(config)
    chosen = choose(questions.answerable, config.limit, config.seed)
    prompt = prompting(config, inputs)
    unreadable = _predict_rest(config, prompt, chosen, questions.paths, out)
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
        "used": {
            "adapters": [[a.title, a.weight] for a in adapters.beside(prompt.adapters)],
            "target": prompt.target,
            "schema_style": prompt.schema_style,
            **_second_of(config, prompt),
        },
        "tokens": Tokens(
            prompt=sum(p.prompt_tokens for p in predictions),
            cached=sum(p.cached_tokens for p in predictions),
            completion=sum(p.completion_tokens for p in predictions),
        ),
    }


STAGE = Stage("predict", PredictConfig, run, fingerprint=_fingerprint, uses=("export",))
