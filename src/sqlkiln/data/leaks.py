"""Is anything that a model will be measured on among what it is taught?

A row leaks if an evaluation set asks the same question of the same database, or has the same
question and SQL over whatever database. Questions are compared by their words, statements by their
text but for case, spacing, quotes and `;`, as `data check` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlkiln.core import plugins
from sqlkiln.core.errors import UsageError
from sqlkiln.core.fingerprint import questions_digest
from sqlkiln.core.plugins import Dataset, DatasetOptions
from sqlkiln.core.records import Example
from sqlkiln.data.check import same_words
from sqlkiln.sql.parse import normalize

EVALUATION_SETS: Mapping[str, tuple[str, ...]] = {
    "spider": ("dev",),
    "create_context": ("dev",),
    "b1": ("synthetic50", "public64"),
    "bird": ("dev", "mini_dev"),
    "wikisql": ("dev", "test"),
    "samples": ("heldout",),
}
"""The splits of each dataset that models are measured on."""


@dataclass(frozen=True)
class Leak:
    """A row that evaluation knows: `id` there, in the set `label`; `how` they are the same."""

    label: str
    id: str
    how: str


class EvaluationQuestions:
    """The questions of evaluation sets, to be looked up in.

    `sizes` are their rows by label, `missing` the labels of known sets that are not among them;
    `digest` is a sha256 over all of them.
    """

    def __init__(self, sets: Mapping[str, Sequence[Example]]) -> None:
        self.sizes = {label: len(examples) for label, examples in sets.items()}
        known = (f"{name} {split}" for name, splits in EVALUATION_SETS.items() for split in splits)
        self.missing = [label for label in known if label not in sets]
        self.digest = questions_digest(e for examples in sets.values() for e in examples)
        self._by_database: dict[tuple[str, str], Leak] = {}
        self._by_sql: dict[tuple[str, str], Leak] = {}
        for label, examples in sets.items():
            for example in examples:
                asked = same_words(example.question)
                leak = Leak(label, example.id, "same question and database")
                self._by_database.setdefault((example.db_id, asked), leak)
                if example.gold_sql is not None:
                    leak = Leak(label, example.id, "same question and SQL")
                    self._by_sql.setdefault((asked, normalize(example.gold_sql)), leak)

    def find(self, example: Example) -> Leak | None:
        """The first evaluation row that is the same as `example`."""
        asked = same_words(example.question)
        found = self._by_database.get((example.db_id, asked))
        if found is None and example.gold_sql is not None:
            found = self._by_sql.get((asked, normalize(example.gold_sql)))
        return found


@dataclass(frozen=True)
class QuestionsSpec:
    """`[DATASET:]SPLIT[@DIR]`, taken apart."""

    dataset: str
    split: str
    data: Path | None

    @classmethod
    def parse(cls, text: str, dataset: str = "") -> QuestionsSpec:
        """Read a spec; `dataset` is meant where it names none.

        Raises:
            UsageError: if it is not of that form.
        """
        place, _, folder = text.partition("@")
        name, colon, split = place.rpartition(":")
        if not split or (colon and not name) or not (name or dataset):
            raise UsageError(f"wrong --against: {text!r}; write [DATASET:]SPLIT[@DIR]")
        return cls(name or dataset, split, Path(folder).expanduser() if folder else None)

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"{self.dataset} {self.split}"

    def open(self) -> Dataset:
        """The dataset, its files found but not read.

        Raises:
            UsageError: if there is no such dataset or split, or it needs a folder.
        """
        options = DatasetOptions(self.data, None, self.split)
        dataset: Dataset = plugins.load("datasets", self.dataset).open(options)
        return dataset

    def examples(self) -> tuple[Example, ...]:
        """The questions.

        Raises:
            UsageError: as `open`.
            DataError: if its files are not what they should be.
        """
        return tuple(self.open().examples())


def evaluation_sets(
    folders: Iterable[tuple[str, Path]], named: Iterable[QuestionsSpec]
) -> dict[str, tuple[Example, ...]]:
    """The evaluation sets that are at hand: those in `folders` (by dataset), and those `named`.

    Known sets that are not in a folder are passed over; named ones must be there.

    Raises:
        UsageError: if a named one cannot be opened.
        DataError: if the files of one that is there are not what they should be.
    """
    known = [QuestionsSpec("samples", split, None) for split in EVALUATION_SETS["samples"]]
    known += [
        QuestionsSpec(dataset, split, folder)
        for dataset, folder in folders
        for split in EVALUATION_SETS.get(dataset, ())
        if dataset != "samples"
    ]
    found: dict[str, tuple[Example, ...]] = {}
    for spec in known:
        try:
            dataset = spec.open()
        except UsageError:
            continue
        if spec.label not in found:
            found[spec.label] = tuple(dataset.examples())
    return found | {spec.label: spec.examples() for spec in named}
