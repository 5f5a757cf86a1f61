"""Why modes differ: real statements on a real database, and the cause that was found by hand."""

import sqlite3
from contextlib import closing

import pytest

from sqlkiln.core.plugins import open_database
from sqlkiln.core.records import Example
from sqlkiln.scoring.differences import CAUSES, cause_of_difference
from sqlkiln.scoring.metrics import ExecutionAccuracy
from sqlkiln.scoring.official_metrics import BirdExecution, SpiderExecution

SCRIPT = """
CREATE TABLE pet (id INTEGER, name TEXT, age INTEGER, value REAL);
INSERT INTO pet VALUES (1, 'Rex', 3, 0.5), (2, 'Tom', 1, 1.0), (3, 'Kim', 3, 1.0);
"""
TIE = "SELECT name FROM pet ORDER BY age DESC LIMIT 1"

# gold, prediction, strict, spider, its cause, bird, its cause
CASES = [
    ("SELECT name FROM pet", "SELECT name FROM pet", 1, 1, None, 1, None),
    ("SELECT name FROM pet", "SELECT age FROM pet", 0, 0, None, 0, None),
    ("SELECT name, age FROM pet", "SELECT age, name FROM pet", 0, 1, "column_permutation", 0, None),
    (
        "SELECT count(DISTINCT age) FROM pet",
        "SELECT count(age) FROM pet",
        0, 1, "distinct_removed", 0, None,
    ),
    (
        "SELECT DISTINCT age FROM pet",
        "SELECT age FROM pet GROUP BY age",
        1, 0, "distinct_removed", 1, None,
    ),
    (
        "SELECT age FROM pet",
        "SELECT age FROM pet GROUP BY age",
        0, 0, None, 1, "duplicates_ignored",
    ),
    (
        "SELECT name FROM pet ORDER BY id",
        "SELECT name FROM pet ORDER BY id DESC",
        0, 0, None, 1, "order_ignored",
    ),
    (
        "SELECT name FROM pet ORDER BY age",
        "SELECT name FROM pet ORDER BY age, id DESC",
        1, 0, "ties_in_gold_order", 1, None,
    ),
    (TIE, "SELECT name FROM pet WHERE id = 3", 1, 0, "limit_tie", 0, "limit_tie"),
    ("SELECT 0.1 + 0.2", "SELECT 0.3", 1, 0, "no_tolerance", 0, "no_tolerance"),
    (
        "SELECT name FROM (SELECT * FROM pet ORDER BY id)",
        "SELECT name FROM pet ORDER BY id DESC",
        1, 0, "order_in_subquery", 1, None,
    ),
    (
        "SELECT name FROM pet WHERE id = 9",
        "SELECT id, name FROM pet WHERE id = 9",
        0, 1, "empty_equals_empty", 1, "empty_equals_empty",
    ),
    ("SELECT name FROM pet WHERE id = 9", "", 0, 1, "empty_equals_empty", 1, "empty_equals_empty"),
    (
        "SELECT name FROM pet",
        "SELECT name FROM pet; SELECT 1",
        0, 1, "first_statement_only", 0, None,
    ),
    (
        "SELECT name FROM pet WHERE id > 1",
        "SELECT name FROM pet WHERE id > value AND id > 1",
        1, 1, None, 1, None,
    ),
    (
        "SELECT name FROM pet WHERE id < 2",
        "SELECT name FROM pet WHERE id < 2 AND value < 0.9",
        1, 0, "value_replaced", 1, None,
    ),
    (
        "SELECT name FROM pet WHERE id < 2",
        "SELECT name FROM pet WHERE\tid < 2",
        1, 0, "cut_at_tab", 1, None,
    ),
    (
        "SELECT name FROM pet WHERE id < 2",
        "SELECT name FROM pet\n\tWHERE id < 2",
        1, 1, None, 1, None,
    ),
    # sorted as text, '1.5' stands between '1.0' and '1<class ...'
    ("SELECT 1, 1.5", "SELECT 1.0, 1.5", 1, 0, "number_types", 1, None),
    ("SELECT 1, 2.5", "SELECT 1.0, 2.5", 1, 1, None, 1, None),
]  # fmt: skip


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("differences") / "pets.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCRIPT)
    with closing(open_database(path)) as database:
        yield database


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_hand_checked_causes(database, case):
    gold, predicted, strict, spider, spider_cause, bird, bird_cause = case
    example = Example(id="q1", db_id="pets", question="?", gold_sql=gold)
    ours = ExecutionAccuracy().score(example, predicted, database)
    assert ours.score == strict, ours.reason
    for metric, score, cause in (
        (SpiderExecution(), spider, spider_cause),
        (BirdExecution(), bird, bird_cause),
    ):
        theirs = metric.score(example, predicted, database)
        assert theirs.score == score, theirs.reason
        assert cause_of_difference(example, predicted, ours, theirs) == cause


def test_every_cause_comes_up_and_is_told():
    found = {cause for case in CASES for cause in (case[4], case[6]) if cause}
    assert found == CAUSES.keys() - {"other"}
    assert all(CAUSES.values())


def test_a_row_that_cannot_be_scored_differs_from_nothing(database):
    example = Example(id="q1", db_id="pets", question="?", gold_sql="SELECT nope FROM pet")
    strict, spider = (m.score(example, "SELECT 1", database)
                      for m in (ExecutionAccuracy(), SpiderExecution()))  # fmt: skip
    assert cause_of_difference(example, "SELECT 1", strict, spider) is None
