"""Strategies put together from switches: what the prompt shows, how it decodes, what is mended.

    greedy+link+mend          one answer over what the question is about, mended from the schema
    vote:8+link+scope+mend    the answer that most of eight agree on

The switches, each to be had alone:

- `link`: values that the question mentions in other words than the database has are shown
  (`sql.values`; what is spelt alike the model copies anyway), and a schema with more than
  `ROOMY_TOKENS` is cut to what it is about (`prompt.link`). A smaller one stays whole: all
  questions about a database then share the schema that the model has read already.
- `scope`: what the database refuses is written once more, under a grammar of the schema that keeps
  names in their scope (`search.constrain`). Not at once: a name that is out of scope tells what was
  meant, and `mend` makes more of it than a model that may not write it (docs/LOG.md).
- `mend`: what the database would refuse, a text that is in no cell, or an order that is plainly the
  wrong way round is mended from the schema (`sql.repair`), and `Candidate.fixes` tells.
- `retry`: if the database refuses the answer nevertheless, the model is asked once more.
- `sure`: the answer comes with the probability that it is right (`search.confidence`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, Self, runtime_checkable

from sqlkiln.core.errors import (
    BackendAuthError,
    BackendError,
    BackendRateLimited,
    BackendTimeout,
    ContextOverflow,
    UsageError,
)
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
from sqlkiln.core.records import DatabaseSchema
from sqlkiln.prompt.link import focus, link, value_hints
from sqlkiln.prompt.serialize import serialize
from sqlkiln.search.confidence import judged
from sqlkiln.search.constrain import within
from sqlkiln.search.sample import executed, generated
from sqlkiln.search.spellings import StoredSpellings
from sqlkiln.search.vote import Tally
from sqlkiln.sql.repair import repair
from sqlkiln.sql.values import ValueHit, ValueIndex, open_index

SWITCHES = ("link", "scope", "mend", "retry", "sure")
ROOMY_TOKENS = 1500
"""Schemas up to about so many tokens are shown whole."""

FOCUS_TOKENS = 1000
"""Larger ones are cut to about so many."""

ALTERNATIVES = 2
"""Tokens of which each place tells the probability: the one written and the best other one."""

CHARS_A_TOKEN = 3.3
MOST_VOTES = 64
_SETTINGS = re.compile(r"(?::(?P<votes>\d+))?(?P<switches>(?:\+[a-z]+)*)")


@dataclass(frozen=True)
class Settings:
    """How many candidates there are, and which switches are on."""

    votes: int = 1
    switches: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ":8+link+mend".

        Raises:
            UsageError: if it reads otherwise, or there is no such switch.
        """
        match = _SETTINGS.fullmatch(text)
        if match is None:
            raise UsageError(
                f"cannot read the settings {text!r} of a strategy; write NAME[:NUMBER]"
                f"[+SWITCH...], for example vote:8+link+mend; the switches are {_listed()}"
            )
        switches = tuple(filter(None, match["switches"].split("+")))
        for switch in switches:
            if switch not in SWITCHES:
                raise UsageError(f"unknown switch of a strategy: {switch!r}; there are {_listed()}")
        votes = int(match["votes"] or 1)
        if not 1 <= votes <= MOST_VOTES:
            raise UsageError(f"cannot take {votes} candidates; ask for 1 to {MOST_VOTES}")
        return cls(votes, frozenset(switches))

    def __str__(self) -> str:
        votes = f":{self.votes}" if self.votes > 1 else ""
        return votes + "".join(f"+{name}" for name in SWITCHES if name in self.switches)


def _listed() -> str:
    return ", ".join(SWITCHES)


@dataclass
class _Known:
    """What is read of a database once for all questions about it."""

    database: Database
    schema: DatabaseSchema
    index: ValueIndex
    spellings: StoredSpellings = field(init=False)

    def __post_init__(self) -> None:
        self.spellings = StoredSpellings(self.database, self.index)


@dataclass(frozen=True)
class View:
    """A task as it is put to the model, and what the asker is to know of that."""

    task: Task
    notes: tuple[str, ...] = ()


@runtime_checkable
class Views(Protocol):
    """A strategy that may show the model something else than the task it is given."""

    def view(self, task: Task, database: Database) -> View:
        """`task` as the model is to see it first."""


