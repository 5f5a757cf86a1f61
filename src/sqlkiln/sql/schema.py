"""A database schema for people: as aligned text, and as a Mermaid entity-relationship diagram."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from sqlkiln.core.records import Column, DatabaseSchema, ForeignKey, Table

_UNTYPED = "untyped"


def schema_text(schema: DatabaseSchema) -> str:
    """All tables with columns, types, keys, row counts and sample values, as aligned plain text.

    Characters that could steer a terminal are replaced.
    """
    counts = [_counted(sum(t.kind == "table" for t in schema.tables), "table")]
    views = sum(t.kind == "view" for t in schema.tables)
    if views:
        counts.append(_counted(views, "view"))
    head = f"{_printable(schema.db_id)}  {schema.dialect}, {', '.join(counts)}"
    return "\n\n".join([head, *(_table_text(table) for table in schema.tables)]) + "\n"


def _table_text(table: Table) -> str:
    notes = ["view"] if table.kind == "view" else []
    if table.row_count is not None:
        notes.append(_counted(table.row_count, "row"))
    rows = [
        (
            _printable(column.name),
            _printable(column.type),
            ", ".join(_marks(column, table)),
            " | ".join(_printable(sample) for sample in column.samples),
        )
        for column in table.columns
    ]
    head = "  ".join([_printable(table.name), ", ".join(notes)]).rstrip()
    return "\n".join([head, *_aligned(rows)])


def _marks(column: Column, table: Table) -> Iterable[str]:
    if column.primary_key:
        yield "PK"
    elif not column.nullable:
        yield "not null"
    for key in table.foreign_keys:
        for name, ref in zip(key.columns, key.ref_columns, strict=False):
            if name == column.name:
                yield f"FK {_printable(key.ref_table)}.{_printable(ref)}"


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as lines with every cell but the last padded to the width of its column."""
    widths = [max(map(_width, cells)) for cells in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [c + " " * (w - _width(c)) for c, w in zip(row, widths, strict=True) if w]
        lines.append("  " + "  ".join(cells).rstrip())
    return lines


def _width(text: str) -> int:
    """Terminal cells that `text` takes: two for wide characters, none for combining ones."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


# --------------------------------------------------------------------------- Mermaid


def mermaid(schema: DatabaseSchema) -> str:
    """The schema as a Mermaid `erDiagram`.

    Mermaid takes quoted entity names and single words as attributes. What it cannot take is
    replaced, and the real name of an attribute stands behind it as a comment. A foreign key is
    drawn from the table referred to: `||` or, where the key may be NULL, `|o`; to zero or more
    rows (`o{`) or, where the key is the whole primary key, at most one (`o|`).
    """
    names = _table_names(schema)
    labels = _distinct([_quotable(name) or "table" for name in names.values()])
    entities = {key: f'"{label}"' for key, label in zip(names, labels, strict=True)}
    lines = ["erDiagram"]
    for table in schema.tables:
        lines += [f"    {entities[table.name.lower()]} {{", *_attributes(table), "    }"]
    for table in schema.tables:
        child = entities[table.name.lower()]
        for key in table.foreign_keys:
            parent = entities[key.ref_table.lower()]
            label = _quotable(", ".join(key.columns))
            lines.append(f'    {parent} {_cardinality(table, key)} {child} : "{label}"')
    return "\n".join(lines) + "\n"


def _table_names(schema: DatabaseSchema) -> dict[str, str]:
    """The tables listed, then those that are only referred to, by their name in lower case."""
    listed = [table.name for table in schema.tables]
    referred = [key.ref_table for table in schema.tables for key in table.foreign_keys]
    names: dict[str, str] = {}
    for name in listed + referred:
        names.setdefault(name.lower(), name)
    return names


def _attributes(table: Table) -> list[str]:
    """One line a column: type, name, keys, and the real name if Mermaid cannot take it."""
    foreign = {name for key in table.foreign_keys for name in key.columns}
    lines = []
    for column, name in zip(
        table.columns, _distinct([_word(column.name) for column in table.columns]), strict=True
    ):
        keys = ["PK"] * column.primary_key + ["FK"] * (column.name in foreign)
        real = "" if name == column.name else f' "{_quotable(column.name)}"'
        kind = _word(column.type.partition("(")[0].strip() or _UNTYPED)
        lines.append(f"        {kind} {name} {', '.join(keys)}".rstrip() + real)
    return lines


def _cardinality(table: Table, key: ForeignKey) -> str:
    own = [column for column in table.columns if column.name in key.columns]
    whole = {column.name for column in table.columns if column.primary_key}
    parent = "|o" if any(column.nullable for column in own) else "||"
    return f"{parent}--{'o|' if whole == set(key.columns) else 'o{'}"


def _quotable(name: str) -> str:
    """`name` as it may stand between double quotes in Mermaid."""
    for sought, put in ((r'"', "'"), (r"[%\\~]", "_"), (r"(?i)(?<=direction)\s+", "_")):
        name = re.sub(sought, put, name)
    return _printable(name)


def _word(name: str) -> str:
    """`name` as one word that Mermaid takes for a type or an attribute, and not for a key."""
    word = "".join(
        c if c == "_" or (c.isalnum() and (c.isascii() or c >= "À")) else "_" for c in name
    )
    reserved = re.match(r"(?i)(pk|fk|uk)(?![a-z0-9_])", word, re.ASCII)
    return f"_{word}" if reserved or not word or word[0].isdigit() else word


def _distinct(names: list[str]) -> list[str]:
    """The names with a number behind those that occurred before."""
    seen: set[str] = set()
    distinct = []
    for name in names:
        candidate, number = name, 2
        while candidate.lower() in seen:
            candidate, number = f"{name}_{number}", number + 1
        seen.add(candidate.lower())
        distinct.append(candidate)
    return distinct
