"""Why a prediction is wrong: labels from its parse and from the database's error, never a model's.

Both queries are taken apart, SELECT by SELECT, with names resolved and all that does not matter
evened out, and the parts are compared (`failure_reading`, `failure_comparison`). The labels:

====================  ==========================================================================
sql_no_select         no query at all: nothing, a refusal, or a statement that does not read
sql_prose_wrapped     sentences around the query; primary only if they made it unusable
sql_syntax            the engine cannot parse it
sql_wrong_schema      a table, column or function that does not exist, or an ambiguous column
sql_timeout           not answered within the deadline or the caps of memory and size
sql_wrong_set_op      UNION, INTERSECT or EXCEPT missing, unasked for, or another one
sql_wrong_table       rows from another table
sql_missing_join      a table is not joined
sql_unneeded_join     a table is joined that changes the rows
sql_wrong_join_key    the tables are joined on other columns, on none, or by another kind of join
sql_wrong_filter      a condition of WHERE or HAVING is missing, unasked for, or another one
sql_wrong_value       the right condition with another value
sql_wrong_group       GROUP BY missing, unasked for, or by other columns
sql_wrong_aggregate   another aggregate function, or one too many or too few
sql_wrong_projection  other output columns, or in another order
sql_wrong_distinct    DISTINCT missing or unasked for, there or in an aggregate
sql_wrong_order       ORDER BY missing, unasked for, by another key or in another direction
sql_wrong_limit       LIMIT or OFFSET missing, unasked for, or another number
sql_other             none of these
====================  ==========================================================================

The primary label is the first that applies in this order: first what keeps the query from being
run, then its parts in the order in which SQL evaluates them. Differences that seldom change the
result (a join that adds nothing, the order of the columns, x IS NOT NULL) count only if there is
no other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from sqlkiln.core.errors import QueryError, ResourceExceeded
from sqlkiln.core.records import DatabaseSchema
from sqlkiln.scoring.failure_comparison import differences
from sqlkiln.scoring.failure_reading import Reading, representatives
from sqlkiln.scoring.failure_scope import Catalogue
from sqlkiln.scoring.failure_text import (
    has_prose_around,
    is_attempt,
    is_wrapped_in_prose,
    query_in,
)

NO_SELECT = "sql_no_select"
PROSE_WRAPPED = "sql_prose_wrapped"
SYNTAX = "sql_syntax"
WRONG_SCHEMA = "sql_wrong_schema"
TIMEOUT = "sql_timeout"
OTHER = "sql_other"

_REMEDIES = {
    NO_SELECT: "fine-tune on the answer format, or decode under an SQL grammar",
    PROSE_WRAPPED: "stop at the end of the statement, and fine-tune on bare SQL",
    SYNTAX: "decode under an SQL grammar",
    WRONG_SCHEMA: "constrain decoding to the names of the schema",
    TIMEOUT: "train on joins with their keys, and filter candidates by running them",
    "sql_wrong_set_op": "add training data with UNION, INTERSECT and EXCEPT",
    "sql_wrong_table": "rank the tables of the schema for the question (schema linking)",
    "sql_missing_join": "schema linking with foreign-key paths, and training data with joins",
    "sql_unneeded_join": "leave unrelated tables out of the prompt (schema filtering)",
    "sql_wrong_join_key": "show foreign keys in the prompt, and constrain joins to them",
    "sql_wrong_filter": "add training data with conditions like these, and vote over candidates",
    "sql_wrong_value": "look values up in the database (value index)",
    "sql_wrong_group": "add training data with GROUP BY",
    "sql_wrong_aggregate": "add training data with aggregates, and vote over candidates",
    "sql_wrong_projection": "train on exactly the columns asked for, and vote over candidates",
    "sql_wrong_distinct": "add training data with DISTINCT, and vote over candidates",
    "sql_wrong_order": "add training data with ORDER BY in both directions",
    "sql_wrong_limit": "add training data with superlatives and top-n questions",
    OTHER: "read these rows; check the gold SQL",
}

LABELS = tuple(_REMEDIES)
"""All labels, in the order of precedence."""


@dataclass(frozen=True)
class FailureLabels:
    """`all` labels that apply to one miss, in the order of precedence, and the `primary` one."""

    primary: str
    all: tuple[str, ...]


@dataclass(frozen=True)
class Cause:
    """One cause of failure in a run.

    It is the primary label of `count` misses, a `share` of all misses in [0, 1], and among the
    labels of `mentioned` misses. Mending the `count` rows would add `gain_points` percentage
    points to the accuracy.
    """

    label: str
    count: int
    share: float
    gain_points: float
    mentioned: int
    remedy: str


def classify(
    gold_sql: str,
    predicted_sql: str,
    schema: DatabaseSchema,
    *,
    completion: str = "",
    error: QueryError | str | None = None,
) -> FailureLabels:
    """Label a prediction that was judged wrong.

    `error` is what executing it raised, or the name of that error's class; None if it ran.
    `completion` is all that the model wrote, if it is known.
    """
    failure = type(error).__name__ if isinstance(error, QueryError) else error or ""
    sql = predicted_sql.strip()
    tree = query_in(sql, schema.dialect)
    unusable = _unusable(sql, completion, tree, schema, failure)
    if unusable:
        return FailureLabels(unusable, (unusable,))
    found = {
        "UnknownName": {WRONG_SCHEMA},
        "QueryTimeout": {TIMEOUT},
        "ResourceExceeded": {TIMEOUT},
    }.get(failure, set())
    gold = query_in(gold_sql, schema.dialect)
    if gold is not None and tree is not None:
        try:
            found |= _compared(gold, tree, schema, failure)
        except (RecursionError, ResourceExceeded):
            found.add(OTHER)
    primary = next((label for label in LABELS if label in found), OTHER)
    if completion and has_prose_around(completion, sql, schema):
        found.add(PROSE_WRAPPED)
    return FailureLabels(primary, tuple(label for label in LABELS if label in found | {primary}))


def _unusable(
    sql: str, completion: str, tree: exp.Expr | None, schema: DatabaseSchema, failure: str
) -> str:
    """The label of a prediction that holds no query to run, or '' if it does."""
    if tree is not None and failure != "SQLSyntaxError":
        return ""
    if any(is_wrapped_in_prose(text, schema) for text in (sql, completion) if text):
        return PROSE_WRAPPED
    if tree is not None or is_attempt(sql or completion, schema):
        return SYNTAX if failure else OTHER
    return NO_SELECT


def _compared(
    gold: exp.Expr, predicted: exp.Expr, schema: DatabaseSchema, failure: str
) -> set[str]:
    """The labels of the differences between two parsed queries."""
    catalogue = Catalogue(schema)
    first = [Reading(catalogue), Reading(catalogue)]
    for reading, tree in zip(first, (gold, predicted), strict=True):
        reading.read(tree)
    same = representatives([pair for reading in first for pair in reading.equalities])
    found = {WRONG_SCHEMA} if failure == "QueryFailed" and first[1].ambiguous else set()
    for exact in (False, True):
        sides = [Reading(catalogue, exact, same).read(tree) for tree in (gold, predicted)]
        labels = differences(sides[0], sides[1], exact)
        if labels:
            return found | set(labels)
    return found


def remedy(label: str) -> str:
    """What mends misses of this label, in one line.

    Raises:
        KeyError: if there is no such label.
    """
    return _REMEDIES[label]


def summarise(misses: Sequence[FailureLabels], n: int) -> tuple[Cause, ...]:
    """The causes of the `misses` among `n` scored rows, the most frequent first."""
    primary = Counter(miss.primary for miss in misses)
    mentioned = Counter(label for miss in misses for label in miss.all)
    causes = [
        Cause(
            label=label,
            count=primary[label],
            share=primary[label] / len(misses),
            gain_points=100 * primary[label] / n,
            mentioned=mentioned[label],
            remedy=remedy(label),
        )
        for label in LABELS
        if mentioned[label]
    ]
    return tuple(sorted(causes, key=lambda cause: -cause.count))
