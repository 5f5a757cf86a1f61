"""WikiSQL's two accuracies (Zhong, Xiong, Socher 2017, arXiv 1709.00103), from SQL.

Logical form accuracy: gold and prediction are read back as logical forms and must be equal, as
`evaluate.py` of WikiSQL compares them: conditions as a set, their constants as text without case.
Execution accuracy: both results must be the same list. Official faults, kept:

* a prediction with the right result in another form is wrong by logical form;
* conditions are a set, so the same one twice is as good as once;
* results are compared as lists, though no WikiSQL query has an order; numbers have no tolerance;
* two empty results are equal, and so are two errors of the same text (not here: see below).

Not kept: the official engine writes two conditions on one column with one parameter, so that the
last constant stands for both; and a prediction that fails is wrong here even if it fails as gold.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from sqlkiln.core.errors import DatabaseUnreadable
from sqlkiln.core.plugins import Database
from sqlkiln.core.records import DatabaseSchema, Example, Row, Verdict
from sqlkiln.scoring.results import run_both
from sqlkiln.scoring.verdicts import (
    GOLD_FAILED,
    make_verdict,
    no_gold,
    no_sql,
)
from sqlkiln.sql.logical_form import FlatTable, LogicalForm, from_sql, same_form
from sqlkiln.sql.parse import parse


def logical_form_match(gold: LogicalForm, predicted: LogicalForm | None) -> bool:
    """Whether the official script counts the prediction as right; None is one without a form."""
    return predicted is not None and same_form(gold, predicted)


def execution_match(gold: Sequence[Row], predicted: Sequence[Row]) -> bool:
    """Whether the first columns are the same values in the same order."""
    return [row[0] for row in gold] == [row[0] for row in predicted]


def flat_tables(schema: DatabaseSchema) -> list[FlatTable]:
    """The tables of a database as logical forms see them."""
    return [FlatTable(t.name, tuple(column.name for column in t.columns)) for t in schema.tables]


def _tables_in(sql: str) -> list[FlatTable]:
    """The tables that a statement names, with the columns that are called col0, col1, ..."""
    tree = parse(sql, "sqlite")
    return [FlatTable(table.name) for table in tree.find_all(exp.Table)] if tree else []


class WikiSqlLogicalForm:
    """Logical form accuracy; golds that have no logical form are not scored.

    Without a database, columns are known by the names col0, col1, ... of the official engine.
    """

    name = "wikisql.logical_form"
    compares_rows = False

    def score(self, example: Example, predicted_sql: str, database: Database) -> Verdict:
        """Read both statements back as logical forms, and compare these."""
        if example.gold_sql is None:
            return no_gold(self.name, example)
        try:
            tables = flat_tables(database.schema(samples=0))
        except DatabaseUnreadable:
            tables = _tables_in(example.gold_sql)
        for table in tables:
            gold = from_sql(example.gold_sql, table)
            if gold is not None:
                return self._score(example, gold, predicted_sql, table)
        reason = "gold failed: it has no logical form over a known table"
        return make_verdict(self.name, example, 0.0, reason, (GOLD_FAILED,))

    def _score(
        self, example: Example, gold: LogicalForm, predicted_sql: str, table: FlatTable
    ) -> Verdict:
        if not predicted_sql.strip():
            return no_sql(self.name, example)
        predicted = from_sql(predicted_sql, table)
        if logical_form_match(gold, predicted):
            return make_verdict(self.name, example, 1.0, "same logical form")
        if predicted is None:
            reason, failure = "the prediction has no logical form", "no_logical_form"
        else:
            parts = {
                "select": gold.select != predicted.select,
                "aggregate": gold.aggregate != predicted.aggregate,
            }
            wrong = [name for name, differs in parts.items() if differs] or ["conditions"]
            reason, failure = f"the logical forms differ: {', '.join(wrong)}", wrong[0]
        return make_verdict(self.name, example, 0.0, reason, (), {"failure": failure})


class WikiSqlExecution:
    """Execution accuracy as WikiSQL's script compares results."""

    name = "wikisql.execution"

    def score(self, example: Example, predicted_sql: str, database: Database) -> Verdict:
        """Run both statements and compare their first columns as lists."""
        found = run_both(self.name, example, predicted_sql, database)
        if isinstance(found, Verdict):
            return found
        gold, predicted = found
        flags = ("empty_equals_empty",) if not gold.rows and not predicted.rows else ()
        if execution_match(gold.rows, predicted.rows):
            return make_verdict(self.name, example, 1.0, "same list of values", flags)
        details = {"failure": "wrong_rows"}
        return make_verdict(self.name, example, 0.0, "the values differ", flags, details)
