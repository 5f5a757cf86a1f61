"""Two runs over the same rows: how far they differ, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlkiln.core.records import Record
from sqlkiln.scoring.statistics import CONFIDENCE, RESAMPLES, Interval, bootstrap_interval


class Paired(Record):
    """Run B against run A on `n` rows that both scored.

    `difference` is B's mean score less A's, in [-1, 1]. A row is right if its score is 1 or more:
    `gained` rows are right in B alone, `lost` ones in A alone; both are ids in order. `p` is
    McNemar's exact two-sided p: how likely a split of these rows as uneven as this one is, if
    neither run were better.
    """

    n: int
    score_a: float
    score_b: float
    difference: float
    interval: Interval
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    p: float


def pair(
    a: Mapping[str, float], b: Mapping[str, float], *, seed: int = 0, resamples: int = RESAMPLES
) -> Paired:
    """Compare the scores (id to score) of two runs; rows that only one of them has do not count.

    Raises:
        ValueError: if no row is in both.
    """
    ids = sorted(a.keys() & b.keys())
    if not ids:
        raise ValueError("nothing to pair: the runs have no row in common; give two that do")
    gained = tuple(i for i in ids if b[i] >= 1.0 > a[i])
    lost = tuple(i for i in ids if a[i] >= 1.0 > b[i])
    score_a, score_b = (sum(run[i] for i in ids) / len(ids) for run in (a, b))
    return Paired(
        n=len(ids),
        score_a=score_a,
        score_b=score_b,
        difference=score_b - score_a,
        interval=difference_interval([b[i] - a[i] for i in ids], seed=seed, resamples=resamples),
        gained=gained,
        lost=lost,
        p=mcnemar(len(gained), len(lost)),
    )


def mcnemar(gained: int, lost: int) -> float:
    """McNemar's exact two-sided p (McNemar 1947): a binomial test of `gained` against `lost`.

    The rows on which the runs agree do not enter. 1.0 if there are no others.
    """
    n = gained + lost
    term = tail = 1
    for i in range(min(gained, lost)):
        term = term * (n - i) // (i + 1)
        tail += term
    return min(1.0, tail / 2 ** (n - 1)) if n else 1.0


def difference_interval(
    differences: Sequence[float], *, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """Paired bootstrap interval of the mean of row-by-row `differences` in [-1, 1].

    Where every row differs alike (by 0, or by a whole point), resampling would claim certainty.
    A row that differs otherwise is then as rare as the exact binomial allows, and taken to differ
    in whichever direction moves the mean the most.

    Raises:
        ValueError: if there are no differences.
    """
    alike = differences[0] if len(set(differences)) == 1 else None
    if alike not in (-1.0, 0.0, 1.0):
        return bootstrap_interval(differences, seed=seed, resamples=resamples)
    rare = 1 - ((1 - CONFIDENCE) / 2) ** (1 / len(differences))
    return Interval(
        low=max(-1.0, alike - rare * (alike + 1)),
        high=min(1.0, alike + rare * (1 - alike)),
        confidence=CONFIDENCE,
        method="exact binomial (all rows alike)",
        resamples=0,
        seed=seed,
    )
