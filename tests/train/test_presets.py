"""Each preset end to end on a tiny twin of its base, over the sample databases."""

import json
from dataclasses import replace
from math import isfinite
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

import torch
import yaml
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import launch_command_parser
from safetensors.torch import load_file
from tiny_twins import CHAT, write_twin
from transformers import AutoTokenizer

from sqlkiln.core.config import read_recipe
from sqlkiln.core.runner import run_recipe
from sqlkiln.models.adapters import read_card
from sqlkiln.train.chat import CHATML

RECIPES = Path(__file__).parents[2] / "recipes"
PRESETS = {
    "preset-phi-2": ("phi", None),
    "preset-llama-7b": ("llama", None),
    "preset-mistral-7b": ("mistral", None),
    "preset-qwen3-4b": ("qwen3", CHAT),
    "sft-0.5b-cpu": ("qwen2", CHAT),
    "sft-135m-gpu": ("llama", CHAT),
}
"""Recipe -> model type of its base, and the chat template if that has one."""

SMALL = (
    'prepare.sources=[{dataset="samples", limit=8}]',
    "prepare.heldout=1",
    "sft.tokens=256",
    "sft.accumulate=1",
    "sft.epochs=6",
    "sft.rate=2e-2",
    "sft.hinted=0",
    "sft.noise={full=1, shuffled=0, cut=0, widened=0}",
    "sft.heldout_questions=1",
    "sft.heldout_times=1",
)
"""What must be smaller in a test; a few questions again and again, so that they are learnt."""


def training(name):
    """The settings of the stage `sft` in a recipe."""
    steps = read_recipe(RECIPES / f"{name}.toml").steps
    return next(step.config for step in steps if step.stage.name == "sft")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Where runs go: the data is prepared once for all presets."""
    return tmp_path_factory.mktemp("presets")


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_learns_on_a_twin_of_its_base(name, place, monkeypatch):
    monkeypatch.setenv("SQLKILN_CACHE_DIR", str(place / "cache"))
    kind, template = PRESETS[name]
    twin = write_twin(kind, place / name, template)
    settings = [*SMALL, f"sft.model={twin}", f"prepare.data={place}"]
    asked = training(name)
    if asked.method == "qlora" and not torch.cuda.is_available():
        settings.append("sft.method=lora")  # four bits need CUDA; all else is as in the recipe
    recipe = replace(read_recipe(RECIPES / f"{name}.toml", settings), path=Path("twins.toml"))

    *_, trained, exported = run_recipe(recipe, place)

    log = (trained.folder / "loss.jsonl").read_text().splitlines()
    losses = [entry["loss"] for entry in map(json.loads, log) if "loss" in entry]
    assert all(map(isfinite, losses))
    assert sum(losses[-5:]) < 0.95 * sum(losses[:5])
    assert trained.manifest.counts["heldout"]["heldout_asked"] == 1
    adapter = trained.folder / "adapter"
    ranks = {
        m.shape[0]
        for k, m in load_file(adapter / "adapter_model.safetensors").items()
        if "lora_A" in k
    }
    assert ranks == {asked.rank}
    assert AutoTokenizer.from_pretrained(adapter).chat_template == (template or CHATML)
    card = read_card(exported.folder / "twins.gguf")
    assert (card.model, card.rank, card.target) == (str(twin), asked.rank, asked.target)
    assert card.data_licence == "CC BY-SA 4.0 (Spider)"


def test_presets_are_set_as_the_systems_that_they_stand_for():
    told = {
        name: config for name in PRESETS if name.startswith("preset") for config in [training(name)]
    }
    assert {name: (c.model, c.method, c.rank, c.alpha, c.dropout) for name, c in told.items()} == {
        "preset-phi-2": ("microsoft/phi-2", "lora", 16, 32, 0.05),
        "preset-llama-7b": ("meta-llama/Llama-2-7b-hf", "lora", 16, 32, 0.05),
        "preset-mistral-7b": ("mistralai/Mistral-7B-v0.1", "lora", 8, 16, 0.05),
        "preset-qwen3-4b": ("Qwen/Qwen3-4B-Instruct-2507", "qlora", 64, 128, 0.05),
    }


def test_accelerate_takes_the_settings_for_several_gpus():
    file = RECIPES / "accelerate-fsdp.yaml"
    assert load_config_from_file(str(file)).distributed_type == "FSDP"
    options = vars(launch_command_parser().parse_args(["-m", "sqlkiln"]))
    given = yaml.safe_load(file.read_text())["fsdp_config"]
    assert given["fsdp_version"] == 2
    assert given.keys() <= options.keys()
