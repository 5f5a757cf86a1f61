import sqlite3
from contextlib import closing

import pytest

from sqlkiln.core.errors import DatabaseUnreadable, DataError
from sqlkiln.core.files import parse_record, sha256_file
from sqlkiln.core.plugins import open_database
from sqlkiln.scoring.suite import SUITE, DatabaseSuite
from sqlkiln.scoring.suite_build import Apart, BuildOptions, build_suite

PETS = """
CREATE TABLE owner (id INTEGER PRIMARY KEY, name TEXT NOT NULL, town TEXT);
CREATE TABLE pet (id INTEGER PRIMARY KEY, name TEXT, age INT, owner INT REFERENCES owner(id));
INSERT INTO owner VALUES (1, 'Ann', 'Oslo'), (2, 'Bob', 'Rome');
INSERT INTO pet VALUES (1, 'Rex', 3, 1), (2, 'Tom', 5, 1), (3, 'Kim', 8, 2);
"""
GOLDS = (
    "SELECT name FROM pet WHERE age > 3",
    "SELECT town FROM owner",
    "SELECT T1.name, count(*) FROM owner AS T1 JOIN pet AS T2 ON T1.id = T2.owner GROUP BY T1.id",
    "SELECT name FROM pet ORDER BY age DESC LIMIT 1",
)


QUICK = BuildOptions(max_candidates=40, patience=10)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("pets") / "pets.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(PETS)
    return path


@pytest.fixture(scope="module")
def built(path, tmp_path_factory):
    folder = tmp_path_factory.mktemp("suite") / "pets"
    return folder, build_suite(path, GOLDS, folder, QUICK)


def test_the_suite_tells_more_apart_than_the_database(built):
    _, suite = built
    assert (suite.db_id, suite.golds, suite.failed_golds) == ("pets", 4, 0)
    assert suite.neighbours > 40
    assert suite.killed_by_database < 0.8 * suite.neighbours
    assert suite.killed > 0.9 * suite.neighbours


def test_every_instance_tells_something_apart_that_none_before_did(built):
    _, suite = built
    assert 2 <= len(suite.instances) <= 30
    assert all(instance.killed > 0 for instance in suite.instances)
    told = sum(instance.killed for instance in suite.instances)
    assert told == suite.killed - suite.killed_by_database


def test_the_manifest_describes_the_files(built, path):
    folder, suite = built
    files = sorted(file.name for file in folder.iterdir())
    assert files == [*(f"pets_{n:02}.sqlite" for n in range(1, len(files))), SUITE]
    assert parse_record((folder / SUITE).read_bytes(), DatabaseSuite, "") == suite
    assert suite.database_sha256 == sha256_file(path)
    for instance in suite.instances:
        assert instance.sha256 == sha256_file(folder / instance.file)
        assert instance.bytes == (folder / instance.file).stat().st_size < 50_000


@pytest.mark.parametrize(
    ("gold", "near_miss", "caught"),
    [
        (GOLDS[0], "SELECT name FROM pet WHERE age >= 4", False),
        (GOLDS[0], "SELECT name FROM pet WHERE age > 4", True),
        (GOLDS[1], "SELECT DISTINCT town FROM owner", True),
        (GOLDS[2], GOLDS[2].replace("GROUP BY T1.id", "GROUP BY T1.name"), True),
        (GOLDS[2], GOLDS[2].replace("count(*)", "count(T2.id)"), False),
        (GOLDS[3], "SELECT name FROM pet ORDER BY name LIMIT 1", True),
    ],
)
def test_near_misses_that_the_database_lets_pass_are_caught(built, path, gold, near_miss, caught):
    folder, suite = built
    with closing(open_database(path)) as database:
        assert Apart(database, gold).tells(near_miss) is False
    told = []
    for instance in suite.instances:
        with closing(open_database(folder / instance.file)) as database:
            told.append(Apart(database, gold).tells(near_miss))
    assert any(told) is caught


def test_the_same_seed_gives_the_same_bytes(built, path, tmp_path):
    folder, suite = built
    assert build_suite(path, GOLDS, tmp_path / "pets", QUICK) == suite
    for file in folder.iterdir():
        assert (tmp_path / "pets" / file.name).read_bytes() == file.read_bytes()
    other = build_suite(path, GOLDS, tmp_path / "pets", BuildOptions(seed=1, max_instances=1))
    assert other.instances[0].sha256 != suite.instances[0].sha256


