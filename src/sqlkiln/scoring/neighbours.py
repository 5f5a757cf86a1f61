"""Neighbours of a gold query: near misses, to be told from it by a good database.

Zhong, Yu and Klein 2020 (arXiv 2010.02840), section 3.2. Theirs change one value, column,
operator or clause as ours do; ours add what models get wrong most (joins, grouping, DISTINCT,
NULLs), and are drawn evenly over the kinds of edit where there are too many.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from sqlglot.errors import SqlglotError

from sqlkiln.core.records import DatabaseSchema
from sqlkiln.scoring.gold_query import read_gold
from sqlkiln.scoring.neighbour_edits import EDITS

MAX_NEIGHBOURS = 64


@dataclass(frozen=True)
class Neighbour:
    """A query that differs from the gold by one edit. It need not run."""

    sql: str
    edit: str


def neighbours(
    sql: str, schema: DatabaseSchema, *, limit: int = MAX_NEIGHBOURS, seed: int = 0
) -> tuple[Neighbour, ...]:
    """Up to `limit` different neighbours of `sql`; none if it cannot be parsed.

    The same arguments give the same neighbours.
    """
    query = read_gold(sql, schema)
    if query is None:
        return ()
    draw = Random(f"{seed}:{sql}")  # noqa: S311 - a sample, nothing secret
    seen = {query.sql}
    kinds: list[list[Neighbour]] = []
    for name, edit in EDITS:
        kind: list[Neighbour] = []
        for _ in edit(query, draw):
            try:
                text = query.sql
            except SqlglotError:
                continue
            if text not in seen:
                seen.add(text)
                kind.append(Neighbour(text, name))
        draw.shuffle(kind)
        kinds.append(kind)
    return tuple(_evenly(kinds, limit))


def _evenly(kinds: list[list[Neighbour]], limit: int) -> list[Neighbour]:
    """Take one of each kind in turn until there are enough."""
    ranked = [(place, neighbour) for kind in kinds for place, neighbour in enumerate(kind)]
    ranked.sort(key=lambda pair: pair[0])
    return [neighbour for _, neighbour in ranked[:limit]]
