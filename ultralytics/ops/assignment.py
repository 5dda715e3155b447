"""Optimal assignment of rows to columns (Kuhn 1955; shortest augmenting paths, Jonker and Volgenant 1987)."""

from __future__ import annotations

import numpy as np

__all__ = ["linear_sum_assignment"]


def linear_sum_assignment(cost_matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the one-to-one assignment of least total cost.

    Args:
        cost_matrix: `(N, M)` finite costs.

    Returns:
        Row indices in rising order and the column of each, both `(min(N, M),)`.

    Raises:
        ValueError: if the matrix is not two-dimensional or holds NaN or infinite values.
    """
    cost = np.asarray(cost_matrix, dtype=np.float64)
    if cost.ndim != 2:
        raise ValueError(f"the cost matrix must have two axes; got shape {cost.shape}.")
    if not np.isfinite(cost).all():
        raise ValueError("the cost matrix holds NaN or infinite values; replace them by a large finite cost.")
    if cost.shape[0] > cost.shape[1]:
        columns, rows = linear_sum_assignment(cost.T)
        order = np.argsort(rows)
        return rows[order], columns[order]

    n, m = cost.shape
    if not n:
        return np.zeros(0, int), np.zeros(0, int)
    # With every row's least cost as its price, the rows whose cheapest columns differ are settled at once.
    row_price, column_price = cost.min(1), np.zeros(m)
    owner = np.full(m, -1)  # row that holds a column
    taken, first = np.unique(cost.argmin(1), return_index=True)
    owner[taken] = first
    for row in np.setdiff1d(np.arange(n), first, assume_unique=True):
        _augment(cost, row, row_price, column_price, owner)
    columns = np.flatnonzero(owner >= 0)
    order = np.argsort(owner[columns])
    return owner[columns][order], columns[order]


def _augment(cost: np.ndarray, row: int, row_price: np.ndarray, column_price: np.ndarray, owner: np.ndarray) -> None:
    """Give `row` a column along the cheapest alternating path; updates the prices and owners of the caller."""
    m = cost.shape[1]
    reach = np.full(m, np.inf)  # cheapest reduced cost at which a column can be reached
    via = np.full(m, -1)  # column before it on that path, -1 for the start
    done = np.zeros(m, dtype=bool)
    column, current, at = -1, row, 0.0
    while True:
        offer = at + cost[current] - row_price[current] - column_price
        better = ~done & (offer < reach)
        reach[better], via[better] = offer[better], column
        column = int(np.where(done, np.inf, reach).argmin())
        at, done[column] = reach[column], True
        if owner[column] < 0:
            break
        current = int(owner[column])
    # Prices keep all reduced costs non-negative and those on the path zero.
    visited = np.flatnonzero(done)
    gain = at - reach[visited]
    holders = owner[visited]
    row_price[row] += at
    row_price[holders[holders >= 0]] += gain[holders >= 0]
    column_price[visited] -= gain
    while True:
        before = int(via[column])
        owner[column] = row if before < 0 else owner[before]
        if before < 0:
            return
        column = before
