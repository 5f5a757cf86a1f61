from random import Random

import pytest

from sqlkiln.scoring.fuzz_values import WORDS, ValueSource, kind_of, near_values, shifted
from sqlkiln.scoring.profile import ColumnProfile


def column(*values, declared="", categorical=False):
    return ColumnProfile("c", declared, True, 0.0, values, categorical)


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (column(1, 2), "integer"),
        (column(1, 2.5), "real"),
        (column("a", 2), "text"),
        (column(b"\0"), "other"),
        (column(declared="BIGINT"), "integer"),
        (column(declared="double precision"), "real"),
        (column(declared="decimal(9,2)"), "real"),
        (column(declared="datetime"), "text"),
        (column(declared="varchar(9)"), "text"),
        (column(), "text"),
        (column("7", declared="INT"), "text"),
    ],
)
def test_kinds_go_by_the_values_and_then_by_the_type(made, kind):
    assert kind_of(made) == kind


def near(made, *mentioned, patterns=()):
    return near_values(made, mentioned, patterns, Random(0))


def test_numbers_come_just_below_at_and_above():
    assert set(near(column(10, 90), 40)) == {39, 40, 41}
    assert set(near(column(10, 90), 40.5)) == {39, 40, 41, 42}
    assert set(near(column(10, 90), "40")) == {39, 40, 41}
    assert set(near(column(1.5), 4)) == {3, 3.5, 4, 4.5, 5}
    assert near(column(10, 90), "forty") == ()


def test_numbers_stay_within_what_the_database_can_hold():
    assert set(near(column(1, 2), 2**63 - 1)) == {2**63 - 2, 2**63 - 1}
    wide = source(column(2**63 - 3, 2**63 - 2))
    assert {wide.another(taken) for taken in range(60)} <= {2**63 - n for n in (1, 2, 3)}
    endless = source(column(float("inf"), 1.5))
    assert {endless.between(1.5) for _ in range(9)} == {1.5}
    assert {endless.another(0) for _ in range(9)} == {1}


def test_texts_come_equal_and_with_something_before_or_after():
    equal, before, after = near(column("Oslo", "Rome", "Bern"), "Paris")
    assert equal == "Paris"
    assert before.endswith(" Paris")
    assert after.startswith("Paris ")


def test_texts_with_numbers_are_shifted():
    dates = near(column("2001-01-01"), "2014-05-09")
    assert set(dates) == {"2014-05-09", "2014-05-10", "2014-05-08"}
    assert near(column("2001"), 2014) == ("2014", "2015", "2013")


@pytest.mark.parametrize(
    ("text", "by", "expected"),
    [("v09", 1, "v10"), ("v99", 1, "v100"), ("1-1", -1, "1-0"), ("0", -1, "0"), ("no", 1, "no")],
)
def test_the_last_number_is_shifted(text, by, expected):
    assert shifted(text, by) == expected


def test_a_handful_of_categories_stays_as_it_is():
    assert near(column("T", "F", categorical=True), "T") == ("T",)
    assert near(column(0, 1, categorical=True), 1) == (1,)


def test_patterns_are_met_and_missed():
    found = near(column("Oslo"), patterns=("%Ha%",))
    word = found[1].removesuffix("Ha")
    assert word in WORDS
    assert found == ("Ha", f"{word}Ha", f"Ha{word}", f"{word}Ha{word}", "H")


def source(made, near=(), share=0.0, width=2, seed=0):
    return ValueSource(made, near, share, width, Random(seed))


def test_only_so_many_different_values_are_used():
    made = source(column("a", "b", "c", "d"), width=2)
    assert len(set(made.usual)) == 2
    assert set(made.usual) < {"a", "b", "c", "d"}


def test_values_near_what_is_mentioned_come_with_their_share():
    made = source(column(*range(100, 200)), near=(7, 8), share=0.5)
    drawn = [made.value(150) for _ in range(400)]
    assert 150 < sum(value in (7, 8) for value in drawn) < 250
    assert all(100 <= value < 200 for value in drawn if value > 8)


def test_categories_are_never_made_up():
    made = source(column("T", "F", categorical=True), width=9)
    assert {made.value(usual) for usual in made.usual for _ in range(50)} == {"T", "F"}
    numbers = source(column(0, 5, categorical=True), width=9)
    assert {numbers.value(usual) for usual in numbers.usual for _ in range(50)} == {0, 5}


def test_a_unique_column_finds_another_value():
    texts = source(column("a"))
    assert len({texts.another(taken) for taken in range(200)}) > 20
    numbers = source(column(1, 2))
    assert len({numbers.another(taken) for taken in range(200)}) > 50


@pytest.mark.parametrize("declared", ["INT", "REAL", "TEXT", "DATE"])
def test_a_column_without_values_gets_some_of_its_type(declared):
    made = source(column(declared=declared), width=5)
    assert len(set(made.usual)) == 5
    kinds = {"INT": int, "REAL": float, "TEXT": str, "DATE": str}
    assert {type(value) for value in made.usual} == {kinds[declared]}
