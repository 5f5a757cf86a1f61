"""A question as a search for values reads it: its words, what is quoted, what looks like a name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from sqlkiln.sql.values_vocabulary import UNSPECIFIC
from sqlkiln.sql.values_words import PARTICLES, fold, is_unspaced, stem, words

MOST_WORDS = 8
"""Values of more words are found only if they are quoted, or by some of their words."""

MOST_CHARACTERS = 20
"""The same of characters of scripts that are written without spaces."""

_QUOTES = re.compile(
    r"\"([^\"]+)\"|\u201c([^\u201d]+)\u201d|\u2018([^\u2019]+)\u2019|\u00ab([^\u00bb]+)\u00bb|`([^`]+)`"
    r"|\u300c([^\u300d]+)\u300d|\u300e([^\u300f]+)\u300f"
    r"|(?<![^\s(\[,=:])'(\S(?:.*?\S)?)'(?![^\s)\],.;:?!])"
)
_SENTENCE_END = re.compile(r"[.?!:;]\s*\Z")
_TITLED_SHARE = 0.6
_NEAR_WORDS = 3
_ANSWERS = ("yes", "no")
_HIRAGANA = re.compile(r"[\u3040-\u309f]+\Z")
_THAI = re.compile(r"[\u0e00-\u0eff]+\Z")
_THAI_VOWEL_BEFORE = re.compile(r"[\u0e40-\u0e44\u0ec0-\u0ec4]")
_LEAST_OF_SYLLABLES = 3
_PARTICLES = frozenset(map(fold, PARTICLES))

Span = tuple[int, int]
"""The numbers of the first and the last word of a phrase."""


class Asked:
    """The words of one question. `names` are stems that occur in names of tables and columns."""

    def __init__(self, text: str, names: frozenset[str]) -> None:
        self.text = text
        self.words = words(text)
        self.folded = [word.folded for word in self.words]
        self.stems = [stem(word) for word in self.folded]
        self.named = [each in names for each in self.stems]
        plain = text.isascii()
        self.unspaced = [not plain and is_unspaced(word.text) for word in self.words]
        self._has_unspaced = any(self.unspaced)
        self.quotes = tuple(self._quotes())
        self.quoted = {i for first, last in self.quotes for i in range(first, last + 1)}
        self.proper = self._proper()

    def spans(self) -> Iterator[Span]:
        """All phrases of up to `MOST_WORDS` words, and all quotes."""
        count = len(self.words)
        for first in range(count):
            most = MOST_CHARACTERS if self.unspaced[first] else MOST_WORDS
            for last in range(first, min(count, first + most)):
                yield first, last
        yield from (quote for quote in self.quotes if quote[1] - quote[0] >= MOST_WORDS)

    def phrase(self, span: Span) -> str:
        """The text of `span` as written."""
        return self.text[self.words[span[0]].start : self.words[span[1]].end]

    def may_stand_alone(self, number: int) -> bool:
        """Whether a word can point to a value with nothing else to go by."""
        word = self.folded[number]
        if number in self.quoted:
            return True
        if word in _PARTICLES:
            return False
        return word not in UNSPECIFIC and len(word) > 1 and not word.isdigit()

    def strength(self, span: Span, value: str) -> float:
        """How surely `span`, which reads like `value`, means a value: from 0 (never) to 1."""
        first, last = span
        inside = range(first, last + 1)
        if self.quoted.issuperset(inside):
            return 1.0
        if any(quote[0] <= first <= quote[1] < last for quote in self.quotes):
            return 0.0
        if first == last:
            return self._strength_alone(first, value)
        if self._has_unspaced and any(self.unspaced[i] for i in inside):
            return self._strength_unspaced(span)
        if all(self.folded[i] in UNSPECIFIC or len(self.folded[i]) == 1 for i in inside):
            return 0.8 if value == self.phrase(span) and self.proper.issuperset(inside) else 0.0
        if not self.proper.isdisjoint(inside):
            return 1.0
        plain = all(self.named[i] or self.folded[i] in UNSPECIFIC for i in inside)
        return 0.55 if plain else 0.95

    def _strength_alone(self, number: int, value: str) -> float:
        word, same = self.folded[number], self.words[number].text == value
        proper = number in self.proper
        if word.isdigit():
            return 0.5 if len(word) > 2 else 0.0
        if len(word) == 1:
            upright = same and value.isupper() and value not in "AI"
            return 0.6 if upright and number else 0.0
        if word in UNSPECIFIC or word in _PARTICLES:
            return 0.6 if same and proper else 0.0
        if len(word) == 2:
            return 0.85 if same and value.isupper() else 0.0
        if proper:
            return 0.97
        return 0.5 if self.named[number] else 0.8

    def _strength_unspaced(self, span: Span) -> float:
        """That of a phrase in which no spaces tell where words begin and end.

        What such a phrase is of must stand together. Two syllables, or three letters of Thai, are
        too often in other words.
        """
        first, last = span
        start, end = self.words[first].start, self.words[last].end
        phrase = self.text[start:end]
        gaps = [self.text[self.words[i].end : self.words[i + 1].start] for i in range(first, last)]
        if any(gap.strip() for gap in gaps) or self._cuts_syllable(start, end):
            return 0.0
        spelled = _HIRAGANA.match(phrase) or _THAI.match(phrase)
        if spelled and len(phrase) < _LEAST_OF_SYLLABLES:
            return 0.0
        inside = range(first, last + 1)
        if all(self.named[i] for i in inside):
            return 0.55
        return 0.8 if len(phrase) == 2 or (spelled and len(phrase) == 3) else 0.95

    def _cuts_syllable(self, start: int, end: int) -> bool:
        """Whether a vowel or a tone just outside belongs to what is inside, as in Thai."""
        before, after = self.text[max(0, start - 1) : start], self.text[end : end + 1]
        marked = bool(after) and unicodedata.category(after) == "Mn"
        return marked or _THAI_VOWEL_BEFORE.match(before) is not None

    def beside(self, number: int, value: str, column: frozenset[str]) -> float:
        """How surely word `number`, which is nothing alone, means `value` of a column named so.

        It does where the name stands shortly before: 'level 8', 'grade A', 'the decision is no'.
        """
        word = self.folded[number]
        written = self.words[number].text == value and value.isupper()
        short = word.isdigit() or word in _ANSWERS or written
        near = self.stems[max(0, number - _NEAR_WORDS) : number]
        return 0.6 if len(word) < 4 and short and not column.isdisjoint(near) else 0.0

    def _quotes(self) -> Iterator[Span]:
        for match in _QUOTES.finditer(self.text):
            inside = [
                i
                for i, word in enumerate(self.words)
                if match.start() <= word.start and word.end <= match.end()
            ]
            if inside:
                yield inside[0], inside[-1]

    def _proper(self) -> set[int]:
        """Words with a capital that no start of a sentence explains; none where all have one."""
        titled = [i for i, word in enumerate(self.words) if word.text[:1].isupper()]
        if len(titled) > max(2, _TITLED_SHARE * len(self.words)):
            return set()
        return {i for i in titled if not self._opens_sentence(i)}

    def _opens_sentence(self, number: int) -> bool:
        before = self.text[: self.words[number].start]
        return not before.strip() or _SENTENCE_END.search(before) is not None
