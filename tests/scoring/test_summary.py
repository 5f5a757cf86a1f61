from sqlkiln.core.records import Prediction, Tokens, Verdict
from sqlkiln.scoring.summary import cost_of, summarize


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
