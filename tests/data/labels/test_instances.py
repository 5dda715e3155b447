from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ultralytics.data.labels.instances import FORMATS, Bboxes, Instances, convert_boxes
from ultralytics.data.labels.polygons import clipped_bounds, refit_rotated, resample_polygons

COORDINATES = st.floats(0, 100, width=32)


@st.composite
def corner_boxes(draw, most=6):
    n = draw(st.integers(0, most))
    points = draw(hnp.arrays(np.float32, (n, 2, 2), elements=COORDINATES))
    return np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)


def instances(n=3, form="xyxy", normalized=False, keypoints=True):
    r = np.random.RandomState(0)
    low, size = r.uniform(0, 40, (n, 2)), r.uniform(5, 40, (n, 2))
    boxes = convert_boxes(np.concatenate([low, low + size], axis=1).astype(np.float32), "xyxy", form)
    segments = r.uniform(0, 80, (n, 6, 2)).astype(np.float32)
    points = np.concatenate([r.uniform(0, 80, (n, 4, 2)), np.ones((n, 4, 1))], axis=2).astype(np.float32)
    return Instances(boxes, segments, points if keypoints else None, form, normalized)


def test_golden(golden):
    g = golden("transforms")
    objects = Instances(g["instances.in"].copy(), bbox_format="xyxy", normalized=False)
    objects.clip(120, 100)
    np.testing.assert_allclose(objects.bboxes, g["instances.clip_120x100"], atol=1e-4)
    np.testing.assert_array_equal(objects.remove_zero_area_boxes(), g["instances.kept"].astype(bool))
    objects.convert_bbox("xywh")
    np.testing.assert_allclose(objects.bboxes, g["instances.xywh"], atol=1e-4)
    objects.normalize(120, 100)
    np.testing.assert_allclose(objects.bboxes, g["instances.normalized"], atol=1e-6)
    objects.convert_bbox("ltwh")
    np.testing.assert_allclose(objects.bboxes, g["instances.ltwh"], atol=1e-6)


@given(corner_boxes(), st.sampled_from(FORMATS), st.sampled_from(FORMATS))
def test_conversions_undo_each_other(boxes, first, second):
    there = convert_boxes(convert_boxes(boxes, "xyxy", first), first, second)
    np.testing.assert_allclose(convert_boxes(there, second, "xyxy"), boxes, atol=1e-4)


@given(corner_boxes())
def test_areas_do_not_depend_on_the_format(boxes):
    areas = Bboxes(boxes).areas()
    for form in FORMATS[1:]:
        np.testing.assert_allclose(
            Bboxes(convert_boxes(boxes, "xyxy", form), form).areas(), areas, rtol=1e-3, atol=1e-2
        )


