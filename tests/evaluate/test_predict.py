import time

import pytest
from pydantic import ValidationError

from sqlkiln.core.errors import (
    BackendAuthError,
    BackendError,
    BackendRateLimited,
    BackendTimeout,
    ContextOverflow,
    UsageError,
)
from sqlkiln.core.records import Prediction
from sqlkiln.core.store import execute_stage, read_jsonl, stage_hash
from sqlkiln.evaluate.predict import STAGE, PredictConfig


@pytest.fixture
def predict(data, tmp_path):
    """Runs the stage over the benchmark; gives its counts and the predictions by question."""

    def run(**settings):
        config = PredictConfig(dataset="spider", data=data, model="table", **settings)
        manifest = execute_stage(STAGE, config, (), tmp_path / "run")
        return manifest.counts, kept(tmp_path)

    return run


def kept(tmp_path):
    rows = list(read_jsonl(tmp_path / "run" / "predictions.jsonl", Prediction))
    assert len({row.id for row in rows}) == len(rows)
    return {int(row.id[-4:]): row for row in rows}


def test_every_question_with_a_database_is_asked(predict, serve):
    backend = serve()
    counts, rows = predict()
    assert sorted(rows) == [0, 1, 2, 4, 5, 6]
    assert (counts["questions"], counts["chosen"], counts["predicted"]) == (7, 6, 6)
    assert counts["missing_databases"] == {"dogs": 1}
    assert (counts["failed"], counts["unreadable_databases"]) == (0, {})
    assert backend.closed


def test_questions_of_one_database_follow_one_another_largest_first(predict, serve):
    backend = serve()
    predict()
    assert backend.asked == [
        "How many pets?",
        "Names of pets?",
        "Oldest pet?",
        "How many cars?",
        "Colours of cars?",
        "Names of things?",
    ]


def test_a_prediction_tells_what_it_took(predict, serve):
    serve({"How many pets?": "SELECT 1\n```\nThere."})
    _, rows = predict(adapters=(("a.gguf", 1.0), ("b.gguf", 0.5)))
    row = rows[0]
    assert (row.id, row.db_id, row.sql) == ("spider-dev-0000", "pets", "SELECT 1")
    assert row.completion == "SELECT 1\n```\nThere."
    assert (row.model, row.adapter, row.strategy) == ("table", "a.gguf+b.gguf:0.5", "greedy")
    assert (row.prompt_tokens, row.cached_tokens, row.completion_tokens) == (100, 60, 7)
    assert (row.error, row.attempts) == (None, 1)
    assert 0 < row.seconds < 1


def test_tokens_end_up_in_the_manifest(data, tmp_path, serve):
    serve()
    config = PredictConfig(dataset="spider", data=data)
    tokens = execute_stage(STAGE, config, (), tmp_path / "run").tokens
    assert (tokens.prompt, tokens.cached, tokens.completion) == (600, 360, 42)


def test_repair_asks_again_and_counts_both(predict, serve):
    serve({"How many pets?": "SELECT count(*) FROM pets"})
    _, rows = predict(strategy="repair")
    assert (rows[0].attempts, rows[0].completion_tokens) == (2, 14)
    assert (rows[1].attempts, rows[1].completion_tokens) == (1, 7)


def test_a_sample_is_drawn_from_what_can_be_asked(predict, serve):
    serve()
    counts, rows = predict(limit=6, seed=3)
    assert len(rows) == counts["chosen"] == 6
    assert counts["missing_databases"] == {"dogs": 1}


def test_an_answer_without_sql_is_kept_as_empty(predict, serve):
    serve({"How many pets?": "```"})
    _, rows = predict()
    assert (rows[0].sql, rows[0].error) == ("", None)


@pytest.mark.parametrize(
    "error", [ContextOverflow("too long"), BackendError("bad request"), BackendTimeout("slow")]
)
def test_one_question_that_fails_is_recorded(predict, serve, error):
    serve({"Names of pets?": error})
    counts, rows = predict()
    assert len(rows) == 6
    assert (counts["failed"], rows[1].sql) == (1, "")
    assert rows[1].error == f"{type(error).__name__}: {error}"
    assert rows[0].error is None


