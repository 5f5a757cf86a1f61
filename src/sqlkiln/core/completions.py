"""What a language model is sent, what comes back, and how it may be asked otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sqlkiln.core.records import DatabaseSchema


@dataclass(frozen=True)
class Message:
    """One chat message. A last message with role 'assistant' is a prefill to be continued."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Request:
    """What to generate. Temperature 0 is greedy.

    `grammar` is GBNF; `adapters` are (name or path, weight) pairs; `logprobs` is the number of
    alternatives to report per token (0 = none). A backend that cannot honour a set field raises
    `BackendError` and never drops it silently.
    """

    messages: tuple[Message, ...]
    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    grammar: str = ""
    adapters: tuple[tuple[str, float], ...] = ()
    logprobs: int = 0


@dataclass(frozen=True)
class TokenLogprob:
    """One generated token, its natural-log probability, and the best alternatives."""

    token: str
    logprob: float
    alternatives: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Completion:
    """What came back. `text` is without the prefill. `cached_tokens` <= `prompt_tokens`.

    `prompt_s` went into reading the prompt, `decode_s` into writing; `seconds` is all of it.
    """

    text: str
    finish: Literal["stop", "length", "loop"]
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    prompt_s: float = 0.0
    decode_s: float = 0.0
    seconds: float = 0.0
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True)
class Variant:
    """Another way to put a question: what is None stays as it was; `adapters` as in a `Request`.

    `schema` lacks `omitted_tables` of the database's, and `omitted_columns` of the other tables;
    `hints` are `value_hint`s, `style` is that of the schema.
    """

    schema: DatabaseSchema | None = None
    omitted_tables: int = 0
    hints: tuple[str, ...] | None = None
    target: str | None = None
    omitted_columns: int = 0
    adapters: tuple[tuple[str, float], ...] | None = None
    style: str | None = None
