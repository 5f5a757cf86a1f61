import pytest
from independent_matcher import Independent

from sqlkiln.sql.grammar_match import Matcher
from sqlkiln.sql.grammar_names import any_quoted, names, other_word, text_in, written
from sqlkiln.sql.grammar_rules import Chars, Ref, Rules, Text, characters, gbnf, keyword, lark


def bodies_of(make):
    rules = Rules()
    rules.begin("root")
    rules.add("root", *make(rules))
    return rules.bodies


def accepts(bodies, text):
    """What our matcher says, if llguidance says the same."""
    verdict = Matcher(bodies).accepts(text)
    assert Independent(lark(bodies)).accepts(text) is verdict
    return verdict


def test_gbnf_is_written_as_llama_cpp_takes_it():
    bodies = bodies_of(
        lambda rules: [
            (keyword("IN"), rules.maybe(Text(" "), Ref("rest"))),
            (Chars((("a", "c"), ("]", "]"), ("-", "-")), negated=True),),
        ]
    )
    bodies["rest"] = ((Text('é"\\\n\x01f'), characters("0-9")),)
    bodies["unused"] = ((Text("x"),),)
    assert gbnf(bodies) == (
        "root ::= [iI] [nN] root--1 | [^-a-c\\]]\n"
        'root--1 ::= " " rest | ""\n'
        'rest ::= "é\\"\\\\\\n\\x01" "f" [0-9]\n'
    )


def test_rules_of_another_suffix_have_the_same_names_with_the_suffix():
    plain, other = Rules(), Rules(suffix="-f")
    for rules in (plain, other):
        rules.begin("list")
        rules.add("list", (Ref("x"), rules.many(Text(","), rules.ref("x"))))
    assert list(plain.bodies) == ["list--1", "list"]
    assert list(other.bodies) == ["list--1-f", "list-f"]
    assert other.bodies["list--1-f"] == ((Text(","), Ref("x-f"), Ref("list--1-f")), ())


def test_a_keyword_is_written_in_either_case():
    bodies = bodies_of(lambda rules: [(keyword("SELECT"),)])
    assert accepts(bodies, "SELECT")
    assert accepts(bodies, "sElEcT")
    assert not accepts(bodies, "SELEC")
    assert not accepts(bodies, "SELECTS")


@pytest.mark.parametrize("name", ["Age", "AGE", "age_group", "naïve", "AÉ"])
def test_names_are_found_whatever_the_case_of_ascii_letters(name):
    bodies = bodies_of(lambda rules: [(names(rules, ["age", "Age_Group", "NAïve", "aÉ"]),)])
    assert accepts(bodies, name)


@pytest.mark.parametrize("name", ["ag", "age_", "age_groups", "naÏve", "aé", ""])
def test_what_only_looks_like_one_of_the_names_is_refused(name):
    bodies = bodies_of(lambda rules: [(names(rules, ["age", "Age_Group", "NAïve", "aÉ"]),)])
    assert not accepts(bodies, name)


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("t", True),
        ("tabl", True),
        ("table", False),
        ("TABLE", False),
        ("tables", True),
        ("on", False),
        ("o", True),
        ("_1", True),
        ("1a", False),
        ("übung", True),
        ("a b", False),
    ],
)
def test_other_words_are_all_but_those_taken(word, other):
    bodies = bodies_of(lambda rules: [(other_word(rules, ["Table", "ON", "a b"]),)])
    assert accepts(bodies, word) is other


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("age", True),
        ('"age"', True),
        ("`AGE`", True),
        ("[age]", True),
        ("order", False),
        ('"Order"', True),
        ("a b", False),
        ('"a b"', True),
        ("[a b]", True),
        ("[a]b]", False),
        ('"say ""hi"""', True),
        ('"say "hi""', False),
        ('"a]b"', True),
        ("`tick``s`", True),
    ],
)
def test_names_are_quoted_where_they_must_be_and_may_be_elsewhere(text, fits):
    listed = ["Age", "order", "a b", 'say "hi"', "a]b", "tick`s"]

    def make(rules):
        plain, marked = written(rules, "sqlite", listed, {"order"})
        return [*plain, *marked]

    assert accepts(bodies_of(make), text) is fits


@pytest.mark.parametrize(
    ("text", "fits"),
    [("'it''s'", True), ("'it's'", False), ("''", True), ("'''", False), ("'a\nb'", True)],
)
def test_text_in_quotes_has_them_twice(text, fits):
    assert accepts(bodies_of(lambda rules: [text_in(rules, "'")]), text) is fits


@pytest.mark.parametrize(
    ("text", "dialect", "fits"),
    [("[any thing]", "sqlite", True), ("[any thing]", "duckdb", False), ('"x"', "duckdb", True)],
)
def test_dialects_quote_names_in_their_ways(text, dialect, fits):
    assert accepts(bodies_of(lambda rules: any_quoted(rules, dialect)), text) is fits
