"""Inputs of the augmentation tests, made by rule so that `tests/golden/transforms_mix.npz` holds outputs only.

Only the public interface is used: the figures came from running this file's cases in the public package.
"""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import numpy as np

SIDE = 32
SIZES = ((32, 32), (24, 32), (32, 20), (28, 28))
HYP = {
    "mosaic": 1.0,
    "copy_paste": 0.3,
    "copy_paste_mode": "flip",
    "degrees": 5.0,
    "translate": 0.1,
    "scale": 0.5,
    "shear": 2.0,
    "perspective": 0.0,
    "mixup": 0.5,
    "cutmix": 0.5,
    "hsv_h": 0.015,
    "hsv_s": 0.7,
    "hsv_v": 0.4,
    "flipud": 0.3,
    "fliplr": 0.5,
}


def make_labels(seed: int, size_hw: tuple[int, int] = (SIDE, SIDE), n: int = 4, extra: str = "") -> dict[str, Any]:
    """A label dictionary; `extra` is "", "segments", "keypoints" or "rotated"."""
    from ultralytics.utils.instance import Instances

    r = np.random.RandomState(seed)
    h, w = size_hw
    coarse = np.kron(r.randint(0, 256, (h // 4, w // 4, 3)), np.ones((4, 4, 1)))
    image = (coarse * 0.7 + r.randint(0, 256, (h, w, 3)) * 0.3).astype(np.uint8)
    centre, size = r.uniform([0, 0], [w, h], (n, 2)), r.uniform(3, 12, (n, 2))
    boxes = np.concatenate([centre - size / 2, centre + size / 2], 1).clip(0, [w, h, w, h]).astype(np.float32)
    segments = keypoints = None
    if extra == "segments":
        angle = np.linspace(0, 2 * np.pi, 8, endpoint=False)
        ring = np.stack([np.cos(angle), np.sin(angle)], 1)
        segments = (centre[:, None] + ring[None] * size[:, None] / 2).clip(0, [w, h]).astype(np.float32)
        boxes = np.concatenate([segments.min(1), segments.max(1)], 1)
    elif extra == "rotated":
        turn = r.uniform(0, np.pi, n)
        u, v = np.stack([np.cos(turn), np.sin(turn)], 1), np.stack([-np.sin(turn), np.cos(turn)], 1)
        signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
        corners = [centre + a * size[:, :1] / 2 * u + b * size[:, 1:] / 2 * v for a, b in signs]
        segments = np.stack(corners, 1).astype(np.float32)
        boxes = np.concatenate([segments.min(1), segments.max(1)], 1).clip(0, [w, h, w, h])
    elif extra == "keypoints":
        keypoints = np.concatenate([r.uniform(0, min(h, w), (n, 5, 2)), r.randint(0, 3, (n, 5, 1))], 2)
        keypoints = keypoints.astype(np.float32)
    return {
        "img": image,
        "cls": r.randint(0, 5, (n, 1)).astype(np.float32),
        "im_file": f"{seed}.jpg",
        "ori_shape": (h, w),
        "resized_shape": (h, w),
        "ratio_pad": (1.0, 1.0),
        "instances": Instances(boxes, segments, keypoints, bbox_format="xyxy", normalized=False),
    }


class Partners:
    """Twenty samples, by index; the public interface of a data set as far as transforms use it."""

    cache = None
    use_segments = False

    def __init__(self, extra: str = "", varied: bool = False, sides: int = SIDE) -> None:
        self.extra, self.varied, self.imgsz = extra, varied, sides
        self.use_keypoints, self.use_obb = extra == "keypoints", extra == "rotated"
        self.data = {"flip_idx": [0, 2, 1, 4, 3], "kpt_shape": [5, 3]} if extra == "keypoints" else {}
        self.buffer = list(range(20))

    def __len__(self) -> int:
        return 20

    def get_image_and_label(self, index: int) -> dict[str, Any]:
        return make_labels(100 + index, SIZES[index % 4] if self.varied else (SIDE, SIDE), extra=self.extra)


def cases(augment: Any) -> dict[str, tuple[str, Any]]:
    """Name -> (extra labels, transform built from the module `augment`)."""
    result: dict[str, tuple[str, Any]] = {}
    for extra in ("", "segments", "keypoints", "rotated"):

        def add(name: str, transform: Any, extra: str = extra) -> None:
            result[f"{name}.{extra or 'boxes'}"] = extra, transform

        alike, varied = Partners(extra), Partners(extra, varied=True)
        warp = {"size": (SIDE, SIDE), "preserve_obb": extra == "rotated"}
        add("mosaic4", augment.Mosaic(varied, SIDE))
        add("mosaic9", augment.Mosaic(varied, SIDE, n=9))
        add("cutmix", augment.CutMix(alike, p=1.0, num_areas=12))
        add("warp", augment.RandomPerspective(20, 0.2, 0.5, 5, 0, **warp))
        add("chain", augment.Compose([augment.Mosaic(varied, SIDE), augment.RandomPerspective(9, 0.1, 0.5, 3, **warp)]))
        if extra == "segments":
            add("paste_flip", augment.CopyPaste(p=0.7))
            add("paste_mixup", augment.CopyPaste(alike, p=1.0, mode="mixup"))
        # Among equally good candidates copy-paste may take any, so with this many objects its figures mean little.
        settings = HYP | ({"copy_paste": 0.0} if extra == "rotated" else {})
        preset = augment.v8_transforms(varied, SIDE, SimpleNamespace(**settings))
        preset.append(augment.Format(return_keypoint=extra == "keypoints", return_obb=extra == "rotated", bgr=0.3))
        add("preset", preset)
    return result


def run_case(extra: str, transform: Any, seed: int) -> dict[str, np.ndarray]:
    """Outputs of a case as arrays."""
    random.seed(seed)
    np.random.seed(seed)
    labels = transform(make_labels(seed, extra=extra))
    arrays = {"img": np.asarray(labels["img"]), "cls": np.asarray(labels["cls"])}
    if "instances" not in labels:
        arrays["bboxes"] = np.asarray(labels["bboxes"])
        if "keypoints" in labels:
            arrays["keypoints"] = np.asarray(labels["keypoints"])
        return arrays
    instances = labels["instances"]
    instances.convert_bbox("xyxy")
    arrays["bboxes"] = instances.bboxes
    if len(instances.segments):
        arrays["segments"] = instances.segments
    if instances.keypoints is not None:
        arrays["keypoints"] = instances.keypoints
    return arrays
