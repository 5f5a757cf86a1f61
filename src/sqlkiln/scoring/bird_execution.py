"""Execution accuracy as BIRD's official script compares results: the `bird` mode.

Two results are equal if they are the same set of rows. Official faults: duplicates and the order
of rows never count, not even under ORDER BY, and so a result of any length may pass; two empty
results are equal whatever their columns; numbers have no tolerance, though 1 equals 1.0. Columns
count by position.
"""

from __future__ import annotations

from sqlkiln.core.plugins import QueryResult
from sqlkiln.sql.compare import Comparison


def compare_bird(gold: QueryResult, predicted: QueryResult) -> Comparison:
    """Compare the sets of rows, as far as they were read; a cut-off result is flagged."""
    expected, found = set(gold.rows), set(predicted.rows)
    flags = ("truncated",) if gold.truncated or predicted.truncated else ()
    if expected == found:
        if not expected:
            return Comparison(True, "both are empty", ("empty_equals_empty", *flags))
        if len(gold.rows) != len(predicted.rows):
            return Comparison(True, "same rows but for duplicates", ("duplicates_only", *flags))
        return Comparison(True, "same set of rows", flags)
    missing = tuple(dict.fromkeys(row for row in gold.rows if row not in found))
    unexpected = tuple(dict.fromkeys(row for row in predicted.rows if row not in expected))
    reason = f"rows missing: {len(missing)}, unexpected: {len(unexpected)}"
    return Comparison(False, reason, flags, missing, unexpected)
