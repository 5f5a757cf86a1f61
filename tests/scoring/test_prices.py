import datetime

import pytest

from sqlkiln.core.errors import DataError
from sqlkiln.core.records import Prediction
from sqlkiln.scoring.prices import bill, price_of, read_prices

OWN = """
collected = 2026-02-03
[machine]
usd_per_hour = 3.6
[models.tiny]
input = 2.0
cached_input = 0.5
output = 10.0
[models.tiny-mini]
input = 1.0
output = 2.0
"""


@pytest.fixture
def prices(tmp_path):
    path = tmp_path / "prices.toml"
    path.write_text(OWN)
    return read_prices(path)


def prediction(model="", seconds=0.0, prompt=0, cached=0, completion=0):
    return Prediction(
        id="1",
        db_id="shop",
        sql="",
        model=model,
        seconds=seconds,
        prompt_tokens=prompt,
        cached_tokens=cached,
        completion_tokens=completion,
    )


def test_sqlkiln_brings_a_dated_list():
    prices = read_prices()
    assert prices.collected > datetime.date(2026, 1, 1)
    assert prices.machine.usd_per_hour > 0
    assert len(prices.models) >= 5
    for price in prices.models.values():
        assert 0 < price.input < price.output
        assert price.cached_input is None or 0 < price.cached_input < price.input


def test_tokens_are_billed_at_the_model_s_price(prices):
    # 600 * 2 + 400 * 0.5 + 50 * 10 = 1900 millionths of a dollar, and as much again
    found = bill([prediction("tiny", 9.0, 1000, 400, 50)] * 2, prices)
    assert found.usd_per_1000 == pytest.approx(1.9)
    assert (found.priced_as, found.collected) == ("tiny", datetime.date(2026, 2, 3))


def test_cached_tokens_without_a_price_cost_as_others(prices):
    found = bill([prediction("tiny-mini", 0.0, 1000, 400, 50)], prices)
    assert found.usd_per_1000 == pytest.approx(1.1)


def test_seconds_are_billed_at_the_machine_s_price(prices):
    # 3.6 dollars an hour is a thousandth of a dollar a second
    predictions = [prediction("qwen.gguf", 1.0), prediction("qwen.gguf", 3.0)]
    found = bill(predictions, prices)
    assert (found.usd_per_1000, found.priced_as) == (pytest.approx(2.0), "machine")
    assert bill(predictions, prices, at_a_time=4).usd_per_1000 == pytest.approx(0.5)
    assert (found.interval.low, found.interval.high) == pytest.approx((1.0, 3.0))


def test_what_tells_neither_has_no_bill(prices):
    assert bill([], prices) is None
    assert bill([prediction("qwen.gguf")], prices) is None
    assert bill([prediction(prompt=100)], prices) is None


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("tiny", "tiny"),
        ("tiny-mini", "tiny-mini"),
        ("tiny-2025-04-14", "tiny"),
        ("tiny-mini-20250414", "tiny-mini"),
        ("https://api.example.com/v1#tiny", "tiny"),
        ("https://api.example.com/v1#vendor/tiny-mini", "tiny-mini"),
        ("tiny-large", None),
        ("minitiny", None),
        ("models/qwen.gguf", None),
    ],
)
def test_names_are_found_with_a_date_or_behind_a_url(prices, model, name):
    found = price_of(model, prices)
    assert (found[0] if found else None) == name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not TOML", r"prices\.toml: not TOML: "),
        ("collected = 2026-01-01", r"prices\.toml: wrong price list: machine: Field required"),
        (OWN + "batch = 1.0", r"wrong price list: models\.tiny-mini\.batch: Extra inputs"),
        (OWN.replace("2.0", '"cheap"'), r"wrong price list: models\.tiny\.input: Input should be"),
    ],
)
def test_a_wrong_list_is_refused(tmp_path, text, message):
    path = tmp_path / "prices.toml"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_prices(path)


def test_a_list_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"cannot read: .*none\.toml: .*; check --prices"):
        read_prices(tmp_path / "none.toml")
