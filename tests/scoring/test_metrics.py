"""Real statements on a real database; every verdict was decided by hand before it was run."""

import sqlite3
from contextlib import closing

import pytest

from sqlkiln.core.plugins import DatasetOptions, Limits, open_database
from sqlkiln.core.records import Example
from sqlkiln.data.spider import Spider
from sqlkiln.evaluate.questions import by_database
from sqlkiln.scoring.metrics import ExecutionAccuracy, StringMatch

SCRIPT = """
CREATE TABLE singer (id INTEGER PRIMARY KEY, name TEXT, age INTEGER, fee REAL, city TEXT);
INSERT INTO singer VALUES
  (1, 'Ann', 30, 0.1, 'Rome'),
  (2, 'Bob', 25, 0.2, 'rome'),
  (3, 'Cid', 25, 0.3, 'Oslo'),
  (4, 'Dan', 25, NULL, NULL),
  (5, 'Eve', 41, 0.4, 'Oslo');
CREATE TABLE empty (id INTEGER, name TEXT);
"""

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x FROM c)"
COUNT = "WITH RECURSIVE c(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM c LIMIT {}) SELECT x FROM c"

# gold, prediction, right, flags
CASES = [
    # rows are a multiset
    ("SELECT name FROM singer", "SELECT name FROM singer ORDER BY age", 1, ()),
    ("SELECT age FROM singer", "SELECT DISTINCT age FROM singer", 0, ("duplicates_only",)),
    ("SELECT count(DISTINCT age) FROM singer", "SELECT count(age) FROM singer", 0, ()),
    ("SELECT name FROM singer LIMIT 2", "SELECT name FROM singer LIMIT 2", 1, ()),
    ("SELECT name FROM singer", "SELECT name FROM singer WHERE age > 25", 0, ()),
    # columns by position
    ("SELECT name, age FROM singer", "SELECT age, name FROM singer", 0, ("column_permutation",)),
    ("SELECT name FROM singer", "SELECT name AS n FROM singer", 1, ()),
    ("SELECT name FROM singer", "SELECT name, age FROM singer", 0, ()),
    # order counts only in the outermost query
    ("SELECT name FROM singer ORDER BY id", "SELECT name FROM singer ORDER BY id", 1, ()),
    (
        "SELECT name FROM singer ORDER BY id",
        "SELECT name FROM singer ORDER BY id DESC",
        0,
        ("order_only",),
    ),
    (
        "SELECT name FROM (SELECT * FROM singer ORDER BY id)",
        "SELECT name FROM singer ORDER BY id DESC",
        1,
        (),
    ),
    (
        "SELECT name FROM singer WHERE name <> 'order by'",
        "SELECT name FROM singer ORDER BY id DESC",
        1,
        (),
    ),
    # ties by a column of the output, an alias, a position, a column that is not shown
    (
        "SELECT name, age FROM singer ORDER BY age",
        "SELECT name, age FROM singer ORDER BY age, name DESC",
        1,
        ("ties_reordered",),
    ),
    (
        "SELECT name, age * 2 AS twice FROM singer ORDER BY twice",
        "SELECT name, age * 2 FROM singer ORDER BY age, name DESC",
        1,
        ("ties_reordered",),
    ),
    (
        "SELECT name, age FROM singer ORDER BY 2 DESC",
        "SELECT name, age FROM singer ORDER BY age DESC, name DESC",
        1,
        ("ties_reordered",),
    ),
    (
        "SELECT name FROM singer ORDER BY age",
        "SELECT name FROM singer ORDER BY age, name DESC",
        1,
        ("ties_reordered",),
    ),
    (
        "SELECT name FROM singer ORDER BY age",
        "SELECT name FROM singer ORDER BY name",
        0,
        ("order_only",),
    ),
    (
        "SELECT * FROM singer ORDER BY age",
        "SELECT * FROM singer ORDER BY age, id DESC",
        1,
        ("ties_reordered",),
    ),
    (
        "SELECT age FROM singer GROUP BY age ORDER BY count(*) DESC",
        "SELECT age FROM singer GROUP BY age ORDER BY count(*) DESC, age",
        1,
        ("ties_reordered",),
    ),
    (
        "SELECT name FROM singer ORDER BY age, name",
        "SELECT name FROM singer ORDER BY age, name DESC",
        0,
        ("order_only",),
    ),
    (
        "SELECT name FROM singer ORDER BY fee > 0.15",
        "SELECT name FROM singer ORDER BY fee > 0.15, name DESC",
        1,
        ("ties_reordered",),
    ),
    (
        "SELECT name FROM singer ORDER BY name > 'A' COLLATE NOCASE",
        "SELECT name FROM singer ORDER BY name DESC",
        1,
        ("ties_reordered",),
    ),
    (
        "SELECT name, 1 AS n FROM singer UNION SELECT 'Zoe', 1 ORDER BY n",
        "SELECT name, 1 FROM singer UNION SELECT 'Zoe', 1 ORDER BY 1 DESC",
        1,
        ("ties_reordered",),
    ),
    # ... and where ties cannot be told
    (
        "SELECT DISTINCT name FROM singer ORDER BY age",
        "SELECT DISTINCT name FROM singer ORDER BY age, name DESC",
        0,
        ("order_only", "ties_unknown"),
    ),
    # a LIMIT that cuts through a tie
    (
        "SELECT name FROM singer ORDER BY age LIMIT 1",
        "SELECT name FROM singer WHERE id = 4",
        1,
        ("limit_tie",),
    ),
    (
        "SELECT name FROM singer ORDER BY age LIMIT 1",
        "SELECT name FROM singer WHERE id = 5",
        0,
        (),
    ),
    (
        "SELECT name FROM singer ORDER BY age LIMIT 1",
        "SELECT name FROM singer WHERE age = (SELECT min(age) FROM singer)",
        0,
        (),
    ),
    (
        "SELECT name FROM singer ORDER BY age DESC LIMIT 3",
        "SELECT name FROM singer ORDER BY age DESC, name DESC LIMIT 3",
        1,
        ("limit_tie",),
    ),
    (
        "SELECT name FROM singer ORDER BY age LIMIT 2 OFFSET 1",
        "SELECT name FROM singer WHERE id IN (2, 4) ORDER BY id DESC",
        1,
        ("limit_tie",),
    ),
    (
        "SELECT name FROM singer ORDER BY age LIMIT 3",
        "SELECT name FROM singer WHERE age = 25 ORDER BY name DESC",
        1,
        ("ties_reordered",),
    ),
    ("SELECT name FROM singer LIMIT 1", "SELECT name FROM singer WHERE id = 2", 0, ()),
    # values
    (
        "SELECT 0.1 + 0.2",
        "SELECT fee FROM singer WHERE id = 3",
        1,
        ("numeric_tolerance_used",),
    ),
    ("SELECT avg(age) FROM singer", "SELECT round(avg(age), 1) FROM singer", 1, ()),
    ("SELECT avg(fee) FROM singer", "SELECT sum(fee) / 5 FROM singer", 0, ()),
    ("SELECT count(*) FROM singer", "SELECT 5.0", 1, ()),
    ("SELECT count(*) FROM singer", "SELECT '5'", 0, ()),
    ("SELECT fee FROM singer WHERE id = 4", "SELECT NULL", 1, ()),
    ("SELECT fee FROM singer WHERE id = 4", "SELECT 0", 0, ()),
    # empty results
    (
        "SELECT name FROM empty",
        "SELECT name FROM singer WHERE age > 99",
        1,
        ("empty_equals_empty",),
    ),
    ("SELECT name FROM empty", "SELECT id, name FROM empty", 0, ()),
    ("SELECT sum(id) FROM empty", "SELECT NULL", 1, ()),
]


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("metrics") / "music.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(SCRIPT)
    connection.close()
    database = open_database(path, Limits(timeout_s=1.0, max_rows=1000))
    yield database
    database.close()


