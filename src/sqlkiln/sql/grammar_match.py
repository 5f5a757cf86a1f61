"""Read a text with a grammar: how far it is right, what it is made of, and what may come.

It follows all ways to read the text at once, as llama.cpp does, character by character. Of the
rules that it watches it keeps where they begin and end. What may come after a text is a grammar
too: the rules, with another root.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from sqlkiln.sql.grammar_rules import ROOT, Body, Chars, Part, Parts, Ref, Text


@dataclass(frozen=True, slots=True)
class _End:
    """Where a watched rule ends."""

    name: str


class _Frame:
    """What is still to come of one alternative, and after it that of `parent`."""

    __slots__ = ("index", "parent", "parts")

    def __init__(self, parts: tuple[Part | _End, ...], index: int, parent: _Frame | None) -> None:
        self.parts = parts
        self.index = index
        self.parent = parent

    @property
    def part(self) -> Part | _End:
        return self.parts[self.index]


@dataclass(frozen=True, slots=True)
class _Event:
    """A watched rule begins or ends at `position`; `before` are those before."""

    position: int
    name: str
    ends: bool
    before: _Event | None


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a text: what is to come, how much of a `Text` is there already."""

    frame: _Frame | None
    offset: int
    event: _Event | None


@dataclass
class Span:
    """A watched rule in the text: `end` is None while it goes on; `parts` are those within it."""

    name: str
    start: int
    end: int | None
    parts: list[Span]

    def walk(self) -> Iterator[Span]:
        """This one and all within it, in the order of the text."""
        yield self
        for part in self.parts:
            yield from part.walk()


class Matcher:
    """Reads texts with the rules `bodies`, beginning with root.

    A frame is opened only when the next character is known, and only where that may stand.
    """

    def __init__(self, bodies: Mapping[str, Body], watched: frozenset[str] = frozenset()) -> None:
        self._bodies = bodies
        self._watched = watched
        self._frames: dict[tuple[int, int, int], _Frame] = {}
        self._ends = {name: (_End(name),) for name in watched}
        self._firsts: dict[str, tuple[tuple[Parts, int], ...]] = {}
        self._start = self._frame((Ref(ROOT),), 0, None)

    def begin(self) -> list[Reading]:
        """The reading of the empty text."""
        return [Reading(self._start, 0, None)]

    def read(self, text: str) -> tuple[int, list[Reading]]:
        """How many characters of `text` can be read, and the readings up to there."""
        readings = self.begin()
        for position, char in enumerate(text):
            following = self.step(readings, char, position)
            if not following:
                return position, readings
            readings = following
        return len(text), readings

    def accepts(self, text: str) -> bool:
        """Whether all of `text` is right, and complete."""
        return self.complete(text) is not None

    def complete(self, text: str) -> Reading | None:
        """The first reading of all of `text` as a whole; None if it is wrong or breaks off."""
        length, readings = self.read(text)
        if length < len(text):
            return None
        ended = self._opened(readings, _NOTHING, length)
        return next((reading for reading in ended if reading.frame is None), None)

    def step(self, readings: Iterable[Reading], char: str, position: int) -> list[Reading]:
        """The readings with `char` more, which is at `position`; none if it does not fit."""
        found: dict[tuple[int, int], Reading] = {}
        folded = char.lower() if char.isascii() else char
        for reading in self._opened(readings, _bit(char), position):
            frame = reading.frame
            if frame is None:
                continue
            part = frame.part
            offset = 0
            if isinstance(part, Text):
                if part.value[reading.offset] != (folded if part.fold else char):
                    continue
                offset = (reading.offset + 1) % len(part.value)
            elif isinstance(part, Ref | _End) or not part.holds(char):
                continue
            after = frame if offset else self._after(frame)
            found.setdefault((id(after), offset), Reading(after, offset, reading.event))
        return list(found.values())

    def _opened(self, readings: Iterable[Reading], bit: int, position: int) -> list[Reading]:
        """The readings up to where a character stands that may be that of `bit`, or the end."""
        found: list[Reading] = []
        seen: set[tuple[int, int]] = set()
        waiting = list(readings)[::-1]
        while waiting:
            reading = waiting.pop()
            frame = reading.frame
            key = (id(frame), reading.offset)
            if key in seen:
                continue
            seen.add(key)
            part = None if frame is None else frame.part
            if frame is None or not isinstance(part, Ref | _End):
                found.append(reading)
                continue
            event, rest = reading.event, self._after(frame)
            if isinstance(part, _End):
                waiting.append(Reading(rest, 0, _Event(position, part.name, True, event)))
                continue
            if part.name in self._watched:
                event = _Event(position, part.name, False, event)
                rest = self._frame(self._ends[part.name], 0, rest)
            for parts, first in reversed(self._alternatives(part.name)):
                if first & (bit | _NOTHING):
                    inner = self._frame(parts, 0, rest) if parts else rest
                    waiting.append(Reading(inner, 0, event))
        return found

    def _alternatives(self, name: str) -> tuple[tuple[Parts, int], ...]:
        """The alternatives of a rule, each with the bits of the characters it may begin with."""
        known = self._firsts.get(name)
        if known is None:
            known = tuple((parts, self._first(parts)) for parts in self._bodies[name])
            self._firsts[name] = known
        return known

    def _first(self, parts: Parts) -> int:
        bits = _NOTHING
        for part in parts:
            bits &= ~_NOTHING
            if isinstance(part, Ref):
                for _, first in self._alternatives(part.name):
                    bits |= first
            else:
                bits |= _bits(part)
            if not bits & _NOTHING:
                break
        return bits

    def _frame(self, parts: tuple[Part | _End, ...], index: int, parent: _Frame | None) -> _Frame:
        """The one frame of these: frames that are alike are the same."""
        key = (id(parts), index, id(parent))
        known = self._frames.get(key)
        if known is None:
            known = self._frames[key] = _Frame(parts, index, parent)
        return known

    def _after(self, frame: _Frame) -> _Frame | None:
        if frame.index + 1 == len(frame.parts):
            return frame.parent
        return self._frame(frame.parts, frame.index + 1, frame.parent)


