"""What each label means, on pairs of queries that were labelled by hand before they were run."""

import pytest

from sqlkiln.core import errors
from sqlkiln.core.records import Column, DatabaseSchema, ForeignKey, Table
from sqlkiln.scoring import failures
from sqlkiln.scoring.failures import LABELS, Cause, FailureLabels, classify, remedy, summarise


def table(name, columns, **keys):
    return Table(
        name=name,
        columns=tuple(
            Column(
                name=c, type="TEXT" if c in ("name", "country") else "INT", primary_key=c == "id"
            )
            for c in columns.split()
        ),
        foreign_keys=tuple(
            ForeignKey(columns=(column,), ref_table=other, ref_columns=("id",))
            for column, other in keys.items()
        ),
    )


SCHEMA = DatabaseSchema(
    db_id="music",
    dialect="sqlite",
    tables=(
        table("singer", "id name age country"),
        table("stadium", "id name capacity country"),
        table("concert", "id name year stadium_id", stadium_id="stadium"),
        table("song", "id name singer_id year", singer_id="singer"),
        table("performs", "singer_id concert_id fee", singer_id="singer", concert_id="concert"),
        table("flight", "id origin target"),
    ),
)

JOINED = "FROM concert AS c JOIN stadium AS s ON c.stadium_id = s.id"
SUNG = "FROM song JOIN singer ON song.singer_id = singer.id"

