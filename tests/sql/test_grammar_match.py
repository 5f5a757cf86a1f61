from sqlkiln.sql.grammar_match import Matcher, spans, to_come
from sqlkiln.sql.grammar_rules import Ref, Rules, Text, characters, gbnf, keyword


def sums():
    """Sums such as `1+(20+3)`."""
    rules = Rules()
    rules.begin("number")
    rules.add("number", (characters("0-9"), rules.many(characters("0-9"))))
    rules.begin("sum")
    term = rules.one_of((Ref("number"),), (Ref("bracket"),))
    rules.add("bracket", (Text("("), Ref("sum"), Text(")")))
    rules.add("sum", (term, rules.many(Text("+"), term)))
    rules.add("root", (keyword("CALC "), Ref("sum")))
    return rules.bodies


def test_a_text_is_read_as_far_as_it_is_right():
    matcher = Matcher(sums())
    assert matcher.accepts("calc 1+(20+3)")
    assert not matcher.accepts("calc 1+(20+3")
    assert matcher.complete("calc 1+") is None
    assert [matcher.read(text)[0] for text in ("calc 1+x", "calc 1)", "cal!")] == [7, 6, 3]


def test_watched_rules_are_found_with_their_places():
    matcher = Matcher(sums(), frozenset({"sum", "number"}))
    text = "calc 1+(20+3)"
    found = [
        (span.name, text[span.start : span.end])
        for span in spans(matcher.complete(text)).walk()
        if span.name
    ]
    assert found == [
        ("sum", "1+(20+3)"),
        ("number", "1"),
        ("sum", "20+3"),
        ("number", "20"),
        ("number", "3"),
    ]


def test_a_watched_rule_that_goes_on_has_no_end():
    matcher = Matcher(sums(), frozenset({"sum", "number"}))
    _, readings = matcher.read("calc 1+(20+3")
    opened = [span for span in spans(readings[0]).walk() if span.end is None and span.name]
    assert [(span.name, span.start) for span in opened] == [("sum", 5), ("sum", 8), ("number", 11)]


def rest_of(text, renamed=lambda name, around: name):
    bodies = sums()
    matcher = Matcher(bodies, frozenset({"sum"}))
    length, readings = matcher.read(text)
    assert length == len(text)
    return bodies | {"root": tuple(to_come(reading, renamed) for reading in readings)}


def test_what_may_come_is_a_grammar_of_its_own():
    rest = Matcher(rest_of("calc 1+(2"))
    assert rest.accepts("0)")
    assert rest.accepts("+4)+(5)")
    assert not rest.accepts("+4")
    assert not rest.accepts("calc 1")


def test_what_may_come_within_a_word_is_the_rest_of_it():
    assert gbnf(rest_of("ca")).startswith('root ::= [lL] [cC] " " sum\n')


def test_what_may_come_can_have_other_rules_by_the_rules_around():
    deep = []

    def renamed(name, around):
        deep.append((name, len(around)))
        return name

    rest_of("calc (1", renamed)
    assert ("number--1", 2) in deep
    assert ("sum--2", 1) in deep
    assert ("sum--2", 2) in deep


def test_a_text_with_many_readings_is_read_once_for_each():
    rules = Rules()
    rules.add("word", (characters("a-z"), Ref("word")), (characters("a-z"),))
    rules.add("root", (Text("if"),), (Ref("word"),))
    _, readings = Matcher(rules.bodies, frozenset({"word"})).read("if")
    assert len(readings) == 3
    assert Matcher(rules.bodies).accepts("if")
    assert Matcher(rules.bodies).accepts("iff")
