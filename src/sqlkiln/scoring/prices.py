"""What predictions cost: tokens at an API's list price, or seconds at a machine's.

Prices are read from a TOML file, the one that comes with sqlkiln (`assets/prices.toml`) or one of
the user's own in the same form.
"""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from statistics import fmean
from typing import Any

from pydantic import ValidationError

from sqlkiln.core.errors import DataError
from sqlkiln.core.records import Prediction, Record
from sqlkiln.scoring.statistics import Interval, bootstrap_interval


class ModelPrice(Record):
    """US dollars per million tokens; without a price of their own, cached tokens cost as others."""

    input: float
    output: float
    cached_input: float | None = None


class MachinePrice(Record):
    """US dollars per hour of a machine that runs models itself."""

    usd_per_hour: float


class Prices(Record):
    """A price list, and the day it was collected."""

    collected: datetime.date
    machine: MachinePrice
    models: dict[str, ModelPrice]


class Bill(Record):
    """What 1,000 questions cost, and by which price: a model's, or 'machine'."""

    usd_per_1000: float
    priced_as: str
    collected: datetime.date
    interval: Interval | None = None


def read_prices(path: Path | None = None) -> Prices:
    """Read a price list, sqlkiln's own without a path.

    Raises:
        DataError: naming what is wrong with the file.
    """
    try:
        if path is None:
            text = resources.files("sqlkiln.assets").joinpath("prices.toml").read_text("utf-8")
        else:
            text = path.read_text(encoding="utf-8")
        return Prices.model_validate(tomllib.loads(text))
    except OSError as error:
        raise DataError(f"cannot read: {path}: {error.strerror}; check --prices") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not TOML: {error}; correct it") from error
    except ValidationError as error:
        first: dict[str, Any] = dict(error.errors(include_url=False)[0])
        place = ".".join(str(part) for part in first["loc"])
        raise DataError(
            f"{path}: wrong price list: {place}: {first['msg']}; write it like the prices.toml of "
            "sqlkiln"
        ) from error


def price_of(model: str, prices: Prices) -> tuple[str, ModelPrice] | None:
    """The price of an API's `model`, whose name may follow a URL and '#', or a folder.

    A dated version, such as 'name-2025-04-14', has the price of its name.
    """
    name = model.rpartition("#")[2]
    for known in (name, name.rpartition("/")[2]):
        matches = [n for n in prices.models if known == n or _is_dated(known, n)]
        if matches:
            best = max(matches, key=len)
            return best, prices.models[best]
    return None


def _is_dated(name: str, known: str) -> bool:
    rest = name.removeprefix(f"{known}-")
    return rest != name and rest.replace("-", "").isdigit()


def bill(predictions: Sequence[Prediction], prices: Prices, at_a_time: int = 1) -> Bill | None:
    """What such predictions cost a thousand; None if they tell neither model nor seconds.

    `at_a_time` questions shared the machine, so each had that part of it.
    """
    if not predictions:
        return None
    priced = price_of(predictions[0].model, prices) if predictions[0].model else None
    if priced is not None:
        name, price = priced
        return _bill([_tokens_usd(p, price) for p in predictions], name, prices)
    if not any(p.seconds for p in predictions):
        return None
    usd_per_s = prices.machine.usd_per_hour / 3600 / max(1, at_a_time)
    return _bill([p.seconds * usd_per_s for p in predictions], "machine", prices)


def _bill(each_usd: Sequence[float], priced_as: str, prices: Prices) -> Bill:
    thousand = [1000 * usd for usd in each_usd]
    return Bill(
        usd_per_1000=fmean(thousand),
        priced_as=priced_as,
        collected=prices.collected,
        interval=bootstrap_interval(thousand) if any(thousand) else None,
    )


def _tokens_usd(prediction: Prediction, price: ModelPrice) -> float:
    cached = min(prediction.cached_tokens, prediction.prompt_tokens)
    cached_price = price.input if price.cached_input is None else price.cached_input
    millionths = (
        (prediction.prompt_tokens - cached) * price.input
        + cached * cached_price
        + prediction.completion_tokens * price.output
    )
    return millionths / 1e6
