import json
import sqlite3
import time
from contextlib import closing

import duckdb
import pytest

from sqlkiln.core import plugins
from sqlkiln.core.errors import QueryError, UsageError
from sqlkiln.core.plugins import DatasetOptions, Limits
from sqlkiln.core.records import Column, DatabaseSchema, ForeignKey, Table
from sqlkiln.sql.database_build import create_sqlite
from sqlkiln.sql.repair import Repaired, repair
from sqlkiln.sql.repair_reserved import IN_SQLITE, TABLES_IN_DUCKDB
from sqlkiln.sql.repair_values import stored_spelling

DDL = """
CREATE TABLE country (
    Code TEXT PRIMARY KEY, Name TEXT, Region TEXT, HeadOfState TEXT, "Surface Area" REAL
);
CREATE TABLE city (
    ID INTEGER PRIMARY KEY, Name TEXT, District TEXT, "order" INTEGER,
    CountryCode TEXT REFERENCES country(Code)
);
CREATE TABLE language (
    CountryCode TEXT REFERENCES country(Code), Language TEXT, Percentage REAL, "2020_share" REAL
);
CREATE TABLE singer (SingerID INTEGER PRIMARY KEY, Name TEXT, Age INTEGER);
CREATE TABLE concert (ConcertID INTEGER PRIMARY KEY, Theme TEXT, Year INTEGER);
CREATE TABLE singer_in_concert (
    SingerID INTEGER REFERENCES singer(SingerID), ConcertID INTEGER REFERENCES concert(ConcertID)
);
CREATE TABLE match (
    MatchID INTEGER PRIMARY KEY, Stadium TEXT,
    winner INTEGER REFERENCES player(PlayerID), loser INTEGER REFERENCES player(PlayerID)
);
CREATE TABLE player (PlayerID INTEGER PRIMARY KEY, Nickname TEXT);
CREATE TABLE alone (Motto TEXT, Name TEXT);
CREATE VIEW big AS SELECT Code, Name AS CountryName FROM country;
"""
ROWS = {
    "country": [("FRA", "France", "Europe", "Ann", 1.5), ("JPN", "Japan", "Asia", "Bo", 2.5)],
    "city": [(1, "Paris", "Ile", 3, "FRA"), (2, "Kyoto", "Kansai", 1, "JPN")],
    "language": [("FRA", "French", 90.0, 1.0), ("JPN", "Japanese", 99.0, 2.0)],
    "singer": [(1, "Cy", 20), (2, "Di", 30)],
    "concert": [(1, "Love", 2001), (2, "War", 2002)],
    "singer_in_concert": [(1, 1), (2, 1), (2, 2)],
    "player": [(1, "Ace"), (2, "Bat")],
    "match": [(1, "North", 1, 2)],
    "alone": [("yes", "no")],
}


@pytest.fixture(scope="module")
def world(built):
    """A database whose tables hang together in several ways."""
    return built("world", DDL, ROWS)


@pytest.fixture(scope="module")
def schema(world):
    return world.schema(0)


