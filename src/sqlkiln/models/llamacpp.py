"""llama.cpp inside this process: any GGUF model, on the processor, with nothing to install.

What was read is kept: a prompt that begins like an earlier one, as all questions about one database
do, is computed only from where the two part. Prompts that had to leave their slot are kept in
memory, up to `PROMPT_CACHE_MIB`, so that several databases can take turns. What was read with
other weights of adapters is of no use, and llama.cpp does not ask with which ones a prompt in
memory was read. So requests with other weights than those at opening go to other servers over the
same file, one for each mix of weights, opened when the first such request comes, that keep nothing
but their slots: these llama.cpp empties when the weights change. Of more than `MIXES` other mixes
the one that was longest unasked makes room.

A greedy request gets the same answer whatever else was asked before. Beside others, and where all
but the last few tokens of a prompt were kept, as when a question is repeated, rounding may differ:
then two tokens that are almost equally likely can change places.

It makes no connections. llama.cpp's own web server cannot be left out of it: that listens on a free
port of 127.0.0.1 and demands a key that nobody is told.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import Any, Self

from sqlkiln.core.adapters import Adapter
from sqlkiln.core.errors import BackendError, BackendTimeout, MissingDependency
from sqlkiln.core.plugins import BackendOptions, Completion, Request
from sqlkiln.models import native_stderr
from sqlkiln.models.adapters import card_of_model, find_for, read_card, second_to, shipped_for
from sqlkiln.models.catalog import MODELS, resolve
from sqlkiln.models.chat_completions import Reply, request_body
from sqlkiln.models.gguf import read_numbers
from sqlkiln.models.machine import core_count, free_memory_bytes

PROMPT_CACHE_MIB = 512
MIXES = 3
"""Mixes of adapters, other than the one at opening, that are kept ready at a time."""

BATCH_TOKENS = 256
"""Prompt tokens computed at a time, and so how long a cancelled request keeps the processor."""

_OPENMP = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "20000"}
"""Threads wait spinning for some microseconds, then asleep.

