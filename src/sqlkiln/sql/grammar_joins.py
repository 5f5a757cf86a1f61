"""Ways to join a table to those that a query reads from already, written out.

Foreign keys come first: the shortest chains of them, every one of that length. Only where there is
none, columns join whose names suggest a key (`sql.repair_paths`).
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

from sqlkiln.core.records import DatabaseSchema
from sqlkiln.sql.grammar_names import fold, is_plain
from sqlkiln.sql.grammar_scopes import Source
from sqlkiln.sql.grammar_words import NO_COLUMN
from sqlkiln.sql.repair_paths import Graph, graphs_of

MOST_TABLES = 4
"""Of a chain, the last one included."""

_MOST_CHAINS, _MOST_WAYS = 12, 200

_Pairs = tuple[tuple[str, str], ...]
"""Columns of one table, and the columns of another that they equal."""

_Keys = dict[str, dict[str, list[_Pairs]]]
"""The keys from each table to each other one, by their folded names."""


@dataclass(frozen=True)
class _Link:
    """What joins `table` to `left`: a source, or behind the first link a table. Folded."""

    left: str
    table: str
    pairs: _Pairs


class Joins:
    """The foreign keys of a schema, as ways to go from table to table."""

    def __init__(self, schema: DatabaseSchema, dialect: str) -> None:
        self._dialect = dialect
        self._spelled = {fold(table.name): table.name for table in schema.tables}
        self._columns = {
            fold(table.name): {fold(column.name): column.name for column in table.columns}
            for table in schema.tables
        }
        self._declared, self._suggested = map(_keys, graphs_of(schema))

    def keys(self, one: str, other: str) -> list[_Pairs]:
        """The foreign keys between two tables, columns of `one` first."""
        return self._declared.get(fold(one), {}).get(fold(other), [])

    def tables_with(self, *columns: str) -> list[str]:
        """The tables that have columns of all these names, in the order of the schema."""
        wanted = set(map(fold, columns))
        return [self._spelled[table] for table, own in self._columns.items() if wanted <= set(own)]

    def is_table(self, name: str) -> bool:
        """Whether the schema has a table called so."""
        return fold(name) in self._spelled

    def clauses(
        self,
        sources: Sequence[Source],
        tables: Sequence[str],
        alias: str = "",
        most: int = MOST_TABLES,
    ) -> list[str]:
        """The shortest JOINs, of at most `most` tables, that bring in one of `tables`.

        It is called `alias` if that is not ''.
        """
        ends = {fold(table) for table in tables}
        chains = list(_chains(self._declared, sources, ends, most))
        chains = chains or list(_chains(self._suggested, sources, ends, most))
        written = ("".join(self._clauses(chain, alias)) for chain in chains[:_MOST_CHAINS])
        return list(dict.fromkeys(written))

    def conditions(self, before: Sequence[Source], joined: Source) -> list[str]:
        """What joins the source `joined` to those before it by a key."""
        end = fold(joined.table or "")
        for keys in (self._declared, self._suggested):
            found = [
                self._equal(source.name, joined.name, pairs)
                for source in before
                for pairs in keys.get(fold(source.table or ""), {}).get(end, ())
            ]
            if found:
                return found
        return []

    def _clauses(self, chain: Sequence[_Link], alias: str) -> Iterator[str]:
        for number, link in enumerate(chain, 1):
            name = self._spelled[link.table]
            called = alias if alias and number == len(chain) else name
            shown = self._quoted(name) + (f" AS {self._quoted(alias)}" if called != name else "")
            left = self._spelled[link.left] if number > 1 else link.left
            yield f" JOIN {shown} ON{self._equal(left, called, link.pairs)}"

    def are_equal(self, sources: Sequence[Source], column: str) -> bool:
        """Whether a foreign key makes this column the same in the first of `sources` and others."""
        low, tables = fold(column), [fold(source.table or "") for source in sources]
        return all(
            any(
                pairs == ((a, b),) and fold(a) == fold(b) == low for pairs in keys for a, b in pairs
            )
            for keys in (self.keys(tables[0], other) for other in tables[1:])
        )

    def columns(self, sources: Sequence[Source], column: str) -> list[str]:
        """The column of this name of each source, with its name in front."""
        spelled = {low: name for own in self._columns.values() for low, name in own.items()}
        name = spelled.get(fold(column), column)
        return [f" {self._quoted(source.name)}.{self._quoted(name)}" for source in sources]

    def called(self, table: str, source: Source, alias: str | None = None) -> str:
        """How to read `table` in the place of `source`, under its alias or another."""
        if not source.called:
            return f" {self._quoted(table)}"
        between = " AS " if source.called.lower().split()[0] == "as" else " "
        return f" {self._quoted(table)}{between}{self._quoted(alias or source.name)}"

    def _equal(self, one: str, other: str, pairs: _Pairs) -> str:
        equal = (
            f"{self._quoted(one)}.{self._quoted(a)} = {self._quoted(other)}.{self._quoted(b)}"
            for a, b in pairs
        )
        return f" {' AND '.join(equal)}"

    def _quoted(self, name: str) -> str:
        plain = name.isascii() and is_plain(name) and fold(name) not in NO_COLUMN[self._dialect]
        return name if plain else '"' + name.replace('"', '""') + '"'


def _keys(graph: Graph) -> _Keys:
    keys: _Keys = {}
    for start, links in graph.items():
        for link in links:
            keys.setdefault(start, {}).setdefault(fold(link.table.name), []).append(link.pairs)
    return keys


def _chains(
    keys: _Keys, sources: Sequence[Source], ends: Container[str], most: int
) -> Iterator[tuple[_Link, ...]]:
    """The shortest chains of at most `most` keys from any source to any of the tables `ends`."""
    taken = {fold(source.table) for source in sources if source.table is not None}
    waiting: list[tuple[str, str, tuple[_Link, ...]]] = [
        (fold(source.table), source.name, ()) for source in sources if source.table is not None
    ]
    for _ in range(most):
        further: list[tuple[str, str, tuple[_Link, ...]]] = []
        for table, called, chain in waiting:
            passed = {link.table for link in chain}
            for other, listed in keys.get(table, {}).items():
                if other not in passed and (other in ends or other not in taken):
                    longer = (_Link(called, other, pairs) for pairs in listed)
                    further += ((other, other, (*chain, link)) for link in longer)
        found = [chain for table, _, chain in further if table in ends]
        if found:
            yield from found
            return
        waiting = further[:_MOST_WAYS]
