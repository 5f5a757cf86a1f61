"""Does a question speak of a table or column by its name? Compared part by part.

A name is taken apart (`FirstName`, `first_name`, and `stuid` where other names have `stu`), and
each part is looked for in the question: the same word in another form, a word of the same root,
several words written as one, an abbreviation, or something the question calls otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlkiln.prompt.link_words import ASKED_AS, FUNCTION_WORDS, GLUED, plain_forms
from sqlkiln.sql.values_words import (
    Word,
    distance,
    folded_words,
    name_parts,
    root,
    squeezed,
    stem,
    typos_allowed,
    words,
)

SAME, ROOT, INSIDE, TYPO, SHORT, ASKED = "same", "root", "inside", "typo", "short", "asked"
QUALITY = {SAME: 1.0, ROOT: 0.8, TYPO: 0.8, INSIDE: 0.7, SHORT: 0.6, ASKED: 0.5}
"""How alike a part of a name and a word of the question are, by how they were brought together."""

_MOST_TOGETHER = 3
_TYPO_LETTERS = 6
_COMPOUND_LETTERS = 7
_COMPONENT_LETTERS = 4
_VOWELS = frozenset("aeiou")


@dataclass(frozen=True)
class PartMatch:
    """A part of a name found in the question: the words `first` to `last` of it, and how."""

    kind: str
    first: int
    last: int

    @property
    def quality(self) -> float:
        """From 0 to 1."""
        return QUALITY[self.kind]


@dataclass(frozen=True)
class NameMatch:
    """A name in the question: of each of its `parts`, in order, the match or None."""

    parts: tuple[str, ...]
    found: tuple[PartMatch | None, ...]

    @property
    def full(self) -> float:
        """The quality of the part that is found worst; 0 if one is not found."""
        return min((each.quality if each else 0.0 for each in self.found), default=0.0)

    @property
    def kinds(self) -> set[str]:
        """The ways in which parts were found."""
        return {each.kind for each in self.found if each}

    @property
    def is_phrase(self) -> bool:
        """Whether all parts stand close together in the question."""
        places = [each for each in self.found if each]
        if len(places) < len(self.found) or not places:
            return False
        first, last = min(p.first for p in places), max(p.last for p in places)
        return last - first <= len(places)


class Question:
    """The words of a question (and the evidence for it), to be looked up by parts of names."""

    def __init__(self, text: str, known: Iterable[str] = (), values: Iterable[str] = ()) -> None:
        """Read `text`.

        `known` are all parts of names in the schema: what a part may be glued together of.
        `values` are phrases of `text` that mean values, not names.
        """
        self.words: tuple[Word, ...] = words(text)
        self.text = text
        self.folded = [word.folded for word in self.words]
        self.stems = [stem(word) for word in self.folded]
        self._known = frozenset(known) | GLUED
        meant = {i for phrase in values for i in self.places(phrase)}
        self._named = [
            (i, word)
            for i, word in enumerate(self.folded)
            if word not in FUNCTION_WORDS and i not in meant
        ]
        self.named = tuple(i for i, _ in self._named)
        """The numbers of the words that may speak of a table or column."""

        self._by_stem = self._first(self._stems())
        self._by_root = self._first((root(w), i, i) for i, w in self._named if len(w) > 3)
        self._together = self._first(self._joined())
        self._asked = self._first(
            (name, i, i)
            for i, word in enumerate(self.folded)
            if i not in meant
            for form in plain_forms(word)
            for name in ASKED_AS.get(form, ())
        )
        self._cache: dict[str, PartMatch | None] = {}

    def places(self, phrase: str) -> range:
        """The numbers of the words of `phrase` where it first stands; none if it does not."""
        sought = folded_words(phrase)
        for first in range(len(self.folded) - len(sought) + 1):
            if self.folded[first : first + len(sought)] == sought:
                return range(first, first + len(sought))
        return range(0)

    @staticmethod
    def _first(found: Iterable[tuple[str, int, int]]) -> dict[str, tuple[int, int]]:
        places: dict[str, tuple[int, int]] = {}
        for key, first, last in found:
            places.setdefault(key, (first, last))
        return places

    def _stems(self) -> Iterable[tuple[str, int, int]]:
        for i, word in self._named:
            yield self.stems[i], i, i
            for part in name_parts(self.words[i].text):
                if part != word:
                    yield stem(part), i, i

    def _joined(self) -> Iterable[tuple[str, int, int]]:
        """Two or three words as one; with the first as its letter ('first name': `fname`)."""
        for first in range(len(self.words)):
            for last in range(first + 1, min(len(self.words), first + _MOST_TOGETHER)):
                folded = self.folded[first : last + 1]
                if folded[0] in FUNCTION_WORDS or folded[-1] in FUNCTION_WORDS:
                    continue
                yield squeezed([*folded[:-1], self.stems[last]]), first, last
                yield squeezed([folded[0][0], *folded[1:-1], self.stems[last]]), first, last
                if len(folded) == _MOST_TOGETHER:
                    yield squeezed(word[0] for word in folded), first, last

    def part(self, part: str) -> PartMatch | None:
        """The best match of one part of a name."""
        if part not in self._cache:
            self._cache[part] = self._look_up(part)
        return self._cache[part]

    def _look_up(self, part: str) -> PartMatch | None:
        stemmed = stem(part)
        for kind, places, key in (
            (SAME, self._by_stem, stemmed),
            (INSIDE, self._together, stemmed),
            (ROOT, self._by_root, root(part) if len(part) > 3 else ""),
        ):
            if key in places:
                return PartMatch(kind, *places[key])
        for i, word in self._named:
            if is_short_for(part, word) or (len(word) > 3 and is_short_for(word, part)):
                return PartMatch(SHORT, i, i)
            if len(part) >= _TYPO_LETTERS and part[0] == word[0]:
                most = typos_allowed(part) if len(part) > _TYPO_LETTERS else 1
                if distance(part, word, most) <= most:
                    return PartMatch(TYPO, i, i)
        if stemmed in self._asked:
            return PartMatch(ASKED, *self._asked[stemmed])
        return self._inside(part)

    def _inside(self, part: str) -> PartMatch | None:
        """A word of the question that a long part begins or ends with."""
        if len(part) < _COMPOUND_LETTERS:
            return None
        for i, word in self._named:
            each = self.stems[i]
            if len(each) >= _COMPONENT_LETTERS and len(word) <= len(part) - 3:
                if part.startswith(each) or stem(part).endswith(each):
                    return PartMatch(ROOT, i, i)
        return None

    def name(self, name: str) -> NameMatch:
        """Look up all parts of `name`, or the name written as one word."""
        parts = self.parts_of(name)
        match = NameMatch(parts, tuple(self.part(part) for part in parts))
        whole = squeezed(name_parts(name))
        if match.full >= QUALITY[ROOT] and len(whole) == sum(map(len, parts)):
            return match
        stemmed = stem(whole) if len(whole) > 2 else ""
        for kind, places in ((SAME, self._by_stem), (INSIDE, self._together)):
            if stemmed in places:
                return NameMatch(parts, (PartMatch(kind, *places[stemmed]),) * len(parts))
        return match

    def parts_of(self, name: str) -> tuple[str, ...]:
        """The parts of `name` but for letters and words that mean nothing, glued ones apart."""
        parts = tuple(p for part in name_parts(name) for p in unglued(part, self._known))
        told = tuple(p for p in parts if p not in FUNCTION_WORDS and (len(p) > 1 or p.isdigit()))
        return told or parts

    def phrase(self, matches: Iterable[PartMatch | None]) -> str:
        """The words of the question that `matches` stand on, in order."""
        numbers = sorted({i for m in matches if m for i in range(m.first, m.last + 1)})
        return " ".join(self.words[i].text for i in numbers)


def unglued(part: str, known: frozenset[str]) -> tuple[str, ...]:
    """`part`, or the two known words that it is made of."""
    for cut in range(len(part) - 2, 0, -1) if len(part) > 3 else ():
        left, right = part[:cut], part[cut:]
        if right in GLUED and (left in known or (cut == 1 and len(right) > 3)):
            return left, right
        if len(left) > 2 and len(right) > 2 and left in known and right in known:
            return left, right
    return (part,)


def is_short_for(short: str, word: str) -> bool:
    """Whether `short` abbreviates `word`: its beginning, or that and consonants after it."""
    if len(short) < 3 or len(word) < len(short) + 2 or short[0] != word[0] or short.isdigit():
        return False
    same = 0
    while same < len(short) and short[same] == word[same]:
        same += 1
    if same == len(short):
        return True
    rest = short[same:]
    return not _VOWELS.intersection(rest) and _is_within(rest, word[same:]) and len(short) < 6


def _is_within(letters: Sequence[str], word: str) -> bool:
    place = 0
    for letter in letters:
        place = word.find(letter, place) + 1
        if not place:
            return False
    return True
