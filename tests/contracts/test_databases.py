"""What every registered kind of database must do, whoever registered it."""

import csv
import hashlib
import sqlite3
from contextlib import closing

import duckdb
import pytest

from sqlkiln.core import plugins
from sqlkiln.core.errors import (
    DatabaseUnreadable,
    QueryError,
    QueryTimeout,
    ResourceExceeded,
    SQLSyntaxError,
    StatementRefused,
    UnknownName,
)
from sqlkiln.core.plugins import Database, Limits, QueryResult
from sqlkiln.core.records import DatabaseSchema

PEOPLE = [(1, "Ann", 31), (2, "Bo", 25), (3, "Cleo", None)]


def sqlite_file(folder):
    with closing(sqlite3.connect(folder / "crew.sqlite")) as connection, connection:
        connection.execute("CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, age INTEGER)")
        connection.executemany("INSERT INTO person VALUES (?, ?, ?)", PEOPLE)
    return folder / "crew.sqlite"


def duckdb_file(folder):
    with duckdb.connect(str(folder / "crew.duckdb")) as connection:
        connection.execute("CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, age INTEGER)")
        connection.executemany("INSERT INTO person VALUES (?, ?, ?)", PEOPLE)
    return folder / "crew.duckdb"


def csv_folder(folder):
    (folder / "crew").mkdir()
    with (folder / "crew" / "person.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "name", "age"), *PEOPLE])
    return folder / "crew"


MAKERS = [("sqlite", sqlite_file), ("duckdb", duckdb_file), ("duckdb", csv_folder)]


@pytest.fixture(params=MAKERS, ids=lambda pair: pair[1].__name__)
def made(request, tmp_path):
    """The name of a kind, and the path of a database of that kind."""
    name, make = request.param
    return name, make(tmp_path)


@pytest.fixture
def database(made):
    name, path = made
    opened = plugins.load("databases", name).open(path, Limits(timeout_s=10.0))
    yield opened
    opened.close()


def digests(path):
    files = path.rglob("*") if path.is_dir() else path.parent.iterdir()
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files if f.is_file()}


def test_every_registered_kind_is_under_test():
    assert {name for name, _ in MAKERS} >= set(plugins.names("databases"))


def test_it_is_found_by_path(made):
    name, path = made
    assert plugins.load("databases", name).accepts(path)
    opened = plugins.open_database(path)
    assert isinstance(opened, plugins.load("databases", name))
    opened.close()


def test_it_has_what_the_protocol_asks_for(database, made):
    name, path = made
    assert isinstance(database, Database)
    assert (database.path, database.db_id, database.dialect) == (path, "crew", name)


def test_it_tells_its_schema(database):
    schema = database.schema(samples=2)
    assert isinstance(schema, DatabaseSchema)
    (table,) = schema.tables
    assert (schema.db_id, schema.dialect) == ("crew", database.dialect)
    assert (table.name, table.kind, table.row_count) == ("person", "table", 3)
    assert [(c.name, c.samples) for c in table.columns] == [
        ("id", ("1", "2")),
        ("name", ("Ann", "Bo")),
        ("age", ("31", "25")),
    ]


def test_it_answers_reads(database):
    result = database.execute("SELECT name, age FROM person ORDER BY id")
    assert isinstance(result, QueryResult)
    assert result.columns == ("name", "age")
    assert result.rows == (("Ann", 31), ("Bo", 25), ("Cleo", None))
    assert not result.truncated


def test_it_cuts_rows_and_keeps_to_the_limits_of_one_call(database):
    sql = "SELECT id FROM person ORDER BY id"
    cut = database.execute(sql, Limits(max_rows=2))
    assert (cut.rows, cut.truncated) == (((1,), (2,)), True)
    assert not database.execute(sql).truncated
    with pytest.raises(ResourceExceeded, match="more than 2 bytes"):
        database.execute(sql, Limits(max_bytes=2))


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("DELETE FROM person", StatementRefused),
        ("DROP TABLE person", StatementRefused),
        ("CREATE TABLE x (a INTEGER)", StatementRefused),
        ("ATTACH 'x.db' AS x", StatementRefused),
        ("PRAGMA user_version = 1", StatementRefused),
        ("SELECT 1; DROP TABLE person", StatementRefused),
        ("EXPLAIN SELECT 1", StatementRefused),
        ("", StatementRefused),
        ("not SQL", SQLSyntaxError),
        ("SELECT * FROM nowhere", UnknownName),
        ("SELECT shoe_size FROM person", UnknownName),
        ("SELECT id FROM person WHERE", SQLSyntaxError),
        (ENDLESS, QueryTimeout),
    ],
)
def test_it_names_its_errors_and_goes_on(database, made, sql, error):
    before = digests(made[1])
    with pytest.raises(error, match=r": ") as caught:
        database.execute(sql, Limits(timeout_s=0.5))
    assert isinstance(caught.value, QueryError)
    assert database.execute("SELECT count(*) FROM person").rows == ((3,),)
    assert digests(made[1]) == before


def test_it_can_be_closed_twice_and_used_in_a_with_statement(made):
    name, path = made
    with plugins.load("databases", name).open(path, Limits()) as opened:
        opened.close()


@pytest.mark.parametrize("name", plugins.names("databases"))
def test_what_is_not_there_is_unreadable(name, tmp_path):
    path = tmp_path / "missing.bin"
    assert not plugins.load("databases", name).accepts(path)
    with pytest.raises(DatabaseUnreadable, match=r"no such database: .*missing.bin"):
        plugins.load("databases", name).open(path, Limits())
