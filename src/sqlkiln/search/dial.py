"""The strategy `budget`: the best other strategy that fits what an answer may cost.

    budget:2s
    budget:0.10usd,adapter=none,curve=runs/budget/curve.json

It goes by the curve that `sqlkiln tune-budget` made of this model on this machine: by one about
this very database, if there is one. `curve=FILE` names another. Without a curve, relative costs
that come with sqlkiln are taken times the speed of the model, which is measured once and learned
from answers. The reason is among the notes of every answer.

A curve of another model or adapter is refused, since its accuracies say nothing here. One of
another machine is used, and the reason says so: its accuracies hold, and its seconds are better
than none. The one that is chosen also tells how sure it is, if it can.

The first question about a database is chosen for by the seconds of first questions, as the model
has yet to read the schema; further ones by those of warm questions. `adapter` is the one that the
model answers with, as answers name it; without it, the one that is shipped for the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from sqlkiln.core import adapters, plugins
from sqlkiln.core.errors import DataError, MissingDependency, UsageError
from sqlkiln.core.plugins import Backend, Database, Solution, Strategy, Task, Watch
from sqlkiln.core.provenance import machine
from sqlkiln.scoring.curve import (
    BASELINE,
    Curve,
    find,
    machine_title,
    read_curve,
    same_machine,
)
from sqlkiln.scoring.prices import read_prices
from sqlkiln.search.budget import Budget, Choice, Offer, Situation, choose, offers
from sqlkiln.search.relative import (
    estimated,
    find_pace,
    keep_pace,
    learned_pace,
    measure_pace,
    read_relative,
)

DEFAULT_BUDGET = "2s"


@dataclass(frozen=True)
class Settings:
    """What a dial is set to; `adapter` is '' for the one that is shipped, 'none' for none."""

    budget: Budget
    adapter: str = ""
    curve: Path | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ":2s,adapter=NAME,curve=FILE"; what stands in it comes in this order.

        Raises:
            UsageError: if it reads otherwise.
        """
        rest, _, curve = text.removeprefix(":").partition(",curve=")
        amount, comma, option = rest.partition(",")
        key, _, adapter = option.partition("=")
        if comma and (key != "adapter" or not adapter):
            raise UsageError(
                f"unknown setting of a budget: {option!r}; write "
                "budget:AMOUNT[,adapter=NAME][,curve=FILE]"
            )
        return cls(Budget.parse(amount), adapter, Path(curve).expanduser() if curve else None)

    def __str__(self) -> str:
        adapter = f",adapter={self.adapter}" if self.adapter else ""
        return f":{self.budget.text}{adapter}{f',curve={self.curve}' if self.curve else ''}"


@dataclass(frozen=True)
class Asking:
    """Who is to be asked about what: the model, the machine it runs on, the database."""

    model: str
    adapter: str | None
    machine: Mapping[str, str | int]
    database: Path | None = None


class Dial:
    """Another strategy, chosen for each question by what it may cost."""

    def __init__(self, settings: Settings | None = None) -> None:
        """Set it; without settings, to `DEFAULT_BUDGET`."""
        self._settings = settings or Settings(Budget.parse(DEFAULT_BUDGET))
        self.name = f"budget{settings or ''}"
        self._opened: dict[str, Strategy] = {}
        self._choices: dict[tuple[str, Path, Situation], Choice] = {}
        self._last: tuple[Backend, Database] | None = None

    @classmethod
    def configured(cls, settings: str) -> Self:
        """With the settings written behind `budget`."""
        return cls(Settings.parse(settings))

    def solve(self, task: Task, backend: Backend, database: Database, watch: Watch) -> Solution:
        """Answer `task` with the chosen strategy, whose name it takes on.

        Raises:
            DataError: if the named curve cannot be read, or is one of another model.
        """
        read_already = self._last is not None and _same(self._last, (backend, database))
        situation: Situation = "warm" if read_already else "first"
        key = (backend.model, database.path, situation)
        if key not in self._choices:
            self._choices[key] = self._choice(task, backend, database, situation)
        choice = self._choices[key]
        if choice.strategy not in self._opened:
            self._opened[choice.strategy] = _telling(choice.strategy)
        strategy = self._opened[choice.strategy]
        solution = strategy.solve(task, backend, database, watch)
        self.name, self._last = strategy.name, (backend, database)
        if choice.estimated:
            self._learn(solution, backend.model)
        return replace(solution, notes=(choice.reason, *solution.notes))

    def _choice(
        self, task: Task, backend: Backend, database: Database, situation: Situation
    ) -> Choice:
        adapter = self._adapter(backend.model)
        asking = Asking(backend.model, adapter, machine(), database.path)
        length = sum(len(message.content) for message in task.request(None).messages)
        return chosen(self._settings, asking, situation, length, backend)

    def _learn(self, solution: Solution, model: str) -> None:
        pace = learned_pace([solution.candidates[0].completion])
        if pace is not None:
            keep_pace(pace, model, self._adapter(model), machine())

    def _adapter(self, model: str) -> str | None:
        given = self._settings.adapter
        if given == adapters.NONE:
            return None
        return given or adapters.shown(adapters.choose(model, None))


