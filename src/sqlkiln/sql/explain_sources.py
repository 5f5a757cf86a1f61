"""English for what a query reads from: tables, inner lists and how they are joined."""

from __future__ import annotations

from itertools import takewhile

from sqlglot import exp

from sqlkiln.sql.explain_conditions import matching
from sqlkiln.sql.explain_names import plain, source_nodes
from sqlkiln.sql.explain_phrases import Voice, fragment, listing, parts, phrase

_JOIN_PARTS = {"this", "on", "side", "kind", "using", "method"}


def taking(query: exp.Expr, voice: Voice) -> list[str]:
    """The clauses that say which rows a SELECT starts from; none if it has no FROM."""
    if not isinstance(query, exp.Select) or not query.args.get("from_"):
        return []
    first, joins = _from(query)
    start = _source(first, voice)
    crossed = list(takewhile(_is_cross, joins))
    matched = list(takewhile(_is_inner, joins))
    if crossed:
        others = [_source(join.this, voice) for join in crossed]
        said = [f"takes every combination of the rows of {listing([start, *others])}"]
    elif matched:
        said = [f"takes each row of {start} with the matching rows of {_matches(matched, voice)}"]
    else:
        said = [f"takes the rows of {start}"]
    said += [_join(join, voice) for join in joins[len(crossed) + len(matched) :]]
    return said + [f"adds {fragment(node, voice)}" for node in query.args.get("laterals") or ()]


def rows(select: exp.Select, voice: Voice) -> str | None:
    """What `select` reads from in a few words; '' if nothing, None if a few words do not do."""
    if not select.args.get("from_"):
        return ""
    first, joins = _from(select)
    nodes = [first, *(join.this for join in joins)]
    if not all(isinstance(node, exp.Table) for node in nodes):
        return None
    start = _source(first, voice)
    if not joins:
        return start
    if all(_is_cross(join) for join in joins):
        return f"all combinations of {listing(_source(node, voice) for node in nodes)}"
    if all(_is_inner(join) for join in joins):
        return f"{start} matched with {_matches(joins, voice)}"
    return None


def inner_lists(select: exp.Select) -> list[exp.Subquery]:
    """The queries in FROM and JOIN, which are made before the rest."""
    return [
        node
        for node in source_nodes(select)
        if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Query)
    ]


def list_name(node: exp.Expr, voice: Voice) -> str:
    """What a CTE or an inner list is called, with its columns where they are given."""
    if not node.alias:
        return f"the {voice.names.source(node).shown}"
    return f"a list called {plain(node.alias)}{_columns(node)}"


def _from(select: exp.Select) -> tuple[exp.Expr, list[exp.Join]]:
    """The first source and the joins; brackets around the first ones change nothing."""
    first, joins = select.args["from_"].this, list(select.args.get("joins") or ())
    while isinstance(first, exp.Subquery) and isinstance(first.this, exp.Table) and not first.alias:
        first = first.this
    return first, list(first.args.get("joins") or ()) + joins


def _is_cross(join: exp.Join) -> bool:
    given = parts(join) - {"kind"}
    always = isinstance(join.args.get("on"), exp.Boolean) and join.args["on"].this
    return join.kind in ("", "CROSS") and given <= ({"this", "on"} if always else {"this"})


def _is_inner(join: exp.Join) -> bool:
    return (
        join.kind in ("", "INNER")
        and not _is_cross(join)
        and parts(join) <= {"this", "on", "using", "kind", "method"}
        and join.method in ("", "NATURAL")
    )


def _matches(joins: list[exp.Join], voice: Voice) -> str:
    return listing(_matched(join, voice) for join in joins)


def _matched(join: exp.Join, voice: Voice) -> str:
    name, how = _source(join.this, voice), _how(join, voice)
    return f"{name.removesuffix(')')}; {how})" if name.endswith(")") else f"{name} ({how})"


def _how(join: exp.Join, voice: Voice) -> str:
    if join.args.get("using"):
        return f"same {listing(plain(c.name) for c in join.args['using'])}"
    if join.method == "NATURAL":
        return "same values in the columns that both have"
    return matching(join.args["on"], voice) if join.args.get("on") else "all of them"


def _join(join: exp.Join, voice: Voice) -> str:
    """One join that is not among the first inner ones, as a clause of its own."""
    if parts(join) - _JOIN_PARTS or join.method not in ("", "NATURAL"):
        return f"joins {fragment(join, voice)}"
    name = _source(join.this, voice)
    how = _matched(join, voice)
    if _is_cross(join):
        return f"combines each of these with every row of {name}"
    if join.kind in ("SEMI", "ANTI"):
        return f"keeps only those with{'out' * (join.kind == 'ANTI')} a matching row of {how}"
    if join.side == "LEFT":
        return f"adds the matching rows of {how}, or blanks where there are none"
    if join.side == "RIGHT":
        return f"takes every row of {how} with these rows, or blanks where none matches"
    if join.side == "FULL":
        return f"adds the matching rows of {how}, and the rows of both sides that match nothing"
    return f"adds the matching rows of {how}"


def _source(node: exp.Expr, voice: Voice) -> str:
    source = voice.names.source(node)
    if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Query):
        return source.shown
    if isinstance(node, exp.Values):
        given = listing(phrase(row, voice) for row in node.expressions)
        name = f" (called {source.shown}{_columns(node)})" if node.alias else ""
        return f"the list of {given}{name}"
    if not isinstance(node.this, exp.Identifier) or parts(node) - {
        "this",
        "db",
        "catalog",
        "alias",
        "joins",
    }:
        return fragment(node, voice)
    called = "" if source.shown == source.name else f" (called {source.shown})"
    return source.name + called + _columns(node)


def _columns(node: exp.Expr) -> str:
    alias = node.args.get("alias")
    columns = alias.args.get("columns") if isinstance(alias, exp.TableAlias) else None
    named = listing(plain(c.name) for c in columns or ())
    return f" with column{'s' * (len(columns) > 1)} {named}" if columns else ""
