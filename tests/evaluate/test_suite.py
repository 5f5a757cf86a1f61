import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.core.plugins import open_database
from sqlkiln.core.records import Verdict
from sqlkiln.core.store import execute_stage, read_jsonl
from sqlkiln.evaluate import predict, score, suite
from sqlkiln.evaluate.questions import open_questions
from sqlkiln.evaluate.suite import SuiteConfig
from sqlkiln.scoring.metrics import ExecutionAccuracy
from sqlkiln.scoring.official_metrics import SpiderExecution
from sqlkiln.scoring.suite import SUITE, Suite, suite_score

QUICK = {"max_candidates": 30, "patience": 8, "workers": 1}
OLDEST = "SELECT name FROM pet ORDER BY age DESC LIMIT 1"


def config(data, **settings):
    return SuiteConfig(dataset="spider", data=data, **QUICK, **settings)


def build(data, out, **settings):
    return execute_stage(suite.STAGE, config(data, **settings), (), out)


@pytest.fixture
def built(data, tmp_path):
    return tmp_path / "suite", build(data, tmp_path / "suite")


def files(folder):
    """The bytes of every file of the suite itself."""
    kept = [*folder.glob("*/*"), folder / SUITE]
    return {str(file.relative_to(folder)): file.read_bytes() for file in kept}


def test_it_fills_the_folder_and_counts(built):
    folder, manifest = built
    made = Suite.open(folder).summary
    assert set(made.databases) == {"pets", "cars", "hollow"}
    assert made.golds == 5
    assert made.failed_golds == 1
    assert 0 < made.killed_by_database < made.killed <= made.neighbours
    assert made.instances == len(list(folder.glob("*/*_*.sqlite"))) > 2
    assert made.bytes == sum(file.stat().st_size for file in folder.glob("*/*.sqlite"))
    assert manifest.counts["databases"] == 3
    assert manifest.counts["missing_databases"] == {"dogs": 1}
    assert {"pets/pets_01.sqlite", "pets/suite.json", SUITE} <= set(manifest.outputs)


def test_the_same_settings_give_the_same_bytes(built, data, tmp_path):
    folder, _ = built
    build(data, tmp_path / "again")
    assert files(tmp_path / "again") == files(folder)
    build(data, tmp_path / "other", seed=1)
    assert files(tmp_path / "other") != files(folder)


def test_finished_databases_are_not_built_again(built, data, tmp_path):
    folder, _ = built
    before = files(folder)
    (folder / "manifest.json").unlink()
    (folder / SUITE).unlink()
    (folder / "cars" / SUITE).unlink()
    (folder / "cars" / "cars_01.sqlite").write_bytes(b"half")
    times = {file: file.stat().st_mtime_ns for file in (folder / "pets").iterdir()}
    build(data, folder)
    assert files(folder) == before
    assert {file: file.stat().st_mtime_ns for file in (folder / "pets").iterdir()} == times


def test_another_database_is_another_suite(built, data):
    folder, _ = built
    with closing(sqlite3.connect(data / "database" / "cars" / "cars.sqlite")) as connection:
        connection.execute("INSERT INTO car VALUES ('Mini')")
        connection.commit()
    with pytest.raises(UsageError, match=r"another run: .*suite.* has changed"):
        build(data, folder)


def test_a_database_that_cannot_have_a_suite_is_named(data, tmp_path):
    with closing(sqlite3.connect(data / "database" / "cars" / "cars.sqlite")) as connection:
        connection.execute('CREATE TABLE odd (a "order")')
        connection.commit()
    manifest = build(data, tmp_path / "suite")
    assert manifest.counts["databases"] == 2
    assert "syntax error" in manifest.counts["unreadable"]["cars"]
    assert Suite.open(tmp_path / "suite").summary.unreadable == manifest.counts["unreadable"]


def test_without_golds_there_is_no_suite(data, tmp_path):
    (data / "dev.json").write_text(json.dumps([{"question": "How many?", "db_id": "cars"}]))
    with pytest.raises(DataError, match="no gold SQL: dataset spider gives none"):
        build(data, tmp_path / "suite")


