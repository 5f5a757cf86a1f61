import pytest

from sqlkiln.core.errors import DataError
from sqlkiln.core.records import Column, DatabaseSchema, ForeignKey, Table
from sqlkiln.scoring.spider_schema import schema_from_database, schema_from_tables_json

ENTRY = {
    "db_id": "shows",
    "table_names_original": ["Singer", "Concert"],
    "column_names_original": [[-1, "*"], [0, "ID"], [0, "Name"], [1, "Singer_ID"], [1, "Year"]],
    "foreign_keys": [[3, 1]],
}


def table(name, *columns, keys=(), kind="table"):
    return Table(
        name=name,
        columns=tuple(Column(name=column) for column in columns),
        foreign_keys=tuple(
            ForeignKey(columns=(a,), ref_table=b, ref_columns=(c,)) for a, b, c in keys
        ),
        kind=kind,
    )


def database(*tables):
    return DatabaseSchema(db_id="d", dialect="sqlite", tables=tables)


def test_a_database_gives_lower_case_names_and_leaves_views_out():
    schema = schema_from_database(
        database(table("Singer", "ID", "Name"), table("Young", "ID", kind="view"))
    )
    assert schema.tables == {"singer": ("id", "name")}
    assert schema.key_of == {}


def test_tied_columns_go_by_the_first_of_them_in_the_schema():
    singer = table("Singer", "ID", "Name")
    concert = table("Concert", "Year", "Singer_ID", keys=[("Singer_ID", "singer", "id")])
    assert schema_from_database(database(singer, concert)).key_of == {
        "singer.id": "singer.id",
        "concert.singer_id": "singer.id",
    }
    assert schema_from_database(database(concert, singer)).key_of == {
        "singer.id": "concert.singer_id",
        "concert.singer_id": "concert.singer_id",
    }


def test_keys_to_the_same_column_form_one_group():
    schema = schema_from_database(
        database(
            table("a", "id"),
            table("b", "a_id", keys=[("a_id", "a", "id")]),
            table("c", "a_id", keys=[("a_id", "a", "id")]),
        )
    )
    assert schema.key_of == {"a.id": "a.id", "b.a_id": "a.id", "c.a_id": "a.id"}


def test_a_key_that_links_two_groups_does_not_merge_them_as_in_the_official_script():
    schema = schema_from_database(
        database(
            table("a", "x"),
            table("b", "x", keys=[("x", "a", "x")]),
            table("c", "x"),
            table("d", "x", keys=[("x", "c", "x")]),
            table("e", "b_x", "c_x"),
            table("f", "x", keys=[("x", "b", "x"), ("x", "c", "x")]),
        )
    )
    # f.x joins the first group; c.x is then found there first, and stays in its own group too,
    # whose name it keeps because that group is named last.
    assert schema.key_of == {
        "a.x": "a.x",
        "b.x": "a.x",
        "f.x": "a.x",
        "c.x": "c.x",
        "d.x": "c.x",
    }


def test_a_key_to_nowhere_is_left_out():
    schema = schema_from_database(
        database(
            table("b", "a_id", "c_id", keys=[("a_id", "gone", "id"), ("c_id", "c", "gone")]),
            table("c", "id"),
        )
    )
    assert schema.key_of == {}


def test_tables_json_gives_the_same_as_the_database():
    schema = schema_from_tables_json(ENTRY)
    assert schema.tables == {"singer": ("id", "name"), "concert": ("singer_id", "year")}
    assert schema.key_of == {"singer.id": "singer.id", "concert.singer_id": "singer.id"}
    assert schema == schema_from_database(
        database(
            table("Singer", "ID", "Name"),
            table("Concert", "Singer_ID", "Year", keys=[("Singer_ID", "Singer", "ID")]),
        )
    )


def test_keys_can_be_taken_from_elsewhere():
    without = schema_from_database(
        database(table("Singer", "ID", "Name"), table("Concert", "Singer_ID", "Year"))
    )
    assert without.with_keys_of(schema_from_tables_json(ENTRY)) == schema_from_tables_json(ENTRY)


def test_tables_that_sqlite_keeps_for_itself_come_with_the_keys():
    found = schema_from_database(database(table("Singer", "ID")))
    entry = ENTRY | {
        "table_names_original": ["Singer", "sqlite_sequence", "Gone"],
        "column_names_original": [[-1, "*"], [0, "Other"], [1, "name"], [1, "seq"], [2, "x"]],
        "foreign_keys": [],
    }
    both = found.with_keys_of(schema_from_tables_json(entry))
    assert both.tables == {"singer": ("id",), "sqlite_sequence": ("name", "seq")}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"foreign_keys": [[3, 9]]}, "IndexError"),
        ({"foreign_keys": [[3]]}, "ValueError"),
        ({"column_names_original": None}, "TypeError"),
        ({"column_names_original": [[5, "x"]]}, "IndexError"),
    ],
)
def test_a_wrong_entry_of_tables_json_is_refused(change, found):
    with pytest.raises(DataError, match=f"not an entry of tables.json: {found}.*it needs"):
        schema_from_tables_json(ENTRY | change)


def test_an_entry_without_its_keys_is_refused():
    with pytest.raises(DataError, match="KeyError 'foreign_keys'"):
        schema_from_tables_json({k: v for k, v in ENTRY.items() if k != "foreign_keys"})
