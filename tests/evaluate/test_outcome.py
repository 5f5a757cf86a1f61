"""What `evaluate` leaves besides verdicts: scores by part, failures, pairs, and their files."""

import json

import pytest
from pydantic import ValidationError

from sqlkiln.core.errors import UsageError
from sqlkiln.core.records import Example, Prediction, PreferencePair, Verdict
from sqlkiln.core.store import execute_stage, read_jsonl
from sqlkiln.evaluate import predict, score
from sqlkiln.evaluate.score import EvaluateConfig
from sqlkiln.scoring.evaluated import read_evaluated, read_failures

PREDICTED = {
    "0": "SELECT count(*) FROM pet",
    "1": "SELECT nme FROM pet",
    "2": "SELECT count(DISTINCT name) FROM car",
    "3": "SELECT count(*) FROM dog",
    "4": "SELECT name FROM thing",
    "5": "SELECT name FROM car",
    "6": "SELECT name FROM pet ORDER BY age LIMIT 1",
}
"""Wrong are 1 and 6; 2 is right, but not by its text; 3 has no database, the gold of 5 fails."""

TABLES = [
    {
        "db_id": "dogs",
        "table_names_original": ["dog"],
        "column_names_original": [[-1, "*"], [0, "name"]],
        "foreign_keys": [],
    }
]


@pytest.fixture
def evaluate(data, tmp_path):
    """Evaluates predictions by number; gives scores, and verdicts by number and metric."""

    def run(predicted=PREDICTED, out="out", **settings):
        path = tmp_path / f"{out}.json"
        path.write_text(json.dumps(predicted))
        config = EvaluateConfig(dataset="spider", data=data, predictions=path, **settings)
        folder = tmp_path / out
        execute_stage(score.STAGE, config, (), folder)
        rows = list(read_jsonl(folder / "verdicts.jsonl", Verdict))
        return read_evaluated(folder).scores, {(int(v.id[-4:]), v.metric): v for v in rows}

    return run


def test_every_mode_judges_every_row(evaluate):
    scores, verdicts = evaluate()
    rows = (0, 1, 2, 4, 5, 6)
    modes = ("execution.strict", "execution.spider", "execution.bird")
    assert {key for key in verdicts if key[1] in modes} == {(n, m) for n in rows for m in modes}
    assert list(scores.metrics) == [*modes, "exact_match", "string"]
    assert {name: (m.right, m.n) for name, m in scores.metrics.items()} == {
        "execution.strict": (3, 5),
        "execution.spider": (3, 5),
        "execution.bird": (3, 5),
        "exact_match": (2, 5),
        "string": (3, 7),
    }


@pytest.mark.parametrize(
    ("modes", "judge"),
    [(("spider",), "execution.spider"), (("bird", "strict"), "execution.bird"), ((), None)],
)
def test_only_the_modes_that_are_asked_for(evaluate, modes, judge):
    scores, _ = evaluate(modes=modes)
    assert list(scores.metrics) == [
        *(f"execution.{mode}" for mode in modes),
        "exact_match",
        "string",
    ]
    assert scores.judged_by == judge
    assert bool(scores.causes) == bool(judge)


def test_a_metric_of_several_forms_may_be_named_as_one(evaluate):
    scores, verdicts = evaluate(modes=("strict",), metrics=("soft_f1", "ves"))
    assert list(scores.metrics) == ["execution.strict", "soft_f1.fixed", "soft_f1.official", "ves"]
    assert scores.metrics["ves"].score == pytest.approx(0.6, abs=0.3)
    assert verdicts[1, "soft_f1.fixed"].details["failure"] == "UnknownName"


def test_wrong_settings_are_refused(data):
    with pytest.raises(ValidationError, match="no metric 'luck'; there are exact_match, exec"):
        EvaluateConfig(metrics=("luck",))
    with pytest.raises(ValidationError, match="Input should be 'strict', 'spider' or 'bird'"):
        EvaluateConfig(modes=("fair",))


def test_there_must_be_something_to_score_by(evaluate):
    with pytest.raises(UsageError, match="nothing to score by: no mode and no metric"):
        evaluate(modes=(), metrics=())


