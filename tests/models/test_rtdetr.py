"""RT-DETR in every mode, with a tiny decoder on drawn shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from shape_helpers import figures, run_settings
from train_helpers import make_data

from ultralytics import RTDETR, YOLO
from ultralytics.models.rtdetr.train import RTDETRTrainer
from ultralytics.nn.models import RTDETRDetectionModel

NETWORK = """
nc: 6
backbone:
  - [-1, 1, HGStem, [8, 16]]
  - [-1, 1, HGBlock, [8, 16, 3]]
  - [-1, 1, DWConv, [16, 3, 2, 1, False]]
  - [-1, 1, DWConv, [16, 3, 2, 1, False]]
  - [-1, 1, Conv, [16, 3, 2]]
head:
  - [-1, 1, AIFI, [32, 4]]
  - [[2, 3, 5], 1, RTDETRDecoder, [nc, 16, 20, 2, 4, 2, 32]]
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> str:
    return str(make_data(tmp_path_factory.mktemp("shapes"), train=8))


@pytest.fixture(scope="module")
def trained(tmp_path_factory, data) -> RTDETR:
    folder = tmp_path_factory.mktemp("rtdetr")
    (folder / "rtdetr-tiny.yaml").write_text(NETWORK)
    model = RTDETR(folder / "rtdetr-tiny.yaml")
    model.train(data=data, name="run", **run_settings(folder, nbs=8))
    return model


def test_training_writes_its_files(trained):
    assert isinstance(trained.trainer, RTDETRTrainer) and isinstance(trained.model, RTDETRDetectionModel)
    header, row = (trained.trainer.save_dir / "results.csv").read_text().splitlines()
    assert {"train/giou_loss", "train/cls_loss", "train/l1_loss"} <= set(header.split(","))
    assert all(np.isfinite([float(value) for value in row.split(",")]))
    assert isinstance(YOLO(trained.trainer.best), RTDETR)


def test_modes_and_onnx_agree(trained, data, tmp_path):
    best = RTDETR(trained.trainer.best)
    metrics = best.val(data=data, **run_settings(tmp_path, name="v"))
    assert list(metrics.results_dict) == figures("B")
    pictures = str(Path(data).parent / "images" / "val")
    options = {"conf": 0.001, "imgsz": 64, "device": "cpu", "verbose": False, "max_det": 10}
    native = best.predict(pictures, **options)
    path = best.export(format="onnx", imgsz=64, dynamic=True)
    other = RTDETR(path).predict(pictures, **options)
    assert len(native) == len(other) > 1
    for a, b in zip(native, other, strict=True):
        assert len(a.boxes) == len(b.boxes) == 10
        torch.testing.assert_close(a.boxes.conf, b.boxes.conf, rtol=1e-3, atol=1e-4)
