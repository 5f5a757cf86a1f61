import sqlite3
from contextlib import closing

import pytest

from sqlkiln.core.plugins import open_database
from sqlkiln.core.records import Example
from sqlkiln.evaluate.rows import MissingDatabase
from sqlkiln.scoring.wikisql import (
    WikiSqlExecution,
    WikiSqlLogicalForm,
    execution_match,
    logical_form_match,
)
from sqlkiln.sql.logical_form import Condition, LogicalForm

FORM = LogicalForm(1, 3, (Condition(0, 0, "Ann"), Condition(2, 1, 5)))


@pytest.mark.parametrize(
    ("predicted", "right"),
    [
        (FORM, True),
        (LogicalForm(1, 3, FORM.conditions[::-1]), True),
        (LogicalForm(1, 3, (Condition(0, 0, "ANN"), Condition(2, 1, "5"))), True),
        (LogicalForm(1, 3, (*FORM.conditions, Condition(0, 0, "ann"))), True),
        (LogicalForm(1, 3, FORM.conditions[:1]), False),
        (LogicalForm(1, 0, FORM.conditions), False),
        (LogicalForm(0, 3, FORM.conditions), False),
        (LogicalForm(1, 3, (Condition(0, 0, "Ann"), Condition(2, 2, 5))), False),
        (None, False),
    ],
)
def test_logical_forms_match_as_the_official_script_has_it(predicted, right):
    assert logical_form_match(FORM, predicted) is right


@pytest.mark.parametrize(
    ("gold", "predicted", "right"),
    [
        ([(1,)], [(1,)], True),
        ([(1,), (2,)], [(2,), (1,)], False),
        ([(1,), (1,)], [(1,)], False),
        ([(0.1 + 0.2,)], [(0.3,)], False),
        ([(1,)], [(1.0,)], True),
        ([], [], True),
        ([(1,)], [(1, "more")], True),
    ],
)
def test_results_match_as_lists(gold, predicted, right):
    assert execution_match(gold, predicted) is right


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("wikisql") / "table_1.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            'CREATE TABLE players ("Name" text, "No." real, "Years in Toronto" text);'
            "INSERT INTO players VALUES ('ann', 3, '1995-96'), ('bo', 7, '1996'), ('cy', 3, NULL);"
        )
    with closing(open_database(path)) as database:
        yield database


def score(metric, gold, predicted, database):
    example = Example(id="q1", db_id="table_1", question="?", gold_sql=gold)
    return metric.score(example, predicted, database)


GOLD = 'SELECT "Name" FROM players WHERE "No." = 3'


@pytest.mark.parametrize(
    ("predicted", "form", "execution", "failure"),
    [
        (GOLD, 1, 1, None),
        ("select name from PLAYERS where 3 = [No.]", 1, 1, None),
        ('SELECT "Name" FROM players WHERE "No." < 4', 0, 1, "conditions"),
        ('SELECT COUNT("Name") FROM players WHERE "No." = 3', 0, 0, "aggregate"),
        ('SELECT "No." FROM players WHERE "No." = 3', 0, 0, "select"),
        ('SELECT "Name" FROM players WHERE "No." = 3 ORDER BY 1 DESC', 0, 0, "no_logical_form"),
        ('SELECT "Name" FROM nobody', 0, 0, "no_logical_form"),
        ("", 0, 0, "no_sql"),
    ],
)
def test_hand_checked_verdicts(database, predicted, form, execution, failure):
    verdict = score(WikiSqlLogicalForm(), GOLD, predicted, database)
    assert (verdict.score, verdict.details.get("failure")) == (form, failure)
    assert score(WikiSqlExecution(), GOLD, predicted, database).score == execution


def test_a_gold_without_a_logical_form_is_not_scored(database):
    verdict = score(WikiSqlLogicalForm(), "SELECT * FROM players", GOLD, database)
    assert verdict.flags == ("gold_failed",)


def test_two_empty_results_are_flagged(database):
    nobody = 'SELECT "Name" FROM players WHERE "Name" = \'zoe\''
    verdict = score(WikiSqlExecution(), nobody, nobody, database)
    assert (verdict.score, verdict.flags) == (1.0, ("empty_equals_empty",))


@pytest.mark.parametrize(
    ("predicted", "right"),
    [
        ("SELECT col1 FROM table_1 WHERE col0 = 'ann' AND col2 > 5", 1),
        ("SELECT col1 FROM table_1 WHERE 5 < col2 AND col0 = 'Ann'", 1),
        ("SELECT col2 FROM table_1 WHERE col2 > 5 AND col0 = 'Ann'", 0),
        ("SELECT col1 FROM table_2 WHERE col0 = 'ann' AND col2 > 5", 0),
    ],
)
def test_without_a_database_columns_go_by_number(predicted, right):
    gold = "SELECT col1 FROM table_1 WHERE col0 = 'Ann' AND col2 > 5"
    verdict = score(WikiSqlLogicalForm(), gold, predicted, MissingDatabase("table_1"))
    assert (verdict.score, verdict.flags) == (right, ())
