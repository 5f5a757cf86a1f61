"""Rules for the clauses of a query: SELECT first, or FROM first as in `sql.logical_order`."""

from __future__ import annotations

from sqlkiln.sql.grammar_expressions import (
    CLOSE,
    COMMA,
    OPEN,
    OS,
    QUERY,
    SP,
    one_phrase,
    phrase,
)
from sqlkiln.sql.grammar_rules import Parts, Ref, Rules, Text

OUTPUTS, LOOSE, FREE = "-o", "-l", "-f"
"""Suffixes of rules: where what the query shows has a name too, where columns may have any name,
and where tables may have any name as well."""

SUFFIXES = ("", OUTPUTS, LOOSE, FREE)


def plain_name(name: str) -> str:
    """The name of a rule without the suffix that it may have."""
    return name[:-2] if name[-2:] in SUFFIXES else name


def add_clauses(rules: Rules, dialect: str, from_first: bool, later: str) -> None:
    """The clauses of one SELECT; those behind WHERE take names from the rules of suffix `later`."""
    _add_select(rules, dialect)
    _add_sources(rules)
    ref = rules.ref
    rules.begin("clauses")
    rules.add("where", (SP, *phrase("where"), ref("gexpr")), ())
    every = ((SP, *phrase("all")),) if dialect == "duckdb" else ()
    keys = (ref("gvalue"), rules.many(*COMMA, ref("value")))
    rules.add("group", (SP, *phrase("group by"), rules.one_of(keys, *every)), ())
    rules.add("having", (SP, *phrase("having"), ref("gexpr")), ())
    name = (Ref("any-name"), SP, *phrase("as"), OS, ref("window"))
    rules.add("windows", (SP, *phrase("window"), SP, *name, rules.many(*COMMA, *name)), ())
    filtered = ((SP, *phrase("qualify"), ref("gexpr")),) if dialect == "duckdb" else ()
    rules.add("qualify", *filtered, ())
    rules.add("order", (SP, ref("sorting")), ())
    rules.begin("core")
    following = tuple(Ref(name + later) for name in ("group", "having", "windows", "qualify"))
    source: Parts = (*phrase("from"), ref("gsources"))
    if from_first:
        rules.add("core", (*source, SP, ref("select"), ref("where"), *following), (ref("select"),))
    else:
        tail = rules.maybe(SP, *source, ref("where"), *following)
        rules.add("core", (ref("select"), tail))


def _add_select(rules: Rules, dialect: str) -> None:
    ref = rules.ref
    rules.begin("select")
    distinct = (*phrase("distinct"),)
    if dialect == "duckdb":
        distinct += (rules.maybe(SP, *phrase("on"), *OPEN, ref("values"), *CLOSE),)
    quantifier = rules.maybe(SP, rules.one_of(distinct, phrase("all")))
    rules.add("select", (*phrase("select"), quantifier, ref("items")))
    called = _called(rules)
    rules.add("item", (Text("*"),), (ref("value"), called))
    item_p = rules.one_of((Text("*"),), (ref("expr-p"), called))
    first = rules.one_of((SP, ref("item")), (item_p,))
    rules.add("items", (first, rules.many(*COMMA, ref("item"))))


def _add_sources(rules: Rules) -> None:
    """What FROM reads: `source` must be there; a condition may follow each JOIN."""
    ref = rules.ref
    rules.begin("sources")
    outer = rules.maybe(SP, *phrase("outer"))
    sided = rules.one_of(
        (one_phrase(rules, "left", "right", "full"), outer),
        (one_phrase(rules, "inner", "cross", "semi", "anti"),),
    )
    natural = rules.maybe(*phrase("natural"), SP)
    joined = (SP, natural, rules.maybe(sided, SP), *phrase("join"))
    rules.add("joining", joined)
    using = (SP, *phrase("using"), *OPEN, ref("key"), rules.many(*COMMA, ref("key")), *CLOSE)
    rules.add("condition", (SP, *phrase("on"), ref("on")), using, ())
    rules.add("on", (ref("gexpr"),))
    rules.add("gsource", (SP, ref("source")), (ref("source-p"),))
    further = rules.one_of(
        (*COMMA, ref("source")),
        (ref("joining"), ref("gsource"), ref("condition")),
    )
    rules.add("further", (further, ref("further")), ())
    rules.add("sources", (ref("source"), ref("further")))
    rules.add("gsources", (ref("gsource"), ref("further")))


