import json
import threading
import time
from contextlib import closing

import duckdb
import pytest

from sqlkiln.core.errors import (
    DatabaseUnreadable,
    MissingDependency,
    QueryFailed,
    QueryTimeout,
    ResourceExceeded,
    SQLSyntaxError,
    StatementRefused,
    UnknownName,
)
from sqlkiln.core.plugins import Limits, open_database
from sqlkiln.core.records import Column, ForeignKey
from sqlkiln.sql.database import DuckDBDatabase
from sqlkiln.sql.database_duckdb import DuckDBEngine
from sqlkiln.sql.database_process import QueryProcess
from sqlkiln.sql.database_query import NotBegunError, Query


def write(path, *statements):
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)
    return path


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    return write(
        tmp_path_factory.mktemp("pets") / "pets.duckdb",
        "CREATE TABLE owner (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL)",
        "CREATE TABLE pet (id INTEGER PRIMARY KEY, owner_id INTEGER REFERENCES owner(id), "
        "age DOUBLE, photo BLOB)",
        "INSERT INTO owner VALUES (1, 'Ann'), (2, 'Bo')",
        "INSERT INTO pet VALUES (1, 1, 2.5, 'ab'), (2, 1, NULL, NULL), (3, 2, 11, 'cd')",
        "CREATE VIEW old AS SELECT * FROM pet WHERE age > 10",
    )


@pytest.fixture(scope="module")
def database(pets):
    with open_database(pets, Limits(timeout_s=10.0)) as opened:
        yield opened


class TestRows:
    def test_come_in_the_order_of_the_query(self, database):
        result = database.execute(
            "SELECT name, age FROM owner JOIN pet ON owner_id = owner.id ORDER BY age DESC"
        )
        assert result.columns == ("name", "age")
        assert result.rows == (("Bo", 11.0), ("Ann", 2.5), ("Ann", None))

    @pytest.mark.parametrize(
        ("expression", "cell"),
        [
            ("NULL", None),
            ("true", True),
            ("170141183460469231731687303715884105727::HUGEINT", 2**127 - 1),
            ("1.50::DECIMAL(10, 2)", 1.5),
            ("'inf'::DOUBLE", float("inf")),
            ("'zoë'", "zoë"),
            (r"'\x00\xFF'::BLOB", b"\x00\xff"),
            ("DATE '2024-02-29'", "2024-02-29"),
            ("DATE '0044-03-15 (BC)'", "0044-03-15 (BC)"),
            ("TIME '10:30:00'", "10:30:00"),
            ("TIMESTAMP '2024-02-29 10:30:00'", "2024-02-29 10:30:00"),
            ("TIMESTAMP_NS '2024-02-29 10:30:00.123456789'", "2024-02-29 10:30:00.123456789"),
            ("INTERVAL 14 MONTH", "1 year 2 months"),
            ("[1, 2, NULL]", "[1, 2, NULL]"),
            ("{'a': 1, 'b': DATE '2024-02-29'}", "{'a': 1, 'b': 2024-02-29}"),
            ("MAP {'k': 1}", "{k=1}"),
            ("'a'::ENUM ('a', 'b')", "a"),
            ("'{\"a\": 1}'::JSON", '{"a": 1}'),
            ("'101'::BIT", "101"),
            ("uuid '00000000-0000-0000-0000-000000000001'", "00000000-0000-0000-0000-000000000001"),
            ("('1' || repeat('0', 5000))::BIGNUM", "1" + "0" * 5000),
        ],
    )
    def test_hold_every_kind_of_value(self, database, expression, cell):
        rows = database.execute(f"SELECT {expression} AS x").rows
        assert rows == ((cell,),)
        assert type(rows[0][0]) is type(cell)

    def test_hold_times_with_a_zone_without_any_other_library(self, database):
        sql = "SELECT TIMESTAMPTZ '2024-02-29 10:30:00+00' AS t, ';' AS s ORDER BY 1; -- a;b"
        ((cell, _),) = database.execute(sql).rows
        assert cell.startswith("2024-02-")
        assert cell[-3] in "+-"

    def test_keep_order_and_names_when_a_column_has_no_plain_type(self, database):
        result = database.execute("SELECT [id] AS x, id AS x FROM pet ORDER BY id DESC")
        assert result.columns == ("x", "x")
        assert result.rows == (("[3]", 3), ("[2]", 2), ("[1]", 1))

    def test_nan_survives(self, database):
        ((cell,),) = database.execute("SELECT 'nan'::FLOAT").rows
        assert cell != cell

    @pytest.mark.parametrize(
        "sql", ["select 1;", ";; SELECT 1 ;;", "/* ; */ SELECT 1 -- ;", "VALUES (1)", "(SELECT 1)",
                "WITH x AS (FROM range(1, 2)) FROM x", "\ufeffSELECT 1"],
    )  # fmt: skip
    def test_come_from_one_statement_however_it_is_written(self, database, sql):
        assert database.execute(sql).rows == ((1,),)

    def test_are_cut_off(self, database):
        result = database.execute("FROM range(10000000000)", Limits(max_rows=3))
        assert (result.rows, result.truncated) == (((0,), (1,), (2,)), True)


