"""How sure a number is: intervals of means, shares and percentiles, in plain Python."""

from __future__ import annotations

import math
import random
from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from statistics import NormalDist

from sqlkiln.core.records import Record

RESAMPLES = 2000
CONFIDENCE = 0.95


class Interval(Record):
    """Where the mean (or share, or percentile) lies with `confidence`, and how that was found."""

    low: float
    high: float
    confidence: float
    method: str
    resamples: int
    seed: int


def bootstrap_interval(
    scores: Sequence[float],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Percentile bootstrap interval of the mean (Efron 1979), rows drawn with replacement.

    The same scores in any order and the same seed give the same interval. Where every row scored
    0, or every row 1, resampling would claim certainty; the exact binomial interval (Clopper and
    Pearson 1934) stands in, and `method` says so.

    Raises:
        ValueError: if there are no scores.
    """
    if not scores:
        raise ValueError("no interval: there are no scores; give at least one")
    ordered = sorted(scores)
    n, tail = len(ordered), (1 - confidence) / 2
    if ordered[0] == ordered[-1] and ordered[0] in (0.0, 1.0):
        edge = tail ** (1 / n)
        low, high = (edge, 1.0) if ordered[0] == 1.0 else (0.0, 1.0 - edge)
        method = "exact binomial (all rows alike)"
        return _interval(low, high, confidence, method, 0, seed)
    draw = random.Random(seed)  # noqa: S311 - resampling, nothing secret
    if set(ordered) == {0.0, 1.0}:
        means = sorted(_resampled_shares(ordered.count(1.0), n, draw, resamples))
    else:
        means = sorted(math.fsum(draw.choices(ordered, k=n)) / n for _ in range(resamples))
    low, high = percentile(means, tail), percentile(means, 1 - tail)
    return _interval(low, high, confidence, "bootstrap percentile", resamples, seed)


def _resampled_shares(right: int, n: int, draw: random.Random, resamples: int) -> list[float]:
    """Means of resamples of right and wrong rows, drawn at once: how many are right is binomial."""
    odds = math.log(right / (n - right))
    none = math.lgamma(n + 1) + n * math.log((n - right) / n)
    terms = [none - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * odds for k in range(n + 1)]
    at_most = list(accumulate(map(math.exp, terms)))
    return [min(n, bisect(at_most, draw.random())) / n for _ in range(resamples)]


def wilson_interval(right: int, n: int, *, confidence: float = CONFIDENCE) -> Interval:
    """Interval of the share `right / n` by a formula (Wilson 1927): at once, and fit for small n.

    Raises:
        ValueError: if there are no rows.
    """
    if n < 1:
        raise ValueError("no interval: there are no rows; give at least one")
    z, share = NormalDist().inv_cdf((1 + confidence) / 2), right / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return _interval(low, high, confidence, "Wilson", 0, 0)


def percentile_interval(
    values: Sequence[float], fraction: float, *, confidence: float = CONFIDENCE
) -> Interval:
    """Interval of a percentile: the values whose ranks bound it (Conover 1971, section 3.2).

    Nothing is assumed of the values but that they are independent. The ranks go by the normal
    approximation; with too few values the least or the greatest stands in.

    Raises:
        ValueError: if there are no values.
    """
    if not values:
        raise ValueError("no interval: there are no values; give at least one")
    ordered, n = sorted(values), len(values)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    half = z * math.sqrt(n * fraction * (1 - fraction))
    low, high = math.ceil(n * fraction - half), math.ceil(n * fraction + half)
    least, greatest = (ordered[min(n, max(1, rank)) - 1] for rank in (low, high))
    return _interval(least, greatest, confidence, "order statistics", 0, 0)


def _interval(
    low: float, high: float, confidence: float, method: str, resamples: int, seed: int
) -> Interval:
    return Interval(
        low=low, high=high, confidence=confidence, method=method, resamples=resamples, seed=seed
    )


def percentile(values: Sequence[float], fraction: float) -> float:
    """The value below which `fraction` (0 to 1) of `values` lie, interpolated linearly.

    Raises:
        ValueError: if there are no values.
    """
    if not values:
        raise ValueError("no percentile: there are no values; give at least one")
    ordered = sorted(values)
    place = fraction * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
