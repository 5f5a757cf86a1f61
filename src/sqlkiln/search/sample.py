"""The two plainest strategies: one greedy answer, and one greedy answer with one repair.

`Greedy` never touches the database: what it costs is the model alone. `Repair` executes, and when
the database refuses the SQL it shows the model the error and asks once more.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from time import perf_counter

from sqlkiln.core.errors import QueryError
from sqlkiln.core.plugins import (
    Backend,
    Candidate,
    Database,
    Limits,
    QueryResult,
    Solution,
    Strategy,
    Task,
    Watch,
)

NO_SQL = "no SQL in the model's answer"

COUNTED = Limits(timeout_s=2.0, max_rows=10_000)
"""What a result that was cut is run again under; where that fails it counts as it was cut."""


class Greedy:
    """One completion, taken as it is and not executed."""

    name = "greedy"
    estimates = False

    @classmethod
    def configured(cls, settings: str) -> Strategy:
        """One completion with the switches in `settings` (`search.compose`), executed."""
        from sqlkiln.search.compose import single

        return single(cls.name, settings)

    def solve(self, task: Task, backend: Backend, database: Database, watch: Watch) -> Solution:
        """Generate once."""
        candidate = generated(task, backend, None, watch.on_text)
        return Solution(candidate, (candidate,))

    write = solve


class Repair:
    """One completion, executed; if that fails, one more that has seen the error."""

    name = "repair"
    estimates = False

    def solve(self, task: Task, backend: Backend, database: Database, watch: Watch) -> Solution:
        """Generate and execute, at most twice; the last candidate is chosen."""
        first = executed(generated(task, backend, None, watch.on_text), database)
        if first.error is None:
            return Solution(first, (first,))
        if watch.on_retry is not None:
            watch.on_retry(first.sql, first.error)
        again = generated(task, backend, (first.sql, first.error), watch.on_text)
        second = executed(again, database)
        return Solution(second, (first, second))


def generated(
    task: Task,
    backend: Backend,
    failed: tuple[str, str] | None,
    on_text: Callable[[str], None] | None,
) -> Candidate:
    """Ask once; `failed` is a statement with its error, to be mended. Nothing is executed."""
    completion = backend.generate(task.request(failed), on_text)
    sql = task.read(completion.text)
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
    spent = perf_counter() - started
    return replace(candidate, result=result, error=error, execute_s=candidate.execute_s + spent)


def uncut(run: Candidate, database: Database) -> tuple[Candidate, float]:
    """`run` with up to `COUNTED` rows where fewer were cut off, and the seconds that took."""
    result = run.result
    if result is None or not result.truncated or len(result.rows) >= COUNTED.max_rows:
        return run, 0.0
    started = perf_counter()
    with suppress(QueryError):
        run = replace(run, result=database.execute(run.sql, COUNTED))
    return run, perf_counter() - started
