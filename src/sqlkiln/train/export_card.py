"""What the folder of a training run tells about the adapter in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlkiln.core.errors import UsageError
from sqlkiln.core.files import sha256_file
from sqlkiln.core.store import Manifest, read_manifest
from sqlkiln.models.adapters import Card
from sqlkiln.models.catalog import MODELS
from sqlkiln.prompt.about import check_topic
from sqlkiln.prompt.render import check_form
from sqlkiln.train.export_changes import CONFIG, read_config


def peft_folder(folder: Path) -> Path:
    """Where the adapter lies: `folder` itself, or 'adapter' in the run of training that it is.

    Raises:
        UsageError: if there is none.
    """
    for place in (folder, folder / "adapter"):
        if (place / CONFIG).is_file():
            return place
    raise UsageError(
        f"no adapter to export: {folder} has no {CONFIG}; give a run of `sqlkiln train` with "
        "another method than full, or a folder that PEFT saved"
    )


def full_folder(folder: Path) -> Path | None:
    """Where all weights lie that training by method `full` wrote; None if it is no such run."""
    for place in (folder, folder / "adapter"):
        if (place / "config.json").is_file() and any(place.glob("*.safetensors")):
            return None if (place / CONFIG).is_file() else place
    return None


def card_of_full(folder: Path, name: str, model: str) -> Card:
    """The card of the weights in `folder`, a run of method `full`, as a model like `model`.

    Raises:
        DataError: if the run is damaged.
    """
    run = folder if (folder / "adapter").is_dir() else folder.parent
    manifest = read_manifest(run)
    told: dict[str, Any] = {"created": datetime.now(UTC).date().isoformat()}
    if manifest is not None and manifest.stage == "sft":
        told |= _of_run(run, manifest)
    return Card(**told | {"name": name, "model": model, "method": "full"})


def card_of(folder: Path, name: str, **known: Any) -> Card:
    """The card of the adapter in `folder`, a run or what PEFT saved; `known` fields win.

    Raises:
        UsageError: if there is no adapter, nothing tells its base, no prompt is of its form, or
            nobody would ask what it is about.
        DataError: if the adapter is damaged.
    """
    place = peft_folder(folder)
    run = place.parent if place != folder else folder.parent
    manifest = read_manifest(run)
    told: dict[str, Any] = {"name": name, "created": datetime.now(UTC).date().isoformat()}
    if manifest is not None and manifest.stage == "sft":
        told |= _of_run(run, manifest)
    else:
        told["model"] = read_config(place).get("base_model_name_or_path")
    told |= {key: value for key, value in known.items() if value is not None}
    if not told.get("model"):
        raise UsageError(f"nothing tells the base of the adapter in {folder}; give --model")
    card = Card(**told | {"model_sha256": _sha256_of(str(told["model"]))})
    check_form(card.target, card.schema_style)
    check_topic(card.about, card.second_to)
    return card


def _of_run(run: Path, manifest: Manifest) -> dict[str, Any]:
    config = manifest.config
    told = {key: config[key] for key in ("model", "target", "schema_style", "seed")}
    is_recipe = run.name.startswith(f"{manifest.stage}-")
    return told | {
        "recipe": f"{run.parent.name}.toml" if is_recipe else "",
        "examples": int(manifest.counts.get("examples", 0)),
        "data": _data(run, manifest),
        "created": manifest.started_at[:10],
    }


def _data(run: Path, manifest: Manifest) -> str:
    """The datasets that were prepared, as far as their run is still there."""
    names = {name.partition("/")[0] for name in manifest.inputs if "/" in name}
    places = [run.parent / name for name in names]
    if manifest.config.get("data"):
        places.append(Path(manifest.config["data"]))
    for place in places:
        prepared = read_manifest(place)
        if prepared is not None and prepared.stage == "prepare":
            return ", ".join(map(_source, prepared.config["sources"]))
    return ""


def _source(source: Mapping[str, Any]) -> str:
    return f"{source['dataset']} {source.get('split') or ''}".strip()


def _sha256_of(model: str) -> str:
    if model in MODELS:
        return MODELS[model].sha256
    path = Path(model).expanduser()
    return sha256_file(path) if path.is_file() else ""
