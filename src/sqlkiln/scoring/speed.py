"""Efficiency: VES, and BIRD's reward-based R-VES, from how long gold and prediction run.

Both are 0 for a wrong prediction. For a right one they grow with gold's seconds divided by the
prediction's: VES is the root of that ratio, R-VES the root of a reward that goes by steps:

    ratio     >= 2   >= 1   >= 0.5   >= 0.25   less
    reward    1.25   1      0.75     0.5       0.25

The official form (`evaluation_ves.py` of BIRD's mini_dev) takes the mean of the ratios of many
repetitions, less those that lie three standard deviations or more off. Its faults:

* where all ratios are alike, the deviation is 0 and every one of them is dropped; the division
  by zero that follows counts as a wrong answer;
* noise of the clock decides the step: a query as fast as gold gets 1 or 0.75 by chance, and so
  does gold itself;
* right and wrong are told apart by sets of rows, as in the `bird` mode.

The fixed form compares the fastest repetition of each, which noise can only lengthen, takes
ratios within `NOISE` of 1 for 1, and asks for strict correctness. In every form, a prediction
with gold's own text is as fast as gold without being timed. Times are those of a caller: they
hold the way of the rows out of the database's process.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from sqlkiln.core.errors import QueryError
from sqlkiln.core.plugins import Database, Metric
from sqlkiln.core.records import Example, Verdict
from sqlkiln.scoring.metrics import ExecutionAccuracy
from sqlkiln.scoring.official_metrics import BirdExecution
from sqlkiln.scoring.results import fresh
from sqlkiln.scoring.verdicts import UNSCORED

NOISE = 1.25
REPETITIONS = 10
LEAST_REPETITIONS = 3
BUDGET_S = 10.0
"""Past so many seconds, no more than the least repetitions are made."""

STEPS = ((2.0, 1.25), (1.0, 1.0), (0.5, 0.75), (0.25, 0.5))


@dataclass(frozen=True)
class Timings:
    """Seconds of the same number of runs of gold and of the prediction, taken in turn."""

    gold_s: tuple[float, ...]
    predicted_s: tuple[float, ...]


def reward(ratio: float) -> float:
    """R-VES's reward of a right prediction, by gold's seconds divided by the prediction's."""
    return next((worth for least, worth in STEPS if ratio >= least), 0.25)


def official_ratio(timings: Timings) -> float:
    """The mean ratio less outliers; 0 where the official script divides by zero."""
    pairs = zip(timings.gold_s, timings.predicted_s, strict=True)
    ratios = [gold / predicted for gold, predicted in pairs]
    mean, deviation = statistics.fmean(ratios), statistics.pstdev(ratios)
    kept = [r for r in ratios if mean - 3 * deviation < r < mean + 3 * deviation]
    return statistics.fmean(kept) if kept else 0.0


def fixed_ratio(timings: Timings) -> float:
    """The ratio of the fastest runs; 1 if it is within `NOISE` of that."""
    ratio = min(timings.gold_s) / min(timings.predicted_s)
    return 1.0 if 1 / NOISE <= ratio <= NOISE else ratio


def ves(ratio: float) -> float:
    """VES of one right prediction; above 1 if it is faster than gold."""
    return math.sqrt(ratio)


def rves(ratio: float) -> float:
    """R-VES of one right prediction, at most 1.118; 0 stands for a failed measurement."""
    return math.sqrt(reward(ratio)) if ratio else 0.0


class Ves:
    """Valid efficiency score in the fixed form; `score` may exceed 1."""

    name = "ves"
    measures_speed = True

    def score(self, example: Example, predicted_sql: str, database: Database) -> Verdict:
        """Judge, and time what is right."""
        judge = ExecutionAccuracy()
        return _score(self.name, judge, _Form(fixed_ratio, ves), example, predicted_sql, database)


class FixedRVes:
    """R-VES without the faults of the official one; `score` may exceed 1."""

    name = "rves.fixed"
    measures_speed = True

    def score(self, example: Example, predicted_sql: str, database: Database) -> Verdict:
        """Judge, and time what is right."""
        judge = ExecutionAccuracy()
        return _score(self.name, judge, _Form(fixed_ratio, rves), example, predicted_sql, database)


class OfficialRVes:
    """BIRD's R-VES as published; `score` may exceed 1."""

    name = "rves.official"
    measures_speed = True

    def score(self, example: Example, predicted_sql: str, database: Database) -> Verdict:
        """Judge, and time what is right."""
        judge, form = BirdExecution(), _Form(official_ratio, rves)
        return _score(self.name, judge, form, example, predicted_sql, database)


@dataclass(frozen=True)
class _Form:
    """How timings become a ratio, and a ratio a score."""

    ratio: Callable[[Timings], float]
    worth: Callable[[float], float]


def _score(
    name: str,
    judge: Metric,
    form: _Form,
    example: Example,
    predicted_sql: str,
    database: Database,
) -> Verdict:
    verdict = judge.score(example, predicted_sql, database).model_copy(update={"metric": name})
    gold_sql = example.gold_sql or ""
    if verdict.score < 1.0 or UNSCORED & set(verdict.flags):
        return verdict
    if predicted_sql.strip() == gold_sql.strip():
        return verdict.model_copy(update={"reason": "gold's own text", "details": {"ratio": 1.0}})
    try:
        timings = measure(gold_sql, predicted_sql, fresh(database))
    except QueryError as error:
        reason = f"right, but could not be timed: {type(error).__name__}: {error}"
        failure = {"failure": "not_timed"}
        return verdict.model_copy(update={"score": 0.0, "reason": reason, "details": failure})
    ratio = form.ratio(timings)
    score = form.worth(ratio)
    fastest = [round(min(times), 6) for times in (timings.gold_s, timings.predicted_s)]
    details = {"ratio": ratio, "gold_s": fastest[0], "predicted_s": fastest[1]}
    slower = {"failure": "slower"} if score < 1.0 else {}
    reason = f"right, gold's time divided by the prediction's is {ratio:.2f}"
    return verdict.model_copy(
        update={"score": score, "reason": reason, "details": details | slower}
    )


def measure(gold_sql: str, predicted_sql: str, database: Database) -> Timings:
    """Time both statements in turn; raises `QueryError` if one fails on the way."""
    gold_s: list[float] = []
    predicted_s: list[float] = []
    while len(gold_s) < REPETITIONS:
        if len(gold_s) >= LEAST_REPETITIONS and sum(gold_s) + sum(predicted_s) > BUDGET_S:
            break
        predicted_s.append(database.execute(predicted_sql).seconds)
        gold_s.append(database.execute(gold_sql).seconds)
    return Timings(tuple(gold_s), tuple(predicted_s))
