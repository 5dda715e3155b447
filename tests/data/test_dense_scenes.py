"""Drawn scenes with a class or a depth for every pixel."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from ultralytics.cfg import get_cfg
from ultralytics.cfg.errors import ConfigValueError
from ultralytics.data.build import build_yolo_dataset
from ultralytics.data.generators.dense_scenes import class_map, class_map_file, draw_depth_scene
from ultralytics.data.generators.drawing import Shape, cover, paint, turned
from ultralytics.data.generators.shapes import CLASSES, ShapesSpec, draw_scene, generate

NAMES = ("background", *CLASSES)
SIZE = (64, 96)


def square(left: float, top: float, side: float, name: str = "square") -> Shape:
    outline = np.array([[left, top], [left + side, top], [left + side, top + side], [left, top + side]])
    return Shape(name, outline, outline, outline.mean(0), np.zeros(3), np.zeros(3))


def test_nearer_shapes_hide_others():
    classes = class_map([square(10, 20, 20), square(20, 30, 20, "star")], NAMES, SIZE)
    assert classes[35, 25] == NAMES.index("star") and classes[22, 12] == NAMES.index("square")


def test_class_map_is_what_is_painted():
    """Where the picture without noise differs from its ground by more than half of a shape's colour, there it is."""
    rng = np.random.default_rng(3)
    for _ in range(5):
        outline, corners = turned("star", rng.uniform(10, 50, 2), rng.uniform(8, 20), rng.uniform(0, 6))
        shape = Shape("star", outline, corners, outline.mean(0), np.full(3, 255.0), np.full(3, 255.0))
        canvas = np.zeros((*SIZE, 3))
        paint(canvas, shape)
        np.testing.assert_array_equal(class_map([shape], NAMES, SIZE) > 0, canvas[..., 0] > 127.5)


def test_shapes_outside_cover_nothing():
    for left, top in ((-50, 10), (200, 10), (10, -50), (10, 200)):
        window, covered = cover(square(left, top, 10).outline, SIZE)
        assert covered.size == 0 and np.zeros(SIZE)[window].size == 0
        assert not class_map([square(left, top, 10)], NAMES, SIZE).any()


def test_class_map_file_keeps_ids():
    classes = np.arange(7, dtype=np.uint8).repeat(10).reshape(7, 10)
    picture = Image.open(io.BytesIO(class_map_file(classes)))
    assert picture.mode == "P"
    np.testing.assert_array_equal(np.asarray(picture), classes)
    colours = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    assert len(np.unique(colours, axis=0)) == 7


def test_depth_scenes():
    for seed in range(5):
        image, depth = draw_depth_scene(np.random.default_rng(seed), SIZE)
        assert image.shape == (*SIZE, 3) and image.dtype == np.uint8
        assert depth.shape == SIZE and depth.dtype == np.uint16 and depth.min() >= 1000 and depth.max() <= 10000
        assert (np.diff(np.sort(depth[:, 0].astype(int))) >= 0).all()
    again = draw_depth_scene(np.random.default_rng(4), SIZE)
    np.testing.assert_array_equal(again[0], image)
    np.testing.assert_array_equal(again[1], depth)


def test_names():
    with pytest.raises(ConfigValueError, match="needs 'background'"):
        ShapesSpec.from_keys({"task": "semantic", "names": ["circle"]})
    with pytest.raises(ConfigValueError, match="'bakground'"):
        ShapesSpec.from_keys({"task": "semantic", "names": ["background", "bakground", "circle"]})
    with pytest.raises(ConfigValueError, match="unknown shape 'circle'"):
        ShapesSpec.from_keys({"task": "depth", "names": ["circle"]})
    with pytest.raises(ConfigValueError, match="unknown shape 'background'"):
        ShapesSpec.from_keys({"task": "detect", "names": ["background"]})


@pytest.mark.parametrize("task", ["semantic", "depth"])
def test_generated_sets_are_read(tmp_path, task):
    names = NAMES if task == "semantic" else ("depth",)
    keys = {"task": task, "size": 64, "counts": {"train": 5, "val": 1}, "names": list(names)}
    generate(keys, tmp_path / "set")
    data = {"nc": len(names), "names": dict(enumerate(names)), "channels": 3}
    data |= {"masks_dir": "masks"} if task == "semantic" else {"depth_scale": 1000}
    cfg = get_cfg(overrides={"task": task, "imgsz": 64})
    dataset = build_yolo_dataset(cfg, str(tmp_path / "set/images/train"), 2, data, mode="val")
    assert len(dataset) == 5 and not dataset.findings
    for i in range(5):
        rng = np.random.default_rng((0, 0, i))
        if task == "semantic":
            expected = class_map(draw_scene(rng, (64, 64), CLASSES)[1], NAMES, (64, 64))
        else:
            expected = draw_depth_scene(rng, (64, 64))[1] / np.float32(1000)
        np.testing.assert_array_equal(dataset.load_map(i), expected)
    if task == "depth":
        assert sorted(path.suffix for path in (tmp_path / "set/depth/train").iterdir()) == [".npy", *[".png"] * 4]
