"""TensorRT as far as a machine without a GPU goes: every call to its builder and runtime, by a stand-in for it."""

from __future__ import annotations

import copy
import ctypes
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from export_helpers import settled

from ultralytics import YOLO
from ultralytics.engine.exporter import Exporter
from ultralytics.nn.autobackend import AutoBackend
from ultralytics.nn.backends.base import ExportArgumentError, ExportPlan
from ultralytics.nn.backends.metadata import MetadataError
from ultralytics.nn.backends.tensorrt import TensorRtFormat, TensorRtRuntime, build_engine, profile_shapes

onnx = pytest.importorskip("onnx")
PLAN = ExportPlan(imgsz=(64, 64), metadata={"task": "detect", "names": {0: "a"}, "stride": 32, "imgsz": [64, 64]})


class Calls(list):
    """Calls in order; `calls.named("x")` are the arguments of those of that name."""

    def named(self, name):
        return [args for called, args in self if called == name]


def stand_in(version: str, errors=(), built=b"engine") -> SimpleNamespace:
    """Return a module that notes the calls to TensorRT's builder, with what version `version` has."""
    calls = Calls()

    class Part:
        """An object whose methods note their calls and return what is said here."""

        def __init__(self, **returns):
            self.returns = returns

        def __getattr__(self, name):
            return lambda *args: calls.append((name, args)) or self.returns.get(name)

    builder = Part(
        create_network=object(),
        create_builder_config=Part(),
        create_optimization_profile=Part(),
        build_serialized_network=built,
    )
    flags = {} if version.startswith("11") else {"BuilderFlag": SimpleNamespace(FP16="fp16")}
    logger = type("Logger", (), {"WARNING": 2, "__init__": lambda self, level: None})
    parser = type(
        "OnnxParser",
        (),
        {
            "__init__": lambda self, network, logger: None,
            "num_errors": len(errors),
            "parse": lambda self, content: calls.append(("parse", (content,))) or not errors,
            "get_error": lambda self, i: errors[i],
        },
    )
    return SimpleNamespace(
        __version__=version,
        calls=calls,
        Logger=logger,
        Builder=lambda logger: builder,
        OnnxParser=parser,
        NetworkDefinitionCreationFlag=SimpleNamespace(EXPLICIT_BATCH=0),
        MemoryPoolType=SimpleNamespace(WORKSPACE="workspace"),
        **flags,
    )


@pytest.mark.parametrize(("version", "explicit", "flags"), [("8.6.1", 1, 1), ("10.7.0", 0, 1), ("11.4.0", 0, 0)])
def test_the_builder_is_called_as_its_version_wants(version, explicit, flags):
    tensorrt = stand_in(version)
    assert build_engine(tensorrt, b"graph", replace(PLAN, precision=16, workspace=0.5)) == b"engine"
    calls = tensorrt.calls
    assert calls.named("create_network") == [(explicit,)] and calls.named("parse") == [(b"graph",)]
    assert calls.named("set_flag") == [("fp16",)] * flags
    assert calls.named("set_memory_pool_limit") == [("workspace", 2**29)]
    assert not calls.named("create_optimization_profile") and len(calls.named("build_serialized_network")) == 1


def test_free_axes_get_a_profile(caplog):
    tensorrt = stand_in("11.4.0")
    build_engine(tensorrt, b"graph", replace(PLAN, free_batch=True))
    fixed = (3, 64, 64)
    assert tensorrt.calls.named("set_shape") == [("images", (1, *fixed), (1, *fixed), (16, *fixed))]
    assert len(tensorrt.calls.named("add_optimization_profile")) == 1 and "from (1, 3, 64, 64) to (16," in caplog.text
    free = profile_shapes(replace(PLAN, dynamic=True, batch=20))
    assert free == ((1, 3, 32, 32), (20, 3, 64, 64), (40, 3, 128, 128))


def test_what_fails_is_told():
    with pytest.raises(RuntimeError, match=r"TensorRT 11\.4\.0 cannot read the ONNX file: no kernel; no more"):
        build_engine(stand_in("11.4.0", errors=("no kernel", "no more")), b"graph", PLAN)
    with pytest.raises(RuntimeError, match="built no engine"):
        build_engine(stand_in("11.4.0", built=None), b"graph", PLAN)


