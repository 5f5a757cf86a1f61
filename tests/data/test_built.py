from contextlib import closing

import pytest

from sqlkiln.core.plugins import open_database
from sqlkiln.data.built import Scripts, build_database, merge_tables

PET = "CREATE TABLE pet (name TEXT)"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SQLKILN_CACHE_DIR", str(tmp_path))
    return tmp_path


def columns(path):
    with closing(open_database(path)) as database:
        return {t.name: [c.name for c in t.columns] for t in database.schema().tables}


def test_a_database_is_built_once_for_its_content(cache):
    path = build_database("pets", "home", PET, {"pet": [("Rex",)]})
    assert path.name == "home.sqlite"
    assert path.parents[1] == cache / "pets"
    written = path.stat().st_mtime_ns
    assert build_database("pets", "home", PET, {"pet": [("Rex",)]}) == path
    assert path.stat().st_mtime_ns == written
    other = build_database("pets", "home", PET, {"pet": [("Tom",)]})
    assert other != path
    with closing(open_database(other)) as database:
        assert database.execute("SELECT * FROM pet").rows == (("Tom",),)


def test_one_context_is_one_database():
    scripts = Scripts("pets")
    first = scripts.add_context("home", PET)
    assert scripts.add_context("home", PET) == first
    assert scripts.add_context("home", PET.replace("name", "age")) != first
    assert first.startswith("home-")
    assert columns(scripts.path(first)) == {"pet": ["name"]}
    assert scripts.path("home") is None


def test_tables_that_are_created_twice_become_one():
    context = (
        "CREATE TABLE Pet (id INTEGER, Name VARCHAR, name VARCHAR); "
        'CREATE TABLE pet (age INTEGER, ID VARCHAR); CREATE TABLE "my owner" (id VARCHAR)'
    )
    scripts = Scripts("pets")
    path = scripts.path(scripts.add_context("home", context))
    assert columns(path) == {"Pet": ["id", "Name", "age"], "my owner": ["id"]}


@pytest.mark.parametrize("script", ["CREATE TABEL pet", f"{PET}; INSERT INTO pet VALUES ('Rex')"])
def test_what_is_more_than_tables_is_not_merged(script):
    assert merge_tables(script) == script


def test_a_script_that_is_no_good_leaves_the_database_out(caplog):
    scripts = Scripts("pets")
    broken = scripts.add_context("home", "CREATE TABLE pet (")
    assert scripts.path(broken) is None
    assert "pets: left out: cannot build" in caplog.text
