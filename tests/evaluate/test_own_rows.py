import json

import pytest

from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.core.plugins import DatasetOptions
from sqlkiln.data.jsonl import Jsonl
from sqlkiln.evaluate.own_rows import about_database


@pytest.fixture
def write(tmp_path):
    def rows(*given):
        path = tmp_path / "rows.jsonl"
        path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in given))
        return path

    return rows


def test_rows_need_not_say_which_database_they_are_about(shop, write):
    rows = write(
        {"question": "How many?", "gold_sql": "SELECT 1"},
        "",
        {"question": "Où?", "sql": "SELECT 2", "db_id": "shop"},
        {"question": "Who?", "gold_sql": "SELECT 3", "database": "elsewhere/shop.db", "id": "w"},
    )
    path, others = about_database(rows, shop)
    assert others == 0
    dataset = Jsonl.open(DatasetOptions(questions=path))
    assert [e.id for e in dataset.examples()] == ["rows-0001", "rows-0003", "w"]
    assert [e.gold_sql for e in dataset.examples()] == ["SELECT 1", "SELECT 2", "SELECT 3"]
    assert {e.db_id for e in dataset.examples()} == {"shop"}
    assert dataset.database_path("shop") == shop


def test_rows_about_others_are_left_out(shop, write):
    asked = {"question": "How many?", "gold_sql": "SELECT 1"}
    rows = write(asked, asked | {"db_id": "zoo"}, asked | {"db": "a/zoo.db"})
    path, others = about_database(rows, shop)
    assert others == 2
    assert len(path.read_text().splitlines()) == 1


def test_the_same_rows_are_the_same_file(shop, write):
    rows = write({"question": "How many?"})
    path, _ = about_database(rows, shop)
    assert about_database(rows, shop)[0] == path


def test_what_is_wrong_is_said(shop, write, tmp_path):
    with pytest.raises(DataError, match=r"cannot read: .*none\.jsonl.*; check --questions"):
        about_database(tmp_path / "none.jsonl", shop)
    with pytest.raises(UsageError, match=r"no question about shop\.sqlite in .*: it is empty"):
        about_database(write(""), shop)
    with pytest.raises(UsageError, match="1 are about others; write one JSON object a line"):
        about_database(write({"question": "?", "db_id": "zoo"}), shop)
    with pytest.raises(DataError, match=r"rows\.jsonl:1: not JSON: .*; correct or remove it"):
        about_database(write("{"), shop)
    with pytest.raises(DataError, match=r"rows\.jsonl:1: not an object: found \[1\]"):
        about_database(write("[1]"), shop)
