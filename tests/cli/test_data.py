import json
import subprocess
import sys

import pytest

from sqlkiln.core import plugins
from sqlkiln.sql.database_build import create_sqlite

GOOD = [("How many pets?", "SELECT COUNT(*) FROM pet"), ("Names?", "SELECT name FROM pet LIMIT 1")]
BAD = [*GOOD, ("Ages?", "SELECT age FROM pet")]


def data(*arguments, cwd=None):
    command = [sys.executable, "-m", "sqlkiln", "data", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def write(folder, split, rows):
    lines = [{"question": q, "gold_sql": sql, "db_id": "home"} for q, sql in rows]
    (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, lines)))


@pytest.fixture
def folder(tmp_path):
    create_sqlite(
        tmp_path / "home.sqlite", "CREATE TABLE pet (name TEXT)", {"pet": [("Rex",), ("Tom",)]}
    )
    write(tmp_path, "dev", GOOD)
    write(tmp_path, "bad", BAD)
    write(tmp_path, "other", [("Colours?", "SELECT 1")])
    return tmp_path


def test_list_names_every_dataset_with_a_line_about_it():
    done = data("list", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    rows = json.loads(done.stdout)
    assert [row["name"] for row in rows] == list(plugins.names("datasets"))
    assert all(len(row["about"]) > 20 and "\n" not in row["about"] for row in rows)
    lines = data("list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [row["name"] for row in rows]


def test_a_dataset_without_errors_ends_well(folder):
    done = data("check", "--dataset", "jsonl", "--data", folder, "--against", "other")
    assert done.returncode == 0
    heading, fingerprint, against, *table = done.stdout.splitlines()
    assert heading == "jsonl dev: 2 of 2 questions have gold SQL and a database"
    assert fingerprint.startswith("fingerprint: questions ")
    assert against == "looked for leaks from: jsonl other"
    assert any("open_choice" in line and " 1 " in line and "warning" in line for line in table)
    assert "dev-0002" not in done.stdout


def test_errors_are_listed_and_end_with_1(folder):
    options = ("--dataset", "jsonl", "--data", folder, "--split", "bad", "--verbose")
    done = data("check", *options)
    assert done.returncode == 1
    assert "error: gold_failed: bad-0003 (home): UnknownName: " in done.stdout
    assert "warning: open_choice: bad-0002 (home): LIMIT without ORDER BY" in done.stdout


@pytest.mark.parametrize("against", ["bad", "jsonl:bad", "bad@{}", "jsonl:bad@{}"])
def test_leaks_are_found_wherever_the_other_questions_are(folder, against):
    spec = against.format(folder)
    options = ("--dataset", "jsonl", "--data", folder, "--against", spec, "--json")
    done = data("check", *options)
    assert done.returncode == 1
    checkup = json.loads(done.stdout)
    assert checkup["against"] == ["jsonl bad"]
    assert checkup["counts"] == {"leak": 2, "open_choice": 1}
    assert checkup["findings"][0]["others"] == ["bad-0001"]


@pytest.mark.parametrize("spec", ["", ":", ":dev", "jsonl:", "@x"])
def test_a_wrong_specification_is_refused(folder, spec):
    done = data("check", "--dataset", "jsonl", "--data", folder, "--against", spec)
    assert done.returncode == 2
    assert "wrong --against" in done.stderr
    assert "[DATASET:]SPLIT[@DIR]" in done.stderr


def test_an_unknown_dataset_is_refused():
    done = data("check", "--dataset", "nothing")
    assert done.returncode == 2
    assert "unknown datasets entry: 'nothing'; known are " in done.stderr
