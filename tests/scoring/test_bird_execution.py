import pytest

from sqlkiln.core.plugins import QueryResult
from sqlkiln.scoring.bird_execution import compare_bird


def result(*rows, truncated=False):
    width = len(rows[0]) if rows else 1
    return QueryResult(tuple("abc"[:width]), rows, truncated)


@pytest.mark.parametrize(
    ("gold", "predicted", "equal", "reason"),
    [
        (result((1,), (2,)), result((1,), (2,)), True, "same set of rows"),
        (result((1,), (2,)), result((2,), (1,)), True, "same set of rows"),
        (result((1,)), result((1,), (1,)), True, "same rows but for duplicates"),
        (result((1,)), result((1.0,)), True, "same set of rows"),
        (result((None,)), result((None,)), True, "same set of rows"),
        (result(), result(), True, "both are empty"),
        (result((1, 2)), result((2, 1)), False, "rows missing: 1, unexpected: 1"),
        (result((1,)), result(("1",)), False, "rows missing: 1, unexpected: 1"),
        (result((0.3,)), result((0.1 + 0.2,)), False, "rows missing: 1, unexpected: 1"),
        (result((1,), (2,)), result((1,)), False, "rows missing: 1, unexpected: 0"),
        (result(), result((1,)), False, "rows missing: 0, unexpected: 1"),
        (result((1,)), result((1, 1)), False, "rows missing: 1, unexpected: 1"),
    ],
)
def test_sets_of_rows(gold, predicted, equal, reason):
    comparison = compare_bird(gold, predicted)
    assert comparison.equal is equal
    assert comparison.reason == reason


def test_the_rows_that_differ_are_named_once():
    comparison = compare_bird(result((1,), (2,), (2,)), result((3,), (1,), (3,)))
    assert comparison.missing == ((2,),)
    assert comparison.unexpected == ((3,),)


def test_flags():
    assert compare_bird(result(), result()).flags == ("empty_equals_empty",)
    assert compare_bird(result((1,)), result((1,), (1,))).flags == ("duplicates_only",)
    cut = compare_bird(result((1,), truncated=True), result((1,)))
    assert cut.flags == ("truncated",)
