import pytest

from sqlkiln.core.records import Column, DatabaseSchema, Table
from sqlkiln.prompt.needs import Needs, needs_of


def table(name, *columns):
    return Table(name=name, columns=tuple(Column(name=column) for column in columns))


SCHEMA = DatabaseSchema(
    db_id="music",
    dialect="sqlite",
    tables=(
        table("singer", "id", "Name", "country"),
        table("song", "id", "singer_id", "title"),
        table("venue", "id", "city"),
    ),
)


@pytest.mark.parametrize(
    ("sql", "tables", "columns"),
    [
        ("SELECT count(*) FROM singer", {"singer"}, set()),
        ("SELECT NAME FROM SINGER WHERE country = 'x'", {"singer"}, {"name", "country"}),
        (
            "SELECT T1.name FROM singer T1 JOIN song AS T2 ON T1.id = T2.singer_id",
            {"singer", "song"},
            {"name", "id", "singer_id"},
        ),
        ("SELECT * FROM venue", {"venue"}, {"id", "city"}),
        ("SELECT v.* FROM venue v", {"venue"}, {"id", "city"}),
        (
            "SELECT title FROM song WHERE singer_id IN (SELECT id FROM singer EXCEPT SELECT 1)",
            {"song", "singer"},
            {"title", "singer_id", "id"},
        ),
        ("WITH best AS (SELECT city FROM venue) SELECT city FROM best", {"venue"}, {"city"}),
        ("SELECT count(*) FROM singer JOIN song USING (id)", {"singer", "song"}, {"id"}),
        (
            "SELECT title FROM singer NATURAL JOIN song",
            {"singer", "song"},
            {"id", "name", "country", "singer_id", "title"},
        ),
        ("SELECT a FROM elsewhere", set(), set()),
    ],
)
def test_finds_the_tables_and_columns_of_a_statement(sql, tables, columns):
    assert needs_of(SCHEMA, sql) == Needs(frozenset(tables), frozenset(columns))


def test_a_statement_that_cannot_be_read_needs_everything():
    needs = needs_of(SCHEMA, "SELECT FROM WHERE ((")
    assert needs.tables == {"singer", "song", "venue"}
    assert needs.columns == {"id", "name", "country", "singer_id", "title", "city"}


def test_several_statements_need_what_each_needs():
    both = needs_of(SCHEMA, "SELECT city FROM venue", "SELECT title FROM song")
    assert both == Needs(frozenset({"venue", "song"}), frozenset({"city", "title"}))
    assert needs_of(SCHEMA) == Needs()
