"""ONNX files run by OpenCV give what ONNX Runtime gives, or are refused before OpenCV sees them."""

from __future__ import annotations

import cv2
import pytest
import torch
from export_helpers import images, settled

from ultralytics.engine.exporter import Exporter
from ultralytics.nn.autobackend import AutoBackend
from ultralytics.nn.backends.base import ExportArgumentError
from ultralytics.nn.backends.opencv import OpenCvRuntime, obstacle
from ultralytics.nn.backends.single import ONNXBackend

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
SIDE = 64
NAMES = ("yolov8n", "yolov8n-DynamicConv", "yolov8n-seg-DynamicConv")
NEW = hasattr(cv2.dnn, "ENGINE_NEW")


@pytest.fixture(scope="module")
def models():
    return {
        name: settled(name) for name in ("yolov8n.yaml", "yolov8n-DynamicConv.yaml", "yolov8n-seg-DynamicConv.yaml")
    }


@pytest.fixture(scope="module")
def written(models, tmp_path_factory):
    """A function that exports a model, once for each set of arguments, and returns the file."""
    files = {}
    folder = tmp_path_factory.mktemp("opencv")

    def write(name, **arguments):
        key = (name, *sorted(arguments.items()))
        if key not in files:
            model = models[name]
            model.pt_path = str(folder / f"{len(files)} {name}.pt")  # beside which the export goes
            options = {"format": "onnx", "imgsz": SIDE, "batch": 1, **arguments}
            files[key] = Exporter(overrides=options)(model)
        return files[key]

    return write


def both(file, x):
    """Outputs of ONNX Runtime and of OpenCV."""
    pairs = (AutoBackend(file, verbose=False, dnn=dnn)(x) for dnn in (False, True))
    return [y if isinstance(y, list) else [y] for y in pairs]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("yolov8n.yaml", {}),
        ("yolov8n-DynamicConv.yaml", {"dnn": True}),
        ("yolov8n-DynamicConv.yaml", {"dnn": True, "batch": 2, "simplify": False}),
        ("yolov8n-DynamicConv.yaml", {"dnn": True, "quantize": 16, "opset": 12}),
        ("yolov8n-seg-DynamicConv.yaml", {"dnn": True}),
    ],
)
def test_outputs_are_those_of_onnx_runtime(written, name, arguments):
    want, got = both(written(name, **arguments), images(2, SIDE))
    assert [y.shape for y in got] == [y.shape for y in want]
    for y, z in zip(got, want, strict=True):
        torch.testing.assert_close(y, z, rtol=1e-4, atol=1e-3)
    assert not torch.allclose(got[0][0], got[0][1], atol=1e-2)  # the images differ, and so do their kernels


@pytest.mark.skipif(not NEW, reason="OpenCV 4 reads neither of them")
@pytest.mark.parametrize("arguments", [{}, {"dynamic": True}, {"batch": 2}])
def test_new_engine_takes_every_form(written, arguments):
    file = written("yolov8n-DynamicConv.yaml", **arguments)
    sizes = [(3, 64, 64), (2, 96, 64)] if arguments.get("dynamic") else [(3, 64, 64)]
    for count, height, width in sizes:
        want, got = both(file, images(count, height, width))
        torch.testing.assert_close(got[0], want[0], rtol=1e-4, atol=1e-3)


def test_dynamic_kernels_take_another_form(written):
    graph = onnx.load(written("yolov8n-DynamicConv.yaml")).graph
    assert "computed in the graph" in obstacle(graph, new_engine=False) and not obstacle(graph, new_engine=True)
    graph = onnx.load(written("yolov8n-DynamicConv.yaml", dnn=True)).graph
    assert not obstacle(graph, new_engine=False)
    graph = onnx.load(written("yolov8n-DynamicConv.yaml", dnn=True, quantize=16, opset=12)).graph
    assert not obstacle(graph, new_engine=False)  # weights behind a Cast are constant as well
    graph = onnx.load(written("yolov8n-DynamicConv.yaml", dynamic=True)).graph
    assert "free size" in obstacle(graph, new_engine=False)


def test_files_that_opencv_cannot_run_are_refused(written, tmp_path, monkeypatch):
    nms = written("yolov8n.yaml", nms=True)
    with pytest.raises(ValueError, match=r"OpenCV .* cannot run .*onnx because of the suppression inside it"):
        OpenCvRuntime(tmp_path / nms, torch.device("cpu"))
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="is not an ONNX file"):
        AutoBackend(damaged, dnn=True)
    unknown = onnx.load(written("yolov8n.yaml"))
    unknown.graph.node[0].op_type = "NoSuchOperator"
    onnx.save(unknown, tmp_path / "unknown.onnx")
    with pytest.raises(ValueError, match="OpenCV"):
        AutoBackend(tmp_path / "unknown.onnx", dnn=True)(images(1, SIDE))
    monkeypatch.delattr(cv2.dnn, "ENGINE_NEW", raising=False)
    with pytest.raises(ValueError, match=r"computed in the graph; export with dnn=True"):
        AutoBackend(written("yolov8n-DynamicConv.yaml"), dnn=True)


def test_wrong_sizes_and_formats_are_told(written, models):
    runtime = AutoBackend(written("yolov8n.yaml"), dnn=True, verbose=False)
    assert (runtime.format, runtime.names[0], runtime.stride, runtime.dnn) == ("onnx", "thing 0", 32, True)
    with pytest.raises(ValueError, match=r"takes images of shape \(1, 3, 64, 64\)"):
        runtime(images(1, 96))
    with pytest.raises(ValueError, match="dnn=True has OpenCV run ONNX files"):
        AutoBackend(models["yolov8n.yaml"], dnn=True)
    for other in ({"dynamic": True}, {"nms": True}, {"format": "torchscript"}):
        with pytest.raises(ExportArgumentError, match="dnn=True"):
            written("yolov8n.yaml", dnn=True, **other)


def test_public_backend_knows_opencv(written):
    file, x = written("yolov8n.yaml"), images(1, SIDE)
    other = ONNXBackend(file, "cpu", format="dnn")
    torch.testing.assert_close(other(x), ONNXBackend(file, "cpu")(x), rtol=1e-4, atol=1e-3)
