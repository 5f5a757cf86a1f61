"""Test-suite accuracy: a prediction must be right on the database and on every made-up instance.

Zhong, Yu and Klein 2020 (arXiv 2010.02840). A suite is a folder that `scoring.suite_build` fills:

    suite.json                    what it was built from, and the sha256 of the files below
    <db_id>/suite.json            the instances of one database and how they were found
    <db_id>/<db_id>_NN.sqlite     an instance

All instances of a database serve every question about it. The official suites, which are laid out
alike but have no suite.json, can be used too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Literal, Self

from sqlkiln.core import plugins
from sqlkiln.core.errors import DataError
from sqlkiln.core.files import parse_record, sha256_file
from sqlkiln.core.plugins import Database, Limits, Metric
from sqlkiln.core.records import Example, Record, Verdict
from sqlkiln.scoring.results import RememberingDatabase
from sqlkiln.scoring.verdicts import NO_SUITE, UNSCORED, make_verdict

SUITE = "suite.json"


class Instance(Record):
    """One made-up database of a suite; it told `killed` neighbours from their golds."""

    file: str
    sha256: str
    bytes: int
    rows: int
    killed: int


class DatabaseSuite(Record):
    """The suite of one database.

    Of `golds` queries, those that do not fail there, `neighbours` were run. The database itself
    told `killed_by_database` of them apart, with the instances it is `killed`. Many of the rest
    cannot be told apart by any content that the schema allows, as they mean the same.
    """

    schema_id: Literal["database_suite/1"] = "database_suite/1"
    db_id: str
    database_sha256: str
    seed: int
    golds: int
    failed_golds: int
    neighbours: int
    killed_by_database: int
    killed: int
    instances: tuple[Instance, ...]


class SuiteSummary(Record):
    """A whole suite: what it was built from, and its sums.

    `databases` maps each db_id to the sha256 of its own suite.json, so that the sha256 of this
    file stands for every byte of the suite. `unreadable` says which databases have none, and why.
    """

    schema_id: Literal["suite/1"] = "suite/1"
    dataset: str
    split: str
    questions_sha256: str
    seed: int
    databases: dict[str, str]
    unreadable: dict[str, str]
    golds: int
    failed_golds: int
    neighbours: int
    killed_by_database: int
    killed: int
    instances: int
    bytes: int


class Suite:
    """A suite on disk; `open` finds it."""

    def __init__(self, folder: Path, summary: SuiteSummary | None) -> None:
        self.folder = folder
        self.summary = summary
        self._files = lru_cache(maxsize=None)(self._find)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a folder with a suite, or the suite.json in it.

        Raises:
            DataError: if there is none, or its building is not finished.
        """
        folder = path.parent if path.name == SUITE else path
        file = folder / SUITE
        if file.exists():
            return cls(folder, parse_record(file.read_bytes(), SuiteSummary, str(file)))
        if (folder / "config.json").exists():
            raise DataError(
                f"unfinished suite: {folder} has no {SUITE} yet; give the command that builds it "
                "once more, it goes on where it was"
            )
        if not any(folder.glob("*/*.sqlite")):
            raise DataError(
                f"no suite: {folder} holds neither {SUITE} nor <db_id>/*.sqlite; build one with "
                "`sqlkiln suite build`"
            )
        return cls(folder, None)

    def instances(self, db_id: str, database: Path) -> tuple[Path, ...] | None:
        """The instances for `database`; None if the suite does not know it. Checked once.

        Raises:
            DataError: if an instance is missing or changed, or was made for another database.
        """
        return self._files(db_id, database)

    def _find(self, db_id: str, database: Path) -> tuple[Path, ...] | None:
        folder = self.folder / db_id
        if self.summary is None:
            return tuple(sorted(folder.glob("*.sqlite"))) or None
        if db_id not in self.summary.databases:
            return None
        file = folder / SUITE
        self._check(file, self.summary.databases[db_id])
        suite = parse_record(file.read_bytes(), DatabaseSuite, str(file))
        if suite.database_sha256 != sha256_file(database):
            raise DataError(
                f"suite of another database: {folder} was built for a {db_id} with other content "
                f"than {database}; build the suite again"
            )
        for instance in suite.instances:
            self._check(folder / instance.file, instance.sha256)
        return tuple(folder / instance.file for instance in suite.instances)

    def _check(self, file: Path, sha256: str) -> None:
        if not file.exists():
            raise DataError(f"suite incomplete: {file} is missing; build the suite again")
        if sha256_file(file) != sha256:
            raise DataError(
                f"suite changed: {file} is not the file that was built; build the suite again"
            )


