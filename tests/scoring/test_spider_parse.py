import pytest

from sqlkiln.core.errors import SQLSyntaxError
from sqlkiln.scoring.spider_parse import parse_query, tokenize
from sqlkiln.scoring.spider_query import (
    ColumnUnit,
    Condition,
    Conditions,
    OrderBy,
    Query,
    ValueUnit,
)
from sqlkiln.scoring.spider_schema import SpiderSchema

SCHEMA = SpiderSchema(
    tables={
        "singer": ("id", "name", "age", "country"),
        "concert": ("id", "singer_id", "year"),
        "stadium": ("id", "name", "capacity"),
    },
    key_of={},
)


def column(name, aggregate="none", distinct=False):
    return ColumnUnit(aggregate, name, distinct)


def unit(name, aggregate="none", distinct=False):
    return ValueUnit("none", column(name, aggregate, distinct), None)


def condition(name, operator, value, upper=None, negated=False):
    return Condition(negated, operator, unit(name), value, upper)


def where(sql):
    return parse_query(f"SELECT name FROM singer WHERE {sql}", SCHEMA).where


# --------------------------------------------------------------------------- tokens


@pytest.mark.parametrize(
    ("sql", "tokens"),
    [
        ("SELECT Count(*) FROM T;", ["select", "count", "(", "*", ")", "from", "t", ";"]),
        ("a ,b, c", ["a", ",", "b", ",", "c"]),
        ("T1.Name", ["t1.name"]),
        ("x = 'It is'", ["x", "=", '"It is"']),
        ('x = ""', ["x", "=", '""']),
        ("a >= 1 AND b ! = 2", ["a", ">=", "1", "and", "b", "!=", "2"]),
        ("a > = 1", ["a", ">=", "1"]),
        ("a>1", ["a", ">", "1"]),
        ("a <> 1", ["a", "<", ">", "1"]),
        ("a-b", ["a-b"]),
        ("a*b", ["a", "*", "b"]),
        ("`a`", ["`", "a", "`"]),
        ("a > -1.5", ["a", ">", "-1.5"]),
        ("LIMIT 1.", ["limit", "1", "."]),
        ("a,,", ["a", ",", ","]),
        ("", []),
    ],
)
def test_tokens(sql, tokens):
    assert tokenize(sql) == tokens


@pytest.mark.parametrize(
    ("sql", "tokens"),
    [
        ("a=1", ["a=1"]),
        ("a >=1", ["a", ">", "=1"]),
        ("(1,2)", ["(", "1,2", ")"]),
        ("a ='x'", ["a", "=__val_1__"]),
    ],
)
def test_tokens_that_the_official_tokenizer_fails_to_part(sql, tokens):
    assert tokenize(sql) == tokens


@pytest.mark.parametrize(
    ("sql", "tokens"),
    [
        ("ORDER BY T1.Name. The rest", ["order", "by", "t1.name", ".", "the", "rest"]),
        ("ORDER BY a DESC. the rest", ["order", "by", "a", "desc", ".", "the", "rest"]),
        ("a = 'x'. The", ["a", "=", '"x"', ".", "the"]),
        ("(a.) UNION b.;", ["(", "a", ".", ")", "union", "b", ".", ";"]),
        ("a = 5. AND b", ["a", "=", "5", ".", "and", "b"]),
        ("a = 5. and b", ["a", "=", "5.", "and", "b"]),
        ("x. y", ["x.", "y"]),
        ("a.. B", ["a", "..", "b"]),
    ],
)
def test_a_sentence_s_last_period_stands_alone(sql, tokens):
    assert tokenize(sql) == tokens


def test_prose_after_the_query_is_ignored():
    plain = parse_query("SELECT name FROM singer ORDER BY age DESC", SCHEMA)
    told = parse_query("SELECT name FROM singer ORDER BY age DESC. It names all.", SCHEMA)
    assert told == plain
    told = parse_query("SELECT name FROM singer GROUP BY singer.name. It names all.", SCHEMA)
    assert told.group_by == (column("singer.name"),)


def test_many_periods_take_no_time():
    tokenize("a" * 100_000)
    tokenize("a." * 50_000 + " b." * 50_000)
    tokenize("." * 100_000)


