"""Measure strategies against one another: accuracy, seconds and cost on the same questions.

Reads a dataset and its databases, as `predict` does. Writes

    asked.jsonl       records `Asked`: every question to every strategy, row by row as they come
    STRATEGY/         for each strategy a run of `predict` and `evaluate`, for reports and `compare`
    curve.json        `scoring.curve.Curve`

    sqlkiln tune-budget --samples
    sqlkiln tune-budget --dataset spider --data DIR --model M --limit 60
    sqlkiln tune-budget DB --questions rows.jsonl

`evaluate.interleaved` tells in which order they are asked. A killed run loses at most the row in
flight and goes on where it was: the schema at hand has to be read again then, and the rows for
which that is so count as first ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from sqlkiln.core import adapters, plugins, provenance
from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.core.files import parse_record
from sqlkiln.core.plugins import Stage
from sqlkiln.core.records import Example, Tokens
from sqlkiln.core.store import JsonlWriter, execute_stage, read_jsonl, write_atomic
from sqlkiln.evaluate.asking import adapter_digests, settled
from sqlkiln.evaluate.interleaved import Asker, ask_in_turn, in_turn
from sqlkiln.evaluate.pool import progress
from sqlkiln.evaluate.questions import (
    QuestionSource,
    choose,
    open_questions,
    source_fingerprint,
)
from sqlkiln.scoring.curve import BASELINE, Asked, Curve, Point, point, times
from sqlkiln.scoring.evaluated import SCORES
from sqlkiln.scoring.prices import bill, read_prices
from sqlkiln.scoring.summary import Scores

ASKED = "asked.jsonl"
CURVE = "curve.json"
PREDICTIONS = "predictions.jsonl"
EVALUATED = "manifest-evaluate.json"
METRIC = "execution.strict"

STRATEGIES = (
    "greedy",
    "repair",
    "greedy+link+mend",
    "greedy+link+scope+mend+retry+sure",
    "greedy+link+scope+mend+retry+second+sure",
    "vote:4+link+scope+mend+retry+second+sure",
    "vote:8+link+scope+mend+retry+second+sure",
)
"""What is measured if nothing is said; the fifth is how `ask` answers if nothing is said."""


class CurveConfig(QuestionSource):
    """Which strategies to measure, and on what; `limit` questions are drawn by `seed`.

    `adapter`, `target` and `schema_style` are as for `predict`. `database` is the path of the one
    that the questions are about, if they are about a user's own. `prices` is a file like
    `assets/prices.toml`, which is taken otherwise. With `once` a request that several strategies
    share is put to the model once (`evaluate.interleaved`).
    """

    model: str = "qwen2.5-coder-0.5b"
    adapter: tuple[str, ...] | None = None
    strategies: tuple[str, ...] = Field(STRATEGIES, min_length=1)
    target: str | None = None
    schema_style: str | None = None
    once: bool = False
    limit: int = Field(60, ge=1)
    seed: int = 0
    max_tokens: int = Field(400, ge=1)
    context_tokens: int = Field(8192, ge=256)
    timeout_s: float = Field(10.0, gt=0)
    database: str | None = None
    prices: Path | None = None

    @field_validator("strategies")
    @classmethod
    def _named_alike(cls, strategies: tuple[str, ...]) -> tuple[str, ...]:
        """Each once, under the name that it gives itself."""
        try:
            return tuple(dict.fromkeys(plugins.open_strategy(spec).name for spec in strategies))
        except UsageError as error:
            raise ValueError(str(error)) from error


def _asker(config: CurveConfig) -> Asker:
    return Asker(
        model=config.model,
        prompting=settled(config.model, config.adapter, config.target, config.schema_style),
        max_tokens=config.max_tokens,
        context_tokens=config.context_tokens,
        timeout_s=config.timeout_s,
        once=config.once,
    )


def _ask_rest(
    config: CurveConfig, examples: Sequence[Example], paths: Mapping[str, Path], out: Path
) -> None:
    """Ask whatever has no row yet."""
    with JsonlWriter(out / ASKED, resume=True) as writer:
        kept = {(a.prediction.strategy, a.prediction.id) for a in read_jsonl(out / ASKED, Asked)}
        turns = in_turn(config.strategies, examples, config.once)
        waiting = [turn for turn in turns if (turn[0], turn[1].id) not in kept]
        if not waiting:
            return
        with progress("ask", len(turns), len(turns) - len(waiting)) as on_row:

            def keep(row: Asked) -> None:
                writer.write(row)
                on_row()

            ask_in_turn(_asker(config), waiting, paths, keep)


# --------------------------------------------------------------------------- scoring


def _score(config: CurveConfig, spec: str, rows: Sequence[Asked], out: Path) -> Scores:
    """Score the rows of one strategy by the stages that score any run."""
    folder = out / spec.replace(":", "-")
    lines = "".join(f"{row.prediction.model_dump_json()}\n" for row in rows)
    write_atomic(folder / PREDICTIONS, lines)
    predict, evaluate = plugins.load("stages", "predict"), plugins.load("stages", "evaluate")
    given = {name: getattr(config, name) for name in CurveConfig.model_fields}
    shared = {name: value for name, value in given.items() if name in predict.config.model_fields}
    execute_stage(predict, predict.config(strategy=spec, **shared), (), folder)
    where = {name: given[name] for name in ("data", "questions", "prices")}
    scoring = evaluate.config(modes=("strict",), metrics=(), workers=1, **where)
    execute_stage(evaluate, scoring, (folder,), folder, EVALUATED)
    return parse_record((folder / SCORES).read_bytes(), Scores, str(folder / SCORES))


def _point(
    config: CurveConfig, spec: str, rows: Mapping[str, Sequence[Asked]], scores: Scores
) -> tuple[Point, str | None]:
    """What came of one strategy, and what it was priced as."""
    cost = bill([row.prediction for row in rows[spec]], read_prices(config.prices))
    summed = point(spec, rows[spec], scores.metrics[METRIC], cost)
    if summed is None:
        raise DataError(
            "nothing to score: none of the questions has SQL that runs, to compare answers with; "
            "give questions with gold_sql"
        )
    compared = times(rows[spec], rows.get(BASELINE, ()))
    return summed.model_copy(update={"times": compared}), cost.priced_as if cost else None


def _fingerprint(config: CurveConfig, inputs: tuple[Path, ...]) -> dict[str, str]:
    """Rows of another machine or adapter, or about other databases, are not gone on with."""
    files = adapter_digests(_asker(config).prompting, config.strategies)
    here = json.dumps(provenance.machine(), sort_keys=True)
    return source_fingerprint(config) | files | {"machine": here}


def run(config: CurveConfig, inputs: tuple[Path, ...], out: Path) -> Mapping[str, Any]:
    """Measure into `out`, or go on with what is there; returns counts for the manifest.

    Raises:
        DataError: if no question can be scored.
        BackendError: if the model cannot answer at all; what was asked is kept.
    """
    questions = open_questions(config)
    chosen = choose(questions.answerable, config.limit, config.seed)
    _ask_rest(config, chosen, questions.paths, out)
    asked = list(read_jsonl(out / ASKED, Asked))
    rows = {s: [a for a in asked if a.prediction.strategy == s] for s in config.strategies}
    scores = {spec: _score(config, spec, rows[spec], out) for spec in rows}
    first = scores[config.strategies[0]]
    left_out = first.unreadable_databases
    read = {s: [a for a in rows[s] if a.prediction.db_id not in left_out] for s in rows}
    points = [_point(config, spec, read, scores[spec]) for spec in rows]
    curve = Curve(
        model=next((a.prediction.model for a in asked if a.prediction.model), config.model),
        adapter=adapters.shown(_asker(config).prompting.adapters),
        machine=provenance.machine(),
        database=config.database,
        dataset=config.dataset,
        split=config.split,
        questions_sha256=questions.digest,
        databases_sha256=first.source.databases_sha256,
        questions=len(read[config.strategies[0]]),
        seed=config.seed,
        measured_at=datetime.now(UTC).date().isoformat(),
        version=provenance.versions()["sqlkiln"],
        priced_as=points[0][1],
        points=tuple(summed for summed, _ in points),
    )
    write_atomic(out / CURVE, curve.model_dump_json(indent=2) + "\n")
    return {
        "questions": len(questions.all),
        "chosen": len(chosen),
        "asked": len(asked),
        "missing_databases": dict(questions.missing),
        "unreadable_databases": dict(left_out),
        "tokens": Tokens(
            prompt=sum(p.tokens.prompt for p in curve.points),
            cached=sum(p.tokens.cached for p in curve.points),
            completion=sum(p.tokens.completion for p in curve.points),
        ),
    }


STAGE = Stage("tune-budget", CurveConfig, run, fingerprint=_fingerprint)
