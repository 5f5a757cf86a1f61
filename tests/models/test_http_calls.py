import time
from itertools import pairwise

import httpx
import pytest

from sqlkiln.core.errors import (
    BackendAuthError,
    BackendError,
    BackendRateLimited,
    BackendTimeout,
    ContextOverflow,
)
from sqlkiln.core.plugins import BackendOptions
from sqlkiln.models.http_calls import Calls, NotOffered, is_loopback

AT_ONCE = {"Retry-After": "0"}
GOOD = (200, {"done": True})


@pytest.fixture
def send(model_server, no_settings):
    """Sends one request to the server with the given answers, key and options."""
    opened = []

    def call(*answers, key="", method="POST", read=httpx.Response.read, **options):
        model_server.answers[:] = answers
        options = BackendOptions(**{"timeout_s": 5.0, "retries": 2} | options)
        opened.append(Calls(httpx.URL(f"{model_server.url}/"), key, options))
        return opened[-1].send(method, "models", {"n": 1}, read)

    yield call
    for calls in opened:
        calls.close()


def test_sends_and_reads(send, model_server):
    assert send(GOOD, key="secret") == b'{"done": true}'
    ((path, headers, body),) = model_server.requests
    assert (path, body) == ("/v1/models", {"n": 1})
    assert headers["Authorization"] == "Bearer secret"


def test_sends_no_key_where_there_is_none(send, model_server):
    send(GOOD)
    assert "Authorization" not in model_server.requests[0][1]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_passing_failures_are_tried_again(send, model_server, status, caplog):
    failure = (status, {"error": {"message": "busy"}}, AT_ONCE)
    assert send(failure, failure, GOOD, key="secret")
    assert len(model_server.requests) == 3
    assert f"HTTP {status}: busy; trying again in 0.0 s" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 405, 422, 501])
def test_lasting_failures_are_not(send, model_server, status):
    with pytest.raises(BackendError, match="busy"):
        send((status, {"error": {"message": "busy"}}, AT_ONCE), GOOD)
    assert len(model_server.requests) == 1


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (401, BackendAuthError, "HTTP 401: no; put a right key into SQLKILN_API_KEY or OPENAI"),
        (403, BackendAuthError, "HTTP 403: no; put"),
        (404, NotOffered, "HTTP 404: no; check the address"),
        (400, BackendError, "the model did not answer: no; change the request"),
        (418, BackendError, "did not answer: http://.* answered HTTP 418: no; change"),
        (429, BackendRateLimited, "HTTP 429: no; send less at a time"),
        (503, BackendError, "HTTP 503: no; look at the server's log"),
    ],
)
def test_failures_have_names(send, status, error, message):
    with pytest.raises(error, match=message):
        send((status, {"error": {"message": "no"}}, AT_ONCE))


def test_long_prompts_have_an_error_of_their_own(send):
    error = {"code": "context_length_exceeded", "message": "9000 tokens"}
    with pytest.raises(ContextOverflow, match="9000 tokens"):
        send((400, {"error": error}))


@pytest.mark.parametrize("body", ["", "<html>gateway</html>", "[1]", '{"error": null}', "{}"])
def test_failures_without_details_are_told_too(send, body):
    with pytest.raises(BackendError, match="answered HTTP 500: "):
        send((500, body), retries=0)


def test_pauses_grow(send, model_server, monkeypatch):
    times = []
    original = model_server.next_answer
    monkeypatch.setattr(
        model_server, "next_answer", lambda: (times.append(time.monotonic()), original())[1]
    )
    with pytest.raises(BackendError, match="HTTP 500"):
        send((500, ""), retries=2)
    first, second = (later - earlier for earlier, later in pairwise(times))
    assert 0.25 <= first <= 2
    assert 0.5 <= second <= 3


def test_the_server_says_how_long_to_wait(send):
    start = time.monotonic()
    send((429, "", {"Retry-After": "1.5"}), GOOD)
    assert 1.5 <= time.monotonic() - start < 4


def test_a_pause_that_is_too_long_is_not_waited_for(send, model_server):
    with pytest.raises(BackendRateLimited, match="HTTP 429"):
        send((429, "", {"Retry-After": "3600"}), GOOD)
    assert len(model_server.requests) == 1


def test_silence_is_a_timeout(send, model_server):
    with pytest.raises(BackendTimeout, match=r"nothing came from http://127.* for 0.3 s; allow"):
        send((0, ""), timeout_s=0.3, retries=1)
    assert len(model_server.requests) == 2


def test_a_cut_answer_is_asked_for_again(send, model_server):
    assert send((200, "x" * 1000, {"Cut": True}), GOOD) == b'{"done": true}'
    assert len(model_server.requests) == 2


def test_nobody_there(no_settings):
    calls = Calls(httpx.URL("http://127.0.0.1:9/"), "", BackendOptions(retries=0))
    with pytest.raises(BackendError, match=r"no connection to http://127.*refused; check"):
        calls.send("GET", "models", None, httpx.Response.read)


def test_the_key_is_in_no_error(send):
    echo = {"error": {"message": "wrong key: secret-123"}}
    for status in (400, 401, 404, 429, 500):
        with pytest.raises(BackendError, match=r"wrong key: \*\*\*"):
            send((status, echo), key="secret-123", retries=0)


def test_a_password_in_the_address_is_not_shown(no_settings):
    calls = Calls(httpx.URL("http://me:hidden@127.0.0.1:9/"), "", BackendOptions(retries=0))
    assert calls.place == "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("host", "is_here"),
    [("localhost", True), ("127.3.2.1", True), ("::1", True), ("10.0.0.1", False), ("a.b", False)],
)
def test_this_machine(host, is_here):
    assert is_loopback(host) is is_here
