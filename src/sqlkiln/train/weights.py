"""Load a base to train on: a catalogue model, a GGUF file, a local folder, or a name on the Hub.

Weights of a GGUF are dequantised once, to bfloat16, and kept in the user's cache, so that training
sees just what inference runs: an adapter is learnt on top of the rounded weights that it will meet.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from sqlkiln.core.cache import cache_folder
from sqlkiln.core.errors import (
    MissingDependency,
    ModelCorrupt,
    ModelNotFound,
    StorageFull,
)
from sqlkiln.core.files import sha256_file
from sqlkiln.models.catalog import MODELS, resolve

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

COMPLETE = "config.json"
"""Written last into a folder of dequantised weights."""


def load_model(
    spec: str, dtype: str = "bfloat16", **options: Any
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load the model that `spec` names, and its tokenizer.

    `options` go to `AutoModelForCausalLM.from_pretrained` (attention, quantisation, devices).

    Raises:
        ModelNotFound: if there is no such model.
        ModelCorrupt: if its files cannot be read.
        MissingDependency: if transformers is not installed.
        StorageFull: if there is no room for dequantised weights.
    """
    transformers = _import_transformers()
    source = str(local_weights(spec))
    with _told(spec, source):
        tokenizer = transformers.AutoTokenizer.from_pretrained(source)
        model = transformers.AutoModelForCausalLM.from_pretrained(source, dtype=dtype, **options)
    return model, tokenizer


def load_shape(spec: str) -> PreTrainedModel:
    """The model that `spec` names, less its weights: they have shapes, and take no memory.

    Raises:
        ModelNotFound, ModelCorrupt, MissingDependency, StorageFull: as `load_model`.
    """
    transformers = _import_transformers()
    import torch

    source = str(local_weights(spec))
    with _told(spec, source), torch.device("meta"):
        config = transformers.AutoConfig.from_pretrained(source)
        shape: PreTrainedModel = transformers.AutoModelForCausalLM.from_config(config)
    return shape


@contextmanager
def _told(spec: str, source: str) -> Iterator[None]:
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        kind = ModelCorrupt if Path(source).exists() else ModelNotFound
        raise kind(
            f"cannot load the base {spec}: {reason}; give a catalogue name, a GGUF file, a folder "
            "of transformers weights, or a name on the Hugging Face Hub"
        ) from error


def local_weights(spec: str) -> Path | str:
    """The folder of weights that `spec` stands for, or `spec` itself where it names a Hub model."""
    if spec in MODELS or spec.endswith(".gguf"):
        return dequantised(resolve(spec))
    return Path(spec) if Path(spec).is_dir() else spec


def dequantised(gguf: Path) -> Path:
    """The folder with the weights of `gguf` in bfloat16, made at the first call.

    Raises:
        ModelCorrupt: if transformers cannot read the file.
        StorageFull: if there is no room.
    """
    folder = cache_folder("bases") / f"{gguf.stem}-{sha256_file(gguf)[:12]}"
    if (folder / COMPLETE).exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _dequantise(gguf, partial)
        if folder.exists():
            rmtree(folder)
        os.replace(partial, folder)
    except OSError as error:
        raise StorageFull(
            f"cannot keep the weights of {gguf.name} in {folder.parent}: {error}; free some space"
        ) from error
    finally:
        rmtree(partial, ignore_errors=True)
    return folder


def _dequantise(gguf: Path, folder: Path) -> None:
    transformers = _import_transformers()
    plain = transformers.GgufConfig(dequantize=True)
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        model = transformers.AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, quantization_config=plain, dtype="bfloat16"
        )
    except (ValueError, KeyError, RuntimeError) as error:
        raise ModelCorrupt(
            f"cannot read the weights of {gguf}: {error}; transformers does not know this GGUF, so "
            "train from the model's folder or Hub name instead"
        ) from error
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _import_transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise MissingDependency(
            f"cannot train: no module named {error.name!r}; install sqlkiln[train]"
        ) from error
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return transformers
