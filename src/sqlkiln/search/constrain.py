"""Decoding under a grammar of the schema: only SELECT, only names that there are, and in scope.

    strategy = Constrained()                # registered as `constrained`
    within(backend, schema, "qualified")    # the same for any strategy that asks a backend

A grammar for the whole statement goes with the first request (`sql.grammar`). It is free of
context, so it cannot say that a column's table must be in FROM. Whatever breaks such a rule is
found when the statement is there (`sql.grammar_faults`). Where the schema tells what was meant,
such as the one JOIN that brings a table in, that takes the place of what was wrong; of several such
things the model chooses one, from where the statement was right, under a grammar of nothing but
those. Otherwise the model goes on from there under a grammar of names in scope
(`sql.grammar_rest`). What was read is kept: a statement without fault costs nothing more, and
others the tokens that are chosen anew.

A backend that takes no grammar is asked without one. It does not execute anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Self

from sqlkiln.core.errors import BackendError, BackendTimeout, ContextOverflow, UsageError
from sqlkiln.core.plugins import (
    Backend,
    Candidate,
    Completion,
    Database,
    Message,
    Request,
    Solution,
    Task,
    TokenLogprob,
    Watch,
)
from sqlkiln.core.records import DatabaseSchema
from sqlkiln.prompt.schema import read_schema
from sqlkiln.search.sample import NO_SQL
from sqlkiln.sql.grammar import TARGETS, Grammar, grammar_of
from sqlkiln.sql.grammar_faults import Fault, Strictness, first_fault
from sqlkiln.sql.grammar_joins import Joins
from sqlkiln.sql.grammar_rest import gap, rest
from sqlkiln.sql.grammar_scopes import Statement, read_statement

MOST_FAULTS = 12
"""How many faults of one answer are mended, before it is taken as it is."""

DEFAULT = Strictness()

_SETTINGS = {"": (True, True), ":names": (False, True), ":anew": (True, False)}


class Constrained:
    """One completion under the grammar of the schema, with names in scope; not executed."""

    estimates = False

    def __init__(self, scope: bool = True, keep: bool = True) -> None:
        """Keep to the names that there are, and with `scope` to those in scope.

        With `keep`, what followed a piece that was wrong stays where it can.
        """
        settings = next(text for text, known in _SETTINGS.items() if known == (scope, keep))
        self.name = f"constrained{settings}"
        self.strictness = DEFAULT
        self._scope = scope
        self._keep = keep

    @classmethod
    def configured(cls, settings: str) -> Self:
        """With ":names", names need not be in scope; with ":anew", nothing stays behind a fault.

        Raises:
            UsageError: if it is something else.
        """
        if settings not in _SETTINGS:
            raise UsageError(
                f"cannot read the settings {settings!r} of the strategy 'constrained'; write "
                "constrained, constrained:names or constrained:anew"
            )
        return cls(*_SETTINGS[settings])

    def solve(self, task: Task, backend: Backend, database: Database, watch: Watch) -> Solution:
        """Generate once, with as many cuts as it takes."""
        schema = task.schema or read_schema(database)
        strictness = self.strictness if self._scope else None
        asked = within(backend, schema, task.target or "sql", strictness, self._keep)
        completion = asked.generate(task.request(None), watch.on_text)
        sql = task.read(completion.text)
        candidate = Candidate(sql, completion, error=None if sql else NO_SQL)
        return Solution(candidate, (candidate,))

    write = solve


@dataclass(frozen=True)
class Scope:
    """How to tell what is in scope, and what is done about what is not."""

    joins: Joins
    strictness: Strictness
    keep: bool


def within(
    backend: Backend,
    schema: DatabaseSchema,
    target: str,
    strictness: Strictness | None = DEFAULT,
    keep: bool = True,
) -> Backend:
    """`backend` under the grammar of `schema` and `target`; itself if that has none.

    Targets that are more than a query have none. Without `strictness`, any name of the schema may
    stand anywhere. `keep` as in `Constrained`.
    """
    if target not in TARGETS:
        return backend
    scope = None if strictness is None else Scope(_joins(schema), strictness, keep)
    return Within(backend, grammar_of(schema, target), scope)


@lru_cache(maxsize=64)
def _joins(schema: DatabaseSchema) -> Joins:
    return Joins(schema, schema.dialect)


class Within:
    """A backend that answers under one grammar, and with a `scope` in names that are in scope."""

    def __init__(self, backend: Backend, grammar: Grammar, scope: Scope | None) -> None:
        self.model = backend.model
        self.slots = backend.slots
        self._backend = backend
        self._grammar = grammar
        self._scope = scope

    def close(self) -> None:
        """The backend stays open: it is another's."""

    def generate(
        self, request: Request, on_text: Callable[[str], None] | None = None
    ) -> Completion:
        """Answer `request`; `on_text` gets the text when it is certain.

        Raises:
            BackendError: or one of its subclasses.
        """
        grammar, asked = self._grammar, _Asked(request)
        if not self._ask(asked, grammar.text() if self._scope is None else grammar.loose_text):
            return self._backend.generate(request, on_text)
        for _ in range(MOST_FAULTS):
            found = self._first_fault(asked.text)
            if found is None or asked.tokens_left < 1:
                break
            statement, fault = found
            if self._fill(asked, statement, fault):
                continue
            head, bodies = rest(grammar, statement, fault)
            asked.set(head)
            if not self._ask(asked, grammar.written(bodies)):
                break
            if not self._is_past(fault, asked.text):
                break
        if on_text is not None:
            on_text(asked.text)
        return asked.completion()

    def _ask(self, asked: _Asked, gbnf: str) -> bool:
        """Have `asked` go on under a grammar; False if the backend does not take one."""
        try:
            completion = self._backend.generate(asked.going_on(gbnf))
        except (BackendTimeout, ContextOverflow):
            raise
        except BackendError:
            return False
        asked.add(completion)
        return True

    def _fill(self, asked: _Asked, statement: Statement, fault: Fault) -> bool:
        """Put another piece in the place of what is wrong, if the rest can stay behind it."""
        missing = gap(self._grammar, statement, fault) if self._scope and self._scope.keep else None
        if missing is None:
            return False
        before = replace(asked)
        if len(missing.pieces) == 1:
            asked.set(missing.head + missing.pieces[0] + missing.tail)
        else:
            asked.set(missing.head)
            if not self._ask(asked, self._grammar.written(missing.bodies)):
                return False
            asked.put_back(missing.tail, before)
        if self._is_past(fault, asked.text):
            return True
        asked.text, asked.logprobs = before.text, before.logprobs
        return False

    def _is_past(self, fault: Fault, text: str) -> bool:
        """Whether `text` can be read, and `fault` is no more in it."""
        if self._grammar.matcher.complete(text) is None:
            return False
        found = self._first_fault(text)
        return found is None or (found[1].cut, found[1].kind) != (fault.cut, fault.kind)

    def _first_fault(self, text: str) -> tuple[Statement, Fault] | None:
        if self._scope is None:
            return None
        reading = self._grammar.matcher.complete(text)
        if reading is None:
            return None
        statement = read_statement(self._grammar, text, reading)
        scope = self._scope
        fault = first_fault(statement, scope.joins, self._grammar, scope.strictness)
        return None if fault is None else (statement, fault)


