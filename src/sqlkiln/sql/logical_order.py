"""Write a query in the order in which it is worked out, FROM before SELECT, and turn it back.

    SELECT T2.name FROM concert AS T1 JOIN singer AS T2 ON ... WHERE ... ORDER BY ...
    FROM concert AS T1 JOIN singer AS T2 ON ... SELECT T2.name WHERE ... ORDER BY ...

In this order a model has named its tables before it names a column of them, in every subquery and
CTE and on both sides of a set operation too. It is DuckDB's own FROM-first syntax, so that DuckDB
runs it as it is, and nothing but clauses moves: names, quotes and literals stay as written.

It moves tokens and needs no parse, so that what a model wrote wrong goes to the database as well:
the database is to tell what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlkiln.sql.clauses import Clause, first_statement, rearranged


def from_first(sql: str, dialect: str = "sqlite") -> str:
    """Put the FROM clause of every query in `sql` before its SELECT, and all on one line.

    Text that cannot be cut into tokens comes back as it is.
    """
    return rearranged(sql, dialect, _from_before_select)


def select_first(sql: str, dialect: str = "sqlite") -> str:
    """Undo `from_first`; a query that starts with SELECT already keeps its order.

    A query without SELECT shows all its columns, as in DuckDB. The WHERE, GROUP BY and HAVING
    clauses may stand before or after the SELECT.
    """
    return rearranged(sql, dialect, _select_before_from)


def one_line(sql: str, dialect: str = "sqlite") -> str:
    """The first statement in `sql` without comments, semicolon and the spaces that mean nothing.

    A line break stays only where it is within quotes.
    """
    tokens = first_statement(sql, dialect)
    return sql.strip() if tokens is None else "".join(token.text for token in tokens)


def _from_before_select(clauses: Sequence[Clause], depth: int) -> str:
    kinds = [clause.kind for clause in clauses]
    if "select" in kinds and _is_query(clauses):
        select, source = kinds.index("select"), kinds.index("from")
        end = next((i for i, k in enumerate(kinds) if i > source and k != "join"), len(kinds))
        if select < source:
            clauses = [
                *clauses[:select],
                *clauses[source:end],
                *clauses[select:source],
                *clauses[end:],
            ]
    return joined(clauses)


def _select_before_from(clauses: Sequence[Clause], depth: int) -> str:
    kinds = [clause.kind for clause in clauses]
    if _is_query(clauses):
        source = kinds.index("from")
        select = kinds.index("select") if "select" in kinds else -1
        shown = clauses[select] if select >= 0 else Clause("select", ["SELECT *"])
        if select < 0 or select > source:
            rest = [clause for clause in clauses if clause is not shown]
            clauses = [*rest[:source], shown, *rest[source:]]
    return joined(clauses)


def joined(clauses: Sequence[Clause]) -> str:
    """The text of the clauses as they stand."""
    return " ".join(clause.text for clause in clauses)


def _is_query(clauses: Sequence[Clause]) -> bool:
    """Whether the clauses have a FROM, and it is that of a query, not of EXTRACT or TRIM."""
    starts = [clause.text.upper() for clause in clauses if clause.kind == "start"]
    has_from = any(clause.kind == "from" for clause in clauses)
    return has_from and all(start.startswith("WITH") for start in starts)
