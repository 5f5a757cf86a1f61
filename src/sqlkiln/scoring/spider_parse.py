"""Spider's reading of a query: the small grammar that exact set match compares by.

Follows `process_sql.py` of test-suite-sql-eval, because a verdict is only the official one if the
reading is. It is not a SQL parser: it knows no outer join, no column alias, no IS NULL, no CASE,
no function but the five aggregates. Official faults reproduced here:

* a token is what NLTK's word tokenizer makes of English: `a=1` is one token and cannot be read,
  `a >=1` neither, `(1,2)` is one number that is none; back-quoted names cannot be read at all; a
  word's last period is a token of its own where a sentence ends, so that prose after it is ignored;
* aliases are global: a second `AS t2`, in a sub-query or after INTERSECT, moves all uses of `t2`;
* an alias that is also a table's name makes the whole query unreadable;
* an unqualified column belongs to the first table of FROM that has it;
* a comparison with a column swallows all tokens up to the next `,`, `)`, AND, JOIN or clause, so
  the rest of `a = b OR c = d` is lost, and `ON a = b LEFT JOIN` passes where `a LEFT JOIN` fails;
* ORDER BY has one direction, the last one written; LIMIT has no value;
* whatever follows a complete query is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NoReturn

from sqlkiln.core.errors import SQLSyntaxError
from sqlkiln.scoring.spider_query import (
    ColumnUnit,
    Condition,
    Conditions,
    OrderBy,
    Query,
    Value,
    ValueUnit,
)
from sqlkiln.scoring.spider_schema import EVERY_COLUMN, SpiderSchema

AGGREGATES = ("none", "max", "min", "count", "sum", "avg")
ARITHMETIC = ("none", "-", "+", "*", "/")
COMPARISONS = ("=", ">", "<", ">=", "<=", "!=", "between", "in", "like", "is", "not", "exists")
CONNECTIVES = ("and", "or")
SET_OPERATORS = ("intersect", "union", "except")
_CLAUSES = ("select", "from", "where", "group", "order", "limit", *SET_OPERATORS)
_JOINS = ("join", "on", "as")
_CLOSERS = (")", ";")


def parse_query(sql: str, schema: SpiderSchema) -> Query:
    """Read `sql` as the official script does.

    Raises:
        SQLSyntaxError: if it is outside the grammar or names what `schema` does not have.
    """
    tokens = tokenize(sql)
    try:
        return _Reader(tokens, schema, _table_names(tokens, schema)).query()
    except RecursionError:
        _refuse("nested too deeply")


def _refuse(found: str) -> NoReturn:
    raise SQLSyntaxError(f"outside Spider's grammar: {found}; judge the query by execution instead")


# --------------------------------------------------------------------------- tokens

_SEPARATED = re.compile(r"\.{2,}|--|`+|[;@#$%&?!*\[\](){}<>«»“”‘’„‒-―]")  # noqa: RUF001
_COMMA = re.compile(r"([:,])(\D|$)")
_LAST_PERIOD = re.compile(r"([^.])\.([\])}>»”’ ]*+)\s*$")  # noqa: RUF001
_OUTSIDE = r"\s?!;:@*(){}\[\]"
_PERIOD_WITHIN = re.compile(
    rf"(?<![^{_OUTSIDE}])([^{_OUTSIDE}]*[^.{_OUTSIDE}])\.(?=[?!;:@*(){{}}\[\]]|\s+(\S))"
)
_DIGITS = re.compile(r"-?[.,]?\d[\d,.-]*")


def tokenize(sql: str) -> list[str]:
    """Tokens in lower case; strings keep their case and get double quotes.

    Word boundaries are those of NLTK's `word_tokenize`, as far as SQL can meet them.

    Raises:
        SQLSyntaxError: if the quotes do not pair up.
    """
    pieces = sql.replace("'", '"').split('"')
    if len(pieces) % 2 == 0:
        _refuse("an odd number of quotes")
    strings = {f"__val_{i}__": f'"{pieces[i]}"' for i in range(1, len(pieces), 2)}
    text = "".join(f"__val_{i}__" if i % 2 else piece for i, piece in enumerate(pieces))
    text = _PERIOD_WITHIN.sub(_part_sentence, text)
    text = _LAST_PERIOD.sub(r"\1 . \2", text)
    text = _COMMA.sub(r" \1 \2", text)
    text = _SEPARATED.sub(r" \g<0> ", text)
    tokens: list[str] = []
    for word in text.lower().split():
        if word == "=" and tokens and tokens[-1] in ("!", ">", "<"):
            tokens[-1] += "="
        else:
            tokens.append(strings.get(word, word))
    return tokens


def _part_sentence(period: re.Match[str]) -> str:
    """The last word of a sentence and its period, apart if the sentence ends there.

    That is so but for initials and, before a word in lower case, for numbers. Abbreviations, of
    which the official tokenizer has learned some, are not told apart.
    """
    word, following = period[1], period[2] or ""
    initial = len(word) == 1 and word.isalpha() and following.isalpha()
    number = _DIGITS.fullmatch(word) and following.islower()
    return period.group() if initial or number else f"{word} . "


def _table_names(tokens: Sequence[str], schema: SpiderSchema) -> dict[str, str]:
    """What each alias and each table's own name stands for."""
    if tokens and tokens[-1] == "as":
        _refuse("AS at the end")
    names = {
        alias: name
        for name, word, alias in zip(tokens, tokens[1:], tokens[2:], strict=False)
        if word == "as"
    }
    for table in schema.tables:
        if table in names:
            _refuse(f"the alias {table!r} is a table's name")
        names[table] = table
    return names


