"""What a prompt shows of a database: how much of its schema, and which of the values it found."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlkiln.core.plugins import Task
from sqlkiln.core.records import DatabaseSchema
from sqlkiln.prompt.link import Focused, focus, link
from sqlkiln.prompt.serialize import serialize
from sqlkiln.sql.values import ValueHit
from sqlkiln.sql.values_words import fold

ROOMY_TOKENS = 1500
"""Schemas up to about so many tokens are shown whole."""

FOCUS_TOKENS = 1000
"""Larger ones are cut to about so many."""

CHARS_A_TOKEN = 3.3


def fitting(
    schema: DatabaseSchema, question: str, found: Sequence[ValueHit], evidence: str = ""
) -> Focused:
    """What a prompt shows of `schema`: all of a small one, of a large one what is asked about."""
    if len(serialize(schema)) / CHARS_A_TOKEN <= ROOMY_TOKENS:
        return Focused(schema)
    linked = link(schema, question, found, evidence)
    return focus(schema, linked, budget_tokens=FOCUS_TOKENS)


def told(schema: DatabaseSchema, focused: Focused) -> str:
    """How much of `schema` is shown, in words; '' if it is all of it."""
    if not focused.omitted and not focused.omitted_columns:
        return ""
    (tables, columns), (all_tables, all_columns) = (
        (len(s.tables), sum(len(table.columns) for table in s.tables))
        for s in (focused.schema, schema)
    )
    return (
        f"schema cut to {tables:,} of {all_tables:,} tables, {columns:,} of {all_columns:,} columns"
    )


def said(task: Task) -> str:
    """The question, and what else is known about it."""
    return f"{task.question}\n{task.evidence}" if task.evidence else task.question


def with_all_columns(shown: DatabaseSchema, whole: DatabaseSchema) -> DatabaseSchema:
    """The tables of `shown` with the columns that were cut: one that was meant can be written."""
    columns = {table.name: table.columns for table in whole.tables}
    tables = tuple(
        table.model_copy(update={"columns": columns.get(table.name, table.columns)})
        for table in shown.tables
    )
    return shown.model_copy(update={"tables": tables})


def spelt_otherwise(hits: Sequence[ValueHit], question: str) -> tuple[ValueHit, ...]:
    """Those of `hits` whose value does not stand in `question` (or its evidence) as it is.

    What does is copied by the model anyway, and a hint of it is copied where it does not belong.
    Where some value is all that was said ('Texas'), others that only contain it ('Texas County')
    were not meant.
    """

    def stands(value: str) -> bool:
        return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", question) is not None

    whole = {fold(hit.phrase) for hit in hits if fold(hit.value) == fold(hit.phrase)}
    return tuple(
        hit
        for hit in hits
        if not stands(hit.value)
        and (fold(hit.phrase) not in whole or fold(hit.value) == fold(hit.phrase))
    )
