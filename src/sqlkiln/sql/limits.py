"""Does a LIMIT leave it open which rows come back? Found by running the statement in parts.

A LIMIT without ORDER BY may keep any rows, and one that cuts through rows which tie on the sort
keys may keep any of these. Both are looked for in the statement and in each of its subqueries
that stands on its own. Not looked for: subqueries that refer to the query around them, LIMITs
that are no numbers, DISTINCT sorted by what it does not return, and other things that depend on
the order of rows, such as columns beside an aggregate or numbered by a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from sqlkiln.core.errors import QueryError
from sqlkiln.core.plugins import Database, QueryResult
from sqlkiln.core.records import Row
from sqlkiln.sql.compare import OrderedRows
from sqlkiln.sql.multiset import canonical, cells_close
from sqlkiln.sql.parse import keyed_query, parse


@dataclass(frozen=True)
class LimitedQuery:
    """A query with a LIMIT: the statement itself, or a subquery of it as a statement."""

    sql: str
    is_whole: bool


def limited_queries(sql: str, dialect: str = "sqlite") -> tuple[LimitedQuery, ...]:
    """The queries in `sql` that have a LIMIT; those inside EXISTS, where it matters not, left out.

    A subquery takes the WITH of the statement along.
    """
    tree = parse(sql, dialect)
    if tree is None:
        return ()
    found = []
    for query in tree.find_all(exp.Select, exp.SetOperation):
        if query.args.get("limit") is None or isinstance(query.parent, exp.Exists):
            continue
        alone = query.copy()
        if query is not tree and tree.args.get("with_") and not alone.args.get("with_"):
            alone.set("with_", tree.args["with_"].copy())
        found.append(LimitedQuery(alone.sql(dialect=dialect), query is tree))
    return tuple(found)


def open_choice(sql: str, database: Database) -> str:
    """Say which LIMIT in `sql` leaves open which rows it keeps; '' if none was found to."""
    for query in limited_queries(sql, database.dialect):
        try:
            reason = _open_choice(query.sql, database)
        except QueryError:
            continue
        if reason:
            return reason if query.is_whole else f"{reason}, in a subquery"
    return ""


def _open_choice(sql: str, database: Database) -> str:
    tree = parse(sql, database.dialect)
    if tree is None or tree.args.get("order") is None:
        return _unordered_choice(tree, database)
    result = database.execute(sql)
    query = keyed_query(sql, result.columns, database.dialect)
    if query is None or query.limit is None:
        return ""
    found = database.execute(query.sql)
    width = len(result.columns)
    if len(found.columns) != width + query.appended:
        return ""
    rows = [row[:width] for row in found.rows]
    keys = [tuple(row[position] for position in query.keys) for row in found.rows]
    tied = cut_tie(OrderedRows(rows, keys, query.offset, query.limit))
    return f"LIMIT cuts through {tied} rows that tie" if tied else ""


def _unordered_choice(tree: exp.Expr | None, database: Database) -> str:
    limit = tree.args["limit"].expression if tree else None
    if tree is None or not isinstance(limit, exp.Literal) or not limit.is_int:
        return ""
    for clause in ("limit", "offset"):
        tree.set(clause, None)
    found = database.execute(tree.sql(dialect=database.dialect))
    if len(found.rows) <= int(limit.name) or not _differ(found.rows):
        return ""
    return f"LIMIT without ORDER BY keeps {limit.name} of {_count(found)} rows"


def _count(result: QueryResult) -> str:
    return f"{len(result.rows)}{' and more' if result.truncated else ''}"


def cut_tie(query: OrderedRows) -> int:
    """How many rows tie where LIMIT or OFFSET cuts; 0 if none do, or all that do are the same."""
    ends = [query.offset] if query.limit is None else [query.offset, query.offset + query.limit]
    for end in ends:
        if 0 < end < len(query.rows) and query.limit != 0:
            first, last = _tied_around(query.keys, end)
            if first < end and _differ(query.rows[first:last]):
                return last - first
    return 0


def _tied_around(keys: Sequence[Row], place: int) -> tuple[int, int]:
    """The half-open range of rows whose keys tie with those at `place`."""

    def ties(other: int) -> bool:
        return all(map(cells_close, keys[place], keys[other]))

    first, last = place, place + 1
    while first > 0 and ties(first - 1):
        first -= 1
    while last < len(keys) and ties(last):
        last += 1
    return first, last


def _differ(rows: Sequence[Row]) -> bool:
    return len(set(canonical(rows))) > 1
