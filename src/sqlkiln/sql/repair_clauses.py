"""Put the clauses of a query into the order in which SQL takes them.

It works on tokens: sqlglot parses clauses in any order, which no database does.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlkiln.core.records import DatabaseSchema
from sqlkiln.sql.clauses import Clause, rearranged
from sqlkiln.sql.logical_order import joined
from sqlkiln.sql.parse import parse
from sqlkiln.sql.repair_text import Edit, Fix, Mend, and_list

_ORDER = ("where", "group by", "having", "order by", "limit")


def clause_order(sql: str, schema: DatabaseSchema) -> Mend | None:
    """Put WHERE, GROUP BY, HAVING, ORDER BY and LIMIT of every query in `sql` in order.

    What is rearranged comes out on one line. Where a query has two clauses of a kind, or sqlglot
    cannot parse the outcome, nothing is moved.
    """
    moved: list[str] = []

    def in_order(clauses: Sequence[Clause], depth: int) -> str:
        places = [i for i, clause in enumerate(clauses) if clause.kind in _ORDER]
        kinds = [clauses[i].kind for i in places]
        ranked = sorted(kinds, key=_ORDER.index)
        query = {"select", "from"} <= {clause.kind for clause in clauses}
        if ranked == kinds or len(set(kinds)) < len(kinds) or not query:
            return joined(clauses)
        moved.extend(kind for kind, before in zip(kinds, ranked, strict=True) if kind != before)
        found = dict(zip(kinds, (clauses[i] for i in places), strict=True))
        sorted_ = iter(found[kind] for kind in ranked)
        return joined([next(sorted_) if i in places else c for i, c in enumerate(clauses)])

    text = rearranged(sql, schema.dialect, in_order)
    if not moved or parse(text, schema.dialect) is None:
        return None
    detail = f"put {and_list([kind.upper() for kind in moved])} in order"
    return Mend(Fix("clause_order", detail), (Edit(0, len(sql), text),))
