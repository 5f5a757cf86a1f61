"""How a model's weights are named and laid out in GGUF, and what of that adapters must follow."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.models.adapters import catalogue_name
from sqlkiln.models.catalog import MODELS, resolve
from sqlkiln.models.gguf import read_numbers, read_texts

Matrix = NDArray[np.float32]

BELOW = "base"
"""In the folder of a trained adapter: what is known of the model below it, less its weights."""

_BY_MODEL_TYPE = {
    "llama": "llama",
    "mistral": "llama",
    "qwen2": "qwen2",
    "qwen3": "qwen3",
    "phi": "phi2",
}
"""`model_type` of transformers -> architecture of GGUF."""

_INTERLEAVED = {"llama"}
"""Architectures whose queries and keys llama.cpp rotates in neighbouring pairs.

transformers rotates the first half of a head against the second. So the rows of these weights are
in another order in GGUF.
"""

_ROTATED = re.compile(r"blk\.\d+\.attn_([qk])\.weight")


@dataclass(frozen=True)
class Layout:
    """What must be known of a model to name and order its weights as GGUF does.

    `path` is its GGUF file; None if it is known by a transformers folder alone.
    """

    architecture: str
    blocks: int
    heads: int
    kv_heads: int
    path: Path | None = None

    @cached_property
    def _names(self) -> gguf.TensorNameMap:
        arch = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == self.architecture)
        return gguf.get_tensor_name_map(arch, self.blocks)

    def tensor(self, module: str) -> str | None:
        """The GGUF name of the weight of a transformers module, if it has one."""
        found = self._names.get_name(module)
        return f"{found}.weight" if found else None

    def part(self, parameter: str) -> str | None:
        """The GGUF name of a parameter of transformers, weight or bias, if it has one."""
        module, _, kind = parameter.rpartition(".")
        found = self._names.get_name(module)
        return f"{found}.{kind}" if found else None

    def ordered(self, tensor: str, rows: Matrix) -> Matrix:
        """Put what belongs to the outputs of `tensor`, an axis 0 of any rank, into GGUF's order."""
        heads = self._interleaved(tensor)
        if not heads:
            return rows
        halves = rows.reshape(heads, 2, len(rows) // heads // 2, *rows.shape[1:])
        return halves.swapaxes(1, 2).reshape(rows.shape)

    def natural(self, tensor: str, rows: Matrix) -> Matrix:
        """Undo `ordered`."""
        heads = self._interleaved(tensor)
        if not heads:
            return rows
        pairs = rows.reshape(heads, len(rows) // heads // 2, 2, *rows.shape[1:])
        return pairs.swapaxes(1, 2).reshape(rows.shape)

    def _interleaved(self, tensor: str) -> int:
        """How many heads of `tensor` are in another order in GGUF: 0 if it is none that is."""
        match = _ROTATED.fullmatch(tensor)
        if self.architecture not in _INTERLEAVED or not match:
            return 0
        return self.heads if match[1] == "q" else self.kv_heads


def read_layout(spec: str) -> Layout:
    """The layout of a model of the catalogue, a GGUF file or a transformers folder.

    Raises:
        ModelNotFound: if there is no such model.
        UsageError: if sqlkiln cannot export adapters for its architecture.
        DataError: if its config.json is not what it should be.
    """
    folder = Path(spec).expanduser()
    if (folder / "config.json").is_file():
        return _from_config(folder / "config.json")
    path = resolve(spec)
    numbers, architecture = read_numbers(path), read_texts(path).get("general.architecture", "")
    _require_known(architecture, _BY_MODEL_TYPE.values(), str(path))
    heads = numbers["attention.head_count"]
    return Layout(
        architecture,
        blocks=numbers["block_count"],
        heads=heads,
        kv_heads=numbers.get("attention.head_count_kv", heads),
        path=path,
    )


def layout_for(model: str, adapter: Path) -> Layout:
    """The layout of `model`, which `adapter`, a folder that training wrote, was trained on.

    Of a model that was taken from the Hub, the config lies beside the adapter, in `BELOW`.

    Raises:
        ModelNotFound, UsageError, DataError: as `read_layout`.
    """
    saved = adapter / BELOW / "config.json"
    if model not in MODELS and not Path(model).expanduser().exists() and saved.is_file():
        return _from_config(saved)
    return read_layout(catalogue_name(model))


def _from_config(path: Path) -> Layout:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        kind = config["model_type"]
        heads = config["num_attention_heads"]
        blocks = config["num_hidden_layers"]
    except (ValueError, KeyError) as error:
        raise DataError(
            f"not the config of a language model: {path}: {error!r}; give another folder"
        ) from error
    _require_known(kind, _BY_MODEL_TYPE, str(path))
    return Layout(
        _BY_MODEL_TYPE[kind], blocks, heads, kv_heads=config.get("num_key_value_heads") or heads
    )


def _require_known(architecture: str, known: Iterable[str], where: str) -> None:
    names = sorted(set(known))
    if architecture not in names:
        raise UsageError(
            f"cannot export for this architecture: {where} is {architecture!r}; known are "
            f"{', '.join(names)}"
        )