Endless spinning stalls generation when anything else wants the processor, and sleeping at once
stalls it when nothing does.
"""

_SILENT, _ERRORS_ONLY = -1, 1
_KV_BYTES = 2
"""Of one value in the cache of keys and values (float16)."""


class LlamaCpp:
    """A GGUF model in memory, for `slots` threads at a time; further ones wait their turn."""

    def __init__(
        self, path: Path, model: str, options: BackendOptions, adapters: Sequence[Path]
    ) -> None:
        self.model = model
        self.slots = options.slots
        self._server = _load(path, adapters, options)
        self._open_beside = partial(_load, path, adapters, options, beside=True)
        self._beside: dict[tuple[float, ...], Any] = {}
        self._opening = Lock()
        self._adapters = adapters
        self._weights = options.adapters
        self._named = dict(zip((name for name, _ in options.adapters), adapters, strict=True))
        self._timeout_s = options.timeout_s
        self._sound_grammars = {""}

    @classmethod
    def accepts(cls, spec: str) -> bool:
        """Whether `spec` is a name of the catalogue, ends in .gguf, or is a file."""
        is_local = "://" not in spec
        return spec in MODELS or (is_local and (spec.endswith(".gguf") or os.path.isfile(spec)))

    @classmethod
    def open(cls, spec: str, options: BackendOptions) -> Self:
        """Load the model and its adapters; a model of the catalogue is fetched if need be.

        Raises:
            ModelNotFound: if a file is not there.
            ModelCorrupt: if a file is damaged, or no GGUF.
            UsageError: if an adapter is one of another model.
            MissingDependency: if llama.cpp does not run on this system.
            BackendError: if memory is short, or llama.cpp cannot load the model.
        """
        path = resolve(spec, options.progress)
        adapters = [find_for(spec, name) for name, _ in options.adapters]
        return cls(path, spec if spec in MODELS else path.stem, options, adapters)

    @classmethod
    def find_adapter(cls, model: str, name: str) -> Adapter:
        """The adapter with this name or path, as its card describes it.

        Raises:
            ModelNotFound: if there is none.
            ModelCorrupt: if its file is damaged, or no adapter.
            UsageError: if its card says that it is one of another model.
        """
        path = find_for(model, name)
        card = read_card(path)
        beside = second_to(path.stem, card.model) if card else []
        others = tuple(_as_adapter(one.stem, one) for one in beside)
        return replace(_as_adapter(name, path), others=others)

    @classmethod
    def default_adapter(cls, model: str) -> str | None:
        """The name of the adapter that sqlkiln ships for `model`."""
        return shipped_for(model)

    @classmethod
    def merged_adapter(cls, model: str) -> Adapter | None:
        """What the card in the model's own file says was merged into it."""
        card = card_of_model(model)
        if card is None:
            return None
        return Adapter(card.name, target=card.target, schema_style=card.schema_style, merged=True)

    def generate(
        self, request: Request, on_text: Callable[[str], None] | None = None
    ) -> Completion:
        """Answer `request`.

        `request.adapters` are the weights of this answer; adapters that they leave out are off.
        Without any, the weights given at opening count. After a cancellation the model may be
        busy for another `BATCH_TOKENS`.

        Raises:
            ContextOverflow: if the prompt does not fit into the context.
            BackendTimeout: if nothing comes for `timeout_s`, be it progress or text.
            BackendError: if the request is wrong, the backend closed, or memory is short for the
                first answer with other weights.
        """
        server = self._serving(request)
        body = request_body(request, stream=True) | {
            "samplers": ["temperature", "top_p"],
            "return_progress": True,
            "timings_per_token": True,
            "lora": self._lora(request.adapters),
        }
        if request.grammar:
            body["grammar"] = request.grammar
        reply = Reply()
        with closing(_chunks(server, body, self._timeout_s)) as chunks:
            known = request.grammar in self._sound_grammars
            for chunk in chunks if known else _naming_grammar_errors(chunks):
                text = reply.add(chunk)
                if text and on_text is not None:
                    on_text(text)
                if reply.looping:
                    break
        if not reply.finish and not reply.looping:
            raise BackendError(f"the answer broke off: {self.model} was stopped; ask again")
        self._sound_grammars.add(request.grammar)
        return reply.completion()

    def close(self) -> None:
        """Free the model, once the answers under way are done; calling it twice is fine."""
        with self._opening:
            self._server = None
            self._beside.clear()

    def _serving(self, request: Request) -> Any:
        """The server for the adapters of `request`."""
        with self._opening:
            if self._server is None:
                raise BackendError(f"the model is closed: {self.model}; open it again")
            mix = tuple(one["scale"] for one in self._lora(request.adapters))
            if mix == tuple(one["scale"] for one in self._lora(())):
                return self._server
            server = self._beside.pop(mix, None)
            while len(self._beside) >= MIXES:
                del self._beside[next(iter(self._beside))]
            self._beside[mix] = server or self._open_beside()
            return self._beside[mix]

    def _lora(self, weights: Sequence[tuple[str, float]]) -> list[dict[str, float]]:
        scales = dict.fromkeys(range(len(self._adapters)), 0.0)
        for name, weight in weights or self._weights:
            path = self._named.get(name) or Path(name).expanduser().absolute()
            if path not in self._adapters:
                loaded = ", ".join(map(str, self._adapters)) or "none"
                raise BackendError(
                    f"adapter not loaded: {name}; loaded with {self.model}: {loaded}; adapters "
                    "must be named when the model is opened"
                )
            scales[self._adapters.index(path)] = weight
        return [{"id": number, "scale": scale} for number, scale in scales.items()]


def _as_adapter(name: str, path: Path) -> Adapter:
    card = read_card(path)
    if card is None:
        return Adapter(name, path=path)
    return Adapter(
        name,
        path=path,
        target=card.target,
        schema_style=card.schema_style,
        about=card.about,
    )


# --------------------------------------------------------------------------- loading


def _load(
    path: Path, adapters: Sequence[Path], options: BackendOptions, beside: bool = False
) -> Any:
    """A server over the file; one `beside` another shares its weights, and keeps no prompts."""
    native = import_native()
    numbers = read_numbers(path)
    context = min(options.context_tokens, numbers.get("context_length", options.context_tokens))
    weights = 0 if beside else path.stat().st_size
    _require_memory(path.name, weights + context * options.slots * _kv_bytes_per_token(numbers))
    params = native.CommonParams()
    params.model.path = str(path)
    params.lora_adapters = [native.CommonAdapterLoraInfo(str(adapter), 0.0) for adapter in adapters]
    params.n_parallel = options.slots
    params.n_ctx = context * options.slots
    params.n_batch = params.n_ubatch = BATCH_TOKENS
    # Flash attention and repacked weights round otherwise when more tokens are computed at once:
    # the answer would depend on what was cached, and on what other slots do.
    params.flash_attn_type = native.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.no_extra_bufts = True
    params.cache_ram_mib = 0 if beside else PROMPT_CACHE_MIB
    params.cpuparams.n_threads = options.threads or core_count()
    params.fit_params = params.warmup = False
    params.reasoning_format = native.common_reasoning_format.COMMON_REASONING_FORMAT_NONE
    params.verbosity = _SILENT
    params.offline = True
    params.ui = params.endpoint_slots = False
    params.endpoint_metrics = True
    params.n_threads_http = 1
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.api_keys = [secrets.token_urlsafe(32)]
    with suppress(RuntimeError):
        return _running(native.Server(params))
    params.verbosity = _ERRORS_ONLY
    with native_stderr.captured() as lines, suppress(RuntimeError):
        return _running(native.Server(params))
    loaded = " with ".join(map(str, [path, *adapters]))
    raise BackendError(
        f"llama.cpp cannot load {loaded}: {_reason(lines)}; use another model or adapter, less "
        "context or fewer slots"
    )


