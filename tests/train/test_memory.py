"""The estimate of memory against what training took, with shapes alone: nothing is loaded."""

import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

import torch
import transformers

from sqlkiln.core.errors import BackendError
from sqlkiln.train import memory
from sqlkiln.train.config import SftConfig
from sqlkiln.train.memory import needed_bytes, require_memory

GIB = 2**30
LIBRARIES_GIB = 0.7
SMOLLM2_135M = ("llama", 576, 1536, 30, 9, 3, 49152)
CODER_05B = ("qwen2", 896, 4864, 24, 14, 2, 151936)
CODER_15B = ("qwen2", 1536, 8960, 28, 12, 2, 151936)


def shape_of(kind, width, inner, layers, heads, kv_heads, vocabulary):
    config = transformers.AutoConfig.for_model(
        kind,
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        vocab_size=vocabulary,
        tie_word_embeddings=True,
    )
    with torch.device("meta"):
        return transformers.AutoModelForCausalLM.from_config(config)


@pytest.mark.parametrize(
    ("base", "rank", "tokens", "measured_gib"),
    [(CODER_05B, 16, 1536, 11), (SMOLLM2_135M, 32, 1024, 7), (CODER_15B, 8, 1024, 14)],
)
def test_it_is_what_was_measured_on_a_cpu(base, rank, tokens, measured_gib):
    config = SftConfig(rank=rank, alpha=2 * rank, tokens=tokens)
    told = needed_bytes(shape_of(*base), config) / GIB + LIBRARIES_GIB
    assert 0.8 < told / measured_gib < 1.25


@pytest.fixture(scope="module")
def small():
    """Two layers of four million weights each, and two million in the embeddings, tied."""
    return shape_of("llama", 512, 2048, 2, 8, 8, 4096)


def test_settings_that_save_memory_do(small):
    usual = needed_bytes(small, SftConfig())
    for changed in ({"tokens": 512}, {"gradient_checkpointing": True}, {"method": "qlora"}):
        assert needed_bytes(small, SftConfig(**changed)) < usual
    assert needed_bytes(small, SftConfig(), on_cpu=False) < usual
    assert needed_bytes(small, SftConfig(dtype="float32")) > usual


def test_what_is_trained_is_counted_by_layers(small):
    one, two = (
        needed_bytes(small, SftConfig(method="full", frozen_layers=frozen), on_cpu=False)
        for frozen in (1, 0)
    )
    layer = 4 * 512 * 512 + 3 * 512 * 2048 + 2 * 512
    assert two - one == (16 - 4) * (layer + 4096 * 512 + 512)
    ranks = [needed_bytes(small, SftConfig(rank=rank), on_cpu=False) for rank in (1, 2)]
    assert ranks[1] - ranks[0] == 16 * 2 * (4 * 1024 + 3 * 2560)


def test_too_little_is_told_before_weights_are_read(small, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(memory, "load_shape", lambda spec: small)
    monkeypatch.setattr(memory, "free_memory_bytes", lambda: 2**20)
    with pytest.raises(BackendError, match=r"about 0\.\d GiB are needed, 0\.0 GiB are free; lower"):
        require_memory(SftConfig())
    monkeypatch.setattr(memory, "free_memory_bytes", lambda: None)
    assert require_memory(SftConfig()) == needed_bytes(small, SftConfig())