def example(gold):
    return Example(id="q1", db_id="music", question="?", gold_sql=gold)


@pytest.mark.parametrize(("gold", "predicted", "right", "flags"), CASES)
def test_hand_checked_verdicts(database, gold, predicted, right, flags):
    verdict = ExecutionAccuracy().score(example(gold), predicted, database)
    assert (verdict.score, verdict.flags) == (right, flags), verdict.reason
    assert (verdict.id, verdict.db_id, verdict.metric) == ("q1", "music", "execution.strict")


@pytest.mark.parametrize("gold", sorted({case[0] for case in CASES}))
def test_gold_is_right_by_its_own_measure(database, gold):
    assert ExecutionAccuracy().score(example(gold), gold, database).score == 1.0


@pytest.mark.parametrize(
    ("predicted", "failure"),
    [
        ("", "no_sql"),
        (" \n", "no_sql"),
        ("SELECT nme FROM singer", "UnknownName"),
        ("SELECT name FROM singers", "UnknownName"),
        ("SELECT name FRM singer WHERE", "SQLSyntaxError"),
        ("DROP TABLE singer", "StatementRefused"),
        ("SELECT 1; SELECT 2", "StatementRefused"),
        (f"{ENDLESS} SELECT count(*) FROM c", "QueryTimeout"),
        ("SELECT name, age FROM singer", "wrong_columns"),
        ("SELECT name FROM singer ORDER BY name DESC", "wrong_order"),
        ("SELECT name FROM singer LIMIT 2", "wrong_rows"),
    ],
)
def test_failures_are_named(database, predicted, failure):
    gold = "SELECT name FROM singer ORDER BY name"
    verdict = ExecutionAccuracy().score(example(gold), predicted, database)
    assert verdict.score == 0.0
    assert verdict.details["failure"] == failure
    assert verdict.reason


