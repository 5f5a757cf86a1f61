"""What Spider's evaluation knows of a database: its names, and which columns are the same key.

Everything is in lower case. A column's id is "table.column"; "*" stands for every column. The
official script reads names from the SQLite file and keys from `tables.json`; `with_keys_of` puts
the two together. Does not read files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlkiln.core.errors import DataError
from sqlkiln.core.records import DatabaseSchema

EVERY_COLUMN = "*"


@dataclass(frozen=True)
class SpiderSchema:
    """`tables` maps a table to its columns; `key_of` a foreign-key column to what stands for it.

    Columns that a foreign key ties together share one representative: their first in the schema.
    """

    tables: Mapping[str, tuple[str, ...]]
    key_of: Mapping[str, str]

    def with_keys_of(self, other: SpiderSchema) -> SpiderSchema:
        """These tables with the foreign keys of `other`.

        And with those of its tables that SQLite keeps for itself, such as `sqlite_sequence`: the
        official script finds them in the file, a `DatabaseSchema` leaves them out.
        """
        own = {t: c for t, c in other.tables.items() if t.startswith("sqlite_")}
        return replace(self, tables=own | dict(self.tables), key_of=other.key_of)


def column_id(table: str, column: str) -> str:
    """The id of one column."""
    return f"{table}.{column}".lower()


def schema_from_database(schema: DatabaseSchema) -> SpiderSchema:
    """The tables (not the views) of `schema` and the keys that it declares.

    Keys that point at a table or column that does not exist are left out.
    """
    tables = [table for table in schema.tables if table.kind == "table"]
    pairs = [
        (column_id(table.name, column), column_id(key.ref_table, ref_column))
        for table in tables
        for key in table.foreign_keys
        for column, ref_column in zip(key.columns, key.ref_columns, strict=True)
    ]
    return _schema([(t.name, [c.name for c in t.columns]) for t in tables], pairs)


def schema_from_tables_json(entry: Mapping[str, Any]) -> SpiderSchema:
    """One entry of Spider's `tables.json`.

    Raises:
        DataError: if a field is missing or an index points nowhere.
    """
    try:
        names: list[str] = entry["table_names_original"]
        columns: list[tuple[int, str]] = entry["column_names_original"]
        ids = [column_id(names[i], name) if i >= 0 else EVERY_COLUMN for i, name in columns]
        pairs = [(ids[left], ids[right]) for left, right in entry["foreign_keys"]]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise DataError(
            f"not an entry of tables.json: {type(error).__name__} {error}; it needs "
            "table_names_original, column_names_original and foreign_keys"
        ) from error
    return _schema(
        [(name, [c for i, c in columns if i == at]) for at, name in enumerate(names)], pairs
    )


def _schema(
    tables: Iterable[tuple[str, Sequence[str]]], pairs: Iterable[tuple[str, str]]
) -> SpiderSchema:
    named = {name.lower(): tuple(c.lower() for c in columns) for name, columns in tables}
    rank = {id_: at for at, id_ in enumerate(f"{t}.{c}" for t in named for c in named[t])}
    groups = _key_groups((a, b) for a, b in pairs if a in rank and b in rank)
    key_of = {member: min(group, key=rank.__getitem__) for group in groups for member in group}
    return SpiderSchema(tables=named, key_of=key_of)


def _key_groups(pairs: Iterable[tuple[str, str]]) -> list[set[str]]:
    """Groups of columns that foreign keys tie together, in the official script's way.

    A pair joins the first group that holds one of its columns. Official fault: a pair that links
    two groups does not merge them, so the outcome depends on the order of the keys.
    """
    groups: list[set[str]] = []
    for pair in pairs:
        group = next((g for g in groups if not g.isdisjoint(pair)), None)
        if group is None:
            group = set()
            groups.append(group)
        group.update(pair)
    return groups
