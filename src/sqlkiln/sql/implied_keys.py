"""The foreign keys of a database that declares none: read off its names and its values.

Files of CSV and many databases say nothing of how their tables go together, and a model that is
not told guesses: `flights.origin = 'Los Angeles Intl'`, where airports are named in a table of
their own. A column refers to another table where that has a column which

- is called alike, or whose name begins with that of the table (`playerID` and `People.playerID`,
  `customer_id` and `customers.id`, `home_team_id` and `teams.id`), or, of short codes that are
  called otherwise, holds nearly all of the values (`flights.dest` and `airports.faa`);
- holds every value once, as far as was looked;
- holds at least so many of the values as `LEAST` says.

Where a database declares a foreign key, whoever made it was asked, and nothing is added. What is
found is kept in the cache folder until the database changes. It is for asking; scores go by what is
declared.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Literal

from pydantic import TypeAdapter

from sqlkiln.core.cache import cache_folder
from sqlkiln.core.errors import QueryError
from sqlkiln.core.plugins import Database, Limits
from sqlkiln.core.records import Cell, Column, DatabaseSchema, ForeignKey, Table
from sqlkiln.sql.database_samples import quoted
from sqlkiln.sql.database_state import digest, is_settled, keep, stamps, state_name
from sqlkiln.sql.explain_names import kind_of_type
from sqlkiln.sql.values_words import name_parts, stem

LAYOUT = 2
"""Of what is kept; another number makes it anew."""

Clue = Literal["name", "ending", "values"]
"""What speaks for a key: the same name, a name that ends like it, or the values alone."""

LEAST: dict[Clue, float] = {"name": 0.5, "ending": 0.9, "values": 0.95}
"""The share of a column's values that must be in the other one then."""

LEAST_TEXTS = 0.8
"""The same of texts whose name ends like it: that they are the same by chance is less likely."""

MOST_ROWS = 200_000
"""So many rows of a table are looked at."""

MOST_VALUES = 1_000
MOST_CODES = 10_000
MOST_CODED_TABLES = 40
MOST_ALIKE = 30
"""If more columns than these are called alike, only keys and those named for their table count."""

CODE_CHARS = 12
PREFIX_CHARS = 3
"""What all columns of a table begin with is short: `customer` in `customer_id` is a name."""

LONGEST_S = 3.0
"""Then what is found by now has to do."""

_LIMITS = Limits(timeout_s=1.0, max_rows=MOST_CODES)
_KEY_WORDS = frozenset(map(stem, "id code key no nr num number uid uuid".split()))
_SAYS_NOTHING = _KEY_WORDS | frozenset(
    map(
        stem,
        "name title type date year month day hour time status state description value count rank "
        "notes active city country address email phone comment url".split(),
    )
)
_COUNTS = frozenset({"num", "number", "no", "count", "total", "max", "min", "avg", "average"})
_KEYS = TypeAdapter(dict[str, tuple[ForeignKey, ...]])


def with_implied_keys(schema: DatabaseSchema, database: Database) -> DatabaseSchema:
    """`schema` of `database` with implied foreign keys, if it has no declared ones."""
    if len(schema.tables) < 2 or any(table.foreign_keys for table in schema.tables):
        return schema
    keys = _kept_or_read(schema, database)
    tables = tuple(
        table.model_copy(update={"foreign_keys": keys.get(table.name, ())})
        for table in schema.tables
    )
    return schema.model_copy(update={"tables": tables})


def _kept_or_read(schema: DatabaseSchema, database: Database) -> dict[str, tuple[ForeignKey, ...]]:
    found = stamps(database.path)
    columns = [(table.name, *(c.name for c in table.columns)) for table in schema.tables]
    state = state_name(database.path, found)
    path = cache_folder("keys") / f"{state}-{digest(repr((LAYOUT, columns)))}.json"
    with suppress(OSError, ValueError):
        return _KEYS.validate_json(path.read_bytes())
    reading = _Reading(schema, database)
    keys = reading.keys()
    if is_settled(found) and not reading.out_of_time:
        keep(path, _KEYS.dump_json(keys), state)
    return keys


