import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from random import Random

import pytest

from sqlkiln.core.plugins import open_database
from sqlkiln.scoring.fuzz import MOST_ROWS, SIZES, Fuzz, fuzz, spread
from sqlkiln.scoring.mentions import read_mentions
from sqlkiln.scoring.profile import read_profile

SCHOOL = """
CREATE TABLE course (dept TEXT, no INT, title TEXT NOT NULL, PRIMARY KEY (dept, no));
CREATE TABLE room (id INTEGER PRIMARY KEY, label TEXT NOT NULL UNIQUE COLLATE NOCASE);
CREATE TABLE person (
    id INTEGER PRIMARY KEY, name TEXT, age INT NOT NULL, nick TEXT, boss INT REFERENCES person(id)
);
CREATE TABLE teacher (id INT PRIMARY KEY REFERENCES person(id), pay REAL);
CREATE TABLE class (
    dept TEXT, no INT, part TEXT, held_in INT NOT NULL REFERENCES room(id), note TEXT,
    PRIMARY KEY (dept, no, part), FOREIGN KEY (dept, no) REFERENCES course(dept, no)
);
CREATE TABLE takes (
    person INT REFERENCES person(id), dept TEXT, no INT, part TEXT, grade TEXT,
    FOREIGN KEY (dept, no) REFERENCES course(dept, no),
    FOREIGN KEY (dept, no, part) REFERENCES class(dept, no, part)
);
CREATE TABLE team (id INTEGER PRIMARY KEY, captain INT REFERENCES player(id));
CREATE TABLE player (id INTEGER PRIMARY KEY, team INT NOT NULL REFERENCES team(id));
INSERT INTO course VALUES ('cs', 1, 'Logic'), ('cs', 2, 'Sets'), ('ee', 1, 'Watt');
INSERT INTO room VALUES (1, 'North'), (2, 'South');
INSERT INTO person VALUES (1, 'Ann', 40, NULL, NULL), (2, 'Bob', 30, NULL, 1),
    (3, NULL, 20, NULL, 1);
INSERT INTO teacher VALUES (1, 10.5), (2, 20.0);
INSERT INTO class VALUES ('cs', 1, 'a', 1, 'x'), ('cs', 2, 'a', 2, 'y'), ('ee', 1, 'b', 2, 'z');
INSERT INTO takes VALUES (1, 'cs', 1, 'a', 'A'), (2, 'cs', 2, 'a', 'B'), (3, 'ee', 1, 'b', 'A');
INSERT INTO team VALUES (1, 1), (2, 2);
INSERT INTO player VALUES (1, 1), (2, 2);
"""
NUMBERS = range(25)


@pytest.fixture(scope="module")
def profile_and_schema(tmp_path_factory):
    path = tmp_path_factory.mktemp("school") / "school.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHOOL)
    with open_database(path) as database:
        schema = database.schema()
        return read_profile(database, schema), schema


@pytest.fixture(scope="module")
def plan(profile_and_schema):
    """Makes a `Fuzz` for these golds."""
    profile, schema = profile_and_schema

    def make(*golds, number=0, seed=0, **options):
        mentions = read_mentions(golds, schema)
        return Fuzz(profile, mentions, mentions, number, seed, **options)

    return make


@pytest.fixture(scope="module")
def instances(plan):
    return [fuzz(plan(number=number)) for number in NUMBERS]


def test_every_declaration_of_the_schema_is_kept(instances):
    declarations = SCHOOL[: SCHOOL.index("INSERT")]
    for rows in instances:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.executescript(declarations)
            for table, records in rows.items():
                marks = ", ".join("?" * len(records[0])) if records else ""
                connection.executemany(f"INSERT INTO {table} VALUES ({marks})", records)
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_every_table_gets_rows(instances):
    filled = Counter(table for rows in instances for table, records in rows.items() if records)
    assert set(filled) == set(instances[0])
    assert min(filled.values()) > 0.8 * len(instances)


def test_tables_differ_in_size(instances):
    sizes = {len(rows["person"]) for rows in instances}
    assert min(sizes) <= SIZES[3][1]
    assert max(sizes) >= 25


def test_there_are_duplicates_and_groups(instances):
    largest = [max(Counter(row[2] for row in rows["person"]).values()) for rows in instances]
    assert sum(count > 2 for count in largest) > 10
    children = [Counter(row[0] for row in rows["takes"]) for rows in instances]
    assert any(max(count.values()) > 3 for count in children)
    assert any(
        len(count) < len(rows["person"]) for count, rows in zip(children, instances, strict=True)
    )


def test_values_are_of_the_types_of_the_database(instances):
    for rows in instances:
        assert all(type(row[2]) is int for row in rows["person"])
        assert all(type(row[1]) is float for row in rows["teacher"])
        assert all(type(row[4]) is str for row in rows["takes"])