def test_bounds_are_kept(path, tmp_path):
    few = build_suite(path, GOLDS, tmp_path / "a", BuildOptions(max_instances=1))
    assert len(few.instances) == 1
    none = build_suite(path, GOLDS, tmp_path / "b", BuildOptions(max_candidates=0))
    assert none.instances == ()
    assert none.killed == none.killed_by_database
    near = build_suite(path, GOLDS, tmp_path / "c", BuildOptions(max_neighbours=2, patience=1))
    assert near.neighbours <= 2 * len(GOLDS)


def test_golds_that_fail_are_counted_and_left_out(path, tmp_path):
    golds = [GOLDS[0], "SELECT nope FROM pet", "not SQL", "DELETE FROM pet"]
    suite = build_suite(path, golds, tmp_path / "pets", BuildOptions(max_candidates=2))
    assert (suite.golds, suite.failed_golds) == (1, 3)


def test_what_a_killed_build_left_is_replaced_and_nothing_else(path, tmp_path):
    folder = tmp_path / "pets"
    folder.mkdir()
    (folder / "pets_07.sqlite").write_bytes(b"half")
    (folder / "pets.sqlite").write_bytes(b"mine")
    suite = build_suite(path, GOLDS, folder, BuildOptions(max_instances=1))
    names = sorted(file.name for file in folder.iterdir())
    assert names == ["pets.sqlite", "pets_01.sqlite", SUITE]
    assert len(suite.instances) == 1
    assert (folder / "pets.sqlite").read_bytes() == b"mine"


def test_a_stopped_build_is_not_finished(path, tmp_path):
    asked = iter([False, True, True])
    assert build_suite(path, GOLDS, tmp_path / "pets", stopped=lambda: next(asked)) is None
    assert not (tmp_path / "pets" / SUITE).exists()


def test_the_database_is_left_as_it_was(built, path, tmp_path):
    before = path.read_bytes()
    build_suite(path, GOLDS, tmp_path / "pets", BuildOptions(max_candidates=1))
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["pets.sqlite"]


def test_other_engines_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n")
    with pytest.raises(DatabaseUnreadable, match="no test suite for a duckdb database"):
        build_suite(tmp_path / "a.csv", ["SELECT x FROM a"], tmp_path / "suite")


def test_views_are_there_too(tmp_path):
    path = tmp_path / "odd.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE t (a INT); INSERT INTO t VALUES (1), (2);"
            "CREATE VIEW first AS SELECT a FROM second; CREATE VIEW second AS SELECT a FROM t;"
        )
    suite = build_suite(path, ["SELECT a FROM first"], tmp_path / "odd", QUICK)
    assert suite.failed_golds == 0
    assert suite.killed > suite.killed_by_database


def test_a_schema_that_cannot_be_declared_anew_is_an_error(tmp_path):
    path = tmp_path / "odd.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute('CREATE TABLE t (a "order")')
    with pytest.raises(DataError, match=r'cannot build .*: near "order": syntax error'):
        build_suite(path, ["SELECT a FROM t"], tmp_path / "odd", QUICK)


@pytest.mark.parametrize(
    ("gold", "sql", "apart"),
    [
        ("SELECT name FROM pet", "SELECT name FROM pet ORDER BY age DESC", False),
        ("SELECT name FROM pet ORDER BY age", "SELECT name FROM pet ORDER BY age DESC", True),
        ("SELECT name FROM pet", "SELECT name, age FROM pet", True),
        ("SELECT name FROM pet", "SELECT nope FROM pet", None),
        ("SELECT nope FROM pet", "SELECT name FROM pet", None),
        ("SELECT owner FROM pet WHERE age < 0", "SELECT id FROM pet WHERE age < 0", False),
        ("SELECT 1 FROM pet ORDER BY owner LIMIT 1", "SELECT 1", False),
        ("SELECT id FROM pet ORDER BY owner LIMIT 1", "SELECT 2", False),
        ("SELECT id FROM pet ORDER BY owner LIMIT 1", "SELECT 3", True),
    ],
)
def test_apart_means_wrong_by_the_strict_rules(path, gold, sql, apart):
    with closing(open_database(path)) as database:
        assert Apart(database, gold).tells(sql) is apart