@pytest.mark.parametrize("version", ["10.7.0", "11.4.0"])
def test_the_file_has_metadata_before_the_engine(tmp_path, monkeypatch, version):
    tensorrt = stand_in(version)
    monkeypatch.setitem(sys.modules, "tensorrt", tensorrt)
    path = TensorRtFormat().export(settled("yolov8n.yaml").fuse(verbose=False), PLAN, tmp_path / "m.engine")
    content = path.read_bytes()
    assert content.endswith(b"}engine") and int.from_bytes(content[:4], "little") == len(content) - 4 - len(b"engine")
    ((graph,),) = tensorrt.calls.named("parse")
    assert onnx.load_from_string(graph).graph.input[0].name == "images"
    model = YOLO(path)
    assert model.task == "detect" and model.facts["names"] == {0: "a"}
    path.write_bytes(content.replace(b'"stride": 32', b'"stride": -2'))
    with pytest.raises(MetadataError, match=r"m\.engine: metadata 'stride'"):
        YOLO(path)
    for damaged in (b"", b"\xff\xff\xff\xff", content[:30], b"no engine at all"):
        path.write_bytes(damaged)
        assert TensorRtFormat().peek(path) == {}


class Engine:
    """An engine with one output that holds ones, and its context."""

    num_io_tensors = 2
    created = None

    def __init__(self):
        self.shape, self.addresses = None, {}

    def create_execution_context(self):
        return self

    def get_tensor_name(self, i):
        return ("images", "output0")[i]

    def get_tensor_mode(self, name):
        return "in" if name == "images" else "out"

    def get_tensor_dtype(self, name):
        return "half" if name == "images" else "float"

    def get_tensor_shape(self, name):
        return (self.shape[0], 5, 8) if name == "output0" else (1, 3, 64, 64)

    def set_input_shape(self, name, shape):
        self.shape = shape
        return shape[2:] == (64, 64)

    def set_tensor_address(self, name, address):
        self.addresses[name] = address

    def execute_async_v3(self, stream):
        ctypes.memset(self.addresses["output0"], 0, 4 * 8 * 5 * self.shape[0])
        return True


def test_the_runtime_binds_images_and_outputs(tmp_path, monkeypatch):
    engine = Engine()
    kinds = SimpleNamespace(FLOAT="float", HALF="half", INT32="int32", BOOL="bool")
    tensorrt = stand_in("11.4.0")
    tensorrt.DataType, tensorrt.TensorIOMode = kinds, SimpleNamespace(INPUT="in")
    tensorrt.Runtime = lambda logger: SimpleNamespace(deserialize_cuda_engine=lambda content: engine)
    monkeypatch.setitem(sys.modules, "tensorrt", tensorrt)
    (tmp_path / "m.engine").write_bytes(b"engine")
    with pytest.raises(ValueError, match="runs on the GPU"):
        AutoBackend(tmp_path / "m.engine")
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: SimpleNamespace(cuda_stream=0))
    runtime = TensorRtRuntime(tmp_path / "m.engine", torch.device("cuda"))
    runtime.device = torch.device("cpu")  # where the stand-in writes
    (y,) = runtime.forward(torch.rand(2, 3, 64, 64))
    assert y.shape == (2, 5, 8) and y.dtype == torch.float32 and not y.any()
    with pytest.raises(ValueError, match=r"takes images of shape \(1, 3, 64, 64\), got \(1, 3, 96, 96\)"):
        runtime.forward(torch.rand(1, 3, 96, 96))
    engine = None
    with pytest.raises(ValueError, match=r"TensorRT 11\.4\.0 can run on this GPU"):
        TensorRtRuntime(tmp_path / "m.engine", torch.device("cuda"))


def test_without_a_gpu_or_the_package_it_says_so(tmp_path, monkeypatch):
    model = copy.deepcopy(settled("yolov8n.yaml"))
    model.pt_path = str(tmp_path / "m.pt")
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    arguments = {"format": "engine", "imgsz": 64, "batch": 1}
    with pytest.raises(ImportError, match="TensorRT export needs the package 'tensorrt'"):
        Exporter(overrides=arguments)(model)
    monkeypatch.setitem(sys.modules, "tensorrt", stand_in("11.4.0"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for device in (None, "cpu"):
        with pytest.raises(ExportArgumentError, match=rf"'device={device}' cannot build.*trtexec"):
            Exporter(overrides={**arguments, "device": device})(model)
    with pytest.raises(NotImplementedError, match="quantize=8 is not built"):
        Exporter(overrides={**arguments, "quantize": 8})(model)
    assert not list(Path(tmp_path).iterdir())
