"""Buckets: what the SQL of a question has to do, from the simplest to the hardest.

A statement belongs to the first bucket that fits, tried in this order: `set` (UNION, INTERSECT,
EXCEPT), `nested` (a query inside it), `join` (two tables or more), `group_having`, `order_limit`,
`aggregate`, `filter` (WHERE), `projection` (none of these). SQL that cannot be parsed is `other`.
"""

from __future__ import annotations

from sqlglot import exp

from sqlkiln.sql.parse import parse


def bucket(sql: str, dialect: str = "sqlite") -> str:
    """The bucket of a statement."""
    tree = parse(sql, dialect)
    if tree is None or not isinstance(tree, exp.Query):
        return "other"
    if tree.find(exp.SetOperation):
        return "set"
    if len(list(tree.find_all(exp.Select))) > 1:
        return "nested"
    if tree.find(exp.Join) or len(list(tree.find_all(exp.Table))) > 1:
        return "join"
    if tree.find(exp.Group, exp.Having):
        return "group_having"
    if tree.find(exp.Order, exp.Limit):
        return "order_limit"
    if tree.find(exp.AggFunc):
        return "aggregate"
    return "filter" if tree.find(exp.Where) else "projection"


def copies(times: float, lot: float) -> int:
    """How often to show a row whose weight says `times`: the part after the point is a chance.

    `lot` in [0, 1) is the row's own draw, so that 2.5 gives 2 to one half of the rows and 3 to
    the other.
    """
    whole = int(times)
    return whole + (lot < times - whole)
