"""Detection on polygon labels through every transform: boxes are compared with the pixels of the objects."""

from __future__ import annotations

import random
from pathlib import Path

import cv2
import numpy as np
import pytest

from ultralytics.cfg.merge import get_cfg
from ultralytics.data import build_yolo_dataset
from ultralytics.data.labels.outlines import Outlines
from ultralytics.data.sample import Sample, join

SIDE = 128
OFF = dict.fromkeys(
    ("mosaic", "mixup", "cutmix", "copy_paste", "degrees", "translate", "scale", "shear", "perspective", "fliplr",
     "flipud", "hsv_h", "hsv_s", "hsv_v", "close_mosaic"), 0.0
) | {"augmentations": []}  # fmt: skip
DATA = {"names": {0: "blue", 1: "green", 2: "red"}, "nc": 3, "channels": 3}


def outline(kind: int, points: int = 40) -> np.ndarray:
    """A disc, a bean or a flower, of radius 1."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    radius = (1.0, 0.7 + 0.3 * np.cos(angle), 0.75 + 0.25 * np.sin(4 * angle))[kind]
    return np.stack([np.cos(angle), np.sin(angle)], 1) * np.reshape(radius, (-1, 1))


@pytest.fixture
def objects(tmp_path: Path):
    """A folder of six pictures, each with one object of a primary colour, labelled by a polygon (or box, see below)."""

    def make(boxes: tuple[int, ...] = ()) -> str:
        rng = np.random.default_rng(3)
        for kind in ("images", "labels"):
            (tmp_path / kind).mkdir()
        for i in range(6):
            h, w = ((SIDE, SIDE), (96, SIDE), (SIDE, 100))[i % 3]
            centre, radius = rng.uniform([0.3 * w, 0.3 * h], [0.7 * w, 0.7 * h]), rng.uniform(24, 36)
            polygon = (centre + radius * outline(i % 3)).clip(0, [w, h])
            picture = np.zeros((h, w, 3), np.uint8)
            colour = [0, 0, 0]
            colour[i % 3] = 255
            cv2.fillPoly(picture, [np.round(polygon * 16).astype(np.int32)], colour, shift=4)
            cv2.imwrite(str(tmp_path / f"images/{i}.png"), picture)
            low, high = polygon.min(0), polygon.max(0)
            row = np.concatenate([(low + high) / 2, high - low]) if i in boxes else polygon.ravel()
            row = row / np.resize([w, h], len(row))
            (tmp_path / f"labels/{i}.txt").write_text(f"{i % 3} " + " ".join(f"{v:.6f}" for v in row) + "\n")
        return str(tmp_path / "images")

    return make


def samples(folder: str, count: int = 30, **changes) -> list[dict]:
    random.seed(1)
    np.random.seed(1)
    cfg = get_cfg(overrides={"imgsz": SIDE, "cache": False, "task": "detect", **OFF, **changes})
    dataset = build_yolo_dataset(cfg, folder, 2, DATA, mode="train")
    return [dataset[i % len(dataset)] for i in range(count)]


def check(sample: dict, tight: bool = True, slack: int = 3, smallest: int = 60) -> int:
    """Every box touches pixels of its colour on all four sides, and every patch of a colour is in a box of it.

    Args:
        sample: what the data set gave.
        tight: objects do not hide each other, so that boxes have to touch.
        slack: pixels that an object drawn and resampled may be off.
        smallest: area of a patch that counts.
    """
    image = sample["img"].numpy()[::-1]  # blue, green, red
    covered = np.zeros((3, SIDE, SIDE), bool)
    for cls, box in zip(sample["cls"][:, 0].int().tolist(), sample["bboxes"].numpy() * SIDE, strict=True):
        corners = np.concatenate([box[:2] - box[2:] / 2, box[:2] + box[2:] / 2])
        x1, y1, x2, y2 = (round(float(v)) for v in corners)
        seen = image[cls] > 140
        covered[cls, max(y1 - slack, 0) : y2 + slack, max(x1 - slack, 0) : x2 + slack] = True
        rows, columns = np.nonzero(seen[max(y1 - slack, 0) : y2 + slack, max(x1 - slack, 0) : x2 + slack])
        if not tight:
            continue
        assert len(rows), "a box without its object"
        found = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        found = found + np.array([max(x1 - slack, 0), max(y1 - slack, 0)] * 2)
        assert np.abs(found - corners).max() <= slack, (found, corners)
    for cls in range(3):
        unboxed = ((image[cls] > 140) & ~covered[cls]).astype(np.uint8)
        stats = cv2.connectedComponentsWithStats(unboxed)[2]
        assert (stats[1:, cv2.CC_STAT_AREA] < smallest).all(), "an object without a box"
    return len(sample["cls"])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"degrees": 45.0},
        {"shear": 25.0, "scale": 0.3},
        {"perspective": 0.001},
        {"translate": 0.6},
        {"degrees": 180.0, "translate": 0.4, "scale": 0.4, "shear": 10.0, "perspective": 0.0005},
        {"fliplr": 0.5, "flipud": 0.5, "degrees": 20.0},
        {"mosaic": 1.0, "translate": 0.1, "scale": 0.3},
        {"mosaic": 1.0, "degrees": 60.0, "translate": 0.2, "scale": 0.4, "shear": 10.0},
        {"cutmix": 1.0},
        {"cutmix": 1.0, "mosaic": 0.5, "degrees": 30.0, "fliplr": 0.5},
        {"copy_paste": 1.0, "mosaic": 0.5, "degrees": 30.0},
        {"copy_paste": 1.0, "copy_paste_mode": "mixup", "degrees": 30.0},
        {"rect": True, "degrees": 30.0},
    ],
    ids=lambda changes: "-".join(changes) or "none",
)  # fmt: skip
def test_boxes_fit_the_pixels(objects, changes):
    tight = "copy_paste" not in changes
    assert sum(check(sample, tight) for sample in samples(objects(), **changes)) > 15


def test_boxes_of_discs_do_not_grow_when_turned(objects):
    folder = objects()
    still = [s["bboxes"] for s in samples(folder, 6) if s["cls"][0] == 0]
    turned = [s["bboxes"] for s in samples(folder, 60, degrees=45.0) if s["cls"][0] == 0]
    area = np.mean([float((b[:, 2] * b[:, 3]).mean()) for b in turned])
    assert area == pytest.approx(np.mean([float((b[:, 2] * b[:, 3]).mean()) for b in still]), rel=0.05)


def test_copy_paste_adds_objects(objects):
    folder = objects()
    with_it, without = ([len(s["cls"]) for s in samples(folder, mosaic=1.0, copy_paste=share)] for share in (1.0, 0.0))
    assert sum(with_it) > 1.3 * sum(without)


def test_mixup_keeps_the_objects_of_both(objects):
    assert [len(s["cls"]) for s in samples(objects(), 10, mixup=1.0)] == [2] * 10


def test_files_with_boxes_among_files_with_polygons(objects):
    folder = objects(boxes=(0, 4))
    for changes in ({"degrees": 0.0}, {"mosaic": 1.0, "translate": 0.2}, {"cutmix": 1.0}):
        for sample in samples(folder, **changes):
            check(sample, tight=changes == {"degrees": 0.0})
    cfg = get_cfg(overrides={"imgsz": SIDE, "cache": False, "task": "detect", **OFF})
    dataset = build_yolo_dataset(cfg, folder, 2, DATA, mode="train")
    assert [len(dataset.labels[i]["segments"]) for i in range(6)] == [0, 1, 1, 1, 0, 1]


def test_validation_takes_the_bounds(objects):
    folder = objects()
    cfg = get_cfg(overrides={"imgsz": SIDE, "cache": False, "task": "detect"})
    for rect in (False, True):
        dataset = build_yolo_dataset(cfg, folder, 2, DATA, mode="val", rect=rect)
        assert not dataset.packed.has_polygons
        for i in range(len(dataset)):
            sample = dataset[i]
            image, box = sample["img"].numpy()[::-1], sample["bboxes"][0].numpy()
            rows, columns = np.nonzero(image[int(sample["cls"][0])] > 140)
            expected = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            size = np.array([image.shape[2], image.shape[1]])
            found = np.concatenate([box[:2] - box[2:] / 2, box[:2] + box[2:] / 2]) * np.tile(size, 2)
            np.testing.assert_allclose(found, expected, atol=2)


def test_users_transforms_see_arrays(objects):
    seen = []

    def watch(labels):
        instances = labels["instances"]
        seen.append(instances.segments)
        instances.convert_bbox("xyxy")
        low, high = instances.segments.min(1), instances.segments.max(1)
        np.testing.assert_allclose(np.concatenate([low, high], 1), instances.bboxes, atol=0.01)
        return labels

    cfg = get_cfg(overrides={"imgsz": SIDE, "cache": False, "task": "detect", **OFF, "mosaic": 1.0, "degrees": 30.0})
    dataset = build_yolo_dataset(cfg, objects(), 2, DATA, mode="train")
    dataset.transforms.insert(1, watch)
    for i in range(6):
        check(dataset[i])
    assert len(seen) == 6 and all(isinstance(s, np.ndarray) and s.ndim == 3 for s in seen)


def test_albumentations_move_outlines(objects):
    A = pytest.importorskip("albumentations")
    steps = [A.Rotate(limit=(40, 40), border_mode=cv2.BORDER_CONSTANT, p=1.0), A.HorizontalFlip(p=0.5)]
    for sample in samples(objects(), 12, augmentations=steps):
        assert check(sample) == 1


def test_joining_outlines_and_boxes():
    image = np.zeros((20, 20, 3), np.uint8)
    triangle = np.array([[1, 1], [5, 1], [1, 7]], np.float32)
    boxes = np.array([[1, 1, 5, 7]], np.float32)
    outlined = Sample(image, boxes, np.zeros((1, 1), np.float32), Outlines.pack([triangle], boxes))
    plain = Sample(image, boxes + 4, np.ones((1, 1), np.float32))
    array = Sample(image, boxes, np.ones((1, 1), np.float32), triangle[None])
    empty = Sample(image)
    both = join([plain, outlined, empty, array], image, {})
    np.testing.assert_array_equal(both.boxes, both.segments.bounds())
    assert [len(p) for p in both.segments] == [4, 3, 3]
    assert join([plain, empty], image, {}).segments is None
