"""Stage `export`: write a trained adapter as a GGUF file that llama.cpp loads beside its base.

Reads a run of `sft`, or any folder that PEFT saved (`export_changes` says what it may hold), and of
the base how its weights are laid out. Writes NAME.gguf, with the card inside, and NAME.md, the card
for people.

    sqlkiln adapters export RUN --to sql.gguf --type q8_0

Names and order of the weights are those of llama.cpp's own convert_lora_to_gguf.py. A weight whose
rows are no multiple of 32 long cannot be Q8_0 and stays f16: that is `lora_b` of every adapter
whose rank is none. It does not merge: see `train.export_merged`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mode
from typing import Any, Literal

import gguf
import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.quants import dequantize, quantize
from pydantic import BaseModel, ConfigDict, Field

from sqlkiln.core.errors import UsageError
from sqlkiln.core.files import write_atomic, writing
from sqlkiln.core.plugins import Stage
from sqlkiln.models.adapters import CARD_KEY, Card
from sqlkiln.models.card_text import card_text
from sqlkiln.train.export_card import card_of, peft_folder
from sqlkiln.train.export_changes import Change, Changes, in_layout, nearest, read_peft
from sqlkiln.train.export_layout import Layout, Matrix, layout_for

ADAPTER_TYPES = {"f16": GGMLQuantizationType.F16, "q8_0": GGMLQuantizationType.Q8_0}
DORA_RANK_FACTOR = 4
"""A DoRA adapter of rank r is approximated by one of rank 4 r, if nothing else is asked for."""

_BLOCK = 32
_log = logging.getLogger(__name__)


class ExportConfig(BaseModel):
    """How to write the adapter; `type` is that of its numbers.

    `name` is that of the recipe, unless it is given. `dora_rank` is the rank that a DoRA adapter is
    approximated with. `data_licence` goes on the card, and so does `second_to`, the adapter beside
    which this one is asked for a second opinion, or in place of which what it is `about`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str | None = Field(None, min_length=1, pattern=r"^[\w.-]+$")
    type: Literal["f16", "q8_0"] = "f16"
    dora_rank: int | None = Field(None, ge=1)
    data_licence: str = ""
    second_to: str = ""
    about: str = ""


@dataclass(frozen=True)
class Exported:
    """What was written: `left_out` is the mean share of DoRA's squared change that is missing."""

    path: Path
    card: Card
    bytes: int
    left_out: float = 0.0


def export_adapter(
    folder: Path,
    to: Path,
    card: Card,
    *,
    kind: str = "f16",
    dora_rank: int | None = None,
    method: str = "",
) -> Exported:
    """Write the PEFT adapter in `folder` as the GGUF adapter `to`, `card` with it.

    Method, rank and alpha of the card are set to what is written. `dora_rank` is the rank that a
    DoRA adapter is approximated with, `method` what the card is to say of it if more than that.

    Raises:
        UsageError: if `kind` is not one of `ADAPTER_TYPES`, or GGUF cannot hold the adapter.
        DataError: if `folder` is no PEFT adapter.
        ModelNotFound: if `card.model` is not there.
    """
    if kind not in ADAPTER_TYPES:
        raise UsageError(
            f"no such type of adapter: {kind!r}; choose one of {', '.join(ADAPTER_TYPES)}"
        )
    adapter, layout = read_peft(folder), layout_for(card.model, folder)
    changes = in_layout(adapter, layout, str(folder))
    products, left_out, rank = changes.products, 0.0, adapter.rank
    alpha = adapter.alpha
    if changes.magnitudes:
        rank = dora_rank or DORA_RANK_FACTOR * adapter.rank
        products, left_out = _approximated(changes, layout, str(folder), rank)
        alpha = float(rank)
    card = card.model_copy(
        update={"method": method or adapter.method, "rank": rank, "alpha": alpha}
    )
    write_adapter(to, layout.architecture, products, card, ADAPTER_TYPES[kind])
    return Exported(to, card, to.stat().st_size, left_out)


def _approximated(
    changes: Changes, layout: Layout, where: str, rank: int
) -> tuple[dict[str, Change], float]:
    if layout.path is None:
        raise UsageError(
            f"DoRA needs the weights of its base: {where}; give the base as a GGUF file or a name "
            "of the catalogue"
        )
    products, shares = {}, []
    for tensor in gguf.GGUFReader(layout.path).tensors:
        if tensor.name in changes.products:
            delta = changes.delta(tensor.name, dequantize(tensor.data, tensor.tensor_type))
            products[tensor.name], share = nearest(delta, rank)
            shares.append(share)
            _log.info("%s: rank %d leaves out %.1f%%", tensor.name, rank, 100 * share)
    return products, sum(shares) / len(shares)


def write_adapter(
    to: Path,
    architecture: str,
    changes: Mapping[str, Change],
    card: Card,
    kind: GGMLQuantizationType,
) -> None:
    """Write a GGUF adapter and its card; llama.cpp scales each change by alpha / its rank.

    Raises:
        EnvironmentFault: if it cannot be written.
    """
    alpha = mode(change.scale * change.rank for change in changes.values())
    with drafted(to) as draft:
        writer = GGUFWriter(draft, architecture)
        writer.add_type(gguf.GGUFType.ADAPTER)
        writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
        writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
        writer.add_name(card.name)
        writer.add_string(CARD_KEY, card.model_dump_json())
        for tensor, change in sorted(changes.items()):
            b = change.b * np.float32(change.scale * change.rank / alpha)
            for part, matrix in (("lora_a", change.a), ("lora_b", b)):
                raw, stored = stored_as(matrix, kind)
                writer.add_tensor(f"{tensor}.{part}", raw, raw_dtype=stored)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    write_atomic(to.with_suffix(".md"), card_text(card))


def stored_as(
    matrix: Matrix, kind: GGMLQuantizationType
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.generic]], GGMLQuantizationType]:
    """`matrix` in the form of `kind`, or in f16 where its rows are no whole number of blocks."""
    if matrix.shape[-1] % _BLOCK:
        kind = GGMLQuantizationType.F16
    return quantize(np.ascontiguousarray(matrix), kind), kind


@contextmanager
def drafted(path: Path) -> Iterator[Path]:
    """Give the place to write a file to; it is moved to `path` once it is whole.

    Raises:
        StorageFull: if there is no room.
        EnvironmentFault: if it cannot be written for another reason.
    """
    draft = path.with_name(f".{path.name}.part")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield draft
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def run(config: ExportConfig, inputs: tuple[Path, ...], out: Path) -> Mapping[str, Any]:
    """Export the adapter of the run in `inputs` into `out`; returns what the manifest tells.

    Raises:
        UsageError: if there is no such run, or GGUF cannot hold its adapter.
    """
    if not inputs:
        raise UsageError("nothing to export: no run of sft; use `sqlkiln adapters export FOLDER`")
    (trained,) = inputs
    name = config.name or trained.absolute().parent.name
    told = config.model_dump(include={"data_licence", "second_to", "about"})
    card = card_of(trained, name, **told)
    done = export_adapter(
        peft_folder(trained),
        out / f"{name}.gguf",
        card,
        kind=config.type,
        dora_rank=config.dora_rank,
    )
    return {
        "adapter": done.path.name,
        "bytes": done.bytes,
        "left_out": round(done.left_out, 4),
        "card": done.card.model_dump(mode="json"),
    }


STAGE = Stage("export", ExportConfig, run, needs=("sft",))
