from pathlib import Path

import pytest

from sqlkiln.core.errors import RecipeError
from sqlkiln.evaluate.gate import DATA_CURABLE
from sqlkiln.evaluate.gates import Rules, Suite, read_gates

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "gates.toml"
DOCS = ROOT / "docs" / "gates.md"


def test_the_example_is_right_and_the_documentation_shows_it():
    gates = read_gates(EXAMPLE)
    assert list(gates.suites) == ["spider-dev", "company"]
    assert gates.suites["spider-dev"] == Suite(
        candidate=Path("runs/new/spider-dev"),
        baseline=Path("runs/old/spider-dev"),
        min_score=0.70,
        min_gain_points=3,
        on="interval",
    )
    assert gates.suites["company"].min_gain_points == -1
    assert gates.rules == Rules()
    shown = DOCS.read_text().split("```toml\n")[1].split("```")[0]
    assert shown == EXAMPLE.read_text()


def test_the_documentation_tells_every_key_and_cause():
    text = DOCS.read_text()
    for name in {*Suite.model_fields, *Rules.model_fields, *DATA_CURABLE}:
        assert f"`{name}`" in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no suites; add a table such as"),
        ("suites = 3", "no suites; add a table such as"),
        ("[suite.a]\nmin_score = 1", r"g\.toml suite: unknown; did you mean 'suites'\?"),
        (
            '[suites.a]\ncandidate = "r"\nmin_skore = 0.5',
            r"\[suites\.a\] min_skore: unknown; did you mean 'min_score'\?",
        ),
        ("[suites.a]\nmin_score = 0.5", r"\[suites\.a\] candidate: missing; give it a value"),
        ('[suites.a]\ncandidate = "r"', "nothing to reach; give min_score or min_gain_points"),
        (
            '[suites.a]\ncandidate = "r"\nmin_gain_points = 3',
            "min_gain_points without a baseline; give the baseline",
        ),
        ('[suites.a]\ncandidate = "r"\nmin_score = 70', "min_score: wrong value: 70; input should"),
        ('[suites.a]\ncandidate = "r"\nmin_score = 0.7\non = "mean"', "on: wrong value: 'mean'"),
        ("[suites]\na = 1", r"suites\.a: not a table: found 1; write \[suites\.a\]"),
        ("[rules]\ndata_shared = 1", r"\[rules\] data_shared: unknown; did you mean 'data_share'"),
        ("[suites.a]\n[suites.a]", r"g\.toml:2: not TOML: .*twice; write .*, or rename one"),
        ("[suites.a", r"g\.toml: not TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, message):
    (tmp_path / "g.toml").write_text(text)
    with pytest.raises(RecipeError, match=message):
        read_gates(tmp_path / "g.toml")


def test_everything_wrong_is_told_at_once(tmp_path):
    (tmp_path / "g.toml").write_text("[suites.a]\nx = 1\n[suites.b]\ny = 2\n[rules]\nz = 3\n")
    with pytest.raises(RecipeError) as error:
        read_gates(tmp_path / "g.toml")
    assert len(str(error.value).splitlines()) == 5


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(RecipeError, match=r"cannot read: .*none\.toml"):
        read_gates(tmp_path / "none.toml")
