"""Tiny drawn data sets, tiny networks and short runs for the tests of segmentation, pose and rotated boxes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import yaml
from torch import nn

from ultralytics import YOLO
from ultralytics.utils.env import ROOT

SIDE = 64  # of the pictures and of the network input, pixels
NETWORK = """
nc: 6
%s
backbone:
  - [-1, 1, Conv, [8, 3, 2]]
  - [-1, 1, Conv, [16, 3, 2]]
  - [-1, 1, Conv, [16, 3, 2]]
  - [-1, 1, Conv, [16, 3, 2]]
  - [-1, 1, Conv, [16, 3, 2]]
head:
  - [[2, 3, 4], 1, %s]
"""
HEADS = {
    "detect": "Detect, [nc]",
    "segment": "Segment, [nc, 8, 16]",
    "pose": "Pose, [nc, kpt_shape]",
    "obb": "OBB, [nc, 1]",
    "segment26": "Segment26, [nc, 8, 16]",
    "pose26": "Pose26, [nc, kpt_shape]",
    "obb26": "OBB26, [nc, 1]",
    "semantic": "SemanticSegment, [nc]",
    "depth": "Depth, [16]",
}
SUFFIXES = {
    "detect": "detect", "segment": "seg", "pose": "pose", "obb": "obb", "track": "track", "semantic": "sem",
    "depth": "depth",
}  # fmt: skip


def write_network(folder: Path, task: str, head: str | None = None, points: str = "[5, 3]") -> str:
    """Write the YAML of a network of a few thousand weights with strides 8 to 32; return its path.

    Args:
        folder: target.
        task: `detect`, `segment`, `pose`, `obb`, `semantic` or `depth`.
        head: one of HEADS, the task's plain one when None; those that end in 26 are end-to-end.
        points: `kpt_shape` of pose networks.
    """
    head = head or task
    keys = (["end2end: true", "reg_max: 1"] if head.endswith("26") else []) + [f"kpt_shape: {points}"] * (
        task == "pose"
    )
    file = folder / f"tiny-{SUFFIXES[task]}.yaml"
    file.write_text(NETWORK % ("\n".join(keys), HEADS[head]), encoding="utf-8")
    return str(file)


def write_shapes(folder: Path, task: str, **changes: Any) -> str:
    """Write the YAML of the task's drawn data set, small; it is drawn on first use. Return the path of the YAML."""
    folder.mkdir(parents=True, exist_ok=True)
    text = (ROOT / "cfg" / "datasets" / f"shapes-{SUFFIXES[task]}.yaml").read_text(encoding="utf-8")
    small = {"path": str(folder / "set"), "size": SIDE, "counts": {"train": 8, "val": 5}}
    return dump(folder / "data.yaml", {**yaml.safe_load(text), **small, **changes})


def write_labels(folder: Path, rows: str, picture: np.ndarray | None = None, **keys: Any) -> str:
    """Write a data set of two pictures, noise by default, whose label files have these rows; return its YAML's path."""
    if picture is None:
        picture = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    for split in ("train", "val"):
        for part in ("images", "labels"):
            (folder / part / split).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / "images" / split / "one.png"), picture)
        (folder / "labels" / split / "one.txt").write_text(rows, encoding="utf-8")
    content = {"path": str(folder), "train": "images/train", "val": "images/val", "names": {0: "a", 1: "b"}}
    return dump(folder / "data.yaml", {**content, **keys})


def dump(file: Path, content: dict[str, Any]) -> str:
    """Write a YAML file without the keys whose value is None; return its path."""
    kept = {key: value for key, value in content.items() if value is not None}
    file.write_text(yaml.safe_dump(kept, sort_keys=False), encoding="utf-8")
    return str(file)


def run_settings(project: Path, **changes: Any) -> dict[str, Any]:
    """Return arguments of a run of a second or two."""
    base = {
        "imgsz": SIDE,
        "batch": 4,
        "epochs": 1,
        "device": "cpu",
        "workers": 0,
        "plots": False,
        "optimizer": "SGD",
        "nbs": 4,
        "project": str(project),
        "exist_ok": True,
    }
    return {**base, **changes}


def stirred(model: nn.Module, channels: int = 3) -> nn.Module:
    """Give a network of little training scores and positions that differ, so that comparing them says something.

    Its norms get the statistics of noise, and its last convolutions, which start near nothing, large random weights.
    """
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    model.float().train()
    with torch.no_grad():
        model(torch.rand(8, channels, SIDE, SIDE, generator=generator))
        for module in model.model[-1].modules():
            if isinstance(module, nn.Conv2d) and module.bias is not None:
                spread = 2.0 / (module.in_channels * module.kernel_size[0] ** 2) ** 0.5
                module.weight.copy_(torch.randn(module.weight.shape, generator=generator) * spread)
                module.bias.copy_(torch.randn(module.bias.shape, generator=generator) * 0.5)
    return model.eval()


def trained_once(folder: Path, data: str, task: str, head: str | None = None, **changes: Any) -> Any:
    """Train a tiny network for one epoch and return the `YOLO` that did it."""
    model = YOLO(write_network(folder, task, head))
    model.train(data=data, name="run", **run_settings(folder, **changes))
    return model


def stirred_file(source: str | Path, target: Path) -> str:
    """Write a checkpoint of a checkpoint's or a YAML's network that finds many different things; return its path."""
    model = YOLO(source)
    stirred(model.model)
    model.save(target)
    return str(target)


def figures(branches: str) -> list[str]:
    """Return the names of the figures of a validation."""
    kinds = ("precision", "recall", "mAP50", "mAP50-95")
    return [f"metrics/{kind}({branch})" for branch in branches for kind in kinds] + ["fitness"]


def perfect(validator: type) -> type:
    """Return a validator that has the targets themselves as predictions, changed by its `spoil` where it has one.

    `validator` gives with `answers(targets)` the detections of one picture's targets.
    """

    class Perfect(validator):
        def preprocess(self, batch: dict[str, Any]) -> dict[str, Any]:
            self._shown = super().preprocess(batch)
            return self._shown

        def postprocess(self, preds: Any) -> list[dict[str, Any]]:
            found = []
            for i in range(len(self._shown["im_file"])):
                target = self._prepare_batch(i, self._shown)
                count = len(target["cls"])
                base = {
                    "bboxes": target["bboxes"].clone(),
                    "cls": target["cls"].float(),
                    "conf": torch.linspace(0.9, 0.5, count),
                    "extra": torch.zeros(count, 0),
                }
                found.append({**base, **self.answers(target)})
            return found

    return Perfect