# --------------------------------------------------------------------------- without a database


def test_a_row_without_a_database_is_scored_by_its_text(evaluate):
    scores, verdicts = evaluate()
    assert verdicts[3, "string"].score == 1.0
    assert verdicts[3, "exact_match"].flags == ("no_schema",)
    assert (3, "execution.strict") not in verdicts
    assert (scores.scored, scores.missing_databases) == (6, {"dogs": 1})


def test_tables_json_stands_in_for_a_missing_database(evaluate, data):
    (data / "tables.json").write_text(json.dumps(TABLES))
    scores, verdicts = evaluate()
    assert verdicts[3, "exact_match"].score == 1.0
    assert (scores.metrics["exact_match"].n, scores.metrics["exact_match"].right) == (6, 3)


# --------------------------------------------------------------------------- failures


def test_misses_are_labelled_and_summed_up(evaluate, tmp_path):
    scores, verdicts = evaluate()
    failures = read_failures(tmp_path / "out")
    assert {id_[-1]: failure.primary for id_, failure in failures.items()} == {
        "1": "sql_wrong_schema",
        "6": "sql_wrong_order",
    }
    assert verdicts[6, "execution.strict"].details["primary"] == "sql_wrong_order"
    assert "primary" not in verdicts[6, "execution.bird"].details
    causes = {cause.label: cause for cause in scores.causes}
    assert causes["sql_wrong_order"].count == 1
    assert causes["sql_wrong_order"].gain_points == pytest.approx(20.0)
    assert causes["sql_wrong_order"].remedy


def test_misses_become_pairs_to_learn_from(evaluate, tmp_path):
    evaluate()
    pairs = {
        p.id[-1]: p for p in read_jsonl(tmp_path / "out" / "preferences.jsonl", PreferencePair)
    }
    assert set(pairs) == {"1", "6"}
    assert pairs["6"].chosen == "SELECT name FROM pet ORDER BY age DESC LIMIT 1"
    assert pairs["6"].rejected == PREDICTED["6"]
    assert (pairs["6"].question, pairs["6"].label) == ("Oldest pet?", "sql_wrong_order")


def test_what_was_not_predicted_is_no_pair_and_has_no_label(evaluate, tmp_path):
    scores, _ = evaluate({"0": "", "1": "SELECT name FROM pet"}, modes=("strict",))
    assert scores.metrics["execution.strict"].right == 1
    assert scores.metrics["execution.strict"].failures == {"no_prediction": 3, "no_sql": 1}
    assert {f.primary for f in read_failures(tmp_path / "out").values()} == {"sql_no_select"}
    assert list(read_jsonl(tmp_path / "out" / "preferences.jsonl", PreferencePair)) == []


def test_prose_is_kept_as_what_was_rejected(data, tmp_path, serve):
    serve({"How many pets?": "I am sorry, there is no such table."})
    config = predict.PredictConfig(dataset="spider", data=data, model="table", limit=6)
    execute_stage(predict.STAGE, config, (), tmp_path / "run")
    name = "manifest-evaluate.json"
    execute_stage(score.STAGE, EvaluateConfig(), (tmp_path / "run",), tmp_path / "run", name)
    (pair,) = read_jsonl(tmp_path / "run" / "preferences.jsonl", PreferencePair)
    assert (pair.rejected, pair.label) == ("I am sorry, there is no such table.", "sql_no_select")
    assert pair.model == "table"


def test_modes_tell_why_they_differ_from_the_strict_one(evaluate):
    predicted = {
        "0": "SELECT count(DISTINCT name) FROM pet",
        "2": "SELECT count(*) FROM car",
        "4": "SELECT name, 1 FROM thing",
        "6": "SELECT name FROM pet WHERE id = 3",
    }
    scores, verdicts = evaluate(predicted)
    assert verdicts[6, "execution.strict"].flags == ("limit_tie",)
    assert verdicts[6, "execution.spider"].details["differs_from_strict"] == "limit_tie"
    assert scores.differences == {
        "execution.bird": {"empty_equals_empty": 1, "limit_tie": 1},
        "execution.spider": {"empty_equals_empty": 1, "limit_tie": 1},
    }


