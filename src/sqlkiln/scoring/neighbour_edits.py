"""The edits that make neighbours of a query: each changes one thing that a model may get wrong.

An edit is a generator. It changes the tree in place, yields, and takes the change back before it
makes the next one; whoever runs it must run it to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

from sqlglot import exp

from sqlkiln.core.records import Column, Table
from sqlkiln.scoring.gold_query import COMPARISONS, GoldQuery, sources

Edit = Callable[[GoldQuery, Random], Iterator[None]]

OTHER_COLUMNS = 3
_AGGREGATES: tuple[type[exp.Expr], ...] = (exp.Sum, exp.Avg, exp.Min, exp.Max)
_FLIPPED: dict[type[exp.Expr], tuple[type[exp.Expr], ...]] = {
    exp.EQ: (exp.NEQ, exp.GTE, exp.LTE),
    exp.NEQ: (exp.EQ, exp.GT, exp.LT),
    exp.GT: (exp.GTE, exp.LT, exp.EQ),
    exp.GTE: (exp.GT, exp.LTE, exp.EQ),
    exp.LT: (exp.LTE, exp.GT, exp.EQ),
    exp.LTE: (exp.LT, exp.GTE, exp.EQ),
}
_SET_OPERATIONS: tuple[type[exp.Expr], ...] = (exp.Union, exp.Intersect, exp.Except)


def _swapped(node: exp.Expr, *others: exp.Expr) -> Iterator[None]:
    for other in others:
        node.replace(other)
        yield
        other.replace(node)


def _changed(node: exp.Expr, arg: str, *values: object) -> Iterator[None]:
    before = node.args.get(arg)
    for value in values:
        node.set(arg, value)
        yield
    node.set(arg, before)


def _less_one(node: exp.Expr, arg: str) -> Iterator[None]:
    """Leave out each member of a list of two or more."""
    members = list(node.args.get(arg) or ())
    if len(members) > 1:
        yield from _changed(
            node, arg, *(members[:i] + members[i + 1 :] for i in range(len(members)))
        )


def _found(query: GoldQuery, *kinds: type[exp.Expr]) -> list[exp.Expr]:
    return list(query.root.find_all(*kinds))


def _number(value: int) -> exp.Expr:
    return exp.Literal.number(value)


def _is_join_key(node: exp.Expr) -> bool:
    both = isinstance(node.this, exp.Column) and isinstance(node.expression, exp.Column)
    return both and node.find_ancestor(exp.Join, exp.Select) is not None


# --------------------------------------------------------------------------- columns


def columns(query: GoldQuery, draw: Random) -> Iterator[None]:
    """Another column of the same table, of the same type by preference."""
    for column in _found(query, exp.Column):
        owner = query.owner(column)
        if owner is not None:
            names = _other_columns(*owner, draw)[:OTHER_COLUMNS]
            yield from _swapped(column, *(_renamed(column, name) for name in names))


def _other_columns(table: Table, column: Column, draw: Random) -> list[str]:
    others = [other for other in table.columns if other.name != column.name]
    draw.shuffle(others)
    others.sort(key=lambda other: other.type.lower() != column.type.lower())
    return [other.name for other in others]


def _renamed(column: exp.Expr, name: str) -> exp.Expr:
    return exp.column(exp.to_identifier(name, quoted=True), table=column.args.get("table"))


def projections(query: GoldQuery, draw: Random) -> Iterator[None]:
    """A column of the SELECT list left out, or two of them swapped."""
    for select in _found(query, exp.Select):
        yield from _less_one(select, "expressions")
        shown = list(select.expressions)
        if len(shown) > 1:
            yield from _changed(select, "expressions", [shown[1], shown[0], *shown[2:]])


def aggregates(query: GoldQuery, draw: Random) -> Iterator[None]:
    """Another aggregate, or none."""
    for call in _found(query, *_AGGREGATES):
        others = [kind(this=call.this.copy()) for kind in _AGGREGATES if kind is not type(call)]
        yield from _swapped(call, *others, call.this.copy())


def counts(query: GoldQuery, draw: Random) -> Iterator[None]:
    """COUNT of all rows, of the values of a column, of its different values."""
    for count in _found(query, exp.Count):
        if isinstance(count.this, exp.Star):
            names = _countable(query, count, draw)
            yield from _swapped(count, *(exp.Count(this=name) for name in names))
        elif isinstance(count.this, exp.Distinct) and len(count.this.expressions) == 1:
            counted = count.this.expressions[0]
            yield from _swapped(count, exp.Count(this=counted.copy()), _count_all())
        else:
            distinct = exp.Distinct(expressions=[count.this.copy()])
            yield from _swapped(count, exp.Count(this=distinct), _count_all())


def _count_all() -> exp.Expr:
    return exp.Count(this=exp.Star())


def _countable(query: GoldQuery, count: exp.Expr, draw: Random) -> list[exp.Expr]:
    select = count.find_ancestor(exp.Select)
    found = sources(select) if select is not None else []
    names: list[exp.Expr] = []
    for source in found:
        table = query.table(source.name) if isinstance(source, exp.Table) else None
        if table is not None:
            chosen = draw.choice(table.columns).name
            name = exp.column(exp.to_identifier(chosen, quoted=True), table=source.alias_or_name)
            names += [name, exp.Distinct(expressions=[name.copy()])]
    return names


def distincts(query: GoldQuery, draw: Random) -> Iterator[None]:
    """DISTINCT where there is none, none where there is; only where duplicates may matter."""
    for select in _found(query, exp.Select):
        given = select.args.get("distinct")
        if given or _may_repeat(select):
            yield from _changed(select, "distinct", None if given else exp.Distinct())


def _may_repeat(select: exp.Expr) -> bool:
    """Whether the result may hold a row twice, and somebody would see it."""
    if select.args.get("group") is None and all(map(_is_aggregate, select.expressions)):
        return False
    around = select.parent
    if isinstance(around, exp.Subquery):
        around = around.parent
    if isinstance(around, exp.SetOperation):
        return not around.args.get("distinct")
    return not isinstance(around, exp.In | exp.Exists | exp.EQ | exp.NEQ)


def _is_aggregate(shown: exp.Expr) -> bool:
    return isinstance(shown.unalias(), exp.AggFunc)


# --------------------------------------------------------------------------- conditions


def conditions(query: GoldQuery, draw: Random) -> Iterator[None]:
    """A condition left out, AND for OR, OR for AND."""
    for node in _found(query, exp.And, exp.Or):
        other = exp.Or if isinstance(node, exp.And) else exp.And
        left, right = node.this.copy(), node.expression.copy()
        swapped = exp.Paren(this=other(this=left.copy(), expression=right.copy()))
        yield from _swapped(node, left, right, swapped)
    for select in _found(query, exp.Select):
        for clause in ("where", "having"):
            if select.args.get(clause) is not None:
                yield from _changed(select, clause, None)


def comparisons(query: GoldQuery, draw: Random) -> Iterator[None]:
    """Another comparison operator."""
    for node in _found(query, *COMPARISONS):
        if not _is_join_key(node):
            sides = (node.this, node.expression)
            yield from _swapped(node, *(_compared(kind, *sides) for kind in _FLIPPED[type(node)]))
    for node in _found(query, exp.Between):
        bounds = (exp.GTE, node.args["low"]), (exp.LTE, node.args["high"])
        inside = exp.And(
            this=_compared(exp.GT, node.this, node.args["low"]),
            expression=_compared(exp.LT, node.this, node.args["high"]),
        )
        halves = (_compared(kind, node.this, bound) for kind, bound in bounds)
        yield from _swapped(node, *halves, exp.Paren(this=inside))


def _compared(kind: type[exp.Expr], left: exp.Expr, right: exp.Expr) -> exp.Expr:
    return kind(this=left.copy(), expression=right.copy())


def negations(query: GoldQuery, draw: Random) -> Iterator[None]:
    """NOT where there is none, none where there is."""
    for node in _found(query, exp.Not):
        yield from _swapped(node, node.this.copy())
    for node in _found(query, exp.Like, exp.In, exp.Between, exp.Is, exp.Exists):
        if not isinstance(node.parent, exp.Not):
            if node.args.get("negate"):
                yield from _changed(node, "negate", None)
            else:
                yield from _swapped(node, exp.Not(this=node.copy()))


def constants(query: GoldQuery, draw: Random) -> Iterator[None]:
    """A number one off, another value of the column, a LIKE pattern with other wildcards."""
    for literal in _found(query, exp.Literal):
        place = literal.parent
        if isinstance(place, exp.Limit | exp.Offset | exp.Ordered | exp.Select):
            continue
        if isinstance(place, exp.Like):
            core = literal.this.strip("%")
            patterns = {core, f"{core}%", f"%{core}", f"%{core}%"} - {literal.this}
            yield from _swapped(literal, *map(exp.Literal.string, sorted(patterns)))
        elif literal.is_int:
            near = int(literal.this) + 1, int(literal.this) - 1
            yield from _swapped(literal, *map(_number, near))
        elif literal.is_string and isinstance(place, COMPARISONS):
            yield from _swapped(literal, *_other_values(query, literal))
            if isinstance(place, exp.EQ) and literal is place.expression:
                pattern = exp.Literal.string(f"%{literal.this}%")
                yield from _swapped(place, exp.Like(this=place.this.copy(), expression=pattern))


def _other_values(query: GoldQuery, literal: exp.Expr) -> Sequence[exp.Expr]:
    parent = literal.parent
    other = parent.this if parent is not None and parent.expression is literal else None
    owner = query.owner(other)
    samples = owner[1].samples if owner is not None else ()
    return [exp.Literal.string(text) for text in samples if text != literal.this][:1]


def nulls(query: GoldQuery, draw: Random) -> Iterator[None]:
    """A condition that holds for NULL as well, or a NOT IN that passes over NULL."""
    for node in _found(query, exp.NEQ, exp.Not, exp.Like):
        inner = node.this if isinstance(node, exp.Not) else node
        column = inner.this
        if isinstance(inner, exp.Like) and not inner.args.get("negate"):
            continue
        if isinstance(column, exp.Column):
            empty = exp.Is(this=column.copy(), expression=exp.Null())
            yield from _swapped(node, exp.Paren(this=exp.Or(this=node.copy(), expression=empty)))
    for node in _found(query, exp.In):
        inner = node.args.get("query")
        select = inner.this if inner is not None else None
        if isinstance(select, exp.Select) and isinstance(select.expressions[0], exp.Column):
            there = exp.Not(this=exp.Is(this=select.expressions[0].copy(), expression=exp.Null()))
            where = select.args.get("where")
            both = (
                exp.And(this=exp.Paren(this=where.this.copy()), expression=there)
                if where
                else there
            )
            yield from _changed(select, "where", exp.Where(this=both))


# --------------------------------------------------------------------------- clauses


def orders(query: GoldQuery, draw: Random) -> Iterator[None]:
    """The other direction, one key less, or no order."""
    for ordered in _found(query, exp.Ordered):
        # Where NULLs go follows the direction in SQLite; said outright it would stay as it was.
        descending = not ordered.args.get("desc")
        other = exp.Ordered(
            this=ordered.this.copy(), desc=descending or None, nulls_first=not descending
        )
        yield from _swapped(ordered, other)
    for order in _found(query, exp.Order):
        yield from _less_one(order, "expressions")
        if order.parent is not None:
            yield from _changed(order.parent, "order", None)


def limits(query: GoldQuery, draw: Random) -> Iterator[None]:
    """One row more, one less, or all."""
    for limit in _found(query, exp.Limit):
        number = limit.expression
        if limit.parent is not None and isinstance(number, exp.Literal) and number.is_int:
            near = [n for n in (int(number.this) + 1, int(number.this) - 1) if n > 0]
            yield from _swapped(number, *map(_number, near))
            if limit.parent.args.get("offset") is None:
                yield from _changed(limit.parent, "limit", None)


def joins(query: GoldQuery, draw: Random) -> Iterator[None]:
    """LEFT JOIN for JOIN and the reverse, or a join less where its table is not used further."""
    for select in _found(query, exp.Select):
        for join in list(select.args.get("joins") or ()):
            if join.args.get("on") is not None or join.args.get("using"):
                yield from _changed(join, "side", None if join.side else "LEFT")
            if not _is_used(select, join):
                rest = [other for other in select.args["joins"] if other is not join]
                yield from _changed(select, "joins", rest)


def _is_used(select: exp.Expr, join: exp.Expr) -> bool:
    alias = join.this.alias_or_name.lower()
    inside = set(map(id, join.find_all(exp.Column)))
    columns = [c for c in select.find_all(exp.Column) if id(c) not in inside]
    return any(column.table.lower() in ("", alias) for column in columns)


def groups(query: GoldQuery, draw: Random) -> Iterator[None]:
    """A key less, or no grouping."""
    for select in _found(query, exp.Select):
        group = select.args.get("group")
        if group is not None:
            yield from _less_one(group, "expressions")
            yield from _changed(select, "group", None)


def set_operations(query: GoldQuery, draw: Random) -> Iterator[None]:
    """Another set operation, UNION ALL for UNION, or one side of it alone."""
    for node in _found(query, *_SET_OPERATIONS):
        rest = {name: node.args.get(name) for name in ("order", "limit", "offset")}
        for kind in _SET_OPERATIONS:
            if not isinstance(node, kind):
                other = kind(
                    this=node.this.copy(), expression=node.expression.copy(), distinct=True
                )
                for name, clause in rest.items():
                    other.set(name, clause.copy() if clause is not None else None)
                yield from _swapped(node, other)
        if isinstance(node, exp.Union):
            yield from _changed(node, "distinct", not node.args.get("distinct"))
        yield from _swapped(node, node.this.copy(), node.expression.copy())


EDITS: tuple[tuple[str, Edit], ...] = (
    ("column", columns),
    ("projection", projections),
    ("aggregate", aggregates),
    ("count", counts),
    ("distinct", distincts),
    ("condition", conditions),
    ("comparison", comparisons),
    ("negation", negations),
    ("constant", constants),
    ("null", nulls),
    ("order", orders),
    ("limit", limits),
    ("join", joins),
    ("group", groups),
    ("set_operation", set_operations),
)
