"""Mend a query that a model wrote from what the schema says, with a receipt for each mend.

    SELECT Region FROM countrylanguage WHERE Language = 'english'

becomes, on one line, over tables that are linked by a foreign key,

    SELECT Region FROM countrylanguage JOIN country ON countrylanguage.CountryCode = country.Code
    WHERE Language = 'English'

A name is mended only where the database is sure to refuse the query as it is, and only if nothing
of that kind is left then: what runs comes back unchanged, byte for byte, and so does what cannot
be mended whole. Only seven kinds change what a query returns: `value_spelling`, `value_moved`,
`name_split` and `no_value` where what is compared is in no cell of its column, `date_compared` and
`date_function` where no date fulfils it, or every one, and `sort_direction` where LIMIT keeps the
other end of the order than the question plainly asks for (`sql.direction`).

The text is changed where the mended names stand, and stays as it was everywhere else: a query that
is written anew from its parse would come out changed even where nothing was wrong, and with what a
parser takes for the same. After each mend it is read again, so that a mend sees the ones before.
SQL is never run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import get_args

from sqlkiln.core.config import did_you_mean
from sqlkiln.core.errors import UsageError
from sqlkiln.core.records import DatabaseSchema
from sqlkiln.sql.direction import turned
from sqlkiln.sql.repair_clauses import clause_order
from sqlkiln.sql.repair_date_functions import date_function
from sqlkiln.sql.repair_dates import date_compared
from sqlkiln.sql.repair_joins import missing_join
from sqlkiln.sql.repair_keys import join_key, joined_with_itself, key_to_itself, linked_key
from sqlkiln.sql.repair_names import (
    ambiguous,
    column_moved,
    column_moved_anyway,
    column_of_no_table,
    quoting,
    real_name,
    unknown_column,
    unknown_table,
    unquoted_names,
)
from sqlkiln.sql.repair_needless import needless_join
from sqlkiln.sql.repair_reserved import quoted_as_one
from sqlkiln.sql.repair_rows import Rows, name_split, no_value
from sqlkiln.sql.repair_statement import Statement, read_statement
from sqlkiln.sql.repair_tables import wrong_table, wrong_table_anyway
from sqlkiln.sql.repair_text import Fix, Kind, Mend, edited
from sqlkiln.sql.repair_values import Spellings, Whereabouts, value_moved, value_spelling

__all__ = ["KINDS", "Fix", "Kind", "Repaired", "Spellings", "repair"]

KINDS: tuple[Kind, ...] = get_args(Kind)
MOST_MENDS = 24

_TEXT_STEPS: tuple[tuple[Kind, Callable[[str, DatabaseSchema], Mend | None]], ...] = (
    ("clause_order", clause_order),
    ("quoting", quoted_as_one),
    ("quoting", unquoted_names),
)
"""What is tried on the text; the last only where it cannot be parsed."""

_STEPS: tuple[tuple[Kind, Callable[[Statement], Mend | None]], ...] = (
    ("quoting", quoting),
    ("unknown_table", unknown_table),
    ("join_key", joined_with_itself),
    ("join_key", key_to_itself),
    ("column_moved", real_name),
    ("join_key", join_key),
    ("missing_join", linked_key),
    ("unknown_column", unknown_column),
    ("column_moved", column_moved),
    ("ambiguous", ambiguous),
    ("wrong_table", wrong_table),
    ("missing_join", missing_join),
    ("wrong_table", wrong_table_anyway),
    ("column_moved", column_moved_anyway),
    ("unknown_column", column_of_no_table),
)
"""What is tried, in this order, until nothing is at fault."""


@dataclass(frozen=True)
class Repaired:
    """A query after its repair, and what was mended in it, in order."""

    sql: str
    fixes: tuple[Fix, ...] = ()


def repair(
    sql: str,
    schema: DatabaseSchema,
    spellings: Spellings | None = None,
    only: Collection[Kind] | None = None,
    off: Collection[Kind] = (),
    *,
    question: str = "",
) -> Repaired:
    """Mend what `schema` shows to be wrong in `sql`, by the kinds in `only` that are not in `off`.

    `schema` is that of the whole database: what it lacks is taken not to be there. `spellings`
    knows what is stored; without it no text that is compared is changed. Only a `Whereabouts` can
    tell of other columns that have it, and only `Rows` of names in two columns and of NULL. Without
    the `question` no order is turned.

    Raises:
        UsageError: if there is no such kind.
    """
    kinds = _kinds(only, off)
    text, fixes = sql, list[Fix]()
    statement = read_statement(text, schema)
    for kind, find in _TEXT_STEPS:
        wanted = kind in kinds and (statement is None or find is not unquoted_names)
        mend = find(text, schema) if wanted else None
        if mend is not None:
            text = edited(text, mend.edits)
            fixes.append(mend.fix)
            statement = read_statement(text, schema)
    if "date_function" in kinds:
        text = _with_functions(text, schema, fixes)
        statement = read_statement(text, schema)
    if statement is not None and statement.faults:
        statement = _without_faults(statement, kinds, fixes)
    if statement is None:
        return Repaired(sql)
    if "date_compared" in kinds:
        statement = _with_values(statement, date_compared, fixes)
    if isinstance(spellings, Rows) and "name_split" in kinds:
        statement = _with_values(statement, partial(name_split, rows=spellings), fixes)
    if spellings is not None and "value_spelling" in kinds:
        statement = _with_values(statement, partial(value_spelling, spellings=spellings), fixes)
    if isinstance(spellings, Whereabouts) and "value_moved" in kinds:
        statement = _with_values(statement, partial(value_moved, known=spellings), fixes)
    if isinstance(spellings, Rows) and "no_value" in kinds:
        find = partial(no_value, rows=spellings, question=question)
        statement = _with_values(statement, find, fixes)
    if question and "sort_direction" in kinds:
        statement = _with_order(statement, question, fixes)
    return Repaired(statement.sql, tuple(fixes))


def _with_functions(sql: str, schema: DatabaseSchema, fixes: list[Fix]) -> str:
    """`sql` with functions of dates that the engine has. Adds to `fixes`."""
    while len(fixes) < MOST_MENDS and (mend := date_function(sql, schema)):
        sql = edited(sql, mend.edits)
        fixes.append(mend.fix)
    return sql


def _kinds(only: Collection[Kind] | None, off: Collection[Kind]) -> set[Kind]:
    for kind in (*(only or ()), *off):
        if kind not in KINDS:
            raise UsageError(f"unknown kind of repair: {kind!r}; {did_you_mean(kind, KINDS)}")
    return set(KINDS if only is None else only) - set(off)


def _without_faults(
    statement: Statement, kinds: Collection[Kind], fixes: list[Fix]
) -> Statement | None:
    """`statement` with its names mended; None if some remain at fault. Adds to `fixes`."""
    seen, left = {statement.sql}, set[str]()
    while statement.faults:
        step = _next(statement, kinds, seen) if len(fixes) < MOST_MENDS else None
        if step is None:
            return None
        mend, statement = step
        fixes.append(mend.fix)
        seen.add(statement.sql)
        left.update(mend.left)
    while "needless_join" in kinds and (cut := needless_join(statement, left)):
        after = read_statement(edited(statement.sql, cut.edits), statement.schema)
        if after is None or after.faults:
            break
        statement = after
        fixes.append(cut.fix)
        left.update(cut.left)
    return statement


def _with_values(
    statement: Statement, find: Callable[[Statement], Mend | None], fixes: list[Fix]
) -> Statement:
    """`statement` with its values as they are stored, or where. Adds to `fixes`."""
    while len(fixes) < MOST_MENDS and (mend := find(statement)):
        after = read_statement(edited(statement.sql, mend.edits), statement.schema)
        if after is None or after.faults:
            break
        statement = after
        fixes.append(mend.fix)
    return statement


def _with_order(statement: Statement, question: str, fixes: list[Fix]) -> Statement:
    """`statement` with the end of its order that `question` asks for. Adds to `fixes`."""
    wrong = turned(question, statement.sql, statement.schema)
    after = wrong and read_statement(edited(statement.sql, [wrong.edit]), statement.schema)
    if not wrong or not after:
        return statement
    first = "largest" if wrong.wanted == "DESC" else "smallest"
    fixes.append(Fix("sort_direction", f"sorted the {first} first, for {wrong.word!r}"))
    return after


def _next(
    statement: Statement, kinds: Collection[Kind], seen: Collection[str]
) -> tuple[Mend, Statement] | None:
    """The first mend that there is, and the statement after it."""
    for kind, find in _STEPS:
        mend = find(statement) if kind in kinds else None
        if mend is None:
            continue
        after = read_statement(edited(statement.sql, mend.edits), statement.schema)
        if after is not None and after.sql not in seen:
            return mend, after
    return None
