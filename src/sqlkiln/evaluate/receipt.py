"""The receipt of one scored row: what was asked, what both queries return, and each verdict.

Reads what `evaluate` left in a run folder, and runs both statements once more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sqlkiln.core import plugins
from sqlkiln.core.errors import DatabaseUnreadable, QueryError, SqlkilnError, UsageError
from sqlkiln.core.plugins import Dataset, DatasetOptions, Limits
from sqlkiln.core.records import Example, Prediction, Record, Row, Verdict
from sqlkiln.core.store import read_jsonl
from sqlkiln.evaluate.outcome import EXAMPLES
from sqlkiln.evaluate.task import PREDICTIONS
from sqlkiln.scoring.evaluated import EvaluatedRun, read_evaluated, read_failures
from sqlkiln.scoring.failures import remedy
from sqlkiln.scoring.summary import Source


class Shown(Record):
    """What one statement returned; `error` says why it returned nothing."""

    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    truncated: bool = False
    seconds: float = 0.0
    error: str | None = None


class Receipt(Record):
    """One row of a run. `labels` say why it is wrong, `remedy` what mends rows like it."""

    run: str
    example: Example
    prediction: Prediction | None
    gold: Shown
    predicted: Shown
    verdicts: tuple[Verdict, ...]
    primary: str | None
    labels: tuple[str, ...]
    remedy: str | None


def read_receipt(
    run: Path, *, row: int | None = None, id_: str | None = None, data: Path | None = None
) -> Receipt:
    """The receipt of the row with this id, or number, in an evaluated run.

    A row's number is the one at the end of its id (17 is `spider-dev-0017`), or else its place
    among the scored rows, from 0. `data` says where the dataset lies now.

    Raises:
        UsageError: if the run was not evaluated, or has no such row.
    """
    evaluated = read_evaluated(run)
    examples = list(read_jsonl(run / EXAMPLES, Example))
    example = _find(examples, row, id_, run)
    found = (p for p in read_jsonl(run / PREDICTIONS, Prediction) if p.id == example.id)
    prediction = next(found, None)
    gold, predicted = _execute(evaluated, example, prediction, data)
    failure = read_failures(run).get(example.id)
    by_metric = (rows.get(example.id) for rows in evaluated.verdicts.values())
    return Receipt(
        run=str(run),
        example=example,
        prediction=prediction,
        gold=gold,
        predicted=predicted,
        verdicts=tuple(verdict for verdict in by_metric if verdict is not None),
        primary=failure.primary if failure else None,
        labels=failure.labels if failure else (),
        remedy=remedy(failure.primary) if failure else None,
    )


def _find(examples: Sequence[Example], row: int | None, id_: str | None, run: Path) -> Example:
    if id_ is not None:
        found = [example for example in examples if example.id == id_]
    elif row is not None:
        found = [example for example in examples if _number(example.id) == row]
        if not found and all(_number(example.id) is None for example in examples):
            found = list(examples[row : row + 1])
    else:
        raise UsageError("which row: neither a number nor an id is given; give --row or --id")
    if len(found) != 1:
        asked = f"--id {id_}" if id_ is not None else f"--row {row}"
        what = "no such row" if not found else "more than one such row"
        raise UsageError(
            f"{what}: {asked} in {run}, whose {len(examples)} scored rows are {examples[0].id} "
            f"to {examples[-1].id}; give one of these with --id"
        )
    return found[0]


def _number(id_: str) -> int | None:
    end = re.search(r"\d{1,18}$", id_)
    return int(end.group()) if end else None


def _execute(
    run: EvaluatedRun, example: Example, prediction: Prediction | None, data: Path | None
) -> tuple[Shown, Shown]:
    try:
        path = _database_path(run.scores.source, example.db_id, data)
        limits = run.scores.limits
        with closing(
            plugins.open_database(
                path, Limits(timeout_s=limits["timeout_s"], max_rows=int(limits["max_rows"]))
            )
        ) as database:
            return (
                _run(database, example.gold_sql or "", "no gold SQL"),
                _run(database, prediction.sql if prediction else "", "no SQL was predicted"),
            )
    except (SqlkilnError, KeyError) as error:
        failed = Shown(error=f"not run again: {error}")
        return failed, failed


def _database_path(source: Source, db_id: str, data: Path | None) -> Path:
    options = DatasetOptions(
        data or (Path(source.data) if source.data else None),
        Path(source.questions_file) if source.questions_file else None,
        source.split,
    )
    dataset: Dataset = plugins.load("datasets", source.dataset).open(options)
    path = dataset.database_path(db_id)
    if path is None:
        raise DatabaseUnreadable(f"no database: {db_id} is not there; give its folder with --data")
    return path


def _run(database: plugins.Database, sql: str, if_blank: str) -> Shown:
    if not sql.strip():
        return Shown(error=if_blank)
    try:
        result = database.execute(sql)
    except QueryError as error:
        return Shown(error=f"{type(error).__name__}: {error}")
    return Shown(
        columns=result.columns,
        rows=result.rows,
        truncated=result.truncated,
        seconds=result.seconds,
    )
