"""`sqlkiln tune-budget` measures strategies; `--budget` of other commands chooses among them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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

if TYPE_CHECKING:
    from sqlkiln.scoring.curve import Curve, Latency, Point

Amount = Annotated[
    str | None,
    typer.Option(
        "--budget",
        metavar="AMOUNT",
        help="What an answer may take, 300ms or 2s, or cost for 1,000 questions, 0.10usd; "
        "it picks the strategy.",
    ),
]
Beside = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        help="Another model, asked too where the answer may be wrong; wants +second.",
    ),
]
CurveFile = Annotated[
    Path | None,
    typer.Option("--curve", metavar="FILE", help="The curve.json that --budget goes by."),
]
Model = Annotated[
    str | None,
    typer.Option(help="Catalogue name, GGUF path, or http(s)://host/v1#model of a server."),
]
Adapter = Annotated[
    list[str] | None, typer.Option(help="LoRA adapter, NAME_OR_PATH[:WEIGHT], or none; repeatable.")
]
Once = Annotated[
    bool, typer.Option("--once", help="Ask what several strategies ask only once: much quicker.")
]
Out = Annotated[
    Path | None, typer.Option(help="The run folder to fill; in the cache if not given.")
]
Prices = Annotated[Path | None, typer.Option(help="A price list (TOML) instead of sqlkiln's own.")]


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("tune-budget")(tune_budget)


def tune_budget(
    database: Annotated[
        Path | None,
        typer.Argument(metavar="[DB]", help="A database of your own, with --questions about it."),
    ] = None,
    questions: Questions = None,
    samples: Annotated[
        bool, typer.Option("--samples", help="On the sample databases, which everyone has.")
    ] = False,
    dataset: Dataset = None,
    data: Data = None,
    split: Split = None,
    limit: Annotated[
        int | None, typer.Option(help="Ask so many, drawn by --seed; 60 if not given.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Draws the sample; 0 if not given.")] = None,
    model: Model = None,
    adapter: Adapter = None,
    strategies: Annotated[
        str | None, typer.Option(help="Which to measure, such as greedy,vote:4+link+mend.")
    ] = None,
    once: Once = False,
    prices: Prices = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Measure what strategies get right and what they take.

    Every strategy is asked the same questions in turn. The curve is kept, so that --budget can go
    by it, and drawn as a page. Killed or stopped, the same command goes on where it was.
    """
    from sqlkiln.core.cache import cache_folder
    from sqlkiln.core.store import stage_hash, write_atomic
    from sqlkiln.evaluate.curve import CURVE, STAGE, CurveConfig
    from sqlkiln.report.curve import to_html
    from sqlkiln.scoring.curve import keep, read_curve

    config = settings(
        CurveConfig,
        **_source(database, questions, samples, dataset, data, split),
        limit=limit,
        seed=seed,
        model=model,
        adapter=tuple(adapter) if adapter else None,
        strategies=_listed(strategies),
        once=once or None,
        prices=prices,
    )
    folder = out or cache_folder("budget") / "runs" / stage_hash(STAGE, config, ())[:16]
    counts = execute(STAGE, config, (), folder).counts
    report_left_out(counts["missing_databases"], "no database")
    report_left_out(counts["unreadable_databases"], "unreadable")
    curve = read_curve(folder / CURVE)
    keep(curve)
    write_atomic(folder / "curve.html", to_html(curve))
    if as_json:
        print_json({"run": str(folder), **curve.model_dump(mode="json"), "front": _front(curve)})
    else:
        _show(curve, folder)


def _source(
    database: Path | None,
    questions: Path | None,
    samples: bool,
    dataset: str | None,
    data: Path | None,
    split: str | None,
) -> dict[str, Any]:
    """Which questions to ask, as fields of the config."""
    named = dataset or data or split
    if sum((database is not None, samples, bool(named))) > 1:
        raise UsageError("DB, --samples and --dataset exclude one another; choose one")
    if samples:
        return {"dataset": "samples", "split": "heldout", "questions": questions}
    if database is None:
        if not (named or questions):
            raise UsageError(
                "no questions to measure on; give DB --questions FILE, or --dataset NAME, or "
                "--samples for those that come with sqlkiln"
            )
        return {
            "dataset": dataset or "jsonl",
            "data": data,
            "split": split,
            "questions": questions,
        }
    if questions is None:
        raise UsageError(
            f"no questions about {database}; give --questions FILE, one JSON object a line with "
            "question and gold_sql, or measure on --samples instead of it"
        )
    from sqlkiln.evaluate.own_rows import about_database

    if not database.exists():
        raise UsageError(f"no such database: {database}; check the path")
    rows, others = about_database(questions, database)
    if others:
        typer.echo(f"left out, about other databases: {others} questions", err=True)
    return {"dataset": "jsonl", "questions": rows, "database": str(database.resolve())}


