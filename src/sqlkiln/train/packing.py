"""Shared-schema packing: several questions in one row, and what they have in common only once.

A row holds one or more groups. A group is a prefix, which all its prompts begin with (instruction
and schema), and then the rest of each prompt with its answer, its branches. Every branch sees the
prefix and itself, and no other branch; its positions go on from the end of the prefix. So each
question is computed just as if it stood alone, and the schema once instead of once a question.

`tests/train/test_packing.py` holds loss and gradients against unpacked rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, TypedDict

import torch

from sqlkiln.train.encode import Encoded

if TYPE_CHECKING:
    from torch import Tensor

IGNORED = -100
"""The label of a token that is not learnt."""


@dataclass(frozen=True)
class Packed:
    """One row of T tokens. `groups` and `branches` say what each belongs to; branch 0 is a prefix.

    `labels` holds the token's own id where it is learnt, else `IGNORED`.
    """

    input_ids: tuple[int, ...]
    positions: tuple[int, ...]
    groups: tuple[int, ...]
    branches: tuple[int, ...]
    labels: tuple[int, ...]
    examples: int


class Batch(TypedDict):
    """What a causal language model of `transformers` is called with, and its labels.

    Shapes: input_ids and position_ids (1, T); attention_mask (1, 1, T, T), true where a token may
    look; parts (S, 2), the branch and the length of what the row is made of, in order: the same for
    `train.attention`, which others ignore; logits_to_keep (N,), the places before learnt tokens;
    labels (N,), those tokens.
    """

    input_ids: Tensor
    position_ids: Tensor
    attention_mask: Tensor
    parts: Tensor
    logits_to_keep: Tensor
    labels: Tensor


def shared_prefix(prompts: Sequence[Sequence[int]]) -> int:
    """How many tokens all `prompts` begin with; at least one token of each is left over."""
    first, last = min(map(tuple, prompts)), max(map(tuple, prompts))
    most = min(map(len, prompts)) - 1
    apart = (i for i in range(most) if first[i] != last[i])
    return next(apart, max(0, most))


def pack(encoded: Sequence[Encoded]) -> Packed:
    """Put demonstrations over one schema into one group; a single one has no prefix of its own."""
    prefix = shared_prefix([one.prompt for one in encoded])
    ids = list(encoded[0].prompt[:prefix])
    positions, branches = list(range(prefix)), [0] * prefix
    labels = [IGNORED] * prefix
    for number, one in enumerate(encoded, start=1):
        rest = one.prompt[prefix:]
        ids += [*rest, *one.answer]
        positions += range(prefix, prefix + len(rest) + len(one.answer))
        branches += [number] * (len(rest) + len(one.answer))
        labels += [IGNORED] * len(rest) + list(one.answer)
    groups = [0] * len(ids)
    return Packed(
        tuple(ids), tuple(positions), tuple(groups), tuple(branches), tuple(labels), len(encoded)
    )


def join(rows: Sequence[Packed]) -> Packed:
    """Put rows side by side into one, as groups that do not see one another."""
    ids: list[int] = []
    positions: list[int] = []
    groups: list[int] = []
    branches: list[int] = []
    labels: list[int] = []
    first = 0
    for row in rows:
        ids += row.input_ids
        positions += row.positions
        groups += [first + group for group in row.groups]
        branches += row.branches
        labels += row.labels
        first = groups[-1] + 1
    examples = sum(row.examples for row in rows)
    return Packed(
        tuple(ids), tuple(positions), tuple(groups), tuple(branches), tuple(labels), examples
    )


def attention(row: Packed) -> Tensor:
    """Who may look at whom, shape (T, T): own prefix and own branch, and never ahead."""
    groups, branches = torch.tensor(row.groups), torch.tensor(row.branches)
    same_group = groups[:, None] == groups[None, :]
    visible = (branches[:, None] == branches[None, :]) | (branches[None, :] == 0)
    ahead = torch.ones(len(groups), len(groups), dtype=torch.bool).triu(1)
    return same_group & visible & ~ahead


def parts(row: Packed) -> Tensor:
    """The branch and the length of each stretch of the row that one branch fills, shape (S, 2)."""
    stretches = groupby(zip(row.groups, row.branches, strict=True))
    return torch.tensor([[branch, len(list(tokens))] for (_, branch), tokens in stretches])


def batch(row: Packed) -> Batch:
    """Turn a row into what the model is called with.

    The token before the first of a branch is the end of its prefix, which stands elsewhere in the
    row; only answers are learnt, and every branch begins with some of its prompt, so that the token
    before a learnt one always stands right before it.
    """
    labels = torch.tensor(row.labels)
    learnt = (labels != IGNORED).nonzero()[:, 0]
    return Batch(
        input_ids=torch.tensor([row.input_ids]),
        position_ids=torch.tensor([row.positions]),
        attention_mask=attention(row)[None, None],
        parts=parts(row),
        logits_to_keep=learnt - 1,
        labels=labels[learnt],
    )