# gold, prediction, all labels, the primary one first
DIFFERENCES = [
    # tables and joins
    ("SELECT name FROM singer", "SELECT name FROM stadium", "table projection"),
    (f"SELECT c.name {JOINED}", "SELECT name FROM concert", "missing_join"),
    (f"SELECT s.name {JOINED}", "SELECT name FROM concert", "missing_join projection"),
    (
        "SELECT name FROM singer",
        "SELECT singer.name FROM singer JOIN song ON singer.id = song.singer_id",
        "unneeded_join",
    ),
    ("SELECT count(*) FROM singer", "SELECT count(*) FROM singer, song", "unneeded_join"),
    (
        f"SELECT s.name {JOINED}",
        f"SELECT s.name {JOINED.replace('c.stadium_id', 'c.id')}",
        "join_key",
    ),
    (f"SELECT s.name {JOINED}", "SELECT s.name FROM concert AS c, stadium AS s", "join_key"),
    (f"SELECT s.name {JOINED}", f"SELECT s.name {JOINED.replace('JOIN', 'LEFT JOIN')}", "join_key"),
    (
        "SELECT name FROM singer WHERE id IN (SELECT singer_id FROM song)",
        "SELECT name FROM singer WHERE id IN (SELECT year FROM song)",
        "join_key",
    ),
    (
        "SELECT name FROM singer WHERE NOT EXISTS (SELECT 1 FROM song WHERE singer_id = singer.id)",
        "SELECT name FROM singer WHERE NOT EXISTS (SELECT 1 FROM song)",
        "join_key",
    ),
    # conditions
    ("SELECT name FROM singer WHERE age > 5", "SELECT name FROM singer", "filter"),
    ("SELECT name FROM singer", "SELECT name FROM singer WHERE age > 5", "filter"),
    (
        "SELECT name FROM singer WHERE age > 5",
        "SELECT name FROM singer WHERE age >= 5",
        "filter",
    ),
    (
        "SELECT name FROM singer WHERE age > 5 AND country = 'F'",
        "SELECT name FROM singer WHERE age > 5 OR country = 'F'",
        "filter",
    ),
    (
        "SELECT name FROM singer WHERE id NOT IN (SELECT singer_id FROM song)",
        "SELECT name FROM singer WHERE id IN (SELECT singer_id FROM song)",
        "filter",
    ),
    (
        "SELECT name FROM singer WHERE age > (SELECT avg(age) FROM singer WHERE country = 'F')",
        "SELECT name FROM singer WHERE age > (SELECT avg(age) FROM singer)",
        "filter",
    ),
    (
        "SELECT country FROM singer GROUP BY country HAVING count(*) > 1",
        "SELECT country FROM singer GROUP BY country",
        "filter",
    ),
    (
        "SELECT name FROM singer WHERE country = 'F'",
        "SELECT name FROM singer WHERE country LIKE '%F%'",
        "filter",
    ),
    # values
    ("SELECT name FROM singer WHERE age > 5", "SELECT name FROM singer WHERE age > 50", "value"),
    (
        "SELECT name FROM singer WHERE country = 'France'",
        'SELECT name FROM singer WHERE country = "france"',
        "value",
    ),
    (
        "SELECT name FROM singer WHERE name LIKE '%a%'",
        "SELECT name FROM singer WHERE name LIKE 'a'",
        "value",
    ),
    (
        "SELECT name FROM singer WHERE country IN ('A', 'B')",
        "SELECT name FROM singer WHERE country = 'A' OR country = 'C'",
        "value",
    ),
    (
        "SELECT name FROM singer WHERE age > (SELECT avg(age) FROM singer WHERE country = 'F')",
        "SELECT name FROM singer WHERE age > (SELECT avg(age) FROM singer WHERE country = 'I')",
        "value",
    ),
    # output
    ("SELECT name FROM singer", "SELECT age FROM singer", "projection"),
    ("SELECT name FROM singer", "SELECT name, age FROM singer", "projection"),
    ("SELECT name, age FROM singer", "SELECT name FROM singer", "projection"),
    ("SELECT name, age FROM singer", "SELECT age, name FROM singer", "projection"),
    ("SELECT name FROM singer", "SELECT * FROM singer", "projection"),
    ("SELECT max(age) FROM singer", "SELECT max(id) FROM singer", "projection"),
    ("SELECT avg(age) FROM singer", "SELECT sum(age) FROM singer", "aggregate"),
    ("SELECT count(*) FROM singer", "SELECT name FROM singer", "aggregate"),
    ("SELECT age FROM singer", "SELECT avg(age) FROM singer", "aggregate"),
    ("SELECT max(age) FROM singer", "SELECT min(id) FROM singer", "aggregate projection"),
    (
        "SELECT country FROM singer GROUP BY country HAVING sum(age) > 9",
        "SELECT country FROM singer GROUP BY country HAVING max(age) > 9",
        "aggregate",
    ),
    (
        "SELECT name FROM singer WHERE age > (SELECT avg(age) FROM singer)",
        "SELECT name FROM singer WHERE age > (SELECT max(age) FROM singer)",
        "aggregate",
    ),
    ("SELECT country FROM singer", "SELECT DISTINCT country FROM singer", "distinct"),
    ("SELECT count(age) FROM singer", "SELECT count(DISTINCT age) FROM singer", "distinct"),
    (
        "SELECT name FROM singer WHERE id IN (SELECT singer_id FROM song)",
        f"SELECT singer.name {SUNG}",
        "distinct",
    ),
    # groups
    (
        "SELECT country, count(*) FROM singer GROUP BY country",
        "SELECT country, count(*) FROM singer",
        "group",
    ),
    (
        "SELECT country, count(*) FROM singer GROUP BY country",
        "SELECT country, count(*) FROM singer GROUP BY country, age",
        "group",
    ),
    (
        f"SELECT singer.name, count(*) {SUNG} GROUP BY singer.id",
        f"SELECT singer.name, count(*) {SUNG} GROUP BY singer.name",
        "group",
    ),
    # order and limit
    ("SELECT name FROM singer ORDER BY age", "SELECT name FROM singer ORDER BY age DESC", "order"),
    ("SELECT name FROM singer ORDER BY age", "SELECT name FROM singer ORDER BY name", "order"),
    ("SELECT name FROM singer ORDER BY age", "SELECT name FROM singer", "order"),
    (
        "SELECT name FROM singer ORDER BY age DESC LIMIT 1",
        "SELECT name FROM singer ORDER BY age DESC LIMIT 3",
        "limit",
    ),
    (
        "SELECT name FROM singer ORDER BY age LIMIT 1",
        "SELECT name FROM singer ORDER BY age",
        "limit",
    ),
    (
        "SELECT name FROM singer ORDER BY age LIMIT 1",
        "SELECT name FROM singer ORDER BY age LIMIT 1 OFFSET 1",
        "limit",
    ),
    (
        "SELECT name FROM singer ORDER BY age DESC LIMIT 1",
        "SELECT name FROM singer WHERE age = (SELECT max(age) FROM singer)",
        "limit",
    ),
    # set operations
    (
        "SELECT country FROM singer INTERSECT SELECT country FROM stadium",
        "SELECT country FROM singer UNION SELECT country FROM stadium",
        "set_op",
    ),
    (
        "SELECT country FROM singer UNION SELECT country FROM stadium",
        "SELECT country FROM singer UNION ALL SELECT country FROM stadium",
        "set_op",
    ),
    (
        "SELECT country FROM singer EXCEPT SELECT country FROM stadium",
        "SELECT country FROM stadium EXCEPT SELECT country FROM singer",
        "set_op",
    ),
    (
        "SELECT country FROM singer EXCEPT SELECT country FROM stadium",
        "SELECT country FROM singer",
        "set_op",
    ),
    (
        "SELECT name FROM singer WHERE age < 5 INTERSECT SELECT name FROM singer WHERE age > 9",
        "SELECT name FROM singer WHERE age < 5 AND age > 9",
        "set_op filter",
    ),
    (
        "SELECT country FROM singer WHERE age < 5 UNION SELECT country FROM stadium",
        "SELECT country FROM singer WHERE age < 7 UNION SELECT country FROM stadium",
        "value",
    ),
    # several at once: what SQL evaluates first comes first
    (
        "SELECT name FROM singer WHERE age > 5 ORDER BY age LIMIT 1",
        "SELECT age FROM singer WHERE age > 6 ORDER BY name LIMIT 2",
        "value projection order limit",
    ),
    (
        f"SELECT s.name {JOINED} WHERE c.year = 2014 GROUP BY s.id",
        "SELECT sum(year) FROM concert WHERE year > 2014 GROUP BY name",
        "missing_join filter group aggregate projection",
    ),
]


