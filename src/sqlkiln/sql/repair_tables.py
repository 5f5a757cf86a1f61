"""Read another table where one is read alone that lacks the columns used."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from sqlkiln.sql.repair_joins import owners_of
from sqlkiln.sql.repair_statement import Read, Statement
from sqlkiln.sql.repair_text import Edit, Fix, Mend, and_list, fold, listed, place


def wrong_table(statement: Statement) -> Mend | None:
    """Read another table where one is read alone, and all columns used are in that other one.

    It takes two columns of the other table, and none of the one read, to say that another was
    meant; else a join comes first. A table that does not exist speaks for nothing.
    """
    return _first(statement, before_joins=True)


def wrong_table_anyway(statement: Statement) -> Mend | None:
    """The same on less evidence, where no join is to be had."""
    return _first(statement, before_joins=False)


def _first(statement: Statement, before_joins: bool) -> Mend | None:
    for select in statement.selects:
        reads = statement.reads(select)
        if len(reads) != 1 or not isinstance(reads[0].node, exp.Table):
            continue
        read = reads[0]
        if read.table is None and not statement.is_unknown_table(read.node):
            continue
        used = [c for c in statement.columns if _may_be_of(statement, c, select, read)]
        if read.table is None or _is_not_meant(statement, select, used, before_joins):
            mend = _replaced(statement, read, used)
            if mend is not None:
                return mend
    return None


def _is_not_meant(
    statement: Statement, select: exp.Select, used: Sequence[exp.Column], before_joins: bool
) -> bool:
    """Whether the columns `used` show that a table is read by mistake.

    Whoever counts its rows, or shows all of its columns, means it.
    """
    counted = (c for c in select.find_all(exp.Count) if c.find_ancestor(exp.Select) is select)
    if any(isinstance(c.this, exp.Star) for c in counted):
        return False
    if any(shown.is_star for shown in select.selects):
        return False
    lacking = {fold(c.name) for c in used if statement.find(c).status == "missing"}
    names = {fold(column.name) for column in used}
    if before_joins and any(c.table and statement.find(c).read is None for c in used):
        return False
    return len(names) > 1 and (not before_joins or names == lacking)


def _replaced(statement: Statement, read: Read, used: Sequence[exp.Column]) -> Mend | None:
    lacking = [c for c in used if read.table is None or statement.find(c).status == "missing"]
    if not lacking or not all(isinstance(column.this, exp.Identifier) for column in used):
        return None
    own = fold(read.table.name) if read.table else ""
    owners = frozenset.intersection(*(owners_of(statement.schema, c.name) for c in used)) - {own}
    where = place(read.node.this)
    if len(owners) != 1 or where is None:
        return None
    table = statement.tables[next(iter(owners))]
    name = statement.quoted(table.name)
    edits = [Edit(*where, name)]
    aliased = read.node.args.get("alias") is not None
    for column in used:
        qualifier = place(column.args.get("table"))
        if qualifier is not None and fold(column.table) != fold(table.name) and not aliased:
            edits.append(Edit(*qualifier, name))
        elif qualifier is not None and aliased:
            edits.append(Edit(*qualifier, statement.called(read)))
    names = list(listed(column.name for column in lacking))
    is_column = "is a column" if len(names) == 1 else "are columns"
    written = statement.written(read.node.this)
    detail = f"read {table.name} instead of {written}, since {and_list(names)} {is_column} of it"
    return Mend(Fix("wrong_table", detail), tuple(edits))


def _may_be_of(statement: Statement, column: exp.Column, select: exp.Select, read: Read) -> bool:
    """Whether `column` is of `read`, or of nothing that is read while it stands in `select`."""
    if not column.table and not isinstance(column.this, exp.Identifier):
        return False
    found = statement.find(column)
    if found.status == "missing" and found.read is None:
        return statement.levels(column)[0] is select
    return found.read is read
