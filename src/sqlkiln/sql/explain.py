"""What a query does, in English, read from its parse and never from a model.

>>> explain("SELECT name FROM singer WHERE age > 20")
'Takes the rows of singer. Keeps rows where age is more than 20. Shows name.'

Steps stand in the order in which they make sense to a reader. What has no words here is shown as
SQL in double quotes; no part of a query is left out. Values, conditions and FROM are worded in
`sql.explain_phrases`, `sql.explain_conditions` and `sql.explain_sources`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from sqlkiln.core.errors import ResourceExceeded, SQLSyntaxError
from sqlkiln.core.records import DatabaseSchema
from sqlkiln.sql.explain_conditions import condition, inline
from sqlkiln.sql.explain_names import Names
from sqlkiln.sql.explain_phrases import (
    Voice,
    aggregates,
    counted,
    fragment,
    listing,
    ordering,
    parts,
    phrase,
    position,
)
from sqlkiln.sql.explain_sources import inner_lists, list_name, rows, taking


def explain(sql: str, dialect: str = "sqlite", schema: DatabaseSchema | None = None) -> str:
    """Say in plain English what `sql` does; see `steps`."""
    return " ".join(steps(sql, dialect, schema))


def steps(
    sql: str, dialect: str = "sqlite", schema: DatabaseSchema | None = None
) -> tuple[str, ...]:
    """What `sql` does, one sentence a step.

    With `schema`, columns of queries over several tables are shown with their table, and orders
    are worded by the type of the column ("A to Z", "latest first").

    Raises:
        SQLSyntaxError: with line and column, if `sql` cannot be parsed or is empty.
        ResourceExceeded: if it is nested too deeply to be read.
    """
    try:
        trees = _parse(sql, dialect)
        statements = [_statement(tree, sql, dialect, schema) for tree in trees]
    except RecursionError:
        raise ResourceExceeded(
            f"cannot explain the query: {len(sql)} characters, nested too deeply; simplify it"
        ) from None
    if len(statements) > 1:
        joined = ("; ".join(statement) for statement in statements)
        statements = [[f"statement {n}: {words}" for n, words in enumerate(joined, 1)]]
    return tuple(f"{sentence[0].upper()}{sentence[1:]}." for sentence in statements[0])


def _parse(sql: str, dialect: str) -> list[exp.Expr]:
    try:
        trees = [tree for tree in sqlglot.parse(sql, dialect=dialect) if tree is not None]
    except ParseError as error:
        found = error.errors[0]
        line, column, what = (
            found["line"],
            found["col"],
            found["description"].partition(" but got <")[0].strip(". "),
        )
    except TokenError as error:
        read = sql[: getattr(error, "end", 0) or 0]
        line, column = read.count("\n") + 1, len(read) - read.rfind("\n")
        what = str(error).splitlines()[0]
    else:
        if trees:
            return trees
        line, column, what = 1, 1, "there is no statement"
    raise SQLSyntaxError(
        f"cannot read the SQL: line {line}, column {column}: {what}; correct it there"
    )


def _statement(tree: exp.Expr, sql: str, dialect: str, schema: DatabaseSchema | None) -> list[str]:
    voice = Voice(
        dialect=dialect,
        names=Names(tree, sql, dialect, schema),
        nulls=re.search(r"\bNULLS\s+(FIRST|LAST)\b", sql, re.IGNORECASE) is not None,
        condition=condition,
        inline=inline,
        steps=_steps,
        rows=rows,
    )
    if isinstance(tree, exp.Query | exp.Values):
        return _steps(tree, voice)
    shown = fragment(tree, voice) if ";" in sql.strip("; \n") else f'"{sql.strip()}"'
    return [f"runs {shown}, which is not a SELECT"]


def _steps(query: exp.Expr, voice: Voice) -> list[str]:
    """All clauses of one query, in the order of its `parts`; each begins with a verb."""
    said: list[str] = []
    for clause in _CLAUSES:
        said += clause(query, voice)
    for key in sorted(parts(query) - _WORDED):
        pieces = query.args[key] if isinstance(query.args[key], list) else [query.args[key]]
        for piece in pieces:
            shown = fragment(piece, voice) if isinstance(piece, exp.Expr) else f'"{key} {piece}"'
            said.append(f"applies {shown}")
    return said


def _together(query: exp.Expr, voice: Voice) -> str:
    return "; ".join(_steps(query, voice))


# --------------------------------------------------------------------------- lists made first


def _prepared(query: exp.Expr, voice: Voice) -> list[str]:
    """The lists made beforehand: CTEs, then queries in FROM."""
    made = query.args.get("with_")
    said = []
    if made is not None:
        said = [_cte(cte, "recursive" in parts(made), voice) for cte in made.expressions]
    if isinstance(query, exp.Select):
        for node in inner_lists(query):
            said.append(f"prepares {list_name(node, voice)}: {_together(node, voice)}")
    return said


def _cte(cte: exp.CTE, recursive: bool, voice: Voice) -> str:
    name, query = list_name(cte, voice), cte.this
    again = any(t.name.lower() == cte.alias.lower() for t in query.find_all(exp.Table))
    if recursive and again and isinstance(query, exp.Union):
        repeats = "without repeats" if query.args.get("distinct") else "keeping repeats"
        return (
            f"builds up {name}, {repeats}: at first it "
            f"{_together(query.this, voice)}; then, again and again until nothing is added, it "
            f"{_together(query.expression, voice)}"
        )
    return f"prepares {name}: {_together(query, voice)}"


# --------------------------------------------------------------------------- set operations


def _combined(query: exp.Expr, voice: Voice) -> list[str]:
    """The lists that UNION, INTERSECT and EXCEPT put together, and how."""
    if not isinstance(query, exp.SetOperation):
        return []
    said: list[str] = []
    _combine(query, voice, said)
    said[-1] = re.sub(r"^list \d+: ", "", said[-1])
    return said


def _combine(query: exp.Expr, voice: Voice, said: list[str]) -> str:
    """Word what makes one list, append it to `said` and return the list's name."""
    inner = query.this if isinstance(query, exp.Subquery) and parts(query) == {"this"} else query
    plainly = parts(inner) <= {"this", "expression", "distinct", "by_name"} or not said
    if isinstance(inner, exp.SetOperation) and plainly:
        left, right = (_combine(side, voice, said) for side in (inner.this, inner.expression))
        made = _OPERATIONS[type(inner)].format(left=left, right=right)
        made += ", without repeats" if inner.args.get("distinct") else ", keeping repeats"
        made += ", matched by column name" * bool(inner.args.get("by_name"))
    else:
        made = _together(inner, voice)
    name = f"list {len(said) + 1}"
    said.append(f"list {len(said) + 1}: {made}")
    return name


