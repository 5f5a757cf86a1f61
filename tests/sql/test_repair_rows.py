import pytest

from sqlkiln.search.spellings import StoredSpellings
from sqlkiln.sql.repair import repair

DDL = """
CREATE TABLE Staff (id INTEGER PRIMARY KEY, first_name TEXT, last_name TEXT, departed TEXT,
                    bonus REAL, manager TEXT);
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, customer_fname TEXT,
                        customer_lname TEXT, paid INTEGER);
CREATE TABLE flat (id INTEGER PRIMARY KEY, "First" TEXT, "Last" TEXT);
"""
ROWS = {
    "Staff": [
        (1, "Grace", "Hopper", "2020-01-01", 0.0, "None"),
        (2, "Mary Ann", "O'Neil", None, None, None),
        (3, "Grace", "Kelly", None, 2.5, ""),
    ],
    "customers": [(1, "Ada Lovelace", "Ada", "Lovelace", 3), (2, "Bo", "Bo", "Li", None)],
    "flat": [(1, "Jo", "March")],
}


@pytest.fixture(scope="module")
def known(built):
    database = built("people", DDL, ROWS)
    return database.schema(0), StoredSpellings(database)


def mended(known, sql, question=""):
    schema, rows = known
    done = repair(sql, schema, rows, only=["name_split", "no_value"], question=question)
    return done.sql, [fix.detail for fix in done.fixes]


SPLIT = {
    "SELECT id FROM Staff WHERE first_name = 'Grace Hopper'": (
        "SELECT id FROM Staff WHERE first_name = 'Grace' AND last_name = 'Hopper'",
        "took 'Grace Hopper' for a first and a last name, in first_name and last_name",
    ),
    "SELECT id FROM Staff AS s WHERE s.last_name = 'mary ann o''neil'": (
        "SELECT id FROM Staff AS s WHERE s.first_name = 'Mary Ann' AND s.last_name = 'O''Neil'",
        "took 'mary ann o''neil' for a first and a last name, in first_name and last_name",
    ),
    "SELECT id FROM customers WHERE id = 9 OR customer_fname = 'Ada Lovelace'": (
        "SELECT id FROM customers WHERE id = 9 OR "
        "(customer_fname = 'Ada' AND customer_lname = 'Lovelace')",
        "took 'Ada Lovelace' for a first and a last name, in customer_fname and customer_lname",
    ),
    "SELECT id FROM flat WHERE flat.Last = 'Jo March'": (
        "SELECT id FROM flat WHERE flat.\"First\" = 'Jo' AND flat.\"Last\" = 'March'",
        "took 'Jo March' for a first and a last name, in First and Last",
    ),
}


@pytest.mark.parametrize("sql", SPLIT)
def test_a_whole_name_is_compared_in_two_columns(known, sql):
    after, detail = SPLIT[sql]
    assert mended(known, sql) == (after, [detail])


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM Staff WHERE first_name = 'Mary Ann'",  # it is a first name
        "SELECT id FROM Staff WHERE first_name = 'Grace Li'",  # nobody is called so
        "SELECT id FROM Staff WHERE first_name = 'Mary Kelly'",  # two people
        "SELECT id FROM Staff WHERE first_name != 'Grace Hopper'",
        "SELECT id FROM Staff WHERE departed = 'Grace Hopper'",
        "SELECT id FROM customers WHERE name = 'Bo Li'",
        "SELECT id FROM Staff WHERE first_name = last_name",
    ],
)
def test_other_names_are_left_alone(known, sql):
    assert mended(known, sql) == (sql, [])


@pytest.mark.parametrize(
    ("condition", "after", "question"),
    [
        ("departed = ''", "departed IS NULL", ""),
        ("departed = 'NULL'", "departed IS NULL", ""),
        ("Staff.departed != 'None'", "Staff.departed IS NOT NULL", ""),
        ("departed = 'n/a' AND id > 1", "departed IS NULL AND id > 1", ""),
        ("departed = 0", "departed IS NULL", "Who has not left yet?"),
    ],
)
def test_what_says_that_there_is_none_asks_for_null(known, condition, after, question):
    sql = f"SELECT id FROM Staff WHERE {condition}"
    said, details = mended(known, sql, question)
    assert said == f"SELECT id FROM Staff WHERE {after}"
    assert details[0].endswith("for no departed at all: no row has it, some NULL")


@pytest.mark.parametrize(
    ("sql", "question"),
    [
        ("SELECT id FROM Staff WHERE manager = 'None'", ""),  # a row has it
        ("SELECT id FROM Staff WHERE manager = ''", ""),
        ("SELECT id FROM Staff WHERE bonus = 0", "Who has no bonus?"),  # a row has 0.0
        ("SELECT id FROM Staff WHERE departed = 0", "Who left in the year 0?"),
        ("SELECT id FROM Staff WHERE departed = 'Oslo'", "Who has not left?"),
        ("SELECT id FROM Staff WHERE last_name = ''", ""),  # none is missing
        ("SELECT id FROM Staff WHERE departed = 1", "Who has not left?"),
    ],
)
def test_values_that_may_be_meant_are_left_alone(known, sql, question):
    assert mended(known, sql, question) == (sql, [])


def test_zero_of_a_number_that_is_never_zero(known):
    sql = "SELECT id FROM customers WHERE paid = 0"
    said, _ = mended(known, sql, "Which customers never paid?")
    assert said == "SELECT id FROM customers WHERE paid IS NULL"


def test_both_can_be_left_out(known):
    schema, rows = known
    for kind, sql in (
        ("name_split", next(iter(SPLIT))),
        ("no_value", "SELECT 1 FROM Staff WHERE departed = ''"),
    ):
        assert repair(sql, schema, rows, off=[kind, "value_spelling"]).sql == sql


def test_without_rows_to_look_at_nothing_is_changed(known):
    sql = next(iter(SPLIT))
    assert repair(sql, known[0]).sql == sql
