"""Whether a query that is cut by LIMIT keeps the end of the order that its question asks for.

    How old are the five best paid employees?    ... ORDER BY salary LIMIT 5

keeps the worst paid. It is told only where question and query are plain enough: one ORDER BY of one
number, which is no date and no rank, and a question that names one end and never the other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import sqlglot
from sqlglot import Token, TokenType, exp
from sqlglot.errors import SqlglotError

from sqlkiln.core.records import DatabaseSchema
from sqlkiln.sql.explain_names import Names
from sqlkiln.sql.parse import parse
from sqlkiln.sql.repair_text import Edit

_LARGEST = re.compile(
    r"\b(most|highest|largest|biggest|greatest|maximum|maximal|heaviest|tallest|longest|richest"
    r"|priciest|costliest|top|best[ -](?:paid|selling|sold|rated|earning|scoring))\b"
)
_SMALLEST = re.compile(
    r"\b(least|lowest|smallest|fewest|minimum|minimal|lightest|shortest|cheapest|poorest"
    r"|worst[ -](?:paid|selling|sold|rated|earning|scoring))\b"
)
_UNCLEAR = re.compile(
    r"\b(oldest|youngest|newest|earliest|latest|recent\w*|first|last|fastest|slowest|nearest|closest"
    r"|order\w*|sort\w*|rank\w*|position\w*|alphabet\w*|ascending|descending|increasing|decreasing"
    r"|not|never|no|without|except|excluding|but|at (?:most|least)|than|low|lower|small|smaller|few"
    r"|fewer|little|less|short|shorter|light|cheap|cheaper|under|below|un\w+|inexpensive|affordable"
    r"|young|old|early|late|new)\b"
)
"""Words with which a question may mean either end, or both."""

_NO_AMOUNT = re.compile(
    r"year|date|time|found|birth|born|since|rank|position|place|order|priorit|grade|level|class|seed"
    r"|round|stage|id$|index|latitude|longitude|par$|handicap|error|golf|stroke",
    re.IGNORECASE,
)
"""Names of numbers of which more is not higher."""


@dataclass(frozen=True)
class Turned:
    """An order that keeps the wrong end: the question's `word`, and how to write it right."""

    word: str
    wanted: Literal["ASC", "DESC"]
    edit: Edit


def turned(question: str, sql: str, schema: DatabaseSchema) -> Turned | None:
    """How `sql` keeps the other end than `question` asks for; None if it does not, or nobody knows.

    >>> turned("the three most expensive", "SELECT name FROM item ORDER BY cost LIMIT 3", schema)
    Turned(word='most', wanted='DESC', edit=Edit(start=35, end=35, text=' DESC'))
    """
    asked = question.lower()
    largest, smallest = _LARGEST.search(asked), _SMALLEST.search(asked)
    found = largest or smallest
    if found is None or (largest and smallest) or _UNCLEAR.search(asked):
        return None
    ordered = _only_order(sql, schema)
    if ordered is None or bool(ordered.args.get("desc")) == bool(largest):
        return None
    wanted: Literal["ASC", "DESC"] = "DESC" if largest else "ASC"
    edit = _edit(sql, schema.dialect, wanted)
    return Turned(found[0], wanted, edit) if edit else None


def wrong_end(question: str, sql: str, schema: DatabaseSchema) -> str:
    """What `turned` finds, as a sentence without a full stop; empty if it finds nothing."""
    found = turned(question, sql, schema)
    return f"the question says {found.word!r}, and the order wants {found.wanted}" if found else ""


def _only_order(sql: str, schema: DatabaseSchema) -> exp.Ordered | None:
    """What `sql` is ordered by, if that is one amount, all is cut by LIMIT, and no part is."""
    tree = parse(sql, schema.dialect)
    if not isinstance(tree, exp.Select) or tree.args.get("limit") is None:
        return None
    orders, order = list(tree.find_all(exp.Order)), tree.args.get("order")
    if len(orders) != 1 or order is not orders[0] or len(order.expressions) != 1:
        return None
    ordered = order.expressions[0]
    names = [column.name for column in ordered.find_all(exp.Column)]
    is_count = isinstance(ordered.this, exp.Count)
    if not is_count and any(_NO_AMOUNT.search(name) for name in names):
        return None
    is_number = Names(tree, sql, schema.dialect, schema).kind(ordered) == "number"
    return ordered if is_number else None


def _edit(sql: str, dialect: str, wanted: Literal["ASC", "DESC"]) -> Edit | None:
    """What makes the one ORDER BY of `sql` go the other way; None if NULLS stand there."""
    try:
        tokens = sqlglot.tokenize(sql, dialect=dialect)
    except SqlglotError:
        return None
    start = _last(tokens, TokenType.ORDER_BY)
    end = _last(tokens, TokenType.LIMIT)
    if not 0 <= start < end - 1 or any(t.text.upper() == "NULLS" for t in tokens[start:end]):
        return None
    last = tokens[end - 1]
    if last.token_type in (TokenType.ASC, TokenType.DESC):
        return Edit(last.start, last.end + 1, wanted)
    return Edit(last.end + 1, last.end + 1, f" {wanted}")


def _last(tokens: list[Token], kind: TokenType) -> int:
    return max((i for i, token in enumerate(tokens) if token.token_type == kind), default=-1)
