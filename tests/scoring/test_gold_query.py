import pytest
from sqlglot import exp

from sqlkiln.core.records import Column, DatabaseSchema, Table
from sqlkiln.scoring.gold_query import read_gold


def table(name, *columns):
    return Table(name=name, columns=tuple(Column(name=c, type="TEXT") for c in columns))


SCHEMA = DatabaseSchema(
    db_id="zoo",
    dialect="sqlite",
    tables=(table("Keeper", "id", "Name"), table("animal", "id", "name", "keeper_id")),
)


@pytest.mark.parametrize(
    ("sql", "read"),
    [
        (
            'SELECT name FROM animal WHERE name = "Rex"',
            "SELECT name FROM animal WHERE name = 'Rex'",
        ),
        ('SELECT "name" FROM animal', 'SELECT "name" FROM animal'),
        (
            'SELECT id AS "no" FROM animal ORDER BY "no"',
            'SELECT id AS "no" FROM animal ORDER BY "no"',
        ),
    ],
)
def test_double_quotes_that_name_no_column_are_a_string(sql, read):
    assert read_gold(sql, SCHEMA).sql == read


@pytest.mark.parametrize("sql", ["", "not SQL at all", "DROP TABLE animal", "SELECT FROM WHERE"])
def test_what_is_no_query_is_not_read(sql):
    assert read_gold(sql, SCHEMA) is None


@pytest.mark.parametrize(
    ("sql", "column", "owner"),
    [
        ("SELECT a.name FROM animal AS a", "name", ("animal", "name")),
        ("SELECT NAME FROM keeper", "NAME", ("Keeper", "Name")),
        ("SELECT keeper_id FROM keeper JOIN animal", "keeper_id", ("animal", "keeper_id")),
        ("SELECT 1 FROM animal AS T1 WHERE EXISTS (SELECT 2 FROM keeper AS T2 WHERE T1.id = 3)",
         "id", ("animal", "id")),
        ("SELECT 1 FROM keeper AS T1 WHERE 1 IN (SELECT T1.id FROM animal AS T1)",
         "id", ("animal", "id")),
        ("SELECT b.name FROM animal AS a", "name", None),
        ("SELECT count(*) AS n FROM animal ORDER BY n", "n", None),
        ("SELECT x.name FROM (SELECT name FROM animal) AS x WHERE x.name = 'a'", "name", None),
    ],
)  # fmt: skip
def test_columns_know_their_table(sql, column, owner):
    query = read_gold(sql, SCHEMA)
    node = next(c for c in query.root.find_all(exp.Column) if c.name == column)
    found = query.owner(node)
    assert (found and (found[0].name, found[1].name)) == owner