def test_quotes_must_pair_up():
    with pytest.raises(SQLSyntaxError, match="outside Spider's grammar: an odd number of quotes"):
        tokenize("name = 'it's'")


# --------------------------------------------------------------------------- queries


def test_every_clause():
    query = parse_query(
        "SELECT DISTINCT T1.name, count(DISTINCT T2.year) FROM singer AS T1 "
        "JOIN concert AS T2 ON T1.id = T2.singer_id WHERE T1.age > 20 OR T1.country LIKE 'F%' "
        "GROUP BY T1.name, T1.id HAVING avg(T2.year) >= 2014 "
        "ORDER BY T1.age DESC, T1.name LIMIT 5 ;",
        SCHEMA,
    )
    assert query == Query(
        select=(
            ("none", unit("singer.name")),
            ("count", unit("concert.year", distinct=True)),
        ),
        distinct=True,
        tables=("singer", "concert"),
        on=Conditions((condition("singer.id", "=", column("concert.singer_id")),)),
        where=Conditions(
            (condition("singer.age", ">", 20.0), condition("singer.country", "like", '"F%"')),
            ("or",),
        ),
        group_by=(column("singer.name"), column("singer.id")),
        having=Conditions(
            (Condition(False, ">=", unit("concert.year", "avg"), 2014.0, None),),
        ),
        order_by=OrderBy("desc", (unit("singer.age"), unit("singer.name"))),
        limited=True,
    )


def test_a_set_operation_reads_the_rest_as_a_second_query():
    query = parse_query("SELECT name FROM singer UNION SELECT name FROM stadium", SCHEMA)
    assert query.set_operator == "union"
    assert query.other == Query(select=(("none", unit("stadium.name")),), tables=("stadium",))


def test_sub_queries_in_from_and_where():
    inner = Query(select=(("max", unit("singer.age")),), tables=("singer",))
    query = parse_query("SELECT count(*) FROM (SELECT max(age) FROM singer)", SCHEMA)
    assert query == Query(select=(("count", unit("*")),), tables=(inner,))
    assert where("age = (SELECT max(age) FROM singer)") == Conditions(
        (condition("singer.age", "=", inner),)
    )


def test_arithmetic():
    query = parse_query("SELECT avg(age - id), name FROM singer", SCHEMA)
    assert query.select == (
        ("avg", ValueUnit("-", column("singer.age"), column("singer.id"))),
        ("none", unit("singer.name")),
    )


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("age = 1", [condition("singer.age", "=", 1.0)]),
        ("age != 1e2", [condition("singer.age", "!=", 100.0)]),
        ("name NOT LIKE 'A'", [condition("singer.name", "like", '"A"', negated=True)]),
        ("age BETWEEN 1 AND 2", [condition("singer.age", "between", 1.0, 2.0)]),
        ("age IN ('a')", [condition("singer.age", "in", '"a"')]),
        ("age > id", [condition("singer.age", ">", column("singer.id"))]),
    ],
)
def test_comparisons(sql, expected):
    assert where(sql) == Conditions(tuple(expected))


