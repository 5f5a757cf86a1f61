"""Which of several results are the same, by the rules of `sql.compare`: what votes are counted by.

Two results that are the same within tolerance need not both be the same as a third one. So each is
held against the first of every group, and joins the first group that fits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

from sqlkiln.core.plugins import QueryResult
from sqlkiln.sql.compare import compare
from sqlkiln.sql.multiset import canonical


def group_numbers(results: Sequence[QueryResult | None], ordered: bool = False) -> list[int | None]:
    """A number for each result, counted from 0 in the order they come; None where there is none.

    Results with the same number have the same rows, with `ordered` in the same order. Names of
    columns do not count.
    """
    known: dict[Hashable, int] = {}
    first: list[QueryResult] = []
    numbers: list[int | None] = []
    for result in results:
        if result is None:
            numbers.append(None)
            continue
        key = _key(result, ordered)
        if key not in known:
            near = (n for n, other in enumerate(first) if _close(other, result, ordered))
            known[key] = next(near, len(first))
            if known[key] == len(first):
                first.append(result)
        numbers.append(known[key])
    return numbers


def _key(result: QueryResult, ordered: bool) -> Hashable:
    rows = canonical(result.rows)
    same = tuple(rows) if ordered else frozenset(Counter(rows).items())
    return len(result.columns), result.truncated, same


def _close(one: QueryResult, other: QueryResult, ordered: bool) -> bool:
    """Whether two results that are not equal are the same within tolerance."""
    shapes = [(len(r.columns), len(r.rows), r.truncated) for r in (one, other)]
    if shapes[0] != shapes[1] or not _has_fractions(other):
        return False
    return compare(one, other, ordered).equal


def _has_fractions(result: QueryResult) -> bool:
    cells = (cell for row in result.rows for cell in row)
    return any(isinstance(cell, float) and not cell.is_integer() for cell in cells)
