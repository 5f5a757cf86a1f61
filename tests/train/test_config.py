"""What settings of training go together."""

import pytest
from pydantic import ValidationError

from sqlkiln.train.config import SftConfig


@pytest.mark.parametrize(
    "changed",
    [
        {"rank": 8},
        {"alpha": 8},
        {"modules": ("q_proj",)},
        {"frozen_layers": 2},
        {"method": "dora"},
        {"method": "rslora"},
    ],
)
def test_what_is_the_adapters_own_cannot_be_asked_for(changed):
    (name,) = changed
    with pytest.raises(ValidationError, match=f"has {name} of its own; leave {name} out") as raised:
        SftConfig(adapter="mine", **changed)
    assert raised.value.errors()[0]["loc"] == (name,)
    assert getattr(SftConfig(**changed), name) == changed[name]


def test_full_training_takes_no_adapter():
    with pytest.raises(ValidationError, match="full training takes no adapter; give it as"):
        SftConfig(adapter="mine", method="full")


def test_settings_as_a_manifest_has_them_are_taken_again():
    for config in (SftConfig(adapter="mine"), SftConfig(adapter="mine", method="qlora")):
        assert SftConfig(**config.model_dump(mode="json")) == config


def test_every_setting_is_described():
    told = SftConfig.__doc__ or ""
    assert [name for name in SftConfig.model_fields if f"`{name}`" not in told] == []
