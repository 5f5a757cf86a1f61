import math
import re
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from sqlkiln.core import plugins
from sqlkiln.core.errors import BackendError, ModelNotFound, UsageError
from sqlkiln.core.plugins import Limits, Other, TokenLogprob, Variant, Watch
from sqlkiln.models.scripted import Scripted
from sqlkiln.prompt.render import Context, task
from sqlkiln.search import compose, panel, sample
from sqlkiln.search.ballot import Vote
from sqlkiln.search.compose import Settings
from sqlkiln.search.spellings import StoredSpellings
from sqlkiln.sql.database_build import create_sqlite
from sqlkiln.sql.values import open_index

PLAIN = "SELECT name FROM city WHERE country = 'FR'"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SQLKILN_CACHE_DIR", str(tmp_path / "cache"))


def build(path, script):
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return path


@pytest.fixture
def places(tmp_path):
    """Cities with their countries, linked by a key."""
    path = build(
        tmp_path / "places.sqlite",
        """
        CREATE TABLE country (code TEXT PRIMARY KEY, title TEXT, region TEXT);
        CREATE TABLE city (id INTEGER PRIMARY KEY, name TEXT, country TEXT,
                           FOREIGN KEY (country) REFERENCES country (code));
        INSERT INTO country VALUES ('FR', 'France', 'Europe'), ('PE', 'Peru', 'Andes'),
            ('CH', 'Switzerland', 'Europe');
        INSERT INTO city VALUES (1, 'Paris', 'FR'), (2, 'Lyon', 'FR'), (3, 'Cusco', 'PE');
        """,
    )
    database = plugins.open_database(path)
    yield database
    database.close()


@pytest.fixture
def warehouse(tmp_path):
    """A hundred tables, of which two are about parrots."""
    columns = ", ".join(f"measure_{number} REAL" for number in range(12))
    tables = [f"CREATE TABLE reading_{n} (id INTEGER PRIMARY KEY, {columns});" for n in range(98)]
    path = build(
        tmp_path / "warehouse.sqlite",
        "".join(tables)
        + """
        CREATE TABLE parrot (parrot_id INTEGER PRIMARY KEY, colour TEXT, owner_id INTEGER
                             REFERENCES parrot_owner (owner_id));
        CREATE TABLE parrot_owner (owner_id INTEGER PRIMARY KEY, full_name TEXT);
        INSERT INTO parrot VALUES (1, 'green', NULL);
        """,
    )
    database = plugins.open_database(path)
    yield database
    database.close()


class Overheard(Scripted):
    """Keeps what it was asked."""

    def __init__(self, script):
        super().__init__(script)
        self.requests = []

    def generate(self, request, on_text=None):
        self.requests.append(request)
        return super().generate(request, on_text)

    @property
    def prompts(self):
        return [request.messages[1].content for request in self.requests]


def solve(spec, database, answers, question="Which cities are French?"):
    model = Overheard(answers)
    asked = task(database.schema(), question)
    return plugins.open_strategy(spec).solve(asked, model, database, Watch()), model


# --------------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("greedy", "greedy"),
        ("greedy+mend+link", "greedy+link+mend"),
        ("vote:5+mend", "vote:5+mend"),
        ("vote", "vote"),
        ("vote+link", "vote:8+link"),
        ("greedy+mend-value_moved+link", "greedy+link+mend-value_moved"),
        ("vote:3+mend-sort_direction-quoting", "vote:3+mend-quoting-sort_direction"),
    ],
)
def test_a_strategy_is_named_by_its_settings(spec, name):
    assert plugins.open_strategy(spec).name == name


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "greedy+lnk",
            "unknown switch of a strategy: 'lnk'; there are link, scope, mend, retry, second",
        ),
        ("greedy:3+link", "greedy makes one candidate: greedy:3.link; write vote:3.link"),
        (
            "greedy+mend-value_movd",
            "unknown kind of mend: 'value_movd'; did you mean 'value_moved'",
        ),
        ("greedy+link-quoting", "only mend has kinds to leave out: 'link-quoting'; write link, or"),
        ("vote:1", "a vote takes at least 2 candidates; write vote:2, or greedy for one"),
        ("vote:65", "cannot take 65 candidates; ask for 1 to 64"),
        ("vote:x", "cannot read the settings ':x' of a strategy; write NAME"),
        ("repair+link", "strategy 'repair' takes no settings: .* has '.link'; drop it"),
        ("gredy+link", "unknown strategies entry: 'gredy'; did you mean 'greedy'"),
    ],
)
def test_wrong_settings_are_refused(spec, message):
    with pytest.raises(UsageError, match=message.replace("+", r"\+")):
        plugins.open_strategy(spec)


