"""Measure a model on databases that it is not trained on, while it is trained."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import torch

from sqlkiln.core.plugins import open_database
from sqlkiln.core.records import DatabaseSchema, Demonstration, Example
from sqlkiln.prompt.render import Context
from sqlkiln.prompt.targets import read_target
from sqlkiln.scoring.metrics import ExecutionAccuracy
from sqlkiln.train.encode import Encoder
from sqlkiln.train.packing import batch, pack

if TYPE_CHECKING:
    from torch import Tensor

MAX_ANSWER_TOKENS = 400
"""As many as inference allows an answer, so that a long one is cut off in neither."""


@dataclass(frozen=True)
class Measured:
    """`right` of `asked` questions answered as the gold does; `loss` in nats a token."""

    asked: int
    right: int
    loss: float


class Heldout:
    """Questions over held-out databases, asked greedily over the full schema, without hints."""

    def __init__(
        self,
        demonstrations: Sequence[Demonstration],
        schemas: Mapping[str, DatabaseSchema],
        databases: Mapping[str, Path],
        encoder: Encoder,
    ) -> None:
        self._by_database: dict[str, list[Demonstration]] = defaultdict(list)
        for one in demonstrations:
            if databases.get(one.db_id) is not None:
                self._by_database[one.db_id].append(one)
        self._schemas = schemas
        self._databases = databases
        self._encoder = encoder

    def __len__(self) -> int:
        return sum(map(len, self._by_database.values()))

    def measure(self, model: Any) -> Measured:
        """Ask them all; the model is left in the mode that it was in."""
        training = model.training
        model.eval()
        right, losses, learnt = 0, 0.0, 0
        try:
            with torch.no_grad():
                for db_id, asked in self._by_database.items():
                    right += self._right(model, db_id, asked)
                    loss, tokens = self._loss(model, db_id, asked)
                    losses, learnt = losses + loss, learnt + tokens
        finally:
            model.train(training)
        return Measured(len(self), right, losses / max(1, learnt))

    def _loss(self, model: Any, db_id: str, asked: Sequence[Demonstration]) -> tuple[float, int]:
        schema = self._schemas[db_id]
        text = self._encoder.schema_text(schema)
        row = batch(pack([self._encoder.encode(one, schema, text) for one in asked]))
        inputs = {name: part.to(model.device) for name, part in dict[str, Any](row).items()}
        labels = inputs.pop("labels")
        logits = model(**inputs).logits[0].float()
        loss = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
        return float(loss), len(labels)

    def _right(self, model: Any, db_id: str, asked: Sequence[Demonstration]) -> int:
        schema = self._schemas[db_id]
        text = self._encoder.schema_text(schema)
        prompts = [
            self._encoder.prompt(schema, text, one.question, Context(one.evidence)) for one in asked
        ]
        metric = ExecutionAccuracy()
        right = 0
        with closing(open_database(self._databases[db_id])) as database:
            for one, answer in zip(asked, self._answers(model, prompts), strict=True):
                sql = read_target(self._encoder.target, answer, schema.dialect)
                example = Example(
                    id=one.id, db_id=db_id, question=one.question, gold_sql=one.gold_sql
                )
                right += metric.score(example, sql, database).score == 1
        return right

    def _answers(self, model: Any, prompts: Sequence[Sequence[int]]) -> list[str]:
        """What the model writes to each prompt, up to its stop; prompts are padded on the left."""
        tokenizer = self._encoder.tokenizer
        longest = max(map(len, prompts))
        padding = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
        ids = torch.tensor([[padding] * (longest - len(p)) + list(p) for p in prompts])
        seen = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts])
        written: Tensor = model.generate(
            input_ids=ids.to(model.device),
            attention_mask=seen.to(model.device),
            max_new_tokens=MAX_ANSWER_TOKENS,
            do_sample=False,
            use_cache=True,
            pad_token_id=padding,
        )
        texts = tokenizer.batch_decode(written[:, longest:], skip_special_tokens=True)
        return [text.partition(self._encoder.stop)[0] for text in texts]


def choose(demonstrations: Sequence[Demonstration], most: int, seed: int) -> list[Demonstration]:
    """Draw at most `most`, in a fixed order."""
    rng = Random(seed)  # noqa: S311 (it draws questions, it keeps no secret)
    chosen = rng.sample(list(demonstrations), min(most, len(demonstrations)))
    return sorted(chosen, key=lambda one: (one.db_id, one.id))
