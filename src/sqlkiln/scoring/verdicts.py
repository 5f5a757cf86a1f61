"""What verdicts of all metrics have in common: how they are made, and what they show of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlkiln.core.errors import QueryError
from sqlkiln.core.plugins import QueryResult
from sqlkiln.core.records import Cell, Example, Row, Verdict
from sqlkiln.sql.compare import Comparison

NO_GOLD = "no_gold"
GOLD_FAILED = "gold_failed"
NO_ROWS = "no_rows"
NO_SCHEMA = "no_schema"
NO_SUITE = "no_suite"
UNSCORED = frozenset({NO_GOLD, GOLD_FAILED, NO_ROWS, NO_SCHEMA, NO_SUITE})
"""Flags of verdicts that say nothing about the prediction; they do not count."""

NO_SQL = "no_sql"
"""The failure of a row for which no SQL was predicted."""

SHOWN_ROWS = 3
HEAD_ROWS = 5
SHOWN_CHARS = 200


def make_verdict(
    metric: str,
    example: Example,
    score: float,
    reason: str,
    flags: Sequence[str] = (),
    details: dict[str, Any] | None = None,
) -> Verdict:
    """A verdict of `metric` on the prediction for `example`."""
    return Verdict(
        id=example.id,
        db_id=example.db_id,
        metric=metric,
        score=score,
        reason=reason,
        flags=tuple(flags),
        details=details or {},
    )


def no_gold(metric: str, example: Example) -> Verdict:
    """The verdict where there is nothing to compare with."""
    return make_verdict(metric, example, 0.0, "no gold SQL to compare with", (NO_GOLD,))


def gold_failed(metric: str, example: Example, error: Exception) -> Verdict:
    """The verdict where the gold itself cannot be used."""
    return make_verdict(metric, example, 0.0, f"gold failed: {describe(error)}", (GOLD_FAILED,))


def no_sql(metric: str, example: Example) -> Verdict:
    """The verdict where nothing was predicted."""
    return make_verdict(metric, example, 0.0, "no SQL was predicted", (), {"failure": NO_SQL})


def prediction_failed(
    metric: str, example: Example, error: QueryError, gold: QueryResult
) -> Verdict:
    """The verdict where the prediction cannot be run."""
    details = {"failure": type(error).__name__, "gold_rows": len(gold.rows)}
    return make_verdict(metric, example, 0.0, describe(error), (), details)


def compared(
    metric: str,
    example: Example,
    comparison: Comparison,
    gold: QueryResult,
    predicted: QueryResult,
) -> Verdict:
    """The verdict that a comparison of two results gives, with the rows that differ."""
    details: dict[str, Any] = {
        "gold_rows": len(gold.rows),
        "predicted_rows": len(predicted.rows),
        "seconds": round(predicted.seconds, 4),
    }
    if not comparison.equal:
        details["failure"] = _failure(comparison, gold, predicted)
        details["missing"] = shown(comparison.missing)
        details["unexpected"] = shown(comparison.unexpected)
    if comparison.permutation is not None:
        details["permutation"] = list(comparison.permutation)
    score = float(comparison.equal)
    return make_verdict(metric, example, score, comparison.reason, comparison.flags, details)


def describe(error: Exception) -> str:
    """An error as reasons name it."""
    return f"{type(error).__name__}: {error}"


def _failure(comparison: Comparison, gold: QueryResult, predicted: QueryResult) -> str:
    if _width(gold) != _width(predicted):
        return "wrong_columns"
    return "wrong_order" if "order_only" in comparison.flags else "wrong_rows"


def _width(result: QueryResult) -> int:
    return len(result.columns)


def shown(rows: Sequence[Row], most: int = SHOWN_ROWS) -> list[list[Any]]:
    """The first rows, cells cut short, as JSON can hold them."""
    return [[_shown_cell(cell) for cell in row] for row in rows[:most]]


def head(result: QueryResult) -> dict[str, Any]:
    """The columns and the first rows of a result, as JSON can hold them."""
    return {"columns": list(result.columns), "rows": shown(result.rows, HEAD_ROWS)}


def _shown_cell(cell: Cell) -> Any:
    if isinstance(cell, bytes):
        return f"x'{cell[: SHOWN_CHARS // 2].hex()}'"
    if isinstance(cell, float) and cell - cell != 0:
        return str(cell)
    return cell[:SHOWN_CHARS] if isinstance(cell, str) else cell
