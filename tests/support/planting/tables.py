"""Plant faults in what a query reads: another table, a join too few, a join too many."""

from __future__ import annotations

from sqlglot import exp

from planting.target import (
    Target,
    Use,
    column_node,
    conjuncts,
    is_number,
    named,
    rename,
    set_conditions,
)
from sqlkiln.core.records import Table

# --------------------------------------------------------------------------- another table


def lookalike_table(target: Target) -> bool:
    """Another table that has all the columns used, such as `singer.name` for `stadium.name`."""
    for select in target.shuffled(target.selects()):
        for use in target.shuffled(target.uses(select)):
            columns = [c for c, owner in target.columns(select) if owner.node is use.node]
            others = [
                table
                for table in _unused_tables(target)
                if all(named(table, column.name) for column in columns)
            ]
            other = target.some(others)
            if other is not None:
                _replace_table(select, use, other)
                return True
    return False


def unrelated_table(target: Target) -> bool:
    """Another table, and for each column used one of its columns of the same kind."""
    for select in target.shuffled(target.selects()):
        uses = target.uses(select)
        if len(uses) != 1 or select.args.get("joins"):
            continue
        (use,) = uses
        for other in target.shuffled(_unused_tables(target)):
            if _move_columns(target, select, use, other):
                _replace_table(select, use, other)
                return True
    return False


def sibling_table(target: Target) -> bool:
    """In a join, another table that can be joined in the same place."""
    for select in target.shuffled(target.selects()):
        uses = target.uses(select)
        for use in target.shuffled(uses if len(uses) > 1 else []):
            keys = [
                c
                for c, owner in target.columns(select)
                if owner.node is use.node and _joins_tables(c)
            ]
            for other in target.shuffled(_unused_tables(target)):
                if keys and all(named(other, key.name) for key in keys):
                    if _move_columns(target, select, use, other):
                        _replace_table(select, use, other)
                        return True
    return False


def _unused_tables(target: Target) -> list[Table]:
    used = {node.name.lower() for node in target.tree.find_all(exp.Table)}
    return [table for table in target.schema.tables if table.name.lower() not in used]


def _joins_tables(column: exp.Expr) -> bool:
    equal = column.parent
    return (
        isinstance(equal, exp.EQ)
        and isinstance(equal.this, exp.Column)
        and isinstance(equal.expression, exp.Column)
    )


def _move_columns(target: Target, select: exp.Select, use: Use, other: Table) -> bool:
    """Let the columns of `use` name columns of `other`; False, and no edit, if it has none."""
    chosen: dict[str, str] = {}
    columns = [column for column, owner in target.columns(select) if owner.node is use.node]
    for column in columns:
        own, same = named(use.table, column.name), named(other, column.name)
        if own is None:
            return False
        alike = [c.name for c in other.columns if is_number(c) == is_number(own)]
        name = same.name if same else target.some([n for n in alike if n not in chosen.values()])
        if name is None:
            return False
        chosen.setdefault(column.name.lower(), name)
    for column in columns:
        rename(column, chosen[column.name.lower()])
    return True


def _replace_table(select: exp.Select, use: Use, other: Table) -> None:
    """Read `other` in the place of `use`; columns qualified by the table's own name follow."""
    if not use.node.alias:
        for column in select.find_all(exp.Column):
            if column.table.lower() == use.alias.lower():
                column.set("table", exp.to_identifier(other.name))
    quoted = not other.name.isidentifier()
    use.node.set("this", exp.to_identifier(other.name, quoted=quoted))


# --------------------------------------------------------------------------- a join too few


def join_left_out(target: Target) -> bool:
    """A joined table that only some conditions ask about is left out, and they with it."""
    for select, use in _leaves(target):
        inside = _other_columns(target, select, use)
        where = select.args.get("where")
        conditions = conjuncts(where.this) if where else []
        gone = [c for c in conditions if any(n in inside for n in c.find_all(exp.Column))]
        if gone and all(any(c in list(g.find_all(exp.Column)) for g in gone) for c in inside):
            _drop(target, select, use)
            where = select.args.get("where")
            set_conditions(select, "where", [c for c in conditions if c not in gone])
            return True
    return False


