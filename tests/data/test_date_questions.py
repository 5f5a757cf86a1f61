import re
import sqlite3
from collections import Counter
from contextlib import closing

import duckdb
import pytest

from sqlkiln.core import plugins
from sqlkiln.core.plugins import Limits
from sqlkiln.data.date_questions import date_questions
from sqlkiln.data.date_subjects import subjects
from sqlkiln.data.date_words import article, event, phrase, things

SALES = [
    (
        n,
        f"{2019 + n % 3}-{n % 12 + 1:02}-{n % 28 + 1:02}",
        10.0 * n,
        ("north", "south")[n % 2],
        n % 5,
    )
    for n in range(60)
]
TRIPS = [
    (
        n,
        f"Trip {n}",
        f"2021-0{n % 9 + 1}-01 08:00",
        f"2021-0{n % 9 + 1}-{n % 20 + 2:02} 09:30",
        n % 5,
    )
    for n in range(30)
]
GUIDES = [(n, f"Guide {n}") for n in range(5)]


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "shop.sqlite"
    with closing(sqlite3.connect(file)) as made:
        made.executescript("""
            CREATE TABLE guide (guide_id INTEGER PRIMARY KEY, guide_name TEXT);
            CREATE TABLE sale (id INTEGER PRIMARY KEY, order_date TEXT, revenue REAL, region TEXT,
                guide_id INTEGER REFERENCES guide (guide_id));
            CREATE TABLE trip (id INTEGER PRIMARY KEY, title TEXT, start_time TEXT, end_time TEXT,
                guide_id INTEGER REFERENCES guide (guide_id));
            CREATE TABLE note (id INTEGER PRIMARY KEY, written TEXT);
            INSERT INTO note VALUES (1, '2020-01-01'), (2, 'last year'), (3, NULL), (4, '1/2/2020'),
                (5, '2020-13-01');
        """)
        made.executemany("INSERT INTO guide VALUES (?,?)", GUIDES)
        made.executemany("INSERT INTO sale VALUES (?,?,?,?,?)", SALES)
        made.executemany("INSERT INTO trip VALUES (?,?,?,?,?)", TRIPS)
        made.commit()
    return file


@pytest.fixture
def shop(path):
    with closing(plugins.open_database(path, Limits())) as database:
        yield database, database.schema()


def test_what_can_be_asked_about_is_read_off_the_values(shop):
    found = {(s.table, s.date): s for s in subjects(*shop)}
    assert set(found) == {("sale", "order_date"), ("trip", "start_time"), ("trip", "end_time")}
    sale, trip = found["sale", "order_date"], found["trip", "start_time"]
    assert (sale.alone, sale.times, sale.amounts) == (True, False, ("revenue",))
    assert sale.groups == (("region", ("north", "south")),)
    assert (trip.alone, trip.times, trip.labels) == (False, True, ("title",))
    assert (trip.later, found["trip", "end_time"].later) == ("end_time", None)
    assert [(p.table, p.label, p.reference) for p in sale.parents] == [
        ("guide", "guide_name", "guide_id")
    ]


def test_every_question_has_sql_that_runs_and_most_find_something(shop):
    database, schema = shop
    made = date_questions(database, schema, 150, seed=3)
    assert len(made) == 150 == len({one.question.lower() for one in made})
    results = [database.execute(one.sql).rows for one in made]
    found = [rows for rows in results if any(cell not in (None, 0) for row in rows for cell in row)]
    assert len(found) > 130
    assert len(Counter(one.kind for one in made)) == 12
    assert not any(re.search(r"[{}]|None|  ", one.question + one.sql) for one in made)


def test_a_question_means_what_its_sql_does(shop):
    database, schema = shop
    made = [one for seed in range(5) for one in date_questions(database, schema, 300, seed)]
    sales = [one for one in made if one.kind == "count" and "sale" in one.sql]
    by_year = Counter(row[1][:4] for row in SALES)
    by_month = Counter(row[1][:7] for row in SALES)
    names = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
    checked = 0
    for one in sales:
        year = re.search(r"[Cc]ount the sales in (\d{4})\.|sales in (\d{4})\b", one.question)
        month = re.search(r"sales (?:are there )?in ([A-Z]\w+) (\d{4})", one.question)
        ((count,),) = database.execute(one.sql).rows
        if year:
            assert count == by_year[year[1] or year[2]], one
            checked += 1
        elif month:
            number = names.index(month[1][:3]) + 1
            assert count == by_month[f"{month[2]}-{number:02}"], one
            checked += 1
        elif since := re.search(r"since (\d{4})(?=[ ?.]|$)", one.question):
            assert count == sum(row[1][:4] >= since[1] for row in SALES), one
            checked += 1
        elif before := re.search(r"before (\d{4}-\d\d-\d\d)", one.question):
            assert count == sum(row[1] < before[1] for row in SALES), one
            checked += 1
    assert checked >= 20


def test_months_of_one_year_and_the_longest_time(shop):
    database, schema = shop
    made = date_questions(database, schema, 400, seed=8)
    monthly = next(o for o in made if o.kind == "count_by_month_of_year" and "sale" in o.sql)
    year = re.search(r"\d{4}", monthly.question)[0]
    expected = Counter(row[1][5:7] for row in SALES if row[1].startswith(year))
    assert dict(database.execute(monthly.sql).rows) == dict(expected)
    longest = next(o for o in made if o.kind == "length" and "longest" in o.question.lower())
    assert database.execute(longest.sql).rows[0][0] == pytest.approx(20 + 1.5 / 24)


def test_the_same_seed_makes_the_same_questions(shop):
    database, schema = shop
    assert date_questions(database, schema, 20, 1) == date_questions(database, schema, 20, 1)
    assert date_questions(database, schema, 20, 1) != date_questions(database, schema, 20, 2)


def test_golds_run_over_duckdb_too_but_for_julian_days(shop, tmp_path):
    from sqlkiln.sql.repair import repair

    file = tmp_path / "shop.duckdb"
    with closing(duckdb.connect(str(file))) as made:
        made.execute("CREATE TABLE sale (id INT, order_date DATE, revenue DOUBLE, region VARCHAR)")
        made.executemany("INSERT INTO sale VALUES (?,?,?,?)", [row[:4] for row in SALES])
        made.execute("CREATE TABLE trip (title VARCHAR, start_time TIMESTAMP, end_time TIMESTAMP)")
        made.executemany("INSERT INTO trip VALUES (?,?,?)", [row[1:4] for row in TRIPS])
    with closing(plugins.open_database(file, Limits())) as database:
        schema = database.schema()
        questions = date_questions(database, schema, 120, seed=2)
        assert len(questions) == 120
        for one in questions:
            database.execute(repair(one.sql, schema).sql)
            if one.kind != "length":
                database.execute(one.sql)


def test_a_database_without_dates_is_asked_nothing(tmp_path):
    file = tmp_path / "plain.sqlite"
    with closing(sqlite3.connect(file)) as made:
        made.executescript("CREATE TABLE t (a INT); INSERT INTO t VALUES (1), (2), (3), (4);")
    with closing(plugins.open_database(file, Limits())) as database:
        assert date_questions(database, database.schema(), 10) == ()


def test_how_things_are_called():
    assert phrase("date_of_birth") == "date of birth"
    assert things("CustomerOrder") == "customer orders"
    assert (things("city"), things("box"), things("staff")) == ("cities", "boxes", "staff")
    assert (event("hire_date"), event("when")) == ("hired", "")
    assert (article("order date"), article("hire date")) == ("an order date", "a hire date")
