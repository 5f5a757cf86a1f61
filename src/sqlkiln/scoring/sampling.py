"""What several samples for one question are worth: pass@k and maj@k."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence

from sqlkiln.core.plugins import Database, QueryResult
from sqlkiln.core.records import Example, Prediction, Verdict
from sqlkiln.scoring.result_groups import group_numbers
from sqlkiln.scoring.results import run
from sqlkiln.scoring.verdicts import UNSCORED, make_verdict


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


# --------------------------------------------------------------------------- by execution


def most_samples(predictions: Iterable[Prediction]) -> int:
    """How many samples a question has, at most."""
    return max((len(prediction.samples) for prediction in predictions), default=0)


def sample_metrics(samples: int) -> tuple[str, ...]:
    """What so many samples are scored by: pass@k for powers of two and for all, and maj@ all."""
    if samples < 1:
        return ()
    powers = [1 << i for i in range(samples.bit_length()) if 1 << i < samples]
    return (*(f"pass@{k}" for k in (*powers, samples)), f"maj@{samples}")


def score_samples(
    example: Example, samples: Sequence[str], judge: Callable[[str], Verdict], database: Database
) -> list[Verdict]:
    """The verdicts by each of `sample_metrics` on one question.

    A sample is right if `judge` gives it 1. Samples vote with the rows they return, whatever their
    order (`result_groups`).
    """
    names = sample_metrics(len(samples))
    verdicts: dict[str, Verdict] = {}
    results: dict[str, QueryResult | None] = {}
    for sql in dict.fromkeys(samples):
        verdicts[sql] = judge(sql)
        if UNSCORED & set(verdicts[sql].flags):
            return [verdicts[sql].model_copy(update={"metric": name}) for name in names]
        results[sql] = _rows_of(sql, database)
    votes = dict(zip(results, group_numbers(list(results.values())), strict=True))
    right = [verdicts[sql].score >= 1 for sql in samples]
    told = f"{sum(right)} of {len(samples)} samples are right"
    scores = [pass_at_k(len(samples), sum(right), int(name[5:])) for name in names[:-1]]
    scores.append(float(maj_at_k([votes[sql] for sql in samples], right, len(samples))))
    details = {"samples": len(samples), "right": sum(right)}
    failure = {"failure": "some_samples_wrong" if any(right) else "all_samples_wrong"}
    return [
        make_verdict(name, example, score, told, (), details | (failure if score < 1 else {}))
        for name, score in zip(names, scores, strict=True)
    ]


def _rows_of(sql: str, database: Database) -> QueryResult | None:
    found = run(database, sql) if sql.strip() else None
    return found if isinstance(found, QueryResult) else None
