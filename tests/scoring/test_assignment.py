import random
from itertools import permutations

import pytest

from sqlkiln.scoring.assignment import best_pairs


@pytest.mark.parametrize(
    ("worth", "pairs"),
    [
        ([], []),
        ([[]], []),
        ([[3]], [(0, 0)]),
        ([[1, 5], [5, 6]], [(0, 1), (1, 0)]),
        ([[1, 9, 2]], [(0, 1)]),
        ([[1], [9], [2]], [(1, 0)]),
    ],
)
def test_hand_checked_pairs(worth, pairs):
    assert best_pairs(worth) == pairs


@pytest.mark.parametrize(("rows", "columns"), [(3, 3), (2, 5), (5, 2), (4, 5)])
def test_no_other_pairs_are_worth_more(rows, columns):
    draw = random.Random(rows * 10 + columns)
    for _ in range(30):
        worth = [[draw.randint(0, 6) for _ in range(columns)] for _ in range(rows)]
        pairs = best_pairs(worth)
        assert len(pairs) == len({i for i, _ in pairs}) == len({j for _, j in pairs})
        found = sum(worth[i][j] for i, j in pairs)
        assert found == most_by_trying(worth)


def most_by_trying(worth):
    if len(worth) > len(worth[0]):
        worth = [list(column) for column in zip(*worth, strict=True)]
    orders = permutations(range(len(worth[0])), len(worth))
    return max(sum(worth[i][j] for i, j in enumerate(order)) for order in orders)
