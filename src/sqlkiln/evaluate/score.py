"""Stage `evaluate`: score predictions against the gold SQL, by execution and by text.

Reads a run of `predict`, or a file of predictions made elsewhere (see `evaluate.predictions`),
and the dataset with its databases, which are only ever read. Writes, besides a copy of
`predictions.jsonl` where there is none:

    verdicts.jsonl      records `Verdict`, one line a row and metric, as they come
    scores.json         `scoring.summary.Scores`
    examples.jsonl      records `Example`, the rows that were scored, tagged by hardness and feature
    failures.jsonl      records `scoring.evaluated.Failure`: why each miss is one
    preferences.jsonl   records `PreferencePair`: the gold against each miss

A killed run goes on where it was.

    sqlkiln evaluate RUN
    sqlkiln evaluate --dataset spider --data DIR --predictions FILE --out RUN

`modes` are the rules by which results are compared: `strict`, and those of the official scripts
of `spider` and `bird`; each is a metric `execution.<mode>`, and `suite.<mode>` on a test suite (see
stage `suite`). Misses are those of the first mode, by which samples are scored too: `pass@k` and
`maj@k` (see `scoring.sampling`).
Questions whose database is missing or cannot be read are counted and named, and scored only by
metrics that need no database; rows whose gold fails are not scored. A question without a
prediction counts as wrong. Each statement has `timeout_s`; rows past `max_rows` are cut off and
flagged.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from typing import Any, Literal

from pydantic import Field, field_validator

from sqlkiln.core import plugins
from sqlkiln.core.digests import UNREADABLE, file_digests
from sqlkiln.core.errors import DatabaseUnreadable, UsageError
from sqlkiln.core.plugins import Database, Limits, Metric, Stage
from sqlkiln.core.records import Example, Verdict
from sqlkiln.core.store import JsonlWriter, read_jsonl, read_manifest
from sqlkiln.evaluate.outcome import write_outcome
from sqlkiln.evaluate.pool import Job, progress, run_jobs
from sqlkiln.evaluate.questions import QuestionSource, by_database
from sqlkiln.evaluate.rows import MissingDatabase, RowScorer, compares_rows
from sqlkiln.evaluate.task import Task, fingerprint, read_task
from sqlkiln.scoring.evaluated import VERDICTS
from sqlkiln.scoring.gold_cache import GoldCache, prune
from sqlkiln.scoring.results import RememberingDatabase
from sqlkiln.scoring.sampling import most_samples, sample_metrics
from sqlkiln.scoring.statistics import RESAMPLES
from sqlkiln.scoring.suite import SUITE, Instances, Suite, TestSuiteAccuracy

Mode = Literal["strict", "spider", "bird"]
MODES: tuple[Mode, ...] = ("strict", "spider", "bird")
ON_SUITE = "suite."
JOB_ROWS = 60
"""Rows that one thread scores with one opened database before it takes the next job."""


def _cores() -> int:
    return min(8, max(2, os.cpu_count() or 2))


class EvaluateConfig(QuestionSource):
    """What to score, and how. `workers` databases are at work at a time.

    With a run of `predict` as input, its dataset is taken, and `data` and `questions` only say
    where that lies now. With `predictions`, a file made elsewhere, all must be given here. A
    metric of several forms (`soft_f1.official`, `soft_f1.fixed`) may be named by what comes
    before the dot. `prices` is a file like `assets/prices.toml`, which is taken otherwise.
    With a `suite` (its folder, or the suite.json in it), every mode is scored on that as well; in
    a recipe, with the one that its stage `suite` built from the same questions.
    """

    predictions: Path | None = None
    modes: tuple[Mode, ...] = MODES
    metrics: tuple[str, ...] = ("exact_match", "string")
    timeout_s: float = Field(10.0, gt=0)
    max_rows: int = Field(100_000, ge=1)
    resamples: int = Field(RESAMPLES, ge=100)
    seed: int = 0
    suite: Path | None = None
    prices: Path | None = None
    workers: int = Field(default_factory=_cores, ge=1, exclude=True)

    @field_validator("metrics")
    @classmethod
    def _expand(cls, metrics: tuple[str, ...]) -> tuple[str, ...]:
        known = plugins.names("metrics")
        found: list[str] = []
        for name in metrics:
            forms = [n for n in known if n == name or n.startswith(f"{name}.")]
            if not forms:
                raise ValueError(f"no metric {name!r}; there are {', '.join(known)}")
            found += forms
        return tuple(dict.fromkeys(found))

    @field_validator("suite")
    @classmethod
    def _find(cls, suite: Path | None) -> Path | None:
        """The file where there is one: its bytes stand for the suite in the run's identity."""
        file = suite / SUITE if suite is not None else None
        return file if file is not None and file.exists() else suite

    @property
    def all_metrics(self) -> tuple[str, ...]:
        """The names of all metrics to score by, those of the modes first."""
        modes = [f"execution.{mode}" for mode in self.modes]
        suite = [f"{ON_SUITE}{mode}" for mode in self.modes if self.suite is not None]
        return tuple(dict.fromkeys([*modes, *suite, *self.metrics]))

    def metrics_for(self, samples: int) -> tuple[str, ...]:
        """As `all_metrics`, and those of so many samples, which go by the judge."""
        return (*self.all_metrics, *(sample_metrics(samples) if self.judge else ()))

    @property
    def judge(self) -> str | None:
        """The metric whose misses are labelled: the first mode, if there is one."""
        return f"execution.{self.modes[0]}" if self.modes else None

    @property
    def limits(self) -> Limits:
        """What one statement may cost."""
        return Limits(timeout_s=self.timeout_s, max_rows=self.max_rows)