MENDED = {
    # ------------------------------------------------------------------ missing_join
    "SELECT Region FROM language WHERE Percentage > 95": (
        "SELECT Region FROM language JOIN country ON language.CountryCode = country.Code"
        " WHERE Percentage > 95",
        "missing_join: joined country, since Region is its column, over"
        " language.CountryCode = country.Code",
    ),
    "SELECT country.Region FROM language": (
        "SELECT country.Region FROM language JOIN country ON language.CountryCode = country.Code",
        "missing_join: joined country, since Region is its column, over"
        " language.CountryCode = country.Code",
    ),
    # a second Name: the first is still the city's
    "SELECT Name FROM city AS T1 WHERE Region = 'Asia' ORDER BY District;": (
        "SELECT T1.Name FROM city AS T1 JOIN country ON T1.CountryCode = country.Code"
        " WHERE Region = 'Asia' ORDER BY District;",
        "missing_join: joined country, since Region is its column, over"
        " T1.CountryCode = country.Code",
    ),
    # * stays what it was
    "SELECT * FROM city WHERE Region = 'Asia' AND District = 'Kansai'": (
        "SELECT city.* FROM city JOIN country ON city.CountryCode = country.Code"
        " WHERE Region = 'Asia' AND District = 'Kansai'",
        "missing_join: joined country, since Region is its column, over"
        " city.CountryCode = country.Code",
    ),
    # over a link table
    "SELECT Age, Theme FROM singer": (
        "SELECT Age, Theme FROM singer"
        " JOIN singer_in_concert ON singer.SingerID = singer_in_concert.SingerID"
        " JOIN concert ON singer_in_concert.ConcertID = concert.ConcertID",
        "missing_join: joined singer_in_concert and concert, since Theme is a column of concert,"
        " over singer.SingerID = singer_in_concert.SingerID and"
        " singer_in_concert.ConcertID = concert.ConcertID",
    ),
    # with the alias that the query made up
    "SELECT T2.Region, count(*) FROM city AS T1 WHERE T1.ID > 0 GROUP BY T2.Region": (
        "SELECT T2.Region, count(*) FROM city AS T1 JOIN country AS T2"
        " ON T1.CountryCode = T2.Code WHERE T1.ID > 0 GROUP BY T2.Region",
        "missing_join: joined country, since Region is its column, over T1.CountryCode = T2.Code",
    ),
    # in the inner query, where the missing column is
    "SELECT Age FROM singer WHERE Name NOT IN"
    " (SELECT Name FROM city WHERE Region = '' OR ID = 2)": (
        "SELECT Age FROM singer WHERE Name NOT IN (SELECT city.Name FROM city JOIN country"
        " ON city.CountryCode = country.Code WHERE Region = '' OR ID = 2)",
        "missing_join: joined country, since Region is its column, over"
        " city.CountryCode = country.Code",
    ),
    # two ways that are the same, as ON says
    "SELECT Region FROM city JOIN language ON city.CountryCode = language.CountryCode": (
        "SELECT Region FROM city JOIN language ON city.CountryCode = language.CountryCode"
        " JOIN country ON city.CountryCode = country.Code",
        "missing_join: joined country, since Region is its column, over"
        " city.CountryCode = country.Code",
    ),
    # ON over a link table that is not there
    "SELECT T1.Age FROM singer AS T1 JOIN concert AS T2 ON T1.SingerID = T2.SingerID"
    " WHERE T2.Theme = 'War'": (
        "SELECT T1.Age FROM singer AS T1"
        " JOIN singer_in_concert ON T1.SingerID = singer_in_concert.SingerID"
        " JOIN concert AS T2 ON singer_in_concert.ConcertID = T2.ConcertID"
        " WHERE T2.Theme = 'War'",
        "missing_join: joined singer_in_concert, which links singer to concert, over"
        " T1.SingerID = singer_in_concert.SingerID and"
        " singer_in_concert.ConcertID = T2.ConcertID",
    ),
    # ------------------------------------------------------------------ wrong_table
    "SELECT Theme FROM singer WHERE Year = 2001": (
        "SELECT Theme FROM concert WHERE Year = 2001",
        "wrong_table: read concert instead of singer, since Theme and Year are columns of it",
    ),
    "SELECT T1.Theme, max(T1.Year) FROM singer AS T1": (
        "SELECT T1.Theme, max(T1.Year) FROM concert AS T1",
        "wrong_table: read concert instead of singer, since Theme and Year are columns of it",
    ),
    "SELECT Name, Motto FROM language": (
        "SELECT Name, Motto FROM alone",
        "wrong_table: read alone instead of language, since Name and Motto are columns of it",
    ),
    "SELECT tunes.Theme FROM tunes": (
        "SELECT concert.Theme FROM concert",
        "wrong_table: read concert instead of tunes, since Theme is a column of it",
    ),
    # ------------------------------------------------------------------ column_moved
    "SELECT T2.Region, T2.ID FROM country AS T1 JOIN city AS T2 ON T1.Code = T2.CountryCode": (
        "SELECT T1.Region, T2.ID FROM country AS T1 JOIN city AS T2 ON T1.Code = T2.CountryCode",
        "column_moved: took T2.Region for T1.Region, since city has no such column",
    ),
    "SELECT singer.Name FROM singer AS T1": (
        "SELECT T1.Name FROM singer AS T1",
        "column_moved: wrote T1 for singer, since that is what the query calls it",
    ),
    "SELECT T3.Age FROM singer AS T1": (
        "SELECT T1.Age FROM singer AS T1",
        "column_moved: took T3.Age for T1.Age, since nothing read is called T3",
    ),
    # ------------------------------------------------------------------ names
    "SELECT head_of_state FROM country": (
        "SELECT HeadOfState FROM country",
        "unknown_column: took head_of_state for HeadOfState, the column of country",
    ),
    "SELECT surface_area FROM country": (
        'SELECT "Surface Area" FROM country',
        "unknown_column: took surface_area for Surface Area, the column of country",
    ),
    # with and without the name of the table
    "SELECT singer_name FROM singer AS s": (
        "SELECT Name FROM singer AS s",
        "unknown_column: took singer_name for Name, the column of singer",
    ),
    "SELECT s.ID FROM singer AS s": (
        "SELECT s.SingerID FROM singer AS s",
        "unknown_column: took ID for SingerID, the column of singer",
    ),
    "SELECT T1.Themes FROM concert AS T1": (
        "SELECT T1.Theme FROM concert AS T1",
        "unknown_column: took Themes for Theme, the column of concert",
    ),
    "SELECT singers.Name FROM singers": (
        "SELECT singer.Name FROM singer",
        "unknown_table: read singer, since there is no table singers",
    ),
    "SELECT count(*) FROM SingersInConcerts": (
        "SELECT count(*) FROM singer_in_concert",
        "unknown_table: read singer_in_concert, since there is no table SingersInConcerts",
    ),
    # ------------------------------------------------------------------ ambiguous
    "SELECT CountryCode FROM city JOIN language ON city.CountryCode = language.CountryCode": (
        "SELECT city.CountryCode FROM city JOIN language"
        " ON city.CountryCode = language.CountryCode",
        "ambiguous: took CountryCode for city.CountryCode, equal in language",
    ),
    # ------------------------------------------------------------------ join_key
    "SELECT T1.Theme FROM concert AS T1 JOIN singer_in_concert AS T2 ON T1.key = T2.ConcertID": (
        "SELECT T1.Theme FROM concert AS T1 JOIN singer_in_concert AS T2"
        " ON T1.ConcertID = T2.ConcertID",
        "join_key: joined singer_in_concert over its foreign key, T1.ConcertID = T2.ConcertID",
    ),
    "SELECT city.Name FROM city JOIN city ON city.ID = city.ID WHERE city.ID > 1": (
        "SELECT city.Name FROM city WHERE city.ID > 1",
        "join_key: left out the second city, which was joined with itself",
    ),
    # ------------------------------------------------------------------ clause_order
    "SELECT Name FROM (SELECT * FROM singer GROUP BY Name ORDER BY Age\nWHERE Age > 1 ) a;": (
        "SELECT Name FROM (SELECT * FROM singer WHERE Age > 1 GROUP BY Name ORDER BY Age) a",
        "clause_order: put GROUP BY, ORDER BY and WHERE in order",
    ),
    # ------------------------------------------------------------------ quoting
    "SELECT Surface Area FROM country WHERE Surface Area > 2": (
        'SELECT "Surface Area" FROM country WHERE "Surface Area" > 2',
        "quoting: put Surface Area in double quotes, since it is a name",
    ),
    "SELECT 2020_share FROM language": (
        'SELECT "2020_share" FROM language',
        "quoting: put 2020_share in double quotes, since it is a name",
    ),
    "SELECT T1.order FROM city AS T1": (
        'SELECT T1."order" FROM city AS T1',
        "quoting: put order in double quotes, since it is a name",
    ),
}


