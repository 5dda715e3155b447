"""Benchmark of formats: what the table says, that nothing that fails in a child reaches the caller."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ultralytics import YOLO
from ultralytics.cfg.cli import main
from ultralytics.cfg.errors import ConfigTypeError
from ultralytics.engine.benchmark import run
from ultralytics.engine.benchmark.report import LEGEND, Row, columns_of, reason_of, table_text
from ultralytics.nn.backends import FORMATS
from ultralytics.nn.backends.base import ExportArgumentError
from ultralytics.utils.benchmarks import ProfileModels, benchmark

SHAPES = """
path: bench_shapes
train: images/train
val: images/val
generator: shapes
size: 64
counts: {train: 2, val: 2}
names: [circle, triangle, square, star, cross, ring]
"""
COLUMNS = [" ", "Format", "Status❔", "Size (MB)", "metrics/mAP50-95(B)", "Inference time (ms/im)", "FPS", "Reason"]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with a data set and two checkpoints."""
    folder = tmp_path_factory.mktemp("benchmark")
    (folder / "shapes.yaml").write_text(SHAPES, encoding="utf-8")
    YOLO("yolov8n.yaml").save(folder / "plain.pt")
    return folder


def rows_of(frame) -> list[dict[str, str]]:
    return frame.to_dicts() if hasattr(frame, "to_dicts") else frame.to_dict("records")


