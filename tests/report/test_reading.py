import pytest

from sqlkiln.core.errors import UsageError
from sqlkiln.core.store import MANIFEST, read_manifest
from sqlkiln.report.reading import read_by_questions, read_runs


def named(write_run, *abouts, folder="run"):
    folders = [
        write_run(f"{folder}{place}", {"q1": 1.0}, predicted_by=about)
        for place, about in enumerate(abouts)
    ]
    return [run.name for run in read_runs(folders)]


def test_a_run_with_all_that_evaluate_writes(runs):
    alpha, beta = read_runs(runs)
    assert (alpha.name, beta.name) == ("alpha", "beta")
    assert len(alpha.ids) == len(alpha.predictions) == len(alpha.examples) == 8
    assert list(alpha.ids) == list(alpha.examples)
    assert {failure.primary for failure in alpha.failures.values()} == {
        "sql_wrong_projection",
        "sql_wrong_group",
        "sql_wrong_schema",
    }
    assert alpha.predicted is None


def test_a_run_without_examples_and_failures(write_run):
    (run,) = read_runs([write_run("bare", {"q2": 1.0, "q1": 0.0})])
    assert run.ids == ("q1", "q2")
    assert (run.examples, run.failures) == ({}, {})
    assert run.predictions["q1"].sql == "SELECT 1"


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("qwen2.5-coder-0.5b", "qwen2.5-coder-0.5b"),
        ("models/My-Model.Q4.gguf", "My-Model.Q4"),
        ("http://localhost:8080/v1#org/large", "org/large"),
    ],
)
def test_a_run_is_called_by_its_model(write_run, model, name):
    assert named(write_run, {"model": model}) == [name]


def test_runs_of_one_model_are_told_apart_by_what_differs(write_run):
    one = {"model": "m", "strategy": "greedy", "schema_style": "ddl", "adapters": []}
    names = named(write_run, one, one | {"strategy": "repair"}, {"model": "other"})
    assert names == ["m, greedy", "m, repair", "other"]
    tuned = one | {"adapters": [["sql-lora", 1.0]]}
    assert named(write_run, one, tuned, folder="tuned") == ["m", "m, sql-lora"]
    limited = named(write_run, one, one | {"limit": 300}, folder="limited")
    assert limited == ["m", "m, limit 300"]


def test_runs_that_nothing_tells_apart_are_called_by_their_folders(write_run):
    same = {"predictions": "some/where/dail.sql"}
    assert named(write_run, same, same) == ["dail (run0)", "dail (run1)"]


def test_the_run_of_predict_is_found(bench, tmp_path):
    from sqlkiln.core.store import execute_stage
    from sqlkiln.evaluate import predict, score

    (tmp_path / "script.json").write_text('{"": "SELECT 1"}')
    asked = predict.PredictConfig(
        dataset="jsonl", data=bench, model=f"scripted:{tmp_path / 'script.json'}", limit=2
    )
    execute_stage(predict.STAGE, asked, (), tmp_path / "p")
    config = score.EvaluateConfig(resamples=100)
    execute_stage(score.STAGE, config, (tmp_path / "p",), tmp_path / "e")
    execute_stage(score.STAGE, config, (tmp_path / "p",), tmp_path / "p", "manifest-evaluate.json")
    beside, inside = read_runs([tmp_path / "e", tmp_path / "p"])
    assert beside.predicted == inside.predicted == read_manifest(tmp_path / "p", MANIFEST)
    assert len(beside.predictions) == len(inside.predictions) == 2


def test_a_run_can_be_given_only_once(runs):
    with pytest.raises(UsageError, match="the same run twice"):
        read_runs([runs[0], runs[0].parent / "." / runs[0].name])


def test_runs_over_other_questions_are_told_apart_by_these(write_run):
    model = {"model": "m"}
    runs = [
        write_run("a", {"q": 1.0}, predicted_by=model),
        write_run("b", {"x": 1.0}, predicted_by=model, dataset="cars", digest="e" * 64),
    ]
    assert [run.name for run in read_runs(runs)] == ["m, shop dev", "m, cars dev"]
    assert [[run.name for run in group] for group in read_by_questions(runs)] == [["m"], ["m"]]
