"""The weighted mean of adapters that were trained from one another, as one adapter.

Legs of training that end at about the same score are right on different questions; their mean is
often better than each (model soups, Wortsman et al. 2022, arXiv:2203.05482). What is averaged is
the change of each weight, the product of B and A, and of that mean the best approximation of a rank
is kept (by its singular values). Legs that went on from one another share most of their directions,
so the rank of one of them is nearly enough for all.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from shutil import copytree

import numpy as np
import torch
from safetensors.torch import save_file

from sqlkiln.core.errors import UsageError
from sqlkiln.train.export_changes import CONFIG, WEIGHTS, Adapter, Change, read_config, read_peft
from sqlkiln.train.export_layout import BELOW, Matrix


def average(parts: Sequence[tuple[Path, float]], to: Path, rank: int | None = None) -> float:
    """Write the sum of `parts`, PEFT folders each times its weight, as a PEFT folder `to`.

    `rank` is that of the first part if it is not given. Returns the mean share of the squared
    change that this rank leaves out.

    Raises:
        UsageError: if there are fewer than two parts, they change different weights, or one is
            DoRA, whose magnitudes have no mean of this kind.
        DataError: if a part is no PEFT adapter.
    """
    if len(parts) < 2:
        raise UsageError(f"nothing to average: {len(parts)} adapter; give two or more")
    adapters = [read_peft(folder) for folder, _ in parts]
    _require_alike(adapters, [folder for folder, _ in parts])
    rank = rank or adapters[0].rank
    tensors, left_out = {}, []
    for module in sorted(adapters[0].changes):
        changes = [adapter.changes[module] for adapter in adapters]
        a, b, share = _mean(changes, [weight for _, weight in parts], rank)
        left_out.append(share)
        for letter, matrix in (("A", a), ("B", b)):
            key = f"base_model.model.{module}.lora_{letter}.weight"
            tensors[key] = torch.from_numpy(np.ascontiguousarray(matrix, dtype=np.float32))
    plain = {"r": rank, "lora_alpha": rank, "use_rslora": False}
    config = read_config(parts[0][0]) | plain | {"rank_pattern": {}, "alpha_pattern": {}}
    to.mkdir(parents=True, exist_ok=True)
    (to / CONFIG).write_text(json.dumps(config, indent=1), encoding="utf-8")
    save_file(tensors, to / WEIGHTS, metadata={"format": "pt"})
    if (parts[0][0] / BELOW).is_dir():
        copytree(parts[0][0] / BELOW, to / BELOW, dirs_exist_ok=True)
    return float(np.mean(left_out))


def _require_alike(adapters: Sequence[Adapter], folders: Sequence[Path]) -> None:
    for adapter, folder in zip(adapters, folders, strict=True):
        if adapter.magnitudes:
            raise UsageError(f"cannot average DoRA: {folder}; merge each into its base instead")
        if adapter.changes.keys() != adapters[0].changes.keys():
            raise UsageError(
                f"cannot average adapters of different weights: {folder} does not change what "
                f"{folders[0]} changes; average legs of one training"
            )


def _mean(
    changes: Sequence[Change], weights: Sequence[float], rank: int
) -> tuple[Matrix, Matrix, float]:
    """A `(rank, inputs)` and B `(outputs, rank)` of the weighted sum, and the share left out."""
    a = np.concatenate([change.a for change in changes])
    scaled = [w * change.scale * change.b for change, w in zip(changes, weights, strict=True)]
    b = np.concatenate(scaled, axis=1)
    a_basis, a_rest = np.linalg.qr(a.T)
    b_basis, b_rest = np.linalg.qr(b)
    left, values, right = np.linalg.svd(b_rest @ a_rest.T)
    root = np.sqrt(values[:rank])
    total = float((values**2).sum())
    share = float((values[rank:] ** 2).sum()) / total if total else 0.0
    kept = min(rank, len(values))
    mean_a, mean_b = np.zeros((rank, a.shape[1])), np.zeros((len(b), rank))
    mean_a[:kept] = root[:, None] * (right[:kept] @ a_basis.T)
    mean_b[:, :kept] = (b_basis @ left[:, :kept]) * root
    return mean_a.astype(np.float32), mean_b.astype(np.float32), share