class Composed:
    """One answer, made with some switches on."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self._switches = settings.switches
        self._known: _Known | None = None
        self._silent = False

    def solve(self, task: Task, backend: Backend, database: Database, watch: Watch) -> Solution:
        """Answer `task`; the last candidate is chosen."""
        view = self.view(task, database)
        tried = [self.attempt(view.task, backend, database, watch)]
        if tried[-1].error is not None and "scope" in self._switches:
            tried.append(self.within_scope(view.task, backend, database))
        failed = tried[-1]
        if failed.error is not None and "retry" in self._switches:
            if watch.on_retry is not None:
                watch.on_retry(failed.sql, failed.error)
            again = self._written(view.task, backend, (failed.sql, failed.error), watch)
            tried.append(self._finished(again, view.task, database))
        return self.judged(Solution(tried[-1], tuple(tried), notes=view.notes), view.task)

    def judged(self, solution: Solution, task: Task, tally: Tally | None = None) -> Solution:
        """`solution` with its confidence, if that is wanted; `tally` if it was voted on."""
        return judged(solution, task, tally) if "sure" in self._switches else solution

    def view(self, task: Task, database: Database) -> View:
        """`task` as the model is to see it."""
        if "link" not in self._switches or task.vary is None or task.schema is None:
            return View(task)
        known = self._know(database)
        found = known.index.search(task.question)
        hits = spelt_otherwise(found, task.question)
        hints = value_hints(hits, known.schema)
        if len(serialize(known.schema)) / CHARS_A_TOKEN <= ROOMY_TOKENS:
            return View(task.vary(Variant(hints=hints)) if hints else task)
        linked = link(known.schema, task.question, found, task.evidence)
        focused = focus(known.schema, linked, budget_tokens=FOCUS_TOKENS)
        omitted, all_tables = len(focused.omitted), len(known.schema.tables)
        hints = value_hints(hits, focused.schema)
        notes = (f"schema cut to {all_tables - omitted} of {all_tables} tables",) if omitted else ()
        return View(task.vary(Variant(focused.schema, omitted, hints)), notes)

    def hits(self, task: Task, database: Database) -> tuple[ValueHit, ...]:
        """The cells that the question seems to mention."""
        return self._know(database).index.search(task.question)

    def attempt(self, task: Task, backend: Backend, database: Database, watch: Watch) -> Candidate:
        """One candidate: written, mended, executed."""
        return self._finished(self._written(task, backend, None, watch), task, database)

    def within_scope(self, task: Task, backend: Backend, database: Database) -> Candidate:
        """One candidate that is written under the grammar of the schema."""
        if task.schema is not None:
            backend = within(backend, task.schema, task.target)
        return self._finished(self._written(task, backend, None, Watch()), task, database)

    def _written(
        self, task: Task, backend: Backend, failed: tuple[str, str] | None, watch: Watch
    ) -> Candidate:
        if "sure" in self._switches and not self._silent:
            try:
                return generated(_telling(task), backend, failed, watch.on_text)
            except (BackendAuthError, BackendRateLimited, BackendTimeout, ContextOverflow):
                raise
            except BackendError:
                self._silent = True  # it cannot tell: its confidence goes by what else is known
        return generated(task, backend, failed, watch.on_text)

    def _finished(self, written: Candidate, task: Task, database: Database) -> Candidate:
        if "mend" in self._switches and written.sql and task.schema is not None:
            known = self._know(database)
            mended = repair(written.sql, known.schema, known.spellings, question=task.question)
            details = tuple(fix.detail for fix in mended.fixes)
            written = replace(written, sql=mended.sql, fixes=details)
        return executed(written, database)

    def _know(self, database: Database) -> _Known:
        if self._known is None or self._known.database is not database:
            schema = database.schema()
            self._known = _Known(database, schema, open_index(database, schema))
        return self._known


def spelt_otherwise(hits: Sequence[ValueHit], question: str) -> tuple[ValueHit, ...]:
    """Those of `hits` whose value does not stand in `question` as it is.

    What does is copied by the model anyway, and a hint of it is copied where it does not belong.
    """

    def stands(value: str) -> bool:
        return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", question) is not None

    return tuple(hit for hit in hits if not stands(hit.value))


def _telling(task: Task) -> Task:
    """`task` with requests that ask for probabilities of tokens."""

    def request(failed: tuple[str, str] | None) -> Request:
        return replace(task.request(failed), logprobs=ALTERNATIVES)

    return replace(task, request=request)


def single(name: str, settings: str) -> Composed:
    """The strategy `name` with the switches in `settings`, for one candidate.

    Raises:
        UsageError: if they cannot be read, or ask for several.
    """
    read = Settings.parse(settings)
    if read.votes > 1:
        raise UsageError(f"{name} makes one candidate: {name}{settings!s}; write vote{settings}")
    return Composed(f"{name}{read}", read)
