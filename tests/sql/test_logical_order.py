import json

import pytest
import sqlglot

from sqlkiln.core import plugins
from sqlkiln.core.errors import QueryError
from sqlkiln.sql.logical_order import from_first, one_line, select_first

PAIRS = [
    ("SELECT a FROM t", "FROM t SELECT a"),
    ("select a, b from t where c = 1;", "from t select a, b where c = 1"),
    (
        "SELECT T1.a FROM t AS T1 LEFT JOIN u AS T2 ON T1.id = T2.id, v WHERE T2.b > 1"
        " GROUP BY T1.a HAVING count(*) > 2 ORDER BY count(*) DESC LIMIT 3 OFFSET 1",
        "FROM t AS T1 LEFT JOIN u AS T2 ON T1.id = T2.id, v SELECT T1.a WHERE T2.b > 1"
        " GROUP BY T1.a HAVING count(*) > 2 ORDER BY count(*) DESC LIMIT 3 OFFSET 1",
    ),
    (
        "SELECT a FROM t WHERE b IN (SELECT c FROM u WHERE d = (SELECT max(d) FROM u))",
        "FROM t SELECT a WHERE b IN (FROM u SELECT c WHERE d = (FROM u SELECT max(d)))",
    ),
    (
        "SELECT x.n FROM (SELECT count(*) AS n FROM t) AS x",
        "FROM (FROM t SELECT count(*) AS n) AS x SELECT x.n",
    ),
    (
        "SELECT a FROM t WHERE b = 1 INTERSECT SELECT a FROM u UNION ALL SELECT c FROM v",
        "FROM t SELECT a WHERE b = 1 INTERSECT FROM u SELECT a UNION ALL FROM v SELECT c",
    ),
    (
        "WITH c AS (SELECT a FROM t), d AS (SELECT 1) SELECT * FROM c JOIN d ON c.a = d.a",
        "WITH c AS (FROM t SELECT a), d AS (SELECT 1) FROM c JOIN d ON c.a = d.a SELECT *",
    ),
    (
        "SELECT \"a b\", `c`, [d e], 'it''s FROM' FROM [my t] WHERE a LIKE \"%FROM%\" AND b != x''",
        "FROM [my t] SELECT \"a b\", `c`, [d e], 'it''s FROM' WHERE a LIKE \"%FROM%\" AND b != x''",
    ),
    (
        "SELECT DISTINCT t.order, trim(BOTH FROM a), (SELECT 1) FROM t WHERE a IS DISTINCT FROM b",
        "FROM t SELECT DISTINCT t.order, trim(BOTH FROM a), (SELECT 1) WHERE a IS DISTINCT FROM b",
    ),
    (
        "SELECT sum(a) OVER w, left(b, 1), CASE WHEN a THEN b END FROM t WINDOW w AS (ORDER BY c)",
        "FROM t SELECT sum(a) OVER w, left(b, 1), CASE WHEN a THEN b END WINDOW w AS (ORDER BY c)",
    ),
    ("(SELECT a FROM t) UNION (SELECT b FROM u)", "(FROM t SELECT a) UNION (FROM u SELECT b)"),
    ("SELECT 1", "SELECT 1"),
    ("VALUES (1), (2)", "VALUES (1), (2)"),
    ("", ""),
]


@pytest.mark.parametrize(("sql", "logical"), PAIRS)
def test_from_comes_first_and_goes_back(sql, logical):
    assert from_first(sql) == logical
    assert select_first(logical) == sql.rstrip(";")
    assert from_first(logical) == logical
    assert select_first(sql) == sql.rstrip(";")


@pytest.mark.parametrize(
    ("sql", "line"),
    [
        ("SELECT count ( * ) ,a\n FROM t ;", "SELECT count (*),a FROM t"),
        ("SELECT a -- FROM u\nFROM t /* b */ group\n by a", "SELECT a FROM t group by a"),
        ("SELECT 'two\n  lines' FROM t; SELECT 2", "SELECT 'two\n  lines' FROM t"),
    ],
)
def test_only_what_means_nothing_is_dropped(sql, line):
    assert one_line(sql) == line
    assert select_first(from_first(sql)) == line


