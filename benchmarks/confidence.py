"""What confidences are worth, and the coefficients that they are made with.

    python benchmarks/confidence.py --ask RUN --dataset jsonl --questions Q.jsonl --data DATABASES
    python benchmarks/confidence.py --run RUN
    python benchmarks/confidence.py --run RUN --write src/sqlkiln/assets/confidence/single.json
    python benchmarks/confidence.py --run RUN --second --write src/.../second.json

`--run` takes folders with `predictions.jsonl` that hold features, and `verdicts.jsonl`. It prints
what the shipped coefficients are worth on them, and what coefficients fitted on some of the
databases are worth on the others: on two halves, and on each database in turn. `--write` fits all.
With `--second` only answers count of which others were asked as well.

`--ask` makes such a folder: every question once, greedily, with log-probabilities. It goes on where
it was ended. A run of `predict` by a strategy with switches is one too, once it is evaluated.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from time import perf_counter

from sqlkiln.core import adapters, plugins
from sqlkiln.core.plugins import (
    Backend,
    BackendOptions,
    Database,
    DatasetOptions,
    Request,
    Solution,
)
from sqlkiln.core.records import Example, Prediction, Verdict
from sqlkiln.core.store import JsonlWriter, read_jsonl, write_atomic
from sqlkiln.prompt import render
from sqlkiln.scoring.calibration import Calibration, auroc, calibration
from sqlkiln.scoring.metrics import ExecutionAccuracy
from sqlkiln.scoring.verdicts import UNSCORED
from sqlkiln.search.confidence import FEATURES, SECOND, UNWEIGHED, confidence, judged, shipped_fit
from sqlkiln.search.confidence_fit import PENALTY, Fit, fit, probability_of
from sqlkiln.search.sample import executed, generated

PREDICTIONS, VERDICTS = "predictions.jsonl", "verdicts.jsonl"
METRIC = "execution.strict"
LOGPROBS = 2

Pair = tuple[Prediction, bool]
"""An answer, and whether it is right."""


def main() -> None:
    """Ask, or measure and fit, as the arguments say."""
    args = parse_arguments()
    if args.ask is not None:
        ask(args)
        return
    pairs = [pair for run in args.run for pair in read_pairs(run)]
    if args.second:
        pairs = [pair for pair in pairs if pair[0].features.get("backed") is not None]
    right = sum(verdict for _, verdict in pairs)
    databases = sorted({prediction.db_id for prediction, _ in pairs})
    print(f"{len(pairs)} answers, {right} right, {len(databases)} databases")
    single_features(pairs)
    print(
        f"{'':34} {'n':>5} {'AUROC (95%)':>24} {'ECE':>6} {'Brier':>6} {'wrong':>6} {'at 70%':>6}"
    )
    show(f"shipped coefficients{seen_before(pairs)}", pairs, lambda p: confidence(p.features))
    across_databases(pairs, databases, args.penalty)
    if args.write is not None:
        write(args.write, pairs, args)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--run", type=Path, nargs="+", help="folders with predictions and verdicts")
    what.add_argument("--ask", type=Path, help="the folder to write answers to")
    parser.add_argument("--write", type=Path, help="file for coefficients fitted on all rows")
    parser.add_argument("--second", action="store_true", help="those with other opinions alone")
    parser.add_argument("--about", default="", help="what the rows are, to be written there")
    parser.add_argument("--penalty", type=float, default=PENALTY)
    parser.add_argument("--dataset", default="spider")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--questions", type=Path)
    parser.add_argument("--split", default="dev")
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--adapter", action="append", help="without it, the shipped one")
    parser.add_argument("--limit", type=int, help="the first so many questions")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


# --------------------------------------------------------------------------- measuring


def read_pairs(run: Path) -> Iterator[Pair]:
    """The answers with features of which it is known whether they are right."""
    verdicts = {v.id: v for v in read_jsonl(run / VERDICTS, Verdict) if v.metric == METRIC}
    for prediction in read_jsonl(run / PREDICTIONS, Prediction):
        verdict = verdicts.get(prediction.id)
        if verdict and prediction.features and not UNSCORED & set(verdict.flags):
            yield prediction, verdict.score >= 1.0


def seen_before(pairs: Sequence[Pair]) -> str:
    """A remark if the shipped coefficients were fitted on some of these databases."""
    fitted_on = str(shipped_fit().fitted_on.get("databases", "")).split(", ")
    known = {prediction.db_id for prediction, _ in pairs} & set(fitted_on)
    return " (fitted on these)" if known else ""


def single_features(pairs: Sequence[Pair]) -> None:
    """Print how well each feature alone tells right from wrong."""
    print(f"{'feature':16} {'there':>6} {'AUROC':>6}")
    for name, meaning in FEATURES.items():
        known = [(v, right) for p, right in pairs if (v := p.features.get(name)) is not None]
        area = auroc([v for v, _ in known], [right for _, right in known]) if known else None
        shown = "-" if area is None else f"{area:.3f}"
        print(f"{name:16} {len(known):6} {shown:>6}  {meaning}")


def show(title: str, pairs: Sequence[Pair], sure: Callable[[Prediction], float]) -> None:
    """Print a line on the confidences that `sure` gives, and return nothing."""
    found = calibration([sure(p) for p, _ in pairs], [right for _, right in pairs])
    print(f"{title:34} {line(found)}")


def line(found: Calibration) -> str:
    """The numbers of one line."""
    area = "-"
    if found.auroc is not None:
        area = f"{found.auroc:.3f} ({found.low:.3f} to {found.high:.3f})"
    numbers = f"{found.ece:6.3f} {found.brier:6.3f} {found.error:6.1%} {found.error_at_70:6.1%}"
    return f"{found.n:5} {area:>24} {numbers}"


def across_databases(pairs: Sequence[Pair], databases: Sequence[str], penalty: float) -> None:
    """Fit on some databases, print what that is worth on others."""
    halves = halved(pairs, databases)
    said: dict[str, float] = {}
    for title, held in (("first half of databases, held out", 0), ("second half, held out", 1)):
        kept = [pair for pair in pairs if pair[0].db_id not in halves[held]]
        tested = [pair for pair in pairs if pair[0].db_id in halves[held]]
        found = fitted(kept, penalty)
        show(title, tested, lambda p, found=found: stated(found, p))
        said |= {p.id: stated(found, p) for p, _ in tested}
    show("both halves", pairs, lambda p: said[p.id])
    ran = [pair for pair in pairs if not pair[0].features.get("failed")]
    show("both halves, those that ran", ran, lambda p: said[p.id])
    reliability(pairs, said)
    for database in databases:
        found = fitted([pair for pair in pairs if pair[0].db_id != database], penalty)
        said |= {p.id: stated(found, p) for p, _ in pairs if p.db_id == database}
    show("each database by all others", pairs, lambda p: said[p.id])


def halved(pairs: Sequence[Pair], databases: Sequence[str]) -> tuple[set[str], set[str]]:
    """Two sets of databases with about as many rows: each goes to the one that has fewer."""
    counts = Counter(prediction.db_id for prediction, _ in pairs)
    halves: tuple[set[str], set[str]] = (set(), set())
    for database in sorted(databases, key=lambda d: (-counts[d], d)):
        min(halves, key=lambda half: sum(counts[d] for d in half)).add(database)
    return halves


def fitted(pairs: Sequence[Pair], penalty: float, **about: str) -> Fit:
    """A fit on all answers: those that failed tell how likely one is to fail that was not run."""
    asked_others = all(prediction.features.get("backed") is not None for prediction, _ in pairs)
    weighed = SECOND if asked_others else [name for name in FEATURES if name not in UNWEIGHED]
    return fit([(p.features, right) for p, right in pairs], weighed, penalty, about)


def stated(found: Fit, prediction: Prediction) -> float:
    """As `search.confidence` does, with coefficients of our own."""
    return 0.0 if prediction.features.get("failed") else probability_of(found, prediction.features)


def reliability(pairs: Sequence[Pair], said: dict[str, float]) -> None:
    """Print the bins of both halves."""
    found = calibration([said[p.id] for p, _ in pairs], [right for _, right in pairs])
    for part in found.bins:
        print(
            f"    {part.low:.2f} to {part.high:.2f} {part.n:5} answers, "
            f"said {part.confidence:.1%}, right {part.right:.1%}"
        )


def write(path: Path, pairs: Sequence[Pair], args: argparse.Namespace) -> None:
    """Write coefficients that were fitted on all rows."""
    models = sorted({f"{p.model} + {p.adapter or 'no adapter'}" for p, _ in pairs})
    found = fitted(
        pairs,
        args.penalty,
        questions=args.about,
        databases=", ".join(sorted({p.db_id for p, _ in pairs})),
        model=", ".join(models),
        strategy=", ".join(sorted({p.strategy for p, _ in pairs})),
        made=date.today().isoformat(),
    )
    write_atomic(path, found.model_dump_json(indent=2) + "\n")
    print(f"written to {path}")
    for name, one in sorted(found.coefficients.items(), key=lambda c: -abs(c[1].weight)):
        print(f"    {name:16} {one.weight:+.3f} a deviation of {one.scale:.3f}")


# --------------------------------------------------------------------------- asking


def ask(args: argparse.Namespace) -> None:
    """Answer the questions that have no answer yet, and score the answers."""
    options = DatasetOptions(args.data, args.questions, args.split)
    dataset = plugins.load("datasets", args.dataset).open(options)
    examples = dataset.examples()[: args.limit]
    used = adapters.choose(args.model, args.adapter)
    opening = BackendOptions(adapters=adapters.options(used), threads=args.threads)
    metric = ExecutionAccuracy()
    with (
        JsonlWriter(args.ask / PREDICTIONS, resume=True) as predictions,
        JsonlWriter(args.ask / VERDICTS, resume=True) as verdicts,
        closing(plugins.open_backend(args.model, opening)) as backend,
    ):
        done = {v.id for v in read_jsonl(args.ask / VERDICTS, Verdict)}
        told = {p.id for p in read_jsonl(args.ask / PREDICTIONS, Prediction)} - done
        for example in examples:
            path = dataset.database_path(example.db_id)
            if path is None or example.id in done:
                continue
            with closing(plugins.open_database(path)) as database:
                made = answer(example, backend, database, used)
                if example.id not in told:
                    predictions.write(made)
                verdicts.write(metric.score(example, made.sql, database))


def answer(
    example: Example,
    backend: Backend,
    database: Database,
    used: tuple[adapters.Adapter, ...],
) -> Prediction:
    """One answer with its features."""
    started = perf_counter()
    task = render.task(
        database.schema(),
        example.question,
        style=adapters.wanted(used, "schema_style", None, "ddl"),
        target=adapters.wanted(used, "target", None, "sql"),
        context=render.Context(evidence=example.evidence),
        template=Request((), max_tokens=400, logprobs=LOGPROBS),
    )
    written = generated(task, backend, None, None)
    chosen = executed(written, database)
    found = judged(Solution(chosen, (chosen,)), task)
    return Prediction(
        id=example.id,
        db_id=example.db_id,
        sql=chosen.sql,
        completion=written.completion.text,
        model=backend.model,
        adapter=adapters.shown(used),
        strategy="greedy",
        completion_tokens=written.completion.completion_tokens,
        seconds=round(perf_counter() - started, 4),
        confidence=found.confidence,
        features=dict(found.features),
    )


if __name__ == "__main__":
    main()
