import pytest

from sqlkiln.core.plugins import open_database
from sqlkiln.sql.compare import OrderedRows
from sqlkiln.sql.database_build import create_sqlite
from sqlkiln.sql.limits import cut_tie, limited_queries, open_choice

PETS = [(1, "Rex", 3), (2, "Tom", 1), (3, "Kim", 3), (4, "Zoe", 5), (5, "Zoe", 1)]
"""Ages: 5, two 3s (Rex, Kim), two 1s (Tom and a second Zoe)."""


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    path = tmp_path_factory.mktemp("limits") / "pets.sqlite"
    create_sqlite(path, "CREATE TABLE pet (id INTEGER, name TEXT, age INTEGER)", {"pet": PETS})
    database = open_database(path)
    yield database
    database.close()


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT name FROM pet ORDER BY age LIMIT 1", "LIMIT cuts through 2 rows that tie"),
        ("SELECT name FROM pet ORDER BY age DESC LIMIT 2", "LIMIT cuts through 2 rows that tie"),
        ("SELECT name FROM pet ORDER BY age LIMIT 2 OFFSET 1", "LIMIT cuts through 2 rows"),
        ("SELECT name FROM pet LIMIT 2", "LIMIT without ORDER BY keeps 2 of 5 rows"),
        ("SELECT name FROM pet WHERE id = (SELECT id FROM pet ORDER BY age LIMIT 1)",
         "LIMIT cuts through 2 rows that tie, in a subquery"),
        ("SELECT * FROM (SELECT name FROM pet LIMIT 3) AS few",
         "LIMIT without ORDER BY keeps 3 of 5 rows, in a subquery"),
        ("WITH old AS (SELECT * FROM pet WHERE age > 2) SELECT count(*) FROM pet WHERE name IN "
         "(SELECT name FROM old ORDER BY age LIMIT 1)", "LIMIT cuts through 2 rows that tie, in"),
        ("SELECT age, count(*) FROM pet GROUP BY age ORDER BY count(*) DESC LIMIT 1",
         "LIMIT cuts through 2 rows that tie"),
        ("SELECT name FROM pet UNION ALL SELECT name FROM pet ORDER BY name LIMIT 1", ""),
    ],
)  # fmt: skip
def test_an_open_choice_is_found(pets, sql, reason):
    assert open_choice(sql, pets).startswith(reason)
    assert bool(open_choice(sql, pets)) == bool(reason)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT name FROM pet",
        "SELECT name FROM pet ORDER BY age",
        "SELECT name FROM pet ORDER BY age DESC LIMIT 1",
        "SELECT name FROM pet ORDER BY age DESC LIMIT 3",
        "SELECT name FROM pet ORDER BY age LIMIT 2",
        "SELECT name FROM pet ORDER BY age LIMIT 9",
        "SELECT name FROM pet ORDER BY age LIMIT 0",
        "SELECT age FROM pet ORDER BY age LIMIT 1",
        "SELECT count(*) FROM pet LIMIT 1",
        "SELECT name FROM pet WHERE name = 'Zoe' LIMIT 1",
        "SELECT name FROM pet WHERE EXISTS (SELECT id FROM pet LIMIT 1)",
        "SELECT name FROM pet LIMIT 1 + 1",
        "SELECT name, (SELECT q.name FROM pet q WHERE q.age > p.age LIMIT 1) FROM pet p",
        "SELECT nme FROM pet LIMIT 1",
        "SELECT name FROM pet LIMIT",
        "no SQL at all",
    ],
)
def test_where_nothing_is_open_or_it_cannot_be_told_nothing_is_said(pets, sql):
    assert open_choice(sql, pets) == ""


def test_more_rows_than_are_read_are_said_to_be_more(pets):
    class Short:
        dialect = "sqlite"

        def execute(self, sql):
            from sqlkiln.core.plugins import Limits

            return pets.execute(sql, Limits(max_rows=3))

    assert open_choice("SELECT id FROM pet LIMIT 2", Short()) == (
        "LIMIT without ORDER BY keeps 2 of 3 and more rows"
    )


def test_queries_with_a_limit_are_taken_out_whole():
    sql = "WITH a AS (SELECT 1 AS x) SELECT (SELECT x FROM a LIMIT 1) FROM a LIMIT 2"
    outer, inner = limited_queries(sql)
    assert outer.is_whole
    assert not inner.is_whole
    assert inner.sql == "WITH a AS (SELECT 1 AS x) SELECT x FROM a LIMIT 1"
    assert limited_queries("SELECT 1") == limited_queries("SELECT (") == ()


@pytest.mark.parametrize(
    ("keys", "offset", "limit", "tied"),
    [
        ([1, 1, 2], 0, 1, 2),
        ([1, 1, 2], 0, 2, 0),
        ([1, 2, 2, 2], 0, 2, 3),
        ([1, 2, 2], 2, None, 2),
        ([1, 2, 2], 1, None, 0),
        ([0.1 + 0.2, 0.3], 0, 1, 2),
        ([None, None], 0, 1, 2),
        ([1, 2], 0, 5, 0),
        ([], 0, 1, 0),
    ],
)
def test_ties_are_counted_where_they_are_cut(keys, offset, limit, tied):
    rows = [(number,) for number in range(len(keys))]
    query = OrderedRows(rows, [(key,) for key in keys], offset, limit)
    assert cut_tie(query) == tied
    same = OrderedRows([("same",)] * len(keys), query.keys, offset, limit)
    assert cut_tie(same) == 0
