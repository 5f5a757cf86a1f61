"""Mend the conditions of joins: what ON compares when it is not there, or is of one table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlglot import TokenType, exp

from sqlkiln.sql.repair_joins import join_text, kept_names
from sqlkiln.sql.repair_paths import Graph, Path, graphs_of, ways
from sqlkiln.sql.repair_statement import Read, Statement
from sqlkiln.sql.repair_text import Edit, Fix, Mend, and_list, fold, place


def join_key(statement: Statement) -> Mend | None:
    """Join over the foreign key where ON compares what is not there."""
    return _first_key(statement, _over_key)


def key_to_itself(statement: Statement) -> Mend | None:
    """Join over the foreign key where ON compares columns of one and the same table."""
    return _first_key(statement, _over_key, to_itself=True)


def linked_key(statement: Statement) -> Mend | None:
    """Join a link table where ON compares what is not there, and one leads from table to table."""
    return _first_key(statement, _over_link)


def joined_with_itself(statement: Statement) -> Mend | None:
    """Leave a table out that is joined with itself, under one name and over one column."""
    for select in statement.selects:
        for join in select.args.get("joins") or ():
            on = join.args.get("on")
            if not isinstance(on, exp.EQ) or on.this != on.expression:
                continue
            if not isinstance(on.this, exp.Column):
                continue
            twins = statement.find(on.this).among
            doubled = len({id(read.table) for read in twins}) == 1
            start, end = start_of_join(statement, join), place(on.expression.this)
            if not doubled or twins[-1].node is not join.this or start is None or end is None:
                continue
            before = statement.sql[:start]
            edit = Edit(len(before.rstrip()), end[1], "")
            detail = f"left out the second {twins[-1].alias}, which was joined with itself"
            return Mend(Fix("join_key", detail), (edit,))
    return None


_Graphs = tuple[Graph, Graph]
_Rewrite = Callable[[Statement, "_Comparison", _Graphs], Mend | None]


@dataclass(frozen=True)
class _Comparison:
    """A condition `left = right` of the join of `joined` to what is read `before`.

    `earlier` is the one of these that it is about, None if it does not say.
    """

    join: exp.Join
    left: exp.Column
    right: exp.Column
    joined: Read
    before: tuple[Read, ...]
    earlier: Read | None


def _first_key(statement: Statement, rewrite: _Rewrite, to_itself: bool = False) -> Mend | None:
    graphs = graphs_of(statement.schema)
    for select in statement.selects:
        for join in select.args.get("joins") or ():
            for equal in join.find_all(exp.EQ):
                if equal.find_ancestor(exp.Join) is not join:
                    continue
                compared = _comparison(statement, join, equal, to_itself)
                mend = rewrite(statement, compared, graphs) if compared else None
                if mend is not None:
                    return mend
    return None


def _comparison(
    statement: Statement, join: exp.Join, equal: exp.EQ, to_itself: bool
) -> _Comparison | None:
    left, right = equal.this, equal.expression
    if not isinstance(left, exp.Column) or not isinstance(right, exp.Column):
        return None
    sides = [statement.find(left), statement.find(right)]
    missing = any(side.status == "missing" for side in sides)
    same = all(side.status == "found" for side in sides) and sides[0].read is sides[1].read
    select = join.parent
    reads = statement.reads(select) if isinstance(select, exp.Select) else ()
    position = next((i for i, read in enumerate(reads) if read.node is join.this), 0)
    if not (same if to_itself else missing) or not position:
        return None
    joined, before = reads[position], reads[:position]
    named = [side.read for side in sides if side.read is not None and side.read is not joined]
    by_table = [r for r in before for c in (left, right) if r.table and _is_called(c, r)]
    candidates = named or by_table or (list(before) if len(before) == 1 else [])
    if any(read not in before for read in candidates):
        return None
    earlier = candidates[0] if len({id(read) for read in candidates}) == 1 else None
    return _Comparison(join, left, right, joined, before, earlier)


def _is_called(column: exp.Column, read: Read) -> bool:
    return read.table is not None and fold(column.table) == fold(read.table.name)


def _over_key(statement: Statement, compared: _Comparison, graphs: _Graphs) -> Mend | None:
    joined = compared.joined
    found = _fitting_key(statement, compared, graphs)
    if found is None or joined.table is None:
        return None
    earlier, own, other = found
    first = f"{statement.called(earlier)}.{statement.quoted(own)}"
    second = f"{statement.called(joined)}.{statement.quoted(other)}"
    left, right = statement.find(compared.left).read, statement.find(compared.right).read
    swapped = left is not right and (left is joined or right is earlier)
    detail = f"joined {joined.table.name} over its foreign key, {first} = {second}"
    return Mend(Fix("join_key", detail), _both(compared, first, second, swapped))


_Ends = tuple[Read, str, str]
"""Something read before, its column, and the column of what is joined."""


def _fitting_key(statement: Statement, compared: _Comparison, graphs: _Graphs) -> _Ends | None:
    """The one key there is to what ON compares, or else to anything read before.

    Of several, it is the one that ON has one end of. One that only names suggest must be that.
    """
    written = [
        (id(found.read), fold(column.name))
        for column in (compared.left, compared.right)
        if (found := statement.find(column)).status == "found"
    ]
    for graph in graphs:
        for reads in ([compared.earlier] if compared.earlier else [], compared.before):
            keys = _keys(compared, reads, graph)
            ends = [{(id(k[0]), fold(k[1])), (id(compared.joined), fold(k[2]))} for k in keys]
            fitting = [k for k, end in zip(keys, ends, strict=True) if end.intersection(written)]
            if len(keys) > 1 or (graph is graphs[1] and written):
                keys = fitting
            if keys:
                return keys[0] if len(keys) == 1 else None
    return None


def _keys(compared: _Comparison, earlier: Sequence[Read], graph: Graph) -> list[_Ends]:
    """The foreign keys of one column from any of `earlier` to what is joined."""
    joined = compared.joined.table
    return [
        (read, *link.pairs[0])
        for read in earlier
        if read.table is not None and read.table is not joined
        for link in graph.get(fold(read.table.name), ())
        if link.table is joined and len(link.pairs) == 1
    ]


def _over_link(statement: Statement, compared: _Comparison, graphs: _Graphs) -> Mend | None:
    earlier, joined = compared.earlier, compared.joined
    where = start_of_join(statement, compared.join)
    if joined.table is None or earlier is None or earlier.table is None or where is None:
        return None
    name = fold(earlier.table.name)
    if any(link.table is joined.table for graph in graphs for link in graph.get(name, ())):
        return None
    select = earlier.select
    others = [r for r in statement.reads(select) if r is not joined and r.table is not None]
    read = {fold(r.table.name) for r in others if r.table is not None}
    unread = [
        {start: [x for x in links if fold(x.table.name) not in read] for start, links in g.items()}
        for g in graphs
    ]
    paths = ways((unread[0], unread[1]), [earlier], [fold(joined.table.name)])
    if len(paths) != 1 or any(len(link.pairs) != 1 for link in paths[0].links):
        return None
    links = paths[0].links[:-1]
    kept = kept_names(
        statement, select, [link.table for link in links], [compared.left, compared.right]
    )
    if kept is None:
        return None
    text, keys = join_text(statement, Path(earlier, links))
    own, other = paths[0].links[-1].pairs[0]
    last = f"{statement.quoted(links[-1].table.name)}.{statement.quoted(own)}"
    end = f"{statement.called(joined)}.{statement.quoted(other)}"
    edits = _both(compared, last, end, swapped=False)
    detail = (
        f"joined {and_list([link.table.name for link in links])}, which links "
        f"{earlier.table.name} to {joined.table.name}, over {and_list([*keys, f'{last} = {end}'])}"
    )
    return Mend(Fix("missing_join", detail), (Edit(where, where, f"{text} "), *edits, *kept))


def _both(compared: _Comparison, first: str, second: str, swapped: bool) -> tuple[Edit, ...]:
    """Write `first` on the left of the comparison and `second` on its right, or `swapped`."""
    sides = [compared.right, compared.left] if swapped else [compared.left, compared.right]
    return tuple(
        Edit(start[0], end[1], text)
        for column, text in zip(sides, (first, second), strict=True)
        if (start := place(column.parts[0])) and (end := place(column.parts[-1]))
    )


def start_of_join(statement: Statement, join: exp.Join) -> int | None:
    """Where the words of an inner join begin in the text; None for other joins."""
    where = place(join.this.this) if isinstance(join.this, exp.Table) else None
    if where is None or join.side or join.method or join.kind not in ("", "INNER"):
        return None
    before = [token for token in statement.tokens if token.start < where[0]]
    words = before[-2:] if join.kind == "INNER" else before[-1:]
    return words[0].start if words and before[-1].token_type == TokenType.JOIN else None
