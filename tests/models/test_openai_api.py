import logging

import pytest

from sqlkiln.core.errors import (
    BackendAuthError,
    BackendError,
    BackendTimeout,
    ContextOverflow,
    ModelNotFound,
)
from sqlkiln.core.plugins import BackendOptions, Message, Request
from sqlkiln.models.openai_api import OpenAICompatible

HELLO = (Message("user", "hello"),)
FENCED = (*HELLO, Message("assistant", "```sql\n"))
LISTED = (200, {"data": [{"id": "one", "owned_by": "library"}]})


def said(text, finish="stop"):
    return {"choices": [{"message": {"content": text}, "finish_reason": finish}]}


def event(text="", finish="null"):
    return f'{{"choices": [{{"delta": {{"content": "{text}"}}, "finish_reason": {finish}}}]}}'


LAST = event(finish='"stop"')


@pytest.fixture
def opened(model_server, no_settings):
    """Opens a model of the server, which lists `listed` and then gives the answers."""
    backends = []

    def open_it(*answers, name="", listed=LISTED, **options):
        model_server.answers[:] = [listed, *answers]
        options = BackendOptions(**{"timeout_s": 5.0, "retries": 1} | options)
        backends.append(OpenAICompatible.open(model_server.url + name, options))
        return backends[-1]

    yield open_it
    for backend in backends:
        backend.close()


# --------------------------------------------------------------------------- opening


@pytest.mark.parametrize("spec", ["http://x", "https://x/v1#m"])
def test_accepts_addresses(spec):
    assert OpenAICompatible.accepts(spec)


@pytest.mark.parametrize("spec", ["smollm2-135m", "a/http.gguf", "scripted:http://x"])
def test_accepts_nothing_else(spec):
    assert not OpenAICompatible.accepts(spec)


def test_the_only_model_is_taken(opened, model_server):
    backend = opened(slots=3)
    assert (backend.model, backend.slots) == ("one", 3)
    assert model_server.requests[0][0] == "/v1/models"


def test_an_address_without_a_path_means_v1(opened, model_server):
    model_server.url = model_server.url.removesuffix("/v1")
    opened()
    assert model_server.requests[0][0] == "/v1/models"


def test_several_models_must_be_chosen_from(opened):
    two = (200, {"data": [{"id": "one"}, {"id": "two"}]})
    with pytest.raises(ModelNotFound, match="found one, two; put its name behind '#'"):
        opened(listed=two)
    assert opened(listed=two, name="#two").model == "two"
    with pytest.raises(ModelNotFound, match="found none; put"):
        opened(listed=(200, {"data": []}))


def test_a_server_without_a_list_needs_a_name(opened):
    for listed in [(404, ""), (200, "<html>"), (200, [1])]:
        assert opened(listed=listed, name="#m").model == "m"
    with pytest.raises(ModelNotFound, match="no list of models at http://127"):
        opened(listed=(200, "<html>"))
    with pytest.raises(BackendError, match="HTTP 404"):
        opened(listed=(404, ""))


def test_a_wrong_key_is_found_out_at_once(opened):
    with pytest.raises(BackendAuthError, match="HTTP 401"):
        opened(listed=(401, ""), name="#m")


@pytest.mark.parametrize("spec", ["http://", "http://:80", "https:///v1", "http://host:port/v1"])
def test_addresses_must_have_a_host(spec, no_settings):
    with pytest.raises(ModelNotFound, match=r"not the address of a server: .* write http://host"):
        OpenAICompatible.open(spec, BackendOptions())


