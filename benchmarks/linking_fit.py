"""Fit the weights of schema linking (`prompt/link_weights.py`) on training questions. Needs numpy.

    python benchmarks/linking_fit.py --data SPIDER_DIR > weights.py

Three logistic regressions, one on the chances of the other: tables by themselves, tables beside
others, columns. What each stage is given of the one before, and what is told of the thresholds of
`focus`, comes from folds that hold whole databases out; it is told of databases with rows and of
those without apart, as no value can be found in the latter. The module goes to stdout, the rest to
stderr.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from sqlkiln.core import plugins
from sqlkiln.core.plugins import DatasetOptions, open_database
from sqlkiln.prompt.link_features import fill_columns, fill_neighbours, fill_tables
from sqlkiln.prompt.link_scene import Scene
from sqlkiln.prompt.needs import Needs, needs_of
from sqlkiln.sql.values import open_index

FOLDS = 5
TABLE_CHANCES = (0.005, 0.008, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04)
COLUMN_CHANCES = (0.003, 0.005, 0.007, 0.01, 0.013, 0.017, 0.02, 0.03)


class Asked:
    """One question in its scene, with what its gold needs and the fold of its database."""

    def __init__(self, scene: Scene, needs: Needs, fold: int, has_rows: bool) -> None:
        self.scene, self.needs, self.fold, self.has_rows = scene, needs, fold, has_rows
        self.tables: dict[int, float] = {}
        self.columns: list[float] = []

    def needs_table(self, number: int) -> bool:
        """Whether the gold needs this table."""
        return self.scene.schema.tables[number].name.lower() in self.needs.tables

    def needs_column(self, column: Any) -> bool:
        """Whether the gold needs this column, or another of its name in another table."""
        return self.needs_table(column.table) and column.column.name.lower() in self.needs.columns


def main() -> None:
    """Fit, and write the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="a folder in Spider's layout")
    parser.add_argument("--split", default="train")
    parser.add_argument("--share", type=float, default=1.0, help="of the questions, to be quicker")
    args = parser.parse_args()
    rows = list(scenes(args))
    print(f"{len(rows)} questions", file=sys.stderr)
    stages = {"TABLES": fit_tables(rows)}
    for row in rows:
        fill_neighbours(row.scene, row.tables)
    stages["NEIGHBOURS"] = fit_tables(rows)
    for row in rows:
        fill_columns(row.scene, row.tables)
    stages["COLUMNS"] = fit_columns(rows)
    for has_rows in (True, False):
        some = [row for row in rows if row.has_rows is has_rows]
        print(f"{len(some)} questions, rows: {has_rows}", file=sys.stderr)
        thresholds(some)
    write(stages)


def scenes(args: argparse.Namespace) -> Iterator[Asked]:
    """The questions of the split, each in its scene."""
    dataset = plugins.load("datasets", "spider").open(
        DatasetOptions(data=args.data, split=args.split)
    )
    rng = random.Random(0)
    by_database: dict[str, list[Any]] = {}
    for example in dataset.examples():
        if example.gold_sql and rng.random() < args.share:
            by_database.setdefault(example.db_id, []).append(example)
    for number, (db_id, examples) in enumerate(sorted(by_database.items())):
        path = dataset.database_path(db_id)
        if path is None:
            continue
        with closing(open_database(path)) as database:
            schema = database.schema(0)
            rows = sum(table.row_count or 0 for table in schema.tables)
            with open_index(database, schema) as index:
                for example in examples:
                    hits = index.search(example.question)
                    scene = Scene(schema, example.question, hits, example.evidence)
                    fill_tables(scene)
                    needs = needs_of(schema, example.gold_sql)
                    yield Asked(scene, needs, number % FOLDS, bool(rows))


# --------------------------------------------------------------------------- fits


def fit_tables(rows: list[Asked]) -> dict[str, float]:
    """Weights for the tables; sets the chances that each question's tables have."""
    features = [table.features for row in rows for table in row.scene.tables]
    needed = [row.needs_table(t.number) for row in rows for t in row.scene.tables]
    folds = [row.fold for row in rows for _ in row.scene.tables]
    weights, chances = cross_fit(features, needed, folds)
    given = iter(chances)
    for row in rows:
        row.tables = {table.number: float(next(given)) for table in row.scene.tables}
    return weights


