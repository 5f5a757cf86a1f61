"""Which rows are left to train on: repeats, leaks and failing golds go, each with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sqlkiln.core.errors import DataError
from sqlkiln.core.records import Record
from sqlkiln.data.blend import Row
from sqlkiln.data.check import same_words
from sqlkiln.data.golds import DatabaseCheck, GoldCheck, is_bare
from sqlkiln.data.leaks import EvaluationQuestions
from sqlkiln.sql.direction import wrong_end
from sqlkiln.sql.parse import normalize

MOST_NAMED = 5


class Rejected(Record):
    """A row that was left out: `reason` is counted, `detail` says what was found."""

    schema_id: Literal["rejected/1"] = "rejected/1"
    id: str
    source: str
    db_id: str
    question: str
    gold_sql: str | None
    reason: str
    detail: str = ""


@dataclass
class Selection:
    """The rows that are still in, how often each came, and those that are out."""

    rows: list[Row]
    seen: Counter[str] = field(default_factory=Counter)
    rejected: list[Rejected] = field(default_factory=list)
    leaks: Counter[str] = field(default_factory=Counter)
    unchecked: int = 0
    restyled: int = 0

    def reject(self, row: Row, reason: str, detail: str = "") -> None:
        """Note why `row` is left out."""
        self.rejected.append(
            Rejected(
                id=row.id,
                source=row.label,
                db_id=row.key,
                question=row.example.question,
                gold_sql=row.example.gold_sql,
                reason=reason,
                detail=detail,
            )
        )


def without_repeats(rows: Iterable[Row], count: bool, heldout: Container[str] = ()) -> Selection:
    """Each question with its SQL once per database and source; rows without SQL are left out.

    Sources may have the same database under two names: what an earlier one asks and answers in the
    same words is left out of a later one, unless that is about a database in `heldout`. Within one
    source, two databases may well be asked the same.
    """
    selection = Selection([])
    first: dict[tuple[str, str, str], Row] = {}
    anywhere: dict[tuple[str, str], Row] = {}
    for row in rows:
        sql = row.example.gold_sql
        if sql is None:
            selection.reject(row, "no_gold", "the row has no gold SQL")
            continue
        asked = (same_words(row.example.question), normalize(sql))
        known = first.setdefault((row.key, *asked), row)
        if known is row:
            earlier = row if count or row.key in heldout else anywhere.setdefault(asked, row)
            if earlier.label != row.label:
                selection.reject(row, "duplicate", f"the same as {earlier.id} of {earlier.label}")
                continue
            selection.rows.append(row)
        elif not count:
            selection.reject(row, "duplicate", f"the same as {known.id}")
            continue
        selection.seen[known.id] += 1
    return selection


def without_restyled_repeats(
    selection: Selection, golds: Mapping[str, GoldCheck], count: bool
) -> None:
    """Leave out rows that are the same as another over their database once they are written."""
    kept: list[Row] = []
    first: dict[tuple[str, str, str], Row] = {}
    for row in selection.rows:
        same = (row.key, same_words(row.example.question), normalize(golds[row.id].sql))
        known = first.setdefault(same, row)
        if known is row:
            kept.append(row)
        elif count:
            selection.seen[known.id] += selection.seen[row.id]
        else:
            selection.reject(row, "duplicate", f"the same as {known.id}, as both are written")
    selection.rows = kept


def drop_leaks(selection: Selection, known: EvaluationQuestions, drop: bool) -> None:
    """Leave out what evaluation knows, or end the run for it unless `drop`.

    Raises:
        DataError: naming some of the rows.
    """
    kept, told = [], []
    for row in selection.rows:
        leak = known.find(row.example)
        if leak is None:
            kept.append(row)
            continue
        detail = f"{leak.how} as {leak.label} {leak.id}"
        selection.leaks[leak.label] += 1
        selection.reject(row, "leak", detail)
        told.append(f"{row.id}: {detail}")
    if told and not drop:
        more = f"; and {len(told) - MOST_NAMED} more" if len(told) > MOST_NAMED else ""
        raise DataError(
            f"evaluation rows among the training rows: {len(told)} found: "
            f"{'; '.join(told[:MOST_NAMED])}{more}; remove them, or leave them out with "
            'leaks = "drop"'
        )
    selection.rows = kept


def drop_failures(
    selection: Selection, checks: Mapping[str, DatabaseCheck], drop_empty: bool
) -> dict[str, GoldCheck]:
    """Leave out what cannot be run or shown; return how to write each row's gold, by row id."""
    kept: list[Row] = []
    written: dict[str, GoldCheck] = {}
    for row in selection.rows:
        found = checks[row.key]
        gold = found.golds.get(row.example.gold_sql or "")
        if found.unreadable:
            selection.reject(row, "unreadable_database", found.unreadable)
        elif found.schema is None:
            selection.reject(row, "no_schema", f"no database {row.example.db_id!r}, nor its schema")
        elif gold is not None and gold.failure is not None:
            selection.reject(row, gold.failure.kind, gold.failure.detail)
        elif gold is not None and drop_empty and not gold.rows and not is_bare(found.schema):
            selection.reject(row, "empty_result", "no rows")
        elif end := wrong_end(row.example.question, row.example.gold_sql or "", found.schema):
            selection.reject(row, "wrong_end", end)
        else:
            selection.unchecked += gold is None
            kept.append(row)
            written[row.id] = gold or GoldCheck(row.example.gold_sql or "")
    selection.rows = kept
    return written
