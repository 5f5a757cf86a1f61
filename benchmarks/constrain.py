"""What decoding under a grammar costs and brings.

    python benchmarks/constrain.py --heldout RUN/heldout.jsonl --data SPIDER_DIR
    python benchmarks/constrain.py --heldout RUN/heldout.jsonl --data SPIDER_DIR --adapter spider
    python benchmarks/constrain.py --sizes --data SPIDER_DIR

The first two answer held-out questions of a `prepare` run with each strategy in turn, question by
question: how many answers the database refuses, how many are right by strict execution, and what
a token took. Time is that of this process on the processor, so that other work on the machine does
not count. The third tells how big grammars are, and how long they take to make, to continue and to
be read by llama.cpp.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

STRATEGIES = ("greedy", "constrained:names", "constrained")
WORDS = """
    account batch branch contract customer doctor employee event invoice item ledger order patient
    payment price product rate region salary ship stock supplier tax unit visit ward
""".split()
REPEATS = 5


def main() -> None:
    """Run what the arguments say."""
    args = parse_arguments()
    if args.sizes:
        measure_sizes(args)
    else:
        measure_answers(args)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="Spider layout")
    parser.add_argument("--heldout", type=Path, help="heldout.jsonl of a prepare run")
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--adapter")
    parser.add_argument("--target", default="sql")
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES))
    parser.add_argument("--rows", type=Path, help="append each answer to this file")
    parser.add_argument("--sizes", action="store_true")
    parser.add_argument("--tables", type=int, default=900, help="of the generated schema")
    return parser.parse_args()


# --------------------------------------------------------------------------- answers


def measure_answers(args: argparse.Namespace) -> None:
    """Answer the questions with every strategy and print one line for each."""
    from sqlkiln.core import plugins
    from sqlkiln.core.plugins import BackendOptions

    adapters = ((args.adapter, 1.0),) if args.adapter else ()
    backend = plugins.open_backend(args.model, BackendOptions(threads=1, adapters=adapters))
    strategies = {spec: plugins.open_strategy(spec) for spec in args.strategies}
    rows: list[dict[str, Any]] = []
    for example, database in chosen(args):
        read_prompt(example, database, backend, args.target)
        for spec, strategy in strategies.items():
            row = answer(example, database, backend, spec, strategy, args.target)
            rows.append(row)
            if args.rows:
                with args.rows.open("a") as file:
                    file.write(json.dumps(row) + "\n")
    for spec in strategies:
        print_line(spec, [row for row in rows if row["strategy"] == spec])


def chosen(args: argparse.Namespace) -> Sequence[tuple[Any, Any]]:
    """Spider's questions by seed, as many from every database, with their databases."""
    from sqlkiln.core import plugins
    from sqlkiln.core.records import Example

    read = [json.loads(line) for line in args.heldout.read_text().splitlines()]
    lines = [line for line in read if line["db_id"].startswith("spider/")]
    names = sorted({line["db_id"] for line in lines})
    rng = random.Random(args.seed)
    found = []
    for name in names:
        own = [line for line in lines if line["db_id"] == name]
        short = name.rpartition("/")[2]
        database = plugins.open_database(args.data / "database" / short / f"{short}.sqlite")
        for line in rng.sample(own, min(len(own), args.questions // len(names))):
            example = Example(
                id=line["id"], db_id=short, question=line["question"], gold_sql=line["gold_sql"]
            )
            found.append((example, database))
    return found


def read_prompt(example: Any, database: Any, backend: Any, target: str) -> None:
    """Have the prompt read before it is asked: rounding then differs for none of the strategies."""
    from dataclasses import replace

    from sqlkiln.prompt.render import task

    request = task(database.schema(), example.question, target=target).request(None)
    backend.generate(replace(request, max_tokens=1))


def answer(
    example: Any, database: Any, backend: Any, spec: str, strategy: Any, target: str
) -> dict[str, Any]:
    """One answer, whether it runs, and whether it is right."""
    from sqlkiln.core import plugins
    from sqlkiln.core.errors import QueryError
    from sqlkiln.core.plugins import Watch
    from sqlkiln.prompt.render import task

    asked = task(database.schema(), example.question, target=target)
    wall, cpu = time.perf_counter(), time.process_time()
    chosen = strategy.solve(asked, backend, database, Watch()).chosen
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    error = ""
    try:
        database.execute(chosen.sql)
    except QueryError as problem:
        error = str(problem)
    verdict = plugins.load("metrics", "execution.strict")().score(example, chosen.sql, database)
    return {
        "id": example.id,
        "strategy": spec,
        "sql": chosen.sql,
        "written": chosen.completion.text,
        "gold": example.gold_sql,
        "error": error,
        "right": verdict.score,
        "tokens": chosen.completion.completion_tokens,
        "prompt_read": chosen.completion.prompt_tokens - chosen.completion.cached_tokens,
        "wall_s": round(wall, 3),
        "cpu_s": round(cpu, 3),
    }


def print_line(spec: str, rows: Sequence[dict[str, Any]]) -> None:
    """The figures of one strategy."""
    tokens = sum(row["tokens"] for row in rows)
    print(
        f"{spec:20} n={len(rows)} right={sum(row['right'] for row in rows):.0f} "
        f"refused={sum(bool(row['error']) for row in rows)} tokens={tokens} "
        f"cpu={sum(row['cpu_s'] for row in rows):.1f}s "
        f"wall={sum(row['wall_s'] for row in rows):.0f}s"
    )


# --------------------------------------------------------------------------- sizes


def measure_sizes(args: argparse.Namespace) -> None:
    """How big grammars are, and what they cost to make and to read, smallest schema to largest."""
    from sqlkiln.core import plugins
    from sqlkiln.core.plugins import BackendOptions, Message, Request

    backend = plugins.open_backend(args.model, BackendOptions(threads=1))
    request = Request(messages=(Message("user", "How many?"),), max_tokens=2)
    backend.generate(request)
    for schema in (*spider_schemas(args.data), generated_schema(args.tables)):
        print_sizes(schema, backend, request, args.target)


def print_sizes(schema: Any, backend: Any, request: Any, target: str) -> None:
    """One line about the grammar of one schema."""
    from dataclasses import replace

    from sqlkiln.sql.grammar import grammar_of

    started = time.process_time()
    grammar = grammar_of(schema, target)
    made = time.process_time() - started
    started = time.process_time()
    text = grammar.written(grammar.loose)
    written = time.process_time() - started
    reading = median_cpu(lambda: backend.generate(replace(request, grammar=text)))
    reading -= median_cpu(lambda: backend.generate(request))
    columns = sum(len(table.columns) for table in schema.tables)
    print(
        f"{schema.db_id:20} {len(schema.tables):4} tables {columns:6} columns "
        f"{len(text):9,} bytes; make {made * 1e3:.0f} ms, write {written * 1e3:.0f} ms, "
        f"read by llama.cpp {reading * 1e3:.0f} ms"
    )


def median_cpu(work: Any) -> float:
    """Seconds of this process on the processor that `work` takes, the median of some."""
    taken = []
    for _ in range(REPEATS):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return sorted(taken)[REPEATS // 2]


def spider_schemas(data: Path) -> Sequence[Any]:
    """The schemas of the smallest, the median and the largest database of Spider dev."""
    from sqlkiln.core import plugins

    names = sorted({row["db_id"] for row in json.loads((data / "dev.json").read_text())})
    found = []
    for name in names:
        path = data / "database" / name / f"{name}.sqlite"
        if path.exists():
            database = plugins.open_database(path)
            found.append(database.schema(samples=0))
            database.close()
    found.sort(key=lambda schema: sum(len(table.columns) for table in schema.tables))
    return [found[0], found[len(found) // 2], found[-1]]


def generated_schema(tables: int) -> Any:
    """A schema of so many tables of 16 columns, made of `WORDS`."""
    from sqlkiln.core.records import Column, DatabaseSchema, Table

    rng = random.Random(0)
    made = []
    for number in range(tables):
        names = [f"{rng.choice(WORDS)}_{rng.choice(WORDS)}" for _ in range(15)]
        columns = tuple(Column(name=name) for name in dict.fromkeys(["id", *names]))
        name = f"{rng.choice(WORDS)}_{rng.choice(WORDS)}_{number}"
        made.append(Table(name=name, columns=columns))
    return DatabaseSchema(db_id=f"generated_{tables}", dialect="sqlite", tables=tuple(made))


if __name__ == "__main__":
    main()
