"""One hostile statement of the red team: what it tries and what must stop it.

`{table}` and `{column}` stand for a real table and column of the database under attack, `{canary}`
for a path where nothing may appear. A statement that an engine may answer with rows carries the
reason why those rows do no harm.
"""

from dataclasses import dataclass

from sqlkiln.core.errors import (
    QueryError,
    QueryTimeout,
    ResourceExceeded,
    SQLSyntaxError,
    StatementRefused,
    UnknownName,
)

Errors = tuple[type[QueryError], ...]

BOTH, SQLITE, DUCKDB = ("sqlite", "duckdb"), ("sqlite",), ("duckdb",)

REFUSED: Errors = (StatementRefused,)
REFUSED_OR_UNPARSED: Errors = (StatementRefused, SQLSyntaxError)
REFUSED_OR_UNKNOWN: Errors = (StatementRefused, SQLSyntaxError, UnknownName)
CUT_OFF: Errors = (QueryTimeout, ResourceExceeded)
CUT_OFF_OR_UNPARSED: Errors = (QueryTimeout, ResourceExceeded, SQLSyntaxError)


@dataclass(frozen=True)
class Attack:
    """One hostile statement. It must fail with one of `stopped_by`, or be `harmless` (and why)."""

    name: str
    category: str
    sql: str
    dialects: tuple[str, ...]
    stopped_by: Errors
    harmless: str = ""


def group(
    category: str, dialects: tuple[str, ...], stopped_by: Errors, statements: dict[str, str]
) -> tuple[Attack, ...]:
    """Attacks that differ in name and statement only."""
    return tuple(
        Attack(f"{category}: {name}", category, sql, dialects, stopped_by)
        for name, sql in statements.items()
    )
