import pytest
from curves import latency, make_curve, make_point

from sqlkiln.core.errors import UsageError
from sqlkiln.search.budget import Budget, Offer, choose, offers, shown_seconds

OFFERS = (
    Offer("greedy", 0.5, 1.0, 0.02, "50.0% right"),
    Offer("linked", 0.6, 1.5, 0.03, "60.0% right"),
    Offer("as good", 0.6, 1.8, 0.025, "60.0% right"),
    Offer("vote", 0.7, 6.0, 0.10, "70.0% right"),
)


# --------------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("text", "seconds", "usd"),
    [
        ("300ms", 0.3, None),
        ("2s", 2.0, None),
        ("1.5s", 1.5, None),
        (" 1.5 S ", 1.5, None),
        ("0.10usd", None, 0.10),
        (".1USD", None, 0.1),
        ("5usd", None, 5.0),
    ],
)
def test_seconds_and_dollars_are_read(text, seconds, usd):
    budget = Budget.parse(text)
    assert (budget.seconds, budget.usd_per_1000) == (seconds, usd)
    assert Budget.parse(budget.text) == budget


@pytest.mark.parametrize("text", ["", "2", "2m", "fast", "-1s", "1e3s", "inf s", "2s 3s", "$2"])
def test_what_cannot_be_read_is_refused(text):
    with pytest.raises(UsageError, match=r"cannot read the budget: .*; write seconds a question"):
        Budget.parse(text)


@pytest.mark.parametrize("text", ["0s", "0ms", "0.00usd"])
def test_nothing_buys_nothing(text):
    with pytest.raises(UsageError, match=r"a budget of nothing: .* buys no answer; give more"):
        Budget.parse(text)


# --------------------------------------------------------------------------- choosing


@pytest.mark.parametrize(
    ("text", "strategy"),
    [
        ("1s", "greedy"),
        ("1499ms", "greedy"),
        ("1.5s", "linked"),
        ("2s", "linked"),  # as good as 'as good', and quicker
        ("10s", "vote"),
        ("0.02usd", "greedy"),
        ("0.05usd", "as good"),  # as good as 'linked', and cheaper
        ("1usd", "vote"),
    ],
)
def test_the_most_accurate_that_fits_is_taken(text, strategy):
    choice = choose(Budget.parse(text), OFFERS, "measured")
    assert (choice.strategy, choice.fits) == (strategy, True)


def test_the_reason_says_what_it_takes_and_who_measured_it():
    choice = choose(Budget.parse("2s"), OFFERS, "measured yesterday")
    assert choice.reason == (
        "budget 2s: 3 of 4 strategies fit, the best is linked (60.0% right, 95% of answers within "
        "1.50 s); measured yesterday"
    )
    choice = choose(Budget.parse("0.02usd"), OFFERS, "measured yesterday")
    assert "(50.0% right, US$0.02 for 1,000 questions)" in choice.reason


def test_if_nothing_fits_the_cheapest_is_taken_and_that_is_said():
    choice = choose(Budget.parse("300ms"), OFFERS, "measured")
    assert (choice.strategy, choice.fits) == ("greedy", False)
    assert choice.reason.startswith("budget 300ms: no strategy fits, so the cheapest was taken, ")
    choice = choose(Budget.parse("0.001usd"), OFFERS, "measured")
    assert (choice.strategy, choice.fits) == ("greedy", False)


def test_a_strategy_of_unknown_cost_is_passed_over():
    among = (*OFFERS, Offer("free", 0.9, None, None, "90.0% right"))
    assert choose(Budget.parse("10s"), among, "measured").strategy == "vote"
    with pytest.raises(UsageError, match=r"no strategy has a cost in dollars .*give --strategy"):
        choose(Budget.parse("1usd"), among[-1:], "measured")
    with pytest.raises(UsageError, match="no strategy has a cost in seconds"):
        choose(Budget.parse("1s"), (), "measured")


def test_short_times_are_in_milliseconds():
    assert [shown_seconds(s) for s in (0.0123, 0.0996, 1.234)] == ["12 ms", "0.10 s", "1.23 s"]


# --------------------------------------------------------------------------- from a curve


def curve(**latencies):
    point = make_point("greedy", 10, n=20, usd_per_1000=0.02, **latencies)
    return make_curve(point, dataset="spider", split="dev", questions=20)


@pytest.mark.parametrize(
    ("latencies", "situation", "seconds"),
    [
        ({"first": latency(3.0), "warm": latency(1.0)}, "first", 3.0),
        ({"first": latency(3.0), "warm": latency(1.0)}, "warm", 1.0),
        ({"warm": latency(1.0)}, "first", 1.0),
        ({"first": latency(3.0)}, "warm", 3.0),
        ({}, "warm", None),
    ],
)
def test_seconds_are_those_of_the_situation(latencies, situation, seconds):
    (offer,) = offers(curve(**latencies), situation)
    assert offer.seconds == seconds
    assert (offer.strategy, offer.accuracy, offer.usd_per_1000) == ("greedy", 0.5, 0.02)
    assert offer.told == "50.0% right (30 to 70)"
