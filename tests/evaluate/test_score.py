import hashlib
import json
import random
import sqlite3
import time
from contextlib import closing

import pytest

from sqlkiln.core.errors import BackendError, ContextOverflow, DataError, UsageError
from sqlkiln.core.records import Prediction, Verdict
from sqlkiln.core.store import execute_stage, read_jsonl
from sqlkiln.evaluate import predict, score
from sqlkiln.evaluate.score import EvaluateConfig
from sqlkiln.scoring.summary import Scores

METRICS = ("execution.strict", "execution.spider", "execution.bird", "exact_match", "string")
ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x FROM c) SELECT count(*) FROM c"


@pytest.fixture
def predicted(data, tmp_path, serve):
    """Makes a run of predict with these answers; gives its folder."""

    def make(answers=None, **settings):
        serve(answers)
        config = predict.PredictConfig(dataset="spider", data=data, model="table", **settings)
        execute_stage(predict.STAGE, config, (), tmp_path / "run")
        return tmp_path / "run"

    return make


def evaluate(run, out=None, **settings):
    """Evaluates a run in its own folder, or in `out`; gives scores and verdicts."""
    folder = out or run
    name = "manifest-evaluate.json" if folder == run else "manifest.json"
    execute_stage(score.STAGE, EvaluateConfig(**settings), (run,), folder, name)
    return read(folder)


def read(folder):
    scores = Scores.model_validate_json((folder / "scores.json").read_text())
    rows = list(read_jsonl(folder / "verdicts.jsonl", Verdict))
    verdicts = {(int(v.id[-4:]), v.metric): v for v in rows}
    assert len(verdicts) == len(rows)
    return scores, verdicts


def test_gold_is_right_wherever_it_runs(predicted):
    scores, verdicts = evaluate(predicted())
    execution = scores.metrics["execution.strict"]
    assert (execution.n, execution.right, execution.score) == (5, 5, 1.0)
    assert [(row.id, row.db_id) for row in execution.unscored] == [("spider-dev-0005", "cars")]
    assert execution.unscored[0].reason.startswith("gold failed: UnknownName: ")
    assert (scores.questions, scores.scored) == (7, 6)
    assert scores.missing_databases == {"dogs": 1}
    assert sorted(verdicts) == [(n, m) for n in (0, 1, 2, 4, 5, 6) for m in sorted(METRICS)]
    assert scores.metrics["string"].n == 6


def test_scores_tell_what_was_scored_and_how(predicted):
    scores, _ = evaluate(predicted(), seed=5, resamples=500, timeout_s=2.0)
    assert (scores.source.dataset, scores.source.split) == ("spider", "dev")
    assert scores.predicted_by["model"] == "table"
    assert scores.predicted_by["strategy"] == "greedy"
    assert scores.limits == {"timeout_s": 2.0, "max_rows": 100_000}
    assert len(scores.source.questions_sha256) == len(scores.source.databases_sha256) == 64
    assert scores.cost.tokens.prompt == 600
    assert 0 < scores.cost.p50_s <= scores.cost.p95_s


def test_wrong_predictions_are_counted_by_cause(predicted):
    run = predicted(
        {
            "How many pets?": "SELECT 4",
            "Names of pets?": "SELECT nme FROM pet",
            "How many cars?": "```",
            "Oldest pet?": BackendError("bad request"),
        }
    )
    scores, verdicts = evaluate(run)
    assert scores.metrics["execution.strict"].failures == {
        "wrong_rows": 1,
        "UnknownName": 1,
        "no_sql": 1,
        "model_error": 1,
    }
    assert (scores.failed_predictions, scores.absent_predictions) == (1, 0)
    assert verdicts[6, "execution.strict"].reason == "the model failed: BackendError: bad request"
    assert scores.metrics["execution.strict"].score == 0.2


def test_an_empty_database_is_named(predicted):
    scores, verdicts = evaluate(predicted())
    assert scores.empty_databases == ("hollow",)
    assert verdicts[4, "execution.strict"].flags == ("empty_equals_empty", "empty_database")
    assert scores.metrics["execution.strict"].flags == {
        "empty_equals_empty": 1,
        "empty_database": 1,
    }


