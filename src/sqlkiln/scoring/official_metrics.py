"""The metrics of Spider and BIRD as their official scripts compute them, faults included.

Each says in its verdict where it forgives or demands what strict execution accuracy does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlkiln.core.errors import DatabaseUnreadable, DataError, QueryError, SQLSyntaxError
from sqlkiln.core.plugins import Database, Dataset, DescribesTables, QueryResult
from sqlkiln.core.records import Example, Verdict
from sqlkiln.scoring.bird_execution import compare_bird
from sqlkiln.scoring.exact_match import COMPONENTS, ComponentMatch, ExactMatch, exact_set_match
from sqlkiln.scoring.results import run, run_gold
from sqlkiln.scoring.spider_execution import compare_spider
from sqlkiln.scoring.spider_schema import (
    SpiderSchema,
    schema_from_database,
    schema_from_tables_json,
)
from sqlkiln.scoring.spider_text import as_executed, as_predicted, is_blank, order_matters
from sqlkiln.scoring.verdicts import (
    NO_SCHEMA,
    compared,
    gold_failed,
    make_verdict,
    no_gold,
    no_sql,
    prediction_failed,
)
from sqlkiln.sql.compare import Comparison, compare

_NOTHING = QueryResult((), ())


class SpiderExecution:
    """Execution accuracy by the rules of Spider's official script; see `spider_execution`.

    Both statements have the deadline and the row cap of the run, where the official script has
    neither.
    """

    name = "execution.spider"

    def score(self, example: Example, predicted_sql: str, database: Database) -> Verdict:
        """Run both statements as the official script rewrites them, and compare."""
        if example.gold_sql is None:
            return no_gold(self.name, example)
        gold_sql = as_executed(example.gold_sql)
        gold = _NOTHING if is_blank(gold_sql) else run_gold(database, gold_sql)
        if isinstance(gold, QueryError):
            return gold_failed(self.name, example, gold)
        executed = as_executed(as_predicted(predicted_sql))
        if is_blank(executed) and gold.rows:
            return no_sql(self.name, example)
        predicted = _NOTHING if is_blank(executed) else run(database, executed)
        if isinstance(predicted, QueryError):
            return prediction_failed(self.name, example, predicted, gold)
        ordered = order_matters(gold_sql)
        comparison = compare_spider(gold, predicted, ordered)
        if not comparison.equal:
            comparison = _with_rows(comparison, gold, predicted, ordered)
        return compared(self.name, example, comparison, gold, predicted)


def _with_rows(
    comparison: Comparison, gold: QueryResult, predicted: QueryResult, ordered: bool
) -> Comparison:
    """An official verdict of 'wrong', with the rows that differ and what else is known of them."""
    plain = compare(gold, predicted, ordered)
    flags = (*comparison.flags, *plain.flags)
    return replace(
        comparison,
        flags=tuple(dict.fromkeys(flags)),
        missing=plain.missing,
        unexpected=plain.unexpected,
    )


class BirdExecution:
    """Execution accuracy by the rules of BIRD's official script; see `bird_execution`.

    Both statements have a deadline of their own, where the official script has one for the two.
    """

    name = "execution.bird"

    def score(self, example: Example, predicted_sql: str, database: Database) -> Verdict:
        """Run both statements and compare the sets of their rows."""
        if example.gold_sql is None:
            return no_gold(self.name, example)
        gold = run_gold(database, example.gold_sql)
        if isinstance(gold, QueryError):
            return gold_failed(self.name, example, gold)
        if is_blank(predicted_sql) and gold.rows:
            return no_sql(self.name, example)
        predicted = _NOTHING if is_blank(predicted_sql) else run(database, predicted_sql)
        if isinstance(predicted, QueryError):
            return prediction_failed(self.name, example, predicted, gold)
        return compared(self.name, example, compare_bird(gold, predicted), gold, predicted)


class ExactSetMatch:
    """Spider's exact set match; see `exact_match`. Executes nothing.

    Names are read from the database and keys from the dataset's tables.json, as the official
    script does. Where one of the two is missing, the other stands in for it; where both are, or
    the gold is outside Spider's grammar, the row is not scored.
    """

    name = "exact_match"
    compares_rows = False

    def __init__(self) -> None:
        self._entries: Mapping[str, Mapping[str, Any]] = {}
        self._schemas: dict[tuple[str, str], SpiderSchema | None] = {}

    def prepare(self, dataset: Dataset) -> None:
        """Take the tables.json of the dataset, if it has one."""
        if isinstance(dataset, DescribesTables):
            self._entries = dataset.table_entries()

    def score(self, example: Example, predicted_sql: str, database: Database) -> Verdict:
        """Compare the two statements clause by clause."""
        if example.gold_sql is None:
            return no_gold(self.name, example)
        key = (example.db_id, str(database.path))
        if key not in self._schemas:
            self._schemas[key] = self._schema(example.db_id, database)
        schema = self._schemas[key]
        if schema is None:
            reason = f"no schema of {example.db_id}: neither a database nor an entry of tables.json"
            return make_verdict(self.name, example, 0.0, reason, (NO_SCHEMA,))
        try:
            match = exact_set_match(example.gold_sql, predicted_sql, schema)
        except SQLSyntaxError as error:
            return gold_failed(self.name, example, error)
        if not predicted_sql.strip() and not match.exact:
            verdict = no_sql(self.name, example)
            return verdict.model_copy(update={"details": verdict.details | match_details(match)})
        return self._verdict(example, match)

    def _schema(self, db_id: str, database: Database) -> SpiderSchema | None:
        entry = self._entries.get(db_id)
        try:
            described = schema_from_tables_json(entry) if entry is not None else None
        except DataError:
            described = None
        try:
            found = schema_from_database(database.schema(samples=0))
        except DatabaseUnreadable:
            return described
        return found.with_keys_of(described) if described is not None else found

    def _verdict(self, example: Example, match: ExactMatch) -> Verdict:
        details = match_details(match)
        if match.exact:
            return make_verdict(self.name, example, 1.0, "all components match", (), details)
        wrong = [name for name, component in match.components.items() if not component.matched]
        if not match.parsed:
            reason, failure = "the prediction is outside Spider's grammar", "unparsed"
        else:
            reason = f"components differ: {', '.join(wrong) or 'tables'}"
            failure = wrong[0] if wrong else "tables"
        details["failure"] = failure
        return make_verdict(self.name, example, 0.0, reason, (), details)


def match_details(match: ExactMatch) -> dict[str, Any]:
    """A match as a verdict keeps it: components that gold or prediction has, the others left out.

    A component is [parts in gold, parts in the prediction, whether they match].
    """
    return {
        "hardness": match.hardness,
        "parsed": match.parsed,
        "components": {
            name: [found.gold, found.predicted, found.matched]
            for name, found in match.components.items()
            if found.gold or found.predicted
        },
    }


def match_of(verdict: Verdict) -> ExactMatch | None:
    """The match that `match_details` described; None if the verdict has none."""
    if "components" not in verdict.details:
        return None
    kept = verdict.details["components"]
    components = {
        name: ComponentMatch(*kept[name]) if name in kept else ComponentMatch(0, 0, True)
        for name in COMPONENTS
    }
    details = verdict.details
    return ExactMatch(verdict.score == 1.0, details["hardness"], details["parsed"], components)
