"""The file of gates: which runs must reach what. Its format is told in docs/gates.md."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sqlkiln.core.config import did_you_mean, read_toml, validate, wrong_keys
from sqlkiln.core.errors import RecipeError
from sqlkiln.evaluate.compare import METRIC

_STRICT = ConfigDict(frozen=True, extra="forbid")


class Suite(BaseModel):
    """One table `[suites.NAME]`: a run of the candidate, and what it must reach.

    `min_score` is a share of the rows in [0, 1]; `min_gain_points` are percentage points over
    `baseline`, and may be negative. With `on = "interval"`, the lower end of the 95% interval
    must reach them, not the point.
    """

    model_config = _STRICT

    candidate: Path
    baseline: Path | None = None
    metric: str = METRIC
    on: Literal["point", "interval"] = "point"
    min_score: float | None = Field(None, ge=0, le=1)
    min_gain_points: float | None = Field(None, ge=-100, le=100)

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if self.min_score is None and self.min_gain_points is None:
            raise ValueError("nothing to reach; give min_score or min_gain_points")
        if self.min_gain_points is not None and self.baseline is None:
            raise ValueError("min_gain_points without a baseline; give the baseline's run folder")
        return self


class Rules(BaseModel):
    """The table `[rules]`: from which share of data-curable misses on new data are called for."""

    model_config = _STRICT

    data_share: float = Field(default=0.5, gt=0, le=1)


class Gates(BaseModel):
    """A file of gates that has been read and found right."""

    model_config = _STRICT

    suites: dict[str, Suite]
    rules: Rules = Rules()


def read_gates(path: Path) -> Gates:
    """Read and check a file of gates.

    Raises:
        RecipeError: naming the file, table and key of everything that is wrong.
    """
    document = read_toml(path)
    known = list(Gates.model_fields)
    problems = [f"{k}: unknown; {did_you_mean(k, known)}" for k in document if k not in known]
    suites = document.get("suites")
    tables: list[tuple[str, type[BaseModel], object]] = [("rules", Rules, document.get("rules"))]
    if not isinstance(suites, dict) or not suites:
        problems.append("no suites; add a table such as [suites.spider-dev]")
    else:
        tables += [(f"suites.{name}", Suite, table) for name, table in suites.items()]
    for label, kind, table in tables:
        if isinstance(table, dict):
            problems += [f"[{label}] {problem}" for problem in wrong_keys(kind, table)]
        elif table is not None:
            problems.append(f"{label}: not a table: found {table!r}; write [{label}]")
    if problems:
        raise RecipeError("\n".join(f"{path} {problem}" for problem in problems))
    return validate(Gates, document)
