"""All golds that there are, as SQLite and as DuckDB: the grammar says them, the scopes hold."""

import json
from collections import Counter
from functools import cache

import pytest
import sqlglot
from sqlglot import exp

from sqlkiln.core import plugins
from sqlkiln.core.plugins import DatasetOptions
from sqlkiln.data.described import described_schema
from sqlkiln.sql.grammar import grammar_of
from sqlkiln.sql.grammar_faults import Strictness, first_fault
from sqlkiln.sql.grammar_joins import Joins
from sqlkiln.sql.grammar_scopes import read_statement
from sqlkiln.sql.logical_order import one_line

ANY_KEY = Strictness(foreign_keys=False)
"""Golds of training data join tables by other columns than the declared keys, too."""

WRONG_IN_TRAIN = (
    "JOIN Ref_Company_Types AS T3",  # there is no such table
    "LIMIT 3 INTERSECT SELECT",  # SQLite wants the limit at the end
    "ON T1.DNO = T3.DNO JOIN MEMBER_OF AS T3",  # named before it is read
)
NOT_IN_DUCKDB = ("JULIANDAY(", "DATETIME(")
"""Functions that sqlglot leaves as they are, and DuckDB does not have."""


def as_duckdb(sql, schema):
    """`sql` for DuckDB, where text does not stand in double quotes."""
    names = {column.name.lower() for table in schema.tables for column in table.columns}

    def text_or_name(node):
        bare = isinstance(node, exp.Column) and not node.table
        quoted = bare and node.this.args.get("quoted")
        return exp.Literal.string(node.name) if quoted and node.name.lower() not in names else node

    return sqlglot.parse_one(sql, dialect="sqlite").transform(text_or_name).sql("duckdb")


def wrong(sql, schema, strictness):
    """What is wrong with `sql` over `schema`; '' if nothing is."""
    text = one_line(sql, schema.dialect)
    grammar = grammar_of(schema, "sql")
    reading = grammar.matcher.complete(text)
    if reading is None:
        return f"refused at {text[grammar.matcher.read(text)[0] :][:40]!r}: {text}"
    statement = read_statement(grammar, text, reading)
    fault = first_fault(statement, Joins(schema, schema.dialect), grammar, strictness)
    return f"{fault.kind} at {text[fault.cut :][:40]!r}: {text}" if fault else ""


def all_wrong(golds, strictness=None):
    """(dialect, what is wrong) of those of `golds`, pairs of SQL and schema, that are not right."""
    found, counts = [], Counter()
    for sql, schema in golds:
        duck = schema.model_copy(update={"dialect": "duckdb"})
        for text, described in ((sql, schema), (as_duckdb(sql, schema), duck)):
            counts[described.dialect] += 1
            if why := wrong(text, described, strictness):
                found.append((described.dialect, why))
    assert counts["sqlite"] == counts["duckdb"] > 100
    return found


def golds_of(folder, *files, step=1):
    folder = next(path.parent for path in folder.rglob("dev.json"))
    entries = {e["db_id"]: e for e in json.loads((folder / "tables.json").read_text())}
    described = cache(lambda name: described_schema(entries[name], name))
    rows = [row for file in files for row in json.loads((folder / file).read_text())]
    distinct = sorted({(row["db_id"], row["query"]) for row in rows})[::step]
    return [(" ".join(sql.split()), described(name)) for name, sql in distinct]


def test_all_golds_of_spider_dev(spider_data):
    assert all_wrong(golds_of(spider_data, "dev.json")) == []


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 11])
def test_all_golds_of_spider_train_but_three_that_are_wrong(spider_data, step):
    files = ("train_spider_min.json", "train_others_min.json")
    golds = golds_of(spider_data, *files, step=step)
    golds = [(sql, schema) for sql, schema in golds if not any(w in sql for w in WRONG_IN_TRAIN)]
    assert all_wrong(golds, ANY_KEY) == []


def test_the_three_wrong_ones_are_found_out(spider_data):
    golds = golds_of(spider_data, "train_spider_min.json")
    for piece in WRONG_IN_TRAIN:
        ((sql, schema),) = [gold for gold in golds if piece in gold[0]]
        assert wrong(sql, schema, ANY_KEY)


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 7])
def test_all_golds_of_bird(shared, step):
    dataset = plugins.load("datasets", "bird").open(DatasetOptions(data=shared("bird") / "bird"))
    entries = dataset.table_entries()
    described = cache(lambda name: described_schema(entries[name], name))
    golds = [(e.gold_sql, described(e.db_id)) for e in dataset.examples()][::step]
    found = all_wrong(golds, ANY_KEY)
    assert [why for _, why in found if not any(name in why for name in NOT_IN_DUCKDB)] == []
    assert {dialect for dialect, _ in found} <= {"duckdb"}


def test_all_golds_of_wikisql(shared):
    dataset = plugins.load("datasets", "wikisql").open(
        DatasetOptions(data=shared("wikisql") / "wikisql")
    )
    golds = []
    for example in dataset.examples()[:196]:
        database = plugins.open_database(dataset.database_path(example.db_id))
        golds.append((example.gold_sql, database.schema(samples=0)))
        database.close()
    assert all_wrong(golds) == []
