"""Any server that speaks OpenAI's chat completions: llama.cpp, vLLM, SGLang, Ollama, or a provider.

A model is written `http://host:port/v1#name`; without a name the server must have just one. The key
comes from the options, or from SQLKILN_API_KEY or OPENAI_API_KEY in the environment or `.env`.

The protocol has no prefill and no grammars. llama.cpp, vLLM and SGLang continue a prefill and
follow a grammar nevertheless, each in fields of its own: vLLM's are those of 0.12, and one that is
much older may take no notice of a grammar. Other servers are asked in words to begin with the
prefill, and their answer is cut to what follows; grammars they are not sent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Self

import httpx

from sqlkiln.core.errors import BackendError, ModelNotFound
from sqlkiln.core.plugins import BackendOptions, Completion, Request
from sqlkiln.models.chat_completions import Reply, request_body
from sqlkiln.models.continuation import Continuation, asked_in_words
from sqlkiln.models.credentials import api_key
from sqlkiln.models.http_calls import Calls, NotOffered, is_loopback

_LLAMACPP, _VLLM, _SGLANG = "llamacpp", "vllm", "sglang"
"""How these servers call themselves in `owned_by` of their list of models."""

_FOLLOWING: dict[str, Callable[[str], dict[str, Any]]] = {
    _LLAMACPP: lambda gbnf: {"grammar": gbnf},
    _VLLM: lambda gbnf: {"structured_outputs": {"grammar": gbnf}},
    _SGLANG: lambda gbnf: {"ebnf": gbnf},
}
"""What asks each server to follow a grammar."""

_CONTINUING: dict[str, dict[str, Any]] = {
    _LLAMACPP: {},
    _VLLM: {"continue_final_message": True, "add_generation_prompt": False},
    _SGLANG: {"continue_final_message": True},
}
"""What asks each server to go on with the last message."""


class OpenAICompatible:
    """A model behind an HTTP API, for several threads."""

    def __init__(self, calls: Calls, model: str, kind: str, slots: int) -> None:
        self.model = model
        self.slots = slots
        self._calls: Calls | None = calls
        self._kind = kind

    @classmethod
    def accepts(cls, spec: str) -> bool:
        """Whether `spec` is an http(s) URL."""
        return spec.startswith(("http://", "https://"))

    @classmethod
    def open(cls, spec: str, options: BackendOptions) -> Self:
        """Ask the server what it has.

        Raises:
            ModelNotFound: if `spec` is no address, or names no model where there are several.
            BackendAuthError: if the server refuses the key.
            BackendError: if there is no such server, the key would travel unencrypted, or
                `options` ask for adapters.
        """
        address, _, model = spec.partition("#")
        url, key = _url(address), api_key(options.api_key)
        if key and url.scheme == "http" and not is_loopback(url.host):
            raise BackendError(
                f"the API key is not sent unencrypted: {url.host} is asked over http; use https, "
                "or set SQLKILN_API_KEY to nothing to send no key"
            )
        if options.adapters:
            raise BackendError(
                f"a server has no adapters to load: found {options.adapters}; give the name under "
                "which it serves the adapter as the model, behind '#'"
            )
        calls = Calls(url, key, options)
        try:
            listed = _models(calls, required=not model)
            model = model or _only_one(calls.place, list(listed))
        except BaseException:
            calls.close()
            raise
        kind = listed.get(model) or next(iter(listed.values()), "")
        return cls(calls, model, kind, options.slots)

    def generate(
        self, request: Request, on_text: Callable[[str], None] | None = None
    ) -> Completion:
        """Answer `request`.

        Servers of unknown kind stream only if `on_text` is given.

        Raises:
            BackendError: or one of its subclasses, as `Calls.send` does; also if the answer breaks
                off after some of it was shown, or the server cannot do what the request asks for.
        """
        calls = self._calls
        if calls is None:
            raise BackendError(f"the connection is closed: {self.model}; open it again")
        started = perf_counter()
        stream = on_text is not None or self._kind in _CONTINUING
        body, continuation = self._prepared(request, stream)

        def read(response: httpx.Response) -> Completion:
            answer = _Answer(Reply(started), replace(continuation), on_text)
            return answer.read(_chunks(response, calls), calls.place)

        completion = calls.send("POST", "chat/completions", body, read)
        if request.logprobs and completion.completion_tokens and not completion.logprobs:
            raise self._unable("report logprobs")
        return completion

    def close(self) -> None:
        """Close the connections; calling it twice is fine."""
        if self._calls is not None:
            self._calls.close()
            self._calls = None

    def _prepared(self, request: Request, stream: bool) -> tuple[dict[str, Any], Continuation]:
        """What to send, and what to make of the answer."""
        if request.adapters:
            raise self._unable("change adapters")
        if request.grammar and self._kind not in _FOLLOWING:
            raise self._unable("follow a GBNF grammar")
        continuation = Continuation()
        extra: dict[str, Any] = {}
        if self._kind == _LLAMACPP:
            extra = {"samplers": ["temperature", "top_p"]}
        if request.grammar:
            extra |= _FOLLOWING[self._kind](request.grammar)
        if request.messages[-1].role == "assistant":
            if self._kind in _CONTINUING:
                extra |= _CONTINUING[self._kind]
            elif request.logprobs:
                raise self._unable("report logprobs of a continued answer")
            else:
                continuation = Continuation(request.messages[-1].content, request.stop)
                request = replace(request, messages=asked_in_words(request.messages), stop=())
        return request_body(request, stream) | {"model": self.model} | extra, continuation

    def _unable(self, what: str) -> BackendError:
        return BackendError(
            f"the server cannot {what}: {self.model} is a model of {self._kind or 'unknown kind'}; "
            "leave that out, or run the model in sqlkiln itself"
        )


# --------------------------------------------------------------------------- opening


def _url(address: str) -> httpx.URL:
    """`address` with '/v1' if it has no path of its own."""
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        url = httpx.URL()
    if not url.host:
        raise ModelNotFound(
            f"not the address of a server: {address!r}; write http://host:port/v1#model"
        )
    path = url.path.rstrip("/") or "/v1"
    return url.copy_with(path=f"{path}/", query=None, fragment=None)


def _models(calls: Calls, required: bool) -> dict[str, str]:
    """Name -> 'owned_by' of the models that the server lists; {} if it keeps no list."""
    try:
        listed = calls.send("GET", "models", None, lambda response: json.loads(response.read()))
        return {model["id"]: str(model.get("owned_by", "")) for model in listed["data"]}
    except NotOffered:
        if required:
            raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if required:
            raise ModelNotFound(
                f"no list of models at {calls.place}: the answer has another form; check the "
                "address, or name the model behind '#'"
            ) from error
    return {}


def _only_one(place: str, names: Sequence[str]) -> str:
    if len(names) != 1:
        raise ModelNotFound(
            f"which model of {place}? found {', '.join(names) or 'none'}; put its name behind '#', "
            "as in http://host:port/v1#name"
        )
    return names[0]


# --------------------------------------------------------------------------- reading


@dataclass
class _Answer:
    reply: Reply
    continuation: Continuation
    on_text: Callable[[str], None] | None
    given: str = ""

    def read(self, chunks: Iterator[Any], place: str) -> Completion:
        """Give out the text of `chunks`; fails as a connection does while none was given."""
        try:
            for chunk in chunks:
                self._give(self.continuation.feed(self.reply.add(chunk)))
                if self.continuation.ended:
                    return self.reply.completion(self.given)
                if self.reply.looping:
                    break
            if not self.reply.finish and not self.reply.looping:
                raise httpx.RemoteProtocolError("the answer broke off")
        except httpx.TransportError as error:
            if not self.given:
                raise
            raise BackendError(
                f"the answer broke off: {place} was gone after {self.given[-80:]!r}; ask again"
            ) from error
        self._give(self.continuation.feed("", last=True))
        return self.reply.completion(self.given)

    def _give(self, text: str) -> None:
        self.given += text
        if text and self.on_text is not None:
            self.on_text(text)


def _chunks(response: httpx.Response, calls: Calls) -> Iterator[Any]:
    """The events of a stream, or the one object of an answer that is none."""
    if not response.headers.get("content-type", "").startswith("text/event-stream"):
        yield _parsed(response.read(), calls)
        return
    rest = b""
    for part in response.iter_bytes():
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            field, _, data = line.partition(b":")
            if data.strip() == b"[DONE]":
                return
            if field in (b"data", b"error"):
                yield _parsed(data, calls)


def _parsed(data: bytes, calls: Calls) -> Any:
    text = calls.redacted(data.decode(errors="replace").strip())
    try:
        return json.loads(text)
    except ValueError:
        return text
