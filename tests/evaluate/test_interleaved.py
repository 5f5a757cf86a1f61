from dataclasses import replace

import pytest

from sqlkiln.core import plugins
from sqlkiln.core.errors import BackendError, ContextOverflow
from sqlkiln.core.plugins import Solution
from sqlkiln.core.records import Example
from sqlkiln.evaluate.asking import Prompting
from sqlkiln.evaluate.interleaved import Asker, ask_in_turn, in_turn
from sqlkiln.evaluate.questions import QuestionSource, open_questions

ASKER = Asker("table", Prompting((), "sql", "ddl"), 400, 8192, 10.0)


def example(number, db_id="pets"):
    return Example(id=f"q{number}", db_id=db_id, question="?")


def ask(data, strategies, keep=None):
    questions = open_questions(QuestionSource(dataset="spider", data=data))
    rows = []
    turns = in_turn(strategies, questions.answerable)
    ask_in_turn(ASKER, turns, questions.paths, keep or rows.append)
    return rows


def test_every_question_goes_to_all_and_each_begins_with_the_next():
    turns = in_turn(("a", "b", "c"), [example(n) for n in range(4)])
    assert [spec for spec, _ in turns] == list("abcbcacababc")
    assert [e.id for _, e in turns] == [f"q{n}" for n in range(4) for _ in range(3)]


def test_databases_are_asked_about_one_after_the_other():
    mixed = [example(0, "cars"), example(1), example(2, "cars"), example(3)]
    turns = in_turn(("a", "b"), mixed)
    assert [e.id for _, e in turns] == ["q0", "q0", "q2", "q2", "q1", "q1", "q3", "q3"]


def test_what_wants_probabilities_comes_first_if_the_same_is_asked_once():
    turns = in_turn(("greedy", "greedy+sure", "repair"), [example(0), example(1)], once=True)
    assert [spec for spec, _ in turns] == ["greedy+sure", "greedy", "repair"] * 2


def test_what_several_strategies_ask_is_asked_once_and_counts_for_each(data, serve, monkeypatch):
    monkeypatch.setattr("sqlkiln.evaluate.interleaved.perf_counter", lambda: 1.0)
    backend = serve({"Names of pets?": "SELECT nam FROM pet", "How many cars?": "SELECT 1"})
    questions = open_questions(QuestionSource(dataset="spider", data=data))
    rows = []
    strategies = ("greedy", "repair")
    turns = in_turn(strategies, questions.answerable, once=True)
    ask_in_turn(replace(ASKER, once=True), turns, questions.paths, rows.append)
    assert len(backend.asked) == 6 + 2  # but for what `repair` asks again
    assert backend.closed
    made = {(r.prediction.strategy, r.prediction.id): r for r in rows}
    apart = {(r.prediction.strategy, r.prediction.id): r for r in ask(data, strategies)}
    for key, row in made.items():
        there = apart[key].prediction
        assert row.prediction.model_copy(update={"seconds": there.seconds}) == there
    greedy, repair = (made[s, "spider-dev-0000"].prediction.seconds for s in strategies)
    assert (greedy, repair) == (0.0, 0.3)  # what it took, says the backend, counts for the second


def test_each_strategy_has_a_model_to_itself(data, monkeypatch, serve):
    serve()
    opened = plugins.open_backend
    copies = []
    monkeypatch.setattr(
        plugins, "open_backend", lambda spec, o: copies.append(opened(spec, o)) or copies[-1]
    )
    rows = ask(data, ("greedy", "repair"))
    assert len(copies) == 2
    assert len(rows) == 2 * 6
    assert copies[0].closed


def test_rows_hold_what_predict_would_write(data, serve):
    backend = serve({"Names of pets?": "SELECT nam FROM pet", "How many cars?": "SELECT 1"})
    rows = {(r.prediction.strategy, r.prediction.id): r for r in ask(data, ("greedy", "repair"))}
    first = rows["greedy", "spider-dev-0000"]
    assert first.first
    assert first.prediction.sql == "SELECT count(*) FROM pet"
    assert first.prediction.model == "table"
    assert first.prediction.adapter is None
    assert (first.prediction.prompt_tokens, first.prediction.cached_tokens) == (100, 60)
    assert first.prediction.seconds > 0
    again = rows["repair", "spider-dev-0001"]
    assert not again.first
    assert (again.prediction.attempts, again.prediction.completion_tokens) == (2, 14)
    assert rows["greedy", "spider-dev-0001"].prediction.attempts == 1
    assert len(backend.asked) == 6 + 6 + 1 + 1  # also the colour, which there is not


def test_the_rows_of_an_answer_are_fetched_within_its_seconds(data, serve, monkeypatch):
    serve()
    ran = []
    opened = plugins.open_database

    def watched(path, limits=None):
        database = opened(path, limits)
        run = database.execute
        database.execute = lambda sql: ran.append(sql) or run(sql)
        return database

    monkeypatch.setattr(plugins, "open_database", watched)
    rows = ask(data, ("greedy",))
    assert ran == [row.prediction.sql for row in rows]


def test_what_concerns_one_question_is_in_its_row(data, serve):
    serve({"How many cars?": ContextOverflow("too long: 9 tokens; ask less")})
    rows = {r.prediction.id: r.prediction for r in ask(data, ("greedy",))}
    assert rows["spider-dev-0002"].error == "ContextOverflow: too long: 9 tokens; ask less"
    assert (rows["spider-dev-0002"].sql, rows["spider-dev-0002"].model) == ("", "table")
    assert sum(p.error is None for p in rows.values()) == 5


def test_a_model_that_fails_stops_it(data, serve):
    serve({"How many cars?": BackendError("gone: no answer; start it")})
    rows = []
    with pytest.raises(BackendError, match="gone: no answer"):
        ask(data, ("greedy",), rows.append)
    assert 0 < len(rows) < 6


def test_a_database_that_cannot_be_read_is_in_the_rows(data, serve):
    serve()
    (data / "database" / "cars" / "cars.sqlite").write_bytes(b"SQLite format 3\0" + b"x" * 4000)
    rows = [r.prediction for r in ask(data, ("greedy", "repair"))]
    assert len(rows) == 12
    failed = [p for p in rows if p.error]
    assert {p.db_id for p in failed} == {"cars"}
    assert len(failed) == 4
    assert all(p.error.startswith("DatabaseUnreadable: ") for p in failed)


def test_notes_of_what_was_mended_are_kept(data, serve, monkeypatch):
    class Mending:
        name = "mending"

        def solve(self, task, backend, database, watch):
            (one,) = (
                plugins.load("strategies", "greedy")()
                .solve(task, backend, database, watch)
                .candidates
            )
            mended = type(one)(one.sql, one.completion, fixes=("a name",))
            return Solution(mended, (mended,), confidence=0.5, features={"f": 1.0})

    serve()
    monkeypatch.setattr(plugins, "open_strategy", lambda spec: Mending())
    row = ask(data, ("mending",))[0].prediction
    assert (row.fixes, row.confidence, row.features) == (("a name",), 0.5, {"f": 1.0})
