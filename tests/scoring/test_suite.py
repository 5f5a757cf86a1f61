import json
import shutil
import sqlite3
from contextlib import closing

import pytest

from sqlkiln.core.errors import DataError
from sqlkiln.core.files import sha256_file
from sqlkiln.core.plugins import Limits, Metric, open_database
from sqlkiln.core.records import Example
from sqlkiln.scoring import suite as suites
from sqlkiln.scoring.metrics import ExecutionAccuracy
from sqlkiln.scoring.official_metrics import SpiderExecution
from sqlkiln.scoring.suite import (
    SUITE,
    DatabaseSuite,
    Instance,
    Instances,
    Suite,
    SuiteSummary,
    suite_score,
)

PETS = ((1, "Rex", 3), (2, "Tom", 5))
INSTANCES = (
    ((1, "Rex", 4), (2, "Rex", 9)),
    ((1, "Kim", 2),),
)
OLDER = "SELECT name FROM pet WHERE age > 3"


def make(path, rows, table="pet"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, name TEXT, age INT)")
        connection.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)
        connection.commit()
    return path


@pytest.fixture
def path(tmp_path):
    return make(tmp_path / "data" / "pets.sqlite", PETS)


@pytest.fixture
def folder(tmp_path, path):
    """A suite of two instances, written by hand."""
    folder = tmp_path / "suite"
    instances = []
    for number, rows in enumerate(INSTANCES, start=1):
        file = make(folder / "pets" / f"pets_{number:02}.sqlite", rows)
        size = file.stat().st_size
        instances.append(
            Instance(file=file.name, sha256=sha256_file(file), bytes=size, rows=len(rows), killed=1)
        )
    counts = {"golds": 1, "failed_golds": 0, "neighbours": 4, "killed_by_database": 1, "killed": 3}
    suite = DatabaseSuite(
        db_id="pets", database_sha256=sha256_file(path), seed=0, instances=instances, **counts
    )
    (folder / "pets" / SUITE).write_text(suite.model_dump_json())
    summary = SuiteSummary(
        dataset="jsonl",
        split="dev",
        questions_sha256="0" * 64,
        seed=0,
        databases={"pets": sha256_file(folder / "pets" / SUITE)},
        unreadable={},
        instances=2,
        bytes=1,
        **counts,
    )
    (folder / SUITE).write_text(summary.model_dump_json())
    return folder


@pytest.fixture
def database(path):
    with closing(open_database(path)) as database:
        yield database


@pytest.fixture
def instances(folder):
    with closing(Instances(Suite.open(folder), Limits(timeout_s=1.0))) as instances:
        yield instances


def example(gold=OLDER, db_id="pets"):
    return Example(id="q1", db_id=db_id, question="?", gold_sql=gold)


def test_right_everywhere_is_right(instances, database):
    verdict = suites.TestSuiteAccuracy(ExecutionAccuracy(), instances).score(
        example(), "SELECT name FROM pet WHERE age >= 4", database
    )
    assert (verdict.score, verdict.metric) == (1.0, "suite.strict")
    assert verdict.reason == "right on the database and on 2 instances"
    assert verdict.details["instances_passed"] == 2


def test_wrong_on_an_instance_is_wrong(instances, database):
    metric = suites.TestSuiteAccuracy(ExecutionAccuracy(), instances)
    verdict = metric.score(example(), "SELECT DISTINCT name FROM pet WHERE age > 3", database)
    assert verdict.score == 0.0
    assert verdict.reason.startswith("right on the database, wrong on pets_01.sqlite: same rows")
    assert (verdict.details["instance"], verdict.details["instances_passed"]) == (
        "pets_01.sqlite",
        0,
    )
    assert verdict.flags == ("duplicates_only",)
    later = metric.score(example(), "SELECT name FROM pet WHERE age <> 3", database)
    assert (later.details["instance"], later.details["instances_passed"]) == ("pets_02.sqlite", 1)


def test_wrong_on_the_database_needs_no_instance(instances, database, folder):
    shutil.rmtree(folder / "pets")
    metric = suites.TestSuiteAccuracy(ExecutionAccuracy(), instances)
    with pytest.raises(DataError, match=r"suite incomplete: .*suite\.json is missing; build"):
        metric.score(example(), OLDER, database)


def test_the_verdict_on_the_database_is_kept_where_it_is_wrong(instances, database):
    metric = suites.TestSuiteAccuracy(ExecutionAccuracy(), instances)
    verdict = metric.score(example(), "SELECT nope FROM pet", database)
    plain = ExecutionAccuracy().score(example(), "SELECT nope FROM pet", database)
    assert verdict == plain.model_copy(update={"metric": "suite.strict"})
    failed = metric.score(example("SELECT nope FROM pet"), OLDER, database)
    assert failed.flags == ("gold_failed",)