def test_a_key_is_not_sent_unencrypted(no_settings, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    with pytest.raises(BackendError, match=r"key is not sent unencrypted: 192\.0\.2\.1") as failure:
        OpenAICompatible.open("http://192.0.2.1/v1#m", BackendOptions())
    assert "secret" not in str(failure.value)


def test_keys_are_found(opened, model_server, no_settings):
    (no_settings / ".env").write_text("SQLKILN_API_KEY=from-file\n")
    opened()
    opened(api_key="given")
    sent = [headers["Authorization"] for _, headers, _ in model_server.requests]
    assert sent == ["Bearer from-file", "Bearer given"]


def test_adapters_cannot_be_loaded(opened):
    with pytest.raises(BackendError, match="a server has no adapters to load"):
        opened(adapters=(("a.gguf", 1.0),))


# --------------------------------------------------------------------------- requests


def test_asks_without_a_stream_where_nobody_watches(opened, model_server):
    done = opened((200, said("hi"))).generate(Request(HELLO, stop=(";",), max_tokens=7))
    assert (done.text, done.finish) == ("hi", "stop")
    assert 0 < done.seconds < 5
    body = model_server.requests[-1][2]
    assert (body["model"], body["stream"], body["stop"], body["max_tokens"]) == (
        "one", False, [";"], 7,
    )  # fmt: skip


def test_streams_to_whoever_watches(opened, model_server):
    pieces = []
    backend = opened((200, (event("a"), event("\\u2028b"), LAST, "[DONE]")))
    done = backend.generate(Request(HELLO), pieces.append)
    assert pieces == ["a", "\u2028b"]
    assert done.text == "a\u2028b"
    assert model_server.requests[-1][2]["stream"] is True


def test_a_loop_is_not_read_to_its_end(opened):
    pieces = []
    events = (*[event(" AND a = 1")] * 100, LAST)
    done = opened((200, events)).generate(Request(HELLO, max_tokens=400), pieces.append)
    assert (done.finish, done.completion_tokens, len(pieces)) == ("loop", 16, 16)
    assert done.text == " AND a = 1" * 16


def test_a_server_may_decline_to_stream(opened):
    pieces = []
    assert opened((200, said("hi"))).generate(Request(HELLO), pieces.append).text == "hi"
    assert pieces == ["hi"]


def test_an_unknown_server_is_asked_for_the_prefill_in_words(opened, model_server):
    answer = (200, said("```sql\nSELECT 1\n``` That counts."))
    done = opened(answer).generate(Request(FENCED, stop=("```",)))
    assert (done.text, done.finish) == ("SELECT 1\n", "stop")
    body = model_server.requests[-1][2]
    assert [message["role"] for message in body["messages"]] == ["user"]
    assert body["messages"][0]["content"].endswith("```sql\n")
    assert "stop" not in body


def test_a_stream_ends_at_its_stop(opened):
    pieces = []
    events = (event("```sql\\nSELECT"), event(" 1`"), event("`` and"), event("never read"))
    done = opened((200, events)).generate(Request(FENCED, stop=("```",)), pieces.append)
    assert (done.text, pieces) == ("SELECT 1", ["SELECT", " 1"])


def test_vllm_continues_a_prefill(opened, model_server):
    listed = (200, {"data": [{"id": "one", "owned_by": "vllm"}]})
    backend = opened((200, (event("SELECT 1"), LAST)), listed=listed)
    assert backend.generate(Request(FENCED, stop=("```",))).text == "SELECT 1"
    body = model_server.requests[-1][2]
    assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)
    assert body["messages"][-1] == {"role": "assistant", "content": "```sql\n"}
    assert body["stop"] == ["```"]


GBNF = 'root ::= "x"\n'


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("vllm", {"structured_outputs": {"grammar": GBNF}}),
        ("sglang", {"ebnf": GBNF}),
        ("llamacpp", {"grammar": GBNF}),
    ],
)
def test_each_server_is_sent_a_grammar_in_its_way(opened, model_server, kind, fields):
    listed = (200, {"data": [{"id": "one", "owned_by": kind}]})
    answer = (200, (event("x"), LAST))
    backend = opened(answer, answer, answer, listed=listed)
    assert backend.generate(Request(HELLO, grammar=GBNF)).text == "x"
    plain = {"continue_final_message", "add_generation_prompt"}
    body = model_server.requests[-1][2]
    assert body.items() >= fields.items()
    assert body["stream"] is True
    assert not plain & body.keys()
    backend.generate(Request(FENCED, grammar=GBNF))
    body = model_server.requests[-1][2]
    assert body.items() >= fields.items()
    assert body.get("continue_final_message", False) is (kind != "llamacpp")
    assert body["messages"][-1]["role"] == "assistant"
    backend.generate(Request(HELLO))
    assert not model_server.requests[-1][2].keys() & {"grammar", "structured_outputs", "ebnf"}


@pytest.mark.parametrize(
    ("request_", "what"),
    [
        (Request(HELLO, grammar="root ::= 'x'"), "follow a GBNF grammar"),
        (Request(HELLO, adapters=(("a", 1.0),)), "change adapters"),
        (Request(FENCED, logprobs=1), "report logprobs of a continued answer"),
        (Request(HELLO, logprobs=1), "report logprobs"),
    ],
)
def test_what_a_server_cannot_do_is_refused(opened, request_, what):
    answer = said("hi") | {"usage": {"completion_tokens": 1}}
    with pytest.raises(BackendError, match=f"the server cannot {what}: one is a model of library"):
        opened((200, answer)).generate(request_)


# --------------------------------------------------------------------------- failures


def test_a_busy_server_is_asked_again(opened, model_server):
    busy = (503, "", {"Retry-After": "0"})
    assert opened(busy, (200, said("hi"))).generate(Request(HELLO)).text == "hi"
    assert [path for path, _, _ in model_server.requests] == [
        "/v1/models",
        "/v1/chat/completions",
        "/v1/chat/completions",
    ]


