import json
from contextlib import closing

import pytest

from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.core.plugins import DatasetOptions, open_database
from sqlkiln.data.create_context import CreateContext

HEADS = "CREATE TABLE head (age INTEGER)"


def row(**fields):
    known = {"question": "How many?", "context": HEADS, "answer": "SELECT COUNT(*) FROM head"}
    return {name: value for name, value in (known | fields).items() if value is not None}


def write(folder, rows, name="spider_create_context_val.json"):
    (folder / name).write_text(rows if isinstance(rows, str) else json.dumps(rows))


def opened(data, **options):
    return CreateContext.open(DatasetOptions(data, **options))


def test_each_context_is_a_database_without_rows(tmp_path):
    other = HEADS.replace("age", "born")
    write(tmp_path, [row(db_id="staff"), row(db_id="staff"), row(db_id="staff", context=other)])
    dataset = opened(tmp_path)
    first, second, third = dataset.examples()
    assert (first.id, first.gold_sql, first.tags) == (
        "create_context-dev-0000",
        "SELECT COUNT(*) FROM head",
        ("schema_only",),
    )
    assert first.db_id.startswith("staff-")
    assert first.db_id == second.db_id != third.db_id
    with closing(open_database(dataset.database_path(third.db_id))) as database:
        (table,) = database.schema().tables
        assert (table.name, table.row_count, table.columns[0].name) == ("head", 0, "born")
    assert dataset.database_path("staff") is None


def test_the_original_file_names_no_databases(tmp_path):
    write(tmp_path, [row()], "sql_create_context_v4.json")
    (example,) = opened(tmp_path, split="train").examples()
    assert example.db_id.startswith("context-")
    assert example.split == "train"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("{", r"val\.json: not JSON"),
        ("[]", r"val\.json: not a list of questions"),
        ([3], r"row 0: not an object: found 3"),
        ([row(), row(context="")], r"row 1: no context: the row has question, context, answer"),
        ([row(question=None)], r"row 0: no question"),
        ([row(db_id="a/b")], r"row 0: wrong db_id: 'a/b' is a path"),
    ],
)
def test_wrong_rows_are_named(tmp_path, rows, message):
    write(tmp_path, rows)
    with pytest.raises(DataError, match=message):
        opened(tmp_path).examples()


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match="no folder given for the dataset create_context"):
        opened(None)
    with pytest.raises(DataError, match=r"no questions of split 'train': .* has no spider_create"):
        opened(tmp_path, split="train")


def test_every_real_context_can_be_built(shared):
    dataset = opened(shared("create_context") / "create_context")
    examples = dataset.examples()
    assert len(examples) == 568
    paths = {e.db_id: dataset.database_path(e.db_id) for e in examples}
    assert len(paths) == 492
    assert all(paths.values())
    assert len(opened(dataset.path.parent, split="train").examples()) == 3961
