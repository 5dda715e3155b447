"""The examples run, on a small data set."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

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
