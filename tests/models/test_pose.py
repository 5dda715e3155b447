"""Pose estimation in every mode, on drawn shapes with five keypoints each."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from shape_helpers import (
    figures,
    perfect,
    run_settings,
    stirred_file,
    trained_once,
    write_labels,
    write_network,
)

from ultralytics import YOLO
from ultralytics.engine.task import Detections
from ultralytics.models.yolo.pose import PoseTrainer, PoseValidator
from ultralytics.models.yolo.pose.stages import keypoints_of
from ultralytics.nn.weights.checkpoint import load_checkpoint

TASK = "pose"
LOOK = {"conf": 0.1, "max_det": 20, "imgsz": 64, "device": "cpu", "verbose": False}
TWO_POINTS = "0 0.5 0.5 0.4 0.4 0.4 0.4 2 0.6 0.6 1\n"


# Every mode -----------------------------------------------------------------------------------------------------------


def test_training_writes_its_files(trained):
    assert trained.task == "pose" and isinstance(trained.trainer, PoseTrainer)
    header = (trained.trainer.save_dir / "results.csv").read_text().splitlines()[0].split(",")
    losses = ["box_loss", "pose_loss", "kobj_loss", "cls_loss", "dfl_loss"]
    assert [name for name in header if name.startswith("train/")][:5] == [f"train/{loss}" for loss in losses]
    assert set(figures("BP")[:-1]) <= set(header)
    model, _ = load_checkpoint(trained.trainer.best)
    assert list(model.kpt_shape) == [5, 3] and model.kpt_names[0][1] == "topmost"


def test_validation(best, data, tmp_path):
    metrics = best.val(data=data, **run_settings(tmp_path, name="v", plots=True, save_txt=True, save_json=True))
    assert list(metrics.results_dict)[:9] == figures("BP")
    assert len(metrics.pose.maps) == len(metrics.box.maps) == 6
    assert (tmp_path / "v" / "val_batch0_pred.jpg").is_file() and (tmp_path / "v" / "PosePR_curve.png").is_file()
    rows = [line.split() for file in (tmp_path / "v" / "labels").iterdir() for line in file.read_text().splitlines()]
    assert rows and all(len(row) == 5 + 15 for row in rows)


def test_prediction(best, pictures, tmp_path):
    results = best(pictures, save_txt=True, save=True, project=str(tmp_path), name="p", **LOOK)
    assert len(results) == 5 and sum(map(len, results)) > 20
    for result in results:
        points = result.keypoints
        assert points.data.shape == (len(result), 5, 3) and points.has_visible
        assert points.conf.min() >= 0 and points.conf.max() <= 1
        rows = np.loadtxt(tmp_path / "p" / "labels" / f"{Path(result.path).stem}.txt", ndmin=2)
        assert rows.shape == (len(result), 20)
        assert np.allclose(rows[:, 5:].reshape(-1, 5, 3)[..., :2], points.xyn.numpy(), atol=1e-4)


def test_points_of_pictures_that_are_not_square(best, pictures):
    """A picture and the same one with a border to make it square show the same points."""
    picture = cv2.imread(pictures[0])[:32]  # 64 x 32, no resizing
    square = cv2.copyMakeBorder(picture, 16, 16, 0, 0, cv2.BORDER_CONSTANT, value=(114, 114, 114))
    wide, tall = best(picture, rect=False, **LOOK)[0], best(square, **LOOK)[0]
    assert len(wide) == len(tall) > 0
    inside = (tall.keypoints.xy[..., 1] > 17) & (tall.keypoints.xy[..., 1] < 47)
    shift = torch.tensor([0.0, 16.0])
    assert torch.allclose(wide.keypoints.xy[inside], (tall.keypoints.xy - shift)[inside], atol=1e-2)


def test_onnx_agrees(best, data, pictures, tmp_path):
    exported = YOLO(best.export(format="onnx", dynamic=True, imgsz=64, device="cpu"))
    assert exported.task == "pose"
    for ours, theirs in zip(best(pictures, **LOOK), exported(pictures, **LOOK), strict=True):
        assert torch.allclose(ours.boxes.data, theirs.boxes.data, atol=1e-3)
        assert torch.allclose(ours.keypoints.data, theirs.keypoints.data, atol=1e-3)
    a, b = (model.val(data=data, **run_settings(tmp_path)).results_dict for model in (best, exported))
    assert a == pytest.approx(b, abs=1e-6)


def test_end_to_end_head(tmp_path, pictures):
    best = YOLO(stirred_file(write_network(tmp_path, "pose", "pose26"), tmp_path / "best.pt"))
    exported = YOLO(best.export(format="onnx", dynamic=True, imgsz=64, device="cpu"))
    results = best(pictures, **LOOK)
    assert sum(map(len, results)) > 5
    for ours, theirs in zip(results, exported(pictures, **LOOK), strict=True):
        assert ours.keypoints.data.shape == (len(ours), 5, 3)
        assert torch.allclose(ours.keypoints.data, theirs.keypoints.data, atol=1e-3)


@pytest.mark.slow
def test_end_to_end_training(tmp_path, data):
    model = trained_once(tmp_path, data, "pose", "pose26", plots=True)
    found = model.val(data=data, **run_settings(tmp_path)).results_dict
    assert list(found)[: len(figures("BP"))] == figures("BP")
    assert (model.trainer.save_dir / "train_batch0.jpg").is_file()


# Keypoints of data and model ------------------------------------------------------------------------------------------


def test_data_decides_about_the_keypoints(tmp_path):
    data = write_labels(tmp_path / "two", "0 0.5 0.5 0.4 0.4 0.4 0.4 0.6 0.6\n", kpt_shape=[2, 2], flip_idx=[1, 0])
    model = YOLO(write_network(tmp_path, "pose", points="[17, 3]"))
    model.train(data=data, name="run", **run_settings(tmp_path))
    assert list(model.model.model[-1].kpt_shape) == [2, 2] and list(model.model.kpt_shape) == [2, 2]
    metrics = model.val(data=data, **run_settings(tmp_path, save_txt=True, save_json=True, conf=0.00001))
    assert list(metrics.results_dict)[:9] == figures("BP")
    picture = str(tmp_path / "two" / "images" / "val" / "one.png")
    result = model(picture, **{**LOOK, "conf": 0.00001})[0]
    assert len(result) and result.keypoints.data.shape == (len(result), 2, 2) and not result.keypoints.has_visible


def test_other_keypoints_than_the_models(trained, tmp_path):
    data = write_labels(tmp_path / "two", TWO_POINTS, kpt_shape=[2, 3])
    with pytest.raises(ValueError, match=r"the model gives 5 keypoints.*data\.yaml has kpt_shape=\[2, 3\]"):
        YOLO(trained.trainer.best).val(data=data, **run_settings(tmp_path))


def test_output_that_does_not_fit():
    found = Detections(torch.zeros(1, 4), torch.ones(1), torch.zeros(1), torch.zeros(1), torch.zeros(1, 51))
    assert keypoints_of(found, (17, 3)).shape == (1, 17, 3)
    for shape in (None, (5, 3), (17,)):
        with pytest.raises(ValueError, match="51 keypoint numbers"):
            keypoints_of(found, shape)


# Matching -------------------------------------------------------------------------------------------------------------


@perfect
class Perfect(PoseValidator):
    shift = 0

    def answers(self, target):
        points = target["keypoints"] + torch.tensor([self.shift, self.shift, 0])
        return {"extra": points.flatten(1), "keypoints": points}


@pytest.mark.parametrize("shift", [0, 20])
def test_perfect_keypoints(trained, data, tmp_path, shift):
    validator = Perfect(args={"data": data, **run_settings(tmp_path)})
    validator.shift = shift
    found = validator(model=str(trained.trainer.best))
    assert found["metrics/mAP50-95(B)"] > 0.99
    assert found["metrics/mAP50-95(P)"] > 0.99 if shift == 0 else found["metrics/mAP50-95(P)"] < 0.1


# Bad input ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "keys", "message"),
    [
        (TWO_POINTS, {}, r"data\.yaml.*'kpt_shape' is missing"),
        (TWO_POINTS, {"kpt_shape": [2, 4]}, r"data\.yaml.*kpt_shape"),
        (TWO_POINTS, {"kpt_shape": [2]}, r"data\.yaml.*kpt_shape"),
        (TWO_POINTS, {"kpt_shape": ["two", 3]}, r"data\.yaml.*kpt_shape"),
        (TWO_POINTS, {"kpt_shape": [2, 3], "flip_idx": [1, 0, 2]}, r"data\.yaml.*flip_idx"),
        (TWO_POINTS, {"kpt_shape": [2, 3], "flip_idx": [1, 1]}, r"data\.yaml.*flip_idx"),
        (TWO_POINTS, {"kpt_shape": [2, 3], "flip_idx": [1, 2]}, r"data\.yaml.*flip_idx"),
        (TWO_POINTS, {"kpt_shape": [2, 3], "kpt_oks_sigmas": [0.1]}, r"data\.yaml.*kpt_oks_sigmas"),
        (TWO_POINTS + "0 0.5 0.5 0.4 0.4 0.4 0.4 2\n", {"kpt_shape": [2, 3]}, r"one\.txt:2: .*8 values where 11"),
        ("0 0.5 0.5 0.4 0.4\n", {"kpt_shape": [2, 3]}, r"one\.txt:1: .*boxes only; pose rows have 2 x 3 values more"),
    ],
)
def test_bad_data_is_named(tmp_path, rows, keys, message):
    data = write_labels(tmp_path / "bad", rows, **keys)
    model = YOLO(write_network(tmp_path, "pose", points="[2, 3]"))
    for mode in (model.train, model.val):
        with pytest.raises(ValueError, match=message):
            mode(data=data, **run_settings(tmp_path))


def test_pictures_are_not_mirrored_without_an_order(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("ultralytics"), "propagate", True)
    data = write_labels(tmp_path / "two", TWO_POINTS, kpt_shape=[2, 3])
    YOLO(write_network(tmp_path, "pose")).train(data=data, **run_settings(tmp_path, val=False))
    assert "flip_idx" in caplog.text
