"""The report as Markdown, to be pasted into a README or an issue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlkiln.report.document import Document
from sqlkiln.report.tables import Score


def to_markdown(document: Document) -> str:
    """All tables of the report; the charts' numbers are among them, the rows are not."""
    parts = (_scores, _pairings, _protocol, _slicings, _causes, _latencies)
    blocks = [block for part in parts for block in part(document)]
    return "\n\n".join([f"# {document.title}", document.subtitle, *blocks]) + "\n"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _score(score: Score | None) -> str:
    if score is None:
        return ""
    if score.low is None or score.high is None:
        return f"{score.score:.1%}"
    return f"{score.score:.1%} ({100 * score.low:.1f} to {100 * score.high:.1f})"


def _scores(document: Document) -> Iterator[str]:
    yield "## Scores"
    yield "With 95% intervals."
    columns = {
        metric: [_score(run.scores[metric]) for run in document.runs] for metric in document.metrics
    }
    columns["p50"] = [_seconds(run.p50_s) for run in document.runs]
    columns["p95"] = [_seconds(run.p95_s) for run in document.runs]
    columns["US$ per 1,000"] = [_dollars(run.usd_per_1000) for run in document.runs]
    shown = {name: cells for name, cells in columns.items() if any(cells)}
    names = [run.name for run in document.runs]
    yield _table(["run", *shown], zip(names, *shown.values(), strict=True))


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"


def _dollars(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"


def _pairings(document: Document) -> Iterator[str]:
    if not document.pairings:
        return
    yield f"## Run against run, by {document.metrics[0]}"
    heads = ["", "points", "95% interval", "McNemar's p", "gained", "lost", "rows"]
    yield _table(
        heads,
        (
            [
                f"{d.b} against {d.a}",
                f"{d.points:+.2f}",
                f"{d.low:+.2f} to {d.high:+.2f}",
                f"{d.p:.2g}",
                str(d.gained),
                str(d.lost),
                f"{d.n:,}",
            ]
            for d in document.pairings
        ),
    )


def _protocol(document: Document) -> Iterator[str]:
    yield "## Protocol"
    names = [run.name for run in document.runs]
    yield _table(["", *names], ([fact.what, *fact.values] for fact in document.protocol))


def _slicings(document: Document) -> Iterator[str]:
    main, names = document.metrics[0], [run.name for run in document.runs]
    for slicing in document.slicings:
        yield f"## {main} by {slicing.by}"
        yield _table(
            [slicing.by, "rows", *names],
            (
                [part.name, f"{part.n:,}", *(_score(score) for score in part.scores[main])]
                for part in slicing.slices
                if part.n
            ),
        )
        if slicing.more:
            yield f"And {slicing.more} smaller ones."


def _causes(document: Document) -> Iterator[str]:
    for pareto in document.paretos:
        if not pareto.misses:
            continue
        yield f"## Why {pareto.run} is wrong ({pareto.misses:,} rows)"
        yield _table(
            ["cause", "rows", "share", "sum", "points if mended", "remedy"],
            (
                [
                    cause.label,
                    str(cause.count),
                    f"{cause.share:.1%}",
                    f"{cause.cumulative:.1%}",
                    f"+{cause.gain_points:.1f}",
                    cause.remedy,
                ]
                for cause in pareto.causes
            ),
        )
    shown = [run for run in document.rates if run.rates]
    if shown:
        kinds = list(shown[0].rates)
        yield "## Answers that could not be run"
        yield _table(
            ["run", *(kind.replace("_", " ") for kind in kinds)],
            ([run.run, *(_score(run.rates.get(kind)) for kind in kinds)] for run in shown),
        )


def _latencies(document: Document) -> Iterator[str]:
    if document.latencies:
        yield "## Seconds a question"
        yield _table(
            ["run", "questions", "p50", "p95"],
            (
                [taken.run, f"{taken.n:,}", _seconds(taken.p50_s), _seconds(taken.p95_s)]
                for taken in document.latencies
            ),
        )
