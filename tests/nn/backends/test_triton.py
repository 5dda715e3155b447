"""Models on a Triton server, against a small server of these tests that speaks the protocol."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from export_helpers import images, settled
from triton_server import Served, grpc_server, http_server

from ultralytics import YOLO
from ultralytics.engine.exporter import Exporter
from ultralytics.nn.autobackend import AutoBackend
from ultralytics.nn.backends.metadata import MetadataError
from ultralytics.nn.backends.triton import TritonBackend
from ultralytics.utils.triton import TritonRemoteModel

CLIENT = pytest.importorskip("tritonclient", reason="needs the extra 'triton'") and True


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, Served]:
    """Exports of small networks as a server has them: with metadata and without, with two outputs."""
    folder = tmp_path_factory.mktemp("triton")
    served = {}
    for name, network, options in (
        ("plain", "yolov8n.yaml", {"dynamic": True}),
        ("fixed", "yolov8n-DynamicConv.yaml", {"batch": 2}),
        ("masks", "yolov8n-seg.yaml", {"dynamic": True}),
    ):
        model = settled(network)
        model.pt_path = str(folder / f"{name}.pt")
        exporter = Exporter(overrides={"format": "onnx", "imgsz": 64, "batch": 1, **options})
        file = exporter(model)
        served[name] = Served(name, file, str(exporter.metadata))
        served[f"{name}-bare"] = Served(f"{name}-bare", file, None)
    served["broken"] = Served("broken", str(folder / "plain.onnx"), "__import__('os').system('true')")
    served["lying"] = Served("lying", str(folder / "plain.onnx"), "{'stride': -3}")
    return served


@pytest.fixture(scope="module", params=["http", "grpc"])
def server(request, models):
    with (http_server if request.param == "http" else grpc_server)(models) as host:
        yield f"{request.param}://{host}"


def test_predictions_are_those_of_the_file(server, models, tmp_path):
    path = f"{server}/plain"
    model = YOLO(path)
    assert model.task == "detect" and model.names == {0: "thing 0", 1: "thing 1", 2: "thing 2"}
    picture = (images(1, 96, 64)[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    local = YOLO(str(models["plain"].session._model_path))
    options = {"imgsz": 64, "conf": 1e-4, "verbose": False}
    for one, other in zip(model([picture] * 2, **options), local([picture] * 2, **options), strict=True):
        assert len(one) == len(other) > 0
        assert torch.allclose(one.boxes.data, other.boxes.data, atol=1e-4)
    with pytest.raises(TypeError, match="exported model"):
        model.train()


def test_a_fixed_batch_is_filled_up(server, models):
    backend = AutoBackend(f"{server}/fixed")
    assert backend.triton and not backend.dynamic and backend.batch == 2 and backend.format == "triton"
    x = images(3, 64)
    calls = models["fixed"].calls
    y = backend(x)
    assert y.shape[0] == 3 and models["fixed"].calls == calls + 2
    y[:] = 0  # writable
    with pytest.raises(ValueError, match=r"takes images of shape \(2, 3, 64, 64\)"):
        backend(images(2, 96))


def test_outputs_are_sorted_by_name(server):
    boxes, masks = AutoBackend(f"{server}/masks")(images(1, 64))
    assert boxes.ndim == 3 and masks.shape == (1, 32, 16, 16)
    backend = TritonBackend(f"{server}/masks", "cpu")
    assert [y.ndim for y in backend(images(1, 64))] == [3, 4] and backend.task == "segment"


def test_without_metadata_the_shape_tells(server):
    free, fixed = AutoBackend(f"{server}/plain-bare"), AutoBackend(f"{server}/fixed-bare")
    assert free.dynamic and not fixed.dynamic and fixed.batch == 2 and fixed.imgsz == [64, 64]
    assert free.task == "detect" and free.names[0] == "class0"


def test_metadata_is_read_never_run(server):
    with pytest.raises(ValueError, match="cannot be read"):
        YOLO(f"{server}/broken")
    with pytest.raises(MetadataError, match="stride"):
        YOLO(f"{server}/lying")


def test_errors_name_the_address(server):
    with pytest.raises(ConnectionError, match=r"/nothing: .*unknown model"):
        YOLO(f"{server}/nothing")
    scheme = server.partition(":")[0]
    with pytest.raises(ConnectionError, match=f"{scheme}://127.0.0.1:9/model"):
        YOLO(f"{scheme}://127.0.0.1:9/model")


def test_remote_model_as_public_code_calls_it(server):
    scheme, _, host = server.partition("://")
    remote = TritonRemoteModel(url=host, endpoint="plain", scheme=scheme)
    assert remote.input_formats == ["FP32"] and remote.np_input_formats == [np.float32]
    assert remote.output_names == ["output0"] and remote.metadata["task"] == "detect"
    (y,) = remote(np.zeros((1, 3, 64, 64)))
    assert y.shape == (1, 7, 84)


def test_threads_have_connections_of_their_own(server):
    backend = AutoBackend(f"{server}/plain")
    x, found = images(2, 64), []
    expected = backend(x)
    threads = [threading.Thread(target=lambda: found.append(backend(x))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3 and all(torch.equal(y, expected) for y in found)
