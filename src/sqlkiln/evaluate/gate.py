"""Decide from evaluated runs whether a candidate model may take the place of what there is.

Reads a file of gates (docs/gates.md) and the run folders that it names; writes nothing.

    sqlkiln gate gates.toml

A suite passes if all its checks do; `decide` has the rules that make one decision of all suites.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from sqlkiln.core.errors import UsageError
from sqlkiln.core.records import Record
from sqlkiln.evaluate.compare import compare_evaluated
from sqlkiln.evaluate.gates import Suite, read_gates
from sqlkiln.scoring.evaluated import EvaluatedRun, read_evaluated, read_failures
from sqlkiln.scoring.summary import MetricScore

Decision = Literal["ship", "route", "continue-training", "retry-data", "reject"]
Span = tuple[float, float]

DATA_CURABLE = frozenset(
    {
        "sql_missing_join",
        "sql_wrong_set_op",
        "sql_wrong_filter",
        "sql_wrong_group",
        "sql_wrong_aggregate",
        "sql_wrong_projection",
        "sql_wrong_distinct",
        "sql_wrong_order",
        "sql_wrong_limit",
    }
)
"""Causes of failure whose remedy is training data that show how it is done."""

MOST_CAUSES = 3


class Gain(Record):
    """The candidate against a baseline; gains are in percentage points.

    It is `ahead` or `behind` on the point or, where the suite judges on the interval, for sure.
    """

    baseline: str
    baseline_score: float
    points: float
    interval_points: Span
    p: float
    gained: int
    lost: int
    ahead: bool
    behind: bool
    notices: tuple[str, ...]


class Check(Record):
    """One thing that a suite asks for: `found`, a point or a lower end, must reach `needed`."""

    what: Literal["min_score", "min_gain_points"]
    needed: float
    found: float
    passed: bool


class SuiteResult(Record):
    """How the candidate did on one suite; `score` and its interval are shares in [0, 1].

    `misses` counts the rows that are not right, `causes` their primary labels where known.
    """

    name: str
    candidate: str
    metric: str
    on: Literal["point", "interval"]
    n: int
    score: float
    interval: Span
    gain: Gain | None
    checks: tuple[Check, ...]
    passed: bool
    misses: int
    causes: dict[str, int]


class GateResult(Record):
    """The decision, and the reasons for it, the deciding one first."""

    schema_id: Literal["gate/1"] = "gate/1"
    decision: Decision
    passed: bool
    reasons: tuple[str, ...]
    suites: tuple[SuiteResult, ...]


# --------------------------------------------------------------------------- judging


def judge(name: str, suite: Suite) -> SuiteResult:
    """Hold one suite's run against what it must reach.

    Raises:
        UsageError: if a folder is not an evaluated run, or the two answer other questions.
    """
    candidate = read_evaluated(suite.candidate)
    metric = candidate.metric(suite.metric)
    scored = candidate.scores.metrics[metric]
    if scored.score is None or scored.interval is None:
        raise UsageError(
            f"nothing to judge: in {suite.candidate} no row could be scored by {metric}; "
            f"give suite {name!r} another metric or run"
        )
    gain = _gain(suite, candidate, metric)
    checks = tuple(_checks(suite, scored, gain))
    rows = candidate.row_scores(metric)
    misses = {row for row, score in rows.items() if score < 1.0}
    labels = read_failures(suite.candidate)
    causes = Counter(labels[row].primary for row in sorted(misses) if row in labels)
    return SuiteResult(
        name=name,
        candidate=str(suite.candidate),
        metric=metric,
        on=suite.on,
        n=scored.n,
        score=scored.score,
        interval=(scored.interval.low, scored.interval.high),
        gain=gain,
        checks=checks,
        passed=all(check.passed for check in checks),
        misses=len(misses),
        causes=dict(causes.most_common()),
    )


def _gain(suite: Suite, candidate: EvaluatedRun, metric: str) -> Gain | None:
    if suite.baseline is None:
        return None
    found = compare_evaluated(read_evaluated(suite.baseline), candidate, metric)
    paired = found.paired
    low, high = 100 * paired.interval.low, 100 * paired.interval.high
    points = 100 * paired.difference
    on_interval = suite.on == "interval"
    return Gain(
        baseline=str(suite.baseline),
        baseline_score=paired.score_a,
        points=points,
        interval_points=(low, high),
        p=paired.p,
        gained=len(paired.gained),
        lost=len(paired.lost),
        ahead=(low if on_interval else points) > 0,
        behind=(high if on_interval else points) < 0,
        notices=found.notices,
    )


def _checks(suite: Suite, scored: MetricScore, gain: Gain | None) -> Iterator[Check]:
    on_interval = suite.on == "interval"
    if suite.min_score is not None and scored.score is not None and scored.interval is not None:
        found = scored.interval.low if on_interval else scored.score
        yield _check("min_score", suite.min_score, found)
    if suite.min_gain_points is not None and gain is not None:
        found = gain.interval_points[0] if on_interval else gain.points
        yield _check("min_gain_points", suite.min_gain_points, found)


def _check(what: Literal["min_score", "min_gain_points"], needed: float, found: float) -> Check:
    # A billionth is forgiven: 0.73 - 0.70 is not quite 0.03 in binary.
    return Check(what=what, needed=needed, found=found, passed=found >= needed - 1e-9)


# --------------------------------------------------------------------------- deciding


def decide(suites: Sequence[SuiteResult], data_share: float = 0.5) -> tuple[Decision, str]:
    """The decision, and why: of these rules the first that applies.

    1. every suite passes: ship;
    2. the candidate is behind the baseline in a suite that fails, and passes another one: route
       to it what it passes, and the rest to the baseline;
    3. it is behind the baseline, and passes none: reject;
    4. it is ahead of the baseline in every suite that fails and has one: continue training;
    5. at least `data_share` of the misses in the suites that fail have a cause that data cure
       (`DATA_CURABLE`): retry with other data;
    6. else: continue training.
    """
    failing = [suite for suite in suites if not suite.passed]
    passing = [suite for suite in suites if suite.passed]
    if not failing:
        return "ship", f"every suite passes ({len(suites)} of {len(suites)})"
    behind = [suite for suite in failing if suite.gain is not None and suite.gain.behind]
    if behind and passing:
        return "route", (
            f"it passes {_names(passing)}, but is behind the baseline on {_names(behind)}: "
            "send it the questions that it is good at, and the baseline the others"
        )
    if behind:
        return "reject", f"it is behind the baseline on {_names(behind)} and passes no suite"
    gains = [suite.gain for suite in failing if suite.gain is not None]
    if gains and all(gain.ahead for gain in gains):
        return "continue-training", (
            f"it is ahead of the baseline on {_names(failing)}, but not far enough yet"
        )
    share, told = _curable(failing)
    if share >= data_share:
        return "retry-data", f"{told}, at least {data_share:.0%}"
    level = "it is level with the baseline" if gains else "there is no baseline to be ahead of"
    return "continue-training", f"{_names(failing)} not passed yet; {level}; {told}"


def _names(suites: Sequence[SuiteResult]) -> str:
    return ", ".join(suite.name for suite in suites)


def _curable(suites: Sequence[SuiteResult]) -> tuple[float, str]:
    """Which share of the misses has a cause that data cure, in [0, 1] and in words."""
    causes: Counter[str] = Counter()
    for suite in suites:
        causes.update(suite.causes)
    misses = sum(suite.misses for suite in suites)
    curable = Counter({cause: n for cause, n in causes.items() if cause in DATA_CURABLE})
    if not causes or not misses:
        return 0.0, "the causes of the misses are not known"
    share = curable.total() / misses
    most = ", ".join(f"{cause} {n}" for cause, n in curable.most_common(MOST_CAUSES))
    told = f"{share:.0%} of {misses} misses have causes that training data cure"
    return share, f"{told} ({most})" if most else told


def _reasons(suite: SuiteResult) -> Iterator[str]:
    where = " (lower end of the interval)" if suite.on == "interval" else ""
    for check in suite.checks:
        if check.what == "min_score":
            what, found, needed = suite.metric, f"{check.found:.2%}", f"{check.needed:.2%}"
        else:
            what = "gain over the baseline"
            found, needed = f"{check.found:+.2f} points", f"{check.needed:+.2f}"
        verdict, relation = ("passes", "at least") if check.passed else ("fails", "below")
        yield f"{suite.name} {verdict}: {what} {found}{where} is {relation} {needed}"
    for notice in suite.gain.notices if suite.gain else ():
        yield f"{suite.name}: {notice}"


def run_gates(path: Path) -> GateResult:
    """Judge every suite of the file at `path` and decide.

    Raises:
        RecipeError: if the file is not right.
        UsageError: as `judge`.
    """
    gates = read_gates(path)
    suites = tuple(judge(name, suite) for name, suite in gates.suites.items())
    decision, why = decide(suites, gates.rules.data_share)
    return GateResult(
        decision=decision,
        passed=all(suite.passed for suite in suites),
        reasons=(why, *(reason for suite in suites for reason in _reasons(suite))),
        suites=suites,
    )