@dataclass
class _Run:
    """What the threads of one run share.

    `kept` are the (id, metric) that have verdicts, `digests` the sha256 of databases whose golds'
    results can be kept: those in one file.
    """

    config: EvaluateConfig
    task: Task
    writer: JsonlWriter
    on_row: Callable[[], None]
    kept: frozenset[tuple[str, str]]
    digests: Mapping[Path, str]
    suite: Suite | None = None
    samples: int = 0
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

    def metrics(self, opened: ExitStack) -> list[Metric]:
        """The metrics, ready for the dataset; `opened` closes the instances of the suite."""
        limits = self.config.limits
        instances = Instances(self.suite, limits) if self.suite is not None else None
        if instances is not None:
            opened.enter_context(closing(instances))
        return [self._metric(name, instances) for name in self.config.all_metrics]

    def _metric(self, name: str, instances: Instances | None) -> Metric:
        on_suite = instances is not None and name.startswith(ON_SUITE)
        kind = name.replace(ON_SUITE, "execution.") if on_suite else name
        metric: Metric = plugins.load("metrics", kind)()
        prepare = getattr(metric, "prepare", None)
        if prepare is not None:
            prepare(self.task.questions.dataset)
        return TestSuiteAccuracy(metric, instances) if instances and on_suite else metric


def _jobs(run: _Run, waiting: Sequence[Example]) -> list[Job]:
    """Parts of databases, those of the largest first; rows with the same gold side by side."""
    jobs = []
    for db_id, examples in by_database(waiting):
        rows = sorted(examples, key=lambda e: (e.gold_sql or "", e.id))
        for first in range(0, len(rows), JOB_ROWS):
            jobs.append(_job(run, db_id, rows[first : first + JOB_ROWS]))
    return jobs


def _job(run: _Run, db_id: str, examples: Sequence[Example]) -> Job:
    def job(stop: Event) -> None:
        try:
            with ExitStack() as opened, closing(_open(run, db_id)) as database:
                metrics = run.metrics(opened)
                if db_id not in run.task.questions.paths:
                    metrics = [metric for metric in metrics if not compares_rows(metric)]
                scorer = RowScorer(metrics, database, run.config.judge, run.samples)
                for example in examples:
                    if stop.is_set():
                        return
                    run.keep(scorer.score(example, run.task.predictions.get(example.id)), stop)
        except DatabaseUnreadable as error:
            run.unreadable[db_id] = str(error)

    return job


def _open(run: _Run, db_id: str) -> Database:
    path = run.task.questions.paths.get(db_id)
    if path is None:
        return MissingDatabase(db_id)
    limits = run.config.limits
    cache = GoldCache(run.digests[path], limits) if path in run.digests else None
    return RememberingDatabase(plugins.open_database(path, limits), cache)


