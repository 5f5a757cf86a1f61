"""Plant faults in UNION, INTERSECT and EXCEPT."""

from __future__ import annotations

from sqlglot import exp

from planting.target import Target, conjuncts, set_conditions

_COMBINED = (exp.Union, exp.Intersect, exp.Except)


def other_set_op(target: Target) -> bool:
    """UNION for INTERSECT, EXCEPT for UNION, and so on."""
    node = target.tree.find(exp.SetOperation)
    if node is None:
        return False
    kinds = [kind for kind in _COMBINED if not isinstance(node, kind)]
    arguments = {**node.args, "distinct": True}
    _put(target, node, target.random.choice(kinds)(**arguments))
    return True


def branch_left_out(target: Target) -> bool:
    """Only one of the two queries."""
    node = target.tree.find(exp.SetOperation)
    if node is None:
        return False
    _put(target, node, target.random.choice([node.left, node.right]))
    return True


def branches_swapped(target: Target) -> bool:
    """What should be taken away is kept, and the other way round."""
    node = target.tree.find(exp.Except)
    if node is None or node.left == node.right:
        return False
    left, right = node.left.copy(), node.right.copy()
    node.set("this", right)
    node.set("expression", left)
    return True


def duplicates_kept(target: Target) -> bool:
    """UNION ALL for UNION."""
    node = target.tree.find(exp.Union)
    if node is None or not node.args.get("distinct"):
        return False
    node.set("distinct", False)
    return True


def branches_merged(target: Target) -> bool:
    """Both conditions in one WHERE: `a = 1 AND a = 2` for INTERSECT, OR, AND NOT."""
    node = target.tree.find(exp.SetOperation)
    if node is None or not (
        isinstance(node.left, exp.Select) and isinstance(node.right, exp.Select)
    ):
        return False
    sides = [
        conjuncts(one.args["where"].this) if one.args.get("where") else []
        for one in (node.left, node.right)
    ]
    left, right = node.left.copy(), node.right.copy()
    for select in (left, right):
        select.set("where", None)
    if left != right or not sides[1]:
        return False
    extra = [c for c in sides[1] if c not in sides[0]]
    word = exp.or_ if isinstance(node, exp.Union) and target.random.random() < 0.3 else exp.and_
    if not extra:
        return False
    second = exp.and_(*extra)
    if isinstance(node, exp.Except):
        second = exp.not_(second)
    both = word(exp.and_(*sides[0]), second) if sides[0] else second
    set_conditions(left, "where", [both])
    _put(target, node, left)
    return True


def set_op_added(target: Target) -> bool:
    """The result is combined with that of the same query without its condition."""
    select = target.shown_select()
    where = select.args.get("where") if select else None
    if select is None or where is None or select.args.get("limit") or select.args.get("order"):
        return False
    conditions = conjuncts(where.this)
    other = select.copy()
    if len(conditions) > 1:
        set_conditions(select, "where", conditions[:1])
        set_conditions(other, "where", [c.copy() for c in conditions[1:]])
        kind = exp.Union
    else:
        other.set("where", None)
        kind = target.random.choice([exp.Union, exp.Except])
    target.tree = kind(this=select, expression=other, distinct=True)
    return True


def _put(target: Target, old: exp.Expr, other: exp.Expr) -> None:
    """Replace a query, wherever it stands."""
    if old is target.tree:
        target.tree = other.copy()
    else:
        old.replace(other.copy())
