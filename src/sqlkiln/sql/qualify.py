"""Write every column with its table in front, and take needless tables away again.

    SELECT Name FROM singer WHERE Age > 20
    SELECT singer.Name FROM singer WHERE singer.Age > 20

So a model says of each column where it is from as it names it, before it comes to FROM. Nothing
but names in front of dots is added or removed; a statement that cannot be parsed stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from sqlkiln.core.records import DatabaseSchema
from sqlkiln.sql.explain_names import Names, source_nodes
from sqlkiln.sql.parse import parse

_Edit = tuple[int, int, str]
"""From where to where in the text, and what is to stand there."""


def qualified(sql: str, schema: DatabaseSchema) -> str:
    """`sql` with the table or alias in front of every column whose table is known.

    Outputs that are called by their alias, and columns of a subquery without a name, stay bare.
    """
    tree = parse(sql, schema.dialect)
    if tree is None:
        return sql
    names = Names(tree, sql, schema.dialect, schema)
    return _edited(sql, (edit for c in tree.find_all(exp.Column) for edit in _added(c, names, sql)))


def _added(column: exp.Column, names: Names, sql: str) -> Iterable[_Edit]:
    start = column.this.meta.get("start")
    if column.table or start is None or names.is_text(column) or column.arg_key == "using":
        return
    owner, source = names.owner(column)
    if not isinstance(owner, exp.Select) or source is None or not source.alias:
        return
    if any(select is not owner for select in _around(column, owner, source.alias)):
        return
    node = next((n for n in source_nodes(owner) if _called(n) == source.alias), None)
    name = _written_name(node, sql) if node is not None else ""
    if name:
        yield start, start, f"{name}."


def _around(column: exp.Column, owner: exp.Select, alias: str) -> Iterable[exp.Expr]:
    """The queries from `column` out to `owner` that call a source `alias`."""
    select = column.find_ancestor(exp.Select)
    while isinstance(select, exp.Select):
        if any(_called(node) == alias for node in source_nodes(select)):
            yield select
        if select is owner:
            return
        select = select.find_ancestor(exp.Select)


def _called(node: exp.Expr) -> str:
    return str(node.alias_or_name).lower()


def _written_name(node: exp.Expr, sql: str) -> str:
    """What `node` is called, as it stands in `sql`, quotes and all."""
    alias = node.args.get("alias")
    identifier = alias.this if isinstance(alias, exp.TableAlias) and alias.this else node.this
    return _text(identifier, sql)


def _text(identifier: exp.Expr | None, sql: str) -> str:
    if not isinstance(identifier, exp.Identifier) or "start" not in identifier.meta:
        return ""
    return sql[identifier.meta["start"] : identifier.meta["end"] + 1]


def unqualified(sql: str, dialect: str) -> str:
    """`sql` without the table in front of columns wherever a query reads from one table only.

    It stays in front of names in quotes, which SQLite would take for text if the table had no
    such column, of names that are words of SQL, and of those that an output is called too.
    """
    tree = parse(sql, dialect)
    if tree is None:
        return sql
    edits = (
        edit
        for select in tree.find_all(exp.Select)
        if len(source_nodes(select)) == 1
        for edit in _removed(select, sql, dialect)
    )
    return _edited(sql, edits)


def _removed(select: exp.Select, sql: str, dialect: str) -> Iterable[_Edit]:
    called = _called(source_nodes(select)[0])
    outputs = {shown.alias.lower() for shown in select.selects if isinstance(shown, exp.Alias)}
    for column in select.find_all(exp.Column):
        own = column.find_ancestor(exp.Select) is select and len(column.parts) == 2
        if not own or not called or column.table.lower() != called:
            continue
        table, name = column.args["table"], column.this
        bare = isinstance(name, exp.Identifier) and not name.args.get("quoted")
        if bare and name.name.lower() not in outputs and _is_a_name(name.name, dialect):
            start, end = table.meta.get("start"), name.meta.get("start")
            if start is not None and end is not None:
                yield start, end, ""


def _is_a_name(word: str, dialect: str) -> bool:
    """Whether `word` is a column's name where it stands alone."""
    read = parse(f"SELECT {word}", dialect)
    shown = read.selects if isinstance(read, exp.Select) else []
    return len(shown) == 1 and isinstance(shown[0], exp.Column) and shown[0].name == word


def _edited(sql: str, edits: Iterable[_Edit]) -> str:
    for start, end, text in sorted(set(edits), reverse=True):
        sql = sql[:start] + text + sql[end:]
    return sql