def test_with_no_usable_database_there_is_no_suite(data, tmp_path):
    rows = [{"question": "How many?", "db_id": "hollow", "query": "SELECT count(*) FROM thing"}]
    (data / "dev.json").write_text(json.dumps(rows))
    with closing(sqlite3.connect(data / "database" / "hollow" / "hollow.sqlite")) as connection:
        connection.execute('CREATE TABLE odd (a "order")')
        connection.commit()
    with pytest.raises(DataError, match="no suite could be built: cannot build"):
        build(data, tmp_path / "suite")


# --------------------------------------------------------------------------- evaluate


@pytest.fixture
def predictions(tmp_path):
    """One prediction for each question: gold, but for two that only the data lets pass."""
    golds = [
        "SELECT count(*) FROM pet",
        "SELECT DISTINCT name FROM pet",
        "SELECT count(*) FROM car",
        "SELECT count(*) FROM dog",
        "SELECT name FROM thing",
        "SELECT colour FROM car",
        "SELECT name FROM pet WHERE id = 1",
    ]
    path = tmp_path / "predictions.sql"
    path.write_text("\n".join(golds))
    return path


def evaluate(data, predictions, out, **settings):
    made = score.EvaluateConfig(
        dataset="spider", data=data, predictions=predictions, workers=1, **settings
    )
    execute_stage(score.STAGE, made, (), out)
    verdicts = read_jsonl(out / "verdicts.jsonl", Verdict)
    return {(v.id.rpartition("-")[2].lstrip("0") or "0", v.metric): v for v in verdicts}


def test_evaluate_asks_for_right_on_the_suite_too(built, data, predictions, tmp_path):
    verdicts = evaluate(data, predictions, tmp_path / "run", suite=built[0], modes=("strict",))
    assert verdicts["1", "execution.strict"].score == 1.0
    assert verdicts["1", "suite.strict"].score == 0.0
    assert "right on the database, wrong on pets_" in verdicts["1", "suite.strict"].reason
    assert verdicts["6", "execution.strict"].score == 1.0
    assert verdicts["6", "suite.strict"].score == 0.0
    for number in ("0", "2", "4"):
        assert verdicts[number, "suite.strict"].score == 1.0
    scores = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert scores["metrics"]["execution.strict"]["right"] == 5
    assert scores["metrics"]["suite.strict"]["right"] == 3
    assert scores["metrics"]["suite.strict"]["n"] == 5


def test_every_mode_has_its_own_suite_score(built, data, predictions, tmp_path):
    verdicts = evaluate(
        data, predictions, tmp_path / "run", suite=built[0] / SUITE, modes=("strict", "spider")
    )
    assert verdicts["1", "suite.strict"].score == 0.0
    assert verdicts["1", "suite.spider"].score == 1.0
    assert verdicts["6", "suite.spider"].score == 0.0
    assert ("1", "suite.bird") not in verdicts


def test_without_a_suite_nothing_is_scored_on_one(data, predictions, tmp_path):
    verdicts = evaluate(data, predictions, tmp_path / "run")
    assert {metric for _, metric in verdicts} == {
        "execution.strict", "execution.spider", "execution.bird", "exact_match", "string"
    }  # fmt: skip


def test_questions_about_databases_without_a_suite_are_not_counted(data, predictions, tmp_path):
    rows = json.loads((data / "dev.json").read_text())
    some = tmp_path / "some.json"
    some.write_text(json.dumps([row for row in rows if row["db_id"] == "pets"]))
    build(data, tmp_path / "suite", questions=some)
    evaluate(data, predictions, tmp_path / "run", suite=tmp_path / "suite", modes=("strict",))
    scores = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert scores["metrics"]["suite.strict"]["n"] == 3
    assert scores["metrics"]["execution.strict"]["n"] == 5


@pytest.fixture
def predicted(data, tmp_path, serve):
    """A run of predict that answers with gold, but for one that only the data lets pass."""
    serve({"Oldest pet?": "SELECT name FROM pet WHERE id = 1"})
    asking = predict.PredictConfig(dataset="spider", data=data, model="table")
    execute_stage(predict.STAGE, asking, (), tmp_path / "predicted")
    return tmp_path / "predicted"


