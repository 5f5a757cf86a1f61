import pytest

from sqlkiln.core.errors import SQLSyntaxError
from sqlkiln.scoring.exact_match import (
    COMPONENTS,
    ComponentMatch,
    ComponentScore,
    component_scores,
    exact_set_match,
)
from sqlkiln.scoring.spider_schema import SpiderSchema

SCHEMA = SpiderSchema(
    tables={
        "singer": ("id", "name", "age", "country"),
        "concert": ("id", "singer_id", "year"),
        "stadium": ("id", "name"),
    },
    key_of={"singer.id": "singer.id", "concert.singer_id": "singer.id"},
)
JOINED = "FROM singer AS T1 JOIN concert AS T2 ON T1.id = T2.singer_id"


def match(gold, predicted):
    return exact_set_match(gold, predicted, SCHEMA)


def wrong(gold, predicted):
    found = match(gold, predicted)
    return {name for name in COMPONENTS if not found.components[name].matched}


@pytest.mark.parametrize(
    ("gold", "predicted"),
    [
        ("SELECT name, age FROM singer", "SELECT age, name FROM singer;"),
        ("SELECT name FROM singer", "select T9.NAME from singer as T9"),
        (
            "SELECT name FROM singer WHERE age = 1 AND country = 'x'",
            "SELECT name FROM singer WHERE country = 'y' AND age = 2",
        ),
        (
            "SELECT name FROM singer GROUP BY age, name",
            "SELECT name FROM singer GROUP BY age, name",
        ),
        (
            "SELECT name FROM singer ORDER BY age LIMIT 1",
            "SELECT name FROM singer ORDER BY age ASC LIMIT 3",
        ),
        (
            "SELECT name FROM singer UNION SELECT name FROM stadium",
            "SELECT name FROM singer UNION SELECT name FROM stadium",
        ),
        (
            "SELECT name FROM singer WHERE age = (SELECT max(age) FROM singer WHERE id = 1)",
            "SELECT name FROM singer WHERE age = (SELECT max(age) FROM singer WHERE id = 2)",
        ),
    ],
)
def test_equal_as_sets(gold, predicted):
    found = match(gold, predicted)
    assert found.exact
    assert found.parsed
    assert all(component.matched for component in found.components.values())


@pytest.mark.parametrize(
    ("gold", "predicted", "components"),
    [
        ("SELECT name FROM singer", "SELECT age FROM singer", {"select", "select(no AGG)"}),
        ("SELECT max(age) FROM singer", "SELECT min(age) FROM singer", {"select"}),
        ("SELECT name FROM singer", "SELECT name, age FROM singer", {"select", "select(no AGG)"}),
        (
            "SELECT name FROM singer WHERE age > 1",
            "SELECT name FROM singer WHERE age < 1",
            {"where"},
        ),
        (
            "SELECT name FROM singer WHERE age > 1",
            "SELECT name FROM singer WHERE id > 1",
            {"where", "where(no OP)"},
        ),
        (
            "SELECT name FROM singer WHERE age > 1",
            "SELECT name FROM singer",
            {"where", "where(no OP)", "keywords"},
        ),
        (
            "SELECT name FROM singer WHERE age IN ('x')",
            "SELECT name FROM singer WHERE age NOT IN ('x')",
            {"where", "keywords"},
        ),
        (
            "SELECT name FROM singer WHERE age = 1 AND id = 2",
            "SELECT name FROM singer WHERE age = 1 OR id = 2",
            {"and/or", "keywords"},
        ),
        (
            "SELECT name FROM singer GROUP BY name",
            "SELECT name FROM singer GROUP BY age",
            {"group(no Having)", "group"},
        ),
        (
            "SELECT name FROM singer GROUP BY name, age",
            "SELECT name FROM singer GROUP BY age, name",
            {"group"},
        ),
        (
            "SELECT name FROM singer GROUP BY name HAVING count(*) > 1",
            "SELECT name FROM singer GROUP BY name HAVING count(*) < 1",
            {"group"},
        ),
        (
            "SELECT name FROM singer ORDER BY age DESC",
            "SELECT name FROM singer ORDER BY age",
            {"order", "keywords"},
        ),
        (
            "SELECT name FROM singer ORDER BY age DESC LIMIT 1",
            "SELECT name FROM singer ORDER BY age DESC",
            {"order", "keywords"},
        ),
        (
            "SELECT name FROM singer UNION SELECT name FROM stadium",
            "SELECT name FROM singer EXCEPT SELECT name FROM stadium",
            {"IUEN", "keywords"},
        ),
        (
            "SELECT name FROM singer UNION SELECT name FROM stadium",
            "SELECT name FROM singer UNION SELECT id FROM stadium",
            {"IUEN"},
        ),
        ("SELECT name FROM singer LIMIT 1", "SELECT name FROM singer", {"keywords"}),
    ],
)
def test_what_differs(gold, predicted, components):
    assert not match(gold, predicted).exact
    assert wrong(gold, predicted) == components


def test_other_tables_are_no_component_and_yet_no_match():
    gold, predicted = "SELECT count(*) FROM singer", "SELECT count(*) FROM concert"
    assert wrong(gold, predicted) == set()
    assert not match(gold, predicted).exact


