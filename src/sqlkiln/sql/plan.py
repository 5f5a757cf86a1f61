"""A query's execution plan in a few words, made from the SQL, and turned back into SQL.

    scan concert
    join stadium ON concert.stadium_id = stadium.stadium_id
    filter concert.year = 2014
    group stadium.name
    having COUNT(*) > 1
    return stadium.name
    sort COUNT(*) DESC
    limit 1

One step a line, in the order in which they are worked out; `union`, `intersect` and `except` stand
on a line between two plans, inner plans in brackets with semicolons between their steps. Names are
written out (`sql.resolve`), so that a plan says what a column's table is and never needs an alias.
The idea, that a small model which plans first is right more often, is that of Struct-SQL (arXiv
2512.17053). There a teacher writes prose; here nobody has to, and a plan holds all of its query:
`check_plan` compares the two part by part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from sqlglot import TokenType, exp

from sqlkiln.core.errors import DataError
from sqlkiln.core.records import DatabaseSchema
from sqlkiln.sql.clauses import Clause, Token, rearranged, tokens
from sqlkiln.sql.logical_order import select_first
from sqlkiln.sql.resolve import resolved

_STEPS = {
    "from": "scan",
    "where": "filter",
    "group by": "group",
    "having": "having",
    "select": "return",
    "order by": "sort",
    "limit": "limit",
}
_KEYWORDS = {step: clause.upper() for clause, step in _STEPS.items()}
_ORDER = ("operator", "start", "from", "join", "where", "group by", "having", "qualify", "select")
_INNER = ("scan", "return")
_UNORDERED = (exp.EQ, exp.NEQ)


def write_plan(sql: str, schema: DatabaseSchema) -> str:
    """The plan of `sql`, checked against it.

    Raises:
        DataError: if `sql` cannot be parsed, names what `schema` does not have, or holds what a
            plan cannot say, such as a line break in a string.
    """
    written_out = _worded(resolved(sql, schema), schema.dialect)
    if "\n" in written_out:
        raise DataError(f"a plan cannot hold a line break: found in {sql!r:.200}; leave it out")
    plan = rearranged(written_out, schema.dialect, _as_steps).replace(" \n", "\n")
    check_plan(plan, sql, schema)
    return plan


def read_plan(plan: str, dialect: str) -> str:
    """The SQL that `plan` stands for, by its own words only.

    Raises:
        DataError: naming the step, if a line does not begin with the name of a step.
    """
    cut = tokens("; ".join(line for line in plan.splitlines() if line.strip()), dialect)
    if not cut:
        raise DataError(f"not a plan: {plan!r:.200}; write steps such as 'scan singer'")
    words = []
    before = TokenType.SEMICOLON
    for position, token in enumerate(cut):
        if token.kind == TokenType.SEMICOLON:
            words.append(" ")
        elif before == TokenType.SEMICOLON:
            words.append(_first_word(token))
        elif before == TokenType.L_PAREN and _opens_a_plan(cut, position):
            words.append(_first_word(token))
        else:
            words.append(token.text)
        before = token.kind
    return select_first("".join(words), dialect)


def check_plan(plan: str, sql: str, schema: DatabaseSchema) -> None:
    """See that `plan` and `sql` name the same tables, columns and conditions, step by step.

    Raises:
        DataError: saying what only one of them has.
    """
    planned = Counter(_facts(resolved(read_plan(plan, schema.dialect), schema), schema.dialect))
    asked = Counter(_facts(resolved(sql, schema), schema.dialect))
    only_planned, only_asked = planned - asked, asked - planned
    if only_planned or only_asked:
        raise DataError(
            f"the plan is not that of the SQL: only the plan has {_listed(only_planned)}; only "
            f"the SQL has {_listed(only_asked)}; correct one of them"
        )


def _worded(tree: exp.Query, dialect: str) -> str:
    """`tree` as SQL with NOT where people put it: `a NOT IN (...)`, `a IS NOT NULL`."""
    for negation in reversed(list(tree.find_all(exp.Not))):
        inner = negation.this
        if isinstance(inner, exp.Is):
            words = f"NOT {inner.expression.sql(dialect=dialect)}"
            inner.set("expression", exp.Var(this=words))
            negation.replace(inner)
        elif isinstance(inner, exp.In | exp.Like | exp.Between):
            inner.set("this", exp.Var(this=f"{inner.this.sql(dialect=dialect)} NOT"))
            negation.replace(inner)
    return tree.sql(dialect=dialect)


def _as_steps(clauses: Sequence[Clause], depth: int) -> str:
    ranks = {kind: rank for rank, kind in enumerate(_ORDER)}
    steps = [_step(c) for c in sorted(clauses, key=lambda c: ranks.get(c.kind, len(_ORDER)))]
    if depth:
        return "; ".join(steps)
    return "\n" * (clauses[0].kind == "operator") + "\n".join(steps)


def _step(clause: Clause) -> str:
    if clause.kind in _STEPS:
        return f"{_STEPS[clause.kind]} {clause.body}"
    if clause.kind in ("operator", "join"):
        head, keyword, rest = clause.text.partition("JOIN")
        return f"{head}{keyword}".lower() + rest
    return clause.text


def _first_word(token: Token) -> str:
    return f" {_KEYWORDS.get(token.word, token.text.strip())}"


def _opens_a_plan(cut: Sequence[Token], position: int) -> bool:
    """Whether the word after a bracket names a step, and is not a column that is called so."""
    if cut[position].word not in _INNER or position + 1 == len(cut):
        return False
    following = cut[position + 1].text
    return following[:1] == " " and (following[1:2].isalnum() or following[1:2] in "_\"`['(")


def _facts(tree: exp.Query, dialect: str) -> Iterator[tuple[str, str]]:
    """What the queries in `tree` say, each with the kind of step that says it."""
    for node in tree.find_all(exp.SetOperation):
        yield "set operation", type(node).__name__ + str(bool(node.args.get("distinct")))
    for table in tree.find_all(exp.Table):
        yield "table", table.sql(dialect=dialect)
    for column in tree.find_all(exp.Column):
        yield "column", column.sql(dialect=dialect)
    for select in tree.find_all(exp.Select):
        for join in select.args.get("joins") or ():
            yield "join", f"{join.method} {join.side} {join.kind}"
        for kind in ("where", "having"):
            clause = select.args.get(kind)
            for condition in _conditions(clause and clause.this):
                yield kind, condition.sql(dialect=dialect)
        group = select.args.get("group")
        for key in group.expressions if group is not None else ():
            yield "group", key.sql(dialect=dialect)
        shown = ", ".join(e.sql(dialect=dialect) for e in select.expressions)
        yield "return", f"{'DISTINCT ' if select.args.get('distinct') else ''}{shown}"
    for join in tree.find_all(exp.Join):
        for condition in _conditions(join.args.get("on")):
            yield "join condition", _sided(condition, dialect)
    for order in tree.find_all(exp.Order):
        yield "sort", ", ".join(key.sql(dialect=dialect) for key in order.expressions)
    for limit in tree.find_all(exp.Limit, exp.Offset):
        yield "limit", limit.sql(dialect=dialect).strip()


def _conditions(condition: exp.Expr | None) -> Iterator[exp.Expr]:
    """The conditions that an AND joins, or the only one there is."""
    if isinstance(condition, exp.And):
        yield from condition.flatten()
    elif condition is not None:
        yield condition


def _sided(condition: exp.Expr, dialect: str) -> str:
    if isinstance(condition, _UNORDERED):
        sides = sorted(s.sql(dialect=dialect) for s in (condition.left, condition.right))
        return f" {condition.key} ".join(sides)
    return condition.sql(dialect=dialect)


def _listed(facts: Counter[tuple[str, str]]) -> str:
    return ", ".join(f"{kind} {text!r}" for kind, text in sorted(facts)) or "nothing"