def test_the_rules_are_those_of_the_metric_inside(instances, database):
    metric = suites.TestSuiteAccuracy(SpiderExecution(), instances)
    assert isinstance(metric, Metric)
    verdict = metric.score(example(), "SELECT DISTINCT name FROM pet WHERE age > 3", database)
    assert (verdict.score, verdict.metric) == (1.0, "suite.spider")
    assert metric.score(example(), "SELECT name FROM pet", database).score == 0.0


def test_an_instance_on_which_the_gold_fails_is_passed_over(tmp_path, database):
    other = make(tmp_path / "other.sqlite", PETS, table="cat")
    with closing(open_database(other)) as without, closing(open_database(other)) as again:
        verdict = suite_score(example(), OLDER, [database, without, again], ExecutionAccuracy())
    assert verdict.score == 1.0
    assert verdict.reason == "right on the database and on 0 instances"
    assert verdict.flags == ("gold_failed_on_instance",)


def test_the_original_comes_first():
    with pytest.raises(ValueError, match="no databases to score on"):
        suite_score(example(), OLDER, [], ExecutionAccuracy())


def test_a_database_without_a_suite_does_not_count(instances, database):
    verdict = suites.TestSuiteAccuracy(ExecutionAccuracy(), instances).score(
        example(db_id="cars"), OLDER, database
    )
    assert (verdict.score, verdict.flags) == (0.0, ("no_suite",))
    assert verdict.reason == "the suite has nothing for database cars"


def test_instances_are_opened_once_and_closed_with_the_database(instances, database, tmp_path):
    opened = list(instances.of("pets", database))
    assert [one.path.name for one in opened] == ["pets_01.sqlite", "pets_02.sqlite"]
    assert list(instances.of("pets", database)) == opened
    other = make(tmp_path / "cars.sqlite", PETS)
    with closing(open_database(other)) as cars:
        assert instances.of("cars", cars) is None
    assert list(instances.of("pets", database)) != opened


# --------------------------------------------------------------------------- the folder


def test_a_suite_is_opened_by_its_folder_or_its_file(folder, path):
    names = ["pets_01.sqlite", "pets_02.sqlite"]
    for place in (folder, folder / SUITE):
        suite = Suite.open(place)
        assert [file.name for file in suite.instances("pets", path)] == names
        assert suite.instances("cars", path) is None
        assert suite.summary.neighbours == 4


def test_the_official_layout_works_as_well(tmp_path, path):
    make(tmp_path / "official" / "pets" / "pets.sqlite", PETS)
    make(tmp_path / "official" / "pets" / "petsv0.29.sqlite", INSTANCES[0])
    suite = Suite.open(tmp_path / "official")
    files = suite.instances("pets", path)
    assert [file.name for file in files] == ["pets.sqlite", "petsv0.29.sqlite"]
    assert suite.instances("cars", path) is None


def test_no_suite_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"no suite: .* holds neither suite\.json nor"):
        Suite.open(tmp_path / "nowhere")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(DataError, match=r"unfinished suite: .* goes on where it was"):
        Suite.open(tmp_path)


def test_an_instance_that_was_changed_is_an_error(folder, path):
    with closing(sqlite3.connect(folder / "pets" / "pets_02.sqlite")) as connection:
        connection.execute("DELETE FROM pet")
        connection.commit()
    with pytest.raises(DataError, match=r"suite changed: .*pets_02\.sqlite is not the file"):
        Suite.open(folder).instances("pets", path)


def test_a_manifest_that_was_changed_is_an_error(folder, path):
    manifest = json.loads((folder / "pets" / SUITE).read_text())
    manifest["instances"].pop()
    (folder / "pets" / SUITE).write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=r"suite changed: .*suite\.json is not the file"):
        Suite.open(folder).instances("pets", path)


def test_a_missing_instance_is_an_error(folder, path):
    (folder / "pets" / "pets_01.sqlite").unlink()
    with pytest.raises(DataError, match=r"suite incomplete: .*pets_01\.sqlite is missing"):
        Suite.open(folder).instances("pets", path)


def test_the_suite_of_another_database_is_an_error(folder, tmp_path):
    other = make(tmp_path / "other" / "pets.sqlite", INSTANCES[0])
    with pytest.raises(DataError, match=r"suite of another database: .* build the suite again"):
        Suite.open(folder).instances("pets", other)
