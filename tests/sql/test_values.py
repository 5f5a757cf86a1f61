import os
import sqlite3
import threading
import time
from contextlib import closing
from types import SimpleNamespace

import pytest

from sqlkiln.core.errors import MissingDependency, QueryError
from sqlkiln.core.plugins import open_database
from sqlkiln.sql import values_store
from sqlkiln.sql.database_build import create_sqlite
from sqlkiln.sql.values import open_index
from sqlkiln.sql.values_read import Bounds

DDL = """
    CREATE TABLE airline (id INTEGER PRIMARY KEY, name TEXT, country TEXT, code TEXT);
    CREATE TABLE flight (number INTEGER, "from city" TEXT, note TEXT, price);
    CREATE TABLE pilot (name TEXT, sex TEXT, state TEXT, grade TEXT);
"""
ROWS = {
    "airline": [
        (1, "JetBlue Airways", "USA", "JB"),
        (2, "Air France", "France", "AF"),
        (3, "Alitalia", "Italy", "IN"),
        (4, "Varig", "Brazil", "OR"),
    ],
    "flight": [
        (10, "New York", "late", 12),
        (11, "Los Angeles", "on time", 13),
        (12, "São Paulo", "x" * 500, 14),
        (13, "Aberdeen ", "O'Hare it's", 15),
    ],
    "pilot": [
        ("Ann Lee", "F", "CA", "A"),
        ("Bo Chu", "M", "TX", "B"),
        ("Cy\nDoe", "M", "NY", "C"),
        ("state", "F", "WA", "A"),
    ],
}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SQLKILN_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "values"


@pytest.fixture
def path(tmp_path):
    """A database that was last changed a minute ago."""
    path = tmp_path / "air.sqlite"
    create_sqlite(path, DDL, ROWS)
    aged(path)
    return path


def aged(path):
    """Let the file's own time stamps be of a minute ago, as far as that can be set."""
    then = time.time() - 60
    os.utime(path, (then, then))


@pytest.fixture
def settled(monkeypatch):
    """The time of the last change of metadata cannot be set: count it as long past."""
    monkeypatch.setattr("sqlkiln.sql.database_state.SETTLED_S", 0.0)


def opened(path, bounds=None):
    database = open_database(path)
    try:
        return open_index(database, database.schema(), bounds)
    finally:
        database.close()


@pytest.fixture
def index(path, cache):
    with opened(path) as index:
        yield index


def found(index, question, limit=10):
    return [(hit.table, hit.column, hit.value) for hit in index.search(question, limit)]


@pytest.mark.parametrize(
    ("question", "place"),
    [
        ("flights from new york city", ("flight", "from city", "New York")),
        ("FLIGHTS FROM NEW YORK", ("flight", "from city", "New York")),
        ("who flies to Sao Paulo?", ("flight", "from city", "São Paulo")),
        ("flights of Jetblu Airway", ("airline", "name", "JetBlue Airways")),
        ("flights of Jet Blue Airways", ("airline", "name", "JetBlue Airways")),
        ("when did JetBlue start?", ("airline", "name", "JetBlue Airways")),
        ("how many french airlines are there?", ("airline", "country", "France")),
        ("all Italian airlines", ("airline", "country", "Italy")),
        ("all Brazilian airlines", ("airline", "country", "Brazil")),
        ("airlines of the United States", ("airline", "country", "USA")),
        ("trips out of Aberden", ("flight", "from city", "Aberdeen ")),
        ("which airline has the code 'IN'?", ("airline", "code", "IN")),
        ("the airline that is called \u201cair france\u201d", ("airline", "name", "Air France")),
        ("pilots from California", ("pilot", "state", "CA")),
        ("how many males fly?", ("pilot", "sex", "M")),
        ("what does Lee, Ann fly?", ("pilot", "name", "Ann Lee")),
        ("flights with the note o'hare its", ("flight", "note", "O'Hare it's")),
    ],
)
def test_it_finds(index, question, place):
    assert found(index, question)[0] == place


def test_short_values_are_found_where_their_column_is_named(index):
    assert found(index, "pilots with the grade B") == [("pilot", "grade", "B")]
    assert found(index, "is grade a letter?") == []


