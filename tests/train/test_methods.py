"""Each method through the whole stage on a twin: what it changes of the base, and what not."""

import json

import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

import torch
from safetensors.torch import load_file
from tiny_training import write_prepared
from tiny_twins import write_twin

from sqlkiln.core.store import execute_stage
from sqlkiln.train.config import SftConfig
from sqlkiln.train.sft import STAGE


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("methods")
    write_twin("llama", folder / "model")
    write_prepared(folder / "data")
    return folder


@pytest.fixture
def train(place, tmp_path):
    """Trains one step on the twin; gives the folder of what was trained."""

    def run(**changed):
        config = SftConfig(
            model=str(place / "model"), data=place / "data", heldout_times=0, rank=2, **changed
        )
        execute_stage(STAGE, config, (), tmp_path / "run")
        return tmp_path / "run" / "adapter"

    return run


@pytest.mark.parametrize("method", ["lora", "rslora", "dora"])
def test_an_adapter_of_each_kind_in_the_layers_that_are_not_frozen(train, method):
    adapter = train(method=method, frozen_layers=1)
    told = json.loads((adapter / "adapter_config.json").read_text())
    assert (told["use_rslora"], told["use_dora"]) == (method == "rslora", method == "dora")
    tensors = load_file(adapter / "adapter_model.safetensors")
    assert len(tensors) == 7 * (3 if method == "dora" else 2)
    assert {name.split(".layers.")[1][0] for name in tensors} == {"1"}
    assert all(matrix.any() for name, matrix in tensors.items() if "lora_B" in name)


def test_full_training_leaves_frozen_layers_and_what_is_below_them(train, place):
    after = load_file(train(method="full", frozen_layers=1) / "model.safetensors")
    before = load_file(place / "model" / "model.safetensors")
    same = {name for name, weight in before.items() if torch.equal(weight, after[name])}
    assert before.keys() == after.keys()
    assert same == {n for n in before if ".layers.0." in n or "embed_tokens" in n}
