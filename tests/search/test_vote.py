import itertools
import math
import random

import pytest

from sqlkiln.core.plugins import Candidate, Completion, QueryResult, TokenLogprob
from sqlkiln.search.vote import implies_rows, is_empty, probability, tally, vote

ONE, TWO, TEN = ((1,),), ((2,),), ((10,),)
NOTHING = ()
NULL = ((None,), (None,))


def completion(*probabilities):
    tokens = tuple(TokenLogprob("t", math.log(p)) for p in probabilities)
    return Completion("", "stop", logprobs=tokens)


def candidate(rows, *probabilities, sql="SELECT 1"):
    """One that returned `rows`; None is one that failed."""
    if rows is None:
        return Candidate(sql, completion(*probabilities), error="no such column: x")
    return Candidate(sql, completion(*probabilities), QueryResult(("a",), rows))


def won(*candidates, **options):
    """The rows that win; None if all failed."""
    result = tally(candidates, **options).winner.result
    return result.rows if result else None


def test_the_largest_group_wins():
    found = tally([candidate(ONE), candidate(TWO), candidate(TWO), candidate(TWO)])
    assert found.winner.result.rows == TWO
    assert [group.members for group in found.groups] == [(1, 2, 3), (0,)]
    assert ([g.votes for g in found.groups], found.close) == ([3, 1], False)


def test_rows_vote_whatever_their_order_and_their_last_digit():
    found = tally(
        [
            candidate(((0.1 + 0.2,), (7,))),
            candidate(TWO),
            candidate(((7,), (0.3,))),
            candidate(((7,), (0.3,))),
        ]
    )
    assert found.groups[0].members == (0, 2, 3)


def test_the_order_counts_if_it_is_asked_for():
    rows = [((1,), (2,)), ((2,), (1,)), ((2,), (1,)), ((2,), (1,))]
    found = tally([candidate(r) for r in rows], ordered=True)
    assert [group.votes for group in found.groups] == [3, 1]


def test_the_first_of_equals_wins_where_nothing_is_known_of_probabilities():
    assert won(candidate(ONE), candidate(TWO)) == ONE
    assert won(candidate(ONE), candidate(TWO), candidate(TWO), candidate(ONE)) == ONE
    assert won(candidate(ONE), candidate(TWO), candidate(TWO)) == TWO


def test_close_calls_are_decided_by_the_sum_of_probabilities():
    # 0.9 against 0.4 + 0.45; then against 0.5 + 0.45
    assert won(candidate(ONE, 0.9), candidate(TWO, 0.4), candidate(TWO, 0.45)) == ONE
    assert won(candidate(ONE, 0.9), candidate(TWO, 0.5), candidate(TWO, 0.45)) == TWO
    found = tally([candidate(ONE, 0.9), candidate(TWO, 0.4), candidate(TWO, 0.45)])
    assert ([g.votes for g in found.groups], found.close) == ([1, 2], True)
    # two votes behind is not close
    assert won(candidate(ONE, 0.99), *[candidate(TWO, 0.1)] * 3) == TWO


def test_a_probability_is_the_mean_over_tokens():
    assert probability(completion(0.5, 0.5, 0.5)) == pytest.approx(0.5)
    assert probability(completion(1.0, 0.25)) == pytest.approx(0.5)
    assert probability(completion()) is None


def test_probabilities_that_are_not_known_of_all_are_not_used():
    assert won(candidate(ONE, 0.9), candidate(TWO, 0.1), candidate(TWO)) == TWO
    # of one that failed it does not matter
    assert (
        won(candidate(ONE, 0.9), candidate(TWO, 0.1), candidate(TWO, 0.1), candidate(None)) == ONE
    )


@pytest.mark.parametrize("nothing", [NOTHING, NULL])
def test_nothing_loses_to_rows_where_the_question_implies_rows(nothing):
    candidates = [candidate(nothing), candidate(nothing), candidate(nothing), candidate(ONE)]
    assert won(*candidates) == ONE
    assert won(*candidates, wants_rows=False) == nothing
    assert won(*candidates[:3]) == nothing
    found = tally(candidates)
    assert ([g.votes for g in found.groups], found.close) == ([1, 3], False)


def test_what_is_empty():
    assert is_empty(QueryResult(("a",), NOTHING))
    assert is_empty(QueryResult(("a",), NULL))
    assert not is_empty(QueryResult(("a", "b"), ((None, 0),)))
    assert not is_empty(QueryResult(("a",), (("",),)))


def test_failures_have_no_vote():
    found = tally([candidate(None), candidate(None), candidate(ONE)])
    assert found.winner.result.rows == ONE
    assert [g.members for g in found.groups] == [(2,)]
    assert won(candidate(None), candidate(None), candidate(NOTHING)) == NOTHING


