"""Weights that were all trained, as a GGUF model: it computes what they do."""

import pytest

pytest.importorskip("torch", reason="merging needs the extra 'train'")

import torch
from gguf import GGUFReader
from tiny_models import distance, in_llama_cpp, in_transformers, tiny_model

from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.models.adapters import Card, read_card
from sqlkiln.train.export_card import card_of_full, full_folder
from sqlkiln.train.export_full import write_full


def trained(architecture, folder, **shape):
    """A tiny model, every weight of it moved, biases and norms too; saved in `folder`."""
    model = tiny_model(architecture, **shape)
    torch.manual_seed(5)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    model.save_pretrained(folder)
    return model.eval()


def test_it_computes_what_the_trained_weights_do(twins, tmp_path):
    architecture, base, plain = twins
    expected = in_transformers(trained(architecture, tmp_path / "run" / "adapter"))
    assert distance(plain, expected) > 1
    place = full_folder(tmp_path / "run")
    card = card_of_full(tmp_path / "run", "mine", base)
    found = {}
    for kind in ("f16", "q8_0"):
        done = write_full(place, base, tmp_path / f"{kind}.gguf", card, kind)
        assert done.changed == len(GGUFReader(base).tensors)
        kinds = {t.name: t.tensor_type.name for t in GGUFReader(done.path).tensors}
        assert kinds["token_embd.weight"] == kinds["blk.1.ffn_up.weight"] == kind.upper()
        assert kinds["output_norm.weight"] == "F32"
        found[kind] = distance(in_llama_cpp(str(done.path)), expected)
    assert found["f16"] < 0.05
    assert found["f16"] < found["q8_0"] < 0.5
    read = read_card(done.path)
    assert (read.name, read.model, read.method) == ("mine", base, "full")
    assert (tmp_path / "f16.md").exists()


def test_what_is_no_such_run_or_of_another_model_is_refused(twins, tmp_path):
    architecture, base, _ = twins
    card = Card(name="m", model=base)
    assert full_folder(tmp_path) is None
    with pytest.raises(DataError, match=r"no weights in .*; give a run of method full"):
        write_full(tmp_path, base, tmp_path / "m.gguf", card)
    trained(architecture, tmp_path / "wide", intermediate_size=64)
    with pytest.raises(UsageError, match=r"of another model: blk\.0\.ffn_\w+\.weight is \("):
        write_full(tmp_path / "wide", base, tmp_path / "m.gguf", card)
    (tmp_path / "wide" / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(DataError, match="damaged weights: "):
        write_full(tmp_path / "wide", base, tmp_path / "m.gguf", card)
    assert not (tmp_path / "m.gguf").exists()