def test_a_server_that_hangs(opened):
    with pytest.raises(BackendTimeout, match=r"nothing came from .* for 0\.3 s"):
        opened((0, ""), timeout_s=0.3, retries=0).generate(Request(HELLO))


@pytest.mark.parametrize("body", ["<html>ok</html>", "", '"text"', '{"choices": [1]}'])
def test_garbage(opened, body):
    with pytest.raises(BackendError, match=r"unknown form: found|the answer broke off"):
        opened((200, body), retries=0).generate(Request(HELLO))


def test_garbage_in_a_stream(opened):
    with pytest.raises(BackendError, match=r"unknown form: found '\{nonsense'"):
        opened((200, (event("a"), "{nonsense"))).generate(Request(HELLO), print)


def test_an_error_in_a_stream(opened):
    failure = '{"error": {"message": "out of memory"}}'
    with pytest.raises(BackendError, match="did not answer: out of memory"):
        opened((200, (event("a"), failure))).generate(Request(HELLO), print)


def test_a_stream_that_is_cut_before_any_text_is_asked_for_again(opened):
    pieces = []
    cut = (200, (event(), event("lost " * 50)), {"Cut": True})
    backend = opened(cut, (200, (event("whole"), LAST)))
    assert backend.generate(Request(HELLO), pieces.append).text == "whole"
    assert pieces == ["whole"]


def test_a_stream_that_is_cut_after_some_text_is_an_error(opened, model_server):
    cut = (200, (event("half"), event("lost " * 50)), {"Cut": True})
    with pytest.raises(BackendError, match=r"the answer broke off: .* after 'half'; ask"):
        opened(cut).generate(Request(HELLO), print)
    assert len(model_server.requests) == 2


def test_a_stream_without_an_end_is_cut_too(opened):
    with pytest.raises(BackendError, match="the answer broke off"):
        opened((200, (event("half"),))).generate(Request(HELLO), print)


def test_the_key_is_in_no_log_and_no_error(opened, caplog):
    caplog.set_level(logging.DEBUG)
    busy = (500, {"error": {"message": "key secret-9 is busy"}}, {"Retry-After": "0"})
    backend = opened(busy, (200, "<secret-9>"), api_key="secret-9")
    with pytest.raises(BackendError, match=r"found '<\*\*\*>'"):
        backend.generate(Request(HELLO))
    assert "is busy" in caplog.text
    assert "secret-9" not in caplog.text


def test_a_closed_backend_says_so(opened):
    backend = opened()
    backend.close()
    backend.close()
    with pytest.raises(BackendError, match="the connection is closed: one; open it again"):
        backend.generate(Request(HELLO))


# --------------------------------------------------------------------------- llama.cpp's server


@pytest.fixture
def nano(nano_server, no_settings):
    backend = OpenAICompatible.open(nano_server, BackendOptions(api_key="sesame", slots=2))
    yield backend
    backend.close()


@pytest.mark.model
class TestLlamaCppServer:
    def test_knows_its_model(self, nano):
        assert nano.model == "nano"

    def test_demands_its_key(self, nano_server, no_settings):
        with pytest.raises(BackendAuthError, match="HTTP 401: Invalid API Key; put"):
            OpenAICompatible.open(nano_server, BackendOptions(api_key="wrong"))

    def test_counts_tokens_that_it_kept(self, nano):
        schema = "CREATE TABLE singer (id INT, name TEXT, age INT); " * 5
        first, second = (
            nano.generate(Request((Message("user", f"{schema}{question}"),), max_tokens=4))
            for question in ("How many?", "Who is oldest?")
        )
        assert first.completion_tokens == second.completion_tokens == 4
        assert second.prompt_tokens > second.cached_tokens > second.prompt_tokens - 20
        assert second.prompt_s > 0
        assert second.decode_s > 0

    def test_follows_a_grammar(self, nano):
        grammar = 'root ::= "SELECT " [a-z]{3} ";"'
        done = nano.generate(Request(HELLO, grammar=grammar, max_tokens=20))
        assert done.text.startswith("SELECT ")
        assert (len(done.text), done.text[-1], done.finish) == (11, ";", "stop")

    def test_reports_logprobs(self, nano):
        done = nano.generate(Request(HELLO, logprobs=3, max_tokens=4))
        assert "".join(token.token for token in done.logprobs) == done.text
        for token in done.logprobs:
            assert len(token.alternatives) == 3
            assert token.alternatives[0] == (token.token, token.logprob)

    def test_says_that_a_prompt_is_too_long(self, nano):
        with pytest.raises(ContextOverflow, match=r"3,\d\d\d tokens where 2,048 fit"):
            nano.generate(Request((Message("user", "x " * 3000),)))
