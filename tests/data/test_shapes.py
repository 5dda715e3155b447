"""The drawn data set: exact, seeded, complete, and readable by the loaders."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from ultralytics.data.describe.locate import find_images, img2label_paths
from ultralytics.data.generators import shapes
from ultralytics.data.generators.drawing import paint, polygon_area
from ultralytics.data.generators.shapes import CLASSES, ShapesSpec, draw_scene, generate
from ultralytics.data.labels.scan import scan
from ultralytics.data.labels.verify import LabelRules

SMALL = {"size": 96, "counts": {"train": 6, "val": 2}}


def files(root):
    return {path.relative_to(root): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_same_spec_same_files_and_more_counts_add(tmp_path):
    generate(SMALL, tmp_path / "a")
    generate(SMALL, tmp_path / "b")
    assert files(tmp_path / "a") == files(tmp_path / "b")
    generate({**SMALL, "counts": {"train": 8, "val": 2}}, tmp_path / "c")
    first, more = files(tmp_path / "a"), files(tmp_path / "c")
    assert all(more[name] == content for name, content in first.items() if name.suffix != ".json")
    generate({**SMALL, "seed": 1}, tmp_path / "d")
    assert files(tmp_path / "d") != first


def test_written_once_and_replaced_only_when_ours(tmp_path):
    generate(SMALL, tmp_path / "a")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "a").rglob("*")}
    generate(SMALL, tmp_path / "a")
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "a").rglob("*")}
    generate({**SMALL, "counts": {"train": 2, "val": 1}}, tmp_path / "a")
    assert len(find_images(tmp_path / "a")) == 3
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(FileExistsError, match="mine"):
        generate(SMALL, tmp_path / "mine")
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_interrupted_drawing_leaves_nothing(tmp_path, monkeypatch):
    calls = []

    def fail(*args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return draw_scene(*args, **kwargs)

    monkeypatch.setattr(shapes, "draw_scene", fail)
    with pytest.raises(KeyboardInterrupt):
        generate(SMALL, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("task", ["detect", "segment", "pose", "obb", "track"])
def test_labels_pass_the_scan(tmp_path, task):
    generate({**SMALL, "task": task, "seconds": 0.2}, tmp_path / "a")
    images = find_images(tmp_path / "a" / "images")
    rules = LabelRules(len(CLASSES), (5, 3) if task == "pose" else None)
    result = scan(images, img2label_paths(images), rules)
    assert result.findings == [] and len(result.labels) == 8 and len(result.labels.cls) >= 8
    assert result.labels.has_polygons == (task in {"segment", "obb"})
    assert json.loads((tmp_path / "a" / "generator.json").read_text())["task"] == task


def test_classification_folders(tmp_path):
    generate({**SMALL, "task": "classify"}, tmp_path / "a")
    assert {path.parent.name for path in (tmp_path / "a" / "train").rglob("*.jpg")} == set(CLASSES)


@pytest.mark.parametrize("name", CLASSES)
def test_boxes_bound_what_is_painted(name):
    """Paint one shape on a plain ground and compare the box with the pixels that changed."""
    rng = np.random.default_rng(5)
    for _ in range(5):
        _, drawn = draw_scene(rng, (200, 240), (name,), single=True)
        ground = np.zeros((200, 240, 3))
        paint(ground, drawn[0])
        changed = np.argwhere(ground.sum(-1) > 0.4 * drawn[0].color.sum())
        outline = np.clip(drawn[0].outline, 0, (240, 200))
        low, high = outline.min(0), outline.max(0)
        np.testing.assert_allclose(changed.min(0)[::-1], low, atol=1.6)
        np.testing.assert_allclose(changed.max(0)[::-1] + 1, high, atol=1.6)


def test_scenes_have_overlap_but_nothing_mostly_hidden():
    rng, counts = np.random.default_rng(0), []
    for _ in range(20):
        image, drawn = draw_scene(rng, (128, 160), CLASSES)
        assert image.shape == (128, 160, 3) and image.dtype == np.uint8
        taken = np.zeros((128, 160), bool)
        for shape in reversed(drawn):
            mask = np.zeros((128, 160), np.uint8)
            cv2.fillPoly(mask, [np.round(shape.outline - 0.5).astype(np.int32)], 1)
            seen = (mask.astype(bool) & ~taken).sum()
            assert seen >= shapes.MIN_VISIBLE * polygon_area(shape.outline)
            taken |= mask.astype(bool)
        counts.append(len(drawn))
    assert 2 <= np.mean(counts) <= 8


def test_keypoints_say_what_is_hidden():
    rng = np.random.default_rng(0)
    _, (shape,) = draw_scene(rng, (100, 100), ("square",), single=True)
    points = shapes._keypoints(shape, [], (100, 100))
    assert points.shape == (5, 3) and (points[:, 2] == 2).all()
    assert (shapes._keypoints(shape, [shape], (100, 100))[0])[2] == 1  # the centre lies under an equal shape
    assert points[1, 1] <= points[0, 1] <= points[3, 1] and points[4, 0] <= points[0, 0] <= points[2, 0]


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"names": ["circel"]}, "did you mean 'circle'"),
        ({"names": ["zebra"]}, "known are"),
        ({"size": 8}, "'size'"),
        ({"size": "big"}, "'size'"),
        ({"counts": {"train": 5}}, "'counts'"),
        ({"counts": {"train": 5, "val": 0}}, "'counts'"),
        ({"task": "cook"}, "'task'"),
        ({"seconds": 0}, "'seconds'"),
        ({"seconds": "long"}, "'seconds'"),
    ],
)
def test_faulty_keys_are_named(keys, text):
    with pytest.raises(ValueError, match=text):
        ShapesSpec.from_keys(keys)
