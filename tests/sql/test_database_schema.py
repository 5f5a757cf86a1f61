import json
import sqlite3
import time
from contextlib import closing

import pytest

from sqlkiln.core.errors import DatabaseUnreadable, StatementRefused, UnknownName
from sqlkiln.core.plugins import Limits, open_database
from sqlkiln.core.records import Column, ForeignKey
from sqlkiln.sql.database import SQLiteDatabase


@pytest.fixture
def schema_of(tmp_path):
    """Build a SQLite file from a script and read its schema; tables by name."""

    def read(script, samples=3):
        path = tmp_path / "made.sqlite"
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(f"BEGIN; {script}; COMMIT")
        with open_database(path) as opened:
            schema = opened.schema(samples)
        assert (schema.db_id, schema.dialect) == ("made", "sqlite")
        return {table.name: table for table in schema.tables}

    return read


def names(table):
    return [column.name for column in table.columns]


class TestColumns:
    def test_have_name_type_key_and_samples(self, schema_of):
        tables = schema_of(
            "CREATE TABLE pet (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL, age REAL, kind);"
            "INSERT INTO pet VALUES (1, 'Rex', 2.5, NULL), (2, 'Tom', NULL, 'cat');"
        )
        assert tables["pet"].columns == (
            Column(name="id", type="INTEGER", primary_key=True, nullable=False, samples=("1", "2")),
            Column(name="name", type="VARCHAR(20)", nullable=False, samples=("Rex", "Tom")),
            Column(name="age", type="REAL", samples=("2.5",)),
            Column(name="kind", type="", samples=("cat",)),
        )
        assert tables["pet"].row_count == 2
        assert tables["pet"].kind == "table"

    def test_with_any_name(self, schema_of):
        weird = ["a b", 'say "hi"', "O'Hara", "sélect", "order", "日本", "[x]", "x;--", "%s", "{y}"]
        columns = ", ".join('"' + name.replace('"', '""') + '" TEXT' for name in weird)
        marks = ", ".join(f"'v{i}'" for i in range(len(weird)))
        tables = schema_of(
            f'CREATE TABLE "group ""all""" ({columns}); '
            f'INSERT INTO "group ""all""" VALUES ({marks});'
        )
        table = tables['group "all"']
        assert names(table) == weird
        assert [column.samples for column in table.columns] == [(f"v{i}",) for i in range(10)]

    def test_by_the_hundred(self, schema_of):
        columns = ", ".join(f"c{i} INTEGER" for i in range(300))
        values = ", ".join(str(i) for i in range(300))
        table = schema_of(f"CREATE TABLE wide ({columns}); INSERT INTO wide VALUES ({values});")[
            "wide"
        ]
        assert names(table) == [f"c{i}" for i in range(300)]
        assert table.columns[299].samples == ("299",)

    def test_that_are_generated_count_too(self, schema_of):
        table = schema_of("CREATE TABLE t (a INTEGER, b AS (a * 2), c AS (a * 3) STORED);")["t"]
        assert names(table) == ["a", "b", "c"]

    def test_samples_are_few_distinct_short_and_never_blobs(self, schema_of):
        tables = schema_of(
            "CREATE TABLE t (a, b, c);"
            "INSERT INTO t VALUES (1, x'00', ''), (1, x'01', NULL), (2, x'02', 'z'), (3, 4, 'y');"
            f"INSERT INTO t VALUES (4, NULL, '{'w' * 90}');",
            samples=2,
        )
        a, b, c = tables["t"].columns
        assert (a.samples, b.samples, c.samples) == (("1", "2"), ("4",), ("z", "y"))
        long = schema_of(f"CREATE TABLE t (a); INSERT INTO t VALUES ('{'w' * 90}');")["t"]
        assert long.columns[0].samples == ("w" * 39 + "…",)

    def test_samples_can_be_left_out(self, schema_of):
        table = schema_of("CREATE TABLE t (a); INSERT INTO t VALUES (1);", samples=0)["t"]
        assert table.columns[0].samples == ()
        assert table.row_count == 1