def fit_columns(rows: list[Asked]) -> dict[str, float]:
    """Weights for the columns; sets the chances that each question's columns have."""
    features = [column.features for row in rows for column in row.scene.columns]
    needed = [row.needs_column(c) for row in rows for c in row.scene.columns]
    folds = [row.fold for row in rows for _ in row.scene.columns]
    weights, chances = cross_fit(features, needed, folds)
    given = iter(chances)
    for row in rows:
        row.columns = [float(next(given)) for _ in row.scene.columns]
    return weights


def cross_fit(
    features: list[dict[str, float]], needed: list[bool], folds: list[int]
) -> tuple[dict[str, float], np.ndarray]:
    """Weights from all rows, and the chance of each row by those of the other folds."""
    names = sorted({name for each in features for name in each})
    places = {name: i for i, name in enumerate(names, 1)}
    x = np.zeros((len(features), len(names) + 1))
    x[:, 0] = 1
    for i, each in enumerate(features):
        for name, value in each.items():
            x[i, places[name]] = value
    y, fold = np.array(needed, float), np.array(folds)
    chances = np.zeros(len(y))
    for held in range(FOLDS):
        out = fold == held
        chances[out] = sigmoid(x[out] @ logistic(x[~out], y[~out]))
    loss = -np.mean(np.where(y == 1, np.log(chances + 1e-12), np.log(1 - chances + 1e-12)))
    print(f"{len(y)} rows, {y.mean():.1%} needed, held-out loss {loss:.4f}", file=sys.stderr)
    weights = logistic(x, y)
    return dict(zip(["bias", *names], map(float, weights), strict=True)), chances


def sigmoid(z: np.ndarray) -> np.ndarray:
    """From log odds to chances."""
    return 1 / (1 + np.exp(-z))


def logistic(x: np.ndarray, y: np.ndarray, ridge: float = 2.0) -> np.ndarray:
    """Newton's method; `ridge` holds all weights but the first near 0."""
    weights = np.zeros(x.shape[1])
    held = np.r_[1e-6, np.full(x.shape[1] - 1, ridge)]
    for _ in range(40):
        p = sigmoid(x @ weights)
        gradient = x.T @ (p - y) + held * weights
        curve = (x * (p * (1 - p))[:, None]).T @ x + np.diag(held)
        step = np.linalg.solve(curve, gradient)
        weights -= step
        if np.abs(step).max() < 1e-6:
            break
    return weights


# --------------------------------------------------------------------------- what comes of it


def thresholds(rows: list[Asked]) -> None:
    """Tell what is lost and saved at each pair of chances that `focus` may cut at."""
    if not rows:
        return
    print("table column | all tables  all columns | shorter by", file=sys.stderr)
    for table in TABLE_CHANCES:
        for column in COLUMN_CHANCES:
            found = np.mean([outcome(row, table, column) for row in rows], axis=0)
            print(
                f"{table:5} {column:6} | {found[0]:10.2%} {found[1]:12.2%} | {found[2]:.1%}",
                file=sys.stderr,
            )


def outcome(row: Asked, least_table: float, least_column: float) -> tuple[bool, bool, float]:
    """Whether all tables and all columns that are needed stay, and how much text goes."""
    best = max(row.tables.values())
    kept = {n for n, c in row.tables.items() if c >= least_table or c == best}
    tables = all(n in kept for n in row.tables if row.needs_table(n))
    columns, before, after = True, 0, 0
    for column, chance in zip(row.scene.columns, row.columns, strict=True):
        cost = len(column.column.name) + len(column.column.type) + 5
        tied = column.is_key or column.column.primary_key
        stays = column.table in kept and (tied or chance >= least_column)
        before, after = before + cost, after + cost * stays
        columns = columns and (stays or not row.needs_column(column))
    return tables, columns, 1 - after / before


def write(stages: dict[str, dict[str, float]]) -> None:
    """Print the module of weights."""
    about: dict[str, str] = {
        "TABLES": "Of a table by itself.",
        "NEIGHBOURS": "Of a table beside the others, given what `TABLES` says of all.",
        "COLUMNS": "Of a column, given what `NEIGHBOURS` says of the tables.",
    }
    print('"""The weights of `link_features`, as benchmarks/linking_fit.py fitted them."""')
    for name, weights in stages.items():
        print(f"\n{name} = {{")
        shown: Callable[[float], float] = lambda value: round(value, 2)  # noqa: E731
        print("".join(f'    "{k}": {shown(v)},\n' for k, v in weights.items() if shown(v)), end="")
        print(f'}}\n"""{about[name]}"""')


if __name__ == "__main__":
    main()
