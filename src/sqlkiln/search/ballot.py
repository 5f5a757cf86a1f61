"""The strategy `vote`: several candidates that differ in what the model is shown, and a vote.

    vote:8+link+mend

The first candidate is the greedy one, as `greedy` with the same switches gives it. The next is
greedy too, over the schema cut to what the question is about, and the others are sampled from the
first one's prompt, which the model has read by then: that makes them cheap. They are made one after
the other until the outcome can no longer change (`search.vote`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Self

from sqlkiln.core.errors import UsageError
from sqlkiln.core.plugins import (
    Backend,
    Candidate,
    Database,
    Request,
    Solution,
    Task,
    Variant,
    Watch,
)
from sqlkiln.prompt.link import focus, link, value_hints
from sqlkiln.search.compose import Composed, Settings, View, spelt_otherwise
from sqlkiln.search.readings import other_reading
from sqlkiln.search.vote import implies_rows, vote

DEFAULT_VOTES = 8
TEMPERATURE = 0.7
TOP_P = 0.95
CERTAIN = 0.9
"""The chance, as `+sure` tells it, from which on the first candidate is taken without a vote."""

_UNSEEN = Watch()


class Vote:
    """The answer whose result most candidates return."""

    def __init__(self, settings: Settings | None = None) -> None:
        """Take `settings`; without any, eight candidates and no switch."""
        self._settings = settings or Settings(DEFAULT_VOTES)
        self.name = f"vote{settings or ''}"
        self._composed = Composed(self.name, self._settings)

    @classmethod
    def configured(cls, settings: str) -> Self:
        """With the settings written behind `vote`."""
        read = Settings.parse(settings)
        if read.votes == 1 and not settings.startswith(":"):
            read = replace(read, votes=DEFAULT_VOTES)
        if read.votes < 2:
            raise UsageError("a vote takes at least 2 candidates; write vote:2, or greedy for one")
        return cls(read)

    def solve(self, task: Task, backend: Backend, database: Database, watch: Watch) -> Solution:
        """Answer `task`; the chosen candidate is one of the largest group."""
        view = self._composed.view(task, database)
        attempts = self._attempts(task, view, backend, database, watch)
        tally, made = vote(attempts, implies_rows(task.question), is_sure=partial(self._sure, view))
        solution = Solution(tally.winner, made, notes=view.notes, other=other_reading(tally))
        return self._composed.judged(solution, view.task, tally if len(made) > 1 else None)

    def _sure(self, view: View, first: Candidate) -> bool:
        """Whether the first candidate is so likely right that a vote would be a waste."""
        confidence = self._composed.judged(Solution(first, (first,)), view.task).confidence
        return confidence is not None and confidence >= CERTAIN

    def view(self, task: Task, database: Database) -> View:
        """`task` as the model sees it first."""
        return self._composed.view(task, database)

    def _attempts(
        self, task: Task, view: View, backend: Backend, database: Database, watch: Watch
    ) -> Sequence[Callable[[], Candidate]]:
        first = [view.task, *self._otherwise(task, database)]
        sampled = [
            _sampled(view.task, seed) for seed in range(1, self._settings.votes - len(first) + 1)
        ]
        tasks = [*first, *sampled][: self._settings.votes]
        return [
            partial(self._composed.attempt, each, backend, database, _UNSEEN if number else watch)
            for number, each in enumerate(tasks)
        ]

    def _otherwise(self, task: Task, database: Database) -> list[Task]:
        """The question over the schema cut to what it is about, if that leaves anything out."""
        schema = database.schema()
        if task.vary is None:
            return []
        hits = self._composed.hits(task, database)
        focused = focus(schema, link(schema, task.question, hits, task.evidence))
        if focused.schema == schema:
            return []
        hints = value_hints(spelt_otherwise(hits, task.question), focused.schema)
        return [task.vary(Variant(focused.schema, len(focused.omitted), hints))]


def _sampled(task: Task, seed: int) -> Task:
    def request(failed: tuple[str, str] | None) -> Request:
        asked = task.request(failed)
        return replace(asked, temperature=TEMPERATURE, top_p=TOP_P, seed=asked.seed + seed)

    return replace(task, request=request)
