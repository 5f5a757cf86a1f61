"""Another base, adapter or file of data makes another run, whatever it is called by."""

import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

from adapter_files import write_adapter

from sqlkiln.core.errors import ModelNotFound
from sqlkiln.core.store import stage_hash
from sqlkiln.train.config import SftConfig
from sqlkiln.train.inputs import digests
from sqlkiln.train.sft import STAGE


def identity(**given):
    return stage_hash(STAGE, SftConfig(**given), ())


def test_an_adapter_known_by_its_name(tmp_path, monkeypatch):
    monkeypatch.setenv("SQLKILN_ADAPTER_DIR", str(tmp_path))
    write_adapter(tmp_path / "mine.gguf", name="mine")
    before = identity(adapter="mine")
    assert identity(adapter="mine") == before
    write_adapter(tmp_path / "mine.gguf", name="mine", sign=-1.0)
    assert identity(adapter="mine") != before
    with pytest.raises(ModelNotFound, match="no such adapter: yours"):
        identity(adapter="yours")


@pytest.mark.parametrize("inside", ["", "adapter"])
def test_an_adapter_in_a_run_or_a_folder_of_peft(tmp_path, inside):
    folder = tmp_path / "run" / inside
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text("{}")
    weights = folder / "adapter_model.safetensors"
    weights.write_bytes(b"one")
    before = identity(adapter=tmp_path / "run")
    weights.write_bytes(b"two")
    assert identity(adapter=tmp_path / "run") != before


def test_a_base_on_this_machine(tmp_path):
    for base, weights in (("model", "model/model.safetensors"), ("one.gguf", "one.gguf")):
        path = tmp_path / weights
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"one")
        before = identity(model=str(tmp_path / base))
        path.write_bytes(b"two")
        assert identity(model=str(tmp_path / base)) != before


def test_models_of_the_catalogue_and_the_hub_are_known_by_name():
    for model in ("smollm2-135m", "microsoft/phi-2"):
        assert digests(SftConfig(model=model), ()) == {}