@pytest.mark.parametrize(("gold", "predicted", "labels"), DIFFERENCES)
def test_what_differs_is_named(gold, predicted, labels):
    joins = {"missing_join": "sql_missing_join", "unneeded_join": "sql_unneeded_join"}
    expected = [joins.get(word, f"sql_wrong_{word}") for word in labels.split()]
    assert classify(gold, predicted, SCHEMA) == FailureLabels(expected[0], tuple(expected))


SAME = [
    ("SELECT name FROM singer", "select S.Name as n from Singer as S;"),
    ("SELECT name FROM singer WHERE age > 5", "SELECT name FROM singer WHERE 5 < age"),
    ("SELECT name FROM singer WHERE age > 5", "SELECT name FROM singer WHERE NOT age <= 5.0"),
    (
        "SELECT name FROM singer WHERE age BETWEEN 1 AND 2",
        "SELECT name FROM singer WHERE age <= 2 AND age >= 1",
    ),
    (
        "SELECT name FROM singer WHERE country IN ('A', 'B')",
        "SELECT name FROM singer WHERE country = 'B' OR country = 'A'",
    ),
    (
        "SELECT name FROM singer WHERE NOT (age = 1 OR country = 'A')",
        "SELECT name FROM singer WHERE country <> 'A' AND age != 1",
    ),
    ("SELECT name FROM singer WHERE country = 'A'", 'SELECT name FROM singer WHERE country = "A"'),
    (
        f"SELECT c.name, s.name {JOINED}",
        "SELECT concert.name, stadium.name FROM stadium, concert WHERE stadium.id = stadium_id",
    ),
    (
        "SELECT country, count(*) FROM singer GROUP BY country ORDER BY count(*) DESC",
        "SELECT country, count(*) AS n FROM singer GROUP BY 1 ORDER BY n DESC",
    ),
    (
        "SELECT name FROM singer WHERE age = (SELECT max(age) FROM singer)",
        "WITH oldest AS (SELECT max(age) AS top FROM singer) "
        "SELECT name FROM singer WHERE age = (SELECT max(age) FROM singer)",
    ),
    ("SELECT name FROM singer", "SELECT x.name FROM (SELECT * FROM singer) AS x"),
    ("SELECT name FROM singer LIMIT 3", "SELECT name FROM singer LIMIT 0, 3"),
    (
        "SELECT a.name FROM song AS a JOIN singer AS b ON a.singer_id = b.id JOIN performs AS c "
        "ON c.singer_id = b.id WHERE b.age > 3",
        "SELECT a.name FROM song AS a JOIN performs AS c USING (singer_id) JOIN singer AS b "
        "ON a.singer_id = b.id WHERE b.age > 3",
    ),
]


