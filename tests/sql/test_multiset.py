import random
import time

import pytest

from sqlkiln.sql.multiset import MATCHING_ROWS, cells_close, unmatched

STEP = 0.8e-9  # within the tolerance of 1e-9; two steps are not


def rest(gold, predicted):
    found = unmatched(gold, predicted)
    return len(found.missing), len(found.unexpected)


def test_rows_that_no_bucket_could_hold_together_are_paired():
    edges = [round(0.5 + n * 1e-9, 12) for n in range(-5, 6)]
    for edge in edges:
        assert rest([(edge,)], [(edge + 4e-10,)]) == (0, 0)


def test_closeness_is_not_handed_on():
    assert rest([(0.0,)], [(STEP,)]) == (0, 0)
    assert rest([(0.0,)], [(2 * STEP,)]) == (1, 1)
    assert rest([(0.0,), (0.0,)], [(STEP,), (2 * STEP,)]) == (1, 1)


def test_an_equal_pair_gives_way_where_that_pairs_all_rows():
    # b~c~d in a row: pairing the equal c's first would leave b and d, which are not close.
    assert rest([(0.1,), (0.1 + STEP,)], [(0.1 + STEP,), (0.1 + 2 * STEP,)]) == (0, 0)


def test_several_columns_are_matched_together():
    gold = [(0.1, 0.2), (0.1 + STEP, 0.2 + 2 * STEP)]
    assert rest(gold, [(0.1 + STEP, 0.2 + STEP), (0.1, 0.2 + STEP)]) == (0, 0)
    assert rest(gold, [(0.1, 0.2 + 2 * STEP), (0.1, 0.2 + 2 * STEP)]) == (1, 1)


def test_agrees_with_trying_every_pairing():
    from itertools import permutations

    draw = random.Random(3)
    outcomes = set()
    for _ in range(400):
        gold, predicted = (
            [(draw.randint(0, 3) * STEP + 0.5, draw.choice("xy")) for _ in range(4)]
            for _ in range(2)
        )
        possible = any(
            all(cells_close(a[0], b[0]) and a[1] == b[1] for a, b in zip(gold, way, strict=True))
            for way in permutations(predicted)
        )
        assert (rest(gold, predicted) == (0, 0)) is possible
        outcomes.add(possible)
    assert outcomes == {True, False}


def test_whole_numbers_beside_fractions_stay_exact():
    gold = [(1e10,), (1e10 + 1,), (0.3,)]
    assert rest(gold, [(1e10,), (1e10 + 2,), (0.1 + 0.2,)]) == (1, 1)
    assert rest(gold, [(1e10 + 1,), (1e10,), (0.1 + 0.2,)]) == (0, 0)


def test_large_groups_are_paired_in_sorted_order():
    numbers = [1e-8 + n * STEP for n in range(2 * MATCHING_ROWS)]
    gold = [(n,) for n in numbers]
    predicted = [(n + STEP / 2,) for n in reversed(numbers)]
    assert rest(gold, predicted) == (0, 0)
    assert rest(gold, predicted[:-1]) == (1, 0)


@pytest.mark.parametrize("noise", [0.0, 1e-13])
def test_many_rows_are_quick(noise):
    draw = random.Random(1)
    gold = [(n % 97, draw.uniform(1, 1e6), "text") for n in range(50_000)]
    predicted = [(a, b * (1 + noise), c) for a, b, c in reversed(gold)]
    start = time.perf_counter()
    found = unmatched(gold, predicted)
    assert (found.missing, found.unexpected, found.tolerance_used) == ((), (), noise > 0)
    assert time.perf_counter() - start < 5


def test_receipts_hold_nan_as_nan():
    found = unmatched([(float("nan"),)], [(1.0,)])
    assert found.missing[0][0] != found.missing[0][0]