def test_settings_are_written_as_they_are_read():
    assert str(Settings.parse(":8+retry+scope")) == ":8+scope+retry"


# --------------------------------------------------------------------------- switches


def test_without_switches_the_answer_is_run_as_it_is(places):
    solution, _ = solve("greedy+retry", places, [PLAIN])
    assert solution.chosen.result.rows == (("Paris",), ("Lyon",))
    assert solution.chosen.fixes == ()


def test_link_shows_values_that_the_question_mentions(places):
    _, model = solve("greedy+link", places, [PLAIN], "Which cities are Peruvian?")
    assert "Values: country.title = 'Peru'" in model.prompts[0]
    assert "CREATE TABLE country" in model.prompts[0]
    assert "not shown" not in model.prompts[0]


def test_link_cuts_a_large_schema_and_says_so(warehouse):
    sql = "SELECT colour FROM parrot"
    solution, model = solve("greedy+link", warehouse, [sql], "Colours of parrots by owner name?")
    assert "CREATE TABLE parrot " in model.prompts[0]
    assert "CREATE TABLE parrot_owner " in model.prompts[0]
    assert len(model.prompts[0]) < 5_000
    [note] = solution.notes
    shown = int(note.split()[3])
    columns = int(note.split()[7])
    assert note == f"schema cut to {shown} of 100 tables, {columns} of 1,279 columns"
    assert model.prompts[0].count("REAL") > 50  # what is likeliest fills the budget
    left_out = f"({100 - shown} more tables, and "
    [told] = [line for line in model.prompts[0].splitlines() if line.startswith(left_out)]
    assert "of those above, are not shown)" in told
    assert solution.chosen.result.rows == (("green",),)


def test_mend_joins_the_table_that_is_missing_and_tells(places):
    solution, _ = solve("greedy+mend", places, ["SELECT region FROM city WHERE name = 'Cusco'"])
    assert solution.chosen.result.rows == (("Andes",),)
    assert len(solution.chosen.fixes) == 1
    assert "country" in solution.chosen.fixes[0]


def test_mend_spells_a_text_as_it_is_stored(places):
    solution, _ = solve("greedy+mend", places, ["SELECT id FROM city WHERE name = 'lyon'"])
    assert solution.chosen.sql == "SELECT id FROM city WHERE name = 'Lyon'"
    assert solution.chosen.result.rows == ((2,),)


def test_mend_turns_an_order_that_is_the_wrong_way_round(places):
    sql = "SELECT name FROM city ORDER BY id LIMIT 1"
    asked = "Which city has the highest number?"
    solution, _ = solve("greedy+mend", places, [sql], asked)
    assert solution.chosen.sql == sql  # of ids nobody can tell
    counted = "SELECT country FROM city GROUP BY country ORDER BY COUNT(*) LIMIT 1"
    solution, _ = solve("greedy+mend", places, [counted], "Which country has the most cities?")
    assert solution.chosen.result.rows == (("FR",),)
    assert solution.chosen.fixes == ("sorted the largest first, for 'most'",)


def test_a_kind_of_mend_can_be_switched_off(places):
    sql = "SELECT id FROM city WHERE name = 'lyon'"
    solution, _ = solve("greedy+mend-value_spelling", places, [sql])
    assert (solution.chosen.sql, solution.chosen.fixes) == (sql, ())
    solution, _ = solve("vote:2+mend-missing_join", places, [sql.replace("id", "region")] * 2)
    assert "no such column: region" in solution.chosen.error


def test_evidence_is_searched_for_values(places):
    model = Overheard([PLAIN])
    known = Context(evidence="southern means Peruvian")
    asked = task(places.schema(), "Which are southern?", context=known)
    plugins.open_strategy("greedy+link").solve(asked, model, places, Watch())
    assert "Values: country.title = 'Peru'" in model.prompts[0]


def test_what_is_only_written_is_mended_by_name_and_not_run(places):
    wrong = "SELECT nam FROM city WHERE name = 'lyon'"
    model = Overheard([wrong])
    asked = task(places.schema(), "Which cities are French?")
    strategy = plugins.open_strategy("greedy+mend+sure")
    solution = strategy.write(asked, model, places, Watch())
    assert solution.chosen.sql == "SELECT name FROM city WHERE name = 'lyon'"
    assert (solution.chosen.result, solution.chosen.error) == (None, None)
    assert len(solution.chosen.fixes) == 1
    assert 0 < solution.confidence < 1


