"""What a report says in numbers: scores side by side, the protocol, run against run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlkiln.core.records import Record
from sqlkiln.core.store import Manifest
from sqlkiln.report.reading import ReportRun
from sqlkiln.scoring.evaluated import find_metric
from sqlkiln.scoring.exact_match import ComponentScore
from sqlkiln.scoring.paired import pair
from sqlkiln.scoring.statistics import Interval
from sqlkiln.scoring.summary import MetricScore

UNKNOWN = "not recorded"


class Score(Record):
    """A mean score over `n` rows, `right` of them wholly right, and its 95% interval if known."""

    n: int
    right: int
    score: float
    low: float | None
    high: float | None


class Measure(Record):
    """A number that is no share, and its 95% interval if known."""

    value: float
    low: float | None = None
    high: float | None = None


class Headline(Record):
    """One run: its score by each metric (None: not scored by it) and what an answer took.

    Seconds and tokens are for one question, dollars for 1,000; None where nobody measured.
    """

    name: str
    folder: str
    scores: dict[str, Score | None]
    p50_s: Measure | None
    p95_s: Measure | None
    tokens: float | None
    usd_per_1000: Measure | None


class Pairing(Record):
    """Run `b` against run `a` on the `n` rows that both scored; differences in points."""

    a: str
    b: str
    n: int
    points: float
    low: float
    high: float
    p: float
    gained: int
    lost: int


class ErrorRates(Record):
    """Which share of one run's answers failed in each way; a `Score` of 1 would be all of them."""

    run: str
    rates: dict[str, Score]


class Part(Record):
    """One component of exact set match, such as 'where': its scores, in the order of levels."""

    name: str
    scores: tuple[ComponentScore, ...]


class Components(Record):
    """Exact set match of one run, component by component and level by level."""

    run: str
    levels: tuple[str, ...]
    parts: tuple[Part, ...]


class Fact(Record):
    """One line of the protocol: a value for each run."""

    what: str
    values: tuple[str, ...]


def metric_names(runs: Sequence[ReportRun]) -> tuple[str, ...]:
    """All metrics of the runs; the one that the report goes by comes first."""
    names = tuple(dict.fromkeys(name for run in runs for name in run.evaluated.scores.metrics))
    shared = [n for n in names if all(n in run.evaluated.scores.metrics for run in runs)]
    first = find_metric("execution", shared) or (shared or names)[0]
    return (first, *(name for name in names if name != first))


def headline(run: ReportRun, metrics: Sequence[str]) -> Headline:
    """The run's scores as `evaluate` computed them."""
    scores = run.evaluated.scores
    cost, tokens = scores.cost, scores.cost.tokens
    asked = len(run.predictions)
    return Headline(
        name=run.name,
        folder=str(run.evaluated.folder),
        scores={metric: _score(scores.metrics.get(metric)) for metric in metrics},
        p50_s=_measure(cost.p50_s, cost.p50_interval),
        p95_s=_measure(cost.p95_s, cost.p95_interval),
        tokens=(tokens.prompt + tokens.completion) / asked if tokens.completion and asked else None,
        usd_per_1000=_measure(cost.bill.usd_per_1000, cost.bill.interval) if cost.bill else None,
    )


def _measure(value: float | None, interval: Interval | None) -> Measure | None:
    if value is None:
        return None
    low, high = (interval.low, interval.high) if interval else (None, None)
    return Measure(value=value, low=low, high=high)


def _score(metric: MetricScore | None) -> Score | None:
    if metric is None or metric.score is None or metric.interval is None:
        return None
    low, high = metric.interval.low, metric.interval.high
    return Score(n=metric.n, right=metric.right, score=metric.score, low=low, high=high)


def error_rates(run: ReportRun) -> ErrorRates:
    """Answers that hold no SQL, or that the database refused."""
    scores = run.evaluated.scores
    n = scores.metrics[scores.judged_by].n if scores.judged_by else 0
    rates = {
        name: Score(
            n=n, right=rate.count, score=rate.share, low=rate.interval.low, high=rate.interval.high
        )
        for name, rate in scores.rates.items()
    }
    return ErrorRates(run=run.name, rates=rates)


def components(run: ReportRun) -> Components | None:
    """The run's component scores, all levels first; None if exact match was not asked for."""
    found = run.evaluated.scores.components
    if not found:
        return None
    levels = sorted(found, key=lambda level: level != "all")
    return Components(
        run=run.name,
        levels=tuple(levels),
        parts=tuple(
            Part(name=name, scores=tuple(found[level][name] for level in levels))
            for name in found[levels[0]]
        ),
    )


def pairings(runs: Sequence[ReportRun], metric: str) -> tuple[Pairing, ...]:
    """Every later run against the first, where both were asked the same questions."""
    return tuple(
        pairing for run in runs[1:] if (pairing := _pairing(runs[0], run, metric)) is not None
    )


