import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from sqlkiln.core.errors import UsageError
from sqlkiln.models.pace import Pace, duration_s, retry_after_s


def seconds_of(count, pace):
    start = time.monotonic()
    for _ in range(count):
        pace.wait()
    return time.monotonic() - start


def test_requests_are_spaced_evenly():
    assert seconds_of(100, Pace()) < 0.5
    assert 0.2 <= seconds_of(3, Pace(per_minute=600)) < 1


def test_the_rate_comes_from_the_environment(no_settings, monkeypatch):
    monkeypatch.setenv("SQLKILN_REQUESTS_PER_MINUTE", "1200")
    assert 0.1 <= seconds_of(3, Pace.from_environment()) < 1


@pytest.mark.parametrize("text", ["fast", "0", "-3", "nan"])
def test_wrong_rates_are_refused(no_settings, monkeypatch, text):
    monkeypatch.setenv("SQLKILN_REQUESTS_PER_MINUTE", text)
    with pytest.raises(UsageError, match=f"not a positive number: found '{text}'; set it"):
        Pace.from_environment()


def test_a_server_without_requests_left_is_given_time():
    pace = Pace()
    pace.heed({"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "9s"})
    assert seconds_of(1, pace) < 0.14
    pace.heed({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "200ms"})
    assert 0.15 <= seconds_of(1, pace) < 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("6m0s", 360), ("1.5s", 1.5), ("20ms", 0.02), ("1h2m3s", 3723), ("30", 30), ("soon", 0)],
)
def test_durations(text, seconds):
    assert duration_s(text) == pytest.approx(seconds)


def test_retry_after():
    assert retry_after_s({}) is None
    assert retry_after_s({"retry-after": "soon"}) is None
    assert retry_after_s({"retry-after": "2.5"}) == 2.5
    assert retry_after_s({"retry-after": "-1"}) == 0
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    assert retry_after_s({"retry-after": date}) == pytest.approx(20, abs=2)
