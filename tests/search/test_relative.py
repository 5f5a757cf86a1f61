from dataclasses import replace

import pytest
from curves import make_curve, make_point

from sqlkiln.core.errors import BackendError, DataError
from sqlkiln.core.plugins import Completion, open_strategy
from sqlkiln.core.records import Tokens
from sqlkiln.models.scripted import Scripted
from sqlkiln.scoring.curve import Times
from sqlkiln.scoring.prices import read_prices
from sqlkiln.search.relative import (
    Multiple,
    Pace,
    Relative,
    estimated,
    find_pace,
    keep_pace,
    learned_pace,
    measure_pace,
    pace_of,
    read_relative,
    relative_to_baseline,
)
from sqlkiln.serve.session import DEFAULT_STRATEGY

HERE = {"system": "Linux", "processor": "Abacus", "cores": 2}
PACE = Pace(read_per_s=100.0, written_per_s=50.0, measured_at="2026-07-11")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SQLKILN_CACHE_DIR", str(tmp_path / "cache"))


def point(strategy, right, times=None, completions=1.0):
    tokens = Tokens(prompt=4000, cached=3000, completion=250)
    shape = {"tokens": tokens, "written_tokens": 25, "completions": completions}
    return make_point(strategy, right, times=times, **shape)


def curve(*points):
    return make_curve(*points, machine=HERE)


@pytest.fixture
def relative():
    greedy = point("greedy", 5, Times(p50=1, p95=2, mean=1.2))
    vote = point("vote:4", 7, Times(p50=3, p95=4, mean=3.2), completions=3)
    return relative_to_baseline(curve(greedy, vote, point("never warm", 9)))


# --------------------------------------------------------------------------- multiples


def test_multiples_are_those_of_the_curve(relative):
    assert list(relative.strategies) == ["greedy", "vote:4"]
    assert relative.strategies["greedy"] == Multiple(p50=1, p95=2, mean=1.2, completions=1, gain=0)
    vote = relative.strategies["vote:4"]
    assert (vote.p50, vote.p95, vote.mean) == (3, 4, 3.2)
    assert (vote.completions, vote.gain) == (3, pytest.approx(0.2))
    assert (relative.prompt_tokens, relative.read_tokens, relative.written_tokens) == (400, 20, 25)
    assert relative.about == (
        "costs relative to greedy as measured 2026-07-11 with m on 10 questions of samples heldout"
    )


def test_without_greedy_there_is_nothing_to_compare_with():
    vote = point("vote:4", 7, Times(p50=1, p95=1, mean=1))
    with pytest.raises(DataError, match="nothing to compare with: the curve has no warm question"):
        relative_to_baseline(curve(vote))
    with pytest.raises(DataError, match="measure it too, with several questions about a database"):
        relative_to_baseline(curve(point("greedy", 5), vote))


def test_those_that_come_with_sqlkiln_can_be_used():
    shipped = read_relative()
    default = shipped.strategies[DEFAULT_STRATEGY]
    alone = shipped.strategies[DEFAULT_STRATEGY.replace("+second", "")]
    by_price = sorted(shipped.strategies.values(), key=lambda one: one.mean)
    assert [one.gain for one in by_price] == sorted(one.gain for one in by_price)  # worth it
    assert 0 < alone.gain < default.gain
    assert 0.9 < alone.p50 < default.p50 < 2
    assert min(one.mean for one in shipped.strategies.values()) == alone.mean
    assert len(shipped.strategies) >= 3
    assert shipped.questions >= 60
    for name in shipped.strategies:
        assert "+link" in name  # a large schema does not fit otherwise
        assert open_strategy(name).name == name


def test_a_file_of_ones_own_is_read(tmp_path, relative):
    path = tmp_path / "relative.json"
    path.write_text(relative.model_dump_json())
    assert read_relative(path) == relative
    path.write_text("[]")
    with pytest.raises(DataError, match="not a JSON object"):
        read_relative(path)


# --------------------------------------------------------------------------- speed

DONE = Completion(
    "SELECT 1", "stop", prompt_tokens=120, cached_tokens=20, completion_tokens=10,
    prompt_s=1.0, decode_s=0.2, seconds=1.3,
)  # fmt: skip


