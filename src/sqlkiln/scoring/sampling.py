"""What several samples for one question are worth: pass@k and maj@k. Pure functions."""

from __future__ import annotations

from collections.abc import Hashable, Sequence


def pass_at_k(samples: int, right: int, k: int) -> float:
    """The chance that one of `k` samples is right, if `right` of all `samples` are.

    The unbiased estimator of Chen et al. 2021 (arXiv 2107.03374, equation 1), as a product:
    1 - C(samples - right, k) / C(samples, k).

    Raises:
        ValueError: unless 0 <= right <= samples and 1 <= k <= samples.
    """
    if not 0 <= right <= samples or not 1 <= k <= samples:
        raise ValueError(f"no pass@{k}: {right} right of {samples} samples; give 1 <= k <= samples")
    missed = 1.0
    for i in range(k):
        missed *= max(0, samples - right - i) / (samples - i)
    return 1.0 - missed


def majority(results: Sequence[Hashable]) -> int | None:
    """The position of the first sample with the result that most samples have.

    `results` are comparable, such as a tuple of rows; None stands for a sample that failed, and
    never wins. Of results that are equally frequent, the one that came first wins. None if all
    failed.
    """
    votes: dict[Hashable, int] = {}
    for result in results:
        if result is not None:
            votes[result] = votes.get(result, 0) + 1
    if not votes:
        return None
    return results.index(max(votes, key=votes.__getitem__))


def maj_at_k(results: Sequence[Hashable], right: Sequence[bool], k: int) -> bool:
    """Whether the majority of the first `k` samples is right; see `majority`.

    Raises:
        ValueError: if there are fewer than `k` samples, or not one `right` for each.
    """
    if not 1 <= k <= len(results) or len(right) != len(results):
        raise ValueError(
            f"no maj@{k}: {len(results)} results with {len(right)} verdicts; give 1 <= k <= samples"
        )
    winner = majority(results[:k])
    return winner is not None and right[winner]
