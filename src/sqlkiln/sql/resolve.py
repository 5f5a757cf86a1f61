"""Write every name in a query out: which table a column is of, as the schema spells it.

>>> resolved("SELECT T2.NAME FROM visit AS T1 JOIN museum AS T2 ON T1.mid = T2.id", schema).sql()
'SELECT museum.name FROM visit JOIN museum ON visit.mid = museum.id'

Tables keep an alias only where a query has one twice; columns have their table only where a query
reads from several. It reads SQL and never runs it.
"""

from __future__ import annotations

from sqlglot import exp
from sqlglot.dialects.sqlite import SQLite

from sqlkiln.core.errors import DataError
from sqlkiln.core.records import DatabaseSchema, Table
from sqlkiln.sql.explain_names import Names
from sqlkiln.sql.parse import parse

_ROW_IDS = {"rowid", "oid", "_rowid_"}
_NOT_BEFORE_A_DOT = {"CAST", "RAISE"}
"""Names that SQLite takes for a table as they are, but not in front of a column."""


def resolved(sql: str, schema: DatabaseSchema) -> exp.Query:
    """Parse `sql` and write its names out; text in double quotes becomes a string.

    Raises:
        DataError: if it is no query that can be parsed, or names what `schema` does not have.
    """
    tree = parse(sql, schema.dialect)
    if not isinstance(tree, exp.Query):
        raise DataError(f"not a query: {sql!r:.200} cannot be parsed; write one SELECT")
    names = Names(tree, sql, schema.dialect, schema)
    spelled = {table.name.lower(): table for table in schema.tables}
    withs = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    tables = [t for t in tree.find_all(exp.Table) if isinstance(t.this, exp.Identifier)]
    known = [table for table in tables if table.name.lower() not in withs]
    for table in known:
        if table.name.lower() not in spelled:
            listed = ", ".join(table.name for table in schema.tables)
            raise DataError(
                f"no such table: {table.name!r} is not among {listed}; "
                "correct the SQL or the schema"
            )
    sources = {id(table): names.source(table) for table in known}
    columns = list(tree.find_all(exp.Column))
    for column, written in [(column, _column(column, names, spelled)) for column in columns]:
        if written is not column:
            column.replace(written)
    for table in known:
        _name(table, spelled[table.name.lower()].name)
        if sources[id(table)].shown == sources[id(table)].name:
            table.set("alias", None)
    return tree


def _column(column: exp.Column, names: Names, tables: dict[str, Table]) -> exp.Expr:
    if names.is_text(column):
        return exp.Literal.string(column.name)
    if isinstance(column.this, exp.Star) and not column.table:
        return column
    select, source = names.owner(column)
    if source is None or source.columns is None:
        _check_unowned(column, names)
        return column
    written = column.copy()
    table = tables.get(source.name.strip('"').lower())
    if isinstance(column.this, exp.Identifier):
        low = column.name.lower()
        if low not in source.columns and low not in _ROW_IDS:
            raise DataError(
                f"no such column: {source.name} has no {column.name!r}, only "
                f"{', '.join(source.columns)}; correct the SQL or the schema"
            )
        spellings = {c.name.lower(): c.name for c in table.columns} if table else {}
        _name(written, spellings.get(low, column.name))
    several = select is not None and len(names.sources(select)) > 1
    outer = select is not column.find_ancestor(exp.Select)
    starred = isinstance(column.this, exp.Star)
    owner = table.name if table and source.shown == source.name else source.shown.strip('"')
    needed = (several or outer or starred) and source.alias
    written.set("table", _identifier(owner) if needed else None)
    return written


def _name(node: exp.Expr, name: str) -> None:
    node.set("this", _identifier(name, bool(node.this.args.get("quoted"))))


def _identifier(name: str, was_quoted: bool = False) -> exp.Identifier:
    plain = name.isidentifier() and name.upper() not in SQLite.Tokenizer.KEYWORDS
    needed = name.upper() in _NOT_BEFORE_A_DOT or (was_quoted and not plain)
    return exp.to_identifier(name, quoted=needed or None)


def _check_unowned(column: exp.Column, names: Names) -> None:
    """Let pass an output's alias, and what may come from a source whose columns are unknown."""
    select = column.find_ancestor(exp.Select)
    query = column.find_ancestor(exp.Select, exp.SetOperation)
    outputs = [
        projection.alias_or_name.lower()
        for projection in (query.selects if isinstance(query, exp.Query) else ())
        if isinstance(projection, exp.Alias) or not isinstance(query, exp.Select)
    ]
    if not column.table and column.name.lower() in outputs:
        return
    while select is not None:
        if any(source.columns is None for source in names.sources(select)):
            return
        select = select.find_ancestor(exp.Select)
    raise DataError(
        f"no such column: {column.sql()!r} is in no table of its query, or in several; "
        "correct the SQL or the schema"
    )
