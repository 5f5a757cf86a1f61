import json
import sqlite3
import subprocess
import sys
from contextlib import closing

import duckdb
import pytest


def command(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "sqlkiln", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path):
    """A database of one small table, and questions over it."""
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.executescript(
            "CREATE TABLE item (name TEXT, price INT);"
            "INSERT INTO item VALUES ('pen', 2), ('cup', 4), ('hat', 9);"
        )
    write(tmp_path / "dev.jsonl", "shop")
    return tmp_path


def write(path, db_id):
    rows = [
        {"question": "What is dear?", "gold_sql": "SELECT name FROM item WHERE price > 3"},
        {"question": "And gone?", "gold_sql": "SELECT name FROM item WHERE price < 0"},
    ]
    path.write_text("\n".join(json.dumps(row | {"db_id": db_id}) for row in rows))


BUILD = ("suite", "build", "--dataset", "jsonl", "--data", ".", "--out", "suite")


def test_build_then_evaluate(folder):
    done = command(folder, *BUILD)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("suite: ")
    assert "instances of 1 databases" in done.stdout
    assert "for 2 gold queries; of their" in done.stdout
    assert "1/1" in done.stderr

    (folder / "predicted.sql").write_text(
        "SELECT name FROM item WHERE price >= 4\nSELECT name FROM item WHERE price < -1\n"
    )
    scored = command(
        folder, "evaluate", "--dataset", "jsonl", "--data", ".", "--predictions", "predicted.sql",
        "--suite", "suite", "--modes", "strict", "--out", "run", "--json",
    )  # fmt: skip
    assert scored.returncode == 0, scored.stderr
    metrics = json.loads(scored.stdout)["metrics"]
    assert metrics["execution.strict"]["right"] == 2
    assert metrics["suite.strict"]["right"] == 1

    again = command(folder, *BUILD, "--json")
    assert "already done" in again.stderr
    counts = json.loads(again.stdout)
    assert counts["suite"] == "suite"
    assert counts["golds"] == 2
    assert counts["killed"] > counts["killed_by_database"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--limit", "0"), "wrong option: --limit 0: Input should be greater than or equal to 1"),
        (("--max-instances", "100"), "wrong option: --max-instances 100: Input should be less"),
        (("--dataset", "nope"), "unknown datasets entry: 'nope'"),
        (("--questions", "nowhere.jsonl"), "nowhere.jsonl"),
    ],
)
def test_wrong_usage_ends_with_2(folder, arguments, message):
    done = command(folder, *BUILD, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert not (folder / "suite" / "suite.json").exists()


def test_other_engines_have_no_suite(folder):
    with closing(duckdb.connect(folder / "stock.duckdb")) as connection:
        connection.execute("CREATE TABLE item AS SELECT 'pen' AS name, 2 AS price")
    write(folder / "dev.jsonl", "stock")
    done = command(folder, *BUILD)
    assert done.returncode == 2
    assert "no suite could be built: no test suite for a duckdb database" in done.stderr


def test_an_unfinished_suite_is_not_scored_on(folder):
    assert command(folder, *BUILD).returncode == 0
    (folder / "suite" / "suite.json").unlink()
    (folder / "predicted.sql").write_text("SELECT 1\nSELECT 1\n")
    done = command(
        folder, "evaluate", "--dataset", "jsonl", "--data", ".", "--predictions", "predicted.sql",
        "--suite", "suite", "--out", "run",
    )  # fmt: skip
    assert done.returncode == 2
    assert "unfinished suite: suite has no suite.json yet" in done.stderr
