"""How a phrase of a question and a stored text can be alike: the ways that are tried, and scored.

Whole texts: the same words in any case, the same stems, another name for the same thing, the code
for it, initials. Parts of texts: rare words in common, perhaps misspelt. Scores run from 0 to 1;
they were set by hand and order matches, they are no probabilities.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlkiln.sql.values_question import Asked, Span
from sqlkiln.sql.values_store import INITIALS, STEMS, WRITTEN, Cell, Store
from sqlkiln.sql.values_vocabulary import CODES, UNSPECIFIC, other_names
from sqlkiln.sql.values_words import distance, folded_words, squeezed, stem, typos_allowed

_STEMS_FACTOR = 0.93
_NAMES_FACTOR = 0.9
_CODES_FACTOR = 0.8
_INITIALS_FACTOR = 0.65
_TYPO_FACTOR = 0.88
_OTHER_CASE = 0.02
_PART_FACTOR = 0.85
_NAMES_WORDS = 3

RARE = 300
"""A word in more texts than this finds none on its own."""

_MOST_ALIKE = 3
_ENOUGH_COVERED = 0.4
_ENOUGH_OF_PLAIN = 0.6
_SPELLINGS = 25
_TYPO_LETTERS = 5


@dataclass(frozen=True)
class Match:
    """One cell that the words in `span` of a question seem to mean."""

    cell: Cell
    span: Span
    phrase: str
    score: float
    reason: str


def matches(asked: Asked, store: Store) -> list[Match]:
    """All matches that are worth ranking, in no order; a cell may be matched in several ways."""
    whole = [*_whole(asked, store), *_renamed(asked, store), *_coded(asked, store)]
    return [*whole, *_parts(asked, store)]


def _whole(asked: Asked, store: Store) -> Iterator[Match]:
    """Texts all of whose words, or stems, stand in the question as one phrase."""
    spans: dict[str, list[tuple[Span, int]]] = defaultdict(list)
    for span in asked.spans():
        inside = slice(span[0], span[1] + 1)
        written, stems = squeezed(asked.folded[inside]), squeezed(asked.stems[inside])
        spans[written].append((span, WRITTEN))
        if stems != written:
            spans[stems].append((span, STEMS))
    for key, kind, cell in store.by_keys(list(spans)):
        for span, made_of in spans[key]:
            factor, reason = _likeness(asked, span, made_of, kind)
            strength = asked.strength(span, cell.value)
            if not strength and span[0] == span[1] and kind == WRITTEN:
                strength = asked.beside(span[0], cell.value, store.names[cell.place])
            strength *= factor
            if strength > 0:
                phrase = asked.phrase(span)
                other = 0 if cell.value == phrase else _OTHER_CASE
                yield Match(cell, span, phrase, strength - other, reason)


def _likeness(asked: Asked, span: Span, made_of: int, kind: int) -> tuple[float, str]:
    if kind == INITIALS:
        word = asked.words[span[0]].text
        short = span[0] == span[1] and made_of == WRITTEN and len(word) > 1 and word.isupper()
        return (_INITIALS_FACTOR if short else 0.0), "initials"
    if made_of == kind == WRITTEN:
        return 1.0, "same words"
    return _STEMS_FACTOR, "same stems"


def _renamed(asked: Asked, store: Store) -> Iterator[Match]:
    """Texts that are another name for what the question names: French, France."""
    spans: dict[str, list[Span]] = defaultdict(list)
    for span in asked.spans():
        inside = range(span[0], span[1] + 1)
        if len(inside) > _NAMES_WORDS or all(asked.named[i] for i in inside):
            continue
        for words in {squeezed(asked.folded[i] for i in inside), _last_stemmed(asked, span)}:
            for name in other_names(words):
                spans[name].append(span)
    for key, kind, cell in store.by_keys(list(spans)):
        for span in spans[key] if kind == WRITTEN else ():
            strength = asked.strength(span, asked.phrase(span)) * _NAMES_FACTOR
            if strength > 0:
                yield Match(cell, span, asked.phrase(span), strength, "another name for it")


def _last_stemmed(asked: Asked, span: Span) -> str:
    """The words of `span` without a plural s: 'New Zealanders'."""
    folded = asked.folded[span[0] : span[1] + 1]
    return squeezed([*folded[:-1], folded[-1].removesuffix("s")])


def _coded(asked: Asked, store: Store) -> Iterator[Match]:
    """Codes for what the question names, in columns that hold other codes of the same kind."""
    for codes, all_codes in CODES:
        spans: dict[str, list[Span]] = defaultdict(list)
        for span in asked.spans():
            for code in codes.get(squeezed(asked.folded[span[0] : span[1] + 1]), ()):
                spans[code].append(span)
        for key, kind, cell in store.by_keys(list(spans)):
            if kind != WRITTEN or len(store.keys_in(cell.place, sorted(all_codes))) < 2:
                continue
            for span in spans[key]:
                phrase = asked.phrase(span)
                yield Match(cell, span, phrase, _CODES_FACTOR, "the code for it")


# --------------------------------------------------------------------------- parts


def _parts(asked: Asked, store: Store) -> Iterator[Match]:
    """Texts that share rare words with the question, in any order."""
    numbers = [i for i in range(len(asked.words)) if asked.may_stand_alone(i)]
    counts = store.counts(list(dict.fromkeys(asked.stems)))
    readings: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for i, each in enumerate(asked.stems):
        readings[each].append((i, 1.0))
    for i in numbers:
        if asked.stems[i] not in counts:
            for term in _respelled(asked, i, store):
                readings[term].append((i, _TYPO_FACTOR))
    counts |= store.counts([term for term in readings if term not in counts])
    seeds = [
        term
        for term, places in readings.items()
        if 0 < counts.get(term, 0) <= RARE and any(i in numbers for i, _ in places)
    ]
    cells = {cell.id: cell for term in seeds for cell in store.containing(term, RARE)}
    found: dict[tuple[int, frozenset[str]], list[Match]] = defaultdict(list)
    scorer = _Scorer(asked, readings, counts, store)
    for cell in cells.values():
        shared, match = scorer.match(cell)
        if match is not None:
            found[cell.place, shared].append(match)
    for alike in found.values():
        if len(alike) <= _MOST_ALIKE or asked.quoted.issuperset(range(*_open(alike[0].span))):
            yield from alike


def _open(span: Span) -> Span:
    return span[0], span[1] + 1


def _respelled(asked: Asked, number: int, store: Store) -> list[str]:
    """Stems of the index that word `number`, which is in no text, may be a misspelling of."""
    word = asked.stems[number]
    sure = number in asked.quoted or number in asked.proper
    least = _TYPO_LETTERS - sure
    if len(word) < least or asked.named[number] or word.isdigit():
        return []
    most = typos_allowed(word)
    near = [(distance(word, other, most), other) for other in store.spelled_like(word, _SPELLINGS)]
    closest = min((d for d, _ in near), default=most + 1)
    return [other for d, other in near if d == closest <= most and other[0] == word[0]]


class _Scorer:
    """Scores texts by how much of them the question has, rare words counting most."""

    def __init__(
        self,
        asked: Asked,
        readings: Mapping[str, Sequence[tuple[int, float]]],
        counts: Mapping[str, int],
        store: Store,
    ) -> None:
        self._asked = asked
        self._readings = readings
        self._counts = dict(counts)
        self._store = store

    def match(self, cell: Cell) -> tuple[frozenset[str], Match | None]:
        """The stems shared with `cell`, and the match if they are enough of it."""
        stems = [stem(word) for word in folded_words(cell.value)]
        self._learn(stems)
        shared = [each for each in stems if each in self._readings]
        chosen = self._run(shared)
        covered = sum(self._weight(s) * f for s, (_, f) in zip(shared, chosen, strict=True))
        total = sum(map(self._weight, stems))
        numbers = sorted({i for i, _ in chosen})
        alone = [i for i in numbers if self._asked.may_stand_alone(i)]
        if not alone or not total:
            return frozenset(shared), None
        sure = [i for i in alone if i in self._asked.quoted or i in self._asked.proper]
        strong = bool(sure) or len(alone) > 1
        if all(self._asked.named[i] for i in alone) and not sure:
            return frozenset(shared), None
        coverage = covered / total
        if coverage < (_ENOUGH_COVERED if strong else _ENOUGH_OF_PLAIN):
            return frozenset(shared), None
        score = coverage * _PART_FACTOR * (1.0 if strong else 0.75)
        misspelt = any(factor < 1 for _, factor in chosen)
        reason = "similar spelling" if misspelt else "words in common"
        span = numbers[0], numbers[-1]
        return frozenset(shared), Match(cell, span, self._phrase(numbers), score, reason)

    def _learn(self, stems: Sequence[str]) -> None:
        unknown = [each for each in stems if each not in self._counts]
        self._counts |= dict.fromkeys(unknown, 1)
        self._counts |= self._store.counts(unknown) if unknown else {}

    def _weight(self, word: str) -> float:
        if word in UNSPECIFIC or word.isdigit() or len(word) == 1:
            return 0.3
        return math.log(2 + self._store.texts / (1 + self._counts[word]))

    def _run(self, shared: Sequence[str]) -> list[tuple[int, float]]:
        """For each shared stem the word of the question that is nearest to the one before."""
        chosen: list[tuple[int, float]] = []
        for each in shared:
            after = chosen[-1][0] + 1 if chosen else 0
            chosen.append(min(self._readings[each], key=lambda r: (-r[1], abs(r[0] - after))))
        return chosen

    def _phrase(self, numbers: Sequence[int]) -> str:
        first, last = numbers[0], numbers[-1]
        if last - first < 2 * len(numbers):
            return self._asked.phrase((first, last))
        return " ".join(self._asked.words[i].text for i in numbers)
