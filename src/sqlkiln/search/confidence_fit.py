"""Logistic regression with an L2 penalty, in plain Python: a few features, some thousand rows.

Features are standardised, so that the penalty weighs them alike; one that is missing counts as the
mean of those that are there, which says nothing. The probabilities that come out are those of the
data: of all rows that were fitted, as many are right as they add up to.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from operator import mul
from typing import Literal

from pydantic import Field

from sqlkiln.core.errors import DataError
from sqlkiln.core.records import Record

PENALTY = 10.0
"""The least Brier score, databases held out in turn, of 0.3 to 20 (docs/LOG.md)."""

_STEPS = 50
_ENOUGH = 1e-9
_FEWEST = 10

_Table = Sequence[Sequence[float]]
"""A row of features for each answer, 1 for the intercept in front."""


class Coefficient(Record):
    """`weight` is for one standard deviation (`scale`) of the feature above its `mean`."""

    mean: float
    scale: float
    weight: float


class Fit(Record):
    """A fitted model: log-odds are `intercept` plus weighted features.

    `fitted_on` tells the data: how many rows, of what, by which model, when.
    """

    schema_id: Literal["confidence_fit/1"] = "confidence_fit/1"
    intercept: float
    coefficients: dict[str, Coefficient]
    fitted_on: dict[str, str | int | float] = Field(default_factory=dict)


def probability_of(fit: Fit, features: Mapping[str, float | None]) -> float:
    """The probability that a row with these features is right; those that are missing say nothing.

    Features that the fit does not know are passed over.
    """
    terms = (
        one.weight * _standard(features.get(name), one.mean, one.scale)
        for name, one in fit.coefficients.items()
    )
    return _logistic(fit.intercept + math.fsum(terms))


def _standard(value: float | None, mean: float, scale: float) -> float:
    return 0.0 if value is None else (value - mean) / scale


def _logistic(odds: float) -> float:
    return 1 / (1 + math.exp(-odds)) if odds >= 0 else 1 - 1 / (1 + math.exp(odds))


def fit(
    rows: Sequence[tuple[Mapping[str, float | None], bool]],
    names: Sequence[str],
    penalty: float = PENALTY,
    fitted_on: Mapping[str, str | int | float] | None = None,
) -> Fit:
    """Fit the features `names`; those that are the same in all rows are left out.

    Minimises the negative log-likelihood plus penalty / 2 times the squared weights, by Newton's
    method. The intercept bears no penalty.

    Raises:
        DataError: if there are fewer than ten rows, or all are right, or all wrong.
    """
    right = sum(verdict for _, verdict in rows)
    if len(rows) < _FEWEST or right in (0, len(rows)):
        raise DataError(
            f"nothing to fit: {len(rows)} rows, {right} of them right; give at least {_FEWEST}, "
            "right and wrong ones"
        )
    scales = {name: scale for name in names if (scale := _scale([f.get(name) for f, _ in rows]))}
    table = [[1.0, *(_standard(f.get(n), *s) for n, s in scales.items())] for f, _ in rows]
    weights = _newton(table, [float(verdict) for _, verdict in rows], penalty)
    return Fit(
        intercept=weights[0],
        coefficients={
            name: Coefficient(mean=mean, scale=scale, weight=weight)
            for (name, (mean, scale)), weight in zip(scales.items(), weights[1:], strict=True)
        },
        fitted_on={"rows": len(rows), "right": right, "penalty": penalty, **(fitted_on or {})},
    )


def _scale(values: Sequence[float | None]) -> tuple[float, float] | None:
    """Mean and standard deviation of what is there; None if it is all the same."""
    known = [value for value in values if value is not None]
    if len(set(known)) < 2:
        return None
    mean = math.fsum(known) / len(known)
    return mean, math.sqrt(math.fsum((v - mean) ** 2 for v in known) / len(known))


def _newton(table: _Table, wanted: Sequence[float], penalty: float) -> list[float]:
    """The weights with the least loss; a step that does not lessen it is halved."""
    width = len(table[0])
    penalties = [0.0, *[penalty] * (width - 1)]
    weights = [0.0] * width
    loss = _loss(table, wanted, weights, penalties)
    for _ in range(_STEPS):
        step = _step(table, wanted, weights, penalties)
        for _ in range(_STEPS):
            tried = [w - s for w, s in zip(weights, step, strict=True)]
            found = _loss(table, wanted, tried, penalties)
            if found <= loss:
                break
            step = [s / 2 for s in step]
        weights, gained, loss = tried, loss - found, found
        if gained < _ENOUGH:
            break
    return weights


def _loss(
    table: _Table, wanted: Sequence[float], weights: Sequence[float], penalties: Sequence[float]
) -> float:
    """-log p of what was wanted, which for odds z is log(1 + e^z) - z y, and the penalty."""
    odds = (_dot(weights, row) for row in table)
    data = (
        max(z, 0.0) + math.log1p(math.exp(-abs(z))) - z * y
        for z, y in zip(odds, wanted, strict=True)
    )
    return math.fsum(data) + sum(p * w * w for p, w in zip(penalties, weights, strict=True)) / 2


def _step(
    table: _Table, wanted: Sequence[float], weights: Sequence[float], penalties: Sequence[float]
) -> list[float]:
    """Gradient over curvature."""
    columns = list(zip(*table, strict=True))
    said = [_logistic(_dot(weights, row)) for row in table]
    missed = [p - y for p, y in zip(said, wanted, strict=True)]
    slope = [
        _dot(missed, column) + penalty * weight
        for column, penalty, weight in zip(columns, penalties, weights, strict=True)
    ]
    bend = []
    for j, column in enumerate(columns):
        curved = [p * (1 - p) * x for p, x in zip(said, column, strict=True)]
        bend.append([_dot(curved, other) + penalties[j] * (other is column) for other in columns])
    return _solved(bend, slope)


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    return math.fsum(map(mul, a, b))


def _solved(matrix: list[list[float]], vector: list[float]) -> list[float]:
    """The x of matrix x = vector, by elimination; the matrix is positive definite."""
    rows = [[*row, value] for row, value in zip(matrix, vector, strict=True)]
    for i, pivot in enumerate(rows):
        for row in rows[i + 1 :]:
            factor = row[i] / pivot[i]
            for k in range(i, len(row)):
                row[k] -= factor * pivot[k]
    found = [0.0] * len(rows)
    for i in reversed(range(len(rows))):
        known = sum(rows[i][k] * found[k] for k in range(i + 1, len(rows)))
        found[i] = (rows[i][-1] - known) / rows[i][i]
    return found
