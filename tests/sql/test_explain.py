import json
import re
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from sqlkiln.core.errors import ResourceExceeded, SQLSyntaxError
from sqlkiln.core.records import Column, DatabaseSchema, Table
from sqlkiln.sql.explain import explain, steps

FIXTURES = Path(__file__).parent / "fixtures" / "explain.txt"


def schema_of(db_id, tables):
    """A schema from {table: {column: type}}."""
    return DatabaseSchema(
        db_id=db_id,
        dialect="sqlite",
        tables=tuple(
            Table(name=name, columns=tuple(Column(name=c, type=t) for c, t in columns.items()))
            for name, columns in tables.items()
        ),
    )


SHOP = schema_of(
    "shop",
    {
        "customers": {"id": "INTEGER", "name": "TEXT"},
        "orders": {
            "id": "INTEGER",
            "customer_id": "INTEGER",
            "total": "REAL",
            "status": "TEXT",
            "ordered_on": "DATE",
        },
    },
)


def expectation(block):
    """(dialect or 'shop', SQL, explanation) of two lines in the fixture file."""
    asked, said = block.strip().split("\n")
    where, sql = asked.split("> ", 1)
    return pytest.param(where, sql, said, id=sql[:60])


BLOCKS = FIXTURES.read_text(encoding="utf-8").split("\n\n")
EXPECTED = [expectation(block) for block in BLOCKS if not block.startswith("#")]


def test_there_are_enough_expectations():
    assert len(EXPECTED) >= 60


@pytest.mark.parametrize(("where", "sql", "said"), EXPECTED)
def test_the_explanation_is_the_one_expected(where, sql, said):
    dialect = "duckdb" if where == "duckdb" else "sqlite"
    assert explain(sql, dialect, SHOP if where == "shop" else None) == said


def test_each_step_is_a_sentence():
    assert steps("SELECT name FROM singer WHERE age > 20") == (
        "Takes the rows of singer.",
        "Keeps rows where age is more than 20.",
        "Shows name.",
    )


# --------------------------------------------------------------------------- a whole benchmark


def unsaid(sql, said):
    """Names and constants of `sql` that the explanation `said` does not mention."""
    for node in sqlglot.parse_one(sql, dialect="sqlite").walk():
        if isinstance(node, exp.Literal | exp.Column | exp.Table) and node.name not in ("", "*"):
            like = isinstance(node.parent, exp.Like)
            word = node.name.strip("%") if like else node.name
            if not re.search(rf"(?<!\w){re.escape(word)}(?!\w)", said, re.IGNORECASE):
                yield node.name


def spider_schemas(folder):
    for row in json.loads((folder / "tables.json").read_text()):
        tables = {name: {} for name in row["table_names_original"]}
        for (owner, column), kind in zip(
            row["column_names_original"], row["column_types"], strict=True
        ):
            if owner >= 0:
                tables[row["table_names_original"][owner]][column] = kind
        yield row["db_id"], schema_of(row["db_id"], tables)


@pytest.mark.parametrize("with_schema", [False, True])
def test_nothing_of_any_spider_query_is_left_out_or_left_in_sql(spider_data, with_schema):
    schemas = dict(spider_schemas(spider_data))
    examples = json.loads((spider_data / "dev.json").read_text())
    assert len(examples) == 1034
    wrong = []
    for example in examples:
        sql, schema = example["query"], schemas[example["db_id"]]
        said = explain(sql, "sqlite", schema if with_schema else None)
        missing = list(unsaid(sql, said))
        if missing or '"' in said or not said.endswith("."):
            wrong.append((sql, said, missing))
    assert not wrong, wrong[:3]


def test_the_check_notices_what_is_left_out():
    sql = "SELECT name FROM singer WHERE age > 20 AND city LIKE '%x%'"
    assert list(unsaid(sql, "Takes the rows of singer; city contains 'x'.")) == [
        "name",
        "age",
        "20",
    ]


# --------------------------------------------------------------------------- what cannot be read


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT a FROM t WHERE (a = 1", r"cannot read the SQL: line 1, column 28: .*; correct"),
        ("SELECT a\nFROM t\nWHERE a = = 2", r"line 3, column 11"),
        ("SELECT 'a\nFROM t", r"line 2, column \d+: Error tokenizing"),
        ("SELECT a FROM", r"line 1, column 13: Expected table name; correct"),
        ("  -- nothing", "line 1, column 1: there is no statement"),
        ("", "there is no statement"),
    ],
)
def test_what_cannot_be_parsed_is_refused_with_its_place(sql, message):
    with pytest.raises(SQLSyntaxError, match=message):
        explain(sql)


def test_nesting_beyond_measure_is_refused():
    with pytest.raises(ResourceExceeded, match=r"4008 characters, nested too deeply; simplify it"):
        explain("SELECT " + "(" * 2000 + "1" + ")" * 2000)


def test_a_thousand_conditions_are_no_nesting():
    said = explain("SELECT a FROM t WHERE " + " OR ".join(f"a = {i}" for i in range(1000)))
    assert "a is 998 or a is 999. Shows a." in said


def test_a_schema_that_does_not_fit_does_no_harm():
    said = explain("SELECT x.a, b FROM x JOIN y ON x.i = y.i", "sqlite", SHOP)
    assert said == "Takes each row of x with the matching rows of y (x.i = y.i). Shows x.a and b."


@pytest.mark.parametrize("call", ["strftime('%Y-%m', day)", "strftime(day, '%Y-%m')"])
def test_duckdb_takes_the_form_of_a_date_in_either_place(call):
    told = explain(f"SELECT {call} FROM sale", "duckdb")
    assert told == "Takes the rows of sale. Shows the year and month of day."
