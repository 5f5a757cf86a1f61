"""Will it fit? What a training run takes, estimated before the first step."""

from __future__ import annotations

from typing import Any

import torch

from sqlkiln.core.errors import BackendError
from sqlkiln.models.machine import free_memory_bytes

STATE_BYTES = 16
"""Of a trained parameter: float32 weight, gradient, and the two moments of AdamW."""

LOGIT_BYTES = 10
"""Of one logit: bfloat16, float32, and the float32 gradient."""

ANSWER_SHARE = 0.6
"""Of a row's tokens that are learnt, at most, in what was looked at."""


def needed_bytes(model: Any, tokens: int, checkpointing: bool) -> int:
    """About what training takes besides the weights that are loaded already.

    Per layer and token, the backward pass keeps about ten vectors of the model's width and five
    of the width inside the feed-forward part, two bytes each; with gradient checkpointing, one
    vector a layer, and all of one layer.
    """
    config = model.config
    width, inner = config.hidden_size, getattr(config, "intermediate_size", 4 * config.hidden_size)
    kept = 2 * (10 * width + 5 * inner)
    layers = config.num_hidden_layers
    activations = tokens * ((2 * width * layers + kept) if checkpointing else kept * layers)
    logits = int(tokens * ANSWER_SHARE) * config.vocab_size * LOGIT_BYTES
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return int(trained * STATE_BYTES + activations + logits)


def require_memory(model: Any, tokens: int, checkpointing: bool) -> int:
    """Return what `needed_bytes` says, and the weights where they are yet to be put on a GPU.

    Raises:
        BackendError: if that is more than is free.
    """
    needed = needed_bytes(model, tokens, checkpointing)
    if torch.cuda.is_available() and model.device.type == "cpu":
        needed += sum(p.numel() * p.element_size() for p in model.parameters())
    free = torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else free_memory_bytes()
    if free is not None and needed > free:
        raise BackendError(
            f"not enough memory to train: about {needed / 2**30:.1f} GiB are needed besides the "
            f"weights, {free / 2**30:.1f} GiB are free; lower tokens, set gradient_checkpointing, "
            "or take a smaller base"
        )
    return needed
