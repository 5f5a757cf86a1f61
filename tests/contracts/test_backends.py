"""What every registered backend must do. One that is new is added to `SPECS`."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from sqlkiln.core import plugins
from sqlkiln.core.plugins import Backend, BackendOptions, Completion, Message, Request

SCRIPT = {
    "capital of France": "The capital of France is Paris, and that of Italy is Rome.",
    "capital of Italy": "The capital of Italy is Rome, and that of France is Paris.",
}


@pytest.fixture(scope="module")
def scripted_spec(tmp_path_factory):
    path = tmp_path_factory.mktemp("script") / "answers.json"
    path.write_text(json.dumps(SCRIPT))
    return f"scripted:{path}"


@pytest.fixture(scope="module")
def llamacpp_spec(nano_model):
    return str(nano_model)


@pytest.fixture(scope="module")
def openai_spec(nano_server):
    return nano_server


SPECS = {"llamacpp": llamacpp_spec, "openai": openai_spec, "scripted": scripted_spec}
REAL = {"llamacpp", "openai"}
LANDS = ("France", "Italy")
ANSWERS = ["The capital of France is Paris", "The capital of Italy is Rome"]
OPTIONS = BackendOptions(slots=2, context_tokens=2048, api_key="sesame")

each = [pytest.param(name, marks=[pytest.mark.model] if name in REAL else []) for name in SPECS]


@pytest.fixture(scope="module", params=each)
def spec(request):
    return request.getfixturevalue(f"{request.param}_spec")


@pytest.fixture(scope="module")
def backend(spec):
    opened = plugins.open_backend(spec, OPTIONS)
    yield opened
    opened.close()


def asking(question="Name the capital of France.", **fields):
    return Request((Message("user", question),), **{"max_tokens": 24} | fields)


def test_every_registered_backend_is_examined():
    assert set(SPECS) == set(plugins.names("backends"))


def test_it_is_what_the_protocol_says(backend):
    assert isinstance(backend, Backend)
    assert backend.model
    assert backend.slots == 2


def test_one_backend_accepts_it(spec):
    accepting = [n for n in plugins.names("backends") if plugins.load("backends", n).accepts(spec)]
    assert len(accepting) == 1


def test_it_answers(backend):
    done = backend.generate(asking())
    assert isinstance(done, Completion)
    assert done.text.strip()
    assert done.finish in ("stop", "length")
    assert 0 <= done.cached_tokens <= done.prompt_tokens
    assert done.prompt_tokens > 0
    assert 0 < done.completion_tokens <= 24
    assert done.seconds > 0


def test_it_streams_what_it_returns(backend):
    pieces = []
    done = backend.generate(asking(), pieces.append)
    assert len(pieces) > 1
    assert all(pieces)
    assert "".join(pieces) == done.text
    assert done.text == backend.generate(asking()).text


def test_it_stops_before_a_stop_string(backend):
    whole = backend.generate(asking()).text
    stop = whole.split()[3]
    pieces = []
    done = backend.generate(asking(stop=("@@", stop)), pieces.append)
    assert done.text == whole[: whole.index(stop)]
    assert "".join(pieces) == done.text
    assert done.finish == "stop"


def test_it_stops_after_so_many_tokens(backend):
    done = backend.generate(asking(max_tokens=3))
    assert done.finish == "length"
    assert done.completion_tokens == 3
    assert backend.generate(asking()).text.startswith(done.text)


def test_it_continues_a_prefill(backend):
    prefill = "The capital of France"
    messages = (*asking().messages, Message("assistant", prefill))
    pieces = []
    done = backend.generate(Request(messages, max_tokens=24), pieces.append)
    assert done.text.startswith(" is Paris")
    assert "".join(pieces) == done.text
    assert backend.generate(Request(messages, max_tokens=24)).text == done.text


def test_an_exception_of_the_listener_cancels(backend):
    class Enough(Exception):
        pass

    heard = []

    def listen(piece):
        heard.append(piece)
        if len(heard) == 2:
            raise Enough

    with pytest.raises(Enough):
        backend.generate(asking(max_tokens=200), listen)
    assert len(heard) == 2
    assert backend.generate(asking()).text


def test_two_threads_get_the_answers_of_one(backend):
    requests = [asking(f"Name the capital of {land}.", max_tokens=6) for land in LANDS] * 2
    with ThreadPoolExecutor(2) as pool:
        together = [done.text for done in pool.map(backend.generate, requests)]
    for text, answer in zip(together, ANSWERS * 2, strict=True):
        assert text.startswith(answer)


def test_closing_twice_is_fine(spec):
    opened = plugins.open_backend(spec, OPTIONS)
    opened.close()
    opened.close()
