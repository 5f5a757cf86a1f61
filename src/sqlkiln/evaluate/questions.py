"""Which questions a run is about: the dataset, the sample, and the databases that are missing."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from sqlkiln.core import plugins
from sqlkiln.core.errors import DataError
from sqlkiln.core.fingerprint import databases_digest, questions_digest
from sqlkiln.core.plugins import Dataset, DatasetOptions
from sqlkiln.core.records import Example


class QuestionSource(BaseModel):
    """Where questions come from: the settings that predict and evaluate share.

    Without `evidence`, the hints that a dataset such as BIRD gives with a question are left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str = "samples"
    data: Path | None = None
    questions: Path | None = None
    split: str = Field("dev", min_length=1)
    evidence: bool = True


@dataclass(frozen=True)
class Questions:
    """The questions of a dataset, those without a database apart.

    `answerable` are in the dataset's order; `missing` counts the others by db_id; `paths` are the
    databases of the first. `digest` is a sha256 over all questions, ids and golds included.
    """

    dataset: Dataset
    all: tuple[Example, ...]
    answerable: tuple[Example, ...]
    paths: Mapping[str, Path]
    missing: Mapping[str, int]
    digest: str


def open_questions(source: QuestionSource) -> Questions:
    """Open the dataset and look for its databases.

    Raises:
        UsageError: if there is no such dataset, or it needs a folder or a file.
        DataError: if its files are not what they should be, or not one database is there.
    """
    options = DatasetOptions(source.data, source.questions, source.split)
    dataset: Dataset = plugins.load("datasets", source.dataset).open(options)
    examples = tuple(dataset.examples())
    if not source.evidence:
        examples = tuple(e.model_copy(update={"evidence": ""}) for e in examples)
    found = {db_id: dataset.database_path(db_id) for db_id in {e.db_id for e in examples}}
    paths = {db_id: path for db_id, path in found.items() if path is not None}
    answerable = tuple(e for e in examples if e.db_id in paths)
    missing = Counter(e.db_id for e in examples if e.db_id not in paths)
    if not answerable:
        names = ", ".join(sorted(missing)[:5]) or "none named"
        raise DataError(
            f"no database found: dataset {source.dataset} asks about {names}; check --data, it "
            "should hold <db_id>/<db_id>.sqlite in a folder 'database'"
        )
    digest = questions_digest(examples)
    return Questions(dataset, examples, answerable, paths, dict(sorted(missing.items())), digest)


def source_fingerprint(source: QuestionSource) -> dict[str, str]:
    """The digests of the questions and of all their databases, by name.

    Raises:
        UsageError: as `open_questions`.
        DataError: as `open_questions`.
    """
    questions = open_questions(source)
    return {
        f"{source.dataset} {source.split} questions": questions.digest,
        f"{source.dataset} {source.split} databases": databases_digest(questions.paths),
    }


def choose(examples: Sequence[Example], limit: int | None, seed: int) -> list[Example]:
    """`limit` of the examples, drawn by `seed`, in their order; all of them without a limit.

    Each example draws its own lot from seed and id. So a larger sample holds the smaller one of
    the same seed, and what else is in the dataset makes no difference.
    """
    if limit is None or limit >= len(examples):
        return list(examples)

    def lot(example: Example) -> bytes:
        return hashlib.sha256(f"{seed}:{example.id}".encode()).digest()

    drawn = {example.id for example in sorted(examples, key=lot)[:limit]}
    return [example for example in examples if example.id in drawn]


def by_database(examples: Iterable[Example]) -> list[tuple[str, list[Example]]]:
    """The examples of each db_id, in their order; the database with the most comes first."""
    groups: dict[str, list[Example]] = {}
    for example in examples:
        groups.setdefault(example.db_id, []).append(example)
    return sorted(groups.items(), key=lambda group: -len(group[1]))
