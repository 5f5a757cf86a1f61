import json
import re

import pytest

from sqlkiln.core.errors import UsageError
from sqlkiln.core.files import sha256_file
from sqlkiln.report.render import STAGE, ReportConfig, render


def data(page, name):
    return json.loads(re.search(rf'id="{name}">(.*?)</script>', page, re.DOTALL)[1])


def test_the_page_holds_its_data(runs):
    page = render(runs)
    report, rows = data(page, "report-data"), data(page, "rows-data")
    assert (report["title"], report["metrics"][0]) == ("Jsonl dev", "execution.strict")
    assert [run["name"] for run in report["runs"]] == ["alpha", "beta"]
    assert len(rows["rows"]) == 8


def test_nothing_in_the_data_can_end_its_element(runs, hostile):
    page = render(runs)
    assert hostile not in page
    assert any(hostile in row["question"] for row in data(page, "rows-data")["rows"])
    assert page.count("</script>") == 5


def test_marks_in_the_data_are_not_taken_for_marks_of_the_page(write_run):
    run = write_run("{{rows}}", {"q": 1.0}, dataset="{{script}}")
    page = render([run])
    assert data(page, "report-data")["title"] == "{{script}} dev"
    assert "<title>{{script}} dev: sqlkiln report</title>" in page


def test_the_same_runs_give_the_same_page(runs):
    assert render(runs) == render(runs)


def test_third_party_code_is_unchanged_and_comes_with_its_licence(runs):
    from importlib import resources

    folder = resources.files("sqlkiln.assets").joinpath("report", "third_party")
    told = dict(
        re.findall(r"^\| `([\w.]+)` .* `(\w{64})` \|$", (folder / "README.md").read_text(), re.M)
    )
    assert told == {name: sha256_file(folder / name) for name in ("d3.min.js", "plot.umd.min.js")}
    page = render(runs)
    for name in ("d3", "plot"):
        assert (folder / f"{name}.LICENSE").read_text() in page


def test_markdown(runs):
    text = render(runs, "md")
    assert text.startswith("# Jsonl dev\n\n8 of 8 questions · 2 runs")
    assert "| alpha | 62.5% (" in text
    assert "| beta against alpha | +12.50 | " in text
    assert "| pets | 5 | 60.0% (" in text
    assert "## Why alpha is wrong (3 rows)" in text
    assert "| syntax error | schema hallucination |" in text
    assert "| select | 93.3% (100.0%, 87.5%) |" in text
    assert "p50" not in text
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_markdown_of_what_answers_took(write_run):
    rows = [
        {"id": f"q{i}", "scores": {"execution": 1.0}, "prediction": {"seconds": i}}
        for i in (1, 2, 3)
    ]
    text = render([write_run("timed", rows)], "md")
    assert "| 2.00 s (1.00 s to 3.00 s) |" in text


def test_markdown_of_confidences(write_run, runs):
    rows = [
        {"id": f"q{i}", "scores": {"execution": right}, "prediction": {"confidence": sure}}
        for i, (right, sure) in enumerate([(1.0, 0.8), (1.0, 0.4), (0.0, 0.4), (0.0, 0.2)])
    ]
    text = render([write_run("sure", rows)], "md")
    assert "## Confidence" in text
    # (0.2 + 0.2 + 2 * 0.1) / 4, (0.04 + 0.04 + 0.36 + 0.16) / 4, and 0.9 of 2.8
    assert re.search(
        r"\| sure \| 4 \| 0\.875 \(0\.\d+ to 1\.000\) \| 0\.150 \| 0\.150 \| 50\.0% \| 32\.1% \|",
        text,
    )
    assert "### Reliability of sure" in text
    assert "| 0.40 to 0.40 | 2 | 40.0% | 50.0% |" in text
    assert "## Confidence" not in render(runs, "md")


def test_the_stage_writes_a_report_on_each_set_of_questions(write_run, tmp_path):
    a, b = write_run("a", {"q": 1.0}), write_run("b", {"q": 0.0})
    other = write_run("c", {"x": 1.0}, dataset="cars", digest="e" * 64)
    out = tmp_path / "report"
    out.mkdir()
    counts = STAGE.run(ReportConfig(forms=("md", "csv")), (a, other, b), out)
    assert counts == {"shop-dev": 2, "cars-dev": 1}
    files = sorted(path.name for path in out.iterdir())
    assert files == ["cars-dev.csv", "cars-dev.md", "shop-dev.csv", "shop-dev.md"]
    assert (out / "shop-dev.md").read_text() == render([a, b], "md")


def test_other_questions_of_the_same_name_get_a_report_of_their_own(write_run, tmp_path):
    runs = (write_run("a", {"q": 1.0}), write_run("b", {"q": 1.0}, digest="e" * 64))
    counts = STAGE.run(ReportConfig(forms=("md",)), runs, tmp_path)
    assert counts == {"shop-dev-dddddddd": 1, "shop-dev-eeeeeeee": 1}


def test_csv(runs):
    assert render(runs, "csv").startswith("id,db_id,hardness,run,question,gold_sql,predicted_sql,")


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(UsageError, match="not an evaluated run"):
        render([tmp_path])
