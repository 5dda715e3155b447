"""The examples run, on a small data set."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from export_helpers import settled

from ultralytics import YOLO
from ultralytics.utils.env import ASSETS

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SHAPES = """
path: example_shapes
train: images/train
val: images/val
generator: shapes
size: 64
counts: {train: 8, val: 4}
names: [circle, triangle, square, star, cross, ring]
"""


@pytest.fixture
def example(tmp_path, monkeypatch):
    """Return a function that imports an example by name; the current folder holds the data set `shapes.yaml`."""
    (tmp_path / "shapes.yaml").write_text(SHAPES, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    loaded = []

    def load(name):
        loaded.append(name)
        return importlib.import_module(name)

    yield load
    for name in loaded:
        sys.modules.pop(name, None)


SMALL_RUN = ["--data", "shapes.yaml", "--epochs", "1", "--imgsz", "64", "--workers", "0"]


def test_every_example_is_tested():
    text = Path(__file__).read_text(encoding="utf-8")
    assert [f.stem for f in sorted(EXAMPLES.glob("*.py")) if f'example("{f.stem}")' not in text] == []


@pytest.mark.slow
def test_train_dynamic(example):
    figures = example("train_dynamic").main(SMALL_RUN)
    assert {"metrics/mAP50(B)", "metrics/mAP50-95(B)", "fitness"} <= set(figures)


def test_search_dynamic(example):
    rows = example("search_dynamic").main([*SMALL_RUN, "--layers", "stride2", "--experts", "2"])
    assert [row["dynamic"] for row in rows] == ["none", "stride2, 2 experts"]
    assert rows[1]["parameters"] > rows[0]["parameters"] and rows[1]["GFLOPs"] < 1.1 * rows[0]["GFLOPs"]


def test_custom_block(example):
    figures = example("custom_block").main(SMALL_RUN)
    assert 0 <= figures["metrics/mAP50-95(B)"] <= 1


def test_upcycle(example):
    small = ["--weights", "yolov8n.yaml", "--imgsz", "64", "--epochs", "0"]
    assert example("upcycle").main(small) < 1e-5


def test_routing(example):
    report = example("routing").main(["--imgsz", "64"])
    assert len(report.groups) == 2 and len(report.layers) == 5
    assert Path("routing.csv").is_file() and Path("routing.png").stat().st_size > 1000


def test_export_onnx(example):
    pytest.importorskip("onnxruntime")
    differences = example("export_onnx").main(["--imgsz", "64"])
    assert len(differences) == 3 and max(differences.values()) < 1e-5


@pytest.mark.parametrize("network", ["yolov8n.yaml", "yolov8n-DynamicConv.yaml", "yolo26n.yaml"])
@pytest.mark.parametrize("nms", [None, True])
def test_onnxruntime_only(example, network, nms):
    """The same boxes as those of `predict`, from a program that has neither torch nor this package."""
    pytest.importorskip("onnxruntime")
    model = YOLO(network)
    model.model = settled(network)
    model.model.args, model.model.task = {"imgsz": 96}, "detect"
    file = model.export(format="onnx", imgsz=[96, 64], nms=nms, conf=1e-4, verbose=False)
    picture = str(ASSETS / "shapes1.jpg")
    expected = YOLO(file)(picture, conf=1e-4, verbose=False)[0].boxes.data.numpy()
    rows = example("onnxruntime_only").main([file, picture, "--conf", "1e-4"])
    assert rows.shape == expected.shape and len(rows) > 3
    assert np.abs(rows[:, :4] - expected[:, :4]).max() < 0.01
    assert np.abs(rows[:, 4] - expected[:, 4]).max() < 1e-5 and (rows[:, 5] == expected[:, 5]).all()


def test_onnxruntime_only_needs_nothing_else():
    """It imports numpy, OpenCV, ONNX Runtime and the standard library."""
    text = (EXAMPLES / "onnxruntime_only.py").read_text(encoding="utf-8")
    names = {name.partition(".")[0] for name in re.findall(r"^(?:import|from) (\S+)", text, re.MULTILINE)}
    assert names - set(sys.stdlib_module_names) == {"numpy", "cv2", "onnxruntime"}
