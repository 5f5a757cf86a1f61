"""Metrics that score one predicted statement against the gold one.

Each is a plug-in (`core.plugins.Metric`) and keeps nothing between rows but the results of the
last few statements.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlkiln.core.errors import QueryError
from sqlkiln.core.plugins import Database, QueryResult
from sqlkiln.core.records import Cell, Example, Row, Verdict
from sqlkiln.sql import parse
from sqlkiln.sql.compare import Comparison, OrderedRows, compare, may_return

NO_GOLD = "no_gold"
GOLD_FAILED = "gold_failed"
NO_ROWS = "no_rows"
UNSCORED = frozenset({NO_GOLD, GOLD_FAILED, NO_ROWS})
"""Flags of verdicts that say nothing about the prediction; they do not count."""

SHOWN_ROWS = 3
SHOWN_CHARS = 200
_REMEMBERED = 8


class ExecutionAccuracy:
    """Strict execution accuracy: 1 if the prediction's result is one that gold may return.

    Rows are compared as in `sql.compare`: a multiset, columns by position. Their order counts
    only where gold's outermost query has an ORDER BY. Rows that tie on its keys may then come in
    any order (flag `ties_reordered`), and where a LIMIT cuts through a tie, any of the tied rows
    may be the ones kept (flag `limit_tie`). Which rows tie is found by running gold once more
    with its keys as extra columns. Where that cannot be told, as for a DISTINCT ordered by a
    column that it does not return, the order must be gold's (flag `ties_unknown`). A LIMIT
    without ORDER BY gets no such lenience: the prediction must return what gold returned.
    """

    name = "execution"

    def __init__(self) -> None:
        self._results: OrderedDict[tuple[Path, str], QueryResult | QueryError] = OrderedDict()

    def score(self, example: Example, predicted_sql: str, database: Database) -> Verdict:
        """Run both statements, read-only, and compare; a failure of either is in the verdict."""
        if example.gold_sql is None:
            return _verdict(self.name, example, 0.0, "no gold SQL to compare with", (NO_GOLD,))
        gold = self._run(database, example.gold_sql)
        if isinstance(gold, QueryError):
            reason = f"gold failed: {_describe(gold)}"
            return _verdict(self.name, example, 0.0, reason, (GOLD_FAILED,))
        if not predicted_sql.strip():
            return _no_sql(self.name, example)
        predicted = self._run(database, predicted_sql)
        if isinstance(predicted, QueryError):
            failed = {"failure": type(predicted).__name__, "gold_rows": len(gold.rows)}
            return _verdict(self.name, example, 0.0, _describe(predicted), (), failed)
        comparison = self._compare(example.gold_sql, gold, predicted, database)
        details = _receipt(comparison, gold, predicted)
        score = float(comparison.equal)
        return _verdict(self.name, example, score, comparison.reason, comparison.flags, details)

    def _run(self, database: Database, sql: str) -> QueryResult | QueryError:
        key = (database.path, sql)
        if key not in self._results:
            try:
                self._results[key] = database.execute(sql)
            except QueryError as error:
                self._results[key] = error
        self._results.move_to_end(key)
        if len(self._results) > _REMEMBERED:
            self._results.popitem(last=False)
        return self._results[key]

    def _compare(
        self, gold_sql: str, gold: QueryResult, predicted: QueryResult, database: Database
    ) -> Comparison:
        ordered = parse.is_ordered(gold_sql, database.dialect)
        strict = compare(gold, predicted, ordered)
        if strict.equal or not ordered or not _same_shape(gold, predicted):
            return strict
        reordered = "order_only" in strict.flags
        query = parse.keyed_query(gold_sql, gold.columns, database.dialect)
        if query is not None and query.limit is None and not reordered:
            return strict
        candidates = self._sorted_rows(query, gold, database) if query is not None else None
        if candidates is None:
            return _with_flag(strict, "ties_unknown") if reordered else strict
        if not may_return(candidates, predicted.rows):
            return strict
        if reordered:
            return Comparison(True, "same rows, ties in another order", ("ties_reordered",))
        return Comparison(True, "same rows but for a tie that LIMIT cuts", ("limit_tie",))

    def _sorted_rows(
        self, query: parse.KeyedQuery, gold: QueryResult, database: Database
    ) -> OrderedRows | None:
        """Gold's rows before LIMIT with their sort keys, if the rewritten query gives gold's."""
        result = self._run(database, query.sql)
        width = len(gold.columns)
        if isinstance(result, QueryError) or len(result.columns) != width + query.appended:
            return None
        rows = [row[:width] for row in result.rows]
        keys = [tuple(row[position] for position in query.keys) for row in result.rows]
        sortable = OrderedRows(rows, keys, query.offset, query.limit)
        return sortable if may_return(sortable, gold.rows) else None


class StringMatch:
    """1 if the statements are the same text, but for case, whitespace, quote style and `;`."""

    name = "string"
    compares_rows = False

    def score(self, example: Example, predicted_sql: str, database: Database) -> Verdict:
        """Compare the two texts; the database is not asked."""
        if example.gold_sql is None:
            return _verdict(self.name, example, 0.0, "no gold SQL to compare with", (NO_GOLD,))
        if not predicted_sql.strip():
            return _no_sql(self.name, example)
        if parse.normalize(predicted_sql) == parse.normalize(example.gold_sql):
            return _verdict(self.name, example, 1.0, "same text")
        details = {"failure": "other_text"}
        return _verdict(self.name, example, 0.0, "the text differs", (), details)


def _verdict(
    metric: str,
    example: Example,
    score: float,
    reason: str,
    flags: Sequence[str] = (),
    details: dict[str, Any] | None = None,
) -> Verdict:
    return Verdict(
        id=example.id,
        db_id=example.db_id,
        metric=metric,
        score=score,
        reason=reason,
        flags=tuple(flags),
        details=details or {},
    )


def _no_sql(metric: str, example: Example) -> Verdict:
    return _verdict(metric, example, 0.0, "no SQL was predicted", (), {"failure": "no_sql"})


def _describe(error: QueryError) -> str:
    return f"{type(error).__name__}: {error}"


def _same_shape(gold: QueryResult, predicted: QueryResult) -> bool:
    """Whether both are whole and as long and as wide as each other."""
    return (
        not (gold.truncated or predicted.truncated)
        and len(gold.columns) == len(predicted.columns)
        and len(gold.rows) == len(predicted.rows)
    )


def _with_flag(comparison: Comparison, flag: str) -> Comparison:
    return replace(comparison, flags=(*comparison.flags, flag))


def _receipt(comparison: Comparison, gold: QueryResult, predicted: QueryResult) -> dict[str, Any]:
    details: dict[str, Any] = {
        "gold_rows": len(gold.rows),
        "predicted_rows": len(predicted.rows),
        "seconds": round(predicted.seconds, 4),
    }
    if not comparison.equal:
        details["failure"] = _failure(comparison, gold, predicted)
        details["missing"] = _shown(comparison.missing)
        details["unexpected"] = _shown(comparison.unexpected)
    if comparison.permutation is not None:
        details["permutation"] = list(comparison.permutation)
    return details


def _failure(comparison: Comparison, gold: QueryResult, predicted: QueryResult) -> str:
    if len(gold.columns) != len(predicted.columns):
        return "wrong_columns"
    return "wrong_order" if "order_only" in comparison.flags else "wrong_rows"


def _shown(rows: Sequence[Row]) -> list[list[Any]]:
    return [[_shown_cell(cell) for cell in row] for row in rows[:SHOWN_ROWS]]


def _shown_cell(cell: Cell) -> Any:
    """A cell as JSON can hold it."""
    if isinstance(cell, bytes):
        return f"x'{cell[: SHOWN_CHARS // 2].hex()}'"
    if isinstance(cell, float) and cell - cell != 0:
        return str(cell)
    return cell[:SHOWN_CHARS] if isinstance(cell, str) else cell