def test_what_waits_for_a_refusal_cannot_go_without_running(places):
    strategy = plugins.open_strategy("greedy+scope+mend+retry")
    with pytest.raises(UsageError, match=r"\+scope waits for .*leave \+scope and \+retry out"):
        strategy.write(task(places.schema(), "q"), Overheard([]), places, Watch())


def test_scope_may_write_columns_that_were_cut(tmp_path, monkeypatch):
    kept = []

    def within(backend, schema, target):
        kept.append(len(schema.tables[0].columns))
        return backend

    monkeypatch.setattr(compose, "within", within)
    metrics = ", ".join(f"metric_{number} REAL" for number in range(400))
    database = plugins.open_database(
        build(tmp_path / "wide.sqlite", f"CREATE TABLE readings (id INT, {metrics});")
    )
    question = "What is the average voltage?"
    _, model = solve("greedy+link+scope", database, ["SELECT x FROM y"] * 2, question)
    database.close()
    assert "metric_399" not in model.prompts[0]
    assert kept == [401]


def test_retry_asks_again_with_the_error(places):
    solution, model = solve("greedy+retry", places, ["SELECT x FROM city", PLAIN])
    assert "Note: " in model.prompts[1]
    assert [c.error is None for c in solution.candidates] == [False, True]
    assert solution.chosen is solution.candidates[1]


def test_an_answer_without_sql_is_a_failure_of_its_own(places):
    solution, _ = solve("greedy+mend", places, ["I cannot tell."])
    assert solution.chosen.error == "no SQL in the model's answer"


# --------------------------------------------------------------------------- votes


def test_the_answer_that_most_agree_on_wins(places):
    other = "SELECT name FROM city WHERE country = 'PE'"
    solution, model = solve("vote:5", places, [other, PLAIN, PLAIN, PLAIN, other])
    assert solution.chosen.result.rows == (("Paris",), ("Lyon",))
    assert len(solution.candidates) == 4  # the last one can change nothing
    assert model.requests[0].temperature == 0
    assert len({request.seed for request in model.requests[-3:]}) == 3
    assert model.requests[-1].temperature > 0


def test_a_vote_stops_when_it_is_settled(places):
    solution, model = solve("vote:8", places, [PLAIN] * 8)
    assert len(model.requests) == len(solution.candidates) < 8


def test_failures_do_not_vote(places):
    solution, _ = solve("vote:4", places, ["SELECT x FROM y"] * 3 + [PLAIN])
    assert solution.chosen.sql == PLAIN


def test_all_failing_is_told_as_the_first_failure(places):
    solution, _ = solve("vote:3", places, ["SELECT x FROM y"] * 3)
    assert "y" in solution.chosen.error


def test_voters_are_mended_too(places):
    wrong = "SELECT region FROM city WHERE name = 'Cusco'"
    solution, _ = solve("vote:3+mend", places, [wrong] * 3)
    assert solution.chosen.result.rows == (("Andes",),)


def test_a_voter_that_fails_is_written_again_in_scope(places):
    wrong = "SELECT x FROM y"
    # Each failure takes three answers: the script takes no grammar, and is asked without.
    solution, model = solve("vote:3+scope", places, [wrong, PLAIN, PLAIN, PLAIN])
    assert [request.grammar[:8] for request in model.requests[:3]] == ["", "root ::=", ""]
    assert solution.chosen.sql == PLAIN
    assert solution.candidates[0].sql == wrong
    assert [c.sql for c in solution.candidates[1:]] == [PLAIN, PLAIN]


def test_a_vote_that_all_failed_in_is_told_the_error(places):
    failed = []
    model = Overheard(["SELECT x FROM y"] * 3 + [PLAIN])
    asked = task(places.schema(), "Which cities are French?")
    watch = Watch(on_retry=lambda sql, error: failed.append((sql, error)))
    solution = plugins.open_strategy("vote:3+retry").solve(asked, model, places, watch)
    assert "Note: " in model.prompts[-1]
    assert solution.chosen.sql == PLAIN
    assert solution.chosen is solution.candidates[-1]
    assert failed == [("SELECT x FROM y", solution.candidates[0].error)]


def test_a_vote_that_one_came_through_is_not_retried(places):
    _, model = solve("vote:3+retry", places, ["SELECT x FROM y", PLAIN, PLAIN])
    assert not any("Note: " in prompt for prompt in model.prompts)


