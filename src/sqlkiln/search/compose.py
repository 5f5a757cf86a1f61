"""Strategies put together from switches: what the prompt shows, how it decodes, what is mended.

    greedy+link+mend          one answer over what the question is about, mended from the schema
    vote:8+link+scope+mend    the answer that most of eight agree on

The switches, each to be had alone:

- `link`: values that the question mentions in other words than the database has are shown
  (`sql.values`; what is spelt alike the model copies anyway), and a large schema (`search.shown`)
  is cut to what it is about (`prompt.link`). A smaller one stays whole: all
  questions about a database then share the schema that the model has read already.
- `scope`: what the database refuses is written once more, under a grammar that keeps names in their
  scope (`search.constrain`), with all columns of the tables that are shown. Not at once: a name out
  of scope tells what was meant, and `mend` makes more of it than a model that may not write it
  (docs/LOG.md).
- `mend`: what the database would refuse, a text that is in no cell, or an order that is plainly the
  wrong way round is mended from the schema (`sql.repair`), and `Candidate.fixes` tells.
  `mend-value_moved-sort_direction` is the same without these kinds of mends.
- `retry`: if the database refuses the answer nevertheless, the model is asked once more.
- `second`: where the answer may well be wrong, other adapters and models are asked too, or if there
  are none, the model once more over the schema cut to what the question is about. The answer that
  is likeliest right is taken (`search.panel`).
- `sure`: the answer comes with the probability that it is right (`search.confidence`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, Self, runtime_checkable

from sqlkiln.core.config import did_you_mean
from sqlkiln.core.errors import (
    BackendAuthError,
    BackendError,
    BackendRateLimited,
    BackendTimeout,
    ContextOverflow,
    EnvironmentFault,
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
from sqlkiln.prompt.about import routed
from sqlkiln.prompt.link import Keep, focus, link, value_hints
from sqlkiln.prompt.schema import read_schema
from sqlkiln.search import panel
from sqlkiln.search.confidence import judged
from sqlkiln.search.constrain import within
from sqlkiln.search.sample import executed, generated
from sqlkiln.search.shown import (
    ROOMY_TOKENS,
    fitting,
    said,
    spelt_otherwise,
    told,
    with_all_columns,
)
from sqlkiln.search.spellings import StoredSpellings
from sqlkiln.sql.repair import KINDS, Kind, repair
from sqlkiln.sql.values import ValueHit, ValueIndex, open_index

SWITCHES = ("link", "scope", "mend", "retry", "second", "sure")
ALTERNATIVES = 2
"""Tokens of which each place tells the probability: the one written and the best other one."""

MOST_VOTES = 64
_SETTINGS = re.compile(r"(?::(?P<votes>\d+))?(?P<switches>(?:\+[a-z]+(?:-[a-z_]+)*)*)")


@dataclass(frozen=True)
class Settings:
    """How many candidates there are, which switches are on, and what is not to be mended."""

    votes: int = 1
    switches: frozenset[str] = frozenset()
    unmended: frozenset[Kind] = frozenset()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ":8+link+mend-value_moved".

        Raises:
            UsageError: if it reads otherwise, or there is no such switch or kind of mend.
        """
        match = _SETTINGS.fullmatch(text)
        if match is None:
            raise UsageError(
                f"cannot read the settings {text!r} of a strategy; write NAME[:NUMBER]"
                f"[+SWITCH...], for example vote:8+link+mend; the switches are {_listed()}"
            )
        switches, unmended = set[str](), set[Kind]()
        for written in filter(None, match["switches"].split("+")):
            switch, *without = written.split("-")
            if switch not in SWITCHES:
                raise UsageError(f"unknown switch of a strategy: {switch!r}; there are {_listed()}")
            if without and switch != "mend":
                raise UsageError(
                    f"only mend has kinds to leave out: {written!r}; write {switch}, or mend-KIND"
                )
            switches.add(switch)
            unmended.update(map(_kind, without))
        votes = int(match["votes"] or 1)
        if not 1 <= votes <= MOST_VOTES:
            raise UsageError(f"cannot take {votes} candidates; ask for 1 to {MOST_VOTES}")
        return cls(votes, frozenset(switches), frozenset(unmended))

    def __str__(self) -> str:
        votes = f":{self.votes}" if self.votes > 1 else ""
        without = "".join(f"-{kind}" for kind in KINDS if kind in self.unmended)
        shown = {name: f"+{name}{without if name == 'mend' else ''}" for name in SWITCHES}
        return votes + "".join(shown[name] for name in SWITCHES if name in self.switches)


