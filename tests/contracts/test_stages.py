"""What every registered stage must be, so that recipes can run it."""

import ast
import inspect
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from sqlkiln.core import plugins
from sqlkiln.core.config import read_recipe
from sqlkiln.core.errors import RecipeError
from sqlkiln.core.plugins import Stage

STAGES = plugins.names("stages")

COMMANDS = {"sft": "train"}
"""The commands of stages that are not called like them."""


def test_there_are_stages_to_examine():
    assert len(STAGES) >= 2


@pytest.fixture(params=STAGES)
def stage(request):
    return plugins.load("stages", request.param)


@pytest.fixture
def module(stage):
    """The syntax tree of the file that the stage is in."""
    return ast.parse(Path(inspect.getfile(stage.run)).read_text(encoding="utf-8"))


def test_it_is_registered_under_its_name(stage):
    assert isinstance(stage, Stage)
    assert plugins.load("stages", stage.name) is stage


def test_its_config_cannot_be_changed_or_added_to(stage):
    assert issubclass(stage.config, BaseModel)
    assert stage.config.model_config.get("frozen")
    assert stage.config.model_config.get("extra") == "forbid"
    assert inspect.getdoc(stage.config)


def test_its_settings_come_back_the_same_from_a_file(stage):
    required = [name for name, field in stage.config.model_fields.items() if field.is_required()]
    assert required == [], "a recipe's empty table stands for the defaults"
    config = stage.config()
    assert stage.config.model_validate_json(config.model_dump_json()) == config


def test_it_needs_other_registered_stages(stage):
    assert set(stage.needs) <= set(STAGES) - {stage.name}


def test_run_takes_config_inputs_and_folder(stage):
    assert list(inspect.signature(stage.run).parameters) == ["config", "inputs", "out"]


def test_its_file_begins_by_telling_what_it_does_and_ends_with_run(stage, module):
    docstring = ast.get_docstring(module)
    for word in ("Reads", "Writes"):
        assert word in docstring
    assert re.search(rf"sqlkiln (\w+ )?{COMMANDS.get(stage.name, stage.name)}", docstring)
    functions = [node.name for node in module.body if isinstance(node, ast.FunctionDef)]
    assert functions[-1] == "run"


def test_a_recipe_with_a_wrong_key_for_it_is_refused(stage, tmp_path):
    recipe = tmp_path / "x.toml"
    tables = [f"[{need}]\n" for need in stage.needs]
    recipe.write_text("".join([*tables, f"[{stage.name}]\nzzz = 1\n"]))
    with pytest.raises(RecipeError, match=rf"x\.toml \[{stage.name}\] zzz: unknown; known are"):
        read_recipe(recipe)
