import json
from collections import Counter

import pytest

from sqlkiln.core.errors import SQLSyntaxError
from sqlkiln.scoring import spider_hardness
from sqlkiln.scoring.spider_parse import parse_query
from sqlkiln.scoring.spider_schema import schema_from_tables_json
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


def test_all_of_spider_dev_has_its_published_level(spider_data):
    entries = json.loads((spider_data / "tables.json").read_text())
    schemas = {entry["db_id"]: schema_from_tables_json(entry) for entry in entries}
    examples = json.loads((spider_data / "dev.json").read_text())
    wrong = [
        example["query"]
        for example in examples
        if hardness(example["query"])
        != spider_hardness.hardness(parse_query(example["query"], schemas[example["db_id"]]))
    ]
    assert not wrong
    levels = Counter(hardness(example["query"]) for example in examples)
    assert [levels[level] for level in LEVELS] == [248, 446, 174, 166]
