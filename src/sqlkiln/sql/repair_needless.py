"""Leave out what a query read only for a column that turned out to be of another table.

    SELECT e.name FROM employee AS e JOIN history AS h ON e.id = h.id WHERE h.salary > 5

Once `salary` is said to be of `e`, nothing of `h` is used but what joins it.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlglot import exp

from sqlkiln.sql.repair_joins import is_in_on
from sqlkiln.sql.repair_keys import start_of_join
from sqlkiln.sql.repair_statement import Read, Statement
from sqlkiln.sql.repair_text import Edit, Fix, Mend, fold, place


def needless_join(statement: Statement, left: Collection[str]) -> Mend | None:
    """Leave one of the things called `left` out, if only one join is about it and nothing else.

    Then what it was joined to is left behind too, and may be needless in its turn.
    """
    names = {fold(alias) for alias in left}
    for select in statement.selects:
        reads = [read for read in statement.reads(select) if fold(read.alias) in names]
        if len(statement.reads(select)) < 2 or _may_need_the_join(select):
            continue
        for read in reads:
            mend = _left_out(statement, select, read)
            if mend is not None:
                return mend
    return None


def _may_need_the_join(select: exp.Select) -> bool:
    """Whether a join says something by itself in `select`, or it cannot be told.

    It does where rows are counted, where all columns are shown, where DISTINCT undoes that rows
    are repeated, and where it says which rows EXCEPT takes away or INTERSECT keeps.
    """
    counted = (c for c in select.find_all(exp.Count) if c.find_ancestor(exp.Select) is select)
    return (
        select.args.get("distinct") is not None
        or select.find_ancestor(exp.Except, exp.Intersect) is not None
        or any(isinstance(count.this, exp.Star) for count in counted)
        or any(shown.is_star for shown in select.selects)
        or any(join.args.get("using") or join.method for join in select.args.get("joins") or ())
    )


def _left_out(statement: Statement, select: exp.Select, read: Read) -> Mend | None:
    uses = [column for column in statement.columns if statement.find(column).read is read]
    joins = {id(j): j for c in uses if isinstance(j := c.find_ancestor(exp.Join), exp.Join)}
    if len(joins) != 1 or not all(is_in_on(column) for column in uses):
        return None
    join = next(iter(joins.values()))
    on = join.args.get("on")
    start = start_of_join(statement, join)
    if not isinstance(on, exp.EQ) or start is None or join.parent is not select:
        return None
    others = [
        found.read
        for side in (on.this, on.expression)
        if isinstance(side, exp.Column) and (found := statement.find(side)).read is not read
    ]
    end = place(on.expression.this) if isinstance(on.expression, exp.Column) else None
    if len(others) != 1 or others[0] is None or end is None:
        return None
    if join.this is read.node:
        edits: tuple[Edit, ...] = (Edit(len(statement.sql[:start].rstrip()), end[1], ""),)
    elif _is_first(select, read, join):
        edits = _without_first(statement, read, join, end[1])
    else:
        return None
    detail = f"left out {statement.called(read)}, since nothing else was to come from it"
    return Mend(Fix("needless_join", detail), edits, (others[0].alias,))


def _is_first(select: exp.Select, read: Read, join: exp.Join) -> bool:
    start, joins = select.args.get("from_"), list(select.args.get("joins") or ())
    return start is not None and start.this is read.node and bool(joins) and joins[0] is join


def _without_first(statement: Statement, read: Read, join: exp.Join, end: int) -> tuple[Edit, ...]:
    """Begin FROM with what was joined first, without its condition."""
    alias = join.this.args.get("alias")
    named = alias.this if isinstance(alias, exp.TableAlias) and alias.this else join.this.this
    first, second, name = place(read.node.this), place(join.this.this), place(named)
    if first is None or second is None or name is None:
        return ()
    return Edit(first[0], second[0], ""), Edit(name[1], end, "")
