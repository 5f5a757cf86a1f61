import json
from collections import Counter

import pytest

from sqlkiln.core.errors import SQLSyntaxError
from sqlkiln.sql.hardness import LEVELS, hardness


@pytest.mark.parametrize(
    ("level", "sql"),
    [
        ("easy", "SELECT a FROM t WHERE b = 1"),
        ("easy", "SELECT count(*) FROM t"),
        ("easy", "SELECT max(b) FROM (SELECT b FROM t WHERE c = 1 AND d = 2 LIMIT 1)"),
        ("medium", "SELECT a, b FROM t"),
        ("medium", "SELECT a FROM t JOIN u USING (a) WHERE b = 1"),
        ("medium", "SELECT a FROM t WHERE b = 1 AND (c = 2 AND d = 3)"),
        ("medium", "SELECT a FROM t WHERE b = 1 OR c = 2"),
        ("medium", "SELECT a FROM t WHERE b LIKE 'x%'"),
        ("hard", "SELECT a FROM t WHERE b = 1 GROUP BY a ORDER BY a"),
        ("hard", "SELECT a FROM t UNION SELECT a FROM u WHERE b = 1 ORDER BY a LIMIT 1"),
        ("hard", "SELECT a FROM t WHERE b IN (SELECT c FROM u UNION SELECT d FROM v)"),
        ("extra", "SELECT a FROM t WHERE b IN (SELECT c FROM u) ORDER BY a"),
        ("extra", "SELECT a FROM t WHERE b IN (SELECT c FROM u) OR EXISTS (SELECT 1 FROM v)"),
        ("extra", "SELECT a FROM t WHERE b = 1 GROUP BY a ORDER BY a LIMIT 1"),
        ("easy", "SELECT T1.a FROM t AS T1 JOIN u AS T2 ON T1.a = T2.a"),
        ("medium", "SELECT a, b FROM t WHERE b = 1 AND c = 2"),
        ("medium", "SELECT a FROM t ORDER BY a LIMIT 1"),
        ("hard", "SELECT a, max(b), min(c) FROM t WHERE a = 1 AND b = 2 GROUP BY a"),
        ("hard", "SELECT a FROM t WHERE b = (SELECT max(b) FROM t)"),
        ("extra", "SELECT a, b FROM t WHERE b = (SELECT max(b) FROM t)"),
        ("extra", "SELECT a FROM t WHERE b BETWEEN (SELECT a FROM u) AND (SELECT a FROM u)"),
        ("extra", "SELECT t.a FROM t JOIN u ON t.a = u.a WHERE b LIKE 'x' OR b = 2"),
        # beyond Spider's grammar
        ("easy", "SELECT rank() OVER (ORDER BY a) FROM t WHERE b IS NULL"),
        ("medium", "WITH c AS (SELECT a FROM t) SELECT a, b FROM c"),
        ("medium", "SELECT CASE WHEN a > 1 THEN 'x' END, b FROM t"),
    ],
)
def test_levels(level, sql):
    assert hardness(sql) == level


@pytest.mark.parametrize("denied", ["b NOT LIKE 'x'", "NOT b LIKE 'x'"])
def test_a_denial_counts_as_an_aggregate(denied):
    # two clauses (WHERE, LIKE); more than one column, and then also more than one aggregate
    assert hardness("SELECT max(a), b FROM t WHERE b LIKE 'x'") == "medium"
    assert hardness(f"SELECT max(a), b FROM t WHERE {denied}") == "extra"


def test_having_counts_by_its_connectives_and_not_by_its_aggregates():
    sql = "SELECT a FROM t GROUP BY a HAVING max(b) > 1"
    assert hardness(sql) == "easy"
    assert hardness(f"{sql} AND min(b) > 1 AND sum(b) > 1") == "medium"


@pytest.mark.parametrize("sql", ["SELEC a FROM", "DROP TABLE t", ""])
def test_what_is_no_query_is_refused(sql):
    with pytest.raises(SQLSyntaxError, match=r"cannot grade .* is no query; give a SELECT"):
        hardness(sql)


def test_spider_dev_has_the_published_number_of_each_level(spider_data):
    examples = json.loads((spider_data / "dev.json").read_text())
    levels = Counter(hardness(example["query"]) for example in examples)
    assert [levels[level] for level in LEVELS] == [248, 446, 174, 166]
