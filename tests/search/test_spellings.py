import sqlite3
from contextlib import closing

import pytest

from sqlkiln.core import plugins
from sqlkiln.search.spellings import StoredSpellings
from sqlkiln.sql.values import open_index


@pytest.fixture
def known(tmp_path, monkeypatch):
    monkeypatch.setenv("SQLKILN_CACHE_DIR", str(tmp_path / "cache"))
    path = tmp_path / "bikes.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            CREATE TABLE station (id INTEGER PRIMARY KEY, name TEXT, borough TEXT, code TEXT);
            CREATE TABLE trip (id INTEGER PRIMARY KEY, origin INTEGER REFERENCES station(id),
                               kind TEXT);
            INSERT INTO station VALUES (1, 'Mill Lane', 'Camden', 'NO'),
                (2, 'Quay', 'Hackney', 'AB'), (3, 'Hackney', 'Leeds', 'Y');
            INSERT INTO trip VALUES (1, 1, 'Day Trip');
            """
        )
    database = plugins.open_database(path)
    yield StoredSpellings(database, open_index(database, database.schema()))
    database.close()


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("Camden", [("station", "borough", "Camden")]),
        ("camden", [("station", "borough", "Camden")]),
        ("day trip", [("trip", "kind", "Day Trip")]),
        ("Hackney", [("station", "borough", "Hackney"), ("station", "name", "Hackney")]),
        ("Oslo", []),
        ("NO", []),  # yes and no are no texts to look for
        ("y", []),
        ("ab", []),  # nor are short ones in another case
        ("AB", [("station", "code", "AB")]),
        ("", []),
        ("x" * 300, []),
    ],
)
def test_where_a_text_is_that_its_column_lacks(known, text, cells):
    assert sorted(known.elsewhere("trip", "origin", text)) == cells


def test_a_column_that_has_the_text_is_the_right_one(known):
    assert known.elsewhere("station", "borough", "Hackney") == ()
    assert known.elsewhere("station", "borough", "hackney") == ()


def test_without_an_index_nothing_is_known(known):
    bare = StoredSpellings(known._database)
    assert bare.elsewhere("trip", "origin", "Camden") == ()