_OPERATIONS: dict[type[exp.Expr], str] = {
    exp.Union: "puts {left} and {right} together",
    exp.Intersect: "keeps only the rows that are in both {left} and {right}",
    exp.Except: "keeps the rows of {left} that are not in {right}",
}


# --------------------------------------------------------------------------- clauses of a SELECT


def _kept(query: exp.Expr, voice: Voice) -> list[str]:
    where = query.args.get("where")
    return [f"keeps rows where {condition(where.this, voice)}"] if where else []


def _grouped(query: exp.Expr, voice: Voice) -> list[str]:
    group = query.args.get("group")
    if group is None:
        return []
    if parts(group) == {"all"}:
        return ["groups them by all shown columns that are not worked out from several rows"]
    if parts(group) != {"expressions"}:
        return [f"groups them by {fragment(group, voice)}"]
    return [f"groups them by {listing(position(key, query, voice) for key in group.expressions)}"]


def _groups_kept(query: exp.Expr, voice: Voice) -> list[str]:
    having = query.args.get("having")
    if having is None:
        return []
    what = "groups" if query.args.get("group") else "the result only if"
    where = " where" * (what == "groups")
    return [f"keeps {what}{where} {condition(having.this, voice)}"]


def _picked(query: exp.Expr, voice: Voice) -> list[str]:
    qualify = query.args.get("qualify")
    return [f"keeps rows where {condition(qualify.this, voice)}"] if qualify else []


def _shown(query: exp.Expr, voice: Voice) -> list[str]:
    if isinstance(query, exp.Subquery):
        return _steps(query.this, voice)
    if isinstance(query, exp.Values):
        return [f"shows the given rows {listing(phrase(row, voice) for row in query.expressions)}"]
    if not isinstance(query, exp.Select):
        return []
    items = listing(phrase(item, voice) for item in query.expressions)
    distinct = query.args.get("distinct")
    repeats = ""
    if distinct is not None:
        on = distinct.args.get("on")
        repeats = (
            ", without repeats"
            if on is None
            else f", one row for each {listing(phrase(e, voice) for e in on.expressions)}"
        )
    if query.args.get("group"):
        return [f"for each group, shows {items}{repeats}"]
    if items.startswith("the number of rows") and len(query.expressions) == 1:
        return [f"counts {items.replace('the number of', 'the', 1)}"]
    computed = all(aggregates(item) for item in query.expressions)
    return [f"{'works out' if computed else 'shows'} {items}{repeats}"]


def _sorted(query: exp.Expr, voice: Voice) -> list[str]:
    order = query.args.get("order")
    if order is None:
        return []
    if [type(key.this) for key in order.expressions] == [exp.Rand]:
        return ["puts the rows in random order"]
    what = "sorts the groups" if query.args.get("group") else "sorts"
    return [f"{what} by {ordering(order, voice)}"]


def _limited(query: exp.Expr, voice: Voice) -> list[str]:
    limit, offset = query.args.get("limit"), query.args.get("offset")
    said = []
    if offset is not None:
        said.append(f"skips the first {counted(phrase(offset.expression, voice))}")
    if limit is not None and parts(limit) == {"expression"}:
        count = phrase(limit.expression, voice)
        said.append(f"returns at most {counted(count)}")
    elif limit is not None:
        said.append(f"applies {fragment(limit, voice)}")
    return said


_CLAUSES: tuple[Callable[[exp.Expr, Voice], list[str]], ...] = (
    _prepared,
    _combined,
    taking,
    _kept,
    _grouped,
    _groups_kept,
    _picked,
    _shown,
    _sorted,
    _limited,
)

_WORDED = frozenset(
    "with_ this expression expressions alias from_ joins laterals where group having qualify "
    "windows distinct by_name order limit offset".split()
)
"""The arguments of queries that the clauses above put into words."""
