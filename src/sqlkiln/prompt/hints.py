"""Values of the database that a question seems to mention, as the prompt states them.

A hint reads `singer.country = 'France'`. At answer time a search through the cells makes hints;
`gold_hints` makes for training what such a search would have found, with its misses and its false
hits. A cell is data: it is quoted so that it stays inside its quotes and on its line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from random import Random

from sqlglot import exp

from sqlkiln.core.records import DatabaseSchema
from sqlkiln.prompt.serialize import quote_name, quote_value
from sqlkiln.sql.explain_names import Names
from sqlkiln.sql.parse import parse

HINT_CHARS = 80
"""Longer values make no hint: cut short, they would be wrong in a statement."""

MOST_DISTRACTORS = 4

_Place = tuple[str, str, str]
"""Table, column and value, the names as the schema writes them."""


def value_hint(table: str, column: str, value: str) -> str:
    """State that `value` is in `column` of `table`, on one line."""
    shown = quote_value(value, HINT_CHARS)
    return f"{quote_name(table)}.{quote_name(column)} = {shown}"


def fits_a_hint(value: str) -> bool:
    """Whether a hint can state `value` exactly: it is neither long nor of several lines."""
    return 0 < len(value) <= HINT_CHARS and value.isprintable()


def hints_within(schema: DatabaseSchema, hints: Iterable[str]) -> tuple[str, ...]:
    """Those of `hints` that are about columns of `schema`, which may be cut."""
    starts = tuple(value_hint(t.name, c.name, "")[:-1] for t in schema.tables for c in t.columns)
    return tuple(hint for hint in hints if hint.startswith(starts))


def gold_hints(
    sql: str,
    schema: DatabaseSchema,
    rng: Random,
    *,
    missed: float = 0.1,
    distractors: float = 0.4,
) -> tuple[str, ...]:
    """Hints that a search for the values in `sql` could have come up with, in any order.

    Every text that `sql` compares a column with makes one, but for a share of `missed`. A sample
    of another column that is the same text makes one every other time. Then come samples of any
    column, one more each time with chance `distractors`. Nothing is made of what cannot be read.
    """
    mentioned = list(dict.fromkeys(_compared_texts(sql, schema)))
    found = [place for place in mentioned if rng.random() >= missed]
    samples = [place for place in _samples(schema) if place not in mentioned]
    texts = {value.lower() for _, _, value in mentioned}
    namesakes = [place for place in samples if place[2].lower() in texts and rng.random() < 0.5]
    rest = [place for place in samples if place not in namesakes]
    strangers = rng.sample(rest, min(len(rest), _run_length(rng, distractors)))
    places = [*found, *namesakes[:MOST_DISTRACTORS], *strangers]
    rng.shuffle(places)
    return tuple(value_hint(*place) for place in places)


def _run_length(rng: Random, chance: float) -> int:
    length = 0
    while length < MOST_DISTRACTORS and rng.random() < chance:
        length += 1
    return length


def _samples(schema: DatabaseSchema) -> list[_Place]:
    """The samples that a search for words could hit: with a letter in them, and not truncated."""
    return [
        (table.name, column.name, sample)
        for table in schema.tables
        for column in table.columns
        for sample in column.samples
        if fits_a_hint(sample) and any(map(str.isalpha, sample)) and not sample.endswith("…")
    ]


def _compared_texts(sql: str, schema: DatabaseSchema) -> Iterator[_Place]:
    tree = parse(sql, schema.dialect)
    if tree is None:
        return
    names = Names(tree, sql, schema.dialect, schema)
    for left, right in _compared(tree):
        for column, other in ((left, right), (right, left)):
            text = _text(other, names)
            if text is None or not isinstance(column, exp.Column) or not fits_a_hint(text):
                continue
            place = _place(column, names, schema)
            if place is not None:
                yield (*place, text)


def _compared(tree: exp.Expr) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    for node in tree.find_all(exp.EQ, exp.NEQ, exp.In):
        for other in node.expressions if isinstance(node, exp.In) else (node.expression,):
            yield node.this, other


def _text(node: exp.Expr, names: Names) -> str | None:
    if isinstance(node, exp.Literal) and node.is_string:
        return node.name
    return node.name if isinstance(node, exp.Column) and names.is_text(node) else None


def _place(column: exp.Column, names: Names, schema: DatabaseSchema) -> tuple[str, str] | None:
    source = names.owner(column)[1]
    if source is None:
        return None
    wanted: Sequence[str] = (source.name.strip('"').lower(), column.name.lower())
    for table in schema.tables:
        for each in table.columns:
            if (table.name.lower(), each.name.lower()) == tuple(wanted):
                return table.name, each.name
    return None