@pytest.mark.parametrize(
    "question",
    [
        "what is in the list or on time?",  # IN and OR are codes of airlines
        "show me a b c",
        "what is the sex of each pilot?",
        "how many flights are there in total?",
        "of which is it the most?",
        "",
        "'' \"\" ??? 'a",
        "12 13 1 2",
    ],
)
def test_words_that_mean_no_value_hit_none(index, question):
    assert found(index, question) == []


def test_a_letter_hits_only_where_it_is_quoted_or_stands_as_a_code(index):
    assert found(index, "pilots of grade 'b'") == [("pilot", "grade", "B")]
    assert found(index, "pilots with sex F") == [("pilot", "sex", "F")]
    assert found(index, "I want a pilot") == []


def test_a_word_that_names_a_column_is_a_weak_hit(index):
    (hit,) = index.search("the state of each pilot")
    assert (hit.value, hit.score < 0.55) == ("state", True)


def test_a_hit_says_what_was_asked_and_how_it_is_alike(index):
    hit = index.search("flights of JetBleu Airways")[0]
    assert (hit.phrase, hit.reason) == ("JetBleu Airways", "similar spelling")
    exact = index.search('"JetBlue Airways"')[0]
    assert (exact.score, exact.reason) == (1.0, "same words")
    assert 0 < hit.score < exact.score


def test_long_texts_numbers_and_texts_of_several_lines_are_left_out(index):
    assert index.facts.texts == 4 * 3 + 4 + 3 + 3 + 2 + 4 + 3
    assert found(index, "'" + "x" * 500 + "'") == []
    assert found(index, "the pilot 'Cy Doe'") == []


def test_the_limit_is_kept(index):
    question = "New York, Los Angeles, Air France, Varig"
    assert len(index.search(question, 2)) == 2
    assert index.search(question, 0) == ()


def test_one_word_does_not_flood_the_list(tmp_path, cache):
    path = tmp_path / "many.sqlite"
    rows = {
        "place": [
            (f"Springfield {name}", f"{name} Road") for name in ("ab", "cd", "ef", "gh", "kl")
        ]
    }
    create_sqlite(path, "CREATE TABLE place (town TEXT, street TEXT)", rows)
    with opened(path) as index:
        assert len(index.search("who lives in Springfield?")) <= 3
        assert index.search("is there a road?") == ()


def test_a_value_in_several_columns_is_found_in_each(tmp_path, cache):
    path = tmp_path / "two.sqlite"
    ddl = "CREATE TABLE a (x TEXT, y TEXT); CREATE TABLE b (z TEXT)"
    create_sqlite(path, ddl, {"a": [("Oslo", "Rome")], "b": [("oslo",)]})
    with opened(path) as index:
        assert set(found(index, "all of Oslo")) == {("a", "x", "Oslo"), ("b", "z", "oslo")}


# --------------------------------------------------------------------------- other scripts


@pytest.fixture
def worldwide(tmp_path, cache):
    path = tmp_path / "staff.sqlite"
    rows = {
        "staff": [
            ("田中", "東京"),
            ("鈴木一郎", "大阪市"),
            ("さくら", "はい"),
            ("王小明", "上海"),
            ("김철수", "서울"),
            ("สมชาย", "กรุงเทพ"),
            ("ขาว", "3年生"),
            ("国際電気通信基礎技術研究所", "京"),
        ]
    }
    create_sqlite(path, "CREATE TABLE staff (name TEXT, place TEXT, 部署 TEXT)", {})
    with closing(sqlite3.connect(path)) as connection, connection:
        texts = [(*row, "部署") for row in rows["staff"]]
        connection.executemany("INSERT INTO staff VALUES (?, ?, ?)", texts)
    with opened(path) as index:
        yield index


