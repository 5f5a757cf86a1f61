"""Why an official mode says otherwise than the strict one, row by row.

The causes are the official scripts' faults and lenience (see `spider_execution`, `spider_text`
and `bird_execution`), and where the strict rules are the more lenient ones: ties and tolerance.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlkiln.core.records import Example, Verdict
from sqlkiln.scoring.spider_text import as_executed, as_predicted, order_matters
from sqlkiln.scoring.verdicts import UNSCORED
from sqlkiln.sql import parse

STRICT = "execution.strict"
SPIDER = "execution.spider"
BIRD = "execution.bird"

CAUSES = {
    "empty_equals_empty": "two results without rows pass, whatever their columns",
    "column_permutation": "the right columns pass in any order",
    "first_statement_only": "what follows the first statement is not looked at",
    "cut_at_tab": "a prediction of one line ends at its first tab",
    "distinct_removed": "DISTINCT is deleted from both queries before they are run",
    "value_replaced": "the word 'value' in a prediction is replaced by 1",
    "duplicates_ignored": "rows are a set, so their number does not count",
    "order_ignored": "the order of rows does not count",
    "no_tolerance": "numbers that differ in the last digits are different",
    "ties_in_gold_order": "rows that tie must come as gold happened to return them",
    "limit_tie": "of rows that tie at a LIMIT, only gold's pass",
    "order_in_subquery": "ORDER BY in a sub-query or a string demands gold's order of rows",
    "number_types": "1 and 1.0 sort differently as text, which upsets the search for columns",
    "other": "not explained; read the reasons of both verdicts",
}
"""What each cause means, the first that applies being the one that is named."""


def cause_of_difference(
    example: Example, predicted_sql: str, strict: Verdict, official: Verdict
) -> str | None:
    """The cause, one of `CAUSES`; None where both agree or one of them says nothing."""
    if UNSCORED & {*strict.flags, *official.flags} or strict.score == official.score:
        return None
    kind = _lenient if official.score > strict.score else _severe
    found = set(kind(example.gold_sql or "", predicted_sql, strict, official))
    return next((cause for cause in CAUSES if cause in found), "other")


def _lenient(gold: str, predicted: str, strict: Verdict, official: Verdict) -> Iterator[str]:
    yield from {"empty_equals_empty", "column_permutation"} & set(official.flags)
    if official.metric == SPIDER:
        yield from _rewritten(gold, predicted)
        if strict.details.get("failure") in ("StatementRefused", "SQLSyntaxError"):
            yield "first_statement_only"
    if "duplicates_only" in official.flags:
        yield "duplicates_ignored"
    if strict.details.get("failure") == "wrong_order":
        yield "order_ignored"


def _severe(gold: str, predicted: str, strict: Verdict, official: Verdict) -> Iterator[str]:
    if "numeric_tolerance_used" in strict.flags:
        yield "no_tolerance"
    if "ties_reordered" in strict.flags:
        yield "ties_in_gold_order"
    if "limit_tie" in strict.flags:
        yield "limit_tie"
    if official.metric == SPIDER:
        yield from _rewritten(gold, predicted)
        if order_matters(as_executed(gold)) and not parse.is_ordered(gold):
            yield "order_in_subquery"
        if not official.details.get("missing") and official.details.get("failure") == "wrong_rows":
            yield "number_types"


def _rewritten(gold: str, predicted: str) -> Iterator[str]:
    """What the official script changed in the texts."""
    if any(_distincts(as_executed(sql)) < _distincts(sql) for sql in (gold, predicted)):
        yield "distinct_removed"
    if "\t" in predicted.strip() and "\t" not in as_predicted(predicted):
        yield "cut_at_tab"
    if " value " in predicted:
        yield "value_replaced"


def _distincts(sql: str) -> int:
    return sql.lower().count("distinct")
