"""Build the test suite of one database: made-up instances that tell golds from their neighbours.

Zhong, Yu and Klein 2020 (arXiv 2010.02840). Neighbours that the database itself tells apart need
no instance. The others are tried on one made-up instance after the other, each drawn for the gold
that has most of them left; an instance that tells none of them apart is thrown away. Apart means:
wrong by strict execution accuracy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from sqlkiln.core import plugins
from sqlkiln.core.errors import QueryError
from sqlkiln.core.files import sha256_file, write_atomic
from sqlkiln.core.plugins import Database, Limits, QueryResult
from sqlkiln.core.records import DatabaseSchema, Example
from sqlkiln.scoring.fuzz import Fuzz, fuzz
from sqlkiln.scoring.mentions import Mentions, read_mentions
from sqlkiln.scoring.metrics import ExecutionAccuracy
from sqlkiln.scoring.neighbours import MAX_NEIGHBOURS, neighbours
from sqlkiln.scoring.profile import DatabaseProfile, read_profile
from sqlkiln.scoring.suite import SUITE, DatabaseSuite, Instance
from sqlkiln.sql.compare import compare
from sqlkiln.sql.database_build import create_sqlite

LIMITS = Limits(timeout_s=2.0, max_rows=20_000)
"""For one statement; what exceeds them is left out. So a very slow machine may build another suite
from the same seed."""


@dataclass(frozen=True)
class BuildOptions:
    """How much to build. A database gets at most `max_instances`, of `max_candidates` tried.

    The search ends when `patience` candidates in a row have told nothing more apart. For
    `unseen_nulls` see `scoring.fuzz`.
    """

    seed: int = 0
    max_neighbours: int = MAX_NEIGHBOURS
    max_instances: int = 30
    max_candidates: int = 150
    patience: int = 30
    unseen_nulls: bool = False


class Apart:
    """Tells, on one database, whether a statement's result is not one that `gold_sql` may give.

    `gold` is the gold's own result, None if it fails or is too long.
    """

    def __init__(self, database: Database, gold_sql: str) -> None:
        self._database = database
        self._example = Example(id="", db_id=database.db_id, question="", gold_sql=gold_sql)
        self._limited = "limit" in gold_sql.lower()
        self.gold = self._run(gold_sql)

    def _run(self, sql: str) -> QueryResult | None:
        try:
            result = self._database.execute(sql)
        except QueryError:
            return None
        return None if result.truncated else result

    def tells(self, sql: str) -> bool | None:
        """Whether the results differ; None if either is not to be had."""
        gold, other = self.gold, self._run(sql)
        if gold is None or other is None:
            return None
        if len(gold.columns) == len(other.columns) and gold.rows == other.rows:
            return False
        if not self._limited and not compare(gold, other).equal:
            return True
        # Order, and ties that a LIMIT cuts, are for the metric itself to judge.
        return ExecutionAccuracy().score(self._example, sql, self._database).score < 1


@dataclass
class _Gold:
    """A gold and what it mentions; `alive` are the neighbours that nothing has told from it yet."""

    sql: str
    mentions: Mentions
    alive: list[str] = field(default_factory=list)
    focused: int = 0

    def kill(self, database: Database) -> int:
        """Strike off the neighbours that `database` tells apart; how many they are."""
        apart = Apart(database, self.sql)
        before = len(self.alive)
        self.alive = [sql for sql in self.alive if not apart.tells(sql)]
        return before - len(self.alive)


@dataclass
class _Search:
    """The search for instances of one database."""

    profile: DatabaseProfile
    golds: Sequence[_Gold]
    mentions: Mentions
    out: Path
    options: BuildOptions
    kept: list[Instance] = field(default_factory=list)

    def run(self, stopped: Callable[[], bool]) -> bool:
        """Fill `out` and `kept`; whether it came to its end."""
        self.out.mkdir(parents=True, exist_ok=True)
        for left in self.out.glob(f"{self.profile.db_id}_[0-9][0-9].sqlite"):
            left.unlink()
        draft = self.out / f".{self.profile.db_id}.draft.sqlite"
        idle = 0
        for number in range(self.options.max_candidates):
            waiting = [gold for gold in self.golds if gold.alive]
            full = len(self.kept) == self.options.max_instances
            if not waiting or full or idle == self.options.patience or stopped():
                break
            idle = 0 if self._try(number, waiting, draft) else idle + 1
        draft.unlink(missing_ok=True)
        return not stopped()

    def _try(self, number: int, waiting: Sequence[_Gold], draft: Path) -> int:
        """Make one candidate and keep it if it tells anything apart; how many it does."""
        focus = max(waiting, key=lambda gold: (len(gold.alive) / (1 + gold.focused), gold.sql))
        focus.focused += 1
        rows = fuzz(
            Fuzz(
                profile=self.profile,
                mentions=self.mentions,
                focus=focus.mentions,
                number=number,
                seed=self.options.seed,
                unseen_nulls=self.options.unseen_nulls,
            )
        )
        create_sqlite(draft, self.profile.ddl(), rows)
        with closing(plugins.open_database(draft, LIMITS)) as database:
            killed = sum(gold.kill(database) for gold in waiting)
        if killed:
            path = self.out / f"{self.profile.db_id}_{len(self.kept) + 1:02}.sqlite"
            draft.replace(path)
            instance = Instance(
                file=path.name,
                sha256=sha256_file(path),
                bytes=path.stat().st_size,
                rows=sum(map(len, rows.values())),
                killed=killed,
            )
            self.kept.append(instance)
        return killed


def build_suite(
    path: Path,
    golds: Sequence[str],
    out: Path,
    options: BuildOptions | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> DatabaseSuite | None:
    """Build the instances for the database at `path` into `out`, its suite.json last.

    The folder's name is the db_id. `stopped` is asked now and then; once it says so, None is
    returned and suite.json is not written.

    Raises:
        DatabaseUnreadable: if the database cannot be read, or is not a SQLite database.
        DataError: if the schema cannot be built anew.
        StorageFull: if there is no room.
    """
    options = options or BuildOptions()
    (out / SUITE).unlink(missing_ok=True)
    with closing(plugins.open_database(path, LIMITS)) as database:
        schema = database.schema().model_copy(update={"db_id": out.name})
        profile = read_profile(database, schema, options.seed)
        found, neighbours_run = _tell_apart_here(database, schema, golds, options)
    alive = sum(len(gold.alive) for gold in found)
    search = _Search(profile, found, read_mentions(golds, schema), out, options)
    if not search.run(stopped):
        return None
    suite = DatabaseSuite(
        db_id=out.name,
        database_sha256=sha256_file(path),
        seed=options.seed,
        golds=len(found),
        failed_golds=len(golds) - len(found),
        neighbours=neighbours_run,
        killed_by_database=neighbours_run - alive,
        killed=neighbours_run - sum(len(gold.alive) for gold in found),
        instances=tuple(search.kept),
    )
    write_atomic(out / SUITE, suite.model_dump_json(indent=2) + "\n")
    return suite


def _tell_apart_here(
    database: Database, schema: DatabaseSchema, golds: Sequence[str], options: BuildOptions
) -> tuple[list[_Gold], int]:
    """The golds with the neighbours that the database itself leaves; how many were run."""
    found: list[_Gold] = []
    run = 0
    for sql in golds:
        apart = Apart(database, sql)
        if apart.gold is None:
            continue
        gold = _Gold(sql, read_mentions([sql], schema))
        near = neighbours(sql, schema, limit=options.max_neighbours, seed=options.seed)
        for neighbour in near:
            told = apart.tells(neighbour.sql)
            run += told is not None
            if told is False:
                gold.alive.append(neighbour.sql)
        found.append(gold)
    return found, run
