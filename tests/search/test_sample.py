import pytest

from sqlkiln.core import plugins
from sqlkiln.core.errors import BackendError
from sqlkiln.core.plugins import Watch
from sqlkiln.models.scripted import Scripted
from sqlkiln.prompt.render import task
from sqlkiln.search.sample import NO_SQL, Greedy, Repair


@pytest.fixture
def database(shop):
    database = plugins.open_database(shop)
    yield database
    database.close()


def solve(strategy, database, answers, watch=None):
    question = task(database.schema(), "how many customers?")
    return strategy.solve(question, Scripted(answers), database, watch or Watch())


def test_greedy_takes_the_first_answer_and_runs_nothing(database):
    solution = solve(Greedy(), database, ["SELECT nonsense FROM nowhere;"])
    assert solution.chosen.sql == "SELECT nonsense FROM nowhere"
    assert solution.chosen.result is None
    assert solution.chosen.error is None
    assert solution.candidates == (solution.chosen,)


def test_greedy_says_when_there_is_no_sql(database):
    solution = solve(Greedy(), database, ["I would rather not."])
    assert (solution.chosen.sql, solution.chosen.error) == ("", NO_SQL)


def test_repair_is_content_with_a_statement_that_runs(database):
    solution = solve(Repair(), database, ["SELECT count(*) FROM customer"])
    assert solution.chosen.result.rows == ((3,),)
    assert len(solution.candidates) == 1


def test_repair_shows_the_error_and_takes_the_second_answer(database):
    seen = []
    solution = solve(
        Repair(),
        database,
        ["SELECT count(*) FROM client", "SELECT count(*) FROM customer"],
        Watch(on_retry=lambda sql, error: seen.append((sql, error))),
    )
    assert solution.chosen.result.rows == ((3,),)
    assert [c.sql for c in solution.candidates] == [
        "SELECT count(*) FROM client",
        "SELECT count(*) FROM customer",
    ]
    [(sql, error)] = seen
    assert sql == "SELECT count(*) FROM client"
    assert "client" in error


def test_the_second_prompt_carries_the_error(database):
    answers = {
        "Note: ": "SELECT city FROM customer WHERE id = 2",
        "how many": "SELECT town FROM customer",
    }
    solution = solve(Repair(), database, answers)
    assert solution.chosen.result.rows == (("Rome",),)


def test_two_failures_are_both_kept(database):
    solution = solve(Repair(), database, ["SELECT x FROM customer", "no idea"])
    assert [c.error is None for c in solution.candidates] == [False, False]
    assert solution.chosen.error == NO_SQL


def test_a_write_is_refused_and_the_rows_stay(database):
    solution = solve(
        Repair(), database, ["```sql\nWITH d AS (SELECT 1) DELETE FROM customer\n```"] * 2
    )
    assert solution.chosen.result is None
    assert solution.chosen.error
    assert database.execute("SELECT count(*) FROM customer").rows == ((3,),)


def test_a_failing_backend_is_raised(database):
    with pytest.raises(BackendError, match="the script has no answer"):
        solve(Repair(), database, [])