@dataclass(frozen=True)
class _Place:
    """One column of one table."""

    table: Table
    column: Column

    @property
    def id(self) -> tuple[str, str]:
        return self.table.name, self.column.name

    @property
    def is_own_key(self) -> bool:
        keys = [column for column in self.table.columns if column.primary_key]
        return keys == [self.column]

    @property
    def words(self) -> tuple[str, ...]:
        """Those of the column's name, without what all columns of its table begin with."""
        words = _words(self.column.name)
        return words[1:] if _is_prefixed(self.table) and len(words) > 1 else words

    @property
    def is_named_for_its_table(self) -> bool:
        named = set(_words(self.table.name)) & set(self.words)
        return self.column.primary_key or bool(named)

    @property
    def sql(self) -> tuple[str, str]:
        return quoted(self.column.name), quoted(self.table.name)


_Names = dict[tuple[str, ...], list[_Place]]


@dataclass(frozen=True)
class _Called:
    """Columns by the words with which others refer to them.

    By a name that is the `same`, one that ends like this (`home_team_id` and `teams.id`), or one
    that ends like their `table` and is no count (`winning_pilot` and `pilot.id`).
    """

    same: _Names = field(default_factory=dict)
    ending: _Names = field(default_factory=dict)
    table: _Names = field(default_factory=dict)

    def add(self, place: _Place) -> None:
        words, table = place.words, _words(place.table.name)
        self.same.setdefault(words, []).append(place)
        if set(words) <= _KEY_WORDS:
            for owner in dict.fromkeys((table, table[-1:])):
                self.ending.setdefault((*owner, *words), []).append(place)
                self.table.setdefault(owner, []).append(place)
        elif words[-1] in _KEY_WORDS:
            self.ending.setdefault(words, []).append(place)

    def without_crowds(self) -> _Called:
        """The same with but the likely ones of more than `MOST_ALIKE` that are called alike."""

        def thinned(names: _Names) -> _Names:
            return {
                words: [p for p in of if p.is_named_for_its_table] if len(of) > MOST_ALIKE else of
                for words, of in names.items()
            }

        return _Called(thinned(self.same), thinned(self.ending), thinned(self.table))


