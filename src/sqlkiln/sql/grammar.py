"""A grammar of the queries that a schema allows: only SELECT, only tables and columns it has.

    backend.generate(replace(request, grammar=grammar(schema, "qualified")))

The text is GBNF, as llama.cpp takes it, and xgrammar too, which vLLM and SGLang follow grammars
with. What it can not say, since it is free of context, is which columns the tables of a FROM have:
`Grammar` is there for that, which makes grammars for the rest of a statement, of names in scope.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache

from sqlkiln.core.records import DatabaseSchema
from sqlkiln.sql.grammar_expressions import add_expressions, add_lexis
from sqlkiln.sql.grammar_match import Matcher
from sqlkiln.sql.grammar_names import MARKS, fold, is_plain, names, other_word, tree, written
from sqlkiln.sql.grammar_query import (
    FREE,
    LOOSE,
    OUTPUTS,
    SUFFIXES,
    add_clauses,
    add_derived_core,
    add_queries,
    add_source,
)
from sqlkiln.sql.grammar_rules import ROOT, Body, Parts, Ref, Rules, Text, gbnf, lark, line
from sqlkiln.sql.grammar_words import NO_COLUMN, NO_TABLE, TABLE_FUNCTIONS

QUALIFIED = "qualified"
FROM_FIRST = "from_first"
TARGETS = ("sql", QUALIFIED, FROM_FIRST)
"""The targets of `prompt.targets` that are nothing but a query."""

_KINDS = {
    "query": "query", "core": "core", "core-d": "core", "items": "items", "item": "item",
    "alias": "alias", "galias": "alias", "gsources": "sources", "gsources-d": "sources",
    "table": "table", "table-p": "table", "any-table": "table", "any-table-p": "table",
    "derived": "derived", "joining": "joining", "on": "on", "key": "key", "name": "name",
    "name-p": "name", "cte": "cte", "call": "call", "where": "where", "group": "group",
    "having": "having", "order": "order",
}  # fmt: skip
WATCHED = {name + suffix: kind for name, kind in _KINDS.items() for suffix in SUFFIXES}
"""The rules that tell what a text is made of, and what kind of thing each is."""


def grammar(schema: DatabaseSchema, target: str = "sql") -> str:
    """The grammar of one query over `schema`, written as `target`, as GBNF.

    Made once for all schemas with the same names.
    """
    return grammar_of(schema, target).text()


def grammar_of(schema: DatabaseSchema, target: str = "sql") -> Grammar:
    """The same as rules."""
    tables = tuple((t.name, tuple(c.name for c in t.columns)) for t in schema.tables)
    return _grammar(schema.dialect, tables, target)


Tables = tuple[tuple[str, tuple[str, ...]], ...]


@lru_cache(maxsize=64)
def _grammar(dialect: str, tables: Tables, target: str) -> Grammar:
    dialect = dialect if dialect in MARKS else "duckdb"
    shared, lines = _without_names(dialect, target == FROM_FIRST)
    bodies = dict(shared)
    rules = Rules(bodies)
    _add_tables(rules, dialect, tables)
    _add_strict_names(rules, dialect, tables, bare=target != QUALIFIED)
    return Grammar(dialect, target, tables, bodies, dict(lines))


@cache
def _without_names(dialect: str, from_first: bool) -> tuple[dict[str, Body], dict[str, str]]:
    """The rules that are the same for all schemas, and how they are written."""
    bodies: dict[str, Body] = {}
    rules = Rules(bodies)
    add_lexis(rules, dialect)
    add_queries(rules, dialect, from_first)
    for suffix in SUFFIXES:
        variant = Rules(bodies, suffix)
        add_expressions(variant, dialect, Ref("query" + suffix.replace(OUTPUTS, "")))
        add_clauses(variant, dialect, from_first, suffix or OUTPUTS)
        table = "any-table" if suffix == FREE else "table"
        derived = Ref("derived" + suffix) if suffix in (LOOSE, FREE) else None
        add_source(variant, Ref(table), Ref(f"{table}-p"), derived)
        if suffix in (LOOSE, FREE):
            _add_free_names(variant)
    add_derived_core(Rules(bodies, FREE), from_first)
    _add_output_names(Rules(bodies, OUTPUTS))
    return bodies, {name: line(name, bodies) for name in bodies}


@dataclass
class Grammar:
    """The rules for one schema and one target; `lines` are those written before."""

    dialect: str
    target: str
    tables: Tables
    bodies: dict[str, Body]
    lines: dict[str, str] = field(default_factory=dict)

    @cached_property
    def loose(self) -> dict[str, Body]:
        """The same rules, but for columns, which may have any name: `matcher` tells what they are.

        Free of context, the rules themselves can let a column of a query in FROM be named in front
        of that only by holding whoever names it to such a FROM: a model that had another column in
        mind would be led astray.
        """
        return {**self.bodies, ROOT: self.bodies[ROOT + LOOSE]}

    @cached_property
    def matcher(self) -> Matcher:
        """Reads texts by the loose rules, and tells what they are made of."""
        return Matcher(self.loose, frozenset(WATCHED))

    @cached_property
    def loose_text(self) -> str:
        """The loose rules as GBNF."""
        return self.written(self.loose)

    def text(self) -> str:
        """As GBNF."""
        return self.written(self.bodies)

    def written(self, bodies: Mapping[str, Body]) -> str:
        """Rules that are these, or made of them with another root, as GBNF."""
        return gbnf(bodies, dict(self.lines))

    def lark(self) -> str:
        """In the dialect of Lark that llguidance reads: tests check the rules with it."""
        return lark(self.bodies)


def _add_tables(rules: Rules, dialect: str, tables: Tables) -> None:
    """What tables may be called, and for each the columns that may stand behind its dot."""
    listed = [name for name, _ in tables]
    rules.begin("table")
    plain, marked = written(rules, dialect, listed, NO_TABLE[dialect])
    rules.add("table", *(plain or marked))
    rules.add("table-p", *(marked or plain))
    rules.begin("any-table")
    function = tuple((names(rules, TABLE_FUNCTIONS[dialect]), Ref("arguments" + FREE)) for _ in "x")
    rules.add("any-table", (Ref("word"),), *function)
    rules.add("any-table-p", (Ref("any-quoted"),))
    for number, (_, columns) in enumerate(tables):
        add_columns(rules, dialect, f"columns-{number}", columns)
    add_columns(rules, dialect, "columns", {c for _, columns in tables for c in columns})
    rules.begin("other")
    rules.add("other-word", (other_word(rules, listed),))


def add_columns(
    rules: Rules, dialect: str, name: str, columns: Iterable[str], *, sparing: bool = False
) -> Ref:
    """One of the columns behind a dot, or all of them; `sparing` as in `grammar_names.written`."""
    rules.begin(name)
    plain, marked = written(rules, dialect, columns, (), sparing=sparing)
    return rules.add(name, *plain, *marked, (Text("*"),))


Owners = Mapping[str, Sequence[Ref]]
"""Tables and aliases, with the columns that may stand behind each."""


def add_names(
    rules: Rules,
    dialect: str,
    bare: Iterable[str],
    owners: Owners,
    *,
    others: Ref | None = None,
    sparing: bool = False,
) -> None:
    """The rules `name` and `name-p`: a column, bare or behind its table or alias.

    `others` are the columns behind any other alias. `key`, a column in USING, may be any of the
    schema. `sparing` as in `grammar_names.written`.
    """
    rules.begin("name")
    plain, marked = written(rules, dialect, bare, NO_COLUMN[dialect], sparing=sparing)
    behind: dict[str, list[Parts]] = {}
    for owner, columns in owners.items():
        behind.setdefault(fold(owner), []).extend((Text("."), ref) for ref in columns)
    unquoted = {n: p for n, p in behind.items() if is_plain(n) and n not in NO_COLUMN[dialect]}
    if unquoted:
        plain.append((tree(rules, unquoted),))
    in_quotes = {n: p for n, p in behind.items() if n not in unquoted} if sparing else behind
    for opening, closing in MARKS[dialect][: 1 if sparing else None]:
        ended = {
            name.replace(closing, closing * 2) if closing != "]" else name: [
                (Text(closing), *parts) for parts in followed
            ]
            for name, followed in in_quotes.items()
        }
        if ended:
            marked.append((Text(opening), tree(rules, ended)))
    if others is not None:
        plain.append((Ref("other-word"), Text("."), others))
        marked += (
            (Text(opening), Ref("other-word"), Text(f"{closing}."), others)
            for opening, closing in MARKS[dialect]
        )
    nothing: list[Parts] = [(Ref("nothing"),)]
    rules.add("name", *(plain or nothing))
    rules.add("name-p", *(marked or nothing))
    rules.add("key", (Ref("columns"),))


def _add_strict_names(rules: Rules, dialect: str, tables: Tables, bare: bool) -> None:
    columns = {c for _, listed in tables for c in listed} if bare else set()
    owners = {name: (Ref(f"columns-{number}"),) for number, (name, _) in enumerate(tables)}
    rules.begin("nothing")
    rules.add("nothing", (Text("\U0010fffe"),))
    add_names(rules, dialect, columns, owners, others=Ref("columns"))


def _add_free_names(rules: Rules) -> None:
    """Any word, with any word in front: where columns come from queries and not from tables."""
    rules.begin("name")
    behind = rules.maybe(Text("."), rules.one_of((Ref("any-name"),), (Text("*"),)))
    rules.add("name", (Ref("word"), behind))
    rules.add("name-p", (Ref("any-quoted"), behind))
    rules.add("key", (Ref("any-name"),))


def _add_output_names(rules: Rules) -> None:
    """Columns, and what the query itself calls what it shows."""
    rules.begin("name")
    rules.add("name", (Ref("name"),), (Ref("word"),))
    rules.add("name-p", (Ref("name-p"),), (Ref("any-quoted"),))
    rules.add("key", (Ref("columns"),))
