import pytest

from sqlkiln.scoring.spider_text import as_executed, as_predicted, is_blank, order_matters


@pytest.mark.parametrize(
    ("sql", "executed"),
    [
        ("SELECT a FROM t", "SELECT a FROM t"),
        ("SELECT a FROM t WHERE b > = 1", "SELECT a FROM t WHERE b >= 1"),
        ("a < = 1 AND b ! = 2", "a <= 1 AND b != 2"),
        ("SELECT DISTINCT a FROM t", "SELECT  a FROM t"),
        ("SELECT count(distinct a)", "SELECT count( a)"),
        ("SELECT count(DISTINCT(a))", "SELECT count((a))"),
        ("SELECT distinctly FROM t", "SELECT distinctly FROM t"),
        ("SELECT 'a distinct b'", "SELECT 'a distinct b'"),
        ("SELECT 'it''s distinct'", "SELECT 'it''s distinct'"),
        ('SELECT "distinct", `distinct`, [distinct]', 'SELECT "distinct", `distinct`, [distinct]'),
        ("SELECT a -- distinct\nFROM t", "SELECT a -- distinct\nFROM t"),
        ("SELECT a /* distinct; */ FROM t", "SELECT a /* distinct; */ FROM t"),
        ("SELECT a FROM t;", "SELECT a FROM t"),
        ("SELECT a; SELECT b;", "SELECT a"),
        ("SELECT ';' FROM t; SELECT b", "SELECT ';' FROM t"),
        ("; SELECT a", ""),
        ("SELECT a; -- why", "SELECT a"),
        # for sqlparse a comment, and of the first statement; for SQLite no comment
        ("SELECT a; # why", "SELECT a; # why"),
        ("SELECT a;#why", "SELECT a"),
        ("SELECT a FROM t GO SELECT b", "SELECT a FROM t GO"),
        ("SELECT a FROM t GO 2 SELECT b", "SELECT a FROM t GO 2"),
        ("SELECT go, t.GO, GO.b, GO(c), GOLD, 'GO' FROM t", None),
        ("SELECT 'open; SELECT distinct a", "SELECT 'open"),
        ("WHERE y = YEAR(CURDATE()) - 1", "WHERE y = 2020- 1"),
        ("WHERE y = year ( curdate ( ) )", "WHERE y = 2020"),
        # a backslash escapes for sqlparse, and not for SQLite
        (r"SELECT 'a\' distinct'", r"SELECT 'a\' distinct'"),
    ],
)
def test_what_is_executed(sql, executed):
    assert as_executed(sql) == (sql if executed is None else executed)


@pytest.mark.parametrize(
    ("sql", "predicted"),
    [
        ("WHERE a = value LIMIT value", "WHERE a = 1 LIMIT value"),
        ("SELECT value FROM t", "SELECT 1 FROM t"),
        ("SELECT T1.value FROM t", "SELECT T1.value FROM t"),
    ],
)
def test_what_is_predicted(sql, predicted):
    assert as_predicted(sql) == predicted


@pytest.mark.parametrize(
    ("gold", "matters"),
    [
        ("SELECT a FROM t", False),
        ("SELECT a FROM t Order By a", True),
        ("SELECT a FROM t ORDER  BY a", False),
        ("SELECT a FROM (SELECT a FROM t ORDER BY a LIMIT 1)", True),
        ("SELECT 'order by' FROM t", True),
    ],
)
def test_where_order_matters(gold, matters):
    assert order_matters(gold) is matters


@pytest.mark.parametrize("sql", ["", " \n", "-- only this", "/* a */ -- b", "/* open"])
def test_nothing_to_run(sql):
    assert is_blank(sql)


def test_something_to_run():
    assert not is_blank("-- why\nSELECT 1")
