"""The parts of a query that failures are told from.

Pure data: made by `failure_reading`, written in other ways by `failure_rewriting`, compared by
`failure_comparison`.

Texts are canonical: lower case, aliases resolved to `table.column`, commutative operands sorted.
Aggregates are written `@sum(x)`, `@count(distinct x)`, so that they can be taken out again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

_SINGLE = re.compile(r"@\w+\((?:distinct )?([^@]*)\)")
_AGGREGATE = re.compile(r"@(\w+)\((distinct )?")
MEMBER = " in (query)"
NOT_MEMBER = " not in (query)"
EXISTS = "exists (query)"


class Ref(NamedTuple):
    """A column; `table` is '' for any other expression. `key`: it alone is the primary key."""

    table: str
    text: str
    key: bool = False


Tie = frozenset[Ref]
"""Columns that the joins of a block make equal."""


@dataclass(frozen=True)
class Shown:
    """One output column, with the queries in it; `ref` if it is nothing but a column."""

    text: str
    name: str = ""
    ref: Ref | None = None
    queries: tuple[Query, ...] = ()


@dataclass(frozen=True)
class Condition:
    """One condition with its values taken out of `skeleton`, as '?', and its queries too.

    `operand` is the column that is compared with the query, or a member of it. `parts` are what an
    OR is made of. `excepted`: it was written as EXCEPT.
    """

    skeleton: str
    values: tuple[str, ...] = ()
    queries: tuple[Query, ...] = ()
    operand: Ref | None = None
    parts: tuple[Condition, ...] = ()
    excepted: bool = False

    @property
    def membership(self) -> str:
        """MEMBER or NOT_MEMBER if it is one of these, or ''."""
        kinds = (kind for kind in (NOT_MEMBER, MEMBER) if self.skeleton.endswith(kind))
        return next(kinds, "") if len(self.queries) == 1 else ""


@dataclass(frozen=True)
class Block:
    """One SELECT.

    `conditions` are those of WHERE, HAVING and ON together, less the equalities of two tables'
    columns, which are the `ties`. `outer` names the optional tables of outer joins. `idle` are
    the tables of which only the key is used, to join them. `limit` is (LIMIT, OFFSET), '' if there
    is none. `distinct` is None where that is left open.
    """

    tables: tuple[str, ...] = ()
    derived: tuple[Query, ...] = ()
    outer: tuple[str, ...] = ()
    ties: frozenset[Tie] = frozenset()
    idle: frozenset[str] = frozenset()
    conditions: tuple[Condition, ...] = ()
    group: frozenset[Ref] = frozenset()
    shown: tuple[Shown, ...] = ()
    distinct: bool | None = False
    order: tuple[tuple[str, bool], ...] = ()
    limit: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Combined:
    """Two queries and the set operation between them: union, union all, intersect, except."""

    kind: str
    left: Query
    right: Query
    order: tuple[tuple[str, bool], ...] = ()
    limit: tuple[str, str] = ("", "")


Query = Block | Combined


def aggregates(text: str) -> tuple[str, ...]:
    """The aggregate functions in a canonical text, sorted."""
    return tuple(sorted(found[0] for found in _AGGREGATE.findall(text)))


def distincts(text: str) -> int:
    """How many aggregates in a canonical text are over distinct values."""
    return sum(bool(found[1]) for found in _AGGREGATE.findall(text))


def bare(text: str) -> str:
    """A canonical text without the names of its aggregates and their DISTINCT."""
    return _AGGREGATE.sub("(", text)


def argument(text: str) -> str:
    """What an aggregate is taken of; a text that is no single aggregate, without any in it."""
    single = _SINGLE.fullmatch(text)
    return single[1] if single else bare(text)


def closure(sets: Iterable[Iterable[Ref]]) -> frozenset[Tie]:
    """Merge the sets that share a column."""
    merged: list[set[Ref]] = []
    for refs in sets:
        joined = set(refs)
        apart = []
        for other in merged:
            if other & joined:
                joined |= other
            else:
                apart.append(other)
        merged = [*apart, joined]
    return frozenset(frozenset(one) for one in merged)


def shown_by(query: Query) -> tuple[Shown, ...]:
    """The output columns of a query; those of its first branch, if it has several."""
    while isinstance(query, Combined):
        query = query.left
    return query.shown


def blocks(query: Query) -> Iterator[Block]:
    """All SELECTs in a query, the outermost first."""
    if isinstance(query, Combined):
        yield from blocks(query.left)
        yield from blocks(query.right)
        return
    yield query
    for inner in _inside(query):
        yield from blocks(inner)


def set_operations(query: Query) -> int:
    """How many set operations there are in a query and in all queries in it."""
    if isinstance(query, Combined):
        return 1 + set_operations(query.left) + set_operations(query.right)
    return sum(map(set_operations, _inside(query)))


def _inside(block: Block) -> list[Query]:
    inner = [query for condition in block.conditions for query in condition.queries]
    inner += [query for column in block.shown for query in column.queries]
    return [*block.derived, *inner]


def is_plain(query: Query) -> bool:
    """Whether a query only selects columns of some rows: nothing grouped, sorted or cut off."""
    return (
        isinstance(query, Block)
        and query.limit == ("", "")
        and not query.group
        and not query.outer
        and not query.derived
        and not any("@" in column.text for column in query.shown)
        and not any("@" in condition.skeleton for condition in query.conditions)
    )


def combined_condition(word: str, parts: list[Condition]) -> Condition:
    """Conditions joined by 'and' or 'or', in an order that does not depend on how it was written.

    One OR in another is taken apart: (a or b) or c.
    """
    if word == "or":
        parts = [inner for part in parts for inner in part.parts or (part,)]
    if len(parts) == 1:
        return parts[0]
    ordered = sorted(parts, key=lambda part: (part.skeleton, part.values))
    return Condition(
        skeleton=f"{word}({'; '.join(part.skeleton for part in ordered)})",
        values=tuple(value for part in ordered for value in part.values),
        queries=tuple(query for part in ordered for query in part.queries),
        parts=tuple(ordered) if word == "or" else (),
    )
