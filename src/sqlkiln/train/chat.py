"""How a base is talked to: by its chat template, or by a plain one where it has none.

Base models such as Phi-2 and Llama 2 have no chat template. They are talked to in ChatML, written
as plain text, which is what llama.cpp does with a GGUF that has none; the tokenizer that training
saves has it as its template. Where a template takes no system message, the instruction is put in
front of the question, again as llama.cpp does. A tokenizer that begins texts with a token of its
own has it in front of the prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jinja2 import TemplateError

from sqlkiln.core.errors import UsageError
from sqlkiln.core.plugins import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def write_chat(tokenizer: PreTrainedTokenizerBase, turns: Sequence[Message]) -> str:
    """The text of `turns`; a last one of the assistant is the beginning of its answer.

    Raises:
        UsageError: if the chat template of the base refuses them, or leaves them out.
    """
    turns = list(turns)
    given = turns.pop().content if turns[-1].role == "assistant" else ""
    try:
        text = _fill_in(tokenizer, turns)
    except TemplateError:
        text = ""
    if not _is_said(turns, text):
        turns = _without_system(turns)
        try:
            text = _fill_in(tokenizer, turns)
        except TemplateError as error:
            raise UsageError(
                f"the chat template of the base refuses a question: {error}; take another base, "
                "or mend chat_template in its tokenizer_config.json"
            ) from error
    if not _is_said(turns, text):
        raise UsageError(
            "the chat template of the base leaves out what it is given: the question is not in "
            "the prompt; take another base, or mend chat_template in its tokenizer_config.json"
        )
    begin = _begin_of_text(tokenizer)
    return f"{text if text.startswith(begin) else begin + text}{given}"


def template_of(tokenizer: PreTrainedTokenizerBase) -> str:
    """The chat template that `write_chat` fills in, complete for use elsewhere."""
    if tokenizer.chat_template:
        return str(tokenizer.chat_template)
    return ("{{ bos_token }}" if _begin_of_text(tokenizer) else "") + CHATML


def end_of_turn(tokenizer: PreTrainedTokenizerBase) -> str:
    """What ends an answer.

    Raises:
        UsageError: if the base has no token for it.
    """
    if tokenizer.eos_token is None:
        raise UsageError(
            "the tokenizer of the base has no token that ends a text: eos_token is not set; set "
            "it in its tokenizer_config.json, or take another base"
        )
    return str(tokenizer.eos_token)


def _fill_in(tokenizer: PreTrainedTokenizerBase, turns: Sequence[Message]) -> str:
    return str(
        tokenizer.apply_chat_template(
            [{"role": turn.role, "content": turn.content} for turn in turns],
            chat_template=None if tokenizer.chat_template else template_of(tokenizer),
            tokenize=False,
            add_generation_prompt=True,
        )
    )


def _is_said(turns: Sequence[Message], text: str) -> bool:
    return all(turn.content.strip() in text for turn in turns)


def _without_system(turns: Sequence[Message]) -> list[Message]:
    if len(turns) < 2 or turns[0].role != "system":
        return list(turns)
    return [Message(turns[1].role, f"{turns[0].content}\n{turns[1].content}"), *turns[2:]]


def _begin_of_text(tokenizer: PreTrainedTokenizerBase) -> str:
    """The token that the tokenizer puts in front of every text; '' if it puts none."""
    begins = tokenizer("")["input_ids"][:1] == [tokenizer.bos_token_id]
    return str(tokenizer.bos_token) if begins else ""
