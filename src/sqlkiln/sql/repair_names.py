"""Mend names: how they are spelled and quoted, and which table a column is said to be of.

Spellings may differ in case, in what separates words, and in number, and a column may have the name
of its table in front or not; nothing else is guessed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence

from sqlglot import exp

from sqlkiln.core.records import DatabaseSchema
from sqlkiln.sql.repair_joins import is_in_on
from sqlkiln.sql.repair_paths import are_equal
from sqlkiln.sql.repair_statement import Read, Statement, read_statement
from sqlkiln.sql.repair_text import Edit, Fix, Mend, edited, fold, place
from sqlkiln.sql.values_words import name_parts, squeezed, stem


def variants(name: str, candidates: Iterable[str]) -> list[str]:
    """Those of `candidates` that `name` may be a spelling of: the nearer kind, if there are any."""
    others = list(candidates)
    parts = name_parts(name)
    near = [c for c in others if squeezed(name_parts(c)) == squeezed(parts)]
    if near or not parts:
        return near
    return [c for c in others if _singulars(name_parts(c)) & _singulars(parts)]


def _singulars(parts: Sequence[str]) -> set[str]:
    """A name without the endings of its words, and without that of its last one."""
    whole = squeezed(parts)
    return {squeezed(map(stem, parts)), whole[:-1] if re.search(r"[^su]s$", whole) else whole}


# --------------------------------------------------------------------------- tables


def unknown_table(statement: Statement) -> Mend | None:
    """Write a table as the database spells it."""
    for node in statement.unknown_tables:
        fitting = variants(node.name, (table.name for table in statement.schema.tables))
        where = place(node.this)
        bare = node.args.get("alias") is None
        if len(fitting) != 1 or where is None or (bare and _is_read(statement, node, fitting[0])):
            continue
        name = statement.quoted(fitting[0])
        edits = [Edit(*where, name)]
        if bare:
            qualified = (c for c in statement.columns if fold(c.table) == fold(node.name))
            edits += [Edit(*p, name) for c in qualified if (p := place(c.args["table"]))]
        detail = f"read {fitting[0]}, since there is no table {node.name}"
        return Mend(Fix("unknown_table", detail), tuple(edits))
    return _unknown_qualifier(statement)


def _is_read(statement: Statement, node: exp.Expr, table: str) -> bool:
    """Whether something beside `node` is called like `table` already."""
    select = node.find_ancestor(exp.Select)
    reads = statement.reads(select) if isinstance(select, exp.Select) else ()
    return any(fold(read.alias) == fold(table) for read in reads)


def _unknown_qualifier(statement: Statement) -> Mend | None:
    """The same in front of a column: `Singers.name` where `singer` is read."""
    for column in _undeclared(statement):
        reads = [r for r in statement.reads(statement.levels(column)[0]) if r.alias]
        if fold(column.table) in statement.tables:
            continue
        called = {r.alias: r for r in reads} | {r.table.name: r for r in reads if r.table}
        fitting = variants(column.table, called)
        where = place(column.args.get("table"))
        if len(fitting) == 1 and where is not None and called[fitting[0]].has(column.name):
            name = statement.called(called[fitting[0]])
            detail = f"took {column.table}.{column.name} for {name}.{column.name}"
            return Mend(Fix("unknown_table", detail), (Edit(*where, name),))
    return None


# --------------------------------------------------------------------------- columns


def _missing(statement: Statement) -> Iterator[exp.Column]:
    for column in statement.faulty_columns:
        if statement.find(column).status == "missing" and isinstance(column.this, exp.Identifier):
            yield column


def _undeclared(statement: Statement) -> Iterator[exp.Column]:
    return (c for c in _missing(statement) if c.table and statement.find(c).read is None)


def unknown_column(statement: Statement) -> Mend | None:
    """Write a column as the table that is read spells it."""
    for column in _missing(statement):
        read = statement.find(column).read
        if column.table and read is None:
            continue
        reads = [read] if read else statement.reads(statement.levels(column)[0])
        pairs = [(r, name) for r in reads for name in _spelled_in(r, column.name)]
        where = place(column.this)
        if len(pairs) != 1 or where is None:
            continue
        read, name = pairs[0]
        detail = f"took {column.name} for {name}, the column of {_shown(read)}"
        edit = Edit(*where, statement.quoted(name))
        return Mend(Fix("unknown_column", detail), (edit,))
    return None


def column_of_no_table(statement: Statement) -> Mend | None:
    """Write a column as the one table spells it that has it, though it is not read yet."""
    every = [(t, c.name) for t in statement.schema.tables for c in t.columns]
    known = {fold(name) for _, name in every}
    for column in _missing(statement):
        where = place(column.this)
        if fold(column.name) in known or where is None:
            continue
        said = statement.tables.get(fold(column.table)) if column.table else None
        names = [(t, name) for t, name in every if said is None or t is said]
        fitting = set(variants(column.name, (name for _, name in names)))
        pairs = [(table, name) for table, name in names if name in fitting]
        if len(pairs) == 1:
            detail = f"took {column.name} for {pairs[0][1]}, the column of {pairs[0][0].name}"
            edit = Edit(*where, statement.quoted(pairs[0][1]))
            return Mend(Fix("unknown_column", detail), (edit,))
    return None


def _spelled_in(read: Read, column: str) -> list[str]:
    """What `read` may call `column`, with or without the name of its table in front."""
    if not read.columns:
        return []
    found = variants(column, read.columns.values())
    if found or read.table is None:
        return found
    named = [c for c in read.columns.values() if variants(column, [f"{read.table.name}_{c}"])]
    return named or variants(f"{read.table.name}_{column}", read.columns.values())


def _shown(read: Read) -> str:
    return read.table.name if read.table else read.alias or "the inner query"


def column_moved(statement: Statement) -> Mend | None:
    """Say that a column is of the one table read that has it."""
    return _moved(statement, to_unread=False)


def real_name(statement: Statement) -> Mend | None:
    """Call what is read by its alias where a column is said to be of its table."""
    for column in _undeclared(statement):
        reads = statement.reads(statement.levels(column)[0])
        named = [r for r in reads if r.table and fold(r.table.name) == fold(column.table)]
        where = place(column.args.get("table"))
        if len(named) == 1 and where is not None:
            name = statement.called(named[0])
            detail = f"wrote {name} for {column.table}, since that is what the query calls it"
            return Mend(Fix("column_moved", detail), (Edit(*where, name),))
    return None


def column_moved_anyway(statement: Statement) -> Mend | None:
    """The same where the column is said to be of a table that has it, but cannot be joined."""
    return _moved(statement, to_unread=True)


def _moved(statement: Statement, to_unread: bool) -> Mend | None:
    for column in _missing(statement):
        where = place(column.args.get("table"))
        if where is None:
            continue
        found = statement.find(column)
        reads: Sequence[Read] = statement.reads(statement.levels(column)[0])
        if is_in_on(column):
            reads = _readable_in_on(statement, column, reads)
        owners = [read for read in reads if read.has(column.name) and read.alias]
        if found.read is None:
            owners = _undeclared_owners(statement, column, owners, to_unread)
        if len(owners) != 1:
            continue
        name = statement.called(owners[0])
        detail = f"took {column.table}.{column.name} for {name}.{column.name}, " + (
            f"since {_shown(found.read)} has no such column"
            if found.read
            else f"since nothing read is called {column.table}"
        )
        left = (found.read.alias,) if found.read else ()
        return Mend(Fix("column_moved", detail), (Edit(*where, name),), left)
    return None


def _readable_in_on(statement: Statement, column: exp.Column, reads: Sequence[Read]) -> list[Read]:
    """What is read up to the join that `column` is in, less what it is compared with there."""
    join = column.find_ancestor(exp.Join)
    last = next((i for i, read in enumerate(reads) if join and read.node is join.this), -1)
    around = column.parent.args if column.parent else {}
    sides = [around.get("this"), around.get("expression")]
    compared = [statement.find(s).read for s in sides if isinstance(s, exp.Column)]
    return [read for read in reads[: last + 1] if read not in compared]


def _undeclared_owners(
    statement: Statement, column: exp.Column, owners: list[Read], to_unread: bool
) -> list[Read]:
    """Which of `owners` a name in front of `column` may mean that nothing read is called."""
    called = fold(column.table)
    table = statement.tables.get(called)
    if table is not None and any(fold(c.name) == fold(column.name) for c in table.columns):
        return owners if to_unread else []
    select = statement.levels(column)[0]
    alike = [
        c.name
        for c in _undeclared(statement)
        if fold(c.table) == called and statement.levels(c)[0] is select
    ]
    return [read for read in owners if to_unread or all(map(read.has, alike))]


def ambiguous(statement: Statement) -> Mend | None:
    """Say of which table a column is, where a join makes it the same in all that have it."""
    for column in statement.faulty_columns:
        found = statement.find(column)
        names = {fold(read.alias) for read in found.among}
        if found.status != "several" or len(names) < len(found.among) or "" in names:
            continue
        read = found.among[0]
        ends = [(other, column.name) for other in found.among]
        if are_equal(statement, ends):
            called = statement.called(read)
            others = ", ".join(statement.called(other) for other in found.among[1:])
            detail = f"took {column.name} for {called}.{column.name}, equal in {others}"
            return Mend(Fix("ambiguous", detail), statement.in_table(column, read))
    return None


# --------------------------------------------------------------------------- quotes


def quoting(statement: Statement) -> Mend | None:
    """Quote names that need it, and take single quotes for double ones where a name must stand."""
    for name in statement.ill_quoted:
        alike = (n for n in statement.ill_quoted if n.name.lower() == name.name.lower())
        edits = [Edit(*where, f'"{each.name}"') for each in alike if (where := place(each))]
        if edits:
            detail = f"put {name.name} in double quotes, since it is a name"
            return Mend(Fix("quoting", detail), tuple(edits))
    return unquoted_names(statement.sql, statement.schema, statement.faults)


def unquoted_names(sql: str, schema: DatabaseSchema, faults: float = math.inf) -> Mend | None:
    """Quote a name of several words, or one that starts with a digit, if that leaves less faults.

    `sql` has so many now; what cannot be parsed has more than any.
    """
    spans = list(_plain_spans(sql, schema.dialect))
    written = sql.lower()
    for name in _names_to_quote(schema):
        if name.lower() not in written:
            continue
        pattern = re.compile(rf'(?<![\w"`\[]){re.escape(name)}(?![\w"`\]])', re.IGNORECASE)
        places = [m.span() for m in pattern.finditer(sql) if _is_within(m.span(), spans)]
        if not places:
            continue
        quoted = '"' + name.replace('"', '""') + '"'
        edits = tuple(Edit(start, end, quoted) for start, end in places)
        mended = read_statement(edited(sql, edits), schema)
        if mended is not None and mended.faults < faults:
            return Mend(Fix("quoting", f"put {name} in double quotes, since it is a name"), edits)
    return None


def _names_to_quote(schema: DatabaseSchema) -> list[str]:
    """Names that are no single word, the longer ones first."""
    tables = [table.name for table in schema.tables]
    columns = [column.name for table in schema.tables for column in table.columns]
    odd = {name for name in (*tables, *columns) if name and not re.fullmatch(r"[^\W\d]\w*", name)}
    return sorted(odd, key=lambda name: (-len(name), name))


def _plain_spans(sql: str, dialect: str) -> Iterator[tuple[int, int]]:
    """The parts of `sql` that are in no quotes, as far as can be told without cutting it up."""
    end = 0
    for match in re.finditer(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|--.*""", sql):
        yield end, match.start()
        end = match.end()
    yield end, len(sql)


def _is_within(span: tuple[int, int], spans: Sequence[tuple[int, int]]) -> bool:
    return any(start <= span[0] and span[1] <= end for start, end in spans)