def _listed(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(w for part in text.split(",") if (w := part.strip()))


# --------------------------------------------------------------------------- showing


def _front(curve: Curve) -> list[str]:
    from sqlkiln.scoring.curve import front

    best = front(curve.points)
    return [point.strategy for point in curve.points if point.strategy in best]


def _show(curve: Curve, folder: Path) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from sqlkiln.scoring.curve import machine_title

    table = Table(box=box.SIMPLE_HEAD, header_style="bold")
    for name in ("strategy", "n", "right", "p50", "p95", "US$/1,000"):
        justify: Any = "left" if name == "strategy" else "right"
        table.add_column(name, justify=justify, overflow="fold")
    best = _front(curve)
    for point in curve.points:
        table.add_row(*_cells(point, point.strategy in best))
    console = Console(soft_wrap=True)
    who = f"{curve.model} + {curve.adapter}" if curve.adapter else curve.model
    for line in (f"{who}, {curve.about}", machine_title(curve.machine)):
        console.print(line, highlight=False, markup=False)
    console.print(table)
    note = "* on the front: no other is better in accuracy, 95th percentile and cost"
    console.print(f"{note}; seconds are of warm questions", style="dim", markup=False)
    failed = [f"{p.strategy} {p.failed}" for p in curve.points if p.failed]
    if failed:
        console.print(f"failed, counted as wrong: {', '.join(failed)}", highlight=False)
    console.print(
        f"written to {folder}; see curve.html, and use it with --budget", style="dim", markup=False
    )


def _cells(point: Point, is_best: bool) -> Sequence[str]:
    low, high = 100 * point.interval.low, 100 * point.interval.high
    usd = point.usd_per_1000
    return (
        f"{point.strategy}{' *' if is_best else ''}",
        str(point.n),
        f"{point.accuracy:.1%} ({low:.0f} to {high:.0f})",
        _seconds(point.seconds, "p50_s"),
        _seconds(point.seconds, "p95_s"),
        "-" if usd is None else f"{usd:.3g}",
    )


def _seconds(latency: Latency | None, which: str) -> str:
    from sqlkiln.search.budget import shown_seconds

    return shown_seconds(getattr(latency, which)) if latency is not None else "-"


# --------------------------------------------------------------------------- choosing


def dialled(
    strategy: str | None,
    budget: str | None,
    curve: Path | None,
    model: str | None,
    adapter: Sequence[str] | None,
    executes: bool = True,
) -> str | None:
    """The strategy of someone who asks: with a budget, one that chooses for every question.

    Raises:
        UsageError: if the options do not go together, or the budget cannot be read.
        DataError: if the curve cannot be read, or is one of another model.
    """
    if not _asked_for(strategy, budget, curve):
        return strategy
    if not executes:
        raise UsageError(
            "--budget goes with neither --sql-only nor --dry-run: the strategy is chosen when the "
            "question is asked; leave one out"
        )
    from sqlkiln.core import adapters
    from sqlkiln.core.provenance import machine
    from sqlkiln.search.budget import Budget
    from sqlkiln.search.dial import Asking, Settings, curve_for
    from sqlkiln.serve.session import DEFAULT_MODEL

    amount, spec = Budget.parse(budget or ""), model or DEFAULT_MODEL
    named = adapters.shown(adapters.choose(spec, tuple(adapter) if adapter else None))
    # Without --adapter the dial finds out itself, also after another model was changed to.
    dial = Settings(amount, (named or adapters.NONE) if adapter else "", curve)
    if "://" not in spec:  # a server tells the name of its model when it is asked
        curve_for(dial, Asking(answered_as(spec), named, machine()))
    return f"budget{dial}"


def settled(
    strategy: str | None,
    budget: str | None,
    curve: Path | None,
    model: str | None,
    adapter: Sequence[str] | None,
) -> str | None:
    """The strategy of a run, which keeps to one: with a budget, the best that fits warm questions.

    Raises:
        UsageError: if the options do not go together, or the budget cannot be read.
        DataError: if the curve cannot be read, or is one of another model.
    """
    if not _asked_for(strategy, budget, curve):
        return strategy
    from sqlkiln.core import adapters, plugins
    from sqlkiln.core.plugins import BackendOptions
    from sqlkiln.core.provenance import machine
    from sqlkiln.evaluate.predict import PredictConfig
    from sqlkiln.search.budget import Budget
    from sqlkiln.search.dial import Asking, Settings, chosen, needs_speed

    spec = model or str(PredictConfig.model_fields["model"].default)
    used = adapters.choose(spec, tuple(adapter) if adapter else None)
    asking = Asking(answered_as(spec), adapters.shown(used), machine())
    dial = Settings(Budget.parse(budget or ""), curve=curve)
    if not needs_speed(dial, asking):
        choice = chosen(dial, asking, "warm", None, None)
    else:
        backend = plugins.open_backend(spec, BackendOptions(adapters=adapters.options(used)))
        try:
            choice = chosen(dial, asking, "warm", None, backend)
        finally:
            backend.close()
    typer.echo(choice.reason, err=True)
    return choice.strategy


def answered_as(spec: str) -> str:
    """What a model that is written so calls itself in answers, as far as can be told unopened."""
    if "://" in spec:
        return spec.rpartition("#")[2]
    return Path(spec).stem if spec.endswith(".gguf") else spec


def _asked_for(strategy: str | None, budget: str | None, curve: Path | None) -> bool:
    if budget is None:
        if curve is not None:
            raise UsageError("--curve is what --budget goes by; add --budget, or leave it out")
        return False
    if strategy is not None:
        raise UsageError("--budget picks the strategy; give either --budget or --strategy")
    return True
