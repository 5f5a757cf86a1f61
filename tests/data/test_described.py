import pytest

from sqlkiln.core.errors import DataError
from sqlkiln.data.described import described_schema
from sqlkiln.data.spider import Spider

ENTRY = {
    "db_id": "home",
    "table_names_original": ["Owner", "Pet"],
    "column_names_original": [[-1, "*"], [0, "id"], [0, "city"], [1, "id"], [1, "owner_id"]],
    "column_types": ["text", "number", "text", "number", "number"],
    "primary_keys": [1, [3]],
    "foreign_keys": [[4, 1]],
}


def test_an_entry_tells_tables_columns_and_keys():
    schema = described_schema(ENTRY, "spider/home")
    assert (schema.db_id, schema.dialect) == ("spider/home", "sqlite")
    owner, pet = schema.tables
    assert [(c.name, c.type, c.primary_key) for c in owner.columns] == [
        ("id", "NUMBER", True),
        ("city", "TEXT", False),
    ]
    assert [c.name for c in pet.columns] == ["id", "owner_id"]
    (key,) = pet.foreign_keys
    assert (key.columns, key.ref_table, key.ref_columns) == (("owner_id",), "Owner", ("id",))
    assert owner.row_count is None


def test_a_wrong_entry_is_named():
    with pytest.raises(
        DataError, match=r"tables\.json: wrong entry of 'spider/home': .*IndexError"
    ):
        described_schema(ENTRY | {"foreign_keys": [[9, 1]]}, "spider/home")
    with pytest.raises(DataError, match="wrong entry of 'x': KeyError"):
        described_schema({}, "x")


def test_real_entries_have_the_tables_and_columns_of_their_databases(spider_data):
    from contextlib import closing

    from sqlkiln.core.plugins import DatasetOptions, open_database

    spider = Spider.open(DatasetOptions(spider_data))
    path = spider.database_path("concert_singer")
    with closing(open_database(path)) as database:
        real = database.schema()
    told = described_schema(spider.table_entries()["concert_singer"], "concert_singer")

    def names(schema):
        return {t.name: [c.name for c in t.columns] for t in schema.tables}

    assert names(told) == names(real)
