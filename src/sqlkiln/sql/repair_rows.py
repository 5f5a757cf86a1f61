"""Two things that a model writes as a value and no row has: a person's whole name, and nothing.

    WHERE first_name = 'Grace Hopper'      first_name = 'Grace' AND last_name = 'Hopper'
    WHERE departed = ''                    departed IS NULL

Both are mended only where the rows tell that nothing else can be meant. SQL is never run here: the
caller hands in who looks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from sqlglot import exp

from sqlkiln.core.records import Table
from sqlkiln.sql.repair_statement import Read, Statement
from sqlkiln.sql.repair_text import Edit, Fix, Mend, fold, place

FIRST = ("firstname", "givenname", "forename", "fname", "namefirst", "namegiven", "first")
LAST = ("lastname", "familyname", "surname", "lname", "namelast", "namefamily", "last")

_NOTHING = frozenset({"", "null", "none", "nil", "n/a", "na", "nan", "-", "unknown", "missing"})
_ASKS_FOR_NOTHING = re.compile(
    r"\b(no|not|never|without|missing|lack\w*|unknown|empty|blank|null|yet|undefined|unset)\b"
    r"|n't\b"
)
_WORDS_OF_A_NAME = 6


@runtime_checkable
class Rows(Protocol):
    """Who knows which texts stand in one row together, and which columns hold nothing."""

    def together(
        self, table: str, columns: Sequence[str], texts: Sequence[str]
    ) -> tuple[str, ...] | None:
        """The texts as some row has them in these columns, but for case; None if none has."""

    def lacks(self, table: str, column: str, value: str | int) -> bool:
        """Whether no row has `value`, and some have NULL."""


def name_split(statement: Statement, rows: Rows) -> Mend | None:
    """Compare first and last name apart, where a whole name is compared with one of them."""
    for node, column, read, text in _equalities(statement):
        names = _columns_of_names(read, column.name)
        if names is None or read.table is None or not text.is_string or isinstance(node, exp.NEQ):
            continue
        if rows.together(read.table.name, (_stored(read, column),), (text.name,)) is not None:
            continue
        found = _split(rows, read.table, names, text.name)
        span = _span(statement, node)
        if found is None or span is None:
            continue
        owner = statement.sql[span[0] : span[2]]
        parts = [
            f"{owner}{statement.quoted(name)} = {_literal(stored)}"
            for name, stored in zip(names, found, strict=True)
        ]
        written = " AND ".join(parts)
        if not isinstance(node.parent, exp.Where | exp.And | exp.Paren):
            written = f"({written})"
        detail = f"took {_literal(text.name)} for a first and a last name, in {' and '.join(names)}"
        return Mend(Fix("name_split", detail), (Edit(span[0], span[1], written),))
    return None


def no_value(statement: Statement, rows: Rows, question: str) -> Mend | None:
    """Ask for NULL, where a column that has some is compared with what says that there is none.

    Zero says so only of a question for what is not there.
    """
    asked = _ASKS_FOR_NOTHING.search(question.lower()) is not None
    for node, column, read, value in _equalities(statement):
        says = value.name.strip().lower() in _NOTHING if value.is_string else value.name == "0"
        span = _span(statement, node)
        if not says or span is None or read.table is None or not (asked or value.is_string):
            continue
        name = _stored(read, column)
        if rows.lacks(read.table.name, name, value.name if value.is_string else 0):
            test = "IS NOT NULL" if isinstance(node, exp.NEQ) else "IS NULL"
            written = statement.sql[span[0] : span[3]]
            detail = f"took {_literal(value.name)} for no {name} at all: no row has it, some NULL"
            return Mend(Fix("no_value", detail), (Edit(span[0], span[1], f"{written} {test}"),))
    return None


def _equalities(
    statement: Statement,
) -> Iterator[tuple[exp.Expr, exp.Column, Read, exp.Literal]]:
    """Comparisons of a column that is known with a constant, the column first."""
    for node in statement.tree.find_all(exp.EQ, exp.NEQ):
        column, value = node.this, node.expression
        if not isinstance(column, exp.Column) or not isinstance(value, exp.Literal):
            continue
        found = statement.find(column)
        if found.status == "found" and found.read is not None and found.read.columns:
            yield node, column, found.read, value


def _stored(read: Read, column: exp.Column) -> str:
    return (read.columns or {}).get(fold(column.name), column.name)


def _span(statement: Statement, node: exp.Expr) -> tuple[int, int, int, int] | None:
    """Where the comparison begins and ends, where its column's own name begins, and ends."""
    first, name = place(node.this.parts[0]), place(node.this.parts[-1])
    value = place(node.expression)
    if first is None or name is None or value is None or value[0] < name[1]:
        return None
    return first[0], value[1], name[0], name[1]


# --------------------------------------------------------------------------- names of people


def _columns_of_names(read: Read, column: str) -> tuple[str, str] | None:
    """The columns of first and last names that `column` is one of."""
    columns = {re.sub(r"[\W_]", "", name).lower(): name for name in (read.columns or {}).values()}
    for key, name in columns.items():
        if fold(name) != fold(column):
            continue
        for ours, theirs in ((FIRST, LAST), (LAST, FIRST)):
            for ending in ours:
                if not key.endswith(ending):
                    continue
                before = key[: len(key) - len(ending)]
                partner = next((columns[before + e] for e in theirs if before + e in columns), None)
                if partner is not None:
                    return (name, partner) if ours is FIRST else (partner, name)
    return None


def _split(rows: Rows, table: Table, names: tuple[str, str], text: str) -> tuple[str, ...] | None:
    words = text.split()
    if not 2 <= len(words) <= _WORDS_OF_A_NAME:
        return None
    for at in range(1, len(words)):
        first, last = " ".join(words[:at]), " ".join(words[at:])
        found = rows.together(table.name, names, (first, last))
        if found is not None:
            return found
    return None


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
