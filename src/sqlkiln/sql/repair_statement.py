"""One statement as the repair sees it: what each SELECT reads, and which names are at fault.

A name is at fault only where the database is sure to refuse it. Wherever that cannot be told (a
table function, `SELECT *` of an inner query, DuckDB's structs) the name is taken to be right. It
reads SQL and never runs it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import sqlglot
from sqlglot import Token, TokenType, exp
from sqlglot.errors import SqlglotError

from sqlkiln.core.records import DatabaseSchema, Table
from sqlkiln.sql.explain_names import Names, source_nodes
from sqlkiln.sql.parse import parse
from sqlkiln.sql.repair_reserved import ill_quoted
from sqlkiln.sql.repair_text import Edit, fold, place, quote_identifier

Status = Literal["found", "several", "missing", "text", "open"]

_ROW_IDS = {"rowid", "oid", "_rowid_"}
_HIDDEN_TABLES = ("sqlite_", "pragma_", "duckdb_", "pg_")
_SHADOWS = tuple(
    "_data _idx _content _docsize _config _segments _segdir _stat _node _parent _rowid".split()
)
_BEYOND = (exp.Lambda, exp.Pivot, exp.Comprehension, exp.Command, exp.DDL, exp.DML)
"""What brings names along that no table has."""


@dataclass(frozen=True)
class Read:
    """One thing that a SELECT reads: `alias` is what the query calls it, as written.

    `table` is None for inner queries. `columns` maps names as `fold` gives them to those of the
    database; None if nobody knows them.
    """

    node: exp.Expr
    select: exp.Select
    alias: str
    table: Table | None
    columns: Mapping[str, str] | None

    def has(self, column: str) -> bool:
        """Whether it is known to have `column`."""
        return self.columns is not None and fold(column) in self.columns


@dataclass(frozen=True)
class Found:
    """What a column refers to.

    `missing`: nothing that the query reads has it; `read` is then what it is said to be of, None
    where that is not read either. `several`: any of `among`. `text`: SQLite takes it for text, as
    no column fits. `open`: it cannot be told.
    """

    status: Status
    read: Read | None = None
    among: tuple[Read, ...] = ()


class Statement:
    """One query over `schema`, with the places of its names in the text."""

    def __init__(self, sql: str, schema: DatabaseSchema, tree: exp.Query) -> None:
        """Use `read_statement`."""
        self.sql = sql
        self.schema = schema
        self.tree = tree
        self.tables = {fold(table.name): table for table in schema.tables}
        self._names_read = {fold(table.name) for table in tree.find_all(exp.Table)}
        self.columns = tuple(
            c for c in tree.find_all(exp.Column) if c.arg_key != "field" and not self._is_unused(c)
        )
        self._names = Names(tree, sql, schema.dialect, schema)
        self._reads: dict[int, tuple[Read, ...]] = {}
        self._found: dict[int, Found] = {}

    @property
    def is_sqlite(self) -> bool:
        """Whether SQLite is to run it."""
        return self.schema.dialect == "sqlite"

    @cached_property
    def tokens(self) -> Sequence[Token]:
        """All tokens of the text."""
        return sqlglot.tokenize(self.sql, dialect=self.schema.dialect)

    @cached_property
    def selects(self) -> tuple[exp.Select, ...]:
        """Every SELECT, the outer ones first."""
        return tuple(self.tree.find_all(exp.Select))

    def reads(self, select: exp.Select) -> tuple[Read, ...]:
        """What `select` reads, in the order written."""
        if id(select) not in self._reads:
            pairs = zip(source_nodes(select), self._names.sources(select), strict=True)
            self._reads[id(select)] = tuple(
                self._read(node, select, source.columns) for node, source in pairs
            )
        return self._reads[id(select)]

    def _read(self, node: exp.Expr, select: exp.Select, known: Mapping[str, str] | None) -> Read:
        alias = str(node.alias_or_name)
        renamed = node.args.get("alias") is not None and node.args["alias"].args.get("columns")
        if not isinstance(node, exp.Table):
            columns = None if renamed or known is None or "" in known else known
            return Read(node, select, alias, None, columns and {fold(c): c for c in columns})
        plain = isinstance(node.this, exp.Identifier) and len(node.parts) == 1
        table = None if node.name.lower() in self._with_names else self.tables.get(fold(node.name))
        if renamed or not plain:
            return Read(node, select, alias, None, None)
        if table is not None:
            return Read(node, select, alias, table, {fold(c.name): c.name for c in table.columns})
        columns = None if known is None or "" in known else known
        return Read(node, select, alias, None, columns and {fold(c): c for c in columns})

    @cached_property
    def _with_names(self) -> set[str]:
        return {cte.alias.lower() for cte in self.tree.find_all(exp.CTE)}

    def _is_unused(self, node: exp.Expr) -> bool:
        """Whether it stands in a WITH that nothing reads, which databases need not look at."""
        cte = node.find_ancestor(exp.CTE)
        return cte is not None and (fold(cte.alias) not in self._names_read or self._is_unused(cte))

    # ----------------------------------------------------------------------- columns

    def levels(self, column: exp.Expr) -> list[exp.Select]:
        """The SELECTs whose tables `column` can see, its own first; [] after a set operation."""
        query = column.find_ancestor(exp.Select, exp.SetOperation)
        if not isinstance(query, exp.Select):
            return []
        found = [query]
        node: exp.Expr = query
        while node.parent is not None:
            above = node.parent
            if isinstance(above, exp.CTE):
                owner = above.find_ancestor(exp.Query)
                node = owner if owner is not None else above
                continue
            if isinstance(above, exp.Select) and not self._hidden_from(node):
                found.append(above)
            node = above
        return found

    def _hidden_from(self, child: exp.Expr) -> bool:
        """Whether a query in FROM, which is `child`, cannot see what stands beside it."""
        return (
            self.is_sqlite
            and isinstance(child, exp.From | exp.Join)
            and bool(isinstance(child.this, exp.Subquery | exp.Table))
        )

    def find(self, column: exp.Column) -> Found:
        """What `column` refers to."""
        if id(column) not in self._found:
            self._found[id(column)] = self._find(column)
        return self._found[id(column)]

    def _find(self, column: exp.Column) -> Found:
        levels = self.levels(column)
        named = isinstance(column.this, exp.Identifier)
        if not levels or len(column.parts) > 2 or not (named or column.table):
            return Found("open")
        if column.arg_key == "using" or place(column.parts[0]) is None:
            return Found("open")
        return (
            self._find_qualified(column, levels)
            if column.table
            else self._find_bare(column, levels)
        )

    def _find_qualified(self, column: exp.Column, levels: list[exp.Select]) -> Found:
        called = fold(column.table)
        for select in levels:
            fitting = [read for read in self.reads(select) if fold(read.alias) == called]
            if len(fitting) > 1:
                twice = all(read.has(column.name) for read in fitting)
                return Found("several", None, tuple(fitting)) if twice else Found("open")
            if fitting:
                read = fitting[0]
                if read.columns is None:
                    return Found("open", read)
                if not isinstance(column.this, exp.Identifier) or read.has(column.name):
                    return Found("found", read)
                if fold(column.name) in _ROW_IDS and self._may_have_row_ids(read):
                    return Found("open", read)
                return Found("missing", read)
            if self._is_open(select):
                return Found("open")
        if not self.is_sqlite and any(r.has(column.table) for s in levels for r in self.reads(s)):
            return Found("open")
        return Found("missing")

    def _find_bare(self, column: exp.Column, levels: list[exp.Select]) -> Found:
        name = fold(column.name)
        for select in levels:
            if name in self.outputs(select) and self._may_mean_output(column, select):
                return Found("open")
            reads = [read for read in self.reads(select) if read.has(name)]
            if len(reads) > 1:
                merged = any(
                    j.args.get("using") or j.method for j in select.args.get("joins") or ()
                )
                return Found("open") if merged else Found("several", None, tuple(reads))
            if reads:
                return Found("found", reads[0])
            if self._is_open(select) or name in self.outputs(select) or name in _ROW_IDS:
                return Found("open")
            if not self.is_sqlite and any(fold(r.alias) == name for r in self.reads(select)):
                return Found("open")
        return Found("text") if self.is_text(column) else Found("missing")

    def is_text(self, column: exp.Column) -> bool:
        """Whether SQLite would take it for text if there were no such column."""
        where = place(column.this)
        return self.is_sqlite and where is not None and self.sql[where[0]] == '"'

    def outputs(self, select: exp.Select) -> set[str]:
        """The aliases that `select` gives to what it shows."""
        return {fold(e.alias) for e in select.selects if isinstance(e, exp.Alias)}

    def _may_mean_output(self, column: exp.Column, select: exp.Select) -> bool:
        clause = column.find_ancestor(exp.Order, exp.Having, exp.Qualify, exp.Select)
        return clause is not select and clause is not None and clause.parent is select

    def _may_have_row_ids(self, read: Read) -> bool:
        return read.table is not None or self.is_sqlite

    def _is_open(self, select: exp.Select) -> bool:
        """Whether `select` reads something whose columns, or whose name, nobody knows."""
        reads = self.reads(select)
        known = {id(read.node) for read in reads}
        others = (t for t in select.find_all(exp.Table) if t.find_ancestor(exp.Select) is select)
        return any(r.columns is None and not self.is_unknown_table(r.node) for r in reads) or any(
            id(table) not in known for table in others
        )

    # ----------------------------------------------------------------------- faults

    def is_unknown_table(self, node: exp.Expr) -> bool:
        """Whether `node` names a table that the database does not have."""
        if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier):
            return False
        name = fold(node.name)
        where = place(node.this)
        if len(node.parts) != 1 or where is None or self.sql[where[0]] == "'":
            return False
        if name in self.tables or name in self._with_names or name.startswith(_HIDDEN_TABLES):
            return False
        if not self.is_sqlite:
            return "." not in name and "/" not in name
        return not any(name == f"{t}{end}" for t in self.tables for end in _SHADOWS)

    @cached_property
    def unknown_tables(self) -> tuple[exp.Table, ...]:
        """The tables read that the database does not have."""
        tables = (t for t in self.tree.find_all(exp.Table) if not self._is_unused(t))
        return tuple(table for table in tables if self.is_unknown_table(table))

    @cached_property
    def faulty_columns(self) -> tuple[exp.Column, ...]:
        """The columns that the database would refuse, in the order written."""
        faulty = [c for c in self.columns if self.find(c).status in ("missing", "several")]
        return tuple(sorted(faulty, key=lambda c: place(c.parts[0]) or (0, 0)))

    @cached_property
    def ill_quoted(self) -> tuple[exp.Expr, ...]:
        """Names that stand in quotes of the wrong kind, or are words of SQL and in no quotes."""
        return tuple(ill_quoted(self.tree, self.columns, self.schema))

    @property
    def faults(self) -> int:
        """How many names the database would refuse."""
        columns = len(self.faulty_columns) + len(self.ill_quoted) + self._glued_numbers()
        return len(self.unknown_tables) + columns

    def _glued_numbers(self) -> int:
        """How many names start with a digit, which SQLite does not take."""
        pairs = zip(self.tokens, self.tokens[1:], strict=False)
        return self.is_sqlite and sum(
            a.token_type == TokenType.NUMBER
            and b.token_type == TokenType.VAR
            and a.end + 1 == b.start
            for a, b in pairs
        )

    # ----------------------------------------------------------------------- writing

    def written(self, node: exp.Expr) -> str:
        """A name as it stands in the text, quotes and all."""
        start, end = place(node) or (0, 0)
        return self.sql[start:end]

    def called(self, read: Read) -> str:
        """How to write the name of `read` in front of a column."""
        alias = read.node.args.get("alias")
        named = alias.this if isinstance(alias, exp.TableAlias) and alias.this else read.node.this
        return self.written(named) if place(named) else self.quoted(read.alias)

    def quoted(self, name: str) -> str:
        """How to write `name`: in double quotes where it needs them."""
        return quote_identifier(name)

    def in_table(self, column: exp.Column, read: Read, name: str = "") -> tuple[Edit, ...]:
        """Edits that make `column` one of `read`, called `name` there if it is given."""
        first = place(column.parts[0])
        last = place(column.parts[-1])
        if first is None or last is None:
            return ()
        shown = self.quoted(name) if name else self.sql[last[0] : last[1]]
        return (Edit(first[0], last[1], f"{self.called(read)}.{shown}"),)


def read_statement(sql: str, schema: DatabaseSchema) -> Statement | None:
    """Parse `sql`; None where it is not one query, or has names that cannot be followed."""
    tree = parse(sql, schema.dialect)
    if not isinstance(tree, exp.Query) or tree.find(*_BEYOND) is not None:
        return None
    if any(isinstance(f.this, exp.Select | exp.SetOperation) for f in tree.find_all(exp.From)):
        return None
    tables = {fold(table.name) for table in schema.tables}
    if any(fold(cte.alias) in tables for cte in tree.find_all(exp.CTE)):
        return None
    try:
        tokens = sqlglot.tokenize(sql, dialect=schema.dialect)
    except SqlglotError:
        return None
    kinds = [token.token_type for token in tokens]
    if TokenType.SEMICOLON in kinds[:-1]:
        return None
    if not all(_is_in_place(name, sql) for name in tree.find_all(exp.Identifier)):
        return None
    return Statement(sql, schema, tree)


def _is_in_place(identifier: exp.Identifier, sql: str) -> bool:
    where = place(identifier)
    return where is None or identifier.name in sql[where[0] : where[1]].replace('""', '"').replace(
        "``", "`"
    )
