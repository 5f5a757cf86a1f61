"""Running statements for metrics: each once, however many metrics ask, and golds from a cache."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Self

from sqlkiln.core import plugins
from sqlkiln.core.errors import QueryError
from sqlkiln.core.plugins import Database, Limits, QueryResult
from sqlkiln.core.records import DatabaseSchema, Example, Verdict
from sqlkiln.scoring.gold_cache import GoldCache
from sqlkiln.scoring.verdicts import gold_failed, no_gold, no_sql, prediction_failed

REMEMBERED = 8
REMEMBERED_ROWS = 300_000


class RememberingDatabase:
    """A database that keeps the results of its last few statements, errors included.

    With a `cache`, the results of gold queries are looked up there first, and kept.
    """

    def __init__(self, database: Database, cache: GoldCache | None = None) -> None:
        self.database = database
        self.path = database.path
        self.db_id = database.db_id
        self.dialect = database.dialect
        self._cache = cache
        self._results: OrderedDict[tuple[str, Limits | None], QueryResult | QueryError]
        self._results = OrderedDict()
        self._schemas: dict[int, DatabaseSchema] = {}

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Never: it stands in front of a database of another kind."""
        return False

    @classmethod
    def open(cls, path: Path, limits: Limits) -> Self:
        """Open `path` with whatever kind of database accepts it."""
        return cls(plugins.open_database(path, limits))

    def schema(self, samples: int = 3) -> DatabaseSchema:
        """See `core.plugins`; read once."""
        if samples not in self._schemas:
            self._schemas[samples] = self.database.schema(samples)
        return self._schemas[samples]

    def execute(self, sql: str, limits: Limits | None = None) -> QueryResult:
        """See `core.plugins`."""
        key = (_without_end(sql), limits)
        if key not in self._results:
            self._remember(key, self._run(sql, limits))
        self._results.move_to_end(key)
        return _given(self._results[key])

    def execute_gold(self, sql: str) -> QueryResult:
        """As `execute`, for a statement whose result is worth keeping for other runs."""
        key = (_without_end(sql), None)
        if key not in self._results and self._cache is not None:
            kept = self._cache.get(key[0])
            if kept is not None:
                self._remember(key, kept)
            else:
                result = self._run(sql, None)
                self._remember(key, result)
                if isinstance(result, QueryResult):
                    self._cache.put(key[0], result)
        return self.execute(sql)

    def _run(self, sql: str, limits: Limits | None) -> QueryResult | QueryError:
        try:
            return self.database.execute(sql, limits)
        except QueryError as error:
            return error

    def _remember(self, key: tuple[str, Limits | None], result: QueryResult | QueryError) -> None:
        self._results[key] = result
        while len(self._results) > 1 and (
            len(self._results) > REMEMBERED
            or sum(map(_rows, self._results.values())) > REMEMBERED_ROWS
        ):
            self._results.popitem(last=False)

    def close(self) -> None:
        """Close the database behind it."""
        self.database.close()


def _without_end(sql: str) -> str:
    return sql.strip().rstrip("; \t\r\n")


def _rows(result: QueryResult | QueryError) -> int:
    return len(result.rows) if isinstance(result, QueryResult) else 0


def _given(result: QueryResult | QueryError) -> QueryResult:
    if isinstance(result, QueryError):
        raise result
    return result


def run(database: Database, sql: str) -> QueryResult | QueryError:
    """The result of `sql`, or why there is none."""
    try:
        return database.execute(sql)
    except QueryError as error:
        return error


def run_gold(database: Database, sql: str) -> QueryResult | QueryError:
    """As `run`, from the cache if the database has one."""
    try:
        if isinstance(database, RememberingDatabase):
            return database.execute_gold(sql)
        return database.execute(sql)
    except QueryError as error:
        return error


def run_both(
    metric: str, example: Example, predicted_sql: str, database: Database
) -> tuple[QueryResult, QueryResult] | Verdict:
    """The results of gold and prediction, or the verdict of `metric` if there are not both."""
    if example.gold_sql is None:
        return no_gold(metric, example)
    gold = run_gold(database, example.gold_sql)
    if isinstance(gold, QueryError):
        return gold_failed(metric, example, gold)
    if not predicted_sql.strip():
        return no_sql(metric, example)
    predicted = run(database, predicted_sql)
    if isinstance(predicted, QueryError):
        return prediction_failed(metric, example, predicted, gold)
    return gold, predicted


def fresh(database: Database) -> Database:
    """The database itself, for whoever measures time."""
    return database.database if isinstance(database, RememberingDatabase) else database
