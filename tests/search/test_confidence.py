import math

import pytest

from sqlkiln.core.plugins import (
    Candidate,
    Completion,
    QueryResult,
    Solution,
    Task,
    TokenLogprob,
)
from sqlkiln.core.records import Column, DatabaseSchema, Table
from sqlkiln.search.confidence import (
    FEATURES,
    LEAST_LOGPROB,
    UNWEIGHED,
    confidence,
    features_of,
    judged,
    shipped_fit,
)


def token(chance, *others):
    found = (("t", math.log(chance)), *((f"o{i}", math.log(p)) for i, p in enumerate(others)))
    return TokenLogprob("t", math.log(chance), found if others else ())


def candidate(sql="SELECT 1", rows=((1,),), tokens=(), **about):
    result = None if rows is None else QueryResult(("a",) * len(rows[0]) if rows else ("a",), rows)
    completion = Completion(sql, "stop", completion_tokens=len(tokens), logprobs=tuple(tokens))
    return Candidate(sql, completion, result, **about)


def asked(question="Who?", dialect="sqlite"):
    columns = tuple(Column(name=name) for name in ("id", "name", "age"))
    table = Table(name="singer", columns=columns, row_count=1)
    schema = DatabaseSchema(db_id="songs", dialect=dialect, tables=(table,))
    return Task(question, request=lambda failed: None, schema=schema)


def of(*arguments, **options):
    return features_of(candidate(*arguments, **options), asked())


def test_every_feature_is_measured_and_named():
    assert of().keys() == FEATURES.keys()
    assert of(rows=None, error="no such table: x").keys() == FEATURES.keys()
    assert UNWEIGHED < FEATURES.keys()


def test_how_sure_the_model_was_of_its_tokens():
    found = of(tokens=[token(0.9, 0.05), token(0.4, 0.35, 0.1), token(0.8, 0.2)])
    assert found["sum_logprob"] == pytest.approx(math.log(0.9 * 0.4 * 0.8))
    assert found["mean_logprob"] == pytest.approx(math.log(0.288) / 3)
    assert found["min_logprob"] == pytest.approx(math.log(0.4))
    assert found["min_lead"] == pytest.approx(0.05)
    assert found["unsure_tokens"] == pytest.approx(math.log(2))
    assert found["length"] == pytest.approx(math.log(3))


def test_a_token_that_was_not_the_likeliest_has_a_negative_lead():
    # As a grammar or a temperature makes them.
    assert of(tokens=[token(0.1, 0.7)])["min_lead"] == pytest.approx(-0.6)


def test_a_token_that_was_all_but_impossible_counts_as_no_worse_than_so():
    never = TokenLogprob("t", -1e30)
    assert of(tokens=[never])["sum_logprob"] == LEAST_LOGPROB
    assert of(tokens=[TokenLogprob("t", -math.inf)])["min_logprob"] == LEAST_LOGPROB


def test_without_log_probabilities_there_is_the_length_at_most():
    made = Candidate("SELECT 1", Completion("", "stop", completion_tokens=8))
    found = features_of(made, asked())
    told = {"mean_logprob", "min_logprob", "sum_logprob", "min_lead", "unsure_tokens"}
    assert {found[name] for name in told} == {None}
    assert found["length"] == pytest.approx(math.log(8))
    assert of()["length"] is None


@pytest.mark.parametrize(
    ("sql", "joins", "nesting", "conditions"),
    [
        ("SELECT a FROM t", 0, 0, 0),
        ("SELECT a FROM t JOIN u ON t.id = u.id WHERE a > 1 AND b LIKE 'x%'", 1, 0, 3),
        ("SELECT a FROM t WHERE id IN (SELECT id FROM u WHERE b = 1)", 0, 1, 2),
        ("SELECT a FROM t UNION SELECT b FROM u GROUP BY b HAVING count(*) > 1", 0, 1, 1),
        ("SELECT FROM FROM", None, None, None),
    ],
)
def test_what_the_statement_is_made_of(sql, joins, nesting, conditions):
    found = of(sql)
    assert [found[name] for name in ("joins", "nesting", "conditions")] == [
        joins,
        nesting,
        conditions,
    ]


