import json

import pytest

from sqlkiln.core import plugins
from sqlkiln.core.errors import BackendError, ModelCorrupt, ModelNotFound
from sqlkiln.core.plugins import BackendOptions, Message, Request
from sqlkiln.models.scripted import Scripted


def asking(question, **fields):
    return Request(messages=(Message("user", question),), **fields)


def answers(backend, *questions):
    return [backend.generate(asking(question)).text for question in questions]


def test_the_first_part_that_occurs_counts():
    backend = Scripted({"how many": "SELECT 1", "many": "SELECT 2"})
    assert answers(backend, "so many", "how many", "how many") == [
        "SELECT 2",
        "SELECT 1",
        "SELECT 1",
    ]


def test_a_repair_is_recognised_by_the_error_that_it_quotes():
    backend = Scripted({"no such column": "good", "How many?": "bad"})
    talk = (Message("user", "How many?"), Message("assistant", "bad"))
    error = Message("user", "That failed: no such column: x")
    assert backend.generate(Request(talk[:1])).text == "bad"
    assert backend.generate(Request((*talk, error))).text == "good"


def test_system_messages_choose_no_answer():
    backend = Scripted({"song": "wrong", "": "right"})
    messages = (Message("system", "table song"), Message("user", "hello"))
    assert backend.generate(Request(messages)).text == "right"


def test_sequences_are_given_once():
    backend = Scripted({"a": ["1", "2"], "b": "3"})
    assert answers(backend, "a", "b", "a") == ["1", "3", "2"]
    with pytest.raises(BackendError, match="no answer to: 'a'; add one"):
        answers(backend, "a")


def test_a_script_that_is_a_sequence_answers_in_turn():
    assert answers(Scripted(["1", "2"]), "x", "y") == ["1", "2"]


def test_a_loop_is_cut_short():
    done = Scripted({"": "SELECT a" + " FROM aisle" * 100}).generate(asking("x", max_tokens=400))
    assert (done.finish, done.completion_tokens) == ("loop", 31)


def test_counts_words_and_cuts():
    backend = Scripted({"": "SELECT name\n FROM  t ; more"})
    whole = backend.generate(asking("two words"))
    assert (whole.prompt_tokens, whole.completion_tokens, whole.finish) == (2, 6, "stop")
    short = backend.generate(asking("x", max_tokens=3))
    assert (short.text, short.finish) == ("SELECT name\n FROM  ", "length")
    stopped = backend.generate(asking("x", stop=("nothing", ";", "more")))
    assert (stopped.text, stopped.finish) == ("SELECT name\n FROM  t ", "stop")
    exact = backend.generate(asking("x", max_tokens=6))
    assert exact.finish == "stop"


@pytest.mark.parametrize(
    "fields", [{"grammar": "root ::= 'x'"}, {"adapters": (("a", 1.0),)}, {"logprobs": 2}]
)
def test_what_a_script_cannot_do_is_refused(fields):
    with pytest.raises(BackendError, match=f"a script has no {next(iter(fields))}: found"):
        Scripted(["x"]).generate(asking("x", **fields))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("s.json", json.dumps({"How many": ["one", "two"]})),
        ("s.json", json.dumps(["one", "two"])),
        (
            "s.jsonl",
            '{"question": "How many", "answer": "one"}\n'
            '{"question": "How many", "answer": "two"}\n',
        ),
    ],
)
def test_scripts_are_read_from_files(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    backend = plugins.open_backend(f"scripted:{tmp_path / name}", BackendOptions(slots=3))
    assert isinstance(backend, Scripted)
    assert (backend.model, backend.slots) == (f"scripted:{name}", 3)
    assert answers(backend, "How many?", "How many!") == ["one", "two"]


@pytest.mark.parametrize("content", ["SELECT", '{"a": 1}', '"a"', '{"a": {"b": "c"}}'])
def test_files_that_are_no_script_are_refused(tmp_path, content):
    path = tmp_path / "s.json"
    path.write_text(content)
    with pytest.raises(ModelCorrupt, match=r"not a script: .*s\.json is not JSON of the right"):
        Scripted.open(f"scripted:{path}", BackendOptions())


def test_missing_files_and_adapters_are_refused(tmp_path):
    with pytest.raises(ModelNotFound, match=r"cannot read the script: .*nope: No such file"):
        Scripted.open(f"scripted:{tmp_path}/nope", BackendOptions())
    with pytest.raises(BackendError, match="a script has no adapters"):
        Scripted.open("scripted:x", BackendOptions(adapters=(("a", 1.0),)))
