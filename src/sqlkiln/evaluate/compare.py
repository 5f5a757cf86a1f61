"""Compare two evaluated runs row by row: what one gained on the other, and how sure that is.

Reads the manifests, `scores.json` and `verdicts.jsonl` of two run folders; writes nothing.

    sqlkiln compare RUN_A RUN_B

Runs over other questions, or over other texts of the same dataset, are refused. Runs over other
samples of the same questions are compared on the rows that both scored, with a notice.
"""

from __future__ import annotations

from pathlib import Path

from sqlkiln.core.errors import UsageError
from sqlkiln.core.records import Record
from sqlkiln.scoring.evaluated import EvaluatedRun, read_evaluated
from sqlkiln.scoring.paired import Paired, pair
from sqlkiln.scoring.statistics import RESAMPLES

METRIC = "execution"


class RunComparison(Record):
    """Run B against run A by one metric; `notices` tell what a reader should know of the rows."""

    run_a: str
    run_b: str
    metric: str
    dataset: str
    questions_sha256: str
    paired: Paired
    notices: tuple[str, ...] = ()


def compare_runs(
    run_a: Path, run_b: Path, metric: str = METRIC, *, resamples: int = RESAMPLES, seed: int = 0
) -> RunComparison:
    """Compare two run folders by `metric`.

    Raises:
        UsageError: if one is not an evaluated run, or they do not answer the same questions.
    """
    return compare_evaluated(
        read_evaluated(run_a), read_evaluated(run_b), metric, resamples=resamples, seed=seed
    )


def compare_evaluated(
    a: EvaluatedRun,
    b: EvaluatedRun,
    metric: str = METRIC,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> RunComparison:
    """As `compare_runs`, for runs that have been read."""
    _check_same_questions(a, b)
    name = a.metric(metric)
    rows_a, rows_b = a.row_scores(name), b.row_scores(b.metric(metric))
    if not rows_a.keys() & rows_b.keys():
        raise UsageError(
            f"no row in common: {a.folder} scored {len(rows_a)} rows by {name}, {b.folder} "
            f"{len(rows_b)} others; evaluate both on the same sample"
        )
    return RunComparison(
        run_a=str(a.folder),
        run_b=str(b.folder),
        metric=name,
        dataset=f"{a.scores.source.dataset} {a.scores.source.split}",
        questions_sha256=a.scores.source.questions_sha256,
        paired=pair(rows_a, rows_b, seed=seed, resamples=resamples),
        notices=tuple(_notices(a, b, len(rows_a.keys() - rows_b), len(rows_b.keys() - rows_a))),
    )


def _check_same_questions(a: EvaluatedRun, b: EvaluatedRun) -> None:
    left, right = a.scores.source, b.scores.source
    if left.questions_sha256 == right.questions_sha256:
        return
    asked = [f"{source.dataset} {source.split}" for source in (left, right)]
    what = (
        f"{asked[0]} with other texts"
        if asked[0] == asked[1]
        else f"{asked[0]}, the other {asked[1]}"
    )
    raise UsageError(
        f"not the same questions: {a.folder} answers {left.questions_sha256[:12]} and "
        f"{b.folder} {right.questions_sha256[:12]}: one is {what}; evaluate both on one dataset"
    )


def _notices(a: EvaluatedRun, b: EvaluatedRun, only_a: int, only_b: int) -> list[str]:
    notices = []
    if only_a or only_b:
        notices.append(
            f"only the rows that both scored are compared: {only_a} are in {a.folder} alone, "
            f"{only_b} in {b.folder} alone"
        )
    elif a.scores.source.databases_sha256 != b.scores.source.databases_sha256:
        notices.append("the databases differ, although the questions are the same")
    if a.scores.limits != b.scores.limits:
        notices.append(f"the limits differ: {_limits(a)} and {_limits(b)}")
    return notices


def _limits(run: EvaluatedRun) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in run.scores.limits.items())
