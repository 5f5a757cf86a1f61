"""A prefill for servers that cannot continue one: asked for in words, then cut off the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlkiln.core.plugins import Message


def asked_in_words(messages: Sequence[Message]) -> tuple[Message, ...]:
    """`messages` without the prefill at their end; the last of the user asks for it instead."""
    *turns, prefill = messages
    number = max(i for i, message in enumerate(turns) if message.role == "user")
    asked = (
        f"{turns[number].content}\n\nBegin your answer with exactly this, and go on from there:\n"
        f"{prefill.content}"
    )
    turns[number] = replace(turns[number], content=asked)
    return tuple(turns)


@dataclass
class Continuation:
    """Of an answer that arrives in pieces, what follows the prefill, up to a stop string.

    An answer without the prefill is given whole, at its end.
    """

    prefill: str = ""
    stops: tuple[str, ...] = ()
    ended: bool = False
    _text: str = ""
    _given: int = 0

    def feed(self, piece: str, last: bool = False) -> str:
        """Take in `piece`; return the text that is certain by now. A stop sets `ended`."""
        self._text += piece
        answer = self._behind_prefill(last)
        cuts = [answer.find(stop) for stop in self.stops if stop in answer]
        if cuts:
            answer, self.ended = answer[: min(cuts)], True
        elif not last:
            answer = answer[: len(answer) - self._held_back(answer)]
        certain = answer[self._given :]
        self._given = max(self._given, len(answer))
        return certain

    def _behind_prefill(self, last: bool) -> str:
        core = self.prefill.strip()
        _, found, behind = self._text.partition(core) if core else ("", "found", self._text)
        if not found:
            return self._text if last else ""
        space = self.prefill[len(self.prefill.rstrip()) :]
        return behind.removeprefix(space)

    def _held_back(self, answer: str) -> int:
        """How many characters at the end may be the beginning of a stop string."""
        longest = max(map(len, self.stops), default=1) - 1
        lengths = range(min(longest, len(answer)), 0, -1)
        ends = (n for n in lengths if any(stop.startswith(answer[-n:]) for stop in self.stops))
        return next(ends, 0)
