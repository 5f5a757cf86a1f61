import csv
import io

import pytest

from sqlkiln.report.reading import read_runs
from sqlkiln.report.rows import explorer_rows, rows_csv

METRICS = ("execution.strict", "execution.spider")


@pytest.fixture
def explorer(runs):
    return explorer_rows(read_runs(runs), METRICS)


def test_every_question_with_every_answer(explorer):
    assert len(explorer["rows"]) == 8
    row = explorer["rows"][4]
    assert (row["db"], row["level"]) == ("pets", "medium")
    features = [explorer["words"][place] for place in row["features"]]
    assert features == ["aggregate", "group", "single table"]
    assert row["gold"] == "SELECT kind, count(*) FROM pet GROUP BY kind"
    alpha, beta = row["answers"]
    assert (alpha["sql"], alpha["label"]) == ("SELECT kind, count(*) FROM pet", "sql_wrong_group")
    assert alpha["scores"] == beta["scores"] == [0.0, 0.0]
    assert (alpha["gold_rows"], alpha["predicted_rows"], len(alpha["missing"])) == (2, 1, 2)


def test_texts_that_repeat_are_kept_once(explorer):
    words = explorer["words"]
    assert len(set(words)) == len(words)
    right = explorer["rows"][0]["answers"]
    assert words[right[0]["why"][0]] == "same rows in the same order"
    assert right[0]["why"] == right[1]["why"]
    assert right[0]["label"] == ""


def test_what_differs_from_strict_is_remarked(explorer):
    alpha = explorer["rows"][2]["answers"][0]
    assert alpha["scores"] == [0.0, 1.0]
    remarks = [explorer["words"][place] for place in alpha["flags"][1]]
    assert "differs from strict: column_permutation" in remarks


def test_rows_of_one_run_alone_and_rows_that_do_not_count(write_run):
    unscored = {"score": 0.0, "flags": ["gold_failed"], "reason": "gold failed"}
    a = write_run("a", {"q1": 1.0, "q2": unscored})
    b = write_run("b", {"q3": 0.0})
    rows = explorer_rows(read_runs([a, b]), ("execution",))["rows"]
    assert [row["id"] for row in rows] == ["q1", "q2", "q3"]
    assert rows[0]["answers"][1] is None
    assert rows[1]["answers"][0]["scores"] == [None]
    assert rows[1]["answers"][0]["label"] == ""
    assert (rows[2]["question"], rows[2]["answers"][1]["label"]) == ("", "other")


def test_csv_has_a_line_for_each_row_and_run(runs):
    lines = list(csv.DictReader(io.StringIO(rows_csv(read_runs(runs), METRICS))))
    assert len(lines) == 16
    assert [line["run"] for line in lines[:2]] == ["alpha", "beta"]
    line = lines[4]
    assert line["question"].startswith("Names and ages?")
    assert (line["execution.strict"], line["execution.spider"]) == ("0", "1")
    assert (line["failure"], line["seconds"]) == ("sql_wrong_projection", "")
    assert lines[0]["failure"] == ""


def test_confidences_stand_beside_their_answers(write_run):
    rows = [
        {"id": "q1", "scores": {"execution": 1.0}, "prediction": {"confidence": 0.87654}},
        {"id": "q2", "scores": {"execution": 1.0}},
    ]
    runs = read_runs([write_run("a", rows)])
    answers = [row["answers"][0] for row in explorer_rows(runs, ("execution",))["rows"]]
    assert answers[0]["confidence"] == 0.8765
    assert "confidence" not in answers[1]
    lines = list(csv.DictReader(io.StringIO(rows_csv(runs, ("execution",)))))
    assert [line["confidence"] for line in lines] == ["0.8765", ""]
