import json
import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from sqlkiln.core.records import Prediction
from sqlkiln.core.store import read_jsonl

MANY = 3000


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SQLKILN_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    """A folder with a database, questions over it, and a script that knows the answers."""
    connection = sqlite3.connect(tmp_path / "shop.db")
    connection.executescript(
        "CREATE TABLE item (name TEXT, price REAL);"
        "INSERT INTO item VALUES ('pen', 1.5), ('cup', 4.0), ('hat', 4.0);"
    )
    connection.close()
    rows = [
        ("How many items?", "SELECT count(*) FROM item"),
        ("What does it all cost?", "SELECT sum(price) FROM item"),
        ("What is dear?", "SELECT name FROM item ORDER BY price DESC LIMIT 2"),
    ]
    write(tmp_path / "dev.jsonl", [question(q, sql) for q, sql in rows])
    (tmp_path / "script.json").write_text(json.dumps({"How many": "SELECT 4"} | dict(rows)))
    return tmp_path


def question(text, sql, db_id="shop"):
    return {"question": text, "gold_sql": sql, "db_id": db_id}


def write(path, rows):
    path.write_text("\n".join(map(json.dumps, rows)))


PREDICT = ("predict", "--dataset", "jsonl", "--data", ".", "--model", "scripted:script.json")
EVALUATE = ("evaluate", "--dataset", "jsonl", "--data", ".")


def command(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "sqlkiln", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def begin(folder, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "sqlkiln", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_predict_then_evaluate(folder):
    done = command(folder, *PREDICT, "--out", "run")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "run: 3 of 3 questions predicted; next: sqlkiln evaluate run\n"
    assert "predict" in done.stderr
    assert "3/3" in done.stderr

    done = command(folder, "evaluate", "run", "--json")
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout)
    assert scores["run"] == "run"
    assert scores["metrics"]["execution.strict"]["n"] == 3
    assert scores["metrics"]["execution.strict"]["right"] == 2
    assert scores["metrics"]["execution.strict"]["failures"] == {"wrong_rows": 1}
    interval = scores["metrics"]["execution.strict"]["interval"]
    assert interval["low"] <= 2 / 3 <= interval["high"]
    assert {key: scores[key] for key in scores if key != "run"} == json.loads(
        (folder / "run" / "scores.json").read_text()
    )
    for name in ("predictions.jsonl", "verdicts.jsonl", "manifest.json", "manifest-evaluate.json"):
        assert (folder / "run" / name).exists()


def test_scores_are_shown_as_a_table(folder):
    command(folder, *PREDICT, "--out", "run")
    done = command(folder, "evaluate", "run")
    assert "jsonl dev: 3 of 3 questions, predicted by scripted:script.json (greedy" in done.stdout
    assert "execution" in done.stdout
    assert "66.67%" in done.stdout
    assert "execution.strict: wrong by cause: wrong_rows 1" in done.stdout
    again = command(folder, "evaluate", "run")
    assert again.stdout == done.stdout
    assert "run: already done; remove manifest-evaluate.json" in again.stderr


def test_questions_without_a_database_are_named(folder):
    rows = [question("How many items?", "SELECT 3"), question("How many?", "SELECT 1", "gone")]
    write(folder / "dev.jsonl", rows)
    done = command(folder, *PREDICT, "--out", "run", "--json")
    assert json.loads(done.stdout)["missing_databases"] == {"gone": 1}
    assert "left out, no database: gone (1)" in done.stderr
    done = command(folder, "evaluate", "run")
    assert "1 of 2 questions" in done.stdout
    assert "left out, no database: gone (1)" in done.stderr


def test_predictions_made_elsewhere(folder):
    (folder / "pred.sql").write_text("SELECT 3\nSELECT 9.5\nSELECT 'hat' UNION ALL SELECT 'cup'\n")
    done = command(folder, *EVALUATE, "--predictions", "pred.sql", "--out", "run", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["metrics"]["execution.strict"]["score"] == 1.0


def test_modes_and_metrics_are_chosen_by_name(folder):
    (folder / "pred.sql").write_text("SELECT 3\nSELECT 9.5\nSELECT 'hat' UNION ALL SELECT 'cup'\n")
    given = (*EVALUATE, "--predictions", "pred.sql", "--json", "--out")
    chosen = ("--modes", "bird, strict", "--metrics", "soft_f1")
    scores = json.loads(command(folder, *given, "run", *chosen).stdout)
    assert list(scores["metrics"]) == [
        "execution.bird",
        "execution.strict",
        "soft_f1.fixed",
        "soft_f1.official",
    ]
    assert scores["judged_by"] == "execution.bird"
    done = command(folder, *given, "other", "--modes", "", "--metrics", "string")
    assert list(json.loads(done.stdout)["metrics"]) == ["string"]


def test_why_rows_are_wrong_and_where_modes_differ_is_told(folder):
    predicted = ("count(DISTINCT price)", "name, price", "nme")
    (folder / "pred.sql").write_text("".join(f"SELECT {p} FROM item\n" for p in predicted))
    done = command(folder, *EVALUATE, "--predictions", "pred.sql", "--out", "run")
    text = " ".join(done.stdout.replace("│", " ").split())
    assert "why rows are wrong by execution.strict, and what mending them would add:" in text
    assert "sql_wrong_schema 1 +33.3 pts constrain decoding to the names of the schema" in text
    assert "errors: schema hallucination 33.3% (1)" in text
    assert "written to run; see one row: sqlkiln show run --row 0" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("evaluate",), "nothing to evaluate, or too much; give either RUN or --predictions FILE"),
        (("evaluate", "run", "--predictions", "x"), "nothing to evaluate, or too much"),
        (("evaluate", "run", "--dataset", "jsonl"), "RUN knows its dataset"),
        (("evaluate", "nowhere"), "not a complete run: nowhere has no manifest.json"),
        ((*EVALUATE, "--predictions", "x.sql"), "nowhere to write the scores; add --out RUN"),
        ((*EVALUATE, "--predictions", "x.sql", "--out", "o"), "cannot read: x.sql"),
        ((*EVALUATE, "--predictions", "dev.jsonl", "--out", "o"), "dev.jsonl:1: no 'id'"),
        (
            (*EVALUATE, "--predictions", "dev.jsonl", "--out", "o", "--modes", "fair"),
            "wrong option: --modes fair: Input should be 'strict', 'spider' or 'bird'",
        ),
        (
            (*EVALUATE, "--predictions", "dev.jsonl", "--out", "o", "--metrics", "luck"),
            "wrong option: --metrics ('luck',): no metric 'luck'; there are exact_match, ",
        ),
        ((*PREDICT, "--out", "o", "--limit", "0"), "wrong option: --limit 0: Input should be"),
        ((*PREDICT, "--out", "o", "--timeout", "-1"), "wrong option: --timeout -1.0: "),
        ((*PREDICT, "--out", "o", "--schema-style", "xml"), "wrong option: --schema-style xml: no"),
        ((*PREDICT, "--out", "o", "--strategy", "guess"), "unknown strategies entry: 'guess'"),
        ((*PREDICT, "--out", "o", "--split", "test"), "no such file: test.jsonl"),
        (("predict", "--dataset", "spider", "--out", "o"), "no folder given for the dataset"),
        (("predict", "--dataset", "wiki", "--out", "o"), "unknown datasets entry: 'wiki'"),
    ],
)  # fmt: skip
def test_wrong_usage_ends_with_2_and_says_what_to_do(folder, arguments, message):
    done = command(folder, *arguments)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_a_model_that_is_not_there_ends_with_3(folder):
    done = command(folder, *PREDICT[:-1], "scripted:none.json", "--out", "run")
    assert done.returncode == 3
    assert "cannot read the script: none.json" in done.stderr


