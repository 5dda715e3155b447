"""What overrides of the methods of predictors, exporter and model change."""

from __future__ import annotations

import functools
import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from override_cases import POINTS, TASKS, covers, prepare, without_training
from shape_helpers import run_settings

from ultralytics import YOLO
from ultralytics.engine.exporter import Exporter
from ultralytics.models.yolo.classify import ClassificationPredictor
from ultralytics.models.yolo.detect import DetectionPredictor, DetectionValidator
from ultralytics.nn.backends import FORMATS


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Return a function: task -> data set and checkpoint of a network that finds many things."""
    return functools.cache(lambda task: prepare(tmp_path_factory.mktemp(task), task))


# Predictor ------------------------------------------------------------------------------------------------------------


@covers(
    "Predictor", "__init__ setup_model setup_source pre_transform preprocess inference postprocess construct_results"
)
@covers("Predictor", "construct_result write_results save_predicted_images show stream_inference __call__ predict_cli")
@covers("Predictor", "run_callbacks add_callback")
@pytest.mark.parametrize("task", TASKS)
def test_steps_of_prediction(prepared, task, tmp_path, monkeypatch, caplog):
    base = YOLO("yolov8n.yaml").task_map[task]["predictor"]

    class Mine(base):
        done = ()

        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.add_callback("on_predict_start", lambda p: None)

        def __call__(self, source=None, model=None, stream=False):
            return super().__call__(source, model, stream)[:1]

        def stream_inference(self, source=None, model=None):
            for result in super().stream_inference(source, model):
                result.streamed = True
                yield result

        def setup_model(self, model, verbose=True):
            super().setup_model(model, verbose)
            self.model.mine = True

        def setup_source(self, source, stride=None):
            super().setup_source(source, stride)
            self.imgsz = [32, 32]

        def pre_transform(self, im):
            assert self.model.mine
            return [np.full((32, 64, 3), 200, np.uint8) for _ in im]

        def preprocess(self, im):
            tensor = super().preprocess(im)
            assert tensor.shape[2:] == (32, 64) and tensor.max() == tensor.min()
            return tensor / 2

        def inference(self, im, *args, **kwargs):
            assert float(im.max()) == pytest.approx(100 / 255, abs=1e-3)
            self.done += ("inferred",)
            return super().inference(im, *args, **kwargs)

        def postprocess(self, preds, img, orig_imgs, **kwargs):
            assert self.done[-1] == "inferred"
            return super().postprocess(preds, img, orig_imgs, **kwargs)

        def construct_results(self, preds, img, orig_imgs, **kwargs):
            assert all(pred.shape[1] >= 6 for pred in preds)
            assert "protos" not in kwargs or kwargs["protos"].ndim == 4
            return super().construct_results([pred[:2] for pred in preds], img, orig_imgs, **kwargs)

        def construct_result(self, pred, img, orig_img, img_path, *proto):
            result = super().construct_result(pred, img, orig_img, img_path, *proto)
            result.names = dict.fromkeys(result.names, "mine")
            return result

        def write_results(self, i, p, im, s):
            super().write_results(i, p, im, s)
            return "MY LINE"

        def save_predicted_images(self, save_path, frame=0):
            Path(save_path).write_text("mine")

        def show(self, p=""):
            self.done += (f"show {Path(p).name}",)

        def run_callbacks(self, event):
            self.done += (event,)

    weights = prepared(task)[1]
    picture = tmp_path / "one.png"
    cv2.imwrite(str(picture), np.full((48, 64, 3), 90, np.uint8))
    before = picture.read_bytes()
    options = {"imgsz": 64, "device": "cpu", "project": str(tmp_path), "name": "p", "conf": 0.001, "save": True}
    mine = Mine(overrides={**options, "show": True, "model": weights})
    found = YOLO(weights).predict([str(picture)] * 2, predictor=mine)
    assert len(found) == 1 and found[0].streamed and len(found[0]) <= 2 and found[0].names[0] == "mine"
    assert "MY LINE" in caplog.text and {"show one.png", "on_predict_start", "on_predict_end"} <= set(mine.done)
    assert (tmp_path / "p" / "one.png").read_text() == "mine" and picture.read_bytes() == before, "the source stays"
    calls = []
    monkeypatch.setattr(Mine, "stream_inference", lambda self, *args: iter(calls.append(args) or [1, 2]))
    assert mine.predict_cli("a", "b") is None and calls == [("a", "b")]


def test_classification_takes_pictures_from_pre_transform():
    class Mine(ClassificationPredictor):
        def pre_transform(self, im):
            return [np.full((32, 32, 3), (200, 0, 0), np.uint8) for _ in im]  # blue, BGR

        def inference(self, im, *args, **kwargs):
            assert im[0, :, 0, 0].tolist() == pytest.approx([0, 0, 200 / 255])
            return super().inference(im, *args, **kwargs)

    mine = Mine(overrides={"imgsz": 32, "device": "cpu", "verbose": False, "save": False})
    assert mine(np.zeros((40, 40, 3), np.uint8), YOLO("yolov8n-cls.yaml").model)[0].probs is not None


# Exporter -------------------------------------------------------------------------------------------------------------


EXPORTS = [name for name in POINTS["ultralytics.engine.exporter:Exporter"] if name.startswith("export_")]


@pytest.fixture(scope="module")
def network():
    return YOLO("yolov8n.yaml").model


@covers("Exporter", " ".join(EXPORTS))
@pytest.mark.parametrize("name", EXPORTS)
def test_own_export(network, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    class Mine(Exporter):
        pass

    def export(self, *args, **kwargs):
        assert (
            self.im.shape == (1, 3, 32, 32) and self.output_shape == (1, 84, 21) and self.metadata["task"] == "detect"
        )
        assert not self.model.training and self.file.stem == "yolov8n" and self.args.format
        Path("mine.bin").write_bytes(b"1" * 4096)
        return "mine.bin"

    monkeypatch.setattr(Mine, name, export)
    options = {"format": name.removeprefix("export_"), "imgsz": 32, "batch": 1, "device": "cpu"}
    assert Mine(overrides=options)(model=network) == "mine.bin"
    if not FORMATS[options["format"]].home:
        for refused in (lambda: Exporter(overrides=options)(model=network), getattr(Exporter(overrides=options), name)):
            with pytest.raises(NotImplementedError, match="not built"):
                refused()


@covers("Exporter", "__init__ __call__ add_callback run_callbacks")
def test_steps_of_an_export(network, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    class Mine(Exporter):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.seen = []
            self.add_callback("on_export_end", print)

        def __call__(self, model):
            return super().__call__(model).upper()

        def run_callbacks(self, event):
            self.seen.append(event)

        def export_torchscript(self, *args, **kwargs):
            self.metadata["mine"] = 1
            return super().export_torchscript(*args, **kwargs)

    mine = Mine(overrides={"format": "torchscript", "imgsz": 32, "batch": 1, "device": "cpu"})
    assert mine(network) == "YOLOV8N.TORCHSCRIPT" and mine.seen == ["on_export_start", "on_export_end"]
    extra = {"config.txt": ""}
    torch.jit.load("yolov8n.torchscript", _extra_files=extra)
    assert json.loads(extra["config.txt"])["mine"] == 1


@covers("Exporter", "get_int8_calibration_dataloader _transform_fn")
def test_pictures_of_a_calibration(network, tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    passes, seen = [], []

    class Mine(Exporter):
        def get_int8_calibration_dataloader(self, prefix=""):
            passes.append(prefix)
            return [np.full((1, 3, 32, 32), level, np.uint8) for level in (0, 128, 255)]

        def _transform_fn(self, data_item):
            seen.append(data_item.max())
            return data_item.astype(np.float32) / 255

    mine = Mine(overrides={"format": "onnx", "imgsz": 32, "batch": 1, "device": "cpu", "quantize": 8})
    assert mine(network) == "yolov8n_int8.onnx" and (tmp_path / "yolov8n_int8.onnx").is_file()
    assert len(passes) == 1 and seen == [0, 128, 255] * 2  # to quantise, and to see whether it is good


def test_calibration_pictures_as_one_array(prepared):
    data = prepared("detect")[0]
    export = Exporter(overrides={"data": data, "imgsz": 64, "batch": 2, "task": "detect", "split": "train"})
    batches = list(export.get_int8_calibration_dataloader())
    images = export._int8_calibration_images()
    assert images.shape == (2 * len(batches), 64, 64, 3) and images.dtype == np.float32 and 1 < images.max() <= 255
    first = export._transform_fn(batches[0])
    assert first.shape == (2, 3, 64, 64) and first.dtype == np.float32 and first.max() <= 1
    np.testing.assert_array_equal(export._transform_fn(batches[0]["img"]), first)


@covers("Predictor", "get_obj_feats")
def test_features_for_trackers(prepared, tmp_path):
    seen = []

    class Mine(DetectionPredictor):
        @staticmethod
        def get_obj_feats(feat_maps, idxs):
            seen.append(len(idxs))
            return [torch.ones(len(index), 3) for index in idxs]

    file = tmp_path / "looks.yaml"
    file.write_text("tracker_type: botsort\nwith_reid: True\n", encoding="utf-8")
    model = YOLO(prepared("detect")[1])
    own = Mine(overrides={"tracker": str(file), "imgsz": 32, "verbose": False})
    model.track(np.full((48, 64, 3), 90, np.uint8), predictor=own)
    assert seen == [1]


# Model ----------------------------------------------------------------------------------------------------------------


@covers("Model", "__init__ __call__ _new _load _smart_load _check_is_pytorch_model _reset_ckpt_args _val_data _apply")
@covers("Model", "is_triton_model reset_weights load save info fuse embed predict val export train eval")
@covers("Model", "add_callback clear_callback reset_callbacks track calibrate benchmark tune")
def test_steps_of_a_model(prepared, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data, weights = prepared("detect")
    seen = Counter()

    class MyValidator(DetectionValidator):
        pass

    class Mine(YOLO):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.add_callback("on_val_start", lambda v: seen.update(["val start"]))

        def _new(self, cfg, task=None, verbose=False):
            super()._new(cfg, task=task, verbose=verbose)
            self.model.mine = "new"

        def _load(self, weights, task=None):
            super()._load(weights, task=task)
            self.model.mine = "load"

        def _smart_load(self, key):
            return MyValidator if key == "validator" else super()._smart_load(key)

        def _check_is_pytorch_model(self):
            super()._check_is_pytorch_model()
            seen.update(["check"])

        @staticmethod
        def _reset_ckpt_args(args):
            return {**YOLO._reset_ckpt_args(args), "imgsz": 96}

        @staticmethod
        def is_triton_model(model):
            seen.update(["triton"])
            return False

        def _val_data(self):
            return data

        def _apply(self, fn, recurse=True):
            seen.update(["apply"])
            return super()._apply(fn, recurse)

        def predict(self, source=None, stream=False, predictor=None, **kwargs):
            return "predicted" if source == "mine" else super().predict(source, stream, predictor, **kwargs)

    assert Mine("yolov8n.yaml").model.mine == "new"
    model = Mine(weights)
    assert model.model.mine == "load" and model.overrides["imgsz"] == 96 and seen["triton"] == 1
    assert model("mine") == "predicted" and model.embed("mine") == "predicted" and seen["check"] == 1
    runners = []
    model.add_callback("on_val_end", runners.append)
    model.val(**without_training(run_settings(tmp_path)))
    assert type(runners[0]) is MyValidator and seen["val start"] == 1 and runners[0].args.data == data
    model.to("cpu")
    assert seen["apply"] == 1
    for call in (model.save, model.info, model.fuse, model.reset_weights, lambda: model.load(weights)):
        before = seen["check"]
        call()
        assert seen["check"] > before
    model.clear_callback("on_val_start")
    assert not model.callbacks["on_val_start"]
    model.reset_callbacks()
    assert model.eval() is model and not model.model.training
    assert model.track("mine") == "predicted"
    with pytest.raises(ValueError, match="Did you mean"):
        model.tune(space={"lro": (0, 1)}, data=data)
    with pytest.raises(TypeError, match="'detect'"):
        model.calibrate(data)


def test_data_of_val_falls_back(prepared, caplog):
    model = YOLO(prepared("detect")[1])
    model.overrides["data"] = str(Path("/nowhere/data.yaml").absolute())
    assert model._val_data() == "coco8.yaml" and "is not there" in caplog.text
    model.overrides["data"] = prepared("detect")[0]
    assert model._val_data() == prepared("detect")[0]


def test_an_own_subclass_of_another_family_is_told(caplog):
    class Mine(YOLO):
        pass

    Mine("rtdetr-resnet50.yaml")
    assert "Mine overrides has no effect" in caplog.text and "subclass RTDETR" in caplog.text
