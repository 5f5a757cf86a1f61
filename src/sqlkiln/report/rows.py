"""The rows behind the numbers: each question with every run's answer and verdicts."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from sqlkiln.core.records import Example, Verdict
from sqlkiln.report.reading import ReportRun
from sqlkiln.scoring.slices import FEATURE_TAG
from sqlkiln.scoring.verdicts import UNSCORED

LEVELS = ("easy", "medium", "hard", "extra", "simple", "moderate", "challenging", "ungraded")
"""Tags that grade a question: Spider's levels, BIRD's, and none."""

_SHOWN = ("gold_rows", "predicted_rows", "missing", "unexpected", "permutation")
"""Details of a verdict that the report shows."""


def explorer_rows(runs: Sequence[ReportRun], metrics: Sequence[str]) -> dict[str, Any]:
    """All rows in few bytes: texts that come again and again stand in `words` once.

    A row of `rows` has an answer for each run, None where the run was not asked. In an answer,
    `scores`, `why` and `flags` follow the order of `metrics`. `why`, `flags` and the row's
    `features` hold places in `words`.
    """
    words: dict[str, int] = {}

    def word(text: str) -> int:
        return words.setdefault(text, len(words))

    rows = []
    for row, example in _questions(runs):
        answers = [_answer(run, row, metrics) for run in runs]
        for answer in answers:
            if answer is not None:
                answer["why"] = [word(reason) for reason in answer["why"]]
                answer["flags"] = [[word(flag) for flag in flags] for flags in answer["flags"]]
        rows.append(
            {
                "id": row,
                "db": next(_verdicts(runs, row)).db_id,
                "level": _level(example),
                "features": [word(feature) for feature in _features(example)],
                "question": example.question if example else "",
                "evidence": example.evidence if example else "",
                "gold": (example.gold_sql or "") if example else "",
                "answers": answers,
            }
        )
    return {"words": list(words), "rows": rows}


def rows_csv(runs: Sequence[ReportRun], metrics: Sequence[str]) -> str:
    """One line a row and run; a score that there is not is an empty field."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    heading = ("id", "db_id", "hardness", "run", "question", "gold_sql", "predicted_sql")
    writer.writerow([*heading, *metrics, "failure", "reason", "seconds", "confidence"])
    for row, example in _questions(runs):
        for run in runs:
            answer = _answer(run, row, metrics)
            if answer is None:
                continue
            question, gold = (example.question, example.gold_sql) if example else ("", "")
            place = (row, next(_verdicts((run,), row)).db_id, _level(example), run.name)
            sure = answer.get("confidence", "")
            told = (answer["label"], answer["why"][0], answer["seconds"] or "", sure)
            scores = ["" if score is None else f"{score:g}" for score in answer["scores"]]
            writer.writerow([*place, question, gold or "", answer["sql"], *scores, *told])
    return out.getvalue()


def _questions(runs: Sequence[ReportRun]) -> Iterator[tuple[str, Example | None]]:
    for row in dict.fromkeys(row for run in runs for row in run.ids):
        known = (run.examples[row] for run in runs if row in run.examples)
        yield row, next(known, None)


def _verdicts(runs: Sequence[ReportRun], row: str) -> Iterator[Verdict]:
    for run in runs:
        for rows in run.evaluated.verdicts.values():
            if row in rows:
                yield rows[row]


def _level(example: Example | None) -> str:
    """How hard the question is; '' where nobody graded it."""
    return next((tag for tag in (example.tags if example else ()) if tag in LEVELS), "")


def _features(example: Example | None) -> list[str]:
    """What the gold SQL uses, as `scoring.slices` names it."""
    tags = example.tags if example else ()
    return [tag.removeprefix(FEATURE_TAG) for tag in tags if tag.startswith(FEATURE_TAG)]


def _label(run: ReportRun, row: str, verdict: Verdict) -> str:
    """The first cause of a miss: its failure label, or else what the verdict names."""
    if row in run.failures:
        return run.failures[row].primary
    return str(verdict.details.get("failure", "other"))


def _remarks(verdict: Verdict) -> tuple[str, ...]:
    """The verdict's flags, and why it says otherwise than the strict one if it does."""
    cause = verdict.details.get("differs_from_strict")
    return (*verdict.flags, f"differs from strict: {cause}") if cause else verdict.flags


def _answer(run: ReportRun, row: str, metrics: Sequence[str]) -> dict[str, Any] | None:
    """What one run answered, and what each metric says of it; metrics in their order."""
    verdicts = [run.evaluated.verdicts.get(metric, {}).get(row) for metric in metrics]
    if not any(verdicts):
        return None
    counted = [None if v is None or UNSCORED & set(v.flags) else v.score for v in verdicts]
    first = verdicts[0]
    wrong = first is not None and counted[0] is not None and counted[0] < 1.0
    prediction = run.predictions.get(row)
    answer: dict[str, Any] = {
        "sql": prediction.sql if prediction else "",
        "scores": counted,
        "why": [v.reason if v else "" for v in verdicts],
        "flags": [_remarks(v) if v else () for v in verdicts],
        "label": _label(run, row, first) if first and wrong else "",
        "labels": run.failures[row].labels if wrong and row in run.failures else (),
        "seconds": prediction.seconds if prediction else 0.0,
    }
    if prediction and prediction.confidence is not None:
        answer["confidence"] = round(prediction.confidence, 4)
    if first is not None:
        answer |= {name: first.details[name] for name in _SHOWN if name in first.details}
    return answer
