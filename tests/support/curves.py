"""Curves and points of them, as `tune-budget` would have measured them."""

from sqlkiln.core.records import Tokens
from sqlkiln.scoring.curve import Curve, Latency, Point
from sqlkiln.scoring.statistics import wilson_interval


def latency(p95, n=10):
    """A median of half of `p95` seconds."""
    return Latency(n=n, p50_s=p95 / 2, p95_s=p95, mean_s=p95 / 2)


def make_point(strategy, right, n=10, **changed):
    """A strategy that has `right` of `n` questions, and whatever is `changed`."""
    fields = {
        "first": None,
        "warm": None,
        "tokens": Tokens(),
        "read_tokens": 20,
        "written_tokens": 20,
        "completions": 1,
        "failed": 0,
        "usd_per_1000": None,
    }
    return Point(
        strategy=strategy,
        n=n,
        right=right,
        accuracy=right / n,
        interval=wilson_interval(right, n),
        **fields | changed,
    )


def make_curve(*points, **changed):
    """A curve of `points` over ten questions of our samples, and whatever is `changed`."""
    fields = {
        "model": "m",
        "adapter": None,
        "machine": {},
        "database": None,
        "dataset": "samples",
        "split": "heldout",
        "questions_sha256": "",
        "databases_sha256": "",
        "questions": 10,
        "seed": 0,
        "measured_at": "2026-07-11",
        "version": "0",
        "priced_as": None,
        "points": points,
    }
    return Curve(**fields | changed)
