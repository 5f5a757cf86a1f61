import pytest

from sqlkiln.sql.values_words import (
    distance,
    folded_words,
    name_parts,
    root,
    stem,
    typos_allowed,
    words,
)


def test_words_are_compared_without_case_accents_and_possessives():
    found = words("O'Brien\u2019s flights to São Paulo, U.S.A.")
    assert [word.folded for word in found] == ["obrien", "flights", "to", "sao", "paulo", "usa"]
    assert found[0].text == "O'Brien"
    assert (found[3].start, found[3].end) == (21, 24)


def test_scripts_without_spaces_give_a_word_a_character():
    assert folded_words("東京 tower") == ["東", "京", "tower"]
    assert folded_words("佐々木・ション") == [*"佐々木", "シ", "ョ", "ン"]
    assert [word.text for word in words("ジョン")] == ["ジ", "ョ", "ン"]


def test_korean_particles_are_words_of_their_own():
    found = words("서울에서 김철수는 나이 eats")
    assert [word.text for word in found] == ["서울", "에서", "김철수", "는", "나이", "eats"]
    assert (found[1].start, found[1].end, found[2].start) == (2, 4, 5)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("StuID", ("stu", "id")),
        ("song_release_year", ("song", "release", "year")),
        ("Official Name", ("official", "name")),
        ("HTTPServer2", ("http", "server", "2")),
        ("größe", ("grosse",)),
        ("", ()),
    ],
)
def test_names_are_taken_apart(name, parts):
    assert name_parts(name) == parts


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("singers", "singer"),
        ("countries", "country"),
        ("running", "runs"),
        ("located", "locate"),
        ("classes", "class"),
        ("people", "person"),
    ],
)
def test_forms_of_a_word_have_one_stem(one, other):
    assert stem(one) == stem(other)


@pytest.mark.parametrize(("one", "other"), [("status", "statu"), ("france", "frank"), ("us", "u")])
def test_different_words_have_different_stems(one, other):
    assert stem(one) != stem(other)


def test_words_made_of_another_have_its_root():
    assert root("singer") == root("singing") == "sing"
    assert root("location") == root("located")


@pytest.mark.parametrize(
    ("left", "right", "steps"),
    [
        ("jetblu", "jetblue", 1),
        ("recieve", "receive", 1),
        ("kitten", "sitting", 3),
        ("a", "abcdefgh", 4),
        ("same", "same", 0),
    ],
)
def test_distance_counts_letters_and_gives_up_above_three(left, right, steps):
    assert distance(left, right, 3) == distance(right, left, 3) == steps


def test_longer_words_may_have_more_typos():
    assert [typos_allowed(word) for word in ("abc", "abcd", "abcdefgh")] == [0, 1, 2]
