"""Made-up content for a known schema, drawn so that queries which differ give different results.

Zhong, Yu and Klein 2020 (arXiv 2010.02840), section 3.3. What holds for the real database holds
here: types, primary keys and UNIQUE, foreign keys (composite ones, self references and cycles
too), NOT NULL, and collations. NULL stands only where the schema allows it and, unless asked for,
only in columns where the database has some: keys that are declared nullable but never empty are
the rule, and a NULL there would tell apart queries that mean the same to everybody.

Departures from the paper: values come from the database as well as from the queries; columns that
queries compare share values; groups are given the sizes that queries ask about; and tables differ
in size from one row to some hundreds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from sqlkiln.core.records import Cell, ForeignKey, Row
from sqlkiln.scoring.fuzz_values import ValueSource, near_values
from sqlkiln.scoring.mentions import Mentions, Place
from sqlkiln.scoring.profile import ColumnProfile, DatabaseProfile, TableProfile

SIZES = ((10, 30), (3, 8), (25, 60), (1, 3), (15, 40))
"""Least and most rows of a table, for one instance after the other."""

MOST_ROWS = 600
_NEAR_FOCUS = (0.3, 0.5, 0.8)
_NEAR_OTHERS = 0.2
_LINKED_SHARE = 0.7
_TWIN_SHARE = 0.1
_SIZED_SHARE = 0.5
_WANTED_SHARE = 0.5
_NULL_SHARES = (0.0, 0.1, 0.3)
_ATTEMPTS = 12

Record = dict[str, Cell]


@dataclass(frozen=True)
class Fuzz:
    """What an instance is drawn from: the number of the instance picks its sizes and its seed.

    `focus` is what the queries mention that this instance is for, `mentions` what all do.
    """

    profile: DatabaseProfile
    mentions: Mentions
    focus: Mentions
    number: int
    seed: int
    unseen_nulls: bool = False


def fuzz(what: Fuzz) -> dict[str, list[Row]]:
    """The rows of every table, by its name. The same argument gives the same rows."""
    draw = Random(f"{what.seed}:{what.profile.db_id}:{what.number}")  # noqa: S311 - no secret
    making = _Making(what, draw)
    order, late = _in_order(what.profile.tables)
    for table in order:
        making.fill(table, [key for key in table.foreign_keys if key not in late[table.name]])
    for table in order:
        making.refer(table, late[table.name])
    making.close()
    return {
        table.name: [tuple(row[c.name] for c in table.columns) for row in making.made[table.name]]
        for table in what.profile.tables
    }


def _in_order(
    tables: Sequence[TableProfile],
) -> tuple[list[TableProfile], dict[str, list[ForeignKey]]]:
    """Tables after those that they refer to, and the foreign keys for which that is impossible."""
    known = {table.name: table for table in tables}
    done: list[TableProfile] = []
    open_: list[str] = []
    late: dict[str, list[ForeignKey]] = {table.name: [] for table in tables}

    def visit(table: TableProfile) -> None:
        open_.append(table.name)
        for key in table.foreign_keys:
            if key.ref_table in open_:
                late[table.name].append(key)
            elif key.ref_table in known and known[key.ref_table] not in done:
                visit(known[key.ref_table])
        open_.pop()
        done.append(table)

    for table in tables:
        if table not in done:
            visit(table)
    return done, late


def spread(rows: int, groups: int, sizes: Sequence[int], draw: Random) -> list[int]:
    """Which of `groups` each of `rows` belongs to: some large, some empty.

    Half of the time groups have sizes of one less, the same, or one more than one of `sizes`, and
    the last group takes the rest.
    """
    order = draw.sample(range(groups), groups)
    wanted = [size for size in sizes if size <= rows]
    if wanted and draw.random() < 0.5:
        labels: list[int] = []
        for group in order[:-1]:
            labels += [group] * max(0, draw.choice(wanted) + draw.choice((-1, 0, 1)))
        labels = labels[:rows] + [order[-1]] * (rows - len(labels))
    else:
        skew = draw.choice((1, 2, 3))
        labels = [order[int(groups * draw.random() ** skew)] for _ in range(rows)]
    draw.shuffle(labels)
    return labels


@dataclass
class _Making:
    """An instance in the making."""

    what: Fuzz
    draw: Random
    made: dict[str, list[Record]] = field(default_factory=dict)

    def fill(self, table: TableProfile, keys: Sequence[ForeignKey]) -> None:
        """Make the rows of `table`; `keys` refer to tables that are made."""
        wanted = self._size()
        plan = _Plan(
            columns=[self._column(table, column, wanted) for column in table.columns],
            # The widest key comes last: what it brings along fits the narrower ones.
            parents=[
                (key, self._parents(key, table, wanted))
                for key in sorted(keys, key=lambda key: len(key.columns))
            ],
            keyed=frozenset(name for key in table.keys for name in key),
        )
        rows = self.made[table.name] = []
        unique = _Unique(table)
        for number in range(wanted):
            for attempt in range(_ATTEMPTS):
                row = self._row(plan, number, attempt, rows)
                if unique.admits(row):
                    rows.append(row)
                    break

    def _row(self, plan: _Plan, number: int, attempt: int, rows: Sequence[Record]) -> Record:
        """Row `number`; at further attempts another one. Some are twins of one that is there."""
        twin = rows and self.draw.random() < _TWIN_SHARE
        label = number if not attempt else self.draw.randrange(len(plan.columns[0].labels))
        row = dict(self.draw.choice(rows)) if twin else plan.values(label)
        referring: set[str] = set()
        for key, parents in plan.parents:
            referring |= set(key.columns)
            if not twin or plan.keyed & set(key.columns):
                row |= parents[label]
        for column in plan.columns:
            if column.unique and column.name not in referring:
                row[column.name] = column.fresh(label, attempt)
        return row

    def _size(self) -> int:
        low, high = SIZES[self.what.number % len(SIZES)]
        if self.what.focus.sizes and self.draw.random() < _SIZED_SHARE:
            high = min(max(high, 2 * max(self.what.focus.sizes) + 10), MOST_ROWS)
            low = high // 2
        return self.draw.randint(low, high)

    def _column(self, table: TableProfile, column: ColumnProfile, rows: int) -> _Column:
        place = (table.name, column.name)
        draw, what = self.draw, self.what
        focused = _mentioned(what.profile, what.focus, place)
        near = near_values(column, *focused, draw)
        share = draw.choice(_NEAR_FOCUS)
        if not near:
            near = near_values(column, *_mentioned(what.profile, what.mentions, place), draw)
            share = _NEAR_OTHERS
        width = draw.choice((1, 2, 3, rows // 2, rows, rows))
        source = ValueSource(column, near, share, width, draw)
        linked = [
            row[name]
            for (one, (other, name)) in sorted(what.mentions.links)
            if one == place and other in self.made
            for row in self.made[other]
        ]
        labels = spread(rows, len(source.usual), what.focus.sizes, draw)
        unique = any(key == (column.name,) for key in table.keys)
        return _Column(source, labels, tuple(linked), self._nulls(column), unique, draw)

    def _nulls(self, column: ColumnProfile) -> float:
        if not column.nullable or (column.null_share == 0 and not self.what.unseen_nulls):
            return 0.0
        return self.draw.choice(_NULL_SHARES) if column.null_share < 1 else 0.5

    def _parents(self, key: ForeignKey, table: TableProfile, rows: int) -> list[Record]:
        """For each of `rows`, the columns of `key` with the values of a row that they refer to."""
        found = self.made.get(key.ref_table, [])
        nullable = [c for c in table.columns if c.name in key.columns and c.nullable]
        empty: Record = {column.name: None for column in nullable}
        if not found:
            return [empty] * rows
        share = max((self._nulls(column) for column in nullable), default=0.0)
        pairs = list(zip(key.columns, key.ref_columns, strict=True))
        labels = spread(rows, len(found), self.what.focus.sizes, self.draw)
        wanted = self._mentioned_rows(key.ref_table)
        if wanted and self.draw.random() < _WANTED_SHARE:
            toward = self.draw.choice(_NEAR_FOCUS)
            labels = [
                self.draw.choice(wanted) if self.draw.random() < toward else label
                for label in labels
            ]
        chosen = [{name: found[label][ref] for name, ref in pairs} for label in labels]
        return [empty if self.draw.random() < share else parent for parent in chosen]

    def _mentioned_rows(self, table: str) -> list[int]:
        """The rows made for `table` that hold a value of which the focus speaks."""
        spoken = [
            (name, set(map(str, values)))
            for (owner, name), values in self.what.focus.values.items()
            if owner == table
        ]
        rows = enumerate(self.made[table])
        return [i for i, row in rows if any(str(row[name]) in values for name, values in spoken)]

    def refer(self, table: TableProfile, keys: Sequence[ForeignKey]) -> None:
        """Fill in the foreign keys that had to wait until the table referred to was made."""
        rows = self.made[table.name]
        for key in keys:
            parents = self._parents(key, table, len(rows))
            for row, parent in zip(rows, parents, strict=True):
                row |= parent

    def close(self) -> None:
        """Take out rows that break a key or refer to nothing, until there are none."""
        before = -1
        while before != (before := sum(map(len, self.made.values()))):
            for table in self.what.profile.tables:
                unique = _Unique(table)
                rows = [row for row in self.made[table.name] if unique.admits(row)]
                for key in table.foreign_keys:
                    there = {_values(row, key.ref_columns) for row in self.made[key.ref_table]}
                    rows = [r for r in rows if _values(r, key.columns) in there or _open(r, key)]
                self.made[table.name] = rows


def _values(row: Record, names: Sequence[str]) -> tuple[Cell, ...]:
    return tuple(row[name] for name in names)


def _open(row: Record, key: ForeignKey) -> bool:
    """Whether the row refers to nothing by this key."""
    return any(row[name] is None for name in key.columns)


class _Unique:
    """Admits a row if its keys are new and nothing is NULL that must not be."""

    def __init__(self, table: TableProfile) -> None:
        self._table = table
        self._seen: list[set[tuple[Cell, ...]]] = [set() for _ in table.keys]
        self._folded = {c.name for c in table.columns if c.collation.upper() == "NOCASE"}

    def admits(self, row: Record) -> bool:
        if any(row[c.name] is None and not c.nullable for c in self._table.columns):
            return False
        keys = [tuple(self._fold(row, name) for name in key) for key in self._table.keys]
        taken = [key in seen for key, seen in zip(keys, self._seen, strict=True)]
        if any(t and None not in key for t, key in zip(taken, keys, strict=True)):
            return False
        for key, seen in zip(keys, self._seen, strict=True):
            seen.add(key)
        return True

    def _fold(self, row: Record, name: str) -> Cell:
        value = row[name]
        return value.lower() if name in self._folded and isinstance(value, str) else value


@dataclass
class _Column:
    """One column of the table that is being filled; `labels` say which usual value a row has."""

    source: ValueSource
    labels: Sequence[int]
    linked: Sequence[Cell]
    null_share: float
    unique: bool
    draw: Random

    @property
    def name(self) -> str:
        return self.source.column.name

    def value(self, row: int) -> Cell:
        if self.draw.random() < self.null_share:
            return None
        if self.linked and self.draw.random() < _LINKED_SHARE:
            return self.draw.choice(self.linked)
        return self.source.value(self.source.usual[self.labels[row]])

    def fresh(self, row: int, attempt: int) -> Cell:
        return self.value(row) if attempt < 2 else self.source.another(row + attempt)


@dataclass(frozen=True)
class _Plan:
    """How the rows of one table are made; `keyed` are the columns in any of its keys."""

    columns: Sequence[_Column]
    parents: Sequence[tuple[ForeignKey, Sequence[Record]]]
    keyed: frozenset[str]

    def values(self, label: int) -> Record:
        return {column.name: column.value(label) for column in self.columns}


def _mentioned(
    profile: DatabaseProfile, mentions: Mentions, place: Place
) -> tuple[list[Cell], list[str]]:
    """The values and patterns of a column, and of those that it refers to or that refer to it."""
    places = [place, *_related(profile, mentions, place)]
    values = [value for p in places for value in mentions.values.get(p, ())]
    return values, [pattern for p in places for pattern in mentions.patterns.get(p, ())]


def _related(profile: DatabaseProfile, mentions: Mentions, place: Place) -> Iterator[Place]:
    for table in profile.tables:
        for key in table.foreign_keys:
            for name, ref in zip(key.columns, key.ref_columns, strict=True):
                if place == (table.name, name):
                    yield key.ref_table, ref
                elif place == (key.ref_table, ref):
                    yield table.name, name
    yield from (other for one, other in sorted(mentions.links) if one == place)


def row_count(rows: Mapping[str, Sequence[Row]]) -> int:
    """The rows of all tables together."""
    return sum(map(len, rows.values()))