@pytest.mark.parametrize("sql", MENDED)
def test_one_thing_is_mended_and_told(sql, world, schema):
    expected, told = MENDED[sql]
    with pytest.raises(QueryError):
        world.execute(sql)
    repaired = repair(sql, schema)
    assert repaired.sql == expected
    assert [f"{fix.kind}: {fix.detail}" for fix in repaired.fixes] == [told]
    assert world.execute(expected).rows
    kind = told.split(":")[0]
    assert repair(sql, schema, only=[kind]).sql == expected
    assert repair(sql, schema, off=[kind]).sql != expected
    assert repair(expected, schema).fixes == ()


def test_several_things_are_mended_one_after_the_other(world, schema):
    sql = (
        "SELECT T2.HeadofStates, Cities.District FROM Cities JOIN Country T2"
        " ON Cities.CountryID = T2.id WHERE T2.Percentage > 1"
    )
    repaired = repair(sql, schema)
    assert repaired.sql == (
        "SELECT T2.HeadOfState, city.District FROM city JOIN Country T2"
        " ON city.CountryCode = T2.Code JOIN language ON T2.Code = language.CountryCode"
        " WHERE language.Percentage > 1"
    )
    kinds = [fix.kind for fix in repaired.fixes]
    assert kinds == ["unknown_table", "join_key", "unknown_column", "missing_join"]
    assert len(world.execute(repaired.sql).rows) == 2


LEFT_ALONE = {
    "two keys lead from match to player": "SELECT Nickname, Stadium FROM match",
    "two tables have it, as near as one another": "SELECT Age, CountryCode FROM singer",
    "no key leads there": "SELECT Motto, Age FROM singer",
    "no such column anywhere": "SELECT Salary FROM singer",
    "no such table anywhere": "SELECT Salary FROM payroll",
    "in two tables that are not equal in it": (
        "SELECT Name FROM city JOIN country ON city.CountryCode = country.Code"
    ),
    "one fault cannot be mended, so none is": "SELECT Region, Salary FROM language",
    "the table is read twice": "SELECT singer.Age FROM singer AS a, singer AS b",
    "what follows is text, not SQL": "I cannot answer that.",
    "no query": "DROP TABLE Singers",
    "two clauses of a kind": "SELECT Name FROM singer ORDER BY Age WHERE Age > 1 WHERE Age < 3",
    "cut short": "SELECT Region FROM language WHERE (",
    "two statements": "SELECT Region FROM language; SELECT 1",
    "nothing": "",
}


@pytest.mark.parametrize("why", LEFT_ALONE)
def test_what_cannot_be_mended_for_sure_stays_as_it_is(why, world, schema):
    sql = LEFT_ALONE[why]
    with pytest.raises(QueryError):
        world.execute(sql)
    repaired = repair(sql, schema)
    assert (repaired.sql, repaired.fixes) == (sql, ())


