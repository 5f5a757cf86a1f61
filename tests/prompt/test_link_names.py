import pytest

from sqlkiln.prompt.link_names import Question, is_short_for, unglued
from sqlkiln.prompt.link_words import plain_forms
from sqlkiln.sql.values_words import stem


@pytest.mark.parametrize(
    ("question", "name", "kinds"),
    [
        ("names of all singers", "singer", {"same"}),
        ("the song names", "Song_Name", {"same"}),
        ("who was enrolled?", "Enrollment", {"root"}),
        ("its last name", "LastName", {"same"}),
        ("its last name", "lastname", {"inside"}),
        ("its first name", "fname", {"inside"}),
        ("date of birth", "DOB", {"inside"}),
        ("each department", "dept", {"short"}),
        ("the student's id", "StuID", {"short", "same"}),
        ("the quantity sold", "qty", {"short"}),
        ("who is the youngest?", "Age", {"asked"}),
        ("when did it start?", "opening_date", {"asked"}),
        ("all languages", "countrylanguage", {"root"}),
        ("every appelation", "appellations", {"typo"}),
    ],
)
def test_names_are_found(question, name, kinds):
    match = Question(question, {"stu"}).name(name)
    assert match.kinds == kinds
    assert match.full > 0 or name == "opening_date"


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("how many are there?", "category"),
        ("what is the capacity?", "city"),
        ("which one is it?", "white"),
        ("show all of them", "of_the"),
        ("", "singer"),
    ],
)
def test_names_are_not_found_where_they_are_not(question, name):
    assert Question(question).name(name).kinds == set()


def test_only_parts_may_be_found():
    match = Question("the release of a song").name("song_release_year")
    assert [bool(each) for each in match.found] == [True, True, False]
    assert match.full == 0.0
    assert not match.is_phrase


def test_parts_that_stand_together_are_a_phrase():
    assert Question("the release year of it").name("release_year").is_phrase
    assert not Question("a release in that long year").name("release_year").is_phrase


def test_what_a_name_was_found_by_can_be_quoted():
    question = Question("What is the First Name of it?")
    assert question.phrase(question.name("first_name").found) == "First Name"


def test_words_of_a_value_are_no_names():
    text = "flights of JetBlue Airways"
    assert Question(text).name("airways").full == 1.0
    assert Question(text, values=["JetBlue Airways"]).name("airways").full == 0.0
    assert list(Question(text).places("jetblue AIRWAYS")) == [2, 3]
    assert list(Question(text).places("Airways of")) == []


@pytest.mark.parametrize(
    ("part", "known", "parts"),
    [
        ("stuid", {"stu"}, ("stu", "id")),
        ("stuid", set(), ("stuid",)),
        ("lastname", {"last"}, ("last", "name")),
        ("bname", set(), ("b", "name")),
        ("countrycode", {"country"}, ("country", "code")),
        ("paid", {"pa"}, ("pa", "id")),
        ("name", {"na"}, ("name",)),
    ],
)
def test_names_written_as_one_word_are_taken_apart_where_the_parts_are_known(part, known, parts):
    from sqlkiln.prompt.link_words import GLUED

    assert unglued(part, frozenset(known) | GLUED) == parts


@pytest.mark.parametrize(
    ("short", "word", "is_short"),
    [
        ("dept", "department", True),
        ("addr", "address", True),
        ("num", "number", True),
        ("amt", "amount", True),
        ("city", "capacity", False),
        ("id", "identity", False),
        ("name", "names", False),
        ("dep", "apartment", False),
    ],
)
def test_abbreviations(short, word, is_short):
    assert is_short_for(short, word) is is_short


@pytest.mark.parametrize(
    ("word", "plain"),
    [("oldest", "old"), ("larger", "large"), ("heaviest", "heavy"), ("biggest", "big")],
)
def test_comparatives_and_superlatives_go_back_to_their_word(word, plain):
    assert stem(plain) in plain_forms(word)
