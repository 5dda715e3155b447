"""Pictures of other than three channels through every mode: training, validation, prediction, export, drawing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml

from train_helpers import NETWORK  # isort: skip

from ultralytics import YOLO
from ultralytics.cfg import get_cfg
from ultralytics.data.dataset import YOLODataset
from ultralytics.data.images.io import UnreadableImageError
from ultralytics.engine.train.autobatch import random_batch
from ultralytics.nn.cost.flops import input_channels
from ultralytics.nn.models import ClassificationModel, DetectionModel
from ultralytics.utils.log import warn_once

ROWS = {
    "detect": "0 0.5 0.5 0.25 0.25",
    "segment": "0 0.4 0.4 0.6 0.4 0.6 0.6 0.4 0.6",
    "obb": "0 0.4 0.4 0.6 0.4 0.6 0.6 0.4 0.6",
    "pose": "0 0.5 0.5 0.25 0.25 0.45 0.45 2 0.55 0.55 2",
}
HEADS = {
    "detect": "Detect, [nc]",
    "segment": "Segment, [nc, 8, 16]",
    "pose": "Pose, [nc, kpt_shape]",
    "obb": "OBB, [nc, 1]",
}


def picture(seed: int, channels: int, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    array = rng.integers(0, 60, (*size, channels), dtype=np.uint8)
    array[size[0] // 3 : size[0] // 2, size[1] // 3 : size[1] // 2] = 200
    return array


def write(path: Path, array: np.ndarray) -> None:
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix == ".tiff":
        cv2.imwritemulti(str(path), [np.ascontiguousarray(array[..., i]) for i in range(array.shape[2])])
    else:
        cv2.imwrite(str(path), array)


def make_set(root: Path, channels: int, suffixes: tuple[str, ...], task: str = "detect", count: int = 4) -> Path:
    for split in ("train", "val"):
        for part in ("images", "labels"):
            (root / part / split).mkdir(parents=True)
        for i in range(count):
            write(root / "images" / split / f"{i}.{suffixes[i % len(suffixes)]}", picture(i, channels))
            (root / "labels" / split / f"{i}.txt").write_text(ROWS[task] + "\n")
    points = "kpt_shape: [2, 3]\nflip_idx: [0, 1]\n" if task == "pose" else ""
    text = f"path: {root}\ntrain: images/train\nval: images/val\nnames: [a]\nchannels: {channels}\n{points}"
    (root / "data.yaml").write_text(text)
    (root / "net.yaml").write_text(NETWORK.replace("Detect, [nc]", HEADS[task]) + points)
    return root / "data.yaml"


def arguments(data: Path, root: Path, **more):
    fixed = {"imgsz": 64, "epochs": 1, "batch": 2, "workers": 0, "device": "cpu", "verbose": False, "optimizer": "SGD"}
    return {**fixed, "data": str(data), "project": str(root / "runs"), **more}


def test_ten_channels_from_training_to_an_export(tmp_path, capsys):
    pytest.importorskip("onnxruntime")
    data = make_set(tmp_path / "set", 10, ("tiff", "npy"))
    folder = tmp_path / "set" / "images" / "val"
    model = YOLO(tmp_path / "set" / "net.yaml")
    mixing = {"mixup": 0.5, "cutmix": 0.5, "degrees": 10.0, "plots": True}
    model.train(**arguments(data, tmp_path, **mixing))
    assert input_channels(model.model) == 10 and (tmp_path / "runs" / "train" / "train_batch0.jpg").is_file()
    model.val(**arguments(data, tmp_path))
    writing = {"save": True, "save_txt": True, "save_crop": True, "visualize": True}
    results = model.predict(folder, imgsz=64, conf=1e-6, project=str(tmp_path / "runs"), **writing)
    assert [r.orig_img.shape for r in results] == [(48, 64, 10)] * 4 and len(results[0])
    assert results[0].plot().shape == (48, 64, 3)
    written = tmp_path / "runs" / "predict"
    assert len(list(written.glob("?.jpg"))) == 4 and len(list(written.glob("*_cam.jpg"))) == 4
    assert list((written / "crops").rglob("*.jpg"))
    array = picture(0, 10)
    same = model.predict(array.astype(np.uint16) * 257, imgsz=64, conf=1e-6, verbose=False)[0]
    assert torch.equal(same.boxes.data, results[0].boxes.data)
    assert len(model(torch.zeros(2, 10, 64, 64), verbose=False)) == 2
    with pytest.raises(ValueError, match="has 3 channels, but the model takes 10"):
        model.predict(array[..., :3], imgsz=64)
    for form in ("onnx", "torchscript"):
        exported = YOLO(model.export(format=form, imgsz=64), task="detect")
        assert len(exported.predict(folder, imgsz=64, verbose=False)) == 4
        runtime, image = exported.predictor.model, torch.rand(1, 10, 64, 64)
        assert runtime.channels == 10
        torch.testing.assert_close(runtime(image), model.predictor.model(image)[0], rtol=1e-3, atol=1e-3)
        exported.val(**arguments(data, tmp_path))


@pytest.mark.parametrize(
    ("task", "channels", "suffix"),
    [
        ("segment", 10, "tiff"),
        ("detect", 4, "png"),
        pytest.param("pose", 4, "npy", marks=pytest.mark.slow),
        pytest.param("obb", 10, "npy", marks=pytest.mark.slow),
        pytest.param("detect", 1, "png", marks=pytest.mark.slow),
    ],
)
def test_tasks_and_numbers_of_channels(tmp_path, task, channels, suffix):
    data = make_set(tmp_path / "set", channels, (suffix,), task)
    model = YOLO(tmp_path / "set" / "net.yaml", task=task)
    model.train(**arguments(data, tmp_path, plots=True, degrees=10.0, copy_paste=0.5))
    assert input_channels(model.model) == channels
    results = model.predict(tmp_path / "set" / "images" / "val", imgsz=64, conf=1e-6, verbose=False)
    assert [r.orig_img.shape for r in results] == [(48, 64, channels)] * 4
    assert results[0].plot().shape == (48, 64, 3)
    results[0].save_crop(tmp_path / "crops")
    assert len(list((tmp_path / "crops").rglob("*.jpg"))) == len(results[0])


@pytest.mark.parametrize("cache", ["ram", "disk"])
def test_caches(tmp_path, cache):
    make_set(tmp_path, 10, ("tiff", "npy"))
    data = {"names": {0: "a"}, "channels": 10}
    args = get_cfg(overrides={"imgsz": 64})
    plain, cached = (
        YOLODataset(str(tmp_path / "images" / "train"), imgsz=64, augment=False, hyp=args, data=data, cache=kind)
        for kind in (False, cache)
    )
    assert len(plain) == len(cached) == 4
    for i in range(4):
        assert torch.equal(plain[i]["img"], cached[i]["img"]) and plain[i]["img"].shape == (10, 64, 64)
    again = YOLODataset(str(tmp_path / "images" / "train"), imgsz=64, augment=False, hyp=args, data=data)
    assert len(again) == 4, "arrays of the cache are no pictures"


def test_a_cache_of_colour_is_not_taken_for_grey(tmp_path):
    make_set(tmp_path, 3, ("png",))
    args = get_cfg(overrides={"imgsz": 64})
    for channels in (3, 1, 3):
        data = {"names": {0: "a"}, "channels": channels}
        folder = str(tmp_path / "images" / "train")
        dataset = YOLODataset(folder, imgsz=64, augment=False, hyp=args, data=data, cache="disk")
        assert dataset[0]["img"].shape == (channels, 64, 64)


def test_pictures_without_the_channels_are_found_at_the_scan(tmp_path):
    make_set(tmp_path, 10, ("npy",))
    write(tmp_path / "images" / "train" / "0.npy", picture(0, 9))
    args, data = get_cfg(overrides={"imgsz": 64}), {"names": {0: "a"}, "channels": 10}
    dataset = YOLODataset(str(tmp_path / "images" / "train"), imgsz=64, hyp=args, data=data)
    assert len(dataset) == 3 and "has 9 channels, but the model takes 10" in str(dataset.findings[0])


def test_augmentations_of_colour_are_left_out_and_said(tmp_path, capsys):
    albumentations = pytest.importorskip("albumentations")
    warn_once.cache_clear()
    make_set(tmp_path, 10, ("npy",))
    overrides = {"imgsz": 64, "augmentations": [albumentations.Blur(p=1.0)], "hsv_h": 0.5, "bgr": 1.0}
    data = {"names": {0: "a"}, "channels": 10}
    dataset = YOLODataset(str(tmp_path / "images" / "train"), imgsz=64, hyp=get_cfg(overrides=overrides), data=data)
    assert [dataset[i]["img"].shape for i in range(4)] == [(10, 64, 64)] * 4
    assert capsys.readouterr().out.count("take 3 channels, the pictures have 10") == 1


# Classifiers ----------------------------------------------------------------------------------------------------------


def class_folders(root: Path, channels: int, suffix: str) -> Path:
    for split in ("train", "val"):
        for i, name in enumerate("ab"):
            (root / split / name).mkdir(parents=True)
            for k in range(3):
                write(root / split / name / f"{k}.{suffix}", picture(7 * i + k, channels))
    return root


CLASSIFIER = {"nc": 2, "backbone": [[-1, 1, "Conv", [8, 3, 2]], [-1, 1, "Conv", [16, 3, 2]]]}


@pytest.mark.parametrize(
    ("channels", "suffix", "said_by", "cache"),
    [
        (10, "npy", "data", False),
        (1, "png", "model", "disk"),
        pytest.param(10, "tiff", "model", "ram", marks=pytest.mark.slow),
        pytest.param(4, "png", "data", False, marks=pytest.mark.slow),
    ],
)
def test_classifiers(tmp_path, channels, suffix, said_by, cache):
    root = class_folders(tmp_path / "set", channels, suffix)
    content = {**CLASSIFIER, "head": [[-1, 1, "Classify", ["nc"]]]}
    if said_by == "model":
        content["channels"] = channels
        data = root
    else:
        data = tmp_path / "data.yaml"
        data.write_text(f"path: {root}\nchannels: {channels}\n")
    (tmp_path / "net-cls.yaml").write_text(yaml.safe_dump(content))
    model = YOLO(tmp_path / "net-cls.yaml")
    model.train(**arguments(data, tmp_path, plots=True, cache=cache, erasing=0.5))
    assert input_channels(model.model) == channels
    model.val(**arguments(data, tmp_path))
    results = model.predict(root / "val" / "a", imgsz=64, verbose=False)
    assert [r.orig_img.shape for r in results] == [(48, 64, channels)] * 3 and results[0].plot().shape == (48, 64, 3)
    assert len(model.predict(root / "val" / "a", imgsz=(64, 96), verbose=False)) == 3


def test_classifiers_see_the_same_in_prediction_and_validation(tmp_path):
    from ultralytics.data.classify import ClassificationDataset
    from ultralytics.models.yolo.classify.predict import ClassificationPredictor

    root = class_folders(tmp_path / "set", 10, "npy")
    args = get_cfg(overrides={"imgsz": 32, "task": "classify"})
    dataset = ClassificationDataset(root / "val", args, channels=10)
    predictor = ClassificationPredictor(overrides={"imgsz": 32})
    predictor.model, predictor.imgsz = type("Runtime", (), {"channels": 10}), [32, 32]
    for sample in (dataset[0], dataset[4]):
        (image,) = predictor.pre_transform([np.load(sample["im_file"])])
        assert torch.equal(image, sample["img"]) and image.shape == (10, 32, 32) and image.dtype == torch.uint8


# Who says how many ----------------------------------------------------------------------------------------------------


def test_the_model_yaml_says_where_no_data_set_does(tmp_path, capsys):
    content = yaml.safe_load(NETWORK)
    (tmp_path / "net.yaml").write_text(yaml.safe_dump({**content, "channels": 10}))
    assert input_channels(YOLO(tmp_path / "net.yaml").model) == 10
    assert input_channels(DetectionModel({**content, "channels": 10}, ch=4, verbose=False)) == 4
    assert "Overriding model.yaml channels=10 with channels=4" in capsys.readouterr().out
    plain = {**CLASSIFIER, "head": [[-1, 1, "Classify", ["nc"]]]}
    assert input_channels(ClassificationModel({**plain, "channels": 10}, ch=3, verbose=False)) == 10
    assert input_channels(ClassificationModel(plain, ch=4, verbose=False)) == 4


def test_batches_that_measure_memory_have_the_channels():
    assert random_batch(2, 32, 1, torch.device("cpu"), 10)["img"].shape == (2, 10, 32, 32)


def test_one_unusable_picture_of_many_bands(tmp_path, capsys):
    make_set(tmp_path, 10, ("npy",))
    write(tmp_path / "images" / "val" / "1.npy", picture(0, 3))
    (tmp_path / "images" / "val" / "2.npy").write_bytes(b"")
    (tmp_path / "net.yaml").write_text(NETWORK + "channels: 10\n")
    results = YOLO(tmp_path / "net.yaml").predict(tmp_path / "images" / "val", imgsz=64, verbose=False)
    assert [Path(r.path).name for r in results] == ["0.npy", "3.npy"]
    out = capsys.readouterr().out
    assert "1.npy: has 3 channels" in out and "2.npy" in out
    with pytest.raises(UnreadableImageError):
        from ultralytics.data.images.io import imread

        imread(tmp_path / "images" / "val" / "2.npy", 10)
