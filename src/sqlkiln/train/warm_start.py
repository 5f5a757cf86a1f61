"""Go on from an adapter: the folder of an earlier run, or a GGUF adapter, shipped ones too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError

from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.models.adapters import catalogue_name
from sqlkiln.train.export_card import peft_folder
from sqlkiln.train.export_changes import Change
from sqlkiln.train.export_layout import read_layout
from sqlkiln.train.export_merged import read_changes

if TYPE_CHECKING:
    from transformers import PreTrainedModel

WRAPPED = "base_model.model."
"""What PEFT puts before the name of a module."""


def go_on_from(model: PreTrainedModel, adapter: Path, trained_on: str, dropout: float) -> Any:
    """Wrap `model`, which is `trained_on`, with `adapter`, to be trained further.

    Rank, alpha and modules are the adapter's own.

    Raises:
        ModelNotFound: if there is no such adapter.
        UsageError: if it is one of another model.
        DataError: if it cannot be read, or does not fit.
    """
    from peft import PeftModel

    if not adapter.is_dir():
        return _from_gguf(model, str(adapter), trained_on, dropout)
    try:
        return PeftModel.from_pretrained(model, str(peft_folder(adapter)), is_trainable=True)
    except (UsageError, OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise DataError(
            f"cannot go on from {adapter}: {str(error).splitlines()[0]}; give an adapter of "
            f"{trained_on} that training wrote"
        ) from error


def _from_gguf(model: PreTrainedModel, adapter: str, trained_on: str, dropout: float) -> Any:
    from peft import LoraConfig, get_peft_model

    layout = read_layout(catalogue_name(trained_on))
    changes = read_changes(adapter, trained_on, layout).products
    linear = [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)]
    stored = {name: layout.tensor(name) for name in linear}
    places = {name: tensor for name, tensor in stored.items() if tensor and tensor in changes}
    if len(places) != len(changes):
        raise DataError(
            f"cannot go on from {adapter}: {len(changes) - len(places)} of its weights are not in "
            f"{trained_on}; give an adapter of this model"
        )
    one = next(iter(changes.values()))
    wrapped = get_peft_model(
        model,
        LoraConfig(
            task_type="CAUSAL_LM",
            r=one.rank,
            lora_alpha=round(one.scale * one.rank),
            lora_dropout=dropout,
            target_modules=list(places),
        ),
    )
    for name, tensor in places.items():
        change = changes[tensor]
        natural = Change(change.a, layout.natural(tensor, change.b), change.scale)
        _fill(wrapped.get_submodule(f"{WRAPPED}{name}"), natural, adapter)
    return wrapped


def _fill(module: Any, change: Change, adapter: str) -> None:
    weights: Mapping[str, Any] = {"lora_A": change.a, "lora_B": change.b}
    with torch.no_grad():
        for part, matrix in weights.items():
            weight = getattr(module, part)["default"].weight
            if weight.shape != matrix.shape:
                raise DataError(
                    f"cannot go on from {adapter}: its weights have several ranks; go on from the "
                    "folder that training wrote"
                )
            weight.copy_(torch.from_numpy(matrix.copy()))
    module.scaling["default"] = change.scale
