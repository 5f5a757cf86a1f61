"""Merge adapters into a base model: one GGUF file that needs no adapter beside it.

Reads the base as GGUF, and adapters as GGUF files, runs of training, or folders that PEFT saved;
several are added up, each by its weight. Writes a GGUF file with the tokenizer and all settings of
the base, its card inside and beside it.

    sqlkiln adapters merge spider --model qwen2.5-coder-0.5b --to merged.gguf --type q8_0

Only tensors that an adapter changes are stored anew, in the type asked for; all others keep the
bytes that they have in the base. The 4-bit types are llama.cpp's plain ones, Q4_1 and Q4_0: the
Python package gguf does not write the finer Q4_K that some bases come in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, LlamaFileType
from gguf.quants import dequantize

from sqlkiln.core.errors import UsageError
from sqlkiln.core.files import write_atomic
from sqlkiln.models.adapters import CARD_KEY, Card, find_for
from sqlkiln.models.card_text import card_text
from sqlkiln.train.export import drafted, stored_as
from sqlkiln.train.export_card import peft_folder
from sqlkiln.train.export_changes import Change, Changes, in_layout, read_peft
from sqlkiln.train.export_layout import Layout, Matrix, read_layout

MERGED_TYPES = {
    "f16": (GGMLQuantizationType.F16, LlamaFileType.MOSTLY_F16),
    "q8_0": (GGMLQuantizationType.Q8_0, LlamaFileType.MOSTLY_Q8_0),
    "q4_1": (GGMLQuantizationType.Q4_1, LlamaFileType.MOSTLY_Q4_1),
    "q4_0": (GGMLQuantizationType.Q4_0, LlamaFileType.MOSTLY_Q4_0),
}


@dataclass(frozen=True)
class Merged:
    """What was written, and how many of the base's tensors were changed."""

    path: Path
    changed: int
    bytes: int


def merge(
    adapters: Sequence[tuple[str, float]], model: str, to: Path, card: Card, kind: str = "q8_0"
) -> Merged:
    """Write `model` with the weighted sum of `adapters` (names or paths) as the GGUF file `to`.

    Raises:
        UsageError: if `kind` is not one of `MERGED_TYPES`, or an adapter does not fit the base.
        ModelNotFound: if the base, or an adapter, is not there.
        DataError: if an adapter is damaged.
    """
    layout, path = layout_to_fill(model, kind)
    reader = GGUFReader(path)
    shapes = {tensor.name: _matrix_shape(tensor) for tensor in reader.tensors}
    weighted = [(read_changes(name, model, layout), weight) for name, weight in adapters]
    for (name, _), (changes, _) in zip(adapters, weighted, strict=True):
        _require_fitting(name, changes, shapes, model)
    changed = {tensor for changes, _ in weighted for tensor in changes.products}
    stored, file_type = MERGED_TYPES[kind]
    with drafted(to) as draft:
        writer = GGUFWriter(draft, layout.architecture)
        copy_settings(reader, writer, {"general.file_type": file_type, CARD_KEY: card})
        kinds = {name: stored for name in changed}
        write_tensors(reader, writer, kinds, _merged(reader, weighted, kinds))
        writer.close()
    write_atomic(to.with_suffix(".md"), card_text(card))
    return Merged(to, len(changed), to.stat().st_size)


def layout_to_fill(model: str, kind: str) -> tuple[Layout, Path]:
    """The layout of `model` and its GGUF file, to write another of the type `kind` like it.

    Raises:
        UsageError: if `kind` is not one of `MERGED_TYPES`, or `model` is no GGUF file.
        ModelNotFound: if there is no such model.
    """
    if kind not in MERGED_TYPES:
        raise UsageError(
            f"no such type of model: {kind!r}; choose one of {', '.join(MERGED_TYPES)}"
        )
    layout = read_layout(model)
    if layout.path is None:
        raise UsageError(
            f"no GGUF file to merge into: {model} is a folder; give a GGUF file or a name of the "
            "catalogue"
        )
    return layout, layout.path


