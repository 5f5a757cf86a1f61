"""Going on from an adapter begins where that one ended, whatever form it is in."""

import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

import peft
import torch
from tiny_models import tiny_model, write_gguf

from sqlkiln.core.errors import DataError, ModelNotFound
from sqlkiln.models.adapters import Card
from sqlkiln.train.export import export_adapter
from sqlkiln.train.warm_start import go_on_from

PROMPT = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])


def logits(model):
    with torch.inference_mode():
        return model.eval()(input_ids=PROMPT).logits


@pytest.fixture(params=["llama", "qwen2"])
def trained(request, tmp_path):
    """A tiny model with a random adapter; the folder and the GGUF of that; the model's own GGUF."""
    gguf = write_gguf(tiny_model(request.param), tmp_path / "tiny.gguf")
    torch.manual_seed(1)
    wrapped = peft.get_peft_model(
        tiny_model(request.param),
        peft.LoraConfig(r=4, lora_alpha=10, target_modules=["q_proj", "k_proj", "down_proj"]),
    )
    with torch.no_grad():
        for name, weight in wrapped.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.2)
    folder = tmp_path / "adapter"
    wrapped.save_pretrained(folder)
    exported = tmp_path / "adapter.gguf"
    export_adapter(folder, exported, Card(name="tiny", model=str(gguf)))
    return request.param, wrapped, folder, exported, str(gguf)


def test_a_gguf_adapter_is_what_it_was_and_can_be_trained(trained):
    kind, wrapped, _, exported, gguf = trained
    again = go_on_from(tiny_model(kind), exported, gguf, 0.0)
    plain = logits(tiny_model(kind))
    assert (logits(again) - logits(wrapped)).abs().max() < 0.02
    assert (logits(again) - plain).abs().max() > 0.5
    learnt = {name for name, weight in again.named_parameters() if weight.requires_grad}
    assert len(learnt) == 2 * 3 * 2
    assert all("lora_" in name for name in learnt)


def test_a_folder_of_peft_is_taken_as_it_is(trained):
    kind, wrapped, folder, _, gguf = trained
    again = go_on_from(tiny_model(kind), folder, gguf, 0.0)
    assert (logits(again) - logits(wrapped)).abs().max() < 1e-5
    assert any(weight.requires_grad for weight in again.parameters())


def test_an_adapter_that_is_not_there_or_does_not_fit_is_an_error(trained, tmp_path):
    kind, _, folder, _, gguf = trained
    with pytest.raises(ModelNotFound, match="no such adapter"):
        go_on_from(tiny_model(kind), tmp_path / "none.gguf", gguf, 0.0)
    (folder / "adapter_model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(DataError, match="cannot go on from"):
        go_on_from(tiny_model(kind), folder, gguf, 0.0)
