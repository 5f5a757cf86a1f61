"""Row counts and sample values, bounded in time and rows; shared by both engines.

Runs in the child process, behind the same bars as a query: a view may hide anything.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

SCAN_ROWS = 200
"""Samples are the first distinct values among this many rows."""

SAMPLE_CHARS = 40
_TABLE_S = 0.25
"""What counting, or sampling, one table may take."""

Ask = Callable[[str, float], list[tuple[Any, ...]] | None]
"""Rows of a statement that may take so many seconds; None if it failed or took longer."""


def quoted(name: str) -> str:
    """`name` as an identifier of either dialect."""
    return '"' + name.replace('"', '""') + '"'


def fill(
    tables: list[dict[str, Any]],
    ask: Ask,
    as_text: Callable[[dict[str, Any]], str],
    samples: int,
    until: float,
) -> None:
    """Add `row_count` to each table and `samples` to each column, until time is up.

    `as_text` gives the expression for a column's value as text, NULL where it has none.
    """
    for table in tables:
        name, columns = quoted(table["name"]), table["columns"]
        found = None
        if samples:
            values = ", ".join(f"substr({as_text(c)}, 1, {SAMPLE_CHARS + 1})" for c in columns)
            found = ask(f"SELECT {values} FROM {name} LIMIT {SCAN_ROWS}", _left(until))  # noqa: S608
        for index, column in enumerate(columns):
            column["samples"] = _distinct([row[index] for row in found or ()], samples)
        counted = ask(f"SELECT count(*) FROM {name}", _left(until))  # noqa: S608
        table["row_count"] = counted[0][0] if counted else None


def _left(until: float) -> float:
    return min(_TABLE_S, until - time.monotonic())


def _distinct(values: Sequence[Any], count: int) -> list[str]:
    texts = dict.fromkeys(v for v in values if isinstance(v, str) and v)
    return [_clip(text) for text in list(texts)[:count]]


def _clip(text: str) -> str:
    return text if len(text) <= SAMPLE_CHARS else text[: SAMPLE_CHARS - 1] + "…"
