import json
from contextlib import closing

import pytest

from sqlkiln.core.plugins import open_database
from sqlkiln.sql.database_build import create_sqlite
from sqlkiln.sql.logical_form import (
    Condition,
    FlatTable,
    LogicalForm,
    as_number,
    column_names,
    from_sql,
    same_form,
    to_sql,
)

PLAYERS = FlatTable("players", ("Player", "No.", 'The "Club"'), ("text", "real", "text"))
NAMELESS = FlatTable("table_1_10015132_11")


def form(select, aggregate, *conditions):
    return LogicalForm(select, aggregate, tuple(Condition(*c) for c in conditions))


@pytest.mark.parametrize(
    ("asked", "sql"),
    [
        (form(0, 0), 'SELECT "Player" FROM players'),
        (form(1, 5), 'SELECT AVG("No.") FROM players'),
        (form(2, 3, (0, 0, "O'Neal")), 'SELECT COUNT("The ""Club""") FROM players'
         ' WHERE "Player" = \'O\'\'Neal\''),
        (form(0, 0, (1, 1, "1,300"), (1, 2, 2000.5)),
         'SELECT "Player" FROM players WHERE "No." > 1300 AND "No." < 2000.5'),
        (form(0, 0, (0, 0, 21)), 'SELECT "Player" FROM players WHERE "Player" = \'21\''),
        (form(0, 0, (1, 0, "unknown")), 'SELECT "Player" FROM players WHERE "No." = \'unknown\''),
    ],
)  # fmt: skip
def test_forms_are_written_with_the_names_and_types_of_the_table(asked, sql):
    assert to_sql(asked, PLAYERS) == sql


def test_without_names_the_columns_are_numbered_and_constants_stay():
    asked = form(3, 1, (5, 0, "Butler CC (KS)"), (2, 1, 3), (2, 2, 4.0))
    sql = to_sql(asked, NAMELESS)
    assert sql == (
        "SELECT MAX(col3) FROM table_1_10015132_11 "
        "WHERE col5 = 'Butler CC (KS)' AND col2 > 3 AND col2 < 4.0"
    )
    assert from_sql(sql, NAMELESS) == asked


@pytest.mark.parametrize(
    ("sql", "read"),
    [
        ("select player from Players;", form(0, 0)),
        ("SELECT count([No.]) AS n FROM `players` AS p", form(1, 3)),
        ("SELECT p.Player FROM players p WHERE (p.`No.` > -3.5)", form(0, 0, (1, 1, -3.5))),
        ("SELECT Player FROM players WHERE 3 > `No.`", form(0, 0, (1, 2, 3))),
        ("SELECT col0 FROM players WHERE Player = \"Bo\"", form(0, 0, (0, 0, "Bo"))),
        ("SELECT Player FROM players WHERE (Player = 'a' AND col1 = 1) AND (col2 = 'b')",
         form(0, 0, (0, 0, "a"), (1, 0, 1), (2, 0, "b"))),
    ],
)  # fmt: skip
def test_sql_is_read_however_it_is_written(sql, read):
    assert from_sql(sql, PLAYERS) == read


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "SELECT",
        "DELETE FROM players",
        "SELECT Player FROM others",
        "SELECT Player FROM main.players",
        "SELECT Player FROM (SELECT * FROM players)",
        "SELECT Player FROM players, players AS q",
        "SELECT Player FROM players JOIN others",
        "SELECT Player, col1 FROM players",
        "SELECT * FROM players",
        "SELECT col3 FROM players",
        "SELECT DISTINCT Player FROM players",
        "SELECT COUNT(DISTINCT Player) FROM players",
        "SELECT COUNT(*) FROM players",
        "SELECT UPPER(Player) FROM players",
        "SELECT MAX(col0, col1) FROM players",
        "SELECT Player FROM players LIMIT 1",
        "SELECT Player FROM players ORDER BY col1",
        "SELECT Player FROM players WHERE col1 >= 3",
        "SELECT Player FROM players WHERE col1 = 3 OR col1 = 4",
        "SELECT Player FROM players WHERE col1 = col2",
        "SELECT Player FROM players WHERE col1 = nothing",
        "SELECT Player FROM players WHERE 1 = 1",
        "SELECT Player FROM players WHERE Player = -'a'",
        "SELECT Player FROM players WHERE col1 = (SELECT 1)",
        "SELECT Player FROM players UNION SELECT Player FROM players",
    ],
)
def test_what_is_no_logical_form_is_none(sql):
    assert from_sql(sql, PLAYERS) is None


def test_forms_are_the_same_whatever_the_order_and_the_case():
    first = form(0, 1, (0, 0, "Bo"), (1, 1, 3))
    assert same_form(first, form(0, 1, (1, 1, "3"), (0, 0, "bo")))
    others = [
        form(1, 1, (0, 0, "Bo"), (1, 1, 3)),
        form(0, 2, (0, 0, "Bo"), (1, 1, 3)),
        form(0, 1, (0, 0, "Bo"), (1, 2, 3)),
        form(0, 1, (0, 0, "Bo"), (1, 1, 3.0)),
        form(0, 1, (0, 0, "Bo")),
    ]
    assert not any(same_form(first, other) for other in others)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1996", 1996),
        (" 1,300.50 ", 1300.5),
        ("-3", -3),
        ("12th", 12),
        ("about -2.5 m", -2.5),
        ("four", None),
        ("NaN", None),
        ("inf", None),
        ("1e999999999", None),
    ],
)
def test_numbers_are_found_in_text(text, number):
    assert as_number(text) == number


def test_column_names_can_be_told_apart_and_written(tmp_path):
    names = column_names(["Result", "", "result", "Result_2", "A  \n b", 'No. "1"'])
    assert names == ("Result", "col1", "result_2", "Result_2_2", "A b", 'No. "1"')
    table = FlatTable("t", names, ("text",) * 6)
    ddl = ", ".join('"' + name.replace('"', '""') + '" TEXT' for name in names)
    create_sqlite(tmp_path / "t.sqlite", f"CREATE TABLE t ({ddl})", {"t": [tuple("abcdef")]})
    with closing(open_database(tmp_path / "t.sqlite")) as database:
        for number, value in enumerate("abcdef"):
            asked = form(number, 0, (number, 0, value))
            assert database.execute(to_sql(asked, table)).rows == ((value,),)


def test_real_forms_survive_the_way_there_and_back(shared):
    lines = (shared("wikisql") / "wikisql" / "dev.jsonl").read_text().splitlines()[::20]
    forms = [json.loads(line)["sql"] for line in lines if line]
    asked = [form(f["sel"], f["agg"], *f["conds"]) for f in forms]
    assert len(asked) > 400
    assert [from_sql(to_sql(one, NAMELESS), NAMELESS) for one in asked] == asked