def read_changes(name: str, model: str, layout: Layout) -> Changes:
    """The changes that an adapter makes to `model`: a GGUF file, a run of training, a PEFT folder.

    Raises:
        ModelNotFound: if there is no such adapter.
        DataError: if it is damaged.
        UsageError: if it does not fit the model.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return in_layout(read_peft(peft_folder(folder)), layout, name)
    reader = GGUFReader(find_for(model, name))
    alpha = reader.get_field(gguf.Keys.Adapter.LORA_ALPHA)
    if alpha is None:
        raise UsageError(f"not a LoRA adapter: {name} has no alpha; give a GGUF adapter")
    found: dict[str, dict[str, Matrix]] = {}
    for tensor in reader.tensors:
        target, _, part = tensor.name.rpartition(".")
        found.setdefault(target, {})[part] = dequantize(tensor.data, tensor.tensor_type)
    products = {
        target: Change(parts["lora_a"], parts["lora_b"], alpha.contents() / len(parts["lora_a"]))
        for target, parts in found.items()
    }
    return Changes(products, {})


def _matrix_shape(tensor: gguf.ReaderTensor) -> tuple[int, ...]:
    return tuple(int(size) for size in reversed(tensor.shape))


def _require_fitting(
    name: str, changes: Changes, shapes: Mapping[str, tuple[int, ...]], model: str
) -> None:
    for tensor, change in changes.products.items():
        wanted = (len(change.b), change.a.shape[1])
        if shapes.get(tensor) != wanted:
            raise UsageError(
                f"the adapter does not fit: {name} changes {tensor} of shape {wanted}, in {model} "
                f"it is {shapes.get(tensor, 'not there')}; give the model that it was trained on"
            )


def copy_settings(reader: GGUFReader, writer: GGUFWriter, changed: dict[str, Any]) -> None:
    """Copy the metadata of the base, with what has `changed`; the vocabulary comes last."""
    writer.add_file_type(changed["general.file_type"])
    writer.add_string(CARD_KEY, changed[CARD_KEY].model_dump_json())
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in {"general.architecture", *changed}:
            continue
        kind, inner = field.types[0], field.types[-1]
        is_array = kind == GGUFValueType.ARRAY
        writer.add_key_value(name, field.contents(), kind, sub_type=inner if is_array else None)


def write_tensors(
    reader: GGUFReader,
    writer: GGUFWriter,
    stored: Mapping[str, GGMLQuantizationType],
    written: Iterator[np.ndarray[Any, Any]],
) -> None:
    """Write one tensor after the other, so that no more than one is in memory.

    `written` has all of the base's, in their order; those that are not `stored` anew keep their
    type.
    """
    for tensor in reader.tensors:
        if tensor.name in stored:
            empty, kind = stored_as(np.zeros((1, tensor.shape[0]), np.float32), stored[tensor.name])
            rows = int(tensor.shape[1])
            shape, dtype, size = (rows, *empty.shape[1:]), empty.dtype, rows * empty.nbytes
        else:
            kind = tensor.tensor_type
            shape, dtype, size = tensor.data.shape, tensor.data.dtype, tensor.data.nbytes
        writer.add_tensor_info(tensor.name, shape, dtype, size, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for data in written:
        writer.write_tensor_data(data)


def _merged(
    reader: GGUFReader,
    weighted: Sequence[tuple[Changes, float]],
    stored: Mapping[str, GGMLQuantizationType],
) -> Iterator[np.ndarray[Any, Any]]:
    for tensor in reader.tensors:
        if tensor.name not in stored:
            yield tensor.data
            continue
        weight = dequantize(tensor.data, tensor.tensor_type)
        deltas = [
            scale * changes.delta(tensor.name, weight)
            for changes, scale in weighted
            if tensor.name in changes.products
        ]
        yield stored_as(weight + sum(deltas), stored[tensor.name])[0]
