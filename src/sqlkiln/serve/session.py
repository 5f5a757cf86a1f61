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

from sqlkiln.core import plugins
from sqlkiln.core.errors import DatabaseUnreadable
from sqlkiln.core.plugins import Backend, BackendOptions, Candidate, Limits, Message, Request
from sqlkiln.core.records import Answer, Attempt, DatabaseSchema, Timings, Tokens
from sqlkiln.prompt import render
from sqlkiln.prompt.serialize import DEFAULT_STYLE
from sqlkiln.search.sample import executed

DEFAULT_MODEL = "qwen2.5-coder-0.5b"
ASK_LIMITS = Limits(timeout_s=10.0, max_rows=100)


@dataclass(frozen=True)
class SessionOptions:
    """How a session answers; `adapters` are (name or path, weight)."""

    model: str = DEFAULT_MODEL
    adapters: tuple[tuple[str, float], ...] = ()
    strategy: str = "repair"
    schema_style: str = DEFAULT_STYLE
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
        """
        self.options = options or SessionOptions()
        self._open_backend = open_backend
        self._backend: Backend | None = None
        self._strategy = plugins.load("strategies", self.options.strategy)()
        self.database = plugins.open_database(path, self.options.limits)

    @cached_property
    def schema(self) -> DatabaseSchema:
        """The tables of the database, with a few sample values."""
        schema = self.database.schema()
        if not schema.tables:
            raise DatabaseUnreadable(
                f"nothing to ask about: {self.database.path} has no tables; "
                "choose a database with data"
            )
        return schema

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
                    adapters=options.adapters,
                    progress=options.progress,
                ),
            )
        return self._backend

    def change_model(self, model: str) -> None:
        """Answer with `model` from now on; if it cannot be opened, the old one stays.

        Raises:
            ModelNotFound: if there is no such model, or it cannot be fetched.
            BackendError: if it does not load or connect.
        """
        before, old = self.options, self._backend
        self.options, self._backend = replace(before, model=model, adapters=()), None
        try:
            self.backend  # noqa: B018 - opens it
        except BaseException:
            self.options, self._backend = before, old
            raise
        if old is not None:
            old.close()

    def prompt(self, question: str) -> tuple[Message, ...]:
        """The messages that asking `question` would send first; no model is loaded."""
        return self._task(question).request(None).messages

    def ask(
        self, question: str, *, watch: plugins.Watch | None = None, execute: bool = True
    ) -> Answer:
        """Answer `question`; with `execute` False the SQL is written but not run.

        A statement that the database refuses is no exception: it is in `Answer.error`, and all
        that was tried is in `Answer.attempts`.

        Raises:
            UsageError: if the question is empty or too long.
            BackendError: if the model cannot answer.
        """
        started = perf_counter()
        task = self._task(question)
        strategy = self._strategy if execute else plugins.load("strategies", "greedy")()
        solution = strategy.solve(task, self.backend, self.database, watch or plugins.Watch())
        chosen = solution.chosen
        if execute and chosen.result is None and chosen.error is None:
            chosen = executed(chosen, self.database)
        return self._answer(task.question, strategy.name, chosen, solution, started)

    def close(self) -> None:
        """Let go of database and model."""
        self.database.close()
        if self._backend is not None:
            self._backend.close()
            self._backend = None

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
        style = self.options.schema_style
        return render.task(self.schema, question, style=style, template=template)

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
            adapter=_adapter_names(self.options.adapters),
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
        )


def _adapter_names(adapters: tuple[tuple[str, float], ...]) -> str | None:
    named = [name if weight == 1.0 else f"{name}:{weight:g}" for name, weight in adapters]
    return "+".join(named) or None


def open(
    path: str | Path,
    model: str = DEFAULT_MODEL,
    *,
    adapter: str | None = None,
    options: SessionOptions | None = None,
) -> Session:
    """Open a database to ask it questions; `options` wins over `model` and `adapter`.

    Raises:
        DatabaseUnreadable: if there is no database at `path`.
    """
    adapters = ((adapter, 1.0),) if adapter else ()
    return Session(path, options or SessionOptions(model=model, adapters=adapters))
