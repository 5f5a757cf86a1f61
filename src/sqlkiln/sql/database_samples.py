"""Row counts and sample values, bounded in time and rows; shared by both engines.

Runs in the child process, behind the same bars as a query: a view may hide anything.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

SCAN_ROWS = 200
"""Samples are the first distinct values among this many rows."""

SAMPLE_CHARS = 40
FETCHED_CHARS = SAMPLE_CHARS + 1
_TABLE_S = 0.25
"""What counting, or sampling, one table may take."""

_BATCH_TABLES = 100

Ask = Callable[[str, float], list[tuple[Any, ...]] | None]
"""Rows of a statement that may take so many seconds; None if it failed or took longer."""


def quoted(name: str) -> str:
    """`name` as an identifier of either dialect."""
    return '"' + name.replace('"', '""') + '"'


def fill(
    tables: list[dict[str, Any]],
    ask: Ask,
    short: Callable[[dict[str, Any]], str],
    samples: int,
    until: float,
) -> None:
    """Add `samples` to each column, and `row_count` to each table without, until time is up.

    `short` gives the expression for a column's value, of text no more than `FETCHED_CHARS`.
    """
    for table in tables:
        name, columns = quoted(table["name"]), table["columns"]
        found = None
        if samples:
            values = ", ".join(map(short, columns))
            found = ask(f"SELECT {values} FROM {name} LIMIT {SCAN_ROWS}", _left(until))  # noqa: S608
        for index, column in enumerate(columns):
            column["samples"] = _distinct([row[index] for row in found or ()], samples)
        if "row_count" not in table:
            counted = ask(f"SELECT count(*) FROM {name}", _left(until))  # noqa: S608
            table["row_count"] = counted[0][0] if counted else None


def count_at_once(tables: list[dict[str, Any]], ask: Ask) -> None:
    """Add `row_count` to `tables` in few statements, for engines that need not scan to count."""
    for start in range(0, len(tables), _BATCH_TABLES):
        batch = tables[start : start + _BATCH_TABLES]
        counts = (f"SELECT {i}, count(*) FROM {quoted(t['name'])}" for i, t in enumerate(batch))  # noqa: S608
        for index, count in ask(" UNION ALL ".join(counts), _TABLE_S) or ():
            batch[index]["row_count"] = count


def _left(until: float) -> float:
    return min(_TABLE_S, until - time.monotonic())


def _distinct(values: Sequence[Any], count: int) -> list[str]:
    texts = dict.fromkeys(str(v) for v in values if v is not None and not isinstance(v, bytes))
    return [_clip(text) for text in texts if text][:count]


def _clip(text: str) -> str:
    return text if len(text) <= SAMPLE_CHARS else text[: SAMPLE_CHARS - 1] + "…"
