"""What differs between the parts of a gold query and of a prediction, as failure labels."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Literal

from sqlkiln.scoring.failure_parts import (
    EXISTS,
    Block,
    Combined,
    Condition,
    Query,
    Ref,
    Shown,
    Tie,
    aggregates,
    argument,
    bare,
    blocks,
    distincts,
    set_operations,
    shown_by,
)
from sqlkiln.scoring.failure_rewriting import Rewriting, trimmed
from sqlkiln.scoring.failure_scope import DERIVED

Place = Literal["outermost", "branch", "member", "exists", "operand", "derived"]
"""Where a query stands: what it shows means something else in each place."""

Findings = list[str]
"""One label for each difference; a label may occur several times."""


def differences(gold: Query, predicted: Query, exact: bool) -> Findings:
    """The differences under the reading that finds fewest, of the queries as written or rewritten.

    Unless `exact`, what seldom makes a difference to the result is passed over: joins that add
    nothing, an ORDER BY that nobody asked for, x IS NOT NULL.
    """
    written = _Comparison.of(gold, predicted, exact).outermost()
    if not written:
        return written
    set_ops = set_operations(gold) != set_operations(predicted)
    shared = frozenset(_all_tables(gold, exact) & _all_tables(predicted, exact))
    ours, theirs = Rewriting(set_ops, shared), Rewriting(set_ops, shared)
    other = _Comparison.of(ours.query(gold), theirs.query(predicted), exact).outermost()
    if exact and not other:
        return sorted(ours.labels ^ theirs.labels) or written
    first, second = (other, written) if _read_other_tables(gold, predicted) else (written, other)
    return first if len(first) <= len(second) else second


def _read_other_tables(gold: Query, predicted: Query) -> bool:
    """Whether two SELECTs read different tables, so that rather their nested queries agree."""
    if isinstance(gold, Combined) or isinstance(predicted, Combined):
        return False
    return gold.tables != predicted.tables


@dataclass(frozen=True)
class _Comparison:
    gold: Query
    predicted: Query
    exact: bool
    gold_tables: Counter[str]
    predicted_tables: Counter[str]

    @classmethod
    def of(cls, gold: Query, predicted: Query, exact: bool) -> _Comparison:
        return cls(gold, predicted, exact, _all_tables(gold, exact), _all_tables(predicted, exact))

    def outermost(self) -> Findings:
        found = self.queries(self.gold, self.predicted, "outermost")
        sides = (shown_by(self.gold), shown_by(self.predicted))
        ours, theirs = ([column.text for column in shown] for shown in sides)
        return found or ["sql_wrong_projection"] * (ours != theirs)

    def queries(self, gold: Query, predicted: Query, place: Place) -> Findings:
        if isinstance(gold, Block) and isinstance(predicted, Block):
            return self.blocks(gold, predicted, place)
        if isinstance(gold, Combined) and isinstance(predicted, Combined):
            return self.combined(gold, predicted)
        if isinstance(gold, Combined):
            branches = [self.queries(one, predicted, place) for one in (gold.left, gold.right)]
        elif isinstance(predicted, Combined):
            sides = (predicted.left, predicted.right)
            branches = [self.queries(gold, one, place) for one in sides]
        return ["sql_wrong_set_op", *min(branches, key=len)]

    def combined(self, gold: Combined, predicted: Combined) -> Findings:
        def branches(left: Query, right: Query) -> Findings:
            pairs = ((gold.left, left), (gold.right, right))
            return [
                label
                for one, other in pairs
                for label in _Comparison.of(one, other, self.exact).queries(one, other, "branch")
            ]

        found = branches(predicted.left, predicted.right)
        if found:
            swapped = branches(predicted.right, predicted.left)
            if gold.kind == predicted.kind == "except":
                swapped = ["sql_wrong_set_op", *swapped]
            found = min(found, swapped, key=len)
        if gold.kind != predicted.kind:
            found = ["sql_wrong_set_op", *found]
        return [*found, *self.order(gold, predicted), *_limit(gold, predicted)]

    # ----------------------------------------------------------------------- one SELECT

    def blocks(self, gold: Block, predicted: Block, place: Place) -> Findings:
        if len(gold.derived) + len(predicted.derived) == 1:
            outer = gold if gold.derived else predicted
            if outer.tables == (DERIVED,):
                return self.one_derived(gold, predicted, place)
        if not self.exact:
            gold, predicted = _alike(gold, predicted)
        found = [*self.tables(gold, predicted), *self.ties(gold, predicted)]
        for one, other in zip(gold.derived, predicted.derived, strict=False):
            found += self.queries(one, other, "derived")
        found += self.conditions(gold.conditions, predicted.conditions)
        found += self.group(gold, predicted)
        found += self.shown(gold.shown, predicted.shown, place)
        as_it_comes = place in ("outermost", "derived")
        if as_it_comes and {gold.distinct, predicted.distinct} == {True, False}:
            found.append("sql_wrong_distinct")
        if as_it_comes or gold.limit[0] or predicted.limit[0]:
            found += self.order(gold, predicted)
        return [*found, *_limit(gold, predicted)]

    def one_derived(self, gold: Block, predicted: Block, place: Place) -> Findings:
        """One has a query in FROM that the other is instead, or lacks."""
        inner = [*gold.derived, *predicted.derived][0]
        if gold.derived:
            found = self.queries(inner, predicted, "derived")
        else:
            found = self.queries(gold, inner, "derived")
        return [*found, *self.shown(gold.shown, predicted.shown, place)]

    def tables(self, gold: Block, predicted: Block) -> Findings:
        """Tables that one lacks here, unless it has them elsewhere: in a nested query, say."""
        ours, theirs = Counter(gold.tables), Counter(predicted.tables)
        missing = (ours - theirs) & (self.gold_tables - self.predicted_tables)
        extra = (theirs - ours) & (self.predicted_tables - self.gold_tables)
        swapped = min(missing.total(), extra.total())
        return [
            *["sql_wrong_table"] * swapped,
            *["sql_missing_join"] * (missing.total() - swapped),
            *["sql_unneeded_join"] * (extra.total() - swapped),
        ]

    def ties(self, gold: Block, predicted: Block) -> Findings:
        """Joins on other columns, as far as both have the tables."""
        unshared = {*gold.tables} ^ {*predicted.tables}
        ours, theirs = _without(gold.ties, unshared), _without(predicted.ties, unshared)
        same_tables = gold.tables == predicted.tables
        if ours - theirs or (theirs - ours and same_tables):
            return ["sql_wrong_join_key"]
        if self.exact and same_tables and gold.outer != predicted.outer:
            return ["sql_wrong_join_key"]
        return []

    def group(self, gold: Block, predicted: Block) -> Findings:
        ours, theirs = _grouped_by(gold), _grouped_by(predicted)
        shown = {column.text for column in (*gold.shown, *predicted.shown)}
        by_name = (
            {ref.table for ref in ours} == {ref.table for ref in theirs}
            and any(ref.key for ref in ours ^ theirs)
            and all(ref.key or ref.text in shown for ref in ours ^ theirs)
        )
        if ours == theirs or (by_name and not self.exact):
            return []
        return ["sql_wrong_group"]

    def order(self, gold: Query, predicted: Query) -> Findings:
        ours, theirs = gold.order, predicted.order
        cut = gold.limit[0] or predicted.limit[0]
        harmless = ours == theirs[: len(ours)] and (ours or not cut)
        if ours == theirs or (harmless and not self.exact):
            return []
        return ["sql_wrong_order"]

    # ----------------------------------------------------------------------- conditions

    def conditions(self, gold: Sequence[Condition], predicted: Sequence[Condition]) -> Findings:
        found: Findings = []
        ours, theirs = list(gold), list(predicted)
        for one in gold:
            alike = [other for other in theirs if other.skeleton == one.skeleton]
            if not alike and not self.exact:
                alike = [other for other in theirs if _equality(other) == _equality(one)]
            if alike:
                results = {id(other): self.condition(one, other) for other in alike}
                best = min(alike, key=lambda other: len(results[id(other)]))
                found += results[id(best)]
                ours.remove(one)
                theirs.remove(best)
        found += self.memberships(ours, theirs)
        if not self.exact:
            theirs = [other for other in theirs if not other.skeleton.endswith(" is not null")]
        for one, other in zip_longest(ours, theirs):
            found.append(_other_condition(one, other))
        return found

    def memberships(self, gold: list[Condition], predicted: list[Condition]) -> Findings:
        """Pair off the IN and NOT IN of different columns, and take them from the lists."""
        found: Findings = []
        for one in list(gold):
            alike = (o for o in predicted if o.membership == one.membership != "")
            other = next(alike, None)
            if other is not None:
                gold.remove(one)
                predicted.remove(other)
                ours, theirs = one.queries[0], other.queries[0]
                excepted = one.excepted or other.excepted
                if excepted and isinstance(ours, Block) and isinstance(theirs, Block):
                    found += self.conditions(ours.conditions, theirs.conditions)
                else:
                    found += [*self.condition(one, other), "sql_wrong_join_key"]
        return found

    def condition(self, gold: Condition, predicted: Condition) -> Findings:
        """Two conditions of the same kind: their values and queries."""
        found = ["sql_wrong_value"] if gold.values != predicted.values else []
        place: Place = "operand"
        if gold.skeleton.endswith(EXISTS):
            place = "exists"
        elif gold.membership:
            place = "member"
        for ours, theirs in zip(gold.queries, predicted.queries, strict=False):
            found += self.queries(ours, theirs, place)
        return found

    # ----------------------------------------------------------------------- output columns

    def shown(self, gold: Sequence[Shown], predicted: Sequence[Shown], place: Place) -> Findings:
        if place in ("exists", "derived") or not (gold and predicted):
            return []
        ours = [column.text for column in gold]
        theirs = [column.text for column in predicted]
        found = self.columns(ours, theirs)
        if not found:
            pairs = zip(_queries_shown(gold), _queries_shown(predicted), strict=False)
            found = [label for pair in pairs for label in self.queries(*pair, "operand")]
        if place == "member":
            return ["sql_wrong_join_key"] if found else []
        if place == "operand":
            return ["sql_wrong_filter" if one == "sql_wrong_projection" else one for one in found]
        return found

    def columns(self, gold: Sequence[str], predicted: Sequence[str]) -> Findings:
        """Two lists of output columns, whatever their order."""
        ours, theirs = Counter(gold) - Counter(predicted), Counter(predicted) - Counter(gold)
        left, right = list(ours.elements()), list(theirs.elements())
        found: Findings = []
        for likeness in _LIKENESSES:
            waiting = defaultdict(list)
            for other in reversed(right):
                waiting[likeness(other)].append(other)
            unpaired = []
            for one in left:
                alike = waiting[likeness(one)]
                if alike:
                    found += _other_column(one, alike.pop())
                else:
                    unpaired.append(one)
            left, right = unpaired, [other for rest in waiting.values() for other in rest]
        found += ["sql_wrong_projection"] * (len(left) + len(right))
        return found


def _all_tables(query: Query, exact: bool) -> Counter[str]:
    """The tables of all SELECTs in a query, less those that add nothing unless `exact`."""
    found = blocks(query)
    return Counter(t for one in found for t in (one if exact else trimmed(one)).tables)


def _alike(gold: Block, predicted: Block) -> tuple[Block, Block]:
    """Both without what only looks different.

    Joins that add nothing go, unless the other query needs the table or has another in its place.
    GROUP BY is DISTINCT where nothing is aggregated, and DISTINCT is nothing where groups are shown
    by what makes them.
    """
    ours, theirs = trimmed(gold).tables, trimmed(predicted).tables
    if ours == theirs or len(gold.tables) != len(predicted.tables):
        gold, predicted = trimmed(gold, theirs), trimmed(predicted, ours)
    if gold.group != predicted.group:
        gold, predicted = _ungrouped(gold), _ungrouped(predicted)
    return _without_idle_distinct(gold), _without_idle_distinct(predicted)


def _ungrouped(block: Block) -> Block:
    texts = [column.text for column in block.shown]
    texts += [c.skeleton for c in block.conditions] + [text for text, _ in block.order]
    grouped = block.group and {ref.text for ref in block.group} == {c.text for c in block.shown}
    if grouped and not any("@" in text for text in texts):
        return replace(block, group=frozenset(), distinct=True)
    return block


def _without_idle_distinct(block: Block) -> Block:
    shown = {column.text for column in block.shown}
    grouped = bool(block.group) and {ref.text for ref in block.group} <= shown
    if grouped or (not block.group and any("@" in text for text in shown)):
        return replace(block, distinct=False)
    return block


def _queries_shown(columns: Sequence[Shown]) -> list[Query]:
    """The queries in output columns, in an order that does not depend on that of the columns."""
    return [q for column in sorted(columns, key=lambda c: c.text) for q in column.queries]


_LIKENESSES: tuple[Callable[[str], object], ...] = (argument, aggregates, lambda text: None)
"""How output columns are paired off, the likest first: by what they have in common."""


def _other_column(gold: str, predicted: str) -> Findings:
    """What is wrong with one output column that should be another."""
    same = argument(gold) == argument(predicted)
    starred = "(*)" in bare(gold) + bare(predicted)
    if aggregates(gold) != aggregates(predicted):
        found = ["sql_wrong_aggregate"]
        return found if same or starred else [*found, "sql_wrong_projection"]
    if distincts(gold) != distincts(predicted) and (same or starred):
        return ["sql_wrong_distinct"]
    return ["sql_wrong_aggregate" if starred else "sql_wrong_projection"]


def _equality(condition: Condition) -> str:
    """The skeleton, where LIKE without a wildcard is =."""
    like = re.fullmatch(r"(.*) (not )?like \?", condition.skeleton)
    if like is None or {"%", "_"} & set(condition.values[-1]):
        return condition.skeleton
    return f"{like[1]} {'!=' if like[2] else '='} ?"


def _other_condition(gold: Condition | None, predicted: Condition | None) -> str:
    """What is wrong with a condition that should be another, or should not or should be there."""
    if any(condition is not None and condition.excepted for condition in (gold, predicted)):
        return "sql_wrong_set_op"
    if gold is not None and predicted is not None:
        ours, our_test = _measured(gold.skeleton)
        theirs, their_test = _measured(predicted.skeleton)
        if our_test == their_test and ("@" in ours or "@" in theirs):
            label = _other_column(ours, theirs)[0]
            return "sql_wrong_filter" if label == "sql_wrong_projection" else label
    return "sql_wrong_filter"


def _measured(skeleton: str) -> tuple[str, str]:
    """A condition as what is measured and the test that it must pass."""
    measured, operator, limit = re.split(r" (=|!=|<|<=|>|>=) ", f"{skeleton} = ", maxsplit=1)
    return measured, f"{operator} {limit}"


def _limit(gold: Query, predicted: Query) -> Findings:
    return ["sql_wrong_limit"] if gold.limit != predicted.limit else []


def _without(ties: frozenset[Tie], tables: set[str]) -> frozenset[Tie]:
    """What the ties say of columns of other tables than these."""
    kept = (frozenset(ref for ref in tie if ref.table not in tables) for tie in ties)
    return frozenset(tie for tie in kept if len(tie) > 1 or any(not ref.table for ref in tie))


def _grouped_by(block: Block) -> frozenset[Ref]:
    """The GROUP BY keys without those that a table's key determines."""
    determined = {ref.table for ref in block.group if ref.key}
    return frozenset(ref for ref in block.group if ref.key or ref.table not in determined)
