"""What comes of scored rows: `scores.json`, the failures, and pairs to learn from.

All of it follows from the verdicts, the examples and the predictions; nothing is run again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sqlkiln.core.fingerprint import databases_digest
from sqlkiln.core.records import Example, PreferencePair, Record, Verdict
from sqlkiln.core.store import read_jsonl, write_atomic
from sqlkiln.evaluate.rows import EMPTY_DATABASE
from sqlkiln.evaluate.task import Task
from sqlkiln.scoring.evaluated import FAILURES, SCORES, VERDICTS, Failure
from sqlkiln.scoring.exact_match import component_scores
from sqlkiln.scoring.failures import Cause, FailureLabels, summarise
from sqlkiln.scoring.official_metrics import match_of
from sqlkiln.scoring.prices import read_prices
from sqlkiln.scoring.sampling import most_samples
from sqlkiln.scoring.slices import LEVEL_ORDER, slices_of
from sqlkiln.scoring.summary import (
    Scores,
    SliceScore,
    Source,
    cost_of,
    rates_of,
    slice_scores,
    summarize,
)
from sqlkiln.scoring.verdicts import UNSCORED

if TYPE_CHECKING:
    from sqlkiln.evaluate.score import EvaluateConfig

EXAMPLES = "examples.jsonl"
PREFERENCES = "preferences.jsonl"
BIRD_LEVELS = ("simple", "moderate", "challenging")


def write_outcome(
    config: EvaluateConfig, task: Task, unreadable: Mapping[str, str], out: Path
) -> Scores:
    """Read the verdicts in `out` and write what follows from them beside them."""
    verdicts = list(read_jsonl(out / VERDICTS, Verdict))
    judged = {v.id for v in verdicts}
    rows = [e for e in task.questions.all if e.id in judged]
    parts = {e.id: slices_of(e.gold_sql) for e in rows}
    levels = {e.id: _given_level(e) or parts[e.id].level for e in rows}
    graded = [_tagged(e, levels[e.id], *parts[e.id].tags) for e in rows]
    misses = {v.id: v for v in verdicts if v.metric == config.judge and "labels" in v.details}
    failures = [
        Failure(id=e.id, primary=found["primary"], labels=tuple(found["labels"]))
        for e in rows
        if e.id in misses and (found := misses[e.id].details)
    ]
    _write_jsonl(out / EXAMPLES, graded)
    _write_jsonl(out / FAILURES, failures)
    _write_jsonl(out / PREFERENCES, _preferences(task, rows, failures))
    scores = _sum_up(config, task, verdicts, unreadable)
    scores = scores.model_copy(
        update={
            "slices": _slices(
                verdicts,
                hardness={e.id: (levels[e.id],) for e in rows},
                database={e.id: (e.db_id,) for e in rows},
                feature={e.id: parts[e.id].features for e in rows},
            ),
            "causes": _causes(config.judge, failures, verdicts),
        }
    )
    write_atomic(out / SCORES, scores.model_dump_json(indent=2) + "\n")
    return scores


def _write_jsonl(path: Path, records: Iterable[Record]) -> None:
    write_atomic(path, "".join(f"{record.model_dump_json()}\n" for record in records))


def _tagged(example: Example, *tags: str) -> Example:
    return example.model_copy(update={"tags": tuple(dict.fromkeys((*example.tags, *tags)))})


def _given_level(example: Example) -> str | None:
    """The level that the dataset itself gives, if it does."""
    return next((tag for tag in example.tags if tag in (*LEVEL_ORDER, *BIRD_LEVELS)), None)


def _preferences(
    task: Task, rows: Sequence[Example], failures: Sequence[Failure]
) -> list[PreferencePair]:
    """The gold against what was written for it, for each miss that is not empty."""
    labels = {failure.id: failure.primary for failure in failures}
    pairs = []
    for example in rows:
        made = task.predictions.get(example.id)
        if example.id not in labels or made is None or example.gold_sql is None:
            continue
        rejected = made.sql.strip() or made.completion.strip()
        if rejected:
            pairs.append(
                PreferencePair(
                    id=example.id,
                    db_id=example.db_id,
                    question=example.question,
                    evidence=example.evidence,
                    chosen=example.gold_sql,
                    rejected=rejected,
                    label=labels[example.id],
                    model=made.model,
                )
            )
    return pairs


# --------------------------------------------------------------------------- scores


def _sum_up(
    config: EvaluateConfig,
    task: Task,
    verdicts: Sequence[Verdict],
    unreadable: Mapping[str, str],
) -> Scores:
    asked = [task.predictions.get(example.id) for example in task.examples]
    made = [prediction for prediction in asked if prediction is not None]
    answerable = {example.id for example in task.examples}
    differences: dict[str, Counter[str]] = {}
    for verdict in verdicts:
        cause = verdict.details.get("differs_from_strict")
        if cause is not None:
            differences.setdefault(verdict.metric, Counter())[cause] += 1
    return Scores(
        source=_source(task),
        predicted_by=dict(task.predicted_by),
        questions=len(task.questions.all),
        scored=len({v.id for v in verdicts} & answerable),
        missing_databases=dict(task.questions.missing),
        unreadable_databases=dict(unreadable),
        empty_databases=tuple(sorted({v.db_id for v in verdicts if EMPTY_DATABASE in v.flags})),
        failed_predictions=sum(prediction.error is not None for prediction in made),
        absent_predictions=len(asked) - len(made),
        limits={"timeout_s": config.timeout_s, "max_rows": config.max_rows},
        metrics={
            name: summarize(name, verdicts, seed=config.seed, resamples=config.resamples)
            for name in config.metrics_for(most_samples(task.predictions.values()))
        },
        cost=cost_of(made, read_prices(config.prices), task.at_a_time),
        judged_by=config.judge,
        rates=rates_of(v for v in verdicts if v.metric == config.judge),
        components=component_scores([m for m in map(match_of, verdicts) if m is not None]),
        differences={m: dict(found.most_common()) for m, found in sorted(differences.items())},
    )


def _source(task: Task) -> Source:
    source = task.source
    used = {example.db_id: task.questions.paths[example.db_id] for example in task.examples}
    return Source(
        dataset=source.dataset,
        split=source.split,
        data=str(source.data) if source.data else None,
        questions_file=str(source.questions) if source.questions else None,
        questions_sha256=task.questions.digest,
        databases_sha256=databases_digest(used),
    )


def _slices(
    verdicts: Sequence[Verdict], **by: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, dict[str, SliceScore]]]:
    """Scores by kind of slice; levels go from easy to hard, the rest by the alphabet."""
    order = [*LEVEL_ORDER[:-1], *BIRD_LEVELS, LEVEL_ORDER[-1]]

    def place(name: str) -> tuple[int, str]:
        return (order.index(name) if name in order else -1, name)

    return {
        kind: dict(sorted(slice_scores(verdicts, of).items(), key=lambda item: place(item[0])))
        for kind, of in by.items()
    }


def _causes(
    judge: str | None, failures: Sequence[Failure], verdicts: Sequence[Verdict]
) -> tuple[Cause, ...]:
    counted = [v for v in verdicts if v.metric == judge and not UNSCORED & set(v.flags)]
    labels = [FailureLabels(failure.primary, failure.labels) for failure in failures]
    return summarise(labels, len(counted))
