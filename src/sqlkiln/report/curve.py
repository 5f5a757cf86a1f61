"""The page on a curve: what each strategy gets right, against what an answer takes."""

from __future__ import annotations

import html
from collections.abc import Iterator

from sqlkiln.core.records import Record
from sqlkiln.report.charts import CostPoint
from sqlkiln.report.page import asset, filled, json_text, libraries
from sqlkiln.report.tables import Fact, Score
from sqlkiln.scoring.curve import Curve, Point, front, machine_title

_SCRIPTS = ("page.js", "charts.js", "curve.js")
METRIC = "execution.strict"


class Run(Record):
    """What a page calls a run, here a strategy."""

    name: str


class Step(Record):
    """One strategy; seconds are for one question. `front`: no other one is better throughout."""

    strategy: str
    score: Score
    p50_s: float | None
    p95_s: float | None
    first_p50_s: float | None
    first_p95_s: float | None
    usd_per_1000: float | None
    tokens: float
    failed: int
    front: bool


class CurvePage(Record):
    """What the page is drawn from."""

    title: str
    subtitle: str
    version: str
    metrics: tuple[str, ...]
    runs: tuple[Run, ...]
    steps: tuple[Step, ...]
    costs: tuple[CostPoint, ...]
    facts: tuple[Fact, ...]


def to_html(curve: Curve) -> str:
    """One page that holds its data, styles, scripts and libraries."""
    page = compose(curve)
    parts = {
        "title": html.escape(f"{page.title}: sqlkiln"),
        "style": asset("report.css"),
        "data": json_text(page.model_dump(mode="json")),
        "rows": "[]",
        "libraries": libraries(),
        "script": "\n".join(asset(name) for name in _SCRIPTS),
    }
    return filled("report.html", parts)


def compose(curve: Curve) -> CurvePage:
    """What there is to draw of a curve; strategies keep their order."""
    best = front(curve.points)
    steps = tuple(_step(point, point.strategy in best) for point in curve.points)
    return CurvePage(
        title="What an answer takes",
        subtitle=f"{_who(curve)} · {machine_title(curve.machine)} · {curve.about}",
        version=curve.version,
        metrics=(METRIC,),
        runs=tuple(Run(name=point.strategy) for point in curve.points),
        steps=steps,
        costs=tuple(
            CostPoint(
                run=step.strategy,
                cost=step.usd_per_1000,
                unit="US$ per 1,000 questions",
                score=step.score,
            )
            for step in steps
            if step.usd_per_1000
        ),
        facts=tuple(Fact(what=what, values=(value,)) for what, value in _facts(curve)),
    )


def _who(curve: Curve) -> str:
    return f"{curve.model} + {curve.adapter}" if curve.adapter else curve.model


def _step(point: Point, is_best: bool) -> Step:
    seconds, asked = point.seconds, sum(part.n for part in (point.first, point.warm) if part)
    return Step(
        strategy=point.strategy,
        score=Score(
            n=point.n,
            right=point.right,
            score=point.accuracy,
            low=point.interval.low,
            high=point.interval.high,
        ),
        p50_s=seconds.p50_s if seconds else None,
        p95_s=seconds.p95_s if seconds else None,
        first_p50_s=point.first.p50_s if point.first else None,
        first_p95_s=point.first.p95_s if point.first else None,
        usd_per_1000=point.usd_per_1000,
        tokens=(point.tokens.prompt + point.tokens.completion) / max(1, asked),
        failed=point.failed,
        front=is_best,
    )


def _facts(curve: Curve) -> Iterator[tuple[str, str]]:
    yield "Model", _who(curve)
    yield "Machine", machine_title(curve.machine)
    yield "Dataset", f"{curve.dataset} {curve.split}"
    if curve.database:
        yield "Database", curve.database
    yield "Questions", f"{curve.questions:,}, drawn with seed {curve.seed}"
    yield "Questions sha256", curve.questions_sha256[:16]
    yield "Databases sha256", curve.databases_sha256[:16]
    yield "Measured", curve.measured_at
    if curve.priced_as:
        yield "Priced as", curve.priced_as
    interval = curve.points[0].interval
    yield "Intervals", f"{interval.confidence:.0%}, {interval.method}"
