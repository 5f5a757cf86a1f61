"""A schema as one question sees it: which names and values are spoken of, by which words.

The scene only observes. `link_features` makes numbers of it, `link` chances and reasons.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from sqlkiln.core.records import Column, DatabaseSchema, Table
from sqlkiln.prompt.link_graph import Graph, joins
from sqlkiln.prompt.link_names import NameMatch, Question
from sqlkiln.sql.values import ValueHit
from sqlkiln.sql.values_vocabulary import UNSPECIFIC
from sqlkiln.sql.values_words import name_parts, stem, words

Features = dict[str, float]

SURE_HIT = 0.9
"""The words of a value found so surely are not taken for names."""

_FLOOR = 0.3


@dataclass
class ColumnView:
    """One column as the question sees it.

    `spoken` is how much of its name is in the question, from 0 to 1, rare parts counting most;
    `own` the same without what is the table's name too. `words` are the words of the question that
    speak of it, with how alike they are.
    """

    table: int
    column: Column
    match: NameMatch
    stems: tuple[str, ...]
    is_key: bool = False
    spoken: float = 0.0
    own: float = 0.0
    hits: list[ValueHit] = field(default_factory=list)
    words: dict[int, float] = field(default_factory=dict)
    features: Features = field(default_factory=dict)

    @property
    def hit(self) -> float:
        """The score of its best value hit."""
        return max((hit.score for hit in self.hits), default=0.0)


@dataclass
class TableView:
    """One table as the question sees it; `words` are those of its columns and values too."""

    number: int
    table: Table
    match: NameMatch
    stems: tuple[str, ...]
    columns: list[ColumnView]
    words: dict[int, float] = field(default_factory=dict)
    features: Features = field(default_factory=dict)


class Scene:
    """A schema, a question and value hits."""

    def __init__(
        self, schema: DatabaseSchema, question: str, hits: Sequence[ValueHit], evidence: str = ""
    ) -> None:
        names = [n for t in schema.tables for n in (t.name, *(c.name for c in t.columns))]
        known = {part for name in names for part in name_parts(name) if len(part) > 1}
        sure = [hit.phrase for hit in hits if hit.score >= SURE_HIT and " " in hit.phrase.strip()]
        self.schema = schema
        self.question = Question(
            f"{question}\n{evidence}" if evidence else question, known, values=sure
        )
        own = len(words(question))
        self.named = tuple(i for i in self.question.named if i < own)
        """The words that may speak of a table or column, without those of the evidence."""

        self.tables = [self._table(i, table) for i, table in enumerate(schema.tables)]
        self.columns = [column for table in self.tables for column in table.columns]
        self.ways: dict[int, tuple[int, int]] = {}
        """Tables on the way between two likely ones, with these."""

        self._place_hits(hits)
        self._mark_keys()
        for table in self.tables:
            self._weigh(table)

    def _table(self, number: int, table: Table) -> TableView:
        columns = []
        for column in table.columns:
            match = self.question.name(column.name)
            columns.append(ColumnView(number, column, match, tuple(map(stem, match.parts))))
        match = self.question.name(table.name)
        return TableView(number, table, match, tuple(map(stem, match.parts)), columns)

    def _place_hits(self, hits: Sequence[ValueHit]) -> None:
        places = {
            (self.schema.tables[c.table].name.lower(), c.column.name.lower()): c
            for c in self.columns
        }
        for hit in hits:
            column = places.get((hit.table.lower(), hit.column.lower()))
            if column is not None:
                column.hits.append(hit)

    def _mark_keys(self) -> None:
        keys = set()
        for table in self.schema.tables:
            for key in table.foreign_keys:
                keys |= {(table.name.lower(), name.lower()) for name in key.columns}
                keys |= {(key.ref_table.lower(), name.lower()) for name in key.ref_columns}
        for view in self.columns:
            place = (self.schema.tables[view.table].name.lower(), view.column.name.lower())
            view.is_key = place in keys

    def _weigh(self, table: TableView) -> None:
        for column in table.columns:
            found = list(zip(column.stems, column.match.found, strict=True))
            parts = [(each, m.quality if m else 0.0) for each, m in found]
            column.spoken = self._mean(parts)
            own = [part for part in parts if part[0] not in table.stems]
            column.own = self._mean(own) if own else column.spoken
            _join(column.words, _words_of(column.match))
            for hit in column.hits:
                _join(column.words, dict.fromkeys(self.question.places(hit.phrase), hit.score))
            _join(table.words, column.words)
        _join(table.words, _words_of(table.match))

    def _mean(self, parts: Sequence[tuple[str, float]]) -> float:
        total = sum(_FLOOR + self.rarity(each) for each, _ in parts)
        found = sum((_FLOOR + self.rarity(each)) * quality for each, quality in parts)
        return found / total if total else 0.0

    @cached_property
    def unexplained(self) -> int:
        """How many words of the question mean something, but no name and no value found."""
        known = {i for table in self.tables for i in table.words}
        said = self.question.folded
        return sum(i not in known and said[i] not in UNSPECIFIC for i in self.named)

    @cached_property
    def graph(self) -> Graph:
        """The tables that each table can be joined with."""
        return joins(self.schema)

    @cached_property
    def alike(self) -> Counter[tuple[str, ...]]:
        """How many columns are called alike, by the stems of the name."""
        return Counter(column.stems for column in self.columns)

    @cached_property
    def _parts(self) -> Counter[str]:
        return Counter(each for column in self.columns for each in set(column.stems))

    def rarity(self, part: str) -> float:
        """1 for a stem that one column's name has, towards 0 for one that all have."""
        count = max(1, self._parts[part])
        return 1 - math.log(count) / math.log(1 + len(self.columns))


def _words_of(match: NameMatch) -> dict[int, float]:
    """The words of the question that a name was found by, and how alike they are."""
    found: dict[int, float] = {}
    for part in match.found:
        if part is not None:
            _join(found, dict.fromkeys(range(part.first, part.last + 1), part.quality))
    return found


def _join(found: dict[int, float], others: dict[int, float]) -> None:
    for i, quality in others.items():
        found[i] = max(found.get(i, 0.0), quality)
