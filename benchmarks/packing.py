"""Examples a second in training: shared-schema packing against one question a row, in one run.

    python benchmarks/packing.py --data PREPARED [--model smollm2-135m] [--examples 64]

PREPARED is a run of `sqlkiln data prepare`. The two take turns over the same questions, forward and
backward, so that what else the machine does hits both. The loss is printed too: it is the same.
"""

import argparse
from pathlib import Path
from time import perf_counter

import torch

from sqlkiln.prompt.views import Noise
from sqlkiln.train.config import SftConfig
from sqlkiln.train.encode import Encoder
from sqlkiln.train.methods import load_trainable
from sqlkiln.train.packing import batch, join, pack
from sqlkiln.train.rows import Rows
from sqlkiln.train.sft import answer_loss, build_rows


def alone(rows: Rows, place: int) -> list:
    """The questions of one packed row, each in a row of its own."""
    separate = []
    for planned in rows.plan[place]:
        schema = rows.schemas[planned.db_id]
        text = rows.encoder.schema_text(schema)
        for number in planned.places:
            one = rows.encoder.encode(rows.demonstrations[number], schema, text)
            separate.append(batch(pack([one])))
    return separate


def together(rows: Rows, place: int) -> list:
    """The same questions in one row."""
    groups = []
    for planned in rows.plan[place]:
        schema = rows.schemas[planned.db_id]
        text = rows.encoder.schema_text(schema)
        groups.append(
            pack(
                [
                    rows.encoder.encode(rows.demonstrations[number], schema, text)
                    for number in planned.places
                ]
            )
        )
    return [batch(join(groups))]


def work(model: torch.nn.Module, made: list) -> tuple[float, float]:
    """Seconds and loss of one pass forward and back over `made`."""
    learnt = sum(len(row["labels"]) for row in made)
    began, total = perf_counter(), 0.0
    for row in made:
        labels = row["labels"]
        inputs = {name: tensor for name, tensor in row.items() if name != "labels"}
        with torch.autocast("cpu", torch.bfloat16):
            loss = answer_loss(model(**inputs), labels, learnt)
        loss.backward()
        total += loss.item()
    model.zero_grad()
    return perf_counter() - began, total


def main() -> None:
    """Print one line a row, and the ratio over all."""
    options = argparse.ArgumentParser()
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--model", default="smollm2-135m")
    options.add_argument("--examples", type=int, default=64)
    given = options.parse_args()
    config = SftConfig(model=given.model, data=given.data, noise=Noise(full=1), hinted=0)
    model, tokenizer = load_trainable(config)
    rows = build_rows(config, given.data, Encoder(tokenizer, config.target, config.schema_style))
    seconds = {"packed": 0.0, "alone": 0.0}
    examples = place = 0
    while examples < given.examples:
        count = sum(len(planned.places) for planned in rows.plan[place])
        packed_s, packed_loss = work(model, together(rows, place))
        alone_s, alone_loss = work(model, alone(rows, place))
        seconds["packed"] += packed_s
        seconds["alone"] += alone_s
        examples += count
        place += 1
        print(
            f"{count} questions: packed {packed_s:.1f} s, alone {alone_s:.1f} s; "
            f"loss {packed_loss:.4f} and {alone_loss:.4f}",
            flush=True,
        )
    rates = {way: examples / spent for way, spent in seconds.items()}
    print(
        f"{given.model}, n = {examples}: packed {rates['packed']:.2f} examples/s, alone "
        f"{rates['alone']:.2f}, ratio {rates['packed'] / rates['alone']:.2f}"
    )


if __name__ == "__main__":
    main()
