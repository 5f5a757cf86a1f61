"""HTTP calls to a model server that may be busy: retries, pauses, and errors with names.

HTTP 429, 500, 502, 503 and 504, failures to connect and silence are tried again, after pauses that
double and vary by chance; a server that says how long to wait is obeyed. Everything else fails at
once. The API key is in no message.
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, TypeVar

import httpx

from sqlkiln.core.errors import (
    BackendAuthError,
    BackendError,
    BackendRateLimited,
    BackendTimeout,
)
from sqlkiln.core.plugins import BackendOptions
from sqlkiln.models.chat_completions import named_error
from sqlkiln.models.credentials import KEY_VARIABLES
from sqlkiln.models.pace import Pace, retry_after_s

T = TypeVar("T")

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
CONNECT_TIMEOUT_S = 10.0

log = logging.getLogger(__name__)


class NotOffered(BackendError):
    """The server does not know the address, or the model (HTTP 404, 405, 501)."""


class _Passing(Exception):
    """A failure that may be over after a while: `wait_s`, if the server told."""

    def __init__(self, error: BackendError, wait_s: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait_s = wait_s


class Calls:
    """The calls to one server. Safe to use from several threads."""

    def __init__(self, url: httpx.URL, key: str, options: BackendOptions) -> None:
        self.place = f"{url.scheme}://{url.netloc.decode()}"
        self._key = key
        self._options = options
        self._pace = Pace.from_environment()
        self._client = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(options.timeout_s, connect=CONNECT_TIMEOUT_S, pool=None),
            limits=httpx.Limits(max_connections=options.slots),
            trust_env=not is_loopback(url.host),
        )

    def send(self, method: str, path: str, body: Any, read: Callable[[httpx.Response], T]) -> T:
        """Call until the server answers with HTTP 200; return what `read` makes of the answer.

        `read` gets the response before its content. An `httpx.TransportError` that it lets pass
        counts as a failure to connect.

        Raises:
            BackendAuthError: on HTTP 401 and 403.
            BackendRateLimited: on HTTP 429 at the last try, or with a pause that is too long.
            BackendTimeout: if nothing came for `timeout_s` at the last try.
            ContextOverflow: if the server says that the prompt is too long.
            NotOffered: on HTTP 404, 405 and 501.
            BackendError: on anything else.
        """
        tried = 0
        while True:
            self._pace.wait()
            tried += 1
            try:
                return self._send_once(method, path, body, read)
            except _Passing as passing:
                self._pause(passing, tried)

    def close(self) -> None:
        """Close the connections; calling it twice is fine."""
        self._client.close()

    def redacted(self, text: str) -> str:
        """`text` without the key."""
        return text.replace(self._key, "***") if self._key else text

    def _send_once(
        self, method: str, path: str, body: Any, read: Callable[[httpx.Response], T]
    ) -> T:
        try:
            with self._client.stream(method, path, json=body) as response:
                self._pace.heed(response.headers)
                if response.status_code == 200:
                    return read(response)
                response.read()
                raise self._refusal(response)
        except httpx.TimeoutException as error:
            raise _Passing(
                BackendTimeout(
                    f"no answer in time: nothing came from {self.place} for "
                    f"{self._options.timeout_s:g} s; allow more time, or use a faster model"
                )
            ) from error
        except httpx.TransportError as error:
            raise _Passing(
                BackendError(
                    f"no connection to {self.place}: {error}; check the address, and that the "
                    "server runs"
                )
            ) from error

    def _refusal(self, response: httpx.Response) -> BackendError | _Passing:
        status, details = response.status_code, self._details(response)
        reason = details.get("message") if isinstance(details, dict) else details
        said = f"{self.place} answered HTTP {status}: {reason or 'no reason given'}"
        if status in (401, 403):
            return BackendAuthError(f"{said}; put a right key into {' or '.join(KEY_VARIABLES)}")
        if status in (404, 405, 501):
            return NotOffered(f"{said}; check the address, and the model's name behind '#'")
        if status == 429:
            limited = BackendRateLimited(f"{said}; send less at a time, or wait a while")
            return _Passing(limited, retry_after_s(response.headers))
        if status in (500, 502, 503, 504):
            broken = BackendError(f"{said}; look at the server's log, or try again later")
            return _Passing(broken, retry_after_s(response.headers))
        return named_error(details if status in (400, 413, 422) else said)

    def _details(self, response: httpx.Response) -> Any:
        """The error object of an answer, or the start of its text."""
        text = self.redacted(response.text)
        try:
            return json.loads(text)["error"]
        except (ValueError, KeyError, TypeError):
            return text[:300]

    def _pause(self, passing: _Passing, tried: int) -> None:
        longest_s = max(LONGEST_PAUSE_S, self._options.timeout_s)
        pause_s = passing.wait_s if passing.wait_s is not None else _pause_s(tried)
        if tried > self._options.retries or pause_s > longest_s:
            raise passing.error from passing.__cause__
        failure, _, _ = str(passing).rpartition("; ")
        log.warning("%s; trying again in %.1f s", failure, pause_s)
        time.sleep(pause_s)


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _pause_s(tried: int) -> float:
    """Doubles with each try, and is spread so that clients do not come back all at once."""
    spread = random.uniform(0.5, 1.5)  # noqa: S311 - not for secrets
    return min(FIRST_PAUSE_S * 2.0 ** (tried - 1), LONGEST_PAUSE_S) * spread
