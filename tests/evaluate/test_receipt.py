import json

import pytest

from sqlkiln.core.errors import UsageError
from sqlkiln.core.store import execute_stage
from sqlkiln.evaluate import score
from sqlkiln.evaluate.receipt import read_receipt
from sqlkiln.evaluate.score import EvaluateConfig

PREDICTED = {
    "0": "SELECT count(*) FROM pet",
    "1": "SELECT name FROM pet WHERE age > 2",
    "2": "SELECT count(*) FRM car",
    "3": "SELECT count(*) FROM dog",
    "4": "",
    "5": "SELECT name FROM car",
}


@pytest.fixture
def run(data, tmp_path):
    path = tmp_path / "pred.json"
    path.write_text(json.dumps(PREDICTED))
    config = EvaluateConfig(dataset="spider", data=data, predictions=path)
    execute_stage(score.STAGE, config, (), tmp_path / "run")
    return tmp_path / "run"


def test_a_miss_shows_both_results_and_every_verdict(run):
    receipt = read_receipt(run, row=1)
    assert (receipt.example.id, receipt.example.question) == ("spider-dev-0001", "Names of pets?")
    assert receipt.example.tags == ("easy", "sql:single table")
    assert receipt.prediction.sql == PREDICTED["1"]
    assert receipt.gold.rows == (("Rex",), ("Tom",), ("Kim",))
    assert receipt.predicted.rows == (("Rex",), ("Kim",))
    assert (receipt.predicted.columns, receipt.predicted.error) == (("name",), None)
    assert [(v.metric, v.score) for v in receipt.verdicts] == [
        ("execution.strict", 0.0),
        ("execution.spider", 0.0),
        ("execution.bird", 0.0),
        ("exact_match", 0.0),
        ("string", 0.0),
    ]
    assert receipt.verdicts[0].details["missing"] == [["Tom"]]
    assert (receipt.primary, receipt.labels) == ("sql_wrong_filter", ("sql_wrong_filter",))
    assert "conditions" in receipt.remedy


def test_what_is_right_has_no_label(run):
    receipt = read_receipt(run, id_="spider-dev-0000")
    assert all(verdict.score == 1.0 for verdict in receipt.verdicts)
    assert (receipt.primary, receipt.labels, receipt.remedy) == (None, (), None)


@pytest.mark.parametrize(
    ("row", "gold", "predicted"),
    [
        (2, None, "SQLSyntaxError: "),
        (4, None, "no SQL was predicted"),
        (5, "UnknownName: ", None),
        (3, "not run again: no database: dogs is not there", "not run again: no database: dogs"),
    ],
)
def test_what_cannot_be_run_says_why(run, row, gold, predicted):
    receipt = read_receipt(run, row=row)
    for shown, error in ((receipt.gold, gold), (receipt.predicted, predicted)):
        assert (shown.error is None) == (error is None)
        assert (shown.error or "").startswith(error or "")
        assert error is None or shown.rows == ()


def test_a_question_that_was_never_answered_has_a_receipt(run):
    receipt = read_receipt(run, row=6)
    assert receipt.prediction is None
    assert receipt.predicted.error == "no SQL was predicted"
    assert receipt.verdicts[0].reason == "there is no prediction"


def test_moved_data_is_found_where_told(run, data, tmp_path):
    moved = data.rename(tmp_path / "elsewhere")
    assert read_receipt(run, row=0).gold.error.startswith("not run again: no such folder")
    assert read_receipt(run, row=0, data=moved).gold.rows == ((3,),)


def test_without_numbers_in_the_ids_rows_are_counted(run):
    path = run / "examples.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    names = ["zero", "one", "two"]
    kept = [line | {"id": name} for line, name in zip(lines, names, strict=False)]
    path.write_text("".join(json.dumps(line) + "\n" for line in kept))
    assert read_receipt(run, row=1).example.id == "one"


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ({}, "which row: neither a number nor an id is given; give --row or --id"),
        (
            {"row": 17},
            r"no such row: --row 17 in .*run, whose 7 scored rows are spider-dev-0000 to "
            "spider-dev-0006",
        ),
        ({"id_": "q1"}, "no such row: --id q1 in "),
    ],
)
def test_a_row_that_is_not_there_is_refused(run, which, message):
    with pytest.raises(UsageError, match=message):
        read_receipt(run, **which)


def test_only_an_evaluated_run_has_receipts(tmp_path):
    with pytest.raises(UsageError, match="not an evaluated run: "):
        read_receipt(tmp_path, row=0)
