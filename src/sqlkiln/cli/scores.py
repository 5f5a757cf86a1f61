"""How scores look on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType
    from rich.table import Table

    from sqlkiln.scoring.summary import MetricScore, Scores

MOST_CAUSES = 8


def print_scores(scores: Scores, written_to: str) -> None:
    """Print what was scored, the scores, why rows are wrong, and what it took."""
    from rich.console import Console

    from sqlkiln.core.fingerprint import shown

    console = Console(soft_wrap=True)

    def line(text: str, style: str = "") -> None:
        console.print(text, style=style, highlight=False, markup=False)

    line(_heading(scores))
    line(shown(scores.source.questions_sha256, scores.source.databases_sha256), "dim")
    console.print(_score_table(scores))
    if len(scores.slices.get("hardness", {})) > 1:
        console.print(_level_table(scores))
    if scores.causes:
        line(f"why rows are wrong by {scores.judged_by}, and what mending them would add:")
        console.print(_cause_table(scores))
    for text in _differences(scores):
        line(text)
    for score in scores.metrics.values():
        for text in _remarks(score, all_of_it=score.metric == scores.judged_by):
            line(f"{score.metric}: {text}")
    for text in (_errors(scores), _cost(scores)):
        if text:
            line(text)
    line(f"written to {written_to}; see one row: sqlkiln show {written_to} --row 0", "dim")


def _heading(scores: Scores) -> str:
    source, by = scores.source, scores.predicted_by
    what = f"{source.dataset} {source.split}: {scores.scored} of {scores.questions} questions"
    who = by.get("model") or by.get("predictions")
    how = ", ".join(str(by[name]) for name in ("strategy", "schema_style") if name in by)
    return f"{what}, predicted by {who}" + (f" ({how})" if how else "")


def _table(left: int, *names: str) -> Table:
    """A table whose first `left` columns are text, the others numbers."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.ROUNDED, header_style="bold")
    for position, name in enumerate(names):
        table.add_column(name, justify="left" if position < left else "right")
    return table


def _score_table(scores: Scores) -> RenderableType:
    table = _table(1, "metric", "score", "95% interval", "right", "of")
    for score in scores.metrics.values():
        interval = score.interval
        table.add_row(
            score.metric,
            "-" if score.score is None else f"{score.score:.2%}",
            f"{interval.low:.2%} to {interval.high:.2%}" if interval else "-",
            str(score.right),
            str(score.n),
        )
    return table


def _level_table(scores: Scores) -> RenderableType:
    levels = scores.slices["hardness"]
    table = _table(1, "by hardness", *levels)
    for metric in scores.metrics:
        found = [level.get(metric) for level in levels.values()]
        shown = ["-" if part is None else f"{part.score:.1%} of {part.n}" for part in found]
        table.add_row(metric, *shown)
    return table


def _cause_table(scores: Scores) -> RenderableType:
    table = _table(1, "label", "rows", "gain", "remedy")
    table.columns[-1].justify = "left"
    for cause in scores.causes[:MOST_CAUSES]:
        gain = f"+{cause.gain_points:.1f} pts"
        table.add_row(cause.label, str(cause.count), gain, cause.remedy)
    return table


def _differences(scores: Scores) -> Iterator[str]:
    for metric, causes in scores.differences.items():
        rows = sum(causes.values())
        yield f"{metric} says otherwise than strict on {rows} rows: {_listed(causes)}"


def _errors(scores: Scores) -> str:
    found = [
        f"{name.replace('_', ' ')} {rate.share:.1%} ({rate.count})"
        for name, rate in scores.rates.items()
        if rate.count
    ]
    return f"errors: {', '.join(found)}" if found else ""


def _cost(scores: Scores) -> str:
    cost, parts = scores.cost, []
    if cost.p50_s is not None and cost.p95_s is not None:
        parts.append(f"{cost.p50_s:.2f} s a question (p95 {cost.p95_s:.2f} s)")
    if cost.tokens.completion:
        parts.append(f"{cost.tokens.prompt:,} + {cost.tokens.completion:,} tokens")
    if cost.bill is not None:
        bill = cost.bill
        parts.append(
            f"${bill.usd_per_1000:.4g} per 1,000 questions (price of {bill.priced_as}, "
            f"{bill.collected})"
        )
    return f"cost: {', '.join(parts)}" if parts else ""


def _remarks(score: MetricScore, all_of_it: bool) -> Iterator[str]:
    if score.failures and all_of_it:
        yield f"wrong by cause: {_listed(score.failures)}"
    if score.flags and all_of_it:
        yield f"flags: {_listed(score.flags)}"
    if score.unscored:
        first = ", ".join(f"{row.id} ({row.reason})" for row in score.unscored[:3])
        yield f"{len(score.unscored)} rows not counted, the first: {first}"


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
