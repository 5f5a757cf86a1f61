import pytest

from sqlkiln.report.reading import read_runs
from sqlkiln.report.tables import (
    Measure,
    components,
    error_rates,
    headline,
    metric_names,
    pairings,
    protocol,
)


@pytest.fixture
def both(runs):
    return read_runs(runs)


def test_the_strict_execution_comes_first(both, write_run):
    assert metric_names(both)[:3] == ("execution.strict", "execution.spider", "execution.bird")
    texts = [{"id": "q", "scores": {"string": 1.0}}]
    modes = [{"id": "q", "scores": {"string": 1.0, "execution": 0.0}}]
    assert metric_names(read_runs([write_run("modes", modes)])) == ("execution", "string")
    mixed = read_runs([write_run("m", modes), write_run("t", texts)])
    assert metric_names(mixed) == ("string", "execution")


def test_scores_are_those_of_the_run(both):
    head = headline(both[0], ("execution.strict", "wikisql"))
    score = head.scores["execution.strict"]
    assert (score.n, score.right, score.score) == (8, 5, 0.625)
    assert score.low < 0.625 < score.high
    assert head.scores["wikisql"] is None
    assert (head.p50_s, head.tokens, head.usd_per_1000) == (None, None, None)


def test_what_answers_took(write_run):
    rows = [
        {
            "id": f"q{i}",
            "scores": {"execution": 1.0},
            "prediction": {"seconds": i, "prompt_tokens": 90, "completion_tokens": 10},
        }
        for i in (1, 2, 3)
    ]
    head = headline(*read_runs([write_run("timed", rows)]), ("execution",))
    assert (head.p50_s, head.tokens) == (Measure(value=2.0, low=1.0, high=3.0), 100.0)


def test_exact_match_by_component(both):
    found = components(both[0])
    assert (found.run, found.levels) == ("alpha", ("all", "easy", "medium"))
    # Of 8 golds, one (of 3 medium) was answered with a column that is not there: counted as empty.
    select = {part.name: part.scores for part in found.parts}["select"]
    assert [(s.accuracy, s.recall) for s in select] == [(1.0, 7 / 8), (1.0, 1.0), (1.0, 2 / 3)]


def test_without_exact_match_there_are_no_components(write_run):
    assert components(*read_runs([write_run("a", {"q": 1.0})])) is None


def test_run_against_run(both):
    (found,) = pairings(both, "execution.strict")
    assert (found.a, found.b, found.n, found.points) == ("alpha", "beta", 8, 12.5)
    assert (found.gained, found.lost, found.p) == (2, 1, 1.0)
    assert found.low < 12.5 < found.high


def test_runs_over_other_questions_are_not_set_against_each_other(write_run):
    a, b = write_run("a", {"q": 1.0}), write_run("b", {"q": 1.0}, digest="e" * 64)
    c = write_run("c", {"other": 1.0})
    assert pairings(read_runs([a, b, c]), "execution") == ()


def test_error_rates(both):
    rates = error_rates(both[0]).rates
    assert (rates["schema_hallucination"].right, rates["schema_hallucination"].n) == (1, 8)
    assert rates["syntax_error"].score == 0


def test_protocol(both, bench):
    facts = {fact.what: fact.values for fact in protocol(both)}
    assert facts["Dataset"] == ("jsonl dev", "jsonl dev")
    assert facts["Questions scored"] == ("8 of 8", "8 of 8")
    assert facts["Predictions"][1] == f"made elsewhere: {bench / 'beta.sql'}"
    assert "cores" in facts["Scored on"][0]
    assert facts["Evaluator"][0].startswith("sqlkiln 0.")
    assert facts["Intervals"][0] == "95%, bootstrap percentile, 200 resamples, seed 0"
    assert "Model" not in facts


def test_protocol_tells_what_was_not_recorded(write_run):
    known = write_run("known", {"q": 1.0}, predicted_by={"model": "m", "schema_style": "ddl"})
    other = write_run("other", {"q": 1.0}, predicted_by={"model": "n"})
    facts = {fact.what: fact.values for fact in protocol(read_runs([known, other]))}
    assert facts["Prompt style"] == ("ddl", "not recorded")
    assert facts["Scored on"] == ("not recorded", "not recorded")
