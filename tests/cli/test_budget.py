import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sqlkiln.cli.budget import answered_as, dialled
from sqlkiln.cli.main import app
from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.scoring.curve import read_curve

ROWS = [
    ("How many customers?", "SELECT count(*) FROM customer"),
    ("Which cities?", "SELECT city FROM customer"),
    ("How much was spent?", "SELECT sum(total) FROM orders"),
]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SQLKILN_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def folder(shop, tmp_path):
    """A folder with a shop, questions about it, and a model that answers two of three rightly."""
    rows = [{"question": q, "gold_sql": sql} for q, sql in ROWS]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    answers = dict(ROWS) | {"Which cities?": "SELECT nam FROM customer"}
    (tmp_path / "model.json").write_text(
        json.dumps({"Note": "SELECT name FROM customer"} | answers)
    )
    return tmp_path


MODEL = ("--model", "scripted:model.json")
TUNE = ("tune-budget", "shop.sqlite", "--questions", "rows.jsonl", *MODEL)
BOTH = ("--strategies", "greedy,repair")


@pytest.fixture
def command(capsys):
    """Runs a command in this process and gives what it printed."""

    def run(folder, *arguments):
        capsys.readouterr()
        within(folder, *arguments)
        return capsys.readouterr()

    return run


def within(folder, *arguments):
    with contextlib.chdir(folder):
        app(arguments, standalone_mode=False)


# --------------------------------------------------------------------------- tune-budget


def test_it_measures_prints_and_draws(folder, command):
    done = command(folder, *TUNE, *BOTH, "--out", "out")
    lines = done.out.splitlines()
    assert lines[0].startswith("scripted:model.json, measured ")
    assert lines[0].endswith("on 3 questions about shop.sqlite")
    rows = {line.split()[0]: line for line in lines if line.startswith(("  greedy", "  repair"))}
    assert re.search(r" 3 +66\.7% \(0 to 100\) +\d+ ms +\d+ ms +[\d.e-]+ *$", rows["greedy"])
    assert " * " in rows["greedy"] + rows["repair"]
    assert "written to out; see curve.html, and use it with --budget" in lines[-1]
    curve = read_curve(folder / "out" / "curve.json")
    assert [p.strategy for p in curve.points] == ["greedy", "repair"]
    assert [p.right for p in curve.points] == [2, 2]
    assert curve.database == str(folder / "shop.sqlite")
    assert "What an answer takes" in (folder / "out" / "curve.html").read_text()


def test_asked_once_the_curve_is_the_same_but_for_seconds(folder, command):
    curves = {}
    for name, options in (("apart", ()), ("shared", ("--once",))):
        command(folder, *TUNE, *BOTH, *options, "--out", name)
        points = json.loads((folder / name / "curve.json").read_text())["points"]
        curves[name] = [
            {k: v for k, v in p.items() if k not in {"first", "warm", "times", "usd_per_1000"}}
            for p in points
        ]
    assert curves["apart"] == curves["shared"]


def test_json_is_the_curve_with_its_front(folder, command):
    done = command(folder, *TUNE, "--strategies", "greedy", "--json")
    told = json.loads(done.out)
    assert told["front"] == ["greedy"]
    assert told["points"][0]["n"] == 3
    assert (told["model"], told["adapter"]) == ("scripted:model.json", None)
    assert told["run"].startswith(str(folder / "cache" / "budget"))


def test_samples_are_there_for_everyone(folder, command):
    (folder / "model.json").write_text(json.dumps({"": "SELECT 1"}))
    done = command(
        folder, "tune-budget", "--samples", *MODEL, "--strategies", "greedy", "--limit", "4"
    )
    assert "on 4 questions of samples heldout" in done.out


