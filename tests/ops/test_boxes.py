from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ultralytics.ops import boxes as B
from ultralytics.ops.common import clean_str, convert_torch2numpy_batch, make_divisible

coordinates = st.floats(-1e4, 1e4, width=32)
box_arrays = hnp.arrays(np.float32, st.tuples(st.integers(0, 5), st.just(4)), elements=coordinates)


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy], ids=["numpy", "torch"])
def test_conversions_match_golden_ops(golden, kind):
    g = golden("ops")
    xyxy = kind(g["xyxy"])
    xywh, ltwh = B.xyxy2xywh(xyxy), B.xyxy2ltwh(xyxy)
    g.check("xyxy2xywh", xywh, 1e-6, 1e-5)
    g.check("xywh2xyxy", B.xywh2xyxy(xywh), 1e-6, 1e-5)
    g.check("xywh2ltwh", B.xywh2ltwh(xywh), 1e-6, 1e-5)
    g.check("xyxy2ltwh", ltwh, 1e-6, 1e-5)
    g.check("ltwh2xywh", B.ltwh2xywh(ltwh), 1e-6, 1e-5)
    g.check("ltwh2xyxy", B.ltwh2xyxy(ltwh), 1e-6, 1e-5)
    g.check("xyxy2xywhn_640x480", B.xyxy2xywhn(xyxy, w=640, h=480), 1e-6, 1e-6)
    g.check("xyxy2xywhn_clip", B.xyxy2xywhn(xyxy, w=640, h=480, clip=True), 1e-5, 3e-6)
    relative = kind(g["xyxy2xywhn_640x480"])
    g.check("xywhn2xyxy_pad", B.xywhn2xyxy(relative, w=320, h=256, padw=7, padh=11), 1e-6, 1e-5)
    g.check("clip_boxes_480x640", B.clip_boxes(xyxy, (480, 640)), 0, 0)
    g.check("clip_coords_480x640", B.clip_coords(kind(g["coords"]), (480, 640)), 0, 0)


def test_scaling_matches_golden_ops(golden):
    g = golden("ops")
    xyxy = torch.from_numpy(g["xyxy"])
    for i, case in enumerate(g.meta["scale_boxes_cases"]):
        given_boxes = B.xyxy2xywh(xyxy) if case["xywh"] else xyxy
        g.check(f"scale_boxes.{i}", B.scale_boxes(boxes=given_boxes, **case), 1e-6, 1e-4)
    for i, case in enumerate(g.meta["scale_coords_cases"]):
        g.check(f"scale_coords.{i}", B.scale_coords(coords=torch.from_numpy(g["coords"]), **case), 1e-6, 1e-4)


def test_polygons_match_golden_ops(golden):
    g = golden("ops")
    for name in ("inside", "crossing", "outside", "spans_no_vertex_inside", "corner"):
        g.check(f"segment2box.{name}", B.segment2box(g[f"segment.{name}"], 640, 480), 1e-6, 1e-4)
    polygons = [g["segment.inside"], g["segment.crossing"]]
    g.check("resample_segments_20", np.stack(B.resample_segments(polygons, 20)), 1e-6, 1e-4)
    assert B.resample_segments(polygons)[0].shape == (1000, 2)
    g.check("segments2boxes", B.segments2boxes(polygons), 1e-6, 1e-4)


def test_common_helpers_match_golden_ops(golden):
    g = golden("ops")
    for x, divisor, result in g["make_divisible"]:
        assert make_divisible(float(x), int(divisor)) == result
    assert make_divisible(33, torch.tensor([8.0, 32.0])) == 64
    g.check("convert_torch2numpy_batch", convert_torch2numpy_batch(torch.from_numpy(g["torch2numpy_in"])), 0, 0)
    assert clean_str("rtsp://a?b=c") == "rtsp_//a_b_c"


@given(box_arrays)
def test_formats_are_inverse(boxes):
    near = {"rtol": 1e-5, "atol": 2e-2}
    assert np.allclose(B.xywh2xyxy(B.xyxy2xywh(boxes)), boxes, **near)
    assert np.allclose(B.ltwh2xyxy(B.xyxy2ltwh(boxes)), boxes, **near)
    assert np.allclose(B.ltwh2xywh(B.xywh2ltwh(boxes)), boxes, **near)
    assert np.allclose(B.xywhn2xyxy(B.xyxy2xywhn(boxes, 320, 200), 320, 200), boxes, **near)


@given(box_arrays)
def test_arguments_stay_as_they_were(boxes):
    before = boxes.copy()
    B.xyxy2xywhn(boxes, clip=True), B.clip_boxes(boxes, (10, 10)), B.scale_boxes((64, 64), boxes, (100, 80))
    assert np.array_equal(boxes, before)


def test_integers_are_not_truncated():
    assert B.xyxy2xywh(np.array([[0, 0, 3, 5]])).tolist() == [[1.5, 2.5, 3, 5]]
    assert B.xyxy2xywh(torch.tensor([[0, 0, 3, 5]])).tolist() == [[1.5, 2.5, 3, 5]]


def test_half_precision_and_leading_axes_survive():
    boxes = torch.rand(2, 3, 4, dtype=torch.float16)
    assert B.xyxy2xywh(boxes).dtype == torch.float16
    assert B.xywh2xyxy(boxes).shape == (2, 3, 4)


def test_further_columns_stay():
    rows = np.array([[-5.0, 2, 90, 70, 0.5, 3]])
    assert B.clip_boxes(rows, (50, 60)).tolist() == [[0, 2, 60, 50, 0.5, 3]]
    assert B.scale_boxes((64, 64), rows, (32, 32)).tolist() == [[0, 1, 32, 32, 0.5, 3]]
    assert B.clip_coords(rows[..., :3], (50, 60)).tolist() == [[0, 2, 90]]


def test_wrong_width_is_an_error():
    with pytest.raises(ValueError, match=r"4 numbers.*\(3, 5\)"):
        B.xyxy2xywh(np.zeros((3, 5)))


@given(st.integers(20, 900), st.integers(20, 900), st.sampled_from([320, 640, 256]))
def test_scale_boxes_undoes_the_letterbox(height, width, side):
    (gain_x, gain_y), (left, top) = B.letterbox_geometry((side, side), (height, width))
    original = np.array([[1.0, 2.0, width - 1.0, height - 2.0]])
    boxed = original * [gain_x, gain_y, gain_x, gain_y] + [left, top, left, top]
    assert np.allclose(B.scale_boxes((side, side), boxed, (height, width)), original, atol=1e-6)
    assert np.allclose(
        B.scale_boxes((side, side), B.xyxy2xywh(boxed), (height, width), xywh=True), B.xyxy2xywh(original), atol=1e-6
    )


def test_segment2box_of_a_polygon_around_the_image_is_the_image():
    around = np.array([[-10, -10], [900, -10], [900, 900], [-10, 900]], np.float32)
    assert B.segment2box(around, 640, 480).tolist() == [0, 0, 640, 480]
    assert B.segment2box(np.zeros((0, 2)), 640, 480).tolist() == [0, 0, 0, 0]
