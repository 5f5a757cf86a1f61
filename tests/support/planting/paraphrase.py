"""Say the same query in other words: other aliases, order, operators and spelling, same result.

For proving that what looks at a query's meaning does not look at its wording.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from sqlglot import exp

from planting.target import Target, conjuncts, is_number, named, set_conditions
from sqlkiln.core.records import DatabaseSchema
from sqlkiln.sql.parse import parse

Way = Callable[[Target], None]

_MIRRORED: dict[type[exp.Expr], type[exp.Binary]] = {
    exp.EQ: exp.EQ,
    exp.NEQ: exp.NEQ,
    exp.LT: exp.GT,
    exp.GT: exp.LT,
    exp.LTE: exp.GTE,
    exp.GTE: exp.LTE,
}


def paraphrase(
    sql: str,
    schema: DatabaseSchema,
    random: Random,
    *,
    chance: float = 0.6,
    ways: Sequence[Way] | None = None,
) -> str:
    """`sql` rewritten, each of `ways` (or all) with this `chance`, or as it is if unparsable."""
    tree = parse(sql, schema.dialect)
    if tree is None:
        return sql
    target = Target(tree, schema, random)
    for way in WAYS if ways is None else ways:
        if random.random() < chance:
            way(target)
    said = target.sql
    quoted = "'" in said or '"' in said
    return said.lower() if random.random() < chance / 3 and not quoted else said


def rename_aliases(target: Target) -> None:
    """T1, T2 become other letters, or the names of the tables."""
    everywhere = [use.alias.lower() for one in target.selects() for use in target.uses(one)]
    for select in target.selects():
        uses = target.uses(select)
        tables = [use.table.name.lower() for use in uses]
        plain = len(set(tables)) == len(tables) and target.random.random() < 0.5
        renamed = {}
        for use in uses:
            if not use.node.alias or everywhere.count(use.alias.lower()) > 1:
                continue
            name = use.table.name
            alias = name if plain and name.lower() not in everywhere else f"x{len(everywhere)}"
            everywhere.append(alias.lower())
            renamed[use.alias.lower()] = alias
            short = None if alias == name else exp.TableAlias(this=exp.to_identifier(alias))
            use.node.set("alias", short)
        for column in select.find_all(exp.Column):
            alias = renamed.get(column.table.lower())
            if alias:
                column.set("table", exp.to_identifier(alias))


def qualify_or_not(target: Target) -> None:
    """Columns get their table's name, or lose it where only one table is read."""
    for select in target.selects():
        uses = target.uses(select)
        everything = len(uses) == len(select.args.get("joins") or []) + 1
        outputs = {shown.alias.lower() for shown in select.expressions}
        for column, use in target.columns(select):
            if column.name.lower() in outputs:
                continue
            if len(uses) == 1 and everything and not select.find_ancestor(exp.Select):
                column.set("table", None)
            elif everything and not column.table:
                column.set("table", exp.to_identifier(use.alias))


def reverse_joins(target: Target) -> None:
    """`b JOIN a` for `a JOIN b`."""
    for select in target.selects():
        joins = select.args.get("joins") or []
        starred = any(shown.is_star and not shown.find(exp.Count) for shown in select.expressions)
        if len(joins) == 1 and not (joins[0].side or joins[0].args.get("using") or starred):
            start = select.args["from_"]
            first, second = start.this.copy(), joins[0].this.copy()
            start.set("this", second)
            joins[0].set("this", first)


def join_in_where(target: Target) -> None:
    """`FROM a, b WHERE a.x = b.x` for JOIN ... ON."""
    for select in target.selects():
        joins = select.args.get("joins") or []
        plain = all(j.args.get("on") and not j.side and not j.args.get("method") for j in joins)
        if joins and plain and target.random.random() < 0.4:
            where = select.args.get("where")
            conditions = [c for join in joins for c in conjuncts(join.args["on"])]
            conditions += conjuncts(where.this) if where else []
            for join in joins:
                join.set("on", None)
                join.set("kind", None)
            set_conditions(select, "where", [c.copy() for c in conditions])


def mirror_comparisons(target: Target) -> None:
    """`5 < a` for `a > 5`, `b.x = a.x` for `a.x = b.x`."""
    for node in list(target.tree.find_all(*_MIRRORED)):
        both = isinstance(node.this, exp.Column) and isinstance(node.expression, exp.Column)
        if target.random.random() < (0.5 if both else 0.15):
            mirrored = _MIRRORED[type(node)]
            node.replace(mirrored(this=node.expression.copy(), expression=node.this.copy()))


def shuffle_conditions(target: Target) -> None:
    """Conditions in another order."""
    for select in target.selects():
        for clause in ("where", "having"):
            holder = select.args.get(clause)
            conditions = conjuncts(holder.this) if holder else []
            if len(conditions) > 1:
                shuffled = [c.copy() for c in target.shuffled(conditions)]
                set_conditions(select, clause, shuffled)


def spell_out_between(target: Target) -> None:
    """`a >= 1 AND a <= 2` for BETWEEN."""
    for node in list(target.tree.find_all(exp.Between)):
        if not isinstance(node.parent, exp.Not):
            low = exp.GTE(this=node.this.copy(), expression=node.args["low"].copy())
            high = exp.LTE(this=node.this.copy(), expression=node.args["high"].copy())
            node.replace(exp.Paren(this=exp.And(this=low, expression=high)))


def list_for_or(target: Target) -> None:
    """`a IN (1, 2)` for `a = 1 OR a = 2`."""
    for node in list(target.tree.find_all(exp.Or)):
        sides = (node.this, node.expression)
        if all(isinstance(s, exp.EQ) and isinstance(s.expression, exp.Literal) for s in sides):
            if node.this.this == node.expression.this:
                values = [side.expression.copy() for side in sides]
                node.replace(exp.In(this=node.this.this.copy(), expressions=values))


def name_outputs(target: Target) -> None:
    """Output columns get names, and ORDER BY uses them."""
    select = target.shown_select()
    for position, shown in enumerate(select.expressions if select else []):
        if isinstance(shown, exp.AggFunc):
            name = f"value_{position}"
            order = select.args.get("order") if select else None
            for ordered in order.expressions if order else []:
                if ordered.this == shown:
                    ordered.set("this", exp.column(name))
            shown.replace(exp.alias_(shown.copy(), name))


def count_a_key(target: Target) -> None:
    """`count(id)` for `count(*)`, where id is a primary key."""
    for node in list(target.tree.find_all(exp.Count)):
        select = node.find_ancestor(exp.Select)
        uses = target.uses(select) if isinstance(select, exp.Select) else []
        if isinstance(node.this, exp.Star) and len(uses) == 1 and not node.find_ancestor(exp.Order):
            key = next((c for c in uses[0].table.columns if c.primary_key and not c.nullable), None)
            if key is not None:
                node.set("this", exp.column(key.name))


def quote_numbers(target: Target) -> None:
    """`'5'` for `5`, where the column holds numbers: SQLite turns it back."""
    for node in target.tree.find_all(*_MIRRORED):
        use = target.owner(node.this) if isinstance(node.this, exp.Column) else None
        own = named(use.table, node.this.name) if use else None
        value = node.expression
        if own and is_number(own) and isinstance(value, exp.Literal) and not value.is_string:
            if target.random.random() < 0.2:
                value.set("is_string", True)


WAYS: tuple[Way, ...] = (
    qualify_or_not,
    rename_aliases,
    reverse_joins,
    mirror_comparisons,
    shuffle_conditions,
    spell_out_between,
    list_for_or,
    name_outputs,
    count_a_key,
    quote_numbers,
    join_in_where,
)