def add_source(rules: Rules, table: Ref, table_p: Ref, derived: Ref | None = None) -> None:
    """A source is a table, sources in brackets, or a query as `derived` has it; with an alias."""
    ref = rules.ref
    rules.begin("source")
    called = _called(rules)
    bracketed: Parts = (Text("("), OS, ref("sources"), *CLOSE)
    queries: list[Parts] = [(derived, called)] if derived else []
    rules.add("source-p", (table_p, called), bracketed, *queries)
    rules.add("source", (table, called), (ref("source-p"),))


def add_derived_core(rules: Rules, from_first: bool) -> None:
    """A SELECT that reads from at least one query, whose columns only that query tells.

    Its own rules have the suffix `-d`; what it is made of has that of `rules`.
    """
    ref = rules.ref
    rules.begin("derived")
    called = _called(rules)
    query: Parts = (OS, Ref("derived" + FREE), called)
    table: Parts = (rules.one_of((SP, Ref("table"), called), (OS, Ref("table-p"), called)),)
    comma = (OS, Text(","))
    later = rules.ref("further-d")
    rules.add(
        "further-d",
        (*comma, *query, ref("further")),
        (ref("joining"), *query, ref("condition"), ref("further")),
        (*comma, *table, later),
        (ref("joining"), *table, ref("condition"), later),
    )
    sources = rules.add("gsources-d", (*query, ref("further")), (*table, later))
    following = tuple(ref(name) for name in ("group", "having", "windows", "qualify"))
    source: Parts = (*phrase("from"), sources)
    if from_first:
        rules.add("core-d", (*source, SP, ref("select"), ref("where"), *following))
    else:
        rules.add("core-d", (ref("select"), SP, *source, ref("where"), *following))


def _called(rules: Rules) -> Ref:
    return rules.maybe(rules.one_of((SP, *phrase("as"), Ref("galias")), (SP, Ref("alias"))))


def add_queries(rules: Rules, dialect: str, from_first: bool) -> None:
    """The whole statement: set operations, WITH, ORDER BY, LIMIT, and queries in FROM."""
    rules.begin("query")
    operator = rules.one_of(
        (*phrase("union"), rules.maybe(SP, *phrase("all"))), phrase("intersect"), phrase("except")
    )
    amount = rules.one_of((SP, Ref("amount")), (*OPEN, QUERY, *CLOSE))
    rules.add("amount", (Ref("number"),), (Text("-"), Ref("number")))
    offset = rules.one_of((SP, *phrase("offset"), amount), (*COMMA, Ref("amount")))
    rules.add("limit", (SP, *phrase("limit"), amount, rules.maybe(offset)), ())
    rules.add("any-core", (Ref("core"),), (Ref("core-d" + FREE),))
    for suffix in ("", LOOSE, FREE):
        core = Ref("core" + suffix if suffix else "any-core")
        following = rules.many(SP, operator, SP, core)
        ordered = Ref("order" + (suffix or OUTPUTS))
        rules.add(f"body{suffix}", (core, following, ordered, Ref("limit")))
        rules.add(f"query{suffix}", (Ref(f"body{suffix}"),), (Ref("with"),))
        rules.add(f"derived{suffix}", (Text("("), OS, Ref(f"query{suffix}"), *CLOSE))
    columns = rules.maybe(*OPEN, Ref("any-name"), rules.many(*COMMA, Ref("any-name")), *CLOSE)
    materialized = rules.maybe(SP, rules.maybe(*phrase("not"), SP), *phrase("materialized"))
    rules.add(
        "cte",
        (
            Ref("any-name"),
            columns,
            SP,
            *phrase("as"),
            materialized,
            *OPEN,
            Ref("query" + FREE),
            *CLOSE,
        ),
    )
    recursive = rules.maybe(SP, *phrase("recursive"))
    rules.add(
        "with",
        (
            *phrase("with"),
            recursive,
            SP,
            Ref("cte"),
            rules.many(*COMMA, Ref("cte")),
            OS,
            Ref("body" + FREE),
        ),
    )
    rules.begin("root")
    ending = rules.add("ending", (OS, rules.maybe(Text(";"), OS), rules.maybe(Text("```"))))
    rules.add("root", (OS, QUERY, ending))
    rules.add("root" + LOOSE, (OS, Ref("query" + LOOSE), ending))