def test_the_rows_that_are_shown_do_not_decide_a_vote(places):
    """Cut to one row, the same rows in three orders would be three results, and the other win."""
    shown = plugins.open_database(places.path, Limits(max_rows=1))
    answers = [
        "SELECT 7",
        "SELECT name FROM city ORDER BY name",
        "SELECT name FROM city ORDER BY id",
        "SELECT name FROM city ORDER BY id DESC",
    ]
    solution, _ = solve("vote:4", shown, answers)
    shown.close()
    assert solution.chosen.sql == answers[1]
    assert solution.chosen.result.rows == (("Cusco",),)
    assert solution.chosen.result.truncated
    assert solution.candidates[2].result.rows == (("Paris",),)


def test_a_close_vote_shows_the_rows_of_the_other(places):
    shown = plugins.open_database(places.path, Limits(max_rows=1))
    answers = [PLAIN, "SELECT nam FROM city", PLAIN]
    solution, _ = solve("vote:3+mend", shown, answers)
    shown.close()
    other = solution.other
    assert (other.sql, other.rows, other.truncated) == (
        "SELECT name FROM city",
        (("Paris",),),
        True,
    )
    assert (
        other.difference == "2 rows against 3 rows: the second has 1 more, the others are the same"
    )
    assert (len(other.fixes), other.confidence) == (1, None)


def test_what_is_cut_even_for_the_count_stays_as_it_was(places, monkeypatch):
    monkeypatch.setattr(sample, "COUNTED", Limits(timeout_s=2.0, max_rows=2))
    shown = plugins.open_database(places.path, Limits(max_rows=2))
    spent = []
    execute = shown.execute
    monkeypatch.setattr(shown, "execute", lambda *given: spent.append(given) or execute(*given))
    solution, _ = solve("vote:2", shown, ["SELECT name FROM city"] * 2)
    shown.close()
    assert solution.chosen.result.truncated
    assert [len(given) for given in spent if "FROM city" in given[0]] == [1]


def test_a_vote_shows_a_cut_schema_to_one_voter(warehouse):
    sql = "SELECT colour FROM parrot"
    _, model = solve("vote:3", warehouse, [sql] * 3, "Colours of parrots by owner name?")
    assert len(model.prompts[1]) < len(model.prompts[0]) / 4


def test_no_voter_is_shown_more_than_fits(tmp_path):
    traits = ", ".join(f"trait_{number} TEXT" for number in range(8))
    tables = "".join(f"CREATE TABLE area_{n} (area_{n}_id INT, {traits});" for n in range(500))
    database = plugins.open_database(build(tmp_path / "many.sqlite", tables))
    _, model = solve("vote:2+link", database, ["SELECT x FROM y"] * 2, "Which one is loudest?")
    database.close()
    assert [len(prompt) < 5_500 for prompt in model.prompts] == [True, True]


def test_a_vote_has_eight_candidates_unless_told(places):
    answers = [f"SELECT {number}" for number in range(9)]
    model = Overheard(answers)
    Vote().solve(task(places.schema(), "which?"), model, places, Watch())
    assert len(model.requests) == 8


# --------------------------------------------------------------------------- spellings


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("france", "France"),
        ("  Peru", "Peru"),
        ("France", None),  # as it is
        ("Switserland", "Switzerland"),
        ("Atlantis", None),
        ("", None),
        ("O'Hara", None),
        ("new\nline", None),
    ],
)
def test_how_a_text_is_stored(places, value, stored):
    spellings = StoredSpellings(places, open_index(places, places.schema()))
    assert spellings("country", "title", value) == stored
    assert spellings("country", "title", value) == stored


def test_spellings_of_another_column_do_not_count(places):
    spellings = StoredSpellings(places, open_index(places, places.schema()))
    assert spellings("country", "region", "france") is None
    assert spellings("country", "no such column", "france") is None


def test_without_an_index_case_is_known_and_misspelling_is_not(places):
    spellings = StoredSpellings(places)
    assert spellings("country", "title", "FRANCE") == "France"
    assert spellings("country", "title", "Switserland") is None


def test_values_that_are_spelt_alike_are_not_shown(places):
    _, model = solve("greedy+link", places, [PLAIN], "Which cities of Peru are there?")
    assert "Values:" not in model.prompts[0]


