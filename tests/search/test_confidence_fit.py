import math
import random

import pytest

from sqlkiln.core.errors import DataError
from sqlkiln.search.confidence_fit import PENALTY, Coefficient, Fit, fit, probability_of


def rows(*groups):
    """(features, how many right, how many wrong) as rows."""
    return [
        (features, verdict)
        for features, right, wrong in groups
        for verdict in [True] * right + [False] * wrong
    ]


def test_without_features_every_row_gets_the_share_of_right_ones():
    found = fit(rows(({}, 3, 9)), [])
    assert probability_of(found, {}) == pytest.approx(0.25)
    assert found.intercept == pytest.approx(math.log(1 / 3))
    assert found.fitted_on == {"rows": 12, "right": 3, "penalty": PENALTY}


def test_one_feature_with_two_values_gives_the_share_of_each():
    # Almost without a penalty, the log-odds of both groups are met exactly.
    groups = rows(({"x": 0.0}, 10, 30), ({"x": 1.0}, 30, 10))
    found = fit(groups, ["x"], penalty=1e-6)
    assert probability_of(found, {"x": 0.0}) == pytest.approx(0.25, abs=1e-5)
    assert probability_of(found, {"x": 1.0}) == pytest.approx(0.75, abs=1e-5)
    # Mean 0.5, deviation 0.5: log 3 on either side.
    assert found.coefficients["x"].weight == pytest.approx(math.log(3), abs=1e-4)
    assert (found.coefficients["x"].mean, found.coefficients["x"].scale) == (0.5, 0.5)


def test_a_penalty_draws_to_the_middle():
    groups = rows(({"x": 0.0}, 10, 30), ({"x": 1.0}, 30, 10))
    weights = [fit(groups, ["x"], penalty=p).coefficients["x"].weight for p in (0.01, 1, 100, 1e6)]
    assert weights == sorted(weights, reverse=True)
    assert weights[0] == pytest.approx(math.log(3), abs=1e-2)
    assert weights[-1] == pytest.approx(0, abs=1e-3)
    # The minimum of 80 log-likelihoods and w^2 / 2: 40 tanh(w / 2) = 20 - w, found by bisection.
    low, high = 0.0, 2.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if 40 * math.tanh(middle / 2) < 20 - middle else (low, middle)
    assert weights[1] == pytest.approx(low, abs=1e-6)


def test_what_is_added_up_is_what_is_right():
    draw = random.Random(5)
    data = []
    for _ in range(400):
        a, b = draw.gauss(0, 3), draw.gauss(1, 0.2)
        data.append(({"a": a, "b": b}, draw.random() < 1 / (1 + math.exp(-a - 4 * (b - 1)))))
    found = fit(data, ["a", "b"], penalty=1)
    assert sum(probability_of(found, f) for f, _ in data) == pytest.approx(sum(y for _, y in data))
    # One of a deviation of 3 with weight 1, one of 0.2 with weight 4; 400 rows leave some doubt.
    assert found.coefficients["a"].weight == pytest.approx(3, abs=0.9)
    assert found.coefficients["b"].weight == pytest.approx(0.8, abs=0.4)


def test_rows_that_can_be_parted_have_finite_weights():
    found = fit(rows(({"x": 0.0}, 0, 50), ({"x": 1.0}, 50, 0)), ["x"], penalty=0.1)
    assert 3 < found.coefficients["x"].weight < 20
    assert probability_of(found, {"x": 1.0}) > 0.95


def test_what_is_missing_counts_as_the_mean():
    groups = rows(({"x": 0.0}, 10, 30), ({"x": 1.0}, 30, 10), ({"x": None}, 5, 5), ({}, 5, 5))
    found = fit(groups, ["x"])
    assert found.coefficients["x"].mean == 0.5
    assert probability_of(found, {}) == probability_of(found, {"x": 0.5}) == pytest.approx(0.5)
    assert probability_of(found, {"x": None, "other": 3.0}) == pytest.approx(0.5)


def test_what_never_differs_is_left_out():
    groups = rows(({"x": 0.0, "same": 2.0, "none": None}, 8, 2), ({"x": 1.0, "same": 2.0}, 2, 8))
    assert fit(groups, ["x", "same", "none", "absent"]).coefficients.keys() == {"x"}


def test_features_that_say_the_same_share_their_weight():
    groups = rows(({"x": 0.0, "y": 0.0}, 2, 8), ({"x": 1.0, "y": 10.0}, 8, 2))
    x, y = fit(groups, ["x", "y"]).coefficients.values()
    assert x.weight == pytest.approx(y.weight)


def test_extreme_odds_are_no_trouble():
    found = Fit(intercept=0.0, coefficients={"x": Coefficient(mean=0, scale=1, weight=1000)})
    assert probability_of(found, {"x": 1.0}) == 1.0
    assert probability_of(found, {"x": -1.0}) == 0.0


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ((({}, 4, 5),), "nothing to fit: 9 rows, 4 of them right; give at least 10"),
        ((({}, 20, 0),), "nothing to fit: 20 rows, 20 of them right"),
        ((({}, 0, 20),), "nothing to fit: 20 rows, 0 of them right"),
        ((), "nothing to fit: 0 rows"),
    ],
)
def test_what_cannot_be_fitted(groups, message):
    with pytest.raises(DataError, match=message):
        fit(rows(*groups), [])