def test_reading_and_writing_are_told_apart():
    found = pace_of(DONE)
    assert (found.read_per_s, found.written_per_s) == (100, pytest.approx(50))
    assert found.seconds(200, 100) == pytest.approx(4.0)
    assert found.told == "100 tokens/s read and 50 written"


def test_where_they_are_not_all_of_it_is_writing():
    found = pace_of(replace(DONE, prompt_s=0.0, seconds=2.0))
    assert (found.read_per_s, found.written_per_s) == (None, 5)
    assert found.seconds(200, 100) == 20
    assert found.told == "5 tokens/s"


@pytest.mark.parametrize("change", [{"completion_tokens": 0}, {"prompt_s": 0.0, "seconds": 0.0}])
def test_a_completion_may_tell_nothing(change):
    assert pace_of(replace(DONE, **change)) is None


def test_the_speed_is_learned_from_answers_that_are_long_enough():
    few = replace(DONE, cached_tokens=90)
    short = replace(DONE, completion_tokens=3)
    assert learned_pace([few, short]) is None
    assert learned_pace([few, short, DONE]) == pace_of(DONE)


def test_a_model_is_asked_a_question_of_our_own():
    assert measure_pace(Scripted({"": "SELECT a, b FROM c"})).written_per_s > 0


def test_a_model_that_does_not_answer_has_no_speed():
    class Broken(Scripted):
        def generate(self, request, on_text=None):
            raise BackendError("no: nothing; go away")

    assert measure_pace(Broken({})) is None


def test_the_speed_is_kept_by_model_adapter_and_machine():
    assert find_pace("m", None, HERE) is None
    keep_pace(PACE, "m", None, HERE)
    assert find_pace("m", None, HERE) == PACE
    assert find_pace("m", "a", HERE) is None
    assert find_pace("m", None, HERE | {"cores": 1}) is None


def test_a_speed_that_cannot_be_kept_is_measured_again(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SQLKILN_CACHE_DIR", str(tmp_path / "file"))
    keep_pace(PACE, "m", None, HERE)
    assert find_pace("m", None, HERE) is None


# --------------------------------------------------------------------------- estimates


def offered(relative, pace=PACE, situation="warm", chars=None, model="m"):
    priced = (model, read_prices())
    found = estimated(relative, pace, situation, chars, priced)
    return {offer.strategy: offer for offer in found}


def test_seconds_are_those_of_greedy_here_times_the_multiple(relative):
    found = offered(relative)  # greedy: 20 tokens read in 0.2 s, 25 written in 0.5 s
    assert found["greedy"].seconds == pytest.approx(2 * 0.7)
    assert found["vote:4"].seconds == pytest.approx(4 * 0.7)
    assert found["vote:4"].accuracy == pytest.approx(0.2)
    assert found["vote:4"].told == "+20.0 points of accuracy"
    assert found["greedy"].told == "the baseline"


def test_a_first_question_has_the_schema_to_read(relative):
    found = offered(relative, situation="first", chars=3300)  # 1,000 tokens in 10 s
    assert found["greedy"].seconds == pytest.approx(10 + 2 * 0.7)
    found = offered(relative, situation="first")  # as long as in the measurement: 400 tokens
    assert found["greedy"].seconds == pytest.approx(4 + 2 * 0.7)


def test_dollars_are_those_of_the_machine(relative):
    an_hour = read_prices().machine.usd_per_hour
    found = offered(relative)
    assert found["greedy"].usd_per_1000 == pytest.approx(1000 * 1.2 * 0.7 * an_hour / 3600)


def test_dollars_of_a_server_are_by_tokens_and_need_no_speed(relative):
    found = offered(relative, pace=None, model="gpt-4o-mini")  # 0.15 and 0.60 for a million
    assert found["greedy"].usd_per_1000 == pytest.approx((400 * 0.15 + 25 * 0.60) / 1000)
    assert found["vote:4"].usd_per_1000 == pytest.approx(3 * found["greedy"].usd_per_1000)
    assert found["vote:4"].seconds is None


def test_without_a_speed_nothing_is_known(relative):
    found = offered(relative, pace=None)
    assert found["greedy"].seconds is None
    assert found["greedy"].usd_per_1000 is None


def test_it_is_written_as_it_is_read(relative):
    assert Relative.model_validate_json(relative.model_dump_json()) == relative
