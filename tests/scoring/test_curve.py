import pytest
from curves import latency as a_latency
from curves import make_curve, make_point

from sqlkiln.core.errors import DataError
from sqlkiln.core.records import Prediction, Tokens, Verdict
from sqlkiln.scoring.curve import (
    Asked,
    Latency,
    find,
    front,
    keep,
    latency,
    machine_title,
    point,
    read_curve,
    same_machine,
    times,
)
from sqlkiln.scoring.prices import Bill
from sqlkiln.scoring.summary import summarize

HERE = {"system": "Linux x86_64", "processor": "Abacus", "cores": 2, "memory_bytes": 8}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SQLKILN_CACHE_DIR", str(tmp_path / "cache"))


def made(strategy, right, p95, usd=None):
    return make_point(strategy, right, warm=a_latency(p95), usd_per_1000=usd)


def curve(*points, **changed):
    about = {"machine": HERE, "dataset": "spider", "split": "dev", "priced_as": "machine"}
    return make_curve(*points or (made("greedy", 5, 1.0),), **about | changed)


def asked(number, seconds, first=False, cached=90, **fields):
    about = {"id": f"q{number}", "db_id": "shop", "sql": "SELECT 1"}
    tokens = {"prompt_tokens": 100, "cached_tokens": cached, "completion_tokens": 10}
    return Asked(prediction=Prediction(**about | tokens | fields, seconds=seconds), first=first)


def scored(*scores, flags=()):
    verdicts = [
        Verdict(id=f"q{i}", db_id="shop", metric="m", score=s, reason="so", flags=flags)
        for i, s in enumerate(scores)
    ]
    return summarize("m", verdicts)


# --------------------------------------------------------------------------- summing up


def test_first_and_warm_questions_are_told_apart():
    rows = [asked(0, 5.0, first=True, cached=0), asked(1, 1.0), asked(2, 2.0, cached=80)]
    bill = Bill(usd_per_1000=0.25, priced_as="machine", collected="2026-07-11")
    found = point("greedy", rows, scored(1, 0, 1), bill)
    assert (found.n, found.right) == (3, 2)
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.interval.low < 2 / 3 < found.interval.high
    assert found.first == Latency(n=1, p50_s=5.0, p95_s=5.0, mean_s=5.0)
    assert found.warm.model_dump() == pytest.approx(
        {"n": 2, "p50_s": 1.5, "p95_s": 1.95, "mean_s": 1.5}
    )
    assert found.seconds == found.warm
    assert found.tokens == Tokens(prompt=300, cached=170, completion=30)
    assert (found.read_tokens, found.written_tokens) == (15, 10)
    assert (found.usd_per_1000, found.completions, found.failed) == (0.25, 1, 0)


def test_without_warm_questions_the_first_ones_count():
    found = point("greedy", [asked(0, 5.0, first=True, cached=0)], scored(1), None)
    assert found.warm is None
    assert found.seconds.p95_s == 5.0
    assert found.read_tokens == 100
    assert found.usd_per_1000 is None


def test_failures_are_counted_and_attempts_are_averaged():
    rows = [asked(0, 1.0, attempts=3), asked(1, 1.0, error="BackendError: no")]
    found = point("vote:4", rows, scored(1, 0), None)
    assert (found.failed, found.completions) == (1, 2)


def test_without_a_scored_question_there_is_no_point():
    assert point("greedy", [asked(0, 1.0)], scored(0, flags=("no_gold",)), None) is None


def test_times_are_by_question_so_that_changing_load_cancels_out():
    # 10 tokens written and 34 read are 20, the other question is twice as much: 40; median 30.
    greedy = [
        asked(0, 9.0, first=True),
        asked(1, 1.0, cached=66),
        asked(2, 8.0, cached=32, completion_tokens=20),  # a machine four times as slow by then
    ]
    vote = [asked(0, 9.0, first=True), asked(1, 3.0), asked(2, 16.0)]
    assert times(greedy, greedy).model_dump() == pytest.approx(
        {"p50": 1.0, "p95": 40 / 30 - 0.05 * 20 / 30, "mean": 1.0}
    )
    found = times(vote, greedy)  # 3 * 20 / 30 and 2 * 40 / 30
    assert (found.p50, found.mean) == (pytest.approx(7 / 3), pytest.approx(7 / 3))


def test_without_a_common_warm_question_there_are_no_times():
    assert times([asked(0, 1.0, first=True)], [asked(0, 1.0)]) is None
    assert times([asked(0, 1.0)], []) is None


def test_nothing_has_no_latency():
    assert latency([]) is None


# --------------------------------------------------------------------------- the front


def test_the_front_has_what_no_other_beats_throughout():
    points = [
        made("greedy", 5, 1.0),
        made("slower and worse", 4, 2.0),
        made("as good and slower", 5, 1.5),
        made("better and slower", 7, 3.0),
        made("best and slowest", 8, 9.0),
    ]
    assert front(points) == {"greedy", "better and slower", "best and slowest"}


def test_what_is_cheaper_stays_although_it_is_slower():
    points = [made("quick", 5, 1.0, usd=2.0), made("cheap", 5, 3.0, usd=1.0)]
    assert front(points) == {"quick", "cheap"}


def test_of_two_that_are_alike_both_stay():
    assert front([made("a", 5, 1.0), made("b", 5, 1.0)]) == {"a", "b"}


# --------------------------------------------------------------------------- keeping


def test_a_curve_is_found_by_model_adapter_and_machine():
    kept = curve()
    keep(kept)
    assert find("m", None, HERE | {"memory_bytes": 9}, None) == kept
    assert find("other", None, HERE, None) is None
    assert find("m", "adapter", HERE, None) is None
    assert find("m", None, HERE | {"cores": 4}, None) is None


def test_the_last_one_counts():
    keep(curve())
    later = curve(measured_at="2026-07-12")
    keep(later)
    assert find("m", None, HERE, None) == later


def test_one_about_this_very_database_comes_before_one_of_a_dataset(tmp_path):
    shop, other = tmp_path / "shop.db", tmp_path / "other.db"
    own = curve(database=str(shop.resolve()), dataset="jsonl")
    for one in (own, curve()):
        keep(one)
    assert find("m", None, HERE, shop) == own
    assert find("m", None, HERE, other) == curve()


def test_one_that_is_damaged_is_passed_over(caplog):
    keep(curve()).write_text("{")
    assert find("m", None, HERE, None) is None
    assert "passed over" in caplog.text


def test_machines_are_the_same_by_processor_and_cores():
    assert same_machine(HERE, HERE | {"memory_bytes": 1})
    assert not same_machine(HERE, HERE | {"processor": "Slide rule"})
    assert machine_title(HERE) == "Abacus, 2 cores"
    assert machine_title({"system": "Plan 9", "cores": 1}) == "Plan 9, 1 core"


def test_a_curve_says_what_it_is_about():
    assert curve().about == "measured 2026-07-11 on 10 questions of spider dev"
    own = curve(database="/home/me/shop.db")
    assert own.about == "measured 2026-07-11 on 10 questions about shop.db"


def test_reading_tells_what_is_wrong(tmp_path):
    with pytest.raises(DataError, match=r"cannot read the curve: .*; make one with sqlkiln tune"):
        read_curve(tmp_path / "none.json")
    (tmp_path / "old.json").write_text('{"schema_id": "curve/0"}')
    with pytest.raises(DataError, match="unknown schema_id: 'curve/0'"):
        read_curve(tmp_path / "old.json")
    path = tmp_path / "curve.json"
    path.write_text(curve().model_dump_json())
    assert read_curve(path) == curve()