class TestErrors:
    @pytest.mark.parametrize(
        ("sql", "message"),
        [
            ("DELETE FROM pet", "it is of type DELETE"),
            ("EXPLAIN SELECT 1", "it is of type EXPLAIN"),
            ("SELECT 1; SELECT 2", "it is more than one statement"),
            (" -- nothing", "it is empty"),
            ("SELECT 'a\0b'", "it contains a NUL byte"),
            ("DESCRIBE pet", "it is DESCRIBE, SHOW or SUMMARIZE"),
            ("WITH x AS (DELETE FROM pet RETURNING *) FROM x", "it contains DELETE QUERY"),
            ("SELECT * FROM read_csv('x.csv')", r"it reads from read_csv\(\)"),
            ("SELECT (SELECT sleep_ms(9) FROM pet)", r"it calls sleep_ms\(\)"),
            ("SELECT 1 ORDER BY current_setting('threads')", r"it calls current_setting\(\)"),
        ],
    )
    def test_refused(self, database, sql, message):
        with pytest.raises(StatementRefused, match=f"^statement refused: {message}"):
            database.execute(sql)

    @pytest.mark.parametrize(
        ("sql", "error", "message"),
        [
            ("SELEC 1", SQLSyntaxError, r'^syntax error: .*at or near "SELEC"$'),
            ("SELECT * FROM pets", UnknownName, '^unknown name: .*Table with name pets does not'),
            ("SELECT agee FROM pet", UnknownName, '"agee" not found'),
            ("SELECT * FROM 'x.csv'", StatementRefused, 'Cannot access file "x.csv"'),
            ("SELECT soundexx(1)", UnknownName, "soundexx does not exist"),
            ("SELECT 'a'::INTEGER", QueryFailed, "^query failed: Conversion Error"),
            ("SELECT sum(name) FROM owner", QueryFailed, "^query failed: Binder Error"),
            ("SELECT repeat('x', 5000000000)", ResourceExceeded, "maximum supported string size"),
        ],
    )  # fmt: skip
    def test_others(self, database, sql, error, message):
        with pytest.raises(error, match=message):
            database.execute(sql)

    def test_time_is_up_at_the_soft_deadline(self, database):
        pid = database.pid
        started = time.monotonic()
        with pytest.raises(QueryTimeout, match=r"no answer within 0.3 s"):
            database.execute(
                "SELECT sum(hash(a.range, b.range)) FROM range(10000000) a, range(10000000) b",
                Limits(timeout_s=0.3),
            )
        assert time.monotonic() - started < 0.3 + 2.0
        assert database.pid == pid

    def test_memory_is_capped_and_the_process_replaced(self, pets):
        limits = Limits(timeout_s=30.0, memory_bytes=256 << 20)
        with open_database(pets, limits) as opened:
            pid = opened.pid
            with pytest.raises(ResourceExceeded, match="resource limit exceeded: Out of Memory"):
                opened.execute("SELECT list(range) FROM range(1000000000)")
            assert opened.execute("SELECT count(*) FROM pet").rows == ((3,),)
            assert opened.pid != pid

    def test_nesting_is_capped_without_a_crash(self, database):
        pid = database.pid
        with pytest.raises(ResourceExceeded, match="nested too deeply"):
            database.execute("SELECT " + "NOT " * 2_000 + "true")
        deep = "SELECT " + "abs(" * 300 + "1" + ")" * 300
        assert database.execute(deep).rows == ((1,),)
        assert database.pid == pid


