import json

import pytest

pytest.importorskip("torch", reason="exporting needs the extra 'train'")

import numpy as np
from gguf import GGUFReader
from safetensors.torch import load_file, save_file
from tiny_models import adapted, distance, in_llama_cpp, in_transformers

from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.models.adapters import Card, read_card
from sqlkiln.train import export_layout
from sqlkiln.train.export import export_adapter
from sqlkiln.train.export_card import card_of
from sqlkiln.train.export_changes import Change, dora_delta, nearest
from sqlkiln.train.export_layout import read_layout

NEAR = 0.05
"""What f16 may change of a log probability; the adapters here change some by more than 1."""


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"r": 32, "use_rslora": True},
        {"rank_pattern": {"q_proj": 4}, "alpha_pattern": {"v_proj": 40}},
    ],
    ids=["lora", "rslora", "patterns"],
)
def test_llama_cpp_computes_what_transformers_computes(twins, tmp_path, settings):
    architecture, base, plain = twins
    expected = in_transformers(adapted(architecture, tmp_path / "peft", **settings))
    assert distance(plain, expected) > 1
    done = export_adapter(tmp_path / "peft", tmp_path / "sql.gguf", Card(name="sql", model=base))
    assert distance(in_llama_cpp(base, done.path), expected) < NEAR


def test_the_order_of_rotated_rows_matters(twins, tmp_path, monkeypatch):
    architecture, base, _ = twins
    expected = in_transformers(adapted(architecture, tmp_path / "peft"))
    monkeypatch.setattr(export_layout, "_INTERLEAVED", {"llama", "qwen2"} - {architecture})
    done = export_adapter(tmp_path / "peft", tmp_path / "sql.gguf", Card(name="sql", model=base))
    found = distance(in_llama_cpp(base, done.path), expected)
    assert (found > 0.2) == (architecture == "llama")


def test_q8_0_is_used_where_rows_are_whole_blocks(twins, tmp_path):
    architecture, base, _ = twins
    model = adapted(architecture, tmp_path / "peft", rank_pattern={"v_proj": 32})
    card = Card(name="sql", model=base)
    done = export_adapter(tmp_path / "peft", tmp_path / "sql.gguf", card, kind="q8_0")
    kinds = {t.name: t.tensor_type.name for t in GGUFReader(done.path).tensors}
    assert kinds["blk.0.attn_q.weight.lora_a"] == "Q8_0"
    assert kinds["blk.0.attn_q.weight.lora_b"] == "F16"
    assert kinds["blk.1.attn_v.weight.lora_b"] == "Q8_0"
    assert distance(in_llama_cpp(base, done.path), in_transformers(model)) < 0.2


def test_the_card_is_inside_and_beside(twins, tmp_path):
    architecture, base, _ = twins
    adapted(architecture, tmp_path / "peft", r=32, use_rslora=True)
    given = Card(name="sql", model=base, target="from_first", data="Spider", scores={"EX": 64.5})
    done = export_adapter(tmp_path / "peft", tmp_path / "sql.gguf", given)
    card = read_card(done.path)
    assert card == done.card
    assert (card.method, card.rank, card.target) == ("rslora", 32, "from_first")
    assert card.alpha == pytest.approx(16 * 32**0.5)
    page = (tmp_path / "sql.md").read_text()
    assert page.startswith("# sql\n")
    assert "| EX | 64.5 |" in page
    assert "rslora, rank 32" in page
    assert sorted(path.name for path in tmp_path.iterdir()) == ["peft", "sql.gguf", "sql.md"]


def test_dora_is_approximated_and_what_is_lost_is_told(twins, tmp_path):
    architecture, base, plain = twins
    expected = in_transformers(adapted(architecture, tmp_path / "peft", use_dora=True))
    assert distance(plain, expected) > 1
    card = Card(name="sql", model=base)
    whole = export_adapter(tmp_path / "peft", tmp_path / "whole.gguf", card, dora_rank=64)
    assert whole.left_out == pytest.approx(0, abs=1e-6)
    assert (whole.card.method, whole.card.rank) == ("dora", 64)
    assert distance(in_llama_cpp(base, whole.path), expected) < NEAR
    part = export_adapter(tmp_path / "peft", tmp_path / "part.gguf", card)
    assert part.card.rank == 32
    assert 0.001 < part.left_out < 0.2


def test_the_nearest_product_of_a_rank():
    matrix = np.diag([4.0, 2.0, 1.0]).astype(np.float32)
    product, left_out = nearest(matrix, 2)
    assert product.full() == pytest.approx(np.diag([4.0, 2.0, 0.0]), abs=1e-6)
    assert left_out == pytest.approx(1 / 21)


