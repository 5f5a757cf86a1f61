"""What an answer may cost, and the strategy to take for it: pure.

    300ms   2s   1.5s    seconds that a question may take
    0.10usd              US dollars that 1,000 questions may cost, as prices are quoted in the field

Of the strategies that fit, the most accurate is taken, and of equally accurate ones the cheaper.
Seconds fit if their 95th percentile does: whoever waits for an answer is promised a time, and a
median would break the promise every other time. Dollars fit by their mean, which is what the bill
adds up. If nothing fits, the cheapest is taken, and the reason says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Self

from sqlkiln.core.errors import UsageError
from sqlkiln.scoring.curve import Curve

Situation = Literal["first", "warm"]
"""Whether the model has yet to read the schema."""

SAME = 0.01
"""Accuracies that differ by no more are equal: a curve of some hundred questions tells no less."""

_BUDGET = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(ms|s|usd)", re.IGNORECASE)


@dataclass(frozen=True)
class Budget:
    """Either `seconds` a question or `usd_per_1000` questions; `text` is as it was given."""

    text: str
    seconds: float | None = None
    usd_per_1000: float | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "300ms", "1.5s" or "0.10usd".

        Raises:
            UsageError: if it reads otherwise, or is nothing.
        """
        match = _BUDGET.fullmatch(text.strip())
        if match is None:
            raise UsageError(
                f"cannot read the budget: {text!r}; write seconds a question, such as 300ms or "
                "1.5s, or US dollars for 1,000 questions, such as 0.10usd"
            )
        number, unit = float(match[1]), match[2].lower()
        if number == 0:
            raise UsageError(f"a budget of nothing: {text!r} buys no answer; give more than 0")
        written = f"{match[1]}{unit}"
        if unit == "usd":
            return cls(written, usd_per_1000=number)
        return cls(written, seconds=number / 1000 if unit == "ms" else number)


@dataclass(frozen=True)
class Offer:
    """A strategy with what it is worth (`accuracy`, or a gain) and takes; None is not known.

    `seconds` are the 95th percentile. `told` says how good it is, as part of a sentence.
    """

    strategy: str
    accuracy: float
    seconds: float | None
    usd_per_1000: float | None
    told: str


@dataclass(frozen=True)
class Choice:
    """The strategy that was taken, whether it fits the budget, and why it was taken.

    It is `estimated` where nothing was measured but the speed of the model.
    """

    strategy: str
    fits: bool
    reason: str
    estimated: bool = False


def offers(curve: Curve, situation: Situation) -> tuple[Offer, ...]:
    """The strategies of a curve, with their seconds in `situation` if those were measured."""
    found = []
    for point in curve.points:
        seconds = (point.first or point.warm) if situation == "first" else point.seconds
        low, high = 100 * point.interval.low, 100 * point.interval.high
        told = f"{point.accuracy:.1%} right ({low:.0f} to {high:.0f})"
        p95 = seconds.p95_s if seconds else None
        found.append(Offer(point.strategy, point.accuracy, p95, point.usd_per_1000, told))
    return tuple(found)


def choose(budget: Budget, among: Iterable[Offer], about: str) -> Choice:
    """The best strategy for `budget`; `about` tells where the numbers come from.

    Raises:
        UsageError: if of no strategy it is known what it costs.
    """
    priced = [(cost, offer) for offer in among if (cost := _cost(budget, offer)) is not None]
    if not priced:
        what = "seconds" if budget.seconds is not None else "dollars"
        raise UsageError(
            f"nothing to choose from for --budget {budget.text}: no strategy has a cost in {what} "
            f"({about}); measure with sqlkiln tune-budget, or give --strategy"
        )
    limit = budget.seconds if budget.seconds is not None else budget.usd_per_1000
    fitting = [(cost, offer) for cost, offer in priced if limit is not None and cost <= limit]
    if not fitting:
        cost, cheapest = min(priced, key=lambda one: one[0])
        return Choice(
            cheapest.strategy,
            fits=False,
            reason=f"budget {budget.text}: no strategy fits, so the cheapest was taken, "
            f"{_described(budget, cost, cheapest)}; {about}",
        )
    cost, best = _best(fitting)
    of = f"{len(fitting)} of {len(priced)} strategies fit, the best is"
    return Choice(
        best.strategy,
        fits=True,
        reason=f"budget {budget.text}: {of} {_described(budget, cost, best)}; {about}",
    )


def _cost(budget: Budget, offer: Offer) -> float | None:
    return offer.seconds if budget.seconds is not None else offer.usd_per_1000


def _best(fitting: Sequence[tuple[float, Offer]]) -> tuple[float, Offer]:
    most = max(offer.accuracy for _, offer in fitting)
    equal = [one for one in fitting if one[1].accuracy >= most - SAME]
    return min(equal, key=lambda one: one[0])


def _described(budget: Budget, cost: float, offer: Offer) -> str:
    if budget.seconds is None:
        taken = f"US${cost:.3g} for 1,000 questions"
    else:
        taken = f"95% of answers within {shown_seconds(cost)}"
    return f"{offer.strategy} ({offer.told}, {taken})"


def shown_seconds(seconds: float) -> str:
    """Seconds as people read them."""
    return f"{1000 * seconds:.0f} ms" if seconds < 0.0995 else f"{seconds:.2f} s"