def test_scope_decodes_under_the_grammar_what_was_refused(places):
    solution, model = solve("greedy+scope", places, ["SELECT x FROM y", PLAIN, PLAIN])
    # The script takes no grammar, so that it is asked again without.
    assert [request.grammar[:8] for request in model.requests] == ["", "root ::=", ""]
    assert solution.chosen.sql == PLAIN
    assert len(solution.candidates) == 2


def test_scope_leaves_alone_what_runs(places):
    _, model = solve("greedy+scope", places, [PLAIN])
    assert [request.grammar for request in model.requests] == [""]


def test_a_retry_comes_last(places):
    solution, model = solve("greedy+scope+retry", places, ["SELECT x FROM y"] * 2 + [PLAIN])
    assert "Note: " in model.prompts[-1]
    assert [c.error is None for c in solution.candidates] == [False, False, True]


class Telling(Overheard):
    """Reports probabilities of tokens."""

    def generate(self, request, on_text=None):
        completion = super().generate(replace(request, logprobs=0), on_text)
        tokens = [TokenLogprob(word, -0.1, (("other", -3.0),)) for word in completion.text.split()]
        self.requests[-1] = request
        return replace(completion, logprobs=tuple(tokens))


def test_sure_says_how_likely_the_answer_is_right(places):
    model = Telling([PLAIN])
    asked = task(places.schema(), "Which cities are in FR?")
    solution = plugins.open_strategy("greedy+sure").solve(asked, model, places, Watch())
    assert 0 < solution.confidence < 1
    assert solution.features["mean_logprob"] == pytest.approx(-0.1)
    assert model.requests[0].logprobs == 2


def test_a_backend_that_cannot_tell_is_asked_without(places):
    solution, model = solve("greedy+sure", places, [PLAIN])
    assert [request.logprobs for request in model.requests] == [2, 0]
    assert 0 < solution.confidence < 1
    assert solution.features["mean_logprob"] is None


def test_a_failure_has_no_chance(places):
    solution, _ = solve("greedy+sure", places, ["SELECT x FROM y"])
    assert solution.confidence == 0


def test_saying_it_again_makes_it_no_likelier(places):
    solution, _ = solve("vote:3+sure", places, [PLAIN] * 3)
    assert len(solution.candidates) == 3
    assert solution.features["backed"] == solution.features["opposed"] == 0
    apart, _ = solve("vote:3+sure", places, [PLAIN, "SELECT name FROM city", PLAIN])
    assert apart.features["opposed"] == 0


class Certain(Telling):
    """Has no doubt of any token."""

    def generate(self, request, on_text=None):
        completion = super().generate(request, on_text)
        sure = tuple(replace(token, logprob=0.0) for token in completion.logprobs)
        return replace(completion, logprobs=sure)


SECOND = Variant(target="from_first", adapters=(("beside", 1.0),))
OTHER = Other("the other one", SECOND)
EUROPE = "SELECT code FROM country WHERE region = 'Europe'"
EUROPE_TOO = "FROM country WHERE region = 'Europe' SELECT code"


class Doubting(Overheard):
    """Takes adapters, and is as sure of each answer as `chances` say."""

    def __init__(self, script, chances):
        super().__init__(script)
        self.chances = list(chances)

    def generate(self, request, on_text=None):
        completion = super().generate(replace(request, logprobs=0, adapters=()), on_text)
        self.requests[-1] = request
        sure = math.log(self.chances[len(self.requests) - 1])
        tokens = [TokenLogprob(word, sure, (("x", -3.0),)) for word in completion.text.split()]
        return replace(completion, logprobs=tuple(tokens))


def asked_twice(places, answers, chances, spec="greedy+second+sure"):
    model = Doubting(answers, chances)
    asked = task(places.schema(), "Which codes are in Europe?", others=(OTHER,))
    return plugins.open_strategy(spec).solve(asked, model, places, Watch()), model


def test_a_second_adapter_is_asked_in_its_own_way_and_the_surer_answer_taken(places):
    solution, model = asked_twice(places, [PLAIN, EUROPE_TOO], [0.8, 0.99])
    assert [request.adapters for request in model.requests] == [(), SECOND.adapters]
    assert [candidate.sql for candidate in solution.candidates] == [PLAIN, EUROPE]
    assert solution.chosen.sql == EUROPE
    assert solution.features["backed"] == 0 < solution.features["opposed"]
    (note,) = solution.notes
    assert re.fullmatch(
        r"the other one was asked too, .* taken: by itself \d\d% sure, .* \d\d%", note
    )
    back, _ = asked_twice(
        places, [EUROPE, PLAIN.replace("SELECT name ", "") + " SELECT name"], [0.9, 0.6]
    )
    assert back.chosen.sql == EUROPE
    assert (len(back.candidates), back.notes) == (2, ())


