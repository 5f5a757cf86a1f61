import math
import random

import pytest

from sqlkiln.scoring.statistics import (
    bootstrap_interval,
    percentile,
    percentile_interval,
    wilson_interval,
)

# Binomial 95% limits by Wilson's formula, n and right rows given; the bootstrap must come close.
KNOWN = [(100, 50, 0.404, 0.596), (1000, 800, 0.774, 0.824), (300, 30, 0.071, 0.139)]


@pytest.mark.parametrize(("n", "right", "low", "high"), KNOWN)
def test_interval_of_right_and_wrong_agrees_with_the_binomial(n, right, low, high):
    interval = bootstrap_interval([1.0] * right + [0.0] * (n - right))
    assert interval.low == pytest.approx(low, abs=0.012)
    assert interval.high == pytest.approx(high, abs=0.012)
    assert (interval.confidence, interval.method) == (0.95, "bootstrap percentile")
    assert (interval.resamples, interval.seed) == (2000, 0)


def test_right_and_wrong_rows_are_resampled_as_any_others():
    plain = bootstrap_interval([1.0] * 60 + [0.0] * 30 + [1e-12] * 10, resamples=20_000)
    quick = bootstrap_interval([1.0] * 60 + [0.0] * 40, resamples=20_000)
    assert (quick.low, quick.high) == pytest.approx((plain.low, plain.high), abs=0.0101)


def test_many_rows_are_resampled_at_once():
    interval = bootstrap_interval([1.0] * 60_000 + [0.0] * 40_000)
    assert 0.5965 < interval.low < 0.6 < interval.high < 0.6035


@pytest.mark.parametrize(("n", "right", "low", "high"), [*KNOWN, (10, 0, 0.0, 0.278)])
def test_interval_by_formula(n, right, low, high):
    interval = wilson_interval(right, n)
    assert interval.low == pytest.approx(low, abs=6e-4)
    assert interval.high == pytest.approx(high, abs=6e-4)
    assert interval.method == "Wilson"
    other = wilson_interval(n - right, n)
    assert (other.low, other.high) == pytest.approx((1 - interval.high, 1 - interval.low))


def test_interval_of_a_mean_agrees_with_the_normal():
    draw = random.Random(5)
    scores = [draw.gauss(0.5, 0.1) for _ in range(400)]
    mean = sum(scores) / 400
    spread = (sum((s - mean) ** 2 for s in scores) / 399) ** 0.5 / 400**0.5
    interval = bootstrap_interval(scores)
    assert interval.low == pytest.approx(mean - 1.96 * spread, abs=0.0015)
    assert interval.high == pytest.approx(mean + 1.96 * spread, abs=0.0015)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    draw = random.Random(11)
    covered = 0
    for seed in range(200):
        scores = [float(draw.random() < 0.6) for _ in range(80)]
        interval = bootstrap_interval(scores, seed=seed, resamples=400)
        covered += interval.low <= 0.6 <= interval.high
    assert 0.89 <= covered / 200 <= 0.99


def test_same_scores_and_seed_give_the_same_interval_in_any_order():
    scores = [1.0] * 30 + [0.0] * 20
    shuffled = random.Random(2).sample(scores, 50)
    assert bootstrap_interval(scores, seed=4) == bootstrap_interval(shuffled, seed=4)
    assert bootstrap_interval(scores, seed=4).seed == 4


@pytest.mark.parametrize(("score", "low", "high"), [(1.0, 0.8628, 1.0), (0.0, 0.0, 0.1372)])
def test_all_rows_alike_are_no_certainty(score, low, high):
    # Clopper-Pearson for 25 of 25: 0.025 ** (1 / 25) = 0.8628.
    interval = bootstrap_interval([score] * 25)
    assert interval.low == pytest.approx(low, abs=1e-4)
    assert interval.high == pytest.approx(high, abs=1e-4)
    assert interval.method == "exact binomial (all rows alike)"


def test_more_confidence_is_wider():
    scores = [1.0] * 30 + [0.0] * 20
    sure, less = bootstrap_interval(scores, confidence=0.99), bootstrap_interval(scores)
    assert sure.low < less.low < less.high < sure.high


@pytest.mark.parametrize(
    ("fraction", "value"), [(0.0, 1.0), (0.5, 2.5), (1.0, 4.0), (0.25, 1.75), (0.95, 3.85)]
)
def test_percentiles_are_interpolated(fraction, value):
    assert percentile([4.0, 1.0, 3.0, 2.0], fraction) == pytest.approx(value)


def test_nothing_has_no_interval_and_no_percentile():
    with pytest.raises(ValueError, match="no interval: there are no scores"):
        bootstrap_interval([])
    with pytest.raises(ValueError, match="no percentile: there are no values"):
        percentile([], 0.5)
    with pytest.raises(ValueError, match="no interval: there are no rows"):
        wilson_interval(0, 0)


def test_interval_of_a_percentile_by_its_ranks():
    # Ranks of the median of 100: 50 -+ 1.96 * sqrt(100 / 4) = 40.2 to 59.8, the next whole ones.
    median = percentile_interval([float(value) for value in range(1, 101)], 0.5)
    assert (median.low, median.high, median.method) == (41.0, 60.0, "order statistics")
    # Of the 95th percentile: 95 -+ 1.96 * sqrt(100 * 0.95 * 0.05) = 90.7 to 99.3.
    high = percentile_interval([float(value) for value in range(100, 0, -1)], 0.95)
    assert (high.low, high.high) == (91.0, 100.0)


def test_interval_of_a_percentile_covers_it_as_often_as_it_says():
    draw = random.Random(0)
    held = 0
    for _ in range(1000):
        found = percentile_interval([draw.expovariate(1.0) for _ in range(80)], 0.5)
        held += found.low <= math.log(2) <= found.high
    assert 930 <= held <= 985


def test_interval_of_a_percentile_of_few_values_is_all_of_them():
    found = percentile_interval([1.0, 3.0, 2.0], 0.95)
    assert (found.low, found.high) == (3.0, 3.0)
    with pytest.raises(ValueError, match="no interval: there are no values"):
        percentile_interval([], 0.5)
