"""Which tables and columns is a question about? `link` ranks them, `focus` makes a schema of them.

A score is the chance that an answer needs the table or column, by weights that were fitted on the
training questions of Spider (`link_weights`); reasons say what it saw. `focus` leaves out what has
next to no chance, or fills a budget with what is likeliest, and never cuts a key of a table that it
keeps.
No model is asked and nothing is read but the schema: value hits come from `sql.values`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlkiln.core.records import Column, DatabaseSchema, Table
from sqlkiln.prompt.hints import fits_a_hint, hints_within, value_hint
from sqlkiln.prompt.link_features import fill_columns, fill_neighbours, fill_tables
from sqlkiln.prompt.link_reasons import column_reasons, table_reasons
from sqlkiln.prompt.link_scene import ColumnView, Features, Scene, TableView
from sqlkiln.prompt.link_weights import COLUMNS, NEIGHBOURS, TABLES
from sqlkiln.prompt.serialize import DEFAULT_STYLE, serialize
from sqlkiln.sql.values import ValueHit

CHARS_A_TOKEN = 3.3
"""How a budget of tokens is turned into characters of schema text."""

BROUGHT_ALONG = 5
"""A table that gets into a budget brings so many of its likeliest columns: one that showed a single
column would tell a model next to nothing."""

MOST_HINTS = 6
_HINT_SCORE = 0.5


@dataclass(frozen=True)
class RankedTable:
    """A table, the chance that it is needed, and why."""

    name: str
    score: float
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class RankedColumn:
    """A column, the chance that it is needed, and why."""

    table: str
    name: str
    score: float
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Linked:
    """All tables and all columns of a schema, the likeliest first, and the values found."""

    tables: tuple[RankedTable, ...]
    columns: tuple[RankedColumn, ...]
    hits: tuple[ValueHit, ...] = ()


@dataclass(frozen=True)
class Keep:
    """What `focus` keeps: tables and columns with at least these chances.

    Of Spider's training questions over databases with rows, held out by database, 99.5% kept all
    tables and 97.6% all columns that their gold needs, with 44% of the columns' text gone.
    """

    table: float = 0.03
    column: float = 0.02


@dataclass(frozen=True)
class Focused:
    """A schema cut to what a question is about, and what was left out.

    `omitted` are names of tables, `omitted_columns` the number of columns that the tables of
    `schema` lack.
    """

    schema: DatabaseSchema
    omitted: tuple[str, ...] = ()
    omitted_columns: int = 0


def link(
    schema: DatabaseSchema, question: str, hits: Sequence[ValueHit] = (), evidence: str = ""
) -> Linked:
    """Rank the tables and columns of `schema` for `question`; `evidence` counts like it."""
    scene = Scene(schema, question, hits, evidence)
    fill_tables(scene)
    chances = {table.number: _chance(table.features, TABLES) for table in scene.tables}
    fill_neighbours(scene, chances)
    chances = {table.number: _chance(table.features, NEIGHBOURS) for table in scene.tables}
    fill_columns(scene, chances)
    tables = sorted(scene.tables, key=lambda t: (-chances[t.number], t.number))
    likely = [(_chance(column.features, COLUMNS), column) for column in scene.columns]
    likely.sort(key=lambda each: -each[0])
    return Linked(
        tuple(_ranked_table(table, chances[table.number], scene) for table in tables),
        tuple(_ranked_column(column, chance, scene) for chance, column in likely),
        tuple(hits),
    )


def _chance(features: Features, weights: Mapping[str, float]) -> float:
    total = weights["bias"] + sum(
        weights.get(name, 0.0) * value for name, value in features.items()
    )
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))


def _ranked_table(table: TableView, chance: float, scene: Scene) -> RankedTable:
    return RankedTable(table.table.name, round(chance, 4), table_reasons(table, scene))


def _ranked_column(column: ColumnView, chance: float, scene: Scene) -> RankedColumn:
    table = scene.schema.tables[column.table].name
    return RankedColumn(table, column.column.name, round(chance, 4), column_reasons(column, scene))


# --------------------------------------------------------------------------- focus


def focus(
    schema: DatabaseSchema,
    linked: Linked,
    *,
    keep: Keep | None = None,
    budget_tokens: int | None = None,
    style: str = DEFAULT_STYLE,
) -> Focused:
    """Cut `schema` to what `linked` says is needed, in the order that it has.

    Without a budget, what has less chance than `keep` goes. With `budget_tokens` its text in
    `style` is held within about so many tokens, though the likeliest table always stays: the
    likeliest of all fill them, or of what `keep` keeps, if that is given too. Primary keys stay,
    and foreign keys between tables that do.

    Raises:
        UsageError: if there is no such style.
    """
    keep = keep or (Keep() if budget_tokens is None else Keep(0.0, 0.0))
    tables = {t.name for t in linked.tables[:1]}
    tables |= {t.name for t in linked.tables if t.score >= keep.table}
    ranked = [c for c in linked.columns if c.score >= keep.column and c.table in tables]
    focused = _cut(schema, tables, {(c.table, c.name) for c in ranked})
    if budget_tokens is None or _tokens(focused, style) <= budget_tokens:
        return _told(schema, focused)
    return _told(schema, _within(schema, linked, _companies(ranked), budget_tokens, style))


def _told(schema: DatabaseSchema, focused: DatabaseSchema) -> Focused:
    staying = {table.name: len(table.columns) for table in focused.tables}
    omitted = tuple(t.name for t in schema.tables if t.name not in staying)
    every = sum(len(t.columns) for t in schema.tables if t.name in staying)
    return Focused(focused, omitted, every - sum(staying.values()))


def _companies(ranked: Sequence[RankedColumn]) -> list[tuple[str, str]]:
    """The columns as they rank, but for those that the first of each table brings along."""
    of_table: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for column in ranked:
        of_table[column.table].append((column.table, column.name))
    order: dict[tuple[str, str], None] = {}
    for column in ranked:
        order.update(dict.fromkeys(of_table[column.table][:BROUGHT_ALONG]))
        order[column.table, column.name] = None
    return list(order)


def _within(
    schema: DatabaseSchema,
    linked: Linked,
    order: Sequence[tuple[str, str]],
    budget_tokens: int,
    style: str,
) -> DatabaseSchema:
    """Take columns, and with the first of each table the table, as long as there is room."""
    first = linked.tables[0].name
    low, high = 0, min(len(order), int(budget_tokens * CHARS_A_TOKEN))
    while low < high:
        middle = (low + high + 1) // 2
        if _tokens(_cut(schema, *_taken(first, order[:middle])), style) <= budget_tokens:
            low = middle
        else:
            high = middle - 1
    return _cut(schema, *_taken(first, order[:low]))


def _taken(first: str, order: Sequence[tuple[str, str]]) -> tuple[set[str], set[tuple[str, str]]]:
    return {first, *(table for table, _ in order)}, set(order)


def _tokens(schema: DatabaseSchema, style: str) -> float:
    return len(serialize(schema, style)) / CHARS_A_TOKEN


def _cut(schema: DatabaseSchema, names: set[str], columns: set[tuple[str, str]]) -> DatabaseSchema:
    """The tables `names` with their keys and `columns`; one that has neither keeps its first."""
    chosen = [table for table in schema.tables if table.name in names]
    present = {table.name.lower() for table in chosen}
    tied = [_tied(table, present) for table in chosen]
    referred = {
        (key.ref_table.lower(), name.lower())
        for table in tied
        for key in table.foreign_keys
        for name in key.ref_columns
    }
    tables = [
        table.model_copy(update={"columns": tuple(_staying(table, columns, referred))})
        for table in tied
    ]
    return schema.model_copy(update={"tables": tuple(tables)})


def _tied(table: Table, present: set[str]) -> Table:
    keys = tuple(key for key in table.foreign_keys if key.ref_table.lower() in present)
    return table.model_copy(update={"foreign_keys": keys})


def _staying(
    table: Table, columns: set[tuple[str, str]], referred: set[tuple[str, str]]
) -> Iterable[Column]:
    own = {name.lower() for key in table.foreign_keys for name in key.columns}

    def stays(column: Column) -> bool:
        name = column.name.lower()
        tied = column.primary_key or name in own or (table.name.lower(), name) in referred
        return tied or (table.name, column.name) in columns

    return tuple(filter(stays, table.columns)) or table.columns[:1]


def value_hints(
    hits: Iterable[ValueHit], schema: DatabaseSchema, most: int = MOST_HINTS
) -> tuple[str, ...]:
    """What a prompt says of values found: the surest `most`, in columns that `schema` shows."""
    sure = [hit for hit in hits if hit.score >= _HINT_SCORE and fits_a_hint(hit.value)]
    stated = dict.fromkeys(value_hint(hit.table, hit.column, hit.value) for hit in sure)
    return hints_within(schema, stated)[:most]