class TestSchema:
    def test_has_tables_views_columns_and_keys(self, database):
        schema = database.schema()
        owner, pet, old = schema.tables
        assert (schema.db_id, schema.dialect) == ("pets", "duckdb")
        assert owner.columns == (
            Column(name="id", type="INTEGER", primary_key=True, nullable=False, samples=("1", "2")),
            Column(name="name", type="VARCHAR", nullable=False, samples=("Ann", "Bo")),
        )
        assert pet.foreign_keys == (
            ForeignKey(columns=("owner_id",), ref_table="owner", ref_columns=("id",)),
        )
        assert [c.samples for c in pet.columns] == [
            ("1", "2", "3"), ("1", "2"), ("2.5", "11.0"), (),
        ]  # fmt: skip
        assert [(t.name, t.kind, t.row_count) for t in (owner, pet, old)] == [
            ("owner", "table", 2), ("pet", "table", 3), ("old", "view", 1),
        ]  # fmt: skip

    def test_has_any_name_and_width(self, tmp_path):
        weird = ["a b", 'say "hi"', "O'Hara", "order", "日本", "{y}"]
        quoted = ", ".join('"' + name.replace('"', '""') + '" INTEGER' for name in weird)
        wide = ", ".join(f"c{i} INTEGER" for i in range(300))
        path = write(
            tmp_path / "odd.db",
            f'CREATE TABLE "group ""all""" ({quoted})',
            f"CREATE TABLE wide ({wide})",
        )
        with open_database(path) as opened:
            odd, broad = opened.schema().tables
        assert (odd.name, [c.name for c in odd.columns]) == ('group "all"', weird)
        assert len(broad.columns) == 300

    def test_names_of_other_schemas_work_as_they_are_listed(self, tmp_path):
        path = write(
            tmp_path / "many.duckdb",
            "CREATE TABLE t (here INTEGER)",
            'CREATE SCHEMA "it\'s far"',
            'CREATE TABLE "it\'s far".t (far INTEGER)',
            'CREATE TABLE "it\'s far".u AS SELECT 7 AS a',
        )
        with open_database(path) as opened:
            tables = opened.schema().tables
            assert [(t.name, t.columns[0].name) for t in tables] == [("t", "here"), ("u", "a")]
            assert opened.execute("SELECT a FROM u").rows == ((7,),)


