"""Semantic segmentation in every mode, on drawn pictures with masks."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from semantic_helpers import NAMES, SIDE, truth, write_data
from shape_helpers import run_settings, stirred_file

from ultralytics import YOLO
from ultralytics.engine.exporter import ClassMapModel
from ultralytics.models.yolo.semantic import (
    SemanticSegmentationPredictor,
    SemanticSegmentationTrainer,
    SemanticSegmentationValidator,
)
from ultralytics.nn.weights.checkpoint import load_checkpoint

LOOK = {"imgsz": SIDE, "device": "cpu", "verbose": False}


def train(data: str, project: Path, **changes) -> YOLO:
    model = YOLO(str(Path(data).with_name("net-sem.yaml")))
    model.train(data=data, **{**run_settings(project, name="run"), **changes})
    return model


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> str:
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory, data) -> YOLO:
    return train(data, tmp_path_factory.mktemp("runs"), plots=True, save_period=1)


@pytest.fixture(scope="module")
def best(trained, tmp_path_factory) -> YOLO:
    """The same network with outputs that differ."""
    return YOLO(stirred_file(trained.trainer.best, tmp_path_factory.mktemp("best") / "best.pt"))


@pytest.fixture
def pictures(data) -> list[str]:
    return sorted(map(str, (Path(data).parent / "images" / "val").iterdir()))


# Every mode -----------------------------------------------------------------------------------------------------------


def test_training_writes_its_files(trained):
    trainer = trained.trainer
    assert trained.task == "semantic" and isinstance(trainer, SemanticSegmentationTrainer)
    header = (trainer.save_dir / "results.csv").read_text().splitlines()[0].split(",")
    losses = ["ce_loss", "dice_loss", "aux_loss"]
    assert [name for name in header if name.startswith("train/")] == [f"train/{loss}" for loss in losses]
    assert {"metrics/mIoU", "metrics/pixel_acc", *(f"val/{loss}" for loss in losses)} <= set(header)
    for name in ("train_batch0.jpg", "labels.jpg", "val_batch0_labels.jpg", "val_batch0_pred.jpg", "results.png",
                 "iou_bar_chart.png", "confusion_matrix.png", "confusion_matrix_normalized.png"):  # fmt: skip
        assert (trainer.save_dir / name).is_file(), name
    model, _ = load_checkpoint(trainer.best)
    assert model.names == NAMES and type(model).__name__ == "SemanticSegmentationModel"


def test_figures_are_those_of_the_masks_that_are_saved(best, data, tmp_path):
    metrics = best.val(data=data, **run_settings(tmp_path, name="v", save_json=True, plots=True, batch=3))
    found = [cv2.imread(str(tmp_path / "v" / "results" / f"{i}.png"), cv2.IMREAD_UNCHANGED) for i in range(4)]
    masks = [truth(data, i) for i in range(4)]
    overlaps = []
    for c in range(3):
        valid = [mask != 255 for mask in masks]
        both = sum(int(((p == c) & (m == c)).sum()) for p, m in zip(found, masks, strict=True))
        either = sum(int((((p == c) | (m == c)) & v).sum()) for p, m, v in zip(found, masks, valid, strict=True))
        overlaps.append(both / either)
    assert metrics.miou == pytest.approx(np.mean(overlaps)) and 0 < metrics.miou < 1
    assert metrics.per_class_iou == pytest.approx(overlaps)
    assert metrics.confusion_matrix.matrix.sum() == sum(int((m != 255).sum()) for m in masks)
    assert metrics.results_dict["fitness"] == metrics.results_dict["metrics/mIoU"] == metrics.miou
    assert set(metrics.speed) == {"preprocess", "inference", "loss", "postprocess"}
    assert len(metrics.confusion_matrix.summary()) == 3 and (tmp_path / "v" / "iou_bar_chart.png").is_file()


def test_table_has_a_row_for_every_class(best, data, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    best.val(data=data, **run_settings(tmp_path, verbose=True))
    lines = [line.split() for line in caplog.text.splitlines()]
    rows = {line[-5]: line[-4:] for line in lines if len(line) >= 5 and line[-5] in {"all", *NAMES.values()}}
    assert set(rows) == {"all", *NAMES.values()}
    assert int(rows["all"][0]) == 4 and int(rows["all"][1]) == sum(int(rows[name][1]) for name in NAMES.values())


def test_prediction(best, pictures, tmp_path):
    results = best(pictures, save=True, save_txt=True, project=str(tmp_path), name="p", **LOOK)
    assert isinstance(best.predictor, SemanticSegmentationPredictor) and len(results) == 4
    for result in results:
        classes = result.semantic_mask.data
        assert classes.shape == (SIDE, SIDE) and classes.dtype == torch.uint8 and len(result) == 1
        stem = Path(result.path).stem
        assert (tmp_path / "p" / f"{stem}.jpg").is_file()
        saved = cv2.imread(str(tmp_path / "p" / "labels" / f"{stem}.png"), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(saved, classes.numpy())
        rows = result.summary()
        assert sum(row["pixel_ratio"] for row in rows) == pytest.approx(1, abs=1e-4)
        assert {row["name"] for row in rows} <= set(NAMES.values())


def test_map_of_a_picture_that_is_not_square_has_its_size(best, pictures):
    """A picture and the same one with a border to make it square show the same classes."""
    picture = cv2.imread(pictures[0])[:32]
    square = cv2.copyMakeBorder(picture, 16, 16, 0, 0, cv2.BORDER_CONSTANT, value=(114, 114, 114))
    wide, tall = (best(p, rect=False, **LOOK)[0].semantic_mask.data for p in (picture, square))
    assert wide.shape == (32, SIDE) and torch.equal(wide, tall[16:48])


def test_classes_leaves_the_others_out(best, pictures):
    whole, part = (best(pictures[0], classes=c, **LOOK)[0] for c in (None, [1]))
    want = whole.semantic_mask.data.clone()
    want[want != 1] = 255
    assert torch.equal(part.semantic_mask.data, want)
    assert [row["class"] for row in part.summary()] in ([1], [])


def test_films(best, pictures, tmp_path):
    film = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (SIDE, SIDE))
    for file in pictures:
        film.write(cv2.imread(file))
    film.release()
    found = best(str(tmp_path / "a.avi"), save=True, stream=True, project=str(tmp_path), name="f", **LOOK)
    assert [result.semantic_mask.shape for result in found] == [(SIDE, SIDE)] * 4
    assert (tmp_path / "f" / "a.mp4").stat().st_size > 1000


@pytest.mark.parametrize(("fmt", "dynamic"), [("onnx", False), ("onnx", True), ("torchscript", False)])
def test_exported_files_agree(best, data, pictures, tmp_path, fmt, dynamic):
    file = best.export(format=fmt, dynamic=dynamic, imgsz=SIDE, device="cpu")
    exported = YOLO(file)
    assert exported.task == "semantic"
    size = 2 * SIDE if dynamic else SIDE
    seen = [cv2.resize(cv2.imread(file), (size, size)) for file in pictures]
    for ours, theirs in zip(*(m(seen, **{**LOOK, "imgsz": size}) for m in (best, exported)), strict=True):
        assert theirs.semantic_mask.data.dtype == torch.uint8
        assert (ours.semantic_mask.data != theirs.semantic_mask.data).float().mean() < 1e-3
    ours, theirs = (m.val(data=data, **run_settings(tmp_path, batch=1, rect=False)) for m in (best, exported))
    assert ours.results_dict == pytest.approx(theirs.results_dict, abs=1e-3)
    output = exported.predictor.model(torch.zeros(1, 3, SIDE, SIDE))
    assert output.shape == ((1, SIDE, SIDE) if fmt == "onnx" else (1, 3, SIDE, SIDE))


@pytest.mark.parametrize(("nc", "dtype"), [(1, torch.uint8), (3, torch.uint8), (300, torch.int32)])
def test_class_maps_of_exports(nc, dtype):
    class Logits(torch.nn.Module):
        def forward(self, x):
            return torch.linspace(-1, 1, nc).view(1, nc, 1, 1).expand(len(x), nc, 2, 2) + (nc == 1) * 2

    got = ClassMapModel(Logits())(torch.zeros(2, 3, 8, 8))
    assert got.dtype is dtype and got.unique().tolist() == [max(nc - 1, 1)] and got.shape == (2, 2, 2)


def test_suppression_is_refused(best):
    with pytest.raises(ValueError, match="predicts boxes; this one does 'semantic'"):
        best.export(format="onnx", nms=True, imgsz=SIDE)


# The run --------------------------------------------------------------------------------------------------------------


def test_class_weights_follow_the_pixels(trained):
    trainer = trained.trainer
    counts = trainer.get_class_counts()
    masks = [truth(trainer.args.data, i, "train") for i in range(8)]
    assert counts.tolist() == [sum(int((m == c).sum()) for m in masks) for c in range(3)]
    trainer.args.cls_pw = 0.5
    weights = trainer.compute_class_weights(np.array([100, 300, 600]))
    assert weights.tolist() == pytest.approx([2.9705, 1.8979, 1.4397], abs=1e-4)


def test_class_weights_reach_the_loss(data, tmp_path):
    model = train(data, tmp_path, cls_pw=1.0)
    want = model.trainer.compute_class_weights(model.trainer.get_class_counts())
    assert torch.allclose(model.trainer.model.class_weights, want) and len(want.unique()) == 3


# Data -----------------------------------------------------------------------------------------------------------------


def test_numbers_of_masks_are_mapped_and_mapped_back(best, tmp_path):
    data = write_data(tmp_path / "mapped", {0: 7, 1: 11, 2: 24}, label_mapping={7: 0, 11: 1, 24: 2, 0: None})
    plain = write_data(tmp_path / "plain")
    a, b = (best.val(data=d, **run_settings(tmp_path, name=n, save_json=True)) for d, n in ((data, "a"), (plain, "b")))
    assert a.results_dict == b.results_dict
    mapped, same = (cv2.imread(str(tmp_path / n / "results" / "0.png"), cv2.IMREAD_UNCHANGED) for n in ("a", "b"))
    assert np.array_equal(np.array([7, 11, 24], np.uint8)[same], mapped)


def test_saved_masks_have_the_size_and_the_place_of_their_picture(best, tmp_path):
    data = write_data(tmp_path / "wide", size_hw=(50, 90))
    inner = tmp_path / "wide" / "images" / "val" / "inner"
    inner.mkdir()
    (tmp_path / "wide" / "masks" / "val" / "inner").mkdir()
    for part in ("images", "masks"):
        (tmp_path / "wide" / part / "val" / "3.png").rename(tmp_path / "wide" / part / "val" / "inner" / "3.png")
    best.val(data=data, **run_settings(tmp_path, name="v", save_json=True))
    for name in ("0.png", "inner/3.png"):
        assert cv2.imread(str(tmp_path / "v" / "results" / name), cv2.IMREAD_UNCHANGED).shape == (50, 90)


def test_one_class(tmp_path):
    data = write_data(tmp_path / "one", {2: 1}, names={0: "thing"})
    model = train(data, tmp_path, plots=True, cls_pw=1.0)
    assert model.model.model[-1].nc == 1 and (model.trainer.save_dir / "confusion_matrix.png").is_file()
    metrics = model.val(data=data, **run_settings(tmp_path))
    assert len(metrics.per_class_iou) == 1 and metrics.confusion_matrix.labels() == ["background", "thing"]
    picture = str(tmp_path / "one" / "images" / "val" / "0.png")
    result = model(picture, classes=[0], **LOOK)[0]
    assert set(result.semantic_mask.data.unique().tolist()) <= {0, 1}
    assert all(row["name"] == "thing" for row in result.summary())


def test_classes_of_training_ignore_the_pixels_of_others(data, tmp_path):
    model = train(data, tmp_path, classes=[0, 1])
    assert model.trainer.get_class_counts()[2] == 0


def test_polygons_become_class_maps_with_a_background(tmp_path):
    data = Path(write_data(tmp_path / "set"))
    for split, count in (("train", 8), ("val", 4)):
        (data.parent / "labels" / split).mkdir(parents=True)
        for i in range(count):
            (data.parent / "labels" / split / f"{i}.txt").write_text("1 0.2 0.2 0.6 0.2 0.6 0.6 0.2 0.6\n")
    content = yaml.safe_load(data.read_text())
    content.pop("masks_dir")
    data.write_text(yaml.safe_dump({**content, "names": {0: "box", 1: "disc"}}))
    model = train(str(data), tmp_path)
    assert model.names == {0: "box", 1: "disc", 2: "background"} and model.model.model[-1].nc == 3
    metrics = model.val(data=str(data), **run_settings(tmp_path))
    assert metrics.nt_per_image.tolist() == [0, 4, 4]


@pytest.mark.parametrize("mode", ["train", "val"])
def test_single_cls_is_refused(data, best, tmp_path, mode):
    with pytest.raises(NotImplementedError, match="single_cls"):
        getattr(best, mode)(data=data, single_cls=True, **run_settings(tmp_path))


def test_data_of_more_classes_than_the_model_is_told(best, data, tmp_path, caplog):
    other = write_data(tmp_path / "more", names={**NAMES, 3: "fourth"})
    best.val(data=other, **run_settings(tmp_path))
    assert "has 4 classes, the model 3; pixels of the others are left out" in caplog.text


def test_an_output_of_more_classes_than_names_is_refused():
    from ultralytics.models.yolo.semantic.stages import check_output, pixel_values

    with pytest.raises(ValueError, match="finds class 3, but it names 3 classes"):
        check_output(torch.zeros(1, 4, 2, 2), NAMES, "a.onnx")
    with pytest.raises(ValueError, match="finds class 9"):
        check_output(torch.full((1, 2, 2), 9, dtype=torch.uint8), NAMES, "a.onnx")
    with pytest.raises(ValueError, match="not one for semantic segmentation"):
        pixel_values(torch.zeros(1, 84))


def test_classifier_rows_are_taken_over_by_name():
    from ultralytics.nn.models import SemanticSegmentationModel

    old, new = (SemanticSegmentationModel("yolov8n-sem.yaml", nc=nc, verbose=False) for nc in (3, 4))
    old.names, new.names = dict(enumerate(["road", "sky", "car"])), dict(enumerate(["sky", "tree", "car", "road"]))
    fresh = new.model[-1].classifier[1].weight[1].clone()
    new.load(old, verbose=False)
    for name in ("classifier", "aux_head"):
        theirs, ours = (getattr(net.model[-1], name)[1].weight for net in (old, new))
        assert torch.equal(ours[[0, 2, 3]], theirs[[1, 2, 0]])
    assert torch.equal(new.model[-1].classifier[1].weight[1], fresh)


def test_names_are_offered():
    assert SemanticSegmentationValidator().get_desc().split() == ["Class", "Images", "Pixels", "mIoU", "PixAcc"]
    from ultralytics.nn.tasks import SemanticSegmentationModel
    from ultralytics.utils.loss import SemanticSegmentationLoss
    from ultralytics.utils.metrics import CITYSCAPES_WEIGHT, SemanticMetrics

    assert all((SemanticSegmentationModel, SemanticSegmentationLoss, SemanticMetrics, len(CITYSCAPES_WEIGHT) == 19))