# --------------------------------------------------------------------------- parts


def test_scores_are_split_by_hardness_database_and_feature(evaluate):
    scores, _ = evaluate()
    strict = {
        kind: {name: (s["execution.strict"].right, s["execution.strict"].n)
               for name, s in slices.items() if "execution.strict" in s}
        for kind, slices in scores.slices.items()
    }  # fmt: skip
    assert strict["hardness"] == {"easy": (3, 4), "medium": (0, 1)}
    assert strict["database"] == {"cars": (1, 1), "hollow": (1, 1), "pets": (1, 3)}
    assert strict["feature"]["aggregate"] == (2, 2)
    assert strict["feature"]["order"] == strict["feature"]["limit"] == (0, 1)
    easy = scores.slices["hardness"]["easy"]["execution.strict"]
    assert (easy.score, round(easy.low, 2), round(easy.high, 2)) == (0.75, 0.3, 0.95)
    assert "dogs" in scores.slices["database"]


def test_components_are_scored_by_level(evaluate):
    scores, _ = evaluate()
    assert list(scores.components) == ["easy", "medium", "all"]
    order = scores.components["medium"]["order"]
    assert (order.accuracy, order.recall) == (0.0, 0.0)
    assert scores.components["easy"]["select"].accuracy == pytest.approx(2 / 3)
    assert scores.components["easy"]["select"].recall == pytest.approx(0.5)


def test_error_rates_are_those_of_the_judge(evaluate):
    scores, _ = evaluate()
    assert {name: rate.count for name, rate in scores.rates.items()} == {
        "no_sql": 0,
        "syntax_error": 0,
        "schema_hallucination": 1,
        "timeout": 0,
        "other_error": 0,
    }
    assert scores.rates["schema_hallucination"].share == 0.2


def test_examples_are_kept_with_their_level(evaluate, data, tmp_path):
    rows = json.loads((data / "dev.json").read_text())
    rows[6]["difficulty"] = "challenging"
    (data / "dev.json").write_text(json.dumps(rows))
    scores, _ = evaluate()
    examples = list(read_jsonl(tmp_path / "out" / "examples.jsonl", Example))
    assert [(e.id[-1], e.tags[0]) for e in examples if e.id[-1] in "06"] == [
        ("0", "easy"),
        ("6", "challenging"),
    ]
    assert list(scores.slices["hardness"]) == ["easy", "challenging"]


def test_prices_can_be_ones_own(data, tmp_path, serve):
    serve()
    config = predict.PredictConfig(dataset="spider", data=data, model="table")
    execute_stage(predict.STAGE, config, (), tmp_path / "run")
    own = tmp_path / "own.toml"
    own.write_text(
        "collected = 2026-01-02\n[machine]\nusd_per_hour = 1.0\n"
        "[models.table]\ninput = 1.0\noutput = 10.0\n"
    )
    for out, settings in (("usual", {}), ("own", {"prices": own})):
        execute_stage(score.STAGE, EvaluateConfig(**settings), (tmp_path / "run",), tmp_path / out)
    usual = read_evaluated(tmp_path / "usual").scores.cost.bill
    assert (usual.priced_as, usual.usd_per_1000 > 0) == ("machine", True)
    # 100 tokens of input and 7 of output are 170 millionths of a dollar
    assert read_evaluated(tmp_path / "own").scores.cost.bill.usd_per_1000 == pytest.approx(0.17)


def test_predictions_lie_beside_the_scores_wherever_they_came_from(data, tmp_path, serve):
    serve()
    config = predict.PredictConfig(dataset="spider", data=data, model="table")
    execute_stage(predict.STAGE, config, (), tmp_path / "run")
    execute_stage(score.STAGE, EvaluateConfig(), (tmp_path / "run",), tmp_path / "out")
    there, here = (
        list(read_jsonl(tmp_path / name / "predictions.jsonl", Prediction))
        for name in ("run", "out")
    )
    assert there == here