class TestHostileFiles:
    def test_a_view_or_macro_cannot_read_other_files(self, tmp_path):
        secret = tmp_path / "secret.csv"
        secret.write_text("a\n1\n")
        path = write(
            tmp_path / "trap.duckdb",
            "CREATE TABLE t AS SELECT 1 AS a",
            f"CREATE VIEW v AS SELECT * FROM read_csv('{secret}')",
            f"CREATE MACRO m() AS TABLE SELECT * FROM read_text('{secret}')",
            f"CREATE MACRO n() AS (SELECT content FROM read_text('{secret}'))",
        )
        with open_database(path) as opened:
            assert opened.schema().tables[0].name == "t"
            for sql in ("FROM v", "FROM m()", "SELECT n()"):
                with pytest.raises(StatementRefused, match=r"Cannot access file|reads from m"):
                    opened.execute(sql)

    def test_a_macro_cannot_stand_in_for_the_check_or_the_catalogue(self, tmp_path):
        path = write(
            tmp_path / "shadow.duckdb",
            "CREATE TABLE t AS SELECT 1 AS a",
            'CREATE SCHEMA "system"',
            """CREATE MACRO json_serialize_sql(x) AS '{"error":false,"statements":[]}'""",
            "CREATE MACRO duckdb_tables() AS TABLE SELECT 'main' AS schema_name, 'owned' AS "
            "table_name, 1 AS table_oid, false AS internal",
        )
        with open_database(path) as opened:
            assert [table.name for table in opened.schema().tables] == ["t"]
            with pytest.raises(StatementRefused, match=r"it reads from duckdb_settings\(\)"):
                opened.execute("FROM duckdb_settings()")

    def test_a_write_ahead_log_is_read_and_left_alone(self, tmp_path):
        path = tmp_path / "wal.duckdb"
        connection = duckdb.connect(str(path))
        connection.execute("SET wal_autocheckpoint = '1GB'")
        connection.execute("CREATE TABLE t AS SELECT 1 AS a")
        copy = tmp_path / "copy.duckdb"
        copy.write_bytes(path.read_bytes())
        log = tmp_path / "copy.duckdb.wal"
        log.write_bytes(path.with_name("wal.duckdb.wal").read_bytes())
        connection.close()
        before = copy.read_bytes(), log.read_bytes()
        with open_database(copy) as opened:
            assert opened.execute("FROM t").rows == ((1,),)
        assert (copy.read_bytes(), log.read_bytes()) == before


class TestUnreadable:
    def test_without_duckdb(self, pets, monkeypatch):
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(MissingDependency, match=r"duckdb is not installed: .*pip install"):
            open_database(pets)

    def test_a_database_without_tables(self, tmp_path):
        path = write(tmp_path / "void.duckdb", "SELECT 1")
        with pytest.raises(
            DatabaseUnreadable, match=r"empty database: .*void.duckdb has no tables"
        ):
            open_database(path)

    def test_a_damaged_file(self, pets, tmp_path):
        path = tmp_path / "cut.duckdb"
        path.write_bytes(pets.read_bytes()[:9_000])
        with pytest.raises(
            DatabaseUnreadable, match=r"cannot read the database: .*; it is damaged"
        ):
            open_database(path)

    def test_a_file_of_another_kind(self, tmp_path):
        path = tmp_path / "text.duckdb"
        path.write_text("hello")
        with pytest.raises(DatabaseUnreadable, match="does not begin like a SQLite or DuckDB"):
            open_database(path)

    def test_no_bytes(self, tmp_path):
        (tmp_path / "zero.duckdb").touch()
        with pytest.raises(DatabaseUnreadable, match=r"empty file: .* has no bytes"):
            open_database(tmp_path / "zero.duckdb")

    def test_a_file_that_somebody_writes_to(self, tmp_path):
        path = write(tmp_path / "busy.duckdb", "CREATE TABLE t (a INTEGER)")
        with (
            duckdb.connect(str(path)),
            pytest.raises(DatabaseUnreadable, match="another program has it open for writing"),
        ):
            open_database(path)


@pytest.fixture
def folder(tmp_path):
    """Data files of every kind."""
    place = tmp_path / "My Data"
    place.mkdir()
    (place / "people.csv").write_text("id,name,born\n1,Ann,2001-05-06\n2,Bo,\n")
    (place / "Year Sales (2024).tsv").write_text("id\tamount\n1\t2.5\n2\t4.0\n")
    (place / "events.jsonl").write_text('{"id": 1, "tags": ["a", "b"]}\n{"id": 2, "tags": []}\n')
    (place / "plain.json").write_text(json.dumps([{"k": "v"}, {"k": None}]))
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 1 AS a, 'x' AS b) TO '{place}/cube.parquet'")
        connection.execute(f"COPY (SELECT 7 AS z) TO '{place}/zipped.csv.gz'")
    (place / "notes.txt").write_text("not data")
    (place / "empty.csv").touch()
    (place / "deeper").mkdir()
    return place


