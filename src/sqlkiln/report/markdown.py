"""The report as Markdown, to be pasted into a README or an issue."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from sqlkiln.report.document import Document
from sqlkiln.report.tables import Measure, Score
from sqlkiln.scoring.calibration import Calibration
from sqlkiln.scoring.exact_match import ComponentScore

TOLD_RATES = ("syntax_error", "schema_hallucination")
"""The error rates that stand beside the scores."""


def to_markdown(document: Document) -> str:
    """All tables of the report; the charts' numbers are among them, the rows are not."""
    blocks = [block for part in _PARTS for block in part(document)]
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
    for kind in TOLD_RATES:
        columns[kind.replace("_", " ")] = [_score(run.rates.get(kind)) for run in document.rates]
    columns["p50"] = [_measure(run.p50_s, _seconds) for run in document.runs]
    columns["p95"] = [_measure(run.p95_s, _seconds) for run in document.runs]
    columns["US$ per 1,000"] = [_measure(run.usd_per_1000, _dollars) for run in document.runs]
    shown = {name: cells for name, cells in columns.items() if any(cells)}
    names = [run.name for run in document.runs]
    yield _table(["run", *shown], zip(names, *shown.values(), strict=True))


def _measure(measure: Measure | None, shown: Callable[[float], str]) -> str:
    if measure is None:
        return ""
    if measure.low is None or measure.high is None:
        return shown(measure.value)
    return f"{shown(measure.value)} ({shown(measure.low)} to {shown(measure.high)})"


def _seconds(value: float) -> str:
    return f"{value:.2f} s"


def _dollars(value: float) -> str:
    return f"{value:.2g}"


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


def _components(document: Document) -> Iterator[str]:
    if document.components:
        yield "## Exact set match, component by component"
        yield "F1, with accuracy over predictions and recall over golds that have the component."
    for found in document.components:
        yield f"### {found.run}"
        yield _table(
            ["component", *found.levels],
            ([part.name, *map(_component, part.scores)] for part in found.parts),
        )


def _component(score: ComponentScore) -> str:
    return f"{score.f1:.1%} ({score.accuracy:.1%}, {score.recall:.1%})"


def _confidences(document: Document) -> Iterator[str]:
    if not document.confidences:
        return
    told = [(confidence.run, confidence.found) for confidence in document.confidences]
    yield "## Confidence"
    yield (
        "How far the answers' confidences tell right from wrong (AUROC, 95% interval) and are what "
        "they say (calibration error); how many answers are wrong when all are given, and when "
        "only the surest 70% are."
    )
    yield _table(
        ["run", "answers", "AUROC", "calibration error", "Brier", "wrong", "wrong at 70%"],
        (
            [
                run,
                f"{found.n:,}",
                _auroc(found),
                f"{found.ece:.3f}",
                f"{found.brier:.3f}",
                f"{found.error:.1%}",
                f"{found.error_at_70:.1%}",
            ]
            for run, found in told
        ),
    )
    for run, found in told:
        yield f"### Reliability of {run}"
        yield _table(
            ["confidence", "answers", "mean", "right"],
            (
                [
                    f"{part.low:.2f} to {part.high:.2f}",
                    f"{part.n:,}",
                    f"{part.confidence:.1%}",
                    f"{part.right:.1%}",
                ]
                for part in found.bins
            ),
        )


def _auroc(found: Calibration) -> str:
    if found.auroc is None or found.low is None or found.high is None:
        return ""
    return f"{found.auroc:.3f} ({found.low:.3f} to {found.high:.3f})"


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


_PARTS = (
    _scores,
    _pairings,
    _protocol,
    _slicings,
    _causes,
    _components,
    _confidences,
    _latencies,
)
"""In the order in which they stand in the report."""
