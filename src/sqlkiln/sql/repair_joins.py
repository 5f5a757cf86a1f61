"""Join the table of a column that a query does not read.

Joins go along foreign keys, over link tables where they must, and only where one way is shorter
than every other. Not done: joins to inner queries, and tables that a query reads twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot import TokenType, exp

from sqlkiln.core.records import DatabaseSchema, Table
from sqlkiln.sql.repair_paths import Path, distinct, graphs_of, ways
from sqlkiln.sql.repair_statement import Read, Statement
from sqlkiln.sql.repair_text import Edit, Fix, Mend, and_list, fold, listed, place

_ITEM_ENDS = {
    TokenType.COMMA,
    TokenType.SELECT,
    TokenType.WHERE,
    TokenType.GROUP_BY,
    TokenType.HAVING,
    TokenType.QUALIFY,
    TokenType.WINDOW,
    TokenType.ORDER_BY,
    TokenType.LIMIT,
    TokenType.OFFSET,
    TokenType.FETCH,
    TokenType.UNION,
    TokenType.INTERSECT,
    TokenType.EXCEPT,
    TokenType.SEMICOLON,
}


@dataclass(frozen=True)
class _Lack:
    """Columns that must come from one table: `owners` (folded) have them. `alias`: as written."""

    columns: tuple[exp.Column, ...]
    owners: frozenset[str]
    alias: str = ""


def missing_join(statement: Statement) -> Mend | None:
    """Join the table of a column that the query does not read."""
    graphs = graphs_of(statement.schema)
    for select in statement.selects:
        lacks = list(_lacks(statement, select))
        if not lacks:
            continue
        shared = frozenset.intersection(*(lack.owners for lack in lacks))
        fewest = min(lacks, key=lambda lack: len(lack.owners))
        group, owners = (lacks, shared) if shared else ([fewest], fewest.owners)
        paths = distinct(statement, ways(graphs, statement.reads(select), owners))
        if len(paths) == 1:
            mend = _joined(statement, select, paths[0], group)
            if mend is not None:
                return mend
    return None


def _lacks(statement: Statement, select: exp.Select) -> Iterator[_Lack]:
    """What `select` needs that nothing it reads has, but for what it compares in ON."""
    read = {fold(r.table.name) for r in statement.reads(select) if r.table is not None}
    undeclared: dict[str, list[exp.Column]] = {}
    for column in statement.faulty_columns:
        found = statement.find(column)
        if found.status != "missing" or statement.levels(column)[0] is not select:
            continue
        if not isinstance(column.this, exp.Identifier) or is_in_on(column):
            continue
        owners = owners_of(statement.schema, column.name) - read
        called = fold(column.table)
        if called and found.read is None and called not in statement.tables:
            undeclared.setdefault(called, []).append(column)
        elif called in owners:
            yield _Lack((column,), frozenset({called}))
        elif owners and not any(r.has(column.name) for r in statement.reads(select)):
            yield _Lack((column,), owners)
    for columns in undeclared.values():
        every = (owners_of(statement.schema, column.name) - read for column in columns)
        yield _Lack(tuple(columns), frozenset.intersection(*every), columns[0].table)


def is_in_on(column: exp.Column) -> bool:
    """Whether `column` stands in the condition of a join of its own SELECT."""
    return isinstance(column.find_ancestor(exp.Join, exp.Select), exp.Join)


def owners_of(schema: DatabaseSchema, column: str) -> frozenset[str]:
    """The tables, folded, that have `column`."""
    name = fold(column)
    return frozenset(
        fold(table.name)
        for table in schema.tables
        if any(fold(c.name) == name for c in table.columns)
    )


def _joined(
    statement: Statement, select: exp.Select, path: Path, lacks: Sequence[_Lack]
) -> Mend | None:
    columns = [column for lack in lacks for column in lack.columns]
    alias = next((lack.alias for lack in lacks if lack.alias), "")
    end = end_of_item(statement, path.read)
    kept = kept_names(statement, select, [link.table for link in path.links], columns, alias)
    if end is None or kept is None:
        return None
    called = statement.quoted(alias or path.target.name)
    between = {fold(c.name) for link in path.links[:-1] for c in link.table.columns}
    for column in columns:
        first, last = place(column.parts[0]), place(column.parts[-1])
        if first is None or last is None:
            return None
        bare = not column.table
        right = fold(column.table) == fold(alias or path.target.name)
        if (bare and fold(column.name) in between) or not (bare or right):
            shown = statement.sql[last[0] : last[1]]
            kept = (*kept, Edit(first[0], last[1], f"{called}.{shown}"))
    text, keys = join_text(statement, path, alias)
    names = list(listed(column.name for column in columns))
    is_column = "is its column" if len(names) == 1 else "are its columns"
    if len(path.links) > 1:
        is_column = f"{'is a column' if len(names) == 1 else 'are columns'} of {path.target.name}"
    detail = (
        f"joined {and_list([link.table.name for link in path.links])}, since "
        f"{and_list(names)} {is_column}, over {and_list(keys)}"
    )
    left = tuple(found.alias for column in columns if (found := statement.find(column).read))
    return Mend(Fix("missing_join", detail), (Edit(end, end, f" {text}"), *kept), left)


def join_text(statement: Statement, path: Path, alias: str = "") -> tuple[str, list[str]]:
    """The JOIN clauses of `path`, its last table called `alias`, and their conditions."""
    clauses, keys = [], []
    called = statement.called(path.read)
    for link in path.links:
        name = statement.quoted(link.table.name)
        own = statement.quoted(alias) if alias and link is path.links[-1] else name
        pairs = [
            f"{called}.{statement.quoted(a)} = {own}.{statement.quoted(b)}" for a, b in link.pairs
        ]
        renamed = f" AS {own}" if own != name else ""
        clauses.append(f"JOIN {name}{renamed} ON {' AND '.join(pairs)}")
        keys += pairs
        called = own
    return " ".join(clauses), keys


def end_of_item(statement: Statement, read: Read) -> int | None:
    """Where in the text the item of FROM ends that `read` is in, joins included."""
    where = place(read.node.this)
    if where is None:
        return None
    depth, end = 0, where[1]
    for token in statement.tokens:
        if token.start < where[0]:
            continue
        depth += (token.token_type == TokenType.L_PAREN) - (token.token_type == TokenType.R_PAREN)
        if depth < 0 or (depth == 0 and token.token_type in _ITEM_ENDS):
            break
        end = token.end + 1
    return end


def kept_names(
    statement: Statement,
    select: exp.Select,
    tables: Sequence[Table],
    mended: Sequence[exp.Column],
    alias: str = "",
) -> tuple[Edit, ...] | None:
    """What keeps all other names what they are when `select` reads `tables` too; None if nothing.

    Columns that would become ambiguous get their table in front, and `*` stays what it was.
    """
    called = [fold(table.name) for table in tables[:-1]] + [fold(alias or tables[-1].name)]
    if len(set(called)) < len(called) or _taken(statement, select, called):
        return None
    fresh = {fold(column.name) for table in tables for column in table.columns}
    edits: list[Edit] = []
    for column in statement.columns:
        named = isinstance(column.this, exp.Identifier) and not column.table
        if column in mended or not named or fold(column.name) not in fresh:
            continue
        levels = statement.levels(column)
        if select not in levels:
            continue
        found = statement.find(column)
        if found.status == "missing":
            continue
        if found.status == "open" and isinstance(column.parent, exp.Ordered):
            continue
        if found.status != "found" or found.read is None:
            return None
        if levels.index(found.read.select) >= levels.index(select):
            if not found.read.alias:
                return None
            edits += statement.in_table(column, found.read)
    starred = _starred(statement, select)
    return None if starred is None else (*edits, *starred)


def _taken(statement: Statement, select: exp.Select, called: Sequence[str]) -> bool:
    """Whether something that is read, or seen from within `select`, is called one of `called`."""
    if any(fold(read.alias) in called for read in statement.reads(select)):
        return True
    for column in statement.columns:
        if fold(column.table) in called and select in statement.levels(column):
            read = statement.find(column).read
            if read is not None and read.select in statement.levels(select):
                return True
    return False


def _starred(statement: Statement, select: exp.Select) -> tuple[Edit, ...] | None:
    """What makes of `*` in the SELECT list all columns of what is read so far."""
    stars = [shown for shown in select.selects if isinstance(shown, exp.Star)]
    if not stars:
        return ()
    reads = statement.reads(select)
    where = place(stars[0])
    plain = len(stars) == 1 and not any(stars[0].args.get(k) for k in ("except_", "replace"))
    if where is None or not plain or not all(read.alias for read in reads):
        return None
    return (Edit(*where, ", ".join(f"{statement.called(read)}.*" for read in reads)),)
