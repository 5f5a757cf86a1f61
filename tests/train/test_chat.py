"""Bases with a chat template, with one that takes no system message, and with none."""

import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

from tiny_tokenizer import END, TEMPLATE, tiny_tokenizer
from tokenizers.processors import TemplateProcessing

from sqlkiln.core.errors import UsageError
from sqlkiln.core.plugins import Message
from sqlkiln.train.chat import end_of_turn, template_of, write_chat

TURNS = (
    Message("system", "Write SQL."),
    Message("user", "How many singers?"),
    Message("assistant", "```sql\n"),
)
CHATML = (
    "<|im_start|>system\nWrite SQL.<|im_end|>\n"
    "<|im_start|>user\nHow many singers?<|im_end|>\n"
    "<|im_start|>assistant\n"
)
USER_ONLY = "{% for m in messages if m['role'] == 'user' %}[{{ m['content'] }}]{% endfor %}"
REFUSING = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    + USER_ONLY
)


def tokenizer_with(template, begins=False):
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = template
    if begins:
        tokenizer.add_special_tokens({"bos_token": "<s>"})
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", tokenizer.bos_token_id)]
        )
    return tokenizer


def test_a_template_is_used_as_it_is():
    assert write_chat(tokenizer_with(TEMPLATE), TURNS) == (
        f"<system>Write SQL.{END}<user>How many singers?{END}<assistant>```sql\n"
    )


def test_a_base_without_a_template_is_talked_to_in_chatml():
    assert write_chat(tokenizer_with(None), TURNS) == f"{CHATML}```sql\n"


def test_the_first_token_of_a_text_is_there_once():
    assert write_chat(tokenizer_with(None, begins=True), TURNS) == f"<s>{CHATML}```sql\n"
    assert write_chat(tokenizer_with(USER_ONLY, begins=True), TURNS[1:]).startswith("<s>[How")


@pytest.mark.parametrize("begins", [False, True])
def test_the_template_to_keep_writes_the_same(begins):
    tokenizer = tokenizer_with(None, begins)
    tokenizer.chat_template = template_of(tokenizer)
    chat = [{"role": turn.role, "content": turn.content} for turn in TURNS[:2]]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert f"{text}```sql\n" == write_chat(tokenizer_with(None, begins), TURNS)


@pytest.mark.parametrize("template", [REFUSING, USER_ONLY])
def test_where_no_system_message_is_taken_it_stands_before_the_question(template):
    written = write_chat(tokenizer_with(template), TURNS)
    assert written == "[Write SQL.\nHow many singers?]```sql\n"


def test_a_template_that_takes_no_question_is_refused():
    with pytest.raises(UsageError, match=r"refuses a question: never; take another base"):
        write_chat(tokenizer_with("{{ raise_exception('never') }}"), TURNS)
    with pytest.raises(UsageError, match=r"leaves out what it is given.*mend chat_template"):
        write_chat(tokenizer_with("Hello."), TURNS)


def test_a_base_must_be_able_to_end_an_answer():
    tokenizer = tiny_tokenizer()
    assert end_of_turn(tokenizer) == END
    tokenizer.eos_token = None
    with pytest.raises(UsageError, match="eos_token is not set; set it"):
        end_of_turn(tokenizer)
