import math
import sqlite3
from contextlib import closing

import pytest

from sqlkiln.core.plugins import Limits, QueryResult, open_database
from sqlkiln.core.records import Example
from sqlkiln.scoring import speed
from sqlkiln.scoring.results import RememberingDatabase
from sqlkiln.scoring.speed import (
    FixedRVes,
    OfficialRVes,
    Timings,
    Ves,
    fixed_ratio,
    measure,
    official_ratio,
    reward,
    rves,
    ves,
)

SLOW = (
    "SELECT count(*) FROM (WITH RECURSIVE c(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM c "
    "LIMIT 150000) SELECT x FROM c) WHERE x >= 0"
)
QUICK = "SELECT 150000"


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (9.0, 1.25),
        (2.0, 1.25),
        (1.99, 1.0),
        (1.0, 1.0),
        (0.99, 0.75),
        (0.5, 0.75),
        (0.49, 0.5),
        (0.25, 0.5),
        (0.24, 0.25),
        (0.001, 0.25),
    ],
)
def test_rewards_go_by_steps(ratio, expected):
    assert reward(ratio) == expected
    assert rves(ratio) == pytest.approx(math.sqrt(expected))


def test_the_root_of_the_ratio_is_ves():
    assert (ves(4.0), ves(1.0), ves(0.25)) == (2.0, 1.0, 0.5)


def test_the_official_ratio_is_the_mean_of_ratios():
    assert official_ratio(Timings((2.0, 3.0), (1.0, 1.0))) == pytest.approx(2.5)


def test_the_official_ratio_drops_what_lies_three_deviations_off():
    # of 1, 1, ... and 100 the mean is 5.95, the deviation 21.6; 100 lies 4.4 deviations off
    timings = Timings((*[1.0, 1.1] * 10, 100.0), (1.0,) * 21)
    assert official_ratio(timings) == pytest.approx(1.05)


def test_the_official_ratio_of_equal_times_is_lost():
    timings = Timings((1.0,) * 5, (1.0,) * 5)
    assert official_ratio(timings) == 0.0
    assert rves(official_ratio(timings)) == 0.0
    assert fixed_ratio(timings) == 1.0


@pytest.mark.parametrize(
    ("gold_s", "predicted_s", "ratio"),
    [
        # one slow repetition says nothing
        ((1.0, 1.0, 9.0), (1.0, 1.0, 1.0), 1.0),
        ((4.0, 4.1), (1.0, 1.2), 4.0),
        ((1.0,), (4.0,), 0.25),
        # within the noise of the clock
        ((1.0,), (1.2,), 1.0),
        ((1.2,), (1.0,), 1.0),
        ((1.0,), (1.3,), 1 / 1.3),
        ((1.3,), (1.0,), 1.3),
    ],
)
def test_the_fixed_ratio_is_that_of_the_fastest(gold_s, predicted_s, ratio):
    assert fixed_ratio(Timings(gold_s, predicted_s)) == pytest.approx(ratio)


class Clock:
    """A database whose statements take the seconds that a table says."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.asked = []

    def execute(self, sql, limits=None):
        self.asked.append(sql)
        return QueryResult(("x",), ((1,),), False, self.seconds[sql])


def test_both_are_timed_in_turn():
    clock = Clock({"g": 0.002, "p": 0.001})
    timings = measure("g", "p", clock)
    assert clock.asked == ["p", "g"] * speed.REPETITIONS
    assert timings == Timings((0.002,) * speed.REPETITIONS, (0.001,) * speed.REPETITIONS)


def test_slow_statements_are_repeated_less():
    clock = Clock({"g": 9.0, "p": 8.0})
    assert len(measure("g", "p", clock).gold_s) == speed.LEAST_REPETITIONS


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("speed") / "shop.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE item (n); INSERT INTO item VALUES (1), (1), (2);")
    with closing(RememberingDatabase(open_database(path, Limits(timeout_s=20.0)))) as database:
        yield database


def example(gold):
    return Example(id="q1", db_id="shop", question="?", gold_sql=gold)


@pytest.mark.parametrize("metric", [Ves(), FixedRVes(), OfficialRVes()], ids=lambda m: m.name)
def test_a_quicker_query_is_worth_more_and_a_slower_one_less(database, metric):
    quicker = metric.score(example(SLOW), QUICK, database)
    slower = metric.score(example(QUICK), SLOW, database)
    assert quicker.score > 1.0 > slower.score > 0.0
    assert quicker.details["gold_s"] > quicker.details["predicted_s"] > 0.0
    assert slower.details["failure"] == "slower"
    assert (quicker.metric, slower.metric) == (metric.name, metric.name)


@pytest.mark.parametrize("metric", [Ves(), FixedRVes(), OfficialRVes()], ids=lambda m: m.name)
def test_wrong_is_nothing_and_gold_itself_is_one(database, metric):
    gold = "SELECT n FROM item"
    assert metric.score(example(gold), f"{gold} ", database).score == 1.0
    wrong = metric.score(example(gold), "SELECT n FROM item WHERE n > 1", database)
    assert (wrong.score, wrong.details["failure"]) == (0.0, "wrong_rows")
    assert metric.score(example("SELECT m FROM item"), gold, database).flags == ("gold_failed",)


def test_the_official_form_forgives_duplicates_and_the_fixed_one_does_not(database):
    gold, predicted = "SELECT n FROM item", "SELECT DISTINCT n FROM item"
    assert OfficialRVes().score(example(gold), predicted, database).score > 0.0
    assert FixedRVes().score(example(gold), predicted, database).score == 0.0
