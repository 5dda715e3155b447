"""Pictures of class maps and their legend."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ultralytics.engine.plots.annotate import Annotator
from ultralytics.engine.plots.dense import blend_classes, classes_by_name, legend_entries
from ultralytics.engine.plots.legend import draw_legend
from ultralytics.engine.plots.mosaics import plot_images
from ultralytics.engine.plots.palette import colors
from ultralytics.engine.plots.text import StrokeWriter, short_number
from ultralytics.engine.results import Results

NAMES = {0: "road", 1: "sidewalk", 2: "sky"}


def bands(height: int = 240, width: int = 320, count: int = 3) -> np.ndarray:
    return (np.indices((height, width))[1] * count // width).astype(np.uint8)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64])
def test_pixels_are_tinted_by_their_class(dtype):
    mask = bands().astype(dtype)
    mask[:20] = 255
    image = np.full((240, 320, 3), 100, np.uint8)
    blend_classes(image, mask)
    assert (image[:20] == 100).all()
    for c in range(3):
        want = (np.array(colors(c, True)) + 100) / 2
        assert np.abs(image[100, 320 * c // 3 + 9] - want).max() <= 1


def test_maps_of_another_size_are_scaled_and_large_classes_wrap():
    image, mask = np.zeros((40, 60, 3), np.uint8), np.full((20, 30), 300, np.int32)
    blend_classes(image, mask)
    assert np.abs(image[0, 0] - np.array(colors(300, True)) / 2).max() <= 1


def test_a_single_class_is_where_the_map_is_one():
    mask = np.array([[0, 1, 255]], np.uint8)
    assert classes_by_name(mask, {0: "thing"}).tolist() == [[255, 0, 255]]
    assert classes_by_name(mask, NAMES) is mask and classes_by_name(mask, None) is mask
    assert legend_entries(classes_by_name(mask, {0: "thing"}), {0: "thing"}) == [("thing", colors(0, True))]


def test_legend_names_the_classes_that_are_there():
    mask = bands()
    mask[mask == 1] = 0
    assert [name for name, _ in legend_entries(mask, NAMES)] == ["road", "sky"]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 60), st.booleans(), st.floats(0.2, 2))
def test_legends_stay_in_their_corner(height, width, count, bottom, scale):
    image = np.full((height, width, 3), 200, np.uint8)
    entries = [(f"class number {i}", colors(i, True)) for i in range(count)]
    draw_legend(image, entries, StrokeWriter(scale, 1), bottom=bottom)
    assert (image[:, width // 2 + 1 :] == 200).all()
    corner = image[:, : width // 2]
    assert (corner[: height // 20] if bottom else corner[height - height // 20 :]).min(initial=200) == 200


def test_legend_says_how_many_are_left_out():
    drawn = []

    class Writer(StrokeWriter):
        def draw(self, image, text, xy, color):
            drawn.append(text)

        def fitted(self, text, width):
            return self

    draw_legend(np.zeros((100, 200, 3), np.uint8), [(f"c{i}", (0, 0, 0)) for i in range(30)], Writer(0.5, 1))
    assert drawn[-1] == f"+{30 - len(drawn) + 1}" and drawn[0] == "c0"


def test_results_are_drawn_with_and_without_legend():
    result = Results(np.full((240, 320, 3), 200, np.uint8), "a.jpg", NAMES, semantic_mask=torch.from_numpy(bands()))
    plain, named = result.plot(labels=False), result.plot()
    assert (plain != named).any() and np.array_equal(plain[:, 200:], named[:, 200:])
    assert np.array_equal(result.plot(masks=False), result.orig_img)
    assert result.plot(pil=True).size == (320, 240)


def test_batches_show_their_class_maps(tmp_path):
    images, masks = torch.zeros(3, 3, 64, 64), torch.from_numpy(bands(64, 64)).expand(3, 64, 64)
    grid = plot_images({"semantic_mask": masks}, images, ["a", "b", "c"], tmp_path / "x.jpg", NAMES)
    assert np.abs(grid[40, 10] - np.array(colors(0, True)) / 2).max() <= 1
    assert cv2.imread(str(tmp_path / "x.jpg")).shape == grid.shape


def test_annotators_take_tensors_and_arrays():
    for mask in (bands(), torch.from_numpy(bands()), bands().astype(float)):
        annotator = Annotator(np.zeros((240, 320, 3), np.uint8))
        annotator.semantic_mask(mask)
        assert annotator.result().any()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.00"), (0.834, "0.83"), (1, "1"), (999, "999"), (1200, "1.2k"), (123_456_789, "123M"), (5e12, "5T")],
)
def test_short_numbers(value, text):
    assert short_number(value) == text
