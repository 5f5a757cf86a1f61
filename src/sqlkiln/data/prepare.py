"""Stage `prepare`: questions with gold SQL, made ready to train on.

Reads datasets and their databases. Writes

    demonstrations.jsonl  what to train on (records `Demonstration`)
    heldout.jsonl         the questions over databases that are held out of training
    schemas.jsonl         the schema of each database (`DatabaseSchema`), by its key
    databases.json        the file of each database, by its key, where there is one
    rejected.jsonl        what was left out, and why (`Rejected`)

It does not write prompts: how a demonstration is shown is up to training.

    sqlkiln data prepare --source spider --data SPIDER_DIR --heldout 6 --out RUN

Rows that come again are removed, within a source and across sources; rows that an evaluation set
knows end the run, or are left out if so asked; golds are run where there is a database, and those
that fail are left out. Of a database that is missing, the schema may be known nevertheless
(Spider's tables.json): such golds are kept as they are, and counted as `unchecked`. What is held
out of training under one name is not in it under another.
"""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sqlkiln.core.errors import DataError
from sqlkiln.core.files import write_atomic
from sqlkiln.core.fingerprint import databases_digest, questions_digest
from sqlkiln.core.plugins import Limits, Stage
from sqlkiln.core.records import BUCKETS, Demonstration, Record
from sqlkiln.core.store import JsonlWriter
from sqlkiln.data.blend import Blend, Row, Source, draw, gather, lot, times_shown
from sqlkiln.data.canonical import Aliases
from sqlkiln.data.curriculum import bucket
from sqlkiln.data.golds import DatabaseCheck, Style, check_golds, is_bare
from sqlkiln.data.leaks import EVALUATION_SETS, EvaluationQuestions, QuestionsSpec, evaluation_sets
from sqlkiln.data.selection import (
    Rejected,
    Selection,
    drop_failures,
    drop_leaks,
    without_repeats,
    without_restyled_repeats,
)

DEMONSTRATIONS = "demonstrations.jsonl"
HELDOUT = "heldout.jsonl"
SCHEMAS = "schemas.jsonl"
DATABASES = "databases.json"
REJECTED = "rejected.jsonl"

_log = logging.getLogger(__name__)