@dataclass
class _Reading:
    """Looks at values, each column once."""

    schema: DatabaseSchema
    database: Database
    _until: float = field(default_factory=lambda: time.monotonic() + LONGEST_S)
    _unique: dict[tuple[str, str], bool] = field(default_factory=dict)
    _read: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    @property
    def out_of_time(self) -> bool:
        return time.monotonic() > self._until

    def keys(self) -> dict[str, tuple[ForeignKey, ...]]:
        """By table, in the order of columns."""
        places = [_Place(t, c) for t in self.schema.tables for c in t.columns]
        chosen: dict[tuple[str, str], _Place] = {}
        for likely in (self._named, partial(self._coded_alike, places)):
            for place in places:
                if self.out_of_time:
                    break
                target = self._target(place, likely(place), chosen)
                if target is not None:
                    chosen[place.id] = target
        keys: dict[str, list[ForeignKey]] = {}
        for (table, column), to in chosen.items():
            keys.setdefault(table, []).append(
                ForeignKey(
                    columns=(column,), ref_table=to.table.name, ref_columns=(to.column.name,)
                )
            )
        return {table: tuple(of) for table, of in keys.items()}

    def _target(
        self,
        place: _Place,
        likely: Iterable[tuple[Clue, _Place]],
        chosen: dict[tuple[str, str], _Place],
    ) -> _Place | None:
        """Where the column refers to; of several, where most of its values are."""
        if place.id in chosen:
            return None
        best: tuple[float, _Place] | None = None
        for clue, target in likely:
            turned = chosen.get(target.id)
            if turned is not None and turned.table is place.table:
                continue  # the other table refers to this one already
            share = self._coded(place, target) if clue == "values" else self._share(place, target)
            if share >= _least(clue, place) and (best is None or share > best[0]):
                best = share, target
        return best[1] if best else None

    def _coded_alike(
        self, places: Sequence[_Place], place: _Place
    ) -> Iterator[tuple[Clue, _Place]]:
        """Places whose values alone may say that it refers to them."""
        if len(self.schema.tables) > MOST_CODED_TABLES or not _may_be_code(place):
            return
        for target in places:
            if target.table is not place.table and _may_be_code(target):
                if self._is_unique(target) and not self._is_unique(place):
                    yield "values", target

    def _named(self, place: _Place) -> Iterator[tuple[Clue, _Place]]:
        """Places that its name speaks of, and that may be referred to."""
        for clue, target in self._called_alike(place):
            own = clue == "ending" and place.is_own_key
            if target.table is not place.table and not own and self._is_unique(target):
                yield clue, target

    def _called_alike(self, place: _Place) -> Iterator[tuple[Clue, _Place]]:
        ours = place.words
        if not (len(ours) == 1 and ours[0] in _SAYS_NOTHING):
            for target in self._called.same.get(ours, ()):
                yield "name", target
        endings = [ours[start:] for start in range(len(ours))]
        named = [target for end in endings for target in self._called.ending.get(end, ())]
        if not _is_count(place.column.name):
            named += [target for end in endings for target in self._called.table.get(end, ())]
        for target in {target.id: target for target in named}.values():
            yield "ending", target

    @cached_property
    def _called(self) -> _Called:
        called = _Called()
        for place in (_Place(t, c) for t in self.schema.tables for c in t.columns):
            called.add(place)
        return called.without_crowds()

    def _is_unique(self, place: _Place) -> bool:
        if place.id not in self._unique:
            self._unique[place.id] = self._look_unique(place)
        return self._unique[place.id]

    def _look_unique(self, place: _Place) -> bool:
        if place.table.row_count == 0:
            return False
        name, table = place.sql
        rows = self._ask(
            f"SELECT COUNT(*), COUNT({name}), COUNT(DISTINCT {name}) "  # noqa: S608 - our own
            f"FROM (SELECT {name} FROM {table} LIMIT {MOST_ROWS}) AS taken"
        )
        if not rows:
            return False
        total, filled, distinct = (int(str(cell)) for cell in rows[0])
        return 1 < total == filled == distinct

    def _share(self, place: _Place, target: _Place) -> float:
        """The share of the column's values that the target has; 0 if there are none."""
        name, table = place.sql
        to_name, to_table = target.sql
        known = f"SELECT {to_name} FROM {to_table}"  # noqa: S608 - our own names
        rows = self._ask(
            f"SELECT COUNT(*), SUM(CASE WHEN v IN ({known}) THEN 1 ELSE 0 END) "  # noqa: S608
            f"FROM (SELECT DISTINCT {name} AS v FROM (SELECT {name} FROM {table} "
            f"WHERE {name} IS NOT NULL LIMIT {MOST_ROWS}) AS taken LIMIT {MOST_VALUES}) AS apart"
        )
        if not rows or not rows[0][0]:
            return 0.0
        total, held = (int(str(cell or 0)) for cell in rows[0])
        return held / total

    def _coded(self, place: _Place, target: _Place) -> float:
        """The same of short codes; 0 where there are others, too few, or more than are read."""
        values, there = self._codes(place)[:MOST_VALUES], self._codes(target)
        if len(values) < 3 or len(there) >= MOST_CODES or max(map(len, values)) > CODE_CHARS:
            return 0.0
        return len(set(values) & set(there)) / len(values)

    def _codes(self, place: _Place) -> tuple[str, ...]:
        """The texts of a column, each once, of longer ones only that they are longer."""
        if place.id not in self._read:
            name, table = place.sql
            rows = self._ask(
                f"SELECT DISTINCT SUBSTR({name}, 1, {CODE_CHARS + 1}) "  # noqa: S608
                f"FROM (SELECT {name} FROM {table} WHERE {name} IS NOT NULL "
                f"LIMIT {MOST_ROWS}) AS taken LIMIT {MOST_CODES}"
            )
            self._read[place.id] = tuple(str(row[0]) for row in rows)
        return self._read[place.id]

    def _ask(self, sql: str) -> Sequence[tuple[Cell, ...]]:
        if self.out_of_time:
            return ()
        try:
            return self.database.execute(sql, _LIMITS).rows
        except QueryError:
            return ()


# --------------------------------------------------------------------------- names


def _is_count(name: str) -> bool:
    """Whether it may be a number of things: small numbers are among the keys of any table."""
    parts = name_parts(name)
    return bool(set(parts) & _COUNTS) or any(part.endswith("s") for part in parts[-1:])


def _is_prefixed(table: Table) -> bool:
    """Whether all its columns begin alike, as `l_orderkey` and `l_tax` do."""
    first = {_words(column.name)[0] for column in table.columns}
    if len(table.columns) < 3 or len(first) > 1 or len(min(first)) > PREFIX_CHARS:
        return False
    return all(len(_words(column.name)) > 1 for column in table.columns)


def _least(clue: Clue, place: _Place) -> float:
    is_text = clue == "ending" and kind_of_type(place.column.type) == "text"
    return LEAST_TEXTS if is_text else LEAST[clue]


def _words(name: str) -> tuple[str, ...]:
    return tuple(map(stem, name_parts(name))) or (name.lower(),)


def _may_be_code(place: _Place) -> bool:
    return kind_of_type(place.column.type) == "text" and place.table.row_count != 0