def suite_score(
    example: Example, predicted_sql: str, databases: Iterable[Database], metric: Metric
) -> Verdict:
    """Score on each of `databases`, the original first, up to the first that is wrong.

    An instance on which the gold fails is passed over. The verdict is the one on the database
    where the prediction is wrong, or on the original, and says how far it got.
    """
    right: Verdict | None = None
    passed = skipped = 0
    for database in databases:
        verdict = metric.score(example, predicted_sql, database)
        unscored = bool(UNSCORED & set(verdict.flags))
        if right is None and (unscored or verdict.score < 1):
            return verdict
        if right is not None and unscored:
            skipped += 1
        elif verdict.score < 1:
            where = {"instance": database.path.name, "instances_passed": passed}
            reason = f"right on the database, wrong on {database.path.name}: {verdict.reason}"
            details = verdict.details | where
            return verdict.model_copy(update={"reason": reason, "details": details})
        else:
            passed += right is not None
            right = right or verdict
    if right is None:
        raise ValueError("no databases to score on; give the original at least")
    flags = (*right.flags, "gold_failed_on_instance") if skipped else right.flags
    reason = f"right on the database and on {passed} instances"
    details = right.details | {"instances_passed": passed}
    return right.model_copy(update={"reason": reason, "flags": flags, "details": details})


class Instances:
    """The instances of one database at a time, opened as they are asked for.

    Metrics that are used by one thread can share them.
    """

    def __init__(self, suite: Suite, limits: Limits | None = None) -> None:
        self._suite = suite
        self._limits = limits or Limits()
        self._of: Path | None = None
        self._opened: dict[Path, Database] = {}

    def of(self, db_id: str, database: Database) -> Iterator[Database] | None:
        """The instances of `database`, in order; None if the suite does not know it.

        Raises:
            DataError: as `Suite.instances`.
        """
        files = self._suite.instances(db_id, database.path)
        if self._of != database.path:
            self.close()
            self._of = database.path
        return None if files is None else map(self._open, files)

    def _open(self, file: Path) -> Database:
        if file not in self._opened:
            database = plugins.open_database(file, self._limits)
            self._opened[file] = RememberingDatabase(database)
        return self._opened[file]

    def close(self) -> None:
        """Close what is open; calling it twice is fine."""
        for database in self._opened.values():
            database.close()
        self._opened.clear()


class TestSuiteAccuracy:
    """Right only if `metric` finds the prediction right on the database and all its instances.

    Its name is that of `metric` with `suite` for `execution`: `suite.strict`, `suite.spider`.
    """

    def __init__(self, metric: Metric, instances: Instances) -> None:
        self.name = metric.name.replace("execution", "suite")
        self._metric = metric
        self._instances = instances

    def score(self, example: Example, predicted_sql: str, database: Database) -> Verdict:
        """Score on the database and its instances; flagged `no_suite` if there are none for it.

        Raises:
            DataError: if the suite is not what was built for this database.
        """
        others = self._instances.of(example.db_id, database)
        if others is None:
            reason = f"the suite has nothing for database {example.db_id}"
            return make_verdict(self.name, example, 0.0, reason, (NO_SUITE,))
        verdict = suite_score(example, predicted_sql, chain([database], others), self._metric)
        return verdict.model_copy(update={"metric": self.name})