def test_that_both_say_the_same_makes_it_likelier(places):
    same, _ = asked_twice(places, [EUROPE, EUROPE_TOO], [0.9, 0.9])
    other, _ = asked_twice(places, [EUROPE, "FROM country SELECT title"], [0.9, 0.8])
    assert same.features["backed"] > other.features["backed"] == 0
    assert same.chosen.sql == other.chosen.sql == EUROPE
    assert same.confidence > other.confidence


def test_nobody_else_is_asked_where_the_first_is_sure(places, monkeypatch):
    monkeypatch.setattr(panel, "SETTLED", 0.3)
    solution, model = asked_twice(places, [EUROPE], [0.99])
    assert len(model.requests) == len(solution.candidates) == 1
    assert solution.features["backed"] is None


def test_a_close_call_of_two_adapters_shows_both(places, monkeypatch):
    monkeypatch.setattr(panel, "CLOSE", 0.5)
    solution, _ = asked_twice(places, [EUROPE, "FROM country SELECT code"], [0.9, 0.85])
    assert solution.chosen.sql == EUROPE
    assert solution.other.sql == "SELECT code FROM country"
    assert sorted(solution.other.rows) == [("CH",), ("FR",), ("PE",)]
    assert 0 < solution.other.confidence < solution.confidence
    assert (solution.other.votes, solution.other.winner_votes) == (0, 0)
    monkeypatch.setattr(panel, "CLOSE", 1.0)
    assert asked_twice(places, [EUROPE, "FROM country SELECT code"], [0.9, 0.85])[0].other is None


def test_a_second_opinion_helps_where_the_first_fails_and_may_fail_itself(places):
    solution, _ = asked_twice(places, ["SELECT x FROM y", EUROPE_TOO], [0.9, 0.5])
    assert solution.chosen.sql == EUROPE
    solution, _ = asked_twice(places, [EUROPE, "FROM y SELECT x"], [0.5, 0.9])
    assert (solution.chosen.sql, solution.other) == (EUROPE, None)


def test_a_second_opinion_needs_no_confidence_to_be_told(places):
    solution, model = asked_twice(places, [PLAIN, EUROPE_TOO], [0.8, 0.99], "greedy+second")
    assert (solution.chosen.sql, solution.confidence, dict(solution.features)) == (EUROPE, None, {})
    alone, model = solve("greedy+second", places, [EUROPE])
    assert len(model.requests) == 1
    assert alone.chosen.sql == EUROPE


def alone(places, answers, chances, question="Which codes are in Europe?"):
    model = Doubting(answers, chances)
    asked = task(places.schema(), question)
    strategy = plugins.open_strategy("greedy+second+sure")
    return strategy.solve(asked, model, places, Watch()), model


def test_where_there_is_nobody_else_the_model_is_asked_over_what_it_is_about(places):
    solution, model = alone(places, [PLAIN, EUROPE], [0.6, 0.99])
    first, second = ("\n".join(m.content for m in r.messages) for r in model.requests)
    assert "CREATE TABLE city" in first
    assert "CREATE TABLE country" in second
    assert "CREATE TABLE city" not in second
    assert (solution.chosen.sql, len(solution.candidates)) == (EUROPE, 2)
    assert solution.features["backed"] == solution.features["opposed"] == 0
    assert solution.notes[0].startswith("another try of the model was taken: by itself ")


def test_what_the_model_says_again_makes_it_no_likelier(places):
    once, _ = alone(places, [EUROPE, "SELECT x FROM y"], [0.6, 0.6])
    twice, model = alone(places, [EUROPE, EUROPE], [0.6, 0.6])
    assert len(model.requests) == 2
    assert twice.chosen.sql == once.chosen.sql == EUROPE
    assert twice.features["backed"] == 0
    assert twice.confidence == pytest.approx(once.confidence, abs=0.01)


def test_a_sure_answer_is_not_asked_for_again_nor_one_about_everything(places, monkeypatch):
    _, model = alone(places, [PLAIN], [0.6], "name country title region code of city and country")
    assert len(model.requests) == 1
    monkeypatch.setattr(panel, "SETTLED", 0.3)
    _, model = alone(places, [EUROPE], [0.99])
    assert len(model.requests) == 1


