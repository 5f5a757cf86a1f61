"""Cut SQL into the clauses of its queries, on every level of brackets, and write them anew.

It works on tokens, never on a parse, so that it takes what a dialect's parser does not, and what
a model wrote wrong. What a clause holds stays as written; it does not judge, and does not run it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

import sqlglot
from sqlglot import TokenType
from sqlglot.errors import SqlglotError

_KINDS = {
    TokenType.SELECT: "select",
    TokenType.FROM: "from",
    TokenType.WHERE: "where",
    TokenType.GROUP_BY: "group by",
    TokenType.HAVING: "having",
    TokenType.QUALIFY: "qualify",
    TokenType.WINDOW: "window",
    TokenType.ORDER_BY: "order by",
    TokenType.LIMIT: "limit",
}
_JOIN_WORDS = {
    TokenType.NATURAL,
    TokenType.ASOF,
    TokenType.LEFT,
    TokenType.RIGHT,
    TokenType.FULL,
    TokenType.OUTER,
    TokenType.INNER,
    TokenType.CROSS,
    TokenType.SEMI,
    TokenType.ANTI,
    TokenType.JOIN,
}
_SET_OPERATORS = {TokenType.UNION, TokenType.INTERSECT, TokenType.EXCEPT}
_SET_QUANTIFIERS = {TokenType.ALL, TokenType.DISTINCT}
_TIGHT = {TokenType.R_PAREN, TokenType.COMMA}


@dataclass(frozen=True)
class Token:
    """One token; `text` is as written, after one space if a space or comment stood before it."""

    kind: TokenType
    text: str

    @property
    def word(self) -> str:
        """`text` in lower case without the space."""
        return self.text.strip().lower()


@dataclass
class Clause:
    """One clause of a query: `kind` is its keyword in lower case, `text` has the keyword too.

    Each JOIN is a clause of its own, of kind 'join'. A set operator between two queries is one of
    kind 'operator'; what stands before a query's first keyword, such as WITH, is of kind 'start'.
    """

    kind: str
    words: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The clause on one line."""
        return "".join(self.words).strip()

    @property
    def body(self) -> str:
        """`text` without the keyword."""
        return "".join(self.words[1:]).strip()


Arrange = Callable[[Sequence[Clause], int], str]
"""Writes the clauses of one query that stands within so many brackets.

They begin with an operator if it is not the first one there.
"""


@dataclass
class _Level:
    """What stands within one pair of brackets."""

    queries: list[str] = field(default_factory=list)
    clauses: list[Clause] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return self.clauses[-1].kind if self.clauses else ""

    def add(self, text: str, kind: str = "") -> None:
        """Add a word to the last clause, or begin one of `kind` with it."""
        if kind or self.kind in ("", "operator"):
            self.clauses.append(Clause(kind or "start"))
        self.clauses[-1].words.append(text)


def tokens(sql: str, dialect: str) -> list[Token] | None:
    """Cut `sql` into tokens, without comments; None where that cannot be done."""
    try:
        cut = sqlglot.tokenize(sql, dialect=dialect)
    except SqlglotError:
        return None
    found: list[Token] = []
    end = 0
    for token in cut:
        text = sql[token.start : token.end + 1]
        if token.token_type in _KINDS:
            text = " ".join(text.split())
        opened = not found or found[-1].kind == TokenType.L_PAREN
        tight = opened or token.start == end or token.token_type in _TIGHT
        found.append(Token(token.token_type, text if tight else f" {text}"))
        end = token.end + 1
    return found


def first_statement(sql: str, dialect: str) -> list[Token] | None:
    """The tokens up to the first semicolon; None where `sql` cannot be cut into tokens."""
    cut = tokens(sql, dialect)
    return None if cut is None else list(takewhile(lambda t: t.kind != TokenType.SEMICOLON, cut))


def rearranged(sql: str, dialect: str, arrange: Arrange) -> str:
    """The first statement in `sql`, every query in it written by `arrange`, the inner ones first.

    Text that cannot be cut into tokens comes back as it is.
    """
    cut = first_statement(sql, dialect)
    if cut is None:
        return sql.strip()
    levels = [_Level()]
    for position, token in enumerate(cut):
        level = levels[-1]
        if token.kind == TokenType.L_PAREN:
            level.add(token.text)
            levels.append(_Level())
        elif token.kind == TokenType.R_PAREN and len(levels) > 1:
            _close(levels, arrange)
            levels[-1].add(token.text)
        elif token.kind in _SET_OPERATORS:
            _end_query(levels, arrange)
            level.add(token.text, "operator")
        elif token.kind in _SET_QUANTIFIERS and level.kind == "operator":
            level.clauses[-1].words.append(token.text)
        else:
            level.add(token.text, _kind(cut, position, level.kind))
    while len(levels) > 1:
        _close(levels, arrange)
    _end_query(levels, arrange)
    return " ".join(levels[0].queries)


def _end_query(levels: list[_Level], arrange: Arrange) -> None:
    level = levels[-1]
    if level.clauses:
        level.queries.append(arrange(level.clauses, len(levels) - 1))
    level.clauses = []


def _close(levels: list[_Level], arrange: Arrange) -> None:
    _end_query(levels, arrange)
    inner = levels.pop()
    levels[-1].add(" ".join(inner.queries))


def _kind(cut: Sequence[Token], position: int, current: str) -> str:
    """The kind of the clause that a token begins; '' at a name, or within a clause."""
    kind = cut[position].kind
    before = cut[position - 1].kind if position else TokenType.SEMICOLON
    after = [token.kind for token in cut[position + 1 : position + 4]]
    if before == TokenType.DOT:
        return ""
    if kind in _JOIN_WORDS:
        inside = before in _JOIN_WORDS or before in (TokenType.FROM, TokenType.COMMA)
        called = after[:1] == [TokenType.L_PAREN] and kind != TokenType.JOIN
        return "" if inside or called or current not in ("from", "join") else "join"
    if kind == TokenType.FROM and before == TokenType.DISTINCT:
        return ""
    if kind == TokenType.WINDOW and after[1:] != [TokenType.ALIAS, TokenType.L_PAREN]:
        return ""
    return _KINDS.get(kind, "")
