"""Where a statement that a grammar has said goes wrong all the same: names that are not in scope.

A grammar free of context cannot tell which tables a FROM has named. So a statement is looked
through, and where it first goes wrong it can be cut and go on otherwise:

- "column": a column that its query does not read, or that several of its tables have;
- "tables": a FROM that ends without the tables of columns that were named;
- "on": a condition of a JOIN that names other columns, or passes over the foreign key;
- "join": a JOIN of tables that only other tables link;
- "table": a table in FROM that is not the one whose columns were named;
- "group": an aggregate where rows are not grouped: in WHERE, or only in HAVING or ORDER BY;
- "from": a SELECT that names columns and has no FROM.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal

from sqlkiln.sql.grammar import FROM_FIRST, Grammar
from sqlkiln.sql.grammar_joins import MOST_TABLES, Joins
from sqlkiln.sql.grammar_names import fold
from sqlkiln.sql.grammar_scopes import Call, Name, Select, Source, Statement

Kind = Literal["column", "tables", "on", "join", "table", "group", "from"]

_MOST_TEXTS = 12
_AGGREGATES = {"avg", "count", "group_concat", "max", "min", "sum", "total"}
_OVER = re.compile(r"\)\s*over\b", re.IGNORECASE)
_ROW_IDS = {"rowid", "oid", "_rowid_"}


@dataclass(frozen=True)
class Fault:
    """The text is right up to `cut`, and what is wrong ends at `end`.

    `texts` are what may stand there instead, with the space before it, if that is known.
    """

    kind: Kind
    cut: int
    end: int
    select: Select
    name: Name
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Strictness:
    """What counts as wrong besides names that are not there.

    `bring` joins the table of a column that is named behind FROM, if it takes at most so many
    tables: (with its table's name in front, without). Where it takes more, another column has to
    be named. `foreign_keys` wants tables with a foreign key between them joined by it.
    """

    bring: tuple[int, int] = (2, 2)
    foreign_keys: bool = True


def first_fault(
    statement: Statement, joins: Joins, grammar: Grammar, strictness: Strictness | None = None
) -> Fault | None:
    """The fault that is first to be mended; None if there is none."""
    from_first = grammar.target == FROM_FIRST
    looking = _Looking(joins, grammar.dialect, from_first, strictness or Strictness())
    found = [fault for select in statement.selects for fault in looking.faults(select, statement)]
    return min(found, key=lambda fault: fault.cut, default=None)


@dataclass(frozen=True)
class _Looking:
    joins: Joins
    dialect: str
    from_first: bool
    strictness: Strictness

    def faults(self, select: Select, statement: Statement) -> Iterator[Fault]:
        wrong = [
            name for name in select.names if not self._is_in_scope(name, select, statement.text)
        ]
        if select.from_start is None:
            if wrong and select.items_end is not None:
                cut = select.start if self.from_first else select.items_end
                yield Fault("from", cut, len(statement.text), select, wrong[0])
            return
        yield from self._conditions(select, wrong, statement.text)
        aliases = list(self._aliases(select))
        yield from aliases
        misnamed = {fold(fault.name.owner) for fault in aliases}
        left = [n for n in wrong if n.place != "on" and fold(n.owner) not in misnamed]
        yield from self._columns(select, left)
        if not wrong:
            yield from self._groups(select, statement.text)

    # ----------------------------------------------------------------------- columns

    def _columns(self, select: Select, wrong: Sequence[Name]) -> Iterator[Fault]:
        early = [name for name in wrong if name.start < (select.from_start or 0)]
        other = self._other_table(early, wrong, select)
        if other is not None:
            yield other
            wrong = [name for name in wrong if name not in early]
        mendable = all(self._clauses(name, select, MOST_TABLES) for name in early)
        for name in wrong:
            most = MOST_TABLES if name in early else self.strictness.bring[not name.owner]
            clauses = self._clauses(name, select, most) if mendable or name not in early else []
            if clauses and select.from_end is not None:
                end = select.from_end
                yield Fault("tables", end, end, select, name, tuple(clauses))
            else:
                same = _namesakes(name, select)
                if self.joins.are_equal(same, name.column):
                    same = same[:1]
                texts = self.joins.columns(same, name.column)
                yield Fault("column", name.start, name.end, select, name, tuple(texts))

    def _other_table(
        self, early: Sequence[Name], wrong: Sequence[Name], select: Select
    ) -> Fault | None:
        """The one table of FROM, if it has none of the columns named, and is far from them."""
        alone = len(select.sources) == 1 and early and not any(name.owner for name in early)
        if not alone or len(wrong) < len(select.names):
            return None
        source = select.sources[0]
        tables = self.joins.tables_with(*(name.column for name in early))
        near = any(self.joins.clauses(select.sources, [table], "", 1) for table in tables)
        if not tables or near or source.table is None:
            return None
        texts = [self.joins.called(table, source) for table in tables[:_MOST_TEXTS]]
        return Fault("table", source.start, source.end, select, early[0], tuple(texts))

    def _clauses(self, name: Name, select: Select, most: int) -> list[str]:
        """The JOINs of at most `most` tables that would bring `name` into scope."""
        sources = select.sources
        if _matches(name, sources):
            return []
        tables, alias = self.joins.tables_with(name.column), name.owner
        if name.owner:
            if any(fold(source.name) == fold(name.owner) for source in sources):
                return []
            if self.joins.is_table(name.owner):
                tables, alias = [name.owner], ""
                if any(
                    source.table and fold(source.table) == fold(tables[0]) for source in sources
                ):
                    return []
        return self.joins.clauses(sources, tables, alias, most)

    def _is_in_scope(self, name: Name, select: Select, text: str) -> bool:
        if select.compound and select.end is not None and name.start >= select.end:
            return True
        if name.place == "key" or fold(name.column) in _ROW_IDS or self._is_parameter(name, text):
            return True
        if name.owner:
            return self._is_owned(name, select)
        sources = _before(name, select)
        found = _matches(name, sources)
        if len(found) == 1 or (found and select.shared):
            return True
        if name.place not in ("items", "on") and fold(name.column) in map(fold, select.outputs):
            return True
        if found:
            return False
        if any(source.columns is None for source in sources):
            return True
        if self.dialect == "sqlite" and name.quoted and name.place != "items":
            return True
        # A query within that shows a column of the one around is a slip that nobody would notice.
        around = (outer for outer in select.around() if outer is not select)
        return name.place != "items" and any(_matches(name, outer.sources) for outer in around)

    def _is_owned(self, name: Name, select: Select) -> bool:
        for around in select.around():
            sources = _before(name, select) if around is select else around.sources
            own = [source for source in sources if fold(source.name) == fold(name.owner)]
            if own:
                return any(
                    source.columns is None or fold(name.column) in source.columns for source in own
                )
        # In front of the dot there may be a column that holds a struct.
        columns = [source.columns for source in select.sources]
        return self.dialect == "duckdb" and any(c is None or fold(name.owner) in c for c in columns)

    def _is_parameter(self, name: Name, text: str) -> bool:
        """Whether this may be what a lambda calls an element of a list."""
        return self.dialect == "duckdb" and not name.owner and "->" in text

    # ----------------------------------------------------------------------- conditions of joins

    def _conditions(self, select: Select, wrong: Sequence[Name], text: str) -> Iterator[Fault]:
        for number, joined in enumerate(select.sources):
            if joined.on is None or joined.table is None:
                continue
            start, end = joined.on
            inside = [name for name in select.names if start <= name.start < end]
            bad = next((name for name in inside if name in wrong), None)
            before = select.sources[:number]
            keys = tuple(self.joins.conditions(before, joined))
            passed = self.strictness.foreign_keys and self._passes_over(inside, select, text)
            if bad is None and not (keys and passed):
                continue
            chains = self.joins.clauses(
                before, [joined.table], joined.name if joined.called else ""
            )
            if keys or not chains or joined.join < 0:
                yield Fault("on", start, end, select, bad or inside[0], keys)
            else:
                yield Fault("join", joined.join, end, select, bad or inside[0], tuple(chains))

    def _passes_over(self, inside: Sequence[Name], select: Select, text: str) -> bool:
        """Whether a plain equality of two columns is not that of a foreign key."""
        if len(inside) != 2 or text[inside[0].end : inside[1].start].strip() not in ("=", "=="):
            return False
        ends = [_matches(name, _before(name, select)) for name in inside]
        if [len(found) for found in ends] != [1, 1]:
            return False
        one, other = ends[0][0], ends[1][0]
        if one is other or one.table is None or other.table is None:
            return one is other
        pair = (fold(inside[0].column), fold(inside[1].column))
        keys = self.joins.keys(one.table, other.table)
        return bool(keys) and all(pair != (fold(a), fold(b)) for pairs in keys for a, b in pairs)

    # ----------------------------------------------------------------------- aggregates

    def _groups(self, select: Select, text: str) -> Iterator[Fault]:
        """Aggregates that need a GROUP BY: by one of the columns shown."""
        shown = [name for name in select.names if name.place == "items"]
        called = [call for call in select.calls if _is_aggregate(call, text)]
        placed = {call.place for call in called}
        if not shown or "group" in select.clauses or not called:
            return
        keys = tuple(dict.fromkeys(f" GROUP BY {text[n.start : n.end]}" for n in shown))
        if "where" in placed and _is_all_of_where(called, select):
            start, end = select.clauses["where"]
            word = start + text[start:end].lower().index("where") + len("where")
            having = tuple(f"{key} HAVING" for key in keys)
            yield Fault("group", start, word, select, shown[0], having)
        clause = next((c for c in ("having", "order") if c in placed), None)
        if clause is not None and "items" not in placed:
            start, _ = select.clauses[clause]
            yield Fault("group", start, start, select, shown[0], keys)

    # ----------------------------------------------------------------------- aliases

    def _aliases(self, select: Select) -> Iterator[Fault]:
        """Aliases that were named before FROM, and then given to another table than was meant."""
        for number, source in enumerate(select.sources):
            if not source.called or source.columns is None or source.table is None:
                continue
            named = [
                name
                for name in select.names
                if name.start < (select.from_start or 0) and fold(name.owner) == fold(source.name)
            ]
            if not named or any(fold(name.column) in source.columns for name in named):
                continue
            meant = self.joins.tables_with(*(name.column for name in named))
            near = meant
            if number:
                before = select.sources[:number]
                near = [table for table in meant if self.joins.clauses(before, [table], "", 1)]
            texts = [self.joins.called(table, source) for table in near]
            if meant and any(_has_all(named, other) for other in select.sources):
                continue
            if meant and not texts:
                texts = [self.joins.called(source.table, source, _fresh(source.name, select))]
            if texts:
                texts = texts[:_MOST_TEXTS]
                yield Fault("table", source.start, source.end, select, named[0], tuple(texts))


def _before(name: Name, select: Select) -> list[Source]:
    return select.sources[: name.sources_before] if name.place == "on" else select.sources


def _matches(name: Name, sources: Sequence[Source]) -> list[Source]:
    """The sources that `name` may be of."""
    return [
        source
        for source in sources
        if source.columns is not None
        and fold(name.column) in source.columns
        and (not name.owner or fold(source.name) == fold(name.owner))
    ]


def _is_aggregate(call: Call, text: str) -> bool:
    """Whether it makes one value of many rows; not where it looks through a window."""
    written = text[call.start : call.end]
    several = call.function in ("min", "max") and "," in written
    return call.function in _AGGREGATES and not several and not _OVER.search(written)


def _is_all_of_where(called: Sequence[Call], select: Select) -> bool:
    """Whether one aggregate is all that WHERE is about."""
    inside = [call for call in called if call.place == "where"]
    names = [name for name in select.names if name.place == "where"]
    return len(inside) == 1 and all(inside[0].start <= name.start < inside[0].end for name in names)


def _namesakes(name: Name, select: Select) -> list[Source]:
    """The sources that have a column called as one that is not there, or not there only once."""
    return [
        source
        for source in _before(name, select)
        if source.columns is not None and fold(name.column) in source.columns and source.name
    ]


def _has_all(named: Sequence[Name], source: Source) -> bool:
    return source.columns is not None and all(fold(name.column) in source.columns for name in named)


def _fresh(alias: str, select: Select) -> str:
    """An alias like this one that `select` has not got."""
    taken = {fold(source.name) for source in select.sources}
    taken |= {fold(name.owner) for name in select.names}
    stem = alias.rstrip("0123456789")
    numbered = (f"{stem}{number}" for number in count(2))
    return next(name for name in numbered if fold(name) not in taken)