def test_a_question_that_is_too_long_is_recorded(predict, serve, data):
    serve()
    text = (data / "dev.json").read_text().replace("Names of pets?", "why " * 5000)
    (data / "dev.json").write_text(text)
    counts, rows = predict()
    assert counts["failed"] == 1
    assert rows[1].error.startswith("UsageError: the question is too long")


@pytest.mark.parametrize(
    ("error", "probed"),
    [
        (BackendError("connection refused"), 1),
        (BackendTimeout("no answer"), 1),
        (BackendAuthError("key refused"), 0),
        (BackendRateLimited("slow down"), 0),
    ],
)
def test_a_dead_server_stops_the_run_and_what_is_done_is_kept(
    predict, serve, tmp_path, error, probed
):
    backend = serve({"Oldest pet?": error, "Say OK.": error})
    with pytest.raises(type(error), match=str(error)):
        predict()
    assert backend.asked.count("Say OK.") == probed
    assert backend.closed
    assert sorted(kept(tmp_path)) == [0, 1]
    assert not (tmp_path / "run" / "manifest.json").exists()

    backend = serve()
    counts, rows = predict()
    assert sorted(rows) == [0, 1, 2, 4, 5, 6]
    assert counts["predicted"] == 6
    assert "Oldest pet?" in backend.asked
    assert len(backend.asked) == 4


def test_a_half_written_line_is_predicted_again(predict, serve, tmp_path):
    serve({"How many cars?": BackendAuthError("no")})
    with pytest.raises(BackendAuthError, match="no"):
        predict()
    path = tmp_path / "run" / "predictions.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    backend = serve()
    _, rows = predict()
    assert sorted(rows) == [0, 1, 2, 4, 5, 6]
    assert "Oldest pet?" in backend.asked
    assert "Names of pets?" not in backend.asked


def test_a_complete_run_is_not_asked_again(predict, serve):
    serve()
    predict()
    backend = serve()
    counts, _ = predict()
    assert backend.asked == []
    assert counts["predicted"] == 6


def test_other_settings_are_refused_in_the_same_folder(predict, serve):
    serve()
    predict()
    with pytest.raises(UsageError, match=r"the folder holds another run: .*seed 0, not 1"):
        predict(seed=1)


def test_several_databases_are_asked_at_a_time(predict, serve):
    backend = serve(dict.fromkeys(["How many pets?", "How many cars?"], slow))
    _, rows = predict(slots=3)
    assert backend.options.slots == 3
    assert 2 <= backend.most <= 3
    assert sorted(rows) == [0, 1, 2, 4, 5, 6]


def slow():
    time.sleep(0.3)
    return "SELECT 1"


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0 and no more"])
def test_a_database_that_cannot_be_read_is_named(predict, serve, data, content):
    serve()
    path = data / "database" / "cars" / "cars.sqlite"
    path.write_bytes(content)
    counts, rows = predict()
    assert sorted(rows) == [0, 1, 4, 6]
    assert list(counts["unreadable_databases"]) == ["cars"]
    assert str(path) in counts["unreadable_databases"]["cars"]


def test_slots_change_the_speed_and_not_the_run():
    one, four = PredictConfig(slots=1), PredictConfig(slots=4)
    assert stage_hash(STAGE, one, ()) == stage_hash(STAGE, four, ())
    assert stage_hash(STAGE, one, ()) != stage_hash(STAGE, PredictConfig(seed=1), ())


def test_wrong_settings_are_refused():
    with pytest.raises(ValidationError, match="no such schema style; choose one of ddl, compact"):
        PredictConfig(schema_style="xml")
    with pytest.raises(ValidationError, match="limit"):
        PredictConfig(limit=0)


def test_an_unknown_strategy_is_refused_before_the_model_is_opened(predict, serve):
    backend = serve()
    with pytest.raises(UsageError, match="unknown strategies entry: 'guess'"):
        predict(strategy="guess")
    assert not hasattr(backend, "options")
