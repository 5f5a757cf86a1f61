"""Whether llama.cpp answers with an exported adapter as transformers does with the trained one.

    python benchmarks/export_agreement.py --peft RUN/adapter --adapter sql.gguf --data SPIDER_DIR
    python benchmarks/export_agreement.py --adapter smollm2-135m-spider --data SPIDER_DIR

Both are asked the same questions, greedily. In transformers the weights of the base's GGUF are
dequantised to float32; without `--peft` the adapter is read back from the exported file. Prints
each pair that differs, and the share that agrees: as text, and as SQL up to case and spaces.

llama.cpp rounds what it multiplies with 8-bit weights to 8 bits too. With `--float32` it is given
the same weights as 32-bit numbers, and rounds nothing: what differs then is the export's.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from gguf import GGUFReader, GGUFWriter, LlamaFileType
from gguf.quants import dequantize
from transformers_ask import chatml

from sqlkiln.core.plugins import BackendOptions, Request, Task, open_backend, open_database
from sqlkiln.evaluate.predict import PredictConfig
from sqlkiln.evaluate.questions import choose, open_questions
from sqlkiln.models.adapters import CARD_KEY, Card, find, read_card
from sqlkiln.models.catalog import resolve
from sqlkiln.prompt import render
from sqlkiln.train.export_layout import read_layout
from sqlkiln.train.export_merged import copy_settings
from sqlkiln.train.warm_start import go_on_from
from sqlkiln.train.weights import load_model

MAX_TOKENS = 200

UNDECIDED = 0.05
"""Where the likeliest token leads by less, rounding may decide."""


def main() -> None:
    """Ask both, print what differs, and end with 1 below `--least`."""
    args = parse_arguments()
    card = read_card(find(args.adapter))
    if card is None:
        sys.exit(f"{args.adapter} has no card")
    tasks = questions(args, card)
    requests = [task.request(None) for task in tasks]
    trained = Trained(card.model, args.peft or find(args.adapter))
    theirs = [trained.answer(request) for request in requests]
    with TemporaryDirectory() as folder:
        base = in_float32(card, Path(folder)) if args.float32 else card.model
        ours = in_llama_cpp(base, str(find(args.adapter)), requests)
    same, same_sql, decided = 0, 0, 0
    for task, request, one, other in zip(tasks, requests, ours, theirs, strict=True):
        same += one == other
        if plain(task, one) == plain(task, other):
            same_sql += 1
            continue
        lead = trained.lead(request, other, one)
        decided += not lead < UNDECIDED
        print(f"{task.question} (lead {lead:.3f})\n  llama.cpp:    {one!r}")
        print(f"  transformers: {other!r}")
    n = len(tasks)
    print(f"{n} questions: same text {same}, same SQL {same_sql} ({same_sql / n:.1%})")
    print(f"of those that differ, {decided} part where one token leads by {UNDECIDED} or more")
    sys.exit(same_sql < args.least * n)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peft", type=Path, help="the folder that PEFT saved")
    parser.add_argument("--adapter", required=True, help="name or path of what was exported")
    parser.add_argument("--dataset", default="spider")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--float32", action="store_true", help="llama.cpp rounds nothing")
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


class Trained:
    """The trained model in transformers."""

    def __init__(self, model: str, adapter: Path) -> None:
        network, self._tokenizer = load_model(model, "float32")
        self._network: Any = go_on_from(network, adapter, model, dropout=0.0).eval()

    def answer(self, request: Request) -> str:
        """The completion up to the target's stop."""
        inputs = self._tokens(request, "")
        with torch.inference_mode():
            output = self._network.generate(
                inputs,
                attention_mask=torch.ones_like(inputs),
                max_new_tokens=MAX_TOKENS,
                do_sample=False,
                stop_strings=list(request.stop),
                tokenizer=self._tokenizer,
            )
        written = output[0, inputs.shape[1] :]
        return cut(self._tokenizer.decode(written, skip_special_tokens=True), request.stop)

    def lead(self, request: Request, one: str, other: str) -> float:
        """By how much the token of `one` is likelier than that of `other` where they part."""
        ones, others = (self._tokens(request, text)[0].tolist() for text in (one, other))
        pairs = zip([*ones, None], [*others, None], strict=False)
        place = next(i for i, (a, b) in enumerate(pairs) if a != b)
        if place in (len(ones), len(others)):
            return float("nan")
        with torch.inference_mode():
            logits = self._network(torch.tensor([ones[:place]])).logits[0, -1]
        chances = torch.softmax(logits.float(), dim=-1)
        return float(chances[ones[place]] - chances[others[place]])

    def _tokens(self, request: Request, written: str) -> Any:
        prompt = chatml([[message.role, message.content] for message in request.messages])
        tokens = self._tokenizer(prompt + written, return_tensors="pt", add_special_tokens=False)
        return tokens["input_ids"]


def in_float32(card: Card, folder: Path) -> str:
    """The path of the base with all weights as 32-bit numbers."""
    reader = GGUFReader(resolve(card.model))
    path = folder / "float32.gguf"
    writer = GGUFWriter(path, read_layout(card.model).architecture)
    copy_settings(reader, writer, {"general.file_type": LlamaFileType.ALL_F32, CARD_KEY: card})
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, dequantize(tensor.data, tensor.tensor_type))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return str(path)


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
