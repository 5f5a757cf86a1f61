import json
import sys

import pytest

from sqlkiln.cli import main as cli
from sqlkiln.sql import values_read, values_store
from sqlkiln.sql.database_build import create_sqlite


@pytest.fixture
def link(monkeypatch, capsys, tmp_path):
    """Run `sqlkiln link`; give (code, stdout, stderr)."""
    monkeypatch.setenv("SQLKILN_CACHE_DIR", str(tmp_path / "cache"))

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["sqlkiln", "link", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return caught.value.code, *capsys.readouterr()

    return run


def test_it_prints_what_the_question_is_about_and_why(link, shop):
    code, out, err = link(shop, "How many customers from oslo are there?")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "Tables"
    assert lines[1].split()[1] == "customer"
    assert "named: 'customers'; city holds 'Oslo'" in lines[1]
    assert "customer.city" in lines[lines.index("Columns") + 1]
    values = lines[lines.index("Values") + 1]
    assert values.endswith("customer.city = 'Oslo'  'oslo': same words")


def test_it_tells_what_the_schema_is_cut_to(link, shop):
    code, out, _ = link(shop, "Where does Ann live?", "--budget", "20", "--top", "1")
    assert code == 0
    assert out.splitlines()[-1] == "schema cut to 1 of 2 tables, 2 of 6 columns"
    assert [line for line in out.splitlines() if "orders" in line] == []


def test_it_prints_the_schema_as_a_prompt_has_it(link, shop):
    code, out, _ = link(shop, "Where does Ann live?")
    assert code == 0
    assert "Schema\n  CREATE TABLE customer (\n" in out
    assert "  CREATE TABLE orders (\n" in out  # small schemas are shown whole
    assert "schema cut" not in out


def test_evidence_is_searched_for_values(link, shop):
    code, out, _ = link(shop, "Who is northern?", "--evidence", "northern means oslo")
    assert code == 0
    assert "customer.city = 'Oslo'" in out


def test_json_has_all_of_it(link, shop):
    code, out, _ = link(shop, "customers from oslo", "--json", "--budget", "20")
    found = json.loads(out)
    assert code == 0
    assert found["question"] == "customers from oslo"
    assert [t["name"] for t in found["tables"]] == ["customer", "orders"]
    assert [t["shown"] for t in found["tables"]] == [True, False]
    assert len(found["columns"]) == 6
    assert found["values"][0]["value"] == "Oslo"
    assert found["schema"]["omitted"] == ["orders"]
    assert found["schema"]["tables"] == 2
    assert found["index"] == {"texts": 5, "partial": []}


def test_evidence_counts(link, shop):
    _, bare, _ = link(shop, "What is the biggest one?", "--json")
    _, told, _ = link(shop, "What is the biggest one?", "--evidence", "by total", "--json")
    first = [json.loads(out)["columns"][0] for out in (bare, told)]
    assert first[1]["name"] == "total"
    assert first[0]["score"] < first[1]["score"]


def test_it_tells_what_was_not_looked_through(link, shop, monkeypatch):
    bounds = values_read.Bounds(column_values=1)
    monkeypatch.setattr("sqlkiln.sql.values.Bounds", lambda: bounds)
    code, _, err = link(shop, "customers from oslo")
    assert code == 0
    assert err.startswith("not all values were looked through: customer.name: 1 values of more")


def test_names_and_values_cannot_steer_the_terminal(link, tmp_path):
    path = tmp_path / "evil.sqlite"
    create_sqlite(path, 'CREATE TABLE "a\x1b[2J" (city TEXT)', {"a\x1b[2J": [("Os\x1blo",)]})
    code, out, _ = link(path, "which city?")
    assert code == 0
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.db", "who?"], "no such database: none.db; check the path"),
        (["SHOP", "  "], "the question is empty; ask something, for example 'how many orders?'"),
    ],
)
def test_wrong_use_ends_with_2(link, shop, arguments, message):
    code, out, err = link(*(shop if each == "SHOP" else each for each in arguments))
    assert (code, out, err) == (2, "", f"error: {message}\n")


def test_a_database_that_shows_no_table_ends_with_2(link, tmp_path):
    path = tmp_path / "gone.sqlite"
    create_sqlite(path, "CREATE TABLE t (a); CREATE VIEW v AS SELECT a FROM t; DROP TABLE t", {})
    code, _, err = link(path, "who?")
    assert code == 2
    assert err == (
        f"error: nothing to ask about: {path} has no tables; choose a database with data\n"
    )


def test_a_python_without_full_text_search_ends_with_3(link, shop, monkeypatch):
    monkeypatch.setattr(values_store, "_SEARCHES", "CREATE VIRTUAL TABLE x USING fts9(y)")
    code, _, err = link(shop, "customers from oslo")
    assert code == 3
    assert err.startswith("error: cannot index values: Python's SQLite ")
