"""What each strategy is worth with one model on one machine: accuracy against seconds and cost.

A curve is one JSON file, made by `sqlkiln tune-budget` (`evaluate.curve`) and read by whatever
chooses a strategy for a budget (`search.budget`). The last one of each machine, model, adapter and
database is kept in the cache folder.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Literal

from sqlkiln.core.cache import cache_folder
from sqlkiln.core.errors import DataError
from sqlkiln.core.files import parse_record, write_atomic
from sqlkiln.core.records import Prediction, Record, Tokens
from sqlkiln.scoring.prices import Bill
from sqlkiln.scoring.statistics import Interval, percentile
from sqlkiln.scoring.summary import MetricScore

BASELINE = "greedy"
"""The strategy that others are compared with."""

READ_PER_WRITTEN = 3.4
"""Tokens read in the time that writing one takes: 132 and 39 a second (README, Speed)."""

SAME_MACHINE = ("system", "processor", "cores")
"""What of `provenance.machine` decides whether seconds measured there hold here."""

_log = logging.getLogger(__name__)


class Asked(Record):
    """One question put to one strategy; `prediction.seconds` go from the question to the rows.

    `first`: it was the first about its database, so that the schema had not been read yet.
    """

    schema_id: Literal["asked/1"] = "asked/1"
    prediction: Prediction
    first: bool


class Latency(Record):
    """Seconds a question, over `n` questions."""

    n: int
    p50_s: float
    p95_s: float
    mean_s: float


class Times(Record):
    """Seconds of a warm question as multiples of the median that `BASELINE` takes.

    They come from what both took for the same question, one right after the other: so what else the
    machine did cancels out, however much that changed while it was measured.
    """

    p50: float
    p95: float
    mean: float


class Point(Record):
    """One strategy: `right` of `n` scored questions, and what an answer took.

    `first` is over the first question about each database, `warm` over the others. `tokens` are the
    sums over all questions; `read_tokens` (of the prompt, not cached) and `written_tokens` are the
    medians of warm ones. `completions` were made a question. Of the questions the model `failed`
    some, which count as wrong. `usd_per_1000` is None where nothing has a price, `times` where the
    baseline was not measured.
    """

    strategy: str
    n: int
    right: int
    accuracy: float
    interval: Interval
    first: Latency | None
    warm: Latency | None
    tokens: Tokens
    read_tokens: float
    written_tokens: float
    completions: float
    failed: int
    usd_per_1000: float | None
    times: Times | None = None

    @property
    def seconds(self) -> Latency | None:
        """Those of warm questions; of first ones if there are no others."""
        return self.warm or self.first


class Curve(Record):
    """All points of one measurement; every strategy was asked the same `questions`.

    `database` is the path of the one that it is about, if it is about a user's own. `measured_at`
    is a day, as 2026-07-11. `priced_as` is a model, or 'machine'.
    """

    schema_id: Literal["curve/1"] = "curve/1"
    model: str
    adapter: str | None
    machine: dict[str, str | int]
    database: str | None
    dataset: str
    split: str
    questions_sha256: str
    databases_sha256: str
    questions: int
    seed: int
    measured_at: str
    version: str
    priced_as: str | None
    points: tuple[Point, ...]

    @property
    def about(self) -> str:
        """When and on what it was measured, as part of a sentence."""
        where = f"of {self.dataset} {self.split}"
        if self.database:
            where = f"about {Path(self.database).name}"
        return f"measured {self.measured_at} on {self.questions} questions {where}"


# --------------------------------------------------------------------------- summing up


def point(
    strategy: str, asked: Sequence[Asked], metric: MetricScore, bill: Bill | None
) -> Point | None:
    """Sum up one strategy, scored by `metric`; None if not one question could be scored."""
    if metric.score is None or metric.interval is None:
        return None
    made = [one.prediction for one in asked]
    warm = [one.prediction for one in asked if not one.first] or made
    return Point(
        strategy=strategy,
        n=metric.n,
        right=metric.right,
        accuracy=metric.score,
        interval=metric.interval,
        first=latency([one.prediction.seconds for one in asked if one.first]),
        warm=latency([one.prediction.seconds for one in asked if not one.first]),
        tokens=Tokens(
            prompt=sum(p.prompt_tokens for p in made),
            cached=sum(p.cached_tokens for p in made),
            completion=sum(p.completion_tokens for p in made),
        ),
        read_tokens=percentile([p.prompt_tokens - p.cached_tokens for p in warm], 0.5),
        written_tokens=percentile([p.completion_tokens for p in warm], 0.5),
        completions=fmean(p.attempts for p in made),
        failed=sum(p.error is not None for p in made),
        usd_per_1000=bill.usd_per_1000 if bill else None,
    )


def times(asked: Sequence[Asked], baseline: Sequence[Asked]) -> Times | None:
    """Compare warm questions with those of the baseline; None if they have none in common."""
    ours = {a.prediction.id: a.prediction for a in asked if not a.first}
    theirs = {a.prediction.id: a.prediction for a in baseline if not a.first}
    shared = [i for i in ours if i in theirs and theirs[i].seconds > 0]
    effort = {i: _effort(theirs[i]) for i in shared}
    unit = percentile(list(effort.values()), 0.5) if shared else 0.0
    if unit <= 0:
        return None
    found = [ours[i].seconds / theirs[i].seconds * effort[i] / unit for i in shared]
    return Times(p50=percentile(found, 0.5), p95=percentile(found, 0.95), mean=fmean(found))


def _effort(of: Prediction) -> float:
    """What an answer took of a model, in tokens written: other work has no influence on that."""
    return of.completion_tokens + (of.prompt_tokens - of.cached_tokens) / READ_PER_WRITTEN


def latency(seconds: Sequence[float]) -> Latency | None:
    """Percentiles and mean; None of nothing."""
    if not seconds:
        return None
    p50, p95 = percentile(seconds, 0.5), percentile(seconds, 0.95)
    return Latency(n=len(seconds), p50_s=p50, p95_s=p95, mean_s=fmean(seconds))


def front(points: Sequence[Point]) -> frozenset[str]:
    """The strategies on the Pareto front.

    No other one is as good in accuracy, 95th percentile and cost, and better in one of them.
    """
    return frozenset(
        one.strategy
        for one in points
        if not any(_beats(other, one) for other in points if other is not one)
    )


def _beats(a: Point, b: Point) -> bool:
    ours, theirs = _merits(a), _merits(b)
    return ours != theirs and all(x >= y for x, y in zip(ours, theirs, strict=True))


def _merits(of: Point) -> tuple[float, float, float]:
    seconds = of.seconds.p95_s if of.seconds else 0.0
    return (of.accuracy, -seconds, -(of.usd_per_1000 or 0.0))


# --------------------------------------------------------------------------- where curves are kept


def same_machine(a: Mapping[str, str | int], b: Mapping[str, str | int]) -> bool:
    """Whether seconds measured on one hold on the other."""
    return all(a.get(key) == b.get(key) for key in SAME_MACHINE)


def machine_title(machine: Mapping[str, str | int]) -> str:
    """A machine as people call it."""
    cores = machine.get("cores", "?")
    chip = machine.get("processor", machine.get("system", "unknown"))
    return f"{chip}, {cores} core{'' if cores == 1 else 's'}"


def kept_under(*parts: object) -> Path:
    """The file in the cache folder for what is measured of `parts`."""
    digest = hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()
    return cache_folder("budget") / f"{digest[:24]}.json"


def keep(curve: Curve) -> Path:
    """Put a curve where `find` looks; the last one of its kind stays.

    Raises:
        StorageFull: if there is no room.
        EnvironmentFault: if it cannot be written for another reason.
    """
    machine = [curve.machine.get(key) for key in SAME_MACHINE]
    path = kept_under("curve", machine, curve.model, curve.adapter, curve.database)
    write_atomic(path, curve.model_dump_json(indent=2) + "\n")
    return path


def find(
    model: str, adapter: str | None, machine: Mapping[str, str | int], database: Path | None
) -> Curve | None:
    """The curve to go by: that of this very database, or else one of a dataset; None without."""
    for name in (str(database.resolve()) if database else None, None):
        held = [machine.get(key) for key in SAME_MACHINE]
        path = kept_under("curve", held, model, adapter, name)
        if path.exists():
            try:
                return read_curve(path)
            except DataError as error:
                _log.warning("passed over: %s", error)
    return None


def read_curve(path: Path) -> Curve:
    """Read a curve.

    Raises:
        DataError: if there is none at `path`, or it is not one that this sqlkiln reads.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"cannot read the curve: {path}: {error.strerror}; make one with sqlkiln tune-budget"
        ) from error
    return parse_record(text, Curve, str(path))
