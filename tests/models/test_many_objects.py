"""500 objects in one picture of 640 pixels: every task trains and validates within 4 GB."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from shape_helpers import SUFFIXES, write_labels

OBJECTS, SIDE, LIMIT = 500, 640, 4.0  # GB
RUN = """
import math, resource, sys
from ultralytics import YOLO
name, data, project = sys.argv[1:]
model = YOLO(name)
common = {"imgsz": 640, "device": "cpu", "workers": 0, "plots": False, "project": project}
model.train(data=data, epochs=2, batch=1, close_mosaic=1, **common)
found = YOLO(model.trainer.best).val(data=data, conf=1e-6, batch=1, **common)
assert all(map(math.isfinite, model.trainer.tloss.values()))
print("GIGABYTES", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""


def crowd(folder: Path, task: str) -> str:
    """Write a data set of one picture for training and for validation, on both of which are 500 small triangles."""
    rng = np.random.default_rng(0)
    rows = []
    picture = rng.integers(0, 60, (SIDE, SIDE, 3), dtype=np.uint8)
    for _ in range(OBJECTS):
        x, y = rng.integers(0, SIDE - 40, 2)
        w, h = rng.integers(12, 40, 2)
        corners = np.array([[x, y + h], [x + w / 2, y], [x + w, y + h]])
        cv2.fillPoly(picture, [corners.astype(np.int32)], rng.integers(80, 255, 3).tolist())
        values = {
            "segment": corners.ravel(),
            "pose": np.concatenate([[x + w / 2, y + h / 2, w, h], corners.ravel()]),
            "obb": np.array([x, y, x + w, y, x + w, y + h, x, y + h]),
        }[task]
        rows.append(f"{rng.integers(2)} " + " ".join(f"{v / SIDE:.6f}" for v in values))
    keys = {"kpt_shape": [3, 2], "flip_idx": [2, 1, 0]} if task == "pose" else {}
    return write_labels(folder, "\n".join(rows) + "\n", picture, **keys)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs the resource module")
@pytest.mark.parametrize("task", SUFFIXES)
def test_crowd_fits(task, tmp_path):
    data = crowd(tmp_path / "set", task)
    done = subprocess.run(
        [sys.executable, "-c", RUN, f"yolov8n-{SUFFIXES[task]}.yaml", data, str(tmp_path / "runs")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    used = float(done.stdout.rpartition("GIGABYTES")[2])
    assert used < LIMIT, f"{used:.2f} GB"