RUNS = (
    'SELECT "Region" FROM language',
    "SELECT 'Region' FROM language WHERE Language = \"english\"",
    "SELECT Name AS Region FROM city ORDER BY Region",
    "SELECT count(*) AS Region FROM city GROUP BY District HAVING Region > 0",
    "SELECT rowid, oid FROM city WHERE _rowid_ > 0",
    "SELECT x.n FROM (SELECT count(*) AS n FROM city) AS x",
    "SELECT * FROM (SELECT * FROM city) WHERE Name = 'Paris'",
    "WITH c AS (SELECT Name AS n FROM city) SELECT n FROM c",
    "WITH c AS (SELECT Salary FROM nowhere) SELECT Name FROM city",
    "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 3) SELECT n FROM c",
    "SELECT Name FROM country WHERE EXISTS (SELECT 1 FROM language WHERE Region = 'Asia')",
    "SELECT Name FROM city UNION SELECT Language FROM language ORDER BY Name",
    "SELECT T1.Name FROM city AS T1 JOIN city AS T2 ON T1.ID = T1.ID",
    "SELECT a.Name FROM city a, city b WHERE a.ID < b.ID",
    "SELECT CountryCode FROM city JOIN language USING (CountryCode)",
    "SELECT CountryCode FROM city NATURAL JOIN language",
    "SELECT CountryName FROM big JOIN city ON big.Code = city.CountryCode",
    "SELECT name FROM sqlite_master",
    "SELECT main.city.Name FROM main.city",
    "SELECT value FROM json_each('[1, 2]')",
    "SELECT city.Name FROM city JOIN (country JOIN language ON Code = CountryCode) ON 1",
    "SELECT [Surface Area], `order`, T2.'Name' FROM country, city T2",
    "SELECT Name FROM city WHERE Name IN main.big OR Name IN (SELECT Code FROM big)",
    "SELECT max(ID) OVER w FROM city WINDOW w AS (PARTITION BY District ORDER BY ID)",
    "SELECT Name, -- the Region\n ID FROM city /* of Salary */ ;",
)


@pytest.mark.parametrize("sql", RUNS)
def test_what_runs_comes_back_byte_for_byte(sql, world, schema):
    if "main.big" not in sql:
        world.execute(sql)
    assert repair(sql, schema) == repair(sql, schema, only=())
    assert repair(sql, schema).sql == sql


def test_a_view_can_be_read_instead_of_a_table(world, schema):
    repaired = repair("SELECT CountryName, Code FROM singer", schema)
    assert repaired.sql == "SELECT CountryName, Code FROM big"
    assert world.execute(repaired.sql).rows == (("France", "FRA"), ("Japan", "JPN"))


def test_a_table_whose_rows_are_counted_is_not_read_by_mistake(world, schema):
    sql = "SELECT Theme, Year, count(*) FROM singer GROUP BY Theme, Year"
    repaired = repair(sql, schema)
    assert [fix.kind for fix in repaired.fixes] == ["missing_join"]
    assert len(world.execute(repaired.sql).rows) == 2
    assert repair(sql, schema, off=["missing_join"]).sql == sql


def test_every_query_of_a_set_operation_and_of_a_with_is_mended(world, schema):
    sql = (
        "WITH c AS (SELECT Regions AS r FROM country) SELECT r FROM c"
        " UNION SELECT Region FROM language WHERE Percentage > 1"
    )
    repaired = repair(sql, schema)
    assert repaired.sql == (
        "WITH c AS (SELECT Region AS r FROM country) SELECT r FROM c UNION SELECT Region FROM"
        " language JOIN country ON language.CountryCode = country.Code WHERE Percentage > 1"
    )
    assert world.execute(repaired.sql).rows == (("Asia",), ("Europe",))


def test_a_name_that_a_new_table_would_take_over_keeps_its_own(world, schema):
    """The inner query means the outer `Name`; with `country` beside `city` it would be unclear."""
    sql = (
        "SELECT ID FROM city WHERE Region = 'Asia' AND EXISTS"
        " (SELECT 1 FROM language WHERE Name = 'Kyoto' AND ID > 0)"
    )
    repaired = repair(sql, schema)
    assert repaired.sql == (
        "SELECT ID FROM city JOIN country ON city.CountryCode = country.Code"
        " WHERE Region = 'Asia' AND EXISTS"
        " (SELECT 1 FROM language WHERE city.Name = 'Kyoto' AND ID > 0)"
    )
    assert world.execute(repaired.sql).rows == ((2,),)


def test_text_in_double_quotes_does_not_become_a_column(schema):
    sql = 'SELECT ID FROM city WHERE Region = "HeadOfState" AND District = 1'
    assert repair(sql, schema).fixes == ()


def test_an_alias_of_the_outer_query_is_not_taken_over(schema):
    sql = (
        "SELECT country.ID FROM city AS country WHERE EXISTS"
        " (SELECT 1 FROM language WHERE Region = country.District AND Percentage > 1)"
    )
    assert repair(sql, schema).fixes == ()


def test_what_on_compares_comes_from_what_is_read_before(world, schema):
    sql = (
        "SELECT T3.Theme FROM singer AS T1 JOIN singer_in_concert AS T2"
        " ON T1.SingerID = T2.SingerID JOIN concert AS T3 ON T1.ConcertID = T3.ConcertID"
    )
    repaired = repair(sql, schema)
    assert repaired.sql == sql.replace("T1.ConcertID", "T2.ConcertID")
    assert len(world.execute(repaired.sql).rows) == 3


