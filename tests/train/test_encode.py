"""Prompts are those of inference, to the token; answers end where inference stops."""

import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

from tiny_tokenizer import END, tiny_tokenizer

from sqlkiln.core.plugins import BackendOptions, Request, open_backend, open_database
from sqlkiln.core.records import Demonstration
from sqlkiln.prompt.render import Context, task
from sqlkiln.train.encode import Encoder

QUESTION = Demonstration(
    id="1",
    db_id="shop",
    question="Which cities are there?",
    evidence="a city is where a customer lives",
    gold_sql="SELECT DISTINCT city FROM customer",
    hints=("customer.city = 'Oslo'",),
)


@pytest.fixture
def schema(shop):
    database = open_database(shop)
    yield database.schema()
    database.close()


def encoded(schema, target="sql", cut=0):
    encoder = Encoder(tiny_tokenizer(), target, "ddl")
    one = encoder.encode(QUESTION, schema, encoder.schema_text(schema), cut)
    return (encoder.tokenizer.decode(list(ids)) for ids in (one.prompt, one.answer))


def test_the_prompt_is_what_inference_sends(schema):
    prompt, _ = encoded(schema, cut=2)
    context = Context(QUESTION.evidence, QUESTION.hints, 2)
    system, user, prefill = task(schema, QUESTION.question, context=context).request(None).messages
    assert prompt == (
        f"<system>{system.content}{END}<user>{user.content}{END}<assistant>{prefill.content}"
    )
    assert "customer.city = 'Oslo'" in prompt
    assert "2 more tables" in prompt


def test_the_answer_ends_with_the_stop_and_the_end_of_the_turn(schema):
    _, answer = encoded(schema)
    assert answer == f"SELECT DISTINCT city FROM customer\n```{END}"


def test_another_target_is_written_in_its_way(schema):
    _, answer = encoded(schema, target="from_first")
    assert answer.startswith("FROM customer SELECT DISTINCT city")


def test_a_thought_quotes_the_question_that_it_is_shown_with(schema):
    _, answer = encoded(schema, target="think")
    assert 'Columns: customer.city ("cities").' in answer


@pytest.mark.model
def test_llama_cpp_reads_the_prompt_as_the_same_tokens(schema, nano_model):
    from transformers import AutoTokenizer

    from sqlkiln.train.weights import dequantised

    encoder = Encoder(AutoTokenizer.from_pretrained(dequantised(nano_model)), "sql", "ddl")
    backend = open_backend(str(nano_model), BackendOptions(progress=False))
    try:
        for question in ("Which cities are there?", "naïve   'quotes' — 12,345 ≥ x?\tTab"):
            asked = task(schema, question, template=Request((), max_tokens=1))
            there = backend.generate(asked.request(None)).prompt_tokens
            here = encoder.prompt(schema, encoder.schema_text(schema), question, Context())
            assert len(here) == there
    finally:
        backend.close()
