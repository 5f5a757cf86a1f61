"""Plant faults in how tables are joined: by other columns, by none, or keeping too many rows."""

from __future__ import annotations

from sqlglot import exp

from planting.tables import End, key_of
from planting.target import Target, is_key_like, rename


def other_key(target: Target) -> bool:
    """One side of a join is another column that looks like a key."""
    for equal, ends in _join_equalities(target):
        for column, use in target.shuffled(ends):
            others = [
                c.name
                for c in use.table.columns
                if c.name.lower() != column.name.lower() and is_key_like(c)
            ]
            name = target.some(others)
            if name is not None:
                rename(column, name)
                return equal is not None
    return False


def any_other_column(target: Target) -> bool:
    """One side of a join is any other column of its table."""
    for _, ends in _join_equalities(target):
        column, use = target.random.choice(ends)
        other = target.other_column(column, use, alike=False)
        if other is not None:
            rename(column, other.name)
            return True
    return False


def both_keys(target: Target) -> bool:
    """Two tables are joined by their primary keys, as if they numbered the same things."""
    for _, ends in _join_equalities(target):
        keys = [key_of(use.table) for _, use in ends]
        names = [column.name.lower() for column, _ in ends]
        if [key.lower() for key in keys] != names:
            for (column, _), key in zip(ends, keys, strict=True):
                rename(column, key)
            return True
    return False


def key_left_out(target: Target) -> bool:
    """Two tables are joined by nothing."""
    for equal, _ in _join_equalities(target):
        join = equal.find_ancestor(exp.Join)
        if join is not None and join.args.get("on") is equal:
            join.set("on", None)
            return True
    return False


def outer_join(target: Target) -> bool:
    """Rows without a partner are kept by a LEFT JOIN that nobody asked for."""
    joins = [j for j in target.tree.find_all(exp.Join) if j.args.get("on") and not j.side]
    join = target.some(joins)
    if join is None:
        return False
    join.set("kind", None)
    join.set("side", "LEFT")
    return True


def other_member(target: Target) -> bool:
    """IN asks a nested query for another column, or about another column."""
    for member in target.shuffled(list(target.tree.find_all(exp.In))):
        query = member.args.get("query")
        inner = query.this if query is not None else None
        if not isinstance(inner, exp.Select) or len(inner.expressions) != 1:
            continue
        for column in target.shuffled([member.this, inner.expressions[0]]):
            use = target.owner(column) if isinstance(column, exp.Column) else None
            if use is None or inner.args.get("group"):
                continue
            other = target.other_column(column, use)
            if other is not None:
                rename(column, other.name)
                return True
    return False


def _join_equalities(target: Target) -> list[tuple[exp.Expr, list[End]]]:
    found = []
    for select in target.selects():
        owners = {id(column): owner for column, owner in target.columns(select)}
        for equal in target.own(select, exp.EQ):
            sides = [side for side in (equal.this, equal.expression) if id(side) in owners]
            ends = [(side, owners[id(side)]) for side in sides]
            if len(ends) == 2 and ends[0][1].node is not ends[1][1].node:
                found.append((equal, ends))
    return target.shuffled(found)
