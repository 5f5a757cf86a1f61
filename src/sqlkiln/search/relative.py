"""What strategies cost where nothing was measured: as multiples of `greedy`, times its speed here.

The multiples and the gains in accuracy come with sqlkiln (`assets/budget/relative.json`), made of
one curve by `benchmarks/relative_costs.py`. How fast a model is on this machine is measured once,
in a second or two, kept in the cache folder, and learned anew from answers: a machine may have been
busy when it was measured.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Literal

from sqlkiln.core.errors import BackendError, DataError, EnvironmentFault
from sqlkiln.core.files import parse_record, write_atomic
from sqlkiln.core.plugins import Backend, Completion, Message, Request
from sqlkiln.core.records import Record
from sqlkiln.scoring.curve import BASELINE, SAME_MACHINE, Curve, Times, kept_under
from sqlkiln.scoring.prices import Prices, price_of
from sqlkiln.search.budget import Offer, Situation

CHARS_A_TOKEN = 3.3
LEAST_READ, LEAST_WRITTEN = 100, 8
"""Tokens of an answer that tells how fast the model is; a few are read at another speed."""

_TABLES = "\n".join(
    f"CREATE TABLE reading_{n} (id INTEGER PRIMARY KEY, name TEXT, amount REAL, day DATE);"
    for n in range(12)
)
_WARM_UP = Request((Message("user", "Say OK."),), max_tokens=4)
_TRIAL = Request(
    (
        Message("system", "You translate questions into SQLite SQL."),
        Message(
            "user",
            f"Schema:\n{_TABLES}\n\nQuestion: List the names, the amounts and the days of the ten "
            "readings in reading_7 with the largest amounts, the largest first.",
        ),
    ),
    max_tokens=32,
)
_log = logging.getLogger(__name__)


# --------------------------------------------------------------------------- relative costs


class Multiple(Times):
    """A strategy against `greedy`: seconds and completions as multiples, a gain in [-1, 1]."""

    completions: float
    gain: float


class Relative(Record):
    """Multiples by strategy, and what they were measured on.

    Tokens are greedy's: of a whole prompt the mean; read and written, the median of warm questions.
    """

    schema_id: Literal["relative/1"] = "relative/1"
    model: str
    adapter: str | None
    machine: dict[str, str | int]
    dataset: str
    split: str
    questions: int
    measured_at: str
    prompt_tokens: float
    read_tokens: float
    written_tokens: float
    strategies: dict[str, Multiple]

    @property
    def about(self) -> str:
        """What they were measured on, as part of a sentence."""
        model = f"{self.model}{f' + {self.adapter}' if self.adapter else ''}"
        return (
            f"costs relative to {BASELINE} as measured {self.measured_at} with {model} on "
            f"{self.questions} questions of {self.dataset} {self.split}"
        )


def relative_to_baseline(curve: Curve) -> Relative:
    """The multiples that a curve holds.

    Raises:
        DataError: if it has no warm questions of `greedy`.
    """
    points = {point.strategy: point for point in curve.points}
    greedy = points.get(BASELINE)
    if greedy is None or greedy.times is None:
        raise DataError(
            f"nothing to compare with: the curve has no warm questions of {BASELINE!r}; measure it "
            "too, with several questions about a database"
        )
    return Relative(
        model=curve.model,
        adapter=curve.adapter,
        machine=curve.machine,
        dataset=curve.dataset,
        split=curve.split,
        questions=curve.questions,
        measured_at=curve.measured_at,
        prompt_tokens=greedy.tokens.prompt / curve.questions,
        read_tokens=greedy.read_tokens,
        written_tokens=greedy.written_tokens,
        strategies={
            name: Multiple(
                p50=round(point.times.p50, 3),
                p95=round(point.times.p95, 3),
                mean=round(point.times.mean, 3),
                completions=round(point.completions / greedy.completions, 3),
                gain=round(point.accuracy - greedy.accuracy, 4),
            )
            for name, point in points.items()
            if point.times is not None
        },
    )


def read_relative(path: Path | None = None) -> Relative:
    """The multiples in `path`, or those that come with sqlkiln.

    Raises:
        DataError: if the file is not one of these.
    """
    if path is not None:
        return parse_record(path.read_bytes(), Relative, str(path))
    place = resources.files("sqlkiln.assets").joinpath("budget", "relative.json")
    return parse_record(place.read_bytes(), Relative, "budget/relative.json")


# --------------------------------------------------------------------------- speed


class Pace(Record):
    """How fast a model is on one machine; without `read_per_s` reading is part of writing."""

    schema_id: Literal["pace/1"] = "pace/1"
    read_per_s: float | None
    written_per_s: float
    measured_at: str

    @property
    def told(self) -> str:
        """The speed, as part of a sentence."""
        if self.read_per_s is None:
            return f"{self.written_per_s:.0f} tokens/s"
        return f"{self.read_per_s:.0f} tokens/s read and {self.written_per_s:.0f} written"

    def seconds(self, read: float, written: float) -> float:
        """What reading and writing so many tokens takes."""
        return (read / self.read_per_s if self.read_per_s else 0.0) + written / self.written_per_s


def learned_pace(completions: Iterable[Completion]) -> Pace | None:
    """The speed at which an answer was made, if one of its completions is long enough to tell."""
    for one in completions:
        read = one.prompt_tokens - one.cached_tokens
        if read >= LEAST_READ and one.completion_tokens >= LEAST_WRITTEN:
            return pace_of(one)
    return None


def measure_pace(backend: Backend) -> Pace | None:
    """Ask a made-up question and see how long it takes; None if the model does not answer it."""
    try:
        backend.generate(_WARM_UP)
        return pace_of(backend.generate(_TRIAL))
    except BackendError as error:
        _log.info("no speed measured: %s", error)
        return None


def pace_of(completion: Completion) -> Pace | None:
    """The speed that one completion shows; None if it tells too little."""
    done, read = completion.completion_tokens, completion.prompt_tokens - completion.cached_tokens
    told_apart = completion.prompt_s > 0 and completion.decode_s > 0 and read > 0
    seconds = completion.decode_s if told_apart else completion.seconds
    if done < 1 or seconds <= 0:
        return None
    return Pace(
        read_per_s=read / completion.prompt_s if told_apart else None,
        written_per_s=done / seconds,
        measured_at=datetime.now(UTC).date().isoformat(),
    )


def _pace_file(model: str, adapter: str | None, machine: Mapping[str, str | int]) -> Path:
    return kept_under("pace", [machine.get(key) for key in SAME_MACHINE], model, adapter)


def keep_pace(
    pace: Pace, model: str, adapter: str | None, machine: Mapping[str, str | int]
) -> None:
    """Remember it; where the cache cannot be written, it is measured again next time."""
    try:
        write_atomic(_pace_file(model, adapter, machine), pace.model_dump_json() + "\n")
    except EnvironmentFault as error:
        _log.info("speed not kept: %s", error)


def find_pace(model: str, adapter: str | None, machine: Mapping[str, str | int]) -> Pace | None:
    """The speed that was measured before, if it was."""
    path = _pace_file(model, adapter, machine)
    try:
        return parse_record(path.read_bytes(), Pace, str(path))
    except (OSError, DataError):
        return None


# --------------------------------------------------------------------------- estimates


def estimated(
    relative: Relative,
    pace: Pace | None,
    situation: Situation,
    prompt_chars: int | None,
    priced: tuple[str, Prices],
) -> tuple[Offer, ...]:
    """What each strategy would take here; of what nothing is known, None.

    `prompt_chars` is the length of a whole prompt, about as in the measurement if it is None;
    `priced` is the model's name with a price list.
    """
    prompt_tokens = prompt_chars / CHARS_A_TOKEN if prompt_chars else relative.prompt_tokens
    greedy_s = pace.seconds(relative.read_tokens, relative.written_tokens) if pace else None
    schema_s = pace.seconds(prompt_tokens, 0.0) if pace and situation == "first" else 0.0
    found = []
    for name, times in relative.strategies.items():
        seconds = None if greedy_s is None else schema_s + times.p95 * greedy_s
        mean_s = None if greedy_s is None else times.mean * greedy_s
        usd = _usd_per_1000(priced, prompt_tokens, relative.written_tokens, times, mean_s)
        told = "the baseline" if name == BASELINE else f"{100 * times.gain:+.1f} points of accuracy"
        found.append(Offer(name, times.gain, seconds, usd, told))
    return tuple(found)


def _usd_per_1000(
    priced: tuple[str, Prices], prompt: float, written: float, times: Multiple, mean_s: float | None
) -> float | None:
    model, prices = priced
    listed = price_of(model, prices)
    if listed is not None:
        price = listed[1]
        return times.completions * (prompt * price.input + written * price.output) / 1000
    return None if mean_s is None else 1000 * mean_s * prices.machine.usd_per_hour / 3600
