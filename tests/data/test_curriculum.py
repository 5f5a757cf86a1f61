import pytest

from sqlkiln.core.plugins import DatasetOptions
from sqlkiln.core.records import BUCKETS
from sqlkiln.data.b1 import B1
from sqlkiln.data.curriculum import bucket, copies


@pytest.mark.parametrize(
    ("name", "sql"),
    [
        ("projection", "SELECT name FROM pet"),
        ("projection", "SELECT DISTINCT name FROM pet;"),
        ("filter", "SELECT name FROM pet WHERE age > 3"),
        ("aggregate", "SELECT COUNT(*) FROM pet WHERE age > 3"),
        ("order_limit", "SELECT MAX(age) FROM pet LIMIT 1"),
        ("order_limit", "SELECT name FROM pet WHERE age > 3 ORDER BY age"),
        ("group_having", "SELECT kind FROM pet GROUP BY kind ORDER BY COUNT(*) LIMIT 1"),
        ("join", "SELECT a.x FROM a JOIN b ON a.id = b.id GROUP BY a.x"),
        ("join", "SELECT a.x FROM a, b WHERE a.id = b.id"),
        ("nested", "SELECT x FROM a JOIN b ON a.id = b.id WHERE y IN (SELECT y FROM c)"),
        ("nested", "WITH t AS (SELECT 1 AS x) SELECT x FROM t"),
        ("set", "SELECT x FROM a WHERE x IN (SELECT y FROM c) UNION SELECT x FROM b"),
        ("other", "DELETE FROM pet"),
        ("other", "SELECT FROM WHERE"),
    ],
)
def test_a_statement_is_in_the_hardest_bucket_that_fits(name, sql):
    assert name in BUCKETS
    assert bucket(sql) == name


@pytest.mark.parametrize(
    ("times", "lot", "shown"),
    [(0, 0.0, 0), (1, 0.99, 1), (2.5, 0.49, 3), (2.5, 0.5, 2), (0.1, 0.05, 1), (0.1, 0.1, 0)],
)
def test_a_fraction_of_a_weight_is_a_chance(times, lot, shown):
    assert copies(times, lot) == shown


def test_buckets_are_those_of_b1_but_for_nested_queries(shared):
    options = DatasetOptions(shared("b1") / "b1", split="public_train512")
    pairs = [(e.tags[0], bucket(e.gold_sql)) for e in B1.open(options).examples()]
    assert {own for theirs, own in pairs if own != theirs} == {"nested"}
    assert sum(own == theirs for theirs, own in pairs) > 450