def test_a_mistake_can_be_mended_in_the_same_folder(folder):
    assert command(folder, *PREDICT[:-1], "scripted:none.json", "--out", "run").returncode == 3
    assert command(folder, *PREDICT, "--out", "run").returncode == 0
    (folder / "pred.sql").write_text("SELECT 3\n")
    given = (*EVALUATE, "--predictions", "pred.sql", "--out", "scored")
    done = command(folder, *given)
    assert done.returncode == 2
    assert "wrong number of predictions: 1 for 3 questions" in done.stderr
    (folder / "pred.sql").write_text("SELECT 3\nSELECT 1\nSELECT 1\n")
    assert command(folder, *given).returncode == 0


@pytest.fixture
def many(folder):
    """So many questions that predicting them takes a while."""
    rows = [question(f"Number {n}, please?", f"SELECT {n}") for n in range(MANY)]
    write(folder / "dev.jsonl", rows)
    (folder / "script.json").write_text('{"please": "SELECT 7"}')
    return folder


def wait_for_rows(path, process):
    deadline = time.monotonic() + 60
    while not path.exists() or path.stat().st_size < 5000:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ids(path):
    found = [row.id for row in read_jsonl(path, Prediction)]
    assert len(set(found)) == len(found)
    return found


def test_a_killed_run_goes_on_and_loses_no_row(many):
    process = begin(many, *PREDICT, "--out", "run", "--slots", "2")
    predictions = many / "run" / "predictions.jsonl"
    wait_for_rows(predictions, process)
    process.kill()
    process.communicate()
    whole_lines = predictions.read_bytes().rpartition(b"\n")[0].splitlines()
    assert 0 < len(whole_lines) < MANY
    assert not (many / "run" / "manifest.json").exists()

    refused = command(many, "evaluate", "run")
    assert refused.returncode == 2
    assert "not a complete run: run has no manifest.json; finish the stage" in refused.stderr

    done = command(many, *PREDICT, "--out", "run")
    assert done.returncode == 0, done.stderr
    assert predictions.read_bytes().splitlines()[: len(whole_lines)] == whole_lines
    assert len(ids(predictions)) == MANY

    scores = json.loads(command(many, "evaluate", "run", "--json").stdout)
    assert scores["metrics"]["execution.strict"]["right"] == 1
    assert scores["metrics"]["execution.strict"]["n"] == MANY


def test_ctrl_c_ends_with_130_and_keeps_what_is_done(many):
    process = begin(many, *PREDICT, "--out", "run")
    predictions = many / "run" / "predictions.jsonl"
    wait_for_rows(predictions, process)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "stopped: what is done is kept in run; the same command goes on from there" in err
    assert "Traceback" not in err
    assert out == ""
    kept = ids(predictions)
    assert 0 < len(kept) < MANY
    assert command(many, *PREDICT, "--out", "run").returncode == 0
    assert ids(predictions)[: len(kept)] == kept
    assert len(ids(predictions)) == MANY
