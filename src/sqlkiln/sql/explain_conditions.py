"""English for what must hold: comparisons, lists, patterns, AND and OR, and inner queries in them.

Whatever has no words is shown as SQL in double quotes; see `sql.explain_phrases`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sqlglot import exp

from sqlkiln.sql import explain_vocabulary as vocabulary
from sqlkiln.sql.explain_phrases import (
    Voice,
    aggregates,
    fragment,
    listing,
    ordering,
    parts,
    phrase,
)

_BRIEF = {"expressions", "from_", "joins", "where", "distinct"}


def condition(node: exp.Expr, voice: Voice, denied: bool = False) -> str:
    """What must hold for `node` to be true or, if `denied`, for it to be false."""
    node = node.unnest()
    if isinstance(node, exp.Not):
        return condition(node.this, voice, not denied)
    if isinstance(node, exp.And | exp.Or):
        words = _connected(node, voice)
        return f"it is not true that ({words})" if denied else words
    keys, say = _RULES.get(type(node), (set(), None))
    if say is not None and parts(node) <= keys:
        return say(node, voice, denied)
    if isinstance(node, exp.Predicate | exp.Escape):
        return f"{fragment(node, voice)} {'does not hold' if denied else 'holds'}"
    return f"{phrase(node, voice)} is {'not ' * denied}true"


def matching(on: exp.Expr, voice: Voice) -> str:
    """The condition of a join: equal columns as 'a.x = b.y', the rest in words."""
    pieces = on.unnest().flatten() if isinstance(on.unnest(), exp.And) else [on]
    return " and ".join(_match(piece.unnest(), voice) for piece in pieces)


def inline(query: exp.Expr, voice: Voice, form: str) -> str:
    """An inner query within a sentence: its 'value', its 'values', 'a row' or 'no row' of it."""
    select = query.unnest()
    words = _brief(select, voice, form) if isinstance(select, exp.Select) else None
    if words is not None:
        return words
    result = {"value": "the result", "values": "the results"}.get(form, form)
    return f"{result} of another query ({'; '.join(voice.steps(query, voice))})"


def _brief(select: exp.Select, voice: Voice, form: str) -> str | None:
    """The query in a few words, if it shows one thing and has at most WHERE and a top-n."""
    top = parts(select) - _BRIEF
    rows = voice.rows(select, voice)
    if rows is None or len(select.expressions) != 1 or top not in (set(), {"order", "limit"}):
        return None
    shown = select.expressions[0].unalias()
    if top and (aggregates(shown) or parts(select.args["limit"]) != {"expression"}):
        return None
    if not rows:
        return phrase(shown, voice)
    where = select.args.get("where")
    rows = f"in {rows}" + (f" where {condition(where.this, voice)}" if where else "")
    if top:
        count = phrase(select.args["limit"].expression, voice)
        order = ordering(select.args["order"], voice)
        rows = f"of the top {count} {'row' if count == '1' else 'rows'} by {order}, {rows}"
    return f"{_shown(shown, voice, form, 'distinct' in parts(select))} {rows}"


def _shown(shown: exp.Expr, voice: Voice, form: str, distinct: bool) -> str:
    words, different = phrase(shown, voice), "different " * distinct
    if form.endswith("row"):
        said = isinstance(shown, exp.Star | exp.Literal)
        return form if said else f"{form.removesuffix('row')}value of {words}"
    if isinstance(shown, exp.Column):
        return f"the {different}{words}" + (" values" if form == "values" else "")
    if form == "values" and not aggregates(shown):
        return f"the {different}values of {words}"
    return words


def _fenced(words: str, node: exp.Expr) -> str:
    """In brackets where an inner WHERE would run into the words of the outer one."""
    clause = node.find_ancestor(exp.And, exp.Or, exp.Select)
    return f"({words})" if isinstance(clause, exp.And | exp.Or) and " where " in words else words


def _connected(node: exp.And | exp.Or, voice: Voice) -> str:
    """'a and b'; pieces joined by the other word are in brackets."""
    words = []
    for piece in node.flatten():
        said = condition(piece, voice)
        words.append(f"({said})" if isinstance(piece.unnest(), exp.Connector) else said)
    return (" and " if isinstance(node, exp.And) else " or ").join(words)


def _match(node: exp.Expr, voice: Voice) -> str:
    if isinstance(node, exp.EQ) and isinstance(node.this, exp.Column):
        return f"{phrase(node.this, voice)} = {phrase(node.expression, voice)}"
    return condition(node, voice)


def _comparison(node: exp.Binary, voice: Voice, denied: bool) -> str:
    left, right = node.this, node.expression
    verbs = vocabulary.COMPARISONS[type(node)]
    if "time" in (voice.names.kind(left), voice.names.kind(right)):
        verbs = vocabulary.TIME_COMPARISONS.get(type(node), verbs)
    if isinstance(node, exp.EQ | exp.NEQ) and _is_column(right, voice):
        verbs = (
            ("equals", "differs from") if isinstance(node, exp.EQ) else ("differs from", "equals")
        )
    return _fenced(f"{phrase(left, voice)} {verbs[denied]} {phrase(right, voice)}", node)


def _is_column(node: exp.Expr, voice: Voice) -> bool:
    return isinstance(node, exp.Column) and not voice.names.is_text(node)


def _between(node: exp.Between, voice: Voice, denied: bool) -> str:
    low, high = phrase(node.args["low"], voice), phrase(node.args["high"], voice)
    return f"{phrase(node.this, voice)} is {'not ' * denied}from {low} to {high}"


def _in(node: exp.In, voice: Voice, denied: bool) -> str:
    subject = phrase(node.this, voice)
    if node.args.get("query"):
        found = inline(node.args["query"], voice, "values")
        return _fenced(f"{subject} is {'not ' * denied}among {found}", node)
    values = [phrase(value, voice) for value in node.expressions]
    if len(values) == 1:
        return f"{subject} is {'not ' * denied}{values[0]}"
    return f"{subject} is {'none' if denied else 'one'} of {listing(values, 'or')}"


def _is(node: exp.Is, voice: Voice, denied: bool) -> str:
    subject = phrase(node.this, voice)
    if isinstance(node.expression, exp.Null):
        return f"{subject} has {'a' if denied else 'no'} value"
    return f"{subject} is {'not ' * denied}{phrase(node.expression, voice)}"


def _exists(node: exp.Exists, voice: Voice, denied: bool) -> str:
    found = inline(node.this, voice, "no row" if denied else "a row")
    return _fenced(f"there is {found}", node)


def _like(node: exp.Like | exp.ILike, voice: Voice, denied: bool) -> str:
    denied ^= bool(node.args.get("negate"))
    subject, pattern = phrase(node.this, voice), phrase(node.expression, voice)
    cases = " (in upper or lower case)" * isinstance(node, exp.ILike)
    text = re.fullmatch(r"'(%*)([^%_]+)(%*)'", pattern)
    if text:
        verb = vocabulary.LIKENESSES[bool(text[1]), bool(text[3])][denied]
        return f"{subject} {verb} '{text[2]}'{cases}"
    verb = "does not match" if denied else "matches"
    legend = " (% is any text, _ any one character)" * pattern.startswith("'")
    return f"{subject} {verb} the pattern {pattern}{legend}{cases}"


_Say = Callable[[Any, Voice, bool], str]

_RULES: dict[type[exp.Expr], tuple[set[str], _Say]] = {
    **dict.fromkeys(vocabulary.COMPARISONS, ({"this", "expression"}, _comparison)),
    exp.Like: ({"this", "expression", "negate"}, _like),
    exp.ILike: ({"this", "expression", "negate"}, _like),
    exp.Between: ({"this", "low", "high"}, _between),
    exp.In: ({"this", "expressions", "query"}, _in),
    exp.Is: ({"this", "expression"}, _is),
    exp.Exists: ({"this"}, _exists),
}
"""How predicates are worded, and the arguments that the words cover."""