def test_arrays_given_are_not_changed():
    boxes = np.array([[10, 10, 30, 40]], np.float32)
    segments, keypoints = np.ones((1, 4, 2), np.float32) * 90, np.ones((1, 2, 3), np.float32) * 90
    before = boxes.copy(), segments.copy(), keypoints.copy()
    objects = Instances(boxes, segments, keypoints, "xyxy", normalized=False)
    objects.scale(2, 3)
    objects.add_padding(5, 6)
    objects.flipud(80)
    objects.fliplr(80)
    objects.clip(60, 60)
    objects.normalize(60, 60)
    objects.convert_bbox("ltwh")
    for now, then in zip((boxes, segments, keypoints), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("flip", ["fliplr", "flipud"])
def test_flipping_twice_is_nothing(form, flip):
    objects, reference = instances(form=form), instances(form=form)
    getattr(objects, flip)(90)
    assert not np.allclose(objects.bboxes, reference.bboxes)
    getattr(objects, flip)(90)
    for name in ("bboxes", "segments", "keypoints"):
        np.testing.assert_allclose(getattr(objects, name), getattr(reference, name), atol=1e-4)


@pytest.mark.parametrize("form", FORMATS)
def test_flips_padding_and_clipping_agree_in_every_format(form):
    objects, reference = instances(form=form), instances()
    for item in (objects, reference):
        item.fliplr(90)
        item.add_padding(7, -9)
        item.clip(60, 50)
    objects.convert_bbox("xyxy")
    np.testing.assert_allclose(objects.bboxes, reference.bboxes, atol=1e-4)
    assert reference.bboxes.min() >= 0 and (reference.bboxes <= [60, 50, 60, 50]).all()


def test_normalizing_undone():
    objects, reference = instances(), instances()
    objects.normalize(120, 80)
    assert objects.normalized and objects.bboxes.max() <= 1
    objects.normalize(120, 80)  # nothing to do
    objects.denormalize(120, 80)
    np.testing.assert_allclose(objects.segments, reference.segments, rtol=1e-5)
    np.testing.assert_allclose(objects.keypoints, reference.keypoints, rtol=1e-5)


def test_scale_of_boxes_only():
    objects, reference = instances(), instances()
    objects.scale(2, 3, bbox_only=True)
    np.testing.assert_allclose(objects.bboxes, reference.bboxes * [2, 3, 2, 3], rtol=1e-6)
    np.testing.assert_array_equal(objects.segments, reference.segments)


def test_keypoints_outside_lose_their_visibility():
    points = np.array([[[5, 5, 2], [-1, 5, 2], [5, 31, 1], [30, 30, 1]]], np.float32)
    objects = Instances(np.array([[0, 0, 9, 9]], np.float32), None, points, "xyxy", normalized=False)
    objects.clip(30, 30)
    np.testing.assert_array_equal(objects.keypoints[0], [[5, 5, 2], [0, 5, 0], [5, 30, 0], [30, 30, 1]])


def test_two_column_keypoints_can_be_clipped():
    points = np.array([[[5, 50]]], np.float32)
    objects = Instances(np.array([[0, 0, 9, 9]], np.float32), None, points, "xyxy", normalized=False)
    objects.clip(30, 30)
    np.testing.assert_array_equal(objects.keypoints, [[[5, 30]]])


def test_indexing_and_joining():
    objects = instances(4)
    mask = np.array([True, False, True, True])
    assert len(objects[0]) == 1 and objects[0].segments.shape == (1, 6, 2)
    joined = Instances.concatenate([objects[mask], objects[[1]]])
    np.testing.assert_array_equal(joined.bboxes, objects.bboxes[[0, 2, 3, 1]])
    np.testing.assert_array_equal(joined.keypoints, objects.keypoints[[0, 2, 3, 1]])
    assert len(Instances.concatenate([])) == 0


def test_joining_polygons_of_different_length_keeps_their_corners():
    boxes = np.zeros((1, 4), np.float32)
    triangle = np.array([[[0, 0], [6, 0], [6, 6]]], np.float32)
    joined = Instances.concatenate([Instances(boxes, np.zeros((1, 8, 2), np.float32)), Instances(boxes, triangle)])
    assert joined.segments.shape == (2, 8, 2)
    for corner in triangle[0]:
        assert (joined.segments[1] == corner).all(axis=1).any()


def test_remove_zero_area_boxes_drops_everything_of_an_object():
    objects = instances(3)
    objects.update(np.array([[0, 0, 5, 0], [0, 0, 5, 5], [3, 3, 3, 9]], np.float32))
    np.testing.assert_array_equal(objects.remove_zero_area_boxes(), [False, True, False])
    assert len(objects.segments) == len(objects.keypoints) == len(objects) == 1


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: Bboxes(np.zeros((2, 4)), "xxyy"), "xxyy"),
        (lambda: Bboxes(np.zeros((2, 3))), "(2, 3)"),
        (lambda: Bboxes(np.zeros((2, 4))).mul((1, 2)), "four"),
        (lambda: convert_boxes(np.zeros((1, 4)), "xyxy", "cxcy"), "cxcy"),
        (lambda: instances(normalized=True).add_padding(1, 1), "denormalize"),
        (lambda: Instances.concatenate([instances(), instances(normalized=True)]), "normalized"),
        (lambda: Instances.concatenate([instances(), instances(keypoints=False)]), "keypoints"),
        (lambda: Instances.concatenate([instances(), instances(form="xywh")]), "formats"),
    ],
)
def test_errors_say_what_was_wrong(call, text):
    with pytest.raises(ValueError, match=text.replace("(", r"\(").replace(")", r"\)")):
        call()


@given(st.integers(3, 9), st.integers(3, 40))
@settings(max_examples=30)
def test_resampled_polygons_stay_on_their_edges(length, points):
    polygon = np.random.RandomState(length).uniform(0, 9, (1, length, 2)).astype(np.float32)
    new = resample_polygons(polygon, points)[0]
    assert new.shape == (points, 2)
    start, end = polygon[0], np.roll(polygon[0], -1, axis=0)
    share = ((new[:, None] - start) * (end - start)).sum(-1) / ((end - start) ** 2).sum(-1)
    nearest = start + np.clip(share, 0, 1)[..., None] * (end - start)
    assert np.linalg.norm(new[:, None] - nearest, axis=-1).min(axis=1).max() < 1e-3


def test_clipped_bounds():
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    polygons = np.stack(
        [
            square * 4 + 3,  # inside
            square * 10 + (-5, 4),  # across the left border
            square * 60 - 20,  # around everything
            square * 5 - 10,  # outside
            np.array([[-5, 10], [10, -5], [10, 10], [10, 10]], np.float32),  # a corner of it cut off by two borders
        ]
    )
    expected = [[3, 3, 7, 7], [0, 4, 5, 14], [0, 0, 20, 20], [0, 0, 0, 0], [0, 0, 10, 10]]
    np.testing.assert_allclose(clipped_bounds(polygons, (20, 20)), expected, atol=1e-5)


