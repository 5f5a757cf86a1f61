import json

import pytest

from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.core.plugins import DatasetOptions
from sqlkiln.data.jsonl import Jsonl

QUESTION = {"question": "How many?", "gold_sql": "SELECT 1", "db_id": "shop"}


def write(folder, *rows):
    path = folder / "mine.jsonl"
    lines = [line if isinstance(line, str) else json.dumps(line) for line in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def opened(questions=None, data=None, **options):
    return Jsonl.open(DatasetOptions(data, questions, **options))


def test_rows_become_examples(tmp_path):
    path = write(tmp_path, {**QUESTION, "id": "q1", "evidence": "hint"}, "", QUESTION)
    first, second = opened(path).examples()
    assert (first.id, first.db_id, first.evidence) == ("q1", "shop", "hint")
    assert (first.dataset, first.split) == ("jsonl", "mine")
    assert second.id == "mine-0003"


@pytest.mark.parametrize("field", ["gold_sql", "sql", "query", "SQL"])
def test_gold_has_several_names(tmp_path, field):
    path = write(tmp_path, {"question": "?", "db_id": "shop", field: "SELECT 2"})
    assert opened(path).examples()[0].gold_sql == "SELECT 2"


@pytest.mark.parametrize(
    "place", ["shop/shop.sqlite", "shop.sqlite", "shop.db", "shop.duckdb", "shop/shop.db"]
)
@pytest.mark.parametrize("apart", [True, False], ids=["--data", "beside the file"])
def test_databases_are_found_by_name(tmp_path, place, apart):
    data = tmp_path / "data" if apart else tmp_path
    (data / place).parent.mkdir(parents=True, exist_ok=True)
    (data / place).touch()
    dataset = opened(write(tmp_path, QUESTION), data if apart else None)
    assert dataset.database_path("shop") == data / place
    assert dataset.database_path("other") is None


@pytest.mark.parametrize("field", ["database", "db", "db_path"])
def test_databases_are_found_by_path(tmp_path, field):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "shop.csv").touch()
    row = {"question": "?", field: "deep/shop.csv"}
    dataset = opened(write(tmp_path, row, {**row, field: "gone.db"}))
    assert [e.db_id for e in dataset.examples()] == ["shop", "gone"]
    assert dataset.database_path("shop") == tmp_path / "deep" / "shop.csv"
    assert dataset.database_path("gone") is None


def test_the_split_names_the_file_where_only_a_folder_is_given(tmp_path):
    write(tmp_path, QUESTION)
    assert len(opened(data=tmp_path, split="mine").examples()) == 1
    with pytest.raises(DataError, match=r"no such file: .*dev\.jsonl"):
        opened(data=tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"mine\.jsonl:2: not JSON"),
        ("[1]", r"mine\.jsonl:2: not an object: found \[1\]"),
        ({"db_id": "shop"}, r"mine\.jsonl:2: no question: the row has db_id; add it"),
        ({"question": "  ", "db_id": "shop"}, r":2: no question"),
        ({"question": "?"}, r":2: no db_id or database or db or db_path: the row has question"),
        ({**QUESTION, "question": 3}, r":2: wrong field 'question': found 3; write text"),
        ({**QUESTION, "id": None}, r":2: wrong field 'id': found None"),
        ({**QUESTION, "id": "q1"}, r":2: id used before: 'q1'"),
        ({**QUESTION, "db_id": "a/b"}, r":2: wrong db_id: 'a/b' is a path"),
        (
            {"question": "?", "db_id": "shop", "database": "other.db"},
            r":2: two databases of one name: 'shop' is shop\.db and other\.db",
        ),
    ],
)
def test_wrong_rows_are_named(tmp_path, line, message):
    path = write(tmp_path, {**QUESTION, "id": "q1", "database": "shop.db"}, line)
    with pytest.raises(DataError, match=message):
        opened(path).examples()


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match="no questions given for the dataset jsonl"):
        opened()
    with pytest.raises(DataError, match=r"no such file: .*x\.jsonl"):
        opened(tmp_path / "x.jsonl")
    with pytest.raises(DataError, match="no such folder"):
        opened(tmp_path / "x.jsonl", tmp_path / "nowhere")
    empty = write(tmp_path)
    with pytest.raises(DataError, match=r"mine\.jsonl: no questions in it"):
        opened(empty).examples()
    empty.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"mine\.jsonl: not UTF-8 text"):
        opened(empty).examples()
