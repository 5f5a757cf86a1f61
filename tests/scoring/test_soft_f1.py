"""Scores worked out by hand; the official ones include the faults that are known of it."""

from math import nan

import pytest

from sqlkiln.scoring import soft_f1 as module
from sqlkiln.scoring.soft_f1 import official_soft_f1, soft_f1

# gold, prediction, official, fixed
CASES = [
    ([(1, "a"), (2, "b")], [(1, "a"), (2, "b")], 1.0, 1.0),
    ([], [], 1.0, 1.0),
    ([(1,)], [], 0.0, 0.0),
    ([], [(1,)], 0.0, 0.0),
    # one row of two is missing: recall 1/2
    ([(1,), (2,)], [(1,)], 2 / 3, 2 / 3),
    # one cell of two: precision 1/2, recall 1/2
    ([(1, "a")], [(1, "b")], 0.5, 0.5),
    # a column too few: recall 1/2
    ([(1, "a")], [(1,)], 2 / 3, 2 / 3),
    # a column too many: precision 2/3
    ([(1, "a")], [(1, "a", 9)], 0.8, 0.8),
    # columns in another order
    ([(1, "a")], [("a", 1)], 1.0, 1.0),
    # the right rows in another order: nothing is where it should be
    ([(1,), (2,), (3,)], [(3,), (1,), (2,)], 0.0, 1.0),
    # ... or only one is
    ([(1,), (2,), (3,)], [(1,), (3,), (2,)], 1 / 3, 1.0),
    # one row missing at the top spoils all others
    ([(1,), (2,), (3,)], [(2,), (3,)], 0.0, 0.8),
    # cells that are there again and again
    ([(1,)], [(1, 1, 1)], 1.0, 0.5),
    ([(1,)], [(1, 1, 1, 9)], 6 / 7, 0.4),
    ([(1, 1, 2)], [(1, 2, 2)], 1.0, 2 / 3),
    # rows that are there again and again
    ([(1,)], [(1,), (1,), (1,)], 1.0, 0.5),
    ([(1,), (1,)], [(1,)], 1.0, 2 / 3),
    # numbers that differ in the last digits, types, NULL
    ([(0.1 + 0.2,)], [(0.3,)], 0.0, 1.0),
    ([(1,)], [(1.0,)], 1.0, 1.0),
    ([(1,)], [("1",)], 0.0, 0.0),
    ([(None,)], [(None,)], 1.0, 1.0),
    # the best pairs are not the first ones: (1, 2) with (1, 2, 0), and (1, 3) with (1, 3, 0)
    ([(1, 2), (1, 3)], [(1, 3, 0), (1, 2, 0)], 0.4, 0.8),
]


@pytest.mark.parametrize(("gold", "predicted", "official", "fixed"), CASES)
def test_hand_checked_scores(gold, predicted, official, fixed):
    assert official_soft_f1(gold, predicted) == pytest.approx(official)
    assert soft_f1(gold, predicted) == pytest.approx(fixed)


def test_not_a_number_is_itself():
    assert soft_f1([(nan,)], [(nan,)]) == 1.0


def test_the_order_of_rows_never_counts_in_the_fixed_form():
    gold = [(n, n * n, str(n)) for n in range(40)]
    predicted = [(n, n * n + n % 2, str(n)) for n in range(40)]
    score = soft_f1(gold, predicted)
    assert score == pytest.approx(100 / 120)
    assert soft_f1(gold, predicted[::-1]) == pytest.approx(score)
    assert soft_f1(gold[::-1], predicted) == pytest.approx(score)


def test_long_results_are_paired_by_position_where_they_differ(monkeypatch):
    monkeypatch.setattr(module, "PAIRED_ROWS", 2)
    gold = [(n, "x") for n in range(4)]
    predicted = [(n, "y") for n in range(4)]
    assert soft_f1(gold, predicted) == pytest.approx(0.5)
    assert soft_f1(gold, [*predicted[:2][::-1], *predicted[2:]]) == pytest.approx(0.5)
    assert soft_f1(gold, [*predicted[:2], *predicted[2:][::-1]]) == pytest.approx(0.25)
