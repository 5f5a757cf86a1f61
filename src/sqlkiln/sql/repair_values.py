"""Write compared text as the database spells it, and compare it with the column that has it.

What is stored is not looked up here: the caller hands in who knows it. SQL is never run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

from sqlglot import exp

from sqlkiln.sql.repair_joins import end_of_item, join_text, kept_names
from sqlkiln.sql.repair_paths import Path, graphs_of, shortest
from sqlkiln.sql.repair_statement import Read, Statement
from sqlkiln.sql.repair_text import Edit, Fix, Mend, and_list, fold, place

Spellings = Callable[[str, str, str], str | None]
"""Called with table, column and a text that is compared with it.

It gives the one spelling that is stored in the column, and None if the text itself is stored there,
or if no spelling of it is, or several are.
"""

Cell = tuple[str, str, str]
"""Table, column, and a text as it is stored there."""


@runtime_checkable
class Whereabouts(Protocol):
    """Who knows not only how a column spells a text, but also which other columns have it."""

    def elsewhere(self, table: str, column: str, text: str) -> Sequence[Cell]:
        """Where `text` is stored but for its case; nothing if the column itself has it."""


def stored_spelling(value: str, stored: Iterable[str]) -> str | None:
    """The one of `stored` texts that `value` is but for case and spaces around; see `Spellings`."""
    wanted = value.strip().casefold()
    found = {text for text in stored if text.strip().casefold() == wanted}
    return found.pop() if len(found) == 1 and value not in found else None


def value_spelling(statement: Statement, spellings: Spellings) -> Mend | None:
    """Write the first text that `spellings` knows to be stored otherwise as it is stored."""
    compared = ((_place(text) or (0, 0), column, text) for column, text in _compared(statement))
    for where, column, text in sorted(compared, key=lambda found: found[0]):
        read = statement.find(column).read
        if read is None or read.table is None or read.columns is None or not where[1]:
            continue
        name = read.columns.get(fold(column.name), "")
        stored = spellings(read.table.name, name, text.name) if name else None
        if stored is not None and stored != text.name:
            mark = statement.sql[where[0]]
            edit = Edit(*where, mark + stored.replace(mark, mark * 2) + mark)
            detail = f"took {_quoted(text.name)} for {_quoted(stored)}, as {name} spells it"
            return Mend(Fix("value_spelling", detail), (edit,))
    return None


def value_moved(statement: Statement, known: Whereabouts) -> Mend | None:
    """Compare the first text that is not in its column with the column that has it.

    That is one of the same table, of another one that is read, or of one that a foreign key leads
    to, first the key that the text is compared with: `end_station = 'Soho'` of a trip means the
    name of the station. Where several columns have the text nothing is changed.
    """
    for column, text in _compared(statement):
        read, where = statement.find(column).read, _place(text)
        if read is None or read.table is None or read.columns is None or where is None:
            continue
        name = read.columns.get(fold(column.name), "")
        cells = known.elsewhere(read.table.name, name, text.name) if name else ()
        found = _nearest(statement, column, read, cells)
        if found is None:
            continue
        (table, holder, stored), edits, over = found
        mark = statement.sql[where[0]]
        value = Edit(*where, mark + stored.replace(mark, mark * 2) + mark)
        detail = f"compared {_quoted(stored)} with {table}.{holder}, which has it, not {name}{over}"
        return Mend(Fix("value_moved", detail), (value, *edits))
    return None


def _nearest(
    statement: Statement, column: exp.Column, read: Read, cells: Sequence[Cell]
) -> tuple[Cell, tuple[Edit, ...], str] | None:
    """The cell that is meant, what makes `column` its column, and over which join."""
    reads = statement.reads(read.select)
    same = [cell for cell in cells if read.table and fold(cell[0]) == fold(read.table.name)]
    beside = [
        (cell, other)
        for cell in cells
        for other in reads
        if other.table is not None and fold(other.table.name) == fold(cell[0])
    ]
    if same or beside:
        near = [(cell, read) for cell in same] or beside
        edits = statement.in_table(column, near[0][1], near[0][0][1])
        return (near[0][0], edits, "") if len(near) == 1 and edits else None
    if statement.levels(column)[0] is not read.select:
        return None
    here, ends = fold(read.table.name) if read.table else "", {fold(cell[0]) for cell in cells}
    for graph in graphs_of(statement.schema):
        keys = [
            Path(read, (link,))
            for link in graph.get(here, ())
            if fold(link.table.name) in ends and fold(link.pairs[0][0]) == fold(column.name)
        ]
        paths = keys or shortest(graph, reads, ends)
        if len(paths) == 1:
            return _over(statement, column, paths[0], cells)
    return None


def _over(
    statement: Statement, column: exp.Column, path: Path, cells: Sequence[Cell]
) -> tuple[Cell, tuple[Edit, ...], str] | None:
    """The same, where the table that has the text is joined along `path`."""
    there = [cell for cell in cells if fold(cell[0]) == fold(path.target.name)]
    end = end_of_item(statement, path.read)
    tables = [link.table for link in path.links]
    kept = kept_names(statement, path.read.select, tables, [column])
    first, last = place(column.parts[0]), place(column.parts[-1])
    if len(there) != 1 or end is None or kept is None or first is None or last is None:
        return None
    text, keys = join_text(statement, path)
    owner = f"{statement.quoted(path.target.name)}.{statement.quoted(there[0][1])}"
    edits = (Edit(end, end, f" {text}"), Edit(first[0], last[1], owner), *kept)
    return there[0], edits, f", over {and_list(keys)}"


def _compared(statement: Statement) -> Iterator[tuple[exp.Column, exp.Expr]]:
    for node in statement.tree.find_all(exp.EQ, exp.NEQ, exp.In):
        others = node.expressions if isinstance(node, exp.In) else [node.expression]
        pairs = [(node.this, other) for other in others]
        for column, other in pairs if isinstance(node, exp.In) else (*pairs, *map(_turned, pairs)):
            found = statement.find(column) if isinstance(column, exp.Column) else None
            if found is not None and found.status == "found" and _is_text(statement, other):
                yield column, other


def _turned(pair: tuple[exp.Expr, exp.Expr]) -> tuple[exp.Expr, exp.Expr]:
    return pair[1], pair[0]


def _is_text(statement: Statement, node: exp.Expr) -> bool:
    if isinstance(node, exp.Literal):
        where = place(node)
        return node.is_string and where is not None and statement.sql[where[0]] == "'"
    return isinstance(node, exp.Column) and statement.find(node).status == "text"


def _place(text: exp.Expr) -> tuple[int, int] | None:
    return place(text.this if isinstance(text, exp.Column) else text)


def _quoted(text: str) -> str:
    shown = "".join(c if c.isprintable() else " " for c in text)
    return f"'{shown}'"