def test_parts_are_counted():
    found = match(
        "SELECT name, age FROM singer WHERE age = 1 AND id = 2",
        "SELECT name FROM singer WHERE age = 1",
    )
    assert found.components["select"] == ComponentMatch(gold=2, predicted=1, matched=False)
    assert found.components["where"] == ComponentMatch(gold=2, predicted=1, matched=False)
    assert found.components["group"] == ComponentMatch(gold=0, predicted=0, matched=True)
    assert found.components["order"] == ComponentMatch(gold=0, predicted=0, matched=True)
    # counted the wrong way round: the gold has the one connective
    assert found.components["and/or"] == ComponentMatch(gold=0, predicted=1, matched=False)


def test_an_unreadable_prediction_is_an_empty_query():
    found = match("SELECT name FROM singer WHERE age = 1", "SELECT name FROM singer WHERE age=1")
    assert not found.parsed
    assert not found.exact
    assert found.components["select"] == ComponentMatch(gold=1, predicted=0, matched=False)
    assert found.components["group"].matched


def test_an_unreadable_gold_stops():
    with pytest.raises(SQLSyntaxError, match="outside Spider's grammar"):
        match("SELECT name FROM singer WHERE age IS NULL", "SELECT name FROM singer")


# --------------------------------------------------------------------------- official faults


def test_values_distinct_and_join_conditions_do_not_count():
    assert match(
        "SELECT name FROM singer WHERE age = 1", "SELECT name FROM singer WHERE age = 2"
    ).exact
    assert match("SELECT count(DISTINCT name) FROM singer", "SELECT count(name) FROM singer").exact
    assert match("SELECT DISTINCT name FROM singer", "SELECT name FROM singer").exact
    assert match(
        f"SELECT T1.name {JOINED}",
        "SELECT T1.name FROM singer AS T1 JOIN concert AS T2 ON T1.age = T2.year",
    ).exact
    assert match(
        "SELECT name FROM singer WHERE age = id", "SELECT name FROM singer WHERE age = 1"
    ).exact


def test_tied_columns_are_equal_where_the_outermost_from_names_their_table():
    assert match(f"SELECT T1.id {JOINED}", f"SELECT T2.singer_id {JOINED}").exact
    assert not match("SELECT id FROM singer", "SELECT singer_id FROM concert").exact
    outer = "SELECT name FROM singer UNION SELECT {} FROM concert JOIN singer"
    assert not match(outer.format("singer.id"), outer.format("concert.singer_id")).exact


def test_sub_queries_in_where_are_compared_to_the_letter():
    outer = "SELECT name FROM singer WHERE id IN (SELECT {})"
    assert not match(outer.format(f"T1.id {JOINED}"), outer.format(f"T2.singer_id {JOINED}")).exact
    assert not match(outer.format("id FROM singer"), outer.format("DISTINCT id FROM singer")).exact


def test_values_count_in_a_sub_query_of_from():
    outer = "SELECT count(*) FROM (SELECT name FROM singer WHERE age = {})"
    assert match(outer.format(1), outer.format(1)).exact
    assert not match(outer.format(1), outer.format(2)).exact


def test_two_sub_queries_in_from_are_compared_as_a_set():
    # There the official script ends with a TypeError.
    gold = "SELECT count(*) FROM (SELECT name FROM singer) (SELECT id FROM singer)"
    other = "SELECT count(*) FROM (SELECT id FROM singer) (SELECT name FROM singer)"
    assert match(gold, other).exact
    assert not match(gold, "SELECT count(*) FROM (SELECT id FROM singer)").exact


def test_grouping_goes_by_the_column_s_name():
    joined = "FROM singer JOIN stadium GROUP BY"
    gold, predicted = f"SELECT age {joined} singer.name", f"SELECT age {joined} stadium.name"
    assert wrong(gold, predicted) == {"group"}


def test_the_word_value_is_read_as_a_one():
    schema = SpiderSchema(tables={"t": ("value", "a")}, key_of={})
    sql = "SELECT a FROM t WHERE value = 1"
    assert not exact_set_match(sql, sql, schema).parsed
    assert exact_set_match(sql, "SELECT a FROM t WHERE t.value = 1", schema).exact


# --------------------------------------------------------------------------- over many questions


def test_scores_by_level():
    easy = "SELECT name FROM singer"
    matches = [
        match(easy, easy),
        match(easy, "SELECT age FROM singer"),
        match(easy, "SELECT name FROM singer WHERE age = 1"),
        match("SELECT name, age FROM singer", "nothing"),
    ]
    scores = component_scores(matches)
    assert list(scores) == ["easy", "medium", "all"]
    # two of three predictions with a SELECT have it right, and two of three golds are met
    assert scores["easy"]["select"] == ComponentScore(2 / 3, 2 / 3, 2 / 3)
    # the unreadable prediction has no SELECT: 2 of 3 predictions, 2 of 4 golds
    assert scores["all"]["select"].accuracy == pytest.approx(2 / 3)
    assert scores["all"]["select"].recall == pytest.approx(1 / 2)
    assert scores["all"]["select"].f1 == pytest.approx(4 / 7)
    # one prediction has a WHERE that no gold has
    assert scores["easy"]["where"] == ComponentScore(0.0, 0.0, 1.0)
    assert scores["easy"]["and/or"] == ComponentScore(1.0, 1.0, 1.0)