class TestDataFiles:
    def test_of_a_folder_are_tables_named_after_them(self, folder):
        with open_database(folder) as opened:
            schema = opened.schema()
            assert schema.db_id == "My Data"
            assert {t.name: (t.kind, t.row_count) for t in schema.tables} == {
                "Year_Sales_2024": ("table", 2),
                "cube": ("table", 1),
                "events": ("table", 2),
                "people": ("table", 2),
                "plain": ("table", 2),
                "zipped": ("table", 1),
            }
            assert opened.execute("SELECT name, born FROM people WHERE id = 1").rows == (
                ("Ann", "2001-05-06"),
            )
            assert opened.execute("SELECT sum(amount) FROM Year_Sales_2024").rows == ((6.5,),)
            assert opened.execute("SELECT tags FROM events ORDER BY id").rows == (
                ("[a, b]",), ("[]",),
            )  # fmt: skip

    @pytest.mark.parametrize("name", ["people.csv", "cube.parquet", "plain.json", "zipped.csv.gz"])
    def test_open_one_by_one(self, folder, name):
        with open_database(folder / name) as opened:
            (table,) = opened.schema().tables
            assert table.name == opened.db_id == name.split(".")[0]
            assert opened.execute(f"SELECT count(*) FROM {table.name}").rows[0][0] > 0

    def test_may_have_any_name(self, tmp_path):
        for name in ("a[1]*b?.csv", "it's; DROP TABLE x.csv", "2024.csv", "A_1_B.tsv", "!.csv"):
            (tmp_path / name).write_text("v\n1\n")
        with open_database(tmp_path) as opened:
            names = [table.name for table in opened.schema().tables]
            assert sorted(names) == ["A_1_B", "a_1_b_2", "it_s_DROP_TABLE_x", "t_", "t_2024"]
            for name in names:
                assert opened.execute(f"SELECT v FROM {name}").rows == ((1,),)

    def test_in_latin_1_or_with_types_that_show_late(self, tmp_path):
        (tmp_path / "latin.csv").write_bytes("id,city\n1,Zürich\n2,Málaga\n".encode("latin-1"))
        rows = "".join(f"{i},{i}\n" for i in range(30_000))
        (tmp_path / "late.csv").write_text(f"id,v\n{rows}x,y\n")
        with open_database(tmp_path) as opened:
            assert opened.execute("SELECT city FROM latin WHERE id = 2").rows == (("Málaga",),)
            assert opened.execute("SELECT count(*) FROM late WHERE id = 'x'").rows == ((1,),)

    def test_numbers_and_days_are_such_in_spite_of_na(self, tmp_path):
        (tmp_path / "weather.csv").write_text(
            "city,temp,day,note,code\nOslo,3.5,2024-01-02,dry,NO\nBern,NA,NA,NA,NA\n"
            "Rome,n/a,2024-01-04,wet,-\n"
        )
        with open_database(tmp_path / "weather.csv") as opened:
            types = {c.name: c.type for c in opened.schema().tables[0].columns}
            assert types == {
                "city": "VARCHAR",
                "temp": "DOUBLE",
                "day": "DATE",
                "note": "VARCHAR",
                "code": "VARCHAR",
            }
            rows = opened.execute("SELECT * FROM weather ORDER BY city").rows
            assert rows == (
                ("Bern", None, None, "NA", "NA"),
                ("Oslo", 3.5, "2024-01-02", "dry", "NO"),
                ("Rome", None, "2024-01-04", "wet", "-"),
            )

    def test_na_and_types_that_show_late(self, tmp_path):
        whole = "".join(f"{i}\n" for i in range(30_000))
        (tmp_path / "halves.csv").write_text(f"v\nNA\n{whole}0.5\n")
        (tmp_path / "texts.csv").write_text(f"v\nNA\n{whole}x\n")
        with open_database(tmp_path) as opened:
            types = {t.name: t.columns[0].type for t in opened.schema().tables}
            assert types == {"halves": "DOUBLE", "texts": "VARCHAR"}
            assert opened.execute("SELECT count(*), count(v), max(v) FROM halves").rows == (
                (30_002, 30_001, 29_999.0),
            )
            assert opened.execute("SELECT count(v) FROM texts WHERE v = 'NA'").rows == ((1,),)

    def test_too_big_to_copy_are_read_in_place_and_nothing_else_is(self, tmp_path):
        rows = "".join(f"{i},{'x' * 90}\n" for i in range(120_000))
        (tmp_path / "big[1].csv").write_text(f"id,v\n{rows}")
        (tmp_path / "secret.txt").write_text("id,v\n1,2\n")
        limits = Limits(timeout_s=30.0, memory_bytes=64 << 20)
        with DuckDBDatabase.open(tmp_path / "big[1].csv", limits) as opened:
            (table,) = opened.schema().tables
            assert (table.name, table.kind) == ("big_1", "table")
            assert opened.execute("SELECT count(*), max(id) FROM big_1").rows == (
                (120_000, 119_999),
            )
            with pytest.raises((StatementRefused, UnknownName), match=r"Cannot access|not exist"):
                opened.execute(f"SELECT * FROM '{tmp_path}/secret.txt'")

    def test_that_lack_data_or_sense(self, tmp_path):
        with pytest.raises(DatabaseUnreadable, match="holds no CSV, TSV, Parquet or JSON file"):
            open_database(tmp_path)
        (tmp_path / "zero.csv").touch()
        with pytest.raises(DatabaseUnreadable, match="holds no CSV, TSV, Parquet or JSON file"):
            open_database(tmp_path)
        with pytest.raises(DatabaseUnreadable, match=r"empty file: .*zero.csv has no bytes"):
            open_database(tmp_path / "zero.csv")
        (tmp_path / "fake.parquet").write_text("hello world, this is text")
        with pytest.raises(DatabaseUnreadable, match=r"cannot read the data: .*fake.parquet: "):
            open_database(tmp_path)

    def test_a_folder_of_databases_names_one(self, tmp_path, pets):
        (tmp_path / "inner.duckdb").write_bytes(pets.read_bytes())
        with pytest.raises(DatabaseUnreadable, match=r"give the path of inner.duckdb in it"):
            open_database(tmp_path)