def _telling(spec: str) -> Strategy:
    """The strategy `spec`, with how sure it is of its answers, if it can tell."""
    try:
        return plugins.open_strategy(f"{spec}+sure")
    except UsageError:
        return plugins.open_strategy(spec)


def _same(a: tuple[object, ...], b: tuple[object, ...]) -> bool:
    return all(x is y for x, y in zip(a, b, strict=True))


# --------------------------------------------------------------------------- choosing


def chosen(
    settings: Settings,
    asking: Asking,
    situation: Situation,
    prompt_chars: int | None,
    backend: Backend | None,
) -> Choice:
    """Choose by a curve, or else by relative costs, for which `backend` may be asked for its speed.

    `prompt_chars` is the length of a whole prompt, if it is known: where there is no curve, a long
    one costs more.

    Raises:
        DataError: as `curve_for`.
        UsageError: if of no strategy it is known what it costs.
    """
    curve = curve_for(settings, asking)
    if curve is not None:
        about = curve.about
        if not same_machine(curve.machine, asking.machine):
            about += (
                f" on another machine ({machine_title(curve.machine)}), so seconds may differ here"
            )
        return choose(settings.budget, _available(offers(curve, situation)), about)
    return _by_relative_costs(settings.budget, asking, situation, prompt_chars, backend)


def needs_speed(settings: Settings, asking: Asking) -> bool:
    """Whether choosing takes a model to be asked for its speed.

    Raises:
        DataError: as `curve_for`.
    """
    if curve_for(settings, asking) is not None:
        return False
    return find_pace(asking.model, asking.adapter, asking.machine) is None


def curve_for(settings: Settings, asking: Asking) -> Curve | None:
    """The curve that settings name, or the one that is kept for this model and machine.

    Raises:
        DataError: if the named one cannot be read, or is one of another model or adapter.
    """
    if settings.curve is None:
        return find(asking.model, asking.adapter, asking.machine, asking.database)
    curve = read_curve(settings.curve)
    theirs, ours = (_who(curve.model, curve.adapter), _who(asking.model, asking.adapter))
    if theirs != ours:
        raise DataError(
            f"the curve is one of another model: {settings.curve} is of {theirs}, asked is {ours}; "
            "measure this one with sqlkiln tune-budget, or leave out --curve"
        )
    return curve


def _who(model: str, adapter: str | None) -> str:
    return f"{model} + {adapter}" if adapter else f"{model} without an adapter"


def _available(among: tuple[Offer, ...]) -> tuple[Offer, ...]:
    """Those that can be opened here: a curve may know plug-ins that are not installed."""
    found = []
    for offer in among:
        try:
            plugins.open_strategy(offer.strategy)
        except (UsageError, MissingDependency):
            continue
        found.append(offer)
    return tuple(found)


def _by_relative_costs(
    budget: Budget,
    asking: Asking,
    situation: Situation,
    prompt_chars: int | None,
    backend: Backend | None,
) -> Choice:
    relative = read_relative()
    pace = find_pace(asking.model, asking.adapter, asking.machine)
    if pace is None and backend is not None:
        pace = measure_pace(backend)
        if pace is not None:
            keep_pace(pace, asking.model, asking.adapter, asking.machine)
    priced = (asking.model, read_prices())
    among = _available(estimated(relative, pace, situation, prompt_chars, priced))
    known = [o for o in among if (o.seconds if budget.seconds else o.usd_per_1000) is not None]
    if not known:
        multiples = {offer.strategy: relative.strategies[offer.strategy].mean for offer in among}
        cheapest = min(multiples, key=multiples.__getitem__, default=BASELINE)
        return Choice(
            cheapest,
            fits=False,
            reason=f"budget {budget.text}: nothing is known of how fast {asking.model} is here, so "
            f"the cheapest strategy was taken, {cheapest}; measure with sqlkiln tune-budget",
            estimated=True,
        )
    speed = f", times the speed of {asking.model} here ({pace.told})" if pace else ""
    about = f"not measured here: {relative.about}{speed}; measure with sqlkiln tune-budget"
    return replace(choose(budget, known, about), estimated=True)
