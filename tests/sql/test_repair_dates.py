import sqlite3
from contextlib import closing

import duckdb as duckdb_engine
import pytest

from sqlkiln.core import plugins
from sqlkiln.core.plugins import Limits
from sqlkiln.sql.repair import repair

ROWS = [
    ("2013-04-30", "2013-05-02 10:00", "30/04/2013", 2013, 7),
    ("2014-05-01", "2014-05-01 23:59", "01/05/2014", 2014, 8),
    ("2014-05-09", "2014-06-09 00:00", "09/05/2014", 2014, 9),
    ("2015-12-31", "2016-01-01 12:30", "31/12/2015", 2015, 10),
]


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory):
    file = tmp_path_factory.mktemp("dates") / "shop.sqlite"
    with closing(sqlite3.connect(file)) as made:
        made.execute("CREATE TABLE sale (day TEXT, sold TEXT, said TEXT, season INT, amount INT)")
        made.executemany("INSERT INTO sale VALUES (?,?,?,?,?)", ROWS)
        made.commit()
    with closing(plugins.open_database(file, Limits())) as database:
        yield database


@pytest.fixture(scope="module")
def duckdb(tmp_path_factory):
    file = tmp_path_factory.mktemp("dates") / "shop.duckdb"
    with closing(duckdb_engine.connect(str(file))) as made:
        made.execute(
            "CREATE TABLE sale (day DATE, sold TIMESTAMP, said VARCHAR, season INT, amount INT)"
        )
        made.executemany("INSERT INTO sale VALUES (?,?,?,?,?)", ROWS)
    with closing(plugins.open_database(file, Limits())) as database:
        yield database


def mended(database, what, kinds=("date_function", "date_compared")):
    sql = f"SELECT {what} FROM sale"
    found = repair(sql, database.schema(), only=kinds)
    assert bool(found.fixes) == (found.sql != sql)
    return found.sql.removeprefix("SELECT ").removesuffix(" FROM sale"), found


def rows(database, what):
    _, found = mended(database, what)
    return [row[0] if len(row) == 1 else tuple(row) for row in database.execute(found.sql).rows]


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("YEAR(day)", [2013, 2014, 2014, 2015]),
        ("EXTRACT(MONTH FROM day)", [4, 5, 5, 12]),
        ("DATE_PART('year', day)", [2013, 2014, 2014, 2015]),
        ("DATE_FORMAT(day, '%Y-%m')", ["2013-04", "2014-05", "2014-05", "2015-12"]),
        ("TO_CHAR(day, 'YYYY-MM')", ["2013-04", "2014-05", "2014-05", "2015-12"]),
        ("DATEDIFF(day, '2014-05-01')", [-366, 0, 8, 609]),
        ("DATEDIFF('day', '2014-05-01', day)", [-366, 0, 8, 609]),
        ("DATE_TRUNC('month', day)", None),
        ("strftime('%Y', day)", ["2013", "2014", "2014", "2015"]),
        ("YEAR(day) - YEAR(sold)", [0, 0, 0, -1]),
        ("MAX(YEAR(CURDATE())) > 2020", None),
    ],
)
def test_functions_of_other_engines_run_on_both(sqlite, duckdb, what, expected):
    for database in (sqlite, duckdb):
        found = rows(database, what)
        if expected is not None:
            assert [float(f) if not isinstance(f, str) else f for f in found] == [
                float(e) if not isinstance(e, str) else e for e in expected
            ]


def test_what_is_written_for_sqlite(sqlite):
    assert mended(sqlite, "YEAR(day)")[0] == "CAST(strftime('%Y', day) AS INTEGER)"
    assert mended(sqlite, "strftime(day, '%Y')")[0] == "strftime('%Y', day)"
    assert mended(sqlite, "DATE_TRUNC('month', day)")[0] == "strftime('%Y-%m-01', day)"
    assert mended(sqlite, "NOW()")[0] == "datetime('now')"
    (fix,) = mended(sqlite, "EXTRACT(YEAR FROM day)")[1].fixes
    assert fix.kind == "date_function"
    assert fix.detail == "wrote EXTRACT(YEAR FROM day) as CAST(strftime('%Y', day) AS INTEGER)"


