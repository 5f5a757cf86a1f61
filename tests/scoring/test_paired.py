import random

import pytest

from sqlkiln.scoring.paired import difference_interval, mcnemar, pair

# Each by hand: twice the binomial tail of the smaller count, and at most 1.
KNOWN_P = [
    (9, 1, 22 / 1024),  # 2 (1 + 10) / 2^10
    (1, 9, 22 / 1024),
    (6, 0, 2 / 64),
    (5, 3, 186 / 256),  # 2 (1 + 8 + 28 + 56) / 2^8
    (4, 4, 1.0),
    (3, 2, 1.0),
    (0, 0, 1.0),
    (1, 0, 1.0),
    (4, 16, 0.011817932128906250),  # 2 (1 + 20 + 190 + 1140 + 4845) / 2^20
]


@pytest.mark.parametrize(("gained", "lost", "p"), KNOWN_P)
def test_mcnemar(gained, lost, p):
    assert mcnemar(gained, lost) == pytest.approx(p, rel=1e-12)


def test_mcnemar_agrees_with_its_normal_approximation_where_there_are_many_rows():
    # Chi-squared with continuity correction: (|520 - 440| - 1)^2 / 960 = 6.501; p = 0.01078.
    assert mcnemar(520, 440) == pytest.approx(0.01078, abs=1e-4)
    assert mcnemar(5200, 4400) == pytest.approx(3.4e-16, rel=0.05)


def test_rows_gained_and_lost():
    a = {"q1": 1.0, "q2": 0.0, "q3": 1.0, "q4": 0.0, "q5": 1.0, "only-a": 1.0}
    b = {"q5": 1.0, "q4": 1.0, "q3": 0.0, "q2": 1.0, "q1": 1.0, "only-b": 0.0}
    found = pair(a, b)
    assert (found.n, found.score_a, found.score_b) == (5, 0.6, 0.8)
    assert found.difference == pytest.approx(0.2)
    assert (found.gained, found.lost) == (("q2", "q4"), ("q3",))
    assert found.p == 1.0
    assert found.interval.low < 0.2 < found.interval.high


def test_a_row_is_gained_only_when_it_becomes_wholly_right():
    found = pair({"q1": 0.2, "q2": 0.5, "q3": 1.0}, {"q1": 0.9, "q2": 1.0, "q3": 0.9})
    assert (found.gained, found.lost) == (("q2",), ("q3",))
    assert found.difference == pytest.approx((0.7 + 0.5 - 0.1) / 3)


def test_interval_agrees_with_the_formula_of_paired_proportions():
    # 60 gained, 30 lost, 910 alike: variance of the mean (90 - 30^2 / 1000) / 1000^2.
    differences = [1.0] * 60 + [-1.0] * 30 + [0.0] * 910
    spread = 1.96 * (90 - 0.9) ** 0.5 / 1000
    interval = difference_interval(differences)
    assert interval.low == pytest.approx(0.03 - spread, abs=0.0015)
    assert interval.high == pytest.approx(0.03 + spread, abs=0.0015)
    assert (interval.method, interval.confidence) == ("bootstrap percentile", 0.95)


def test_pairing_makes_the_interval_narrower_than_two_separate_ones():
    draw = random.Random(3)
    a = {str(i): float(draw.random() < 0.5) for i in range(400)}
    b = {i: 1.0 if draw.random() < 0.04 else score for i, score in a.items()}
    found = pair(a, b)
    assert found.interval.high - found.interval.low < 0.05
    assert found.interval.low > 0


@pytest.mark.parametrize(
    ("difference", "low", "high"),
    [(0.0, -0.1372, 0.1372), (1.0, 0.7256, 1.0), (-1.0, -1.0, -0.7256)],
)
def test_rows_that_all_differ_alike_are_no_certainty(difference, low, high):
    # Of 25 rows alike, at most 1 - 0.025^(1/25) = 13.72% may be otherwise.
    interval = difference_interval([difference] * 25)
    assert interval.low == pytest.approx(low, abs=1e-4)
    assert interval.high == pytest.approx(high, abs=1e-4)
    assert interval.method == "exact binomial (all rows alike)"


def test_the_same_rows_give_the_same_interval():
    a = {str(i): float(i % 3 == 0) for i in range(90)}
    b = {str(i): float(i % 4 == 0) for i in reversed(range(90))}
    assert pair(a, b, seed=5) == pair(dict(reversed(a.items())), b, seed=5)
    assert pair(a, b, seed=5).interval != pair(a, b, seed=6).interval


def test_runs_without_a_common_row_have_no_difference():
    with pytest.raises(ValueError, match="nothing to pair: the runs have no row in common"):
        pair({"a": 1.0}, {"b": 1.0})
