"""What every registered metric must do, whoever registered it."""

import sqlite3

import pytest

from sqlkiln.core import plugins
from sqlkiln.core.plugins import Limits
from sqlkiln.core.records import Example, Verdict
from sqlkiln.evaluate.rows import MissingDatabase, compares_rows
from sqlkiln.scoring.verdicts import UNSCORED

GOLD = "SELECT name, age FROM pet WHERE age > 1 ORDER BY age"
GOLDS = (GOLD, "SELECT name FROM pet WHERE age > 1")
"""Not every metric can score the first: WikiSQL's knows no ORDER BY."""

HOSTILE = [
    "",
    "   ",
    ";",
    "not SQL at all",
    "SELECT",
    "SELECT nope FROM pet",
    "SELECT * FROM nowhere",
    "DROP TABLE pet",
    "DELETE FROM pet",
    "ATTACH 'x.db' AS x",
    "SELECT 1; SELECT 2",
    "SELECT name FROM pet WHERE name = '" + "x" * 10_000 + "'",
    "SELECT " + "(" * 2_000 + "1" + ")" * 2_000,
    "SELECT '\x00\ud800\N{SNOWMAN}'".encode("utf-8", "replace").decode(),
    "SELECT x'ff00', 9e999, NULL",
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x FROM c) SELECT count(*) FROM c",
    "```sql\nSELECT 1\n```",
]


@pytest.fixture(params=plugins.names("metrics"))
def name(request):
    return request.param


@pytest.fixture
def metric(name):
    return plugins.load("metrics", name)()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("metrics") / "pets.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE pet (name TEXT, age INTEGER); INSERT INTO pet VALUES ('Rex', 3), ('Tom', 1)"
    )
    connection.close()
    return path


@pytest.fixture(scope="module")
def database(path):
    database = plugins.open_database(path, Limits(timeout_s=0.5))
    yield database
    database.close()


def example(gold=GOLD):
    return Example(id="q7", db_id="pets", question="Which pets?", gold_sql=gold)


def check(verdict, name):
    assert isinstance(verdict, Verdict)
    assert (verdict.id, verdict.db_id, verdict.metric) == ("q7", "pets", name)
    assert 0.0 <= verdict.score
    assert verdict.score <= 1.0 or plugins.load("metrics", name).measures_speed
    assert verdict.reason.strip()
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict


def test_gold_is_right_wherever_it_can_be_scored(metric, name, database):
    verdicts = [metric.score(example(gold), gold, database) for gold in GOLDS]
    for verdict in verdicts:
        check(verdict, name)
        assert verdict.score == 1.0 or UNSCORED & set(verdict.flags)
    assert any(verdict.score for verdict in verdicts)


@pytest.mark.parametrize("gold", GOLDS)
def test_another_query_is_not_right(metric, name, database, gold):
    verdict = metric.score(example(gold), "SELECT name FROM pet", database)
    check(verdict, name)
    assert verdict.score < 1.0


def test_without_a_database_there_is_a_verdict_if_the_metric_needs_none(metric, name):
    if compares_rows(metric):
        return
    verdict = metric.score(example(GOLDS[1]), GOLDS[1], MissingDatabase("pets"))
    check(verdict, name)
    assert verdict.score == 1.0 or UNSCORED & set(verdict.flags)


@pytest.mark.parametrize("predicted", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_is_predicted_gets_a_verdict(metric, name, database, path, predicted):
    before = path.read_bytes()
    verdict = metric.score(example(), predicted, database)
    check(verdict, name)
    assert verdict.score < 1.0
    assert path.read_bytes() == before


@pytest.mark.parametrize("gold", [None, "SELECT nope FROM pet", "DROP TABLE pet", "not SQL"])
def test_whatever_the_gold_is_there_is_a_verdict(metric, name, database, gold):
    check(metric.score(example(gold), "SELECT 1", database), name)


def test_the_same_question_gets_the_same_verdict(name, database):
    kind = plugins.load("metrics", name)
    one, other = (kind().score(example(), "SELECT age, name FROM pet", database) for _ in range(2))
    assert (one.score, one.reason, one.flags) == (other.score, other.reason, other.flags)