@dataclass
class _Asked:
    """A request that is answered in several completions, and what they have given so far."""

    request: Request
    text: str = ""
    _parts: tuple[Completion, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()

    @property
    def tokens_left(self) -> int:
        return self.request.max_tokens - sum(part.completion_tokens for part in self._parts)

    def going_on(self, gbnf: str) -> Request:
        """The request to go on from the text so far under a grammar."""
        messages = self.request.messages
        if self.text:
            *turns, last = messages
            if last.role != "assistant":
                turns, last = [*messages], Message("assistant", "")
            messages = (*turns, replace(last, content=last.content + self.text))
        tokens = self.tokens_left if self._parts else self.request.max_tokens
        return replace(self.request, messages=messages, grammar=gbnf, max_tokens=tokens)

    def add(self, completion: Completion) -> None:
        """Take in what came back."""
        self.text += completion.text
        self._parts += (completion,)
        self.logprobs += completion.logprobs

    def set(self, text: str) -> None:
        """Put `text` for what there is: tokens stay known at its beginning and its end."""
        first = _within(self.logprobs, _shared(self.text, text))
        start = sum(len(token.token) for token in first)
        behind = _shared(self.text[start:][::-1], text[start:][::-1])
        last = _within(self.logprobs[len(first) :][::-1], behind)
        self.text, self.logprobs = text, (*first, *last[::-1])

    def put_back(self, tail: str, before: _Asked) -> None:
        """Put `tail` behind the text, with what was known of its tokens `before`."""
        self.text += tail
        self.logprobs += _within(before.logprobs[::-1], len(tail))[::-1]

    def completion(self) -> Completion:
        """All of it as one. Tokens that were cut off again count: they were paid for."""
        first, last = self._parts[0], self._parts[-1]
        return replace(
            first,
            text=self.text,
            finish=last.finish,
            completion_tokens=sum(part.completion_tokens for part in self._parts),
            prompt_s=sum(part.prompt_s for part in self._parts),
            decode_s=sum(part.decode_s for part in self._parts),
            seconds=sum(part.seconds for part in self._parts),
            logprobs=self.logprobs,
        )


def _shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    length = min(len(one), len(other))
    return next((i for i in range(length) if one[i] != other[i]), length)


def _within(logprobs: Sequence[TokenLogprob], chars: int) -> tuple[TokenLogprob, ...]:
    """As many of the first tokens as fit into so many characters."""
    kept: list[TokenLogprob] = []
    for token in logprobs:
        chars -= len(token.token)
        if chars < 0:
            break
        kept.append(token)
    return tuple(kept)
