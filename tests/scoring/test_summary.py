import pytest

from sqlkiln.core.records import Prediction, Tokens, Verdict
from sqlkiln.scoring.prices import read_prices
from sqlkiln.scoring.summary import cost_of, rates_of, slice_scores, summarize


def verdict(number, score, metric="execution", flags=(), **details):
    return Verdict(
        id=f"q{number}",
        db_id="shop",
        metric=metric,
        score=score,
        reason=f"because {number}",
        flags=flags,
        details=details,
    )


def test_scores_failures_and_flags_are_counted():
    found = summarize(
        "execution",
        [
            verdict(1, 1.0),
            verdict(2, 1.0, flags=("empty_equals_empty",)),
            verdict(3, 0.0, failure="UnknownName"),
            verdict(4, 0.0, failure="wrong_rows", flags=("duplicates_only",)),
            verdict(5, 0.0, failure="UnknownName"),
            verdict(6, 1.0, metric="string"),
        ],
    )
    assert (found.metric, found.n, found.right, found.score) == ("execution", 5, 2, 0.4)
    assert found.failures == {"UnknownName": 2, "wrong_rows": 1}
    assert found.flags == {"empty_equals_empty": 1, "duplicates_only": 1}
    assert found.interval.low < 0.4 < found.interval.high


def test_rows_whose_gold_fails_do_not_count_but_are_named():
    unscored = [verdict(2, 0.0, flags=("gold_failed",)), verdict(1, 0.0, flags=("no_gold",))]
    found = summarize("execution", [*unscored, verdict(3, 1.0)])
    assert (found.n, found.score) == (1, 1.0)
    assert [(row.id, row.reason) for row in found.unscored] == [
        ("q1", "because 1"),
        ("q2", "because 2"),
    ]
    assert found.flags == {}


def test_without_a_row_there_is_no_score():
    found = summarize("execution", [verdict(1, 0.0, flags=("no_gold",))])
    assert (found.n, found.score, found.interval) == (0, None, None)


def test_order_of_verdicts_does_not_matter():
    rows = [verdict(n, float(n % 3 == 0)) for n in range(50)]
    assert summarize("execution", rows, seed=3) == summarize("execution", rows[::-1], seed=3)


def test_cost_is_read_from_the_predictions():
    def prediction(number, seconds):
        return Prediction(
            id=str(number),
            db_id="shop",
            sql="",
            seconds=seconds,
            prompt_tokens=10,
            cached_tokens=4,
            completion_tokens=2,
        )

    cost = cost_of([prediction(n, n / 10) for n in range(1, 12)])
    assert (round(cost.p50_s, 6), round(cost.p95_s, 6)) == (0.6, 1.05)
    assert cost.tokens == Tokens(prompt=110, cached=44, completion=22)
    assert cost_of([prediction(1, 0.0)]).p50_s is None


def test_rates_are_shares_of_the_scored_rows():
    failures = [
        "SQLSyntaxError",
        "UnknownName",
        "UnknownName",
        "QueryTimeout",
        "no_sql",
        "wrong_rows",
    ]
    rows = [verdict(n, 0.0, failure=word) for n, word in enumerate(failures)]
    rows += [verdict(n, 1.0) for n in range(10, 12)]
    rows += [verdict(20, 0.0, flags=("gold_failed",), failure="SQLSyntaxError")]
    rates = rates_of(rows)
    assert {name: (rate.count, rate.share) for name, rate in rates.items()} == {
        "no_sql": (1, 1 / 8),
        "syntax_error": (1, 1 / 8),
        "schema_hallucination": (2, 2 / 8),
        "timeout": (1, 1 / 8),
        "other_error": (0, 0.0),
    }
    assert rates["timeout"].interval.low < 1 / 8 < rates["timeout"].interval.high
    assert rates_of(rows[-1:]) == {}


def test_scores_are_split_by_slice_and_metric():
    rows = [verdict(n, float(n > 1)) for n in range(4)]
    rows += [verdict(n, 0.5, metric="soft_f1.fixed") for n in range(4)]
    rows += [verdict(9, 0.0, flags=("no_gold",))]
    slices = {"q0": ("join",), "q1": ("join", "group"), "q2": ("join",), "q9": ("join",)}
    found = slice_scores(rows, slices)
    assert list(found) == ["join", "group"]
    strict = found["join"]["execution"]
    assert (strict.n, strict.right, strict.score) == (3, 1, 1 / 3)
    assert strict.low < 1 / 3 < strict.high
    soft = found["group"]["soft_f1.fixed"]
    assert (soft.n, soft.right, soft.score, soft.low) == (1, 0, 0.5, None)


def test_scores_above_one_count_as_right():
    found = summarize("ves", [verdict(1, 1.4, metric="ves"), verdict(2, 0.5, metric="ves")])
    assert (found.right, found.score) == (1, 0.95)


def test_the_bill_is_for_what_was_predicted():
    made = [Prediction(id="1", db_id="shop", sql="", model="x.gguf", seconds=36.0)]
    cost = cost_of(made, read_prices(), at_a_time=2)
    assert cost.bill.usd_per_1000 == pytest.approx(1000 * 18 / 3600 * 0.10)
    assert cost_of(made).bill is None
