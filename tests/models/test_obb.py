"""Oriented boxes in every mode, on drawn shapes with turned rectangles."""

from __future__ import annotations

import json
import math
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
from ultralytics.engine.task import Frame, SelectOptions
from ultralytics.models.yolo.obb import OBBTrainer, OBBValidator
from ultralytics.models.yolo.obb.stages import finish_rotated, from_rotated_rows, select_rotated, to_rotated_rows
from ultralytics.nn.weights.checkpoint import load_checkpoint

TASK = "obb"
LOOK = {"conf": 0.1, "max_det": 20, "imgsz": 64, "device": "cpu", "verbose": False}
SQUARE = "0 0.2 0.2 0.8 0.2 0.8 0.6 0.2 0.6\n"


# Every mode -----------------------------------------------------------------------------------------------------------


def test_training_writes_its_files(trained):
    assert trained.task == "obb" and isinstance(trained.trainer, OBBTrainer)
    header = (trained.trainer.save_dir / "results.csv").read_text().splitlines()[0].split(",")
    losses = ["box_loss", "cls_loss", "dfl_loss", "angle_loss"]
    assert [name for name in header if name.startswith("train/")] == [f"train/{loss}" for loss in losses]
    assert set(figures("B")[:-1]) <= set(header)
    model, _ = load_checkpoint(trained.trainer.best)
    assert model.names[3] == "star" and model.args["task"] == "obb"


def test_validation(best, data, tmp_path):
    options = {"plots": True, "save_txt": True, "save_json": True, "save_conf": True}
    metrics = best.val(data=data, **run_settings(tmp_path, name="v", **options))
    assert list(metrics.results_dict) == figures("B") and len(metrics.box.maps) == 6
    assert (tmp_path / "v" / "val_batch0_pred.jpg").is_file() and (tmp_path / "v" / "BoxPR_curve.png").is_file()
    rows = [line.split() for file in (tmp_path / "v" / "labels").iterdir() for line in file.read_text().splitlines()]
    assert rows and all(len(row) == 10 for row in rows), "class, four corners, score"
    found = json.loads((tmp_path / "v" / "predictions.json").read_text())
    assert len(found) == len(rows)
    for row in found[:20]:
        x, y, width, height, angle = row["rbox"]
        corners = cv2.boxPoints(((x, y), (width, height), math.degrees(angle)))
        written = np.reshape(row["poly"], (4, 2))
        assert np.allclose(sorted(corners.tolist()), sorted(written.tolist()), atol=0.5), "an angle has three decimals"


def test_prediction(best, pictures, tmp_path):
    results = best(pictures, save_txt=True, save=True, project=str(tmp_path), name="p", **LOOK)
    assert len(results) == 5 and sum(map(len, results)) > 20
    for result in results:
        assert result.boxes is None and result.obb.data.shape == (len(result), 7)
        assert result.obb.xyxyxyxy.shape == (len(result), 4, 2)
        angle = result.obb.xywhr[:, 4]
        assert (angle > -math.pi / 4 - 1e-4).all() and (angle < math.pi * 3 / 4 + 1e-4).all()
        rows = np.loadtxt(tmp_path / "p" / "labels" / f"{Path(result.path).stem}.txt", ndmin=2)
        assert np.allclose(rows[:, 1:].reshape(-1, 4, 2) * 64, result.obb.xyxyxyxy.numpy(), atol=1e-3)


def test_boxes_of_pictures_that_are_not_square(best, pictures):
    """A picture and the same one with a border to make it square show the same boxes."""
    picture = cv2.imread(pictures[0])[:32]  # 64 x 32, no resizing
    square = cv2.copyMakeBorder(picture, 16, 16, 0, 0, cv2.BORDER_CONSTANT, value=(114, 114, 114))
    wide, tall = best(picture, rect=False, **LOOK)[0].obb, best(square, **LOOK)[0].obb
    assert len(wide) == len(tall) > 0
    assert torch.allclose(wide.xywhr, tall.xywhr - torch.tensor([0.0, 16, 0, 0, 0]), atol=1e-2)


def test_onnx_agrees(best, data, pictures, tmp_path):
    exported = YOLO(best.export(format="onnx", dynamic=True, imgsz=64, device="cpu"))
    assert exported.task == "obb"
    for ours, theirs in zip(best(pictures, **LOOK), exported(pictures, **LOOK), strict=True):
        assert torch.allclose(ours.obb.data, theirs.obb.data, atol=1e-3)
    a, b = (model.val(data=data, **run_settings(tmp_path)).results_dict for model in (best, exported))
    assert a == pytest.approx(b, abs=1e-6)


def test_end_to_end_head(tmp_path, pictures):
    best = YOLO(stirred_file(write_network(tmp_path, "obb", "obb26"), tmp_path / "best.pt"))
    exported = YOLO(best.export(format="onnx", dynamic=True, imgsz=64, device="cpu"))
    results = best(pictures, **LOOK)
    assert sum(map(len, results)) > 5
    for ours, theirs in zip(results, exported(pictures, **LOOK), strict=True):
        assert torch.allclose(ours.obb.data, theirs.obb.data, atol=1e-3)