@pytest.mark.parametrize(("gold", "predicted"), SAME)
def test_another_wording_is_no_failure(gold, predicted):
    other = FailureLabels("sql_other", ("sql_other",))
    assert classify(gold, predicted, SCHEMA) == other
    assert classify(predicted, gold, SCHEMA) == other


# what seldom matters; a real fault; what is seen of both; what is seen of the first alone
SELDOM = [
    (
        "SELECT count(*) FROM concert WHERE year = 1",
        f"SELECT count(*) {JOINED} WHERE year = 2",
        "sql_wrong_value",
        "sql_unneeded_join",
    ),
    (
        "SELECT count(*) FROM singer WHERE age = 1",
        "SELECT count(id) FROM singer WHERE age = 2",
        "sql_wrong_value",
        "sql_wrong_aggregate",
    ),
    (
        "SELECT name, age FROM singer WHERE age = 1",
        "SELECT age, name FROM singer WHERE age = 2",
        "sql_wrong_value",
        "sql_wrong_projection",
    ),
    (
        "SELECT name FROM singer WHERE age = 1",
        "SELECT name FROM singer WHERE age = 2 AND name IS NOT NULL",
        "sql_wrong_value",
        "sql_wrong_filter",
    ),
    (
        "SELECT name FROM singer WHERE age = 1",
        "SELECT name FROM singer WHERE age = 2 ORDER BY name",
        "sql_wrong_value",
        "sql_wrong_order",
    ),
    (
        f"SELECT singer.name, count(*) {SUNG} WHERE age = 1 GROUP BY song.singer_id",
        f"SELECT singer.name, count(*) {SUNG} WHERE age = 2 GROUP BY singer.name",
        "sql_wrong_value",
        "sql_wrong_group",
    ),
]


@pytest.mark.parametrize(("gold", "predicted", "both", "alone"), SELDOM)
def test_what_seldom_matters_counts_only_if_there_is_nothing_else(gold, predicted, both, alone):
    assert classify(gold, predicted, SCHEMA).all == tuple(both.split())
    assert classify(gold, predicted.replace("= 2", "= 1"), SCHEMA).all == (alone,)


FORMS = [
    (
        f"SELECT singer.name {SUNG} WHERE song.year = 1",
        "SELECT name FROM singer WHERE id IN (SELECT singer_id FROM song WHERE year = 2)",
    ),
    (
        f"SELECT singer.name {SUNG} WHERE song.year = 1",
        "SELECT name FROM singer AS s WHERE EXISTS "
        "(SELECT 1 FROM song WHERE singer_id = s.id AND year = 2)",
    ),
    (
        "SELECT name FROM stadium WHERE country = 'A' AND id NOT IN "
        "(SELECT stadium_id FROM concert)",
        "SELECT s.name FROM stadium AS s LEFT JOIN concert AS c ON c.stadium_id = s.id "
        "WHERE country = 'B' AND c.id IS NULL",
    ),
    (
        "SELECT name FROM stadium EXCEPT SELECT stadium.name FROM stadium JOIN concert "
        "ON stadium_id = stadium.id WHERE year = 1",
        "SELECT name FROM stadium WHERE id NOT IN (SELECT stadium_id FROM concert WHERE year = 2)",
    ),
    (
        "SELECT name FROM singer WHERE age = 1 UNION SELECT name FROM singer WHERE country = 'A'",
        "SELECT name FROM singer WHERE age = 1 OR country = 'B'",
    ),
    (
        f"SELECT singer.name {SUNG} WHERE age = 1 GROUP BY singer.id "
        "ORDER BY count(*) DESC LIMIT 1",
        "SELECT name FROM singer WHERE age = 2 AND id = (SELECT singer_id FROM song "
        "GROUP BY singer_id ORDER BY count(*) DESC LIMIT 1)",
    ),
    (
        "SELECT name FROM singer WHERE country = 'A' ORDER BY age LIMIT 1",
        "SELECT name FROM singer WHERE country = 'B' AND age = "
        "(SELECT min(age) FROM singer WHERE country = 'B')",
    ),
    (
        "SELECT age, name FROM singer WHERE country = 'A' ORDER BY age DESC LIMIT 1",
        "SELECT max(age), name FROM singer WHERE country = 'B'",
    ),
]


