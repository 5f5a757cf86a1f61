"""Seeded draws for the sample data, and the same on every machine and Python.

Everything is built on `random.Random.random`, the one method whose sequence Python promises to
keep, and on arithmetic that IEEE 754 defines exactly (hence `fsum`, and no logarithms).
"""

from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from itertools import accumulate
from math import fsum
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")

Row = tuple[Any, ...]
"""One row of a table, its cells in the order of the columns."""

Tables = dict[str, list[Row]]
"""Rows by table name."""

EVERY_DAY = (1.0,) * 7
WEEKDAYS = (1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0)
EVEN_YEAR = (1.0,) * 12


class Draws:
    """A stream of draws that depends on `seed` alone."""

    def __init__(self, seed: str) -> None:
        self.unit = Random(seed).random  # noqa: S311 - made-up data, nothing secret

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self.unit() < probability

    def integer(self, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included."""
        return low + int(self.unit() * (high - low + 1))

    def bell(self, mean: float, spread: float) -> float:
        """Roughly normal, never further than six spreads from the mean."""
        return mean + spread * (fsum(self.unit() for _ in range(12)) - 6)

    def low_heavy(self, low: float, high: float) -> float:
        """Mostly near `low`, now and then up to `high`: how prices and budgets are spread."""
        share = self.unit()
        return low + (high - low) * share * share * share

    def pick(self, items: Sequence[T]) -> T:
        """One of `items`, each as likely."""
        return items[int(self.unit() * len(items))]

    def some(self, items: Sequence[T], count: int) -> list[T]:
        """Up to `count` different items in random order."""
        rest = list(items)
        return [rest.pop(int(self.unit() * len(rest))) for _ in range(min(count, len(rest)))]

    def weighted(self, weights: Mapping[T, float]) -> T:
        """One key of `weights`, by its weight."""
        return self.chooser(tuple(weights), tuple(weights.values()))()

    def chooser(self, items: Sequence[T], weights: Sequence[float]) -> Callable[[], T]:
        """A function that draws from `items` by weight; for many draws from the same items."""
        edges = list(accumulate(weights))

        def choose() -> T:
            return items[bisect(edges, self.unit() * edges[-1], hi=len(edges) - 1)]

        return choose

    def popular(self, items: Sequence[T], head: int = 6) -> Callable[[], T]:
        """Like `chooser` with favourites and a long tail, in random order; Zipf from rank `head`.

        The smaller `head`, the further the first favourite is ahead of the others.
        """
        weights = [1 / (rank + head) for rank in range(len(items))]
        return self.chooser(self.some(items, len(items)), weights)

    def days(
        self,
        first: date,
        last: date,
        months: Sequence[float] = EVEN_YEAR,
        weekdays: Sequence[float] = EVERY_DAY,
        growth: float = 1.0,
    ) -> Callable[[], date]:
        """A function that draws days from `first` to `last`, both included.

        `months` are the seasons (January first), `weekdays` the week (Monday first), and the last
        day is `growth` times as likely as the first.
        """
        span = max((last - first).days, 1)
        days = [first + timedelta(n) for n in range((last - first).days + 1)]
        weights = [
            months[day.month - 1] * weekdays[day.weekday()] * (1 + (growth - 1) * n / span)
            for n, day in enumerate(days)
        ]
        return self.chooser(days, weights)

    def day(self, first: date, last: date) -> date:
        """One day from `first` to `last`, both included."""
        return first + timedelta(self.integer(0, (last - first).days))


def later(day: date, days: int) -> date:
    """The day `days` after `day`."""
    return day + timedelta(days)


def text(day: date | None) -> str | None:
    """ISO form, as the databases store days; None stays None."""
    return None if day is None else day.isoformat()
