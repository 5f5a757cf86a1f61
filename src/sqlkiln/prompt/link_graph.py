"""How tables hang together: along foreign keys, and where there are none by columns of one name."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence

from sqlkiln.core.records import DatabaseSchema
from sqlkiln.sql.values_words import name_parts, squeezed

Graph = Mapping[int, frozenset[int]]
"""For each table, by its number in the schema, those that it can be joined with."""

_MOST_SHARING = 8
_MOST_STEPS = 4


def joins(schema: DatabaseSchema) -> Graph:
    """The tables that each table can be joined with.

    By foreign keys. A table without any is taken to be tied to those that share with it a column
    which is a primary key in one of them, if they are few.
    """
    numbers = {table.name.lower(): i for i, table in enumerate(schema.tables)}
    tied: dict[int, set[int]] = defaultdict(set)
    for i, table in enumerate(schema.tables):
        for key in table.foreign_keys:
            other = numbers.get(key.ref_table.lower())
            if other is not None and other != i:
                tied[i].add(other)
                tied[other].add(i)
    keyed = set(tied)
    for sharing in _sharing(schema).values():
        for i in sharing:
            if i not in keyed:
                for other in sharing - {i}:
                    tied[i].add(other)
                    tied[other].add(i)
    return {i: frozenset(tied[i]) for i in range(len(schema.tables))}


def _sharing(schema: DatabaseSchema) -> dict[str, set[int]]:
    """The tables that have a column, by its name, which is a key of one of them."""
    tables: dict[str, set[int]] = defaultdict(set)
    keys = set()
    for i, table in enumerate(schema.tables):
        for column in table.columns:
            name = squeezed(name_parts(column.name))
            tables[name].add(i)
            if column.primary_key and name != "id":
                keys.add(name)
    return {name: tables[name] for name in keys if 1 < len(tables[name]) <= _MOST_SHARING}


def between(graph: Graph, seeds: Sequence[int]) -> dict[int, tuple[int, int]]:
    """The tables on a shortest way between two of `seeds`, with the ends of that way."""
    found: dict[int, tuple[int, int]] = {}
    for number, start in enumerate(seeds):
        before = _ways(graph, start)
        for end in seeds[number + 1 :]:
            step = before.get(end)
            while step is not None and step != start:
                found.setdefault(step, (start, end))
                step = before.get(step)
    return found


def _ways(graph: Graph, start: int) -> dict[int, int]:
    """For each table within reach, the one before it on a shortest way from `start`."""
    before: dict[int, int] = {}
    waiting = deque([(start, 0)])
    while waiting:
        table, steps = waiting.popleft()
        for other in sorted(graph.get(table, ())):
            if other not in before and other != start and steps < _MOST_STEPS:
                before[other] = table
                waiting.append((other, steps + 1))
    return before
