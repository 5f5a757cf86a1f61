"""Make a model trainable: adapters, all weights, or those above the lowest layers.

LoRA (Hu et al. 2021), rsLoRA (Kalajdzievski 2023), DoRA (Liu et al. 2024), QLoRA (Dettmers et al.
2023).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from sqlkiln.core.errors import MissingDependency, UsageError
from sqlkiln.train.attention import attend_by_parts
from sqlkiln.train.config import SftConfig
from sqlkiln.train.warm_start import go_on_from
from sqlkiln.train.weights import load_model

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def load_trainable(config: SftConfig) -> tuple[Any, PreTrainedTokenizerBase]:
    """Load the base with the weights that `config` trains.

    What is trained is held in float32, whatever the base is in: small steps would be lost in
    bfloat16.

    Raises:
        UsageError: if the base has no such modules or layers, or QLoRA has no device for it.
        DataError: if the adapter to go on from cannot be read.
    """
    options = _quantised() if config.method == "qlora" else {}
    dtype = "float32" if config.method == "full" else config.dtype
    model, tokenizer = load_model(config.model, dtype, **options)
    model.config.use_cache = False
    if not torch.cuda.is_available():
        attend_by_parts(model)
    layers = model.config.num_hidden_layers
    if config.frozen_layers >= layers:
        raise UsageError(
            f"nothing left to train: {config.model} has {layers} layers, and frozen_layers is "
            f"{config.frozen_layers}; give fewer"
        )
    if config.gradient_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
        model.enable_input_require_grads()
    trained = _freeze(model, config) if config.method == "full" else _adapt(model, config)
    return trained, tokenizer


def trained_count(model: torch.nn.Module) -> int:
    """Parameters that will change."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _adapt(model: PreTrainedModel, config: SftConfig) -> Any:
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    if config.method == "qlora":
        model = prepare_model_for_kbit_training(
            model, use_gradient_checkpointing=config.gradient_checkpointing
        )
    if config.adapter is not None:
        return go_on_from(model, config.adapter, config.model, config.dropout)
    present = {name.rsplit(".", 1)[-1] for name, _ in model.named_modules()}
    absent = sorted(set(config.modules) - present)
    if absent:
        linear = {
            name.rsplit(".", 1)[-1]
            for name, module in model.named_modules()
            if isinstance(module, torch.nn.Linear)
        }
        raise UsageError(
            f"no such modules in {config.model}: {', '.join(absent)}; its linear layers are "
            f"{', '.join(sorted(linear))}"
        )
    layers = model.config.num_hidden_layers
    above = list(range(config.frozen_layers, layers)) if config.frozen_layers else None
    return get_peft_model(
        model,
        LoraConfig(
            task_type="CAUSAL_LM",
            r=config.rank,
            lora_alpha=config.alpha,  # type: ignore[arg-type]
            lora_dropout=config.dropout,
            target_modules=list(config.modules),
            layers_to_transform=above,
            use_rslora=config.method == "rslora",
            use_dora=config.method == "dora",
        ),
    )


def _freeze(model: PreTrainedModel, config: SftConfig) -> PreTrainedModel:
    """With layers frozen, what lies below them (the embeddings) is frozen as well."""
    if config.frozen_layers:
        model.get_input_embeddings().requires_grad_(False)
        decoder = model.get_decoder()
        for layer in decoder.layers[: config.frozen_layers]:
            layer.requires_grad_(False)
    return model


def _quantised() -> dict[str, Any]:
    if not torch.cuda.is_available():
        raise UsageError(
            "QLoRA needs a CUDA device: none was found; use method = 'lora', whose base may be a "
            "quantised GGUF as well"
        )
    try:
        import bitsandbytes  # noqa: F401
    except ImportError as error:
        raise MissingDependency(
            "QLoRA needs the package bitsandbytes; install it, or use method = 'lora'"
        ) from error
    from transformers import BitsAndBytesConfig

    four_bits = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    return {"quantization_config": four_bits}


def adapter_folder(run: Path) -> Path:
    """Where a run keeps what it trained."""
    return run / "adapter"
