"""The metrics that ask for no more than right or wrong: by strict rules, and by text.

Each is a plug-in (`core.plugins.Metric`) and keeps nothing between rows.
"""

from __future__ import annotations

from dataclasses import replace

from sqlkiln.core.errors import QueryError
from sqlkiln.core.plugins import Database, QueryResult
from sqlkiln.core.records import Example, Verdict
from sqlkiln.scoring.results import run_both, run_gold
from sqlkiln.scoring.verdicts import (
    GOLD_FAILED,
    NO_GOLD,
    NO_ROWS,
    NO_SCHEMA,
    UNSCORED,
    compared,
    head,
    make_verdict,
    no_gold,
    no_sql,
)
from sqlkiln.sql import parse
from sqlkiln.sql.compare import Comparison, OrderedRows, compare, may_return

__all__ = [
    "GOLD_FAILED",
    "NO_GOLD",
    "NO_ROWS",
    "NO_SCHEMA",
    "UNSCORED",
    "ExecutionAccuracy",
    "StringMatch",
]


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

    name = "execution.strict"

    def score(self, example: Example, predicted_sql: str, database: Database) -> Verdict:
        """Run both statements, read-only, and compare; a failure of either is in the verdict."""
        found = run_both(self.name, example, predicted_sql, database)
        if isinstance(found, Verdict):
            return found
        gold, predicted = found
        comparison = _compare(example.gold_sql or "", gold, predicted, database)
        verdict = compared(self.name, example, comparison, gold, predicted)
        results = {"gold_result": head(gold)}
        if not comparison.equal:
            results["predicted_result"] = head(predicted)
        return verdict.model_copy(update={"details": verdict.details | results})


def _compare(
    gold_sql: str, gold: QueryResult, predicted: QueryResult, database: Database
) -> Comparison:
    may_be_reordered = len(gold.rows) == len(predicted.rows) and gold.rows != predicted.rows
    ordered = may_be_reordered and parse.is_ordered(gold_sql, database.dialect)
    strict = compare(gold, predicted, ordered)
    if strict.equal or not ordered or not _same_shape(gold, predicted):
        return strict
    reordered = "order_only" in strict.flags
    query = parse.keyed_query(gold_sql, gold.columns, database.dialect)
    if query is not None and query.limit is None and not reordered:
        return strict
    candidates = _sorted_rows(query, gold, database) if query is not None else None
    if candidates is None:
        return _with_flag(strict, "ties_unknown") if reordered else strict
    if not may_return(candidates, predicted.rows):
        return strict
    if reordered:
        return Comparison(True, "same rows, ties in another order", ("ties_reordered",))
    return Comparison(True, "same rows but for a tie that LIMIT cuts", ("limit_tie",))


def _sorted_rows(
    query: parse.KeyedQuery, gold: QueryResult, database: Database
) -> OrderedRows | None:
    """Gold's rows before LIMIT with their sort keys, if the rewritten query gives gold's."""
    result = run_gold(database, query.sql)
    width = len(gold.columns)
    if isinstance(result, QueryError) or len(result.columns) != width + query.appended:
        return None
    rows = [row[:width] for row in result.rows]
    keys = [tuple(row[position] for position in query.keys) for row in result.rows]
    sortable = OrderedRows(rows, keys, query.offset, query.limit)
    return sortable if may_return(sortable, gold.rows) else None


def _same_shape(gold: QueryResult, predicted: QueryResult) -> bool:
    """Whether both are whole and as long and as wide as each other."""
    return (
        not (gold.truncated or predicted.truncated)
        and len(gold.columns) == len(predicted.columns)
        and len(gold.rows) == len(predicted.rows)
    )


def _with_flag(comparison: Comparison, flag: str) -> Comparison:
    return replace(comparison, flags=(*comparison.flags, flag))


class StringMatch:
    """1 if the statements are the same text, but for case, whitespace, quote style and `;`."""

    name = "string"
    compares_rows = False

    def score(self, example: Example, predicted_sql: str, database: Database) -> Verdict:
        """Compare the two texts; the database is not asked."""
        if example.gold_sql is None:
            return no_gold(self.name, example)
        if not predicted_sql.strip():
            return no_sql(self.name, example)
        if parse.normalize(predicted_sql) == parse.normalize(example.gold_sql):
            return make_verdict(self.name, example, 1.0, "same text")
        details = {"failure": "other_text"}
        return make_verdict(self.name, example, 0.0, "the text differs", (), details)
