"""Each case was decided by hand before it was run."""

import math
import random
import time
from itertools import permutations

import pytest

from sqlkiln.core.plugins import QueryResult
from sqlkiln.sql.compare import OrderedRows, column_permutation, compare, may_return

NAN = math.nan
SUM = 0.1 + 0.2  # 0.30000000000000004

# name, gold rows, predicted rows, ordered, equal, flags
CASES = [
    ("one row", [(1, "a")], [(1, "a")], False, True, ()),
    ("another number", [(1,)], [(2,)], False, False, ()),
    ("another order", [(1,), (2,)], [(2,), (1,)], False, True, ()),
    ("order that matters", [(1,), (2,)], [(2,), (1,)], True, False, ("order_only",)),
    ("same order", [(1,), (2,)], [(1,), (2,)], True, True, ()),
    ("a row too many", [(1,)], [(1,), (2,)], False, False, ()),
    ("a row too few", [(1,), (2,)], [(1,)], False, False, ()),
    ("a duplicate too many", [(1,)], [(1,), (1,)], False, False, ("duplicates_only",)),
    ("a duplicate too few", [(1,), (1,)], [(1,)], False, False, ("duplicates_only",)),
    ("others doubled", [(1,), (1,), (2,)], [(1,), (2,), (2,)], False, False, ("duplicates_only",)),
    ("both empty", [], [], False, True, ("empty_equals_empty",)),
    ("both empty, ordered", [], [], True, True, ("empty_equals_empty",)),
    ("only gold empty", [], [(1,)], False, False, ()),
    ("only prediction empty", [(1,)], [], False, False, ()),
    ("NULL is NULL", [(None,)], [(None,)], False, True, ()),
    ("NULL is not 0", [(None,)], [(0,)], False, False, ()),
    ("NULL is not ''", [(None,)], [("",)], False, False, ()),
    ("NULLs in another order", [(None, 1), (1, None)], [(1, None), (None, 1)], False, True, ()),
    ("NaN is NaN", [(NAN,), (1.0,)], [(1.0,), (NAN,)], False, True, ()),
    ("NaN is not NULL", [(NAN,)], [(None,)], False, False, ()),
    ("infinity", [(math.inf,)], [(math.inf,)], False, True, ()),
    ("infinities of two signs", [(math.inf,)], [(-math.inf,)], False, False, ()),
    ("infinity is no large number", [(math.inf,)], [(1e308,)], False, False, ()),
    ("1 is 1.0", [(1,)], [(1.0,)], False, True, ()),
    ("true is 1", [(True,)], [(1,)], False, True, ()),
    ("minus zero", [(0.0,)], [(-0.0,)], False, True, ()),
    ("1 is not '1'", [(1,)], [("1",)], False, False, ()),
    ("1.5 is not '1.5'", [(1.5,)], [("1.5",)], False, False, ()),
    ("bytes are no text", [(b"a",)], [("a",)], False, False, ()),
    ("bytes", [(b"a\x00",)], [(b"a\x00",)], False, True, ()),
    ("case counts", [("Ann",)], [("ann",)], False, False, ()),
    ("spaces count", [("Ann",)], [("Ann ",)], False, False, ()),
    ("rounding error", [(0.3,)], [(SUM,)], False, True, ("numeric_tolerance_used",)),
    (
        "rounding error in another order",
        [(0.3, "a"), (2.0, "b")],
        [(2.0, "b"), (SUM, "a")],
        False,
        True,
        ("numeric_tolerance_used",),
    ),
    (
        "rounding error in the wrong order",
        [(0.3,), (2.0,)],
        [(2.0,), (SUM,)],
        True,
        False,
        ("order_only", "numeric_tolerance_used"),
    ),
    ("almost 3", [(3,)], [(2.9999999999999996,)], False, True, ("numeric_tolerance_used",)),
    ("a rounded average", [(2.6666666666,)], [(2.67,)], False, False, ()),
    ("a cent in a million", [(1234567.89,)], [(1234567.88,)], False, False, ()),
    ("large whole numbers", [(10**15,)], [(10**15 + 1,)], False, False, ()),
    ("large whole floats", [(1e15,)], [(1e15 + 1,)], False, False, ()),
    ("whole numbers beyond a float", [(2**53 + 1,)], [(float(2**53),)], False, False, ()),
    (
        "rounding error does not hide a wrong text",
        [(0.3, "a"), (0.3, "b")],
        [(SUM, "a"), (SUM, "a")],
        False,
        False,
        (),
    ),
    ("columns swapped", [(1, "a")], [("a", 1)], False, False, ("column_permutation",)),
    ("columns mixed up per row", [(1, 2), (3, 4)], [(2, 1), (3, 4)], False, False, ()),
    ("three columns turned", [(1, 2, 3)], [(2, 3, 1)], False, False, ("column_permutation",)),
    ("next to nothing", [(1e-10,)], [(2e-10,)], False, True, ("numeric_tolerance_used",)),
]


def result(rows, width=None, truncated=False):
    width = width or (len(rows[0]) if rows else 1)
    return QueryResult(tuple("abcdefgh"[:width]), tuple(rows), truncated)


