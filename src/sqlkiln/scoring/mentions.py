"""What gold queries say about values: the constants and the columns that fuzzing draws near."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlglot import exp

from sqlkiln.core.records import Cell, DatabaseSchema
from sqlkiln.scoring.gold_query import COMPARISONS, GoldQuery, read_gold

Place = tuple[str, str]
"""A table and one of its columns, as the schema spells them."""


@dataclass(frozen=True)
class Mentions:
    """What some queries mention.

    `values` are compared with a column, `patterns` are what it is LIKE. `links` are pairs of
    columns that are compared with each other. `sizes` are numbers of rows: what a LIMIT or a
    comparison with a COUNT names.
    """

    values: dict[Place, tuple[Cell, ...]]
    patterns: dict[Place, tuple[str, ...]]
    links: frozenset[tuple[Place, Place]]
    sizes: tuple[int, ...]


def read_mentions(golds: Iterable[str], schema: DatabaseSchema) -> Mentions:
    """Collect what the queries mention; those that cannot be parsed mention nothing."""
    values: dict[Place, dict[Cell, None]] = {}
    patterns: dict[Place, dict[str, None]] = {}
    links: set[tuple[Place, Place]] = set()
    sizes: set[int] = set()
    for sql in golds:
        query = read_gold(sql, schema)
        if query is None:
            continue
        for place, value in _compared(query):
            values.setdefault(place, {})[value] = None
        for like in query.root.find_all(exp.Like):
            column, pattern = _place(query, like.this), like.expression
            if column is not None and isinstance(pattern, exp.Literal):
                patterns.setdefault(column, {})[pattern.this] = None
        links |= set(_links(query))
        sizes |= set(_sizes(query))
    return Mentions(
        {place: tuple(found) for place, found in values.items()},
        {place: tuple(found) for place, found in patterns.items()},
        frozenset(links),
        tuple(sorted(sizes)),
    )


def _place(query: GoldQuery, node: exp.Expr | None) -> Place | None:
    owner = query.owner(node)
    return (owner[0].name, owner[1].name) if owner is not None else None


def _constant(node: exp.Expr | None) -> Cell:
    """The value of a literal; None for anything else."""
    if isinstance(node, exp.Neg):
        value = _constant(node.this)
        return -value if isinstance(value, int | float) else None
    if not isinstance(node, exp.Literal):
        return None
    if node.is_string:
        return str(node.this)
    return int(node.this) if node.is_int else float(node.this)


def _compared(query: GoldQuery) -> Iterator[tuple[Place, Cell]]:
    for node in query.root.find_all(*COMPARISONS, exp.Between, exp.In):
        others = [node.args.get(name) for name in ("expression", "low", "high")]
        others += node.expressions
        column = node.this
        if isinstance(node, COMPARISONS) and not isinstance(column, exp.Column):
            column, others = node.expression, [node.this]
        place = _place(query, column)
        for other in others:
            value = _constant(other)
            if place is not None and value is not None:
                yield place, value


def _links(query: GoldQuery) -> Iterator[tuple[Place, Place]]:
    pairs = [(node.this, node.expression) for node in query.root.find_all(exp.EQ)]
    for node in query.root.find_all(exp.In):
        inner = node.args.get("query")
        if inner is not None and isinstance(inner.this, exp.Select):
            pairs.append((node.this, inner.this.expressions[0]))
    for both in query.root.find_all(exp.Intersect, exp.Except):
        if isinstance(both.this, exp.Select) and isinstance(both.expression, exp.Select):
            pairs += zip(both.this.expressions, both.expression.expressions, strict=False)
    for left, right in pairs:
        one, other = _place(query, left), _place(query, right)
        if one is not None and other is not None and one != other:
            yield one, other
            yield other, one


def _sizes(query: GoldQuery) -> Iterator[int]:
    for limit in query.root.find_all(exp.Limit, exp.Offset):
        value = _constant(limit.expression)
        if isinstance(value, int):
            yield value
    for node in query.root.find_all(*COMPARISONS):
        if isinstance(node.this, exp.Count):
            value = _constant(node.expression)
            if isinstance(value, int):
                yield value
