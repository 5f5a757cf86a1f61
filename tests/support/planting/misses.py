"""Plant faults in the gold queries of a dataset and keep those that really are misses."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from random import Random

from planting import EDITS, WORDINGS, Planted, plant
from planting.paraphrase import paraphrase
from sqlkiln.core.errors import QueryError
from sqlkiln.core.plugins import Database, Dataset, Limits, open_database
from sqlkiln.core.records import DatabaseSchema, Example
from sqlkiln.scoring.failures import FailureLabels, classify
from sqlkiln.scoring.metrics import UNSCORED, ExecutionAccuracy

DEMANDED = {
    "sql_syntax": {"SQLSyntaxError"},
    "sql_wrong_schema": {"UnknownName"},
    "sql_timeout": {"QueryTimeout", "ResourceExceeded"},
}
"""How a planted fault of a label must fail; of the other labels it must not fail in these ways."""

SHORT = Limits(timeout_s=0.15)
"""For queries that are not meant to end."""


@dataclass(frozen=True)
class Miss:
    """One planted fault that the database bears out, and what it was labelled."""

    example: Example
    planted: Planted
    sql: str
    error: QueryError | None
    labels: FailureLabels


def misses(
    dataset: Dataset, examples: Sequence[Example], quota: int, random: Random
) -> Iterator[Miss]:
    """Up to `quota` misses of each label, over the shapes of the label as evenly as may be.

    Every other edited query is paraphrased too, as no model writes a gold query letter by letter.
    Databases without rows are passed over.
    """
    wanted = Counter({label: quota for label in (*EDITS, *WORDINGS)})
    shapes: Counter[str] = Counter()
    by_database = defaultdict(list)
    for example in examples:
        by_database[example.db_id].append(example)
    for db_id in random.sample(list(by_database), len(by_database)):
        path = dataset.database_path(db_id)
        if path is None or not wanted.total():
            continue
        with closing(open_database(path)) as database:
            schema = database.schema()
            if not any(table.row_count for table in schema.tables):
                continue
            for example in random.sample(by_database[db_id], len(by_database[db_id])):
                open_labels = [label for label, count in wanted.items() if count]
                for label in random.sample(open_labels, min(3, len(open_labels))):
                    made = list(plant(example.gold_sql, schema, label, random))
                    made = [one for one in made if shapes[one.shape] < _share(label, quota)]
                    planted = min(made, key=lambda one: shapes[one.shape], default=None)
                    miss = planted and _miss(example, planted, database, schema, random)
                    if miss:
                        wanted[label] -= 1
                        shapes[planted.shape] += 1
                        yield miss


def _share(label: str, quota: int) -> float:
    """The most misses of one shape: at most half as many again as if all shapes had as many."""
    return max(2, 1.5 * quota / len(EDITS.get(label) or WORDINGS[label]))


def _miss(
    example: Example, planted: Planted, database: Database, schema: DatabaseSchema, random: Random
) -> Miss | None:
    sql = planted.sql
    if planted.label in EDITS and random.random() < 0.5:
        sql = paraphrase(sql, schema, random)
    error = None
    try:
        database.execute(sql, SHORT if planted.label == "sql_timeout" else None)
    except QueryError as caught:
        error = caught
    failure = type(error).__name__
    demanded = DEMANDED.get(planted.label)
    if demanded and failure not in demanded:
        return None
    twofold = failure in set().union(*DEMANDED.values()) or "ambiguous" in str(error)
    if planted.label in EDITS and twofold:
        return None
    if error is None:
        verdict = ExecutionAccuracy().score(example, sql, database)
        if verdict.score == 1 or UNSCORED.intersection(verdict.flags):
            return None
    labels = classify(example.gold_sql, sql, schema, completion=planted.completion, error=error)
    return Miss(example, planted, sql, error, labels)
