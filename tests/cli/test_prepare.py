import json
import subprocess
import sys

import pytest

from sqlkiln.sql.database_build import create_sqlite


def prepare(*arguments):
    command = [sys.executable, "-m", "sqlkiln", "data", "prepare", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path):
    ddl = "CREATE TABLE pet (name TEXT)"
    create_sqlite(tmp_path / "home.sqlite", ddl, {"pet": [("Rex",), ("Tom",)]})
    rows = [("How many pets?", "SELECT COUNT(*) FROM pet"), ("Ages?", "SELECT age FROM pet")]
    lines = [{"question": q, "gold_sql": sql, "db_id": "home"} for q, sql in rows]
    for split in ("train", "mine", "dev"):
        (tmp_path / f"{split}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return tmp_path


def test_it_tells_what_there_is_to_train_on(folder):
    out = folder / "out"
    done = prepare("--source", f"jsonl:mine@{folder}*3", "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"{out}: 1 demonstrations over 1 databases, 3 presentations an epoch",
        "sources: jsonl mine 3",
        "buckets: aggregate 3",
        "left out: gold_failed 1",
        "looked for leaks from: samples heldout 170",
        "not looked at, as they are not at hand: spider dev, create_context dev, b1 synthetic50, "
        "b1 public64, bird dev, bird mini_dev, wikisql dev, wikisql test",
    ]
    assert (out / "manifest.json").exists()


def test_golds_are_written_as_the_options_say(folder):
    gold = "select t1.name from pet as t1"
    row = {"question": "Names?", "gold_sql": gold, "db_id": "home"}
    (folder / "named.jsonl").write_text(json.dumps(row))
    for aliases, written in (("keep", "T1.name FROM pet AS T1"), ("names", "name FROM pet")):
        out = folder / aliases
        options = ("--style", "canonical", "--aliases", aliases, "--out", out)
        assert prepare("--source", f"jsonl:named@{folder}", *options).returncode == 0
        assert f'"gold_sql":"SELECT {written}"' in (out / "demonstrations.jsonl").read_text()


def test_a_leak_ends_with_2_unless_leaking_rows_may_go(folder):
    options = ("--source", "jsonl", "--data", folder, "--against", "dev", "--out", folder / "out")
    done = prepare(*options)
    assert (done.returncode, done.stdout) == (2, "")
    assert "error: evaluation rows among the training rows: 2 found: train-0001" in done.stderr
    done = prepare(*options, "--leaks", "drop")
    assert done.returncode == 2
    assert "nothing to train on: left out for leak (2), first train-0001: " in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--source", "jsonl*x"), "wrong --source: 'jsonl*x'; write DATASET[:SPLIT][@DIR][*TIMES]"),
        (("--source", "jsonl*0"), "wrong --source: 'jsonl*0'; write "),
        (("--source", "samples", "--data", __file__), f"no such folder: {__file__}; check --data"),
        (("--source", "jsonl", "--leaks", "no"), "wrong option: --leaks no: "),
        (("--source", "jsonl", "--against", ":dev"), "wrong --against: ':dev'"),
        (("--source", "jsonl:none"), "no such file: "),
    ],
)
def test_wrong_options_are_named(folder, options, message):
    done = prepare("--data", folder, "--out", folder / "out", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