class PrepareConfig(BaseModel):
    """What to train on.

    `data` is a folder with a folder for each dataset, or that of the only one. The evaluation sets
    that lie there are looked for leaks from, and those in `against` ([DATASET:]SPLIT[@DIR]).
    `heldout` databases are drawn by `seed` from those that have rows, besides those that
    `heldout_databases` names by key. With `duplicates` "count", a row that comes again is shown
    once more instead of being removed. `style` "canonical" writes golds in one way wherever that
    returns the same, with tables called by their `aliases` or "names".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: tuple[Source, ...] = Field((Source(),), min_length=1)
    data: Path | None = None
    against: tuple[str, ...] = ()
    leaks: Literal["fail", "drop"] = "fail"
    duplicates: Literal["drop", "count"] = "drop"
    empty_results: Literal["keep", "drop"] = "keep"
    heldout: int = Field(0, ge=0)
    heldout_databases: tuple[str, ...] = ()
    style: Literal["as_is", "canonical"] = "as_is"
    aliases: Aliases = "keep"
    seed: int = 0
    timeout_s: float = Field(10.0, gt=0)
    workers: int = Field(default_factory=lambda: min(4, os.cpu_count() or 1), ge=1, exclude=True)


# --------------------------------------------------------------------------- choosing rows


def _gather(config: PrepareConfig) -> Blend:
    if config.data is not None and not config.data.is_dir():
        raise DataError(f"no such folder: {config.data}; check --data")
    return gather(config.sources, config.data)


def _evaluation(config: PrepareConfig) -> EvaluationQuestions:
    folders = [(s.dataset, folder) for s in config.sources if (folder := s.folder(config.data))]
    if config.data is not None:
        folders += [(name, config.data / name) for name in EVALUATION_SETS]
        folders.append(("spider", config.data))
    first = config.sources[0].dataset
    near = {s.dataset: s.folder(config.data) for s in reversed(config.sources)}
    named = []
    for spec in (QuestionsSpec.parse(text, first) for text in config.against):
        place = near.get(spec.dataset, Source(dataset=spec.dataset).folder(config.data))
        named.append(replace(spec, data=spec.data or place))
    return EvaluationQuestions(evaluation_sets(folders, named))


def _check(config: PrepareConfig, blend: Blend, rows: Sequence[Row]) -> dict[str, DatabaseCheck]:
    """Run the golds of `rows`, database by database; missing ones are described if possible."""
    golds: dict[str, list[str]] = {}
    for row in rows:
        golds.setdefault(row.key, []).append(row.example.gold_sql or "")
    limits = Limits(timeout_s=config.timeout_s)
    style = Style(config.style == "canonical", config.aliases)

    def check(key: str) -> DatabaseCheck:
        path = blend.paths[key]
        if path is None:
            return DatabaseCheck(blend.described(key))
        found = check_golds(path, golds[key], style, limits)
        _log.info("%s: %d golds run", key, len(found.golds))
        return found

    with ThreadPoolExecutor(config.workers) as pool:
        return dict(zip(golds, pool.map(check, golds), strict=True))


def _held_out(
    config: PrepareConfig, rows: Sequence[Row], checks: Mapping[str, DatabaseCheck]
) -> set[str]:
    """The keys of the databases to keep out of training.

    Raises:
        DataError: if one that is named is not there, or there are not enough.
    """
    keys = {row.key for row in rows}
    unknown = [key for key in config.heldout_databases if key not in keys]
    if unknown:
        raise DataError(
            f"no such database to hold out: {', '.join(unknown)}; name one as in "
            f"{min(keys, default='spider/concert_singer')!r}"
        )
    named = set(config.heldout_databases)
    full = {
        key
        for key in keys - named
        if checks[key].golds and (schema := checks[key].schema) and not is_bare(schema)
    }
    if config.heldout > len(full):
        raise DataError(
            f"cannot hold out {config.heldout} databases: {len(full)} have rows; hold out fewer"
        )
    ranked = sorted(full, key=lambda key: lot(config.seed, f"heldout {key}"))
    return named | set(ranked[: config.heldout])


# --------------------------------------------------------------------------- writing


def _demonstration(row: Row, sql: str, name: str, repeat: int, dialect: str) -> Demonstration:
    return Demonstration(
        id=row.id,
        db_id=row.key,
        question=row.example.question,
        evidence=row.example.evidence,
        gold_sql=sql,
        dialect=dialect,
        dataset=row.example.dataset,
        split=row.example.split,
        bucket=name,
        repeat=repeat,
    )


@dataclass
class _Data:
    """What there is to train on, and what is held out of it; `labels` are sources by row id."""

    taught: list[Demonstration] = field(default_factory=list)
    heldout: list[Demonstration] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)


def _demonstrate(
    config: PrepareConfig,
    selection: Selection,
    buckets: Mapping[str, str],
    checks: Mapping[str, DatabaseCheck],
) -> _Data:
    """Make demonstrations of all rows that can be shown.

    What another source asks as a held-out database does, whatever it calls that, is not shown.
    """
    golds = drop_failures(selection, checks, config.empty_results == "drop")
    without_restyled_repeats(selection, golds, config.duplicates == "count")
    held = _held_out(config, selection.rows, checks)
    asked = EvaluationQuestions({"held out": [r.example for r in selection.rows if r.key in held]})
    data = _Data()
    for row in selection.rows:
        schema, name = checks[row.key].schema, buckets[row.id]
        times = times_shown(row, name, config.seed) * selection.seen[row.id]
        dialect = schema.dialect if schema else "sqlite"
        sql = golds[row.id].sql
        if row.key in held:
            data.heldout.append(_demonstration(row, sql, name, 1, dialect))
        elif twin := asked.find(row.example):
            selection.reject(row, "held_out", f"{twin.how} as {twin.id}, which is held out")
        elif times:
            data.taught.append(_demonstration(row, sql, name, times, dialect))
        else:
            selection.reject(row, "not_shown", f"the weight of the bucket {name} left it out")
        data.labels[row.id] = row.label
    selection.restyled = sum(golds[row.id].restyled for row in selection.rows)
    return data


def _write(path: Path, records: Iterable[Record]) -> None:
    with JsonlWriter(path) as writer:
        for record in records:
            writer.write(record)


def _write_all(
    out: Path,
    data: _Data,
    blend: Blend,
    checks: Mapping[str, DatabaseCheck],
    rejected: list[Rejected],
) -> None:
    keys = sorted({one.db_id for one in (*data.taught, *data.heldout)})
    schemas = [schema for key in keys if (schema := checks[key].schema) is not None]
    _write(
        out / SCHEMAS,
        (s.model_copy(update={"db_id": k}) for k, s in zip(keys, schemas, strict=True)),
    )
    paths = {key: str(path.resolve()) for key in keys if (path := blend.paths[key]) is not None}
    write_atomic(out / DATABASES, json.dumps(paths, indent=1) + "\n")
    _write(out / REJECTED, rejected)
    _write(out / HELDOUT, data.heldout)
    _write(out / DEMONSTRATIONS, data.taught)


# --------------------------------------------------------------------------- counting


def _tally(demonstrations: Sequence[Demonstration], names: Mapping[str, str]) -> dict[str, Any]:
    """Rows and presentations by the name that each row has in `names`, by its id."""
    rows, shown = Counter[str](), Counter[str]()
    for one in demonstrations:
        rows[names[one.id]] += 1
        shown[names[one.id]] += one.repeat
    return {name: {"rows": rows[name], "presentations": shown[name]} for name in rows}


def _counts(
    blend: Blend, selection: Selection, data: _Data, known: EvaluationQuestions
) -> dict[str, Any]:
    read = Counter(row.label for row in blend.rows)
    rejected: dict[str, Counter[str]] = {}
    for one in selection.rejected:
        rejected.setdefault(one.source, Counter())[one.reason] += 1
    kept = _tally(data.taught, data.labels)
    held = Counter(data.labels[one.id] for one in data.heldout)
    nothing = {"rows": 0, "presentations": 0}
    by_bucket = _tally(data.taught, {one.id: one.bucket for one in data.taught})
    return {
        "read": len(blend.rows),
        "demonstrations": len(data.taught),
        "presentations": sum(one.repeat for one in data.taught),
        "heldout": len(data.heldout),
        "databases": len({one.db_id for one in data.taught}),
        "heldout_databases": sorted({one.db_id for one in data.heldout}),
        "buckets": {name: by_bucket[name] for name in BUCKETS if name in by_bucket},
        "sources": {
            label: {
                "read": read[label],
                **kept.get(label, nothing),
                "heldout": held[label],
                "rejected": dict(rejected.get(label, {})),
            }
            for label in read
        },
        "rejected": dict(Counter(one.reason for one in selection.rejected)),
        "checked_against": known.sizes,
        "not_checked_against": known.missing,
        "leaks": dict(selection.leaks),
        "restyled": selection.restyled,
        "unchecked": selection.unchecked,
    }


def _fingerprint(config: PrepareConfig, inputs: tuple[Path, ...]) -> Mapping[str, str]:
    blend = _gather(config)
    paths = {key: path for key, path in blend.paths.items() if path is not None}
    return {
        "source questions": questions_digest(row.example for row in blend.rows),
        "source databases": databases_digest(paths),
        "evaluation questions": _evaluation(config).digest,
    }


def run(config: PrepareConfig, inputs: tuple[Path, ...], out: Path) -> Mapping[str, Any]:
    """Write the training data into `out`; returns counts for the manifest.

    Raises:
        DataError: if evaluation rows are among the training rows, or nothing is left.
        UsageError: if a source cannot be opened.
    """
    blend = _gather(config)
    known = _evaluation(config)
    if missing := known.missing:
        _log.info("not looked at, as they are not at hand: %s", ", ".join(missing))
    counting = config.duplicates == "count"
    selection = without_repeats(blend.rows, counting, config.heldout_databases)
    drop_leaks(selection, known, config.leaks == "drop")
    buckets = {row.id: bucket(row.example.gold_sql or "") for row in selection.rows}
    selection.rows = draw(selection.rows, lambda row: buckets[row.id], config.seed)
    checks = _check(config, blend, selection.rows)
    data = _demonstrate(config, selection, buckets, checks)
    if not data.taught:
        reasons = Counter(one.reason for one in selection.rejected)
        told = ", ".join(f"{reason} ({count})" for reason, count in reasons.items()) or "no rows"
        first = next(iter(selection.rejected), None)
        example = f", first {first.id}: {first.detail}" if first else ""
        raise DataError(f"nothing to train on: left out for {told}{example}; change the sources")
    _write_all(out, data, blend, checks, selection.rejected)
    return _counts(blend, selection, data, known)


STAGE = Stage("prepare", PrepareConfig, run, fingerprint=_fingerprint)
