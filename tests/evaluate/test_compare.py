import pytest

from sqlkiln.core.errors import UsageError
from sqlkiln.evaluate.compare import compare_runs

A = {"q1": 1.0, "q2": 0.0, "q3": 1.0, "q4": 0.0}
B = {"q1": 1.0, "q2": 1.0, "q3": 0.0, "q4": 1.0}


def test_two_runs_over_the_same_questions(write_run):
    a, b = write_run("a", A), write_run("b", B)
    found = compare_runs(a, b)
    assert (found.run_a, found.run_b, found.metric) == (str(a), str(b), "execution")
    assert (found.dataset, found.paired.n, found.notices) == ("shop dev", 4, ())
    assert (found.paired.gained, found.paired.lost) == (("q2", "q4"), ("q3",))
    assert found.paired.difference == 0.25
    back = compare_runs(b, a)
    assert (back.paired.gained, back.paired.lost) == (("q3",), ("q2", "q4"))


def test_other_questions_are_refused(write_run):
    a = write_run("a", A)
    other_set = write_run("b", B, dataset="bank", digest="e" * 64)
    with pytest.raises(UsageError, match=r"not the same questions: .*one is shop dev, the other"):
        compare_runs(a, other_set)
    with pytest.raises(UsageError, match=r"dddddddddddd and .* eeeeeeeeeeee: one is shop dev with"):
        compare_runs(a, write_run("c", B, digest="e" * 64))


def test_other_samples_are_compared_where_they_overlap(write_run):
    a = write_run("a", A | {"q5": 1.0, "q6": 1.0})
    found = compare_runs(a, write_run("b", B | {"q7": 0.0}))
    assert found.paired.n == 4
    (notice,) = found.notices
    assert notice.startswith("only the rows that both scored are compared: 2 are in ")
    assert notice.endswith("b alone")
    assert "1 in " in notice
    with pytest.raises(UsageError, match=r"no row in common: .*a scored 6 rows by exe.*, .*c 1"):
        compare_runs(a, write_run("c", {"q9": 1.0}))


def test_what_else_differs_is_noticed(write_run):
    a = write_run("a", A)
    b = write_run("b", B, databases="c" * 64, limits={"timeout_s": 2.0})
    assert compare_runs(a, b).notices == (
        "the databases differ, although the questions are the same",
        "the limits differ: timeout_s 10 and timeout_s 2",
    )


def test_rows_whose_gold_fails_do_not_count(write_run):
    failed = {"score": 0.0, "flags": ["gold_failed"]}
    a = write_run("a", A | {"q5": failed})
    found = compare_runs(a, write_run("b", B | {"q5": failed}))
    assert (found.paired.n, found.notices) == (4, ())


def test_a_metric_that_a_run_lacks(write_run):
    a = write_run("a", A)
    b = write_run("b", [{"id": "q1", "scores": {"string": 1.0}}])
    with pytest.raises(UsageError, match="b was not scored by 'execution'; known are string"):
        compare_runs(a, b)
