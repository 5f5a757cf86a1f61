import pytest

from sqlkiln.report.charts import (
    BINS,
    MOST_POINTS,
    confidences,
    costs,
    latencies,
    pareto,
    slicings,
)
from sqlkiln.report.reading import read_runs
from sqlkiln.report.tables import Headline, Measure, Score


def test_slices_are_those_of_evaluate(runs):
    both = read_runs(runs)
    found = {s.by: s for s in slicings(both, ("execution.strict", "execution.spider"))}
    assert list(found) == ["hardness", "database", "feature"]
    pets, cars = found["database"].slices
    assert (pets.name, pets.n, cars.name, cars.n) == ("pets", 5, "cars", 3)
    strict = pets.scores["execution.strict"]
    assert [(score.right, score.n) for score in strict] == [(3, 5), (3, 5)]
    assert pets.scores["execution.spider"][0].right == 4
    assert [part.name for part in found["hardness"].slices] == ["easy", "medium"]


def test_a_run_without_slices_has_none(write_run):
    assert slicings(read_runs([write_run("bare", {"q": 1.0})]), ("execution",)) == ()


def test_causes_are_those_of_evaluate(runs):
    found = pareto(read_runs(runs)[0], "execution.strict")
    assert (found.run, found.misses) == ("alpha", 3)
    assert {cause.label for cause in found.causes} == {
        "sql_wrong_projection",
        "sql_wrong_group",
        "sql_wrong_schema",
    }
    assert all(cause.remedy and cause.gain_points == 12.5 for cause in found.causes)
    assert [cause.cumulative for cause in found.causes] == pytest.approx([1 / 3, 2 / 3, 1])


def test_without_labels_the_verdicts_tell_the_causes(write_run):
    wrong = {"score": 0.0, "details": {"failure": "wrong_rows"}}
    error = {"score": 0.0, "details": {"failure": "UnknownName"}}
    rows = [
        {"id": f"q{i}", "scores": {"execution": found}}
        for i, found in enumerate([wrong, error, wrong, 1.0])
    ]
    found = pareto(*read_runs([write_run("bare", rows)]), "execution")
    told = [(c.label, c.count, c.gain_points, c.remedy) for c in found.causes]
    assert told == [("wrong_rows", 2, 50.0, ""), ("UnknownName", 1, 25.0, "")]


def timed(write_run, name, seconds):
    rows = [
        {"id": f"q{i}", "scores": {"execution": 1.0}, "prediction": {"seconds": second}}
        for i, second in enumerate(seconds)
    ]
    return write_run(name, rows)


def test_latencies_share_their_bins(write_run):
    a = timed(write_run, "a", [0.1, 0.2, 0.4, 0.8])
    b = timed(write_run, "b", [10.0, 0.0])
    first, second = latencies(read_runs([a, b]))
    assert (first.run, first.n, first.p50_s) == ("a", 4, pytest.approx(0.3))
    assert (second.n, second.p95_s) == (1, 10.0)
    assert len(first.bins) == BINS
    assert sum(part.count for part in first.bins) == 4
    assert [part.low for part in first.bins] == [part.low for part in second.bins]
    assert first.bins[0].low == pytest.approx(0.1)
    assert second.bins[-1].high == pytest.approx(10.0)
    assert (first.bins[0].count, second.bins[-1].count) == (1, 1)


def test_answers_that_all_took_as_long(write_run):
    (found,) = latencies(read_runs([timed(write_run, "a", [0.5, 0.5])]))
    assert found.bins[0].count == 2


def test_without_a_time_there_are_no_latencies(runs):
    assert latencies(read_runs(runs)) == ()


def confident(write_run, name, answers):
    """`answers` are pairs of a score and a confidence."""
    rows = [
        {"id": f"q{i}", "scores": {"execution": score}, "prediction": {"confidence": sure}}
        for i, (score, sure) in enumerate(answers)
    ]
    return write_run(name, rows)


def test_confidences_are_held_against_verdicts(write_run):
    unscored = {"score": 0.0, "flags": ["gold_failed"]}
    answers = [(1.0, 0.8), (1.0, 0.4), (0.5, 0.4), (0.0, 0.2), (1.0, None), (unscored, 0.9)]
    run, bare = confident(write_run, "a", answers), write_run("b", {"q0": 1.0})
    (found,) = confidences(read_runs([run, bare]), "execution")
    assert (found.run, found.found.n, found.found.right) == ("a", 4, 2)
    assert (found.found.auroc, found.found.error) == (0.875, 0.5)
    assert confidences(read_runs([run]), "other") == ()


def test_a_line_has_so_many_points(write_run):
    run = confident(write_run, "a", [(float(i % 3 > 0), i / 1000) for i in range(1000)])
    (found,) = confidences(read_runs([run]), "execution")
    points = found.found.coverage
    assert len(points) == MOST_POINTS
    assert points[-1].coverage == 1.0
    assert [p.coverage for p in points] == sorted(p.coverage for p in points)


def measure(value):
    return None if value is None else Measure(value=value)


def head(name, usd, p50):
    score = Score(n=10, right=5, score=0.5, low=0.2, high=0.8)
    return Headline(
        name=name,
        folder=name,
        scores={"execution": score},
        p50_s=measure(p50),
        p95_s=measure(p50),
        tokens=None,
        usd_per_1000=measure(usd),
    )


def test_cost_is_money_where_all_have_a_price_and_else_time():
    priced = costs([head("a", 0.5, 1.0), head("b", 0.1, 2.0)], "execution")
    assert [(p.run, p.cost, p.unit[:3]) for p in priced] == [("a", 0.5, "US$"), ("b", 0.1, "US$")]
    timed = costs([head("a", 0.5, 1.0), head("b", None, 2.0)], "execution")
    assert [(p.run, p.cost, p.unit[:3]) for p in timed] == [("a", 1.0, "sec"), ("b", 2.0, "sec")]
    assert costs([head("a", None, None)], "execution") == ()
