"""Dates compared with what can never be one: a year's number, a month without a day, `May 2014`.

    DuckDB   day LIKE '2014%'              CAST(day AS VARCHAR) LIKE '2014%'
    both     day = '2014-05'               strftime('%Y-%m', day) = '2014-05'
    SQLite   strftime('%m', day) = 5       strftime('%m', day) = '05'

A comparison is mended only where the engine refuses it, or where no date can ever fulfil it, or
every one does. What is a date is told by the type of the column in DuckDB, and in SQLite, which has
no such type, by the samples of its values. SQL is never run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot import exp

from sqlkiln.sql.date_columns import has_times
from sqlkiln.sql.repair_statement import Statement
from sqlkiln.sql.repair_text import Edit, Fix, Mend, fold, place

_YEAR = re.compile(r"[12]\d{3}")
_YEAR_AND_MONTH = re.compile(r"([12]\d{3})-(0[1-9]|1[0-2])")
_PARTS = ((_YEAR, "%Y", "year"), (_YEAR_AND_MONTH, "%Y-%m", "month"))
_DAY = re.compile(r"[12]\d{3}-\d\d-\d\d")
_WHOLES = ((_DAY, "%Y-%m-%d", "day"), *_PARTS)
_NARROWER = ("%Y", "%m", "%d", "%Y-%m")
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_WEEKDAYS = "sun mon tue wed thu fri sat".split()
_NAMED = re.compile(r"%?(?P<month>[a-z]{3,9})[ ,%]+(?P<year>[12]\d{3})%?", re.IGNORECASE)
_SLASHED = re.compile(r"%?(?:0?(?P<month>\d|1[0-2])/)(?:%/|\d\d?/)?(?P<year>[12]\d{3})%?")
_ANY_DAY = re.compile(r"(?:%/)+(?P<year>[12]\d{3})%?")
_WIDTH = {"%Y": 4, "%m": 2, "%d": 2, "%H": 2, "%w": 1, "%j": 3}
_COMPARED = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)


def date_compared(statement: Statement) -> Mend | None:
    """The first comparison of a date that cannot be meant as it stands, as it is meant."""
    for node in statement.tree.find_all(*_COMPARED, exp.Between, exp.In, exp.Like):
        mend = _part_of_date(statement, node) or _whole_date(statement, node)
        if mend is not None:
            return mend
    return None


# --------------------------------------------------------------------------- parts of dates


def _part_of_date(statement: Statement, node: exp.Expr) -> Mend | None:
    """`strftime('%m', day)` is a text of two digits, and compares with nothing else."""
    shape = node.this
    if isinstance(node, exp.Like) or not isinstance(shape, exp.TimeToStr):
        return None
    form = next((f for f in (shape.args.get("format"), shape.this) if _is_format(f)), None)
    constants = list(_constants(node))
    if form is None or not constants:
        return None
    texts = [literal.name for literal in constants]
    fitting = next((f for p, f, _ in _WHOLES if all(p.fullmatch(text) for text in texts)), None)
    where = place(form)
    if fitting not in (None, form.name) and form.name in _NARROWER and where is not None:
        detail = f"took {fitting!r} of the date, to compare it with {texts[0]!r}"
        return Mend(Fix("date_compared", detail), (Edit(*where, f"'{fitting}'"),))
    return _as_digits(statement, node, constants, form.name)


def _is_format(argument: exp.Expr | None) -> bool:
    return isinstance(argument, exp.Literal) and argument.is_string and "%" in argument.name


def _as_digits(
    statement: Statement, node: exp.Expr, constants: list[exp.Literal], part: str
) -> Mend | None:
    """Numbers, names, and texts that are too short, as texts of as many digits as `part` has."""
    edits = []
    width = _WIDTH.get(part)
    for literal in constants:
        digits = _number(literal.name, part)
        where = place(literal)
        if width is None or where is None or not digits.isdecimal() or len(digits) > width:
            return None
        if literal.is_string and literal.name == digits.zfill(width):
            continue
        if statement.is_sqlite or literal.is_string or not isinstance(node, _COMPARED):
            edits.append(Edit(*where, f"'{digits.zfill(width)}'"))
    if not edits:
        return None
    detail = f"compared a part of a date with the text {edits[0].text}, as strftime gives it"
    return Mend(Fix("date_compared", detail), tuple(edits))


def _number(text: str, part: str) -> str:
    """`May` as 5 and `Monday` as 1, as strftime counts them; other texts as they are."""
    names, first = {"%m": (_MONTHS, 1), "%w": (_WEEKDAYS, 0)}.get(part, ([], 0))
    short = text.strip().lower()[:3]
    return str(names.index(short) + first) if short in names else text


def _constants(node: exp.Expr) -> Iterator[exp.Literal]:
    if isinstance(node, exp.Between):
        others = [node.args.get("low"), node.args.get("high")]
    else:
        others = node.expressions if isinstance(node, exp.In) else [node.expression]
    for other in others:
        if isinstance(other, exp.Literal):
            yield other


# --------------------------------------------------------------------------- whole dates


def _whole_date(statement: Statement, node: exp.Expr) -> Mend | None:
    column = node.this
    constants = list(_constants(node))
    span = _span(column)
    if not isinstance(column, exp.Column) or not constants or span is None:
        return None
    times = _times(statement, column)
    if times is None:
        return None
    written = statement.sql[span[0] : span[1]]
    if isinstance(node, exp.Like):
        return _like(statement, span, written, constants[0])
    texts = [literal.name for literal in constants]
    if all(not literal.is_string and _YEAR.fullmatch(literal.name) for literal in constants):
        return _as_years(statement, constants, span, written)
    if not all(literal.is_string for literal in constants):
        return None
    is_equal = isinstance(node, exp.EQ | exp.NEQ | exp.In)
    if not (is_equal or not statement.is_sqlite):
        return None  # as texts they can be compared
    for pattern, part, name in _PARTS:
        if all(pattern.fullmatch(text) for text in texts):
            shown = f"strftime('{part}', {written})"
            detail = f"compared the {name} of {written} with {texts[0]!r}, which is no whole date"
            return Mend(Fix("date_compared", detail), (Edit(*span, shown),))
    if is_equal and times and all(_DAY.fullmatch(text) for text in texts):
        day = f"date({written})" if statement.is_sqlite else f"CAST({written} AS DATE)"
        detail = f"compared the day of {written}, which has a time too"
        return Mend(Fix("date_compared", detail), (Edit(*span, day),))
    return None


def _as_years(
    statement: Statement, constants: list[exp.Literal], span: tuple[int, int], written: str
) -> Mend | None:
    edits = [Edit(*span, f"strftime('%Y', {written})")]
    for literal in constants:
        where = place(literal)
        if where is None:
            return None
        edits.append(Edit(*where, f"'{literal.name}'"))
    detail = f"compared the year of {written} with {constants[0].name}"
    return Mend(Fix("date_compared", detail), tuple(edits))


def _like(
    statement: Statement, span: tuple[int, int], written: str, pattern: exp.Literal
) -> Mend | None:
    where = place(pattern)
    if where is None or not pattern.is_string:
        return None
    edits = []
    meant = _iso_pattern(pattern.name)
    if meant is not None:
        edits.append(Edit(*where, f"'{meant}'"))
    if not statement.is_sqlite:
        edits.append(Edit(*span, f"CAST({written} AS VARCHAR)"))
    if not edits:
        return None
    detail = f"compared {written} with dates as they are written, like {(meant or pattern.name)!r}"
    return Mend(Fix("date_compared", detail), tuple(edits))


def _iso_pattern(pattern: str) -> str | None:
    """`May 2014%`, `5/2014` and `%/%/2014` as 2014-05-01 begins; None if it is none of them."""
    named = _NAMED.fullmatch(pattern)
    if named is not None and named["month"][:3].lower() in _MONTHS:
        return f"{named['year']}-{_MONTHS.index(named['month'][:3].lower()) + 1:02}%"
    slashed = _SLASHED.fullmatch(pattern)
    if slashed is not None:
        return f"{slashed['year']}-{int(slashed['month']):02}%"
    whole = _ANY_DAY.fullmatch(pattern)
    return f"{whole['year']}%" if whole is not None else None


def _times(statement: Statement, column: exp.Column) -> bool | None:
    """Whether the dates of the column have times behind them; None if they are no dates."""
    found = statement.find(column)
    if found.status != "found" or found.read is None or found.read.table is None:
        return None
    stored = (found.read.columns or {}).get(fold(column.name), column.name)
    known = next((c for c in found.read.table.columns if c.name == stored), None)
    return None if known is None else has_times(known, statement.schema.dialect)


def _span(column: exp.Expr) -> tuple[int, int] | None:
    if not isinstance(column, exp.Column):
        return None
    first, last = place(column.parts[0]), place(column.parts[-1])
    return None if first is None or last is None else (first[0], last[1])
