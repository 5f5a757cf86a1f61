"""Small questions about a statement, answered from its parse: is it ordered, by which keys.

It reads SQL and never runs it. `normalize` works on the text alone, so it takes anything.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

import sqlglot
from sqlglot import TokenType, exp
from sqlglot.errors import SqlglotError

logging.getLogger("sqlglot").setLevel(logging.ERROR)

_PIECES = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`)""")
_SPACED_PUNCTUATION = re.compile(r"\s*([(),.=<>!+*/%-])\s*")


@dataclass(frozen=True)
class KeyedQuery:
    """An ordered statement rewritten to show what it is ordered by.

    `sql` is the statement without its LIMIT and OFFSET and with `appended` columns more, at the
    end. `keys` are the positions of the ORDER BY keys in its rows. Of those rows the statement
    itself returns `limit` (None: all) from `offset` on.
    """

    sql: str
    keys: tuple[int, ...]
    appended: int
    offset: int
    limit: int | None


def parse(sql: str, dialect: str) -> exp.Expr | None:
    """The first statement in `sql`, or None if it cannot be parsed."""
    try:
        statements = sqlglot.parse(sql, dialect=dialect)
    except (SqlglotError, RecursionError):
        return None
    return next((statement for statement in statements if statement is not None), None)


def is_ordered(sql: str, dialect: str = "sqlite") -> bool:
    """Whether the outermost query has an ORDER BY; one in a subquery, CTE or string is none."""
    tree = parse(sql, dialect)
    if isinstance(tree, exp.Query):
        return any(query.args.get("order") is not None for query in _layers(tree))
    return _has_outer_order_by(sql, dialect)


def _layers(tree: exp.Expr) -> list[exp.Expr]:
    """`tree`, and what is in it while it is nothing but parentheses around a query."""
    layers = [tree]
    while isinstance(layers[-1], exp.Subquery):
        layers.append(layers[-1].this)
    return layers


def _has_outer_order_by(sql: str, dialect: str) -> bool:
    try:
        tokens = sqlglot.tokenize(sql, dialect=dialect)
    except SqlglotError:
        return False
    depth = 0
    for token in tokens:
        depth += (token.token_type == TokenType.L_PAREN) - (token.token_type == TokenType.R_PAREN)
        if depth == 0 and token.token_type == TokenType.ORDER_BY:
            return True
    return False


def keyed_query(sql: str, columns: tuple[str, ...], dialect: str = "sqlite") -> KeyedQuery | None:
    """Rewrite an ordered statement, whose result has `columns`, to show its ORDER BY keys.

    None where that would change the rows (keys outside the output of a DISTINCT or a set
    operation) or where it cannot be told (LIMIT that is no number, parenthesised queries).
    """
    tree = parse(sql, dialect)
    if not isinstance(tree, exp.Select | exp.SetOperation) or tree.args.get("order") is None:
        return None
    bounds = [_number(tree.args.get(name)) for name in ("offset", "limit")]
    if any(bound is not None and bound < 0 for bound in bounds):
        return None
    terms = [_collated(ordered.this) for ordered in tree.args["order"].expressions]
    closed = not isinstance(tree, exp.Select) or tree.args.get("distinct") is not None
    positions = [_position(term, tree, columns, by_name=closed) for term in terms]
    extra = [t for t, position in zip(terms, positions, strict=True) if position is None]
    if extra and closed:
        return None
    numbers = iter(range(len(columns), len(columns) + len(extra)))
    for name in ("offset", "limit"):
        tree.set(name, None)
    if isinstance(tree, exp.Select):
        shown = [_without_aliases(term, tree) for term in extra]
        tree.set("expressions", [*tree.expressions, *shown])
    return KeyedQuery(
        sql=tree.sql(dialect=dialect),
        keys=tuple(next(numbers) if p is None else p for p in positions),
        appended=len(extra),
        offset=bounds[0] or 0,
        limit=bounds[1],
    )


def _number(clause: exp.Expr | None) -> int | None:
    """The number in a LIMIT or OFFSET clause, None if there is no clause, -1 if no number."""
    if clause is None:
        return None
    value = clause.args.get("expression")
    return int(value.this) if isinstance(value, exp.Literal) and value.is_int else -1


def _collated(term: exp.Expr) -> exp.Expr:
    """Show a case-blind key in lower case, so that rows which tie under it look alike."""
    if isinstance(term, exp.Collate) and term.expression.name.upper() == "NOCASE":
        return exp.Lower(this=term.this.copy())
    return term


def _position(
    term: exp.Expr, tree: exp.Expr, columns: tuple[str, ...], by_name: bool
) -> int | None:
    """Which output column `term` names, if it does so by number, alias or (if asked) name."""
    if isinstance(term, exp.Literal) and term.is_int:
        return int(term.this) - 1 if 0 < int(term.this) <= len(columns) else None
    selected = list(tree.expressions) if isinstance(tree, exp.Select) else []
    starred = any(shown.is_star for shown in selected)
    bare = isinstance(term, exp.Column) and not term.table
    if not starred:
        for position, shown in enumerate(selected):
            named = isinstance(shown, exp.Alias) and shown.alias.lower() == term.name.lower()
            if (bare and named) or (by_name and shown.unalias() == term):
                return position
    if by_name and isinstance(term, exp.Column):
        found = [i for i, column in enumerate(columns) if column.lower() == term.name.lower()]
        return found[0] if len(found) == 1 else None
    return None


def _without_aliases(term: exp.Expr, select: exp.Select) -> exp.Expr:
    """Replace output aliases, which the SELECT list itself cannot see, by what they stand for."""
    meanings = {e.alias.lower(): e.this for e in select.expressions if isinstance(e, exp.Alias)}

    def resolve(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column) and not node.table and node.name.lower() in meanings:
            return exp.Paren(this=meanings[node.name.lower()].copy())
        return node

    return term.copy().transform(resolve)


def normalize(sql: str) -> str:
    """`sql` with case, whitespace, quote style and trailing semicolons evened out.

    Text inside quotes keeps its case and its spaces; quotes of every style become single ones.
    """
    pieces = _PIECES.split(sql.strip().rstrip("; \t\r\n"))
    plain = [_even(piece) if i % 2 == 0 else _requote(piece) for i, piece in enumerate(pieces)]
    return "".join(plain).strip()


def _even(text: str) -> str:
    return _SPACED_PUNCTUATION.sub(r"\1", re.sub(r"\s+", " ", text.lower()))


def _requote(quoted: str) -> str:
    mark = quoted[0]
    return "'" + quoted[1:-1].replace(mark * 2, mark).replace("'", "''") + "'"