def test_what_is_written_for_duckdb(duckdb):
    assert mended(duckdb, "julianday(sold) - julianday(day)")[0] == "julian(sold) - julian(day)"
    assert mended(duckdb, "DATEDIFF(sold, day)")[0] == "date_diff('day', day, sold)"
    assert mended(duckdb, "date('now')")[0] == "current_date"
    ago = "(current_date + INTERVAL '-30 day')"
    assert mended(duckdb, "date('now', '-30 days')")[0] == ago
    assert rows(duckdb, "COUNT(*) FILTER (WHERE day > date('now', '-30 days'))") == [0]
    assert mended(duckdb, "strftime('%Y', 'now')")[0] == "strftime('%Y', current_date)"


@pytest.mark.parametrize(
    "what",
    [
        "strftime('%Y', day)",
        "date(day)",
        "'YEAR(day)'",
        '"year"(day)',
        "TO_CHAR(amount, '999')",
        "DATE_FORMAT(day, '%M')",
        "DATEDIFF('month', day, sold)",
    ],
)
def test_what_the_engine_has_or_nobody_knows_is_left(sqlite, what):
    assert mended(sqlite, what)[0] == what


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("day LIKE '2014%'", [8, 9]),
        ("day LIKE 'May 2014%'", [8, 9]),
        ("day LIKE '5/2014'", [8, 9]),
        ("day LIKE '%/%/2015'", [10]),
        ("day = '2014'", [8, 9]),
        ("day = '2014-05'", [8, 9]),
        ("day IN ('2013', '2015')", [7, 10]),
        ("day = 2014", [8, 9]),
        ("day > 2013", [8, 9, 10]),
        ("sale.day BETWEEN 2014 AND 2015", [8, 9, 10]),
        ("sold = '2014-05-01'", [8]),
        ("strftime('%m', day) = '5'", [8, 9]),
        ("strftime('%m', day) = 5", [8, 9]),
        ("strftime('%Y', day) = 2014", [8, 9]),
        ("strftime('%Y', day) BETWEEN 2013 AND 2014", [7, 8, 9]),
        ("YEAR(day) = 2014 AND MONTH(day) = 5", [8, 9]),
        ("strftime('%m', day) = 'May'", [8, 9]),
        ("strftime('%w', day) = 'Thursday'", [8, 10]),
        ("strftime('%Y-%m', day) = '2014-05-01'", [8]),
        ("strftime('%Y', day) = '2014-05'", [8, 9]),
        ("strftime('%Y-%m', day) = '2014'", [8, 9]),
        ("strftime('%m', day) IN ('2013-04', '2015-12')", [7, 10]),
    ],
)
def test_a_comparison_is_mended_to_what_it_means(sqlite, duckdb, condition, expected):
    for database in (sqlite, duckdb):
        sql = f"SELECT amount FROM sale WHERE {condition}"
        found = repair(sql, database.schema())
        assert [row[0] for row in database.execute(found.sql).rows] == expected, found.sql


@pytest.mark.parametrize(
    "condition",
    [
        "day = '2014-05-01'",
        "day >= '2014-01-01' AND day < '2015-01-01'",
        "day > '2014'",
        "said = '2014'",
        "season = 2014",
        "season BETWEEN 2013 AND 2014",
        "day LIKE '2014-05%'",
        "strftime('%Y', day) = '2014'",
        "strftime('%d', day) = 'May'",
        "strftime('%m', day) = 'spring'",
        "strftime('%Y-%m', day) = '2014-05'",
        "strftime('%Y-%m-%d', day) = '2014-05-01'",
        "strftime('%d', day) = '05'",
        "amount = 2014",
    ],
)
def test_what_can_be_meant_as_it_stands_is_left(sqlite, condition):
    sql = f"SELECT amount FROM sale WHERE {condition}"
    assert repair(sql, sqlite.schema(), only=["date_function", "date_compared"]).sql == sql


def test_in_duckdb_a_year_is_no_date_either(duckdb):
    sql = "SELECT amount FROM sale WHERE day > '2014'"
    found = repair(sql, duckdb.schema())
    assert found.sql == "SELECT amount FROM sale WHERE strftime('%Y', day) > '2014'"
    (fix,) = found.fixes
    assert fix.detail == "compared the year of day with '2014', which is no whole date"
