import math

import pytest

from sqlkiln.core.plugins import QueryResult
from sqlkiln.scoring.result_groups import group_numbers


def result(*rows, columns=None, truncated=False):
    width = len(rows[0]) if rows else 1
    names = columns or tuple(f"c{i}" for i in range(width))
    return QueryResult(names, rows, truncated)


ANN, BO = ("Ann", 1), ("Bo", 2)


@pytest.mark.parametrize(
    ("results", "numbers"),
    [
        ([], []),
        ([None, result(ANN), None], [None, 0, None]),
        ([result(ANN, BO), result(BO, ANN), result(ANN)], [0, 0, 1]),
        # duplicates count
        ([result(ANN, ANN), result(ANN), result(ANN)], [0, 1, 1]),
        # columns by place, not by name
        ([result((1, 2)), result((2, 1)), result((1, 2), columns=("x", "y"))], [0, 1, 0]),
        # NULL is NULL, NaN is NaN, 1 is 1.0 is true, '1' is another thing
        ([result((None,)), result((None,)), result((0,))], [0, 0, 1]),
        ([result((math.nan,)), result((math.nan,)), result((1,)), result((1.0,))], [0, 0, 1, 1]),
        ([result((1,)), result((True,)), result(("1",)), result((b"1",))], [0, 0, 1, 2]),
        # fractions within tolerance
        ([result((0.1 + 0.2,)), result((0.3,)), result((0.30001,))], [0, 0, 1]),
        (
            [result(("a", 1 / 3), ("b", 2.5)), result(("b", 2.5), ("a", 0.3333333333333334))],
            [0, 0],
        ),
        # nothing and nothing, if as wide
        ([result(), result(), result(columns=("a", "b"))], [0, 0, 1]),
        # one was cut off
        ([result(ANN), result(ANN, truncated=True)], [0, 1]),
    ],
)
def test_results_that_are_the_same_have_the_same_number(results, numbers):
    assert group_numbers(results) == numbers


def test_the_order_counts_if_it_is_asked_for():
    results = [result(ANN, BO), result(BO, ANN), result(ANN, BO)]
    assert group_numbers(results, ordered=True) == [0, 1, 0]
    fractions = [result((0.1 + 0.2,), (1,)), result((0.3,), (1,)), result((1,), (0.3,))]
    assert group_numbers(fractions, ordered=True) == [0, 0, 1]


def test_each_is_held_against_the_first_of_a_group():
    # Each is close to the next one, the last is not close to the first.
    near = [result((1.5 + step * 1e-9,)) for step in (0, 1, 2)]
    assert group_numbers(near) == [0, 0, 1]
    assert group_numbers(near[1:]) == [0, 0]
