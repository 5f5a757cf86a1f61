"""Compare two query results: pure functions, no database, no SQL.

What is the same and what is not:

- rows are a multiset: duplicates count, and order counts only if the caller says so;
- columns count by position, their names do not;
- NULL equals NULL, NaN equals NaN, true equals 1 and 1 equals 1.0;
- a number never equals a text, however alike they look, nor bytes a text;
- whole numbers are compared exactly; where a fraction is involved, two numbers are the same if
  they differ by at most 1e-9 of the larger one, or by 1e-9. That is wide enough for sums added
  up in another order, and too narrow to forgive a rounded or slightly wrong result;
- two empty results of the same width are equal, and flagged, as that proves little.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlkiln.core.plugins import QueryResult
from sqlkiln.core.records import Row
from sqlkiln.sql.multiset import Cells, canonical, cells_close, rows_close, unmatched


@dataclass(frozen=True)
class Comparison:
    """Whether two results are the same, why, and what else is worth knowing.

    `flags` may hold: empty_equals_empty, truncated, numeric_tolerance_used, order_only,
    duplicates_only, column_permutation. `missing` rows are in gold only, `unexpected` ones in the
    prediction only; for order_only they are the first pair that differs. Column i of gold would
    be column `permutation[i]` of the prediction.
    """

    equal: bool
    reason: str
    flags: tuple[str, ...] = ()
    missing: tuple[Row, ...] = ()
    unexpected: tuple[Row, ...] = ()
    permutation: tuple[int, ...] | None = None


def compare(gold: QueryResult, predicted: QueryResult, ordered: bool = False) -> Comparison:
    """Compare by the rules above; with `ordered`, rows must come in gold's order.

    Results that were cut off at the row cap are compared as far as they go, and flagged.
    """
    width, needed = len(predicted.columns), len(gold.columns)
    if width != needed:
        comparison = Comparison(False, f"{_count(width, 'column')}, gold has {needed}")
    elif gold.truncated != predicted.truncated:
        longer = "prediction" if predicted.truncated else "gold"
        comparison = Comparison(False, f"only the {longer} goes on past the row cap")
    elif not gold.rows and not predicted.rows:
        comparison = Comparison(True, "both are empty", ("empty_equals_empty",))
    else:
        comparison = _compare_rows(gold.rows, predicted.rows, ordered)
    if gold.truncated or predicted.truncated:
        comparison = replace(comparison, flags=(*comparison.flags, "truncated"))
    return comparison


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _compare_rows(gold: Sequence[Row], predicted: Sequence[Row], ordered: bool) -> Comparison:
    left, right = canonical(gold), canonical(predicted)
    if left == right:
        return Comparison(True, "same rows in the same order")
    if len(left) == len(right) and all(map(rows_close, left, right)):
        return Comparison(True, "same rows within tolerance", ("numeric_tolerance_used",))
    rest = unmatched(gold, predicted)
    if rest.missing or rest.unexpected:
        reason = (
            f"{_count(len(predicted), 'row')}, gold has {len(gold)}: "
            f"{len(rest.missing)} missing, {len(rest.unexpected)} unexpected"
        )
        found = Comparison(False, reason, (), rest.missing, rest.unexpected)
        return _explain_difference(found, gold, predicted)
    flags = ("numeric_tolerance_used",) if rest.tolerance_used else ()
    if not ordered:
        return Comparison(True, "same rows", flags)
    first = next(i for i, row in enumerate(left) if not rows_close(row, right[i]))
    reason = f"same rows in another order, from row {first + 1} on"
    return Comparison(False, reason, ("order_only", *flags), (gold[first],), (predicted[first],))


def _explain_difference(
    found: Comparison, gold: Sequence[Row], predicted: Sequence[Row]
) -> Comparison:
    if set(canonical(gold)) == set(canonical(predicted)):
        reason = f"same rows but for duplicates: {found.reason}"
        return replace(found, reason=reason, flags=("duplicates_only",))
    permutation = column_permutation(gold, predicted)
    if permutation is None:
        return found
    order = ", ".join(str(position + 1) for position in permutation)
    reason = f"same rows with the columns in another order: gold has them as {order}"
    return replace(found, reason=reason, flags=("column_permutation",), permutation=permutation)


def column_permutation(gold: Sequence[Row], predicted: Sequence[Row]) -> tuple[int, ...] | None:
    """Which column of the prediction to put where so that the rows are gold's multiset.

    Position i of the answer is the predicted column that belongs at i. None if no order of the
    columns does it. Exact: no tolerance, all permutations; columns are tried only where their
    values fit, and prefixes that do not fit end the search, so wide results stay quick.
    """
    if not gold or len(gold) != len(predicted) or len(gold[0]) != len(predicted[0]):
        return None
    needed = list(zip(*canonical(gold), strict=True))
    offered = list(zip(*canonical(predicted), strict=True))
    offered_values = [Counter(column) for column in offered]
    fitting = [
        [j for j, values in enumerate(offered_values) if values == Counter(column)]
        for column in needed
    ]
    return _extend((), needed, offered, fitting)


def _extend(
    chosen: tuple[int, ...], needed: list[Cells], offered: list[Cells], fitting: list[list[int]]
) -> tuple[int, ...] | None:
    if len(chosen) == len(needed):
        return chosen
    wanted = Counter(zip(*needed[: len(chosen) + 1], strict=True))
    tried: list[Cells] = []
    for j in fitting[len(chosen)]:
        if j in chosen or offered[j] in tried:
            continue
        tried.append(offered[j])
        longer = (*chosen, j)
        if Counter(zip(*(offered[k] for k in longer), strict=True)) == wanted:
            found = _extend(longer, needed, offered, fitting)
            if found is not None:
                return found
    return None


# --------------------------------------------------------------------------- ties


@dataclass(frozen=True)
class OrderedRows:
    """All rows that an ordered query sorts, with their sort keys, before LIMIT cuts them.

    Rows and keys run in parallel; the query returns `limit` rows (None: all) from `offset` on.
    """

    rows: Sequence[Row]
    keys: Sequence[Row]
    offset: int = 0
    limit: int | None = None


def may_return(query: OrderedRows, rows: Sequence[Row]) -> bool:
    """Whether the ordered query may return exactly `rows`, in this order.

    Rows whose keys tie may come in any order, and where LIMIT or OFFSET cuts through a tie, any
    of its rows may be the ones that are kept. Keys tie if they are equal or within tolerance;
    text that ties only under a collation of the column is taken to be different.
    """
    end = len(query.rows) if query.limit is None else query.offset + query.limit
    end = min(end, len(query.rows))
    if len(rows) != max(0, end - query.offset):
        return False
    for first, last in _ties(query.keys):
        low, high = max(first, query.offset), min(last, end)
        part = rows[low - query.offset : high - query.offset] if low < high else ()
        if part and unmatched(query.rows[first:last], part).unexpected:
            return False
    return True


def _ties(keys: Sequence[Row]) -> Iterator[tuple[int, int]]:
    """The half-open ranges of rows with tying keys."""
    first = 0
    for i in range(1, len(keys) + 1):
        if i == len(keys) or not all(map(cells_close, keys[first], keys[i])):
            yield first, i
            first = i