def _running(server: Any) -> Any:
    """`server`, once its loop takes tasks: one that is ended before would never end."""
    server.handle_metrics()
    return server


def import_native() -> Any:
    """The module xllamacpp, set up to share the processor.

    Raises:
        MissingDependency: if it does not run on this system.
    """
    # OpenMP reads these when it is loaded, and never again (docs/LOG.md has the measurements).
    unset = {name: value for name, value in _OPENMP.items() if name not in os.environ}
    os.environ.update(unset)
    try:
        import xllamacpp
    except ImportError as error:
        raise MissingDependency(
            f"llama.cpp cannot start: {error}; install the package xllamacpp, and on Debian or "
            "Ubuntu the system package libgomp1"
        ) from error
    finally:
        for name in unset:
            del os.environ[name]
    return xllamacpp


def _kv_bytes_per_token(numbers: dict[str, int]) -> int:
    heads = numbers.get("attention.head_count", 0)
    width = numbers.get("embedding_length", 0) // heads if heads else 0
    keys = numbers.get("attention.key_length", width)
    values = numbers.get("attention.value_length", width)
    kv_heads = numbers.get("attention.head_count_kv", heads)
    return numbers.get("block_count", 0) * kv_heads * (keys + values) * _KV_BYTES


def _require_memory(name: str, needed: int) -> None:
    free = free_memory_bytes()
    if free is not None and needed > free:
        raise BackendError(
            f"not enough memory for {name}: it takes about {needed / 2**30:.1f} GiB with its "
            f"context, {free / 2**30:.1f} GiB are free; close programs, use a smaller model, less "
            "context or fewer slots"
        )


def _reason(lines: Sequence[str]) -> str:
    """The first error that llama.cpp logged, without time and place."""
    errors = (line.partition(" E ")[2].partition(": ")[2] for line in lines)
    return next(filter(None, errors), "it does not say why")


# --------------------------------------------------------------------------- asking


def _chunks(server: Any, body: dict[str, Any], timeout_s: float) -> Generator[dict[str, Any]]:
    """Ask on a thread of its own, so that Ctrl-C need not wait for the next token.

    Closed early, it makes llama.cpp give up at its next chunk.
    """
    arrived: SimpleQueue[dict[str, Any] | Exception | None] = SimpleQueue()
    unwanted = Event()

    def receive(chunk: dict[str, Any]) -> bool:
        arrived.put(chunk)
        return unwanted.is_set()

    def work() -> None:
        try:
            server.handle_chat_completions(body, receive)
            arrived.put(None)
        except Exception as error:
            arrived.put(error)

    try:
        Thread(target=work, name="llama.cpp request").start()
        while (chunk := arrived.get(timeout=timeout_s)) is not None:
            if isinstance(chunk, Exception):
                raise BackendError(f"llama.cpp refused: {chunk}; change the request") from chunk
            yield chunk
    except Empty:
        raise BackendTimeout(
            f"no answer: nothing came from the model for {timeout_s:g} s; use a smaller model, or "
            "allow more time"
        ) from None
    finally:
        unwanted.set()


def _naming_grammar_errors(chunks: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Pass on `chunks`; what llama.cpp writes to stderr of a wrong grammar goes into the error."""
    with native_stderr.captured() as lines:
        first = next(chunks, {})
    noise = " ".join(" ".join(lines).split())
    if "grammar" in str(first.get("error")):
        raise BackendError(f"not a GBNF grammar: {noise[:300]}; correct the grammar")
    if lines:
        sys.stderr.write("\n".join([*lines, ""]))
    yield first
    yield from chunks