@pytest.mark.parametrize(
    ("gold", "predicted", "ordered", "equal", "flags"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_hand_checked_cases(gold, predicted, ordered, equal, flags):
    found = compare(result(gold), result(predicted), ordered)
    assert (found.equal, found.flags) == (equal, flags)
    assert found.reason


@pytest.mark.parametrize(
    ("gold", "predicted", "ordered", "equal"),
    [(case[1], case[2], case[3], case[4]) for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_comparing_the_other_way_round_says_the_same(gold, predicted, ordered, equal):
    assert compare(result(predicted), result(gold), ordered).equal is equal


def test_column_names_do_not_count():
    one, other = QueryResult(("count(*)",), ((1,),)), QueryResult(("n",), ((1,),))
    assert compare(one, other).equal


@pytest.mark.parametrize("rows", [[], [(1, 2)]])
def test_another_number_of_columns_is_wrong_even_if_both_are_empty(rows):
    found = compare(result(rows, 2), result([row[:1] for row in rows], 1))
    assert not found.equal
    assert found.reason == "1 column, gold has 2"
    assert found.flags == ()


def test_receipts_name_the_rows_that_differ():
    found = compare(result([(1,), (2,), (2,)]), result([(2,), (3,)]))
    assert found.missing == ((1,), (2,))
    assert found.unexpected == ((3,),)
    assert found.reason == "2 rows, gold has 3: 2 missing, 1 unexpected"


def test_receipt_of_a_wrong_order_is_the_first_row_that_differs():
    found = compare(result([(1,), (2,), (3,)]), result([(1,), (3,), (2,)]), ordered=True)
    assert (found.missing, found.unexpected) == (((2,),), ((3,),))
    assert "from row 2 on" in found.reason


def test_truncated_results_are_flagged():
    cut = result([(1,), (2,)], truncated=True)
    assert compare(cut, cut).equal
    assert compare(cut, cut).flags == ("truncated",)
    longer = compare(result([(1,), (2,)]), cut)
    assert not longer.equal
    assert longer.reason == "only the prediction goes on past the row cap"


# --------------------------------------------------------------------------- columns


def test_permutation_says_where_each_column_of_gold_is():
    gold = [(1, "a", None), (2, "b", None)]
    predicted = [("b", None, 2), ("a", None, 1)]
    assert column_permutation(gold, predicted) == (2, 0, 1)


def test_permutation_agrees_with_trying_all():
    draw = random.Random(7)
    agreed = {True: 0, False: 0}
    for _ in range(300):
        width, height = draw.randint(1, 4), draw.randint(1, 4)
        gold = [tuple(draw.choices([0, 1], k=width)) for _ in range(height)]
        order = draw.sample(range(width), width)
        predicted = [tuple(row[i] for i in order) for row in gold]
        if draw.random() < 0.5:
            predicted[0] = tuple(draw.choices([0, 1], k=width))
        draw.shuffle(predicted)
        possible = any(
            sorted(tuple(row[i] for i in way) for row in predicted) == sorted(gold)
            for way in permutations(range(width))
        )
        found = column_permutation(gold, predicted)
        assert (found is not None) == possible
        if found is not None:
            assert sorted(tuple(row[i] for i in found) for row in predicted) == sorted(gold)
        agreed[possible] += 1
    assert min(agreed.values()) > 20


def test_permutation_of_a_wide_result_of_equal_columns_is_quick():
    gold = [(0,) * 30 + (i,) for i in range(50)]
    predicted = [(i,) + (0,) * 29 + (1,) for i in range(50)]
    start = time.perf_counter()
    assert column_permutation(gold, predicted) is None
    assert time.perf_counter() - start < 1


# --------------------------------------------------------------------------- ties

PEOPLE = OrderedRows(
    rows=[("Ann",), ("Bob",), ("Cid",), ("Dan",), ("Eve",)], keys=[(1,), (2,), (2,), (2,), (3,)]
)


@pytest.mark.parametrize(
    ("names", "offset", "limit", "allowed"),
    [
        ("Ann Bob Cid Dan Eve", 0, None, True),
        ("Ann Dan Bob Cid Eve", 0, None, True),
        ("Bob Ann Cid Dan Eve", 0, None, False),
        ("Ann Bob Cid Dan", 0, None, False),
        ("Ann Bob", 0, 2, True),
        ("Ann Dan", 0, 2, True),
        ("Ann Eve", 0, 2, False),
        ("Ann Bob Bob", 0, 3, False),
        ("Dan Cid Eve", 2, 3, True),
        ("Dan Dan Eve", 2, 3, False),
        ("Eve Dan Cid", 2, 3, False),
        ("Bob Cid", 1, 2, True),
        ("Eve", 4, 9, True),
        ("", 9, 3, True),
        ("Eve", 9, 3, False),
    ],
)
def test_what_an_ordered_query_may_return(names, offset, limit, allowed):
    query = OrderedRows(PEOPLE.rows, PEOPLE.keys, offset, limit)
    assert may_return(query, [(name,) for name in names.split()]) is allowed


def test_keys_tie_within_tolerance_and_null_ties_with_null():
    query = OrderedRows(rows=[(1,), (2,), (3,), (4,)], keys=[(None,), (None,), (0.3,), (SUM,)])
    assert may_return(query, [(2,), (1,), (4,), (3,)])
    assert not may_return(query, [(1,), (3,), (2,), (4,)])