def unread_join_left_out(target: Target) -> bool:
    """A joined table of which no column is used is left out: its rows only filter or repeat."""
    for select, use in _leaves(target):
        if not _other_columns(target, select, use):
            _drop(target, select, use)
            return True
    return False


def columns_from_the_rest(target: Target) -> bool:
    """A joined table is left out, and its columns are sought in a table that is still there."""
    for select, use in _leaves(target):
        rest = [other for other in target.uses(select) if other.node is not use.node]
        columns = _other_columns(target, select, use)
        homes = [_home(target, column, use, rest) for column in columns]
        if columns and all(homes):
            _drop(target, select, use)
            for column, home in zip(columns, homes, strict=True):
                if home is not None:
                    column.replace(column_node(home[1], home[0].alias if len(rest) > 1 else ""))
            return True
    return False


def bridge_left_out(target: Target) -> bool:
    """Two tables that a third one links are joined directly, by columns that look as if."""
    for select in target.shuffled(target.selects()):
        uses = target.uses(select)
        for use in target.shuffled(uses if len(uses) > 2 else []):
            ties = _ties_of(target, select, use)
            ends = [end for tie in ties for end in tie if end[1].node is not use.node]
            if len(ties) == 2 and len(ends) == 2 and not _other_columns(target, select, use):
                one, other = ends
                pair = target.tie(one[1].table, other[1].table)
                names = pair or (key_of(one[1].table), key_of(other[1].table))
                _drop(target, select, use)
                _join_on(
                    select,
                    other[1],
                    exp.EQ(
                        this=column_node(names[0], one[1].alias),
                        expression=column_node(names[1], other[1].alias),
                    ),
                )
                return True
    return False


def _leaves(target: Target) -> list[tuple[exp.Select, Use]]:
    """Tables that one equality alone joins to the others of their SELECT."""
    found = []
    for select in target.selects():
        uses = target.uses(select)
        joined = len(uses) > 1 and len(uses) == len(select.args.get("joins") or []) + 1
        starred = any(True for node in target.own(select, exp.Star) if not _counted(node))
        for use in uses if joined and not starred else []:
            if len(_ties_of(target, select, use)) == 1:
                found.append((select, use))
    return target.shuffled(found)


def _counted(node: exp.Expr) -> bool:
    return isinstance(node.parent, exp.Count)


End = tuple[exp.Column, Use]


def _ties_of(target: Target, select: exp.Select, use: Use) -> list[tuple[End, End]]:
    """The equalities between a column of `use` and one of another table."""
    owners = {id(column): owner for column, owner in target.columns(select)}
    ties = []
    for equal in target.own(select, exp.EQ):
        ends = [
            (side, owners[id(side)])
            for side in (equal.this, equal.expression)
            if isinstance(side, exp.Column) and id(side) in owners
        ]
        apart = len(ends) == 2 and ends[0][1].node is not ends[1][1].node
        if apart and any(owner.node is use.node for _, owner in ends):
            ties.append((ends[0], ends[1]))
    return ties


def _other_columns(target: Target, select: exp.Select, use: Use) -> list[exp.Column]:
    """The columns of `use` but those that join it."""
    joining = {id(end[0]) for tie in _ties_of(target, select, use) for end in tie}
    return [
        column
        for column, owner in target.columns(select)
        if owner.node is use.node and id(column) not in joining
    ]


def _drop(target: Target, select: exp.Select, use: Use) -> None:
    """Take a table and the equalities that join it out of `select`; the others stay joined."""
    ties = _ties_of(target, select, use)
    gone = {id(tie[0][0].parent) for tie in ties}
    joins = list(select.args.get("joins") or [])
    kept_conditions = [
        condition
        for join in joins
        for condition in conjuncts(join.args.get("on"))
        if id(condition.unnest()) not in gone
    ]
    nodes = [other.node for other in target.uses(select) if other.node is not use.node]
    select.set("from_", exp.From(this=nodes[0].copy()))
    select.set("joins", [exp.Join(this=node.copy()) for node in nodes[1:]])
    _place_conditions(select, kept_conditions)
    if len(nodes) == 1:
        for column, _ in target.columns(select):
            if not nodes[0].alias and column.table:
                column.set("table", None)


