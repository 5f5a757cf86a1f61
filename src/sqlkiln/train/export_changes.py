"""What a PEFT adapter adds to each weight of a model, as low-rank products in GGUF's layout.

Plain LoRA and rsLoRA are taken over exactly. DoRA (https://arxiv.org/abs/2402.09353) also rescales
every row of a weight, which no low-rank product does: of its whole change the best approximation of
a given rank is taken, and how much of the change that leaves out is reported. A merged model
(`export_merged`) has all of it.

Anything else that a PEFT adapter may hold is refused: whole modules, biases, embeddings, experts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.train.export_layout import Layout, Matrix

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
_KEY = re.compile(
    r"base_model\.model\.(.+)\.lora_(?:([AB])\.weight|(magnitude_vector)(?:\.weight)?)"
)


@dataclass(frozen=True)
class Change:
    """`scale * b @ a` is added to a weight `(outputs, inputs)`; a `(rank, inputs)`."""

    a: Matrix
    b: Matrix
    scale: float

    @property
    def rank(self) -> int:
        """The number of rows of `a`."""
        return len(self.a)

    def full(self) -> Matrix:
        """The change as a matrix `(outputs, inputs)`."""
        return np.asarray(self.scale * (self.b @ self.a), dtype=np.float32)


@dataclass(frozen=True)
class Adapter:
    """A PEFT adapter as it was saved, its modules by their names in transformers.

    `magnitudes` are those of DoRA `(outputs,)`; empty for plain LoRA.
    """

    changes: Mapping[str, Change]
    magnitudes: Mapping[str, Matrix]
    alpha: float
    """As llama.cpp divides it by the rank: for rsLoRA it holds the square root of the rank."""
    rank: int
    method: str


def read_peft(folder: Path) -> Adapter:
    """Read the LoRA, rsLoRA or DoRA adapter that PEFT saved in `folder`.

    Raises:
        DataError: if there is none, or a file of it is damaged.
        UsageError: if it holds what GGUF adapters cannot.
    """
    config = read_config(folder)
    try:
        tensors = load_file(folder / WEIGHTS)
    except (OSError, ValueError, SafetensorError) as error:
        raise _damaged(folder, error) from error
    _require_plain(config, folder)
    parts: dict[str, dict[str, Matrix]] = {}
    for key, tensor in tensors.items():
        match = _KEY.fullmatch(key)
        if not match:
            raise UsageError(
                f"no GGUF adapter can hold this: {folder} has {key}; train LoRA on linear layers "
                "alone"
            )
        parts.setdefault(match[1], {})[match[2] or match[3]] = tensor.float().numpy()
    return _adapter(config, parts, folder)


def read_config(folder: Path) -> dict[str, Any]:
    """The settings that PEFT saved in `folder`.

    Raises:
        DataError: if there are none.
    """
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(folder, error) from error
    if not isinstance(config, dict):
        raise _damaged(folder, f"{CONFIG} holds no object")
    return config


def _damaged(folder: Path, found: object) -> DataError:
    return DataError(
        f"not a PEFT adapter: {folder}: {found}; give a folder with {CONFIG} and {WEIGHTS}"
    )


def _require_plain(config: Mapping[str, Any], folder: Path) -> None:
    wanted = {"peft_type": ("LORA",), "bias": ("none", None), "fan_in_fan_out": (False, None)}
    for key, values in wanted.items():
        if config.get(key) not in values:
            raise UsageError(
                f"no GGUF adapter can hold this: {folder} has {key} = {config.get(key)!r}; train "
                f"with {values[0]!r}"
            )


def _adapter(
    config: Mapping[str, Any], parts: Mapping[str, Mapping[str, Matrix]], folder: Path
) -> Adapter:
    changes = {}
    for module, found in parts.items():
        if not {"A", "B"} <= found.keys():
            raise DataError(f"half an adapter: {folder} lacks A or B of {module}; save it again")
        rows = len(found["A"])
        divisor = rows**0.5 if config.get("use_rslora") else rows
        changes[module] = Change(found["A"], found["B"], _alpha(config, module) / divisor)
    magnitudes = {m: p["magnitude_vector"].ravel() for m, p in parts.items() if len(p) == 3}
    rank, alpha = int(config["r"]), float(config["lora_alpha"])
    root = rank**0.5 if config.get("use_rslora") else 1.0
    method = "dora" if magnitudes else "rslora" if config.get("use_rslora") else "lora"
    return Adapter(changes, magnitudes, alpha * root, rank, method)


def _alpha(config: Mapping[str, Any], module: str) -> float:
    for pattern, alpha in (config.get("alpha_pattern") or {}).items():
        if re.match(rf"(.*\.)?({pattern})$", module):
            return float(alpha)
    return float(config["lora_alpha"])


# --------------------------------------------------------------------------- in GGUF's layout


@dataclass(frozen=True)
class Changes:
    """What an adapter does to the tensors of a GGUF file, by their names, rows in GGUF's order."""

    products: Mapping[str, Change]
    magnitudes: Mapping[str, Matrix]

    def delta(self, tensor: str, weight: Matrix) -> Matrix:
        """What is added to `tensor`, whose values are `weight`, both `(outputs, inputs)`."""
        product = self.products[tensor]
        if tensor not in self.magnitudes:
            return product.full()
        return dora_delta(weight, product, self.magnitudes[tensor])


def in_layout(adapter: Adapter, layout: Layout, where: str) -> Changes:
    """The changes of `adapter` by GGUF tensor.

    Raises:
        UsageError: if the model has no such weights; `where` says whose they are.
    """
    tensors = {}
    for module in adapter.changes:
        tensor = layout.tensor(module)
        if tensor is None or not tensor.startswith("blk."):
            raise UsageError(
                f"no such weight in the model: {where} changes {module}; give the model that it "
                "was trained on, and train LoRA on the layers of attention and MLP"
            )
        tensors[module] = tensor
    products = {
        tensors[module]: replace(change, b=layout.ordered(tensors[module], change.b))
        for module, change in adapter.changes.items()
    }
    magnitudes = {
        tensors[module]: layout.ordered(tensors[module], magnitude)
        for module, magnitude in adapter.magnitudes.items()
    }
    return Changes(products, magnitudes)


def dora_delta(weight: Matrix, product: Change, magnitude: Matrix) -> Matrix:
    """What DoRA adds to `weight`: `magnitude * V / |V| - weight` by rows, V = weight + product."""
    moved = weight + product.full()
    norms = np.linalg.norm(moved, axis=1)
    return np.asarray((magnitude / norms)[:, None] * moved - weight, dtype=np.float32)


def nearest(matrix: Matrix, rank: int) -> tuple[Change, float]:
    """The product of `rank` nearest to `matrix`, and the share of its squared norm left out."""
    u, s, v = torch.linalg.svd(torch.from_numpy(matrix), full_matrices=False)
    root = s[:rank].sqrt()
    left_out = float((s[rank:] ** 2).sum() / (s**2).sum().clamp_min(1e-30))
    a, b = root[:, None] * v[:rank], u[:, :rank] * root
    return Change(a.contiguous().numpy(), b.contiguous().numpy(), 1.0), left_out
