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


def test_dates_are_asked_about_and_the_file_can_be_trained_on(folder, tmp_path):
    rows = [(n, f"202{n % 3}-0{n % 9 + 1}-11") for n in range(20)]
    create_sqlite(
        folder / "shop.sqlite", "CREATE TABLE sale (id INTEGER, sold_on TEXT)", {"sale": rows}
    )
    file = tmp_path / "dates.jsonl"
    places = (folder / "shop.sqlite", folder / "home.sqlite")
    done = data("dates", *places, "--out", file, "--count", 12)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{file}: 12 questions over 1 databases; 1 have no dates\n"
    made = [json.loads(line) for line in file.read_text().splitlines()]
    assert [row["db_id"] for row in made] == ["shop"] * 12
    run = tmp_path / "run"
    done = data("prepare", "--source", f"jsonl:dates@{tmp_path}", "--out", run)
    assert done.returncode == 0, done.stderr
    lines = (run / "demonstrations.jsonl").read_text().splitlines()
    assert {json.loads(line)["question"] for line in lines} == {row["question"] for row in made}


def test_dates_of_nothing_are_a_clear_error(folder):
    done = data("dates", folder / "home.sqlite", "--out", folder / "no.jsonl")
    assert (done.returncode, (folder / "no.jsonl").exists()) == (2, False)
    assert "none of 1 databases has a column of them" in done.stderr
    done = data("dates", "--out", folder / "no.jsonl")
    assert done.returncode == 2
    assert "no databases given" in done.stderr


def test_dates_asks_a_database_once_and_no_two_of_one_name(folder, tmp_path):
    rows = {"sale": [(f"2024-0{n}-11",) for n in range(1, 9)]}
    for place in (folder, tmp_path / "other"):
        place.mkdir(exist_ok=True)
        create_sqlite(place / "shop.sqlite", "CREATE TABLE sale (day TEXT)", rows)
    shop, file = folder / "shop.sqlite", folder / "d.jsonl"
    done = data("dates", shop, shop, "--out", file, "--count", 4)
    assert (done.returncode, len(file.read_text().splitlines())) == (0, 4)
    done = data("dates", shop, tmp_path / "other" / "shop.sqlite", "--out", file)
    assert done.returncode == 2
    assert "two databases are called shop" in done.stderr
    assert len(file.read_text().splitlines()) == 4


def test_dates_of_the_databases_of_a_dataset(folder):
    done = data("dates", "--dataset", "samples", "--out", folder / "d.jsonl", "--count", 3)
    assert done.returncode == 0, done.stderr
    made = [json.loads(line) for line in (folder / "d.jsonl").read_text().splitlines()]
    assert len({row["db_id"] for row in made}) > 3
