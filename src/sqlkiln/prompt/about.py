"""What a question is about, where an adapter was made for that: dates, so far.

Such an adapter answers in place of the usual one, and alone: those that were not taught it outvote
it (docs/LOG.md). A question is about dates where it speaks of years, months, days or the like, and
the schema has a column of them: `How many in 2014?` of a table whose year is a number is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from sqlkiln.core.config import did_you_mean
from sqlkiln.core.errors import UsageError
from sqlkiln.core.plugins import Task
from sqlkiln.core.records import DatabaseSchema
from sqlkiln.sql.date_columns import has_times

_OF_DATES = re.compile(
    r"\b(?:(?:1[89]|20)\d\d(?:-\d\d){0,2}|january|february|march|april|june|july|august|september"
    r"|october|november|december|(?:in|since|before|after|of|until) may|monday|tuesday|wednesday"
    r"|thursday|friday|saturday|sunday|years?|yearly|annual(?:ly)?|months?|monthly|weeks?|weekly"
    r"|weekdays?|quarters?|quarterly|days?|daily|dates?|hours?|today|yesterday|ago|born)\b"
)


def _is_about_dates(question: str, schema: DatabaseSchema) -> bool:
    if _OF_DATES.search(question.lower()) is None:
        return False
    columns = (column for table in schema.tables for column in table.columns)
    return any(has_times(column, schema.dialect) is not None for column in columns)


_TOPICS: dict[str, Callable[[str, DatabaseSchema], bool]] = {"dates": _is_about_dates}


def check_topic(about: str, second_to: str) -> None:
    """See that an adapter which is `about` something could ever be asked.

    Raises:
        UsageError: if nothing is known of that topic, or there is no adapter that it is beside.
    """
    if about and about not in _TOPICS:
        raise UsageError(f"unknown topic {about!r}; {did_you_mean(about, tuple(_TOPICS))}")
    if about and not second_to:
        raise UsageError(
            f"an adapter about {about} is asked in place of another one: name that with --second-to"
        )


def routed(task: Task) -> tuple[Task, str]:
    """`task` put to the adapter that was made for what it is about, and a note that says so.

    The task as it was, without a note, if there is none, or it is about something else.
    """
    if task.vary is None or task.schema is None:
        return task, ""
    for one in task.others:
        topic = _TOPICS.get(one.about)
        if topic is not None and topic(task.question, task.schema):
            note = f"about {one.about}, so {one.name} was asked"
            return replace(task.vary(one.variant), others=()), note
    return task, ""
