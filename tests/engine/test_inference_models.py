"""Prediction and validation with real networks: native, exported, half precision, features, heat maps."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from ultralytics.cfg.merge import get_cfg
from ultralytics.data.describe.boxes import check_det_dataset
from ultralytics.engine.exporter import Exporter
from ultralytics.models.yolo.detect.predict import DetectionPredictor
from ultralytics.models.yolo.detect.val import DetectionValidator
from ultralytics.nn.builder.names import yaml_model_load
from ultralytics.nn.models import DetectionModel

SIDE, NC = 64, 3


@pytest.fixture(scope="module")
def network() -> DetectionModel:
    """Return a small network that finds something everywhere."""
    return lively("yolov8n.yaml")


def lively(cfg) -> DetectionModel:
    """Return a network with random weights whose activations neither fade nor explode."""
    torch.manual_seed(0)
    model = DetectionModel(cfg, nc=NC, verbose=False)
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None
        norm.reset_running_stats()
    with torch.no_grad():
        model.train()(torch.rand(4, 3, 2 * SIDE, 2 * SIDE))
    head = model.eval().model[-1]
    for branch in [*head.cv3, *getattr(head, "one2one_cv3", ())]:
        torch.nn.init.normal_(branch[-1].weight, std=0.3)
        torch.nn.init.constant_(branch[-1].bias, -3.0)
    model.names, model.args, model.task = {0: "a", 1: "b", 2: "c"}, dict(get_cfg()), "detect"
    return model


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return cv2.resize(np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8), (80, 60))


@pytest.fixture
def predict(tmp_path):
    def run(source, model=None, **overrides):
        args = {"imgsz": SIDE, "conf": 0.05, "verbose": False, "device": "cpu", "project": str(tmp_path), "name": "p"}
        predictor = DetectionPredictor(overrides={**args, "batch": 1, "mode": "predict", **overrides})
        return predictor(source, model=model)

    return run


def same(a, b, tolerance=1e-3):
    rows_a, rows_b = (r.boxes.data.sort(0).values for r in (a, b))
    return rows_a.shape == rows_b.shape and torch.allclose(rows_a, rows_b, atol=tolerance, rtol=tolerance)


def test_native(predict, network, picture):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    (result,) = predict(picture, network)
    assert len(result) > 3 and result.boxes.xyxy.max() <= 80 and result.boxes.data.dtype == torch.float32
    assert not network.is_fused() and network.state_dict().keys() == before.keys(), "the caller's stays as it is"
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert same(result, predict(picture, network)[0])
    assert not torch.is_inference_mode_enabled()
    result.boxes.data[0, 0] = 1  # users may edit what they get
    assert result.boxes.xyxy[0, 0] == 1


def test_half_on_a_processor_is_bfloat16(predict, network, picture):
    result = predict(picture, network, quantize=16)[0]
    assert result.boxes.data.dtype == torch.float32 and len(result) > 3


def test_views_are_merged(predict, network, picture):
    assert len(predict(picture, network, augment=True)[0]) > 3


def test_features(predict, network, picture):
    vectors = predict([picture, picture[:, ::-1].copy()], network, embed=[15, 21])
    assert [v.shape for v in vectors] == [(64 + 256,)] * 2 and not torch.equal(*vectors)


def test_heat_maps(predict, network, picture, tmp_path):
    cv2.imwrite(str(tmp_path / "x.jpg"), picture)
    assert len(predict(tmp_path / "x.jpg", network, visualize=True, classes=[0, 1])[0])
    assert cv2.imread(str(tmp_path / "p" / "x_cam.jpg")).shape == (SIDE, SIDE, 3)


def test_heads_without_suppression(predict, picture):
    model = lively({**yaml_model_load("yolov8n.yaml"), "end2end": True})
    final, suppressed = (predict(picture, model, conf=0.01, nms=nms)[0] for nms in (False, True))
    assert len(final) > 3 and len(suppressed) > 3 and not same(final, suppressed)
    assert (final.boxes.xyxy >= 0).all() and final.boxes.xyxy.max() <= 80


@pytest.fixture(scope="module")
def exports(network, tmp_path_factory) -> dict[str, str]:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("exports")
    made = {}
    for key, overrides in {
        "torchscript": {"format": "torchscript"},
        "onnx": {"format": "onnx", "simplify": False},
        "dynamic": {"format": "onnx", "simplify": False, "dynamic": True},
    }.items():
        network.pt_path = str(folder / f"{key}.pt")
        args = {"imgsz": SIDE, "device": "cpu", "verbose": False, **overrides}
        made[key] = Exporter(overrides=args)(model=network)
    return made


@pytest.mark.parametrize("kind", ["torchscript", "onnx", "dynamic"])
def test_exports_predict_the_same(predict, network, exports, picture, kind):
    native = predict(picture, network, rect=False)[0]
    assert same(predict(picture, exports[kind], rect=False)[0], native, 1e-2)
    three = predict([picture] * 3, exports[kind], rect=False)
    assert len(three) == 3 and same(three[2], native, 1e-2)


@pytest.fixture
def data(tmp_path) -> str:
    rng = np.random.default_rng(1)
    for i in range(4):
        for kind in ("images", "labels"):
            (tmp_path / kind / "val").mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / f"images/val/{i}.bmp"), rng.integers(0, 255, (48, 64, 3), np.uint8))
        (tmp_path / f"labels/val/{i}.txt").write_text(f"{i % NC} 0.5 0.5 0.9 0.9\n")
    yaml = tmp_path / "set.yaml"
    yaml.write_text(f"path: {tmp_path}\ntrain: images/val\nval: images/val\nnames: [a, b, c]\n")
    return str(yaml)


def validator(data: str, folder) -> DetectionValidator:
    args = {"data": data, "imgsz": SIDE, "batch": 2, "workers": 0, "plots": False, "device": "cpu", "rect": False}
    return DetectionValidator(args={**args, "project": str(folder), "name": "v", "mode": "val", "verbose": False})


def test_exports_validate_the_same(network, exports, data, tmp_path):
    figures = {key: validator(data, tmp_path)(model=model) for key, model in {"pt": network, **exports}.items()}
    for key in exports:
        assert figures[key] == pytest.approx(figures["pt"], abs=2e-3)


def test_training_measures_a_faster_copy_with_the_same_figures(network, data, tmp_path, monkeypatch):
    cpu, network.args = torch.device("cpu"), get_cfg()
    runner = validator(data, tmp_path)
    runner.data, runner.stride, runner.device = check_det_dataset(data), 32, cpu
    runner.dataloader = runner.get_dataloader(runner.data["val"], 2)
    trainer = SimpleNamespace(
        device=cpu, data=runner.data, ema=SimpleNamespace(ema=network), epoch=0, epochs=2, stride=32,
        label_loss_items=lambda items, prefix: {f"{prefix}/{k}": float(v) for k, v in items.items()},
    )  # fmt: skip
    results = []
    for pays_from in (1, 100):
        monkeypatch.setattr("ultralytics.engine.validator.TWIN_PAYS_FROM", pays_from)
        results.append(runner(trainer))
    assert results[0] == pytest.approx(results[1], rel=1e-4) and results[0]["val/box_loss"] > 0
    assert not network.is_fused()
