"""Turn demonstrations into token ids: the prompt that inference sends, and the answer to learn.

The prompt is rendered by `prompt.render` and the chat template of the base (see `train.chat`), and
tokenised in one piece, as the backends do. The answer is tokenised by itself, since that is how it
is generated: it ends with the first stop of its target and the end of the turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlkiln.core.records import DatabaseSchema, Demonstration
from sqlkiln.prompt.render import Context, messages
from sqlkiln.prompt.serialize import serialize
from sqlkiln.prompt.targets import stop, write_target
from sqlkiln.train.chat import end_of_turn, write_chat

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Encoded:
    """One demonstration as token ids: `prompt` is read, `answer` is learnt."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]


@dataclass(frozen=True)
class Encoder:
    """How prompts and answers are written for one base."""

    tokenizer: PreTrainedTokenizerBase
    target: str
    schema_style: str

    def prompt(
        self, schema: DatabaseSchema, schema_text: str, question: str, context: Context
    ) -> tuple[int, ...]:
        """The ids of the prompt, up to and with the prefill."""
        turns = messages(
            schema_text, question, dialect=schema.dialect, target=self.target, context=context
        )
        return self._ids(write_chat(self.tokenizer, turns))

    def schema_text(self, schema: DatabaseSchema) -> str:
        """The schema as the prompt shows it."""
        return serialize(schema, self.schema_style)

    def encode(
        self, demonstration: Demonstration, schema: DatabaseSchema, schema_text: str, cut: int = 0
    ) -> Encoded:
        """Encode one demonstration over the view `schema`, which leaves `cut` tables out.

        Raises:
            DataError: if the gold SQL cannot be written as this target.
        """
        context = Context(demonstration.evidence, demonstration.hints, cut)
        question = demonstration.question
        answer = write_target(self.target, demonstration.gold_sql, schema, question)
        return Encoded(
            self.prompt(schema, schema_text, question, context),
            self._ids(f"{answer}\n{self.stop}{end_of_turn(self.tokenizer)}"),
        )

    @property
    def stop(self) -> str:
        """What ends an answer."""
        return stop(self.target)[0]

    def _ids(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])
