"""`sqlkiln predict` and `sqlkiln evaluate`: a dataset through a model, and the score of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sqlkiln.cli.budget import Adapter, Amount, Beside, CurveFile, settled
from sqlkiln.cli.stages import (
    AsJson,
    Data,
    Dataset,
    Questions,
    Split,
    execute,
    print_json,
    report_left_out,
    settings,
)
from sqlkiln.core.errors import UsageError

EVALUATED = "manifest-evaluate.json"

QueryTimeout = Annotated[float | None, typer.Option(help="Seconds that one query may run.")]
Evidence = Annotated[
    bool | None,
    typer.Option("--evidence/--no-evidence", help="Give the dataset's hints too (BIRD)."),
]
StrategySpec = Annotated[
    str | None,
    typer.Option(help="How to answer: greedy, repair or vote:8, with +link, +mend and others."),
]
Predictions = Annotated[
    Path | None,
    typer.Option(help="Made elsewhere: one SQL a line in question order, or JSON by id."),
]
Temperature = Annotated[
    float | None, typer.Option(help="How far to leave the likeliest; 0 if not given.")
]
SqlStyle = Annotated[
    str | None, typer.Option(help="How SQL is kept: written, or spider for T1 and T2.")
]
Samples = Annotated[int | None, typer.Option(help="Answers to a question, for pass@k and maj@k.")]
Modes = Annotated[
    str | None,
    typer.Option(help="How results are compared: strict, spider, bird; all if not given."),
]
Metrics = Annotated[
    str | None,
    typer.Option(
        help="Others to score by: exact_match,string if not given; also soft_f1, ves, rves, "
        "wikisql."
    ),
]
SuiteFolder = Annotated[
    Path | None, typer.Option(help="A test suite, on which every row must be right as well.")
]
Prices = Annotated[Path | None, typer.Option(help="A price list (TOML) instead of sqlkiln's own.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command()(predict)
    app.command()(evaluate)


def predict(
    out: Annotated[Path, typer.Option(metavar="RUN", help="The run folder to fill.")],
    dataset: Dataset = None,
    data: Data = None,
    questions: Questions = None,
    split: Split = None,
    evidence: Evidence = None,
    limit: Annotated[int | None, typer.Option(help="Ask only so many, drawn by --seed.")] = None,
    seed: Annotated[int | None, typer.Option(help="Draws the sample; 0 if not given.")] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Catalogue name, GGUF path, or http(s)://host/v1#model of a server."),
    ] = None,
    adapter: Adapter = None,
    beside: Beside = None,
    strategy: StrategySpec = None,
    budget: Amount = None,
    curve: CurveFile = None,
    target: Annotated[
        str | None, typer.Option(help="What to write: sql, from_first, qualified, plan or think.")
    ] = None,
    schema_style: Annotated[str | None, typer.Option(help="ddl, compact or mschema.")] = None,
    sql_style: SqlStyle = None,
    slots: Annotated[int | None, typer.Option(help="Questions asked at a time.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Tokens a completion may have.")] = None,
    timeout: QueryTimeout = None,
    temperature: Temperature = None,
    samples: Samples = None,
    as_json: AsJson = False,
) -> None:
    """Let a model answer the questions of a dataset.

    Its SQL is kept in RUN; the same command goes on where a killed one was.
    """
    from sqlkiln.evaluate.predict import STAGE, PredictConfig

    config = settings(
        PredictConfig,
        dataset=dataset,
        data=data,
        questions=questions,
        split=split,
        evidence=evidence,
        limit=limit,
        seed=seed,
        model=model,
        adapter=tuple(adapter) if adapter else None,
        beside=beside,
        strategy=settled(strategy, budget, curve, model, adapter),
        target=target,
        schema_style=schema_style,
        sql_style=sql_style,
        slots=slots,
        max_tokens=max_tokens,
        timeout_s=timeout,
        temperature=temperature,
        samples=samples,
    )
    _show_predicted(execute(STAGE, config, (), out).counts, out, as_json)


def _show_predicted(counts: dict[str, Any], out: Path, as_json: bool) -> None:
    report_left_out(counts["missing_databases"], "no database")
    report_left_out(counts["unreadable_databases"], "unreadable")
    if as_json:
        print_json({"run": str(out), **counts})
    else:
        failed = counts["failed"]
        typer.echo(
            f"{out}: {counts['predicted']} of {counts['questions']} questions "
            f"predicted{f', {failed} failed' if failed else ''}; next: sqlkiln evaluate {out}"
        )


def evaluate(
    run: Annotated[Path | None, typer.Argument(metavar="[RUN]", help="What predict wrote.")] = None,
    dataset: Dataset = None,
    data: Data = None,
    questions: Questions = None,
    split: Split = None,
    predictions: Predictions = None,
    out: Annotated[
        Path | None, typer.Option(help="The run folder to fill; RUN itself if not given.")
    ] = None,
    modes: Modes = None,
    metrics: Metrics = None,
    suite: SuiteFolder = None,
    prices: Prices = None,
    timeout: QueryTimeout = None,
    resamples: Annotated[int | None, typer.Option(help="For the bootstrap interval.")] = None,
    seed: Annotated[int | None, typer.Option(help="For the bootstrap interval.")] = None,
    workers: Annotated[int | None, typer.Option(help="Databases at work at a time.")] = None,
    as_json: AsJson = False,
) -> None:
    """Score predictions against the gold SQL.

    They are in RUN, or in a file made elsewhere. Writes scores.json, the verdict of every row and
    metric with its reason (verdicts.jsonl), and what the misses have to teach (failures.jsonl,
    preferences.jsonl).
    """
    from sqlkiln.core.store import MANIFEST
    from sqlkiln.evaluate.score import STAGE, EvaluateConfig
    from sqlkiln.scoring.evaluated import SCORES

    if (run is None) == (predictions is None):
        raise UsageError("nothing to evaluate, or too much; give either RUN or --predictions FILE")
    if run is not None and (dataset is not None or split is not None):
        raise UsageError("RUN knows its dataset; leave out --dataset and --split")
    folder = out or run
    if folder is None:
        raise UsageError("nowhere to write the scores; add --out RUN")
    config = settings(
        EvaluateConfig,
        dataset=dataset,
        data=data,
        questions=questions,
        split=split,
        predictions=predictions,
        modes=_words(modes),
        metrics=_words(metrics),
        suite=suite,
        prices=prices,
        timeout_s=timeout,
        resamples=resamples,
        seed=seed,
        workers=workers,
    )
    inputs = (run,) if run is not None else ()
    execute(STAGE, config, inputs, folder, EVALUATED if folder == run else MANIFEST)
    _show(folder / SCORES, as_json)


def _words(text: str | None) -> tuple[str, ...] | None:
    """The words of a comma-separated list."""
    return None if text is None else tuple(w for part in text.split(",") if (w := part.strip()))


def _show(path: Path, as_json: bool) -> None:
    from sqlkiln.cli.scores import print_scores
    from sqlkiln.core.files import parse_record
    from sqlkiln.scoring.summary import Scores

    scores = parse_record(path.read_bytes(), Scores, str(path))
    report_left_out(scores.missing_databases, "no database")
    report_left_out(scores.unreadable_databases, "unreadable")
    if as_json:
        print_json({"run": str(path.parent), **scores.model_dump(mode="json")})
    else:
        print_scores(scores, str(path.parent))
