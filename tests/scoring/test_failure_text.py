import pytest

from sqlkiln.core.records import Column, DatabaseSchema, Table
from sqlkiln.scoring.failure_text import (
    has_prose_around,
    is_attempt,
    is_prose,
    is_wrapped_in_prose,
    query_in,
)

COLUMNS = tuple(Column(name=name) for name in ("name", "paragraph_text", "first song"))
SCHEMA = DatabaseSchema(
    db_id="d", dialect="sqlite", tables=(Table(name="singer", columns=COLUMNS),)
)

SQL = "SELECT name FROM singer WHERE name = 'The one that you like'"


@pytest.mark.parametrize(
    "sql",
    [SQL, f"({SQL})", f"{SQL};", f"{SQL} UNION {SQL}", "WITH a AS (SELECT 1) SELECT * FROM a"],
)
def test_a_query_is_a_select_or_a_set_operation(sql):
    assert query_in(sql, "sqlite")


@pytest.mark.parametrize(
    "sql",
    ["", "VALUES (1)", "DELETE FROM singer", "singer", "SELECT FROM FROM", "EXPLAIN SELECT 1"],
)
def test_all_else_is_no_query(sql):
    assert query_in(sql, "sqlite") is None


PROSE = [
    "This query returns the names.",
    "I cannot answer that question",
    "To see them, look at the paragraph_text column of the singer table.",
    "Es gibt keine Daten dazu",
]
NO_PROSE = [
    "",
    SQL,
    "SELECT paragraph_text, AVG(name) FROM singer GROUP BY paragraph_text ODER BY 1",
    "-- this is the query that you want\nSELECT 1",
    "/* the names that we look for */",
    "<think>The user wants the names that he likes</think>",
    "```sql\n```",
    "singer(name, paragraph_text)",
]  # fmt: skip


@pytest.mark.parametrize("text", PROSE)
def test_sentences_are_prose(text):
    assert is_prose(text, SCHEMA)


@pytest.mark.parametrize("text", NO_PROSE)
def test_sql_comments_fences_and_thoughts_are_not(text):
    assert not is_prose(text, SCHEMA)


WRAPPED = [
    f"{SQL}\nThis query returns the names.",
    f"{SQL} This query returns the names.",
    f"Here is the query: {SQL}",
    f"The SELECT statement that you need is:\n{SQL};\nIt returns names.",
    f"```sql\n{SQL}\n``` gives you the names",
]


@pytest.mark.parametrize("text", WRAPPED)
def test_a_query_is_found_between_sentences(text):
    assert is_wrapped_in_prose(text, SCHEMA)
    assert has_prose_around(text, SQL, SCHEMA)


@pytest.mark.parametrize(
    "text",
    [
        SQL,
        "SELECT name FROM singer WHERE",
        f"{SQL} ODER BY name",
        "SELECT name FROM WHERE. This finds the names that you want.",
        "This query returns the names.",
    ],
)
def test_without_a_whole_query_or_without_sentences_it_is_not_wrapped(text):
    assert not is_wrapped_in_prose(text, SCHEMA)


def test_fences_and_a_second_statement_are_not_around_it():
    assert not has_prose_around(f"```sql\n{SQL};\nSELECT name FROM singer;\n```", SQL, SCHEMA)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("SELECT name FROM WHERE singer", True),
        ("sql: SELECT name FRM singer", True),
        ("select the name column from the singer table", False),
        ("INSERT INTO singer SELECT name FROM", False),
        ("no idea", False),
    ],
)
def test_broken_sql_is_told_from_sentences_about_it(text, meant):
    assert is_attempt(text, SCHEMA) == meant
