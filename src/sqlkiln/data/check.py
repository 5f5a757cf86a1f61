"""The dataset doctor: what is wrong with the questions and gold SQL of a dataset.

It runs every gold statement, read-only and with a deadline, and compares questions with one
another and with those of other splits. It judges what can be judged without a model: whether SQL
answers its question is not among that. Tables without rows, as `create_context` has them, show
whether a statement runs, and no more.

Questions are the same if their words are, whatever the case and the punctuation; statements if
they are the same text but for case, white space, quote style and `;`.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from sqlkiln.core import plugins
from sqlkiln.core.errors import DatabaseUnreadable
from sqlkiln.core.fingerprint import databases_digest, questions_digest
from sqlkiln.core.plugins import Database, Dataset, Limits, QueryResult
from sqlkiln.core.records import Example, Record
from sqlkiln.data.golds import GoldFailure, is_bare, run_gold
from sqlkiln.sql.compare import compare
from sqlkiln.sql.direction import wrong_end
from sqlkiln.sql.limits import open_choice
from sqlkiln.sql.parse import normalize

ERRORS = {
    "gold_failed": "the gold SQL does not run",
    "gold_timeout": "the gold SQL runs into the deadline",
    "unreadable_database": "the database cannot be read",
    "leak": "another split asks the same of the same database",
}
"""What makes a check fail: such rows cannot be scored, or must not be trusted."""

WARNINGS = {
    "leaked_sql": "another split has the same SQL over the same database",
    "echo": "another split has the same question and SQL over another database",
    "disputed": "the same question has other SQL with another result, or none to compare",
    "two_ways": "the same question has other SQL with the same result",
    "duplicate": "the same question and SQL once more",
    "open_choice": "a LIMIT leaves open which rows come back",
    "wrong_end": "a LIMIT keeps the other end of the order than the question asks for",
    "empty_result": "the gold SQL returns no rows",
    "all_null": "the gold SQL returns nothing but NULL",
}
"""What makes a row weak: it is scored, and proves less than it seems to."""

MEANINGS = ERRORS | WARNINGS


class Finding(Record):
    """One thing to look at in one question; `others` are ids of questions that it concerns too."""

    id: str
    db_id: str
    kind: str
    severity: Literal["error", "warning"]
    detail: str
    others: tuple[str, ...] = ()


class Checkup(Record):
    """What a check found.

    Of the `questions`, `checked` have gold SQL and a database. `missing_databases` counts
    questions by db_id. `empty_databases` have no rows at all, so that empty results there are
    no findings. `against` names the other splits. `counts` are rows by kind of finding.
    """

    schema_id: Literal["checkup/1"] = "checkup/1"
    dataset: str
    split: str
    questions: int
    checked: int
    without_gold: int
    missing_databases: dict[str, int]
    empty_databases: tuple[str, ...]
    questions_sha256: str
    databases_sha256: str
    against: tuple[str, ...]
    counts: dict[str, int]
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> bool:
        """Whether there is anything in it that makes a row unusable."""
        return any(finding.severity == "error" for finding in self.findings)


def same_words(question: str) -> str:
    """A question without case, punctuation and repeated spaces."""
    return " ".join(re.findall(r"\w+", question.lower()))


def check(
    dataset: Dataset,
    against: Mapping[str, Sequence[Example]] | None = None,
    *,
    limits: Limits | None = None,
    on_row: Callable[[], None] = lambda: None,
) -> Checkup:
    """Check all questions of `dataset`; `on_row` is called once for each.

    `against` are the questions of other splits or datasets, by a name to show.

    Raises:
        DataError: if the dataset's files are not what they should be.
    """
    examples = tuple(dataset.examples())
    found = {e.db_id: dataset.database_path(e.db_id) for e in examples}
    paths = {db_id: path for db_id, path in found.items() if path is not None}
    run = _Run(examples, paths, limits or Limits(), on_row)
    findings = [*run.findings(), *_leaks(examples, against or {})]
    place = {example.id: number for number, example in enumerate(examples)}
    findings.sort(key=lambda f: (f.severity, place[f.id], f.kind))
    return Checkup(
        dataset=dataset.name,
        split=examples[0].split if examples else "",
        questions=len(examples),
        checked=sum(e.db_id in paths and e.gold_sql is not None for e in examples),
        without_gold=sum(e.gold_sql is None for e in examples),
        missing_databases=dict(
            sorted(Counter(e.db_id for e in examples if e.db_id not in paths).items())
        ),
        empty_databases=tuple(sorted(run.empty)),
        questions_sha256=questions_digest(examples),
        databases_sha256=databases_digest(paths),
        against=tuple(against or ()),
        counts=_counts(findings),
        findings=tuple(findings),
    )


def _counts(findings: Sequence[Finding]) -> dict[str, int]:
    counts = Counter(finding.kind for finding in findings)
    return {kind: counts[kind] for kind in MEANINGS if counts[kind]}


def _finding(example: Example, kind: str, detail: str, others: Sequence[str] = ()) -> Finding:
    return Finding(
        id=example.id,
        db_id=example.db_id,
        kind=kind,
        severity="error" if kind in ERRORS else "warning",
        detail=detail,
        others=tuple(others),
    )


# --------------------------------------------------------------------------- running gold


@dataclass
class _Run:
    """One pass over the databases; `empty` are those found to have no rows."""

    examples: Sequence[Example]
    paths: Mapping[str, Path]
    limits: Limits
    on_row: Callable[[], None]
    empty: set[str] = field(default_factory=set)

    def findings(self) -> Iterator[Finding]:
        """Everything but leaks, database by database."""
        groups: dict[str, list[Example]] = defaultdict(list)
        for example in self.examples:
            groups[example.db_id].append(example)
        for db_id, examples in groups.items():
            path = self.paths.get(db_id)
            if path is None:
                yield from _repeats(examples, {})
                for _ in examples:
                    self.on_row()
                continue
            try:
                with closing(plugins.open_database(path, self.limits)) as database:
                    yield from self._in_database(examples, database)
            except DatabaseUnreadable as error:
                for example in examples:
                    yield _finding(example, "unreadable_database", str(error))
                    self.on_row()

    def _in_database(self, examples: Sequence[Example], database: Database) -> Iterator[Finding]:
        schema = database.schema(samples=0)
        bare = is_bare(schema)
        if bare:
            self.empty.add(examples[0].db_id)
        asked = Counter(same_words(example.question) for example in examples)
        results: dict[str, QueryResult] = {}
        for example in examples:
            if end := wrong_end(example.question, example.gold_sql or "", schema):
                yield _finding(example, "wrong_end", end)
            outcome = _execute(example, database)
            if isinstance(outcome, Finding):
                yield outcome
            elif outcome is not None and not bare:
                yield from _weaknesses(example, outcome, database)
                if asked[same_words(example.question)] > 1:
                    results[example.id] = outcome
            self.on_row()
        yield from _repeats(examples, results)


def _execute(example: Example, database: Database) -> QueryResult | Finding | None:
    if example.gold_sql is None:
        return None
    found = run_gold(example.gold_sql, database)
    if isinstance(found, GoldFailure):
        return _finding(example, found.kind, found.detail)
    return found


def _weaknesses(example: Example, result: QueryResult, database: Database) -> Iterator[Finding]:
    if not result.rows:
        yield _finding(example, "empty_result", "no rows")
    elif all(cell is None for row in result.rows for cell in row):
        rows = f"{len(result.rows)} row{'s' * (len(result.rows) > 1)}"
        yield _finding(example, "all_null", f"{rows} of NULL")
    choice = open_choice(example.gold_sql or "", database)
    if choice:
        yield _finding(example, "open_choice", choice)


# --------------------------------------------------------------------------- comparing questions


def _repeats(examples: Sequence[Example], results: Mapping[str, QueryResult]) -> Iterator[Finding]:
    """What the questions over one database say of one another; `results` are those of golds."""
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        if example.gold_sql is not None:
            groups[same_words(example.question)].append(example)
    for group in groups.values():
        ways: dict[str, Example] = {}
        for example in group:
            first = ways.setdefault(normalize(example.gold_sql or ""), example)
            if first is not example:
                yield _finding(example, "duplicate", f"the same as {first.id}", [first.id])
        if len(ways) > 1:
            yield from _disputes(list(ways.values()), results)


def _disputes(ways: Sequence[Example], results: Mapping[str, QueryResult]) -> Iterator[Finding]:
    """Each way to answer one question, against the others."""
    for example in ways:
        others = [other for other in ways if other is not example]
        same = [o for o in others if _same_result(results.get(example.id), results.get(o.id))]
        kind = "two_ways" if len(same) == len(others) else "disputed"
        apart = [o.id for o in others if kind == "two_ways" or o not in same]
        yield _finding(example, kind, f"other SQL than {', '.join(apart)}", apart)


def _same_result(one: QueryResult | None, other: QueryResult | None) -> bool:
    return one is not None and other is not None and compare(one, other).equal


@dataclass(frozen=True)
class _Known:
    """The questions of another split, to be looked up in."""

    label: str
    examples: Sequence[Example]

    @cached_property
    def by_question(self) -> Mapping[str, Sequence[Example]]:
        return _grouped(self.examples, lambda e: same_words(e.question))

    @cached_property
    def by_sql(self) -> Mapping[str, Sequence[Example]]:
        golds = [e for e in self.examples if e.gold_sql is not None]
        return _grouped(golds, lambda e: f"{e.db_id}\n{normalize(e.gold_sql or '')}")


def _grouped(
    examples: Sequence[Example], key: Callable[[Example], str]
) -> Mapping[str, Sequence[Example]]:
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        groups[key(example)].append(example)
    return groups


def _leaks(
    examples: Sequence[Example], against: Mapping[str, Sequence[Example]]
) -> Iterator[Finding]:
    for known in (_Known(label, others) for label, others in against.items()):
        for example in examples:
            sql = normalize(example.gold_sql) if example.gold_sql is not None else None
            asked = known.by_question.get(same_words(example.question), ())
            kinds = {
                "leak": [e for e in asked if e.db_id == example.db_id],
                "leaked_sql": known.by_sql.get(f"{example.db_id}\n{sql}", ()),
                "echo": [e for e in asked if e.gold_sql and normalize(e.gold_sql) == sql],
            }
            kind, same = next(((k, found) for k, found in kinds.items() if found), ("", ()))
            if same:
                ids = [other.id for other in same]
                yield _finding(example, kind, f"also in {known.label}: {', '.join(ids[:3])}", ids)