@pytest.mark.parametrize(("gold", "predicted"), FORMS)
def test_the_fault_is_found_behind_another_form(gold, predicted):
    assert classify(gold, predicted, SCHEMA).all == ("sql_wrong_value",)


def test_the_tables_of_a_self_join_are_told_apart_by_their_joins():
    join = (
        "FROM flight JOIN stadium AS a ON origin = a.id JOIN stadium AS b ON target = b.id "
        "WHERE a.name = 'x'"
    )
    gold = f"SELECT b.name {join}"
    renamed = gold.replace("a.", "y.").replace("AS a", "AS y")
    assert classify(gold, renamed, SCHEMA).primary == "sql_other"
    assert classify(gold, f"SELECT a.name {join}", SCHEMA).primary == "sql_wrong_projection"


# --------------------------------------------------------------------------- errors and text


GOLD = "SELECT name FROM singer WHERE age > 5"

UNUSABLE = [
    ("", "", "StatementRefused", "sql_no_select"),
    ("", "I cannot answer that.", "StatementRefused", "sql_no_select"),
    ("select the name column from the singer table", "", "SQLSyntaxError", "sql_no_select"),
    ("DELETE FROM singer", "", "StatementRefused", "sql_no_select"),
    ("CREATE TABLE x AS SELECT 1", "", "StatementRefused", "sql_no_select"),
    ("VALUES (1)", "", None, "sql_no_select"),
    ("PRAGMA table_info(singer)", "", "StatementRefused", "sql_no_select"),
    ("SELECT name FROM", "", "SQLSyntaxError", "sql_syntax"),
    ("SELECT name FROM singer WHERE WHERE age > 5", "", "SQLSyntaxError", "sql_syntax"),
    ("SELECT name FROM singer ODER BY age", "", "SQLSyntaxError", "sql_syntax"),
    ("SELECT TOP 5 name FROM singer", "", "SQLSyntaxError", "sql_syntax"),
    (f"{GOLD}\nThis query finds the names.", "", "SQLSyntaxError", "sql_prose_wrapped"),
    (f"{GOLD} I hope this helps you.", "", "SQLSyntaxError", "sql_prose_wrapped"),
    (f"Here is the query: {GOLD}", "", "SQLSyntaxError", "sql_prose_wrapped"),
    (
        "SELECT statement is:",
        f"The SELECT statement is: {GOLD}",
        "SQLSyntaxError",
        "sql_prose_wrapped",
    ),
]


@pytest.mark.parametrize(("sql", "completion", "error", "label"), UNUSABLE)
def test_what_holds_no_query_has_one_label(sql, completion, error, label):
    got = classify(GOLD, sql, SCHEMA, completion=completion, error=error)
    assert got == FailureLabels(label, (label,))


ERRORS = [
    (errors.UnknownName("unknown name: no such column: x"), "sql_wrong_schema"),
    (errors.QueryTimeout("query timed out"), "sql_timeout"),
    (errors.ResourceExceeded("resource limit exceeded"), "sql_timeout"),
]


@pytest.mark.parametrize(("error", "label"), ERRORS)
def test_an_error_comes_before_what_differs(error, label):
    predicted = GOLD.replace("5", "6")
    expected = FailureLabels(label, (label, "sql_wrong_value"))
    assert classify(GOLD, predicted, SCHEMA, error=error) == expected
    assert classify(GOLD, predicted, SCHEMA, error=type(error).__name__) == expected
    assert classify(GOLD, GOLD, SCHEMA, error=error).all == (label,)


def test_a_query_that_fails_otherwise_is_labelled_by_what_differs():
    ambiguous = "SELECT name FROM singer JOIN song ON singer.id = singer_id WHERE age > 5"
    failed = errors.QueryFailed("query failed: ambiguous column name: name")
    assert classify(GOLD, ambiguous, SCHEMA, error=failed).primary == "sql_wrong_schema"
    assert classify(GOLD, ambiguous, SCHEMA).primary == "sql_unneeded_join"
    misused = "SELECT name FROM singer WHERE max(age) > 5"
    assert classify(GOLD, misused, SCHEMA, error="QueryFailed").primary == "sql_wrong_aggregate"
    assert classify(GOLD, GOLD, SCHEMA, error="QueryFailed").primary == "sql_other"


