"""All that a report says, but for its rows: what HTML and Markdown are made of."""

from __future__ import annotations

from collections.abc import Sequence

from sqlkiln.core.provenance import versions
from sqlkiln.core.records import Record
from sqlkiln.report.charts import (
    Confidence,
    CostPoint,
    Latency,
    Pareto,
    Slicing,
    confidences,
    costs,
    latencies,
    pareto,
    slicings,
)
from sqlkiln.report.reading import ReportRun
from sqlkiln.report.tables import (
    Components,
    ErrorRates,
    Fact,
    Headline,
    Pairing,
    components,
    error_rates,
    headline,
    metric_names,
    pairings,
    protocol,
)


class Document(Record):
    """A report; the runs are in the order in which they were given, the main metric is first."""

    title: str
    subtitle: str
    version: str
    metrics: tuple[str, ...]
    runs: tuple[Headline, ...]
    pairings: tuple[Pairing, ...]
    protocol: tuple[Fact, ...]
    slicings: tuple[Slicing, ...]
    paretos: tuple[Pareto, ...]
    rates: tuple[ErrorRates, ...]
    components: tuple[Components, ...]
    confidences: tuple[Confidence, ...]
    latencies: tuple[Latency, ...]
    costs: tuple[CostPoint, ...]


def compose(runs: Sequence[ReportRun]) -> Document:
    """Make the report on `runs`, at least one."""
    metrics = metric_names(runs)
    heads = tuple(headline(run, metrics) for run in runs)
    sources = [run.evaluated.scores.source for run in runs]
    datasets = dict.fromkeys(f"{source.dataset} {source.split}" for source in sources)
    return Document(
        title=_capitalized(" and ".join(datasets)),
        subtitle=_subtitle(runs),
        version=versions()["sqlkiln"],
        metrics=metrics,
        runs=heads,
        pairings=pairings(runs, metrics[0]),
        protocol=protocol(runs),
        slicings=slicings(runs, metrics),
        paretos=tuple(pareto(run, metrics[0]) for run in runs),
        rates=tuple(error_rates(run) for run in runs),
        components=tuple(found for run in runs if (found := components(run)) is not None),
        confidences=confidences(runs, metrics[0]),
        latencies=latencies(runs),
        costs=costs(heads, metrics[0]),
    )


def _subtitle(runs: Sequence[ReportRun]) -> str:
    scores = [run.evaluated.scores for run in runs]
    sizes = dict.fromkeys(f"{s.scored:,} of {s.questions:,} questions" for s in scores)
    prints = dict.fromkeys(s.source.questions_sha256[:12] for s in scores)
    parts = (
        " and ".join(sizes),
        "1 run" if len(runs) == 1 else f"{len(runs)} runs",
        f"fingerprint {' and '.join(prints)}",
        f"sqlkiln {versions()['sqlkiln']}",
    )
    return " · ".join(parts)


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]
