"""Words of questions, cells and names made comparable: folded, stemmed, and measured for typos.

Pure functions over text. English is what stemming knows; words of other languages are compared as
they are, less case and accents. Scripts that are written without spaces give one word a character;
of Korean words the particles at their ends are words of their own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

_UNSPACED = (
    "\u0e00-\u0eff\u3005-\u3007\u3040-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U000323af"
)
_IS_UNSPACED = re.compile(rf"[{_UNSPACED}]")
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+(?:['\u2019][^\W_]+)*")
_ABBREVIATION = re.compile(r"\b(?:[^\W\d_]\.){2,}(?:[^\W\d_]\b)?")
_CAMEL = re.compile(
    r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)"
)
PARTICLES = (
    "에서는 에서의 으로는 이라는 에서 에게 에는 에도 께서 으로 까지 부터 라는 이고 이나 처럼"
    " 보다 한테 은 는 이 가 을 를 의 에 와 과 도 로 만 인"
).split()
"""What Korean hangs on to its nouns, the longer ones first."""

_PARTICLE = re.compile(rf"(?<=[가-힣]{{2}})(?:{'|'.join(PARTICLES)})\Z")
_VOWEL = re.compile(r"[aeiouy]")
_ROOT_ENDINGS = (
    "ational ization isation ations ation ition ments ement ment ness ities ity ions ion ers er ors"
    " or ists ist ally ial al ive ance ence ant ent able ible ally ly ous ful ship y"
).split()
_ROOT_LETTERS = 4


@dataclass(frozen=True)
class Word:
    """One word of a text: as written, as compared, and where it stands in the text."""

    text: str
    folded: str
    start: int
    end: int


def fold(text: str) -> str:
    """`text` without case, accents and apostrophes."""
    if text.isascii():
        return text.lower().replace("'", "")
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in parts if not unicodedata.combining(c) and c not in "'\u2019")


def words(text: str) -> tuple[Word, ...]:
    """The words of `text` in order; a possessive 's is left off, 'U.S.A.' is one word."""
    found: list[Word] = []
    text = _ABBREVIATION.sub(lambda m: m.group().replace(".", "").ljust(len(m.group())), text)
    for match in _WORD.finditer(text):
        written = match.group()
        if written[-2:].lower() in ("'s", "\u2019s"):
            written = written[:-2]
        found += _apart(written, match.start())
    return tuple(found)


def _apart(written: str, start: int) -> Iterator[Word]:
    """A word, and behind it the Korean particle at its end."""
    particle = None if written.isascii() else _PARTICLE.search(written)
    cuts = [0, particle.start(), len(written)] if particle else [0, len(written)]
    for first, end in pairwise(cuts):
        yield Word(written[first:end], fold(written[first:end]), start + first, start + end)


def is_unspaced(character: str) -> bool:
    """Whether `character` is of a script that is written without spaces."""
    return _IS_UNSPACED.match(character) is not None


def folded_words(text: str) -> list[str]:
    """The words of `text` as compared."""
    return [word.folded for word in words(text)]


@lru_cache(maxsize=50_000)
def name_parts(name: str) -> tuple[str, ...]:
    """The words in the name of a table or column: `camelCase`, `snake_case`, spaces and digits."""
    found = words(name.replace("_", " "))
    return tuple(fold(part) for word in found for part in _CAMEL.split(word.text))


def squeezed(parts: Iterable[str]) -> str:
    """Words without what separates them, so that 'Jet Blue' and 'JetBlue' are the same."""
    return "".join(parts)


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """`word` without plural, -ed, -ing and a final e: what inflection leaves alone."""
    if len(word) < 4 or not word.isascii() or not word.isalpha():
        return word
    word = _singular(word)
    for ending in ("ing", "ed"):
        rest = word[: -len(ending)]
        if word.endswith(ending) and len(rest) >= 3 and _VOWEL.search(rest):
            doubled = rest[-1] == rest[-2] and rest[-1] not in "lsz"
            word = rest[:-1] if doubled else rest
            break
    if len(word) > 3 and word.endswith("e"):
        return word[:-1]
    return word[:-1] + "i" if len(word) > 3 and word.endswith("y") else word


def _singular(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes", "zes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


_IRREGULAR = {
    "people": "person",
    "men": "man",
    "women": "woman",
    "children": "child",
    "feet": "foot",
    "mice": "mouse",
    "data": "datum",
    "criteria": "criterion",
    "staff": "staff",
    "wives": "wife",
    "lives": "life",
    "born": "birth",
    "series": "series",
    "bought": "buy",
    "sold": "sell",
    "paid": "pay",
    "taught": "teach",
    "wrote": "write",
    "written": "write",
    "made": "make",
    "spent": "spend",
    "won": "win",
    "held": "hold",
    "took": "take",
    "taken": "take",
    "given": "give",
    "gave": "give",
}


@lru_cache(maxsize=100_000)
def root(word: str) -> str:
    """What is left of `word` without an ending that makes another word: 'singer' -> 'sing'."""
    word = stem(word)
    if not word.isascii():
        return word
    for ending in _ROOT_ENDINGS:
        for written in (ending, ending[:-1] if ending[-1] == "e" else ending):
            if word.endswith(written) and len(word) - len(written) >= _ROOT_LETTERS:
                return word[: -len(written)].rstrip("e")
    return word


def distance(left: str, right: str, most: int) -> int:
    """Letters to insert, delete, replace or swap with the next to get from one to the other.

    The optimal string alignment distance; anything above `most` is given as `most + 1`.
    """
    if abs(len(left) - len(right)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        older, before, row = before, row, [i]
        for j, b in enumerate(right, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)


def typos_allowed(word: str) -> int:
    """How many letters of a word of this length may be wrong for it still to be recognised."""
    return 0 if len(word) < 4 else 1 if len(word) < 8 else 2
