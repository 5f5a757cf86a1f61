"""From verdicts to a score: pure, and what reports read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from sqlkiln.core.records import Prediction, Record, Tokens, Verdict
from sqlkiln.scoring.metrics import UNSCORED
from sqlkiln.scoring.statistics import RESAMPLES, Interval, bootstrap_interval, percentile


class Unscored(Record):
    """A row that says nothing about the prediction, and why."""

    id: str
    db_id: str
    reason: str


class MetricScore(Record):
    """What one metric says of a run: the mean `score` over `n` rows and its interval.

    `right` rows scored 1. `failures` counts the others by cause, `flags` counts remarks on right
    and wrong rows alike. `unscored` rows are not among the `n`. `score` and `interval` are None
    if no row could be scored.
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


class Cost(Record):
    """What the predictions took, by their own account; seconds are for one question."""

    p50_s: float | None
    p95_s: float | None
    tokens: Tokens


class Scores(Record):
    """What `scores.json` holds.

    Of the `questions` asked about, those of `missing_databases` (db_id to count) and
    `unreadable_databases` (db_id to reason) were not scored. `empty_databases` have no rows, so
    that a right result there proves little. `failed_predictions` are those in which the model
    gave an error, `absent_predictions` those that were never made; both count as wrong.
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


def cost_of(predictions: Sequence[Prediction]) -> Cost:
    """Seconds and tokens of predictions; without seconds in any of them there are none."""
    seconds = [p.seconds for p in predictions if p.seconds > 0]
    return Cost(
        p50_s=percentile(seconds, 0.5) if seconds else None,
        p95_s=percentile(seconds, 0.95) if seconds else None,
        tokens=Tokens(
            prompt=sum(p.prompt_tokens for p in predictions),
            cached=sum(p.cached_tokens for p in predictions),
            completion=sum(p.completion_tokens for p in predictions),
        ),
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
        right=sum(score == 1.0 for score in scores),
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