def _pairing(a: ReportRun, b: ReportRun, metric: str) -> Pairing | None:
    asked = [run.evaluated.scores.source.questions_sha256 for run in (a, b)]
    if asked[0] != asked[1] or any(metric not in run.evaluated.verdicts for run in (a, b)):
        return None
    rows = [run.evaluated.row_scores(metric) for run in (a, b)]
    if not rows[0].keys() & rows[1].keys():
        return None
    found = pair(*rows)
    return Pairing(
        a=a.name,
        b=b.name,
        n=found.n,
        points=100 * found.difference,
        low=100 * found.interval.low,
        high=100 * found.interval.high,
        p=found.p,
        gained=len(found.gained),
        lost=len(found.lost),
    )


# --------------------------------------------------------------------------- protocol


def protocol(runs: Sequence[ReportRun]) -> tuple[Fact, ...]:
    """How the numbers came about; what was recorded of no run is left out."""
    told = [dict(_facts(run)) for run in runs]
    names = dict.fromkeys(name for facts in told for name in facts)
    return tuple(
        Fact(what=name, values=tuple(facts.get(name, UNKNOWN) for facts in told)) for name in names
    )


def _facts(run: ReportRun) -> Iterator[tuple[str, str]]:
    scores, manifest = run.evaluated.scores, run.evaluated.manifest
    source, by = scores.source, scores.predicted_by
    yield "Dataset", f"{source.dataset} {source.split}"
    yield "Questions scored", f"{scores.scored:,} of {scores.questions:,}"
    yield from _left_out(run)
    yield "Questions sha256", source.questions_sha256[:16]
    yield "Databases sha256", source.databases_sha256[:16]
    if "predictions" in by:
        yield "Predictions", f"made elsewhere: {by['predictions']}"
    for what, key in (
        ("Model", "model"),
        ("Adapters", "adapters"),
        ("Other opinions", "second"),
        ("Strategy", "strategy"),
        ("Prompt style", "schema_style"),
        ("Target", "target"),
        ("Temperature", "temperature"),
        ("Samples a question", "samples"),
        ("Sample", "limit"),
        ("Sample seed", "seed"),
        ("Tokens at most", "max_tokens"),
        ("Context tokens", "context_tokens"),
    ):
        if by.get(key) not in (None, [], ""):
            yield what, _adapters(by[key]) if key == "adapters" else str(by[key])
    if run.predicted is not None:
        yield "Predicted on", hardware(run.predicted)
        yield "Predicted", _when(run.predicted)
    yield "Scored on", hardware(manifest)
    yield "Scored", _when(manifest)
    yield "Evaluator", _evaluator(manifest)
    bill = scores.cost.bill
    if bill is not None:
        yield "Priced as", f"{bill.priced_as}, prices of {bill.collected}"
    yield "Limits", ", ".join(f"{name} {value:,g}" for name, value in scores.limits.items())
    intervals = [score.interval for score in scores.metrics.values() if score.interval]
    if intervals:
        first = intervals[0]
        how = f", {first.resamples:,} resamples, seed {first.seed}" if first.resamples else ""
        yield "Intervals", f"{first.confidence:.0%}, {first.method}{how}"


def _left_out(run: ReportRun) -> Iterator[tuple[str, str]]:
    scores = run.evaluated.scores
    if scores.missing_databases:
        gone = ", ".join(f"{db} ({n})" for db, n in scores.missing_databases.items())
        yield "Left out, no database", gone
    if scores.unreadable_databases:
        yield "Left out, unreadable", ", ".join(scores.unreadable_databases)
    if scores.empty_databases:
        yield "Databases without rows", ", ".join(scores.empty_databases)
    if scores.failed_predictions:
        yield "Predictions with an error", str(scores.failed_predictions)
    if scores.absent_predictions:
        yield "Predictions absent", str(scores.absent_predictions)
    unscored = max((len(metric.unscored) for metric in scores.metrics.values()), default=0)
    if unscored:
        yield "Rows not counted", str(unscored)


def _adapters(adapters: Sequence[Sequence[object]]) -> str:
    return ", ".join(f"{name} x {weight}" for name, weight in adapters)


def hardware(manifest: Manifest) -> str:
    """The machine that a stage ran on, in words."""
    machine = dict(manifest.machine)
    memory = machine.pop("memory_bytes", None)
    parts = [str(machine[key]) for key in ("processor", "system") if key in machine]
    if "cores" in machine:
        parts.insert(1, f"{machine['cores']} cores")
    if memory is not None:
        parts.insert(2, f"{int(memory) / 2**30:.0f} GiB")
    return ", ".join(parts) or UNKNOWN


def _when(manifest: Manifest) -> str:
    day, _, clock = manifest.started_at.partition("T")
    return f"{day} {clock[:5]} UTC, in {manifest.seconds:,.0f} s"


def _evaluator(manifest: Manifest) -> str:
    ours = manifest.versions.get("sqlkiln", "?")
    commit = f" ({manifest.git_commit[:10]})" if manifest.git_commit else ""
    others = [f"{k} {v}" for k, v in manifest.versions.items() if k in ("python", "sqlglot")]
    return ", ".join([f"sqlkiln {ours}{commit}", *others])