def test_an_unqualified_column_belongs_to_the_first_table_that_has_it():
    query = parse_query("SELECT name FROM stadium JOIN singer", SCHEMA)
    assert query.select == (("none", unit("stadium.name")),)
    query = parse_query("SELECT age FROM stadium JOIN singer", SCHEMA)
    assert query.select == (("none", unit("singer.age")),)


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("", "no FROM"),
        ("SELECT 1", "no FROM"),
        ("UPDATE singer SET age = 1 FROM singer", "'update' where 'select' is due"),
        ("SELECT name FROM nowhere", "no table 'nowhere'"),
        ("SELECT nothing FROM singer", "no column 'nothing' in the tables of FROM"),
        ("SELECT T1.nothing FROM singer AS T1", "no column 't1.nothing'"),
        ("SELECT T2.name FROM singer AS T1", "no column 't2.name'"),
        ("SELECT name AS n FROM singer", "no column 'as' in the tables of FROM"),
        ("SELECT name n FROM singer", "no column 'n' in the tables of FROM"),
        ("SELECT name FROM singer s", "no table 's'"),
        ("SELECT name FROM singer AS", "AS at the end"),
        ("SELECT name FROM singer, concert", "no table ','"),
        ("SELECT name FROM singer LEFT JOIN concert", "no table 'left'"),
        ("SELECT name FROM singer AS concert", "the alias 'concert' is a table's name"),
        ("SELECT `name` FROM singer", "no column '`'"),
        ("SELECT name FROM singer WHERE age=1", "no column 'age=1'"),
        ("SELECT name FROM singer WHERE age IS NULL", "no column 'null'"),
        ("SELECT name FROM singer WHERE age IN (1, 2)", "',' where '\\)' is due"),
        ("SELECT name FROM singer WHERE age", "it ends too early"),
        ("SELECT name FROM singer WHERE age + 1 > 2", "no column '1'"),
        ("SELECT name FROM singer WHERE age 1", "'1' where a comparison is due"),
        ("SELECT name FROM singer WHERE age BETWEEN 1 OR 2", "'or' where 'and' is due"),
        ("SELECT name FROM singer LIMIT", "it ends too early"),
        ("SELECT name FROM singer GROUP name", "'name' where 'by' is due"),
        ("SELECT name FROM singer UNION ALL SELECT name FROM singer", "'all' where 'select'"),
        ("SELECT lower(name) FROM singer", "no column 'lower'"),
        ("SELECT count(* FROM singer", "'from' where '\\)' is due"),
        (
            "SELECT name FROM singer WHERE id = 1 age = 2 AND id = 3",
            "comparisons and connectives do not alternate",
        ),
    ],
)
def test_what_is_outside_the_grammar(sql, found):
    with pytest.raises(SQLSyntaxError, match=f"outside Spider's grammar: {found}"):
        parse_query(sql, SCHEMA)


def test_nesting_ends_somewhere():
    deep = "SELECT name FROM (" * 5000 + "SELECT name FROM singer" + ")" * 5000
    with pytest.raises(SQLSyntaxError, match="nested too deeply"):
        parse_query(deep, SCHEMA)


# --------------------------------------------------------------------------- official faults


def test_a_comparison_with_a_column_swallows_what_follows():
    assert where("age = id OR name = 'x'") == Conditions(
        (condition("singer.age", "=", column("singer.id")),)
    )
    query = parse_query(
        "SELECT * FROM singer JOIN concert ON singer.id = concert.id LEFT JOIN stadium", SCHEMA
    )
    assert query.tables == ("singer", "concert", "stadium")


def test_the_last_use_of_an_alias_counts_everywhere():
    query = parse_query(
        "SELECT T1.name FROM singer AS T1 INTERSECT SELECT T1.name FROM stadium AS T1", SCHEMA
    )
    assert query.tables == ("singer",)
    assert query.select == (("none", unit("stadium.name")),)


def test_one_direction_stands_for_the_whole_order():
    query = parse_query("SELECT name FROM singer ORDER BY age DESC, name ASC", SCHEMA)
    assert query.order_by == OrderBy("asc", (unit("singer.age"), unit("singer.name")))


def test_what_follows_a_query_is_ignored():
    plain = parse_query("SELECT name FROM singer LIMIT 5", SCHEMA)
    assert parse_query("SELECT name FROM singer LIMIT 5 OFFSET 3 whatever", SCHEMA) == plain


def test_a_missing_connective_leaves_the_next_comparison_out():
    assert where("id = 1 age = 2") == Conditions((condition("singer.id", "=", 1.0),), ("",))


def test_an_aggregate_in_parentheses_of_its_own_is_never_closed():
    with pytest.raises(SQLSyntaxError, match="'\\)' where a comparison is due"):
        parse_query("SELECT name FROM singer GROUP BY name HAVING ((count(*))) > 1", SCHEMA)


def test_the_first_from_is_taken_even_if_it_is_inside_the_select_list():
    with pytest.raises(SQLSyntaxError, match="outside Spider's grammar"):
        parse_query("SELECT (SELECT max(age) FROM singer) FROM concert", SCHEMA)
