import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from curves import latency, make_curve, make_point

from sqlkiln.core import plugins
from sqlkiln.core.errors import BackendError, DataError, UsageError
from sqlkiln.core.plugins import Watch
from sqlkiln.core.provenance import machine
from sqlkiln.core.records import Tokens
from sqlkiln.models.scripted import Scripted
from sqlkiln.prompt.render import task
from sqlkiln.scoring.curve import Times, keep
from sqlkiln.search import dial
from sqlkiln.search.dial import Asking, Dial, Settings, chosen, needs_speed
from sqlkiln.search.relative import Pace, find_pace, keep_pace, relative_to_baseline

WRONG, RIGHT = "SELECT nam FROM city", "SELECT name FROM city"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SQLKILN_CACHE_DIR", str(tmp_path / "cache"))


def build(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE city (name TEXT); INSERT INTO city VALUES ('Oslo')")
    return path


@pytest.fixture
def cities(tmp_path):
    with closing(plugins.open_database(build(tmp_path / "cities.sqlite"))) as database:
        yield database


class Overheard(Scripted):
    """Keeps what it was asked."""

    def __init__(self, answers=RIGHT, model="scripted"):
        super().__init__({"": answers}, model=model)
        self.prompts = []

    def generate(self, request, on_text=None):
        self.prompts.append(request.messages[1].content if len(request.messages) > 1 else "")
        return super().generate(request, on_text)


def point(strategy, right, warm, first=None):
    return make_point(
        strategy,
        right,
        first=latency(first or warm),
        warm=latency(warm),
        tokens=Tokens(prompt=4000, completion=200),
        times=Times(p50=warm, p95=2 * warm, mean=warm),
    )


def curve(*points, **changed):
    points = points or (point("greedy", 5, 1.0, 2.0), point("repair", 6, 3.0, 6.0))
    return make_curve(*points, **{"model": "scripted", "machine": machine()} | changed)


def test_the_chosen_one_tells_how_sure_it_is(cities):
    keep(curve())
    found = solve(plugins.open_strategy("budget:4s"), cities, Overheard())
    assert 0 < found.confidence < 1


@pytest.fixture
def relative(monkeypatch):
    """Relative costs that are known: repair takes three times as long."""
    known = relative_to_baseline(curve())
    monkeypatch.setattr(dial, "read_relative", lambda: known)


def solve(strategy, database, backend, question="Which cities?"):
    asked = task(database.schema(), question)
    return strategy.solve(asked, backend, database, Watch())


# --------------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    "spec",
    [
        "budget:2s",
        "budget:0.10usd,adapter=none",
        "budget:300ms,curve=a, b/c.json",
        "budget:1.5s,adapter=one+other:0.5,curve=runs/curve.json",
    ],
)
def test_a_dial_is_named_by_its_settings(spec):
    strategy = plugins.open_strategy(spec)
    assert isinstance(strategy, Dial)
    assert strategy.name == spec


def test_without_settings_it_is_set_to_two_seconds(cities):
    keep(curve())
    strategy = plugins.open_strategy("budget")
    assert strategy.name == "budget"
    assert solve(strategy, cities, Overheard()).notes[0].startswith("budget 2s: 1 of 2 strategies")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("budget:2", "cannot read the budget: '2'"),
        ("budget:0s", "a budget of nothing: '0s'"),
        ("budget+link", r"cannot read the budget: '\+link'"),
        ("budget:2s,model=m", "unknown setting of a budget: 'model=m'; write budget:AMOUNT"),
        ("budget:2s,adapter=", "unknown setting of a budget: 'adapter='"),
    ],
)
def test_wrong_settings_are_refused(spec, message):
    with pytest.raises(UsageError, match=message):
        plugins.open_strategy(spec)


# --------------------------------------------------------------------------- by a curve


def test_it_answers_with_what_fits_and_says_why(cities):
    keep(curve())
    strategy = plugins.open_strategy("budget:10s")
    solution = solve(strategy, cities, Overheard())
    assert solution.chosen.result.rows == (("Oslo",),)
    (note,) = solution.notes
    assert note.startswith("budget 10s: 2 of 2 strategies fit, the best is repair (60.0% right")
    assert note.endswith("measured 2026-07-11 on 10 questions of samples heldout")
    assert strategy.name == "repair"


def test_the_first_question_about_a_database_is_chosen_for_by_first_ones(cities, tmp_path):
    keep(curve())
    strategy, backend = plugins.open_strategy("budget:4s"), Overheard()
    names = []
    for _ in range(2):
        solve(strategy, cities, backend)
        names.append(strategy.name)
    with closing(plugins.open_database(build(tmp_path / "more.sqlite"))) as more:
        solve(strategy, more, backend)
    assert [*names, strategy.name] == ["greedy+sure", "repair", "greedy+sure"]


def test_one_about_this_very_database_counts_first(cities):
    keep(curve())
    own = curve(point("greedy", 5, 1.0), database=str(cities.path.resolve()))
    keep(own)
    strategy = plugins.open_strategy("budget:10s")
    assert "about cities.sqlite" in solve(strategy, cities, Overheard()).notes[0]
    assert strategy.name == "greedy+sure"


def test_a_named_curve_counts_first(cities, tmp_path):
    keep(curve())
    path = tmp_path / "curve, mine.json"
    path.write_text(curve(point("greedy", 5, 1.0)).model_dump_json())
    strategy = plugins.open_strategy(f"budget:10s,curve={path}")
    solve(strategy, cities, Overheard())
    assert strategy.name == "greedy+sure"


