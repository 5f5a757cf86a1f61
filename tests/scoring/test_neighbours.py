import sqlite3

import pytest

from sqlkiln.core.errors import QueryError
from sqlkiln.core.plugins import open_database
from sqlkiln.core.records import Column, Table
from sqlkiln.scoring.neighbour_edits import EDITS
from sqlkiln.scoring.neighbours import neighbours

ZOO = """
CREATE TABLE keeper (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE animal (id INTEGER PRIMARY KEY, name TEXT, age INT,
    keeper_id INT REFERENCES keeper(id));
INSERT INTO keeper VALUES (1, 'Ann'), (2, 'Bob');
INSERT INTO animal VALUES (1, 'Rex', 3, 1), (2, 'Tom', 5, 1), (3, 'Kim', 8, NULL);
"""


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("zoo") / "zoo.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(ZOO)
    connection.close()
    with open_database(path) as database:
        yield database


@pytest.fixture(scope="module")
def schema(database):
    return database.schema()


def made(sql, schema, edit):
    return sorted(n.sql for n in neighbours(sql, schema, limit=10_000) if n.edit == edit)


@pytest.mark.parametrize(
    ("edit", "sql", "expected"),
    [
        ("column", "SELECT name FROM keeper", ['SELECT "id" FROM keeper']),
        (
            "projection",
            "SELECT id, name, age FROM animal",
            [
                "SELECT id, age FROM animal",
                "SELECT id, name FROM animal",
                "SELECT name, age FROM animal",
                "SELECT name, id, age FROM animal",
            ],
        ),
        (
            "aggregate",
            "SELECT MAX(age) FROM animal",
            [
                "SELECT AVG(age) FROM animal",
                "SELECT MIN(age) FROM animal",
                "SELECT SUM(age) FROM animal",
                "SELECT age FROM animal",
            ],
        ),
        (
            "count",
            "SELECT COUNT(age) FROM animal",
            ["SELECT COUNT(*) FROM animal", "SELECT COUNT(DISTINCT age) FROM animal"],
        ),
        (
            "count",
            "SELECT COUNT(DISTINCT age) FROM animal",
            ["SELECT COUNT(*) FROM animal", "SELECT COUNT(age) FROM animal"],
        ),
        ("distinct", "SELECT age FROM animal", ["SELECT DISTINCT age FROM animal"]),
        ("distinct", "SELECT DISTINCT age FROM animal", ["SELECT age FROM animal"]),
        ("distinct", "SELECT MAX(age) FROM animal", []),
        ("distinct", "SELECT age FROM animal UNION SELECT id FROM keeper", []),
        (
            "condition",
            "SELECT id FROM animal WHERE age > 3 AND name = 'Rex'",
            [
                "SELECT id FROM animal",
                "SELECT id FROM animal WHERE (age > 3 OR name = 'Rex')",
                "SELECT id FROM animal WHERE age > 3",
                "SELECT id FROM animal WHERE name = 'Rex'",
            ],
        ),
        (
            "comparison",
            "SELECT id FROM animal WHERE age > 3",
            [
                "SELECT id FROM animal WHERE age < 3",
                "SELECT id FROM animal WHERE age = 3",
                "SELECT id FROM animal WHERE age >= 3",
            ],
        ),
        (
            "comparison",
            "SELECT id FROM animal WHERE age BETWEEN 3 AND 5",
            [
                "SELECT id FROM animal WHERE (age > 3 AND age < 5)",
                "SELECT id FROM animal WHERE age <= 5",
                "SELECT id FROM animal WHERE age >= 3",
            ],
        ),
        ("comparison", "SELECT 1 FROM animal JOIN keeper ON keeper_id = keeper.id", []),
        (
            "negation",
            "SELECT id FROM animal WHERE name NOT LIKE 'R%'",
            ["SELECT id FROM animal WHERE name LIKE 'R%'"],
        ),
        (
            "negation",
            "SELECT id FROM animal WHERE age IS NULL",
            ["SELECT id FROM animal WHERE NOT age IS NULL"],
        ),
        (
            "constant",
            "SELECT id FROM animal WHERE age = 3 LIMIT 2",
            [
                "SELECT id FROM animal WHERE age = 2 LIMIT 2",
                "SELECT id FROM animal WHERE age = 4 LIMIT 2",
            ],
        ),
        (
            "constant",
            "SELECT id FROM animal WHERE name = 'Tom'",
            [
                "SELECT id FROM animal WHERE name = 'Rex'",
                "SELECT id FROM animal WHERE name LIKE '%Tom%'",
            ],
        ),
        (
            "constant",
            "SELECT id FROM animal WHERE name LIKE '%e%'",
            [
                "SELECT id FROM animal WHERE name LIKE '%e'",
                "SELECT id FROM animal WHERE name LIKE 'e%'",
                "SELECT id FROM animal WHERE name LIKE 'e'",
            ],
        ),
        (
            "null",
            "SELECT id FROM animal WHERE age <> 3",
            ["SELECT id FROM animal WHERE (age <> 3 OR age IS NULL)"],
        ),
        (
            "null",
            "SELECT id FROM keeper WHERE id NOT IN (SELECT keeper_id FROM animal WHERE age > 3)",
            [
                "SELECT id FROM keeper WHERE (NOT id IN "
                "(SELECT keeper_id FROM animal WHERE age > 3) OR id IS NULL)",
                "SELECT id FROM keeper WHERE NOT id IN "
                "(SELECT keeper_id FROM animal WHERE (age > 3) AND NOT keeper_id IS NULL)",
            ],
        ),
        (
            "order",
            "SELECT id FROM animal ORDER BY age DESC, name",
            [
                "SELECT id FROM animal",
                "SELECT id FROM animal ORDER BY age DESC",
                "SELECT id FROM animal ORDER BY age DESC, name DESC",
                "SELECT id FROM animal ORDER BY age, name",
                "SELECT id FROM animal ORDER BY name",
            ],
        ),
        (
            "limit",
            "SELECT id FROM animal LIMIT 2",
            [
                "SELECT id FROM animal",
                "SELECT id FROM animal LIMIT 1",
                "SELECT id FROM animal LIMIT 3",
            ],
        ),
        (
            "join",
            "SELECT a.name FROM animal AS a JOIN keeper AS k ON a.keeper_id = k.id",
            [
                "SELECT a.name FROM animal AS a",
                "SELECT a.name FROM animal AS a LEFT JOIN keeper AS k ON a.keeper_id = k.id",
            ],
        ),
        (
            "join",
            "SELECT k.name FROM animal AS a LEFT JOIN keeper AS k ON a.keeper_id = k.id",
            ["SELECT k.name FROM animal AS a JOIN keeper AS k ON a.keeper_id = k.id"],
        ),
        (
            "group",
            "SELECT COUNT(*) FROM animal GROUP BY age, name",
            [
                "SELECT COUNT(*) FROM animal",
                "SELECT COUNT(*) FROM animal GROUP BY age",
                "SELECT COUNT(*) FROM animal GROUP BY name",
            ],
        ),
        (
            "set_operation",
            "SELECT id FROM keeper UNION SELECT id FROM animal",
            [
                "SELECT id FROM animal",
                "SELECT id FROM keeper",
                "SELECT id FROM keeper EXCEPT SELECT id FROM animal",
                "SELECT id FROM keeper INTERSECT SELECT id FROM animal",
                "SELECT id FROM keeper UNION ALL SELECT id FROM animal",
            ],
        ),
    ],
)  # fmt: skip
def test_each_edit_makes_these_neighbours(edit, sql, expected, schema):
    assert made(sql, schema, edit) == sorted(expected)