def test_of_two_keys_the_one_counts_that_on_names_in_part(world, schema):
    sql = "SELECT T2.Nickname FROM match AS T1 JOIN player AS T2 ON T1.loser = T2.id"
    repaired = repair(sql, schema)
    assert repaired.sql.endswith("ON T1.loser = T2.PlayerID")
    assert world.execute(repaired.sql).rows == (("Bat",),)


def test_a_join_of_a_table_with_itself_is_mended_only_along_with_what_fails(world, schema):
    on = "SELECT {} FROM city AS T1 JOIN country AS T2 ON T1.CountryCode = T1.CountryCode"
    runs, fails = on.format("T1.District"), on.format("T2.Name, T2.District")
    assert repair(runs, schema).sql == runs
    assert repair(fails, schema).sql == (
        "SELECT T2.Name, T1.District FROM city AS T1 JOIN country AS T2 ON T1.CountryCode = T2.Code"
    )


NEEDLESS = {
    "SELECT T1.Name FROM singer AS T1 JOIN singer_in_concert AS T2 ON T1.SingerID = T2.SingerID"
    " WHERE T2.Age > 25": "SELECT T1.Name FROM singer AS T1 WHERE T1.Age > 25",
    # what FROM began with, and then the link that is left behind
    "SELECT T3.Theme FROM singer AS T1\nJOIN singer_in_concert T2 ON T1.SingerID = T2.SingerID"
    "\nJOIN concert AS T3 ON T2.ConcertID = T3.ConcertID\nWHERE T1.Year = 2001": (
        "SELECT T3.Theme FROM concert AS T3\nWHERE T3.Year = 2001"
    ),
}


@pytest.mark.parametrize("sql", NEEDLESS)
def test_what_was_read_for_a_column_that_it_lacks_is_left_out(sql, world, schema):
    repaired = repair(sql, schema)
    assert repaired.sql == NEEDLESS[sql]
    assert repaired.fixes[0].kind == "column_moved"
    assert {fix.kind for fix in repaired.fixes[1:]} == {"needless_join"}
    assert repaired.fixes[1].detail.endswith(", since nothing else was to come from it")
    assert len(world.execute(repaired.sql).rows) == 1
    kept = repair(sql, schema, off=["needless_join"])
    assert [fix.kind for fix in kept.fixes] == ["column_moved"]
    assert kept.sql.count("JOIN") == sql.count("JOIN")


@pytest.mark.parametrize(
    "shown",
    ["count(*)", "*", "T2.*", "DISTINCT T1.Name", "T1.Name, T2.ConcertID", "T1.Name, ConcertID"],
)
def test_what_is_used_otherwise_or_counted_stays(shown, world, schema):
    sql = (
        f"SELECT {shown} FROM singer AS T1 JOIN singer_in_concert AS T2"
        " ON T1.SingerID = T2.SingerID WHERE T2.Age > 25"
    )
    repaired = repair(sql, schema)
    assert repaired.sql == sql.replace("T2.Age", "T1.Age")
    assert world.execute(repaired.sql).rows


def test_a_join_that_nothing_is_used_of_stays_where_nothing_was_moved(schema):
    sql = (
        "SELECT T1.Names FROM singer AS T1 JOIN singer_in_concert AS T2"
        " ON T1.SingerID = T2.SingerID"
    )
    assert repair(sql, schema).sql == sql.replace("Names", "Name")


def test_a_kind_that_is_off_leaves_its_faults_and_so_the_query(schema):
    sql = "SELECT Regions FROM language WHERE Percentage > 1"
    kinds = {fix.kind for fix in repair(sql, schema).fixes}
    assert kinds == {"unknown_column", "missing_join"}
    for kind in kinds:
        assert repair(sql, schema, off=[kind]).sql == sql
    assert repair(sql, schema, only=sorted(kinds)).sql == repair(sql, schema).sql


def test_an_unknown_kind_is_refused(schema):
    with pytest.raises(UsageError, match=r"unknown kind of repair: 'join'; did you mean"):
        repair("SELECT 1", schema, only=["join"])
    with pytest.raises(UsageError, match=r"unknown kind of repair: 'x'; known are ambiguous, "):
        repair("SELECT 1", schema, off=["x"])


# --------------------------------------------------------------------------- values


CELLS = {
    ("language", "Language"): ["French", "Japanese"],
    ("country", "Name"): ["France", " Japan", "Côte d'Ivoire"],
    ("country", "Code"): ["FRA", "fra", "JPN"],
}


