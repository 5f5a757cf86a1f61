"""Whether llama.cpp answers with an exported adapter as transformers does with the trained one.

    python benchmarks/export_agreement.py --peft RUN/adapter --adapter sql.gguf --data SPIDER_DIR
    python benchmarks/export_agreement.py --adapter smollm2-135m-spider --data SPIDER_DIR

Both are asked the same questions, greedily. In transformers the weights of the base's GGUF are
dequantised to float32; without `--peft` the adapter is read back from the exported file. Prints
each pair that differs, and the share that agrees: as text, and as SQL up to case and spaces.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import torch
from transformers_ask import chatml

from sqlkiln.core.plugins import BackendOptions, Request, Task, open_backend, open_database
from sqlkiln.evaluate.predict import PredictConfig
from sqlkiln.evaluate.questions import choose, open_questions
from sqlkiln.models.adapters import Card, find, read_card
from sqlkiln.prompt import render
from sqlkiln.train.warm_start import go_on_from
from sqlkiln.train.weights import load_model

MAX_TOKENS = 200


def main() -> None:
    """Ask both, print what differs, and end with 1 below `--least`."""
    args = parse_arguments()
    card = read_card(find(args.adapter))
    if card is None:
        sys.exit(f"{args.adapter} has no card")
    tasks = questions(args, card)
    requests = [task.request(None) for task in tasks]
    theirs = in_transformers(card.model, args.peft or find(args.adapter), requests)
    ours = in_llama_cpp(card.model, args.adapter, requests)
    same, same_sql = 0, 0
    for task, one, other in zip(tasks, ours, theirs, strict=True):
        same += one == other
        if plain(task, one) == plain(task, other):
            same_sql += 1
        else:
            print(f"{task.question}\n  llama.cpp:    {one!r}\n  transformers: {other!r}")
    share = same_sql / len(tasks)
    print(f"{len(tasks)} questions: same text {same}, same SQL {same_sql} ({share:.1%})")
    sys.exit(share < args.least)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peft", type=Path, help="the folder that PEFT saved")
    parser.add_argument("--adapter", required=True, help="name or path of what was exported")
    parser.add_argument("--dataset", default="spider")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--least", type=float, default=0.98, help="the share that must agree")
    return parser.parse_args()


def questions(args: argparse.Namespace, card: Card) -> list[Task]:
    """The tasks of a sample, rendered as the adapter was trained."""
    found = open_questions(PredictConfig(dataset=args.dataset, data=args.data))
    chosen = choose(found.answerable, args.questions, args.seed)
    tasks = []
    for example in sorted(chosen, key=lambda example: example.db_id):
        database = open_database(found.paths[example.db_id])
        tasks.append(
            render.task(
                database.schema(),
                example.question,
                style=card.schema_style,
                target=card.target,
                context=render.Context(evidence=example.evidence),
                template=Request((), max_tokens=MAX_TOKENS),
            )
        )
        database.close()
    return tasks


def in_transformers(model: str, adapter: Path, requests: list[Request]) -> list[str]:
    """The completions of the trained model, up to the target's stop."""
    network, tokenizer = load_model(model, "float32")
    trained = go_on_from(network, adapter, model, dropout=0.0).eval()
    texts = []
    for request in requests:
        prompt = chatml([[message.role, message.content] for message in request.messages])
        inputs = tokenizer(prompt, return_tensors="pt", add_special_tokens=False)
        with torch.inference_mode():
            output: Any = trained.generate(
                **inputs,
                max_new_tokens=MAX_TOKENS,
                do_sample=False,
                stop_strings=list(request.stop),
                tokenizer=tokenizer,
            )
        written = output[0, inputs["input_ids"].shape[1] :]
        texts.append(cut(tokenizer.decode(written, skip_special_tokens=True), request.stop))
    return texts


def in_llama_cpp(model: str, adapter: str, requests: list[Request]) -> list[str]:
    """The completions of the base with the exported adapter."""
    backend = open_backend(model, BackendOptions(adapters=((adapter, 1.0),)))
    texts = [cut(backend.generate(request).text, request.stop) for request in requests]
    backend.close()
    return texts


def cut(text: str, stops: tuple[str, ...]) -> str:
    """`text` up to the first of `stops`."""
    return min((text.partition(stop)[0] for stop in stops), key=len, default=text)


def plain(task: Task, text: str) -> str:
    """The SQL in a completion, in one case and with single spaces."""
    return " ".join(task.read(text).lower().split())


if __name__ == "__main__":
    main()
