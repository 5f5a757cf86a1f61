import random

import pytest

from sqlkiln.scoring.calibration import (
    auroc,
    auroc_bounds,
    calibration,
    error_at,
    expected_calibration_error,
    reliability,
    risk_coverage,
)


@pytest.mark.parametrize(
    ("confidences", "right", "expected"),
    [
        ([0.9, 0.1], [True, False], 1.0),
        ([0.1, 0.9], [True, False], 0.0),
        ([0.5, 0.5], [True, False], 0.5),
        # 2 right, 2 wrong: 0.8 beats both, 0.4 beats 0.2 and ties with 0.4: 3.5 of 4
        ([0.8, 0.4, 0.4, 0.2], [True, True, False, False], 0.875),
        # 1 right among 3 wrong, tied with one of them: 1.5 of 3
        ([0.3, 0.3, 0.1, 0.6], [True, False, False, False], 0.5),
        ([0.9, 0.8], [True, True], None),
        ([0.9, 0.8], [False, False], None),
    ],
)
def test_auroc_by_counting_pairs(confidences, right, expected):
    assert auroc(confidences, right) == expected


def test_auroc_does_not_depend_on_the_order():
    draw = random.Random(1)
    rows = [(draw.choice([0.2, 0.5, 0.7]), draw.random() < 0.5) for _ in range(60)]
    areas = set()
    for _ in range(5):
        draw.shuffle(rows)
        areas.add(auroc(*zip(*rows, strict=True)))
    pairs = [(a, b) for a, good in rows if good for b, bad in rows if not bad]
    won = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs)
    assert len(areas) == 1
    assert areas.pop() == pytest.approx(won / len(pairs))


def test_bounds_of_an_auroc():
    # Area 0.8 over 10 and 10: q1 = 0.8 / 1.2 = 2/3, q2 = 1.28 / 1.8 = 0.7111; variance
    # (0.16 + 9 * 0.02667 + 9 * 0.07111) / 100 = 0.0104; half = 1.96 * 0.10198.
    low, high = auroc_bounds(0.8, 10, 10)
    assert (low, high) == (pytest.approx(0.6001, abs=1e-4), pytest.approx(0.9999, abs=1e-4))
    assert auroc_bounds(1.0, 5, 5) == (1.0, 1.0)


def test_bins_have_as_many_answers_each():
    confidences = [0.1, 0.2, 0.3, 0.4, 0.6, 0.8]
    right = [False, False, True, False, True, True]
    found = reliability(confidences, right, bins=3)
    assert [(b.low, b.high, b.n) for b in found] == [(0.1, 0.2, 2), (0.3, 0.4, 2), (0.6, 0.8, 2)]
    assert [b.confidence for b in found] == pytest.approx([0.15, 0.35, 0.7])
    assert [b.right for b in found] == [0.0, 0.5, 1.0]
    # |0.15 - 0| and |0.35 - 0.5| and |0.7 - 1|, two answers each
    assert expected_calibration_error(confidences, right, 3) == pytest.approx(0.2)


def test_ties_stay_in_one_bin():
    found = reliability([0.5, 0.5, 0.5, 0.9], [True, False, True, True], bins=4)
    assert [(b.low, b.high, b.n, b.right) for b in found] == [
        (0.5, 0.5, 3, pytest.approx(2 / 3)),
        (0.9, 0.9, 1, 1.0),
    ]


def test_more_bins_than_answers():
    assert [b.n for b in reliability([0.2, 0.7], [False, True], bins=10)] == [1, 1]
    assert expected_calibration_error([0.2, 0.7], [False, True]) == pytest.approx(0.25)


def test_all_answers_are_in_some_bin():
    draw = random.Random(2)
    for n in range(1, 40):
        confidences = [draw.choice([0.1, 0.3, 0.35, 0.8, draw.random()]) for _ in range(n)]
        right = [draw.random() < c for c in confidences]
        assert sum(b.n for b in reliability(confidences, right)) == n


def test_a_constant_that_is_the_share_of_right_answers_is_calibrated_and_knows_nothing():
    right = [True, False, False, True]
    assert expected_calibration_error([0.5] * 4, right) == 0.0
    assert auroc([0.5] * 4, right) == 0.5
    assert error_at([0.5] * 4, right, 0.7) == pytest.approx(0.5)


def test_errors_among_the_surest():
    confidences = [0.9, 0.8, 0.6, 0.4]
    right = [True, True, False, False]
    points = [(p.coverage, p.error) for p in risk_coverage(confidences, right)]
    assert points == [(0.25, 0.0), (0.5, 0.0), (0.75, pytest.approx(1 / 3)), (1.0, 0.5)]
    # 0.7 of 4 are 2.8 answers, 0.8 of the third among them: 0.8 / 2.8 wrong
    assert error_at(confidences, right, 0.7) == pytest.approx(0.8 / 2.8)
    assert error_at(confidences, right, 1.0) == 0.5
    assert error_at(confidences, right, 0.5) == 0.0


def test_tied_answers_are_given_in_part():
    # The sure one is right; of the four tied ones 3 of 4 are wrong. 60% are 3 answers: 2 tied.
    confidences, right = [0.9, 0.5, 0.5, 0.5, 0.5], [True, False, True, False, False]
    assert [p.coverage for p in risk_coverage(confidences, right)] == [0.2, 1.0]
    assert error_at(confidences, right, 0.6) == pytest.approx(1.5 / 3)
    assert error_at(confidences[::-1], right[::-1], 0.6) == pytest.approx(1.5 / 3)


def test_all_of_it_together():
    found = calibration([0.8, 0.4, 0.4, 0.2], [True, True, False, False])
    assert (found.n, found.right, found.auroc, found.error) == (4, 2, 0.875, 0.5)
    assert found.brier == pytest.approx((0.04 + 0.36 + 0.16 + 0.04) / 4)
    assert found.low < 0.875 <= found.high
    # 2.8 answers: the sure one, and 1.8 of the two tied ones, of which a half is wrong
    assert found.error_at_70 == pytest.approx(0.9 / 2.8)
    assert sum(b.n for b in found.bins) == 4
    assert found.coverage[-1].error == found.error


def test_all_right():
    found = calibration([1.0, 0.5], [True, True])
    assert (found.auroc, found.low, found.high) == (None, None, None)
    assert (found.error, found.ece) == (0.0, 0.25)


@pytest.mark.parametrize(
    ("confidences", "right", "message"),
    [
        ([], [], "nothing to calibrate: 0 confidences, 0 verdicts"),
        ([0.5], [True, False], "nothing to calibrate: 1 confidences, 2 verdicts"),
        ([1.2], [True], "no confidence: found 1.2; give numbers from 0 to 1"),
        ([float("nan")], [True], "no confidence: found nan"),
    ],
)
def test_what_is_refused(confidences, right, message):
    with pytest.raises(ValueError, match=message):
        calibration(confidences, right)
