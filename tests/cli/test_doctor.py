import json
import sqlite3
import sys
from contextlib import closing

import pytest
import typer
from typer.testing import CliRunner

from sqlkiln import __version__
from sqlkiln.cli.doctor import register
from sqlkiln.core.errors import StatementRefused, UnknownName
from sqlkiln.sql import attacks
from sqlkiln.sql.attack import BOTH, Attack


@pytest.fixture
def doctor():
    app = typer.Typer()
    register(app)

    def run(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run


@pytest.fixture
def copy(tmp_path):
    with closing(sqlite3.connect(tmp_path / "copy.sqlite")) as connection, connection:
        connection.execute("CREATE TABLE t (a INTEGER)")
        connection.execute("INSERT INTO t VALUES (1)")
    return tmp_path / "copy.sqlite"


@pytest.fixture
def two_attacks(monkeypatch):
    """A suite of two statements, of which the second is not stopped as it expects."""
    suite = (
        Attack("first", "x", "DROP TABLE {table}", BOTH, (StatementRefused,)),
        Attack("second", "x", "SELECT {column} FROM {table}", BOTH, (UnknownName,)),
    )
    monkeypatch.setattr(attacks, "ATTACKS", suite)


class TestFacts:
    @pytest.fixture(autouse=True)
    def empty_cache(self, tmp_path, monkeypatch):
        monkeypatch.setenv("SQLKILN_CACHE_DIR", str(tmp_path / "cache"))
        monkeypatch.delenv("SQLKILN_MODEL_DIR", raising=False)

    def test_as_json(self, doctor, tmp_path):
        result = doctor("--json")
        facts = json.loads(result.stdout)
        assert result.exit_code == 0
        assert facts["sqlkiln"] == __version__
        assert facts["python"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")
        assert facts["sqlite"] == sqlite3.sqlite_version
        assert facts["duckdb"][0].isdigit()
        assert facts["cache"] == str(tmp_path / "cache" / "models")
        assert facts["free"].endswith(" GB")
        assert facts["models"]["smollm2-135m"] == "not here"

    def test_as_text(self, doctor, tmp_path):
        (tmp_path / "cache" / "models").mkdir(parents=True)
        model = tmp_path / "cache" / "models" / "smollm2-135m.gguf"
        model.touch()
        lines = doctor().stdout.splitlines()
        assert lines[0].split() == ["sqlkiln", __version__]
        assert f"models     smollm2-135m: {model}" in lines
        assert "           qwen2.5-coder-0.5b: not here" in lines

    def test_with_a_folder_of_models_that_is_none(self, doctor, monkeypatch):
        monkeypatch.setenv("SQLKILN_MODEL_DIR", "/no/such/folder")
        result = doctor()
        assert result.exit_code == 0
        assert "SQLKILN_MODEL_DIR is not a folder: /no/such/folder" in result.stdout


@pytest.mark.usefixtures("two_attacks")
class TestAttack:
    def test_tells_what_was_stopped_and_ends_with_1_if_something_was_not(self, doctor, copy):
        result = doctor("--attack", copy)
        lines = result.stdout.splitlines()
        assert result.exit_code == 1
        assert lines[0].startswith("ok    StatementRefused")
        assert lines[0].endswith("s  first")
        assert lines[1].startswith("FAIL  rows")
        assert lines[1].endswith("second: it was answered; expected UnknownName")
        assert "2 hostile statements in sqlite: 1 StatementRefused, 1 rows" in lines
        assert any(line.startswith("1 failed; slowest answer 0.") for line in lines)
        assert lines[-1].startswith("the file is byte for byte what it was")
        assert "it should be a copy" in result.stderr

    def test_ends_with_0_if_all_were(self, doctor, copy, monkeypatch):
        monkeypatch.setattr(attacks, "ATTACKS", attacks.ATTACKS[:1])
        result = doctor("--attack", copy)
        assert result.exit_code == 0
        assert "0 failed" in result.stdout

    def test_as_json(self, doctor, copy):
        result = doctor("--attack", copy, "--json")
        report = json.loads(result.stdout)
        assert result.exit_code == 1
        assert (report["path"], report["dialect"]) == (str(copy), "sqlite")
        assert report["passed"] is False
        assert report["damage"] == []
        assert report["peak_memory_bytes"] > 0
        assert [(a["name"], a["answer"], a["problem"] != "") for a in report["attacks"]] == [
            ("first", "StatementRefused", False),
            ("second", "rows", True),
        ]