@given(st.floats(0, 3.1), st.floats(-5, 25), st.floats(-5, 25))
@settings(max_examples=40)
def test_refitted_boxes_keep_their_angle_and_hold_what_is_visible(angle, x, y):
    u, v = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    corners = np.array([a * 8 * u + b * 3 * v for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]) + np.array([x, y])
    polygon = corners.astype(np.float32)[None]
    bounds = clipped_bounds(polygon, (20, 20))
    new, boxes = refit_rotated(polygon, bounds, (20, 20))
    np.testing.assert_array_equal(boxes, bounds)
    if not bounds.any():
        assert not new.any()
        return
    edges = np.diff(new[0], axis=0)
    lengths = np.linalg.norm(edges, axis=1)
    along = np.abs(edges @ np.stack([u, v]).T)
    assert (np.minimum(along[:, 0], along[:, 1]) <= 1e-3 + 1e-3 * lengths).all()
    assert (new[0].min(axis=0) <= bounds[0, :2] + 1e-3).all() and (new[0].max(axis=0) >= bounds[0, 2:] - 1e-3).all()


def test_clip_preserves_rotated_boxes():
    square = np.array([[[-5, 5], [5, 5], [5, 15], [-5, 15]]], np.float32)
    objects = Instances(np.array([[-5, 5, 5, 15]], np.float32), square, None, "xyxy", normalized=False)
    objects.clip(20, 20, preserve_obb=True)
    np.testing.assert_allclose(objects.bboxes, [[0, 5, 5, 15]], atol=1e-4)
    corners = {tuple(point) for point in objects.segments[0].round(3).tolist()}
    assert corners == {(0.0, 5.0), (5.0, 5.0), (5.0, 15.0), (0.0, 15.0)}


def test_public_path():
    from ultralytics.utils import instance

    assert instance.Instances is Instances and instance.Bboxes is Bboxes


@pytest.mark.parametrize("form", FORMATS)
def test_no_boxes(form):
    for boxes in (Bboxes(np.zeros((0, 4), np.float32), form), Bboxes.concatenate([])):
        boxes.mul(2), boxes.mul((1, 2, 3, 4)), boxes.add(1), boxes.convert("xyxy")
        assert len(boxes) == 0 and boxes.areas().shape == (0,) and boxes.bboxes.dtype == np.float32
        for part in (boxes[:0], boxes[[]], boxes[np.zeros(0, bool)], Bboxes.concatenate([boxes, boxes])):
            assert part.bboxes.shape == (0, 4)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("segments", [None, [], np.zeros((0, 0, 2), np.float32), np.zeros((0, 1000, 2), np.float32)])
@pytest.mark.parametrize("points", [None, (0, 17, 3), (0, 5, 2)])
def test_no_objects(form, segments, points):
    keypoints = None if points is None else np.zeros(points, np.float32)
    objects = Instances(np.zeros((0, 4), np.float32), segments, keypoints, form, normalized=True)
    shape = objects.segments.shape
    for step in (
        lambda o: o.convert_bbox("xywh"), lambda o: o.denormalize(80, 60), lambda o: o.add_padding(3, 4),
        lambda o: o.scale(2, 3), lambda o: o.scale(2, 3, bbox_only=True), lambda o: o.flipud(60),
        lambda o: o.fliplr(80), lambda o: o.clip(80, 60), lambda o: o.clip(80, 60, preserve_obb=True),
        lambda o: o.remove_zero_area_boxes(),
        lambda o: o.normalize(80, 60), lambda o: o.update(o.bboxes, o.segments, o.keypoints),
    ):  # fmt: skip
        step(objects)
        assert len(objects) == 0 and objects.bboxes.shape == (0, 4) and objects.bbox_areas.shape == (0,)
        assert objects.segments.shape == shape and (points is None or objects.keypoints.shape == points)
    for part in (objects[:0], objects[[]], objects[np.zeros(0, bool)], Instances.concatenate([objects, objects])):
        assert len(part) == 0 and part.segments.shape == shape
    assert len(Instances.concatenate([])) == 0 and "Instances(" in repr(objects)


@pytest.mark.parametrize("points", [0, 4, 1000])
def test_no_polygons(points):
    none = np.zeros((0, points, 2), np.float32)
    assert resample_polygons(none, 50).shape == (0, 50, 2)
    assert clipped_bounds(none, (60, 80)).shape == (0, 4)
    polygons, boxes = refit_rotated(none, np.zeros((0, 4), np.float32), (60, 80))
    assert polygons.shape == (0, points, 2) and boxes.shape == (0, 4)


def test_none_joined_with_some():
    some, none = instances(2), instances(0)
    for order in ((some, none), (none, some)):
        joined = Instances.concatenate(list(order))
        assert len(joined) == 2 and joined.segments.shape == (2, 6, 2) and joined.keypoints.shape == (2, 4, 3)