@pytest.mark.slow
def test_end_to_end_training(tmp_path, data):
    model = trained_once(tmp_path, data, "obb", "obb26", plots=True)
    found = model.val(data=data, **run_settings(tmp_path)).results_dict
    assert list(found)[: len(figures("B"))] == figures("B")
    assert (model.trainer.save_dir / "train_batch0.jpg").is_file()


# Stages ---------------------------------------------------------------------------------------------------------------


def test_rows_and_frame():
    rows = torch.tensor([[32.0, 32.0, 20.0, 10.0, 0.9, 1.0, 0.5]])
    found = from_rotated_rows(rows)
    assert torch.equal(to_rotated_rows(found), rows) and found.boxes.tolist()[0][4] == 0.5
    frame = Frame(np.zeros((64, 128, 3), np.uint8), "a.jpg", (64, 64), {0: "a", 1: "b"})
    box = finish_rotated(found, frame).obb.xywhr[0]
    assert torch.allclose(box, torch.tensor([64.0, 32.0, 40.0, 20.0, 0.5])), "twice as large, 16 pixels of border off"


@pytest.mark.parametrize("angle", [-0.7, 0.3, 2.1, 4.0])
def test_width_height_and_angle_stay_those_of_the_network(angle):
    """As in the published package: the order of the corners tells which side is the width."""
    found = from_rotated_rows(torch.tensor([[30.0, 30.0, 10.0, 20.0, 0.9, 0.0, angle]]))
    result = finish_rotated(found, Frame(np.zeros((64, 64, 3), np.uint8), "a.jpg", (64, 64), {0: "a"}))
    assert torch.allclose(result.obb.xywhr[0], torch.tensor([30.0, 30.0, 10.0, 20.0, angle]))
    along = torch.tensor([math.cos(angle), math.sin(angle)])
    corners = result.obb.xyxyxyxy[0]
    assert torch.allclose(corners[0] - corners[3], 10 * along, atol=1e-5), "the fourth corner to the first: the width"
    assert [result.summary()[0]["box"][f"{axis}1"] for axis in "xy"] == pytest.approx(corners[0].tolist(), abs=1e-4)


def test_suppression_knows_angles():
    """Two long boxes crossed at a right angle overlap little, though their upright bounds may be the same."""
    box = torch.tensor([[32.0, 32.0, 40.0, 6.0], [32.0, 32.0, 40.0, 6.0], [32.0, 32.0, 40.0, 6.0]])
    angle = torch.tensor([[math.pi / 4], [-math.pi / 4], [math.pi / 4 + 0.01]])
    raw = torch.cat((box, torch.tensor([[0.9], [0.8], [0.7]]), angle), 1).T[None]
    found = select_rotated(raw, SelectOptions(iou=0.5))[0]
    assert found.conf.tolist() == pytest.approx([0.9, 0.8]) and found.index.tolist() == [0, 1]


# Matching -------------------------------------------------------------------------------------------------------------


@perfect
class Perfect(OBBValidator):
    turn = 0.0

    def answers(self, target):
        boxes = target["bboxes"].clone()
        boxes[:, 2:4] *= 1 if self.turn == 0 else torch.tensor([1.5, 1 / 1.5])
        boxes[:, 4] += self.turn
        return {"bboxes": boxes}


@pytest.mark.parametrize(("turn", "right"), [(0.0, True), (math.pi / 2, False)])
def test_perfect_boxes(trained, data, tmp_path, turn, right):
    validator = Perfect(args={"data": data, **run_settings(tmp_path)})
    validator.turn = turn
    found = validator(model=str(trained.trainer.best))
    assert (found["metrics/mAP50-95(B)"] > 0.99) is right


# Bad input ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (SQUARE + "1 0.1 0.1 0.5 0.1 0.5 0.5 0.1\n", r"one\.txt:2: wrong number of values: 8 values"),
        (SQUARE + "1 0.5 0.5 0.2 0.2\n", r"one\.txt:2: polygons and boxes in one file"),
        ("1 0.5 0.5 0.2 0.2\n", "'obb' needs polygon labels"),
    ],
)
def test_bad_labels_are_named(trained, tmp_path, rows, message):
    data = write_labels(tmp_path / "bad", rows)
    with pytest.raises(ValueError, match=message):
        YOLO(trained.trainer.best).train(data=data, **run_settings(tmp_path))


FLAT = """1 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5
1 0.2 0.5 0.8 0.5 0.8 0.5 0.2 0.5
1 0.2 0.2 0.5 0.5 0.8 0.8 0.5 0.5
"""  # a point, a line, a slanting line


def test_boxes_without_area_do_no_harm(trained, tmp_path):
    data = write_labels(tmp_path / "flat", SQUARE + FLAT)
    model = YOLO(trained.trainer.best)
    metrics = model.train(data=data, name="flat", **run_settings(tmp_path, mosaic=0.0))
    assert all(math.isfinite(value) for value in metrics.results_dict.values())
    assert all(torch.isfinite(weight).all() for weight in model.model.state_dict().values())
    losses = (tmp_path / "flat" / "results.csv").read_text().splitlines()[1].split(",")[2:]
    assert all(math.isfinite(float(value)) for value in losses)
    validator = Perfect(args={"data": data, **run_settings(tmp_path)})
    found = validator(model=str(trained.trainer.best))
    assert all(math.isfinite(value) for value in found.values())
