"""A short reasoning that leads from a question to its SQL, made from both, by rule.

    Tables: stadium ("stadiums"), concert ("concerts"). Columns: stadium.Name ("names"),
    concert.Year ("2014"). Takes each row of concert with the matching rows of stadium (...). ...

First come the tables and columns that the SQL needs, each with the words of the question that
speak of it, as far as names and values give that away; then what the SQL does (`sql.explain`).
A teacher's free reasoning knows more reasons, and states wrong ones too: this one is always right
about the SQL, costs nothing, and says nothing that the question and the schema do not show.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sqlglot import exp

from sqlkiln.core.errors import DataError, QueryError
from sqlkiln.core.records import DatabaseSchema
from sqlkiln.sql.explain import explain
from sqlkiln.sql.explain_names import Names
from sqlkiln.sql.resolve import resolved

_WORD = re.compile(r"\w+(?:[.:-]\w+)*")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_MIN_PART = 3
"""Shorter parts of a name, such as 'id', say nothing alone."""


def reasoning(sql: str, schema: DatabaseSchema, question: str = "") -> str:
    """Reason from `question` to `sql` in one paragraph.

    Raises:
        DataError: if `sql` cannot be parsed, or names what `schema` does not have.
    """
    text = resolved(sql, schema).sql(dialect=schema.dialect)
    tree = resolved(text, schema)
    names = Names(tree, text, schema.dialect, schema)
    words = _WORD.findall(question)
    tables = {table.name: _spoken(table.name, words) for table in _tables(tree, schema)}
    columns: dict[str, str] = {}
    for column in tree.find_all(exp.Column):
        source = names.owner(column)[1]
        joins = isinstance(column.find_ancestor(exp.Join, exp.Select), exp.Join)
        if source is not None and isinstance(column.this, exp.Identifier) and not joins:
            shown = f"{source.name}.{column.name}"
            columns[shown] = columns.get(shown) or _why(column, source.name, words, question)
    try:
        steps = explain(text, schema.dialect, schema)
    except QueryError as error:
        raise DataError(f"cannot reason about the SQL: {error}") from error
    said = [_listed("Tables", tables), _listed("Columns", columns), steps]
    return " ".join(" ".join(filter(None, said)).split())


def _tables(tree: exp.Query, schema: DatabaseSchema) -> Iterable[exp.Table]:
    known = {table.name for table in schema.tables}
    return [table for table in tree.find_all(exp.Table) if table.name in known]


def _listed(title: str, reasons: dict[str, str]) -> str:
    if not reasons:
        return ""
    items = [f'{name} ("{why}")' if why else name for name, why in reasons.items()]
    return f"{title}: {', '.join(items)}."


def _why(column: exp.Column, table: str, words: list[str], question: str) -> str:
    """The words that name a column, or the value that it is compared with, or a part of its name.

    Parts that are of its table's name too say nothing of the column.
    """
    whole = _in_a_row(column.name, words)
    if whole:
        return whole
    if isinstance(column.parent, exp.Binary):
        other = column.parent.right if column.parent.left is column else column.parent.left
        value = other.name.strip("%") if isinstance(other, exp.Literal) else ""
        found = re.search(rf"(?<!\w){re.escape(value)}(?!\w)", question, re.IGNORECASE)
        if value and found:
            return found.group(0)
    return _in_part(column.name, words, without=_parts(table))


def _spoken(name: str, words: list[str]) -> str:
    """The words that say `name`: all of its parts in a row, or else the longest part of it."""
    return _in_a_row(name, words) or _in_part(name, words)


def _in_a_row(name: str, words: list[str]) -> str:
    parts, stems = _parts(name), [_stem(word) for word in words]
    for start in range(len(stems) - len(parts) + 1):
        if parts and stems[start : start + len(parts)] == parts:
            return " ".join(words[start : start + len(parts)])
    return ""


def _in_part(name: str, words: list[str], without: Sequence[str] = ()) -> str:
    stems = [_stem(word) for word in words]
    for part in sorted(set(_parts(name)) - set(without), key=lambda p: (-len(p), p)):
        if len(part) >= _MIN_PART and part in stems:
            return words[stems.index(part)]
    return ""


def _parts(name: str) -> list[str]:
    """The words that a name is made of: `petAge` and `pet_ages` of pet and age."""
    return [_stem(part) for part in _PART.findall(name)]


def _stem(word: str) -> str:
    """`word` in lower case without the ending of an English plural."""
    low = word.lower()
    if len(low) > 4 and low.endswith("ies"):
        return low[:-3] + "y"
    if len(low) > 4 and low.endswith(("sses", "shes", "ches", "xes")):
        return low[:-2]
    return low[:-1] if len(low) > 3 and low.endswith("s") and not low.endswith("ss") else low
