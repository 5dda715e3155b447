"""Segmentation in every mode, on drawn shapes with exact outlines."""

from __future__ import annotations

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
from ultralytics.engine.task import Detections, Frame, SelectOptions
from ultralytics.models.yolo.segment import SegmentationTrainer, SegmentationValidator
from ultralytics.models.yolo.segment.masks import DeferredMasks, PrototypeMasks
from ultralytics.models.yolo.segment.stages import finish_segments, select_segments
from ultralytics.nn.weights.checkpoint import load_checkpoint

TASK = "segment"
LOOK = {"conf": 0.1, "max_det": 20, "imgsz": 64, "device": "cpu", "verbose": False}
SQUARE = "0 0.2 0.2 0.8 0.2 0.8 0.8 0.2 0.8\n"


# Every mode -----------------------------------------------------------------------------------------------------------


def test_training_writes_its_files(trained, data):
    assert trained.task == "segment" and isinstance(trained.trainer, SegmentationTrainer)
    header = (trained.trainer.save_dir / "results.csv").read_text().splitlines()[0].split(",")
    losses = ["box_loss", "seg_loss", "cls_loss", "dfl_loss"]
    assert [name for name in header if name.startswith("train/")][:4] == [f"train/{loss}" for loss in losses]
    assert set(figures("BM")[:-1]) <= set(header)
    model, _ = load_checkpoint(trained.trainer.best)
    assert model.names[3] == "star" and model.args["task"] == "segment"


def test_validation(best, data, tmp_path):
    metrics = best.val(data=data, **run_settings(tmp_path, name="v", plots=True, save_txt=True, save_json=True))
    assert list(metrics.results_dict)[:9] == figures("BM")
    assert len(metrics.seg.maps) == len(metrics.box.maps) == 6
    assert (tmp_path / "v" / "val_batch0_pred.jpg").is_file() and (tmp_path / "v" / "MaskPR_curve.png").is_file()
    rows = [line.split() for file in (tmp_path / "v" / "labels").iterdir() for line in file.read_text().splitlines()]
    assert rows and all(len(row) >= 7 and len(row) % 2 for row in rows)


def test_prediction(best, pictures, tmp_path):
    results = best(pictures, save_txt=True, save=True, project=str(tmp_path), name="p", **LOOK)
    assert len(results) == 5 and sum(map(len, results)) > 20
    for result in results:
        assert result.masks.data.shape == (len(result), 64, 64)
        assert len(result.masks.xy) == len(result) and result.masks.data.flatten(1).any(1).all()
        rows = [line.split() for line in (tmp_path / "p" / "labels" / f"{Path(result.path).stem}.txt").open()]
        assert rows and all(len(row) % 2 and all(-0.01 <= float(v) <= 1.01 for v in row[1:]) for row in rows)


def test_masks_of_pictures_that_are_not_square(best, pictures):
    wide = cv2.resize(cv2.imread(pictures[0]), (150, 60))
    small, large = best(wide, **LOOK)[0], best(wide, retina_masks=True, **LOOK)[0]
    assert small.masks.data.shape[1:] == (32, 64), "the network input"
    assert large.masks.data.shape[1:] == (60, 150), "the picture"
    for result in (small, large):
        for outline, box in zip(result.masks.xy, result.boxes.xyxy, strict=True):
            if len(outline):
                low, high = outline.min(0), outline.max(0)
                assert (low >= box[:2].numpy() - 4).all() and (high <= box[2:].numpy() + 4).all(), "inside its box"


def test_onnx_agrees(best, data, pictures, tmp_path):
    exported = YOLO(best.export(format="onnx", dynamic=True, imgsz=64, device="cpu"))
    assert exported.task == "segment"
    for ours, theirs in zip(best(pictures, **LOOK), exported(pictures, **LOOK), strict=True):
        assert torch.allclose(ours.boxes.data, theirs.boxes.data, atol=1e-3)
        assert (ours.masks.data != theirs.masks.data).float().mean() < 1e-3
    a, b = (model.val(data=data, **run_settings(tmp_path)).results_dict for model in (best, exported))
    assert a == pytest.approx(b, abs=1e-6)


