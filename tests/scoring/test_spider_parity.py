"""Every verdict of the official scripts on four published systems, row by row."""

import json

import pytest

from sqlkiln.core.plugins import open_database
from sqlkiln.scoring.exact_match import exact_set_match
from sqlkiln.scoring.spider_execution import spider_execution
from sqlkiln.scoring.spider_schema import schema_from_database, schema_from_tables_json

SYSTEMS = ("graphix-t5-3b", "codes-1b", "dail-sql-gpt4", "c3")


@pytest.fixture(scope="module")
def examples(spider_data):
    return json.loads((spider_data / "dev.json").read_text())


@pytest.fixture(scope="module")
def schemas(spider_data):
    entries = json.loads((spider_data / "tables.json").read_text())
    return {entry["db_id"]: schema_from_tables_json(entry) for entry in entries}


@pytest.fixture(scope="module")
def databases(spider_data, examples):
    """The databases of Spider dev that exist, by db_id; wta_1 is not among them."""
    ids = sorted({example["db_id"] for example in examples})
    paths = {db_id: spider_data / "database" / db_id / f"{db_id}.sqlite" for db_id in ids}
    opened = {db_id: open_database(path) for db_id, path in paths.items() if path.exists()}
    yield opened
    for database in opened.values():
        database.close()


def predictions(folder, system):
    """The system's SQL and the official [exact match, execution] verdicts, row by row."""
    lines = (folder / f"{system}.sql").read_text().strip().split("\n")
    verdicts = json.loads((folder / f"{system}.rows.json").read_text())
    return [line.strip().split("\t")[0] for line in lines], verdicts


@pytest.mark.parametrize("system", SYSTEMS)
def test_exact_match_agrees_on_all_1034_rows(system, examples, schemas, predictions_data):
    predicted, official = predictions(predictions_data, system)
    assert len(examples) == len(predicted) == len(official) == 1034
    ours = [
        exact_set_match(example["query"], sql, schemas[example["db_id"]]).exact
        for example, sql in zip(examples, predicted, strict=True)
    ]
    assert [i for i, verdict in enumerate(official) if ours[i] != bool(verdict[0])] == []


@pytest.mark.parametrize("system", SYSTEMS)
def test_execution_agrees_on_all_972_rows(system, examples, databases, predictions_data):
    predicted, official = predictions(predictions_data, system)
    ours = {
        i: spider_execution(example["query"], predicted[i], databases[example["db_id"]]).equal
        for i, example in enumerate(examples)
        if example["db_id"] in databases
    }
    assert len(ours) == 972
    assert [i for i, verdict in ours.items() if verdict != bool(official[i][1])] == []


def test_gold_matches_itself_and_has_the_published_hardness(examples, schemas):
    levels = {"easy": 0, "medium": 0, "hard": 0, "extra": 0}
    for example in examples:
        found = exact_set_match(example["query"], example["query"], schemas[example["db_id"]])
        assert found.exact, example["query"]
        levels[found.hardness] += 1
    assert levels == {"easy": 248, "medium": 446, "hard": 174, "extra": 166}


def test_gold_executes_to_itself(examples, databases):
    for example in examples:
        if example["db_id"] in databases:
            gold = example["query"]
            assert spider_execution(gold, gold, databases[example["db_id"]]).equal, gold


def test_a_database_s_own_schema_says_the_same_as_tables_json(databases, schemas):
    assert len(databases) == 19
    for db_id, database in databases.items():
        found = schema_from_database(database.schema(samples=0))
        listed = {t: c for t, c in schemas[db_id].tables.items() if not t.startswith("sqlite_")}
        assert found.tables == listed
        assert found.key_of == schemas[db_id].key_of
