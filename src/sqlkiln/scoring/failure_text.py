"""Failures that show in what the model wrote before any of it is run: no query, or prose in it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot import exp
from sqlglot.tokens import Tokenizer

from sqlkiln.core.records import DatabaseSchema
from sqlkiln.sql.parse import parse

_START = re.compile(r"\b(?:SELECT|WITH)\b", re.IGNORECASE)
_OTHER_STATEMENT = re.compile(
    r"\s*(?:INSERT|UPDATE|DELETE|REPLACE|CREATE|DROP|ALTER|PRAGMA|EXPLAIN|ATTACH)\b", re.IGNORECASE
)
_BREAKS = (re.compile(r"\n|;|```|(?<=[.:!?])\s"), re.compile(r"\s(?=[A-Z][a-z]|I )"))
"""Where a sentence may begin: surely, and maybe."""
_WORD = re.compile(r"\b[A-Za-z][A-Za-z_']+\b(?!\s*\()")
_NO_PROSE = re.compile(
    r"<think>.*?(?:</think>|\Z)|'[^']*'|\"[^\"]*\"|`[^`]+`|--[^\n]*|/\*.*?(?:\*/|\Z)|```\w*",
    re.DOTALL | re.IGNORECASE,
)
_ENGLISH = frozenset(
    {"the", "this", "that", "these", "you", "your", "we", "it", "can", "will", "here"}
)
"""Words that give a sentence away: they count twice."""
_KEYWORDS = frozenset(word for key in Tokenizer.KEYWORDS for word in key.split())
_TRIED_CUTS = 12


def query_in(text: str, dialect: str) -> exp.Expr | None:
    """The parsed query that `text` is, or None if it cannot be parsed or is something else."""
    tree = parse(text, dialect)
    while isinstance(tree, exp.Subquery):
        tree = tree.this
    return tree if isinstance(tree, exp.Select | exp.SetOperation) else None


def is_prose(text: str, schema: DatabaseSchema, at_least: int = 3) -> bool:
    """Whether `text` is rather sentences than SQL about `schema`, with `at_least` so many words."""
    words = _WORD.findall(_NO_PROSE.sub(" ", text))
    names = {
        word.lower()
        for table in schema.tables
        for name in (table.name, *(column.name for column in table.columns))
        for word in re.findall(r"[A-Za-z_]+", name)
    }
    plain = [w for w in words if w.upper() not in _KEYWORDS and w.lower() not in names]
    weight = len(plain) + sum(word.lower() in _ENGLISH for word in plain)
    return weight >= at_least and 2 * weight >= len(words)


def has_prose_around(completion: str, sql: str, schema: DatabaseSchema) -> bool:
    """Whether the completion says something besides `sql`, its fences and comments."""
    return is_prose(completion.replace(sql, " ") if sql else completion, schema)


def is_wrapped_in_prose(text: str, schema: DatabaseSchema) -> bool:
    """Whether `text`, which is no query as it stands, is one if sentences around it are cut off."""
    for start, end in _cuts(text):
        rest = f"{text[:start]} {text[end:]}"
        if is_prose(rest, schema, at_least=2) and _is_whole(text[start:end], schema.dialect):
            return True
    return False


def _cuts(text: str) -> Iterator[tuple[int, int]]:
    starts = [match.start() for match in _START.finditer(text)][:_TRIED_CUTS]
    for start in starts:
        for breaks in _BREAKS:
            ends = [match.start() for match in breaks.finditer(text, start)][:_TRIED_CUTS]
            yield from ((start, end) for end in ends if end > start)
        yield start, len(text)


def _is_whole(text: str, dialect: str) -> bool:
    tree = query_in(text, dialect)
    return tree is not None and tree.find(exp.From) is not None


def is_attempt(text: str, schema: DatabaseSchema) -> bool:
    """Whether `text`, which cannot be parsed as a query, was meant to be one."""
    start = _START.search(text)
    if start is None or _OTHER_STATEMENT.match(text):
        return False
    return not is_prose(text[start.start() :], schema)
