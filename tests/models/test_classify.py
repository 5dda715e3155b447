"""Classification in every mode, on pictures whose colour is their class."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from class_helpers import COLORS, make_classes, make_set
from PIL import Image
from torch import nn
from train_helpers import weights_of

from ultralytics import YOLO
from ultralytics.cfg.cli import main as cli
from ultralytics.data.augment import classify_transforms
from ultralytics.engine.task import Frame, SelectOptions
from ultralytics.models.yolo.classify import ClassificationPredictor, ClassificationTrainer, ClassificationValidator
from ultralytics.models.yolo.classify.stages import best_guesses
from ultralytics.models.yolo.classify.task import CLASSIFY
from ultralytics.models.yolo.classify.val import shared_names
from ultralytics.nn.loss.classify import v8ClassificationLoss
from ultralytics.nn.weights.checkpoint import load_checkpoint
from ultralytics.solutions import quickstart

NETWORK = """
nc: 3
scales: {n: [1.0, 1.0, 64]}
backbone:
  - [-1, 1, Conv, [8, 3, 2]]
  - [-1, 1, %s, [16, 3, 2]]
head:
  - [-1, 1, Classify, [nc]]
"""
RUN = {
    "imgsz": 32,
    "batch": 6,
    "workers": 0,
    "device": "cpu",
    "plots": False,
    "optimizer": "AdamW",
    "lr0": 0.02,
    "nbs": 6,
}


@pytest.fixture(scope="module")
def pets(tmp_path_factory) -> Path:
    return make_set(tmp_path_factory.mktemp("data") / "pets", train=8, val=4)


def network(folder: Path, block: str = "Conv") -> str:
    file = folder / f"tiny{block.lower()}-cls.yaml"
    file.write_text(NETWORK % block)
    return str(file)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, pets) -> YOLO:
    """A model with a dynamic convolution, trained for a few seconds."""
    folder = tmp_path_factory.mktemp("runs")
    model = YOLO(network(folder, "DynamicConv"))
    model.train(data=str(pets), epochs=6, auto_augment=None, project=str(folder), name="run", **{**RUN, "plots": True})
    return model


@pytest.fixture
def picture() -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 60, (40, 70, 3), dtype=np.uint8)
    noise[..., 1] = 220
    return noise


# Stages and bundle ----------------------------------------------------------------------------------------------------


def test_stages():
    probabilities = torch.tensor([[0.1, 0.6, 0.3], [0.4, 0.4, 0.2]])
    assert CLASSIFY.select((probabilities, "logits"), SelectOptions()) is probabilities
    assert best_guesses(probabilities).tolist() == [[1, 2, 0], [0, 1, 2]]
    frame = Frame(np.zeros((4, 4, 3), np.uint8), "a.jpg", (32, 32), {0: "a", 1: "b", 2: "c"})
    result = CLASSIFY.finish(probabilities[0], frame)
    assert result.probs.top1 == 1 and result.verbose() == "b 0.60, c 0.30, a 0.10, "
    assert CLASSIFY.info.imgsz == 224


def test_loss_is_the_mean_over_all_processes():
    logits, classes = torch.randn(5, 3, requires_grad=True), torch.tensor([0, 1, 2, 1, 0])
    loss, items = v8ClassificationLoss()(logits, {"cls": classes})
    assert loss.item() == pytest.approx(nn.functional.cross_entropy(logits, classes).item())
    parts = [v8ClassificationLoss()(logits[s], {"cls": classes[s], "joined": 5})[0] for s in (slice(2), slice(2, 5))]
    assert sum(parts).item() == pytest.approx(loss.item())
    assert items["loss"].requires_grad is False


# Training -------------------------------------------------------------------------------------------------------------


def test_training_on_mixed_pictures_can_be_repeated(tmp_path, pets):
    options = {"epochs": 1, "mixup": 0.5, "cutmix": 0.5, "cls_smoothing": 0.1, "cls_bce": True, "exist_ok": True}
    ends, kinds = [], set()
    for name in ("a", "b"):
        model = YOLO(network(tmp_path, "Conv"))
        model.add_callback("on_train_batch_end", lambda t: kinds.add("mixed" in t.batch))
        model.train(data=str(pets), project=str(tmp_path), name=name, **{**RUN, **options})
        ends.append(weights_of(model.trainer.model))
        assert model.trainer.model.criterion.binary
    assert kinds == {True}
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])


def test_training_learns_and_writes_its_files(trained, pets):
    assert trained.metrics.top1 >= 0.9 and trained.task == "classify"
    assert trained.names == dict(enumerate(sorted(COLORS)))
    folder = trained.trainer.save_dir
    files = {path.name for path in folder.iterdir()}
    pictures = {"train_batch0.jpg", "val_batch0_labels.jpg", "val_batch0_pred.jpg", "results.png"}
    assert pictures | {"args.yaml", "results.csv", "confusion_matrix.png", "weights"} <= files
    assert "labels.jpg" not in files
    header, *rows = (folder / "results.csv").read_text().splitlines()
    columns = ["epoch", "time", "train/loss", "metrics/accuracy_top1", "metrics/accuracy_top5", "val/loss"]
    assert header.split(",")[:6] == columns and len(rows) == 6
    assert trained.trainer.args.imgsz == 32 and trained.model.args["task"] == "classify"


def test_checkpoint_keeps_the_transforms(trained):
    model, _ = load_checkpoint(trained.trainer.best)
    assert str(model.transforms) == str(classify_transforms(32)) and str(trained.transforms) == str(model.transforms)
    assert model.yaml["nc"] == 3 and len(model.names) == 3
    assert "transforms" not in dict(model.named_children()), "it is no layer"


def test_default_size_is_224(tmp_path, pets, monkeypatch):
    trainer = ClassificationTrainer(overrides={"model": network(tmp_path), "data": str(pets), "project": str(tmp_path)})
    assert trainer.args.imgsz == 224 and trainer.args.task == "classify"
    trainer._release()
    assert ClassificationValidator(args={"data": str(pets)}).args.imgsz == 224
    assert ClassificationPredictor(overrides={"project": str(tmp_path)}).args.imgsz == 224
    model = YOLO(network(tmp_path))
    assert model.model.args["imgsz"] == 224
    assert model._merge({}, {}, "val")["imgsz"] == 224 and model._merge({}, {"imgsz": 64}, "val")["imgsz"] == 64


def test_head_follows_the_data_and_dropout_the_argument(tmp_path, pets, trained):
    start = weights_of(trained.model)
    make_classes(tmp_path / "two" / "train", {"cat": 4, "dog": 4})
    make_classes(tmp_path / "two" / "val", {"cat": 2, "dog": 2})
    changes = {"data": str(tmp_path / "two"), "epochs": 1, "dropout": 0.25, "project": str(tmp_path)}
    trainer = ClassificationTrainer(overrides={**RUN, "model": str(trained.trainer.best), **changes})
    trainer.setup_model()
    head = trainer.model.model[-1]
    assert head.linear.out_features == 2 and head.drop.p == 0.25
    assert torch.allclose(head.conv.conv.weight, start["model.2.conv.conv.weight"].float(), atol=1e-2)
    trainer._release()


def test_resumed_run_ends_like_one_that_never_stopped(tmp_path, pets):
    def run(name, **changes):
        trainer = ClassificationTrainer(
            overrides={**RUN, "model": network(tmp_path), "data": str(pets), "epochs": 3, "project": str(tmp_path),
                       "name": name, "val": False, **changes}
        )  # fmt: skip
        return trainer

    whole = run("whole")
    whole.train()

    class Killed(Exception):
        pass

    def kill(trainer):
        if trainer.epoch == 1:
            raise Killed

    part = run("part")
    part.add_callback("on_train_epoch_start", kill)
    with pytest.raises(Killed):
        part.train()
    resumed = ClassificationTrainer(overrides={"resume": str(part.last), "model": str(part.last)})
    resumed.train()
    first, second = (load_checkpoint(trainer.last)[0].state_dict() for trainer in (whole, resumed))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert resumed.args.imgsz == 32


def test_shared_batch_sizes(tmp_path, pets):
    """What every process divides its loss by: 24 pictures in batches of 2 x 5."""
    trainer = ClassificationTrainer(
        overrides={**RUN, "model": network(tmp_path), "data": str(pets), "project": str(tmp_path)}
    )
    trainer.setup_model()
    trainer.world_size = 2
    trainer.train_loader = trainer.get_dataloader(trainer.data["train"], 5, rank=-1)
    sampler = trainer.train_loader.batch_sampler
    sampler.__init__(sampler.dataset, 5, rank=0, world=2)
    sizes = []
    for i in range(len(trainer.train_loader)):
        trainer.iteration = i
        sizes.append(trainer.joined_size(5))
    assert sizes == [10, 10, 4]
    trainer.train_loader = [None]
    assert trainer.joined_size(5) == 10
    trainer.world_size = 1
    trainer._release()


def test_torchvision_names_are_refused(tmp_path, pets):
    trainer = ClassificationTrainer(overrides={**RUN, "model": "resnet18", "data": str(pets), "project": str(tmp_path)})
    with pytest.raises(NotImplementedError, match="yolov8-cls-resnet50"):
        trainer.setup_model()
    trainer._release()


# Validation -----------------------------------------------------------------------------------------------------------


def test_validation(trained, pets, tmp_path):
    metrics = trained.val(data=str(pets), project=str(tmp_path), name="v", **{**RUN, "plots": True})
    assert metrics.top1 == trained.metrics.top1 and set(metrics.results_dict) == {
        "metrics/accuracy_top1", "metrics/accuracy_top5", "fitness"
    }  # fmt: skip
    matrix = metrics.confusion_matrix.matrix
    assert matrix.shape == (3, 3) and matrix.sum() == 12
    assert matrix.diagonal().sum() == round(12 * metrics.top1)
    assert (tmp_path / "v" / "val_batch0_pred.jpg").is_file() and json.loads(metrics.to_json())


def test_classes_are_compared_by_name(trained, tmp_path, caplog, monkeypatch):
    """A set that lacks a class of the model; by position all its pictures would be wrong."""
    monkeypatch.setattr(logging.getLogger("ultralytics"), "propagate", True)
    make_classes(tmp_path / "some" / "val", {"green": 3, "red": 3})
    metrics = trained.val(data=str(tmp_path / "some"), project=str(tmp_path), **RUN)
    assert metrics.top1 >= 0.9 and "no pictures of blue" in caplog.text
    make_classes(tmp_path / "some" / "val", {"violet": 1})
    with pytest.raises(ValueError, match="classes that the model does not know: violet"):
        trained.val(data=str(tmp_path / "some"), project=str(tmp_path), **RUN)


def test_names_in_common():
    model = {0: "cat", 1: "dog", 2: "eel"}
    assert shared_names(model, {0: "dog", 1: "eel"}, "x") == model
    assert shared_names(model, {0: "n01", 1: "n02", 2: "n03"}, "x") == {0: "n01", 1: "n02", 2: "n03"}
    assert shared_names(model, {0: "n01"}, "x") == {0: "n01"}
    for data in ({0: "cat", 1: "ant"}, dict(enumerate("abcd"))):
        with pytest.raises(ValueError, match="does not know"):
            shared_names(model, data, "x")


# Prediction -----------------------------------------------------------------------------------------------------------


def test_prediction_of_every_kind_of_source(trained, picture, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    options = {"verbose": False, "device": "cpu"}
    array = trained(picture, **options)[0]
    assert array.names[array.probs.top1] == "green" and array.probs.data.sum().item() == pytest.approx(1, abs=1e-5)
    for source in (str(tmp_path / "a.png"), Image.fromarray(picture[..., ::-1].copy()), [picture, picture]):
        for result in trained(source, **options):
            assert torch.allclose(result.probs.data, array.probs.data, atol=1e-6)
    tensor = classify_transforms(32)(Image.fromarray(picture[..., ::-1].copy()))[None]
    assert torch.allclose(trained(tensor, **options)[0].probs.data, array.probs.data, atol=1e-6)
    assert trained(picture, imgsz=64, **options)[0].probs.data.shape == (3,)
    assert len(trained.embed(picture, **options)[0]) == 16


def test_outputs(trained, picture, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    result = trained(
        str(tmp_path / "a.png"), save=True, save_txt=True, project=str(tmp_path), name="p", verbose=False, device="cpu"
    )[0]
    assert (tmp_path / "p" / "a.jpg").is_file()
    rows = (tmp_path / "p" / "labels" / "a.txt").read_text().splitlines()
    assert len(rows) == 3 and rows[0].split()[1] == "green"
    assert result.summary()[0]["name"] == "green" and len(result.probs.top5) == 3
    assert (result.plot() != picture).any()


def test_stored_transforms_of_older_files_are_not_used(trained, picture):
    class Legacy:
        transforms = ("no function",)

    expected = trained(picture, verbose=False, device="cpu")[0].probs.data
    keep = trained.model.transforms
    for stored in (Legacy(), None, classify_transforms(64)):
        trained.model.__dict__["transforms"] = stored
        trained.predictor = None
        assert torch.allclose(trained(picture, verbose=False, device="cpu")[0].probs.data, expected, atol=1e-6)
    trained.model.__dict__["transforms"] = keep
    trained.predictor = None


# Export ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["onnx", "torchscript"])
@pytest.mark.parametrize("dynamic", [False, True])
def test_exports_agree(trained, pets, picture, tmp_path, form, dynamic):
    path = trained.export(format=form, dynamic=dynamic, imgsz=32, device="cpu")
    exported = YOLO(path)
    assert exported.task == "classify", "said by the file itself"
    options = {"imgsz": 32, "verbose": False, "device": "cpu"}
    for ours, theirs in zip(trained([picture] * 3, **options), exported([picture] * 3, **options), strict=True):
        assert torch.allclose(ours.probs.data, theirs.probs.data, atol=1e-4)
    metrics = exported.val(data=str(pets), project=str(tmp_path), **RUN)
    assert metrics.top1 == trained.metrics.top1


def test_boxes_have_no_place_in_a_classifier(trained):
    with pytest.raises(AssertionError, match="predicts boxes"):
        trained.export(format="onnx", nms=True, imgsz=32)


# Command line and quickstart ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", ["Conv", "DynamicBnAct"])
def test_command_line(tmp_path, pets, monkeypatch, block):
    monkeypatch.chdir(tmp_path)
    run = [f"{key}={value}" for key, value in RUN.items()]
    cli(
        [
            "classify",
            "train",
            f"model={network(tmp_path, block)}",
            f"data={pets}",
            "epochs=1",
            f"project={tmp_path}",
            *run,
        ]
    )
    best = tmp_path / "train" / "weights" / "best.pt"
    cli(["val", f"model={best}", f"data={pets}", f"project={tmp_path}", *run])
    cli(["predict", f"model={best}", f"source={pets / 'val' / 'red'}", f"project={tmp_path}", "device=cpu"])
    assert len(list((tmp_path / "predict").glob("*.jpg"))) == 4


def test_comparison_of_the_quickstart(trained, picture):
    results = trained([picture, picture[::-1]], verbose=False, device="cpu")
    same = quickstart.class_agreement(results, results)
    assert same.ok and same.compared and same.conf == 0 and "2 pictures, 0 classes differ" in same.cells[0]
    other = trained([picture, np.full_like(picture, (0, 0, 255))], verbose=False, device="cpu")
    apart = quickstart.class_agreement(results, other)
    assert not apart.ok and apart.different == 1 and "1 of 2 classes differ" in apart.problem
    assert quickstart.DATA["classify"] == "shapes-cls"


@pytest.mark.slow
def test_quickstart(tmp_path):
    figures = quickstart.main(
        {"task": "classify", "epochs": 1, "imgsz": 32, "project": str(tmp_path), "workers": 0, "device": "cpu"}
    )
    assert figures["agreement"].ok and 0 <= figures["metrics/accuracy_top1"] <= 1