def test_two_statements_are_another_failure():
    got = classify(GOLD, f"{GOLD}; SELECT 1", SCHEMA, error="StatementRefused")
    assert got.all == ("sql_other",)


def test_prose_that_was_cut_off_is_mentioned_but_is_not_why():
    predicted = GOLD.replace("5", "6")
    completion = f"Sure! Here is what you need:\n```sql\n{predicted};\n```"
    got = classify(GOLD, predicted, SCHEMA, completion=completion)
    assert got == FailureLabels("sql_wrong_value", ("sql_prose_wrapped", "sql_wrong_value"))
    bare = f"```sql\n-- the singers that you asked for\n{predicted}\n```"
    assert classify(GOLD, predicted, SCHEMA, completion=bare).all == ("sql_wrong_value",)


def test_text_in_double_quotes_is_a_name_in_duckdb():
    predicted = 'SELECT name FROM singer WHERE country = "France"'
    gold = predicted.replace('"', "'")
    assert classify(gold, predicted, SCHEMA).primary == "sql_other"
    duckdb = SCHEMA.model_copy(update={"dialect": "duckdb"})
    assert classify(gold, predicted, duckdb).primary == "sql_wrong_filter"


MONSTERS = [
    "WITH a AS (SELECT 1 AS x)"
    + "".join(f", a{i} AS (SELECT p.x FROM a{i - 1} p, a{i - 1} q)" for i in range(1, 40))
    + " SELECT * FROM a39",
    "SELECT name FROM singer WHERE " + " OR ".join(f"age = {i}" for i in range(3000)),
    "SELECT " + "(" * 200 + "1" + ")" * 200,
    "SELECT 1" + " UNION SELECT 1" * 300,
    "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
    "SELECT name FROM singer WHERE age > 1e999999999 OR age = '1e99999'",
    "SELECT * FROM (VALUES (1, 2)) AS v",
    "SELECT x FROM json_each('[1]') AS j(x)",
    "SELECT name FROM (singer JOIN song ON singer.id = song.singer_id)",
]


@pytest.mark.parametrize("sql", MONSTERS, ids=range(len(MONSTERS)))
def test_no_query_is_too_much(sql):
    for gold, predicted in ((GOLD, sql), (sql, GOLD), (sql, sql)):
        assert classify(gold, predicted, SCHEMA).primary in LABELS


def test_a_gold_that_cannot_be_read_leaves_the_error():
    assert classify("SELECT FROM", GOLD, SCHEMA).all == ("sql_other",)
    assert classify("SELECT FROM", GOLD, SCHEMA, error="UnknownName").all == ("sql_wrong_schema",)


# --------------------------------------------------------------------------- remedies, summary


def test_every_label_is_explained_and_has_a_remedy():
    assert len(LABELS) == len(set(LABELS)) == 19
    for label in LABELS:
        assert f"\n{label} " in failures.__doc__
        assert remedy(label)
        assert "\n" not in remedy(label)
    with pytest.raises(KeyError, match="sql_bad"):
        remedy("sql_bad")


def test_causes_are_counted_by_their_primary_label():
    misses = [
        FailureLabels("sql_wrong_value", ("sql_wrong_value",)),
        FailureLabels("sql_missing_join", ("sql_missing_join", "sql_wrong_value")),
        FailureLabels("sql_missing_join", ("sql_missing_join", "sql_wrong_order")),
        FailureLabels("sql_wrong_value", ("sql_wrong_value",)),
        FailureLabels("sql_missing_join", ("sql_missing_join",)),
    ]
    assert summarise(misses, 20) == (
        Cause("sql_missing_join", 3, 0.6, 15.0, 3, remedy("sql_missing_join")),
        Cause("sql_wrong_value", 2, 0.4, 10.0, 3, remedy("sql_wrong_value")),
        Cause("sql_wrong_order", 0, 0.0, 0.0, 1, remedy("sql_wrong_order")),
    )
    assert summarise([], 20) == ()
