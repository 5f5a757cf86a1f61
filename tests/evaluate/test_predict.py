import time
from pathlib import Path

import pytest
from adapter_files import write_adapter
from pydantic import ValidationError

from sqlkiln.core.adapters import options
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
from sqlkiln.evaluate.predict import STAGE, PredictConfig, prompting


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
    _, rows = predict(adapter=("a", "b:0.5"))
    row = rows[0]
    assert (row.id, row.db_id, row.sql) == ("spider-dev-0000", "pets", "SELECT 1")
    assert row.completion == "SELECT 1\n```\nThere."
    assert (row.model, row.adapter, row.strategy) == ("table", "a+b:0.5", "greedy")
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


@pytest.fixture
def nano_sql(tmp_path, monkeypatch):
    """An adapter that is shipped for the nano model and wants FROM first, in the compact style."""
    monkeypatch.setattr("sqlkiln.models.adapters.shipped_folder", lambda: tmp_path / "shipped")
    path = tmp_path / "shipped" / "nano-sql.gguf"
    return write_adapter(path, target="from_first", schema_style="compact")


def test_the_shipped_adapter_is_used_and_said(data, tmp_path, serve, nano_sql):
    backend = serve({"How many pets?": "FROM pet SELECT count(*)"})
    config = PredictConfig(dataset="spider", data=data, model="smollm2-135m")
    used = execute_stage(STAGE, config, (), tmp_path / "run").counts["used"]
    assert used == {
        "adapters": [["nano-sql", 1.0]],
        "target": "from_first",
        "schema_style": "compact",
    }
    row = kept(tmp_path)[0]
    assert row.adapter == "nano-sql"
    assert row.sql == "SELECT count(*) FROM pet"
    assert backend.options.adapters == ((nano_sql, 1.0),)


def test_a_second_opinion_is_said_and_its_bytes_count(data, tmp_path, serve, nano_sql):
    beside = Path(nano_sql).with_name("beside.gguf")
    about = {"second_to": "nano-sql", "target": "sql", "schema_style": "compact"}
    write_adapter(beside, **about)
    asked = {"dataset": "spider", "data": data, "model": "smollm2-135m"}
    config = PredictConfig(**asked, strategy="greedy+second")
    before = STAGE.fingerprint(config, ())
    assert before["adapter beside"] != before["adapter nano-sql"]
    backend = serve({"How many pets?": "FROM pet SELECT count(*)"})
    used = execute_stage(STAGE, config, (), tmp_path / "run").counts["used"]
    assert (used["adapters"], used["second"]) == ([["nano-sql", 1.0]], "beside")
    assert backend.options.adapters == ((nano_sql, 1.0), (str(beside), 0.0))
    plain = execute_stage(STAGE, PredictConfig(**asked), (), tmp_path / "plain").counts["used"]
    assert "second" not in plain
    write_adapter(beside, sign=-1.0, **about)
    assert STAGE.fingerprint(config, ()) != before


def test_a_run_that_asks_nobody_else_does_not_depend_on_others(data, nano_sql):
    write_adapter(Path(nano_sql).with_name("beside.gguf"), second_to="nano-sql", target="sql")
    asked = {"dataset": "spider", "data": data, "model": "smollm2-135m"}
    found = STAGE.fingerprint(PredictConfig(**asked), ())
    assert [name for name in found if name.startswith("adapter")] == ["adapter nano-sql"]


def test_another_model_is_named_and_its_adapters_count(data, tmp_path, serve, nano_sql):
    backend = serve({"How many pets?": "FROM pet SELECT count(*)"})
    asked = {"dataset": "spider", "data": data, "model": "table", "beside": "smollm2-135m"}
    config = PredictConfig(**asked, strategy="greedy+second")
    before = STAGE.fingerprint(config, ())
    assert "adapter nano-sql" in before
    used = execute_stage(STAGE, config, (), tmp_path / "run").counts["used"]
    assert (used["adapters"], used["second"]) == ([], "smollm2-135m")
    assert backend.options.adapters == ((nano_sql, 1.0),)
    write_adapter(Path(nano_sql), sign=-1.0, target="from_first", schema_style="compact")
    assert STAGE.fingerprint(config, ()) != before


