import json
from importlib import resources

import pytest

from sqlkiln.models.loops import SHORTEST_LOOP, is_looping

UNIT = " AND T1.name = T2.name"  # 22 characters: 8 of them are more than 160


def said_until_looping(text):
    """How many characters of `text` are let through; all of them if it does not loop."""
    return next((n for n in range(len(text)) if is_looping(text[:n])), len(text))


def test_a_unit_that_comes_again_and_again():
    assert not is_looping("SELECT a FROM t" + UNIT * 7)
    assert is_looping("SELECT a FROM t" + UNIT * 8)


def test_the_tail_may_be_cut_anywhere():
    text = "SELECT a FROM t" + UNIT * 12
    assert all(is_looping(text[:end]) for end in range(len(text) - 60, len(text)))


def test_long_units_count_when_they_came_four_times():
    unit = "".join(f"x{n} IN (SELECT a{n} FROM t{n} WHERE " for n in range(8))
    assert 200 < len(unit) < 400
    assert not is_looping(unit * 3 + unit[:-1])
    assert is_looping(unit * 4)


def test_what_ends_otherwise_is_no_loop():
    assert not is_looping(UNIT * 20 + " ORDER BY 1")
    assert not is_looping("")


def test_what_only_looks_alike_is_no_loop():
    numbers = ", ".join(str(n) for n in range(400))
    assert said_until_looping(f"SELECT a FROM t WHERE b IN ({numbers})") > len(numbers)
    padding = (
        "SELECT a," + " " * 60 + "b,\n" + " " * 60 + "NULL, NULL, NULL, NULL, NULL, NULL FROM t"
    )
    assert said_until_looping(padding) == len(padding)


def golds(shared):
    samples = resources.files("sqlkiln.assets").joinpath("samples")
    for name in ("train.jsonl", "heldout.jsonl"):
        lines = samples.joinpath(name).read_text("utf-8").splitlines()
        yield from (json.loads(line)["gold_sql"] for line in lines)
    if shared is not None:
        yield from (shared("spider") / "dev_gold.sql").read_text().splitlines()
        yield from (shared("spider") / "train_gold.sql").read_text().splitlines()
        bird = json.loads((shared("bird") / "bird" / "dev.json").read_text())
        yield from (row["SQL"] for row in bird)


def check_golds(golds, least):
    checked = 0
    for gold in golds:
        ends = range(SHORTEST_LOOP, len(gold) + 10, 10)
        assert not any(is_looping(gold[:end]) for end in ends), gold
        checked += 1
    assert checked >= least


def test_no_gold_of_the_samples_loops_at_any_point():
    check_golds(golds(None), 500)


@pytest.mark.slow
def test_no_gold_of_the_benchmarks_loops_at_any_point(shared):
    check_golds(golds(shared), 10_000)
