"""One database and one model, to be asked: what the command line, servers and programs share.

It does not print, and it never runs anything but one single read query per attempt. The schema is
read and the model is loaded when they are first needed.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Self

from sqlkiln.core import adapters, plugins
from sqlkiln.core.adapters import Adapter
from sqlkiln.core.errors import DatabaseUnreadable, UsageError
from sqlkiln.core.plugins import Backend, BackendOptions, Candidate, Limits, Message, Request
from sqlkiln.core.records import Answer, Attempt, DatabaseSchema, Timings, Tokens
from sqlkiln.prompt import render
from sqlkiln.prompt.beside import Beside, all_others, require_asked
from sqlkiln.prompt.schema import read_schema
from sqlkiln.prompt.serialize import DEFAULT_STYLE
from sqlkiln.prompt.targets import DEFAULT_TARGET
from sqlkiln.search.compose import Views
from sqlkiln.search.sample import executed
from sqlkiln.search.writes import Writes

DEFAULT_MODEL = "qwen2.5-coder-0.5b"
DEFAULT_STRATEGY = "greedy+link+scope+mend+retry+second+sure"
WRITING_STRATEGY = "greedy+link+mend+sure"
"""What the default comes to where nothing is run: the other switches wait for a refusal."""

ASK_LIMITS = Limits(timeout_s=10.0, max_rows=100)


@dataclass(frozen=True)
class SessionOptions:
    """How a session answers.

    `adapters` are texts NAME_OR_PATH[:WEIGHT], or "none" for the weights of the base; None is what
    is shipped for the model. `target` and `schema_style` are those that the adapter was trained
    with, unless they are given. What is right with a chance below `min_confidence` is not answered.
    `evidence` is what else is known, told with every question. `beside` is another model, to be
    asked where the answer may be wrong, by a strategy with +second.
    """

    model: str = DEFAULT_MODEL
    adapters: tuple[str, ...] | None = None
    strategy: str = DEFAULT_STRATEGY
    target: str | None = None
    schema_style: str | None = None
    min_confidence: float = 0.0
    evidence: str = ""
    beside: str | None = None
    limits: Limits = ASK_LIMITS
    max_tokens: int = 400
    context_tokens: int = 8192
    progress: bool = True


class Session:
    """Answers questions about one database. Use it from one thread, and close it."""

    def __init__(
        self,
        path: str | Path,
        options: SessionOptions | None = None,
        open_backend: Callable[[str, BackendOptions], Backend] = plugins.open_backend,
    ) -> None:
        """Open the database at `path`.

        Raises:
            DatabaseUnreadable: if there is no database at `path`, or it has no tables.
            UsageError: if there is no such strategy, it cannot tell the confidence asked for, or
                would never ask the model `beside`.
            ModelNotFound: if no backend knows the model `beside`.
        """
        self.options = options or SessionOptions()
        self._open_backend = open_backend
        self._backend: Backend | None = None
        self._adapters: tuple[Adapter, ...] | None = None
        self._strategy = plugins.open_strategy(self.options.strategy)
        self._beside: Beside | None = None
        self._writer: Writes | None = None
        if self.options.min_confidence and not getattr(self._strategy, "estimates", True):
            raise _no_confidence(self._strategy.name)
        require_asked(self.options.beside, self.options.model, self.options.strategy)
        if self.options.beside is not None:
            opening = BackendOptions(
                context_tokens=self.options.context_tokens, progress=self.options.progress
            )
            self._beside = Beside(self.options.beside, opening, open_backend)
        self.database = plugins.open_database(path, self.options.limits)

    @cached_property
    def schema(self) -> DatabaseSchema:
        """The tables of the database, with a few sample values."""
        schema = read_schema(self.database)
        if not schema.tables:
            raise DatabaseUnreadable(
                f"nothing to ask about: {self.database.path} has no tables; "
                "choose a database with data"
            )
        return schema

    @property
    def adapters(self) -> tuple[Adapter, ...]:
        """The adapters that it answers with.

        Raises:
            ModelNotFound: if there is no such adapter.
            UsageError: if one was trained on another model.
        """
        if self._adapters is None:
            self._adapters = adapters.choose(self.options.model, self.options.adapters)
        return self._adapters

    @property
    def backend(self) -> Backend:
        """The model, loaded on first use.

        Raises:
            ModelNotFound: if there is no such model, or it cannot be fetched.
            BackendError: if it does not load or connect.
        """
        if self._backend is None:
            options = self.options
            self._backend = self._open_backend(
                options.model,
                BackendOptions(
                    context_tokens=options.context_tokens,
                    adapters=adapters.options(self.adapters),
                    progress=options.progress,
                ),
            )
        return self._backend

    def change_model(self, model: str) -> None:
        """Answer with `model` and its own adapter from now on; on failure the old one stays.

        Raises:
            ModelNotFound: if there is no such model, or it cannot be fetched.
            BackendError: if it does not load or connect.
        """
        require_asked(self.options.beside, model, self.options.strategy)
        before, old, used = self.options, self._backend, self._adapters
        self.options = replace(before, model=model, adapters=None)
        self._backend = self._adapters = None
        try:
            self.backend  # noqa: B018 - opens it
        except BaseException:
            self.options, self._backend, self._adapters = before, old, used
            raise
        if old is not None:
            old.close()

    def prompt(self, question: str) -> tuple[Message, ...]:
        """The messages that asking `question` would send first; no model is loaded."""
        task = self._task(question)
        if isinstance(self._strategy, Views):
            task = self._strategy.view(task, self.database).task
        return task.request(None).messages

    def ask(
        self, question: str, *, watch: plugins.Watch | None = None, execute: bool = True
    ) -> Answer:
        """Answer `question`; with `execute` False the SQL is written but not run.

        A statement that the database refuses is no exception: it is in `Answer.error`, and all
        that was tried is in `Answer.attempts`.

        Raises:
            UsageError: if the question is empty or too long, or if nothing is to be run and the
                strategy cannot do without.
            BackendError: if the model cannot answer.
        """
        started = perf_counter()
        task = self._task(question)
        watch = watch or plugins.Watch()
        if execute:
            solution = self._strategy.solve(task, self.backend, self.database, watch)
            name = self._strategy.name
        else:
            writer = self._writing()
            solution = writer.write(task, self.backend, self.database, watch)
            name = writer.name
        chosen = solution.chosen
        if execute and chosen.result is None and chosen.error is None:
            chosen = executed(chosen, self.database)
        chosen = self._sure_enough(chosen, solution.confidence)
        return self._answer(task.question, name, chosen, solution, started)

    def _writing(self) -> Writes:
        """The strategy where nothing is run."""
        if self.options.beside is not None:
            raise UsageError(
                f"nothing is to be run, so {self.options.beside} would never be asked: others are "
                "asked where the database shows doubt; leave the model beside it out"
            )
        if self._writer is None:
            strategy = self._strategy
            if strategy.name == DEFAULT_STRATEGY:
                strategy = plugins.open_strategy(WRITING_STRATEGY)
            if not isinstance(strategy, Writes):
                raise UsageError(
                    f"nothing is to be run, and the strategy {strategy.name} goes by what is run; "
                    "use greedy, with +link, +mend and +sure, or leave the strategy out"
                )
            self._writer = strategy
        return self._writer

    def _sure_enough(self, chosen: Candidate, confidence: float | None) -> Candidate:
        """`chosen`, without its rows if it may too well be wrong."""
        wanted = self.options.min_confidence
        if not wanted or chosen.error is not None:
            return chosen
        if confidence is None:
            raise _no_confidence(self._strategy.name)
        if confidence >= wanted:
            return chosen
        return replace(
            chosen,
            result=None,
            error=f"not sure enough: the chance that this is right is {confidence:.0%}, and "
            f"at least {wanted:.0%} is asked for; put the question otherwise, or lower "
            "--min-confidence",
        )

    def close(self) -> None:
        """Let go of database and model."""
        self.database.close()
        if self._backend is not None:
            self._backend.close()
            self._backend = None
        if self._beside is not None:
            self._beside.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _task(self, question: str) -> plugins.Task:
        template = Request(messages=(), max_tokens=self.options.max_tokens)
        options, used = self.options, self.adapters
        return render.task(
            self.schema,
            question,
            style=adapters.wanted(used, "schema_style", options.schema_style, DEFAULT_STYLE),
            target=adapters.wanted(used, "target", options.target, DEFAULT_TARGET),
            context=render.Context(evidence=options.evidence),
            template=template,
            others=all_others(adapters.opinions(used), self._beside),
        )

    def _answer(
        self,
        question: str,
        strategy: str,
        chosen: Candidate,
        solution: plugins.Solution,
        started: float,
    ) -> Answer:
        tried = [c for c in solution.candidates if c is not solution.chosen] + [chosen]
        completions = [c.completion for c in tried]
        result = chosen.result
        return Answer(
            question=question,
            sql=chosen.sql,
            columns=result.columns if result else (),
            rows=result.rows if result else (),
            truncated=bool(result and result.truncated),
            error=chosen.error,
            model=self.backend.model,
            adapter=adapters.shown(self.adapters),
            strategy=strategy,
            timings=Timings(
                total_s=perf_counter() - started,
                prompt_s=sum(c.prompt_s for c in completions),
                decode_s=sum(c.decode_s for c in completions),
                execute_s=sum(c.execute_s for c in tried),
            ),
            tokens=Tokens(
                prompt=sum(c.prompt_tokens for c in completions),
                cached=sum(c.cached_tokens for c in completions),
                completion=sum(c.completion_tokens for c in completions),
            ),
            attempts=tuple(Attempt(sql=c.sql, error=c.error) for c in tried),
            confidence=solution.confidence,
            fixes=chosen.fixes,
            notes=solution.notes,
            other=solution.other,
        )


def _no_confidence(strategy: str) -> UsageError:
    return UsageError(
        f"no confidence: the strategy {strategy} estimates none; use one with +sure, or leave "
        "--min-confidence out"
    )


def open(
    path: str | Path,
    model: str = DEFAULT_MODEL,
    *,
    adapter: str | None = None,
    options: SessionOptions | None = None,
) -> Session:
    """Open a database to ask it questions; `options` wins over `model` and `adapter`.

    Without `adapter` the one that is shipped for the model is used; "none" is the model alone.

    Raises:
        DatabaseUnreadable: if there is no database at `path`.
    """
    asked = None if adapter is None else (adapter,)
    return Session(path, options or SessionOptions(model=model, adapters=asked))
