"""What a repair is made of: fixes and edits, names and their places in the text of a query."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlglot import exp

Kind = Literal[
    "clause_order",
    "quoting",
    "date_function",
    "unknown_table",
    "join_key",
    "unknown_column",
    "column_moved",
    "wrong_table",
    "missing_join",
    "needless_join",
    "ambiguous",
    "date_compared",
    "name_split",
    "value_spelling",
    "value_moved",
    "no_value",
    "sort_direction",
]


@dataclass(frozen=True)
class Fix:
    """One mend: its kind, and a sentence about it for the user, without a full stop."""

    kind: Kind
    detail: str


@dataclass(frozen=True)
class Edit:
    """Write `text` in place of the characters from `start` up to, not including, `end`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Mend:
    """A fix, and the changes to the text that make it.

    `left` are the aliases of what is read that lost a column by it.
    """

    fix: Fix
    edits: tuple[Edit, ...]
    left: tuple[str, ...] = ()


def fold(name: str) -> str:
    """The name as databases compare it: without the case of A to Z."""
    return name.lower() if name.isascii() else "".join(c.lower() if c < "\x80" else c for c in name)


def place(node: exp.Expr | None) -> tuple[int, int] | None:
    """From where up to where a name stands in the text; None if it does not stand there."""
    if node is None or "start" not in node.meta or "end" not in node.meta:
        return None
    return node.meta["start"], node.meta["end"] + 1


def edited(sql: str, edits: Iterable[Edit]) -> str:
    """`sql` with all `edits` made; they are in any order, and do not overlap."""
    for edit in sorted(set(edits), key=lambda e: (e.start, e.end), reverse=True):
        sql = sql[: edit.start] + edit.text + sql[edit.end :]
    return sql


def quote_identifier(name: str) -> str:
    """`name` in double quotes, if it is not a plain word or one that SQL uses itself."""
    plain = name.isascii() and name.isidentifier() and name.upper() not in _WORDS
    return name if plain else '"' + name.replace('"', '""') + '"'


def listed(names: Iterable[str]) -> Iterator[str]:
    """The names without those that came before."""
    return iter(dict.fromkeys(names))


def and_list(items: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


_WORDS = frozenset(
    """ABORT ACTION ADD AFTER ALL ALTER ALWAYS ANALYSE ANALYZE AND ANTI ANY ARRAY AS ASC ASOF
    ASYMMETRIC AT ATTACH AUTHORIZATION AUTOINCREMENT BEFORE BEGIN BETWEEN BINARY BOTH BY CASCADE
    CASE CAST CHECK COLLATE COLLATION COLUMN COLUMNS COMMIT CONCURRENTLY CONFLICT CONSTRAINT
    CREATE CROSS CURRENT CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP DATABASE DEFAULT DEFERRABLE
    DEFERRED DELETE DESC DESCRIBE DETACH DISTINCT DO DROP EACH ELSE END ESCAPE EXCEPT EXCLUDE
    EXCLUSIVE EXISTS EXPLAIN FAIL FALSE FETCH FILTER FIRST FOLLOWING FOR FOREIGN FREEZE FROM
    FULL GENERATED GLOB GROUP GROUPS HAVING IF IGNORE ILIKE IMMEDIATE IN INDEX INDEXED INITIALLY
    INNER INSERT INSTEAD INTERSECT INTO IS ISNULL JOIN KEY LAMBDA LAST LATERAL LEADING LEFT LIKE
    LIMIT MAP MATCH MATERIALIZED NATURAL NO NOT NOTHING NOTNULL NULL NULLS OF OFFSET ON ONLY OR
    ORDER OTHERS OUTER OVER OVERLAPS PARTITION PIVOT PIVOT_LONGER PIVOT_WIDER PLACING PLAN
    POSITIONAL PRAGMA PRECEDING PRIMARY QUALIFY QUERY RAISE RANGE RECURSIVE REFERENCES REGEXP
    REINDEX RELEASE RENAME REPLACE RESTRICT RETURNING RIGHT ROLLBACK ROW ROWS SAVEPOINT SELECT
    SEMI SET SHOW SIMILAR SOME STRUCT SUMMARIZE SYMMETRIC TABLE TABLESAMPLE TEMP TEMPORARY THEN
    TIES TO TRAILING TRANSACTION TRIGGER TRUE TRY_CAST TUPLE UNBOUNDED UNION UNIQUE UNPACK
    UNPIVOT UPDATE USING VACUUM VALUES VARIADIC VERBOSE VIEW VIRTUAL WHEN WHERE WINDOW WITH
    WITHOUT""".split()
)
"""The keywords of SQLite, and those of DuckDB that are no names everywhere."""
