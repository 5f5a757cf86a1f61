import json
import subprocess
import sys

import pytest

from sqlkiln.core.records import Example
from sqlkiln.core.store import JsonlWriter


def command(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "sqlkiln", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SQLKILN_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def run(shop, tmp_path):
    """A run over the shop: a right row, a miss, and one in which columns are mixed up."""
    rows = [
        ("How many orders?", "SELECT count(*) FROM orders", "SELECT count(*) FROM orders"),
        ("Who is from Oslo?", "SELECT name FROM customer WHERE city = 'Oslo'",
         "SELECT name FROM customer WHERE city = 'Rome' OR city IS NULL"),
        ("Names and cities?", "SELECT name, city FROM customer", "SELECT city, name FROM customer"),
    ]  # fmt: skip
    with JsonlWriter(tmp_path / "dev.jsonl") as writer:
        for number, (question, gold, _) in enumerate(rows):
            writer.write(Example(id=f"q{number}", db_id="shop", question=question, gold_sql=gold))
    (tmp_path / "pred.sql").write_text("".join(f"{predicted}\n" for _, _, predicted in rows))
    done = command(
        tmp_path,
        *("evaluate", "--dataset", "jsonl", "--data", ".", "--predictions", "pred.sql"),
        *("--out", "run"),
    )
    assert done.returncode == 0, done.stderr
    return tmp_path


def test_a_miss_is_shown_with_all_that_is_known(run):
    done = command(run, "show", "run", "--row", "1")
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.replace("│", " ").split())
    for part in (
        "q1 · shop · easy",
        "Who is from Oslo?",
        "SELECT name FROM customer WHERE city = 'Oslo'",
        "city = 'Rome' OR city IS NULL",
        "gold: 1 row predicted: 2 rows",
        "Ann",
        "execution.strict wrong 2 rows, gold has 1: 1 missing, 2 unexpected",
        "only gold has: ('Ann',)",
        "only the prediction has: ('Bo',), ('Cy',)",
        "failure: sql_wrong_filter",
        "remedy: ",
    ):
        assert part in text


def test_both_results_stand_side_by_side(run):
    lines = command(run, "show", "run", "--row", "2").stdout.splitlines()
    assert any(line.count("name") == 2 and line.count("city") == 2 for line in lines)
    assert any(line.count("NULL") == 2 and line.count("Cy") == 2 for line in lines)


def test_a_mode_that_differs_from_the_strict_one_says_why(run):
    text = " ".join(command(run, "show", "run", "--id", "q2").stdout.replace("│", " ").split())
    assert "flags: column_permutation" in text
    assert "differs from strict: the right columns pass in any order" in text


def test_only_so_many_rows_are_shown(run):
    text = command(run, "show", "run", "--row", "2", "--rows", "1").stdout
    assert text.count("and 2 more") == 2
    results = text[: text.index("metric")]
    assert "Oslo" in results
    assert "Rome" not in results


def test_json_holds_everything(run):
    receipt = json.loads(command(run, "show", "run", "--row", "1", "--json").stdout)
    assert receipt["example"]["id"] == "q1"
    assert receipt["gold"]["rows"] == [["Ann"]]
    assert receipt["predicted"]["rows"] == [["Bo"], ["Cy"]]
    assert receipt["primary"] == "sql_wrong_filter"
    assert [v["metric"] for v in receipt["verdicts"]][:3] == [
        "execution.strict",
        "execution.spider",
        "execution.bird",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "run"), "which row: neither a number nor an id is given; give --row or --id"),
        (("show", "run", "--row", "9"), "no such row: --row 9 in run, whose 3 scored rows are q0"),
        (("show", "nowhere", "--row", "0"), "not an evaluated run: nowhere: no such folder"),
    ],
)
def test_wrong_usage_ends_with_2(run, arguments, message):
    done = command(run, *arguments)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert done.stdout == ""
