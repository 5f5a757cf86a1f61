"""Verdicts that the official scripts gave on predictions as models write them, messy ones too.

Taken by running `evaluation.py` of test-suite-sql-eval with its defaults over the database below.
"""

import sqlite3

import pytest

from sqlkiln.core.plugins import open_database
from sqlkiln.scoring.exact_match import exact_set_match
from sqlkiln.scoring.spider_execution import spider_execution
from sqlkiln.scoring.spider_schema import schema_from_database

TABLES = """
CREATE TABLE singer (id INTEGER PRIMARY KEY, name TEXT, age INTEGER, country TEXT);
CREATE TABLE concert (
    id INTEGER PRIMARY KEY, singer_id INTEGER REFERENCES singer (id), year INTEGER, value REAL
);
INSERT INTO singer VALUES
    (1, 'Ann', 30, 'France'), (2, 'Bo', 25, 'Spain'),
    (3, 'It''s', 25, NULL), (4, 'Ann', 41, 'order by');
INSERT INTO concert VALUES (1, 1, 2014, 1.0), (2, 1, 2015, 2.5), (3, 2, 2014, 1.0),
    (4, 4, 2015, NULL);
"""

# gold: [(prediction, execution, exact match)]
VERDICTS = {
    "SELECT name FROM singer": [
        ("select NAME from Singer;", 1, 1),
        ("SELECT DISTINCT name FROM singer", 1, 1),
        ("SELECT name\xa0FROM singer", 0, 1),
        ("```sql SELECT name FROM singer ```", 0, 0),
        ("SELECT name FROM singer ```", 0, 0),
        ("SELECT name FROM singer; This lists them.", 1, 1),
        ("SELECT name FROM singer; # done", 0, 1),
        ("SELECT name FROM singer; -- done", 1, 1),
        ("SELECT name FROM singer -- done", 1, 0),
        ("SELECT name FROM singer GO SELECT 1", 1, 0),
        ("SELECT name FROM singer\tshows", 1, 1),
        ("SELECT name FROM singer;;", 1, 1),
        ("(SELECT name FROM singer)", 0, 1),
        ("SELECT `name` FROM singer", 1, 0),
        ('SELECT "name" FROM singer', 1, 0),
        ("SELECT [name] FROM singer", 1, 0),
        ("SELECT s.name FROM singer s", 1, 0),
        ("SELECT singer.name FROM singer", 1, 1),
        ("SELECT name AS n FROM singer", 1, 0),
        ("SELECT name FROM singer AS concert", 1, 0),
        ("SELECT name FROM singer WHERE 1 = 1", 1, 0),
        ("SELECT name FROM main.singer", 1, 0),
        ("WITH s AS (SELECT name FROM singer) SELECT name FROM s", 1, 0),
        ("SELECT CAST(name AS TEXT) FROM singer", 1, 0),
        ("SELECT name FROM singer LIMIT 10", 1, 0),
        ("SELECT name FROM (SELECT name FROM singer)", 1, 0),
        ("SELECT name FROM singer ORDER BY name. The end", 0, 0),
        ("SELECT name FROM singer UNION ALL SELECT name FROM singer WHERE age > 99", 1, 0),
    ],
    "SELECT name FROM singer WHERE age = 25": [
        ("SELECT name FROM singer WHERE age=25", 1, 0),
        ("SELECT name FROM singer WHERE age = '25'", 1, 1),
        ("SELECT name FROM singer WHERE age = 25.0", 1, 1),
        ("SELECT name FROM singer WHERE age > = 25 AND age < = 25", 1, 0),
        ("SELECT name FROM singer WHERE age IN (25)", 1, 0),
        ("SELECT name FROM singer WHERE age IN ( 25, 26 )", 1, 0),
        ("SELECT name FROM singer WHERE age BETWEEN 25 AND 25", 1, 0),
        ("SELECT name FROM singer WHERE age <> 30 AND age <> 41", 1, 0),
        ("SELECT name FROM singer WHERE age = ?", 0, 0),
        ("SELECT name FROM singer WHERE age = 25 AND", 0, 0),
        ("SELECT name FROM singer WHERE age = 26", 0, 1),
        ("SELECT name FROM singer WHERE age = (SELECT min(age) FROM singer)", 1, 0),
        ("SELECT name FROM singer WHERE NOT age > 25", 1, 0),
        ("SELECT name FROM singer WHERE age IS NOT NULL", 0, 0),
        ('SELECT name FROM singer WHERE age = 25 OR name = "it\'s"', 1, 0),
        ("SELECT name FROM singer WHERE name = 'It\\'s' OR name = 'Bo'", 0, 0),
    ],
    "SELECT name FROM singer ORDER BY age DESC": [
        ("SELECT name FROM singer ORDER BY age DESC, id", 1, 0),
        ("SELECT name FROM singer ORDER BY singer.age DESC. It sorts.", 0, 1),
        ("SELECT name FROM singer ORDER BY age ASC. It sorts.", 0, 0),
        ("SELECT name FROM singer ORDER BY -age", 1, 0),
        ("SELECT name FROM singer", 0, 0),
        ("SELECT name FROM singer ORDER BY age DESC LIMIT 99", 1, 0),
    ],
    "SELECT name FROM singer WHERE age = 99": [
        ("SELECT id, name FROM singer WHERE age = 98", 1, 0),
        (";", 1, 0),
        ("-- nothing", 1, 0),
        ("SELECT nothing", 0, 0),
        ("SELECT name FROM singer WHERE country = 'order by' AND age = 1", 1, 0),
    ],
    "SELECT T1.name FROM singer AS T1 JOIN concert AS T2 ON T1.id = T2.singer_id": [
        ("SELECT T2.name FROM concert AS T1 JOIN singer AS T2 ON T2.id = T1.singer_id", 1, 1),
        ("SELECT name FROM singer, concert WHERE singer.id = singer_id", 1, 0),
        ("SELECT T1.name FROM singer AS T1 JOIN concert AS T2", 0, 1),
        ("SELECT T1.name FROM singer AS T1 LEFT JOIN concert AS T2 ON T1.id = T2.singer_id", 0, 0),
        ("SELECT name FROM singer AS T1 JOIN concert AS T2 ON T1.id = singer_id AND age > 0", 1, 1),
        ("SELECT T1.name FROM singer AS T1 INNER JOIN concert AS T2 ON T1.id = T2.singer_id", 1, 0),
    ],
    "SELECT country, count(*) FROM singer GROUP BY country": [
        ("SELECT count(*), country FROM singer GROUP BY country", 1, 1),
        ("SELECT country, count(1) FROM singer GROUP BY 1", 1, 0),
        ("SELECT country, COUNT ( * ) FROM singer GROUP BY singer.country", 1, 1),
        ("SELECT country, count(id) FROM singer GROUP BY country HAVING count(*) > 0", 1, 0),
        ("SELECT country, count(*) + 0.0 FROM singer GROUP BY country", 1, 0),
        ("SELECT country, count(*) OVER () FROM singer", 0, 0),
    ],
    "SELECT id FROM singer WHERE age = 25 UNION SELECT id FROM singer WHERE age = 30": [
        ("SELECT id FROM singer WHERE age = 30 UNION SELECT id FROM singer WHERE age = 25", 1, 1),
        (
            "(SELECT id FROM singer WHERE age = 25) UNION (SELECT id FROM singer WHERE age = 30)",
            0,
            1,
        ),
        (
            "SELECT id FROM singer WHERE age = 25 UNION ALL SELECT id FROM singer WHERE age = 30",
            1,
            0,
        ),
        ("SELECT id FROM singer WHERE age = 25 OR age = 30", 1, 0),
        ("SELECT DISTINCT id FROM singer WHERE age IN (25, 30)", 1, 0),
    ],
    "SELECT value FROM concert": [
        ("SELECT value FROM concert", 0, 0),
        ("SELECT concert.value FROM concert", 1, 1),
    ],
    "SELECT avg(age) FROM singer": [
        ("SELECT sum(age) / count(*) FROM singer", 0, 0),
        ("SELECT sum(age) * 1.0 / count(*) FROM singer", 1, 0),
    ],
    "SELECT count(*) FROM singer": [
        ("SELECT count(DISTINCT name) FROM singer", 1, 0),
    ],
    "SELECT count(DISTINCT name) FROM singer": [
        ("SELECT count(name) FROM singer", 1, 1),
    ],
    "SELECT id FROM concert": [
        ("SELECT id * 1.0 FROM concert", 1, 0),
    ],
    "SELECT id, value FROM concert": [
        ("SELECT value, id FROM concert", 1, 1),
    ],
    "SELECT max(age) FROM singer": [
        ("SELECT age FROM singer ORDER BY age DESC LIMIT 1", 1, 0),
    ],
}
CASES = [(gold, *case) for gold, cases in VERDICTS.items() for case in cases]


@pytest.fixture(scope="module")
def shows(tmp_path_factory):
    path = tmp_path_factory.mktemp("messy") / "shows.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(TABLES)
    connection.close()
    opened = open_database(path)
    yield opened
    opened.close()


@pytest.mark.parametrize(("gold", "predicted", "execution", "exact"), CASES)
def test_the_official_verdict(gold, predicted, execution, exact, shows):
    schema = schema_from_database(shows.schema(samples=0))
    found = spider_execution(gold, predicted, shows).equal
    matched = exact_set_match(gold, predicted, schema).exact
    assert (found, matched) == (bool(execution), bool(exact))
