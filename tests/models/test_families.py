"""Every family learns: its smallest size finds drawn shapes after a few minutes, and its ONNX file finds the same."""

from __future__ import annotations

import csv

import pytest

from ultralytics.solutions import quickstart

# Model -> epochs on the 160 pictures of shapes.yaml at 160 pixels that bring it well over the bar.
FAMILIES = {
    "yolov3-tiny": 15,
    "yolov5n": 20,
    "yolov6n": 15,
    "yolov8n": 15,
    "yolov8n-ghost": 25,
    "yolov9t": 20,
    "yolov10n": 20,
    "yolo11n": 20,
    "yolo12n": 20,
    "yolo26n": 20,
    "yolov8n-rtdetr": 30,
}
BAR = 0.3


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_smallest_size_learns_the_shapes(name, tmp_path):
    figures = quickstart.main(
        {"model": f"{name}.yaml", "epochs": FAMILIES[name], "plots": False, "device": "cpu", "project": str(tmp_path)}
    )
    native, exported = (figures[key]["metrics/mAP50(B)"] for key in ("metrics", "metrics (ONNX)"))
    assert native > BAR
    assert exported == pytest.approx(native, abs=0.01)
    assert figures["agreement"].ok and figures["agreement"].compared > 0
    with (figures["weights"].parents[1] / "results.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for key in (key for key in rows[0] if key.startswith("train/")):
        assert float(rows[-1][key]) < float(rows[0][key]), key
