"""Other ways to see one schema: shuffled, cut to fewer tables, widened by tables of others.

Training draws them so that a model learns to read a schema and not its order, to find its tables
among strangers, and to work from a schema that was cut. No view shows a foreign key whose other end
it does not show. What this module does not do: choose tables for a question (that is linking).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sqlkiln.core.records import Column, DatabaseSchema, ForeignKey, Table
from sqlkiln.prompt.needs import Needs

REORDERED_SHARE = 0.5
"""How many of the cut and widened views are shuffled too."""


class Noise(BaseModel):
    """How often each view is drawn: weights, not necessarily adding up to 1.

    A cut view keeps each column that is not needed with chance `keep_columns`; a widened one has
    1 to `added_tables` tables more.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    full: float = Field(default=0.5, ge=0)
    shuffled: float = Field(default=0.25, ge=0)
    cut: float = Field(default=0.15, ge=0)
    widened: float = Field(default=0.1, ge=0)
    keep_columns: float = Field(default=1.0, ge=0, le=1)
    added_tables: int = Field(default=4, ge=1)

    @model_validator(mode="after")
    def _something_is_drawn(self) -> Self:
        if not any(self.weights().values()):
            raise ValueError("all views have weight 0; give at least one a positive weight")
        return self

    def weights(self) -> dict[str, float]:
        """The weight of each kind of view."""
        return {
            "full": self.full,
            "shuffled": self.shuffled,
            "cut": self.cut,
            "widened": self.widened,
        }


def draw(
    schema: DatabaseSchema,
    needs: Needs,
    others: Sequence[DatabaseSchema],
    rng: Random,
    noise: Noise,
) -> tuple[DatabaseSchema, int]:
    """Draw a view that has all of `needs`, and the number of tables that it leaves out.

    `others` are where a widened view takes its distractors from. A cut one keeps a share of the
    other tables that is itself drawn evenly from 0 to 1.
    """
    weights = noise.weights()
    kind = rng.choices(list(weights), list(weights.values()))[0]
    view = schema
    if kind == "cut":
        view = cut(schema, needs, rng, keep=rng.random(), keep_columns=noise.keep_columns)
    elif kind == "widened":
        view = widened(schema, others, rng, most=noise.added_tables)
    if kind == "shuffled" or (kind != "full" and rng.random() < REORDERED_SHARE):
        view = shuffled(view, rng)
    return view, max(0, len(schema.tables) - len(view.tables))


def shuffled(schema: DatabaseSchema, rng: Random, *, keys_first: bool = True) -> DatabaseSchema:
    """The same tables and columns in another order; with `keys_first` primary keys stay in front.

    Primary keys keep their order among themselves: it is part of a composite key.
    """
    tables = [_shuffled_table(table, rng, keys_first) for table in schema.tables]
    rng.shuffle(tables)
    return _with_tables(schema, tables)


def _shuffled_table(table: Table, rng: Random, keys_first: bool) -> Table:
    keys = [column for column in table.columns if column.primary_key]
    rest = [column for column in table.columns if not column.primary_key]
    rng.shuffle(rest)
    for key in [] if keys_first else reversed(keys):
        first = next((i for i, column in enumerate(rest) if column.primary_key), len(rest))
        rest.insert(rng.randint(0, first), key)
    columns = (*keys, *rest) if keys_first else tuple(rest)
    foreign_keys = tuple(rng.sample(table.foreign_keys, len(table.foreign_keys)))
    return table.model_copy(update={"columns": columns, "foreign_keys": foreign_keys})


def cut(
    schema: DatabaseSchema,
    needs: Needs,
    rng: Random,
    *,
    keep: float = 0.5,
    at_most: int | None = None,
    keep_columns: float = 1.0,
) -> DatabaseSchema:
    """Leave out tables, and maybe columns, that are not in `needs`.

    Each other table stays with chance `keep`, and others go until no more than `at_most` tables
    are left. Each column that is neither needed nor part of any key of the tables that stay is
    kept with chance `keep_columns`. One table and one column of it always stay.
    """
    needed = {table.name for table in schema.tables if table.name.lower() in needs.tables}
    optional = [table.name for table in schema.tables if table.name not in needed]
    rng.shuffle(optional)
    chosen = [name for name in optional if rng.random() < keep]
    if at_most is not None:
        chosen = chosen[: max(0, at_most - len(needed))]
    staying = needed | set(chosen) or set(optional[:1])
    tables = [table for table in schema.tables if table.name in staying]
    if keep_columns < 1:
        referred = _referred_columns(tables)
        tables = [_thinned(table, needs, referred, rng, keep_columns) for table in tables]
    return _with_tables(schema, _connected(tables))


def _thinned(
    table: Table, needs: Needs, referred: set[tuple[str, str]], rng: Random, keep: float
) -> Table:
    own = {name.lower() for key in table.foreign_keys for name in key.columns}

    def stays(column: Column) -> bool:
        name = column.name.lower()
        tied = column.primary_key or name in own or (table.name.lower(), name) in referred
        return tied or name in needs.columns or rng.random() < keep

    columns = tuple(filter(stays, table.columns)) or table.columns[:1]
    return table.model_copy(update={"columns": columns})


def widened(
    schema: DatabaseSchema, others: Sequence[DatabaseSchema], rng: Random, *, most: int = 4
) -> DatabaseSchema:
    """Add 1 to `most` tables of `others`, those of one schema together, at any place.

    Tables whose name is taken are passed over, also if it differs only by underscores or a plural
    s, and fewer are added where no more can be found.
    """
    wanted = rng.randint(1, most)
    taken = {_alike(table.name) for table in schema.tables}
    tables, added = list(schema.tables), 0
    for other in rng.sample(others, len(others)):
        free = [table for table in other.tables if _alike(table.name) not in taken]
        picked = rng.sample(free, min(len(free), wanted - added))
        taken.update(_alike(table.name) for table in picked)
        added += len(picked)
        for table in _connected(picked):
            tables.insert(rng.randint(0, len(tables)), table)
        if added == wanted:
            break
    return _with_tables(schema, tables)


def _alike(name: str) -> str:
    return name.lower().replace("_", "").removesuffix("s")


def _referred_columns(tables: Iterable[Table]) -> set[tuple[str, str]]:
    return {
        (key.ref_table.lower(), name.lower())
        for table in tables
        for key in table.foreign_keys
        for name in key.ref_columns
    }


def _connected(tables: Sequence[Table]) -> list[Table]:
    """`tables` without the foreign keys that refer to none of them."""
    names = {table.name.lower() for table in tables}

    def leads_somewhere(key: ForeignKey) -> bool:
        return key.ref_table.lower() in names

    return [
        table.model_copy(
            update={"foreign_keys": tuple(filter(leads_somewhere, table.foreign_keys))}
        )
        for table in tables
    ]


def _with_tables(schema: DatabaseSchema, tables: Sequence[Table]) -> DatabaseSchema:
    return schema.model_copy(update={"tables": tuple(tables)})
