"""A backend without a model: it answers from a script, for tests and rehearsals.

A script maps a part of the conversation to an answer; the first part that occurs counts. An answer
that is a sequence is given one item at a time, each once. A script that is itself a sequence
answers whatever is asked, in turn. As a file it is JSON of these forms, or JSONL with a line
`{"question": PART, "answer": ANSWER}` each. Answers may begin with the prefill.

Tokens are words here. Temperature, top_p and seed change nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import Literal, Self

from pydantic import TypeAdapter

from sqlkiln.core.errors import BackendError, ModelCorrupt, ModelNotFound
from sqlkiln.core.plugins import BackendOptions, Completion, Request
from sqlkiln.core.records import Record
from sqlkiln.models.loops import is_looping

_SCHEME = "scripted:"

Script = Mapping[str, str | Sequence[str]] | Sequence[str]


class _Line(Record):
    question: str
    answer: str


class Scripted:
    """Answers from `script`; to be asked more than it knows is an error."""

    def __init__(self, script: Script, slots: int = 1, model: str = "scripted") -> None:
        entries = script.items() if isinstance(script, Mapping) else [("", script)]
        self.model = model
        self.slots = slots
        self._entries = [_Entry(part, answer) for part, answer in entries]
        self._lock = Lock()

    @classmethod
    def accepts(cls, spec: str) -> bool:
        """Whether `spec` is `scripted:PATH`."""
        return spec.startswith(_SCHEME)

    @classmethod
    def open(cls, spec: str, options: BackendOptions) -> Self:
        """Read the script from the file that `spec` names.

        Raises:
            ModelNotFound: if it cannot be read.
            ModelCorrupt: if it is not a script.
            BackendError: if `options` ask for adapters.
        """
        if options.adapters:
            raise BackendError(f"a script has no adapters: found {options.adapters}; name none")
        path = Path(spec.removeprefix(_SCHEME)).expanduser()
        try:
            script = _read(path)
        except OSError as error:
            raise ModelNotFound(
                f"cannot read the script: {path}: {error.strerror}; check the path"
            ) from error
        except ValueError as error:
            raise ModelCorrupt(
                f"not a script: {path} is not JSON of the right form; write "
                "{part of the question: answer}, or a list of answers"
            ) from error
        return cls(script, options.slots, f"{_SCHEME}{path.name}")

    def generate(
        self, request: Request, on_text: Callable[[str], None] | None = None
    ) -> Completion:
        """Give the script's answer word by word, cut at stop strings and `max_tokens`.

        Raises:
            BackendError: if the script has no answer, or `request` asks for a grammar, adapters
                or logprobs.
        """
        started = perf_counter()
        for name in ("grammar", "adapters", "logprobs"):
            if asked := getattr(request, name):
                raise BackendError(f"a script has no {name}: found {asked!r}; leave it unset")
        words, finish = _cut(self._answer(request), request.stop, request.max_tokens)
        said: list[str] = []
        for word in words:
            said.append(word)
            if on_text is not None:
                on_text(word)
            if is_looping("".join(said)):
                finish = "loop"
                break
        return Completion(
            text="".join(said),
            finish=finish,
            prompt_tokens=sum(len(message.content.split()) for message in request.messages),
            completion_tokens=len(said),
            seconds=perf_counter() - started,
        )

    def close(self) -> None:
        """Nothing is held open."""

    def _answer(self, request: Request) -> str:
        talk = "\n".join(m.content for m in request.messages if m.role != "system")
        last = request.messages[-1]
        with self._lock:
            entry = next((entry for entry in self._entries if entry.part in talk), None)
            answer = entry.next() if entry else None
        if answer is None:
            raise BackendError(f"the script has no answer to: {talk[-200:]!r}; add one to it")
        return answer.removeprefix(last.content) if last.role == "assistant" else answer


@dataclass
class _Entry:
    part: str
    answer: str | Sequence[str]
    given: int = 0

    def next(self) -> str | None:
        """A lone answer every time; of several each once, then None."""
        if isinstance(self.answer, str):
            return self.answer
        self.given += 1
        return self.answer[self.given - 1] if self.given <= len(self.answer) else None


def _cut(
    text: str, stops: Sequence[str], max_tokens: int
) -> tuple[list[str], Literal["stop", "length", "loop"]]:
    """The words of `text`, white space kept, up to the first stop or `max_tokens`."""
    end = min((text.find(stop) for stop in stops if stop in text), default=len(text))
    words = re.findall(r"\s*\S+\s*|\s+", text[:end])
    return words[:max_tokens], "length" if len(words) > max_tokens else "stop"


def _read(path: Path) -> Script:
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".jsonl":
        return TypeAdapter(dict[str, str | list[str]] | list[str]).validate_json(text)
    script: dict[str, list[str]] = {}
    for line in text.splitlines():
        entry = _Line.model_validate_json(line)
        script.setdefault(entry.question, []).append(entry.answer)
    return script