def spelling(table, column, value):
    return stored_spelling(value, CELLS.get((table, column), ()))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("Language = 'french'", "Language = 'French'"),
        ("'french' = language.Language", "'French' = language.Language"),
        ('Language != "FRENCH "', 'Language != "French"'),
        ("Language IN ('french', 'Japanese')", "Language IN ('French', 'Japanese')"),
        ("Language NOT IN ('french', 'JAPANESE')", "Language NOT IN ('French', 'Japanese')"),
        ("Language = 'Dutch'", None),
        ("Language = 'French'", None),
        ("Language LIKE 'french'", None),
        ("Language > 'french'", None),
        ("lower(Language) = 'french'", None),
        ("Percentage = 'french'", None),
        ("CountryCode IN (SELECT 'french')", None),
        ("Language = 'x' || 'french'", None),
    ],
)
def test_compared_text_is_spelled_as_it_is_stored(condition, expected, schema):
    sql = f"SELECT CountryCode FROM language WHERE {condition}"
    repaired = repair(sql, schema, spelling)
    assert repaired.sql == sql.replace(condition, expected or condition)
    assert {fix.kind for fix in repaired.fixes} == ({"value_spelling"} if expected else set())
    assert repair(sql, schema).sql == sql
    assert repair(sql, schema, spelling, off=["value_spelling"]).sql == sql


def test_the_spelling_is_that_of_the_column_which_the_alias_means(schema):
    sql = (
        "SELECT c.Name FROM country AS c JOIN language AS l ON c.Code = l.CountryCode"
        " WHERE c.Name = 'CÔTE D''IVOIRE' AND l.Language = 'france' OR c.Name = 'Japan'"
    )
    repaired = repair(sql, schema, spelling)
    assert repaired.sql == sql.replace("CÔTE D''IVOIRE", "Côte d''Ivoire").replace(
        "'Japan'", "' Japan'"
    )
    assert [fix.detail for fix in repaired.fixes] == [
        "took 'CÔTE D'IVOIRE' for 'Côte d'Ivoire', as Name spells it",
        "took 'Japan' for ' Japan', as Name spells it",
    ]


def test_values_are_mended_after_the_names_that_say_whose_they_are(schema):
    sql = "SELECT Region FROM language WHERE Languages = 'french'"
    repaired = repair(sql, schema, spelling)
    assert repaired.sql.endswith("WHERE Language = 'French'")
    kinds = [fix.kind for fix in repaired.fixes]
    assert kinds == ["unknown_column", "missing_join", "value_spelling"]


def test_a_stored_text_cannot_end_its_quotes(schema):
    def hostile(table, column, value):
        return 'x\' OR "1"=1 --' if value == "y" else None

    for mark, written in (("'", "'x'' OR \"1\"=1 --'"), ('"', '"x\' OR ""1""=1 --"')):
        sql = f"SELECT Language FROM language WHERE Language = {mark}y{mark}"
        assert repair(sql, schema, hostile).sql == sql.replace(f"{mark}y{mark}", written)


def test_one_spelling_counts_only_if_it_is_the_only_one():
    assert stored_spelling("FRA ", ["fra", "JPN"]) == "fra"
    assert stored_spelling("Fra", ["FRA", "fra"]) is None
    assert stored_spelling("fra", ["FRA", "fra"]) is None
    assert stored_spelling("fra", ["fra"]) is None
    assert stored_spelling("fra", []) is None


# --------------------------------------------------------------------------- other schemas


def table(name, *columns, key="", keys=()):
    found = tuple(Column(name=c, type="TEXT", primary_key=c == key) for c in columns)
    links = tuple(ForeignKey(columns=(a,), ref_table=t, ref_columns=(b,)) for a, t, b in keys)
    return Table(name=name, columns=found, foreign_keys=links)


def schema_of(*tables, dialect="sqlite"):
    return DatabaseSchema(db_id="x", dialect=dialect, tables=tables)


def test_names_that_need_quotes_get_them():
    hard = schema_of(
        table("my käse", "n° 1", "Größe (cm)", "select"),
        table("t", 'say "hi"', "ref", key="ref", keys=[("ref", "my käse", "n° 1")]),
    )
    assert repair("SELECT \"Größe (cm)\", 'x' FROM t WHERE t.ref > 1", hard).sql == (
        "SELECT \"Größe (cm)\", 'x' FROM t WHERE t.ref > 1"
    )
    repaired = repair('SELECT ref, t."Größe (cm)" FROM t', hard)
    assert repaired.sql == (
        'SELECT ref, "my käse"."Größe (cm)" FROM t JOIN "my käse" ON t.ref = "my käse"."n° 1"'
    )
    repaired = repair("SELECT Größe (cm) FROM `my käse`", hard)
    assert repaired.sql == 'SELECT "Größe (cm)" FROM `my käse`'
    repaired = repair("SELECT T1.SELECT, T1.groesse FROM [my käse] T1", hard)
    assert repaired.fixes == ()


TABLES_OF_WORDS = {
    "order": ("id", "total", "from"),
    "group": ("id", "order"),
    "t": ("id", "x"),
}


