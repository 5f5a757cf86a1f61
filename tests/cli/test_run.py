import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

pytestmark = pytest.mark.usefixtures("demo_plugin")

RECIPE = """\
# Draws three numbers and adds them up.
# Hardware: anything
# Time: 1 s
# Expected score: none
# Launch: sqlkiln run sums.toml

[draw]
rows = 3

[total]
unit = "points"
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sums.toml").write_text(RECIPE)
    return tmp_path


def command(folder, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "sqlkiln", *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


class TestRun:
    def test_says_what_it_did_and_where(self, folder):
        done = command(folder, "run", "sums.toml")
        assert done.returncode == 0
        draw, total = done.stdout.splitlines()
        assert draw.startswith("runs/sums/draw-")
        assert ": done in 0." in draw
        assert draw.endswith("s: rows 3")
        assert total.startswith("runs/sums/total-")
        assert total.endswith("s: total 15, mean 5, range [1, 7]")
        assert [line.split("-")[0] for line in done.stderr.splitlines()] == [
            "draw: running in runs/sums/draw",
            "total: running in runs/sums/total",
        ]

        again = command(folder, "run", "sums.toml")
        assert again.stderr == ""
        for line in again.stdout.splitlines():
            assert ": skipped (done): " in line

    def test_debug_shows_the_log(self, folder):
        done = command(folder, "run", "sums.toml", "--debug")
        assert "INFO sqlkiln.demo: beginning at row 0" in done.stderr

    def test_json_is_one_object_a_run(self, folder):
        done = command(folder, "run", "sums.toml", "--json", "--runs", "elsewhere")
        draw, total = map(json.loads, done.stdout.splitlines())
        assert draw.keys() == {"stage", "folder", "skipped", "seconds", "counts"}
        assert (total["stage"], total["skipped"], total["counts"]["total"]) == ("total", False, 15)
        assert (folder / total["folder"] / "total.json").exists()
        assert total["folder"].startswith("elsewhere/sums/total-")

    def test_from_to_and_set(self, folder):
        one = ("run", "sums.toml", "--set", "draw.rows=1", "--set", "total.unit=euros")
        done = command(folder, *one, "--to", "draw")
        assert [line.split("-")[0] for line in done.stdout.splitlines()] == ["runs/sums/draw"]
        done = command(folder, *one, "--from", "total")
        assert "total 7," in done.stdout

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["sums.toml", "--set", "draw.rowz=1"], "error: sums.toml [draw] rowz: unknown; did"),
            (["gone.toml"], "error: cannot read: gone.toml: No such file"),
            (["sums.toml", "--from", "x"], "error: no such stage: 'x' is not in sums.toml; known"),
        ],
    )
    def test_wrong_usage_begins_nothing(self, folder, arguments, message):
        done = command(folder, "run", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(message)
        assert os.listdir(folder) == ["sums.toml"]

    def test_an_interrupt_leaves_whole_rows_and_the_same_command_goes_on(self, folder):
        slow = subprocess.Popen(
            [sys.executable, "-m", "sqlkiln", "run", "sums.toml"],
            cwd=folder,
            env=os.environ | {"DEMO_DELAY_S": "5"},
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 30
        while not [path for path in folder.rglob("numbers.jsonl") if path.stat().st_size]:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        slow.send_signal(signal.SIGINT)
        _, err = slow.communicate(timeout=10)
        assert slow.returncode == 130
        assert err.endswith("interrupted\n")
        assert "Traceback" not in err
        assert not list(folder.rglob("manifest.json"))

        done = command(folder, "run", "sums.toml")
        assert done.returncode == 0
        (log,) = folder.glob("runs/sums/draw-*/log.txt")
        assert "stopped: KeyboardInterrupt" in log.read_text()
        assert "beginning at row 1" in log.read_text()


class TestCheck:
    def test_right_recipes_are_named(self, folder):
        done = command(folder, "check", "sums.toml", "sums.toml")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "sums.toml: right\n" * 2
        assert os.listdir(folder) == ["sums.toml"]

    def test_everything_wrong_in_every_recipe_is_told(self, folder):
        (folder / "bad.toml").write_text("[draw]\nrowz = 1\n")
        (folder / "worse.toml").write_text("[draw\n")
        done = command(folder, "check", "bad.toml", "sums.toml", "worse.toml")
        assert done.returncode == 2
        assert done.stdout == "sums.toml: right\n"
        lines = done.stderr.splitlines()
        assert lines[0] == "error: bad.toml [draw] rowz: unknown; did you mean 'rows'?"
        assert (
            lines[1] == "bad.toml: no 'Hardware:' in the opening comment; begin the recipe with it"
        )
        assert any(line.startswith("worse.toml:1: not TOML: ") for line in lines)

    def test_loads_nothing_heavy(self, folder):
        script = """
import sys
from sqlkiln.cli.main import app
app(["check", "sums.toml"], standalone_mode=False)
print(sorted({"torch", "xllamacpp", "duckdb", "rich", "prompt_toolkit"} & sys.modules.keys()))
"""
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True
        )
        assert done.stdout.endswith("[]\n")


COMPARE = """\
[[predict]]
dataset = "jsonl"
questions = "pets.jsonl"
model = "scripted:right.json"

[[predict]]
dataset = "jsonl"
questions = "pets.jsonl"
model = "scripted:wrong.json"

[evaluate]
modes = ["strict"]
metrics = []
"""


def test_two_models_are_predicted_with_and_scored_side_by_side(tmp_path):
    with closing(sqlite3.connect(tmp_path / "pets.db")) as pets:
        pets.executescript("CREATE TABLE pet (name TEXT); INSERT INTO pet VALUES ('Rex'), ('Tom')")
    question = {
        "question": "How many pets?",
        "db_id": "pets",
        "gold_sql": "SELECT count(*) FROM pet",
    }
    (tmp_path / "pets.jsonl").write_text(json.dumps(question))
    (tmp_path / "right.json").write_text('{"How many": "SELECT count(name) FROM pet"}')
    (tmp_path / "wrong.json").write_text('{"How many": "SELECT 3"}')
    (tmp_path / "pets.toml").write_text(COMPARE)

    done = command(tmp_path, "run", "pets.toml", "--json")
    assert done.returncode == 0, done.stderr
    runs = [json.loads(line) for line in done.stdout.splitlines()]
    assert [run["stage"] for run in runs] == ["predict", "predict", "evaluate", "evaluate"]
    assert [run["counts"]["execution.strict"] for run in runs[2:]] == [1.0, 0.0]
    assert (tmp_path / runs[2]["folder"] / "verdicts.jsonl").exists()
