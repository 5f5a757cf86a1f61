import pytest

from sqlkiln.scoring.spider_hardness import hardness
from sqlkiln.scoring.spider_parse import parse_query
from sqlkiln.scoring.spider_schema import SpiderSchema

SCHEMA = SpiderSchema(tables={"t": ("a", "b", "c"), "u": ("a", "d")}, key_of={})


@pytest.mark.parametrize(
    ("level", "sql"),
    [
        ("easy", "SELECT a FROM t"),
        ("easy", "SELECT a FROM t WHERE b = 1"),
        ("easy", "SELECT count(*) FROM t"),
        ("easy", "SELECT T1.a FROM t AS T1 JOIN u AS T2 ON T1.a = T2.a"),
        # two clauses, or one of the others
        ("medium", "SELECT a FROM t WHERE b = 1 ORDER BY a"),
        ("medium", "SELECT a, b FROM t"),
        ("medium", "SELECT a FROM t WHERE b = 1 AND c = 2"),
        ("medium", "SELECT a, b FROM t WHERE b = 1 AND c = 2"),
        ("medium", "SELECT a FROM t WHERE b LIKE 'x'"),
        ("medium", "SELECT a FROM t ORDER BY a LIMIT 1"),
        # three clauses, or two with three of the others, or one sub-query alone
        ("hard", "SELECT a FROM t WHERE b = 1 ORDER BY a LIMIT 1"),
        ("hard", "SELECT a, max(b), min(c) FROM t WHERE a = 1 AND b = 2 GROUP BY a"),
        ("hard", "SELECT a FROM t WHERE b = (SELECT max(b) FROM t)"),
        ("hard", "SELECT a FROM t UNION SELECT a FROM u"),
        ("extra", "SELECT a, b FROM t WHERE b = (SELECT max(b) FROM t)"),
        ("extra", "SELECT a FROM t WHERE b = 1 GROUP BY a ORDER BY a LIMIT 1"),
        ("extra", "SELECT a FROM t WHERE b IN (SELECT a FROM u) ORDER BY a"),
        ("extra", "SELECT a FROM t WHERE b BETWEEN (SELECT a FROM u) AND (SELECT a FROM u)"),
    ],
)
def test_levels(level, sql):
    assert hardness(parse_query(sql, SCHEMA)) == level


def test_a_negation_counts_as_an_aggregate():
    # one aggregate and one negation: more than one "aggregate", so one of the others
    plain = "SELECT max(a) FROM t WHERE b LIKE 'x' ORDER BY a"
    negated = "SELECT max(a) FROM t WHERE b NOT LIKE 'x' ORDER BY a"
    assert hardness(parse_query(plain, SCHEMA)) == "hard"
    assert hardness(parse_query("SELECT a FROM t WHERE b IN ('x')", SCHEMA)) == "easy"
    assert hardness(parse_query("SELECT max(a) FROM t WHERE b IN ('x')", SCHEMA)) == "easy"
    assert hardness(parse_query("SELECT max(a) FROM t WHERE b NOT IN ('x')", SCHEMA)) == "medium"
    assert hardness(parse_query(negated, SCHEMA)) == "hard"


def test_a_sub_query_in_from_counts_for_nothing():
    assert hardness(parse_query("SELECT * FROM (SELECT max(b) FROM t)", SCHEMA)) == "easy"


def test_or_like_and_joins_count_as_clauses():
    two = "SELECT a FROM t WHERE b = 1 OR b = 2"
    assert hardness(parse_query(two, SCHEMA)) == "medium"
    four = "SELECT T1.a FROM t AS T1 JOIN u AS T2 ON T1.a = T2.a WHERE b LIKE 'x' OR b = 2"
    assert hardness(parse_query(four, SCHEMA)) == "extra"
