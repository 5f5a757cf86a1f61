"""The text of a query as Spider's official scripts take it, before they read or run it."""

from __future__ import annotations

import re
from collections.abc import Iterator

_COMMENT = r"--[^\r\n]*|\#\ [^\r\n]*|/\*.*?\*/"
_QUOTED = r"""'(?:''|\\'|[^'])*'|"(?:""|\\"|[^"])*"|`(?:``|[^`])*`|(?<![\w\])])\[[^\]\[]+\]"""
_PARAMETER = r"(?<!\w)[$:?@\#]\w+"
_BATCH_END = r"(?P<go>(?<![.\w])GO(?:\s\d+\b|(?![$\#\w(]|\s*\.)))"
_PIECES = re.compile(rf"{_COMMENT}|{_QUOTED}|{_PARAMETER}|{_BATCH_END}|\w[$\#\w]*|.", re.DOTALL)
_HASH_COMMENT = re.compile(r"[^\S\r\n]*\#\ [^\r\n]*")
_SQLITE_COMMENT = re.compile(r"--[^\n]*|/\*.*?(?:\*/|$)", re.DOTALL)
_CURRENT_YEAR = re.compile(r"YEAR\s*\(\s*CURDATE\s*\(\s*\)\s*\)\s*", re.IGNORECASE)


def as_predicted(sql: str) -> str:
    """A predicted query as it is taken up: one line, with 1 for the word `value` between blanks.

    Official faults: the replacement, meant for models that predict no values, hits a column of
    that name too; and a line ends at its first tab, as what follows is taken for a db_id. A
    statement of several lines has none to be cut at: it was not in an official file as it is.
    """
    line = sql if "\n" in sql.strip() else sql.strip().partition("\t")[0]
    return line.replace(" value ", " 1 ")


def as_executed(sql: str) -> str:
    """What the official script runs for `sql`: repaired operators, no DISTINCT, one statement.

    Quotes and comments are told apart as `sqlparse` does, for which a backslash escapes a quote,
    and the word GO ends a statement as `;` does. Official fault: a comment after the `;` belongs to
    the statement still, and if it begins with `#`, which SQLite does not know, the query fails.
    """
    sql = sql.replace("> =", ">=").replace("< =", "<=").replace("! =", "!=")
    return _CURRENT_YEAR.sub("2020", "".join(_first_statement_without_distinct(sql)))


def _first_statement_without_distinct(sql: str) -> Iterator[str]:
    for match in _PIECES.finditer(sql):
        piece = match.group()
        if piece == ";":
            comment = _HASH_COMMENT.match(sql, match.end())
            yield piece + comment.group() if comment else ""
            return
        if piece.lower() != "distinct":
            yield piece
        if match["go"]:
            return


def order_matters(executed_gold: str) -> bool:
    """Whether rows must come in gold's order; takes the gold `as_executed`.

    Official fault: an ORDER BY in a sub-query or in a string is enough.
    """
    return "order by" in executed_gold.lower()


def is_blank(sql: str) -> bool:
    """Whether there is nothing to run: SQLite then returns no rows and no error."""
    return not _SQLITE_COMMENT.sub("", sql).strip()