def test_a_query_that_cannot_begin_is_asked_of_a_new_process(tmp_path, monkeypatch):
    path = write(tmp_path / "one.duckdb", "CREATE TABLE one AS SELECT 1 AS n")
    with closing(open_database(path)) as database:
        exchange, asked = QueryProcess._exchange, []

        def fail(self, request, until, max_bytes):
            asked.append(request)
            if "sql" in request and sum("sql" in one for one in asked) <= failing:
                self.stop()
                raise NotBegunError("nothing was run: can't start new thread")
            return exchange(self, request, until, max_bytes)

        monkeypatch.setattr(QueryProcess, "_exchange", fail)
        failing = 1
        assert database.execute("SELECT n FROM one").rows == ((1,),)
        asked.clear()
        failing = 2
        with pytest.raises(ResourceExceeded, match="nothing was run: can't start new thread"):
            database.execute("SELECT n FROM one")


def test_without_a_thread_nothing_is_run(tmp_path, monkeypatch):
    path = write(tmp_path / "one.duckdb", "CREATE TABLE one AS SELECT 1 AS n")
    engine = DuckDBEngine(str(path), 256 << 20)

    def start(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Timer, "start", start)
    query = Query("SELECT n FROM one", 1.0, 10, 1000, time.monotonic() + 1)
    with pytest.raises(NotBegunError, match="nothing was run"):
        engine.execute(query)
