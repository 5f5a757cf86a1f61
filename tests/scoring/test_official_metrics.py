"""What the official metrics add to the functions they are made of: verdicts and their receipts."""

import sqlite3
from contextlib import closing

import pytest

from sqlkiln.core.plugins import open_database
from sqlkiln.core.records import Example
from sqlkiln.evaluate.rows import MissingDatabase
from sqlkiln.scoring.exact_match import COMPONENTS, exact_set_match
from sqlkiln.scoring.official_metrics import (
    BirdExecution,
    ExactSetMatch,
    SpiderExecution,
    match_details,
    match_of,
)
from sqlkiln.scoring.spider_schema import schema_from_database

SCRIPT = """
CREATE TABLE owner (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE pet (id INTEGER PRIMARY KEY, name TEXT, age INTEGER, owner_id INTEGER);
INSERT INTO owner VALUES (1, 'Ann'), (2, 'Bo');
INSERT INTO pet VALUES (1, 'Rex', 3, 1), (2, 'Tom', 1, 2), (3, 'Kim', 3, 2);
"""
"""The database does not declare that pet.owner_id refers to owner.id; tables.json does."""

ENTRY = {
    "db_id": "pets",
    "table_names_original": ["owner", "pet"],
    "column_names_original": [
        [-1, "*"], [0, "id"], [0, "name"],
        [1, "id"], [1, "name"], [1, "age"], [1, "owner_id"],
    ],
    "foreign_keys": [[6, 1]],
}  # fmt: skip
BY_KEY = "SELECT T2.owner_id FROM owner AS T1 JOIN pet AS T2 ON T1.id = T2.owner_id"
BY_OTHER_KEY = "SELECT T1.id FROM owner AS T1 JOIN pet AS T2 ON T1.id = T2.owner_id"


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("official") / "pets.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCRIPT)
    with closing(open_database(path)) as database:
        yield database


def example(gold):
    return Example(id="q1", db_id="pets", question="?", gold_sql=gold)


class Described:
    """A dataset with a tables.json."""

    name = "spider"

    def __init__(self, *entries):
        self.entries = {entry["db_id"]: entry for entry in entries}

    def table_entries(self):
        return self.entries


def exact_match(*entries):
    metric = ExactSetMatch()
    metric.prepare(Described(*entries))
    return metric


# --------------------------------------------------------------------------- execution


@pytest.mark.parametrize("metric", [SpiderExecution(), BirdExecution()], ids=lambda m: m.name)
def test_a_miss_shows_the_rows_that_differ(database, metric):
    verdict = metric.score(
        example("SELECT name FROM pet WHERE age = 3"), "SELECT name FROM pet", database
    )
    assert verdict.details["unexpected"] == [["Tom"]]
    assert verdict.details["missing"] == []
    assert (verdict.details["gold_rows"], verdict.details["predicted_rows"]) == (2, 3)
    assert verdict.details["failure"] == "wrong_rows"


def test_spider_tells_of_order_and_duplicates(database):
    score = SpiderExecution().score
    order = score(
        example("SELECT name FROM pet ORDER BY id"),
        "SELECT name FROM pet ORDER BY id DESC",
        database,
    )
    assert (order.flags, order.details["failure"]) == (("order_only",), "wrong_order")
    twice = score(example("SELECT age FROM pet"), "SELECT age FROM pet GROUP BY age", database)
    assert twice.flags == ("duplicates_only",)


def test_columns_that_are_mixed_up_pass_and_say_so(database):
    verdict = SpiderExecution().score(
        example("SELECT name, age FROM pet"), "SELECT age, name FROM pet", database
    )
    assert (verdict.score, verdict.flags) == (1.0, ("column_permutation",))
    assert verdict.details["permutation"] == [1, 0]


