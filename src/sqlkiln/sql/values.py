"""Find the cells that a question speaks of: `open_index`, then `ValueIndex.search`.

An index holds the distinct short texts of a database (`values_read` says within which bounds) and
lies in the cache folder, in a file named after the database's path and what the system says of it
(size, times, inode; of a SQLite journal beside it too). It is made again when any of these
changes, or when the file is damaged. What there was no time for, or failed, is tried again when
the index is opened next. It is never taken for exact: texts may be missing where `facts.partial`
says so. The database itself is only read through `Database.execute`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlkiln.core.cache import cache_folder
from sqlkiln.core.plugins import Database
from sqlkiln.core.records import DatabaseSchema
from sqlkiln.sql.database_state import digest, is_settled, keep, stamps, state_name
from sqlkiln.sql.values_match import Match, matches
from sqlkiln.sql.values_question import Asked, Span
from sqlkiln.sql.values_read import Bounds, may_hold_text, read_texts
from sqlkiln.sql.values_store import LAYOUT, Store, image_of
from sqlkiln.sql.values_words import name_parts, stem

MOST_HITS = 10
_MOST_A_PHRASE = 6
_MOST_A_COLUMN = 3
_KEPT_INSIDE = 0.9


@dataclass(frozen=True)
class ValueHit:
    """A cell that a question seems to mention.

    `value` is as stored, `phrase` as asked. `score` runs from 0 to 1 and only ranks; `reason` says
    in words how the two are alike.
    """

    table: str
    column: str
    value: str
    phrase: str
    score: float
    reason: str


@dataclass(frozen=True)
class IndexFacts:
    """What an index holds: `partial` has the columns of which it may lack texts, and why."""

    columns: int
    texts: int
    partial: tuple[tuple[str, str, str], ...]
    size_bytes: int
    seconds: float
    """What opening took: reading the database if `built`, reading the file if not."""

    built: bool


class ValueIndex:
    """The texts of one database, to be searched from one thread at a time."""

    def __init__(self, store: Store, names: frozenset[str], facts: IndexFacts) -> None:
        self._store = store
        self._names = names
        self.facts = facts

    def search(self, question: str, limit: int = MOST_HITS) -> tuple[ValueHit, ...]:
        """Up to `limit` cells that `question` seems to mention, the surest first."""
        asked = Asked(question, self._names)
        hits = []
        for match in self._chosen(matches(asked, self._store), asked)[: max(0, limit)]:
            place = self._store.places[match.cell.place]
            hits.append(
                ValueHit(
                    place.table,
                    place.column,
                    match.cell.value,
                    match.phrase,
                    round(match.score, 3),
                    match.reason,
                )
            )
        return tuple(hits)

    def _chosen(self, found: Sequence[Match], asked: Asked) -> list[Match]:
        """The best match of each cell, in order, less what repeats or overlaps better ones.

        Of columns that hold the same text, those come first that the question speaks of.
        """
        best: dict[int, Match] = {}
        for match in found:
            if match.cell.id not in best or match.score > best[match.cell.id].score:
                best[match.cell.id] = match
        said = frozenset(asked.stems)
        spoken = {place: len(said & stems) for place, stems in self._store.stems.items()}

        def rank(match: Match) -> tuple[float, Span, int, int]:
            return -match.score, match.span, -spoken[match.cell.place], match.cell.id

        chosen: list[Match] = []
        for match in sorted(best.values(), key=rank):
            if any(_outdoes(other, match) for other in chosen):
                continue
            rivals = [other for other in chosen if other.span == match.span]
            in_column = sum(other.cell.place == match.cell.place for other in rivals)
            if in_column < _MOST_A_COLUMN and len(rivals) < _MOST_A_PHRASE:
                chosen.append(match)
        return chosen

    def close(self) -> None:
        """Free the memory; calling it twice is fine."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_index(
    database: Database,
    schema: DatabaseSchema,
    bounds: Bounds | None = None,
    folder: Path | None = None,
) -> ValueIndex:
    """The index of what `schema` lists of `database`: from the cache, or made now and kept there.

    One that is unfinished in the cache is gone on with, for as long as `bounds` allow to make one.
    `folder` is used in place of the cache's own. A folder that cannot be written only costs time.

    Raises:
        MissingDependency: if Python's SQLite has no FTS5.
    """
    started = time.perf_counter()
    bounds = bounds or Bounds()
    found = stamps(database.path)
    state = state_name(database.path, found)
    path = (folder or cache_folder("values")) / f"{state}-{_wanted(schema, bounds)}.bin"
    store = _load(path)
    built = store is None or store.is_unfinished
    if store is None or store.is_unfinished:
        known = {} if store is None else store.read_so_far()
        content = image_of(read_texts(database, schema, bounds, known))
        store = Store(content)
        if is_settled(found):
            keep(path, content, state)
    facts = IndexFacts(
        columns=len(store.places),
        texts=store.texts,
        partial=tuple((p.table, p.column, p.partial) for p in store.places.values() if p.partial),
        size_bytes=store.size_bytes,
        seconds=time.perf_counter() - started,
        built=built,
    )
    return ValueIndex(store, _stems_of_names(schema), facts)


def _load(path: Path) -> Store | None:
    with suppress(OSError, ValueError):
        return Store(path.read_bytes())
    return None


def _wanted(schema: DatabaseSchema, bounds: Bounds) -> str:
    """A digest of what is to be indexed, and how much of it."""
    columns = [
        (table.name, column.name)
        for table in schema.tables
        for column in table.columns
        if may_hold_text(column)
    ]
    return digest(repr((LAYOUT, columns, bounds)))


def _stems_of_names(schema: DatabaseSchema) -> frozenset[str]:
    names = [name for t in schema.tables for name in (t.name, *(c.name for c in t.columns))]
    return frozenset(stem(part) for name in names for part in name_parts(name))


def _outdoes(better: Match, match: Match) -> bool:
    """Whether `match` only speaks of a part of what `better` speaks of."""
    (first, last), (start, end) = better.span, match.span
    inside = first <= start and end <= last and (start, end) != (first, last)
    return inside and (start == end or match.score < _KEPT_INSIDE)
