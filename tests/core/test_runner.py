import json
from dataclasses import replace

import pytest

from sqlkiln.core.config import Recipe, read_recipe
from sqlkiln.core.errors import UsageError
from sqlkiln.core.runner import run_recipe
from sqlkiln.core.store import execute_stage, read_manifest

pytestmark = pytest.mark.usefixtures("demo_plugin")

# random.Random(0) draws 7, 7, 1 from 1..9, and random.Random(1) draws 3, 2, 5.
TWO_DRAWS = "[[draw]]\nseed = 0\n[[draw]]\nseed = 1\n[total]\nunit = 'points'\n"


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "sums.toml"
    path.write_text(TWO_DRAWS)
    return read_recipe(path)


def test_a_stage_runs_once_for_each_run_that_it_needs(recipe, tmp_path):
    began = []
    outcomes = list(
        run_recipe(recipe, tmp_path / "runs", on_begin=lambda s, folder: began.append(folder))
    )
    assert [outcome.stage.name for outcome in outcomes] == ["draw", "draw", "total", "total"]
    assert [outcome.manifest.counts["total"] for outcome in outcomes[2:]] == [15, 10]
    assert [outcome.folder for outcome in outcomes] == began
    assert not any(outcome.skipped for outcome in outcomes)
    for outcome in outcomes:
        assert outcome.folder.parent == tmp_path / "runs" / "sums"
        assert outcome.folder.name == f"{outcome.stage.name}-{outcome.manifest.hash[:8]}"
        assert read_manifest(outcome.folder) == outcome.manifest
    total = json.loads((outcomes[2].folder / "total.json").read_text())
    assert total == {"total": 15, "unit": "points"}
    assert outcomes[2].manifest.inputs == {
        f"{outcomes[0].folder.name}/numbers.jsonl": outcomes[0].manifest.outputs["numbers.jsonl"]
    }


def test_what_is_done_is_skipped_and_what_changed_runs_beside_it(recipe, tmp_path):
    first = list(run_recipe(recipe, tmp_path / "runs"))
    again = list(run_recipe(recipe, tmp_path / "runs"))
    assert all(outcome.skipped for outcome in again)
    assert [o.manifest for o in again] == [o.manifest for o in first]

    changed = read_recipe(recipe.path, ["total.unit=euros"])
    third = list(run_recipe(changed, tmp_path / "runs"))
    assert [outcome.skipped for outcome in third] == [True, True, False, False]
    assert len(list((tmp_path / "runs" / "sums").iterdir())) == 6


def test_to_ends_after_that_stage_and_from_begins_at_one(recipe, tmp_path):
    draws = list(run_recipe(recipe, tmp_path / "runs", last="draw"))
    assert [outcome.stage.name for outcome in draws] == ["draw", "draw"]
    totals = list(run_recipe(recipe, tmp_path / "runs", first="total"))
    assert [outcome.stage.name for outcome in totals] == ["total", "total"]


def test_from_wants_what_comes_before_to_be_complete(recipe, tmp_path):
    with pytest.raises(UsageError, match=r"cannot begin at total: .*draw-\w{8} is not complete"):
        list(run_recipe(recipe, tmp_path / "runs", first="total"))
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("drow", "", r"no such stage: 'drow' is not in .*sums\.toml; did you mean 'draw'\?"),
        ("", "zzz", r"no such stage: 'zzz' .*; known are draw, total"),
        ("total", "draw", r"nothing to run: total comes after draw in .*sums\.toml; swap them"),
    ],
)
def test_a_wrong_range_is_refused(recipe, tmp_path, first, last, message):
    with pytest.raises(UsageError, match=message):
        list(run_recipe(recipe, tmp_path / "runs", first, last))


def test_an_interrupted_recipe_goes_on_where_it_stopped(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("DEMO_FAIL_AT", "1")
    with pytest.raises(RuntimeError, match="row 1"):
        list(run_recipe(recipe, tmp_path / "runs"))
    monkeypatch.delenv("DEMO_FAIL_AT")
    outcomes = list(run_recipe(recipe, tmp_path / "runs"))
    assert [outcome.manifest.counts["total"] for outcome in outcomes[2:]] == [15, 10]
    assert "beginning at row 1" in (outcomes[0].folder / "log.txt").read_text()


def test_a_run_made_by_hand_is_found_again(recipe, tmp_path):
    step = recipe.steps[0]
    (first, *_) = run_recipe(recipe, tmp_path / "runs", last="draw")
    by_hand = execute_stage(step.stage, step.config, (), first.folder)
    assert by_hand == first.manifest


# --------------------------------------------------------------------------- what a stage is given


def given(recipe, tmp_path, **inputs):
    """The seeds of the draws that each run of 'total' is given, if the stage asks for `inputs`."""
    seen = []

    def note(config, folders, out):
        seen.append([read_manifest(folder).config["seed"] for folder in folders])
        return {}

    *draws, total = recipe.steps
    total = replace(total, stage=replace(total.stage, run=note, **inputs))
    list(run_recipe(Recipe(recipe.path, (*draws, total)), tmp_path / "runs"))
    return seen


def test_a_stage_that_gathers_runs_once_on_all(recipe, tmp_path):
    assert given(recipe, tmp_path, gathers=True) == [[0, 1]]


def test_what_a_stage_uses_is_given_where_it_fits(recipe, tmp_path):
    def fits(needed, folder):
        return read_manifest(folder).config["seed"] != read_manifest(*needed).config["seed"]

    assert given(recipe, tmp_path, uses=("draw",), fits=fits) == [[0, 1], [1, 0]]


def test_each_of_several_that_fit_makes_a_run(recipe, tmp_path):
    assert given(recipe, tmp_path, uses=("draw",)) == [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_without_any_that_fits_a_stage_runs_on_what_it_needs(recipe, tmp_path):
    assert given(recipe, tmp_path, uses=("draw",), fits=lambda *_: False) == [[0], [1]]
    assert given(recipe, tmp_path / "other", uses=("absent",)) == [[0], [1]]
