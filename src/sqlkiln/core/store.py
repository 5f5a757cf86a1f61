"""Runs and their files: records as JSONL, a lock, and a manifest that is written last.

A run is a folder. `execute_stage` fills it:

    config.json     the resolved settings, written first
    log.txt         what the stage logged
    ...             the stage's own outputs
    manifest.json   where it all came from, written last: its presence means "complete"

A second stage may work in the same folder under a manifest name of its own; its config and log
are then named alike (`manifest-evaluate.json` -> `config-evaluate.json`, `log-evaluate.txt`).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field

from sqlkiln.core import provenance, records
from sqlkiln.core.errors import EnvironmentFault, UsageError
from sqlkiln.core.files import (
    JsonlWriter,
    enough_room,
    parse_record,
    read_jsonl,
    sha256_file,
    write_atomic,
    writing,
)
from sqlkiln.core.plugins import Stage
from sqlkiln.core.processes import is_follower
from sqlkiln.core.records import Record, Tokens

__all__ = [
    "MANIFEST",
    "JsonlWriter",
    "Manifest",
    "execute_stage",
    "find_complete",
    "read_jsonl",
    "read_manifest",
    "sha256_file",
    "stage_hash",
    "write_atomic",
]

MANIFEST = "manifest.json"
_COMPANIONS = (("config", ".json"), ("log", ".txt"))
_WAIT_S = 0.2
_log = logging.getLogger(__name__)

R = TypeVar("R", bound=Record)


class Manifest(Record):
    """What one stage did in a run folder.

    `inputs` and `outputs` map file names to sha256; an input's name starts with the folder it
    came from. `hash` identifies the run: see `stage_hash`. `git_commit` is sqlkiln's own, None
    if it is installed as a package. `seconds` counts earlier, interrupted tries too, unless they
    were killed outright. `machine` is what it was completed on; see `provenance.machine`.
    """

    schema_id: Literal["manifest/1"] = "manifest/1"
    stage: str
    hash: str
    config: dict[str, Any]
    inputs: dict[str, str]
    outputs: dict[str, str]
    counts: dict[str, Any]
    git_commit: str | None
    versions: dict[str, str]
    seed: int | None
    started_at: str
    seconds: float
    peak_memory_bytes: int | None
    machine: dict[str, str | int] = Field(default_factory=dict)
    tokens: Tokens | None = None
    cost_usd: float | None = None


class _Started(Record):
    """What `config.json` holds: enough to know an unfinished run again, and to continue it."""

    schema_id: Literal["run_config/1"] = "run_config/1"
    stage: str
    hash: str
    config: dict[str, Any]
    inputs: dict[str, str]
    started_at: str
    seconds: float = 0.0


def read_manifest(folder: Path, name: str = MANIFEST) -> Manifest | None:
    """The manifest of a complete run, or None if the run is unfinished or never began.

    Raises:
        DataError: if the file is not a manifest of this version.
    """
    return _read(folder / name, Manifest)


def _read(path: Path, record: type[R]) -> R | None:
    return parse_record(path.read_bytes(), record, str(path)) if path.exists() else None


def stage_hash(stage: Stage, config: Any, inputs: tuple[Path, ...]) -> str:
    """What identifies a run, in hex: the stage, its settings, its inputs, the record versions.

    Key order, the places of input and output folders, and the version of sqlkiln do not count.
    Of an input folder, its own hash and its outputs' bytes count; of a file that a setting of
    type `Path` names, its bytes; of a folder that such a setting names, the name, and what the
    stage's own fingerprint says of it.
    """
    return _describe(stage, config, inputs).hash


def _hash(
    stage: str, settings: dict[str, Any], inputs: list[Manifest], files: dict[str, str]
) -> str:
    identity = {
        "stage": stage,
        "config": settings,
        "inputs": [[manifest.hash, manifest.outputs] for manifest in inputs],
        "files": files,
        "records": _record_versions(),
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def _manifests(folders: tuple[Path, ...]) -> Iterator[Manifest]:
    for folder in folders:
        manifest = read_manifest(folder)
        if manifest is None:
            raise UsageError(
                f"not a complete run: {folder} has no {MANIFEST}; finish the stage that writes it"
            )
        yield manifest


def _config_files(config: Any) -> dict[str, str]:
    paths = {name: value for name, value in config if isinstance(value, Path)}
    return {name: sha256_file(path) for name, path in paths.items() if path.is_file()}


def _record_versions() -> list[str]:
    """The version of each record: of those that can be read as one, the oldest."""
    kinds = [kind for kind in vars(records).values() if isinstance(kind, type)]
    versioned = [k for k in kinds if issubclass(k, Record) and "schema_id" in k.model_fields]
    return sorted((*k.older, k.model_fields["schema_id"].default)[0] for k in versioned)


# --------------------------------------------------------------------------- runs


def find_complete(
    stage: Stage, config: Any, inputs: tuple[Path, ...], out: Path, manifest_name: str = MANIFEST
) -> Manifest | None:
    """The manifest in `out` if exactly this run is complete there, with all its outputs.

    Raises:
        UsageError: if `out` holds a run of the same stage with other settings or inputs.
    """
    return _find(_describe(stage, config, inputs), out, manifest_name)


def _find(fresh: _Started, out: Path, manifest_name: str) -> Manifest | None:
    manifest = read_manifest(out, manifest_name)
    state = out / _named(manifest_name, "config", ".json")
    held = manifest or _read(state, _Started)
    if held is not None and held.hash != fresh.hash:
        raise UsageError(
            f"the folder holds another run: {out} ({_difference(held, fresh)}); give another "
            f"output folder, or remove what {fresh.stage} left there, {state.name} and "
            f"{manifest_name} included"
        )
    if manifest is None or any(not (out / name).exists() for name in manifest.outputs):
        return None
    return manifest


def execute_stage(
    stage: Stage, config: Any, inputs: tuple[Path, ...], out: Path, manifest_name: str = MANIFEST
) -> Manifest:
    """Run `stage` into `out` and write the manifest last, or return at once if it is there.

    An unfinished run of the same hash is continued: the stage itself resumes its files. Of several
    processes only the first writes; the others return when its manifest is there.

    Raises:
        UsageError: if `out` holds another run, or another process is writing there.
        StorageFull: if there is no room; the run can be continued later.
    """
    fresh = _describe(stage, config, inputs)
    done = _find(fresh, out, manifest_name)
    if done is not None:
        return done
    if is_follower():
        return _follow(stage, config, inputs, out, lambda: _find(fresh, out, manifest_name))
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    with _locked(out), _logged(out / _named(manifest_name, "log", ".txt")):
        done = _find(fresh, out, manifest_name)
        return done or _execute(stage, config, inputs, out, fresh, manifest_name)


def _follow(
    stage: Stage,
    config: Any,
    inputs: tuple[Path, ...],
    out: Path,
    find: Callable[[], Manifest | None],
) -> Manifest:
    """Take part in what the first process runs, if it is to be shared; launchers end both."""
    if stage.distributed:
        stage.run(config, inputs, out)
    while (done := find()) is None:
        time.sleep(_WAIT_S)
    return done


def _execute(
    stage: Stage,
    config: Any,
    inputs: tuple[Path, ...],
    out: Path,
    fresh: _Started,
    manifest_name: str,
) -> Manifest:
    state = out / _named(manifest_name, "config", ".json")
    started = _read(state, _Started) or fresh
    write_atomic(state, started.model_dump_json(indent=2) + "\n")
    clock = time.monotonic()

    def seconds() -> float:
        return round(started.seconds + time.monotonic() - clock, 3)

    _log.info("%s begins in %s", stage.name, out)
    try:
        with enough_room(out):
            counts = dict(stage.run(config, inputs, out))
    except BaseException as error:
        _log.info("%s stopped: %s: %s", stage.name, type(error).__name__, error)
        unfinished = started.model_copy(update={"seconds": seconds()})
        with suppress(EnvironmentFault):
            if any(path.stat().st_size for path in _outputs(out, manifest_name).values()):
                write_atomic(state, unfinished.model_dump_json(indent=2) + "\n")
            else:  # nothing was made yet, so the next try may have other settings
                state.unlink(missing_ok=True)
        raise
    manifest = Manifest(
        **started.model_dump(exclude={"schema_id", "seconds"}),
        outputs={n: sha256_file(path) for n, path in _outputs(out, manifest_name).items()},
        git_commit=provenance.git_commit(),
        versions=provenance.versions(),
        seed=getattr(config, "seed", None),
        seconds=seconds(),
        peak_memory_bytes=provenance.peak_memory_bytes(),
        machine=provenance.machine(),
        tokens=counts.pop("tokens", None),
        cost_usd=counts.pop("cost_usd", None),
        counts=counts,
    )
    write_atomic(out / manifest_name, manifest.model_dump_json(indent=2) + "\n")
    _log.info("%s is complete after %.1f s", stage.name, manifest.seconds)
    return manifest


def _describe(stage: Stage, config: Any, inputs: tuple[Path, ...]) -> _Started:
    manifests = list(_manifests(inputs))
    hashes = {
        f"{folder.name}/{name}": digest
        for folder, manifest in zip(inputs, manifests, strict=True)
        for name, digest in manifest.outputs.items()
    }
    files = _config_files(config)
    if stage.fingerprint is not None:
        files |= stage.fingerprint(config, inputs)
    settings = config.model_dump(mode="json")
    return _Started(
        stage=stage.name,
        hash=_hash(stage.name, settings, manifests, files),
        config=settings,
        inputs=hashes | files,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _difference(held: Manifest | _Started, fresh: _Started) -> str:
    if held.stage != fresh.stage:
        return f"stage {held.stage!r}, not {fresh.stage!r}"
    keys = sorted(held.config.keys() | fresh.config.keys())
    changed = [
        f"{key} {held.config.get(key)!r}, not {fresh.config.get(key)!r}"
        for key in keys
        if held.config.get(key) != fresh.config.get(key)
    ]
    names = sorted(held.inputs.keys() | fresh.inputs.keys())
    changed += [
        f"input {n} has changed" for n in names if held.inputs.get(n) != fresh.inputs.get(n)
    ]
    return "; ".join(changed) or "its records are of other versions"


def _named(manifest_name: str, word: str, suffix: str) -> str:
    return manifest_name.replace("manifest", word).removesuffix(".json") + suffix


def _outputs(out: Path, manifest_name: str) -> dict[str, Path]:
    """What lies in `out`, less what belongs to the store or to another stage's run."""
    taken = set()
    for name in {manifest_name, *(path.name for path in out.glob("manifest*.json"))}:
        other = None if name == manifest_name else read_manifest(out, name)
        taken |= {name, *(_named(name, *companion) for companion in _COMPANIONS)}
        taken |= set(other.outputs if other else ())
    files = {path.relative_to(out): path for path in sorted(out.rglob("*")) if path.is_file()}
    return {
        name.as_posix(): path
        for name, path in files.items()
        if name.as_posix() not in taken and not any(part.startswith(".") for part in name.parts)
    }


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    logger = logging.getLogger("sqlkiln")
    with writing(path):
        file = logging.FileHandler(path, encoding="utf-8")
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    # On a full disk the run ends with one error of its own, not with one for each lost line.
    file.handleError = lambda record: None  # type: ignore[method-assign]
    level = logger.level
    logger.setLevel(min(logger.getEffectiveLevel(), logging.INFO))
    logger.addHandler(file)
    try:
        yield
    finally:
        logger.removeHandler(file)
        logger.setLevel(level)
        with suppress(OSError):
            file.close()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes out of `folder`; where the system has no `fcntl`, do nothing."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with writing(folder):
        file = (folder / ".lock").open("a+", encoding="utf-8")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise UsageError(
                f"the folder is in use: {folder} is being written by process "
                f"{file.read().strip() or 'unknown'}; wait for it or give another output folder"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
