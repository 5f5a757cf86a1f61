"""What the repair from the schema does to the predictions of a run.

    python benchmarks/repair.py RUN --dataset spider --data SPIDER_DIR
    python benchmarks/repair.py RUN --dataset jsonl --questions Q.jsonl --data DIR --show 5

RUN is a folder with predictions.jsonl, or that file. Every prediction is scored by strict
execution as it is and as repaired: by all kinds together, by each kind alone, and by all but that
one. `rows` are those that were changed; `fails` and `right` are counted over all rows, before and
after; `p` is McNemar's exact two-sided p over the rows that became right or wrong.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from sqlkiln.core import plugins
from sqlkiln.core.errors import QueryError
from sqlkiln.core.plugins import Database, DatasetOptions, Limits
from sqlkiln.core.records import DatabaseSchema, Example, Prediction
from sqlkiln.core.store import read_jsonl
from sqlkiln.scoring.metrics import ExecutionAccuracy
from sqlkiln.scoring.paired import mcnemar
from sqlkiln.search.spellings import StoredSpellings
from sqlkiln.sql.repair import KINDS, Repaired, Spellings, repair
from sqlkiln.sql.values import open_index

ALL = "all kinds"


@dataclass(frozen=True)
class Outcome:
    """One prediction before and after a repair."""

    example: Example
    before: str
    after: Repaired
    failed: tuple[bool, bool]
    right: tuple[bool, bool]


def main() -> None:
    """Repair what the arguments say and print a table."""
    args = parse_arguments()
    options = DatasetOptions(data=args.data, questions=args.questions, split=args.split)
    dataset = plugins.load("datasets", args.dataset).open(options)
    path = args.run / "predictions.jsonl" if args.run.is_dir() else args.run
    predictions = {p.id: p for p in read_jsonl(path, Prediction)}
    asked = [e for e in dataset.examples() if e.id in predictions and e.gold_sql]
    asked.sort(key=lambda e: e.db_id)
    names = [ALL, *(f"{kind} {way}" for way in ("alone", "left out") for kind in KINDS)]
    outcomes: dict[str, list[Outcome]] = {name: [] for name in names}
    milliseconds: list[float] = []
    for db_id, examples in groupby(asked, key=lambda e: e.db_id):
        where = dataset.database_path(db_id)
        if where is None:
            continue
        database = plugins.open_database(where, Limits(timeout_s=args.timeout))
        schema = database.schema(0)
        spellings = StoredSpellings(database, open_index(database, schema))
        for example in examples:
            sql = predictions[example.id].sql
            scored = Scored(example, database)
            for name in outcomes:
                started = time.perf_counter()
                after = repaired(sql, example.question, schema, spellings, name)
                if name == ALL:
                    milliseconds.append(1000 * (time.perf_counter() - started))
                outcomes[name].append(scored.outcome(sql, after))
            report_if_harmed(outcomes[ALL][-1], schema)
        database.close()
    print_table(outcomes)
    milliseconds.sort()
    if milliseconds:
        mean = sum(milliseconds) / len(milliseconds)
        print(f"{mean:.1f} ms a query, at most {milliseconds[-1]:.1f}")
    show(outcomes[ALL], args.show)


def repaired(
    sql: str, question: str, schema: DatabaseSchema, spellings: Spellings, name: str
) -> Repaired:
    """Repair `sql` with the kinds that `name` says."""
    kind, _, way = name.partition(" ")
    only = [k for k in KINDS if k == kind] if way == "alone" else None
    off = [k for k in KINDS if k == kind] if way == "left out" else []
    return repair(sql, schema, spellings, only, off, question=question)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="a run folder, or a file of predictions")
    parser.add_argument("--dataset", default="spider")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--questions", type=Path)
    parser.add_argument("--split", default="dev")
    parser.add_argument("--timeout", type=float, default=10.0)
    parser.add_argument("--show", type=int, default=0, help="so many repairs that did not help")
    return parser.parse_args()


class Scored:
    """The verdicts on what is written for one question, each statement run once."""

    def __init__(self, example: Example, database: Database) -> None:
        """Score against the gold of `example`."""
        self._example = example
        self._database = database
        self._known: dict[str, tuple[bool, bool]] = {}

    def outcome(self, before: str, after: Repaired) -> Outcome:
        """Score both."""
        marks = [self._score(sql) for sql in (before, after.sql)]
        failed, right = zip(*marks, strict=True)
        return Outcome(self._example, before, after, failed, right)

    def _score(self, sql: str) -> tuple[bool, bool]:
        """Whether it fails, and whether it is right."""
        if sql not in self._known:
            verdict = ExecutionAccuracy().score(self._example, sql, self._database)
            failed = verdict.score < 1 and not _runs(sql, self._database)
            self._known[sql] = (failed, verdict.score >= 1)
        return self._known[sql]


def _runs(sql: str, database: Database) -> bool:
    try:
        database.execute(sql)
    except QueryError:
        return False
    return True


CHANGING = {"name_split", "value_spelling", "value_moved", "no_value", "sort_direction"}
"""The kinds of mends that may change what a query returns."""


def report_if_harmed(outcome: Outcome, schema: DatabaseSchema) -> None:
    """Say so where a repair broke its promises: what runs goes on running, and as it was."""
    kinds = {fix.kind for fix in outcome.after.fixes} - CHANGING
    if not outcome.failed[0] and (outcome.failed[1] or kinds):
        print(f"HARMED {schema.db_id}: {outcome.before}\n    -> {outcome.after}")


def print_table(outcomes: dict[str, list[Outcome]]) -> None:
    """One line for each choice of kinds, and one for the rows that a kind has changed among all."""
    print(f"{len(outcomes[ALL])} predictions")
    head = ("rows", "fails", "after", "right", "after", "gained", "lost", "p")
    print(f"{'':24}", *(f"{word:>7}" for word in head))
    for name, found in outcomes.items():
        print_line(name, found)
    for kind in KINDS:
        within = [o for o in outcomes[ALL] if kind in {fix.kind for fix in o.after.fixes}]
        print_line(f"rows with {kind}", within)


def print_line(name: str, found: Iterable[Outcome]) -> None:
    """Rows changed, and failing and right ones before and after."""
    rows = list(found)
    gained = sum(o.right[1] and not o.right[0] for o in rows)
    lost = sum(o.right[0] and not o.right[1] for o in rows)
    counts = [
        sum(o.before != o.after.sql for o in rows),
        *(sum(o.failed[i] for o in rows) for i in (0, 1)),
        *(sum(o.right[i] for o in rows) for i in (0, 1)),
        gained,
        lost,
    ]
    print(f"{name:24}", *(f"{n:7}" for n in counts), f"{mcnemar(gained, lost):7.2g}")


def show(outcomes: Iterable[Outcome], most: int) -> None:
    """Print repaired predictions that are still wrong, and failing ones that were left."""
    for title, wanted in (("still wrong", _is_vain), ("left alone", _is_left)):
        chosen = [o for o in outcomes if wanted(o)]
        for outcome in chosen[:most]:
            print("\n".join([f"\n{title}: {outcome.example.db_id}", *_lines(outcome)]))


def _is_vain(outcome: Outcome) -> bool:
    return outcome.before != outcome.after.sql and not outcome.right[1]


def _is_left(outcome: Outcome) -> bool:
    return outcome.failed[1] and outcome.before == outcome.after.sql


def _lines(outcome: Outcome) -> Iterator[str]:
    yield f"  question {outcome.example.question}"
    yield f"  gold     {outcome.example.gold_sql}"
    yield f"  model    {outcome.before}"
    if outcome.before != outcome.after.sql:
        yield f"  repaired {outcome.after.sql}"
    yield from (f"           {fix.kind}: {fix.detail}" for fix in outcome.after.fixes)


if __name__ == "__main__":
    main()