def test_verdicts_carry_receipts(database):
    gold, predicted = "SELECT id, name FROM singer", "SELECT id, upper(name) FROM singer"
    verdict = ExecutionAccuracy().score(example(gold), predicted, database)
    assert verdict.reason == "5 rows, gold has 5: 5 missing, 5 unexpected"
    assert verdict.details["gold_rows"] == verdict.details["predicted_rows"] == 5
    assert verdict.details["missing"] == [[1, "Ann"], [2, "Bob"], [3, "Cid"]]
    assert verdict.details["unexpected"] == [[1, "ANN"], [2, "BOB"], [3, "CID"]]


def test_receipts_are_json_whatever_the_cells_hold(database):
    predicted = "SELECT x'00ff', 9e999, printf('%.*c', 5000, 'x')"
    verdict = ExecutionAccuracy().score(example("SELECT 1, 2, 3"), predicted, database)
    (row,) = verdict.details["unexpected"]
    assert row == ["x'00ff'", "inf", "x" * 200]
    assert verdict.model_validate_json(verdict.model_dump_json()) == verdict


def test_a_permutation_is_told(database):
    gold, predicted = "SELECT name, age, fee FROM singer", "SELECT fee, name, age FROM singer"
    verdict = ExecutionAccuracy().score(example(gold), predicted, database)
    assert verdict.details["permutation"] == [1, 2, 0]
    assert "gold has them as 2, 3, 1" in verdict.reason


@pytest.mark.parametrize(
    ("gold", "reason"),
    [
        ("SELECT gone FROM singer", "gold failed: UnknownName"),
        (f"{ENDLESS} SELECT count(*) FROM c", "gold failed: QueryTimeout"),
    ],
)
def test_a_gold_that_fails_is_named_and_not_scored(database, gold, reason):
    verdict = ExecutionAccuracy().score(example(gold), "SELECT 1", database)
    assert verdict.flags == ("gold_failed",)
    assert verdict.reason.startswith(reason)


def test_rows_past_the_cap_are_flagged(database):
    score = ExecutionAccuracy().score
    same = score(example(COUNT.format(2000)), COUNT.format(2000), database)
    assert (same.score, same.flags) == (1.0, ("truncated",))
    longer = score(example(COUNT.format(900)), COUNT.format(2000), database)
    assert (longer.score, longer.flags) == (0.0, ("truncated",))


@pytest.mark.parametrize(
    ("gold", "predicted", "right"),
    [
        ("SELECT name FROM singer", "select  name from singer;", 1),
        ("SELECT id FROM singer WHERE city = 'Rome'", 'select id from singer where city="Rome"', 1),
        (
            "SELECT id FROM singer WHERE city = 'Rome'",
            "SELECT id FROM singer WHERE city = 'rome'",
            0,
        ),
        ("SELECT name FROM singer", "SELECT name FROM singer s", 0),
        ("SELECT count(*) FROM singer", "SELECT COUNT( * ) FROM singer", 1),
        ("SELECT name FROM singer", "SELECT singer.name FROM singer", 0),
    ],
)
def test_text_is_compared_without_case_and_spaces(database, gold, predicted, right):
    verdict = StringMatch().score(example(gold), predicted, database)
    assert (verdict.score, verdict.metric) == (right, "string")


@pytest.mark.parametrize("metric", [ExecutionAccuracy, StringMatch])
def test_without_gold_there_is_nothing_to_say(database, metric):
    verdict = metric().score(example(None), "SELECT 1", database)
    assert (verdict.flags, verdict.reason) == (("no_gold",), "no gold SQL to compare with")


def test_ties_are_found_in_duckdb_too(tmp_path):
    path = tmp_path / "singer.csv"
    path.write_text("name,age\nAnn,30\nBob,25\nCid,25\nDan,\n")
    gold = "SELECT name FROM singer ORDER BY age DESC NULLS LAST LIMIT 2"
    with closing(open_database(path)) as database:
        score = ExecutionAccuracy().score
        both = {
            name: score(example(gold), f"SELECT unnest(['Ann', '{name}'])", database)
            for name in ("Bob", "Cid", "Dan")
        }
    assert [verdict.score for verdict in both.values()] == [1.0, 1.0, 0.0]
    assert ("limit_tie",) in [verdict.flags for verdict in both.values()]


def test_gold_against_gold_is_right_on_all_of_spider_dev(spider_data):
    spider, metric = Spider.open(DatasetOptions(spider_data)), ExecutionAccuracy()
    verdicts = []
    for db_id, examples in by_database(spider.examples()):
        path = spider.database_path(db_id)
        if path is not None:
            with closing(open_database(path)) as database:
                verdicts += [metric.score(e, f"{e.gold_sql} ", database) for e in examples]
    assert len(verdicts) == 972
    assert [v.id for v in verdicts if v.score < 1.0] == []