@pytest.fixture(scope="module", params=["sqlite", "duckdb"])
def worded(request, tmp_path_factory):
    """A database whose tables are called like words of SQL, and its schema."""
    path = tmp_path_factory.mktemp("words") / f"words.{request.param}"
    creations = []
    for name, columns in TABLES_OF_WORDS.items():
        listed = ", ".join(f'"{column}" INTEGER' for column in columns)
        creations.append(f'CREATE TABLE "{name}" ({listed})')
    if request.param == "sqlite":
        create_sqlite(path, ";".join(creations), {})
    else:
        with duckdb.connect(str(path)) as connection:
            connection.execute(";".join(creations))
    database = plugins.open_database(path)
    yield database, database.schema(0)
    database.close()


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT total FROM order", 'SELECT total FROM "order"'),
        ("SELECT order.id FROM Order", 'SELECT "order".id FROM "Order"'),
        ("SELECT g.id FROM t, order AS g", 'SELECT g.id FROM t, "order" AS g'),
        ("SELECT order.* FROM t AS order", 'SELECT "order".* FROM t AS "order"'),
        (
            "SELECT group.id FROM order JOIN group ON order.id = group.id",
            'SELECT "group".id FROM "order" JOIN "group" ON "order".id = "group".id',
        ),
        (
            "SELECT x FROM t WHERE EXISTS (SELECT 1 FROM group WHERE group.id = t.id)",
            'SELECT x FROM t WHERE EXISTS (SELECT 1 FROM "group" WHERE "group".id = t.id)',
        ),
        (
            "WITH check AS (SELECT 1 AS x) SELECT check.x FROM check",
            'WITH "check" AS (SELECT 1 AS x) SELECT "check".x FROM "check"',
        ),
        ("SELECT count(*) FROM orders", 'SELECT count(*) FROM "order"'),
    ],
)
def test_tables_called_like_words_of_sql_get_quotes(sql, expected, worded):
    database, schema = worded
    with pytest.raises(QueryError):
        database.execute(sql)
    assert repair(sql, schema).sql == expected
    database.execute(expected)
    assert repair(expected, schema) == Repaired(expected)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT order.from FROM order",
        "SELECT order.nope FROM order",
        "SELECT from FROM order",
        "SELECT x AS order FROM t ORDER BY order",
        "SELECT order.from AS group FROM t AS order JOIN order ON t.id = order.id",
        "WITH order AS (SELECT 1 AS x) SELECT x FROM order",
    ],
)
def test_words_of_sql_are_quoted_all_or_none(sql, worded):
    database, schema = worded
    repaired = repair(sql, schema)
    assert (repaired.sql == sql) is (repaired.fixes == ())
    if repaired.fixes:
        database.execute(repaired.sql)


def test_both_names_of_a_column_are_quoted(worded):
    _, schema = worded
    mended = repair("SELECT order.from FROM order", schema)
    column = '"from"' if schema.dialect == "sqlite" else "from"
    assert mended.sql == f'SELECT "order".{column} FROM "order"'


def test_only_what_is_refused_is_a_word_that_needs_quotes():
    with sqlite3.connect(":memory:") as lite, duckdb.connect() as duck:
        for connection, words in ((lite, IN_SQLITE), (duck, TABLES_IN_DUCKDB)):
            for word in words:
                connection.execute(f'CREATE TABLE "{word}" (x INTEGER)')
                for sql in (f"SELECT x FROM {word}", f'SELECT 1 FROM "{word}" AS {word}'):
                    with pytest.raises((sqlite3.Error, duckdb.Error)):
                        connection.execute(sql)


def test_without_foreign_keys_a_primary_key_links_columns_of_its_name():
    plain = schema_of(
        table("singer", "singer_id", "name", key="singer_id"),
        table("song", "song_id", "singer_id", "title", key="song_id"),
        table("prize", "singer", "title"),
    )
    assert repair("SELECT name FROM song WHERE title = 'x'", plain).sql == (
        "SELECT name FROM song JOIN singer ON song.singer_id = singer.singer_id WHERE title = 'x'"
    )
    assert repair("SELECT name FROM prize WHERE title = 'x'", plain).fixes == ()
    on = "SELECT s.title FROM song AS s JOIN singer AS t ON {} = {}"
    assert repair(on.format("s.sid", "t.singer_id"), plain).sql == on.format(
        "s.singer_id", "t.singer_id"
    )
    assert repair(on.format("s.title", "t.key"), plain).fixes == ()


def test_names_suggest_keys_where_no_declared_key_leads():
    """`firm` is declared to be linked with `city` only; `firm_id` is what `id` of `firm` is."""
    partly = schema_of(
        table("city", "id", "mayor", key="id"),
        table("firm", "id", "trade", "city", key="id", keys=[("city", "city", "id")]),
        table("visit", "id", "firm_id", "guest", key="id"),
    )
    assert repair("SELECT guest, trade FROM visit", partly).sql == (
        "SELECT guest, trade FROM visit JOIN firm ON visit.firm_id = firm.id"
    )
    assert repair("SELECT guest, mayor FROM visit", partly).sql == (
        "SELECT guest, mayor FROM visit JOIN firm ON visit.firm_id = firm.id"
        " JOIN city ON firm.city = city.id"
    )


def test_a_key_of_two_columns_joins_by_both():
    flights = schema_of(
        Table(name="airport", columns=(Column(name="a"), Column(name="b"), Column(name="city"))),
        Table(
            name="flight",
            columns=(Column(name="x"), Column(name="y"), Column(name="no")),
            foreign_keys=(
                ForeignKey(columns=("x", "y"), ref_table="airport", ref_columns=("a", "b")),
            ),
        ),
    )
    assert repair("SELECT no, city FROM flight f LIMIT 1", flights).sql == (
        "SELECT no, city FROM flight f JOIN airport ON f.x = airport.a AND f.y = airport.b LIMIT 1"
    )


