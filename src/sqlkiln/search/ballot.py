"""The strategy `vote`: several candidates, by others or of another prompt, and a vote.

    vote:8+link+mend

The first candidate is the greedy one, as `greedy` with the same switches gives it. With `second`
the next are those of other adapters and models. Then comes a greedy one over the schema cut to
what the question is about, and the others are sampled from the first one's prompt, which the model
has read by then: that makes them cheap. They are made one after the other until the outcome can no
longer change (`search.vote`). With `scope`, each that fails is written again at once; with
`retry`, the model is told the error if all have failed.

With `sure` they are a panel (`search.panel`): each is weighed by its own odds, and as soon as the
answer is likely enough, nobody else is asked. Nothing is sampled then where there are others.

Candidates run under the caps of the database, which may be those of a display. What such a cap has
cut is run once more for the count (`sample.uncut`): of the same rows in other orders other ones
would be left. The answer keeps the rows that the first run gave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
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
    Watch,
)
from sqlkiln.core.records import OtherReading
from sqlkiln.search import panel
from sqlkiln.search.compose import Composed, Settings, View, Voter
from sqlkiln.search.readings import as_run, other_reading
from sqlkiln.search.sample import uncut
from sqlkiln.search.vote import Tally, implies_rows, vote

DEFAULT_VOTES = 8
TEMPERATURE = 0.7
TOP_P = 0.95

_UNSEEN = Watch()


@dataclass
class _Made:
    """The candidates as they were run, in the order they voted, and those that failed before."""

    voting: list[Candidate] = field(default_factory=list)
    failed: list[Candidate] = field(default_factory=list)


class Vote:
    """The answer whose result most candidates return."""

    def __init__(self, settings: Settings | None = None) -> None:
        """Take `settings`; without any, eight candidates and no switch."""
        self._settings = settings or Settings(DEFAULT_VOTES)
        self.name = f"vote{settings or ''}"
        self._composed = Composed(self.name, self._settings)
        self.estimates = self._composed.estimates

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
        """Answer `task`; the chosen candidate is one of the largest group, or of the likeliest."""
        view = self._composed.view(task, database)
        voters = self._voters(task, view, backend, database)
        if self.estimates:
            first = self._composed.first(view, backend, database, watch)
            first = self._composed.judged(first, view.task)
            return self._composed.with_others(first, voters, database, panel.CERTAIN)
        return self._counted(view, voters, backend, database, watch)

    def _counted(
        self,
        view: View,
        voters: Sequence[Voter],
        backend: Backend,
        database: Database,
        watch: Watch,
    ) -> Solution:
        """The answer by the number of candidates that give it."""
        made, voting = _Made(), [Voter("", view.task, backend), *voters]
        attempts = [
            partial(
                self._attempt,
                one.task,
                one.backend,
                database,
                watch if one is voting[0] else _UNSEEN,
                made,
            )
            for one in voting
        ]
        tally, _ = vote(attempts, implies_rows(view.task.question))
        chosen = made.voting[tally.groups[0].chosen if tally.groups else 0]
        again = self._composed.retried(chosen, view.task, backend, database, watch)
        return Solution(
            again[0] if again else chosen,
            (*made.failed, *made.voting, *again),
            notes=view.notes,
            other=_other(tally, made),
        )

    def _attempt(
        self, task: Task, backend: Backend, database: Database, watch: Watch, made: _Made
    ) -> Candidate:
        """One candidate as it is counted; as it was run it is kept in `made`."""
        run = self._composed.attempt(task, backend, database, watch)
        again = self._composed.scoped(run, task, backend, database)
        if again:
            made.failed.append(run)
            run = again[0]
        counted, seconds = uncut(run, database)
        made.voting.append(replace(run, execute_s=run.execute_s + seconds))
        return counted

    def view(self, task: Task, database: Database) -> View:
        """`task` as the model sees it first."""
        return self._composed.view(task, database)

    def _voters(
        self, task: Task, view: View, backend: Backend, database: Database
    ) -> Sequence[Voter]:
        """Who is asked after the first one."""
        others = self._composed.others(view.task, backend)
        cut = self._composed.cut(task, backend, database)
        left = self._settings.votes - 1 - len(others) - len(cut)
        if self.estimates and others:
            left = 0  # samples of a model bring nothing where others can be asked (docs/LOG.md)
        sampled = [Voter("", _sampled(view.task, seed), backend) for seed in range(1, left + 1)]
        return [*others, *cut, *sampled][: self._settings.votes - 1]


def _other(tally: Tally, made: _Made) -> OtherReading | None:
    """The other reading of a close vote, with the rows that its first run gave."""
    other = other_reading(tally)
    return None if other is None else as_run(other, made.voting[tally.groups[1].chosen], None)


def _sampled(task: Task, seed: int) -> Task:
    def request(failed: tuple[str, str] | None) -> Request:
        asked = task.request(failed)
        return replace(asked, temperature=TEMPERATURE, top_p=TOP_P, seed=asked.seed + seed)

    return replace(task, request=request)
