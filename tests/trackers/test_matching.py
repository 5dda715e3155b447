import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ultralytics.trackers.observations import read_detections
from ultralytics.trackers.utils import matching
from ultralytics.trackers.utils.matching import assign, embedding_distance, iou_distance, linear_assignment


def best_total(cost, limit):
    """Try every assignment."""
    n, m = cost.shape
    best = 0.0
    for columns in itertools.permutations([*range(m), *[None] * n], n):
        pairs = [(i, j) for i, j in enumerate(columns) if j is not None and cost[i, j] < limit]
        best = max(best, sum(limit - cost[i, j] for i, j in pairs))
    return best


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31), n=st.integers(0, 4), m=st.integers(0, 4), limit=st.floats(0, 1))
def test_assignment_is_optimal(seed, n, m, limit):
    cost = np.random.default_rng(seed).uniform(0, 1, (n, m))
    rows, columns = assign(cost, limit)
    assert len(set(rows)) == len(rows) and len(set(columns)) == len(columns)
    assert (cost[rows, columns] < limit).all() and (np.diff(rows) > 0).all()
    assert (limit - cost[rows, columns]).sum() == pytest.approx(best_total(cost, limit))


def test_it_is_the_same_without_scipy(monkeypatch):
    rng = np.random.default_rng(0)
    costs = [rng.uniform(0, 1, shape) for shape in ((30, 40), (40, 30), (7, 7))]
    usual = [assign(cost, 0.4) for cost in costs]
    monkeypatch.setattr(matching, "_solver", lambda: matching.own_solver)
    for cost, (rows, columns) in zip(costs, usual, strict=True):
        own = assign(cost, 0.4)
        assert np.array_equal(own[0], rows) and np.array_equal(own[1], columns)


def test_what_is_left_over():
    matches, rows, columns = linear_assignment(np.array([[0.1, 0.9, 0.9], [0.9, 0.9, 0.9]]), 0.5)
    assert matches.tolist() == [[0, 0]] and rows.tolist() == [1] and columns.tolist() == [1, 2]
    matches, rows, columns = linear_assignment(np.zeros((0, 2)), 0.5)
    assert matches.shape == (0, 2) and rows.tolist() == [] and columns.tolist() == [0, 1]
    with pytest.raises(ValueError, match="two axes"):
        linear_assignment(np.zeros(3), 0.5)


def test_overlap_of_upright_and_turned_boxes():
    boxes = read_detections([[0, 0, 10, 10, 0.9, 0], [5, 0, 15, 10, 0.9, 0]])
    assert iou_distance(boxes, boxes)[0, 1] == pytest.approx(1 - 1 / 3, abs=1e-6)
    turned = read_detections([[5, 5, 10, 10, 0.3, 0.9, 0], [50, 5, 20, 10, 0.3, 0.9, 0]])
    distance = iou_distance(turned, turned)
    assert distance[0, 0] < 1e-2 and distance[0, 1] > 0.99
    assert iou_distance(boxes, turned).shape == (2, 2)  # upright ones are taken for turned by nothing
    assert iou_distance([], boxes).shape == (0, 2) and iou_distance(boxes, []).shape == (2, 0)


def test_appearance():
    class Seen:
        def __init__(self, vector):
            self.smooth_feat = self.curr_feat = None if vector is None else np.array(vector, np.float32)

    tracks = [Seen([2, 0]), Seen(None)]
    got = embedding_distance(tracks, [Seen([1, 0]), Seen([0, 3]), Seen([-1, 0]), Seen(None)])
    np.testing.assert_allclose(got, [[0, 1, 2, 1], [1, 1, 1, 1]], atol=1e-6)
    with pytest.raises(ValueError, match="cosine"):
        embedding_distance(tracks, tracks, metric="euclidean")