def test_without_a_second_opinion_the_first_answer_stands(places):
    asked = task(places.schema(), "Which codes are in Europe?", others=(OTHER,))
    model = Overheard([PLAIN])  # takes no adapters
    solution = plugins.open_strategy("greedy+second+sure").solve(asked, model, places, Watch())
    assert (solution.chosen.sql, len(solution.candidates)) == (PLAIN, 1)
    assert 0 < solution.confidence < 1
    (note,) = solution.notes
    assert note.startswith("no opinion of the other one: a script has no adapters")


def test_in_a_vote_the_second_adapter_is_the_second_voter(places):
    answers = [PLAIN, EUROPE_TOO, EUROPE, EUROPE]
    solution, model = asked_twice(places, answers, [0.8] * 4, "vote:4+second")
    assert [request.adapters for request in model.requests] == [(), SECOND.adapters, (), ()]
    assert [request.temperature > 0 for request in model.requests] == [False, False, False, True]
    assert solution.chosen.sql == EUROPE
    _, model = asked_twice(places, answers, [0.8] * 4, "vote:4")
    assert {request.adapters for request in model.requests} == {()}


def test_where_others_are_weighed_nothing_is_sampled(places):
    answers = [PLAIN, EUROPE_TOO, EUROPE, EUROPE]
    _, model = asked_twice(places, answers, [0.8] * 4, "vote:4+second+sure")
    assert [request.adapters for request in model.requests] == [(), SECOND.adapters, ()]
    assert [request.temperature for request in model.requests] == [0, 0, 0]
    _, model = asked_twice(places, answers, [0.8] * 4, "vote:4+sure")
    assert [request.temperature > 0 for request in model.requests] == [False, False, True, True]


def test_a_vote_ends_once_the_answer_is_likely_enough(places, monkeypatch):
    asked = task(places.schema(), "Which cities are in FR?")
    for certain, made in ((0.2, 1), (1.0, 3)):
        monkeypatch.setattr(panel, "CERTAIN", certain)
        model = Certain([PLAIN] * 3)
        solution = plugins.open_strategy("vote:3+sure").solve(asked, model, places, Watch())
        assert len(solution.candidates) == len(model.requests) == made
        assert (solution.features["backed"] is None) == (made == 1)
        assert 0.2 < solution.confidence < 1


def test_without_a_confidence_all_is_voted_on(places):
    solution, _ = solve("vote:3", places, [PLAIN] * 3)
    assert len(solution.candidates) == 2  # the third could change nothing


def opinions_of(places, answers, chances, *others, spec="greedy+second+sure"):
    model = Doubting(answers, chances)
    asked = task(places.schema(), "Which codes are in Europe?", others=others)
    return plugins.open_strategy(spec).solve(asked, model, places, Watch()), model


def test_two_who_agree_win_over_one_who_is_a_little_surer(places):
    more = Other("a third", replace(SECOND, adapters=(("third", 1.0),)))
    answers = [PLAIN, EUROPE_TOO, EUROPE_TOO]
    solution, _ = opinions_of(places, answers, [0.9, 0.88, 0.88], OTHER, more)
    assert [candidate.sql for candidate in solution.candidates] == [PLAIN, EUROPE, EUROPE]
    assert solution.chosen.sql == EUROPE
    assert solution.features["backed"] > 0 < solution.features["opposed"]
    assert solution.notes[0].startswith("the other one was asked too")


def test_another_model_is_asked_in_its_own_way_until_it_is_settled(places, monkeypatch):
    beside = Doubting([EUROPE_TOO], [0.99])
    own = Other("another model", Variant(target="from_first", adapters=()), beside)
    nobody = Other("nobody", SECOND)
    monkeypatch.setattr(panel, "SETTLED", 0.6)
    solution, model = opinions_of(places, [EUROPE], [0.5], own, nobody)
    assert (len(model.requests), len(beside.requests)) == (1, 1)
    assert solution.chosen.sql == EUROPE
    assert solution.confidence > 0.6


def test_another_model_that_cannot_be_had_is_told_or_raised(places):
    class Absent(Scripted):
        def generate(self, request, on_text=None):
            raise ModelNotFound("no such model: gone")

    for required in (False, True):
        other = Other("gone", Variant(adapters=()), Absent([]), required)
        asked = task(places.schema(), "Which codes are in Europe?", others=(other,))
        strategy = plugins.open_strategy("greedy+second+sure")
        if required:
            with pytest.raises(ModelNotFound):
                strategy.solve(asked, Doubting([PLAIN], [0.5]), places, Watch())
        else:
            solution = strategy.solve(asked, Doubting([PLAIN], [0.5]), places, Watch())
            assert solution.chosen.sql == PLAIN
            assert solution.notes == ("no opinion of gone: no such model: gone",)