def test_an_empty_result_of_a_full_database_is_only_flagged(predicted, data):
    text = (
        (data / "dev.json")
        .read_text()
        .replace("SELECT name FROM pet", "SELECT name FROM pet LIMIT 0")
    )
    (data / "dev.json").write_text(text)
    scores, verdicts = evaluate(predicted({"Names of pets?": "SELECT name FROM pet WHERE age > 9"}))
    assert verdicts[1, "execution.strict"].flags == ("empty_equals_empty",)
    assert scores.empty_databases == ("hollow",)


def test_a_tie_is_right_in_either_form(predicted):
    _, verdicts = evaluate(predicted({"Oldest pet?": "SELECT 'Kim'"}))
    assert (verdicts[6, "execution.strict"].score, verdicts[6, "execution.strict"].flags) == (
        1.0,
        ("limit_tie",),
    )
    assert verdicts[6, "string"].score == 0.0


def test_only_the_sample_that_was_predicted_is_scored(predicted):
    scores, verdicts = evaluate(predicted(limit=2))
    assert scores.scored == len({number for number, _ in verdicts}) == 2
    assert scores.absent_predictions == 0


def test_order_of_predictions_does_not_matter(predicted, tmp_path):
    run = predicted({"How many pets?": "SELECT 4"})
    before, _ = evaluate(run, tmp_path / "one")
    path = run / "predictions.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    random.Random(1).shuffle(lines)
    path.write_text("".join(lines))
    after, _ = evaluate(run, tmp_path / "two")
    assert after.metrics == before.metrics


def test_a_killed_evaluation_goes_on(predicted, tmp_path):
    run = predicted({"How many pets?": "SELECT 4"})
    whole, _ = evaluate(run, tmp_path / "whole")
    lines = (tmp_path / "whole" / "verdicts.jsonl").read_bytes().splitlines(keepends=True)
    for kept in (1, 5, 13):
        out = tmp_path / f"killed-{kept}"
        out.mkdir()
        (out / "verdicts.jsonl").write_bytes(b"".join(lines[:kept]) + lines[kept][:30])
        scores, verdicts = evaluate(run, out)
        assert scores.metrics == whole.metrics
        assert len(verdicts) == 6 * len(METRICS)


def test_an_hour_long_prediction_costs_its_deadline(predicted):
    run = predicted({"How many pets?": ENDLESS})
    start = time.monotonic()
    scores, verdicts = evaluate(run, timeout_s=0.5)
    assert time.monotonic() - start < 5
    assert verdicts[0, "execution.strict"].details["failure"] == "QueryTimeout"
    assert scores.metrics["execution.strict"].right == 4


def test_a_database_that_cannot_be_read_is_named_and_not_scored(predicted, data):
    run = predicted()
    (data / "database" / "cars" / "cars.sqlite").write_bytes(b"no database")
    scores, verdicts = evaluate(run)
    assert list(scores.unreadable_databases) == ["cars"]
    assert scores.scored == len(verdicts) / len(METRICS) == 4
    assert scores.metrics["execution.strict"].n == 4


def test_a_database_that_predict_could_not_read_is_named_too(predicted, data):
    path = data / "database" / "cars" / "cars.sqlite"
    whole = path.read_bytes()
    path.write_bytes(b"no database")
    run = predicted()
    path.write_bytes(whole)
    scores, _ = evaluate(run)
    assert list(scores.unreadable_databases) == ["cars"]
    assert scores.scored == 4


def test_databases_are_left_as_they_were(predicted, data):
    run = predicted({"How many pets?": "DROP TABLE pet", "Names of pets?": "DELETE FROM pet"})

    def digests():
        return {
            p: hashlib.sha256(p.read_bytes()).hexdigest() for p in data.rglob("*.*") if p.is_file()
        }

    before = digests()
    evaluate(run)
    assert digests() == before


@pytest.mark.parametrize("workers", [1, 4])
def test_many_questions_over_one_database_are_shared_out(predicted, data, workers):
    rows = [
        {"question": f"Number {n}?", "db_id": "pets", "query": f"SELECT {n} FROM pet"}
        for n in range(150)
    ]
    (data / "dev.json").write_text(json.dumps(rows))
    run = predicted({row["question"]: row["query"] for row in rows} | {"Number 7?": "SELECT 7"})
    scores, _ = evaluate(run, workers=workers)
    assert (scores.metrics["execution.strict"].n, scores.metrics["execution.strict"].right) == (
        150,
        149,
    )


