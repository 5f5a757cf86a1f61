"""What a text that a grammar has read is made of: its queries, what each reads from, what it names.

    statement = read_statement(grammar, text)
    statement.selects[0].sources   # the tables behind FROM, by the names they go by
    statement.selects[0].names     # the columns it mentions, and where in the text

Every place in the text comes from the grammar's own reading of it, so that a text can be cut there
and go on otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from sqlkiln.sql.grammar import WATCHED, Grammar
from sqlkiln.sql.grammar_match import Reading, Span, spans
from sqlkiln.sql.grammar_names import fold

_HEAD = re.compile(
    r"""(?P<name>"[^"]*"|`[^`]*`|\[[^\]]*\]|[^\s("`\[]+)\s*(?:\((?P<columns>[^()]*)\))?"""
)
_CLAUSES = ("where", "group", "having", "order")
_CLOSING = {'"': '"', "`": "`", "[": "]", "'": "'"}


@dataclass(frozen=True)
class Source:
    """One thing that a SELECT reads from, as its columns are called behind `name` and a dot.

    `table` is the table's name, None for a query; `columns` are folded, None if nobody knows them.
    It stands from `start` to `end`; `called` is what it says of its alias, AS included. `join` is
    where the JOIN before it begins, -1 if there is none, and `on` from where to where its condition
    goes, if it has one.
    """

    name: str
    table: str | None
    columns: tuple[str, ...] | None
    start: int = 0
    end: int = 0
    called: str = ""
    join: int = -1
    on: tuple[int, int] | None = None


@dataclass(frozen=True)
class Name:
    """A column that is mentioned from `start` to `end`; `owner` stands in front of its dot.

    `place` is "items" in the list behind SELECT, "on" in the condition of a JOIN, "key" in USING,
    "where", "group", "having" or "order" in these clauses, and "" elsewhere. Owner and column are
    without quotes, as they are spelt.
    """

    column: str
    owner: str
    start: int
    end: int
    place: str
    quoted: bool
    sources_before: int


@dataclass(frozen=True)
class Call:
    """A function that is called from `start` to `end`; `place` as of a name, or the clause's."""

    function: str
    start: int
    end: int
    place: str


@dataclass
class Select:
    """One SELECT. `clauses` are where its "where", "group", "having" and "order" are.

    `from_start` and `from_end` are where its list of sources begins and ends. `from_end` is None
    while that may go on, both are where there is no FROM. `shared` says that sources have columns
    in common, by NATURAL or USING, so that their names are not ambiguous. `compound` is a part of a
    set operation. `free` says that a WITH was read before.
    """

    start: int
    end: int | None
    outer: Select | None
    sources: list[Source] = field(default_factory=list)
    names: list[Name] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    clauses: dict[str, tuple[int, int]] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    items_end: int | None = None
    from_start: int | None = None
    from_end: int | None = None
    shared: bool = False
    compound: bool = False
    free: bool = False

    def around(self) -> Iterator[Select]:
        """This one, and those that it stands in, from within."""
        select: Select | None = self
        while select is not None:
            yield select
            select = select.outer


@dataclass
class Statement:
    """All SELECTs of a text in the order in which they begin; `depths` are how deep each is in."""

    text: str
    selects: list[Select]
    open_queries: list[Select | None]


def read_statement(grammar: Grammar, text: str, reading: Reading) -> Statement:
    """Take apart `text` by one reading of it."""
    reader = _Reader(grammar, text)
    for part in spans(reading).parts:
        reader.query(part, None)
    return Statement(text, reader.selects, reader.open_queries)


class _Reader:
    def __init__(self, grammar: Grammar, text: str) -> None:
        self.text = text
        self.selects: list[Select] = []
        self.open_queries: list[Select | None] = []
        self._tables = {fold(name): columns for name, columns in grammar.tables}
        self._with: dict[str, tuple[str, ...] | None] = {}

    def query(self, span: Span, outer: Select | None) -> list[str] | None:
        """Read one query; the names of what it shows, None where they cannot be known."""
        number = len(self.open_queries)
        if span.end is None:
            self.open_queries.append(None)
        first: Select | None = None
        last: Select | None = None
        for part in span.parts:
            kind = _kind(part)
            if kind == "cte":
                self._cte(part, outer)
            elif kind == "core":
                last = self._core(part, outer)
                if first is None:
                    first = last
                else:
                    first.compound = last.compound = True
                if span.end is None:
                    self.open_queries[number] = last
            elif last is not None:
                self._mention(part, last, "")
        return None if first is None or "*" in first.outputs else first.outputs

    def _cte(self, span: Span, outer: Select | None) -> None:
        head = _HEAD.match(self.text, span.start)
        if head is None:
            return
        name = fold(_unquoted(head["name"]))
        self._with[name] = None
        for part in span.parts:
            if _kind(part) == "query":
                shown = self.query(part, outer)
                self._with[name] = None if shown is None else tuple(map(fold, shown))
        if head["columns"]:
            columns = head["columns"].split(",")
            self._with[name] = tuple(fold(_unquoted(column.strip())) for column in columns)

    def _core(self, span: Span, outer: Select | None) -> Select:
        select = Select(span.start, span.end, outer, free=bool(self._with))
        self.selects.append(select)
        # What the list behind SELECT means is known only with the sources, which may come later.
        for part in sorted(span.parts, key=lambda p: _kind(p) != "sources"):
            kind = _kind(part)
            if kind == "sources":
                self._sources(part, select)
            elif kind == "items":
                select.items_end = part.end
                for item in part.parts:
                    self._item(item, select)
            else:
                self._mention(part, select, "")
        self.selects.sort(key=lambda s: s.start)
        select.names.sort(key=lambda name: name.start)
        return select

    def _item(self, span: Span, select: Select) -> None:
        mentioned: list[Name] = []
        alias = ""
        for part in span.parts:
            if _kind(part) == "alias":
                alias = _unquoted(self.text[part.start : part.end].strip())
            else:
                mentioned += self._mention(part, select, "items")
        text = self.text[span.start : span.end].strip()
        if not alias and text.endswith("*"):
            alias = "*"
        if not alias and mentioned and mentioned[0].end - mentioned[0].start == len(text):
            alias = mentioned[0].column
        select.outputs.append(alias or text)

    def _sources(self, span: Span, select: Select) -> None:
        select.from_start, select.from_end = span.start, span.end
        join, sources = -1, select.sources
        for part in span.parts:
            kind, end = _kind(part), part.end or part.start
            written = self.text[part.start : end].strip()
            if kind == "alias" and sources:
                called = self.text[sources[-1].end : end]
                sources[-1] = replace(sources[-1], name=_unquoted(written), end=end, called=called)
            elif kind == "table":
                name = _unquoted(written)
                table = name if fold(name) in self._tables else None
                columns = self._columns(name)
                sources.append(Source(name, table, columns, part.start, end, join=join))
            elif kind == "derived":
                columns = self._shown(part, select.outer)
                sources.append(Source("", None, columns, part.start, end, join=join))
            elif kind == "joining":
                join = part.start
                select.shared |= written.lower().startswith("natural")
            elif kind == "on":
                if part.end is not None and sources:
                    sources[-1] = replace(sources[-1], on=(part.start, part.end))
                for inner in part.parts:
                    self._mention(inner, select, "on")
            else:
                select.shared = True
                self._mention(part, select, "key")

    def _shown(self, span: Span, outer: Select | None) -> tuple[str, ...] | None:
        """The columns that a query in FROM shows."""
        shown = None
        for part in span.parts:
            shown = self.query(part, outer)
        return None if shown is None else tuple(map(fold, shown))

    def _columns(self, table: str) -> tuple[str, ...] | None:
        key = fold(table)
        if key in self._with:
            return self._with[key]
        columns = self._tables.get(key)
        return None if columns is None else tuple(map(fold, columns))

    def _mention(self, span: Span, select: Select, place: str) -> list[Name]:
        """Note the column in `span`, or those of a query in it."""
        kind = _kind(span)
        if kind == "query":
            self.query(span, select)
            return []
        if kind == "call":
            return self._call(span, select, place)
        if kind in _CLAUSES:
            return self._clause(span, select)
        if kind not in ("name", "key") or span.end is None:
            return []
        name = _name(self.text[span.start : span.end], span, place, len(select.sources))
        if name.column != "*":
            select.names.append(name)
        return [name]

    def _call(self, span: Span, select: Select, place: str) -> list[Name]:
        end = span.end or len(self.text)
        function = self.text[span.start : end].partition("(")[0].strip().lower()
        select.calls.append(Call(function, span.start, end, place))
        return [name for part in span.parts for name in self._mention(part, select, place)]

    def _clause(self, span: Span, select: Select) -> list[Name]:
        kind = _kind(span)
        if span.end != span.start:
            select.clauses[kind] = (span.start, span.end or len(self.text))
        return [name for part in span.parts for name in self._mention(part, select, kind)]


def _kind(span: Span) -> str:
    return WATCHED[span.name]


def _name(text: str, span: Span, place: str, sources: int) -> Name:
    """The column that `text` mentions, with what stands in front of its dot."""
    pieces = []
    position = 0
    while position < len(text):
        closing = _CLOSING.get(text[position])
        end = position + 1
        if closing:
            while text[end] != closing or text[end + 1 : end + 2] == closing != "]":
                end += 2 if text[end] == closing else 1
            end += 1
        else:
            while end < len(text) and text[end] != ".":
                end += 1
        pieces.append(text[position:end])
        position = end + 1
    owner = _unquoted(pieces[0]) if len(pieces) > 1 else ""
    column = _unquoted(pieces[-1])
    quoted = pieces[-1] != column
    return Name(column, owner, span.start, span.end or span.start, place, quoted, sources)


def _unquoted(name: str) -> str:
    closing = _CLOSING.get(name[:1])
    if closing is None or len(name) < 2:
        return name
    inner = name[1:-1]
    return inner if closing == "]" else inner.replace(closing * 2, closing)