def test_killed_it_goes_on_where_it_was(folder, command):
    slow = [{"question": f"How many customers? {n}", "gold_sql": ROWS[0][1]} for n in range(150)]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, slow)))
    arguments = (*TUNE, *BOTH, "--limit", "150", "--out", "out")
    begun = subprocess.Popen(
        [sys.executable, "-m", "sqlkiln", *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    asked = folder / "out" / "asked.jsonl"
    deadline = time.monotonic() + 60
    while not (asked.exists() and asked.read_text().count("\n") > 5):
        assert begun.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(begun.pid, signal.SIGKILL)
    begun.wait()
    before = asked.read_text()
    assert 5 < before.count("\n") < 300
    command(folder, *arguments)
    rows = asked.read_text().splitlines()
    assert len(rows) == 300
    assert len({(r["strategy"], r["id"]) for r in map(_prediction, rows)}) == 300
    whole = before[: before.rindex("\n") + 1]
    assert asked.read_text().startswith(whole)


def _prediction(line):
    return json.loads(line)["prediction"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no questions to measure on; give DB --questions FILE, or --dataset NAME, or"),
        (("shop.sqlite",), "no questions about shop.sqlite; give --questions FILE, one JSON"),
        (("shop.sqlite", "--samples"), "DB, --samples and --dataset exclude one another"),
        (("none.db", "--questions", "rows.jsonl"), "no such database: none.db; check the path"),
        (
            ("shop.sqlite", "--questions", "rows.jsonl", "--strategies", "greed"),
            "wrong option: --strategies ('greed',): unknown strategies entry: 'greed'; did you",
        ),
        (
            ("shop.sqlite", "--questions", "rows.jsonl", "--strategies", ","),
            "wrong option: --strategies (): Tuple should have at least 1 item",
        ),
        (("--samples", "--limit", "0"), "wrong option: --limit 0: Input should be greater"),
    ],
)
def test_wrong_options_are_refused(folder, arguments, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        within(folder, "tune-budget", *arguments, *MODEL)


# --------------------------------------------------------------------------- --budget


@pytest.fixture
def measured(folder):
    """The folder after greedy and repair were measured there."""
    within(folder, *TUNE, *BOTH, "--out", "out")
    return folder


def test_asking_takes_what_fits_and_says_why(measured, command):
    done = command(
        measured, "ask", "shop.sqlite", "How many customers?", *MODEL, "--json", "--budget", "900s"
    )
    answer = json.loads(done.out)
    assert answer["rows"] == [[3]]
    chosen = answer["strategy"].removesuffix("+sure")
    assert chosen in ("greedy", "repair")  # whichever was quicker
    (note,) = answer["notes"]
    best = f"2 of 2 strategies fit, the best is {chosen} ("
    assert note.startswith(f"budget 900s: {best}")
    assert note.endswith("on 3 questions about shop.sqlite")


def test_people_see_the_reason_too(measured, command):
    done = command(
        measured, "ask", "shop.sqlite", "How many customers?", *MODEL, "--budget", "0.000001usd"
    )
    assert "budget 0.000001usd: no strategy fits, so the cheapest was taken" in done.out


def test_a_run_keeps_to_one_strategy(measured, command):
    (measured / "model.json").write_text(json.dumps({"": "SELECT 1"}))
    predict = ("predict", "--dataset", "samples", "--limit", "1", *MODEL, "--out", "run")
    curve = ("--curve", "out/curve.json")
    done = command(measured, *predict, "--budget", "9s", *curve)
    assert "budget 9s: 2 of 2 strategies fit, the best is" in done.err
    config = json.loads((measured / "run" / "config.json").read_text())["config"]
    assert config["strategy"] in ("greedy", "repair")


def test_a_run_without_a_curve_measures_the_speed_first(folder, command):
    (folder / "model.json").write_text(json.dumps({"": "SELECT 1"}))
    predict = ("predict", "--dataset", "samples", "--limit", "1", *MODEL, "--out", "run")
    done = command(folder, *predict, "--budget", "900s")
    assert "not measured here: costs relative to greedy as measured" in done.err
    assert "times the speed of scripted:model.json here (" in done.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--budget", "fast"), "cannot read the budget: 'fast'; write seconds a question"),
        (("--budget", "0s"), "a budget of nothing: '0s' buys no answer"),
        (("--budget", "2s", "--strategy", "greedy"), "give either --budget or --strategy"),
        (("--curve", "out/curve.json"), "--curve is what --budget goes by; add --budget"),
        (("--budget", "2s", "--curve", "none.json"), "cannot read the curve: none.json"),
    ],
)
@pytest.mark.parametrize("ask", [True, False], ids=["ask", "predict"])
def test_wrong_budgets_are_refused(folder, ask, options, message):
    asked = ("ask", "shop.sqlite", "?") if ask else ("predict", "--out", "run")
    with pytest.raises(UsageError, match=re.escape(message)):
        within(folder, *asked, *MODEL, *options)
    assert not (folder / "run").exists()


@pytest.mark.parametrize("option", ["--sql-only", "--dry-run"])
def test_a_budget_goes_with_answers_only(folder, option):
    with pytest.raises(UsageError, match="--budget goes with neither --sql-only nor --dry-run"):
        within(folder, "ask", "shop.sqlite", "?", *MODEL, "--budget", "2s", option)


def test_a_curve_of_another_model_is_refused_before_the_model_is_loaded(measured):
    curve = measured / "out" / "curve.json"
    with pytest.raises(DataError, match=r"the curve is one of another model: .* is of scripted:"):
        dialled(None, "2s", curve, "smollm2-135m", None)


def test_without_a_budget_the_strategy_stays_as_it_is():
    assert dialled("repair", None, None, None, None) == "repair"
    assert dialled(None, None, None, None, None) is None


def test_a_budget_becomes_a_strategy():
    assert dialled(None, "2S", None, None, None) == "budget:2s"
    assert dialled(None, "2s", None, None, ["none"]) == "budget:2s,adapter=none"
    shipped = "qwen2.5-coder-0.5b-spider"
    assert dialled(None, "2s", None, None, [shipped]) == f"budget:2s,adapter={shipped}"
    path = Path("a, b.json")
    with pytest.raises(DataError, match=r"cannot read the curve: a, b\.json"):
        dialled(None, "2s", path, None, None)
    with pytest.raises(UsageError, match="goes with neither"):
        dialled(None, "2s", None, None, None, executes=False)


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("qwen2.5-coder-0.5b", "qwen2.5-coder-0.5b"),
        ("models/Mine-q4.gguf", "Mine-q4"),
        ("http://localhost:8000/v1#mine", "mine"),
        ("scripted:x.json", "scripted:x.json"),
    ],
)
def test_models_are_known_by_the_name_in_their_answers(spec, name):
    assert answered_as(spec) == name
