"""The chat-completions format of OpenAI's API, which llama.cpp speaks in-process as well.

Makes request bodies, gathers answers and names errors; opens no sockets and loads no models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Literal

from sqlkiln.core.errors import BackendError, ContextOverflow
from sqlkiln.core.plugins import Completion, Request, TokenLogprob
from sqlkiln.models.loops import is_looping

_CONTROL_TOKEN = re.compile(
    r"<(?=\|[^|<>\s]{1,40}\|>|/?s>|(?:start|end)_of_turn>)|\[(?=/?INST\])", re.IGNORECASE
)
_OVERFLOW = re.compile(r"exceed_context_size|context_length_exceeded|maximum context length")


def request_body(request: Request, stream: bool) -> dict[str, Any]:
    """What to send for `request`, less `grammar` and `adapters`, which differ between servers.

    A chat template's control tokens, such as `<|im_end|>`, get a space inside wherever they occur
    in a message: cell values and questions must not be able to end their turn.
    """
    body: dict[str, Any] = {
        "messages": [
            {"role": message.role, "content": _CONTROL_TOKEN.sub(r"\g<0> ", message.content)}
            for message in request.messages
        ],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stream": stream,
    }
    if stream:
        body["stream_options"] = {"include_usage": True}
    if request.temperature > 0:
        body["seed"] = request.seed
    if request.stop:
        body["stop"] = list(request.stop)
    if request.logprobs:
        body |= {"logprobs": True, "top_logprobs": request.logprobs}
    return body


@dataclass
class Reply:
    """An answer as it comes in, chunk by chunk or as one object, asked for at `started`.

    Once it only repeats itself, `looping` is set; whoever reads it had better stop.
    """

    started: float = field(default_factory=perf_counter)
    finish: str = ""
    looping: bool = False
    _pieces: list[str] = field(default_factory=list)
    _logprobs: list[TokenLogprob] = field(default_factory=list)
    _usage: Mapping[str, Any] = field(default_factory=dict)
    _timings: Mapping[str, Any] = field(default_factory=dict)

    def add(self, chunk: Any) -> str:
        """Take in `chunk` and return the text that it brings.

        Raises:
            ContextOverflow: if the chunk says that the prompt is too long.
            BackendError: if it is another error, or not in this format.
        """
        try:
            if chunk.get("error"):
                raise named_error(chunk["error"])
            self._usage = chunk.get("usage") or self._usage
            self._timings = chunk.get("timings") or self._timings
            text = "".join(self._add_choice(choice) for choice in chunk.get("choices") or ())
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BackendError(
                f"an answer in an unknown form: found {str(chunk)[:200]!r}; the server must speak "
                "the chat-completions format of OpenAI"
            ) from error
        if text:
            self._pieces.append(text)
            self.looping = not self.finish and is_looping("".join(self._pieces))
        return text

    def _add_choice(self, choice: Mapping[str, Any]) -> str:
        self.finish = choice.get("finish_reason") or self.finish
        tokens = (choice.get("logprobs") or {}).get("content") or ()
        self._logprobs.extend(map(_token_logprob, tokens))
        text = (choice.get("delta") or choice.get("message") or {}).get("content")
        if not isinstance(text, str | None):
            raise TypeError("content is not text")
        return text or ""

    def completion(self, text: str | None = None) -> Completion:
        """All that has come in; `text` replaces the text.

        Servers tell the tokens last of all. Of an answer that was not read to its end, those are
        counted that llama.cpp's timings tell, or else a token for each piece.
        """
        usage, timings = self._usage, self._timings
        details = usage.get("prompt_tokens_details") or {}
        cached = details.get("cached_tokens") or timings.get("cache_n") or 0
        written = timings.get("predicted_n") or len(self._pieces)
        return Completion(
            text="".join(self._pieces) if text is None else text,
            finish=self._ending(),
            prompt_tokens=usage.get("prompt_tokens") or cached + (timings.get("prompt_n") or 0),
            cached_tokens=cached,
            completion_tokens=usage.get("completion_tokens") or (written if self.looping else 0),
            prompt_s=timings.get("prompt_ms", 0.0) / 1000,
            decode_s=timings.get("predicted_ms", 0.0) / 1000,
            seconds=perf_counter() - self.started,
            logprobs=tuple(self._logprobs),
        )

    def _ending(self) -> Literal["stop", "length", "loop"]:
        if self.looping:
            return "loop"
        return "length" if self.finish == "length" else "stop"


def _token_logprob(token: Mapping[str, Any]) -> TokenLogprob:
    alternatives = tuple((t["token"], t["logprob"]) for t in token.get("top_logprobs") or ())
    return TokenLogprob(token["token"], token["logprob"], alternatives)


def named_error(error: Any) -> BackendError:
    """The error of ours for the `error` object that a server answers with."""
    details = error if isinstance(error, Mapping) else {"message": error}
    message = str(details.get("message") or error)
    if not _OVERFLOW.search(f"{details.get('type')} {details.get('code')} {message}"):
        return BackendError(f"the model did not answer: {message[:500]}; change the request")
    found, room = details.get("n_prompt_tokens"), details.get("n_ctx")
    sizes = f"{found:,} tokens where {room:,} fit" if found and room else message[:500]
    return ContextOverflow(
        f"the prompt does not fit into the model's context: {sizes}; ask about a database with "
        "fewer tables, or allow more context"
    )
