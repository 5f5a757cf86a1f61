"""Puts the same questions to several strategies in turn, so that their seconds can be compared.

All strategies are asked a question before the next one comes, and each question begins with
another of them: whatever else the machine does hits all alike. Each strategy has a copy of the
model to itself, so that none finds what another one has read. The weights are in memory once, what
a copy reads is not.

`Asker.once` is quicker: one copy is asked whatever several strategies ask only once, and the
seconds that took count for each of them. So the ratios of strategies that ask the same are exact;
but what one has read the others find read, which flatters one that puts the same prompt otherwise,
as `constrained` does.

Seconds go from the question to its rows. Not among them: loading the model, opening the database,
and, but for the first strategy that needs it, building the index of its values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from sqlkiln.core import adapters, plugins
from sqlkiln.core.errors import ContextOverflow, DatabaseUnreadable, QueryError, UsageError
from sqlkiln.core.plugins import (
    Backend,
    BackendOptions,
    Candidate,
    Database,
    Limits,
    Request,
    Solution,
    Strategy,
    Watch,
)
from sqlkiln.core.records import DatabaseSchema, Example, Prediction
from sqlkiln.evaluate.asking import Prompting, row_of, task_of
from sqlkiln.evaluate.once import Once
from sqlkiln.evaluate.questions import by_database
from sqlkiln.prompt.schema import read_schema
from sqlkiln.scoring.curve import Asked


@dataclass(frozen=True)
class Asker:
    """Whom to ask and how; `timeout_s` is for one query, `once` as the module tells."""

    model: str
    prompting: Prompting
    max_tokens: int
    context_tokens: int
    timeout_s: float
    once: bool = False


@dataclass
class _Place:
    """An open database, and what each strategy that was asked about it has come to know of it."""

    database: Database
    schema: DatabaseSchema
    strategies: dict[str, Strategy] = field(default_factory=dict)


Turn = tuple[str, Example]
"""A strategy and the question that it is asked."""


def ask_in_turn(
    asker: Asker, turns: Sequence[Turn], paths: Mapping[str, Path], keep: Callable[[Asked], None]
) -> None:
    """Take the turns, as `in_turn` orders them, and `keep` a row of each.

    What only concerns one question, such as a prompt that is too long, is in its row as an error;
    so is a database that cannot be read.

    Raises:
        BackendError: if the model cannot answer at all.
    """
    with ExitStack() as opened:
        asking = _Asking(asker, opened)
        while turns:
            db_id = turns[0][1].db_id
            here = [turn for turn in turns if turn[1].db_id == db_id]
            turns = [turn for turn in turns if turn[1].db_id != db_id]
            asking.ask_about(paths[db_id], here, keep)


def in_turn(
    strategies: Sequence[str], examples: Sequence[Example], once: bool = False
) -> list[Turn]:
    """Every question to all strategies, database by database.

    If the model is asked the same only `once`, those that want probabilities of tokens come first:
    an answer without them does not do for these.
    """
    if once:
        strategies = sorted(strategies, key=lambda spec: not _estimates(spec))
    turns = []
    for _, group in by_database(examples):
        for number, example in enumerate(group):
            at = 0 if once else number % len(strategies)
            turns += [(spec, example) for spec in (*strategies[at:], *strategies[:at])]
    return turns


def _estimates(spec: str) -> bool:
    return bool(getattr(plugins.open_strategy(spec), "estimates", False))


@dataclass
class _Asking:
    """What lasts from database to database: a copy of the model for each strategy, or but one."""

    asker: Asker
    opened: ExitStack
    copies: dict[str, Backend] = field(default_factory=dict)
    last: str = ""

    def ask_about(self, path: Path, turns: Sequence[Turn], keep: Callable[[Asked], None]) -> None:
        """Take the turns about one database."""
        left = list(turns)
        try:
            with closing(plugins.open_database(path, Limits(self.asker.timeout_s))) as database:
                schema = read_schema(database)
                if not schema.tables:
                    raise DatabaseUnreadable(f"nothing to ask about: {path} has no tables")
                place = _Place(database, schema)
                while left:
                    keep(self._ask(*left[0], place))
                    left.pop(0)
        except DatabaseUnreadable as error:
            for spec, example in left:
                keep(Asked(prediction=self._failed(spec, example, error), first=True))

    def _ask(self, spec: str, example: Example, place: _Place) -> Asked:
        backend, first = self._copy(spec), spec not in place.strategies
        if first:
            place.strategies[spec] = plugins.open_strategy(spec)
        if example.id != self.last and isinstance(backend, Once):
            backend.forget()
        self.last = example.id
        known_s = _spared(backend)
        started = perf_counter()
        try:
            solution = self._solve(place.strategies[spec], example, place, backend)
        except (UsageError, ContextOverflow) as error:
            return Asked(prediction=self._failed(spec, example, error), first=first)
        seconds = perf_counter() - started + _spared(backend) - known_s
        made = row_of(
            example, [solution], strategy=spec, seconds=round(seconds, 4), **self._who(spec)
        )
        return Asked(prediction=made, first=first)

    def _solve(
        self, strategy: Strategy, example: Example, place: _Place, backend: Backend
    ) -> Solution:
        template = Request((), max_tokens=self.asker.max_tokens)
        task = task_of(example, place.schema, self.asker.prompting, template)
        solution = strategy.solve(task, backend, place.database, Watch())
        _fetch(solution.chosen, place.database)
        return solution

    def _copy(self, spec: str) -> Backend:
        whose = "" if self.asker.once else spec
        if whose not in self.copies:
            options = BackendOptions(
                context_tokens=self.asker.context_tokens,
                adapters=adapters.options(self.asker.prompting.adapters),
            )
            backend = plugins.open_backend(self.asker.model, options)
            self.opened.enter_context(closing(backend))
            self.copies[whose] = Once(backend) if self.asker.once else backend
        return self.copies[whose]

    def _failed(self, spec: str, example: Example, error: Exception) -> Prediction:
        failure = f"{type(error).__name__}: {error}"
        return row_of(example, [], strategy=spec, error=failure, **self._who(spec))

    def _who(self, spec: str) -> dict[str, Any]:
        copy = self.copies.get("" if self.asker.once else spec)
        model = copy.model if copy else ""
        return {"model": model, "adapter": adapters.shown(self.asker.prompting.adapters)}


def _spared(backend: Backend) -> float:
    return backend.spared_s if isinstance(backend, Once) else 0.0


def _fetch(chosen: Candidate, database: Database) -> None:
    """Fetch the rows, if the strategy has not done so."""
    if chosen.result is None and chosen.error is None:
        with suppress(QueryError):
            database.execute(chosen.sql)
