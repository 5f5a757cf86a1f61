import math

import pytest

from sqlkiln.scoring.sampling import maj_at_k, majority, pass_at_k


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
