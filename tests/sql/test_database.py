import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from sqlkiln.core.errors import (
    DatabaseUnreadable,
    QueryFailed,
    QueryTimeout,
    ResourceExceeded,
    SQLSyntaxError,
    StatementRefused,
    UnknownName,
)
from sqlkiln.core.plugins import Limits, open_database
from sqlkiln.sql.database import SQLiteDatabase

MAGIC = b"SQLite format 3\0"
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
STUBBORN = "SELECT instr(hex(zeroblob(10000000)), hex(zeroblob(1000000)) || '1')"
"""One call of a C function that no progress callback can stop."""


def write(path, *statements):
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    return path


@pytest.fixture
def pets(tmp_path):
    return write(
        tmp_path / "pets.sqlite",
        "CREATE TABLE owner (id INTEGER PRIMARY KEY, name TEXT NOT NULL)",
        "CREATE TABLE pet (id INTEGER PRIMARY KEY, owner_id INTEGER REFERENCES owner, age REAL)",
        "INSERT INTO owner VALUES (1, 'Ann'), (2, 'Bo')",
        "INSERT INTO pet VALUES (1, 1, 2.5), (2, 1, NULL), (3, 2, 11)",
    )


@pytest.fixture
def database(pets):
    with SQLiteDatabase.open(pets, Limits(timeout_s=5.0)) as opened:
        yield opened


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def ends_within(pid, seconds):
    until = time.monotonic() + seconds
    while is_running(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not is_running(pid)


class TestRows:
    def test_come_in_the_order_of_the_query(self, database):
        result = database.execute(
            "SELECT name, age FROM owner JOIN pet ON owner_id = owner.id ORDER BY age DESC"
        )
        assert result.columns == ("name", "age")
        assert result.rows == (("Bo", 11.0), ("Ann", 2.5), ("Ann", None))
        assert not result.truncated
        assert 0 < result.seconds < 5

    def test_hold_every_kind_of_value(self, database):
        result = database.execute(
            "SELECT NULL, 1, -9223372036854775808, 1.5, 1e999, 'é\n\"', x'00ff', x''"
        )
        assert result.rows == ((None, 1, -(2**63), 1.5, float("inf"), 'é\n"', b"\x00\xff", b""),)
        assert [type(cell) for cell in result.rows[0]] == [
            type(None), int, int, float, float, str, bytes, bytes,
        ]  # fmt: skip

    def test_may_be_none(self, database):
        result = database.execute("SELECT name FROM owner WHERE false")
        assert (result.columns, result.rows, result.truncated) == (("name",), (), False)

    def test_may_have_columns_of_one_name(self, database):
        assert database.execute("SELECT 1 AS a, 2 AS a").columns == ("a", "a")

    def test_of_text_that_is_not_utf8_are_mended(self, database):
        assert database.execute("SELECT CAST(x'41ff42' AS TEXT)").rows == (("A\ufffdB",),)

    def test_of_a_utf16_database_are_text(self, tmp_path):
        path = write(
            tmp_path / "wide.db",
            "PRAGMA encoding = 'UTF-16'", "CREATE TABLE t (a)", "INSERT INTO t VALUES ('Zoë')",
        )  # fmt: skip
        with open_database(path) as opened:
            assert opened.execute("SELECT a FROM t").rows == (("Zoë",),)

    def test_that_look_like_the_wire_format_stay_text(self, database):
        assert database.execute("SELECT '{\"b\":\"AA==\"}', x'01'").rows == (
            ('{"b":"AA=="}', b"\x01"),
        )

    @pytest.mark.parametrize(
        "sql",
        [
            "select 1;",
            " ;; SELECT 1 ; ; ",
            "/* ; */ SELECT 1 -- ;",
            "SELECT 1 /* not closed",
            "\ufeffSELECT 1",
            "VALUES (1)",
            "WITH x AS (SELECT 1) SELECT * FROM x;\n",
        ],
    )
    def test_come_from_one_statement_however_it_is_wrapped(self, database, sql):
        assert database.execute(sql).rows == ((1,),)

    @pytest.mark.parametrize("text", ["a;b", "--", "/*", "it''s; ok"])
    def test_may_hold_what_looks_like_sql(self, database, text):
        assert database.execute(f"SELECT '{text}'").rows == ((text.replace("''", "'"),),)

    def test_come_from_json_functions_too(self, database):
        assert database.execute("SELECT value FROM json_each('[3, 4]')").rows == ((3,), (4,))
        assert database.execute("SELECT count(*) FROM json_tree('[3, 4]')").rows == ((3,),)


class TestErrors:
    @pytest.mark.parametrize(
        ("sql", "message"),
        [
            ("DELETE FROM pet", "it starts with DELETE; only one single SELECT"),
            ("EXPLAIN SELECT 1", "it starts with EXPLAIN"),
            ("WITH x AS (SELECT 1) DELETE FROM pet", "it deletes from pet"),
            ("WITH x AS (SELECT 1) INSERT INTO pet SELECT 9, 9, 9", "it inserts into pet"),
            ("SELECT load_extension('x')", "it calls load_extension"),
            ("SELECT * FROM pragma_database_list", "a function that is not allowed"),
            ("SELECT 1; SELECT 2", "it is more than one statement"),
            ("", "it is empty"),
            ("  -- nothing", "it is empty"),
            ("SELECT 'a\0b'", "it contains a NUL byte"),
        ],
    )
    def test_refused(self, database, sql, message):
        with pytest.raises(StatementRefused, match=f"^statement refused: .*{message}"):
            database.execute(sql)

    def test_pragmas_stay_refused_after_the_schema_was_read(self, database):
        database.schema()
        with pytest.raises(StatementRefused, match="uses the pragma"):
            database.execute("SELECT * FROM pragma_table_xinfo('pet')")

    @pytest.mark.parametrize(
        ("sql", "message"),
        [
            ("SELEC 1", '^syntax error: near "SELEC"$'),
            ("SELECT FROM pet", '^syntax error: near "FROM": syntax error$'),
            ("(SELECT 1)", r'near "\("'),
            ("SELECT 'a", "unrecognized token"),
            ("SELECT * FROM pet WHERE", "^syntax error: incomplete input$"),
            ("SELECT '\ud800'", "not valid Unicode"),
        ],
    )
    def test_syntax(self, database, sql, message):
        with pytest.raises(SQLSyntaxError, match=message):
            database.execute(sql)

    @pytest.mark.parametrize(
        ("sql", "message"),
        [
            ("SELECT * FROM pets", r"no such table: pets; did you mean pet\?$"),
            ("SELECT agee FROM pet", r"no such column: agee; did you mean age\?$"),
            ("SELECT pet.name FROM pet", "no such column: pet.name; name is a column of owner$"),
            ("SELECT id FROM zzz", "no such table: zzz$"),
            ("SELECT soundexx(1)", "no such function: soundexx$"),
        ],
    )
    def test_unknown_name(self, database, sql, message):
        with pytest.raises(UnknownName, match=f"^unknown name: {message}"):
            database.execute(sql)

    @pytest.mark.parametrize(
        ("sql", "message"),
        [
            ("SELECT id FROM pet JOIN owner", "ambiguous column name: id"),
            ("SELECT abs(1, 2)", "wrong number of arguments"),
            ("SELECT sum(9223372036854775807) FROM pet", "integer overflow"),
            ("SELECT ?", "Incorrect number of bindings"),
        ],
    )
    def test_failed(self, database, sql, message):
        with pytest.raises(QueryFailed, match=f"^query failed: {message}"):
            database.execute(sql)


class TestLimits:
    def test_rows_are_cut_off(self, database):
        limits = Limits(max_rows=2)
        cut = database.execute("SELECT id FROM pet ORDER BY id", limits)
        whole = database.execute("SELECT id FROM owner ORDER BY id", limits)
        assert (cut.rows, cut.truncated) == (((1,), (2,)), True)
        assert (whole.rows, whole.truncated) == (((1,), (2,)), False)

    def test_no_rows_at_all_is_a_limit_too(self, database):
        result = database.execute("SELECT 1", Limits(max_rows=0))
        assert (result.rows, result.truncated) == ((), True)

    def test_ten_thousand_rows_come_through_whole(self, database):
        result = database.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 10000) "
            "SELECT i, i * 0.5, 'row ' || i FROM n"
        )
        assert result.rows == tuple((i, i * 0.5, f"row {i}") for i in range(1, 10_001))
        assert not result.truncated

    def test_bytes_are_refused(self, database):
        limits = Limits(max_bytes=1_000)
        assert database.execute("SELECT printf('%900s', '')", limits).rows == ((" " * 900,),)
        with pytest.raises(ResourceExceeded, match="the result has more than 1,000 bytes"):
            database.execute("SELECT printf('%1000s', '')", limits)

    def test_time_is_up_at_the_soft_deadline(self, database):
        pid = database.pid
        started = time.monotonic()
        with pytest.raises(QueryTimeout, match=r"no answer within 0.3 s; narrow it down"):
            database.execute(ENDLESS, Limits(timeout_s=0.3))
        assert time.monotonic() - started < 0.3 + 1.0
        assert database.pid == pid

    def test_time_is_up_even_for_what_cannot_be_interrupted(self, database):
        pid = database.pid
        started = time.monotonic()
        with pytest.raises(QueryTimeout, match=r"no answer within 0.3 s"):
            database.execute(STUBBORN, Limits(timeout_s=0.3))
        assert time.monotonic() - started < 0.3 + 2.0
        assert not is_running(pid)
        assert database.execute("SELECT count(*) FROM pet").rows == ((3,),)

    def test_a_long_fetch_counts(self, database):
        endless_rows = ENDLESS.replace("count(*)", "zeroblob(100000)")
        with pytest.raises((QueryTimeout, ResourceExceeded), match=r"within 0.3 s|more than"):
            database.execute(endless_rows, Limits(timeout_s=0.3, max_rows=10**9))

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux caps the address space")
    def test_memory_is_capped(self, pets):
        limits = Limits(timeout_s=20.0, memory_bytes=128 << 20)
        with SQLiteDatabase.open(pets, limits) as opened:
            pid = opened.pid
            with pytest.raises(ResourceExceeded, match="out of memory; ask for less"):
                opened.execute(ENDLESS.replace("count(*)", "i") + " ORDER BY randomblob(100000)")
            assert ends_within(pid, 1.0)
            assert opened.execute("SELECT count(*) FROM pet").rows == ((3,),)

    def test_a_blob_too_big_is_refused_at_once(self, database):
        with pytest.raises(ResourceExceeded, match="string or blob too big"):
            database.execute("SELECT zeroblob(1000000000)")

    def test_a_statement_too_long_is_not_looked_at(self, database):
        with pytest.raises(ResourceExceeded, match="the statement has 1,000,010 bytes"):
            database.execute(f"SELECT '{'x' * 1_000_001}'")

    def test_another_memory_cap_starts_the_process_anew(self, database):
        pid = database.pid
        database.execute("SELECT 1", Limits(memory_bytes=200 << 20))
        assert database.pid != pid