def _digests(task: Task, examples: Sequence[Example]) -> dict[Path, str]:
    """The sha256 of databases in one file; not of those with changes in a log beside it."""
    paths = {task.questions.paths.get(db_id) for db_id in {e.db_id for e in examples}}
    files = [path for path in paths if path is not None and path.is_file()]
    logs = {path: path.with_name(f"{path.name}-wal") for path in files}
    whole = (p for p in files if not logs[p].exists() or not logs[p].stat().st_size)
    return {path: sha for path, sha in file_digests(whole).items() if sha != UNREADABLE}


def _compares_rows(name: str) -> bool:
    return name.startswith(ON_SUITE) or compares_rows(plugins.load("metrics", name))


def _workers(config: EvaluateConfig) -> int:
    """How many databases to work on at a time: one where speed is measured."""
    kinds = [plugins.load("metrics", name) for name in config.metrics]
    return 1 if any(getattr(kind, "measures_speed", False) for kind in kinds) else config.workers


def _score_rest(config: EvaluateConfig, task: Task, out: Path) -> dict[str, str]:
    """Score what has no verdict yet; return the databases that could not be read, and why."""
    suite = Suite.open(config.suite) if config.suite is not None else None
    textual = {name for name in config.all_metrics if not _compares_rows(name)}
    samples = most_samples(task.predictions.values())
    needed = {e.id: set(config.metrics_for(samples)) for e in task.examples}
    needed |= {e.id: textual for e in task.textual if textual}
    examples = [e for e in (*task.examples, *task.textual) if e.id in needed]
    prune()
    with JsonlWriter(out / VERDICTS, resume=True) as writer:
        kept = frozenset((v.id, v.metric) for v in read_jsonl(out / VERDICTS, Verdict))
        waiting = [e for e in examples if not {(e.id, name) for name in needed[e.id]} <= kept]
        with progress("evaluate", len(examples), len(examples) - len(waiting)) as on_row:
            digests = _digests(task, waiting)
            scoring = _Run(config, task, writer, on_row, kept, digests, suite, samples)
            run_jobs(_jobs(scoring, waiting), _workers(config))
    return dict(sorted((*task.unreadable.items(), *scoring.unreadable.items())))


def _fits(inputs: tuple[Path, ...], suite: Path) -> bool:
    """Whether a suite was built from the questions that a run of predict answers."""
    predicted, built = read_manifest(inputs[0]), read_manifest(suite)
    if predicted is None or built is None:
        return False
    return built.counts.get("questions_sha256") == predicted.counts.get("questions_sha256")


def _with_suite(config: EvaluateConfig, inputs: tuple[Path, ...]) -> EvaluateConfig:
    """The settings with the suite that the recipe built, if it did."""
    built = next((folder for folder in inputs[1:] if (folder / SUITE).exists()), None)
    if built is None:
        return config
    if config.suite is not None:
        raise UsageError(
            f"two suites: {config.suite} by the settings, {built} by the recipe; leave one out"
        )
    return config.model_copy(update={"suite": built / SUITE})


def run(config: EvaluateConfig, inputs: tuple[Path, ...], out: Path) -> Mapping[str, Any]:
    """Score into `out`, or go on with what is there; returns scores for the manifest.

    Raises:
        UsageError: if there is nothing to score by, or there are two suites.
        DataError: if predictions and questions do not fit each other, or the suite cannot be used.
    """
    if not config.all_metrics:
        raise UsageError("nothing to score by: no mode and no metric; give one of them")
    config = _with_suite(config, inputs)
    task = read_task(config, config.predictions, inputs, out)
    unreadable = _score_rest(config, task, out)
    scores = write_outcome(config, task, unreadable, out)
    counts: dict[str, Any] = {"questions": scores.questions, "scored": scores.scored}
    for name, metric in scores.metrics.items():
        counts[name] = metric.score
        if metric.interval is not None:
            counts[f"{name}_interval"] = [metric.interval.low, metric.interval.high]
    return counts


STAGE = Stage(
    "evaluate",
    EvaluateConfig,
    run,
    needs=("predict",),
    fingerprint=fingerprint,
    uses=("suite",),
    fits=_fits,
)
