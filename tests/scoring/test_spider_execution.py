import re
import sqlite3
import time

import pytest

from sqlkiln.core.errors import QueryError
from sqlkiln.core.plugins import Limits, QueryResult, open_database
from sqlkiln.scoring.spider_execution import compare_spider, spider_execution


def result(*rows, truncated=False):
    width = len(rows[0]) if rows else 1
    return QueryResult(tuple(f"c{i}" for i in range(width)), rows, truncated)


@pytest.mark.parametrize(
    ("gold", "predicted", "reason"),
    [
        (result((1,), (2,)), result((2,), (1,)), "same rows"),
        (result((1,)), result((1.0,)), "same rows"),
        (result((None, "a")), result((None, "a")), "same rows"),
        (result((1, "a")), result(("a", 1)), "same rows with the columns in another order"),
        (
            result((1, 2, 3, 4), (5, 6, 7, 8)),
            result((8, 6, 7, 5), (4, 2, 3, 1)),
            "same rows with the columns in another order",
        ),
        (result(), QueryResult(("a", "b"), ()), "both are empty"),
    ],
)
def test_equal_whatever_the_order(gold, predicted, reason):
    comparison = compare_spider(gold, predicted, ordered=False)
    assert comparison.equal
    assert comparison.reason == reason


@pytest.mark.parametrize(
    ("gold", "predicted", "reason"),
    [
        (result((1,)), result((1,), (1,)), "rows: 2, gold has 1"),
        (result((1,)), result(), "rows: 0, gold has 1"),
        (result(), result((1,)), "rows: 1, gold has 0"),
        (result((1,)), result((1,), truncated=True), "rows: over 1, gold has 1"),
        (result((1, 1)), result((1,)), "columns: 1, gold has 2"),
        (result((1,)), result((2,)), "the rows differ under every order of the columns"),
        (result((1,)), result(("1",)), "the rows differ under every order of the columns"),
        (result((0.3,)), result((0.1 + 0.2,)), "the rows differ under every order of the columns"),
        # the same cells in each row, and yet no one order of the columns does for both
        (
            result((1, 2), (3, 4)),
            result((1, 2), (4, 3)),
            "the rows differ under every order of the columns",
        ),
        # the same set of rows, another multiset
        (
            result((1,), (1,), (2,)),
            result((1,), (2,), (2,)),
            "the rows differ under every order of the columns",
        ),
    ],
)
def test_different_whatever_the_order(gold, predicted, reason):
    comparison = compare_spider(gold, predicted, ordered=False)
    assert not comparison.equal
    assert comparison.reason == reason


def test_with_order():
    gold = result((1, "x"), (2, "y"))
    assert compare_spider(gold, result((1, "x"), (2, "y")), ordered=True).equal
    swapped = compare_spider(gold, result(("x", 1), ("y", 2)), ordered=True)
    assert swapped.equal
    assert swapped.permutation == (1, 0)
    assert swapped.flags == ("column_permutation",)
    turned = compare_spider(gold, result((2, "y"), (1, "x")), ordered=True)
    assert not turned.equal
    assert turned.flags == ("order_only",)
    crossed = compare_spider(result((1, 2), (2, 1)), result((1, 2), (1, 2)), ordered=True)
    assert not crossed.equal


def test_the_permutation_says_where_each_column_is_found():
    comparison = compare_spider(result((1, 2, 3)), result((3, 1, 2)), ordered=False)
    assert comparison.permutation == (1, 2, 0)


def test_flags_of_empty_and_cut_off_results():
    assert compare_spider(result(), result(), ordered=True).flags == ("empty_equals_empty",)
    cut = result((1,), truncated=True)
    assert compare_spider(cut, cut, ordered=False).flags == ("truncated",)


def test_a_number_written_another_way_may_differ_as_in_the_official_script():
    # Sorted as text, 10 comes before 1 and after 1.0.
    assert not compare_spider(result((1, 10)), result((1.0, 10)), ordered=False).equal
    assert compare_spider(result((1, 2)), result((1.0, 2)), ordered=False).equal


def test_wide_results_are_compared_at_once():
    bits = [tuple(row >> i & 1 for i in range(12)) for row in range(1, 4096, 2)]
    gold = result(*bits)
    turned = result(*(row[::-1] for row in reversed(bits)))
    broken = result(*(row[::-1] for row in bits[1:]), (1,) * 12)
    start = time.monotonic()
    assert compare_spider(gold, turned, ordered=False).equal
    assert not compare_spider(gold, broken, ordered=False).equal
    assert time.monotonic() - start < 2


# --------------------------------------------------------------------------- on a database


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    path = tmp_path_factory.mktemp("shop") / "shop.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE item (name TEXT, kind TEXT, value INT);"
        "INSERT INTO item VALUES ('cup', 'a', 3), ('jug', 'a', 2), ('mug', 'b', 3);"
    )
    connection.close()
    database = open_database(path)
    yield database
    database.close()


@pytest.mark.parametrize(
    ("gold", "predicted", "equal"),
    [
        ("SELECT name FROM item", "SELECT name FROM item ORDER BY name DESC", True),
        ("SELECT name, kind FROM item", "SELECT kind, name FROM item", True),
        ("SELECT name FROM item ORDER BY name", "SELECT name FROM item", True),
        ("SELECT name FROM item ORDER BY name DESC", "SELECT name FROM item", False),
        ("SELECT count(DISTINCT kind) FROM item", "SELECT count(kind) FROM item", True),
        ("SELECT kind FROM item", "SELECT DISTINCT kind FROM item", True),
        ("SELECT kind FROM item", "SELECT kind FROM item GROUP BY kind", False),
        ("SELECT name FROM item", "SELECT name FROM item; DROP TABLE item", True),
        ("SELECT name FROM item WHERE value > = 3", "SELECT name FROM item WHERE value>2", True),
        ("SELECT name FROM item WHERE 1 = 0", "SELECT * FROM item WHERE value = 9", True),
        ("SELECT name FROM item WHERE 1 = 0", "; SELECT name FROM item", True),
        ("SELECT name FROM item", "-- nothing", False),
        ("SELECT name FROM item WHERE value = 3", "SELECT name FROM item WHERE value = 3", False),
        ("SELECT sum(value) FROM item", "SELECT sum(item.value) FROM item", True),
    ],
)
def test_queries(shop, gold, predicted, equal):
    assert spider_execution(gold, predicted, shop).equal is equal


@pytest.mark.parametrize(
    ("predicted", "reason"),
    [
        ("SELECT colour FROM item", "UnknownName: .*colour"),
        ("SELEKT name", "(StatementRefused|SQLSyntaxError): "),
        ("DROP TABLE item", "StatementRefused: "),
    ],
)
def test_a_prediction_that_fails_is_wrong_and_says_why(shop, predicted, reason):
    comparison = spider_execution("SELECT name FROM item", predicted, shop)
    assert not comparison.equal
    assert re.match(reason, comparison.reason)


def test_a_prediction_past_its_deadline_is_wrong(shop):
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    start = time.monotonic()
    comparison = spider_execution("SELECT 1", endless, shop, Limits(timeout_s=0.3))
    assert comparison.reason.startswith("QueryTimeout: ")
    assert time.monotonic() - start < 3


def test_a_prediction_is_not_read_past_what_can_matter(shop):
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
    comparison = spider_execution("SELECT name FROM item", endless, shop)
    assert comparison.reason == "rows: over 3, gold has 3"


def test_a_gold_that_fails_stops(shop):
    with pytest.raises(QueryError, match="colour"):
        spider_execution("SELECT colour FROM item", "SELECT name FROM item", shop)
