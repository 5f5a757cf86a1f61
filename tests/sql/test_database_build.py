from contextlib import closing

import pytest

from sqlkiln.core.errors import DataError
from sqlkiln.core.plugins import open_database
from sqlkiln.sql import database_build
from sqlkiln.sql.database_build import create_sqlite, read_stamp

DDL = """
CREATE TABLE owner (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE "my ""pet" (id INTEGER PRIMARY KEY, owner INTEGER REFERENCES owner(id), kg REAL);
"""
PET = 'my "pet'
ROWS = {"owner": [(1, "Zoë")], PET: [(1, 1, 3.5), (2, None, None)]}


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "deep" / "pets.sqlite"
    create_sqlite(path, DDL, ROWS)
    with closing(open_database(path)) as database:
        assert database.execute('SELECT * FROM "my ""pet"').rows == ((1, 1, 3.5), (2, None, None))
        assert database.execute("SELECT name FROM owner").rows == (("Zoë",),)
    assert [file.name for file in path.parent.iterdir()] == ["pets.sqlite"]


def test_the_same_rows_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        create_sqlite(tmp_path / name, DDL, ROWS, application_id=5, user_version=6)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("stamp", [(0, 0), (0x73716B6E, 2**31 - 1), (-5, 1)])
def test_the_stamp_comes_back(tmp_path, stamp):
    path = tmp_path / "pets.sqlite"
    create_sqlite(path, DDL, ROWS, application_id=stamp[0], user_version=stamp[1])
    assert read_stamp(path) == stamp


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0", b"x" * 200])
def test_what_is_no_database_has_no_stamp(tmp_path, content):
    path = tmp_path / "x"
    path.write_bytes(content)
    assert read_stamp(path) is None


def test_a_stamp_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match=r"cannot read: .*: Is a directory; check the path"):
        read_stamp(tmp_path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({PET: [(1, 7, 1.0)]}, "a row of 'my \"pet' refers to a row that is not in 'owner'"),
        ({"owner": [(1, None)]}, "NOT NULL constraint failed: owner.name"),
        ({"owner": [(1, "a", "b")]}, "Incorrect number of bindings"),
        ({"owners": [(1, "a")]}, "no such table: owners"),
    ],
)
def test_wrong_rows_leave_the_file_as_it_was(tmp_path, rows, message):
    path = tmp_path / "pets.sqlite"
    path.write_text("old")
    with pytest.raises(DataError, match=message):
        create_sqlite(path, DDL, rows)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["pets.sqlite"]


def test_a_script_may_bring_its_rows(tmp_path):
    path = tmp_path / "pets.sqlite"
    script = (
        "PRAGMA page_size = 512; PRAGMA user_version = 9; BEGIN;"
        "CREATE TABLE pet (name); INSERT INTO pet VALUES ('Rex');"
    )
    create_sqlite(path, script, {"pet": [("Tom",)]})
    with closing(open_database(path)) as database:
        assert database.execute("SELECT name FROM pet").rows == (("Rex",), ("Tom",))
    assert path.stat().st_size == 2 * 512
    assert read_stamp(path) == (0, 0)


@pytest.mark.parametrize("script", ["ATTACH '{}' AS other", "CREATE TABLE t (x); VACUUM INTO '{}'"])
def test_a_script_cannot_reach_another_file(tmp_path, script):
    other = tmp_path / "other.sqlite"
    with pytest.raises(DataError, match=r"cannot build .*: (not authorized|authorization denied)"):
        create_sqlite(tmp_path / "pets.sqlite", script.format(other), {})
    assert list(tmp_path.iterdir()) == []


def test_a_script_cannot_go_on_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(database_build, "SCRIPT_S", 0.2)
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"
    with pytest.raises(DataError, match=r"cannot build .*: interrupted"):
        create_sqlite(tmp_path / "pets.sqlite", f"CREATE TABLE t AS {endless}", {})