@pytest.mark.parametrize("metric", [SpiderExecution(), BirdExecution()], ids=lambda m: m.name)
@pytest.mark.parametrize(
    ("predicted", "failure"),
    [
        ("", "no_sql"),
        ("-- nothing", "no_sql"),
        ("SELECT nope FROM pet", "UnknownName"),
        ("DELETE FROM pet", "StatementRefused"),
        ("SELECT name, age FROM pet", "wrong_columns"),
    ],
)
def test_failures_are_named(database, metric, predicted, failure):
    verdict = metric.score(example("SELECT name FROM pet"), predicted, database)
    assert (verdict.score, verdict.details["failure"]) == (0.0, failure)


@pytest.mark.parametrize("metric", [SpiderExecution(), BirdExecution()], ids=lambda m: m.name)
def test_a_gold_that_fails_is_not_scored(database, metric):
    assert metric.score(example("SELECT x FROM pet"), "SELECT 1", database).flags == (
        "gold_failed",
    )
    assert metric.score(example(None), "SELECT 1", database).flags == ("no_gold",)


# --------------------------------------------------------------------------- exact match


def test_keys_come_from_tables_json(database):
    alone = ExactSetMatch().score(example(BY_KEY), BY_OTHER_KEY, database)
    assert (alone.score, alone.details["failure"]) == (0.0, "select")
    assert alone.reason == "components differ: select, select(no AGG)"
    assert exact_match(ENTRY).score(example(BY_KEY), BY_OTHER_KEY, database).score == 1.0


def test_without_a_database_names_come_from_tables_json_too():
    metric, nowhere = exact_match(ENTRY), MissingDatabase("pets")
    assert metric.score(example(BY_KEY), BY_OTHER_KEY, nowhere).score == 1.0
    assert metric.score(example(BY_KEY), "SELECT name FROM owner", nowhere).score == 0.0


@pytest.mark.parametrize("entry", [ENTRY | {"db_id": "dogs"}, {"db_id": "pets"}])
def test_without_either_there_is_no_score(entry):
    verdict = exact_match(entry).score(example(BY_KEY), BY_KEY, MissingDatabase("pets"))
    assert verdict.flags == ("no_schema",)
    assert verdict.reason == "no schema of pets: neither a database nor an entry of tables.json"


def test_a_gold_outside_the_grammar_is_not_scored(database):
    gold = "SELECT name FROM pet WHERE age IS NULL"
    verdict = ExactSetMatch().score(example(gold), gold, database)
    assert verdict.flags == ("gold_failed",)


@pytest.mark.parametrize(
    ("predicted", "failure"),
    [
        ("SELECT name FROM pet WHERE age IS NULL", "unparsed"),
        ("SELECT count(*) FROM owner", "tables"),
        ("", "no_sql"),
    ],
)
def test_misses_are_named(database, predicted, failure):
    verdict = ExactSetMatch().score(example("SELECT count(*) FROM pet"), predicted, database)
    assert (verdict.score, verdict.details["failure"]) == (0.0, failure)
    assert verdict.details["hardness"] == "easy"


@pytest.mark.parametrize(
    "predicted",
    [BY_KEY, "SELECT name FROM pet WHERE age > 1 OR age < 0 ORDER BY age", "not SQL", ""],
)
def test_a_match_comes_back_from_its_verdict(database, predicted):
    gold = "SELECT name FROM pet WHERE age > 1 ORDER BY age DESC LIMIT 1"
    match = exact_set_match(gold, predicted, schema_from_database(database.schema(0)))
    verdict = ExactSetMatch().score(example(gold), predicted, database)
    found = match_of(verdict.model_validate_json(verdict.model_dump_json()))
    assert (found.exact, found.hardness, found.parsed) == (
        match.exact,
        match.hardness,
        match.parsed,
    )
    assert list(found.components) == list(COMPONENTS)
    for name, component in match.components.items():
        if component.gold or component.predicted:
            assert found.components[name] == component
    assert match_of(verdict.model_copy(update={"details": {}})) is None
    assert match_details(match)["parsed"] is match.parsed
