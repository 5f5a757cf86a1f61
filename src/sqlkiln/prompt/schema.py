"""The schema of a database as a model is to know it."""

from __future__ import annotations

from sqlkiln.core.plugins import Database
from sqlkiln.core.records import DatabaseSchema
from sqlkiln.sql.implied_keys import with_implied_keys


def read_schema(database: Database, samples: int = 3) -> DatabaseSchema:
    """That of `database`; if no foreign key is declared, with those that its values imply.

    Raises:
        DatabaseUnreadable: if it cannot be read.
    """
    return with_implied_keys(database.schema(samples), database)
