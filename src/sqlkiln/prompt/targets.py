"""What a model is taught to write for an answer, and how SQL is read back from it.

- `sql`: the SQL itself;
- `from_first`: the SQL with FROM before SELECT (`sql.logical_order`);
- `qualified`: the SQL with every column's table in front of it (`sql.qualify`);
- `plan`: an execution plan as a comment (`sql.plan`), then the SQL;
- `think`: a short reasoning (`prompt.reasoning`) in think tags, then the SQL in a fence.

`prefill(name) + write_target(name, ...)`, a line break and one of `stop(name)` is the whole answer.
What a model writes is read by `read_target`, which never fails; which target a model was trained
for is on its adapter's card, not here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.core.records import DatabaseSchema
from sqlkiln.prompt.extract import extract_sql
from sqlkiln.prompt.reasoning import reasoning
from sqlkiln.sql.logical_order import from_first, one_line, select_first
from sqlkiln.sql.plan import write_plan
from sqlkiln.sql.qualify import qualified, unqualified

DEFAULT_TARGET = "sql"
_FENCE = "```sql\n"
_END_OF_PLAN = "*/"
_END_OF_THOUGHT = "</think>"


@dataclass(frozen=True)
class _Target:
    prefill: str
    stop: tuple[str, ...]
    write: Callable[[str, DatabaseSchema, str], str]
    read: Callable[[str, str], str]


def write_target(name: str, sql: str, schema: DatabaseSchema, question: str = "") -> str:
    """Write `sql` as the target `name`: the completion after its prefill, up to its stop.

    With `question`, the target `think` says which of its words speak of which table and column.

    Raises:
        UsageError: if there is no such target.
        DataError: if `sql` is empty or cannot be written so.
    """
    target = _target(name)
    line = one_line(sql, schema.dialect)
    if not line:
        raise DataError("there is no SQL to write: the statement is empty; leave the row out")
    return target.write(line, schema, question)


def read_target(name: str, completion: str, dialect: str) -> str:
    """Read the SQL out of a completion of target `name`; '' if there is none.

    Raises:
        UsageError: if there is no such target.
    """
    return _target(name).read(completion, dialect)


def prefill(name: str) -> str:
    """What the answer starts with before the model writes.

    Raises:
        UsageError: if there is no such target.
    """
    return _target(name).prefill


def stop(name: str) -> tuple[str, ...]:
    """The strings that end an answer of target `name`.

    Raises:
        UsageError: if there is no such target.
    """
    return _target(name).stop


def _target(name: str) -> _Target:
    if name not in _TARGETS:
        raise UsageError(f"unknown target: {name!r}; choose one of {', '.join(TARGETS)}")
    return _TARGETS[name]


def _write_sql(sql: str, schema: DatabaseSchema, question: str) -> str:
    return sql


def _read_sql(completion: str, dialect: str) -> str:
    return extract_sql(completion)


def _write_from_first(sql: str, schema: DatabaseSchema, question: str) -> str:
    text = from_first(sql, schema.dialect)
    if select_first(text, schema.dialect) != sql:
        raise DataError(
            f"cannot put FROM first: {sql!r} does not come back as it was; leave the row out or "
            "choose the target 'sql'"
        )
    return text


def _read_from_first(completion: str, dialect: str) -> str:
    return select_first(extract_sql(completion), dialect)


def _write_qualified(sql: str, schema: DatabaseSchema, question: str) -> str:
    return qualified(sql, schema)


def _read_qualified(completion: str, dialect: str) -> str:
    return unqualified(extract_sql(completion), dialect)


def _write_plan(sql: str, schema: DatabaseSchema, question: str) -> str:
    plan = write_plan(sql, schema)
    if _END_OF_PLAN in plan:
        raise DataError(f"a plan cannot hold {_END_OF_PLAN}: found in {sql!r:.200}; leave it out")
    return f"{plan}\n{_END_OF_PLAN}\n{sql}"


def _read_plan(completion: str, dialect: str) -> str:
    plan, ended, sql = completion.partition(_END_OF_PLAN)
    return extract_sql(sql if ended else plan)


def _write_thought(sql: str, schema: DatabaseSchema, question: str) -> str:
    return f"{reasoning(sql, schema, question)}\n{_END_OF_THOUGHT}\n{_FENCE}{sql}"


def _read_thought(completion: str, dialect: str) -> str:
    return extract_sql(completion.rpartition(_END_OF_THOUGHT)[2])


_TARGETS = {
    "sql": _Target(_FENCE, ("```",), _write_sql, _read_sql),
    "from_first": _Target(_FENCE, ("```",), _write_from_first, _read_from_first),
    "qualified": _Target(_FENCE, ("```",), _write_qualified, _read_qualified),
    "plan": _Target(f"{_FENCE}/*\n", ("```",), _write_plan, _read_plan),
    "think": _Target("<think>\n", ("```\n",), _write_thought, _read_thought),
}
TARGETS = tuple(_TARGETS)