class TestKeys:
    def test_single(self, schema_of):
        tables = schema_of(
            "CREATE TABLE owner (id INTEGER PRIMARY KEY, ssn TEXT UNIQUE);"
            "CREATE TABLE pet (a INTEGER REFERENCES owner(id), b TEXT REFERENCES OWNER(SSN));"
        )
        assert tables["pet"].foreign_keys == (
            ForeignKey(columns=("a",), ref_table="owner", ref_columns=("id",)),
            ForeignKey(columns=("b",), ref_table="owner", ref_columns=("ssn",)),
        )

    def test_that_name_no_column_refer_to_the_primary_key(self, schema_of):
        tables = schema_of(
            "CREATE TABLE room (nr TEXT, house INTEGER, PRIMARY KEY (house, nr));"
            "CREATE TABLE bed (house INTEGER, room TEXT, FOREIGN KEY (house, room) REFERENCES room)"
        )
        assert tables["bed"].foreign_keys == (
            ForeignKey(columns=("house", "room"), ref_table="room", ref_columns=("house", "nr")),
        )
        assert [c.primary_key for c in tables["room"].columns] == [True, True]

    def test_to_nowhere_are_left_out(self, schema_of):
        tables = schema_of(
            "CREATE TABLE a (x REFERENCES gone(id), y REFERENCES b(gone), z REFERENCES b);"
            "CREATE TABLE b (no_key);"
        )
        assert tables["a"].foreign_keys == ()


class TestTables:
    def test_views_are_listed_as_such(self, schema_of):
        tables = schema_of(
            "CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1), (2);"
            "CREATE VIEW v AS SELECT a, a * 2 AS b FROM t;"
        )
        view = tables["v"]
        assert (view.kind, view.row_count, names(view)) == ("view", 2, ["a", "b"])
        assert view.columns[1].samples == ("2", "4")

    def test_what_sqlite_keeps_for_itself_is_not(self, schema_of):
        tables = schema_of(
            "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO t VALUES (1);"
            "ANALYZE;"
            "CREATE VIRTUAL TABLE notes USING fts5(body);"
            "INSERT INTO notes VALUES ('hello world');"
            "CREATE VIRTUAL TABLE old USING fts4(body);"
            "CREATE VIRTUAL TABLE box USING rtree(id, x0, x1); INSERT INTO box VALUES (1, 2, 3);"
        )
        assert list(tables) == ["t", "notes", "old", "box"]
        assert tables["notes"].row_count == 1
        assert names(tables["box"]) == ["id", "x0", "x1"]

    def test_full_text_and_rtree_tables_answer(self, tmp_path):
        path = tmp_path / "fts.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(
                "CREATE VIRTUAL TABLE notes USING fts5(body);"
                "INSERT INTO notes VALUES ('hello world'), ('goodbye');"
                "CREATE VIRTUAL TABLE old USING fts4(body); INSERT INTO old VALUES ('hello');"
                "CREATE VIRTUAL TABLE box USING rtree(id, x0, x1);"
                "INSERT INTO box VALUES (1, 2, 3);"
            )
        with open_database(path) as opened:
            for sql in (
                "SELECT count(*) FROM notes WHERE notes MATCH 'hello'",
                "SELECT count(*) FROM old WHERE body MATCH 'hello'",
                "SELECT count(*) FROM box WHERE x0 < 2.5",
            ):
                assert opened.execute(sql).rows == ((1,),)

    def test_a_view_over_something_gone_is_left_out(self, schema_of):
        tables = schema_of(
            "CREATE TABLE t (a); CREATE TABLE u (a); CREATE VIEW v AS SELECT * FROM u;DROP TABLE u;"
        )
        assert list(tables) == ["t"]

    def test_nine_hundred_take_a_second_or_two(self, schema_of, tmp_path):
        columns = ", ".join(f"c{j} TEXT" for j in range(10))
        script = "".join(
            f"CREATE TABLE t{i} (id INTEGER PRIMARY KEY, {columns}, "
            f"up INTEGER REFERENCES t{max(i - 1, 0)});"
            f"INSERT INTO t{i} VALUES ({i}, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, {i});"
            for i in range(900)
        )
        tables = schema_of(script)
        assert len(tables) == 900
        assert tables["t899"].foreign_keys[0].ref_table == "t898"
        assert tables["t899"].columns[0].samples == ("899",)
        with open_database(tmp_path / "made.sqlite") as opened:
            started = time.perf_counter()
            opened.schema()
            assert time.perf_counter() - started < 4.0


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"