def test_whether_its_columns_are_what_the_question_speaks_of():
    made = {sql: candidate(sql) for sql in ("SELECT age FROM singer", "SELECT name FROM singer")}
    ages, names = (features_of(m, asked("What are the ages of singers?")) for m in made.values())
    assert names["odd_column"] < ages["odd_column"] <= 0
    assert names["left_column"] < ages["left_column"] <= 0
    # of a column that is in none of the tables linking knows nothing
    counts = features_of(candidate("SELECT count(*) FROM singer"), asked("How many singers?"))
    assert counts["odd_column"] is None
    elsewhere = features_of(candidate("SELECT age FROM other"), asked("How old?"))
    assert elsewhere["odd_column"] is None


def test_without_a_schema_nothing_is_known_of_columns():
    bare = Task("Who?", request=lambda failed: None)
    found = features_of(candidate("SELECT age FROM singer"), bare)
    assert (found["odd_column"], found["left_column"], found["joins"]) == (None, None, 0)


def test_the_dialect_counts():
    made = candidate('SELECT "a" FROM t QUALIFY row_number() OVER (ORDER BY a) = 1')
    assert features_of(made, asked(dialect="duckdb"))["conditions"] == 1


def test_what_came_back():
    found = of(rows=((1, 2), (1, 2), (3, 4), (1, 2)))
    assert (found["failed"], found["empty"], found["truncated"]) == (0.0, 0.0, 0.0)
    assert found["rows"] == pytest.approx(math.log(5))
    assert found["repeats"] == 0.5
    assert of(rows=())["empty"] == of(rows=((None,),))["empty"] == 1.0
    assert of(rows=())["repeats"] == 0.0
    cut = Candidate("SELECT 1", Completion("", "stop"), QueryResult(("a",), ((1,),), True))
    assert features_of(cut, asked())["truncated"] == 1.0


def test_what_failed_and_what_was_not_run():
    failed = of(rows=None, error="no such table: x")
    assert (failed["failed"], failed["empty"], failed["rows"]) == (1.0, None, None)
    assert of(rows=None)["failed"] is None


def test_how_it_came_about():
    found = of(fixes=("joined the table orders",))
    assert (found["repaired"], found["retried"]) == (1.0, 0.0)
    found = features_of(candidate(), asked(), retried=True)
    assert (found["repaired"], found["retried"]) == (0.0, 1.0)


# --------------------------------------------------------------------------- the probability

AVERAGE = {name: one.mean for name, one in shipped_fit().coefficients.items()}
AVERAGE |= {"failed": None}


def test_the_coefficients_say_what_they_were_fitted_on():
    fitted = shipped_fit()
    assert fitted.coefficients.keys() <= FEATURES.keys() - UNWEIGHED
    assert {"rows", "right", "questions", "databases", "model", "strategy", "made"} <= (
        fitted.fitted_on.keys()
    )
    assert fitted.fitted_on["rows"] >= 100


def test_an_average_answer_is_right_about_as_often_as_those_that_were_fitted():
    fitted = shipped_fit().fitted_on
    assert confidence(AVERAGE) == pytest.approx(fitted["right"] / fitted["rows"], abs=0.1)
    assert confidence({}) == confidence(AVERAGE)


@pytest.mark.parametrize(
    ("name", "better", "worse"),
    [
        ("mean_logprob", -0.001, -0.3),
        ("sum_logprob", -0.1, -8.0),
        ("min_lead", 0.9, 0.0),
        ("odd_column", -0.1, -5.0),
        ("left_column", -0.1, -4.0),
        ("empty", 0.0, 1.0),
        ("repeats", 0.0, 0.9),
    ],
)
def test_what_makes_an_answer_more_likely_to_be_right(name, better, worse):
    assert confidence(AVERAGE | {name: better}) > confidence(AVERAGE | {name: worse})


def test_what_failed_is_never_right_and_what_was_not_run_may_have():
    assert confidence(AVERAGE | {"failed": 1.0}) == 0.0
    assert confidence(AVERAGE | {"failed": None}) < confidence(AVERAGE | {"failed": 0.0})


def test_a_solution_gets_its_confidence_and_what_it_was_made_of():
    first, second = candidate(rows=None, error="no such column: x"), candidate("SELECT 2")
    found = judged(Solution(second, (first, second), notes=("noted",)), asked())
    assert (found.chosen, found.candidates, found.notes) == (second, (first, second), ("noted",))
    assert found.features["retried"] == 1.0
    assert found.confidence == confidence(found.features)
    alone = judged(Solution(second, (second,)), asked())
    assert alone.features["retried"] == 0.0
