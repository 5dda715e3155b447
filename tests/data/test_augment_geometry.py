"""Laws of the pure functions: pictures and labels move together, lazy pictures equal painted ones."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ultralytics.data.augment import RandomPerspective, color, geometry
from ultralytics.data.images.canvas import FILL, Canvas, Scaled, Tile, painted
from ultralytics.data.sample import Sample

SEEDS = st.integers(0, 10_000)


def smooth(seed: int, h: int = 60, w: int = 80, channels: int = 3) -> np.ndarray:
    """A picture without hard edges, so that sampling a hair beside changes little."""
    coarse = np.random.RandomState(seed).randint(0, 256, (5, 6, channels)).astype(np.uint8)
    return cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC).reshape(h, w, channels)


def random_matrix(seed: int, h: int, w: int, size_hw: tuple[int, int], perspective: float = 0.0) -> np.ndarray:
    r = np.random.RandomState(seed)
    tilt = tuple(r.uniform(-perspective, perspective, 2))
    position = tuple(r.uniform(0.3, 0.7, 2) * size_hw[::-1])
    return geometry.affine_matrix(
        (h, w), tilt, r.uniform(-40, 40), r.uniform(0.5, 1.6), tuple(r.uniform(-10, 10, 2)), position
    )


def canvas(seed: int) -> Canvas:
    sizes = ((30, 40), (26, 33), (40, 28), (21, 25))
    corners = ((-4, -6), (8, 34), (28, 5), (30, 33))
    return Canvas(
        tuple(Tile(smooth(seed + i, *size), *c) for i, (size, c) in enumerate(zip(sizes, corners, strict=True))),
        (64, 60),
    )


@given(SEEDS, st.integers(-9, 60), st.integers(-9, 55), st.integers(1, 80), st.integers(1, 80))
@settings(max_examples=40)
def test_a_window_of_a_canvas_is_a_part_of_it(seed, top, left, h, w):
    picture = canvas(seed)
    whole = cv2.copyMakeBorder(picture.paint(), 90, 90, 90, 90, cv2.BORDER_CONSTANT, value=(FILL,) * 3)
    window = picture.paint((top, left, top + h, left + w))
    np.testing.assert_array_equal(window, whole[top + 90 : top + h + 90, left + 90 : left + w + 90])


@given(SEEDS)
@settings(max_examples=40)
def test_warping_a_canvas_equals_warping_its_pixels(seed):
    picture, size = canvas(seed), (50, 70)
    matrix = random_matrix(seed, 64, 60, size)
    lazy = geometry.warp_picture(picture, matrix, size)
    whole = geometry.warp_picture(picture.paint(), matrix, size)
    assert np.abs(lazy.astype(int) - whole).max() <= 2


@example(seed=0, scale=1.125, tx=53.0, ty=45.0)  # three pixels in a corner
@given(SEEDS, st.floats(0.35, 1.8), st.floats(-70, 70), st.floats(-70, 70))
@settings(max_examples=60)
def test_a_grid_map_shows_what_a_warp_by_its_matrix_shows(seed, scale, tx, ty):
    picture, size = smooth(seed), (48, 56)
    matrix = np.array([[scale, 0, tx], [0, scale, ty], [0, 0, 1]])
    grid = geometry.grid_map(matrix, picture.shape[:2], size)
    if grid is None:
        assert not (geometry.warp_picture(picture, matrix, size) != FILL).mean() > 0.1
        return
    near = grid.matrix()
    # Half a pixel of the source, or of the target where that is the coarser one; as much again for scales made 1.
    sides = np.subtract(grid.stop, grid.start)
    middle = np.array([*((grid.first + np.minimum(np.add(grid.first, sides * grid.scale), size)) / 2)[::-1], 1])
    moved = near @ np.linalg.inv(matrix) @ middle
    assert np.abs(moved - middle)[:2].max() <= max(scale, 1) / 2 + 1e-9
    assert near[0, 0] == scale or abs(near[0, 0] - scale) * sides.max() <= 1
    shown = painted(geometry.scaled(picture, grid, size))
    warped = geometry.warp_picture(picture, near, size)
    # Around the picture there is a seam of a pixel, which a warp mixes with the grey outside; the first row and column
    # of an enlarged part repeat a pixel instead of mixing it with one further out.
    mask = np.zeros((*picture.shape[:2], 1), np.uint8)
    mask[1:-1, 1:-1] = 255
    inside = geometry.warp_picture(mask, near, size)[..., 0] == 255
    inside[: 1 + int(scale / 2), :] = inside[:, : 1 + int(scale / 2)] = False
    outside = geometry.warp_picture(np.full_like(mask, 0), near, size)[..., 0] == FILL
    assert shown.shape == warped.shape == (*size, 3)
    assert np.abs(shown.astype(int) - warped)[inside].max(initial=0) <= 3
    assert (shown[cv2.erode(outside.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0] == FILL).all()


def test_grid_maps_are_for_pure_scalings():
    turned = geometry.affine_matrix((60, 80), (0, 0), 3, 1, (0, 0), (40, 30))
    assert geometry.grid_map(turned, (60, 80), (60, 80)) is None
    tilted = geometry.affine_matrix((60, 80), (1e-4, 0), 0, 1, (0, 0), (40, 30))
    assert geometry.grid_map(tilted, (60, 80), (60, 80)) is None
    gone = np.array([[0.5, 0, 500], [0, 0.5, 0], [0, 0, 1.0]])
    assert geometry.grid_map(gone, (60, 80), (60, 80)) is None


@given(SEEDS, st.floats(1.05, 1.8))
@settings(max_examples=25)
def test_recolouring_before_enlarging_is_recolouring_after(seed, scale):
    scaled = Scaled(smooth(seed), scale, (5, 3), (70, 90))
    darker = scaled.recolor(lambda pixels: pixels // 2)
    assert np.abs(darker.paint().astype(int) - scaled.paint() // 2).max() <= 1


@pytest.mark.parametrize("perspective", [0.0, 0.002])
@given(seed=SEEDS)
@settings(max_examples=40)
def test_boxes_move_with_the_picture(perspective, seed):
    r = np.random.RandomState(seed)
    h, w, size = 60, 80, (64, 72)
    x1, y1 = r.randint(5, 50), r.randint(5, 35)
    x2, y2 = x1 + r.randint(8, 25), y1 + r.randint(8, 20)
    picture = np.zeros((h, w, 1), np.uint8)
    picture[y1:y2, x1:x2] = 255
    matrix = random_matrix(seed, h, w, size, perspective)
    # A pixel covers [i, i + 1) of a box but [i - 1/2, i + 1/2) of OpenCV's grid.
    corners = np.array([[x1, y1, x2, y2]], np.float32) - 0.5
    box = geometry.map_boxes(corners, matrix)[0] + 0.5
    shown = geometry.warp_picture(picture, matrix, size)[..., 0]
    rows, columns = np.nonzero((shown > 180) | ((shown > 127) & (shown != FILL)))
    if len(rows) < 20:
        return
    outside = geometry.warp_picture(np.zeros_like(picture), matrix, size)[..., 0] == FILL
    inside = ~outside[rows, columns]
    rows, columns = rows[inside], columns[inside]
    if len(rows) < 20:
        return
    seen = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    clipped = np.clip(box, 0, [size[1], size[0], size[1], size[0]])
    # Nothing of the object shows outside its box, beyond the softness of one pixel.
    assert (seen[:2] >= clipped[:2] - 1.5).all() and (seen[2:] <= clipped[2:] + 1.5).all()
    upright = abs(matrix[0, 1]) + abs(matrix[1, 0]) < 0.05 and not perspective
    if upright and (clipped == box).all():
        assert np.abs(seen - box).max() <= 2


@given(SEEDS)
@settings(max_examples=40)
def test_polygons_move_with_their_mask(seed):
    r = np.random.RandomState(seed)
    h, w, size = 80, 90, (96, 100)
    angle = (np.arange(7) + r.uniform(-0.3, 0.3, 7)) * 2 * np.pi / 7  # no notches that drawing would fill
    polygon = (np.stack([np.cos(angle), np.sin(angle)], 1) * r.uniform(18, 30, (7, 1)) + (45, 40)).astype(np.float32)
    mask = np.zeros((h, w), np.uint8)
    cv2.fillPoly(mask, [np.round(polygon * 16).astype(np.int32)], 1, shift=4)
    matrix = random_matrix(seed, h, w, size)
    shown = cv2.warpAffine(mask, matrix[:2], size[::-1], flags=cv2.INTER_NEAREST)
    box, moved = (part[0] for part in geometry.map_polygons(polygon[None], matrix, size))
    rows, columns = np.nonzero(shown)
    if len(rows) > 50:
        seen = [columns.min(), rows.min(), columns.max(), rows.max()]
        assert np.abs(box - seen).max() <= 3
    exact = geometry.map_points(polygon, matrix)
    if (exact < 0).any() or (exact > size[::-1]).any():
        return  # clamping bends the outline of a polygon that leaves the picture
    drawn = np.zeros(size, np.uint8)
    cv2.fillPoly(drawn, [np.round(moved * 16).astype(np.int32)], 1, shift=4)
    # Only the outline may differ, by a pixel of the source, which is up to two of the target.
    kernel = np.ones((5, 5), np.uint8)
    assert not (cv2.erode(shown, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0) > drawn).any()
    assert not (drawn > cv2.dilate(shown, kernel)).any()


@given(SEEDS, st.sampled_from([True, False]))
@settings(max_examples=30)
def test_flipping_twice_is_nothing(seed, horizontal):
    r = np.random.RandomState(seed)
    picture = r.randint(0, 256, (20, 30, 3)).astype(np.uint8)
    low = r.uniform(0, 15, (4, 2))
    boxes = np.concatenate([low, low + r.uniform(1, 5, (4, 2))], axis=1).astype(np.float32)
    segments = r.uniform(0, 20, (4, 5, 2)).astype(np.float32)
    keypoints = r.uniform(0, 20, (4, 5, 3)).astype(np.float32)
    order = [0, 2, 1, 4, 3]  # its own inverse
    sample = Sample(picture, boxes, np.zeros((4, 1), np.float32), segments, keypoints)
    side = 30 if horizontal else 20
    twice = geometry.flip_objects(geometry.flip_objects(sample, side, horizontal, order), side, horizontal, order)
    for name in ("boxes", "segments", "keypoints"):
        np.testing.assert_allclose(getattr(twice, name), getattr(sample, name), atol=1e-4)
    back = geometry.flip_picture(geometry.flip_picture(picture, horizontal), horizontal)
    np.testing.assert_array_equal(back, picture)


def test_flipped_keypoints_change_places():
    points = np.array([[[2, 3, 2], [8, 3, 1]]], np.float32)
    sample = Sample(np.zeros((10, 20, 3), np.uint8), np.zeros((1, 4), np.float32), keypoints=points)
    flipped = geometry.flip_objects(sample, 20, True, [1, 0]).keypoints
    np.testing.assert_array_equal(flipped, [[[12, 3, 1], [18, 3, 2]]])
    np.testing.assert_array_equal(points[0, 0], [2, 3, 2])


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 7])
def test_any_number_of_channels(channels):
    picture = smooth(3, channels=3)[..., np.arange(channels) % 3]
    matrix = random_matrix(5, 60, 80, (50, 50))
    warped = geometry.warp_picture(picture, matrix, (50, 50))
    reference = geometry.warp_picture(smooth(3), matrix, (50, 50))
    assert warped.shape == (50, 50, channels)
    assert np.abs(warped.astype(int) - reference[..., np.arange(channels) % 3]).max() <= 1
    flipped = geometry.flip_picture(picture, True)
    np.testing.assert_array_equal(flipped, picture[:, ::-1])


def reference_hsv(picture, gains):
    """Colour change by tables, level by level."""
    levels = np.arange(256)
    saturation, value = (np.clip(levels * (1 + gain), 0, 255).astype(np.uint8) for gain in gains[1:])
    saturation[0] = 0
    tables = ((levels + gains[0] * 180) % 180).astype(np.uint8), saturation, value
    planes = cv2.split(cv2.cvtColor(picture, cv2.COLOR_BGR2HSV))
    changed = cv2.merge([cv2.LUT(plane, table) for plane, table in zip(planes, tables, strict=True)])
    return cv2.cvtColor(changed, cv2.COLOR_HSV2BGR)


@given(SEEDS, st.integers(-180, 179), st.floats(-0.95, 0.95), st.floats(-0.95, 0.95))
@settings(max_examples=60)
def test_hsv_equals_tables(seed, level, saturation, value):
    picture = np.random.RandomState(seed).randint(0, 256, (24, 40, 3)).astype(np.uint8)
    hue = (level + 0.3) / 180
    gains = (hue, saturation, value)
    result = Sample(color.shift_hsv(picture, gains), order=color.channel_order(hue)).pixels()
    difference = np.abs(result.astype(int) - reference_hsv(picture, gains))
    # A product just below a whole number may round to it: one level of saturation or value.
    assert difference.max() <= 2 and (difference > 1).mean() < 0.03


def test_no_change_of_colour_is_no_change():
    picture = np.random.RandomState(0).randint(0, 256, (24, 40, 3)).astype(np.uint8)
    there_and_back = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2HSV), cv2.COLOR_HSV2BGR)
    np.testing.assert_array_equal(color.shift_hsv(picture, (0, 0, 0)), there_and_back)


def mapping(shift, size):
    """Parameters that move everything to the right."""
    return {"M": np.array([[1, 0, shift], [0, 1, 0], [0, 0, 1.0]]), "scale": 1.0, "size": size}


def test_hidden_objects_are_dropped():
    boxes = np.array([[0, 0, 20, 20], [30, 30, 31, 50], [70, 50, 90, 59], [5, 5, 75, 6.5]], np.float32)
    sample = Sample(np.zeros((60, 100, 3), np.uint8), boxes, np.arange(4, dtype=np.float32)[:, None])
    move = lambda shift: RandomPerspective().move_objects(sample, mapping(shift, (80, 60)))  # noqa: E731
    kept = move(0)
    assert kept.cls[:, 0].tolist() == [0, 2]  # narrow, and low, ones go
    shifted = move(-19.5)
    assert shifted.cls[:, 0].tolist() == [2]  # half a pixel of the first is left


def test_nothing_to_map():
    empty = Sample(np.zeros((60, 100, 3), np.uint8))
    assert len(RandomPerspective().move_objects(empty, mapping(0, (50, 50)))) == 0
    assert geometry.map_boxes(np.zeros((0, 4), np.float32), np.eye(3)).shape == (0, 4)