class TestHostileFiles:
    def test_a_view_without_end_has_no_count(self, schema_of):
        tables = schema_of(
            f"CREATE TABLE t (a); INSERT INTO t VALUES (1); CREATE VIEW v AS {ENDLESS};"
        )
        assert (tables["v"].row_count, tables["t"].row_count) == (None, 1)

    def test_a_view_that_breaks_down_the_process_costs_the_views(self, schema_of, tmp_path):
        doubled = "".join(
            f"CREATE VIEW v{i} AS SELECT a.x FROM v{i - 1} a, v{i - 1} b;" for i in range(1, 40)
        )
        with closing(sqlite3.connect(tmp_path / "bomb.db")) as connection:
            connection.executescript(
                f"CREATE TABLE t (a); CREATE VIEW v0 AS SELECT 1 AS x; {doubled}"
            )
        with SQLiteDatabase.open(tmp_path / "bomb.db", Limits()) as opened:
            assert "t" in [table.name for table in opened.schema().tables]

    @pytest.mark.parametrize("body", ["load_extension('x')", "readfile('/etc/passwd')"])
    def test_a_view_may_do_no_more_than_a_query(self, tmp_path, body):
        path = tmp_path / "trap.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE t (a)")
            connection.execute(f"CREATE VIEW v AS SELECT {body} AS x")
        with open_database(path) as opened:
            opened.schema()
            with pytest.raises((StatementRefused, UnknownName), match=r"unsafe use|no such func"):
                opened.execute("SELECT * FROM v")

    def test_a_table_in_the_way_of_the_catalogue(self, schema_of):
        with pytest.raises(DatabaseUnreadable, match=r"cannot read the schema: .*not a function"):
            schema_of("CREATE TABLE pragma_table_xinfo (a);")

    def test_a_schema_that_is_garbage(self, tmp_path):
        path = tmp_path / "garbage.db"
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("CREATE TABLE t (a)")
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute("UPDATE sqlite_master SET sql = 'CREATE TABLE t (((('")
        with pytest.raises(DatabaseUnreadable, match=r"malformed database schema .*damaged"):
            open_database(path)


@pytest.fixture(scope="module")
def databases(spider_data):
    return sorted(spider_data.glob("**/database/*/*.sqlite"))


class TestSpider:
    def test_every_database_opens_and_tells_its_schema(self, databases):
        assert len(databases) == 163
        tables = 0
        for path in databases:
            with open_database(path) as opened:
                schema = opened.schema()
            assert schema.db_id == path.stem
            assert all(table.row_count is not None for table in schema.tables), path
            tables += len(schema.tables)
        assert tables == 838

    def test_every_gold_query_whose_database_is_there_is_answered(self, databases, spider_data):
        (questions,) = spider_data.glob("**/dev.json")
        by_database = {}
        for example in json.loads(questions.read_text()):
            by_database.setdefault(example["db_id"], []).append(example["query"])
        answered = 0
        for path in databases:
            if path.stem in by_database:
                with open_database(path) as opened:
                    for sql in by_database[path.stem]:
                        assert not opened.execute(sql).truncated
                        answered += 1
        assert answered == 972