def test_changed_questions_are_refused(predicted, data):
    run = predicted()
    (data / "dev.json").write_text((data / "dev.json").read_text().replace("Oldest", "Eldest"))
    with pytest.raises(DataError, match=r"the questions have changed since .*; predict again"):
        evaluate(run)


def test_moved_data_is_found_where_told(predicted, data, tmp_path):
    run = predicted()
    moved = data.rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="no such folder"):
        evaluate(run)
    scores, _ = evaluate(run, tmp_path / "out", data=moved)
    assert scores.scored == 6


def test_only_a_complete_run_of_predict_is_taken(predicted, tmp_path):
    run = predicted()
    evaluate(run, tmp_path / "scored")
    with pytest.raises(UsageError, match=r"not a run of predict: .*scored"):
        evaluate(tmp_path / "scored", tmp_path / "again")
    (run / "manifest.json").unlink()
    with pytest.raises(UsageError, match="not a complete run"):
        evaluate(run, tmp_path / "more")
    with pytest.raises(UsageError, match="nothing to evaluate; give a run of predict"):
        execute_stage(score.STAGE, EvaluateConfig(), (), tmp_path / "none")


# --------------------------------------------------------------------------- made elsewhere


def evaluate_file(data, path, out, **settings):
    config = EvaluateConfig(dataset="spider", data=data, predictions=path, **settings)
    execute_stage(score.STAGE, config, (), out)
    return read(out)


def test_a_file_of_statements_is_scored(data, tmp_path):
    path = tmp_path / "pred.sql"
    path.write_text("SELECT 3\tpets\nSELECT 'x'\tpets\nSELECT 2\n\n\nSELECT 1\nSELECT 'Rex'\n")
    scores, verdicts = evaluate_file(data, path, tmp_path / "out")
    right = {
        number
        for (number, metric), v in verdicts.items()
        if metric == "execution.strict" and v.score
    }
    assert right == {0, 2, 6}
    assert scores.metrics["execution.strict"].failures == {"wrong_rows": 1, "no_sql": 1}
    assert scores.missing_databases == {"dogs": 1}
    assert scores.predicted_by == {"predictions": str(path)}
    assert scores.cost.p50_s is None
    rows = list(read_jsonl(tmp_path / "out" / "predictions.jsonl", Prediction))
    assert [row.sql for row in rows][:4] == ["SELECT 3", "SELECT 'x'", "SELECT 2", ""]


def test_questions_that_a_file_leaves_out_count_as_wrong(data, tmp_path):
    path = tmp_path / "pred.jsonl"
    path.write_text('{"question_id": 2, "pred": "SELECT 2"}\n{"id": "spider-dev-0000", "sql": "x"}')
    scores, verdicts = evaluate_file(data, path, tmp_path / "out")
    assert (scores.absent_predictions, scores.failed_predictions) == (3 + 1, 0)
    assert scores.metrics["execution.strict"].score == 0.2
    assert verdicts[1, "execution.strict"].reason == "there is no prediction"


def test_a_changed_file_is_another_run(data, tmp_path):
    path = tmp_path / "pred.jsonl"
    path.write_text('{"id": 0, "sql": "SELECT 3"}')
    evaluate_file(data, path, tmp_path / "out")
    path.write_text('{"id": 0, "sql": "SELECT 4"}')
    with pytest.raises(UsageError, match=r"holds another run: .*predictions has changed"):
        evaluate_file(data, path, tmp_path / "out")


def test_a_file_that_does_not_fit_leaves_no_scores(data, tmp_path):
    path = tmp_path / "pred.sql"
    path.write_text("SELECT 3\n")
    with pytest.raises(DataError, match="wrong number of predictions: 1 for 7 questions"):
        evaluate_file(data, path, tmp_path / "out")
    assert not (tmp_path / "out" / "scores.json").exists()


def test_a_changed_database_is_another_run(data, tmp_path):
    path = tmp_path / "pred.jsonl"
    path.write_text('{"id": 0, "sql": "SELECT 3"}')
    evaluate_file(data, path, tmp_path / "out")
    with closing(sqlite3.connect(data / "database" / "cars" / "cars.sqlite")) as cars:
        cars.executescript("INSERT INTO car VALUES ('Twingo')")
    with pytest.raises(UsageError, match=r"holds another run: .*input spider dev databases has ch"):
        evaluate_file(data, path, tmp_path / "out")