@pytest.mark.parametrize(
    ("written", "sql"),
    [
        ("FROM t", "SELECT * FROM t"),
        ("FROM t WHERE a = 1 LIMIT 2", "SELECT * FROM t WHERE a = 1 LIMIT 2"),
        ("SELECT a FROM t WHERE b IN (FROM u)", "SELECT a FROM t WHERE b IN (SELECT * FROM u)"),
        (
            "FROM t WHERE a = 1 GROUP BY b HAVING c SELECT b ORDER BY b",
            "SELECT b FROM t WHERE a = 1 GROUP BY b HAVING c ORDER BY b",
        ),
        ("FROM t SELECT 'never closed", "FROM t SELECT 'never closed"),
        ("FROM t SELECT (FROM u SELECT a", "SELECT (SELECT a FROM u FROM t"),
        ("FROM t)) SELECT a", "SELECT a FROM t))"),
        ("FROM t SELEC a", "SELECT * FROM t SELEC a"),
        ("no query at all", "no query at all"),
    ],
)
def test_what_a_model_wrote_is_put_into_order_as_far_as_it_goes(written, sql):
    assert select_first(written) == sql


def test_deep_brackets_take_neither_stack_nor_long():
    depth = 3000
    sql = "SELECT a FROM t WHERE " + "(" * depth + "1" + ")" * depth
    assert select_first(from_first(sql)) == sql


SQLITE_ALONE = ("`", "trim(BOTH FROM")
"""What is no SQL to DuckDB."""


@pytest.mark.parametrize(
    "sql",
    [
        sql
        for sql, _ in PAIRS
        if sql.startswith(("SELECT", "WITH")) and not any(mark in sql for mark in SQLITE_ALONE)
    ],
)
def test_sqlglot_reads_it_as_duckdb(sql):
    read = sqlglot.parse_one(from_first(sql, "duckdb"), dialect="duckdb")
    assert read.sql("duckdb") == sqlglot.parse_one(sql, dialect="duckdb").sql("duckdb")


def test_duckdb_runs_it_as_it_is(tmp_path):
    (tmp_path / "pet.csv").write_text("name,age\nRex,3\nTom,5\nIda,3\n")
    database = plugins.open_database(tmp_path / "pet.csv")
    sql = "SELECT age, count(*) FROM pet WHERE name LIKE '%e%' OR age = 5 GROUP BY age ORDER BY 1"
    assert database.execute(from_first(sql, "duckdb")).rows == ((3, 1), (5, 1))
    database.close()


def golds(data):
    """(db_id, gold) of every Spider question."""
    files = ("dev.json", "train_spider_min.json", "train_others_min.json")
    rows = [row for name in files for row in json.loads((data / name).read_text())]
    return sorted({(row["db_id"], row["query"]) for row in rows})


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 29])
def test_every_spider_gold_comes_back_word_by_word(spider_data, step):
    found = golds(spider_data)
    assert len(found) > 5000
    for _, sql in found[::step]:
        logical = from_first(sql)
        assert logical.upper().startswith("FROM ")
        assert select_first(logical) == one_line(sql)


@pytest.mark.parametrize("step", [pytest.param(3, marks=pytest.mark.slow), 397])
def test_every_spider_gold_that_came_back_gives_the_same_rows(spider_data, step):
    asked = 0
    for db_id, sql in golds(spider_data)[::step]:
        path = spider_data / "database" / db_id / f"{db_id}.sqlite"
        if not path.exists():
            continue
        database = plugins.open_database(path)
        try:
            rows = database.execute(sql).rows
        except QueryError:
            rows = None
        if rows is not None:
            asked += 1
            assert database.execute(select_first(from_first(sql))).rows == rows, sql
        database.close()
    assert asked > 4000 / step
