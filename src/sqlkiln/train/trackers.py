"""Trackers that are told how a run goes, besides `loss.jsonl`: TensorBoard, Weights & Biases.

TensorBoard's files lie in RUN/tensorboard, or where TENSORBOARD_LOGGING_DIR says.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from sqlkiln.core.errors import MissingDependency

_PLACE = "TENSORBOARD_LOGGING_DIR"


def require_trackers(names: Sequence[str]) -> None:
    """Look for the packages of trackers.

    Raises:
        MissingDependency: if one is not installed.
    """
    for name in names:
        if find_spec(name) is None:
            raise MissingDependency(
                f"cannot report to {name}: no module named {name!r}; install it (pip install "
                f"{name}), or leave it out of report_to"
            )


@contextmanager
def reporting_into(run: Path) -> Iterator[None]:
    """What transformers sets up meanwhile writes into `run`, if the user names no other place."""
    named = _PLACE in os.environ
    os.environ.setdefault(_PLACE, str(run / "tensorboard"))
    try:
        yield
    finally:
        if not named:
            del os.environ[_PLACE]
