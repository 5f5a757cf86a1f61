"""Two readings of one question: how the results of a close vote differ, in words and rows.

Whoever asked can tell from the results which one was meant, but rarely from the SQL.
"""

from __future__ import annotations

from sqlkiln.core.plugins import Candidate, QueryResult
from sqlkiln.core.records import OtherReading
from sqlkiln.search.vote import Tally
from sqlkiln.sql.compare import Comparison, compare

SHOWN_ROWS = 3


def other_reading(tally: Tally) -> OtherReading | None:
    """What nearly won a close vote, and how it differs from what did; None if it was not close."""
    return reading_of(tally) if tally.close else None


def reading_of(tally: Tally) -> OtherReading:
    """What the second group returns, and how that differs from the first; there are two."""
    first, second = tally.groups[:2]
    found = compare(first.result, second.result)
    as_wide = len(first.result.columns) == len(second.result.columns)
    own = found.unexpected if as_wide else second.result.rows
    winners = found.missing if as_wide else first.result.rows
    return OtherReading(
        sql=tally.candidates[second.chosen].sql,
        columns=second.result.columns,
        rows=second.result.rows,
        truncated=second.result.truncated,
        votes=second.votes,
        winner_votes=first.votes,
        difference=_difference(first.result, second.result, found),
        own_rows=own[:SHOWN_ROWS],
        winner_rows=winners[:SHOWN_ROWS],
    )


def as_run(other: OtherReading, run: Candidate, confidence: float | None) -> OtherReading:
    """`other` with the rows that its candidate gave when it was first run, and what is known of it.

    Those that were counted may be more than are shown.
    """
    about: dict[str, object] = {"fixes": run.fixes, "confidence": confidence}
    if run.result is not None:
        about |= {"rows": run.result.rows, "truncated": run.result.truncated}
    return other.model_copy(update=about)


def _difference(first: QueryResult, second: QueryResult, found: Comparison) -> str:
    widths = len(first.columns), len(second.columns)
    counts = f"{_rows(first)} against {_rows(second)}"
    if widths[0] != widths[1]:
        names = [", ".join(result.columns) for result in (first, second)]
        return (
            f"{_count(widths[0], 'column')} ({names[0]}) against {widths[1]} ({names[1]}); {counts}"
        )
    if found.equal:
        return f"the same {_rows(first)} in another order"
    if "column_permutation" in found.flags:
        return f"the same {_rows(first)} with the columns in another order"
    if "duplicates_only" in found.flags:
        return f"{counts}: the same ones, but some come again"
    if len(first.rows) == len(second.rows) == 1 == widths[0]:
        return "one value each, and not the same one"
    if not first.rows or not second.rows or first.truncated != second.truncated:
        return counts
    own, others = len(found.missing), len(found.unexpected)
    if not own or not others:
        owner, more = ("first", own) if own else ("second", others)
        return f"{counts}: the {owner} has {more} more, the others are the same"
    both = len(first.rows) - own
    return f"{counts}: {both} in both, {own} in the first alone, {others} in the second alone"


def _rows(result: QueryResult) -> str:
    if not result.rows:
        return "no rows"
    return _count(len(result.rows), "row") + (" and more" if result.truncated else "")


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
