"""How far stated confidences can be trusted: discrimination, calibration, abstaining.

Pure functions over pairs of a confidence (0 to 1) and whether the answer was right. Answers with
equal confidences are never parted by the order in which they come.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby

from sqlkiln.core.records import Record

BINS = 10
COVERAGE = 0.7
"""The share of questions that are answered where one number must do."""

_Z = 1.959963984540054


class ReliabilityBin(Record):
    """`n` answers with confidences from `low` to `high`: their mean, and how many are right."""

    low: float
    high: float
    confidence: float
    right: float
    """The share of right answers."""
    n: int


class CoveragePoint(Record):
    """Of the surest answers, a share of `coverage` of all, a share of `error` is wrong."""

    coverage: float
    error: float


class Calibration(Record):
    """What the confidences of `n` answers, `right` of them right, are worth.

    `auroc` is the chance that a right answer is surer than a wrong one, `low` and `high` bound it
    (95%); None where all answers are right, or all wrong. `ece` is the expected calibration error,
    `brier` the mean squared error. `error` is the share of wrong answers when all are given,
    `error_at_70` when only the surest 70% are.
    """

    n: int
    right: int
    auroc: float | None
    low: float | None
    high: float | None
    ece: float
    brier: float
    error: float
    error_at_70: float
    bins: tuple[ReliabilityBin, ...]
    coverage: tuple[CoveragePoint, ...]


def calibration(
    confidences: Sequence[float], right: Sequence[bool], bins: int = BINS
) -> Calibration:
    """All of it.

    Raises:
        ValueError: unless there is one of each for at least one answer, from 0 to 1.
    """
    _check(confidences, right)
    n, area = len(right), auroc(confidences, right)
    bounds = (None, None) if area is None else auroc_bounds(area, sum(right), n - sum(right))
    return Calibration(
        n=n,
        right=sum(right),
        auroc=area,
        low=bounds[0],
        high=bounds[1],
        ece=expected_calibration_error(confidences, right, bins),
        brier=math.fsum((c - r) ** 2 for c, r in zip(confidences, right, strict=True)) / n,
        error=error_at(confidences, right, 1.0),
        error_at_70=error_at(confidences, right, COVERAGE),
        bins=reliability(confidences, right, bins),
        coverage=risk_coverage(confidences, right),
    )


def _check(confidences: Sequence[float], right: Sequence[bool]) -> None:
    if not right or len(confidences) != len(right):
        raise ValueError(
            f"nothing to calibrate: {len(confidences)} confidences, {len(right)} verdicts; give "
            "one of each for at least one answer"
        )
    wrong = next((c for c in confidences if not 0 <= c <= 1), None)
    if wrong is not None:
        raise ValueError(f"no confidence: found {wrong}; give numbers from 0 to 1")


def _ties(confidences: Sequence[float], right: Sequence[bool]) -> Iterator[tuple[float, int, int]]:
    """(confidence, answers, right ones) for each value, from the least to the greatest."""
    pairs = sorted(zip(confidences, right, strict=True))
    for confidence, tied in groupby(pairs, key=lambda pair: pair[0]):
        verdicts = [verdict for _, verdict in tied]
        yield confidence, len(verdicts), sum(verdicts)


# --------------------------------------------------------------------------- discrimination


def auroc(confidences: Sequence[float], right: Sequence[bool]) -> float | None:
    """The chance that a right answer is surer than a wrong one; a tie counts as a half.

    That is the area under the ROC curve (Hanley and McNeil 1982). None without both sorts.
    """
    wrong_below = 0
    pairs_won = 0.0
    for _, n, good in _ties(confidences, right):
        bad = n - good
        pairs_won += good * (wrong_below + bad / 2)
        wrong_below += bad
    pairs = sum(right) * wrong_below
    return pairs_won / pairs if pairs else None


def auroc_bounds(area: float, right: int, wrong: int) -> tuple[float, float]:
    """The 95% interval of an AUROC over so many right and wrong answers.

    The standard error is that of Hanley and McNeil 1982 (equation 2), for negative exponential
    distributions.
    """
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (right - 1) * (q1 - area**2) + (wrong - 1) * (q2 - area**2)
    half = _Z * math.sqrt(max(0.0, variance) / (right * wrong))
    return max(0.0, area - half), min(1.0, area + half)


# --------------------------------------------------------------------------- calibration


def reliability(
    confidences: Sequence[float], right: Sequence[bool], bins: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """At most `bins` bins with about as many answers in each; ties stay together.

    A bin ends with the value by which its share of the answers is reached.
    """
    n, ended, passed = len(right), 0, 0
    found: list[ReliabilityBin] = []
    held: list[tuple[float, int, int]] = []
    for value in _ties(confidences, right):
        held.append(value)
        passed += value[1]
        if passed * bins >= n * (ended + 1):
            ended = passed * bins // n
            found.append(_bin(held))
            held = []
    return tuple(found)


def _bin(values: Sequence[tuple[float, int, int]]) -> ReliabilityBin:
    n = sum(count for _, count, _ in values)
    return ReliabilityBin(
        low=values[0][0],
        high=values[-1][0],
        confidence=math.fsum(confidence * count for confidence, count, _ in values) / n,
        right=sum(good for _, _, good in values) / n,
        n=n,
    )


def expected_calibration_error(
    confidences: Sequence[float], right: Sequence[bool], bins: int = BINS
) -> float:
    """By how much confidence and share of right answers differ, averaged over all answers.

    Over bins of equal mass (Nguyen and O'Connor 2015): those of equal width leave most empty.
    """
    found = reliability(confidences, right, bins)
    return math.fsum(part.n * abs(part.confidence - part.right) for part in found) / len(right)


# --------------------------------------------------------------------------- abstaining


def risk_coverage(confidences: Sequence[float], right: Sequence[bool]) -> tuple[CoveragePoint, ...]:
    """The share of wrong answers among the surest ones: a point for each confidence to stop at.

    El-Yaniv and Wiener 2010. The last point is that of answering everything.
    """
    points, answered, wrong = [], 0, 0
    for _, n, good in reversed(list(_ties(confidences, right))):
        answered, wrong = answered + n, wrong + n - good
        points.append(CoveragePoint(coverage=answered / len(right), error=wrong / answered))
    return tuple(points)


def error_at(confidences: Sequence[float], right: Sequence[bool], coverage: float) -> float:
    """The share of wrong answers when the surest `coverage` (above 0, up to 1) are given.

    Of answers that tie where the line is drawn, any may be given: their errors count in part.
    """
    wanted = coverage * len(right)
    answered, wrong = 0.0, 0.0
    for _, n, good in reversed(list(_ties(confidences, right))):
        taken = min(n, wanted - answered)
        if taken <= 0:
            break
        answered += taken
        wrong += taken * (n - good) / n
    return wrong / answered