def test_a_plan_that_failed_is_not_asked_for_again_as_there_is_no_grammar(places):
    plan = Other("plan", Variant(target="plan", adapters=(("plan", 1.0),)))
    failing = "\n*/\nSELECT x FROM y"
    solution, model = opinions_of(
        places, [EUROPE, failing], [0.5, 0.5], plan, spec="greedy+scope+second+sure"
    )
    assert len(model.requests) == 2
    assert solution.chosen.sql == EUROPE


def test_others_are_told_of_an_error_as_the_first_one_is(places):
    solution, model = opinions_of(
        places,
        [PLAIN, "FROM y SELECT x", EUROPE_TOO],
        [0.5, 0.9, 0.9],
        OTHER,
        spec="greedy+retry+second+sure",
    )
    assert "Note: " in model.prompts[2]
    assert model.requests[2].adapters == SECOND.adapters
    assert solution.chosen.sql == EUROPE


class Alone(Doubting):
    """Has no adapters."""

    def generate(self, request, on_text=None):
        if request.adapters:
            raise BackendError("no adapters here")
        return super().generate(request, on_text)


def test_one_failure_to_ask_leaves_the_model_its_probabilities(places):
    model = Alone([PLAIN] * 2, [0.5, 0.5])
    asked = task(places.schema(), "Which codes are in Europe?", others=(OTHER,))
    strategy = plugins.open_strategy("greedy+second+sure")
    for _ in range(2):
        strategy.solve(asked, model, places, Watch())
    assert [request.logprobs > 0 for request in model.requests] == [True, True]


def test_what_is_cut_is_counted_only_once_others_are_asked(places, monkeypatch):
    shown = plugins.open_database(places.path, Limits(max_rows=1))
    runs, execute = [], shown.execute
    monkeypatch.setattr(shown, "execute", lambda *given: runs.append(given) or execute(*given))
    for settled, times in ((0.01, 1), (1.0, 3)):
        monkeypatch.setattr(panel, "SETTLED", settled)
        runs.clear()
        asked = task(places.schema(), "Which?", others=(OTHER,))
        model = Doubting(["SELECT name FROM city", "FROM city SELECT id LIMIT 1"], [0.9, 0.1])
        plugins.open_strategy("greedy+second+sure").solve(asked, model, shown, Watch())
        assert len([given for given in runs if "FROM city" in given[0]]) == times
    shown.close()


def test_a_question_about_dates_is_put_to_the_adapter_for_dates_alone(tmp_path):
    path = tmp_path / "shop.sqlite"
    create_sqlite(
        path,
        "CREATE TABLE sale (day TEXT, total INTEGER)",
        {"sale": [("2014-05-01", 1), ("2014-06-01", 2), ("2015-01-31", 3)]},
    )
    dates = Other("dates", Variant(target="sql", adapters=(("dates", 1.0),)), about="dates")
    answer = "SELECT COUNT(*) FROM sale WHERE strftime('%Y', day) = '2014'"
    with closing(plugins.open_database(path, Limits())) as shop:
        strategy = plugins.open_strategy("greedy+link+mend+second+sure")
        model = Doubting([answer, "SELECT COUNT(*) FROM sale"], [0.99, 0.99])
        asked = task(shop.schema(), "How many sales in 2014?", others=(dates, OTHER))
        solution = strategy.solve(asked, model, shop, Watch())
        assert [request.adapters for request in model.requests] == [(("dates", 1.0),)]
        assert solution.notes == ("about dates, so dates was asked",)
        assert solution.chosen.result.rows == ((2,),)
        model = Doubting(["SELECT COUNT(*) FROM sale", "FROM sale SELECT COUNT(*)"], [0.3, 0.3])
        asked = task(shop.schema(), "How many sales?", others=(dates, OTHER))
        strategy.solve(asked, model, shop, Watch())
        assert [request.adapters for request in model.requests] == [(), SECOND.adapters]
        model = Doubting(["SELECT COUNT(*) FROM sale"], [0.99])
        asked = task(shop.schema(), "How many sales in 2014?", others=(dates, OTHER))
        plugins.open_strategy("greedy+sure").solve(asked, model, shop, Watch())
        assert [request.adapters for request in model.requests] == [()]
