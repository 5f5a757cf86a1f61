"""Schemas from descriptions in the form of Spider's tables.json, for databases that are missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlkiln.core.errors import DataError
from sqlkiln.core.records import Column, DatabaseSchema, ForeignKey, Table


def described_schema(entry: Mapping[str, Any], db_id: str) -> DatabaseSchema:
    """The schema that one entry of tables.json describes; it knows no values and no NOT NULL.

    Raises:
        DataError: if the entry is not laid out like one of Spider's.
    """
    try:
        return DatabaseSchema(db_id=db_id, dialect="sqlite", tables=_tables(entry))
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise DataError(
            f"tables.json: wrong entry of {db_id!r}: {error!r:.80}; lay it out like Spider's"
        ) from error


def _tables(entry: Mapping[str, Any]) -> tuple[Table, ...]:
    names: list[str] = entry["table_names_original"]
    columns: list[tuple[int, str]] = [
        (place, name) for place, name in entry["column_names_original"]
    ]
    types: list[str] = entry.get("column_types") or [""] * len(columns)
    keys: set[int] = set()
    for key in entry.get("primary_keys", ()):
        keys |= set(key) if isinstance(key, list) else {key}
    foreign: list[list[ForeignKey]] = [[] for _ in names]
    for one, other in entry.get("foreign_keys", ()):
        (place, column), (target, referred) = columns[one], columns[other]
        foreign[place].append(
            ForeignKey(columns=(column,), ref_table=names[target], ref_columns=(referred,))
        )
    return tuple(
        Table(
            name=name,
            columns=tuple(
                Column(name=column, type=types[i].upper(), primary_key=i in keys)
                for i, (place, column) in enumerate(columns)
                if place == number
            ),
            foreign_keys=tuple(foreign[number]),
        )
        for number, name in enumerate(names)
    )