def test_a_model_and_one_beside_it(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = YOLO("yolov8n-DynamicConv.yaml")
    frame = model.benchmark(
        data=str(place / "shapes.yaml"), imgsz=32, format="onnx,edgetpu", beside=str(place / "plain.pt"),
        save_dir="here",
    )  # fmt: skip
    rows = rows_of(frame)
    assert [(row["Model"], row["Format"], row["Status❔"]) for row in rows] == [
        ("yolov8n-DynamicConv", "ONNX", "✅"),
        ("yolov8n-DynamicConv", "TensorFlow Edge TPU", "❌"),
        ("plain", "ONNX", "✅"),
        ("plain", "TensorFlow Edge TPU", "❌"),
    ]
    assert float(rows[0]["Inference time (ms/im)"]) > 0 and float(rows[0]["Size (MB)"]) > 10
    assert rows[1]["FPS"] == "-" and "not built" in rows[1]["Reason"]
    with open("here/benchmarks.csv", encoding="utf-8") as stream:
        assert list(csv.DictReader(stream)) == rows
    assert Path("here/benchmarks.png").stat().st_size > 5000
    text = Path("benchmarks.log").read_text(encoding="utf-8")
    assert LEGEND in text and "yolov8n-DynamicConv.yaml and plain.pt" in text
    assert {"yolov8n-DynamicConv.onnx", "plain.onnx", "logs"} <= {file.name for file in Path("here").iterdir()}
    assert not list(tmp_path.glob("*.onnx")), "exports belong into the folder of the run"


def test_every_format_may_fail(place, tmp_path, monkeypatch):
    """A data set that is not there: the checkpoint itself is not validated either."""
    monkeypatch.chdir(tmp_path)
    frame = benchmark(place / "plain.pt", data="nowhere.yaml", imgsz=32, format="pt,edgetpu", save_dir=tmp_path / "run")
    rows = rows_of(frame)
    assert list(rows[0]) == COLUMNS
    assert [row["Status❔"] for row in rows] == ["❎", "❌"] and "nowhere.yaml" in rows[0]["Reason"]
    assert not (tmp_path / "run" / "benchmarks.png").exists()
    with pytest.raises(AssertionError, match=r"failure for PyTorch.*nowhere"):
        benchmark(place / "plain.pt", data="nowhere.yaml", imgsz=32, format="pt", verbose=True, save_dir=tmp_path)


def test_command_line_takes_a_floor(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = f"benchmark model={place / 'plain.pt'} data={place / 'shapes.yaml'} imgsz=32 format=- verbose=0.9"
    with pytest.raises(AssertionError, match=r"floor 0\.9: PyTorch 0\.0"):
        main([*words.split(), f"save_dir={tmp_path / 'run'}"])
    assert (tmp_path / "run" / "benchmarks.csv").exists()


def test_a_process_that_is_killed_is_a_row(tmp_path, monkeypatch):
    (tmp_path / "deadly_family.py").write_text(
        "import os, signal\n\n\ndef Deadly(path, trust):\n    os.kill(os.getpid(), signal.SIGSEGV)\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    job = run.Job("a.pt", "deadly_family:Deadly", "-", "detect", "x.yaml", 32, "cpu", None)
    row = run._run_child(job, Row("a", "PyTorch", "-"), tmp_path / "logs" / "a.txt")
    assert row.status == "❌" and "SIGSEGV" in row.reason and row.error


@pytest.mark.parametrize(
    ("text", "names"),
    [("", list(FORMATS)), ("ONNX", ["onnx"]), ("trt, pt", ["engine", "-"]), ("onnx,,openvino,", ["onnx", "openvino"])],
)
def test_formats_by_name(text, names):
    assert [facts.name for facts in run.chosen_formats(text)] == names


def test_wrong_calls(place):
    with pytest.raises(AssertionError, match="allowed are"):
        run.chosen_formats("qqqq")
    with pytest.raises(ExportArgumentError):
        benchmark(place / "plain.pt", format="onnx,qqqq")
    with pytest.raises(ConfigTypeError, match="verbose"):
        benchmark(place / "plain.pt", verbose="very")
    with pytest.raises(SyntaxError, match="dynamics"):
        benchmark(place / "plain.pt", dynamics=True)
    with pytest.raises(ConfigTypeError, match="path of one"):
        benchmark(3.5)
    with pytest.raises(ValueError, match="different tasks"):
        benchmark(place / "plain.pt", beside="yolov8n-seg.yaml", format="edgetpu")


def test_arguments_go_to_those_that_take_them():
    onnx, pt = FORMATS["onnx"], FORMATS["-"]
    assert run._exports(onnx, "dynamic") and run._exports(onnx, "conf") and not run._exports(pt, "dynamic")
    assert not run._exports(onnx, "quantize") and not run._exports(onnx, "split")
    assert run._validates("split") and run._validates("conf") and not run._validates("batch")


def test_table_of_the_console():
    rows = [Row("a", "ONNX", "onnx", 12.34, 0.51239, 4.0), Row("a", "MNN", "mnn", reason="no\ttool", error="X")]
    table = columns_of(rows, "mAP", 0.0)
    assert list(table[0]) == [" ", "Format", "Status❔", "Size (MB)", "mAP", "Inference time (ms/im)", "FPS", "Reason"]
    assert table[0] | {"Reason": ""} == {
        " ": "1", "Format": "ONNX", "Status❔": "✅", "Size (MB)": "12.3", "mAP": "0.5124",
        "Inference time (ms/im)": "4.0", "FPS": "250.0", "Reason": "",
    }  # fmt: skip
    text = table_text(table)
    assert text.splitlines()[-1] == "2: no\ttool"
    assert reason_of("a\n  b" * 400).startswith("a b") and len(reason_of("a\n b" * 400)) <= 300


def test_profile_models(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    profiler = ProfileModels(["yolov8n.yaml"], num_timed_runs=2, num_warmup_runs=1, min_time=0, imgsz=32)
    (found,) = profiler.run()
    assert found["model/name"] == "yolov8n" and found["model/parameters"] == 3_157_200
    assert found["model/speed_ONNX(ms)"] > 0 and found["model/speed_TensorRT(ms)"] == 0
    assert ProfileModels("nothing-*.pt").run() == []
    assert profiler.profile_tensorrt_model("yolov8n.onnx") == (0.0, 0.0)
    profiler.device = SimpleNamespace(type="cuda")  # files of other formats stand for engines here
    monkeypatch.setattr(profiler, "_timed", lambda call, eps: (1.0, 0.5))
    assert profiler.profile_tensorrt_model("yolov8n.onnx") == (1.0, 0.5)
    assert profiler.profile_tensorrt_model("nothing.engine") == (0.0, 0.0)


def test_sigma_clipping():
    values = np.array([1.0] * 20 + [1.1] * 20 + [90.0])
    assert ProfileModels.iterative_sigma_clipping(values).max() == 1.1
    assert len(ProfileModels.iterative_sigma_clipping(np.array([5.0]))) == 1
    assert ProfileModels.check_dynamic(["batch", 3, 32, 32]) and not ProfileModels.check_dynamic([1, 3, 32, 32])
