"""Will it fit? What a training run takes, estimated from the base's shape before it is loaded.

Calibrated on three runs on a CPU, by the peak of the whole process, Python's libraries (0.7 GiB)
included, under MALLOC_ARENA_MAX=1; without that, the first took 13 to 14 GiB:

    base                 rank  tokens  measured  estimated
    Qwen2.5-Coder-0.5B     16    1536    11 GiB   11.2 GiB
    SmolLM2-135M           32    1024     7 GiB    7.2 GiB
    Qwen2.5-Coder-1.5B      8    1024    14 GiB   14.2 GiB
"""

from __future__ import annotations

from typing import Any

import torch

from sqlkiln.core.errors import BackendError
from sqlkiln.models.machine import free_memory_bytes
from sqlkiln.train.config import SftConfig
from sqlkiln.train.weights import load_shape

STATE_BYTES = 16
"""Of a trained parameter: float32 weight, gradient, and the two moments of AdamW."""

LOGIT_BYTES = 10
"""Of one logit: bfloat16, float32, and the float32 gradient."""

ANSWER_SHARE = 0.6
"""Of a row's tokens that are learnt, at most, in what was looked at."""

OTHER_BYTES = int(4.5 * 2**30)
"""What each measured process took besides all that is counted, whatever the base.

Rows that are longer than asked for (a group of questions is not split) and holes that the allocator
leaves are part of it. It is taken to be at most `OTHER_SHARE` times the activations.
"""

OTHER_SHARE = 3

FOUR_BIT_BYTES = 0.7
"""Of a parameter, on average: four bits, their scales, and embeddings that stay as they are."""


def needed_bytes(shape: Any, config: SftConfig, on_cpu: bool = True) -> int:
    """About what training takes, weights included; `shape` is the base without its weights.

    Per layer and token, the backward pass keeps about ten vectors of the model's width and five
    of the width inside the feed-forward part, two bytes each. Each adapted module keeps its input
    in float32 as well: six vectors of the width, one of the inner width, four bytes each. With
    gradient checkpointing, it is one vector a layer, and all of one layer.
    """
    told = shape.config
    width, layers = told.hidden_size, told.num_hidden_layers
    inner = getattr(told, "intermediate_size", None) or 4 * width
    kept = 2 * (10 * width + 5 * inner)
    if config.method != "full":
        kept += 4 * (6 * width + inner)
    per_token = 2 * width * layers + kept if config.gradient_checkpointing else kept * layers
    logits = int(config.tokens * ANSWER_SHARE) * told.vocab_size * LOGIT_BYTES
    passing = config.tokens * per_token + logits
    all_weights = sum(p.numel() for p in shape.parameters())
    trained = _trained(shape, config)
    frozen = all_weights - trained if config.method == "full" else all_weights
    needed = int(trained * STATE_BYTES + frozen * _bytes_each(config) + passing)
    return needed + min(OTHER_BYTES, OTHER_SHARE * passing) if on_cpu else needed


def _bytes_each(config: SftConfig) -> float:
    """Of a weight of the base that is not trained."""
    if config.method == "qlora":
        return FOUR_BIT_BYTES
    return 4 if config.method == "full" or config.dtype == "float32" else 2


def _trained(shape: Any, config: SftConfig) -> int:
    """Parameters that are trained; of an adapter that is gone on from, as if it were a fresh one.

    The module names of a layer hold its number: `model.layers.7.mlp.up_proj`.
    """
    above = {str(n) for n in range(config.frozen_layers, shape.config.num_hidden_layers)}

    def is_trained(name: str) -> bool:
        return not config.frozen_layers or not above.isdisjoint(name.split("."))

    if config.method == "full":
        return sum(p.numel() for name, p in shape.named_parameters() if is_trained(name))
    return sum(
        config.rank * (module.in_features + module.out_features)
        for name, module in shape.named_modules()
        if isinstance(module, torch.nn.Linear)
        and name.rsplit(".", 1)[-1] in config.modules
        and is_trained(name)
    )


def require_memory(config: SftConfig) -> int:
    """Return about how much this process will take besides what it has; no weights are read.

    Raises:
        BackendError: if that is more than is free.
        ModelNotFound: if there is no such base.
        ModelCorrupt: if its config cannot be read.
    """
    on_cpu = not torch.cuda.is_available()
    needed = needed_bytes(load_shape(config.model), config, on_cpu)
    free = free_memory_bytes() if on_cpu else torch.cuda.mem_get_info()[0]
    if free is not None and needed > free:
        raise BackendError(
            f"not enough memory to train: about {needed / 2**30:.1f} GiB are needed, "
            f"{free / 2**30:.1f} GiB are free; lower tokens, set gradient_checkpointing, or take a "
            "smaller base"
        )
    return needed
