"""Other ways to write the same query, so that a difference in form is not taken for a failure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace

from sqlkiln.scoring.failure_parts import (
    EXISTS,
    MEMBER,
    NOT_MEMBER,
    Block,
    Combined,
    Condition,
    Query,
    Shown,
    closure,
    combined_condition,
    is_plain,
)

_EXTREME = re.compile(r"@(min|max)\(([^@]*)\)")


def trimmed(block: Block, kept: Collection[str] = ()) -> Block:
    """`block` without joins that add nothing but that a foreign key is not dangling.

    Tables in `kept` stay.
    """
    tables, ties = list(block.tables), block.ties
    for table in sorted(block.idle.difference(kept)):
        own = [tie for tie in ties if any(ref.table == table for ref in tie)]
        elsewhere = frozenset(ref for tie in own for ref in tie if ref.table != table)
        referring = any(not ref.key for ref in elsewhere)
        if len(own) == 1 and referring and tables.count(table) == 1:
            tables.remove(table)
            ties = (ties - set(own)) | ({elsewhere} if len(elsewhere) > 1 else set())
    outer = tuple(table for table in block.outer if table in tables)
    return replace(block, tables=tuple(tables), ties=frozenset(ties), outer=outer)


@dataclass
class Rewriting:
    """Writes queries with joins instead of nested queries, as far as that says the same.

    IN, EXISTS and a nested GROUP BY become joins, `x = (SELECT max(x) ...)` becomes ORDER BY x
    DESC LIMIT 1, a LEFT JOIN without a partner and EXCEPT become NOT IN, and a UNION of two
    filters becomes OR. Duplicates and ties may differ; `labels` gathers what failure that may be.
    Set operations stay unless `set_ops`, LEFT JOINs unless both queries read the table (`shared`).
    """

    set_ops: bool
    shared: frozenset[str]
    labels: set[str] = field(default_factory=set)

    def query(self, query: Query) -> Query:
        """`query` rewritten; it is the outermost."""
        other = self._rewritten(query)
        return _sorted_extreme(other) if isinstance(other, Block) else other

    def _rewritten(self, query: Query) -> Query:
        if isinstance(query, Combined):
            left, right = self._rewritten(query.left), self._rewritten(query.right)
            combined = replace(query, left=left, right=right)
            return self._as_block(combined) if self.set_ops else combined
        derived = tuple(map(self._rewritten, query.derived))
        block = replace(query, conditions=(), derived=derived)
        for condition in query.conditions:
            queries = tuple(map(self._rewritten, condition.queries))
            block = self._with_condition(block, replace(condition, queries=queries))
        return self._with_extreme(_without_partner(block, self.shared))

    def _with_condition(self, block: Block, condition: Condition) -> Block:
        joined = None
        inner = condition.queries[0] if len(condition.queries) == 1 else None
        if isinstance(inner, Block):
            if (condition.membership == MEMBER or condition.skeleton == EXISTS) and is_plain(inner):
                joined = _joined(block, condition, inner)
                self.labels.add("sql_wrong_distinct")
            elif _is_grouped_member(block, condition, inner):
                joined = _joined(block, condition, inner)
        return joined or replace(block, conditions=(*block.conditions, condition))

    def _with_extreme(self, block: Block) -> Block:
        """`x = (SELECT max(x) ...)` as ORDER BY and LIMIT, if both are about the same rows."""
        for condition in () if block.order else block.conditions:
            rest = tuple(c for c in block.conditions if c is not condition)
            inner = condition.queries[0] if len(condition.queries) == 1 else None
            extreme = _extreme_of(inner, condition)
            if isinstance(inner, Block) and extreme and set(inner.conditions) == set(rest):
                self.labels.add("sql_wrong_limit")
                return replace(block, conditions=rest, order=(extreme,), limit=("1", ""))
        return block

    def _as_block(self, query: Combined) -> Query:
        left, right = query.left, query.right
        if not (isinstance(left, Block) and isinstance(right, Block)):
            return query
        if query.kind == "except":
            conditions = (*left.conditions, _excepted(left, right))
        elif query.kind == "union" and _without_filter(left) == _without_filter(right):
            shared = [c for c in left.conditions if c in right.conditions]
            own = [[c for c in side.conditions if c not in shared] for side in (left, right)]
            if not all(own):
                return query
            either = [combined_condition("and", conditions) for conditions in own]
            conditions = (*shared, combined_condition("or", either))
        else:
            return query
        self.labels.add("sql_wrong_set_op")
        return replace(
            left,
            conditions=conditions,
            distinct=None,
            order=query.order or left.order,
            limit=query.limit,
        )


def _joined(block: Block, condition: Condition, inner: Block) -> Block | None:
    """`block` joined with the block that one of its conditions asks about."""
    inner = trimmed(inner)
    tables, ties = list(inner.tables), [*block.ties, *inner.ties]
    if condition.skeleton != EXISTS:
        member = inner.shown[0].ref if len(inner.shown) == 1 else None
        if member is None or condition.operand is None:
            return None
        if member != condition.operand:
            ties.append(frozenset({member, condition.operand}))
        elif member.key and member.table in tables and member.table in block.tables:
            tables.remove(member.table)
        else:
            return None
    return replace(
        block,
        tables=tuple(sorted([*block.tables, *tables])),
        ties=closure(ties),
        idle=block.idle | inner.idle,
        conditions=(*block.conditions, *inner.conditions),
        group=block.group | inner.group,
        order=block.order or inner.order,
        limit=max(block.limit, inner.limit),
    )


def _extreme_of(inner: Query | None, condition: Condition) -> tuple[str, bool] | None:
    """The sort key, if the condition says that a column has its highest or lowest value."""
    if not isinstance(inner, Block):
        return None
    extreme = _EXTREME.fullmatch(inner.shown[0].text) if len(inner.shown) == 1 else None
    if extreme is None or inner.group or inner.derived:
        return None
    if condition.skeleton != f"{extreme[2]} = (query)":
        return None
    return extreme[2], extreme[1] == "max"


def _sorted_extreme(block: Block) -> Block:
    """`SELECT max(x), y` as the row in which x is highest, as SQLite takes it."""
    found = [_EXTREME.fullmatch(shown.text) for shown in block.shown]
    extremes = [match for match in found if match]
    if len(extremes) != 1 or block.group or block.order or block.limit != ("", ""):
        return block
    if sum("@" in shown.text for shown in block.shown) > 1:
        return block
    key = extremes[0][2]
    shown = tuple(
        replace(s, text=key) if match else s for s, match in zip(block.shown, found, strict=True)
    )
    order = ((key, extremes[0][1] == "max"),)
    return replace(block, shown=shown, order=order, limit=("1", ""))


def _is_grouped_member(block: Block, condition: Condition, inner: Block) -> bool:
    """Whether a key is that of the groups of a nested query, in a query without groups."""
    return (
        condition.operand is not None
        and condition.operand.key
        and (condition.membership == MEMBER or condition.skeleton.endswith(" = (query)"))
        and len(inner.group) == 1
        and len(inner.shown) == 1
        and {ref.text for ref in inner.group} == {inner.shown[0].text}
        and not (block.group or block.order or block.limit[0] or inner.derived)
    )


def _without_partner(block: Block, shared: frozenset[str]) -> Block:
    """A LEFT JOIN of which only the rows without a partner are kept, as NOT IN."""
    for table in sorted(shared.intersection(block.outer)):
        lonely = [
            c
            for c in block.conditions
            if c.skeleton.startswith(f"{table}.") and c.skeleton.endswith(" is null")
        ]
        own = [tie for tie in block.ties if any(ref.table == table for ref in tie)]
        ends = {ref.table == table: ref for tie in own for ref in tie}
        if len(lonely) == 1 and len(own) == 1 and len(own[0]) == 2 and len(ends) == 2:
            inner = Block(tables=(table,), shown=(Shown(ends[True].text, ref=ends[True]),))
            absent = Condition(f"{ends[False].text}{NOT_MEMBER}", (), (inner,), ends[False])
            kept = tuple(c for c in block.conditions if c not in lonely)
            return replace(
                block,
                tables=tuple(t for t in block.tables if t != table),
                outer=tuple(t for t in block.outer if t != table),
                ties=block.ties - set(own),
                conditions=(*kept, absent),
            )
    return block


def _excepted(left: Block, right: Block) -> Condition:
    """That a row of `left` is not in `right`, whichever column says so."""
    rest = tuple((Counter(right.tables) - Counter(left.tables)).elements())
    own = (tie for tie in right.ties if not any(ref.table in left.tables for ref in tie))
    unwanted = replace(right, tables=rest, ties=closure(own), shown=(), distinct=False)
    return Condition(NOT_MEMBER, queries=(unwanted,), excepted=True)


def _without_filter(block: Block) -> Block:
    return replace(block, conditions=(), distinct=True)