@pytest.mark.parametrize(
    ("question", "values"),
    [
        ("which staff is 田中", ["田中"]),
        ("staff in 東京", ["東京"]),
        ("staff called 鈴木一郎?", ["鈴木一郎"]),
        ("鈴木一郎さんはどこで働いていますか", ["鈴木一郎"]),
        ("有多少员工在上海工作?", ["上海"]),
        ("王小明在哪里?", ["王小明"]),
        ("さくらの住所", ["さくら"]),
        ("名前が「さくら」の人", ["さくら"]),
        ("서울에서 일하는 직원", ["서울"]),
        ("김철수는 어디에 있습니까", ["김철수"]),
        ("พนักงานชื่อสมชายอยู่ที่ไหน", ["สมชาย"]),
        ("คนในกรุงเทพ", ["กรุงเทพ"]),
        ("3年生は何人", ["3年生"]),
        ("国際電気通信基礎技術研究所の人", ["国際電気通信基礎技術研究所"]),
        ("田、中", []),
        ("京の人", []),
        ("はいつ", []),
        ("ขาวๆ ข้าว", ["ขาว"]),
        ("สีขาวั", []),
        ("eat 에서 는", []),
    ],
)
def test_values_are_found_in_scripts_without_spaces(worldwide, question, values):
    assert [hit.value for hit in worldwide.search(question)] == values


def test_the_name_of_a_column_is_a_weak_hit_there_too(worldwide):
    (hit,) = worldwide.search("各部署の人数")
    assert (hit.value, hit.score < 0.6) == ("部署", True)


# --------------------------------------------------------------------------- the file


@pytest.mark.usefixtures("settled")
def test_it_is_built_once(path, cache):
    with opened(path) as first, opened(path) as second:
        assert (first.facts.built, second.facts.built) == (True, False)
        assert found(first, "to Los Angeles") == found(second, "to Los Angeles") != []
    assert len(list(cache.iterdir())) == 1


@pytest.mark.usefixtures("settled")
def test_it_is_made_again_when_the_database_changes(path, cache):
    opened(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO airline VALUES (5, 'Sabena', 'Belgium', 'SN')")
    with opened(path) as index:
        assert index.facts.built
        assert found(index, "the Sabena") == [("airline", "name", "Sabena")]
    assert len(list(cache.iterdir())) == 1


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("damage", [lambda b: b[:-7], lambda b: b[:200] + b"?" + b[201:], bytes])
def test_a_damaged_file_is_made_again(path, cache, damage):
    opened(path).close()
    (file,) = cache.iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage(whole) if damage is not bytes else b"")
    with opened(path) as index:
        assert index.facts.built
        assert found(index, "to Los Angeles") == [("flight", "from city", "Los Angeles")]
    assert file.read_bytes()[:17] == whole[:17]


def test_the_index_of_a_file_that_has_just_changed_is_not_kept(path, cache):
    with opened(path) as index:
        assert found(index, "to Los Angeles") != []
    assert not cache.exists()


