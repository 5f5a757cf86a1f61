"""Plant faults in what is shown: columns, aggregates, DISTINCT."""

from __future__ import annotations

from sqlglot import exp

from planting.target import Target, column_node, is_number, rename

_FUNCTIONS = (exp.Sum, exp.Avg, exp.Max, exp.Min)

# --------------------------------------------------------------------------- output columns


def shown_columns(target: Target) -> list[exp.Column]:
    """The output columns that are columns, not under an aggregate, in any order."""
    select = target.shown_select()
    shown = [one.unalias() for one in select.expressions] if select else []
    return target.shuffled([c for c in shown if isinstance(c, exp.Column) and not c.is_star])


def other_output(target: Target) -> bool:
    """Another column of the same table is shown."""
    return rename_one_of(target, shown_columns(target))


def other_measure(target: Target) -> bool:
    """The aggregate is taken of another column."""
    return rename_one_of(
        target,
        [node.this for node in shown_aggregates(target) if isinstance(node.this, exp.Column)],
    )


def rename_one_of(target: Target, columns: list[exp.Column]) -> bool:
    for column in columns:
        use = target.owner(column)
        other = target.other_column(column, use) if use else None
        if other is not None:
            rename(column, other.name)
            return True
    return False


def output_left_out(target: Target) -> bool:
    """One of the columns asked for is not shown."""
    select = target.shown_select()
    if select is None or len(select.expressions) < 2:
        return False
    select.expressions[target.random.randrange(len(select.expressions))].pop()
    return True


def output_added(target: Target) -> bool:
    """A column is shown that nobody asked for."""
    select = target.shown_select()
    uses = target.uses(select) if select else []
    if select is None or not uses or select.args.get("distinct"):
        return False
    use = target.random.choice(uses)
    name = target.random.choice(use.table.columns).name
    extra = column_node(name, use.alias if len(uses) > 1 else "")
    place = target.random.choice([0, len(select.expressions)])
    shown = list(select.expressions)
    shown.insert(place, extra)
    select.set("expressions", shown)
    return True


def outputs_swapped(target: Target) -> bool:
    """The columns asked for are shown in another order."""
    select = target.shown_select()
    if select is None or len(select.expressions) < 2:
        return False
    select.set("expressions", [*select.expressions[1:], select.expressions[0]])
    return True


def all_outputs(target: Target) -> bool:
    """All columns are shown."""
    select = target.shown_select()
    if select is None or len(shown_columns(target)) != len(select.expressions):
        return False
    if select.args.get("group") or select.args.get("distinct"):
        return False
    select.set("expressions", [exp.Star()])
    return True


# --------------------------------------------------------------------------- aggregates


def shown_aggregates(target: Target) -> list[exp.Expr]:
    select = target.shown_select()
    found = (
        [node for one in select.expressions for node in one.find_all(exp.AggFunc)] if select else []
    )
    own = [node for node in found if node.find_ancestor(exp.Select) is select]
    return target.shuffled(own)


def other_function(target: Target) -> bool:
    """Another aggregate of the same column: avg for sum, min for max."""
    for node in shown_aggregates(target):
        if turn_function(target, node):
            return True
    return False


def other_function_elsewhere(target: Target) -> bool:
    """Another aggregate in HAVING, or in a nested query that something is compared with."""
    inside = [
        node
        for clause in target.tree.find_all(exp.Having, exp.Where)
        for node in clause.find_all(*_FUNCTIONS)
        if node.find_ancestor(exp.Order) is None
    ]
    return any(turn_function(target, node) for node in target.shuffled(inside))


def turn_function(target: Target, node: exp.Expr) -> bool:
    if isinstance(node, exp.Count) and not isinstance(node.this, exp.Column):
        return False
    if not isinstance(node, (*_FUNCTIONS, exp.Count)):
        return False
    others = [kind for kind in (*_FUNCTIONS, exp.Count) if not isinstance(node, kind)]
    node.replace(target.random.choice(others)(this=node.this))
    return True


def count_for_sum(target: Target) -> bool:
    """Rows are counted where a column should be added up, or the other way round."""
    for node in shown_aggregates(target):
        select = node.find_ancestor(exp.Select)
        uses = target.uses(select) if isinstance(select, exp.Select) else []
        if isinstance(node, exp.Sum | exp.Avg):
            node.replace(exp.Count(this=exp.Star()))
            return True
        if isinstance(node, exp.Count) and isinstance(node.this, exp.Star):
            numbers = [
                (use, c.name)
                for use in uses
                for c in use.table.columns
                if is_number(c) and not c.primary_key
            ]
            chosen = target.some(numbers)
            if chosen is not None:
                alias = chosen[0].alias if len(uses) > 1 else ""
                node.replace(exp.Sum(this=column_node(chosen[1], alias)))
                return True
    return False


def function_left_out(target: Target) -> bool:
    """The values themselves instead of their aggregate."""
    for node in shown_aggregates(target):
        if isinstance(node.this, exp.Column):
            node.replace(node.this.copy())
            return True
    return False


def function_added(target: Target) -> bool:
    """An aggregate of a column whose values were asked for."""
    for column in shown_columns(target):
        kind = target.random.choice([exp.Max, exp.Min, exp.Count])
        column.replace(kind(this=column.copy()))
        return True
    return False


# --------------------------------------------------------------------------- distinct


def distinct_left_out(target: Target) -> bool:
    """DISTINCT is forgotten, in the output or in an aggregate."""
    nodes = [node for node in target.tree.find_all(exp.Distinct) if not _is_nested(target, node)]
    node = target.some(nodes)
    if node is None:
        return False
    if isinstance(node.parent, exp.Select):
        node.parent.set("distinct", None)
    else:
        node.replace(node.expressions[0].copy())
    return True


def _is_nested(target: Target, node: exp.Expr) -> bool:
    return node.find_ancestor(exp.Select) is not target.tree


def distinct_added(target: Target) -> bool:
    """DISTINCT where duplicates were asked for."""
    select = target.shown_select()
    if select is None or select.args.get("distinct"):
        return False
    if not select.args.get("group") and shown_aggregates(target):
        return False
    select.set("distinct", exp.Distinct())
    return True


def distinct_counted(target: Target) -> bool:
    """Different values are counted where rows should be."""
    for node in shown_aggregates(target):
        select = node.find_ancestor(exp.Select)
        uses = target.uses(select) if isinstance(select, exp.Select) else []
        if isinstance(node, exp.Count) and not isinstance(node.this, exp.Distinct) and uses:
            use = target.random.choice(uses)
            name = target.random.choice(use.table.columns).name
            counted = column_node(name, use.alias if len(uses) > 1 else "")
            if isinstance(node.this, exp.Column):
                counted = node.this.copy()
            node.set("this", exp.Distinct(expressions=[counted]))
            return True
    return False