# --------------------------------------------------------------------------- the reader


class _Reader:
    """Reads tokens from left to right; `at` is the next one's index."""

    def __init__(
        self, tokens: Sequence[str], schema: SpiderSchema, tables: Mapping[str, str]
    ) -> None:
        self.tokens = tokens
        self.schema = schema
        self.tables = tables
        self.at = 0

    def query(self) -> Query:
        in_parentheses = self._skip("(")
        start = self.at
        tables, names, on = self._from()
        after_from, self.at = self.at, start
        distinct, select = self._select(names)
        self.at = after_from
        where = self._where("where", names)
        group_by = self._group_by(names)
        having = self._where("having", names)
        order_by = self._order_by(names)
        limited = self._limit()
        self._skip_semicolons()
        if in_parentheses:
            self._expect(")")
        self._skip_semicolons()
        operator, other = "", None
        if self._sees(SET_OPERATORS):
            operator, other = self._take(), self.query()
        return Query(
            select=select,
            distinct=distinct,
            tables=tables,
            on=on,
            where=where,
            group_by=group_by,
            having=having,
            order_by=order_by,
            limited=limited,
            set_operator=operator,
            other=other,
        )

    # ----- clauses

    def _from(self) -> tuple[tuple[str | Query, ...], tuple[str, ...], Conditions]:
        """Tables, the names that unqualified columns are looked up in, and the ON conditions.

        Official fault: the first FROM from here on is taken, even one inside the SELECT list.
        """
        if "from" not in self.tokens[self.at :]:
            _refuse("no FROM")
        self.at = self.tokens.index("from", self.at) + 1
        tables: list[str | Query] = []
        names: list[str] = []
        on: list[Condition | str] = []
        while self.at < len(self.tokens):
            in_parentheses = self._skip("(")
            if self._current() == "select":
                tables.append(self.query())
            else:
                self._skip("join")
                names.append(self._table())
                tables.append(names[-1])
            if self._skip("on"):
                on += ["and"] if on else []
                on += self._conditions(tuple(names))
            if in_parentheses:
                self._expect(")")
            if self._sees((*_CLAUSES, *_CLOSERS)):
                break
        return tuple(tables), tuple(names), _paired(on)

    def _select(self, names: tuple[str, ...]) -> tuple[bool, tuple[tuple[str, ValueUnit], ...]]:
        self._expect("select")
        distinct = self._skip("distinct")
        items: list[tuple[str, ValueUnit]] = []
        while self.at < len(self.tokens) and not self._sees(_CLAUSES):
            aggregate = self._take() if self._sees(AGGREGATES) else "none"
            items.append((aggregate, self._value_unit(names)))
            self._skip(",")
        return distinct, tuple(items)

    def _where(self, keyword: str, names: tuple[str, ...]) -> Conditions:
        if not self._skip(keyword):
            return Conditions()
        return _paired(self._conditions(names))

    def _group_by(self, names: tuple[str, ...]) -> tuple[ColumnUnit, ...]:
        if not self._skip("group"):
            return ()
        self._expect("by")
        units: list[ColumnUnit] = []
        while self.at < len(self.tokens) and not self._sees((*_CLAUSES, *_CLOSERS)):
            units.append(self._column_unit(names))
            if not self._skip(","):
                break
        return tuple(units)

    def _order_by(self, names: tuple[str, ...]) -> OrderBy | None:
        if not self._skip("order"):
            return None
        self._expect("by")
        direction = "asc"
        units: list[ValueUnit] = []
        while self.at < len(self.tokens) and not self._sees((*_CLAUSES, *_CLOSERS)):
            units.append(self._value_unit(names))
            if self._sees(("asc", "desc")):
                direction = self._take()
            if not self._skip(","):
                break
        return OrderBy(direction, tuple(units))

    def _limit(self) -> bool:
        if not self._skip("limit"):
            return False
        self._take()
        return True

    # ----- parts of clauses

    def _conditions(self, names: tuple[str, ...]) -> list[Condition | str]:
        items: list[Condition | str] = []
        while self.at < len(self.tokens):
            items.append(self._condition(names))
            if self._sees((*_CLAUSES, *_CLOSERS, *_JOINS)):
                break
            if self._sees(CONNECTIVES):
                items.append(self._take())
        return items

    def _condition(self, names: tuple[str, ...]) -> Condition:
        unit = self._value_unit(names)
        negated = self._skip("not")
        operator = self._take()
        if operator not in COMPARISONS:
            _refuse(f"{operator!r} where a comparison is due")
        value = self._value(names)
        upper: Value = None
        if operator == "between":
            self._expect("and")
            upper = self._value(names)
        return Condition(negated, operator, unit, value, upper)

    def _value(self, names: tuple[str, ...]) -> Value:
        start = self.at
        in_parentheses = self._skip("(")
        value: Value
        if self._current() == "select":
            value = self.query()
        elif '"' in self._current():
            value = self._take()
        elif (number := _number(self._current())) is not None:
            value = number
            self.at += 1
        else:
            while self.at < len(self.tokens) and not self._sees((",", ")", "and", *_CLAUSES)):
                if self._sees(_JOINS):
                    break
                self.at += 1
            within = _Reader(self.tokens[start : self.at], self.schema, self.tables)
            value = within._column_unit(names)
        if in_parentheses:
            self._expect(")")
        return value

    def _value_unit(self, names: tuple[str, ...]) -> ValueUnit:
        in_parentheses = self._skip("(")
        left = self._column_unit(names)
        operator, right = "none", None
        if self._sees(ARITHMETIC):
            operator, right = self._take(), self._column_unit(names)
        if in_parentheses:
            self._expect(")")
        return ValueUnit(operator, left, right)

    def _column_unit(self, names: tuple[str, ...]) -> ColumnUnit:
        """Official fault: parentheses around an aggregate are opened here and never closed."""
        in_parentheses = self._skip("(")
        if self._current() in AGGREGATES:
            aggregate = self._take()
            self._expect("(")
            distinct = self._skip("distinct")
            column = self._column(names)
            self._expect(")")
            return ColumnUnit(aggregate, column, distinct)
        distinct = self._skip("distinct")
        column = self._column(names)
        if in_parentheses:
            self._expect(")")
        return ColumnUnit("none", column, distinct)

    def _column(self, names: tuple[str, ...]) -> str:
        token = self._take()
        if token == EVERY_COLUMN:
            return token
        if "." in token:
            alias, _, column = token.partition(".")
            table = self.tables.get(alias, "")
            if "." not in column and column in self.schema.tables.get(table, ()):
                return f"{table}.{column}"
            _refuse(f"no column {token!r}")
        for table in names:
            if token in self.schema.tables[table]:
                return f"{table}.{token}"
        _refuse(f"no column {token!r} in the tables of FROM")

    def _table(self) -> str:
        token = self._take()
        table = self.tables.get(token, "")
        if table not in self.schema.tables:
            _refuse(f"no table {token!r}")
        if self._skip("as"):
            self.at += 1
        return table

    # ----- tokens

    def _current(self) -> str:
        if self.at >= len(self.tokens):
            _refuse("it ends too early")
        return self.tokens[self.at]

    def _take(self) -> str:
        token = self._current()
        self.at += 1
        return token

    def _sees(self, words: Sequence[str]) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at] in words

    def _skip(self, word: str) -> bool:
        """Step over the current token if it is `word`."""
        found = self._sees((word,))
        self.at += found
        return found

    def _expect(self, word: str) -> None:
        if (token := self._take()) != word:
            _refuse(f"{token!r} where {word!r} is due")

    def _skip_semicolons(self) -> None:
        while self._skip(";"):
            pass


def _number(token: str) -> float | None:
    try:
        return float(token)
    except ValueError:
        return None


def _paired(items: Sequence[Condition | str]) -> Conditions:
    """Split comparisons from connectives: the official script takes them to alternate."""
    units = [item for item in items[::2] if isinstance(item, Condition)]
    if len(units) < len(items[::2]):
        _refuse("comparisons and connectives do not alternate")
    connectives = [item if isinstance(item, str) else "" for item in items[1::2]]
    return Conditions(tuple(units), tuple(connectives))