class TestProcess:
    def test_imports_nothing_heavy(self):
        code = (
            "import sys; import sqlkiln.sql.database_worker, sqlkiln.sql.database_sqlite; "
            "heavy = {'pydantic', 'sqlglot', 'duckdb', 'rich', 'typer'} & set(sys.modules); "
            "sys.exit(f'{heavy}' if heavy else 0)"
        )
        subprocess.run([sys.executable, "-c", code], check=True)

    def test_starts_quickly(self, pets):
        def start_s():
            started = time.perf_counter()
            with SQLiteDatabase.open(pets, Limits()):
                return time.perf_counter() - started

        assert min(start_s() for _ in range(5)) < 0.3

    def test_does_not_inherit_the_environment(self, database, monkeypatch):
        monkeypatch.setenv("OPENAI_API_KEY", "secret")
        database.close()
        database.execute("SELECT 1")
        environment = Path(f"/proc/{database.pid}/environ")
        if not environment.exists():
            pytest.skip("no /proc here")
        assert b"secret" not in environment.read_bytes()

    def test_is_replaced_when_it_was_killed(self, database):
        os.kill(database.pid, signal.SIGKILL)
        assert ends_within(database.pid, 1.0)
        assert database.execute("SELECT 1").rows == ((1,),)

    def test_that_breaks_down_over_a_query_is_an_error_with_a_name(self, database):
        killer = threading.Timer(0.3, os.kill, (database.pid, signal.SIGKILL))
        killer.start()
        with pytest.raises(ResourceExceeded, match=r"the query ended its process \(SIGKILL\)"):
            database.execute(ENDLESS)
        assert database.execute("SELECT 1").rows == ((1,),)

    def test_interrupting_a_query_does_not_answer_the_next_one_with_it(self, database):
        def interrupt(*_):
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGALRM, interrupt)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with pytest.raises(KeyboardInterrupt):
                database.execute(ENDLESS)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert database.execute("SELECT 2").rows == ((2,),)

    @pytest.mark.skipif(not Path("/proc").exists(), reason="needs /proc to look at processes")
    @pytest.mark.parametrize("sql", ["", STUBBORN])
    def test_ends_with_its_parent(self, pets, sql):
        code = (
            "import sys, pathlib\n"
            "from sqlkiln.sql.database import SQLiteDatabase, Limits\n"
            "opened = SQLiteDatabase.open(pathlib.Path(sys.argv[1]), Limits(timeout_s=1.0))\n"
            "print(opened.pid, flush=True)\n"
            "sys.argv[2] and opened.execute(sys.argv[2])\n"
            "sys.stdin.read()\n"
        )
        parent = subprocess.Popen(
            [sys.executable, "-c", code, pets, sql],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        with parent:
            child = int(parent.stdout.readline())
            time.sleep(0.2)
            assert is_running(child)
            parent.kill()
        assert ends_within(child, 5.0)

    def test_ends_when_the_database_is_forgotten_or_closed_twice(self, pets):
        forgotten = SQLiteDatabase.open(pets, Limits())
        closed = SQLiteDatabase.open(pets, Limits())
        pids = forgotten.pid, closed.pid
        del forgotten
        closed.close()
        closed.close()
        assert closed.pid is None
        assert not any(map(is_running, pids))

    def test_leaves_no_file_descriptors_behind(self, pets):
        folder = Path("/proc/self/fd")
        if not folder.exists():
            pytest.skip("no /proc here")
        before = len(list(folder.iterdir()))
        for _ in range(5):
            with SQLiteDatabase.open(pets, Limits()) as opened:
                opened.execute("SELECT 1")
        assert len(list(folder.iterdir())) == before

    def test_does_not_make_this_process_lose_its_own_locks(self, pets):
        path = pets.rename(pets.with_suffix(".db"))
        begin = "import sqlite3, sys; sqlite3.connect(sys.argv[1], 0).execute('BEGIN IMMEDIATE')"
        with closing(sqlite3.connect(path, isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            with open_database(path) as opened:
                opened.schema()
            other = subprocess.run([sys.executable, "-c", begin, path], capture_output=True)
        assert b"database is locked" in other.stderr

    def test_notices_that_its_file_is_gone(self, pets):
        with SQLiteDatabase.open(pets, Limits()) as opened:
            pets.unlink()
            opened.close()
            with pytest.raises(DatabaseUnreadable, match=r"pets.sqlite: .*No such file"):
                opened.execute("SELECT 1")


def cut(path, size):
    path.write_bytes(path.read_bytes()[:size])


def scramble(path, size):
    path.write_bytes(bytes(7 * i % 256 for i in range(size)))


class TestUnreadable:
    @pytest.mark.parametrize(
        ("spoil", "message"),
        [
            (lambda path: path.unlink(), "no such database: .*pets.sqlite; check the path"),
            (lambda path: cut(path, 0), "empty file: .* has no bytes"),
            (lambda path: cut(path, 9), "not a database: .* does not begin like"),
            (lambda path: cut(path, 60), "cannot read the database: .*malformed; it is damaged"),
            (lambda path: path.write_bytes(MAGIC + bytes(9_000)), "is not a SQLite file, or it is"),
            (lambda path: cut(path, 5_000), "malformed; it is damaged or cut short"),
            (lambda path: scramble(path, 9_000), "not a database: .* neither encrypted nor"),
            (lambda path: path.write_text("not SQL"), "not a database: .*does not begin like"),
        ],
    )
    def test_files(self, pets, spoil, message):
        spoil(pets)
        with pytest.raises(DatabaseUnreadable, match=message):
            open_database(pets)

    def test_a_database_without_tables(self, tmp_path):
        path = write(tmp_path / "void.db", "CREATE TABLE t (a)", "DROP TABLE t")
        with pytest.raises(DatabaseUnreadable, match=r"empty database: .*void.db has no tables"):
            open_database(path)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_no_permission(self, pets):
        pets.chmod(0)
        with pytest.raises(DatabaseUnreadable, match=r"no permission: .*; check who"):
            open_database(pets)

    def test_a_hot_journal(self, tmp_path):
        path = write(tmp_path / "hot.db", "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)")
        crash = (
            "import sqlite3, os, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); "
            "c.execute('PRAGMA cache_spill = 1'); c.execute('PRAGMA cache_size = 1'); "
            "c.execute('BEGIN'); "
            "[c.execute('INSERT INTO t VALUES (randomblob(5000))') for _ in range(200)]; "
            "os._exit(1)"
        )
        subprocess.run([sys.executable, "-c", crash, path], check=False)
        assert (tmp_path / "hot.db-journal").stat().st_size
        with pytest.raises(DatabaseUnreadable, match="left it half-written"):
            open_database(path)

    def test_a_name_that_is_not_utf8(self, tmp_path):
        path = tmp_path / os.fsdecode(b"bad\xff.db")
        write(path, "CREATE TABLE t (a)")
        with pytest.raises(DatabaseUnreadable, match="is not UTF-8; rename the file"):
            open_database(path)

    def test_a_strange_but_proper_name(self, tmp_path):
        path = write(tmp_path / "a b?#%20'\"é.db", "CREATE TABLE t (a)", "INSERT INTO t VALUES (7)")
        with open_database(path) as opened:
            assert opened.execute("SELECT a FROM t").rows == ((7,),)
            assert opened.db_id == "a b?#%20'\"é"


@pytest.fixture
def wal(tmp_path):
    """A database in WAL mode: its path, and the connection of a program that has it open."""
    folder = tmp_path / "wal"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "w.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (a)")
        connection.execute("INSERT INTO t VALUES (1)")
        yield folder / "w.db", connection


def count(database):
    return database.execute("SELECT count(*) FROM t").rows[0][0]


def beside(path):
    return sorted(found.name for found in path.parent.iterdir())


class TestWriteAheadLog:
    def test_nobody_has_it_open(self, wal):
        path, writer = wal
        writer.close()
        with open_database(path) as opened:
            assert count(opened) == 1
            assert beside(path) == ["w.db"]
        assert beside(path) == ["w.db"]

    def test_in_a_folder_that_cannot_be_written_to(self, wal):
        path, writer = wal
        writer.close()
        path.chmod(0o444)
        path.parent.chmod(0o555)
        try:
            with open_database(path) as opened:
                assert count(opened) == 1
            assert beside(path) == ["w.db"]
        finally:
            path.parent.chmod(0o755)

    def test_another_program_is_writing(self, wal):
        path, writer = wal
        with open_database(path) as opened:
            assert count(opened) == 1
            writer.execute("INSERT INTO t VALUES (2)")
            assert count(opened) == 2
        writer.execute("INSERT INTO t VALUES (3)")
        assert beside(path) == ["w.db", "w.db-shm", "w.db-wal"]

    def test_another_program_begins_to_write_later(self, wal):
        path, writer = wal
        writer.close()
        with open_database(path) as opened:
            assert count(opened) == 1
            write(path, "INSERT INTO t VALUES (2)")
            assert count(opened) == 2
        assert beside(path) == ["w.db"]

    def test_another_program_crashed(self, wal):
        path, _ = wal
        crashed = path.parent.parent / "crashed" / "w.db"
        crashed.parent.mkdir()
        for suffix in ("", "-wal"):
            crashed.with_name(f"w.db{suffix}").write_bytes(
                path.with_name(f"w.db{suffix}").read_bytes()
            )
        before = {found.name: found.read_bytes() for found in crashed.parent.iterdir()}
        with open_database(crashed) as opened:
            assert count(opened) == 1
        assert {found.name: found.read_bytes() for found in crashed.parent.iterdir()} == before
