"""The numbers behind each chart: scores by slice, causes of failure, confidence, latency, cost."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate

from sqlkiln.core.records import Record
from sqlkiln.report.reading import ReportRun
from sqlkiln.report.tables import Headline, Score
from sqlkiln.scoring.calibration import Calibration, CoveragePoint, calibration
from sqlkiln.scoring.statistics import percentile
from sqlkiln.scoring.summary import SliceScore

BINS = 24
MOST_SLICES = 40
MOST_POINTS = 200
"""Of a line; the others would not be seen."""


class Slice(Record):
    """Some of the rows: for each metric, each run's score on them (None: not scored by it).

    `n` is how many of them the main metric scored in one run, at most.
    """

    name: str
    n: int
    scores: dict[str, tuple[Score | None, ...]]


class Slicing(Record):
    """The rows parted `by` something; with features, a row may be in several slices.

    `more` slices, those with the fewest rows, are left out.
    """

    by: str
    slices: tuple[Slice, ...]
    more: int


class Cause(Record):
    """How often a label is the first cause of a miss; `gain_points` if all were mended."""

    label: str
    count: int
    share: float
    cumulative: float
    gain_points: float
    remedy: str


class Pareto(Record):
    """The causes of one run's misses, the most frequent first."""

    run: str
    misses: int
    causes: tuple[Cause, ...]


class Confidence(Record):
    """What the confidences of one run's answers are worth, where they have any."""

    run: str
    found: Calibration


class Bin(Record):
    """How many answers took from `low` to `high` seconds."""

    low: float
    high: float
    count: int


class Latency(Record):
    """How long one run's answers took."""

    run: str
    n: int
    p50_s: float
    p95_s: float
    bins: tuple[Bin, ...]


class CostPoint(Record):
    """A run's score against what one answer costs, in `unit`."""

    run: str
    cost: float
    unit: str
    score: Score


# --------------------------------------------------------------------------- slices


def slicings(runs: Sequence[ReportRun], metrics: Sequence[str]) -> tuple[Slicing, ...]:
    """The runs' scores by hardness, SQL feature and database, as `evaluate` computed them.

    Levels come in their order, the rest by size.
    """
    kinds = dict.fromkeys(kind for run in runs for kind in run.evaluated.scores.slices)
    found = (_slicing(runs, metrics, kind) for kind in kinds)
    return tuple(slicing for slicing in found if len(slicing.slices) > 1)


def _slicing(runs: Sequence[ReportRun], metrics: Sequence[str], kind: str) -> Slicing:
    held = [run.evaluated.scores.slices.get(kind, {}) for run in runs]
    slices = []
    for name in dict.fromkeys(name for run in held for name in run):
        scores = {
            metric: tuple(_score(run.get(name, {}).get(metric)) for run in held)
            for metric in metrics
        }
        n = max(score.n if score else 0 for score in scores[metrics[0]])
        slices.append(Slice(name=name, n=n, scores=scores))
    if kind != "hardness":
        slices.sort(key=lambda part: (-part.n, part.name))
    return Slicing(by=kind, slices=tuple(slices[:MOST_SLICES]), more=len(slices[MOST_SLICES:]))


def _score(part: SliceScore | None) -> Score | None:
    return Score(**part.model_dump()) if part is not None else None


# --------------------------------------------------------------------------- failures


def pareto(run: ReportRun, metric: str) -> Pareto:
    """The causes of the run's misses: failure labels, or else what the verdicts by `metric` say."""
    scores = run.evaluated.scores
    if scores.causes:
        causes = [(c.label, c.count, c.gain_points, c.remedy) for c in scores.causes if c.count]
    else:
        by = scores.metrics[metric]
        causes = [(name, n, 100 * n / by.n, "") for name, n in by.failures.items()]
    misses = sum(count for _, count, _, _ in causes)
    passed = accumulate(count for _, count, _, _ in causes)
    return Pareto(
        run=run.name,
        misses=misses,
        causes=tuple(
            Cause(
                label=label,
                count=count,
                share=count / misses,
                cumulative=so_far / misses,
                gain_points=gain,
                remedy=remedy,
            )
            for (label, count, gain, remedy), so_far in zip(causes, passed, strict=True)
        ),
    )


# --------------------------------------------------------------------------- confidence


def confidences(runs: Sequence[ReportRun], metric: str) -> tuple[Confidence, ...]:
    """How far each run's confidences agree with what `metric` says of its rows.

    Rows that the metric does not count, and answers without a confidence, are left out.
    """
    found = []
    for run in runs:
        if metric not in run.evaluated.verdicts:
            continue
        pairs = [
            (prediction.confidence, score >= 1.0)
            for row, score in run.evaluated.row_scores(metric).items()
            if (prediction := run.predictions.get(row)) and prediction.confidence is not None
        ]
        if pairs:
            told = calibration([sure for sure, _ in pairs], [right for _, right in pairs])
            told = told.model_copy(update={"coverage": _thinned(told.coverage)})
            found.append(Confidence(run=run.name, found=told))
    return tuple(found)


def _thinned(points: tuple[CoveragePoint, ...]) -> tuple[CoveragePoint, ...]:
    """At most `MOST_POINTS` of them, the last one included."""
    step = -(-len(points) // MOST_POINTS)
    return points[::-1][::step][::-1]


# --------------------------------------------------------------------------- time and cost


def latencies(runs: Sequence[ReportRun]) -> tuple[Latency, ...]:
    """Histograms over the same bins, whose widths grow with the seconds; none without a time."""
    measured = {
        run.name: [p.seconds for p in run.predictions.values() if p.seconds > 0] for run in runs
    }
    measured = {name: seconds for name, seconds in measured.items() if seconds}
    if not measured:
        return ()
    everything = [second for seconds in measured.values() for second in seconds]
    first, last = math.log(min(everything)), math.log(max(everything))
    width = (last - first) / BINS or 0.1
    return tuple(
        Latency(
            run=name,
            n=len(seconds),
            p50_s=percentile(seconds, 0.5),
            p95_s=percentile(seconds, 0.95),
            bins=_bins(seconds, first, width),
        )
        for name, seconds in measured.items()
    )


def _bins(seconds: Sequence[float], first: float, width: float) -> tuple[Bin, ...]:
    counts = Counter(
        min(BINS - 1, max(0, int((math.log(second) - first) / width))) for second in seconds
    )
    edges = [math.exp(first + width * place) for place in range(BINS + 1)]
    return tuple(
        Bin(low=edges[place], high=edges[place + 1], count=counts[place]) for place in range(BINS)
    )


def costs(headlines: Sequence[Headline], metric: str) -> tuple[CostPoint, ...]:
    """Score against dollars where every run has them, else against the median seconds."""
    scored = [(head, score) for head in headlines if (score := head.scores[metric]) is not None]
    priced = all(head.usd_per_1000 for head, _ in scored)
    unit = "US$ per 1,000 questions" if priced else "seconds a question (median)"
    values = [(head, score, head.usd_per_1000 if priced else head.p50_s) for head, score in scored]
    return tuple(
        CostPoint(run=head.name, cost=measure.value, unit=unit, score=score)
        for head, score, measure in values
        if measure is not None
    )
