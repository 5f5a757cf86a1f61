"""What may go wrong while weights are trained and saved, told so that one knows what to do."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError

from sqlkiln.core.errors import BackendError, StorageFull

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_TORCH_CANNOT_WRITE = ("PytorchStreamWriter failed", "inline_container.cc")
_NO_MEMORY = "can't allocate memory"


@contextmanager
def clear_errors(out: Path) -> Iterator[None]:
    """Turn a full disk and a lack of memory into errors of ours; others pass.

    Raises:
        StorageFull: if something in `out` could not be written; earlier checkpoints are whole.
        BackendError: if memory was short.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise _out_of_memory(error) from error
    except (OSError, RuntimeError, SafetensorError) as error:
        if _is_full(error):
            raise StorageFull(
                f"the disk is full: {out} has no room for what training writes; free some space "
                "and run it again: it goes on from its last checkpoint"
            ) from error
        if isinstance(error, RuntimeError) and _NO_MEMORY in str(error):
            raise _out_of_memory(error) from error
        raise


def _is_full(error: Exception) -> bool:
    """Whether there was no room; `safetensors` tells so in words, and `torch` does not tell."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    if isinstance(error, SafetensorError):
        code = re.search(r"os error (\d+)", str(error))
        return code is not None and int(code[1]) in _FULL
    return any(sign in str(error) for sign in _TORCH_CANNOT_WRITE)


def _out_of_memory(error: Exception) -> BackendError:
    return BackendError(
        f"out of memory while training: {str(error).splitlines()[0]}; lower tokens, set "
        "gradient_checkpointing, and run it again: it goes on from its last checkpoint"
    )
