import math

import pytest

from sqlkiln.core.plugins import open_database
from sqlkiln.core.records import Example, Prediction
from sqlkiln.scoring.metrics import ExecutionAccuracy
from sqlkiln.scoring.sampling import (
    maj_at_k,
    majority,
    most_samples,
    pass_at_k,
    sample_metrics,
    score_samples,
)


@pytest.mark.parametrize(
    ("samples", "right", "k", "expected"),
    [
        (1, 1, 1, 1.0),
        (1, 0, 1, 0.0),
        (10, 3, 1, 0.3),
        (10, 10, 5, 1.0),
        (10, 0, 10, 0.0),
        (10, 1, 10, 1.0),
        # 1 - C(7,2)/C(10,2) = 1 - 21/45
        (10, 3, 2, 24 / 45),
        # fewer wrong ones than are drawn
        (4, 2, 3, 1.0),
    ],
)
def test_hand_checked_chances(samples, right, k, expected):
    assert pass_at_k(samples, right, k) == pytest.approx(expected)


def test_the_product_is_the_paper_s_formula():
    for samples in range(1, 12):
        for right in range(samples + 1):
            for k in range(1, samples + 1):
                missed = math.comb(samples - right, k) / math.comb(samples, k)
                assert pass_at_k(samples, right, k) == pytest.approx(1 - missed)


@pytest.mark.parametrize(("samples", "right", "k"), [(3, 4, 1), (3, -1, 1), (3, 1, 0), (3, 1, 4)])
def test_impossible_counts_are_refused(samples, right, k):
    with pytest.raises(ValueError, match=f"no pass@{k}: {right} right of {samples} samples"):
        pass_at_k(samples, right, k)


@pytest.mark.parametrize(
    ("results", "winner"),
    [
        (["a"], 0),
        (["a", "b", "b"], 1),
        (["a", "b", "b", "a"], 0),
        ([None, None, "c"], 2),
        ([None, None], None),
        ([], None),
        ([((1,),), ((2,),), ((2,),)], 1),
    ],
)
def test_the_most_frequent_result_wins_and_the_first_of_equals(results, winner):
    assert majority(results) == winner


def test_only_the_first_k_vote():
    results, right = ["a", "b", "b"], [True, False, False]
    assert [maj_at_k(results, right, k) for k in (1, 2, 3)] == [True, True, False]
    assert maj_at_k([None, "b"], [False, True], 1) is False
    with pytest.raises(ValueError, match="no maj@4: 3 results with 3 verdicts"):
        maj_at_k(results, right, 4)
    with pytest.raises(ValueError, match="no maj@1: 3 results with 1 verdicts"):
        maj_at_k(results, [True], 1)


# --------------------------------------------------------------------------- by execution

NAMES = "SELECT name FROM customer"
CITIES = "SELECT city FROM customer"


@pytest.fixture
def scored(shop):
    """Scores samples for the names of the customers; gives (score, reason) by metric."""

    def score(*samples, gold=NAMES):
        example = Example(id="1", db_id="shop", question="?", gold_sql=gold)
        with open_database(shop) as database:

            def judge(sql):
                return ExecutionAccuracy().score(example, sql, database)

            verdicts = score_samples(example, samples, judge, database)
        return {verdict.metric: verdict for verdict in verdicts}

    return score


def test_what_samples_are_scored_by():
    assert sample_metrics(0) == ()
    assert sample_metrics(1) == ("pass@1", "maj@1")
    assert sample_metrics(4) == ("pass@1", "pass@2", "pass@4", "maj@4")
    assert sample_metrics(5) == ("pass@1", "pass@2", "pass@4", "pass@5", "maj@5")


def test_samples_of_one_question(scored):
    # One of three is right: pass@2 is 1 - C(2, 2) / C(3, 2) = 2/3; two vote for the cities.
    found = scored(CITIES, NAMES, CITIES)
    assert {name: round(verdict.score, 4) for name, verdict in found.items()} == {
        "pass@1": 0.3333, "pass@2": 0.6667, "pass@3": 1.0, "maj@3": 0.0,
    }  # fmt: skip
    assert found["pass@1"].reason == "1 of 3 samples are right"
    assert found["maj@3"].details == {"samples": 3, "right": 1, "failure": "some_samples_wrong"}


def test_samples_vote_by_their_rows_and_failed_ones_do_not(scored):
    other = f"{NAMES} ORDER BY id DESC"
    found = scored("SELECT nothing FROM customer", "", other, CITIES, NAMES)
    assert found["maj@5"].score == 1.0
    assert scored("", "SELEC")["maj@2"].score == 0.0


def test_samples_for_a_gold_that_fails_are_not_scored(scored):
    found = scored(NAMES, NAMES, gold="SELECT nothing FROM customer")
    assert {verdict.flags for verdict in found.values()} == {("gold_failed",)}
    assert list(found) == ["pass@1", "pass@2", "maj@2"]


def test_most_samples():
    made = [Prediction(id=n, db_id="shop", sql="", samples=("",) * len(n)) for n in ("a", "bbb")]
    assert (most_samples(made), most_samples([])) == (3, 0)