def test_in_a_recipe_the_suite_goes_to_the_runs_over_its_questions(
    built, data, predicted, tmp_path
):
    build(data, tmp_path / "half", limit=2)
    rows = json.loads((data / "dev.json").read_text())
    (tmp_path / "some.json").write_text(json.dumps(rows[:3]))
    build(data, tmp_path / "other", questions=tmp_path / "some.json")
    fits = score.STAGE.fits
    assert fits((predicted,), built[0])
    assert fits((predicted,), tmp_path / "half")
    assert not fits((predicted,), tmp_path / "other")


def test_evaluate_scores_on_the_suite_of_its_recipe(built, predicted, tmp_path):
    config = score.EvaluateConfig(modes=("strict",), workers=1)
    manifest = execute_stage(score.STAGE, config, (predicted, built[0]), tmp_path / "run")
    assert (manifest.counts["execution.strict"], manifest.counts["suite.strict"]) == (1.0, 0.8)
    assert f"suite/{SUITE}" in manifest.inputs


def test_two_suites_are_one_too_many(built, predicted, tmp_path):
    config = score.EvaluateConfig(suite=built[0])
    with pytest.raises(UsageError, match=r"two suites: .* by the settings, .* by the recipe"):
        execute_stage(score.STAGE, config, (predicted, built[0]), tmp_path / "run")


def test_a_suite_that_is_not_there_is_an_error(data, predictions, tmp_path):
    with pytest.raises(DataError, match=r"no suite: .* build one with `sqlkiln suite build`"):
        evaluate(data, predictions, tmp_path / "run", suite=tmp_path / "nowhere")


def test_another_suite_is_another_run(built, data, predictions, tmp_path):
    evaluate(data, predictions, tmp_path / "run", suite=built[0])
    build(data, tmp_path / "other", seed=1)
    for file in built[0].rglob("*.*"):
        file.unlink()
    (tmp_path / "other").rename(built[0].with_name("moved"))
    with pytest.raises(UsageError, match="the folder holds another run"):
        evaluate(data, predictions, tmp_path / "run", suite=built[0].with_name("moved"))


# --------------------------------------------------------------------------- the command


def command(*arguments):
    return [sys.executable, "-m", "sqlkiln", *map(str, arguments)]


def test_a_killed_build_goes_on(data, tmp_path):
    arguments = ("suite", "build", "--dataset", "spider", "--data", data, "--out", tmp_path / "s")
    process = subprocess.Popen(command(*arguments, "--workers", "1"), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "s").glob("*/suite.json")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "s" / "manifest.json").exists()
    done = subprocess.run(command(*arguments), capture_output=True, text=True, check=True)
    assert "instances of 3 databases" in done.stdout
    execute_stage(suite.STAGE, SuiteConfig(dataset="spider", data=data), (), tmp_path / "whole")
    assert files(tmp_path / "s") == files(tmp_path / "whole")


# --------------------------------------------------------------------------- Spider


def test_on_spider_golds_are_right_and_near_misses_are_not(spider_data, tmp_path):
    rows = json.loads((spider_data / "dev.json").read_text())
    chosen = [row for row in rows if row["db_id"] in ("poker_player", "course_teach")]
    assert len(chosen) == 70
    (tmp_path / "some.json").write_text(json.dumps(chosen))
    settings = config(spider_data, questions=tmp_path / "some.json")
    manifest = execute_stage(suite.STAGE, settings, (), tmp_path / "suite")
    assert manifest.counts["failed_golds"] == 0
    told = manifest.counts["killed"] / manifest.counts["neighbours"]
    alone = manifest.counts["killed_by_database"] / manifest.counts["neighbours"]
    assert alone < 0.82 < 0.88 < told

    made = Suite.open(tmp_path / "suite")
    right = 0
    examples = {e.gold_sql: e for e in open_questions(settings).answerable}
    for example in list(examples.values())[:20]:
        original = spider_data / "database" / example.db_id / f"{example.db_id}.sqlite"
        paths = [original, *made.instances(example.db_id, original)]
        databases = [open_database(path) for path in paths]
        for metric in (ExecutionAccuracy(), SpiderExecution()):
            right += suite_score(example, example.gold_sql, databases, metric).score
        for database in databases:
            database.close()
    assert right == 2 * 20