def test_the_notes_of_the_chosen_strategy_stay(cities, monkeypatch):
    class Noting:
        name = "noting"

        def solve(self, task, backend, database, watch):
            greedy = plugins.open_strategy("greedy").solve(task, backend, database, watch)
            return type(greedy)(greedy.chosen, greedy.candidates, notes=("mind the gap",))

    opened = plugins.open_strategy
    fake = {"repair": Noting}
    monkeypatch.setattr(plugins, "open_strategy", lambda s: fake[s]() if s in fake else opened(s))
    keep(curve())
    notes = solve(opened("budget:10s"), cities, Overheard()).notes
    assert [note[:12] for note in notes] == ["budget 10s: ", "mind the gap"]


def test_a_curve_of_another_machine_is_used_and_that_is_said(cities, tmp_path):
    path = tmp_path / "curve.json"
    theirs = {"processor": "Abacus", "cores": 3}
    path.write_text(curve(machine=theirs).model_dump_json())
    (note,) = solve(Dial(Settings.parse(f":10s,curve={path}")), cities, Overheard()).notes
    assert note.endswith("on another machine (Abacus, 3 cores), so seconds may differ here")


@pytest.mark.parametrize("changed", [{"model": "other"}, {"adapter": "mine"}])
def test_a_curve_of_another_model_is_refused(cities, tmp_path, changed):
    path = tmp_path / "curve.json"
    path.write_text(curve(**changed).model_dump_json())
    with pytest.raises(DataError, match=r"the curve is one of another model: .*measure this one"):
        solve(Dial(Settings.parse(f":10s,curve={path}")), cities, Overheard())


def test_an_adapter_is_part_of_the_model(cities):
    keep(curve(point("greedy", 5, 1.0), adapter="mine"))
    keep(curve())
    strategy = plugins.open_strategy("budget:10s,adapter=mine")
    solve(strategy, cities, Overheard())
    assert strategy.name == "greedy+sure"


def test_strategies_that_are_not_installed_are_passed_over(cities):
    keep(curve(point("greedy", 5, 1.0), point("telepathy", 9, 1.0)))
    strategy = plugins.open_strategy("budget:10s")
    assert "1 of 1 strategies fit" in solve(strategy, cities, Overheard()).notes[0]
    assert strategy.name == "greedy+sure"


# --------------------------------------------------------------------------- by relative costs


@pytest.mark.usefixtures("relative")
def test_without_a_curve_relative_costs_are_taken_times_the_speed_here(cities):
    keep_pace(Pace(read_per_s=100, written_per_s=20, measured_at=""), "scripted", None, machine())
    backend = Overheard()  # greedy: 1.2 s median, 2.4 s p95; repair: 7.2 s
    strategy = plugins.open_strategy("budget:3s")
    solve(strategy, cities, backend)
    (note,) = solve(strategy, cities, backend).notes
    assert strategy.name == "greedy+sure"
    assert "the best is greedy (the baseline, 95% of answers within 2.40 s); not measured " in note
    assert "times the speed of scripted here (100 tokens/s read and 20 written)" in note
    assert note.endswith("measure with sqlkiln tune-budget")
    assert all("Which cities?" in prompt for prompt in backend.prompts)  # its speed is known
    strategy = plugins.open_strategy("budget:20s")
    assert "repair (+10.0 points of accuracy" in solve(strategy, cities, Overheard()).notes[0]


@pytest.mark.usefixtures("relative")
def test_the_speed_is_measured_once(cities):
    backend = Overheard()
    for _ in range(2):
        solve(plugins.open_strategy("budget:60s"), cities, backend)
    asked = [prompt.rpartition("Question: ")[2] for prompt in backend.prompts]
    assert [a.startswith("Which cities?") for a in asked] == [False, False, True, True]


@pytest.mark.usefixtures("relative")
def test_the_speed_is_learned_from_answers(cities):
    class Timed(Overheard):
        def generate(self, request, on_text=None):
            said = {"prompt_tokens": 500, "completion_tokens": 30, "prompt_s": 2.0, "decode_s": 3.0}
            return replace(super().generate(request, on_text), **said)

    keep_pace(Pace(read_per_s=1, written_per_s=1, measured_at=""), "scripted", None, machine())
    solve(plugins.open_strategy("budget:60s"), cities, Timed())
    found = find_pace("scripted", None, machine())
    assert (found.read_per_s, found.written_per_s) == (250, 10)


def test_nothing_is_learned_where_a_curve_is_gone_by(cities):
    keep(curve())
    solve(plugins.open_strategy("budget:60s"), cities, Overheard())
    assert find_pace("scripted", None, machine()) is None


@pytest.mark.usefixtures("relative")
def test_where_no_speed_can_be_measured_the_cheapest_is_taken(cities):
    class Picky(Overheard):
        def generate(self, request, on_text=None):
            if "Which cities?" not in str(request.messages):
                raise BackendError("no: not that; ask about cities")
            return super().generate(request, on_text)

    strategy = plugins.open_strategy("budget:60s")
    (note,) = solve(strategy, cities, Picky()).notes
    assert note.startswith("budget 60s: nothing is known of how fast scripted is here, so the ")
    assert strategy.name == "greedy+sure"


@pytest.mark.usefixtures("relative")
def test_a_run_may_choose_without_a_model():
    asking, settings = Asking("gpt-4o-mini", None, machine()), Settings.parse(":0.10usd")
    choice = chosen(settings, asking, "warm", None, None)
    assert (choice.strategy, choice.fits) == ("repair", True)


def test_a_model_is_needed_where_nothing_was_measured():
    asking = Asking("scripted", None, machine())
    settings = Settings.parse(":2s")
    assert needs_speed(settings, asking)
    keep_pace(Pace(read_per_s=1, written_per_s=1, measured_at=""), "scripted", None, machine())
    assert not needs_speed(settings, asking)
    keep(curve(model="measured"))
    assert not needs_speed(settings, Asking("measured", None, machine()))
