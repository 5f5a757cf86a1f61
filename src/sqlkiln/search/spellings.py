"""What a database stores: what the repair of compared values asks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from sqlkiln.core.errors import QueryError
from sqlkiln.core.plugins import Database, Limits
from sqlkiln.prompt.serialize import quote_value
from sqlkiln.sql.database_samples import quoted
from sqlkiln.sql.repair_values import Cell, stored_spelling
from sqlkiln.sql.values import ValueIndex

QUICK = Limits(timeout_s=0.5, max_rows=20)
"""A look-up that takes longer is given up: the text then stays as the model wrote it."""

SURE = 0.7
"""From this score on, a cell that is spelt otherwise is taken for what the model meant."""

_LONGEST = 200
_CODE = 3
_ANSWERS = frozenset("yes no y n true false t f".split())


class StoredSpellings:
    """Looks texts up in one database; `index` finds those that are misspelt as well."""

    def __init__(self, database: Database, index: ValueIndex | None = None) -> None:
        self._database = database
        self._index = index
        self._known: dict[tuple[str, str, str], str | None] = {}

    def __call__(self, table: str, column: str, value: str) -> str | None:
        """The one spelling of `value` that is stored; None if it is stored as it is, or unknown."""
        key = (table, column, value)
        if key not in self._known:
            self._known[key] = self._find(table, column, value)
        return self._known[key]

    def elsewhere(self, table: str, column: str, text: str) -> tuple[Cell, ...]:
        """The cells of other columns that are `text` but for case, if this column has none."""
        if self._index is None or self(table, column, text) is not None:
            return ()
        if len(text) > _LONGEST or not text.strip() or self._variants(table, column, text) != []:
            return ()
        wanted = text.strip()
        hits = [h for h in self._index.search(f'"{text}"') if _same(h.value.strip(), wanted)]
        return tuple((hit.table, hit.column, hit.value) for hit in hits)

    def together(
        self, table: str, columns: Sequence[str], texts: Sequence[str]
    ) -> tuple[str, ...] | None:
        """The texts as a row has them in these columns, but for case and outer spaces."""
        if not all(text.strip() and text.isprintable() for text in texts):
            return None
        names = [quoted(column) for column in columns]
        alike = " AND ".join(
            f"LOWER(TRIM({name})) = LOWER({quote_value(text.strip(), _LONGEST)})"
            for name, text in zip(names, texts, strict=True)
        )
        sql = f"SELECT {', '.join(names)} FROM {quoted(table)} WHERE {alike} LIMIT 1"  # noqa: S608
        with suppress(QueryError):
            for row in self._database.execute(sql, QUICK).rows:
                return tuple(map(str, row))
        return None

    def lacks(self, table: str, column: str, value: str | int) -> bool:
        """Whether no row has `value`, and some have NULL; not where that takes too long."""
        name, source = quoted(column), quoted(table)
        has = f"{name} = {value}"
        if isinstance(value, str):
            has = f"CAST({name} AS VARCHAR) = {quote_value(value, _LONGEST)}"
        sql = (
            f"SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM {source} WHERE {has} LIMIT 1) AS a), "  # noqa: S608
            f"(SELECT COUNT(*) FROM (SELECT 1 FROM {source} WHERE {name} IS NULL LIMIT 1) AS b)"
        )
        with suppress(QueryError):
            return self._database.execute(sql, QUICK).rows == ((0, 1),)
        return False

    def _find(self, table: str, column: str, value: str) -> str | None:
        if not value.strip() or len(value) > _LONGEST or not value.isprintable():
            return None
        stored = self._variants(table, column, value)
        if stored is None or value in stored:
            return None
        return stored_spelling(value, stored) if stored else self._alike(table, column, value)

    def _variants(self, table: str, column: str, value: str) -> list[str] | None:
        """Stored texts that differ in case or outer spaces at most; None if that takes too long."""
        name, source = quoted(column), quoted(table)
        wanted = quote_value(value.strip(), _LONGEST)
        sql = (
            f"SELECT DISTINCT {name} FROM {source} "  # noqa: S608 (names are quoted, read-only)
            f"WHERE LOWER(TRIM({name})) = LOWER({wanted})"
        )
        with suppress(QueryError):
            return [str(row[0]) for row in self._database.execute(sql, QUICK).rows]
        return None

    def _alike(self, table: str, column: str, value: str) -> str | None:
        if self._index is None:
            return None
        hits = self._index.search(f'"{value}"')
        found = {
            hit.value
            for hit in hits
            if (hit.table, hit.column) == (table, column) and hit.score >= SURE
        }
        return found.pop() if len(found) == 1 else None


def _same(stored: str, text: str) -> bool:
    """Whether they are one text but for case; short ones, such as NO, are a code or nothing."""
    if text.casefold() in _ANSWERS:
        return False
    return stored == text or (len(text) > _CODE and stored.casefold() == text.casefold())
