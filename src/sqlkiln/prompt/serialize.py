"""Turn a database schema into the text that a model reads.

Three styles, measured against each other in docs/LOG.md; `DEFAULT_STYLE` is the one that won:

- `ddl`: CREATE TABLE statements with keys, what pretrained models have seen most of;
- `compact`: one line a table, then one line a foreign key: the fewest tokens;
- `mschema`: one block a table with types, key marks and sample values, after M-Schema
  (XiYan-SQL, arXiv 2411.08599).

Sample values come from the user's cells, and names may come from the header of a file. Values are
cut to `VALUE_CHARS`, and neither can end the line it stands on. What this module does not do: rank,
choose or cut tables.
"""

from collections.abc import Callable

from sqlkiln.core.errors import UsageError
from sqlkiln.core.records import Column, DatabaseSchema, ForeignKey, Table

VALUE_CHARS = 40
DEFAULT_STYLE = "ddl"


def serialize(schema: DatabaseSchema, style: str = DEFAULT_STYLE) -> str:
    """Write `schema` in one of `STYLES`.

    Raises:
        UsageError: if there is no such style.
    """
    check_style(style)
    return _WRITERS[style](schema)


def check_style(style: str) -> None:
    """See that `style` is one of `STYLES`.

    Raises:
        UsageError: if it is none.
    """
    if style not in _WRITERS:
        raise UsageError(f"unknown schema style: {style!r}; choose one of {', '.join(STYLES)}")


def quote_name(name: str) -> str:
    """Double-quote `name` if SQL needs it (spaces, symbols, leading digit, reserved words).

    Control characters and line ends are shown as spaces: a name stays on its line.
    """
    plain = name.isascii() and name.replace("_", "a").isalnum() and not name[:1].isdigit()
    if plain and name.upper() not in _RESERVED:
        return name
    return '"' + _one_line(name).replace('"', '""') + '"'


def unshown_names(schema: DatabaseSchema) -> dict[str, str]:
    """Names that are shown otherwise than they are, quoted: as `quote_name` has it, as they are.

    Of several that are shown alike it is the first.
    """
    names = [name for t in schema.tables for name in (t.name, *(c.name for c in t.columns))]
    found: dict[str, str] = {}
    for name in names:
        if not name.isprintable():
            found.setdefault(quote_name(name), '"' + name.replace('"', '""') + '"')
    return found


def quote_value(value: str, chars: int = VALUE_CHARS) -> str:
    """Show a cell as one line: at most `chars` characters, control characters escaped."""
    cut = value if len(value) <= chars else value[: chars - 1] + "…"
    return "'" + _one_line(cut).replace("'", "''") + "'"


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _ddl(schema: DatabaseSchema) -> str:
    return "\n\n".join(_ddl_table(table) for table in schema.tables)


def _ddl_table(table: Table) -> str:
    keys = [c.name for c in table.columns if c.primary_key]
    lines = []
    for column in table.columns:
        inline = " PRIMARY KEY" if keys == [column.name] else ""
        kind = f" {_one_line(column.type)}" if column.type else ""
        lines.append(f"  {quote_name(column.name)}{kind}{inline}")
    if len(keys) > 1:
        lines.append(f"  PRIMARY KEY ({_names(tuple(keys))})")
    for key in table.foreign_keys:
        lines.append(
            f"  FOREIGN KEY ({_names(key.columns)}) "
            f"REFERENCES {quote_name(key.ref_table)} ({_names(key.ref_columns)})"
        )
    return f"CREATE TABLE {quote_name(table.name)} (\n" + ",\n".join(lines) + "\n);"


def _compact(schema: DatabaseSchema) -> str:
    lines = [_compact_table(table) for table in schema.tables]
    keys = [_join_condition(t, k) for t in schema.tables for k in t.foreign_keys]
    if keys:
        lines.append("Foreign keys: " + ", ".join(keys))
    return "\n".join(lines)


def _compact_table(table: Table) -> str:
    columns = ", ".join(_compact_column(column) for column in table.columns)
    return f"{quote_name(table.name)}({columns})"


def _compact_column(column: Column) -> str:
    mark = " pk" if column.primary_key else ""
    return f"{quote_name(column.name)} {_short_type(column.type)}{mark}".replace("  ", " ").rstrip()


def _mschema(schema: DatabaseSchema) -> str:
    blocks = [_mschema_table(table) for table in schema.tables]
    keys = [_join_condition(t, k) for t in schema.tables for k in t.foreign_keys]
    if keys:
        blocks.append("Foreign keys:\n" + "\n".join(keys))
    return "\n".join(blocks)


def _mschema_table(table: Table) -> str:
    return "\n".join([f"# Table: {quote_name(table.name)}", *map(_mschema_column, table.columns)])


def _mschema_column(column: Column) -> str:
    parts = [f"{quote_name(column.name)}: {_short_type(column.type) or 'any'}"]
    if column.primary_key:
        parts.append("primary key")
    if column.samples:
        parts.append("examples " + ", ".join(map(quote_value, column.samples)))
    return "(" + ", ".join(parts) + ")"


def _join_condition(table: Table, key: ForeignKey) -> str:
    return " and ".join(
        f"{quote_name(table.name)}.{quote_name(a)} = {quote_name(key.ref_table)}.{quote_name(b)}"
        for a, b in zip(key.columns, key.ref_columns, strict=True)
    )


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(map(quote_name, names))


def _short_type(declared: str) -> str:
    """`VARCHAR(20)` becomes `varchar`: length and precision cost tokens and say little."""
    return _one_line(declared.partition("(")[0]).strip().lower()


_WRITERS: dict[str, Callable[[DatabaseSchema], str]] = {
    "ddl": _ddl,
    "compact": _compact,
    "mschema": _mschema,
}
STYLES = tuple(_WRITERS)

_RESERVED = frozenset(
    """ADD ALL ALTER AND AS ASC BETWEEN BY CASE CAST CHECK COLLATE COLUMN CONSTRAINT CREATE CROSS
    CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP DEFAULT DELETE DESC DISTINCT DROP ELSE END ESCAPE
    EXCEPT EXISTS FOREIGN FROM FULL GROUP HAVING IN INDEX INNER INSERT INTERSECT INTO IS JOIN LEFT
    LIKE LIMIT NATURAL NOT NULL OFFSET ON OR ORDER OUTER PRIMARY REFERENCES RETURNING RIGHT SELECT
    SET TABLE THEN TO TRANSACTION TRIGGER UNION UNIQUE UPDATE USING VALUES VIEW WHEN WHERE WINDOW
    WITH""".split()
)
