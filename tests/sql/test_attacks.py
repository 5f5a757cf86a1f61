import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import duckdb
import pytest

from sqlkiln.core.errors import DatabaseUnreadable, QueryTimeout, StatementRefused
from sqlkiln.core.files import sha256_file
from sqlkiln.core.plugins import open_database
from sqlkiln.sql import attacks
from sqlkiln.sql.attack import BOTH, Attack
from sqlkiln.sql.attacks import ATTACKS, attacks_on, run_attacks

MEMORY_BYTES = 256 << 20
TIMEOUT_S = 0.5

PROGRAM = f"""
import json, resource, sys
from pathlib import Path
from sqlkiln.sql.attacks import run_attacks

def own_bytes():
    # Linux hands a process's largest size down to what it starts, but for VmHWM.
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024

report = run_attacks(Path(sys.argv[1]), {TIMEOUT_S}, {MEMORY_BYTES})
print(json.dumps({{
    "damage": report.damage,
    "outcomes": {{o.attack.name: [o.answer, o.seconds, o.problem] for o in report.outcomes}},
    "child_bytes": report.peak_memory_bytes,
    "own_bytes": own_bytes(),
}}))
"""


def sqlite_file(folder):
    with closing(sqlite3.connect(folder / "target.db")) as connection, connection:
        connection.execute('CREATE TABLE "big one" (id INTEGER PRIMARY KEY, note TEXT)')
        connection.execute(
            "INSERT INTO \"big one\" VALUES (1, '''); DROP TABLE \"big one\"; --'), (2, 'plain')"
        )
    return folder / "target.db"


def duckdb_file(folder):
    with duckdb.connect(str(folder / "target.duckdb")) as connection:
        connection.execute('CREATE TABLE "big one" AS SELECT range AS id FROM range(1000)')
    return folder / "target.duckdb"


def csv_file(folder):
    (folder / "target.csv").write_text("id,note\n1,a\n2,b\n")
    return folder / "target.csv"


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """The suite run once an engine, in a process whose memory can be looked at afterwards."""
    done = {}

    def run(make):
        if make not in done:
            path = make(tmp_path_factory.mktemp("attack"))
            before = sha256_file(path)
            program = [sys.executable, "-c", PROGRAM, str(path)]
            ran = subprocess.run(program, capture_output=True, text=True, check=True)
            done[make] = {
                **json.loads(ran.stdout),
                "unchanged": sha256_file(path) == before,
                "left": [found.name for found in path.parent.iterdir() if found != path],
            }
        return done[make]

    return run


MAKERS = {"sqlite": sqlite_file, "duckdb": duckdb_file}


@pytest.mark.parametrize("dialect", MAKERS)
class TestSuite:
    def test_has_at_least_80_statements_of_many_kinds(self, dialect):
        suite = attacks_on(dialect)
        assert len(suite) >= 80
        assert len({attack.sql for attack in suite}) == len(suite)
        assert {attack.category for attack in suite} >= {
            "write", "ddl", "attach", "pragma", "file", "extension", "several", "disguise",
            "unicode", "runaway", "memory", "nesting", "cell", "dynamic", "statement",
        }  # fmt: skip
        assert sum(bool(attack.harmless) for attack in suite) < 10

    def test_changes_no_byte_and_leaves_no_file(self, dialect, reports):
        report = reports(MAKERS[dialect])
        assert report["unchanged"]
        assert report["left"] == []
        assert report["damage"] == []

    def test_keeps_memory_in_bounds(self, dialect, reports):
        report = reports(MAKERS[dialect])
        # Interpreter and engine come on top of what a query may have.
        assert report["child_bytes"] < MEMORY_BYTES + (200 << 20)
        assert report["own_bytes"] < 200 << 20


@pytest.mark.parametrize(
    ("dialect", "attack"),
    [(dialect, attack) for dialect in MAKERS for attack in attacks_on(dialect)],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_is_stopped(dialect, attack, reports):
    answer, seconds, problem = reports(MAKERS[dialect])["outcomes"][attack.name]
    assert problem == ""
    assert answer in {kind.__name__ for kind in attack.stopped_by} or attack.harmless
    assert seconds < TIMEOUT_S + 2.5


def test_data_files_are_as_safe(tmp_path, monkeypatch):
    quick = tuple(a for a in ATTACKS if a.category not in {"runaway", "memory", "nesting"})
    monkeypatch.setattr(attacks, "ATTACKS", quick)
    report = run_attacks(csv_file(tmp_path), TIMEOUT_S)
    assert report.passed, report.failed + report.damage
    assert len(report.outcomes) > 150


class TestRunner:
    """It is only worth something if it notices."""

    @pytest.fixture
    def run(self, tmp_path, monkeypatch):
        def with_one(attack):
            monkeypatch.setattr(attacks, "ATTACKS", (attack,))
            return run_attacks(sqlite_file(tmp_path), TIMEOUT_S)

        return with_one

    def test_an_answer_where_an_error_should_be(self, run):
        report = run(Attack("x", "x", "SELECT 1", BOTH, (StatementRefused,)))
        assert not report.passed
        assert report.failed[0].problem == "it was answered; expected StatementRefused"

    def test_an_error_of_the_wrong_name(self, run):
        report = run(Attack("x", "x", "SELEC 1", BOTH, (StatementRefused, QueryTimeout)))
        assert report.failed[0].answer == "SQLSyntaxError"
        assert report.failed[0].problem == "expected StatementRefused or QueryTimeout"

    def test_a_statement_that_changes_the_file(self, tmp_path, monkeypatch):
        path = sqlite_file(tmp_path)

        def overwrite(*_):
            with closing(sqlite3.connect(path)) as connection, connection:
                connection.execute("UPDATE \"big one\" SET note = 'owned'")
            path.with_name("target.db-owned").touch()
            return ""

        monkeypatch.setattr(attacks, "ATTACKS", ATTACKS[:1])
        monkeypatch.setattr(attacks, "_probe", overwrite)
        assert [line.split(": ")[0] for line in run_attacks(path).damage] == ["new file", "changed"]

    def test_a_database_that_no_longer_answers(self, tmp_path):
        with open_database(sqlite_file(tmp_path)) as opened:
            probe = 'SELECT id FROM "big one"'
            assert attacks._probe(opened, probe, ((1,), (2,))) == ""
            assert "differently" in attacks._probe(opened, probe, ((1,),))
            assert "no longer answers" in attacks._probe(opened, "SELECT * FROM gone", ())

    def test_a_path_that_is_no_database(self, tmp_path):
        shutil.copy(__file__, tmp_path / "code.db")
        with pytest.raises(DatabaseUnreadable, match=r"not a database: .*code.db"):
            run_attacks(tmp_path / "code.db")
