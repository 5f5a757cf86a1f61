import pytest

from sqlkiln.core.errors import BackendError
from sqlkiln.core.plugins import Completion, Message, Request, TokenLogprob
from sqlkiln.evaluate.once import Once

HELLO = Request((Message("user", "hello"),))
SURE = Request((Message("user", "hello"),), logprobs=2)


class Model:
    model = "counting"
    slots = 1

    def __init__(self):
        self.asked = []
        self.closed = False

    def generate(self, request, on_text=None):
        self.asked.append(request)
        if request.messages[-1].content == "fail":
            raise BackendError("no answer")
        told = (TokenLogprob("hi", -0.1),) if request.logprobs else ()
        return Completion(f"hi {len(self.asked)}", "stop", seconds=1.5, logprobs=told)

    def close(self):
        self.closed = True


@pytest.fixture
def model():
    return Model()


def test_the_same_is_asked_once_and_its_seconds_are_spared(model):
    once = Once(model)
    assert once.generate(HELLO).text == once.generate(HELLO).text == "hi 1"
    assert once.spared_s == 1.5
    assert (once.model, once.slots, len(model.asked)) == ("counting", 1, 1)


def test_another_seed_or_grammar_is_another_request(model):
    once = Once(model)
    requests = [
        HELLO,
        Request(HELLO.messages, temperature=0.7, seed=1),
        Request(HELLO.messages, temperature=0.7, seed=2),
        Request(HELLO.messages, grammar="root ::= x"),
        Request(HELLO.messages, adapters=(("other", 1.0),)),
    ]
    assert len({once.generate(request).text for request in requests}) == 5
    assert [once.generate(request).text for request in requests] == [f"hi {n}" for n in range(1, 6)]


def test_an_answer_with_probabilities_does_for_one_without(model):
    once = Once(model)
    assert once.generate(SURE).logprobs
    assert once.generate(HELLO).logprobs == ()
    assert len(model.asked) == 1


def test_an_answer_without_probabilities_does_not_do_for_one_with(model):
    once = Once(model)
    once.generate(HELLO)
    assert once.generate(SURE).logprobs
    assert once.generate(HELLO).text == "hi 2"
    assert len(model.asked) == 2


def test_what_is_known_is_streamed_too(model):
    said = []
    once = Once(model)
    once.generate(HELLO)
    once.generate(HELLO, said.append)
    assert said == ["hi 1"]


def test_an_error_is_not_remembered(model):
    once = Once(model)
    failing = Request((Message("user", "fail"),))
    for _ in range(2):
        with pytest.raises(BackendError, match="no answer"):
            once.generate(failing)
    assert len(model.asked) == 2


def test_what_is_forgotten_is_asked_anew(model):
    once = Once(model)
    once.generate(HELLO)
    once.forget()
    assert once.generate(HELLO).text == "hi 2"
    once.close()
    assert model.closed
