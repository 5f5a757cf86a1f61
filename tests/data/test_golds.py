import pytest

from sqlkiln.core.plugins import Limits, open_database
from sqlkiln.data.golds import GoldFailure, Style, check_golds, is_bare, run_gold
from sqlkiln.sql.database_build import create_sqlite

ENDLESS = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT MAX(n) FROM t"
CANONICAL = Style(canonical=True)


def test_a_gold_returns_rows_or_says_why_not(shop):
    with open_database(shop, Limits(timeout_s=0.5)) as database:
        assert run_gold("SELECT COUNT(*) FROM orders", database).rows == ((4,),)
        failed = run_gold("SELECT colour FROM orders", database)
        assert isinstance(failed, GoldFailure)
        assert failed.kind == "gold_failed"
        assert failed.detail.startswith("UnknownName: ")
        assert run_gold(ENDLESS, database).kind == "gold_timeout"


def test_golds_are_restyled_where_that_returns_the_same(shop):
    golds = [
        'select NAME from customer where city = "Oslo"',
        "SELECT name FROM customer WHERE city IS NULL",
        "select colour from customer",
    ]
    found = check_golds(shop, golds, CANONICAL, Limits())
    first, second, third = (found.golds[sql] for sql in golds)
    assert first.sql == "SELECT name FROM customer WHERE city = 'Oslo'"
    assert (first.rows, first.restyled) == (1, True)
    assert (second.sql, second.rows, second.restyled) == (golds[1], 1, False)
    assert third.failure.kind == "gold_failed"
    assert found.schema.tables[0].name == "customer"


def test_a_gold_that_would_return_something_else_stays_as_it_is(tmp_path):
    path = tmp_path / "odd.sqlite"
    create_sqlite(path, "CREATE TABLE a (x); CREATE TABLE b (word)", {"a": [("word",), ("w",)]})
    # In this query "word" is text: the table that has a column of that name is not in it.
    gold = 'SELECT COUNT(*) FROM a WHERE x = "word"'
    check = check_golds(path, [gold], CANONICAL, Limits()).golds[gold]
    assert (check.sql, check.restyled) == (gold, False)


def test_as_is_changes_nothing(shop):
    gold = "select name from customer ;"
    assert check_golds(shop, [gold], Style(), Limits()).golds[gold].sql == gold


def test_a_file_that_is_no_database_is_unreadable(tmp_path):
    path = tmp_path / "x.sqlite"
    path.write_text("not a database, though it is called one")
    found = check_golds(path, ["SELECT 1"], Style(), Limits())
    assert found.schema is None
    assert str(path) in found.unreadable


@pytest.mark.parametrize(("rows", "bare"), [({}, True), ({"a": [(1,)]}, False)])
def test_a_database_without_rows_is_bare(tmp_path, rows, bare):
    path = tmp_path / "a.sqlite"
    create_sqlite(path, "CREATE TABLE a (x)", rows)
    assert is_bare(check_golds(path, [], Style(), Limits()).schema) is bare