def test_doras_change_has_rows_of_the_magnitudes():
    weight = np.array([[3.0, 4.0], [1.0, 0.0]], np.float32)
    nothing = Change(np.zeros((1, 2), np.float32), np.zeros((2, 1), np.float32), 1.0)
    delta = dora_delta(weight, nothing, np.array([10.0, 1.0], np.float32))
    assert delta == pytest.approx(np.array([[3.0, 4.0], [0.0, 0.0]]))


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"bias": "all"}, "has bias = 'all'; train with 'none'"),
        ({"modules_to_save": ["lm_head"], "target_modules": ["q_proj"]}, r"has .*lm_head\.weight"),
        ({"target_modules": ["embed_tokens"]}, r"has .*embed_tokens.*; train LoRA on linear lay"),
        ({"target_modules": ["lm_head"]}, r"has .*lm_head.*; train LoRA on linear layers alone"),
    ],
)
def test_what_gguf_cannot_hold_is_refused(twins, tmp_path, settings, match):
    architecture, base, _ = twins
    adapted(architecture, tmp_path / "peft", **settings)
    with pytest.raises(UsageError, match=match):
        export_adapter(tmp_path / "peft", tmp_path / "sql.gguf", Card(name="sql", model=base))
    assert not (tmp_path / "sql.gguf").exists()


def test_an_adapter_of_a_deeper_model_is_refused(twins, tmp_path):
    architecture, base, _ = twins
    adapted(architecture, tmp_path / "peft")
    deep = tmp_path / "peft" / "adapter_model.safetensors"
    tensors = {k.replace("layers.1.", "layers.9."): v for k, v in load_file(deep).items()}
    save_file(tensors, deep)
    with pytest.raises(UsageError, match=r"changes model\.layers\.9\..*; give the model that it"):
        export_adapter(tmp_path / "peft", tmp_path / "sql.gguf", Card(name="sql", model=base))


def test_what_is_no_adapter_or_no_type_is_refused(tmp_path):
    with pytest.raises(DataError, match="not a PEFT adapter: "):
        export_adapter(tmp_path, tmp_path / "sql.gguf", Card(name="sql", model="smollm2-135m"))
    (tmp_path / "adapter_config.json").write_text("[]")
    with pytest.raises(DataError, match=r"not a PEFT adapter: .*json holds no object; give"):
        card_of(tmp_path, "sql")
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapter_model.safetensors").write_bytes(b"cut")
    with pytest.raises(DataError, match="not a PEFT adapter: "):
        export_adapter(tmp_path, tmp_path / "sql.gguf", Card(name="sql", model="smollm2-135m"))
    with pytest.raises(UsageError, match="unknown target: 'poem'; choose one of sql, "):
        card_of(tmp_path, "sql", model="smollm2-135m", target="poem")
    with pytest.raises(UsageError, match="no such type of adapter: 'q2'; choose one of f16, q8_0"):
        export_adapter(tmp_path, tmp_path / "x.gguf", Card(name="x", model="m"), kind="q2")


def test_a_card_is_about_what_somebody_asks_about(tmp_path):
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 4}')
    known = {"model": "smollm2-135m", "second_to": "sql"}
    assert card_of(tmp_path, "more", about="dates", **known).about == "dates"
    with pytest.raises(UsageError, match="unknown topic 'food'"):
        card_of(tmp_path, "more", about="food", **known)
    with pytest.raises(UsageError, match="name that with --second-to"):
        card_of(tmp_path, "more", about="dates", model="smollm2-135m")


@pytest.mark.parametrize(
    ("config", "module", "tensor", "moved"),
    [
        ({"model_type": "mistral"}, "self_attn.q_proj", "attn_q", True),
        ({"model_type": "qwen3"}, "self_attn.q_proj", "attn_q", False),
        ({"model_type": "phi"}, "self_attn.dense", "attn_output", False),
        ({"model_type": "phi"}, "mlp.fc2", "ffn_down", False),
    ],
)
def test_layouts_of_transformers_folders(tmp_path, config, module, tensor, moved):
    sizes = {"num_attention_heads": 2, "num_hidden_layers": 3}
    (tmp_path / "config.json").write_text(json.dumps(config | sizes))
    layout = read_layout(str(tmp_path))
    assert layout.tensor(f"model.layers.2.{module}") == f"blk.2.{tensor}.weight"
    rows = np.arange(8, dtype=np.float32)[:, None]
    ordered = layout.ordered("blk.2.attn_q.weight", rows).ravel().tolist()
    assert ordered == ([0, 2, 1, 3, 4, 6, 5, 7] if moved else list(range(8)))
    assert layout.ordered("blk.2.attn_v.weight", rows) is rows


def test_a_model_on_the_hub_is_known_by_the_config_beside_its_adapter(twins, tmp_path):
    architecture, base, _ = twins
    model = adapted(architecture, tmp_path / "peft")
    model.config.save_pretrained(tmp_path / "peft" / "base")
    card = Card(name="sql", model="somebody/something")
    done = export_adapter(tmp_path / "peft", tmp_path / "sql.gguf", card)
    assert distance(in_llama_cpp(base, done.path), in_transformers(model)) < NEAR
    assert read_card(done.path).model == "somebody/something"


def test_unknown_architectures_are_refused(tmp_path):
    (tmp_path / "config.json").write_text(
        '{"model_type": "bloom", "num_attention_heads": 2, "num_hidden_layers": 3}'
    )
    with pytest.raises(UsageError, match=r"for this architecture: .* is 'bloom'; known are llama"):
        read_layout(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(DataError, match="not the config of a language model: "):
        read_layout(str(tmp_path))
