"""Take a parsed query apart into the parts that failures are told from (see `failure_parts`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from sqlglot import exp

from sqlkiln.core.errors import ResourceExceeded
from sqlkiln.scoring.failure_expressions import Expressions, Taken, conjuncts, unwrapped
from sqlkiln.scoring.failure_parts import (
    Block,
    Combined,
    Query,
    Ref,
    Shown,
    closure,
    is_plain,
    shown_by,
)
from sqlkiln.scoring.failure_scope import DERIVED, Catalogue, Scope, Source

_MOST_BLOCKS = 200


@dataclass
class _Draft:
    """A block while it is read; `nodes` are the conditions that are yet to be written."""

    scope: Scope
    tables: list[str] = field(default_factory=list)
    derived: list[Query] = field(default_factory=list)
    merged: list[Block] = field(default_factory=list)
    outer: list[str] = field(default_factory=list)
    preserved: set[str] = field(default_factory=set)
    ties: list[set[Ref]] = field(default_factory=list)
    nodes: list[exp.Expr] = field(default_factory=list)


class Reading:
    """Reads one statement.

    `exact` keeps apart what seldom makes a difference: see `failure_expressions`; and instances of
    one table in a self-join. `equalities` are pairs of columns that inner joins make equal.
    """

    def __init__(
        self, catalogue: Catalogue, exact: bool = False, same: Mapping[Ref, Ref] | None = None
    ) -> None:
        self._catalogue = catalogue
        self._exact = exact
        self._same = same or {}
        self._write = Expressions(catalogue.dialect, exact, self._same, self._nested)
        self._named: list[dict[str, exp.Expr]] = []
        self._open: list[str] = []
        self._blocks = 0
        self.equalities: list[set[Ref]] = []

    @property
    def ambiguous(self) -> bool:
        """Whether some column has no table and could belong to several."""
        return self._write.ambiguous

    def read(self, tree: exp.Expr) -> Query:
        """The parts of `tree`, a SELECT or a set operation.

        Raises:
            ResourceExceeded: if it has too many SELECTs, with every CTE put in where it is used.
        """
        return self._query(tree, None)

    def _nested(self, node: exp.Expr, scope: Scope) -> Query:
        return self._query(node, scope)

    def _query(self, node: exp.Expr, outer: Scope | None) -> Query:
        while isinstance(node, exp.Subquery):
            node = node.this
        named = node.args.get("with_")
        self._named.append({cte.alias.lower(): cte for cte in named.expressions} if named else {})
        try:
            if isinstance(node, exp.SetOperation):
                return self._combined(node, outer)
            return self._block(node, outer)
        finally:
            self._named.pop()

    def _combined(self, node: exp.SetOperation, outer: Scope | None) -> Combined:
        left, right = self._query(node.left, outer), self._query(node.right, outer)
        kind = node.key if node.args.get("distinct") else f"{node.key} all"
        columns = {shown.name: Ref(DERIVED, shown.text) for shown in shown_by(left) if shown.name}
        scope = Scope(outer, [Source(DERIVED, "", columns)])
        return Combined(kind, left, right, self._order(node, scope, ()), self._limit(node, scope))

    def _block(self, select: exp.Expr, outer: Scope | None) -> Block:
        self._blocks += 1
        if self._blocks > _MOST_BLOCKS:
            raise ResourceExceeded(
                f"query too large: it reads more than {_MOST_BLOCKS} SELECTs; ask for less"
            )
        draft = _Draft(Scope(outer))
        for node, join in _sources(select):
            self._add_source(draft, node, join)
        if self._exact:
            self._tell_apart(select, draft.scope)
        for _, join in _sources(select):
            if join is not None:
                self._add_join(draft, join)
        where = select.args.get("where")
        self._add_conditions(draft, where and where.this, True)
        scope = draft.scope
        scope.aliases = {
            shown.alias.lower(): shown.this
            for shown in select.expressions
            if isinstance(shown, exp.Alias)
        }
        having = select.args.get("having")
        conditions = [c for node in draft.nodes for c in self._write.conditions(node, scope)]
        conditions += self._write.conditions(having and having.this, scope)
        conditions += [c for block in draft.merged for c in block.conditions]
        shown = tuple(self._shown(select, scope))
        block = Block(
            tables=tuple(sorted(draft.tables)),
            derived=tuple(draft.derived),
            outer=tuple(sorted(draft.outer)),
            ties=closure([*draft.ties, *(tie for block in draft.merged for tie in block.ties)]),
            conditions=tuple(conditions),
            group=self._group(select, scope),
            shown=shown,
            distinct=select.args.get("distinct") is not None,
            order=self._order(select, scope, select.expressions),
            limit=self._limit(select, scope),
        )
        idle = {s.table for s in scope.sources if s.key and s.used <= {s.key}} - draft.preserved
        return replace(block, idle=frozenset(idle.union(*(merged.idle for merged in draft.merged))))

    # ----------------------------------------------------------------------- FROM

    def _add_source(self, draft: _Draft, node: exp.Expr, join: exp.Expr | None) -> None:
        alias = (node.alias_or_name or "").lower()
        source = self._source(draft, node, alias)
        side = join.args.get("side", "") if join is not None else ""
        if side in ("LEFT", "FULL"):
            draft.outer.append(source.table)
            draft.preserved.update(s.table for s in draft.scope.sources)
        if side in ("RIGHT", "FULL"):
            draft.outer += [s.table for s in draft.scope.sources]
            draft.preserved.add(source.table)
        draft.scope.sources.append(source)

    def _source(self, draft: _Draft, node: exp.Expr, alias: str) -> Source:
        name = node.name.lower() if isinstance(node, exp.Table) else ""
        body = self._named_query(name) if name else node
        if body is None:
            source = self._catalogue.source(name, alias)
            draft.tables.append(source.table)
            return source
        if name in self._open or not isinstance(body.this, exp.Query):
            draft.tables.append(name or node.key)
            return Source(name or node.key, alias, {})
        self._open.append(name)
        query = self._query(body.this, None)
        self._open.pop()
        if isinstance(query, Block) and is_plain(query) and not query.distinct:
            draft.merged.append(query)
            draft.tables += query.tables
        else:
            draft.derived.append(query)
            draft.tables.append(DERIVED)
        shown = shown_by(query)
        names = body.alias_column_names or [column.name for column in shown]
        meant = [column.ref or Ref(DERIVED, column.text) for column in shown]
        columns = zip((name.lower() for name in names), meant, strict=False)
        return Source(DERIVED, alias, dict(columns))

    def _named_query(self, name: str) -> exp.Expr | None:
        """The CTE of that name, the innermost first."""
        return next((named[name] for named in reversed(self._named) if name in named), None)

    def _add_join(self, draft: _Draft, join: exp.Expr) -> None:
        sources = draft.scope.sources
        right = next(s for s in sources if s.alias == join.this.alias_or_name.lower())
        before = sources[: sources.index(right)]
        names = [identifier.name.lower() for identifier in join.args.get("using") or ()]
        if join.args.get("method") == "NATURAL":
            names = [n for n in right.columns if any(n in source.columns for source in before)]
        for name in names:
            left = next((source for source in before if name in source.columns), None)
            if left is not None and name in right.columns:
                left.used.add(name)
                right.used.add(name)
                self._tie(draft, {left.columns[name], right.columns[name]}, _is_inner(join))
        self._add_conditions(draft, join.args.get("on"), _is_inner(join))

    def _add_conditions(self, draft: _Draft, node: exp.Expr | None, inner: bool) -> None:
        """Sort the conditions of a WHERE or ON into what ties tables and what filters rows."""
        for one in conjuncts(node):
            refs = self._joined_columns(one, draft.scope)
            if refs and isinstance(one, exp.EQ):
                self._tie(draft, refs, inner)
            elif refs:
                draft.ties.append({Ref("", self._write.text(one, draft.scope))})
            else:
                draft.nodes.append(one)

    def _tie(self, draft: _Draft, refs: set[Ref], inner: bool) -> None:
        draft.ties.append(refs)
        if inner:
            self.equalities.append(refs)

    def _joined_columns(self, node: exp.Expr, scope: Scope) -> set[Ref]:
        """The columns of several sources that `node`, an equality or an OR of such, makes equal."""
        if isinstance(node, exp.Or):
            sides = [self._joined_columns(unwrapped(side), scope) for side in node.flatten()]
            return set().union(*sides) if all(sides) else set()
        if not isinstance(node, exp.EQ):
            return set()
        ends = [unwrapped(end) for end in (node.this, node.expression)]
        if not all(isinstance(end, exp.Column) for end in ends):
            return set()
        found = [one for one in map(scope.find, ends) if one is not None]
        apart = len(found) == 2 and found[0][0] is not found[1][0]
        return {ref for _, ref in found} if apart else set()

    def _tell_apart(self, select: exp.Expr, scope: Scope) -> None:
        """Name the instances of a table in a self-join by what they are joined with."""
        names = [source.table for source in scope.sources]
        twice = [s for s in scope.sources if names.count(s.table) > 1 and s.table != DERIVED]
        partners: dict[int, set[str]] = {id(source): set() for source in twice}
        for node in select.find_all(exp.EQ) if twice else ():
            ends = [unwrapped(side) for side in (node.this, node.expression)]
            found = [scope.find(end) if isinstance(end, exp.Column) else None for end in ends]
            for one, other in (found, found[::-1]):
                if one and other and one[0] is not other[0] and id(one[0]) in partners:
                    partners[id(one[0])].add(f"{one[1].text}={other[1].text}")
        for source in twice:
            tag = "&".join(sorted(partners[id(source)]))
            source.columns = {
                name: Ref(ref.table, f"{source.table}[{tag}].{name}", ref.key)
                for name, ref in source.columns.items()
            }

    # ----------------------------------------------------------------------- the other clauses

    def _shown(self, select: exp.Expr, scope: Scope) -> Iterator[Shown]:
        for node in select.expressions:
            inner = unwrapped(node)
            if inner.is_star and not inner.find(exp.AggFunc):
                table = inner.args.get("table")
                yield from self._starred(scope, table.name.lower() if table else "")
                continue
            taken = Taken(stay=True)
            name, ref = node.alias_or_name.lower(), self._write.column(node, scope)
            text = ref.text if ref and self._exact else self._write.text(node, scope, taken)
            yield Shown(text, name, ref, tuple(taken.queries))

    def _starred(self, scope: Scope, alias: str) -> Iterator[Shown]:
        for source in scope.sources:
            if alias in ("", source.alias):
                source.used |= source.columns.keys()
                for name, ref in source.columns.items():
                    yield Shown(self._same.get(ref, ref).text, name, ref)

    def _group(self, select: exp.Expr, scope: Scope) -> frozenset[Ref]:
        group = select.args.get("group")
        found = set()
        for node in group.expressions if group else ():
            term = _by_position(node, select.expressions)
            ref = self._write.column(term, scope)
            text = self._write.text(term, scope)
            found.add(self._same.get(ref, ref) if ref else Ref("", text))
        return frozenset(found)

    def _order(
        self, node: exp.Expr, scope: Scope, shown: Iterable[exp.Expr]
    ) -> tuple[tuple[str, bool], ...]:
        order = node.args.get("order")
        terms: list[tuple[str, bool]] = []
        for ordered in order.expressions if order else ():
            term = _by_position(unwrapped(ordered.this), list(shown))
            if isinstance(term, exp.Column) and not term.args.get("table"):
                term = scope.aliases.get(term.name.lower(), term)
            terms.append((self._write.text(term, scope), bool(ordered.args.get("desc"))))
        return tuple(terms)

    def _limit(self, node: exp.Expr, scope: Scope) -> tuple[str, str]:
        limit, offset = node.args.get("limit"), node.args.get("offset")
        count = limit and (limit.args.get("expression") or limit.args.get("count"))
        skipped = offset and offset.expression
        skip = self._write.text(skipped, scope) if skipped else ""
        return self._write.text(count, scope) if count else "", "" if skip == "0" else skip


def representatives(equalities: Iterable[set[Ref]]) -> dict[Ref, Ref]:
    """For each column that joins make equal to others, the one to write for all of them."""
    chosen = {tie: min(tie, key=lambda ref: (not ref.key, ref)) for tie in closure(equalities)}
    return {ref: one for tie, one in chosen.items() for ref in tie}


def _sources(select: exp.Expr) -> Iterator[tuple[exp.Expr, exp.Expr | None]]:
    """What stands in FROM, each with the JOIN that brings it in."""
    start = select.args.get("from_")
    if start is not None:
        yield from _unnested(start.this, None)
    for join in select.args.get("joins") or ():
        yield from _unnested(join.this, join)


def _unnested(node: exp.Expr, join: exp.Expr | None) -> Iterator[tuple[exp.Expr, exp.Expr | None]]:
    """A source, or those of a join in parentheses."""
    inner = node
    while isinstance(inner, exp.Subquery | exp.Paren) and not isinstance(inner.this, exp.Query):
        inner = inner.this
    yield inner, join
    for holder in {id(node): node, id(inner): inner}.values():
        for nested in holder.args.get("joins") or ():
            yield from _unnested(nested.this, nested)


def _by_position(node: exp.Expr, shown: list[exp.Expr]) -> exp.Expr:
    """The output column that `node` numbers, or `node`."""
    if isinstance(node, exp.Literal) and node.is_int and 0 < int(node.this) <= len(shown):
        return unwrapped(shown[int(node.this) - 1])
    return node


def _is_inner(join: exp.Expr) -> bool:
    return not join.args.get("side")