def test_nine_hundred_tables_take_no_time():
    tables = [table("hub", "id", "a", key="id")] + [
        table(f"t{i}", "id", "up", f"c{i}", key="id", keys=[("up", "hub", "id")])
        for i in range(900)
    ]
    started = time.process_time()
    repaired = repair("SELECT c1, c899 FROM t1 WHERE up > 0", schema_of(*tables))
    assert time.process_time() - started < 2
    assert repaired.sql == (
        "SELECT c1, c899 FROM t1 JOIN hub ON t1.up = hub.id JOIN t899 ON hub.id = t899.up"
        " WHERE t1.up > 0"
    )


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT t.'name' FROM t", 'SELECT t."name" FROM t'),
        # here a comma binds less than JOIN
        (
            "SELECT name, far FROM t, lone",
            "SELECT name, far FROM t JOIN u ON t.uid = u.uid, lone",
        ),
        ("SELECT 'name' FROM t", None),
        ("SELECT t.data.field, data.field FROM t", None),
        ("SELECT t, count(t) FROM t GROUP BY t", None),
        ("SELECT list_transform(l, x -> x + far) FROM t", None),
        ("SELECT b, a AS b FROM t AS s(a, b)", None),
        ("SELECT name AS n, n || 'x' FROM t", None),
        ("SELECT far FROM 'u.parquet'", None),
        ("SELECT * EXCLUDE (name) FROM t", None),
        ("FROM t SELECT uid", None),
        ("SELECT uid FROM t QUALIFY row_number() OVER (ORDER BY name) = 1", None),
        ("SELECT far FROM other.u", None),
        ("SELECT far FROM range(3) AS r", None),
        ("SELECT COLUMNS('n.*') FROM t", None),
    ],
)
def test_duckdb_has_its_own_ways(sql, expected):
    duck = schema_of(
        table("t", "uid", "name", "data", "l", keys=[("uid", "u", "uid")]),
        table("u", "uid", "far", key="uid"),
        table("lone", "z"),
        dialect="duckdb",
    )
    assert repair(sql, duck).sql == (expected or sql)


def test_the_golds_of_the_samples_come_back_unchanged(tmp_path):
    dataset = plugins.load("datasets", "samples").open(DatasetOptions(tmp_path, split="heldout"))
    for db_id in sorted({example.db_id for example in dataset.examples()})[:2]:
        database = plugins.open_database(dataset.database_path(db_id))
        schema = database.schema(0)
        database.close()
        golds = [e.gold_sql for e in dataset.examples() if e.db_id == db_id]
        assert len(golds) > 5
        for gold in golds:
            assert repair(gold, schema) == Repaired(gold)


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 31])
def test_every_gold_of_spider_comes_back_unchanged(spider_data, step):
    files = ("dev.json", "train_spider_min.json", "train_others_min.json")
    rows = [row for name in files for row in json.loads((spider_data / name).read_text())]
    golds = sorted({(row["db_id"], row["query"]) for row in rows})[::step]
    schemas = {}
    for db_id, gold in golds:
        path = spider_data / "database" / db_id / f"{db_id}.sqlite"
        if not path.exists():
            continue
        if db_id not in schemas:
            database = plugins.open_database(path)
            schemas[db_id] = database.schema(0)
            database.close()
        assert repair(gold, schemas[db_id]) == Repaired(gold)
    assert len(schemas) > 50


def test_a_table_and_its_column_are_not_one_name(tmp_path):
    path = tmp_path / "shop.sqlite"
    ddl = 'CREATE TABLE "Order" (Id INTEGER, Total REAL, "a.b" TEXT)'
    create_sqlite(path, ddl, {"Order": [(1, 2.0, "x"), (2, 3.0, "y")]})
    with closing(plugins.open_database(path, Limits())) as database:
        schema = database.schema()
        found = repair('SELECT SUM("Order.Total") FROM "Order" WHERE "order.Id" > 0', schema)
        assert found.sql == 'SELECT SUM("Order".Total) FROM "Order" WHERE "order".Id > 0'
        assert database.execute(found.sql).rows == ((5.0,),)
        assert [fix.kind for fix in found.fixes] == ["quoting"]
        for sql in (
            'SELECT "a.b" FROM "Order"',
            "SELECT 'Order.Total' FROM \"Order\"",
            'SELECT "Order.Nothing" FROM "Order"',
        ):
            assert repair(sql, schema).sql == sql


@pytest.mark.parametrize("right", ["1", "'x'", "NULL", "(SELECT 1)", "UPPER(Name)", "-1"])
def test_a_join_on_a_constant_is_no_join_with_itself(schema, right):
    for left in ("city.CountryCode", "CountryCode", "1"):
        sql = f"SELECT Nmae FROM city JOIN country ON {left} = {right}"
        assert repair(sql, schema).sql in (sql, sql.replace("Nmae", "Name"))
