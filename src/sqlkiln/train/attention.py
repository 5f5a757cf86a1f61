"""Attention over packed rows on a CPU: each part of a row is computed with what it sees, no more.

`packing` says who may look at whom, with a mask over all pairs of tokens. A CPU computes masked
pairs too and throws them away, and in a row of many branches most are masked. Here a prefix is
computed with itself, and each branch with its prefix and itself: the same sums, in fewer steps.
With a GPU, whose kernels are quicker over one large mask than over many small parts, transformers'
own attention stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import scaled_dot_product_attention

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

NAME = "sqlkiln_parts"


def attend_by_parts(model: PreTrainedModel) -> None:
    """Let `model` use the `parts` that a batch names; what names none is computed as before."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    if model.config._attn_implementation == "sdpa":
        AttentionInterface.register(NAME, attention)
        AttentionMaskInterface.register(NAME, sdpa_mask)
        model.set_attn_implementation(NAME)


def attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    parts: Tensor | None = None,
    **settings: Any,
) -> tuple[Tensor, None]:
    """Attention as transformers calls it, for T tokens in the S `parts` of a packed row.

    Shapes: query (1, H, T, D), key and value (1, K, T, D) where H is a multiple of K; `parts`
    (S, 2), each its branch and its length (`packing.Batch`); returns (1, T, H, D). `settings` are
    `dropout` and `scaling`, and what transformers' own takes besides.
    """
    from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward

    if parts is None:
        found: tuple[Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, **settings
        )
        return found
    dropout, scale = settings.get("dropout", 0.0), settings.get("scaling")
    repeats = getattr(module, "num_key_value_groups", 1)
    wholes = (query, repeat_kv(key, repeats), repeat_kv(value, repeats))
    computed = [
        scaled_dot_product_attention(
            q, k, v, attn_mask=mask, is_causal=mask is None, dropout_p=dropout, scale=scale
        )
        for q, k, v, mask in _seen(wholes, parts.tolist())
    ]
    return torch.cat(computed, dim=2).transpose(1, 2).contiguous(), None


def _seen(
    wholes: tuple[Tensor, Tensor, Tensor], parts: list[list[int]]
) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor | None]]:
    """For each part its queries, and the keys and values that they may see.

    With a mask where the prefix comes first; without one, each token sees those before it.
    """
    lengths = [length for _, length in parts]
    split = zip(*(torch.split(whole, lengths, dim=2) for whole in wholes), strict=True)
    prefix: tuple[Tensor, Tensor] | None = None
    before = 0
    for (branch, length), (q, k, v) in zip(parts, split, strict=True):
        if branch <= before:  # another group, which may have no prefix
            prefix = None
        before = branch
        if prefix is None:
            yield q, k, v, None
        else:
            k, v = torch.cat((prefix[0], k), dim=2), torch.cat((prefix[1], v), dim=2)
            seen = torch.ones(length, k.shape[2], dtype=torch.bool, device=k.device)
            yield q, k, v, seen.tril(k.shape[2] - length)
        if branch == 0:
            prefix = (k, v)