def _kind(name: str) -> Kind:
    for kind in KINDS:
        if kind == name:
            return kind
    raise UsageError(f"unknown kind of mend: {name!r}; {did_you_mean(name, KINDS)}")


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


@dataclass(frozen=True)
class Voter:
    """Who is asked for an opinion, and what; without a `name`, the first one once more."""

    name: str
    task: Task
    backend: Backend
    required: bool = False


@runtime_checkable
class Views(Protocol):
    """A strategy that may show the model something else than the task it is given."""

    def view(self, task: Task, database: Database) -> View:
        """`task` as the model is to see it first."""


class Composed:
    """One answer, made with some switches on."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.estimates = "sure" in settings.switches
        self._switches = settings.switches
        self._unmended = settings.unmended
        self._known: _Known | None = None
        self._silent = set[str]()

    def solve(self, task: Task, backend: Backend, database: Database, watch: Watch) -> Solution:
        """Answer `task`; without other opinions the last candidate is chosen."""
        view = self.view(task, database)
        first = self.first(view, backend, database, watch)
        others = self.others(view.task, backend)
        if "second" in self._switches and not others:
            others = self.cut(view.task, backend, database)
        if not others:
            return self.judged(first, view.task)
        best = self.with_others(judged(first, view.task), others, database, panel.SETTLED)
        return best if self.estimates else replace(best, confidence=None, features={})

    def first(self, view: View, backend: Backend, database: Database, watch: Watch) -> Solution:
        """What `backend` answers by itself."""
        return replace(self._alone(view.task, backend, database, watch), notes=view.notes)

    def _alone(self, task: Task, backend: Backend, database: Database, watch: Watch) -> Solution:
        """The last of all that `backend` tries."""
        tried = [self.attempt(task, backend, database, watch)]
        tried += self.scoped(tried[-1], task, backend, database)
        tried += self.retried(tried[-1], task, backend, database, watch)
        return Solution(tried[-1], tuple(tried))

    def others(self, task: Task, backend: Backend) -> list[Voter]:
        """Who else is asked; nobody unless that is wanted."""
        if "second" not in self._switches or task.vary is None:
            return []
        return [
            Voter(one.name, task.vary(one.variant), one.backend or backend, one.required)
            for one in task.others
            if not one.about
        ]

    def cut(self, task: Task, backend: Backend, database: Database) -> list[Voter]:
        """`backend` once more, over what `task` is about alone; nobody if that is the whole schema.

        What is left out cannot mislead it, and what it says twice counts once.
        """
        if task.vary is None:
            return []
        schema, hits = self.schema(database), self.hits(task, database)
        linked = link(schema, task.question, hits, task.evidence)
        focused = focus(schema, linked, keep=Keep(), budget_tokens=ROOMY_TOKENS)
        if focused.schema == schema:
            return []
        hints = value_hints(spelt_otherwise(hits, said(task)), focused.schema)
        varied = task.vary(Variant(focused.schema, len(focused.omitted), hints))
        return [Voter("", varied, backend)]

    def with_others(
        self, first: Solution, others: Sequence[Voter], database: Database, enough: float
    ) -> Solution:
        """The likeliest of a judged `first` answer and others, asked for until one is settled."""
        asked = panel.Panel(first, database, enough)
        unheard = []
        for voter in others:
            if asked.settled:
                break
            try:
                said = self._alone(voter.task, voter.backend, database, Watch())
                asked.add(voter.name, judged(said, voter.task))
            except EnvironmentFault as error:  # the others' answers stand without
                if voter.required and not isinstance(error, ContextOverflow):
                    raise
                unheard.append(f"no opinion of {voter.name or 'the model again'}: {error}")
        return replace(asked.best, notes=(*asked.best.notes, *unheard))

    def write(self, task: Task, backend: Backend, database: Database, watch: Watch) -> Solution:
        """Answer `task` with one candidate, whose names are mended; values would be looked up.

        Raises:
            UsageError: if scope, retry or second is on: they wait for what the database says.
        """
        waiting = [name for name in ("scope", "retry", "second") if name in self._switches]
        if waiting:
            raise UsageError(
                f"nothing is to be run, and +{waiting[0]} waits for what the database says: "
                f"{self.name}; leave +{' and +'.join(waiting)} out"
            )
        view = self.view(task, database)
        written = self._mended(
            self._written(view.task, backend, None, watch), task, database, False
        )
        return self.judged(Solution(written, (written,), notes=view.notes), view.task)

    def judged(self, solution: Solution, task: Task) -> Solution:
        """`solution` with its confidence, if that is wanted."""
        return judged(solution, task) if self.estimates else solution

    def view(self, task: Task, database: Database) -> View:
        """`task` as the model is to see it, put to the adapter that was made for its kind."""
        linked = self._linked(task, database)
        if "second" not in self._switches:
            return linked
        first, note = routed(linked.task)
        return View(first, (*linked.notes, note) if note else linked.notes)

    def _linked(self, task: Task, database: Database) -> View:
        """`task` with what of the schema it is about, and with values."""
        if "link" not in self._switches or task.vary is None or task.schema is None:
            return View(task)
        known = self._know(database)
        found = self.hits(task, database)
        focused = fitting(known.schema, task.question, found, task.evidence)
        hints = value_hints(spelt_otherwise(found, said(task)), focused.schema)
        note = told(known.schema, focused)
        if not note:
            return View(task.vary(Variant(hints=hints)) if hints else task)
        omitted = len(focused.omitted)
        varied = Variant(focused.schema, omitted, hints, omitted_columns=focused.omitted_columns)
        return View(task.vary(varied), (note,))

    def schema(self, database: Database) -> DatabaseSchema:
        """All of the database's tables, read once."""
        return self._know(database).schema

    def hits(self, task: Task, database: Database) -> tuple[ValueHit, ...]:
        """The cells that the question and what else is known seem to mention."""
        return self._know(database).index.search(said(task))

    def attempt(self, task: Task, backend: Backend, database: Database, watch: Watch) -> Candidate:
        """One candidate: written, mended, executed."""
        return self._finished(self._written(task, backend, None, watch), task, database)

    def scoped(
        self, failed: Candidate, task: Task, backend: Backend, database: Database
    ) -> list[Candidate]:
        """Where `failed` has and `scope` is on, one that is written under the grammar."""
        if failed.error is None or "scope" not in self._switches:
            return []
        if task.schema is not None:
            schema = task.schema
            if "link" in self._switches:
                schema = with_all_columns(schema, self.schema(database))
            constrained = within(backend, schema, task.target)
            if constrained is backend:  # there is no grammar of this target: it would say the same
                return []
            backend = constrained
        return [self._finished(self._written(task, backend, None, Watch()), task, database)]

    def retried(
        self, failed: Candidate, task: Task, backend: Backend, database: Database, watch: Watch
    ) -> list[Candidate]:
        """Where `failed` has and `retry` is on, one by a model that was told the error."""
        if failed.error is None or "retry" not in self._switches:
            return []
        if watch.on_retry is not None:
            watch.on_retry(failed.sql, failed.error)
        again = self._written(task, backend, (failed.sql, failed.error), watch)
        return [self._finished(again, task, database)]

    def _written(
        self, task: Task, backend: Backend, failed: tuple[str, str] | None, watch: Watch
    ) -> Candidate:
        if "sure" in self._switches and backend.model not in self._silent:
            try:
                return generated(_telling(task), backend, failed, watch.on_text)
            except (BackendAuthError, BackendRateLimited, BackendTimeout, ContextOverflow):
                raise
            except BackendError:
                made = generated(task, backend, failed, watch.on_text)
                self._silent.add(backend.model)  # its confidence goes by what else is known
                return made
        return generated(task, backend, failed, watch.on_text)

    def _finished(self, written: Candidate, task: Task, database: Database) -> Candidate:
        return executed(self._mended(written, task, database), database)

    def _mended(
        self, written: Candidate, task: Task, database: Database, looks_up: bool = True
    ) -> Candidate:
        """`written` as it is after its repair; unless it `looks_up`, texts stay as they are."""
        if "mend" not in self._switches or not written.sql or task.schema is None:
            return written
        known = self._know(database)
        mended = repair(
            written.sql,
            known.schema,
            known.spellings if looks_up else None,
            off=self._unmended,
            question=task.question,
        )
        return replace(written, sql=mended.sql, fixes=tuple(fix.detail for fix in mended.fixes))

    def _know(self, database: Database) -> _Known:
        if self._known is None or self._known.database is not database:
            schema = read_schema(database)
            self._known = _Known(database, schema, open_index(database, schema))
        return self._known


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
