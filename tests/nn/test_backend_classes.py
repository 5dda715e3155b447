"""The public interface's class and function for each built format."""

from __future__ import annotations

import pytest
import torch

from ultralytics.nn.autobackend import AutoBackend
from ultralytics.nn.backends import BaseBackend, ONNXBackend, PyTorchBackend, TorchScriptBackend
from ultralytics.nn.models import DetectionModel
from ultralytics.utils.export import torch2onnx, torch2torchscript
from ultralytics.utils.export.engine import best_onnx_opset

IMAGE = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return DetectionModel("yolov8n.yaml", nc=3, verbose=False).eval()


def test_networks(network):
    backend = PyTorchBackend(network, "cpu", verbose=False)
    assert isinstance(backend, BaseBackend) and isinstance(backend.backend, AutoBackend)
    assert torch.allclose(backend(IMAGE)[0], network(IMAGE)[0], atol=1e-3)
    assert backend.forward(IMAGE, embed=[2])[0].ndim == 1
    assert (backend.names, backend.stride, backend.task) == ({0: "0", 1: "1", 2: "2"}, 32, "detect")
    with pytest.raises(AttributeError, match="nothing"):
        getattr(backend, "nothing")  # noqa: B009


class Decoded(torch.nn.Module):
    """A network that returns its first output alone, as graphs want it."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x)[0]


@pytest.mark.parametrize("kind", ["onnx", "torchscript"])
def test_files(network, tmp_path, kind):
    graph = Decoded(network).eval()
    if kind == "onnx":
        pytest.importorskip("onnxruntime")
        onnx = pytest.importorskip("onnx")
        assert 14 <= best_onnx_opset(onnx) <= onnx.defs.onnx_opset_version()
        file = torch2onnx(graph, IMAGE, tmp_path / "x.onnx", dynamic={"images": {0: "batch"}, "output0": {0: "batch"}})
    else:
        facts = {"names": {0: "a"}, "stride": 32, "batch": 1, "task": "detect"}
        file = torch2torchscript(graph, IMAGE, tmp_path / "x.torchscript", metadata=facts)
        assert BaseBackend.read_metadata(file)["names"] == {0: "a"}
    assert file == str(tmp_path / f"x.{kind}")
    backend = {"onnx": ONNXBackend, "torchscript": TorchScriptBackend}[kind](file, torch.device("cpu"))
    assert torch.allclose(backend(IMAGE), network(IMAGE)[0], atol=1e-3)
    with pytest.raises(TypeError, match="takes files of format 'pt'"):
        PyTorchBackend(file, "cpu")


def test_what_is_not_taken(tmp_path):
    for options in ({"format": "imx"}, {"session_options": object()}):
        with pytest.raises(NotImplementedError, match="session"):
            ONNXBackend(tmp_path / "x.onnx", "cpu", **options)
    assert BaseBackend.read_metadata(tmp_path / "x.unknown") == {}
