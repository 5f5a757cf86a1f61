"""How fast a server may be asked: by the user's own limit, and by what its answers say."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Self

from sqlkiln.core.errors import UsageError
from sqlkiln.models.credentials import setting

RATE_VARIABLE = "SQLKILN_REQUESTS_PER_MINUTE"
LONGEST_HOLD_S = 60.0

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)(ms|s)?)?")


class Pace:
    """Spaces requests evenly, over all threads that share it."""

    def __init__(self, per_minute: float = math.inf) -> None:
        self._gap_s = 60.0 / per_minute
        self._free_at = 0.0
        self._lock = Lock()

    @classmethod
    def from_environment(cls) -> Self:
        """As `RATE_VARIABLE` says, or without a limit.

        Raises:
            UsageError: if it is not a positive number.
        """
        text = setting(RATE_VARIABLE) or "inf"
        try:
            per_minute = float(text)
        except ValueError:
            per_minute = 0.0
        if not per_minute > 0:
            raise UsageError(
                f"{RATE_VARIABLE} is not a positive number: found {text!r}; set it to requests a "
                "minute, or unset it"
            )
        return cls(per_minute)

    def wait(self) -> None:
        """Sleep until it is this request's turn."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._free_at)
            self._free_at = turn + self._gap_s
        if turn > now:
            time.sleep(turn - now)

    def heed(self, headers: Mapping[str, str]) -> None:
        """Hold all requests back if the server says that none is left for now."""
        if headers.get("x-ratelimit-remaining-requests") == "0":
            hold_s = min(duration_s(headers.get("x-ratelimit-reset-requests", "")), LONGEST_HOLD_S)
            with self._lock:
                self._free_at = max(self._free_at, time.monotonic() + hold_s)


def duration_s(text: str) -> float:
    """'6m0s', '1.5s', '20ms' or '30' in seconds; 0.0 for anything else."""
    match = _DURATION.fullmatch(text.strip())
    if not match:
        return 0.0
    hours, minutes, rest, unit = match.groups()
    seconds = float(rest or 0) * (0.001 if unit == "ms" else 1.0)
    return int(hours or 0) * 3600.0 + int(minutes or 0) * 60.0 + seconds


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """What a Retry-After header asks for, given in seconds or as a date; None without one."""
    text = headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None
