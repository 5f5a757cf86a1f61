"""Scores one row: asks every metric, and adds what only all verdicts together can tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NoReturn, Self

from sqlkiln.core.errors import DatabaseUnreadable
from sqlkiln.core.plugins import Database, Limits, Metric
from sqlkiln.core.records import SCHEMA_ONLY, DatabaseSchema, Example, Prediction, Verdict
from sqlkiln.scoring.differences import STRICT, cause_of_difference
from sqlkiln.scoring.failures import classify
from sqlkiln.scoring.sampling import score_samples
from sqlkiln.scoring.verdicts import NO_ROWS, NO_SQL, UNSCORED, make_verdict

EMPTY_RESULTS = "empty_equals_empty"
EMPTY_DATABASE = "empty_database"


class MissingDatabase:
    """Stands for a database that is not there, for metrics that need none."""

    path = Path()
    dialect = "sqlite"

    def __init__(self, db_id: str) -> None:
        self.db_id = db_id

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Never."""
        return False

    @classmethod
    def open(cls, path: Path, limits: Limits) -> Self:
        """Always raises `DatabaseUnreadable`."""
        cls(path.stem)._refuse()

    def schema(self, samples: int = 3) -> DatabaseSchema:
        """Always raises `DatabaseUnreadable`."""
        self._refuse()

    def execute(self, sql: str, limits: Limits | None = None) -> NoReturn:
        """Always raises `DatabaseUnreadable`."""
        self._refuse()

    def close(self) -> None:
        """Nothing to close."""

    def _refuse(self) -> NoReturn:
        raise DatabaseUnreadable(f"no database: {self.db_id} is not there; add it to the dataset")


def compares_rows(metric: Metric) -> bool:
    """Whether the metric needs a database with rows in it."""
    return bool(getattr(metric, "compares_rows", True))


@dataclass(frozen=True)
class RowScorer:
    """Scores rows over one database; `judge` names the metric whose misses are labelled.

    It judges the `samples` too, of which every question is to have so many.
    """

    metrics: Sequence[Metric]
    database: Database
    judge: str | None
    samples: int = 0

    def score(self, example: Example, prediction: Prediction | None) -> list[Verdict]:
        """The verdicts of all metrics."""
        verdicts = [self._ask(metric, example, prediction) for metric in self.metrics]
        verdicts = [self._flag_empty(verdict) for verdict in verdicts]
        verdicts = [self._label(verdict, example, prediction) for verdict in verdicts]
        verdicts = _with_differences(verdicts, example, prediction.sql if prediction else "")
        return verdicts + self._score_samples(example, prediction)

    def _score_samples(self, example: Example, prediction: Prediction | None) -> list[Verdict]:
        judge = next((metric for metric in self.metrics if metric.name == self.judge), None)
        if judge is None or not self.samples:
            return []
        given = prediction.samples if prediction else ()
        samples = [*given, *[""] * (self.samples - len(given))]
        asked = prediction or Prediction(id=example.id, db_id=example.db_id, sql="")

        def ask(sql: str) -> Verdict:
            return self._ask(judge, example, asked.model_copy(update={"sql": sql}))

        return score_samples(example, samples, ask, self.database)

    def _ask(self, metric: Metric, example: Example, prediction: Prediction | None) -> Verdict:
        if SCHEMA_ONLY in example.tags and compares_rows(metric):
            reason = "the tables have no rows to compare results on"
            return make_verdict(metric.name, example, 0.0, reason, (NO_ROWS,))
        verdict = metric.score(example, prediction.sql if prediction else "", self.database)
        if verdict.details.get("failure") != NO_SQL or (prediction and not prediction.error):
            return verdict
        reason = f"the model failed: {prediction.error}" if prediction else "there is no prediction"
        failure = {"failure": "model_error" if prediction else "no_prediction"}
        return verdict.model_copy(update={"reason": reason, "details": verdict.details | failure})

    def _flag_empty(self, verdict: Verdict) -> Verdict:
        if EMPTY_RESULTS not in verdict.flags or not self._is_empty:
            return verdict
        return verdict.model_copy(update={"flags": (*verdict.flags, EMPTY_DATABASE)})

    @cached_property
    def _is_empty(self) -> bool:
        return not any(table.row_count for table in self.database.schema(samples=0).tables)

    def _label(self, verdict: Verdict, example: Example, prediction: Prediction | None) -> Verdict:
        wrong = verdict.score < 1.0 and not UNSCORED & set(verdict.flags)
        if verdict.metric != self.judge or not wrong or prediction is None or prediction.error:
            return verdict
        failure = str(verdict.details.get("failure", ""))
        found = classify(
            example.gold_sql or "",
            prediction.sql,
            self.database.schema(samples=0),
            completion=prediction.completion,
            error=failure if failure[:1].isupper() else None,
        )
        labels = {"primary": found.primary, "labels": list(found.all)}
        return verdict.model_copy(update={"details": verdict.details | labels})


def _with_differences(
    verdicts: list[Verdict], example: Example, predicted_sql: str
) -> list[Verdict]:
    """Tell in the verdicts of official modes why they differ from the strict one."""
    strict = next((verdict for verdict in verdicts if verdict.metric == STRICT), None)
    if strict is None:
        return verdicts
    told = []
    for verdict in verdicts:
        is_mode = verdict.metric.startswith("execution.") and verdict is not strict
        cause = cause_of_difference(example, predicted_sql, strict, verdict) if is_mode else None
        details = verdict.details | {"differs_from_strict": cause}
        told.append(verdict.model_copy(update={"details": details}) if cause else verdict)
    return told
