import pytest

from sqlkiln.scoring.slices import FEATURES, slices_of

CASES = [
    ("SELECT a FROM t", "easy", {"single table"}),
    ("SELECT count(DISTINCT a) FROM t", "easy", {"aggregate", "distinct", "single table"}),
    ("SELECT DISTINCT a FROM t", "easy", {"distinct", "single table"}),
    (
        "SELECT a FROM t WHERE b NOT LIKE 'x%' OR c BETWEEN 1 AND 2",
        "hard",
        {"where", "or", "negation", "like", "between", "single table"},
    ),
    ("SELECT a FROM t WHERE b IS NULL", "easy", {"where", "null test", "single table"}),
    ("SELECT a FROM t JOIN u ON t.i = u.i", "easy", {"join"}),
    ("SELECT a FROM t, u, v", "medium", {"join", "several joins"}),
    (
        "SELECT a FROM t GROUP BY a HAVING count(*) > 1 ORDER BY count(*) DESC LIMIT 3",
        "hard",
        {"group", "having", "order", "limit", "aggregate", "single table"},
    ),
    ("SELECT a FROM t WHERE b IN (SELECT c FROM u)", "hard", {"where", "nested"}),
    ("SELECT a FROM t UNION SELECT b FROM u", "hard", {"set operation"}),
    (
        "SELECT a FROM t EXCEPT SELECT b FROM u WHERE c = (SELECT max(d) FROM v)",
        "hard",
        {"set operation", "nested", "where", "aggregate"},
    ),
    (
        "WITH c AS (SELECT a + 1 AS b FROM t) SELECT b FROM c",
        "easy",
        {"with", "nested", "arithmetic"},
    ),
    (
        "SELECT CASE WHEN a THEN 1 END, sum(b) OVER (PARTITION BY c) FROM t",
        "medium",
        {"case", "window", "aggregate", "single table"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "level", "features"), CASES)
def test_hand_checked_slices(sql, level, features):
    found = slices_of(sql)
    assert (found.level, set(found.features)) == (level, features)


def test_every_feature_is_found_in_some_case():
    assert set().union(*(features for _, _, features in CASES)) == set(FEATURES)


@pytest.mark.parametrize("sql", [None, "", "not SQL at all (", "DROP TABLE t", "(" * 5000])
def test_what_cannot_be_parsed_is_ungraded(sql):
    assert (slices_of(sql).level, slices_of(sql).features) == ("ungraded", ())
