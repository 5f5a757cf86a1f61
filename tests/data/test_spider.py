import json

import pytest

from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.core.plugins import DatasetOptions
from sqlkiln.data.spider import Spider


@pytest.fixture
def folder(tmp_path):
    """A folder in Spider's layout with two questions, one of them over a missing database."""
    write(tmp_path / "dev.json", [row(), row(question="And dogs?", db_id="dogs")])
    touch(tmp_path / "database" / "pets" / "pets.sqlite")
    return tmp_path


def row(**fields):
    known = {"question": "How many pets?", "db_id": "pets", "query": "SELECT count(*) FROM pet"}
    return {name: value for name, value in (known | fields).items() if value is not None}


def write(path, rows):
    path.write_text(json.dumps(rows))


def touch(path):
    path.parent.mkdir(parents=True)
    path.touch()


def opened(data, **options):
    return Spider.open(DatasetOptions(data, **options))


def test_questions_come_in_file_order_with_stable_ids(folder):
    first, second = opened(folder).examples()
    assert (first.id, first.db_id, first.gold_sql) == (
        "spider-dev-0000",
        "pets",
        "SELECT count(*) FROM pet",
    )
    assert (first.dataset, first.split, first.evidence) == ("spider", "dev", "")
    assert (second.id, second.question) == ("spider-dev-0001", "And dogs?")


def test_a_missing_database_is_none(folder):
    spider = opened(folder)
    assert spider.database_path("pets") == folder / "database" / "pets" / "pets.sqlite"
    assert spider.database_path("dogs") is None


def test_train_is_both_files_of_either_name(folder):
    write(folder / "train_spider_min.json", [row()])
    write(folder / "train_others.json", [row(question="2?")])
    ids = [(e.id, e.question) for e in opened(folder, split="train").examples()]
    assert ids == [("spider-train-0000", "How many pets?"), ("spider-train-0001", "2?")]


@pytest.mark.parametrize("beside", [True, False])
def test_a_file_of_questions_gives_the_split_its_name(folder, beside):
    path = folder / "hard.json"
    write(path, [row()])
    given = path.relative_to(folder) if beside else path
    (example,) = opened(folder, questions=given).examples()
    assert (example.id, example.split) == ("spider-hard-0000", "hard")


def test_the_gold_of_spider_is_not_its_parse(folder):
    write(folder / "dev.json", [row(query="SELECT 1", sql={"select": []})])
    assert opened(folder).examples()[0].gold_sql == "SELECT 1"


@pytest.mark.parametrize("gold", [None, "", "  "])
def test_gold_may_be_unknown(folder, gold):
    write(folder / "dev.json", [row(query=gold)])
    assert opened(folder).examples()[0].gold_sql is None


def test_names_of_bird_work_too(folder):
    bird = row(query=None, SQL="SELECT 2", evidence="two", question_id=1471, difficulty="simple")
    write(folder / "mini_dev.json", [bird])
    touch(folder / "dev_databases" / "cards" / "cards.sqlite")
    spider = opened(folder, questions=folder / "mini_dev.json")
    (example,) = spider.examples()
    assert (example.id, example.gold_sql) == ("spider-mini_dev-1471", "SELECT 2")
    assert (example.evidence, example.tags) == ("two", ("simple",))
    assert spider.database_path("cards").name == "cards.sqlite"


@pytest.mark.parametrize("numbers", [(4, 4), (4, None), (4, "5"), (4, []), (4, True)])
def test_without_a_number_of_its_own_for_every_row_the_place_counts(folder, numbers):
    write(folder / "dev.json", [row(question_id=number) for number in numbers])
    assert [e.id for e in opened(folder).examples()] == ["spider-dev-0000", "spider-dev-0001"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("nothing", r"dev\.json: not JSON"),
        ("{}", r"dev\.json: not a list of questions"),
        ("[]", r"dev\.json: not a list of questions"),
        ("[3]", r"dev\.json: row 0: not an object: found 3"),
        ([row(), row(question=None)], r"dev\.json: row 1: no question: the row has db_id, query"),
        ([row(db_id="")], r"row 0: no db_id"),
        ([row(db_id="../secret")], r"row 0: wrong db_id: '../secret' is a path"),
        ([row(query=7)], r"row 0: wrong field 'query': found 7; write text"),
    ],
)
def test_wrong_rows_are_named(folder, rows, message):
    text = rows if isinstance(rows, str) else json.dumps(rows)
    (folder / "dev.json").write_text(text)
    with pytest.raises(DataError, match=message):
        opened(folder).examples()


def test_what_is_not_there_is_named(folder):
    with pytest.raises(UsageError, match="no folder given for the dataset spider; add --data"):
        opened(None)
    with pytest.raises(DataError, match=r"no such folder: .*nowhere"):
        opened(folder / "nowhere")
    with pytest.raises(DataError, match=r"no questions of split 'test': .* has no test\.json"):
        opened(folder, split="test")
    with pytest.raises(DataError, match=r"no such file: x\.json; check --questions"):
        opened(folder, questions=folder.joinpath("x.json").relative_to(folder))


def test_the_real_dev_split_has_972_questions_with_a_database(spider_data):
    spider = opened(spider_data)
    examples = spider.examples()
    assert len(examples) == 1034
    there = [e for e in examples if spider.database_path(e.db_id)]
    assert len(there) == 972
    assert {e.db_id for e in examples} - {e.db_id for e in there} == {"wta_1"}
    assert len(opened(spider_data, split="train").examples()) == 8659


@pytest.mark.parametrize("name", ["tables.json", "dev_tables.json"])
def test_tables_json_is_read_by_db_id(folder, name):
    assert opened(folder).table_entries() == {}
    write(folder / name, [{"db_id": "dogs", "table_names_original": ["dog"]}])
    assert opened(folder).table_entries()["dogs"]["table_names_original"] == ["dog"]


def test_a_tables_json_of_another_form_is_refused(folder):
    write(folder / "tables.json", {"dogs": []})
    with pytest.raises(DataError, match=r"tables\.json: not a list of objects"):
        opened(folder).table_entries()
