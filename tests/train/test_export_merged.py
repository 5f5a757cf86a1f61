import pytest

pytest.importorskip("torch", reason="merging needs the extra 'train'")

from gguf import GGUFReader
from tiny_models import adapted, distance, in_llama_cpp, in_transformers, tiny_model, write_gguf

from sqlkiln.core.errors import UsageError
from sqlkiln.models.adapters import Card, read_card
from sqlkiln.train.export import export_adapter
from sqlkiln.train.export_merged import merge


def kinds(path):
    return {tensor.name: tensor.tensor_type.name for tensor in GGUFReader(path).tensors}


@pytest.mark.parametrize("settings", [{}, {"use_dora": True}], ids=["lora", "dora"])
def test_a_merged_model_computes_what_the_adapted_one_does(twins, tmp_path, settings):
    architecture, base, plain = twins
    expected = in_transformers(adapted(architecture, tmp_path / "peft", **settings))
    card = Card(name="merged", model=base)
    found = {}
    for kind in ("f16", "q8_0", "q4_1", "q4_0"):
        done = merge([(str(tmp_path / "peft"), 1.0)], base, tmp_path / f"{kind}.gguf", card, kind)
        assert done.changed == 14
        assert kinds(done.path)["blk.0.attn_q.weight"] == kind.upper()
        assert kinds(done.path)["output.weight"] == "F32"
        found[kind] = distance(in_llama_cpp(str(done.path)), expected)
    assert distance(plain, expected) > 1
    assert found["f16"] < 0.05
    assert found["f16"] < found["q8_0"] < 0.5
    assert found["q8_0"] < min(found["q4_1"], found["q4_0"])


def test_only_what_is_changed_is_stored_anew(twins, tmp_path):
    architecture, base, _ = twins
    adapted(architecture, tmp_path / "peft", target_modules=["v_proj"])
    card = Card(name="merged", model=base)
    done = merge([(str(tmp_path / "peft"), 1.0)], base, tmp_path / "m.gguf", card)
    assert done.changed == 2
    changed = {name for name, kind in kinds(done.path).items() if kind == "Q8_0"}
    assert changed == {"blk.0.attn_v.weight", "blk.1.attn_v.weight"}
    before, after = GGUFReader(base), GGUFReader(done.path)
    for tensor, copy in zip(before.tensors, after.tensors, strict=True):
        assert tensor.name == copy.name
        assert tensor.name in changed or tensor.data.tobytes() == copy.data.tobytes()
    told = {name: field.contents() for name, field in after.fields.items()}
    assert told["general.file_type"] == 7
    for name, field in before.fields.items():
        assert name.startswith("GGUF.") or told[name] == field.contents()
    assert read_card(done.path) == card
    assert done.path.with_suffix(".md").exists()


def test_adapters_are_added_up_by_their_weights(twins, tmp_path):
    architecture, base, plain = twins
    expected = in_transformers(adapted(architecture, tmp_path / "peft"))
    card = Card(name="merged", model=base)
    file = str(export_adapter(tmp_path / "peft", tmp_path / "sql.gguf", card).path)

    def merged(*weighted):
        done = merge(weighted, base, tmp_path / "m.gguf", card, "f16")
        return in_llama_cpp(str(done.path))

    assert distance(merged((file, 0.25), (str(tmp_path / "peft"), 0.75)), expected) < 0.05
    assert distance(merged((file, 1.0), (file, -1.0)), plain) < 0.05


def test_what_does_not_fit_is_refused(twins, tmp_path):
    architecture, base, _ = twins
    adapted(architecture, tmp_path / "peft")
    card = Card(name="m", model=base)
    file = export_adapter(tmp_path / "peft", tmp_path / "sql.gguf", card).path
    one = [(str(file), 1.0)]
    with pytest.raises(UsageError, match="no such type of model: 'q2'; choose one of f16, q8_0"):
        merge(one, base, tmp_path / "m.gguf", card, "q2")
    shape = {"hidden_size": 32, "num_hidden_layers": 2}
    small = write_gguf(tiny_model(architecture, **shape), tmp_path / "small.gguf")
    with pytest.raises(UsageError, match=r"does not fit: .* of shape \(\d+, \d+\), in .*small"):
        merge(one, str(small), tmp_path / "m.gguf", card)
    assert not (tmp_path / "m.gguf").exists()
