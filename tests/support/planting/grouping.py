"""Plant faults in how rows are grouped, sorted and cut off."""

from __future__ import annotations

from sqlglot import exp

from planting.outputs import rename_one_of, shown_aggregates, shown_columns, turn_function
from planting.target import Target, column_node

# --------------------------------------------------------------------------- groups


def group_left_out(target: Target) -> bool:
    """GROUP BY is forgotten."""
    groups = [s for s in target.selects() if s.args.get("group") and not s.args.get("having")]
    select = target.some(groups)
    if select is None:
        return False
    select.set("group", None)
    return True


def other_group(target: Target) -> bool:
    """Rows are grouped by another column."""
    columns = [
        node
        for group in target.tree.find_all(exp.Group)
        for node in group.expressions
        if isinstance(node, exp.Column)
    ]
    return rename_one_of(target, target.shuffled(columns))


def finer_group(target: Target) -> bool:
    """Rows are grouped by one column more."""
    for select in target.shuffled(target.selects()):
        group = select.args.get("group")
        if group:
            return _group_by_one_more(target, select, group.expressions)
    return False


def group_added(target: Target) -> bool:
    """Rows are grouped where one result for all was asked for."""
    select = target.shown_select()
    if select is None or select.args.get("group") or not shown_aggregates(target):
        return False
    return _group_by_one_more(target, select, [])


def _group_by_one_more(target: Target, select: exp.Select, terms: list[exp.Expr]) -> bool:
    uses = target.uses(select)
    there = {term.name.lower() for term in terms}
    free = [(use, c.name) for use in uses for c in use.table.columns if c.name.lower() not in there]
    chosen = target.some(free)
    if chosen is None:
        return False
    extra = column_node(chosen[1], chosen[0].alias if len(uses) > 1 else "")
    select.set("group", exp.Group(expressions=[*terms, extra]))
    return True


# --------------------------------------------------------------------------- order and limit


def _orders(target: Target) -> list[exp.Expr]:
    """The ORDER BY clauses that matter: the outermost, and those with a LIMIT."""
    found = []
    for order in target.tree.find_all(exp.Order):
        if order.parent is target.tree or (order.parent and order.parent.args.get("limit")):
            found.append(order)
    return target.shuffled(found)


def direction_turned(target: Target) -> bool:
    """Ascending for descending, or the other way round."""
    for order in _orders(target):
        ordered = target.random.choice(order.expressions)
        ordered.set("desc", not ordered.args.get("desc"))
        return True
    return False


def order_left_out(target: Target) -> bool:
    """ORDER BY is forgotten, LIMIT is not."""
    for order in _orders(target):
        order.pop()
        return True
    return False


def other_order(target: Target) -> bool:
    """Rows are sorted by another column."""
    columns = [
        ordered.this
        for order in _orders(target)
        for ordered in order.expressions
        if isinstance(ordered.this, exp.Column)
    ]
    return rename_one_of(target, columns)


def order_by_output(target: Target) -> bool:
    """Rows are sorted by a column that is shown, instead of by how many or how much."""
    select = target.shown_select()
    order = select.args.get("order") if select else None
    columns = shown_columns(target)
    if order is None or not columns:
        return False
    for ordered in order.expressions:
        if ordered.find(exp.AggFunc):
            ordered.set("this", columns[0].copy())
            return True
    return False


def other_measure_in_order(target: Target) -> bool:
    """Groups are sorted by another aggregate."""
    for order in _orders(target):
        for node in order.find_all(exp.AggFunc):
            if turn_function(target, node):
                return True
    return False


def limit_left_out(target: Target) -> bool:
    """LIMIT is forgotten."""
    limit = target.some(list(target.tree.find_all(exp.Limit)))
    if limit is None:
        return False
    limit.pop()
    return True


def other_limit(target: Target) -> bool:
    """Another number of rows."""
    for limit in target.shuffled(list(target.tree.find_all(exp.Limit))):
        if isinstance(limit.expression, exp.Literal):
            numbers = [n for n in (1, 2, 3, 5, 10) if str(n) != limit.expression.this]
            limit.set("expression", exp.Literal.number(target.random.choice(numbers)))
            return True
    return False


def limit_added(target: Target) -> bool:
    """Only the first rows, where all were asked for."""
    if target.tree.args.get("limit"):
        return False
    number = exp.Literal.number(target.random.choice([1, 3, 5]))
    target.tree.set("limit", exp.Limit(expression=number))
    return True


def first_skipped(target: Target) -> bool:
    """The second row for the first."""
    if not target.tree.args.get("limit"):
        return False
    target.tree.set("offset", exp.Offset(expression=exp.Literal.number(1)))
    return True
