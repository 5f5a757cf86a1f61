"""Which columns hold dates: by type in DuckDB, by their values in SQLite, which has no such."""

from __future__ import annotations

import re

from sqlkiln.core.records import Column

ISO_DATE = re.compile(r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)(?P<time>[ T]\d\d:\d\d.*)?")
"""A date as both engines read and write it, with a time behind it or not."""

_IS_DATE = re.compile(r"^(DATE|TIMESTAMP|DATETIME)\b", re.IGNORECASE)


def has_times(column: Column, dialect: str) -> bool | None:
    """Whether the dates of `column` have times behind them; None if it holds no dates."""
    if dialect != "sqlite":
        named = _IS_DATE.match(column.type)
        return None if named is None else named[1].upper() != "DATE"
    read = [ISO_DATE.fullmatch(sample) for sample in column.samples]
    if not read or not all(read):
        return None
    return all(found is not None and found["time"] is not None for found in read)
