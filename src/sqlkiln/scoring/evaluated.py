"""Read what `evaluate` left in a run folder; nothing is scored again here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ConfigDict

from sqlkiln.core.config import did_you_mean
from sqlkiln.core.errors import UsageError
from sqlkiln.core.files import parse_record
from sqlkiln.core.records import Record, Verdict
from sqlkiln.core.store import Manifest, read_jsonl, read_manifest
from sqlkiln.scoring.metrics import UNSCORED
from sqlkiln.scoring.summary import Scores

SCORES = "scores.json"
VERDICTS = "verdicts.jsonl"
FAILURES = "failures.jsonl"
STRICT = "strict"


class Failure(Record):
    """Why a row is wrong: all labels that apply, one of them first of all. Other fields: unread."""

    model_config = ConfigDict(extra="ignore")

    id: str
    primary: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class EvaluatedRun:
    """One complete run of `evaluate`; `verdicts` are by metric, then by row, in file order."""

    folder: Path
    manifest: Manifest
    scores: Scores
    verdicts: Mapping[str, Mapping[str, Verdict]]

    def metric(self, name: str) -> str:
        """The metric that `name` means here.

        Raises:
            UsageError: if the run was not scored by it.
        """
        found = find_metric(name, self.verdicts)
        if found is None:
            hint = did_you_mean(name, list(self.verdicts))
            raise UsageError(f"no such metric: {self.folder} was not scored by {name!r}; {hint}")
        return found

    def row_scores(self, metric: str) -> dict[str, float]:
        """The score of each row that counts, by id."""
        rows = self.verdicts[metric].values()
        return {v.id: v.score for v in rows if not UNSCORED & set(v.flags)}


def find_metric(name: str, known: Iterable[str]) -> str | None:
    """`name` itself, or its strict mode ('execution' means 'execution.strict'), if known."""
    names = set(known)
    return next((metric for metric in (name, f"{name}.{STRICT}") if metric in names), None)


def read_evaluated(folder: Path) -> EvaluatedRun:
    """Read a run folder that `evaluate` filled, alone or after `predict`.

    Raises:
        UsageError: if no complete run of evaluate is there.
        DataError: if its files are not what this sqlkiln reads.
    """
    manifests = (read_manifest(folder, path.name) for path in sorted(folder.glob("manifest*.json")))
    manifest = next((m for m in manifests if m is not None and m.stage == "evaluate"), None)
    if manifest is None:
        what = "no complete run of evaluate is there" if folder.is_dir() else "no such folder"
        raise UsageError(
            f"not an evaluated run: {folder}: {what}; give a folder that `sqlkiln evaluate` filled"
        )
    verdicts: dict[str, dict[str, Verdict]] = {}
    for verdict in read_jsonl(folder / VERDICTS, Verdict):
        verdicts.setdefault(verdict.metric, {})[verdict.id] = verdict
    scores = parse_record((folder / SCORES).read_bytes(), Scores, str(folder / SCORES))
    return EvaluatedRun(folder, manifest, scores, verdicts)


def read_failures(folder: Path) -> dict[str, Failure]:
    """The labels of a run's misses by id; none if it was evaluated without.

    Raises:
        DataError: if the file is not what this sqlkiln reads.
    """
    path = folder / FAILURES
    return {f.id: f for f in read_jsonl(path, Failure)} if path.exists() else {}
