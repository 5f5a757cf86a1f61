"""Stage `suite`: build a test suite for the databases of a dataset from its gold queries.

Reads the dataset and its databases, which are only ever read. Writes the layout that
`scoring.suite` describes: `<db_id>/<db_id>_NN.sqlite`, a suite.json for each database, and one for
all. A killed run goes on with the databases that it had not finished; the same settings and the
same databases give the same files.

    sqlkiln suite build --dataset spider --data DIR --out SUITE

Only SQLite databases get a suite; others are named and left out. See `scoring.suite_build` for
how instances are found, and `scoring.fuzz` for departures from the paper (Zhong et al. 2020).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from pydantic import Field

from sqlkiln.core.digests import file_digests
from sqlkiln.core.errors import DatabaseUnreadable, DataError
from sqlkiln.core.files import parse_record, sha256_file, write_atomic
from sqlkiln.core.fingerprint import databases_digest
from sqlkiln.core.plugins import Stage
from sqlkiln.evaluate.pool import Job, progress, run_jobs
from sqlkiln.evaluate.questions import (
    Questions,
    QuestionSource,
    by_database,
    choose,
    open_questions,
)
from sqlkiln.scoring.neighbours import MAX_NEIGHBOURS
from sqlkiln.scoring.suite import SUITE, DatabaseSuite, SuiteSummary
from sqlkiln.scoring.suite_build import BuildOptions, build_suite


class SuiteConfig(QuestionSource):
    """What to build. `limit` questions are drawn by `seed`, which also makes up the rows.

    A database gets at most `max_instances`, the best of at most `max_candidates` tried; the search
    ends earlier after `patience` in a row that tell nothing more apart. With `unseen_nulls`, NULL
    is put wherever the schema allows it, and not only into columns in which there is some already.
    `workers` databases are at work at a time.
    """

    limit: int | None = Field(None, ge=1)
    seed: int = 0
    max_neighbours: int = Field(MAX_NEIGHBOURS, ge=1)
    max_instances: int = Field(30, ge=1, le=99)
    max_candidates: int = Field(150, ge=1)
    patience: int = Field(30, ge=1)
    unseen_nulls: bool = False
    workers: int = Field(default_factory=lambda: min(4, os.cpu_count() or 1), ge=1, exclude=True)

    def options(self) -> BuildOptions:
        """What concerns one database."""
        return BuildOptions(
            seed=self.seed,
            max_neighbours=self.max_neighbours,
            max_instances=self.max_instances,
            max_candidates=self.max_candidates,
            patience=self.patience,
            unseen_nulls=self.unseen_nulls,
        )


def _golds(source: SuiteConfig) -> tuple[Questions, dict[str, list[str]]]:
    """The questions, and the different golds of each database that is there."""
    questions = open_questions(source)
    chosen = choose(questions.answerable, source.limit, source.seed)
    golds = {
        db_id: list(dict.fromkeys(e.gold_sql for e in examples if e.gold_sql))
        for db_id, examples in by_database(chosen)
    }
    return questions, {db_id: found for db_id, found in golds.items() if found}


def _job(task: Callable[[Callable[[], bool]], bool], on_database: Callable[[], None]) -> Job:
    def job(stop: Event) -> None:
        if task(stop.is_set):
            on_database()

    return job


def _build_all(
    config: SuiteConfig, paths: Mapping[str, Path], golds: Mapping[str, Sequence[str]], out: Path
) -> dict[str, str]:
    """Build what is not finished; return the databases that cannot have a suite, and why."""
    unreadable: dict[str, str] = {}

    def build(db_id: str, stopped: Callable[[], bool]) -> bool:
        """Whether there is nothing left to do for the database."""
        folder, path = out / db_id, paths[db_id]
        try:
            if _finished(folder, path):
                return True
            suite = build_suite(path, golds[db_id], folder, config.options(), stopped)
        except (DatabaseUnreadable, DataError) as error:
            unreadable[db_id] = str(error)
            return True
        return suite is not None

    with progress("suite", len(golds)) as on_database:
        jobs = [_job(partial(build, db_id), on_database) for db_id in golds]
        run_jobs(jobs, config.workers)
    return dict(sorted(unreadable.items()))


def _finished(folder: Path, database: Path) -> bool:
    """Whether `folder` holds the whole suite of `database` as it is now."""
    file = folder / SUITE
    if not file.exists():
        return False
    suite = parse_record(file.read_bytes(), DatabaseSuite, str(file))
    there = all((folder / instance.file).exists() for instance in suite.instances)
    return there and suite.database_sha256 == file_digests([database])[database]


def fingerprint(config: SuiteConfig, inputs: tuple[Path, ...]) -> Mapping[str, str]:
    """What the suite is made from."""
    questions, golds = _golds(config)
    used = {db_id: questions.paths[db_id] for db_id in golds}
    return {"questions": questions.digest, "databases": databases_digest(used)}


def run(config: SuiteConfig, inputs: tuple[Path, ...], out: Path) -> Mapping[str, Any]:
    """Build into `out`, or go on with what is there; returns counts for the manifest.

    Raises:
        DataError: if not one database can have a suite.
    """
    questions, golds = _golds(config)
    if not golds:
        raise DataError(f"no gold SQL: dataset {config.dataset} gives none to build a suite from")
    unreadable = _build_all(config, questions.paths, golds, out)
    built = [db_id for db_id in sorted(golds) if db_id not in unreadable]
    if not built:
        raise DataError(f"no suite could be built: {next(iter(unreadable.values()))}")
    files = {db_id: out / db_id / SUITE for db_id in built}
    suites = [parse_record(f.read_bytes(), DatabaseSuite, str(f)) for f in files.values()]
    counts = {
        name: sum(getattr(suite, name) for suite in suites)
        for name in ("golds", "failed_golds", "neighbours", "killed_by_database", "killed")
    }
    instances = [instance for suite in suites for instance in suite.instances]
    summary = SuiteSummary(
        dataset=config.dataset,
        split=config.split,
        questions_sha256=questions.digest,
        seed=config.seed,
        databases={db_id: sha256_file(file) for db_id, file in files.items()},
        unreadable=unreadable,
        instances=len(instances),
        bytes=sum(instance.bytes for instance in instances),
        **counts,
    )
    write_atomic(out / SUITE, summary.model_dump_json(indent=2) + "\n")
    return summary.model_dump(include={*counts, "instances", "bytes", "unreadable"}) | {
        "databases": len(files),
        "questions_sha256": questions.digest,
        "missing_databases": dict(questions.missing),
    }


STAGE = Stage("suite", SuiteConfig, run, fingerprint=fingerprint)
