"""Execution accuracy as Spider's official script computes it: the `spider` mode.

Follows `exec_eval.py` of test-suite-sql-eval with its defaults, on one database. Official faults
reproduced here, or in `spider_text`:

* DISTINCT is deleted from both queries, so COUNT(a) is as good as COUNT(DISTINCT a);
* only the first statement of a text counts, and a text without one returns no rows;
* the letters `order by` anywhere in the gold make the order of rows matter, in a sub-query or a
  string too, and rows that tie must then come as the gold happened to return them;
* two empty results are equal whatever their columns;
* columns may come in any order, so columns that are mixed up pass;
* numbers have no tolerance. 1 equals 1.0, yet results that mix them may differ: before columns
  are permuted, the cells of each row are sorted as text, where `1` and `1.0` take other places.

Not reproduced: there a prediction that writes, or sets a pragma, does so, and is right where the
gold returns no rows either; here it is refused. There a slow one is never stopped; here it is wrong
when its deadline has passed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlkiln.core.errors import QueryError
from sqlkiln.core.plugins import Database, Limits, QueryResult
from sqlkiln.core.records import Cell, Row
from sqlkiln.scoring.spider_text import as_executed, as_predicted, is_blank, order_matters
from sqlkiln.sql.compare import Comparison, column_permutation

LIMITS = Limits(timeout_s=60.0, max_rows=1_000_000, max_bytes=2**28)
"""The deadline that the official script means to set; it reads results to the end."""


def spider_execution(
    gold_sql: str, predicted_sql: str, database: Database, limits: Limits = LIMITS
) -> Comparison:
    """Run both queries as the official script rewrites them, and compare their results.

    Raises:
        QueryError: if the gold fails, where the official script stops.
    """
    gold = as_executed(gold_sql)
    expected = run_executed(gold, database, limits)
    # A result longer than gold's is wrong however it goes on.
    limits = replace(limits, max_rows=max(1, len(expected.rows)))
    try:
        found = run_executed(as_executed(as_predicted(predicted_sql)), database, limits)
    except QueryError as error:
        return Comparison(False, f"{type(error).__name__}: {error}")
    return compare_spider(expected, found, order_matters(gold))


def run_executed(sql: str, database: Database, limits: Limits = LIMITS) -> QueryResult:
    """The result of a query that went through `as_executed`; raises `QueryError`."""
    return QueryResult((), ()) if is_blank(sql) else database.execute(sql, limits)


def compare_spider(gold: QueryResult, predicted: QueryResult, ordered: bool) -> Comparison:
    """Compare two results; with `ordered`, rows must come in gold's order.

    The answer is exact: where the official script draws 20 rows at random to save permutations of
    four or more columns, that changes how long it takes and not what it finds.
    """
    if not gold.rows and not predicted.rows:
        return Comparison(True, "both are empty", ("empty_equals_empty",))
    if gold.truncated != predicted.truncated or len(gold.rows) != len(predicted.rows):
        found = f"{'over ' * predicted.truncated}{len(predicted.rows)}"
        return Comparison(False, f"rows: {found}, gold has {len(gold.rows)}")
    width, needed = len(predicted.rows[0]), len(gold.rows[0])
    if width != needed:
        return Comparison(False, f"columns: {width}, gold has {needed}")
    comparison = _compare_rows(gold.rows, predicted.rows, ordered)
    if gold.truncated:
        return replace(comparison, flags=(*comparison.flags, "truncated"))
    return comparison


def _compare_rows(gold: Sequence[Row], predicted: Sequence[Row], ordered: bool) -> Comparison:
    permutation = _permutation(gold, predicted, ordered)
    if permutation is None:
        if ordered and _permutation(gold, predicted, ordered=False) is not None:
            return Comparison(False, "same rows in another order", ("order_only",))
        return Comparison(False, "the rows differ under every order of the columns")
    if permutation == tuple(range(len(permutation))):
        return Comparison(True, "same rows")
    return Comparison(
        True,
        "same rows with the columns in another order",
        ("column_permutation",),
        permutation=permutation,
    )


def _permutation(
    gold: Sequence[Row], predicted: Sequence[Row], ordered: bool
) -> tuple[int, ...] | None:
    """Which predicted column belongs at each position, None if no permutation makes them equal."""
    left, right = _sorted_as_text(gold), _sorted_as_text(predicted)
    if (left != right) if ordered else (set(left) != set(right)):
        return None
    if not ordered:
        return column_permutation(gold, predicted)
    offered = list(zip(*predicted, strict=True))
    chosen: list[int] = []
    for column in zip(*gold, strict=True):
        free = (j for j, other in enumerate(offered) if j not in chosen and other == column)
        if (position := next(free, None)) is None:
            return None
        chosen.append(position)
    return tuple(chosen)


def _sorted_as_text(rows: Sequence[Row]) -> list[Row]:
    def text(cell: Cell) -> str:
        return str(cell) + str(type(cell))

    return [tuple(sorted(row, key=text)) for row in rows]