def test_if_all_fail_the_first_one_stands_for_them():
    found = tally([candidate(None, sql="A"), candidate(None, sql="B")])
    assert (found.winner.sql, found.groups, found.votes, found.close) == ("A", (), 0, False)


def test_without_candidates_there_is_no_vote():
    with pytest.raises(ValueError, match="nothing to vote on: there are no candidates"):
        tally([])
    with pytest.raises(ValueError, match="nothing to vote on"):
        vote([])


def test_within_the_group_the_commonest_order_and_then_the_likeliest_speaks():
    up, down = ((1,), (2,)), ((2,), (1,))
    members = [
        candidate(down, 0.9, sql="unsorted"),
        candidate(up, 0.5, sql="sorted"),
        candidate(up, 0.6, sql="sorted, likelier"),
    ]
    assert tally(members).winner.sql == "sorted, likelier"
    assert tally(members[:2]).winner.sql == "unsorted"
    unknown = [candidate(up, sql="first"), candidate(up, sql="second")]
    assert tally(unknown).winner.sql == "first"


# --------------------------------------------------------------------------- stopping early


def test_settled_without_probabilities():
    assert tally([candidate(ONE)] * 4).settled(3)
    # Four votes of another result would tie, and the first of equals wins.
    assert tally([candidate(ONE)] * 4).settled(4)
    assert not tally([candidate(ONE)] * 4).settled(5)
    late = tally([candidate(TWO), *[candidate(ONE)] * 3])
    assert late.settled(1)
    assert not late.settled(2)
    assert not tally([candidate(None)] * 3).settled(1)
    assert tally([candidate(None)] * 3).settled(0)


def test_settled_with_probabilities():
    # 4 against 0 + 3 is within a vote: three sure ones would weigh 3, more than 4 * 0.7.
    assert not tally([candidate(ONE, 0.7)] * 4).settled(3)
    assert tally([candidate(ONE, 0.8)] * 4).settled(3)
    assert tally([candidate(ONE, 0.1)] * 4).settled(2)


def test_nothing_is_not_settled_while_rows_may_come():
    nothing = [candidate(NOTHING)] * 5
    assert not tally(nothing).settled(1)
    assert tally(nothing, wants_rows=False).settled(1)
    # and what can never win need not be waited for
    assert tally([candidate(NOTHING)] * 3 + [candidate(ONE)] * 2).settled(1)


def test_a_settled_vote_ends_as_it_stood_whatever_comes():
    draw = random.Random(3)
    kinds = [ONE, TWO, TEN, NOTHING, None]
    settled = 0
    for _ in range(500):
        wants_rows, known = draw.random() < 0.7, draw.random() < 0.5
        left = draw.choice([1, 2, 2, 3])

        def made(rows, known=known):
            return candidate(rows, *([draw.choice([0.2, 0.6, 0.9, 1.0])] if known else []))

        before = [made(draw.choice(kinds)) for _ in range(draw.randint(2, 7))]
        stood = tally(before, wants_rows)
        if not stood.settled(left):
            continue
        settled += 1
        for rest in itertools.product([*kinds, ((99,),)], repeat=left):
            after = tally([*before, *map(made, rest)], wants_rows)
            assert after.winner.result.rows == stood.winner.result.rows
    assert settled > 60


def test_voting_stops_when_it_is_settled():
    asked = []

    def attempt(rows):
        return lambda: asked.append(rows) or candidate(rows)

    found, made = vote([attempt(rows) for rows in (ONE, ONE, TWO, ONE, TWO, TWO)])
    # After four: 3 against 1 with two left may become a tie, which the first of equals wins.
    assert asked == [ONE, ONE, TWO, ONE]
    assert found.candidates == made
    assert (len(made), found.winner.result.rows) == (4, ONE)


def test_voting_goes_on_while_it_may_change():
    found, made = vote([lambda rows=rows: candidate(rows) for rows in (ONE, TWO, TEN, TEN)])
    assert (len(made), found.winner.result.rows) == (4, TEN)
    _, made = vote([lambda: candidate(NOTHING)] * 4)
    assert len(made) == 4
    _, made = vote([lambda: candidate(NOTHING)] * 4, wants_rows=False)
    assert len(made) == 2


@pytest.mark.parametrize(
    ("question", "implied"),
    [
        ("Which singers are from France?", True),
        ("how many singers are there?", True),
        ("Is there any singer from France?", False),
        ("  are there singers without a concert", False),
        ("Does France have a stadium?", False),
        ("Island names?", True),
        ("Which songs are in both the rock and the pop list?", False),
        ("Who won in 2014 and also in 2015?", False),
        ("Who brought the bothersome dog?", True),
        ("Tell me what the names are", True),
    ],
)
def test_what_questions_imply_rows(question, implied):
    assert implies_rows(question) is implied