@pytest.mark.usefixtures("settled")
def test_a_folder_that_cannot_be_written_only_costs_time(path, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SQLKILN_CACHE_DIR", str(tmp_path / "file"))
    with opened(path) as index:
        assert found(index, "to Los Angeles") == [("flight", "from city", "Los Angeles")]


@pytest.mark.usefixtures("settled")
def test_several_may_build_at_once(path, cache):
    indexes = []
    threads = [threading.Thread(target=lambda: indexes.append(opened(path))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found(index, "to Los Angeles") for index in indexes] == [
        [("flight", "from city", "Los Angeles")]
    ] * 4
    assert len(list(cache.iterdir())) == 1


@pytest.mark.usefixtures("settled")
def test_other_bounds_are_another_index(path, cache):
    opened(path).close()
    with opened(path, Bounds(value_chars=5)) as index:
        assert index.facts.built
        assert found(index, "to Los Angeles") == []


def test_without_full_text_search_it_says_what_is_missing(path, cache, monkeypatch):
    monkeypatch.setattr(values_store, "_SEARCHES", "CREATE VIRTUAL TABLE x USING fts9(y)")
    with pytest.raises(MissingDependency, match=r"cannot index values: .* lacks full-text search"):
        opened(path)


# --------------------------------------------------------------------------- unfinished


class Slow:
    """A database whose every statement takes `seconds` by `clock`; the `failing` ones fail."""

    def __init__(self, path, clock, seconds=0.0, failing=()):
        self._database = open_database(path)
        self._clock = clock
        self._seconds = seconds
        self._failing = failing
        self.path, self.dialect, self.schema = path, "sqlite", self._database.schema
        self.asked = 0

    def execute(self, sql, limits):
        self.asked += 1
        self._clock[0] += self._seconds
        if any(name in sql for name in self._failing):
            raise QueryError("database is locked")
        return self._database.execute(sql, limits)


@pytest.fixture
def slow(path, cache, monkeypatch, settled):
    """Opens the index of the slow database; gives it, and how many statements that took."""
    clock = [0.0]
    monkeypatch.setattr("sqlkiln.sql.values_read.time", SimpleNamespace(monotonic=lambda: clock[0]))

    def open_slowly(bounds, **how):
        database = Slow(path, clock, **how)
        index = open_index(database, database.schema(), bounds)
        index.close()
        return index.facts, database.asked

    return open_slowly


def test_what_there_was_no_time_for_is_read_at_the_next_opening(slow, path):
    bounds = Bounds(seconds=1.5)
    facts, asked = slow(bounds, seconds=1.0)
    no_time = "not read: no time left"
    assert {(table, why) for table, _, why in facts.partial} == {("pilot", no_time)}
    assert asked == 2
    facts, asked = slow(bounds, seconds=1.0)
    assert (facts.partial, facts.built, asked) == ((), True, 1)
    facts, asked = slow(bounds, seconds=1.0)
    assert (facts.partial, facts.built, asked) == ((), False, 0)
    with opened(path, bounds) as index:
        assert not index.facts.built
        assert index.facts.texts == 4 * 3 + 4 + 3 + 3 + 2 + 4 + 3
        assert found(index, "the pilot Ann Lee") == [("pilot", "name", "Ann Lee")]
        assert found(index, "to Los Angeles") == [("flight", "from city", "Los Angeles")]


def test_what_failed_is_tried_once_more(slow):
    bounds = Bounds()
    facts, _ = slow(bounds, failing=['"pilot"'])
    failed = "not read: it took too long or failed"
    assert {(table, why) for table, _, why in facts.partial} == {("pilot", failed)}
    facts, _ = slow(bounds)
    assert (facts.partial, facts.built) == ((), True)


def test_what_fails_twice_is_left_alone(slow):
    bounds = Bounds()
    slow(bounds, failing=['"pilot"'])
    facts, asked = slow(bounds, failing=['"pilot"'])
    assert (len(facts.partial), facts.built, asked) == (4, True, 2)
    facts, asked = slow(bounds, failing=['"pilot"'])
    assert (len(facts.partial), facts.built, asked) == (4, False, 0)


def test_a_sample_in_place_of_the_whole_stands_until_the_whole_is_read(slow):
    bounds = Bounds(sample_rows=2)
    facts, _ = slow(bounds, failing=['FROM "pilot" WHERE'])
    assert {(table, why) for table, _, why in facts.partial} == {("pilot", "the first 2 rows")}
    fewer = facts.texts
    facts, _ = slow(bounds, failing=['"pilot"'])
    assert facts.texts == fewer
    facts, asked = slow(bounds)
    assert (facts.built, asked) == (False, 0)


def test_what_the_bounds_leave_out_is_final(slow):
    bounds = Bounds(all_values=14)
    facts, _ = slow(bounds)
    assert len(facts.partial) == 6
    facts, asked = slow(bounds)
    assert (len(facts.partial), facts.built, asked) == (6, False, 0)


# --------------------------------------------------------------------------- databases


def test_names_that_need_quotes_and_tables_without_row_numbers(tmp_path, cache):
    path = tmp_path / "odd.sqlite"
    ddl = """
        CREATE TABLE "or""der by" ("the 'x'" TEXT PRIMARY KEY, "sel;ect" TEXT) WITHOUT ROWID;
        CREATE TABLE t (_rowid_ TEXT);
    """
    create_sqlite(path, ddl, {'or"der by': [("Ünal", "Çelik")], "t": [("Zürich",)]})
    with opened(path, Bounds(full_rows=0)) as index:
        assert found(index, "unal celik in zurich") == [
            ('or"der by', "the 'x'", "Ünal"),
            ('or"der by', "sel;ect", "Çelik"),
            ("t", "_rowid_", "Zürich"),
        ]


def test_duckdb_and_folders_of_files(tmp_path, cache):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "town.csv").write_text("name,people\nOslo,700000\nSão Paulo,12000000\n")
    with opened(folder) as index:
        assert found(index, "people of sao paulo") == [("town", "name", "São Paulo")]


def test_a_large_duckdb_table_is_sampled_all_over(tmp_path, cache):
    path = tmp_path / "towns.csv"
    path.write_text("town\n" + "".join(f"town {n // 250}\n" for n in range(5000)))
    with opened(path, Bounds(full_rows=100, sample_rows=1000)) as index:
        assert index.facts.partial == (("towns", "town", "a sample of 1,000 rows"),)
        assert index.facts.texts == 20


def test_of_columns_with_the_same_text_those_spoken_of_come_first(tmp_path, cache):
    path = tmp_path / "same.sqlite"
    ddl = "".join(f"CREATE TABLE t{i} (a{i} TEXT);" for i in range(20))
    create_sqlite(
        path,
        ddl + "CREATE TABLE u (mood TEXT)",
        {**{f"t{i}": [("sunny",)] for i in range(20)}, "u": [("sunny",)]},
    )
    with opened(path) as index:
        hits = found(index, "whose mood is sunny?")
        assert hits[0] == ("u", "mood", "sunny")
        assert len(hits) == 6


def test_a_view_is_read_and_one_that_never_ends_is_given_up(tmp_path, cache):
    path = tmp_path / "views.sqlite"
    ddl = """
        CREATE TABLE t (a TEXT);
        CREATE VIEW fine AS SELECT a || ' Smith' AS b FROM t;
        CREATE VIEW endless AS
            WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r)
            SELECT 'x' || n AS c FROM r WHERE n < 0;
    """
    create_sqlite(path, ddl, {"t": [("Ann",)]})
    started = time.perf_counter()
    with opened(path, Bounds(statement_s=0.2)) as index:
        assert found(index, "where is Ann Smith?")[0] == ("fine", "b", "Ann Smith")
        assert index.facts.partial == (("endless", "c", "not read: it took too long or failed"),)
    assert time.perf_counter() - started < 10


def test_large_tables_are_sampled_all_over_and_that_is_told(tmp_path, cache):
    path = tmp_path / "large.sqlite"
    rows = [(f"street {n}", f"town {n // 1000}") for n in range(20_000)]
    create_sqlite(path, "CREATE TABLE place (street TEXT, town TEXT)", {"place": rows})
    with opened(path, Bounds(full_rows=1000, sample_rows=2000)) as index:
        how = "a sample of 2,000 rows"
        assert index.facts.partial == (("place", "street", how), ("place", "town", how))
        towns = {hit[2] for n in range(20) for hit in found(index, f"'town {n}'")}
        assert {f"town {n}" for n in range(20)} <= towns
        assert 1900 < index.facts.texts <= 2000 + 20


def test_bounds_of_values_hold_and_are_told(tmp_path, cache):
    path = tmp_path / "bounds.sqlite"
    rows = {"a": [(f"aa{n}",) for n in range(50)], "b": [(f"bb{n}",) for n in range(60)]}
    create_sqlite(
        path,
        "CREATE TABLE a (x TEXT); CREATE TABLE b (y TEXT, z TEXT)",
        {"a": rows["a"], "b": [(y, y) for (y,) in rows["b"]]},
    )
    with opened(path, Bounds(column_values=40, all_values=70)) as index:
        assert index.facts.texts == 70
        assert [why for _, _, why in index.facts.partial] == [
            "40 values of more",
            "30 values of more",
            "0 values of more",
        ]
    with opened(path, Bounds(seconds=0.0)) as index:
        assert {why for _, _, why in index.facts.partial} == {"not read: no time left"}
