"""Names that the database refuses for want of double quotes, though sqlglot takes them as they are.

Both lists hold what SQLite and DuckDB were seen to refuse. A word that sqlglot does not take for a
name either (`SELECT a FROM where`) is not among them: such a query cannot be read at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sqlglot
from sqlglot import TokenType, exp
from sqlglot.errors import SqlglotError

from sqlkiln.core.records import DatabaseSchema
from sqlkiln.sql.repair_text import Edit, Fix, Mend, fold, place, quote_identifier

IN_SQLITE = frozenset(
    """ADD ALL ALTER AND AS AUTOINCREMENT BETWEEN CASE CHECK COLLATE COMMIT CONSTRAINT CREATE
    DEFAULT DEFERRABLE DELETE DISTINCT DROP ELSE ESCAPE EXCEPT EXISTS FOREIGN FROM GROUP HAVING IN
    INDEX INSERT INTERSECT INTO IS ISNULL JOIN LIMIT NOTHING NOTNULL NULL ON OR ORDER PRIMARY
    REFERENCES SET TABLE THEN TO TRANSACTION UNION UNIQUE UPDATE USING VALUES WHEN WHERE""".split()
)
"""Wherever a name stands."""

COLUMNS_IN_DUCKDB = frozenset(
    """ANALYSE ANALYZE ASC ASYMMETRIC BOTH CHECK COLLATE COLUMN CONSTRAINT DEFAULT DEFERRABLE DESC
    DESCRIBE DO END FOREIGN GROUP IN INITIALLY LEADING LIMIT OFFSET ORDER PLACING PRIMARY
    REFERENCES SHOW SOME SYMMETRIC TABLE TO TRAILING UNIQUE VARIADIC WINDOW""".split()
)
"""Where a column stands with nothing in front of it."""

TABLES_IN_DUCKDB = COLUMNS_IN_DUCKDB | frozenset(
    """ALL ANTI ANY ARRAY ASOF AUTHORIZATION BINARY CASE CAST COLLATION CONCURRENTLY FALSE FREEZE
    FULL IS ISNULL LEFT NATURAL OVERLAPS RIGHT SEMI SIMILAR TRUE VERBOSE""".split()
)
"""Where a table or its alias stands."""


def ill_quoted(
    tree: exp.Query, columns: Sequence[exp.Column], schema: DatabaseSchema
) -> Iterator[exp.Expr]:
    """Names that stand in quotes of the wrong kind, or are words of SQL and in no quotes.

    Only what `tree` can mean: columns and tables of `schema`, and what the query itself names.
    """
    is_sqlite = schema.dialect == "sqlite"
    aliases = [a.args.get("alias") for a in tree.find_all(exp.Alias)]
    known = {fold(c.name) for table in schema.tables for c in table.columns}
    known |= {fold(alias.name) for alias in aliases if alias is not None}
    for column in columns:
        if fold(column.this.name) in known and _is_ill_quoted(column.this, is_sqlite):
            yield column.this
    called = [alias.this for alias in tree.find_all(exp.TableAlias) if alias.this is not None]
    tables = {fold(table.name) for table in schema.tables} | {fold(name.name) for name in called}
    read = [table.this for table in tree.find_all(exp.Table) if len(table.parts) == 1]
    in_front = [c.args["table"] for c in tree.find_all(exp.Column) if c.args.get("table")]
    words = IN_SQLITE if is_sqlite else TABLES_IN_DUCKDB
    for name in (*called, *read, *in_front):
        if fold(name.name) in tables and _is_word(name, words):
            yield name
    for alias in aliases if is_sqlite else ():
        if alias is not None and _is_word(alias, IN_SQLITE):
            yield alias


def quoted_as_one(sql: str, schema: DatabaseSchema) -> Mend | None:
    """`"Order.Total"` as `"Order".Total`: SQLite takes it for a text, as no column is called so."""
    tables = {fold(table.name): table for table in schema.tables}
    names = {fold(column.name) for table in schema.tables for column in table.columns}
    try:
        tokens = sqlglot.tokenize(sql, dialect=schema.dialect)
    except SqlglotError:
        return None
    edits, written = [], ""
    for token in tokens:
        table, dot, name = token.text.partition(".")
        if token.token_type != TokenType.IDENTIFIER or not dot or fold(token.text) in names:
            continue
        owner = tables.get(fold(table))
        if owner is None or fold(name) not in {fold(column.name) for column in owner.columns}:
            continue
        written = f"{quote_identifier(table)}.{quote_identifier(name)}"
        edits.append(Edit(token.start, token.end + 1, written))
    if not edits:
        return None
    detail = f"put table and column in quotes of their own, in {written}"
    return Mend(Fix("quoting", detail), tuple(edits))


def _is_ill_quoted(name: exp.Expr, is_sqlite: bool) -> bool:
    bare = not name.parent or not name.parent.args.get("table")
    if isinstance(name, exp.Literal):
        return place(name) is not None and not is_sqlite and not bare
    words = IN_SQLITE if is_sqlite else COLUMNS_IN_DUCKDB if bare else frozenset()
    return _is_word(name, words)


def _is_word(name: exp.Expr, words: frozenset[str]) -> bool:
    """Whether `name` is one of `words` and stands in the text in no quotes."""
    plain = isinstance(name, exp.Identifier) and not name.args.get("quoted")
    return plain and place(name) is not None and name.name.upper() in words