def nulls(instances, table, position):
    return sum(row[position] is None for rows in instances for row in rows[table])


def test_null_stands_where_the_database_has_some(instances):
    assert nulls(instances, "person", 1) > 0
    assert nulls(instances, "person", 3) > 0
    assert nulls(instances, "person", 4) > 0
    assert nulls(instances, "takes", 0) == nulls(instances, "takes", 4) == 0
    assert nulls(instances, "person", 2) == 0


def test_null_may_stand_wherever_the_schema_allows_it(plan):
    made = [fuzz(plan(number=number, unseen_nulls=True)) for number in NUMBERS]
    assert nulls(made, "takes", 0) > 0
    assert nulls(made, "takes", 4) > 0
    assert nulls(made, "person", 2) == nulls(made, "class", 0) == nulls(made, "player", 1) == 0


def test_the_seed_and_the_number_decide(plan):
    assert fuzz(plan(number=3, seed=1)) == fuzz(plan(number=3, seed=1))
    assert fuzz(plan(number=3, seed=1)) != fuzz(plan(number=3, seed=2))
    assert fuzz(plan(number=3, seed=1)) != fuzz(plan(number=8, seed=1))


def test_constants_of_queries_are_met_and_just_missed(plan):
    gold = "SELECT name FROM person WHERE age > 77 AND name LIKE '%zz%' AND id = 4321"
    made = [fuzz(plan(gold, number=number))["person"] for number in NUMBERS]
    ages = Counter(row[2] for rows in made for row in rows)
    assert all(ages[age] > 5 for age in (76, 77, 78))
    names = {row[1] for rows in made for row in rows if row[1]}
    assert any(name.startswith("zz") and name != "zz" for name in names)
    assert any(name.endswith("zz") and name != "zz" for name in names)
    assert "z" in names
    assert any(row[0] == 4321 for rows in made for row in rows)


def test_rows_are_led_to_parents_of_which_the_query_speaks(plan):
    gold = "SELECT 1 FROM class JOIN room ON held_in = id WHERE label = 'Attic'"
    made = [fuzz(plan(gold, number=number)) for number in NUMBERS]
    attics = [next((row[0] for row in rows["room"] if row[1] == "Attic"), None) for rows in made]
    led = [
        sum(row[3] == attic for row in rows["class"]) / max(1, len(rows["class"]))
        for rows, attic in zip(made, attics, strict=True)
        if attic is not None
    ]
    assert len(led) > 5
    assert max(led) > 0.4


def test_columns_that_queries_compare_share_values(plan):
    gold = "SELECT 1 FROM person JOIN room ON person.name = room.label"
    without, linked = (
        sum(
            row[1] in {label for _, label in rows["room"]}
            for number in NUMBERS
            for rows in [fuzz(plan(*golds, number=number))]
            for row in rows["person"]
            if row[1]
        )
        for golds in ((), (gold,))
    )
    assert without == 0
    assert linked > 100


def test_groups_have_the_sizes_that_queries_ask_about(plan):
    gold = "SELECT person FROM takes GROUP BY person HAVING count(*) >= 9"
    sizes = Counter(
        size
        for number in NUMBERS
        for size in Counter(row[0] for row in fuzz(plan(gold, number=number))["takes"]).values()
    )
    assert all(sizes[size] > 0 for size in (8, 9, 10))


def test_the_size_of_tables_is_bounded(plan):
    gold = "SELECT person FROM takes GROUP BY person HAVING count(*) > 100000"
    sizes = [len(fuzz(plan(gold, number=number))["person"]) for number in range(6)]
    assert 100 < max(sizes) <= MOST_ROWS


def test_a_table_without_columns_to_choose_from_is_small(plan):
    profile = plan().profile
    (course,) = [t for t in profile.tables if t.name == "course"]
    one = replace(course.columns[0], values=("cs",), categorical=True)
    narrow = replace(course, columns=(one,), primary_key=("dept",), keys=(("dept",),))
    rows = fuzz(replace(plan(), profile=replace(profile, tables=(narrow,))))
    assert 1 <= len(rows["course"]) <= SIZES[0][1]
    assert len(set(rows["course"])) == len(rows["course"])


@pytest.mark.parametrize(("rows", "groups", "sizes"), [(30, 5, (3,)), (4, 1, ()), (7, 20, (100,))])
def test_spread_gives_each_row_a_group(rows, groups, sizes):
    for seed in range(20):
        labels = spread(rows, groups, sizes, Random(seed))
        assert len(labels) == rows
        assert set(labels) <= set(range(groups))


def test_spread_makes_groups_of_the_wanted_sizes():
    found = Counter()
    for seed in range(60):
        found.update(Counter(spread(60, 6, (5,), Random(seed))).values())
    assert all(found[size] > 20 for size in (4, 5, 6))
