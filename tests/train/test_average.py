import pytest

pytest.importorskip("torch", reason="averaging needs the extra 'train'")

import numpy as np
from safetensors.torch import load_file, save_file
from tiny_models import adapted

from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.train.average import average
from sqlkiln.train.export_changes import WEIGHTS, read_peft


@pytest.fixture
def legs(tmp_path):
    """Two adapters of one base, that have nothing to do with one another."""
    for name in ("one", "two"):
        adapted("qwen2", tmp_path / name)
    weights = tmp_path / "two" / WEIGHTS
    rolled = {n: t.roll(3, dims=int("lora_A" in n)) for n, t in load_file(weights).items()}
    save_file(rolled, weights, metadata={"format": "pt"})
    return tmp_path / "one", tmp_path / "two"


def full(folder):
    return {module: change.full() for module, change in read_peft(folder).changes.items()}


def test_the_changes_are_averaged(legs, tmp_path):
    one, two = map(full, legs)
    rank = 2 * read_peft(legs[0]).rank
    left_out = average([(legs[0], 0.25), (legs[1], 0.75)], tmp_path / "mean", rank)
    assert left_out == pytest.approx(0, abs=1e-6)
    for module, change in full(tmp_path / "mean").items():
        np.testing.assert_allclose(change, 0.25 * one[module] + 0.75 * two[module], atol=1e-4)


def test_what_a_smaller_rank_leaves_out_is_told(legs, tmp_path):
    rank = read_peft(legs[0]).rank
    left_out = average([(legs[0], 0.5), (legs[1], 0.5)], tmp_path / "mean")
    assert read_peft(tmp_path / "mean").rank == rank
    one, two = map(full, legs)
    shares = []
    for module, change in full(tmp_path / "mean").items():
        wanted = 0.5 * one[module] + 0.5 * two[module]
        shares.append(((wanted - change) ** 2).sum() / (wanted**2).sum())
    assert left_out == pytest.approx(np.mean(shares), rel=1e-2)
    assert left_out > 0.01


def test_an_adapter_with_itself_is_itself(legs, tmp_path):
    assert average([(legs[0], 0.5), (legs[0], 0.5)], tmp_path / "mean") < 1e-6
    for module, change in full(tmp_path / "mean").items():
        np.testing.assert_allclose(change, full(legs[0])[module], atol=1e-4)


def test_what_has_no_mean_is_refused(legs, tmp_path):
    with pytest.raises(UsageError, match="nothing to average: 1 adapter; give two or more"):
        average([(legs[0], 1.0)], tmp_path / "mean")
    with pytest.raises(DataError, match=r"not a PEFT adapter: .*nowhere"):
        average([(legs[0], 0.5), (tmp_path / "nowhere", 0.5)], tmp_path / "mean")
    adapted("qwen2", tmp_path / "dora", use_dora=True)
    with pytest.raises(UsageError, match=r"cannot average DoRA: .*dora; merge each"):
        average([(legs[0], 0.5), (tmp_path / "dora", 0.5)], tmp_path / "mean")
    adapted("qwen2", tmp_path / "fewer", target_modules=["q_proj"])
    with pytest.raises(UsageError, match=r"different weights: .*fewer does not change what .*one"):
        average([(legs[0], 0.5), (tmp_path / "fewer", 0.5)], tmp_path / "mean")
