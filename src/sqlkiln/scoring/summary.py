"""From verdicts to a score: pure, and what reports read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from sqlkiln.core.records import Prediction, Record, Tokens, Verdict
from sqlkiln.scoring.exact_match import ComponentScore
from sqlkiln.scoring.failures import Cause
from sqlkiln.scoring.prices import Bill, Prices, bill
from sqlkiln.scoring.statistics import (
    RESAMPLES,
    Interval,
    bootstrap_interval,
    percentile,
    percentile_interval,
    wilson_interval,
)
from sqlkiln.scoring.verdicts import UNSCORED

ERROR_RATES = {
    "no_sql": ("no_sql", "no_prediction", "model_error"),
    "syntax_error": ("SQLSyntaxError",),
    "schema_hallucination": ("UnknownName",),
    "timeout": ("QueryTimeout",),
    "other_error": ("StatementRefused", "ResourceExceeded", "QueryFailed"),
}
"""What a rate counts: failures of the first execution metric, as verdicts name them."""


class Unscored(Record):
    """A row that says nothing about the prediction, and why."""

    id: str
    db_id: str
    reason: str


class MetricScore(Record):
    """What one metric says of a run: the mean `score` over `n` rows and its interval.

    `right` rows scored 1 or more. `failures` counts the others by cause, `flags` counts remarks on
    right and wrong rows alike. `unscored` rows are not among the `n`. `score` and `interval` are
    None if no row could be scored.
    """

    metric: str
    n: int
    right: int
    score: float | None
    interval: Interval | None
    failures: dict[str, int]
    flags: dict[str, int]
    unscored: tuple[Unscored, ...]


class Source(Record):
    """The dataset that was scored; two runs with the same digests were asked the same."""

    dataset: str
    split: str
    data: str | None
    questions_file: str | None
    questions_sha256: str
    databases_sha256: str


class Rate(Record):
    """How many of the scored rows, as a share and with its interval."""

    count: int
    share: float
    interval: Interval


class SliceScore(Record):
    """The mean `score` over the `n` rows of a slice; `low` and `high` bound it (Wilson, 95%).

    The bounds are None for a metric that has scores between 0 and 1.
    """

    n: int
    right: int
    score: float
    low: float | None
    high: float | None


class Cost(Record):
    """What the predictions took, by their own account; seconds are for one question.

    `bill` says what a thousand questions cost; None if neither tokens nor seconds have a price.
    """

    p50_s: float | None
    p95_s: float | None
    tokens: Tokens
    bill: Bill | None = None
    p50_interval: Interval | None = None
    p95_interval: Interval | None = None


class Scores(Record):
    """What `scores.json` holds.

    Of the `questions` asked about, those of `missing_databases` (db_id to count) and
    `unreadable_databases` (db_id to reason) were not scored. `empty_databases` have no rows, so
    that a right result there proves little. `failed_predictions` are those in which the model
    gave an error, `absent_predictions` those that were never made; both count as wrong.

    `judged_by` is the first execution metric: `rates` and `causes` are those of the rows that it
    judged wrong. `slices` are scores by 'hardness', 'database' and 'feature', then by slice, then
    by metric. `components` are by level, then by component. `differences` counts, for each
    official mode, why it says otherwise than the strict one (`differences.CAUSES`).
    """

    schema_id: Literal["scores/1"] = "scores/1"
    source: Source
    predicted_by: dict[str, Any]
    questions: int
    scored: int
    missing_databases: dict[str, int]
    unreadable_databases: dict[str, str]
    empty_databases: tuple[str, ...]
    failed_predictions: int
    absent_predictions: int
    limits: dict[str, float]
    metrics: dict[str, MetricScore]
    cost: Cost
    judged_by: str | None = None
    rates: dict[str, Rate] = Field(default_factory=dict)
    slices: dict[str, dict[str, dict[str, SliceScore]]] = Field(default_factory=dict)
    components: dict[str, dict[str, ComponentScore]] = Field(default_factory=dict)
    causes: tuple[Cause, ...] = ()
    differences: dict[str, dict[str, int]] = Field(default_factory=dict)


def cost_of(
    predictions: Sequence[Prediction], prices: Prices | None = None, at_a_time: int = 1
) -> Cost:
    """Seconds, tokens and price of predictions; without seconds in any of them there are none."""
    seconds = [p.seconds for p in predictions if p.seconds > 0]
    return Cost(
        p50_s=percentile(seconds, 0.5) if seconds else None,
        p95_s=percentile(seconds, 0.95) if seconds else None,
        tokens=Tokens(
            prompt=sum(p.prompt_tokens for p in predictions),
            cached=sum(p.cached_tokens for p in predictions),
            completion=sum(p.completion_tokens for p in predictions),
        ),
        bill=bill(predictions, prices, at_a_time) if prices is not None else None,
        p50_interval=percentile_interval(seconds, 0.5) if seconds else None,
        p95_interval=percentile_interval(seconds, 0.95) if seconds else None,
    )


def summarize(
    metric: str, verdicts: Iterable[Verdict], *, seed: int = 0, resamples: int = RESAMPLES
) -> MetricScore:
    """Sum up the verdicts of `metric`; those of other metrics are passed over."""
    ours = sorted((v for v in verdicts if v.metric == metric), key=lambda v: v.id)
    counted = [v for v in ours if not UNSCORED & set(v.flags)]
    scores = [v.score for v in counted]
    return MetricScore(
        metric=metric,
        n=len(scores),
        right=sum(score >= 1.0 for score in scores),
        score=sum(scores) / len(scores) if scores else None,
        interval=bootstrap_interval(scores, seed=seed, resamples=resamples) if scores else None,
        failures=_tally(v.details.get("failure", "other") for v in counted if v.score < 1.0),
        flags=_tally(flag for v in counted for flag in v.flags),
        unscored=_unscored([v for v in ours if UNSCORED & set(v.flags)]),
    )


def _tally(words: Iterable[str]) -> dict[str, int]:
    return dict(Counter(words).most_common())


def _unscored(verdicts: Sequence[Verdict]) -> tuple[Unscored, ...]:
    return tuple(Unscored(id=v.id, db_id=v.db_id, reason=v.reason) for v in verdicts)


# --------------------------------------------------------------------------- parts of a score


def rates_of(verdicts: Iterable[Verdict]) -> dict[str, Rate]:
    """How often each kind of error of `ERROR_RATES` came up among one metric's verdicts."""
    counted = [v for v in verdicts if not UNSCORED & set(v.flags)]
    if not counted:
        return {}
    failures = Counter(v.details.get("failure") for v in counted if v.score < 1.0)
    rates = {}
    for name, words in ERROR_RATES.items():
        count, n = sum(failures[word] for word in words), len(counted)
        rates[name] = Rate(count=count, share=count / n, interval=wilson_interval(count, n))
    return rates


def slice_scores(
    verdicts: Iterable[Verdict], slices: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, SliceScore]]:
    """Scores by slice and metric; `slices` tells in which slices a row (by id) is."""
    scores: dict[str, dict[str, list[float]]] = {}
    for verdict in verdicts:
        if UNSCORED & set(verdict.flags):
            continue
        for name in slices.get(verdict.id, ()):
            scores.setdefault(name, {}).setdefault(verdict.metric, []).append(verdict.score)
    return {
        name: {metric: _slice_score(found) for metric, found in sorted(by_metric.items())}
        for name, by_metric in scores.items()
    }


def _slice_score(scores: Sequence[float]) -> SliceScore:
    right, n = sum(score >= 1.0 for score in scores), len(scores)
    interval = wilson_interval(right, n) if set(scores) <= {0.0, 1.0} else None
    return SliceScore(
        n=n,
        right=right,
        score=sum(scores) / n,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
    )
