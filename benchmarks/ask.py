"""How fast a question is answered, model by model.

    python benchmarks/ask.py                                   # the sample databases
    python benchmarks/ask.py --data SPIDER_DIR --questions 60  # Spider-size schemas
    python benchmarks/ask.py --transformers-python .venv-hf/bin/python

Each model runs in a process of its own, so that peak memory is its own. A question is `warm` if
another one about the same database came before it. With `--transformers-python` (an interpreter
that has torch, transformers and gguf) the same prompts are answered by the same weights behind
transformers too, model after model in turn, and the ratio is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

MODELS = ("smollm2-135m", "qwen2.5-coder-0.5b")
HERE = Path(__file__).parent


def main() -> None:
    """Run what the arguments say and print a table, or one model's figures as JSON."""
    args = parse_arguments()
    if args.measure:
        print(json.dumps(measure(args.measure, args.data, args)))
        return
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, {args.questions} questions, seed {args.seed}"
    )
    rows = []
    for model in args.models:
        figures = run_json([sys.executable, __file__, "--measure", model, *passed_on(args)])
        prompts = figures.pop("prompts")
        if args.transformers_python:
            figures |= compare(args.transformers_python, model, prompts, figures["seconds"])
        figures.pop("seconds")
        rows.append({"model": model, **figures})
    print_table(rows)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--data", type=Path, help="Spider layout; without it the samples")
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--strategy", default="repair", help="greedy does not try twice")
    parser.add_argument("--transformers-python", help="interpreter with torch and transformers")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    return parser.parse_args()


def passed_on(args: argparse.Namespace) -> list[str]:
    """The arguments that a measuring process needs too."""
    data = ["--data", str(args.data)] if args.data else []
    return [
        *data,
        "--questions",
        str(args.questions),
        "--seed",
        str(args.seed),
        "--strategy",
        args.strategy,
    ]


def measure(model: str, data: Path | None, args: argparse.Namespace) -> dict[str, Any]:
    """Ask in this process: figures, and the prompts for a comparison."""
    from sqlkiln.core import plugins
    from sqlkiln.core.plugins import BackendOptions, DatasetOptions
    from sqlkiln.serve.session import Session, SessionOptions

    dataset = plugins.load("datasets", "spider" if data else "samples").open(
        DatasetOptions(data=data, split="dev")
    )
    chosen = choose(dataset, args.questions, args.seed)
    started = time.perf_counter()
    backend = plugins.open_backend(model, BackendOptions())
    load_s = time.perf_counter() - started
    options = SessionOptions(model=model, strategy=args.strategy)
    answers: list[tuple[bool, Any]] = []
    prompts = []
    for db_id in dict.fromkeys(example.db_id for example in chosen):
        path = dataset.database_path(db_id)
        session = Session(path, options, lambda *_: backend)
        for number, example in enumerate(e for e in chosen if e.db_id == db_id):
            prompts.append([[m.role, m.content] for m in session.prompt(example.question)])
            answers.append((number > 0, session.ask(example.question)))
        session.database.close()
    backend.close()
    return {"load_s": round(load_s, 2), **summarise(answers), "prompts": prompts}


def choose(dataset: Any, count: int, seed: int) -> list[Any]:
    """`count` questions by seed, from databases that exist, at least two a database."""
    import random

    by_database: dict[str, list[Any]] = {}
    for example in dataset.examples():
        if dataset.database_path(example.db_id):
            by_database.setdefault(example.db_id, []).append(example)
    rng = random.Random(seed)
    per_database = max(2, count // len(by_database))
    names = rng.sample(sorted(by_database), min(len(by_database), count // per_database))
    return [e for n in names for e in rng.sample(by_database[n], per_database)][:count]


def summarise(answers: list[tuple[bool, Any]]) -> dict[str, Any]:
    """Percentiles in seconds, speeds in tokens per second, memory in MiB."""
    warm = sorted(answer.timings.total_s for is_warm, answer in answers if is_warm)
    cold = sorted(answer.timings.total_s for is_warm, answer in answers if not is_warm)
    tokens = [answer.tokens for _, answer in answers]
    prompt = sum(t.prompt for t in tokens)
    cached = sum(t.cached for t in tokens)
    prompt_s = sum(answer.timings.prompt_s for _, answer in answers)
    decode_s = sum(answer.timings.decode_s for _, answer in answers)
    return {
        "n": len(answers),
        "repairs": sum(len(answer.attempts) > 1 for _, answer in answers),
        "warm_p50_s": round(percentile(warm, 0.5), 2),
        "warm_p95_s": round(percentile(warm, 0.95), 2),
        "cold_p50_s": round(percentile(cold, 0.5), 2),
        "prompt_tok_s": round((prompt - cached) / prompt_s, 1),
        "decode_tok_s": round(sum(t.completion for t in tokens) / decode_s, 1),
        "prompt_tokens": round(prompt / len(tokens)),
        "answer_tokens": round(sum(t.completion for t in tokens) / len(tokens), 1),
        "prefix_hit": round(cached / prompt, 3),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "seconds": [
            round(answer.timings.prompt_s + answer.timings.decode_s, 3) for _, answer in answers
        ],
    }


def percentile(values: list[float], share: float) -> float:
    """The nearest-rank percentile of sorted `values`."""
    return values[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


def compare(python: str, model: str, prompts: list[Any], ours: list[float]) -> dict[str, Any]:
    """Answer the same prompts behind transformers: how many times slower is it?"""
    from sqlkiln.models import catalog

    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"gguf": str(catalog.resolve(model)), "prompts": prompts}, file)
        file.flush()
        theirs = run_json([python, str(HERE / "transformers_ask.py"), file.name])
    return {
        "transformers_s": round(sum(theirs["seconds"]) / len(prompts), 2),
        "ours_s": round(sum(ours) / len(ours), 2),
        "speedup": round(sum(theirs["seconds"]) / sum(ours), 2),
        "transformers_mib": theirs["peak_mib"],
    }


def run_json(command: list[str]) -> dict[str, Any]:
    """Run `command`; its last line of output is JSON."""
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def print_table(rows: list[dict[str, Any]]) -> None:
    """One line a figure, one column a model."""
    width = max(len(key) for key in rows[0])
    for key in rows[0]:
        print(f"{key:<{width}}", *(f"{row[key]!s:>20}" for row in rows))


if __name__ == "__main__":
    main()
