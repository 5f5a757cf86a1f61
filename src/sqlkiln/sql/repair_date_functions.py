"""Functions of dates that another engine has, written as the one at hand has them.

    YEAR(day)                    SQLite   CAST(strftime('%Y', day) AS INTEGER)
    DATEDIFF(shipped, ordered)   DuckDB   date_diff('day', ordered, shipped)

Only functions that the engine lacks are rewritten, and `strftime` with its arguments the other way
round, which is NULL in SQLite. It works on the tokens of the text, as a statement with such a call
may not parse. SQL is never run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import sqlglot
from sqlglot import Token, TokenType
from sqlglot.errors import SqlglotError

from sqlkiln.core.records import DatabaseSchema
from sqlkiln.sql.repair_text import Edit, Fix, Mend

_CODES = {"year": "Y", "month": "m", "day": "d", "hour": "H", "minute": "M", "second": "S"}
_ALONE = {"dayofmonth": "day", "mday": "day", **{unit: unit for unit in _CODES}}
_WRITTEN = re.compile(r"YYYY|MM|DD|HH24|HH|MI|SS", re.IGNORECASE)
_CODE_OF = {"YYYY": "%Y", "MM": "%m", "DD": "%d", "HH24": "%H", "HH": "%H", "MI": "%M", "SS": "%S"}
_LATER = re.compile(r"([+-]?\d+) (day|month|year)s?")
_NOW = frozenset({"now", "getdate", "sysdate", "current_timestamp"})
_TODAY = frozenset({"curdate", "current_date", "today"})
_CUT = {"year": "%Y-01-01", "month": "%Y-%m-01", "day": "%Y-%m-%d"}

Arguments = Sequence[str]
Rewrite = Callable[[Arguments], str | None]


def date_function(sql: str, schema: DatabaseSchema) -> Mend | None:
    """The first call of a function that the engine lacks, in the words of this one."""
    known = _SQLITE if schema.dialect == "sqlite" else _DUCKDB
    for name, first, last, arguments in _calls(sql, schema.dialect):
        rewrite = known.get(name)
        written = rewrite(arguments) if rewrite else None
        if written is not None:
            detail = f"wrote {_short(sql[first:last])} as {_short(written)}"
            return Mend(Fix("date_function", detail), (Edit(first, last, written),))
    return None


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def _calls(sql: str, dialect: str) -> Iterator[tuple[str, int, int, tuple[str, ...]]]:
    """Every call: the function's name in small letters, where it stands, and its arguments."""
    try:
        tokens = sqlglot.tokenize(sql, dialect=dialect)
    except SqlglotError:
        return
    for at, token in enumerate(tokens[:-1]):
        is_name = token.token_type not in (TokenType.STRING, TokenType.IDENTIFIER, TokenType.NUMBER)
        if not is_name or tokens[at + 1].token_type != TokenType.L_PAREN:
            continue
        end = _closing(tokens, at + 1)
        if end is not None:
            arguments = tuple(_arguments(sql, tokens, at + 1, end))
            yield token.text.lower(), token.start, tokens[end].end + 1, arguments


def _closing(tokens: Sequence[Token], opening: int) -> int | None:
    depth = 0
    for at in range(opening, len(tokens)):
        kind = tokens[at].token_type
        depth += (kind == TokenType.L_PAREN) - (kind == TokenType.R_PAREN)
        if depth == 0:
            return at
    return None


def _arguments(sql: str, tokens: Sequence[Token], opening: int, closing: int) -> Iterator[str]:
    """The texts between the commas; `EXTRACT(YEAR FROM day)` has two arguments as well."""
    depth, start = 0, tokens[opening].end + 1
    for token in tokens[opening + 1 : closing]:
        kind = token.token_type
        depth += (kind == TokenType.L_PAREN) - (kind == TokenType.R_PAREN)
        if depth == 0 and kind in (TokenType.COMMA, TokenType.FROM):
            yield sql[start : token.start].strip()
            start = token.end + 1
    if start < tokens[closing].start:
        yield sql[start : tokens[closing].start].strip()


def _unquoted(argument: str) -> str:
    return argument.strip("'\"").lower()


def _is_format(argument: str) -> bool:
    return argument.startswith("'") and "%" in argument


# --------------------------------------------------------------------------- SQLite


def _number(unit: str) -> Rewrite:
    """`YEAR(day)` as a number."""

    def rewrite(arguments: Arguments) -> str | None:
        if len(arguments) != 1:
            return None
        return f"CAST(strftime('%{_CODES[unit]}', {arguments[0]}) AS INTEGER)"

    return rewrite


