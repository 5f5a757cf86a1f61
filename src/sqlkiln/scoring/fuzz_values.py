"""Values for one column of a fuzzed table: near what queries mention, or like what is there.

Drawn from a seeded generator, so the same seed gives the same values.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from random import Random
from typing import Literal

from sqlkiln.core.records import Cell
from sqlkiln.scoring.profile import ColumnProfile

Kind = Literal["integer", "real", "text", "other"]

WORDS = tuple("amber birch cedar delta ember fjord grove heron iris jade kelp lilac maple".split())
_NUMBER = re.compile(r"\d+(?!.*\d)", re.S)
_FRESH_SHARE = 0.3

LARGEST = 2**63 - 1
"""The largest whole number of SQLite."""


def kind_of(column: ColumnProfile) -> Kind:
    """What the column holds by its values or, where there are none, by its declared type."""
    if column.values:
        kinds = {type(value) for value in column.values}
        if kinds <= {int, bool}:
            return "integer"
        if kinds <= {int, bool, float}:
            return "real"
        return "text" if str in kinds else "other"
    declared = column.type.upper()
    if "INT" in declared:
        return "integer"
    if any(word in declared for word in ("CHAR", "CLOB", "TEXT", "DATE", "TIME")):
        return "text"
    if any(word in declared for word in ("REAL", "FLOA", "DOUB", "NUM", "DEC")):
        return "real"
    return "text"


def near_values(
    column: ColumnProfile, mentioned: Sequence[Cell], patterns: Sequence[str], draw: Random
) -> tuple[Cell, ...]:
    """Values equal to, just below, above or unlike what queries compare the column with."""
    kind = kind_of(column)
    found: list[Cell] = []
    for value in mentioned:
        number = _as_number(value)
        if kind == "text":
            found += _near_text(str(value), column, draw)
        elif number is not None and kind in ("integer", "real"):
            near = _near_number(number, kind, column.categorical)
            found += [n for n in near if isinstance(n, float) or abs(n) <= LARGEST]
    if kind == "text":
        for pattern in patterns:
            found += _near_pattern(pattern, draw)
    return tuple(dict.fromkeys(found))


def _as_number(value: Cell) -> float | None:
    if isinstance(value, int | float):
        return value
    try:
        number = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() else number


def _near_number(number: float, kind: Kind, exact: bool) -> list[int | float]:
    if kind == "integer":
        whole = [math.floor(number), math.ceil(number)]
        return [*whole] if exact else [*whole, whole[0] - 1, whole[1] + 1]
    return [number] if exact else [number, number - 1, number + 1, number - 0.5, number + 0.5]


def _near_text(text: str, column: ColumnProfile, draw: Random) -> list[Cell]:
    if column.categorical:
        return [text]
    if _NUMBER.search(text):
        return [text, shifted(text, 1), shifted(text, -1)]
    return [text, f"{draw.choice(WORDS).title()} {text}", f"{text} {draw.choice(WORDS)}"]


def _near_pattern(pattern: str, draw: Random) -> list[Cell]:
    """Texts that match, and that fail to by what stands before or after the pattern's core."""
    word = draw.choice(WORDS)
    core = pattern.strip("%")
    core = core.replace("%", word).replace("_", word[0])
    return [core, f"{word}{core}", f"{core}{word}", f"{word}{core}{word}", core[:-1]]


def shifted(text: str, by: int) -> str:
    """`text` with its last number larger by `by`, as wide as before where it fits."""

    def move(found: re.Match[str]) -> str:
        return str(max(0, int(found[0]) + by)).zfill(len(found[0]))

    return _NUMBER.sub(move, text, count=1)


class ValueSource:
    """Draws values for one column of one table.

    `width` different values of those that the column has are used, so that few give ties and
    groups; `near` values come in with a share of `near_share`.
    """

    def __init__(
        self,
        column: ColumnProfile,
        near: Sequence[Cell],
        near_share: float,
        width: int,
        draw: Random,
    ) -> None:
        self.column = column
        self.kind = kind_of(column)
        self._near = near
        self._near_share = near_share if near else 0.0
        self._draw = draw
        values = column.values or _invented(self.kind, column.type, draw)
        self._numbers = [v for v in values if isinstance(v, int | float) and math.isfinite(v)]
        self.usual = tuple(draw.sample(values, min(max(1, width), len(values))))

    def value(self, usual: Cell) -> Cell:
        """A value near what is mentioned, or else `usual`, or one made up to be like it."""
        chance = self._draw.random()
        if chance < self._near_share:
            return self._draw.choice(self._near)
        if self.column.categorical or self._draw.random() > _FRESH_SHARE:
            return usual
        return self.between(usual)

    def between(self, usual: Cell) -> Cell:
        """A number among those of the column; a text stays as it is."""
        if self.kind not in ("integer", "real") or not self._numbers:
            return usual
        low, high = min(self._numbers), max(self._numbers)
        if self.kind == "integer":
            return self._draw.randint(int(low), int(high))
        return round(self._draw.uniform(low, high), 2)

    def another(self, taken: int) -> Cell:
        """A value for a unique column in which `taken` attempts have met a value that is there."""
        usual = self._draw.choice(self.usual)
        if self.kind in ("integer", "real") and self._numbers:
            low, high = int(min(self._numbers)), int(max(self._numbers))
            return self._draw.randint(low, min(high + 2 * taken, max(high, LARGEST)))
        if isinstance(usual, str):
            return f"{usual}{self._draw.randint(1, 9 + taken)}"
        return usual


def _invented(kind: Kind, declared: str, draw: Random) -> tuple[Cell, ...]:
    """Values for a column of which none are known."""
    if kind == "integer":
        return tuple(range(1, 13))
    if kind == "real":
        return tuple(number / 2 for number in range(1, 13))
    if "DATE" in declared.upper() or "TIME" in declared.upper():
        return tuple(f"20{draw.randint(0, 24):02}-{month:02}-17" for month in range(1, 13))
    return WORDS
