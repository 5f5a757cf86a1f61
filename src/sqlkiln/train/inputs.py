"""What a run of training reads besides prepared data, so that another file makes another run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlkiln.core.digests import file_digests
from sqlkiln.core.errors import UsageError
from sqlkiln.models.adapters import find
from sqlkiln.models.catalog import MODELS
from sqlkiln.train.config import SftConfig
from sqlkiln.train.export_card import peft_folder
from sqlkiln.train.export_changes import CONFIG, WEIGHTS

READ = ("demonstrations.jsonl", "heldout.jsonl", "schemas.jsonl", "databases.json")
"""What is read of a run of `prepare`."""


def digests(config: SftConfig, inputs: tuple[Path, ...]) -> dict[str, str]:
    """Digests of the files that the settings name without being paths of them.

    Models of the catalogue have none, as their bytes are known; those on the Hub neither.

    Raises:
        ModelNotFound: if there is no adapter of that name.
        ModelCorrupt: if its file is damaged.
    """
    named: list[tuple[str, Path]] = []
    if not inputs and config.data is not None:
        named += [(f"{config.data.name}/{name}", config.data / name) for name in READ]
    if config.adapter is not None:
        named += [(f"adapter/{path.name}", path) for path in _of_adapter(config.adapter)]
    if config.model not in MODELS:
        place = Path(config.model).expanduser()
        named += [(f"base/{path.name}", path) for path in _of_model(place)]
    there = {label: path for label, path in named if path.is_file()}
    found = file_digests(there.values())
    return {label: found[path] for label, path in there.items()}


def _of_adapter(adapter: Path) -> Iterator[Path]:
    if adapter.is_file():
        return  # a setting that is the path of a file tells of its bytes already
    if not adapter.is_dir():
        yield find(str(adapter))
        return
    try:
        folder = peft_folder(adapter)
    except UsageError:
        return  # going on from it will say what is wrong
    yield from (folder / CONFIG, folder / WEIGHTS)


def _of_model(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    elif place.is_dir():
        yield from sorted((*place.glob("config.json"), *place.glob("*.safetensors")))
