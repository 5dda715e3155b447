"""A detector that finds boxes in any picture, without training, and a film."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from ultralytics import YOLO

NAMES = {0: "circle", 1: "star <b>*bold*</b>"}


def write_rigged(path: Path) -> Path:
    """Write a detector whose every anchor is class 0, most of all those of large objects."""
    model = YOLO("yolov8n.yaml")
    torch.manual_seed(0)
    for level, branch in enumerate(model.model.model[-1].cv3):
        branch[-1].weight.data.zero_()
        branch[-1].bias.data.fill_(-9)
        branch[-1].bias.data[0] = 2.0 if level == 2 else -9
    model.model.names = {**model.model.names, **NAMES}
    model.save(path)
    return path


def write_film(path: Path, frames: int = 6) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (96, 64))
    for i in range(frames):
        writer.write(np.full((64, 96, 3), 20 * i % 256, np.uint8))
    writer.release()
    return path
