from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ultralytics.data.labels.outlines import Outlines

SIDE = 640.0
NO_BOXES = np.zeros((0, 4), np.float32)


def star(rng: np.random.Generator, points: int = 0, reach: float = 200) -> np.ndarray:
    """A polygon that does not cross itself, concave more often than not, anywhere near the picture."""
    points = points or int(rng.integers(3, 40))
    angle = np.sort(rng.uniform(0, 2 * np.pi, points))
    centre = rng.uniform(-reach, SIDE + reach, 2)
    ring = np.stack([np.cos(angle), np.sin(angle)], 1) * rng.uniform(5, 300, (points, 1))
    return (centre + ring).astype(np.float32)


def sampled(polygon: np.ndarray, per_edge: int = 800) -> np.ndarray:
    """Points along the border of a polygon."""
    share = np.linspace(0, 1, per_edge)[:, None, None]
    return (polygon[None] * (1 - share) + np.roll(polygon, -1, 0)[None] * share).reshape(-1, 2)


def holds(polygon: np.ndarray, point: np.ndarray) -> bool:
    """Whether a point lies in a polygon, by the number of edges right of it."""
    following = np.roll(polygon, -1, 0)
    above = polygon[:, 1] > point[1]
    meets = above != (following[:, 1] > point[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (point[1] - polygon[:, 1]) / (following[:, 1] - polygon[:, 1])
        at = polygon[:, 0] + share * (following - polygon)[:, 0]
    return bool((meets & (at > point[0])).sum() % 2)


def visible(polygon: np.ndarray, window: np.ndarray) -> np.ndarray | None:
    """Box around the part of a polygon in a window, from many points; None where there is none."""
    border = sampled(polygon)
    corners = window[[[0, 1], [2, 1], [2, 3], [0, 3]]]
    inside = ((border >= window[:2]) & (border <= window[2:])).all(1)
    points = np.concatenate([border[inside], corners[[holds(polygon, corner) for corner in corners]]])
    return np.concatenate([points.min(0), points.max(0)]) if len(points) else None


def agree(box: np.ndarray, expected: np.ndarray | None, pixels: float = 1.0) -> bool:
    """Whether a box is the expected one; parts of less than a pixel may be there or not."""
    if expected is None or (expected[2:] - expected[:2]).max() < pixels:
        return (box[2:] - box[:2]).max() < 2 * pixels
    return bool(np.abs(box - expected).max() < pixels)


def turned(rng: np.random.Generator, perspective: bool = False) -> np.ndarray:
    """A map with rotation, scale, shear and shift, and perspective where asked."""
    angle, scale = rng.uniform(-np.pi, np.pi), rng.uniform(0.4, 1.6)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    rotation = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    shear = np.array([[1, rng.uniform(-0.3, 0.3), 0], [rng.uniform(-0.3, 0.3), 1, 0], [0, 0, 1]])
    centre = np.array([[1, 0, -SIDE / 2], [0, 1, -SIDE / 2], [0, 0, 1]])
    tilt = np.eye(3)
    if perspective:
        tilt[2, :2] = rng.uniform(-0.0005, 0.0005, 2)
    back = np.array([[1, 0, SIDE / 2 + rng.uniform(-99, 99)], [0, 1, SIDE / 2 + rng.uniform(-99, 99)], [0, 0, 1]])
    return (back @ shear @ rotation @ tilt @ centre).astype(np.float32)


def moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    homogeneous = np.concatenate([points, np.ones((len(points), 1))], 1) @ matrix.T.astype(np.float64)
    return homogeneous[:, :2] / homogeneous[:, 2:]


seeds = st.integers(0, 2**31)


@given(seeds, st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_boxes_bound_the_part_in_the_window(seed, n):
    rng = np.random.default_rng(seed)
    polygons = [star(rng) for _ in range(n)]
    window = np.array([rng.uniform(0, 200), rng.uniform(0, 200), rng.uniform(300, SIDE), rng.uniform(300, SIDE)])
    boxes = Outlines.pack(polygons, NO_BOXES).cut(window[:2], window[2:]).bounds()
    for box, polygon in zip(boxes, polygons, strict=True):
        assert agree(box, visible(polygon, window.astype(np.float32)))


@given(seeds, st.booleans())
@settings(max_examples=60, deadline=None)
def test_boxes_of_moved_polygons(seed, perspective):
    rng = np.random.default_rng(seed)
    polygons, matrix = [star(rng, reach=0) for _ in range(4)], turned(rng, perspective)
    boxes = Outlines.pack(polygons, NO_BOXES).mapped(matrix).bounds()
    for box, polygon in zip(boxes, polygons, strict=True):
        points = moved(sampled(polygon, 50), matrix)
        assert np.abs(box - np.concatenate([points.min(0), points.max(0)])).max() < 1


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_a_cut_before_a_turn_counts_after_it(seed):
    """What a canvas cut off does not come back: the points of the border that were inside are all there is."""
    rng = np.random.default_rng(seed)
    polygons, matrix = [star(rng, points=8) for _ in range(4)], turned(rng)
    window = np.array([0, 0, SIDE, SIDE], np.float32)
    boxes = Outlines.pack(polygons, NO_BOXES).cut(window[:2], window[2:]).mapped(matrix).bounds()
    for box, polygon in zip(boxes, polygons, strict=True):
        border = sampled(polygon, 2000)
        inside = ((border >= 0) & (border <= SIDE)).all(1)
        corners = np.array([[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]], np.float32)
        kept = np.concatenate([border[inside], corners[[holds(polygon, corner) for corner in corners]]])
        if inside.sum() < 20:  # touches the border
            continue
        points = moved(kept, matrix)
        assert np.abs(box - np.concatenate([points.min(0), points.max(0)])).max() < 2


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_scaling_a_cut_is_cutting_what_was_scaled(seed):
    rng = np.random.default_rng(seed)
    outlines = Outlines.pack([star(rng) for _ in range(5)], NO_BOXES)
    factor, shift = rng.uniform(0.3, 2, 2).astype(np.float32), rng.uniform(-99, 99, 2).astype(np.float32)
    factor[0] *= rng.choice([-1, 1])
    window = np.array([[0, 0], [SIDE, SIDE]], np.float32)
    corners = np.sort(window * factor + shift, 0)
    late = (outlines.cut(*window) * factor + shift).bounds()
    early = (outlines * factor + shift).cut(*corners).bounds()
    np.testing.assert_allclose(late, early, atol=0.05)


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_carrying_cuts_out_keeps_areas(seed):
    cv2 = pytest.importorskip("cv2")
    rng = np.random.default_rng(seed)
    polygon = star(rng, reach=50)
    piece = next(iter(Outlines.pack([polygon], NO_BOXES).cut((100, 150), (400, 500))))
    drawn = np.zeros((2, int(SIDE), int(SIDE)), np.uint8)
    for canvas, points in zip(drawn, (polygon, piece), strict=True):
        cv2.fillPoly(canvas, [np.round(points * 16).astype(np.int32)], 1, shift=4)
    outside = np.ones_like(drawn[0])
    outside[150:501, 100:401] = 0
    border = cv2.dilate(outside, np.ones((5, 5), np.uint8)) | outside
    assert not drawn[1][outside == 1].any()
    edge = np.zeros_like(drawn[0])
    cv2.polylines(edge, [np.round(polygon * 16).astype(np.int32)], True, 1, 3, shift=4)
    sure = (border == 0) & (edge == 0)
    np.testing.assert_array_equal(drawn[0][sure], drawn[1][sure])


def test_a_seam_through_a_corner_is_not_part_of_the_box():
    # Two legs leave the window at its left side; the lower one is outside of it. The seam between them runs down the
    # side and past the corner (0, 100).
    polygon = np.array([[-5, 10], [50, 10], [50, 20], [-4, 20], [-4, 150], [50, 150], [50, 160], [-5, 160]], np.float32)
    cut = Outlines.pack([polygon], NO_BOXES).cut((0, 0), (100, 100))
    np.testing.assert_allclose(cut.bounds(), [[0, 10, 50, 20]])


def test_polygons_that_hold_the_window_and_those_outside():
    large = np.array([[-10, -10], [900, -10], [900, 900], [-10, 900]], np.float32)
    cut = Outlines.pack([large, large + 2000], NO_BOXES).cut((0, 0), (640, 480))
    np.testing.assert_array_equal(cut.bounds(), [[0, 0, 640, 480], [0, 0, 0, 0]])
    whole, nothing = cut
    assert set(map(tuple, whole)) == {(0, 0), (640, 0), (640, 480), (0, 480)}
    np.testing.assert_array_equal(nothing, [[640, 480]])


def test_taking_and_joining():
    rng = np.random.default_rng(0)
    polygons = [star(rng) for _ in range(5)]
    outlines = Outlines.pack(polygons, NO_BOXES)
    chosen = outlines[np.array([3, 0])]
    assert [len(p) for p in chosen] == [len(polygons[3]), len(polygons[0])]
    masked = outlines[np.array([False, True, False, False, True])]
    joined = Outlines.join([chosen, masked])
    for found, expected in zip(joined, [polygons[i] for i in (3, 0, 1, 4)], strict=True):
        np.testing.assert_array_equal(found, expected)
    assert len(outlines[np.zeros(5, bool)]) == 0 and outlines[np.zeros(5, bool)].bounds().shape == (0, 4)


def test_as_one_array():
    short, long = np.array([[1, 2], [3, 4], [5, 6]], np.float32), np.arange(10, dtype=np.float32).reshape(5, 2)
    dense = Outlines.pack([short, long], NO_BOXES).dense()
    assert dense.shape == (2, 5, 2) and dense.dtype == np.float32
    np.testing.assert_array_equal(dense[0], [*short, short[-1], short[-1]])
    np.testing.assert_array_equal(dense[1], long)
    assert Outlines.pack([], NO_BOXES).dense().shape == (0, 0, 2)


def test_objects_without_points_are_rectangles():
    triangle = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    boxes = np.array([[9, 9, 9, 9], [10, 20, 30, 40]], np.float32)
    packed = Outlines.pack([triangle, np.zeros((0, 2), np.float32)], boxes)
    np.testing.assert_array_equal(packed.bounds(), [[1, 2, 5, 6], [10, 20, 30, 40]])


def test_shifts_of_their_own():
    square = np.array([[0, 0], [2, 0], [2, 2], [0, 2]], np.float32)
    outlines = Outlines.pack([square, square], NO_BOXES).cut((0, 0), (1, 2))
    shifted = outlines + np.array([[[10, 0]], [[0, 20]]])
    np.testing.assert_array_equal(shifted.bounds(), [[10, 0, 11, 2], [0, 20, 1, 22]])
