"""Why a table or column is ranked where it is, in words that people read."""

from __future__ import annotations

from collections.abc import Iterator

from sqlkiln.prompt.link_names import ASKED, INSIDE, ROOT, SHORT, TYPO, NameMatch, Question
from sqlkiln.prompt.link_scene import ColumnView, Scene, TableView

_SPOKEN = 0.45
_HOW = {
    ROOT: "a word of the same root",
    INSIDE: "words written as one",
    TYPO: "similar spelling",
    SHORT: "an abbreviation",
    ASKED: "what is asked for",
}
_MOST_COLUMNS = 3


def table_reasons(table: TableView, scene: Scene) -> tuple[str, ...]:
    """What speaks for `table`, the strongest first; nothing if nothing does."""
    return tuple(_of_table(table, scene))


def _of_table(table: TableView, scene: Scene) -> Iterator[str]:
    named = _named(table.match, scene.question)
    if named:
        yield named
    for column in table.columns:
        for hit in column.hits[:1]:
            yield f"{column.column.name} holds {hit.value!r}"
    spoken = sorted(table.columns, key=lambda column: -column.spoken)
    names = [c.column.name for c in spoken if c.spoken >= _SPOKEN and not c.is_key]
    if names:
        yield f"columns named: {', '.join(names[:_MOST_COLUMNS])}"
    if table.number in scene.ways:
        ends = [scene.schema.tables[end].name for end in scene.ways[table.number]]
        yield f"joins {ends[0]} and {ends[1]}"


def column_reasons(column: ColumnView, scene: Scene) -> tuple[str, ...]:
    """What speaks for `column`, the strongest first; nothing if nothing does."""
    return tuple(_of_column(column, scene))


def _of_column(column: ColumnView, scene: Scene) -> Iterator[str]:
    for hit in column.hits:
        yield f"holds {hit.value!r} for {hit.phrase!r} ({hit.reason})"
    named = _named(column.match, scene.question)
    if named:
        yield named
    if column.column.primary_key:
        yield "primary key"
    elif column.is_key:
        yield "foreign key"
    elif column.features.get("label"):
        yield "names the row"


def _named(match: NameMatch, question: Question) -> str:
    """How a name is in the question; '' if it is not."""
    if not any(match.found):
        return ""
    said = question.phrase(match.found)
    whole = "named" if all(match.found) else "named in part"
    ways = [_HOW[kind] for kind in sorted(match.kinds) if kind in _HOW]
    return f"{whole}: {said!r}" + (f" ({', '.join(ways)})" if ways else "")