def test_end_to_end_head(tmp_path, pictures):
    best = YOLO(stirred_file(write_network(tmp_path, "segment", "segment26"), tmp_path / "best.pt"))
    exported = YOLO(best.export(format="onnx", dynamic=True, imgsz=64, device="cpu"))
    results = best(pictures, **LOOK)
    assert sum(map(len, results)) > 5
    for ours, theirs in zip(results, exported(pictures, **LOOK), strict=True):
        assert ours.masks is None or ours.masks.data.shape == (len(ours), 64, 64)
        assert torch.allclose(ours.boxes.data, theirs.boxes.data, atol=1e-3)


@pytest.mark.slow
def test_end_to_end_training(tmp_path, data):
    model = trained_once(tmp_path, data, "segment", "segment26", plots=True)
    found = model.val(data=data, **run_settings(tmp_path)).results_dict
    assert list(found)[: len(figures("BM"))] == figures("BM")
    assert (model.trainer.save_dir / "train_batch0.jpg").is_file()


# Matching -------------------------------------------------------------------------------------------------------------


@perfect
class Perfect(SegmentationValidator):
    turn = 0

    def answers(self, target):
        """Return prototypes that are the true masks, one coefficient each; `turn` gives them to wrong objects."""
        count, true = len(target["cls"]), target["masks"]
        coefficients = torch.eye(count).roll(self.turn, 0)
        source = PrototypeMasks(true.float() * 20 - 10, coefficients, target["bboxes"].clone(), self._input_hw)
        return {"masks": DeferredMasks(source, true.shape[1:])}


@pytest.mark.parametrize("overlap", [True, False])
@pytest.mark.parametrize("turn", [0, 1])
def test_perfect_masks(trained, data, tmp_path, overlap, turn):
    validator = Perfect(args={"data": data, "overlap_mask": overlap, "mask_ratio": 1, **run_settings(tmp_path)})
    validator.turn = turn
    figures = validator(model=str(trained.trainer.best))
    assert figures["metrics/mAP50-95(B)"] > 0.99
    if turn:
        assert figures["metrics/mAP50(M)"] < 0.6, "masks of other objects"
    else:
        assert figures["metrics/mAP50(M)"] > 0.99 and figures["metrics/mAP50-95(M)"] > 0.9


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("retina", [False, True])
def test_empty_masks_are_left_out(retina):
    found = Detections(
        boxes=torch.tensor([[8.0, 8, 40, 40], [8, 8, 40, 40]]),
        conf=torch.tensor([0.9, 0.8]),
        cls=torch.tensor([0.0, 1.0]),
        index=torch.arange(2),
        extra=torch.tensor([[-1.0], [1.0]]),
        shared=torch.ones(1, 16, 16),
    )
    info = {"retina_masks": retina}
    result = finish_segments(found, Frame(np.zeros((64, 128, 3), np.uint8), "a.jpg", (64, 64), {0: "a", 1: "b"}, info))
    assert result.boxes.cls.tolist() == [1.0]
    assert result.masks.data.shape == ((1, 64, 128) if retina else (1, 64, 64))
    none = finish_segments(found.keep(torch.tensor([0])), Frame(result.orig_img, "a.jpg", (64, 64), {0: "a"}, info))
    assert len(none) == 0


def test_no_prototypes_no_masks():
    with pytest.raises(ValueError, match="task=detect"):
        select_segments(torch.zeros(1, 10, 5), SelectOptions())
    with pytest.raises(ValueError, match="task=detect"):
        select_segments((torch.zeros(1, 10, 5), {"feats": torch.zeros(1, 3, 3)}), SelectOptions())


# Bad input ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (SQUARE + "1 0.1 0.1 0.5 0.1 0.5 0.5 0.1\n", r"one\.txt:2: wrong number of values: 8 values"),
        (SQUARE + "1 0.5 0.5 0.2 0.2\n", r"one\.txt:2: polygons and boxes in one file"),
        ("1 0.5 0.5 0.2 0.2\n", "needs polygon labels"),
        ("7 0.2 0.2 0.8 0.2 0.8 0.8\n", r"one\.txt:1: class id: 7, but the data set has 2 classes"),
        (SQUARE + "0 0.2 0.2 x 0.2 0.8 0.8\n", r"one\.txt:2: not a number: 'x'"),
    ],
)
def test_bad_labels_are_named(trained, tmp_path, rows, message):
    data = write_labels(tmp_path / "bad", rows)
    with pytest.raises(ValueError, match=message):
        YOLO(trained.trainer.best).train(data=data, **run_settings(tmp_path))
