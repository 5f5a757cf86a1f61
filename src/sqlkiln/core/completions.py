"""What a language model is sent, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


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