def _part(arguments: Arguments) -> str | None:
    """`EXTRACT(YEAR FROM day)` and `DATE_PART('year', day)`."""
    if len(arguments) != 2 or _unquoted(arguments[0]) not in _CODES:
        return None
    return _number(_unquoted(arguments[0]))(arguments[1:])


def _cut(arguments: Arguments) -> str | None:
    if len(arguments) != 2 or _unquoted(arguments[0]) not in _CUT:
        return None
    return f"strftime('{_CUT[_unquoted(arguments[0])]}', {arguments[1]})"


def _turned(arguments: Arguments) -> str | None:
    """`strftime(day, '%Y')`."""
    if len(arguments) != 2 or _is_format(arguments[0]) or not _is_format(arguments[1]):
        return None
    return f"strftime({arguments[1]}, {arguments[0]})"


def _days(arguments: Arguments) -> str | None:
    """`DATEDIFF(later, earlier)`, and with a unit `DATEDIFF('day', earlier, later)`."""
    if len(arguments) == 2:
        return f"(julianday({arguments[0]}) - julianday({arguments[1]}))"
    if len(arguments) == 3 and _unquoted(arguments[0]) in ("day", "days", "d", "dd"):
        return f"(julianday({arguments[2]}) - julianday({arguments[1]}))"
    return None


def _constant(written: str) -> Rewrite:
    return lambda arguments: None if arguments else written


def _formatted(write: Callable[[str, str], str], as_mysql: bool) -> Rewrite:
    """`DATE_FORMAT(day, '%Y-%m')` and `TO_CHAR(day, 'YYYY-MM')`."""

    def rewrite(arguments: Arguments) -> str | None:
        if len(arguments) != 2 or not arguments[1].startswith("'"):
            return None
        text = arguments[1]
        if as_mysql:
            codes = re.findall(r"%(.)", text)
            text = text.replace("%i", "%M").replace("%s", "%S")
            known = set(codes) <= set("YmdHisS")
        else:
            text = _WRITTEN.sub(lambda found: _CODE_OF[found[0].upper()], text)
            known = re.fullmatch(r"'(?:%[YmdHMS]|[-/:. T])*'", text) is not None
        return write(arguments[0], text) if known else None

    return rewrite


_SQLITE: dict[str, Rewrite] = {
    **{name: _number(unit) for name, unit in _ALONE.items()},
    "extract": _part,
    "date_part": _part,
    "datepart": _part,
    "date_trunc": _cut,
    "strftime": _turned,
    "datediff": _days,
    "date_diff": _days,
    "date_format": _formatted(lambda day, text: f"strftime({text}, {day})", as_mysql=True),
    "to_char": _formatted(lambda day, text: f"strftime({text}, {day})", as_mysql=False),
    **dict.fromkeys(_NOW, _constant("datetime('now')")),
    **dict.fromkeys(_TODAY, _constant("date('now')")),
}


# --------------------------------------------------------------------------- DuckDB


def _julian(arguments: Arguments) -> str | None:
    if len(arguments) != 1:
        return None
    return "julian(current_date)" if _unquoted(arguments[0]) == "now" else f"julian({arguments[0]})"


def _date_diff(arguments: Arguments) -> str | None:
    return f"date_diff('day', {arguments[1]}, {arguments[0]})" if len(arguments) == 2 else None


def _today(arguments: Arguments) -> str | None:
    """`date('now')` and `date('now', '-30 days')`, which only SQLite knows."""
    if not arguments or _unquoted(arguments[0]) != "now" or len(arguments) > 2:
        return None
    if len(arguments) == 1:
        return "current_date"
    later = _LATER.fullmatch(_unquoted(arguments[1]))
    return f"(current_date + INTERVAL '{later[1]} {later[2]}')" if later else None


def _of_now(arguments: Arguments) -> str | None:
    """`strftime('%Y', 'now')`."""
    if len(arguments) != 2 or _unquoted(arguments[1]) != "now":
        return None
    return f"strftime({arguments[0]}, current_date)"


_DUCKDB: dict[str, Rewrite] = {
    "julianday": _julian,
    "datediff": _date_diff,
    "date": _today,
    "datetime": _today,
    "strftime": _of_now,
    "date_format": _formatted(lambda day, text: f"strftime({day}, {text})", as_mysql=True),
    "to_char": _formatted(lambda day, text: f"strftime({day}, {text})", as_mysql=False),
    **dict.fromkeys(("curdate", "current_date"), _constant("current_date")),
    **dict.fromkeys(("getdate", "sysdate"), _constant("current_timestamp")),
}
