from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ultralytics.ops.assignment import linear_sum_assignment


@settings(max_examples=60)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 1000), st.booleans())
def test_total_cost_is_the_least_possible(rows, columns, seed, ties):
    rng = np.random.default_rng(seed)
    cost = rng.integers(0, 4, (rows, columns)) if ties else rng.normal(size=(rows, columns))
    r, c = linear_sum_assignment(cost)
    assert len(r) == len(set(c.tolist())) == min(rows, columns) and list(r) == sorted(set(r.tolist()))
    wide = cost if rows <= columns else cost.T
    least = min(wide[range(len(wide)), p].sum() for p in permutations(range(wide.shape[1]), len(wide)))
    assert cost[r, c].sum() == pytest.approx(least)


def test_agrees_with_scipy_on_larger_matrices():
    scipy = pytest.importorskip("scipy.optimize")
    rng = np.random.default_rng(0)
    for shape in ((40, 60), (60, 40), (50, 50)):
        cost = rng.random(shape)
        ours, theirs = linear_sum_assignment(cost), scipy.linear_sum_assignment(cost)
        assert np.array_equal(ours[0], theirs[0]) and np.array_equal(ours[1], theirs[1])


def test_degenerate_and_wrong_input():
    assert [x.shape for x in linear_sum_assignment(np.zeros((0, 3)))] == [(0,), (0,)]
    with pytest.raises(ValueError, match="NaN or infinite"):
        linear_sum_assignment(np.array([[0.0, np.nan]]))
    with pytest.raises(ValueError, match="two axes"):
        linear_sum_assignment(np.zeros(3))