_BEYOND = 1 << 128
"""The bit of all characters that are not ASCII; the lower bits are those of ASCII."""

_NOTHING = 1 << 129
"""The bit of no character at all."""


def _bit(char: str) -> int:
    return 1 << ord(char) if char.isascii() else _BEYOND


@cache
def _bits(part: Text | Chars) -> int:
    if isinstance(part, Text):
        char = part.value[0]
        return _bit(char) | (_bit(char.upper()) if part.fold and char.isascii() else 0)
    return sum(_bit(char) for char in map(chr, range(128)) if part.holds(char)) | _BEYOND


def spans(reading: Reading, complete: bool = False) -> Span:
    """The watched rules in a reading, within one span that stands for the text."""
    events = []
    event = reading.event
    while event is not None:
        events.append(event)
        event = event.before
    top = Span("", 0, None, [])
    opened = [top]
    for event in reversed(events):
        if event.ends:
            opened.pop().end = event.position
        else:
            span = Span(event.name, event.position, None, [])
            opened[-1].parts.append(span)
            opened.append(span)
    return top


def to_come(reading: Reading, renamed: Callable[[str, tuple[str, ...]], str]) -> Parts:
    """What comes after the text in this reading, as parts of a rule.

    `renamed` is given the name of each rule in it, and those of the watched rules around, and gives
    the name to use.
    """
    frames: list[_Frame] = []
    frame = reading.frame
    while frame is not None:
        frames.append(frame)
        frame = frame.parent
    around: tuple[str, ...] = ()
    sequences: list[Parts] = []
    for frame in reversed(frames):
        first = frame.part
        if isinstance(first, _End):
            around = (*around, first.name)
            continue
        rest: list[Part] = []
        for number, part in enumerate(frame.parts[frame.index :]):
            if isinstance(part, Ref):
                rest.append(Ref(renamed(part.name, around)))
            elif number == 0 and isinstance(part, Text) and frame is reading.frame:
                rest.append(Text(part.value[reading.offset :], part.fold))
            elif not isinstance(part, _End):
                rest.append(part)
        sequences.append(tuple(rest))
    return tuple(part for parts in reversed(sequences) for part in parts)
