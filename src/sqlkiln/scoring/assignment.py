"""Pair the members of two sides so that the pairs are worth the most in sum."""

from __future__ import annotations

import math
from collections.abc import Sequence


def best_pairs(worth: Sequence[Sequence[float]]) -> list[tuple[int, int]]:
    """Pairs (row, column) of the matrix `worth`, each row and column in one pair at most.

    The Hungarian method (Kuhn 1955) with potentials, in O(rows^2 * columns) for rows <= columns.
    """
    if not worth or not worth[0]:
        return []
    if len(worth) > len(worth[0]):
        turned = [list(column) for column in zip(*worth, strict=True)]
        return sorted((i, j) for j, i in best_pairs(turned))
    rows, columns = len(worth), len(worth[0])
    row_potential, column_potential = [0.0] * (rows + 1), [0.0] * (columns + 1)
    partner = [0] * (columns + 1)  # numbered from 1; 0 is nobody
    for row in range(1, rows + 1):
        partner[0], column = row, 0
        slack, came_from = [math.inf] * (columns + 1), [0] * (columns + 1)
        seen = [False] * (columns + 1)
        while partner[column]:
            seen[column] = True
            at, nearest, step = partner[column], 0, math.inf
            for j in range(1, columns + 1):
                if seen[j]:
                    continue
                cost = -worth[at - 1][j - 1] - row_potential[at] - column_potential[j]
                if cost < slack[j]:
                    slack[j], came_from[j] = cost, column
                if slack[j] < step:
                    step, nearest = slack[j], j
            for j in range(columns + 1):
                if seen[j]:
                    row_potential[partner[j]] += step
                    column_potential[j] -= step
                else:
                    slack[j] -= step
            column = nearest
        while column:
            partner[column] = partner[came_from[column]]
            column = came_from[column]
    return sorted((partner[j] - 1, j - 1) for j in range(1, columns + 1) if partner[j])