def test_every_edit_has_a_case():
    (mark,) = test_each_edit_makes_these_neighbours.pytestmark
    assert {case[0] for case in mark.args[1]} == {name for name, _ in EDITS}


GOLDS = [
    "SELECT T2.name, count(*) FROM animal AS T1 JOIN keeper AS T2 ON T1.keeper_id = T2.id "
    "WHERE T1.age >= 3 GROUP BY T2.id HAVING count(*) > 1 ORDER BY count(*) DESC LIMIT 1",
    'SELECT name FROM animal WHERE name LIKE "%e%" OR age BETWEEN 2 AND 6 ORDER BY age',
    "SELECT name FROM keeper EXCEPT SELECT T2.name FROM animal AS T1 JOIN keeper AS T2 "
    "ON T1.keeper_id = T2.id WHERE T1.age != 5",
    "SELECT avg(age) FROM animal WHERE keeper_id IN (SELECT id FROM keeper WHERE name = 'Ann')",
    "SELECT DISTINCT a.name FROM animal a, keeper k WHERE a.keeper_id = k.id AND NOT a.age < 4",
]


def test_nearly_all_neighbours_run(database, schema):
    made, failed = 0, []
    for gold in GOLDS:
        for neighbour in neighbours(gold, schema):
            made += 1
            try:
                database.execute(neighbour.sql)
            except QueryError as error:
                failed.append((neighbour, str(error)))
    assert made > 100
    assert len(failed) <= 0.05 * made, failed


def test_neighbours_are_different_from_one_another_and_from_the_gold(schema):
    for gold in GOLDS:
        texts = [n.sql for n in neighbours(gold, schema, limit=10_000)]
        assert len(texts) == len(set(texts)) > 10
        rewritten = neighbours(gold, schema, limit=10_000)
        assert [n.sql for n in rewritten] == texts


def test_a_limit_keeps_every_kind_of_edit(schema):
    everything = neighbours(GOLDS[0], schema, limit=10_000)
    few = neighbours(GOLDS[0], schema, limit=12)
    assert len(few) == 12
    assert {n.edit for n in few} == {n.edit for n in everything}
    assert set(few) < set(everything)


def test_the_seed_draws_the_columns(schema):
    names = [f"c{number}" for number in range(30)]
    table = Table(name="wide", columns=tuple(Column(name=name, type="INT") for name in names))
    wide = schema.model_copy(update={"tables": (table,)})

    def drawn(seed):
        return {n.sql for n in neighbours("SELECT c0 FROM wide", wide, seed=seed)}

    assert drawn(1) == drawn(1) != drawn(2)


@pytest.mark.parametrize("sql", ["", "not SQL", "DELETE FROM animal"])
def test_what_is_no_query_has_none(sql, schema):
    assert neighbours(sql, schema) == ()
