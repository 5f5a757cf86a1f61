import pytest

from sqlkiln.core.errors import BackendError, DataError, UsageError
from sqlkiln.core.provenance import machine
from sqlkiln.core.store import execute_stage, read_jsonl, read_manifest, stage_hash
from sqlkiln.evaluate.curve import STAGE, STRATEGIES, CurveConfig
from sqlkiln.scoring.curve import Asked, read_curve

ANSWERS = {"Names of pets?": "SELECT nam FROM pet", "Note": "SELECT name FROM pet"}


@pytest.fixture
def config(data):
    """Settings to measure greedy and repair on the small benchmark."""
    return CurveConfig(
        dataset="spider", data=data, model="table", strategies=("greedy", "repair"), limit=60
    )


def measure(config, out):
    manifest = execute_stage(STAGE, config, (), out)
    return read_curve(out / "curve.json"), manifest


def in_order(*answers):
    """Gives one answer after the other."""
    waiting = list(answers)
    return lambda: waiting.pop(0)


def test_a_curve_holds_what_each_strategy_is_worth(config, serve, tmp_path):
    wrong, right = "SELECT nam FROM pet", "SELECT name FROM pet"
    serve({"Names of pets?": in_order(wrong, right, wrong)})  # repair is the first to be asked
    curve, manifest = measure(config, tmp_path / "out")
    greedy, repair = curve.points
    assert (greedy.strategy, repair.strategy) == ("greedy", "repair")
    assert (greedy.n, greedy.right) == (5, 4)  # the gold of one does not run
    assert (repair.n, repair.right) == (5, 5)
    assert greedy.interval.low < greedy.accuracy < greedy.interval.high
    assert (greedy.first.n, greedy.warm.n) == (3, 3)
    assert greedy.usd_per_1000 > 0
    assert greedy.times.p50 == pytest.approx(1.0)
    assert repair.times.p50 > 0
    assert repair.completions > greedy.completions == 1
    assert (curve.model, curve.adapter, curve.machine) == ("table", None, machine())
    assert (curve.dataset, curve.split, curve.questions) == ("spider", "dev", 6)
    assert curve.priced_as == "machine"
    assert manifest.counts["missing_databases"] == {"dogs": 1}
    assert manifest.counts["asked"] == 12
    assert manifest.tokens.completion == sum(p.tokens.completion for p in curve.points)


def test_every_strategy_has_a_run_of_its_own_for_reports(config, serve, tmp_path):
    serve(ANSWERS)
    measure(config, tmp_path / "out")
    for strategy in ("greedy", "repair"):
        folder = tmp_path / "out" / strategy
        assert read_manifest(folder).config["strategy"] == strategy
        assert read_manifest(folder, "manifest-evaluate.json").counts["scored"] == 6
    from sqlkiln.evaluate.compare import compare_runs

    compared = compare_runs(tmp_path / "out" / "greedy", tmp_path / "out" / "repair")
    assert compared.paired.n == 5


def test_a_measurement_that_was_ended_goes_on_row_by_row(config, serve, tmp_path):
    out = tmp_path / "out"
    backend = serve(ANSWERS | {"How many cars?": BackendError("gone: no answer; start it")})
    with pytest.raises(BackendError, match="gone"):
        measure(config, out)
    before = (out / "asked.jsonl").read_text()
    kept = len(list(read_jsonl(out / "asked.jsonl", Asked)))
    assert 0 < kept < 12
    with (out / "asked.jsonl").open("a") as file:
        file.write('{"half')
    asked = len(backend.asked)
    backend = serve(ANSWERS)
    measure(config, out)
    after = list(read_jsonl(out / "asked.jsonl", Asked))
    assert (out / "asked.jsonl").read_text().startswith(before)
    assert len({(a.prediction.strategy, a.prediction.id) for a in after}) == len(after) == 12
    assert len(backend.asked) < asked + 12 - kept


def test_what_is_complete_is_not_measured_again(config, serve, tmp_path):
    serve(ANSWERS)
    first, _ = measure(config, tmp_path / "out")
    again = serve(ANSWERS)
    assert measure(config, tmp_path / "out")[0] == first
    assert again.asked == []


def test_a_database_that_cannot_be_read_is_left_out_of_everything(config, data, serve, tmp_path):
    serve(ANSWERS)
    (data / "database" / "cars" / "cars.sqlite").write_bytes(b"SQLite format 3\0" + b"x" * 4000)
    curve, manifest = measure(config, tmp_path / "out")
    assert curve.questions == 4
    assert curve.points[0].n == 4
    assert list(manifest.counts["unreadable_databases"]) == ["cars"]


def test_without_gold_there_is_nothing_to_score(data, serve, tmp_path):
    serve()
    (data / "pets.jsonl").write_text('{"question": "How many pets?", "db_id": "pets"}')
    config = CurveConfig(
        dataset="jsonl",
        questions=data / "pets.jsonl",
        data=data / "database",
        model="table",
        strategies=("greedy",),
    )
    with pytest.raises(DataError, match=r"nothing to score: .*; give questions with gold_sql"):
        measure(config, tmp_path / "out")


def test_another_machine_is_another_measurement(config, serve, monkeypatch):
    serve()
    before = stage_hash(STAGE, config, ())
    monkeypatch.setattr("sqlkiln.core.provenance.machine", lambda: {"cores": 1})
    assert stage_hash(STAGE, config, ()) != before


def test_strategies_are_named_as_they_name_themselves():
    config = CurveConfig(strategies=("greedy+mend+link", "vote:4+mend", "greedy+link+mend"))
    assert config.strategies == ("greedy+link+mend", "vote:4+mend")


def test_what_is_measured_unasked_is_named_as_it_names_itself():
    assert CurveConfig(strategies=STRATEGIES).strategies == STRATEGIES == CurveConfig().strategies


def test_an_unknown_strategy_is_refused():
    with pytest.raises(ValueError, match="unknown strategies entry: 'gready'; did you mean"):
        CurveConfig(strategies=("gready",))


def test_an_unknown_dataset_is_refused(serve, tmp_path):
    serve()
    with pytest.raises(UsageError, match="unknown datasets entry: 'spyder'"):
        measure(CurveConfig(dataset="spyder", model="table"), tmp_path / "out")
