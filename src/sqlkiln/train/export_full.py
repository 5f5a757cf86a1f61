"""Write weights that were all trained as a GGUF model, laid out as the GGUF file of their base is.

Reads a run of training by method `full`, or a folder of transformers, and the base as GGUF, whose
tokenizer, settings and names it takes over. Matrices are stored in the type asked for, vectors in
float32; what the folder does not hold keeps the bytes of the base.

    sqlkiln adapters merge RUN --model qwen2.5-coder-0.5b --to mine.gguf --type q8_0
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter
from safetensors import SafetensorError, safe_open

from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.core.files import write_atomic
from sqlkiln.models.adapters import CARD_KEY, Card
from sqlkiln.models.card_text import card_text
from sqlkiln.train.export import drafted, stored_as
from sqlkiln.train.export_layout import Layout, Matrix
from sqlkiln.train.export_merged import (
    MERGED_TYPES,
    Merged,
    copy_settings,
    layout_to_fill,
    write_tensors,
)

_HEAD, _EMBEDDING = "output.weight", "token_embd.weight"


@dataclass(frozen=True)
class _Weights:
    """The tensors of a folder of transformers, by their names in GGUF: file and name there."""

    layout: Layout
    places: Mapping[str, tuple[Path, str]]

    def read(self, tensor: str) -> Matrix:
        """Its values as float32, rows in GGUF's order."""
        path, name = self.places[tensor]
        with safe_open(path, framework="pt") as file:
            values: Matrix = file.get_tensor(name).float().numpy()
        return self.layout.ordered(tensor, values)

    def shape(self, tensor: str) -> tuple[int, ...]:
        """Its shape, without reading it."""
        path, name = self.places[tensor]
        with safe_open(path, framework="pt") as file:
            return tuple(file.get_slice(name).get_shape())


def write_full(folder: Path, model: str, to: Path, card: Card, kind: str = "q8_0") -> Merged:
    """Write the weights in `folder`, trained from `model`, as the GGUF file `to`.

    Raises:
        UsageError: if `kind` is not one of `MERGED_TYPES`, or the weights are of another model.
        ModelNotFound: if the base is not there.
        DataError: if the weights cannot be read.
    """
    layout, path = layout_to_fill(model, kind)
    reader = GGUFReader(path)
    weights = _find(folder, layout)
    shapes = {t.name: tuple(int(n) for n in reversed(t.shape)) for t in reader.tensors}
    if _HEAD in shapes and _HEAD not in weights.places and _EMBEDDING in weights.places:
        weights = _Weights(layout, {**weights.places, _HEAD: weights.places[_EMBEDDING]})
    _require_same(weights, shapes, folder, model)
    quantized, file_type = MERGED_TYPES[kind]
    stored = {name: quantized for name in weights.places if len(shapes[name]) == 2}
    with drafted(to) as draft:
        writer = GGUFWriter(draft, layout.architecture)
        copy_settings(reader, writer, {"general.file_type": file_type, CARD_KEY: card})
        write_tensors(reader, writer, stored, _written(reader, weights, stored))
        writer.close()
    write_atomic(to.with_suffix(".md"), card_text(card))
    return Merged(to, len(weights.places), to.stat().st_size)


def _find(folder: Path, layout: Layout) -> _Weights:
    places: dict[str, tuple[Path, str]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="pt") as file:
                names = list(file.keys())
        except (OSError, SafetensorError) as error:
            raise DataError(f"damaged weights: {path}: {error}; train again") from error
        for name in names:
            tensor = layout.part(name)
            if tensor is None:
                raise UsageError(
                    f"no GGUF file can hold this: {path} has {name}; give the model that it was "
                    "trained from"
                )
            places[tensor] = path, name
    if not places:
        raise DataError(f"no weights in {folder}: no *.safetensors; give a run of method full")
    return _Weights(layout, places)


def _require_same(
    weights: _Weights, shapes: Mapping[str, tuple[int, ...]], folder: Path, model: str
) -> None:
    for tensor in weights.places:
        found = weights.shape(tensor)
        if shapes.get(tensor) != found:
            raise UsageError(
                f"the weights are of another model: {tensor} is {found} in {folder}, and "
                f"{shapes.get(tensor, 'not there')} in {model}; give the model that they were "
                "trained from"
            )


def _written(
    reader: GGUFReader, weights: _Weights, stored: Mapping[str, GGMLQuantizationType]
) -> Iterator[np.ndarray[Any, Any]]:
    for tensor in reader.tensors:
        if tensor.name not in weights.places:
            yield tensor.data
        elif tensor.name in stored:
            yield stored_as(weights.read(tensor.name), stored[tensor.name])[0]
        else:
            yield weights.read(tensor.name).astype(tensor.data.dtype)
