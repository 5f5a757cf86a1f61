import pytest

from sqlkiln.core.plugins import Candidate, Completion, QueryResult
from sqlkiln.search.readings import SHOWN_ROWS, other_reading
from sqlkiln.search.vote import tally


def candidate(*rows, columns=("a",), sql="SELECT 1", truncated=False):
    result = QueryResult(columns, tuple((r,) if not isinstance(r, tuple) else r for r in rows))
    if truncated:
        result = QueryResult(result.columns, result.rows, truncated=True)
    return Candidate(sql, Completion("", "stop"), result)


def difference(first, second):
    return other_reading(tally([first, second], wants_rows=False)).difference


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (
            candidate(1, 2, 3),
            candidate(1),
            "3 rows against 1 row: the first has 2 more, the others are the same",
        ),
        (
            candidate(1),
            candidate(1, 2),
            "1 row against 2 rows: the second has 1 more, the others are the same",
        ),
        (
            candidate(1, 2, 3),
            candidate(3, 4, 5),
            "3 rows against 3 rows: 1 in both, 2 in the first alone, 2 in the second alone",
        ),
        (
            candidate(1, 1, 2),
            candidate(1, 2),
            "3 rows against 2 rows: the same ones, but some come again",
        ),
        (candidate(14), candidate(9), "one value each, and not the same one"),
        (candidate(1, 2), candidate(), "2 rows against no rows"),
        (
            candidate(1, 2, truncated=True),
            candidate(1, 2),
            "2 rows and more against 2 rows",
        ),
        (
            candidate((1, "x"), columns=("id", "name")),
            candidate("x", "y", columns=("name",)),
            "2 columns (id, name) against 1 (name); 1 row against 2 rows",
        ),
        (
            candidate((1, "x"), (2, "y"), columns=("id", "name")),
            candidate(("x", 1), ("y", 2), columns=("name", "id")),
            "the same 2 rows with the columns in another order",
        ),
    ],
)
def test_how_they_differ(first, second, told):
    assert difference(first, second) == told


def test_the_order_alone():
    first, second = candidate(1, 2), candidate(2, 1)
    found = other_reading(tally([first, second], ordered=True))
    assert found.difference == "the same 2 rows in another order"


def test_it_tells_sql_votes_and_the_rows_of_each_alone():
    one = candidate(*range(10), sql="SELECT many")
    other = candidate(7, 99, sql="SELECT few")
    found = other_reading(tally([other, one, one]))
    assert (found.sql, found.votes, found.winner_votes) == ("SELECT few", 1, 2)
    assert found.winner_rows == ((0,), (1,), (2,))
    assert len(found.winner_rows) == SHOWN_ROWS
    assert found.own_rows == ((99,),)
    assert found.rows == ((7,), (99,))


def test_where_columns_are_not_as_many_the_first_rows_are_shown():
    found = other_reading(tally([candidate((1, 2), columns=("a", "b")), candidate(5, 6)]))
    assert found.winner_rows == ((1, 2),)
    assert found.own_rows == ((5,), (6,))


def test_a_clear_vote_has_one_reading():
    one, other = candidate(1), candidate(2)
    assert other_reading(tally([one, one, one, other])) is None
    assert other_reading(tally([one, one])) is None
    failed = Candidate("SELECT x", Completion("", "stop"), error="no such column: x")
    assert other_reading(tally([one, failed])) is None
    assert other_reading(tally([failed])) is None


def test_nothing_is_no_reading_where_the_question_implies_rows():
    one, nothing = candidate(1), candidate()
    assert other_reading(tally([nothing, one], wants_rows=True)) is None
    assert other_reading(tally([nothing, one], wants_rows=False)) is not None
