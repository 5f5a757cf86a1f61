"""What the names in a parsed query refer to: which table a column belongs to, and its type.

Works from the parse alone; a `DatabaseSchema` makes it know more. It never raises: a name that
cannot be resolved stays as it is written.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from sqlglot import exp

from sqlkiln.core.records import DatabaseSchema

Kind = Literal["number", "text", "time", ""]

_TYPES: tuple[tuple[Kind, str], ...] = (
    ("time", r"DATE|TIME"),
    ("text", r"CHAR|TEXT|CLOB|STRING|UUID|ENUM"),
    ("number", r"INT|REAL|FLOA|DOUB|NUM|DEC|LONG|SHORT"),
)
_NUMERIC = (exp.Count, exp.Sum, exp.Avg, exp.Binary, exp.Length, exp.Round, exp.Abs, exp.Neg)
_ON_THE_RIGHT = ("expression", "expressions", "low", "high", "true", "false", "default")


@dataclass(frozen=True)
class Source:
    """One thing that a SELECT reads from.

    `alias` is how the query refers to it (lower case), `shown` how we call it. `columns` maps
    lower-case column names to declared types; None if nobody knows them.
    """

    alias: str
    name: str
    shown: str
    columns: dict[str, str] | None


def kind_of_type(declared: str) -> Kind:
    """The kind of values that a declared column type holds; '' if unclear."""
    for kind, pattern in _TYPES:
        if re.search(pattern, declared.upper()):
            return kind
    return ""


def plain(identifier: str) -> str:
    """The name as people read it: in double quotes only where it is not a single word."""
    return identifier if re.fullmatch(r"\w+", identifier) else f'"{identifier}"'


class Names:
    """The sources of every SELECT in one statement, and the columns that refer to them."""

    def __init__(self, tree: exp.Expr, sql: str, dialect: str, schema: DatabaseSchema | None):
        """Read `tree`, which was parsed from `sql` (it must stay unchanged while this is used)."""
        self._sql = sql
        self._dialect = dialect
        self._tables = {
            table.name.lower(): {c.name.lower(): c.type for c in table.columns}
            for table in (schema.tables if schema else ())
        }
        self._ctes = {c.alias.lower(): c for c in tree.find_all(exp.CTE)}
        self._sources: dict[int, tuple[Source, ...]] = {}
        selects = tuple(tree.find_all(exp.Select))
        for select in selects:
            self._sources[id(select)] = self._read(select, set())
        self._linked = self._correlated(tree, selects)
        for select in selects:
            taken = self._repeated(select)
            self._sources[id(select)] = self._read(select, taken)

    def sources(self, select: exp.Expr) -> tuple[Source, ...]:
        """What `select` reads from, in the order written."""
        return self._sources.get(id(select), ())

    def source(self, node: exp.Expr) -> Source:
        """The source that a node of a FROM or JOIN stands for."""
        select = node.find_ancestor(exp.Select)
        nodes = source_nodes(select) if isinstance(select, exp.Select) else []
        for candidate, source in zip(nodes, self.sources(select) if select else (), strict=True):
            if candidate is node:
                return source
        return self._source(node, set(), 1)

    def column(self, column: exp.Column) -> str:
        """How to write `column`: with its table's name where the query reads from several."""
        name = "*" if isinstance(column.this, exp.Star) else plain(column.name)
        owner, source = self.owner(column)
        if source is None:
            return (
                ".".join(plain(part.name) for part in column.parts[:-1])
                + "." * bool(column.table)
                + name
            )
        several = len(self.sources(owner)) > 1 if owner is not None else False
        correlated = bool(column.table) and len(self._linked.get(id(owner), ())) > 1
        return f"{source.shown}.{name}" if several or correlated else name

    def owner(self, column: exp.Column) -> tuple[exp.Expr | None, Source | None]:
        """The SELECT and the source that `column` comes from; (None, None) if unknown."""
        if not column.table and self._is_projection_alias(column):
            return None, None
        select = column.find_ancestor(exp.Select)
        while select is not None:
            sources = self.sources(select)
            if column.table:
                found = [s for s in sources if s.alias == column.table.lower()]
            else:
                found = [s for s in sources if s.columns and column.name.lower() in s.columns]
            if len(found) == 1:
                return select, found[0]
            if not column.table and any(s.columns is None for s in sources):
                return None, None
            select = select.find_ancestor(exp.Select)
        return None, None

    def is_text(self, column: exp.Column) -> bool:
        """Whether this is text in double quotes, which SQLite reads as a value if no column fits.

        Where the columns are unknown, it is a value if it stands where values stand: on the right
        of a comparison, in a list.
        """
        start = column.this.meta.get("start")
        if self._dialect != "sqlite" or column.table or start is None or self._sql[start] != '"':
            return False
        if self.owner(column)[1] is not None or self._is_projection_alias(column):
            return False
        select = column.find_ancestor(exp.Select)
        while select is not None:
            if any(s.columns is None for s in self.sources(select)):
                return column.arg_key in _ON_THE_RIGHT and not isinstance(
                    column.parent, exp.Select | exp.Group | exp.Order
                )
            select = select.find_ancestor(exp.Select)
        return True

    def kind(self, node: exp.Expr | None) -> Kind:
        """What sort of value an expression gives."""
        if isinstance(node, exp.Paren | exp.Alias | exp.Min | exp.Max | exp.Ordered):
            return self.kind(node.this)
        if isinstance(node, exp.Literal):
            dated = node.is_string and re.match(r"\d{4}-\d\d(-\d\d)?\b", node.name)
            return "time" if dated else "text" if node.is_string else "number"
        if isinstance(node, exp.Cast):
            return kind_of_type(node.to.sql())
        if isinstance(node, exp.CurrentDate | exp.CurrentTimestamp | exp.Date):
            return "time"
        if isinstance(node, exp.Column):
            return self._column_kind(node)
        if isinstance(node, exp.Lower | exp.Upper | exp.DPipe | exp.Substring):
            return "text"
        return "number" if isinstance(node, _NUMERIC) else ""

    def _column_kind(self, column: exp.Column) -> Kind:
        aliased = self._is_projection_alias(column)
        if aliased is not None:
            return self.kind(aliased.this)
        source = self.owner(column)[1]
        columns = source.columns if source else None
        return kind_of_type(columns.get(column.name.lower(), "")) if columns else ""

    def _is_projection_alias(self, column: exp.Column) -> exp.Alias | None:
        """The projection that ORDER BY, HAVING or GROUP BY means by an unqualified name."""
        clause = column.find_ancestor(exp.Order, exp.Group, exp.Having, exp.Select, exp.Window)
        query = clause.parent if isinstance(clause, exp.Order | exp.Group | exp.Having) else None
        if column.table or not isinstance(query, exp.Select | exp.SetOperation):
            return None
        for projection in query.selects:
            if isinstance(projection, exp.Alias) and projection.alias.lower() == (
                column.name.lower()
            ):
                return projection
        return None

    def _read(self, select: exp.Select, repeated: set[str]) -> tuple[Source, ...]:
        nodes = source_nodes(select)
        unnamed = [node for node in nodes if not isinstance(node, exp.Table) and not node.alias]
        numbers = {id(node): number for number, node in enumerate(unnamed, 1)}
        return tuple(self._source(node, repeated, numbers.get(id(node), 0)) for node in nodes)

    def _source(self, node: exp.Expr, repeated: set[str], number: int) -> Source:
        alias = node.alias
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
            name = ".".join(plain(part.name) for part in node.parts)
            shown = plain(alias) if alias and node.name.lower() in repeated else name
            return Source((alias or node.name).lower(), name, shown, self._columns(node.name))
        shown = plain(alias) if alias else f"inner list {number}"
        if isinstance(node, exp.Subquery):
            return Source(alias.lower(), shown, shown, self._projected(node, None))
        return Source(alias.lower(), shown, shown, None)

    def _columns(self, table: str) -> dict[str, str] | None:
        cte = self._ctes.get(table.lower())
        if cte is not None:
            return self._projected(cte.this, cte.args.get("alias"))
        return self._tables.get(table.lower())

    def _projected(self, query: exp.Expr, alias: exp.Expr | None) -> dict[str, str] | None:
        """The columns of an inner query: their types are known for casts and numbers only."""
        if alias is not None and alias.args.get("columns"):
            return {c.name.lower(): "" for c in alias.args["columns"]}
        projections = query.selects if isinstance(query, exp.Query) else []
        if not projections or any(p.is_star for p in projections):
            return None
        return {
            p.alias_or_name.lower(): "NUMERIC" if isinstance(p.unalias(), _NUMERIC) else ""
            for p in projections
        }

    def _correlated(
        self, tree: exp.Expr, selects: tuple[exp.Select, ...]
    ) -> dict[int, list[exp.Select]]:
        """For every SELECT, those that it shares rows with: itself, and by correlation others."""
        linked = {id(select): [select] for select in selects}
        for column in tree.find_all(exp.Column):
            inner, outer = column.find_ancestor(exp.Select), self.owner(column)[0]
            if inner is None or outer is None or linked[id(inner)] is linked[id(outer)]:
                continue
            merged = linked[id(outer)] + linked[id(inner)]
            for select in merged:
                linked[id(select)] = merged
        return linked

    def _repeated(self, select: exp.Select) -> set[str]:
        """Tables that occur more than once in what `select` shares rows with."""
        tables = [
            node.name.lower()
            for linked in self._linked[id(select)]
            for node in source_nodes(linked)
            if isinstance(node, exp.Table)
        ]
        return {name for name, count in Counter(tables).items() if count > 1}


def source_nodes(select: exp.Select) -> list[exp.Expr]:
    """The nodes in FROM and JOIN that rows come from, in the order written."""
    start = select.args.get("from_")
    nodes = [start.this] if start else []
    nodes += [join.this for join in select.args.get("joins") or ()]
    nodes = [inner for node in nodes for inner in _within_brackets(node)]
    return nodes + list(select.args.get("laterals") or ())


def _within_brackets(node: exp.Expr) -> list[exp.Expr]:
    """What a bracketed join such as `(a JOIN b ON ...)` reads from; else `node` itself."""
    if not (isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table) and not node.alias):
        return [node]
    joins = node.this.args.get("joins") or ()
    nodes = [node.this, *(join.this for join in joins)]
    return [inner for each in nodes for inner in _within_brackets(each)]