# --------------------------------------------------------------------------- golds from the cache


def cached(tmp_path):
    return sorted((tmp_path / "cache" / "gold_results").glob("*.jsonl"))


def test_results_of_golds_are_kept_for_the_next_run(predicted, tmp_path):
    run = predicted()
    before, _ = evaluate(run, tmp_path / "one")
    assert len(cached(tmp_path)) == 3
    text = [path.read_bytes() for path in cached(tmp_path)]
    assert any(b'"Rex"' in part for part in text)
    after, _ = evaluate(run, tmp_path / "two")
    assert after.metrics == before.metrics
    assert [path.read_bytes() for path in cached(tmp_path)] == text


def test_a_gold_is_not_run_again_while_it_is_kept(predicted, tmp_path):
    run = predicted({"Names of pets?": "SELECT 'Rex'"})
    evaluate(run, tmp_path / "one", modes=("strict",))
    (pets,) = [path for path in cached(tmp_path) if b'"Rex"' in path.read_bytes()]
    lines = [line for line in pets.read_bytes().split(b"\n") if b'"Rex"],["Tom"]' in line]
    key, _, body = lines[0].split(b" ", 2)
    body = body.replace(b'["Rex"],["Tom"],["Kim"]', b'["Rex"]')
    check = hashlib.sha256(body).hexdigest()[:16].encode()
    pets.write_bytes(b" ".join((key, check, body)) + b"\n")
    _, verdicts = evaluate(run, tmp_path / "two", modes=("strict",))
    assert verdicts[1, "execution.strict"].score == 1.0


def test_a_changed_database_has_other_results(predicted, data, tmp_path):
    run = predicted()
    evaluate(run, tmp_path / "one")
    with closing(sqlite3.connect(data / "database" / "pets" / "pets.sqlite")) as pets:
        pets.executescript("INSERT INTO pet VALUES (4, 'Pip', 2)")
    scores, verdicts = evaluate(run, tmp_path / "two")
    assert scores.metrics["execution.strict"].score == 1.0
    assert verdicts[1, "execution.strict"].details["gold_rows"] == 4


def test_results_of_a_database_with_an_open_log_are_not_kept(predicted, data, tmp_path):
    path = data / "database" / "pets" / "pets.sqlite"
    run = predicted()
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("INSERT INTO pet VALUES (4, 'Pip', 2)")
        writer.commit()
        _, verdicts = evaluate(run, tmp_path / "out")
        assert verdicts[1, "execution.strict"].details["gold_rows"] == 4
        assert len(cached(tmp_path)) == 2


def test_where_speed_is_measured_nothing_else_is_at_work():
    assert score._workers(EvaluateConfig(metrics=("string",), workers=4)) == 4
    assert score._workers(EvaluateConfig(metrics=("string", "ves"), workers=4)) == 1


def test_samples_are_scored_by_execution(predicted):
    said = iter(["SELECT count(*) FROM pet", "SELECT 7", "SELECT 7", "SELECT 3"])
    run = predicted({"How many pets?": lambda: next(said)}, samples=4, temperature=1.0)
    scores, verdicts = evaluate(run, modes=("strict", "spider"), metrics=())
    assert list(scores.metrics)[2:] == ["pass@1", "pass@2", "pass@4", "maj@4"]
    # Two of four are right: 1 - C(2, 2) / C(4, 2) = 5/6; 3 and 7 have two votes, 3 was first.
    assert [verdicts[0, name].score for name in ("pass@1", "pass@2", "pass@4", "maj@4")] == [
        0.5, pytest.approx(5 / 6), 1.0, 1.0,
    ]  # fmt: skip
    assert verdicts[5, "pass@1"].flags == ("gold_failed",)
    one = scores.metrics["pass@1"]
    assert (one.n, one.score) == (5, pytest.approx(0.9))
    assert one.interval.low < 0.9 < one.interval.high
    assert run.joinpath("manifest-evaluate.json").exists()


def test_a_question_that_failed_has_no_right_sample(predicted):
    run = predicted({"How many pets?": ContextOverflow("too long")}, samples=2, temperature=1.0)
    scores, verdicts = evaluate(run, modes=("strict",), metrics=())
    assert verdicts[0, "pass@2"].score == verdicts[0, "maj@2"].score == 0.0
    assert scores.metrics["pass@2"].score == pytest.approx(0.8)
