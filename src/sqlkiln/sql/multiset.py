"""Which rows of two lists have no partner in the other, with tolerance for fractions.

Rows that are equal to Python are paired by hash. Only where fractions are left over does the
slower search begin. Closeness is not transitive, so rounding into buckets would be wrong twice:
it parts close numbers at a bucket's edge and may pair the wrong ones. Instead the numbers of each
column are chained into clusters so that close ones are never apart, rows are grouped by their
clusters, and only where a cluster also holds numbers that are not close are rows matched.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from sqlkiln.core.records import Row

RELATIVE = 1e-9
ABSOLUTE = 1e-9
MATCHING_ROWS = 300
"""Up to this many rows, a group with numbers that are not all close is matched exactly; beyond
it, in sorted order, which is exact for one column and nearly so for more."""

_NAN = object()

Cells = tuple[Hashable, ...]


@dataclass(frozen=True)
class Unmatched:
    """The rows of gold, and of the prediction, that have no partner on the other side."""

    missing: tuple[Row, ...]
    unexpected: tuple[Row, ...]
    tolerance_used: bool


def unmatched(gold: Sequence[Row], predicted: Sequence[Row]) -> Unmatched:
    """Pair off the rows of two multisets of equal width."""
    left, right = canonical(gold), canonical(predicted)
    surplus = Counter(left)
    surplus.subtract(right)
    missing = list((+surplus).elements())
    unexpected = list((-surplus).elements())
    if not (missing and unexpected and any(map(_has_fraction, (*missing, *unexpected)))):
        return Unmatched(_rows(missing), _rows(unexpected), False)
    exact = len(missing)
    missing, unexpected = _unmatched_within_tolerance(left, right)
    return Unmatched(_rows(missing), _rows(unexpected), len(missing) < exact)


def canonical(rows: Iterable[Row]) -> list[Cells]:
    """The rows with one object in place of every NaN, so that NaN equals itself."""
    return [tuple(_NAN if cell != cell else cell for cell in row) for row in rows]


def _rows(rows: Iterable[Cells]) -> tuple[Row, ...]:
    return tuple(
        tuple(math.nan if cell is _NAN else cell for cell in row)  # type: ignore[misc]
        for row in rows
    )


def cells_close(a: Hashable, b: Hashable) -> bool:
    """Whether two cells are the same: equal, or numbers within tolerance, one a fraction."""
    if a == b:
        return True
    if not isinstance(a, int | float) or not isinstance(b, int | float):
        return False
    if a != a or b != b:
        return a != a and b != b
    if not _is_fraction(a) and not _is_fraction(b):
        return False
    return math.isclose(a, b, rel_tol=RELATIVE, abs_tol=ABSOLUTE)


def rows_close(a: Cells, b: Cells) -> bool:
    """Whether two rows of equal width are the same, cell by cell."""
    return all(map(cells_close, a, b))


def _is_fraction(cell: Hashable) -> bool:
    return isinstance(cell, float) and not cell.is_integer()


def _has_fraction(row: Cells) -> bool:
    return any(map(_is_fraction, row))


# --------------------------------------------------------------------------- tolerance


@dataclass(frozen=True, eq=False)
class _Cluster:
    """Numbers of one column among which each is close to the next; `uniform`: each to all."""

    uniform: bool


def _unmatched_within_tolerance(
    left: list[Cells], right: list[Cells]
) -> tuple[list[Cells], list[Cells]]:
    labels = [_clusters(column) for column in zip(*left, *right, strict=True)]
    groups: dict[Cells, tuple[list[Cells], list[Cells]]] = defaultdict(lambda: ([], []))
    for side, rows in enumerate((left, right)):
        for row in rows:
            key = tuple(label.get(cell, cell) for label, cell in zip(labels, row, strict=True))
            groups[key][side].append(row)
    missing: list[Cells] = []
    unexpected: list[Cells] = []
    for key, (ours, theirs) in groups.items():
        if all(label.uniform for label in key if isinstance(label, _Cluster)):
            missing += ours[len(theirs) :]
            unexpected += theirs[len(ours) :]
        else:
            one, other = _match(ours, theirs, key)
            missing += one
            unexpected += other
    return missing, unexpected


def _clusters(column: Sequence[Hashable]) -> dict[Hashable, _Cluster]:
    """Label the numbers of a column that has fractions; other cells stay as they are."""
    numbers = sorted({cell for cell in column if isinstance(cell, int | float)})
    if not any(map(_is_fraction, numbers)):
        return {}
    labels: dict[Hashable, _Cluster] = {}
    chain: list[float] = []
    for number in (*numbers, None):
        if chain and (number is None or not _linked(chain[-1], number)):
            whole = sum(not _is_fraction(member) for member in chain)
            uniform = whole <= 1 and (len(chain) == 1 or cells_close(chain[0], chain[-1]))
            labels |= dict.fromkeys(chain, _Cluster(uniform))
            chain = []
        if number is not None:
            chain.append(number)
    return labels


def _linked(a: float, b: float) -> bool:
    """Close, with room to spare: numbers between two close ones must be linked as well."""
    return math.isclose(a, b, rel_tol=2 * RELATIVE, abs_tol=2 * ABSOLUTE)


def _match(left: list[Cells], right: list[Cells], key: Cells) -> tuple[list[Cells], list[Cells]]:
    """Pair close rows, as many as possible, and return those without a partner."""
    if max(len(left), len(right)) > MATCHING_ROWS:
        return _match_in_order(left, right, key)
    partner: dict[int, int] = {}

    def claim(i: int, tried: set[int]) -> bool:
        for j, row in enumerate(right):
            if j not in tried and rows_close(left[i], row):
                tried.add(j)
                if j not in partner or claim(partner[j], tried):
                    partner[j] = i
                    return True
        return False

    alone = [row for i, row in enumerate(left) if not claim(i, set())]
    return alone, [row for j, row in enumerate(right) if j not in partner]


def _match_in_order(
    left: list[Cells], right: list[Cells], key: Cells
) -> tuple[list[Cells], list[Cells]]:
    inexact = [i for i, label in enumerate(key) if isinstance(label, _Cluster)]

    def numbers(row: Cells) -> tuple[float, ...]:
        return tuple(row[i] for i in inexact)  # type: ignore[misc]

    left, right = sorted(left, key=numbers), sorted(right, key=numbers)
    missing: list[Cells] = []
    unexpected: list[Cells] = []
    i = j = 0
    while i < len(left) and j < len(right):
        if rows_close(left[i], right[j]):
            i, j = i + 1, j + 1
        elif numbers(left[i]) < numbers(right[j]):
            missing.append(left[i])
            i += 1
        else:
            unexpected.append(right[j])
            j += 1
    return missing + left[i:], unexpected + right[j:]
