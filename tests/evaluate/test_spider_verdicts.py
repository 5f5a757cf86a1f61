"""The official verdicts again, this time through the stage: files in, verdicts out."""

import json

import pytest

from sqlkiln.core.records import Verdict
from sqlkiln.core.store import execute_stage, read_jsonl
from sqlkiln.evaluate import score
from sqlkiln.evaluate.score import EvaluateConfig
from sqlkiln.scoring.evaluated import read_evaluated

SYSTEMS = ("graphix-t5-3b", "codes-1b", "dail-sql-gpt4", "c3")


def evaluate(data, predictions, out, **settings):
    """The verdicts by metric and row number."""
    config = EvaluateConfig(dataset="spider", data=data, predictions=predictions, **settings)
    execute_stage(score.STAGE, config, (), out)
    found = {}
    for verdict in read_jsonl(out / "verdicts.jsonl", Verdict):
        found.setdefault(verdict.metric, {})[int(verdict.id[-4:])] = verdict
    return found


@pytest.mark.slow
@pytest.mark.parametrize("system", SYSTEMS)
def test_every_row_agrees_with_the_official_script(system, spider_data, predictions_data, tmp_path):
    official = json.loads((predictions_data / f"{system}.rows.json").read_text())
    path = predictions_data / f"{system}.sql"
    verdicts = evaluate(spider_data, path, tmp_path / "out")
    execution, exact = verdicts["execution.spider"], verdicts["exact_match"]
    assert (len(execution), len(exact)) == (972, 1034)
    assert [n for n, v in execution.items() if v.score != official[n][1]] == []
    assert [n for n, v in exact.items() if v.score != official[n][0]] == []

    strict = verdicts["execution.strict"]
    for metric in ("execution.spider", "execution.bird"):
        unexplained = [
            n
            for n, v in verdicts[metric].items()
            if v.score != strict[n].score
            and v.details.get("differs_from_strict", "other") == "other"
        ]
        assert unexplained == []
    components = read_evaluated(tmp_path / "out").scores.components
    assert list(components) == ["easy", "medium", "hard", "extra", "all"]


@pytest.mark.slow
def test_gold_is_right_in_every_mode(spider_data, tmp_path):
    rows = json.loads((spider_data / "dev.json").read_text())
    (tmp_path / "gold.sql").write_text("".join(f"{row['query']}\n" for row in rows))
    verdicts = evaluate(
        spider_data,
        tmp_path / "gold.sql",
        tmp_path / "out",
        metrics=("exact_match", "string", "soft_f1"),
    )
    assert {metric: len(rows) for metric, rows in verdicts.items()} == {
        "execution.strict": 972,
        "execution.spider": 972,
        "execution.bird": 972,
        "exact_match": 1034,
        "string": 1034,
        "soft_f1.official": 972,
        "soft_f1.fixed": 972,
    }
    wrong = [(m, n) for m, rows in verdicts.items() for n, v in rows.items() if v.score != 1.0]
    assert wrong == []
