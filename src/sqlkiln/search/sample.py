"""The two plainest strategies: one greedy answer, and one greedy answer with one repair.

`Greedy` never touches the database: what it costs is the model alone. `Repair` executes, and when
the database refuses the SQL it shows the model the error and asks once more.
"""

from collections.abc import Callable
from time import perf_counter

from sqlkiln.core.errors import QueryError
from sqlkiln.core.plugins import (
    Backend,
    Candidate,
    Completion,
    Database,
    QueryResult,
    Solution,
    Task,
    Watch,
)
from sqlkiln.prompt.extract import extract_sql

NO_SQL = "no SQL in the model's answer"


class Greedy:
    """One completion, taken as it is and not executed."""

    name = "greedy"

    def solve(self, task: Task, backend: Backend, database: Database, watch: Watch) -> Solution:
        """Generate once."""
        candidate = _candidate(_generate(task, backend, None, watch.on_text))
        return Solution(candidate, (candidate,))


class Repair:
    """One completion, executed; if that fails, one more that has seen the error."""

    name = "repair"

    def solve(self, task: Task, backend: Backend, database: Database, watch: Watch) -> Solution:
        """Generate and execute, at most twice; the last candidate is chosen."""
        first = executed(_candidate(_generate(task, backend, None, watch.on_text)), database)
        if first.error is None:
            return Solution(first, (first,))
        if watch.on_retry is not None:
            watch.on_retry(first.sql, first.error)
        again = _generate(task, backend, (first.sql, first.error), watch.on_text)
        second = executed(_candidate(again), database)
        return Solution(second, (first, second))


def _generate(
    task: Task,
    backend: Backend,
    failed: tuple[str, str] | None,
    on_text: Callable[[str], None] | None,
) -> Completion:
    return backend.generate(task.request(failed), on_text)


def _candidate(completion: Completion) -> Candidate:
    sql = extract_sql(completion.text)
    return Candidate(sql, completion, error=None if sql else NO_SQL)


def executed(candidate: Candidate, database: Database) -> Candidate:
    """Run the candidate's SQL, unless it has failed already; a query error is kept in it."""
    if candidate.error is not None:
        return candidate
    started = perf_counter()
    result: QueryResult | None = None
    error: str | None = None
    try:
        result = database.execute(candidate.sql)
    except QueryError as problem:
        error = str(problem)
    return Candidate(candidate.sql, candidate.completion, result, error, perf_counter() - started)
