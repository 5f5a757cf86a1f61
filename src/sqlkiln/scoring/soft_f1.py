"""BIRD's soft F1: how much of the gold result is in the predicted one, cell by cell.

`official_soft_f1` is the formula of BIRD's mini_dev (`evaluation_f1.py`) with its faults:

* rows are aligned by their position, so a right answer in another order scores next to nothing,
  and one missing row spoils all rows below it;
* a row's cells are looked up by value without being used up: (1, 1, 1) against the gold (1,) is
  perfect, and (1, 1, 1, 9) scores 0.857;
* duplicate rows are dropped from both sides, so a result of any length may score 1;
* a gold result without rows gives 0 for any other, yet 1 if both are empty, whatever the columns.

`soft_f1` keeps the idea and mends these: rows are a multiset, paired so that as many cells as
possible agree; within a pair each cell is used once, whatever its column; numbers agree within
the tolerance of `sql.compare`. Precision and recall are the shares of the predicted and of gold's
cells that agree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence

from sqlkiln.core.plugins import Database
from sqlkiln.core.records import Example, Row, Verdict
from sqlkiln.scoring.assignment import best_pairs
from sqlkiln.scoring.results import run_both
from sqlkiln.scoring.verdicts import (
    make_verdict,
)
from sqlkiln.sql.multiset import Cells, canonical, cells_close

PAIRED_ROWS = 60
"""Up to this many unequal rows a side are paired in the best way; of longer results, the rest
is paired by position."""


def official_soft_f1(gold: Sequence[Row], predicted: Sequence[Row]) -> float:
    """The official score in [0, 1], faults included."""
    if not gold and not predicted:
        return 1.0
    expected, found = list(dict.fromkeys(gold)), list(dict.fromkeys(predicted))
    right = extra = absent = 0.0
    for i, row in enumerate(expected):
        if i >= len(found):
            absent += 1
            continue
        right += sum(cell in row for cell in found[i]) / len(row)
        extra += sum(cell not in row for cell in found[i]) / len(row)
        absent += sum(cell not in found[i] for cell in row) / len(row)
    extra += max(0, len(found) - len(expected))
    return _f1(right, right + extra, right + absent)


def soft_f1(gold: Sequence[Row], predicted: Sequence[Row]) -> float:
    """The mended score in [0, 1]; 1 only if the rows are the same but for the order of cells.

    Two empty results score 1.
    """
    if not gold or not predicted:
        return float(not gold and not predicted)
    left, right = canonical(gold), canonical(predicted)
    whole, rest_left, rest_right = _without_equal(left, right)
    shared = whole * len(left[0]) + _best_overlap(rest_left, rest_right)
    return _f1(shared, len(right) * len(right[0]), len(left) * len(left[0]))


def _f1(right: float, found: float, needed: float) -> float:
    precision = right / found if found else 0.0
    recall = right / needed if needed else 0.0
    return 2 * precision * recall / (precision + recall) if right else 0.0


def _without_equal(
    left: Sequence[Cells], right: Sequence[Cells]
) -> tuple[int, list[Cells], list[Cells]]:
    """How many rows have the same cells on both sides, and the other rows.

    Pairing these first loses nothing: no other pair can share more cells.
    """
    waiting: dict[Hashable, list[int]] = {}
    for j, row in enumerate(right):
        waiting.setdefault(_bag(row), []).append(j)
    used: set[int] = set()
    rest = []
    for row in left:
        places = waiting.get(_bag(row))
        if places:
            used.add(places.pop(0))
        else:
            rest.append(row)
    return len(used), rest, [row for j, row in enumerate(right) if j not in used]


def _bag(row: Cells) -> Hashable:
    return frozenset(Counter(row).items())


def _best_overlap(left: Sequence[Cells], right: Sequence[Cells]) -> int:
    """The most cells that rows of the two sides can share, each row in one pair at most."""
    near, far = left[:PAIRED_ROWS], right[:PAIRED_ROWS]
    overlaps = [[_overlap(one, other) for other in far] for one in near]
    total = sum(overlaps[i][j] for i, j in best_pairs(overlaps))
    return total + sum(map(_overlap, left[PAIRED_ROWS:], right[PAIRED_ROWS:]))


def _overlap(one: Cells, other: Cells) -> int:
    """How many cells two rows share, each used once."""
    rest = Counter(other)
    rest.subtract(one)
    alone = list((-rest).elements())
    free = list((+rest).elements())
    shared = len(one) - len(alone)
    for cell in alone:
        close = next((other for other in free if cells_close(cell, other)), None)
        if close is not None:
            free.remove(close)
            shared += 1
    return shared


class OfficialSoftF1:
    """BIRD's soft F1 as published; see `official_soft_f1`."""

    name = "soft_f1.official"

    def score(self, example: Example, predicted_sql: str, database: Database) -> Verdict:
        """Run both statements, and score what they return."""
        return _score(self.name, official_soft_f1, example, predicted_sql, database)


class FixedSoftF1:
    """Soft F1 without the faults of the official one; see `soft_f1`."""

    name = "soft_f1.fixed"

    def score(self, example: Example, predicted_sql: str, database: Database) -> Verdict:
        """Run both statements, and score what they return."""
        return _score(self.name, soft_f1, example, predicted_sql, database)


def _score(
    metric: str,
    formula: Callable[[Sequence[Row], Sequence[Row]], float],
    example: Example,
    predicted_sql: str,
    database: Database,
) -> Verdict:
    found = run_both(metric, example, predicted_sql, database)
    if isinstance(found, Verdict):
        return found
    gold, predicted = found
    score = formula(gold.rows, predicted.rows)
    reason = f"soft F1 of {len(predicted.rows)} rows against {len(gold.rows)} is {score:.3f}"
    details = {} if score == 1.0 else {"failure": "partly_right" if score else "nothing_right"}
    flags = ("empty_equals_empty",) if not gold.rows and not predicted.rows else ()
    return make_verdict(metric, example, score, reason, flags, details)
