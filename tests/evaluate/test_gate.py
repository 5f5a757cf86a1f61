import json
from pathlib import Path

import pytest

from sqlkiln.core.errors import UsageError
from sqlkiln.evaluate.gate import DATA_CURABLE, Gain, SuiteResult, decide, judge, run_gates
from sqlkiln.evaluate.gates import Suite


def rows(right, n=100, failure=None):
    """`n` rows of which the first `right` are right; the others have the label `failure`."""
    miss = {"failure": failure} if failure else {}
    return [
        {"id": f"q{i:03}", "scores": {"execution": float(i < right)}} | (miss if i >= right else {})
        for i in range(n)
    ]


def result(name, passed, gain=None, causes=None, misses=10):
    """A suite's result; `gain` is 'ahead', 'behind', 'level' or None for no baseline."""
    against = gain and Gain(
        baseline="old",
        baseline_score=0.5,
        points={"ahead": 2.0, "behind": -2.0, "level": 0.0}[gain],
        interval_points=(-5.0, 5.0),
        p=1.0,
        gained=2,
        lost=2,
        ahead=gain == "ahead",
        behind=gain == "behind",
        notices=(),
    )
    return SuiteResult(
        name=name,
        candidate="new",
        metric="execution",
        on="point",
        n=20,
        score=0.5,
        interval=(0.4, 0.6),
        gain=against,
        checks=(),
        passed=passed,
        misses=misses,
        causes=causes or {},
    )


DATA, GRAMMAR = {"sql_wrong_group": 6, "sql_syntax": 4}, {"sql_wrong_group": 4, "sql_syntax": 6}


@pytest.mark.parametrize(
    ("suites", "decision", "why"),
    [
        ([("a", True), ("b", True, "behind")], "ship", r"every suite passes \(2 of 2\)"),
        ([("a", True), ("b", False, "behind")], "route", "passes a, but is behind .* on b: send"),
        ([("a", True), ("b", False, "behind", DATA)], "route", "passes a"),
        ([("a", False, "behind")], "reject", "behind the baseline on a and passes no suite"),
        ([("a", False, "ahead"), ("b", False, "behind", DATA)], "reject", "on b"),
        ([("a", False, "ahead")], "continue-training", "ahead of the baseline on a, but not far"),
        ([("a", False, "ahead", DATA)], "continue-training", "ahead of the baseline on a"),
        ([("a", True), ("b", False, "ahead")], "continue-training", "on b, but not far"),
        ([("a", False, "level", DATA)], "retry-data", "60% of 10 misses .*_group 6.*least 50%"),
        ([("a", False, None, DATA)], "retry-data", "60% of 10 misses"),
        ([("a", True), ("b", False, None, DATA)], "retry-data", "60% of 10 misses"),
        ([("a", False, "ahead", DATA), ("b", False, "level")], "continue-training", "30% of 20"),
        ([("a", False, "level", GRAMMAR)], "continue-training", "level with .*; 40% of 10 misses"),
        ([("a", False, None, GRAMMAR)], "continue-training", "no baseline to be ahead of; 40%"),
        ([("a", False)], "continue-training", "the causes of the misses are not known"),
    ],
)  # fmt: skip
def test_rules(suites, decision, why):
    made, reason = decide([result(*suite) for suite in suites])
    assert made == decision
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(reason)


def test_rows_of_unknown_cause_are_not_taken_to_be_curable():
    suite = result("a", False, None, {"sql_wrong_group": 6}, misses=20)
    assert decide([suite])[0] == "continue-training"
    assert decide([suite], data_share=0.3)[0] == "retry-data"


def test_curable_causes_are_those_whose_remedy_is_data():
    from sqlkiln.scoring.failures import LABELS, remedy

    assert set(LABELS) >= DATA_CURABLE
    for label in DATA_CURABLE:
        assert "training data" in remedy(label) or "train on" in remedy(label)


def test_a_score_is_judged_on_the_point_or_on_the_interval(write_run):
    run = write_run("new", rows(75))
    point = judge("s", Suite(candidate=run, min_score=0.75))
    assert (point.passed, point.score, point.misses) == (True, 0.75, 25)
    assert point.checks[0].found == 0.75
    sure = judge("s", Suite(candidate=run, min_score=0.75, on="interval"))
    assert not sure.passed
    assert sure.checks[0].found == sure.interval[0] < 0.7
    assert judge("s", Suite(candidate=run, min_score=0.65, on="interval")).passed


def test_a_gain_is_judged_on_the_point_or_on_the_interval(write_run):
    old, new = write_run("old", rows(70)), write_run("new", rows(73))
    suite = {"candidate": new, "baseline": old}
    point = judge("s", Suite(**suite, min_gain_points=3))
    assert point.passed
    assert point.gain.points == pytest.approx(3)
    assert (point.gain.gained, point.gain.lost, point.gain.ahead) == (3, 0, True)
    assert not judge("s", Suite(**suite, min_gain_points=3.1)).passed
    sure = judge("s", Suite(**suite, min_gain_points=3, on="interval"))
    assert not sure.passed
    assert sure.checks[0].found == sure.gain.interval_points[0] < 1.1
    back = judge("s", Suite(candidate=old, baseline=new, min_gain_points=-3))
    assert (back.passed, back.gain.behind) == (True, True)


def test_small_differences_are_not_sure(write_run):
    old, new = write_run("old", rows(70)), write_run("new", rows(69))
    suite = {"candidate": new, "baseline": old, "min_gain_points": 0}
    assert judge("s", Suite(**suite)).gain.behind
    sure = judge("s", Suite(**suite, on="interval"))
    assert (sure.passed, sure.gain.behind, sure.gain.ahead) == (False, False, False)


def test_causes_are_counted_over_the_misses(write_run):
    run = write_run("new", rows(40, failure="sql_wrong_value"))
    assert judge("s", Suite(candidate=run, min_score=0.1)).causes == {"sql_wrong_value": 60}


def test_a_file_of_gates_from_runs_to_the_decision(write_run, tmp_path):
    old = write_run("old", rows(70))
    new = write_run("new", rows(70, failure="sql_wrong_filter"))
    text = f'[suites.dev]\ncandidate = "{new}"\nbaseline = "{old}"\nmin_gain_points = 3\n'
    (tmp_path / "g.toml").write_text(text)
    result = run_gates(tmp_path / "g.toml")
    assert (result.decision, result.passed) == ("retry-data", False)
    assert result.reasons == (
        "100% of 30 misses have causes that training data cure (sql_wrong_filter 30), at least 50%",
        "dev fails: gain over the baseline +0.00 points is below +3.00",
    )
    assert json.loads(result.model_dump_json())["schema_id"] == "gate/1"


def test_runs_over_other_questions_are_refused(write_run):
    old = write_run("old", rows(70), digest="e" * 64)
    suite = Suite(candidate=write_run("new", rows(70)), baseline=old, min_score=0.5)
    with pytest.raises(UsageError, match="not the same questions"):
        judge("s", suite)


def test_a_run_without_a_scored_row_cannot_be_judged(write_run):
    unscored = {"score": 0.0, "flags": ["gold_failed"]}
    run = write_run("new", [{"id": "q", "scores": {"execution": unscored}}])
    with pytest.raises(UsageError, match=r"nothing to judge: in .*new no row .* give suite 's'"):
        judge("s", Suite(candidate=run, min_score=0.5))


def test_a_folder_without_a_run_is_named():
    with pytest.raises(UsageError, match="not an evaluated run: nowhere"):
        judge("s", Suite(candidate=Path("nowhere"), min_score=0.5))
