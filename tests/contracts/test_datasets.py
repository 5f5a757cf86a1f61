"""What every registered dataset must do, whoever registered it."""

import json
import sqlite3

import pytest

from sqlkiln.core import plugins
from sqlkiln.core.errors import UsageError
from sqlkiln.core.plugins import DatasetOptions
from sqlkiln.core.records import SCHEMA_ONLY, Verdict
from sqlkiln.core.store import execute_stage, read_jsonl
from sqlkiln.evaluate.score import STAGE, EvaluateConfig

NAMES = plugins.names("datasets")


def make_database(path):
    path.parent.mkdir(parents=True)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE pet (name TEXT)")
    connection.close()


def spider(folder):
    rows = [{"question": "How many?", "db_id": db, "query": "SELECT 1"} for db in ("pets", "gone")]
    (folder / "dev.json").write_text(json.dumps(rows))
    make_database(folder / "database" / "pets" / "pets.sqlite")
    return DatasetOptions(folder)


def jsonl(folder):
    path = folder / "mine.jsonl"
    path.write_text('{"question": "How many?", "db_id": "pets"}\n{"question": "?", "db": "x.db"}')
    make_database(folder / "pets" / "pets.sqlite")
    return DatasetOptions(questions=path)


def bird(folder):
    row = {"question_id": 0, "db_id": "pets", "evidence": "", "difficulty": "simple"}
    rows = [{**row, "question": "How many?", "SQL": "SELECT COUNT(*) FROM pet"}]
    (folder / "dev.json").write_text(json.dumps(rows))
    make_database(folder / "dev_databases" / "pets" / "pets.sqlite")
    return DatasetOptions(folder)


def wikisql(folder):
    form = {"sel": 0, "agg": 3, "conds": [[0, 0, "Rex"]]}
    rows = [{"table_id": i, "question": "How many?", "sql": form} for i in ("1-1-1", "1-1-2")]
    (folder / "dev.jsonl").write_text("\n".join(map(json.dumps, rows)))
    table = {"id": "1-1-1", "header": ["Name"], "types": ["text"], "rows": [["Rex"]]}
    (folder / "dev.tables.jsonl").write_text(json.dumps(table))
    return DatasetOptions(folder)


def create_context(folder):
    row = {"question": "How many?", "context": "CREATE TABLE pet (name VARCHAR)"}
    rows = [{**row, "answer": "SELECT COUNT(*) FROM pet", "db_id": "pets"}]
    (folder / "spider_create_context_val.json").write_text(json.dumps(rows))
    return DatasetOptions(folder)


def b1(folder):
    row = {"question": "How many?", "gold_sql": "SELECT COUNT(*) FROM pet;"}
    public = {**row, "id": "public-1", "schema": "CREATE TABLE pet (name VARCHAR)"}
    lines = [json.dumps(public), json.dumps({**row, "id": "shop-1", "domain": "shop"})]
    (folder / "sql-routed-mixed-v1").mkdir()
    (folder / "sql-routed-mixed-v1" / "mixed114.jsonl").write_text("\n".join(lines))
    return DatasetOptions(folder)


LAID_OUT = {
    "spider": spider,
    "jsonl": jsonl,
    "bird": bird,
    "wikisql": wikisql,
    "create_context": create_context,
    "b1": b1,
}
"""How to make a small one; a dataset that is not here must open without being told anything."""


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("SQLKILN_CACHE_DIR", str(folder))


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.fixture
def options(name, tmp_path):
    return LAID_OUT[name](tmp_path) if name in LAID_OUT else DatasetOptions()


@pytest.fixture
def dataset(name, options):
    return plugins.load("datasets", name).open(options)


def test_it_knows_its_name(dataset, name):
    assert isinstance(dataset, plugins.Dataset)
    assert dataset.name == name


def test_examples_are_whole(dataset, name):
    examples = dataset.examples()
    assert examples
    assert len({example.id for example in examples}) == len(examples)
    for example in examples:
        assert example.dataset == name
        assert example.split
        assert example.id.strip()
        assert example.question.strip()
        assert example.db_id.strip()
        assert example.gold_sql is None or example.gold_sql.strip()


def test_examples_are_the_same_each_time(dataset, name, options):
    again = plugins.load("datasets", name).open(options)
    assert list(again.examples()) == list(dataset.examples()) == list(dataset.examples())


def test_databases_are_there_or_none(dataset):
    paths = [dataset.database_path(example.db_id) for example in dataset.examples()]
    assert any(paths)
    assert all(path is None or path.exists() for path in paths)
    assert dataset.database_path("no such database") is None


def test_a_database_that_is_there_opens(dataset):
    path = next(filter(None, (dataset.database_path(e.db_id) for e in dataset.examples())))
    database = plugins.open_database(path)
    assert database.schema().tables
    database.close()


def test_a_folder_that_is_not_there_is_refused(name, tmp_path):
    options = DatasetOptions(tmp_path / "nowhere", tmp_path / "nowhere" / "x.json")
    with pytest.raises(UsageError, match="nowhere"):
        plugins.load("datasets", name).open(options).examples()


def test_a_split_that_is_not_there_is_refused(name, options):
    asked = DatasetOptions(options.data, None, "no-such-split")
    with pytest.raises(UsageError, match=r"no-such-split|no questions given"):
        plugins.load("datasets", name).open(asked).examples()


def test_gold_is_right_by_every_metric_that_can_tell(dataset, name, options, tmp_path):
    examples = [e for e in dataset.examples() if dataset.database_path(e.db_id)][:20]
    golds = {e.id: e.gold_sql for e in examples}
    (tmp_path / "gold.json").write_text(json.dumps(golds))
    config = EvaluateConfig(
        dataset=name,
        data=options.data,
        questions=options.questions,
        predictions=tmp_path / "gold.json",
        metrics=("execution.strict", "string"),
    )
    execute_stage(STAGE, config, (), tmp_path / "run")
    verdicts = {
        (v.id, v.metric): v for v in read_jsonl(tmp_path / "run" / "verdicts.jsonl", Verdict)
    }
    for example in examples:
        text, rows = (verdicts[example.id, metric] for metric in config.metrics[::-1])
        if example.gold_sql is None:
            assert text.flags == rows.flags == ("no_gold",)
        elif SCHEMA_ONLY in example.tags:
            assert (text.score, rows.flags) == (1.0, ("no_rows",))
        elif "gold_failed" not in rows.flags:
            assert text.score == rows.score == 1.0