def _place_conditions(select: exp.Select, conditions: list[exp.Expr]) -> None:
    """Put each join condition at the first join that has all its tables before it."""
    joins = select.args.get("joins") or []
    seen = [select.args["from_"].this.alias_or_name.lower()]
    left = [condition.copy() for condition in conditions]
    for join in joins:
        seen.append(join.this.alias_or_name.lower())
        ready = [
            condition
            for condition in left
            if all(c.table.lower() in ("", *seen) for c in condition.find_all(exp.Column))
        ]
        if ready:
            join.set("on", exp.and_(*ready, copy=False))
        left = [condition for condition in left if condition not in ready]


def _join_on(select: exp.Select, use: Use, condition: exp.Expr) -> None:
    for join in select.args.get("joins") or []:
        if join.this.alias_or_name.lower() == use.alias.lower():
            both = [*conjuncts(join.args.get("on")), condition]
            join.set("on", exp.and_(*both, copy=False))
            return
    first = (select.args.get("joins") or [])[0]
    first.set("on", exp.and_(*conjuncts(first.args.get("on")), condition, copy=False))


def _home(target: Target, column: exp.Expr, use: Use, rest: list[Use]) -> tuple[Use, str] | None:
    """A column among the other tables that could be taken for `column`: by name, or by kind."""
    own = named(use.table, column.name)
    if own is None:
        return None
    for other in rest:
        if named(other.table, column.name):
            return other, column.name
    alike = [
        (other, c.name)
        for other in rest
        for c in other.table.columns
        if is_number(c) == is_number(own)
    ]
    return target.some(alike)


def key_of(table: Table) -> str:
    return next((c.name for c in table.columns if c.primary_key), table.columns[0].name)


# --------------------------------------------------------------------------- a join too many


def neighbour_joined(target: Target) -> bool:
    """A table that a foreign key links is joined for nothing: it repeats or drops rows."""
    return _join_more(target, crossed=False)


def neighbour_crossed(target: Target) -> bool:
    """A table is put into FROM for nothing, with nothing that joins it."""
    return _join_more(target, crossed=True)


def key_read_from_neighbour(target: Target) -> bool:
    """A table is joined to read from it a key that was there already."""
    for select in target.shuffled(target.selects()):
        uses = target.uses(select)
        for column, use in target.shuffled(target.columns(select)):
            if not isinstance(column.parent, exp.Select | exp.Alias) or _holds_star(select):
                continue
            for other in target.shuffled(_unused_tables(target)):
                pair = target.tie(use.table, other)
                if pair and pair[0].lower() == column.name.lower() and len(uses) == 1:
                    _add_join(target, select, use, other, pair)
                    column.replace(column_node(pair[1], other.name))
                    return True
    return False


def _holds_star(select: exp.Select) -> bool:
    return any(shown.is_star and not shown.find(exp.Count) for shown in select.expressions)


def _join_more(target: Target, crossed: bool) -> bool:
    for select in target.shuffled(target.selects()):
        if _holds_star(select):
            continue
        for use in target.shuffled(target.uses(select)):
            for other in target.shuffled(_unused_tables(target)):
                pair = target.tie(use.table, other)
                if pair:
                    _add_join(target, select, use, other, None if crossed else pair)
                    return True
    return False


def _add_join(
    target: Target, select: exp.Select, use: Use, other: Table, pair: tuple[str, str] | None
) -> None:
    """Join `other`; columns that had no table get one, so that none becomes ambiguous."""
    for column, owner in target.columns(select):
        if not column.table and not _names_output(column, select):
            column.set("table", exp.to_identifier(owner.alias))
    quoted = not other.name.isidentifier()
    node = exp.Table(this=exp.to_identifier(other.name, quoted=quoted))
    on = None
    if pair:
        on = exp.EQ(
            this=column_node(pair[0], use.alias), expression=column_node(pair[1], other.name)
        )
    join = exp.Join(this=node, on=on) if on else exp.Join(this=node, kind="CROSS")
    select.set("joins", [*(select.args.get("joins") or []), join])


def _names_output(column: exp.Expr, select: exp.Select) -> bool:
    return any(
        isinstance(shown, exp.Alias) and shown.alias.lower() == column.name.lower()
        for shown in select.expressions
    )
