import pytest

from sqlkiln.sql.parse import is_ordered, keyed_query, normalize


@pytest.mark.parametrize(
    ("sql", "ordered"),
    [
        ("SELECT a FROM t ORDER BY a", True),
        ("select a from t order  by a limit 1;", True),
        ("SELECT a FROM t", False),
        ("SELECT a FROM (SELECT a FROM t ORDER BY a)", False),
        ("SELECT a FROM t WHERE b = (SELECT b FROM t ORDER BY c LIMIT 1)", False),
        ("SELECT a FROM t WHERE b = 'order by b'", False),
        ("SELECT a -- order by a\nFROM t", False),
        ("WITH c AS (SELECT a FROM t ORDER BY a) SELECT a FROM c", False),
        ("WITH c AS (SELECT a FROM t) SELECT a FROM c ORDER BY a", True),
        ("SELECT a FROM t UNION SELECT b FROM u ORDER BY 1", True),
        ("SELECT rank() OVER (ORDER BY a) FROM t", False),
        ("SELECT group_concat(a, ',' ORDER BY a) FROM t", False),
        ("(SELECT a FROM t ORDER BY a)", True),
        ("SELECT FROM WHERE ((a ORDER BY b)", False),
        ("SELECT FROM WHERE a ORDER BY b", True),
        ("'unclosed", False),
        ("", False),
    ],
)
def test_only_the_outermost_order_by_counts(sql, ordered):
    assert is_ordered(sql) is ordered


@pytest.mark.parametrize(
    ("sql", "columns", "keyed", "keys"),
    [
        ("SELECT a FROM t ORDER BY b LIMIT 3", "a", "SELECT a, b FROM t ORDER BY b", (1,)),
        ("SELECT a FROM t ORDER BY 1", "a", "SELECT a FROM t ORDER BY 1", (0,)),
        ("SELECT b AS a FROM t ORDER BY a", "a", "SELECT b AS a FROM t ORDER BY a", (0,)),
        (
            "SELECT b AS a FROM t ORDER BY 2 * a, c DESC",
            "a",
            "SELECT b AS a, 2 * (b), c FROM t ORDER BY 2 * a, c DESC",
            (1, 2),
        ),
        ("SELECT * FROM t ORDER BY b", "a b", "SELECT *, b FROM t ORDER BY b", (2,)),
        (
            "SELECT a FROM t GROUP BY a ORDER BY count(*) DESC LIMIT 2 OFFSET 1",
            "a",
            "SELECT a, COUNT(*) FROM t GROUP BY a ORDER BY COUNT(*) DESC",
            (1,),
        ),
        (
            "SELECT a FROM t UNION SELECT b FROM u ORDER BY a",
            "a",
            "SELECT a FROM t UNION SELECT b FROM u ORDER BY a",
            (0,),
        ),
        ("SELECT DISTINCT a FROM t ORDER BY a", "a", "SELECT DISTINCT a FROM t ORDER BY a", (0,)),
        (
            "SELECT a FROM t ORDER BY b COLLATE NOCASE",
            "a",
            "SELECT a, LOWER(b) FROM t ORDER BY b COLLATE NOCASE",
            (1,),
        ),
    ],
)
def test_keys_are_shown_beside_the_rows(sql, columns, keyed, keys):
    found = keyed_query(sql, tuple(columns.split()))
    assert (found.sql, found.keys) == (keyed, keys)
    assert found.appended == sum(key >= len(columns.split()) for key in keys)


@pytest.mark.parametrize(
    ("clause", "offset", "limit"),
    [("", 0, None), ("LIMIT 3", 0, 3), ("LIMIT 3 OFFSET 2", 2, 3), ("LIMIT 2, 3", 2, 3)],
)
def test_limit_and_offset_are_taken_out(clause, offset, limit):
    found = keyed_query(f"SELECT a FROM t ORDER BY a {clause}", ("a",))
    assert (found.offset, found.limit) == (offset, limit)
    assert "LIMIT" not in found.sql


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a FROM t",
        "SELECT DISTINCT a FROM t ORDER BY b",
        "SELECT a FROM t UNION SELECT b FROM u ORDER BY c",
        "SELECT a FROM t ORDER BY a LIMIT (SELECT 1)",
        "SELECT a FROM t ORDER BY a LIMIT -1",
        "(SELECT a FROM t ORDER BY a)",
        "not SQL",
    ],
)
def test_where_keys_cannot_be_shown_there_is_no_answer(sql):
    assert keyed_query(sql, ("a",)) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT a FROM t", "select  A\nfrom T ;"),
        ("SELECT count(*) FROM t", "SELECT COUNT ( * ) FROM t"),
        ("SELECT a , b FROM t", "SELECT a,b FROM t"),
        ("SELECT a FROM t WHERE b = 'x'", 'SELECT a FROM t WHERE b="x"'),
        ("SELECT a FROM t WHERE b = 'it''s'", 'SELECT a FROM t WHERE b = "it\'s"'),
        ("SELECT a FROM t WHERE b >= 1", "SELECT a FROM t WHERE b>=1;;"),
    ],
)
def test_texts_that_are_the_same_when_normalized(one, other):
    assert normalize(one) == normalize(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT a FROM t WHERE b = 'x'", "SELECT a FROM t WHERE b = 'X'"),
        ("SELECT a FROM t WHERE b = 'x y'", "SELECT a FROM t WHERE b = 'x  y'"),
        ("SELECT a b FROM t", "SELECT ab FROM t"),
        ("SELECT a FROM t WHERE b = 'x'", "SELECT a FROM t WHERE b = x"),
        ("SELECT a FROM t WHERE b = ';'", "SELECT a FROM t WHERE b = ''"),
    ],
)
def test_texts_that_stay_different_when_normalized(one, other):
    assert normalize(one) != normalize(other)
