import pytest

from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.scoring.evaluated import find_metric, read_evaluated


def test_verdicts_by_metric_and_row(write_run):
    rows = [
        {"id": "q1", "scores": {"execution.strict": 1.0, "string": 0.0}},
        {"id": "q2", "scores": {"execution.strict": 0.0, "string": 0.0}},
        {"id": "q3", "scores": {"execution.strict": {"score": 0.0, "flags": ["gold_failed"]}}},
    ]
    run = read_evaluated(write_run("run", rows))
    assert list(run.verdicts) == ["execution.strict", "string"]
    assert run.row_scores("execution.strict") == {"q1": 1.0, "q2": 0.0}
    assert run.verdicts["string"]["q2"].reason == "so"
    assert run.manifest.stage == "evaluate"
    assert run.scores.metrics["execution.strict"].n == 2


def test_a_metric_may_be_named_without_its_strict_mode(write_run):
    run = read_evaluated(
        write_run("run", [{"id": "q", "scores": {"execution.strict": 1.0, "execution.bird": 1.0}}])
    )
    assert run.metric("execution") == "execution.strict"
    assert run.metric("execution.bird") == "execution.bird"
    assert find_metric("execution", ["execution.bird"]) is None
    with pytest.raises(UsageError, match=r"by 'execution\.bid'; did you mean 'execution\.bird'\?"):
        run.metric("execution.bid")


def test_what_is_no_evaluated_run(write_run, tmp_path):
    with pytest.raises(UsageError, match=r"not an evaluated run: .*none: no such folder; give"):
        read_evaluated(tmp_path / "none")
    run = write_run("run", {"q": 1.0})
    (run / "manifest-evaluate.json").rename(run / "manifest.json")
    assert read_evaluated(run).scores.scored == 1
    (run / "manifest.json").unlink()
    with pytest.raises(UsageError, match="no complete run of evaluate is there; give a folder"):
        read_evaluated(run)


def test_a_wrong_line_is_named(write_run):
    run = write_run("run", {"q": 1.0})
    (run / "verdicts.jsonl").write_text('{"schema_id": "verdict/9"}\n')
    with pytest.raises(DataError, match=r"verdicts\.jsonl:1: unknown schema_id: 'verdict/9'"):
        read_evaluated(run)