def test_none_is_the_base(data, tmp_path, serve, nano_sql):
    serve()
    config = PredictConfig(dataset="spider", data=data, model="smollm2-135m", adapter="none")
    used = execute_stage(STAGE, config, (), tmp_path / "run").counts["used"]
    assert used == {"adapters": [], "target": "sql", "schema_style": "ddl"}
    assert kept(tmp_path)[0].adapter is None


def test_a_run_is_known_by_the_bytes_of_its_adapter(data, nano_sql, tmp_path):
    config = PredictConfig(dataset="spider", data=data, model="smollm2-135m")
    plain = stage_hash(STAGE, config.model_copy(update={"adapter": ("none",)}), ())
    first = stage_hash(STAGE, config, ())
    write_adapter(Path(nano_sql), sign=-1.0, target="from_first", schema_style="compact")
    assert len({plain, first, stage_hash(STAGE, config, ())}) == 3


def test_the_adapter_of_an_export_is_used(nano_sql, tmp_path):
    path = write_adapter(tmp_path / "export-1" / "trained.gguf", target="plan")
    config = PredictConfig(model="smollm2-135m")
    used = prompting(config, (tmp_path / "export-1",))
    assert options(used.adapters) == ((path, 1.0),)
    assert (used.target, used.schema_style) == ("plan", "ddl")
    asked = config.model_copy(update={"adapter": ("nano-sql",)})
    assert [a.title for a in prompting(asked, (tmp_path / "export-1",)).adapters] == ["nano-sql"]


def test_an_adapter_that_wants_an_unknown_prompt_is_refused(nano_sql):
    write_adapter(Path(nano_sql), target="poem")
    with pytest.raises(UsageError, match="unknown target: 'poem'; choose one of sql, "):
        prompting(PredictConfig(model="smollm2-135m"), ())


def test_every_question_may_be_asked_for_several_samples(predict, serve):
    said = iter(["SELECT 1", "SELECT 2", "SELECT 3"])
    backend = serve({"Names of things?": lambda: next(said)})
    counts, rows = predict(samples=3, temperature=0.8)
    assert len(backend.asked) == 3 * counts["predicted"] == 18
    assert rows[4].samples == ("SELECT 1", "SELECT 2", "SELECT 3")
    assert (rows[4].sql, rows[4].attempts) == ("SELECT 1", 1)
    assert rows[4].completion_tokens == 3 * 7


def test_samples_differ_by_their_seed(predict, serve, monkeypatch):
    backend = serve()
    asked, generate = [], backend.generate

    def note(request, on_text=None):
        asked.append((request.temperature, request.seed))
        return generate(request, on_text)

    monkeypatch.setattr(backend, "generate", note)
    predict(samples=2, temperature=0.8, seed=5, limit=1)
    assert asked == [(0.8, 5), (0.8, 6)]


def test_one_answer_is_no_sample(predict, serve):
    serve()
    assert {row.samples for row in predict()[1].values()} == {()}


def test_samples_need_a_temperature():
    with pytest.raises(ValidationError, match="samples without a temperature are all alike"):
        PredictConfig(samples=2)


def test_sql_may_be_kept_as_spider_writes_it(predict, serve):
    serve({"How many pets?": "SELECT p.a FROM p JOIN q ON p.a != q.a"})
    _, rows = predict(sql_style="spider")
    assert rows[0].sql == "SELECT T1.a FROM p AS T1 JOIN q AS T2 ON T1.a <> T2.a"
    assert rows[0].completion == "SELECT p.a FROM p JOIN q ON p.a != q.a"
