"""Two systems scored on a few questions, and a browser to look at the report on them."""

import json
import sqlite3
from pathlib import Path

import chromium
import pytest

from sqlkiln.core.store import execute_stage

HOSTILE = "</script><script>document.title = 'hacked'</script><img src=x onerror=alert(1)>"

PETS = """
CREATE TABLE pet (id INTEGER PRIMARY KEY, name TEXT, age INTEGER, kind TEXT);
INSERT INTO pet VALUES (1, 'Rex', 3, 'dog'), (2, 'Tom', 1, 'cat'), (3, 'Kim', 3, 'dog');
"""
CARS = """
CREATE TABLE car (name TEXT, hp INTEGER);
INSERT INTO car VALUES ('Beetle', 40), ('Panda', 60);
"""

QUESTIONS = [
    ("How many pets?", "pets", "SELECT count(*) FROM pet"),
    ("Names of pets?", "pets", "SELECT name FROM pet"),
    (f"Names and ages? {HOSTILE}", "pets", "SELECT name, age FROM pet"),
    ("Names of dogs, old before young?", "pets", "SELECT name FROM pet WHERE kind = 'dog'"),
    ("How many of each kind?", "pets", "SELECT kind, count(*) FROM pet GROUP BY kind"),
    ("How many cars?", "cars", "SELECT count(*) FROM car"),
    ("Which car is the strongest?", "cars", "SELECT name FROM car ORDER BY hp DESC LIMIT 1"),
    ("Names of cars?", "cars", "SELECT name FROM car"),
]
ALPHA = {
    2: "SELECT age, name FROM pet",  # right by Spider's rules alone
    4: "SELECT kind, count(*) FROM pet",
    6: "SELECT model FROM car ORDER BY hp DESC LIMIT 1",
}
BETA = {4: "SELECT kind FROM pet GROUP BY kind", 1: "SELECT name FROM pet WHERE name = '</script>'"}
"""What a system wrote where it did not write gold."""


@pytest.fixture(scope="session")
def bench(tmp_path_factory):
    """A folder with the questions, their databases and what 'alpha' and 'beta' predicted."""
    folder = tmp_path_factory.mktemp("bench")
    for name, script in (("pets", PETS), ("cars", CARS)):
        connection = sqlite3.connect(folder / f"{name}.db")
        connection.executescript(script)
        connection.close()
    rows = [{"question": q, "db_id": db, "gold_sql": sql} for q, db, sql in QUESTIONS]
    (folder / "dev.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for name, misses in (("alpha", ALPHA), ("beta", BETA)):
        answers = [misses.get(i, sql) for i, (_, _, sql) in enumerate(QUESTIONS)]
        (folder / f"{name}.sql").write_text("\n".join(answers) + "\n")
    return folder


@pytest.fixture(scope="session")
def hostile():
    """What one of the questions ends with."""
    return HOSTILE


@pytest.fixture(scope="session")
def runs(bench):
    """The run folders of both systems."""
    return evaluated(bench, "alpha"), evaluated(bench, "beta")


def evaluated(bench, name):
    from sqlkiln.evaluate.score import STAGE, EvaluateConfig

    config = EvaluateConfig(
        dataset="jsonl", data=bench, predictions=bench / f"{name}.sql", resamples=200, workers=1
    )
    out = bench / "runs" / name
    execute_stage(STAGE, config, (), out)
    return out


@pytest.fixture(scope="session")
def large_run(runs, tmp_path_factory):
    """A run of 10,000 rows: those of a real one over and over, each with seconds of its own."""
    times = 10_000 // len(QUESTIONS)
    folder = tmp_path_factory.mktemp("large") / "gamma"
    folder.mkdir()
    for path in runs[0].glob("*.jsonl"):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        with (folder / path.name).open("w") as file:
            for time in range(times):
                for place, row in enumerate(rows):
                    extra = {"seconds": 0.1 + (7 * time + place) % 1000 / 100}
                    more = extra if path.name == "predictions.jsonl" else {}
                    file.write(json.dumps(row | {"id": f"{row['id']}-{time:04}"} | more) + "\n")
    for name in ("manifest.json", "scores.json"):
        (folder / name).write_text((runs[0] / name).read_text())
    return folder


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Chromium."""
    if chromium.installed() is None:
        pytest.skip("no Chromium is installed")
    browser = chromium.Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def write_report(tmp_path_factory):
    """Writes the HTML report on run folders to a file of its own."""
    from sqlkiln.report.render import render

    def write(*folders) -> Path:
        path = tmp_path_factory.mktemp("report") / "report.html"
        path.write_text(render(folders), encoding="utf-8")
        return path

    return write
