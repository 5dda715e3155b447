from __future__ import annotations

import copy
import json
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from export_helpers import decoded, images, settled
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ultralytics import YOLO
from ultralytics.engine import exporter as exporter_module
from ultralytics.engine.exporter import Exporter, export_formats, try_export, validate_args
from ultralytics.nn.autobackend import AutoBackend
from ultralytics.nn.backends.base import ExportArgumentError
from ultralytics.nn.backends.suppression import NMSModel
from ultralytics.ops.nms import non_max_suppression

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def dynamic_model():
    return settled("yolov8n-DynamicConv.yaml")


@pytest.fixture(scope="module")
def plain_model():
    return settled("yolov8n.yaml")


@pytest.fixture(autouse=True)
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def export(model, **options) -> str:
    quick = {"imgsz": 96, "batch": 1, "format": "onnx", "simplify": False}
    return Exporter(overrides={**quick, **options})(model)


def close(got, wanted) -> None:
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("form", ["onnx", "torchscript"])
def test_dynamic_convolution_serves_any_batch_and_size(dynamic_model, form):
    path = export(dynamic_model, format=form, dynamic=True, simplify=True)
    backend = AutoBackend(path)
    assert backend.dynamic
    for count, height, width in ((1, 96, 96), (2, 96, 96), (7, 96, 96), (2, 64, 128)):
        x = images(count, height, width)
        close(backend(x), decoded(dynamic_model, x))


@pytest.mark.parametrize("form", ["onnx", "torchscript"])
@pytest.mark.parametrize("batch", [1, 3])
def test_fixed_batch_serves_others_in_portions(dynamic_model, form, batch):
    backend = AutoBackend(export(dynamic_model, format=form, batch=batch))
    assert not backend.dynamic and backend.batch == batch
    for count in (1, 3, 4):
        x = images(count)
        close(backend(x), decoded(dynamic_model, x))


@pytest.mark.parametrize("form", ["onnx", "torchscript", "pt2"])
def test_free_batch_with_a_fixed_size(dynamic_model, form):
    path = export(dynamic_model, format=form, dynamic="batch")
    backend = AutoBackend(path)
    assert (backend.dynamic, backend.free_batch, backend.batch) == (False, True, 1)
    assert backend.metadata["args"]["dynamic"] is False and backend.imgsz == [96, 96]
    for count in (1, 3, 4):
        x = images(count)
        close(backend(x), decoded(dynamic_model, x))
    calls = []
    run = backend.runtime.forward
    backend.runtime.forward = lambda x: calls.append(len(x)) or run(x)
    backend(images(3))
    assert calls == [3]  # not in portions
    if form == "onnx":
        shapes = [
            [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in onnx.load(path).graph.input
        ]
        assert shapes == [["batch", 3, 96, 96]]


def test_where_an_export_goes(plain_model, tmp_path):
    model = copy.deepcopy(plain_model)
    model.pt_path = str(tmp_path / "weights" / "best.pt")
    kind = {"format": "torchscript", "imgsz": 32}
    assert export(model, **kind) == str(tmp_path / "weights" / "best.torchscript")
    assert export(model, **kind, file="a b/c.torchscript") == str(Path("a b", "c.torchscript"))
    assert export(model, **kind, file=tmp_path / "a b") == str(tmp_path / "a b" / "best.torchscript")
    assert export(model, **kind, file="new") == str(Path("new", "best.torchscript"))
    assert export(model, **kind, project=tmp_path / "p", name="n") == str(tmp_path / "p" / "n" / "best.torchscript")
    assert export(model, **kind, project=tmp_path / "p", name="n") == str(tmp_path / "p" / "n-2" / "best.torchscript")
    assert AutoBackend("a b/c.torchscript", verbose=False).names == model.names
    with pytest.raises(ExportArgumentError, match=r"'file=x\.onnx' is no name .*'\.torchscript'"):
        export(model, **kind, file="x.onnx")


def test_read_only_folders_are_told_before_any_work(plain_model, tmp_path, monkeypatch):
    monkeypatch.setattr(exporter_module.os, "access", lambda path, mode: Path(path) != tmp_path)
    monkeypatch.setattr(Exporter, "_prepare", lambda *_: pytest.fail("work was done"))
    with pytest.raises(PermissionError, match="choose another by file= or project="):
        export(plain_model, file=tmp_path / "new" / "m.onnx")


def test_dynamic_bn_act_exports():
    model = settled("yolov8n-DynamicBnAct.yaml")
    backend = AutoBackend(export(model, dynamic=True))
    for count in (1, 2, 7):
        x = images(count)
        close(backend(x), decoded(model, x))


def test_mixing_costs_one_convolution_in_a_fixed_graph(dynamic_model, plain_model):
    def kernels(path):
        nodes = onnx.load(path).graph.node
        return sum(node.op_type == "Conv" for node in nodes), sum(node.op_type == "MatMul" for node in nodes)

    plain = kernels(export(plain_model, simplify=True))
    fixed = kernels(export(dynamic_model, simplify=True))
    free = kernels(export(dynamic_model, simplify=True, dynamic=True))
    assert fixed[0] == plain[0] and free[0] == plain[0]
    assert free[1] >= plain[1] + 5


def test_the_users_model_stays_as_it_is(dynamic_model):
    before = {k: v.clone() for k, v in dynamic_model.state_dict().items()}
    parts = {name: type(m) for name, m in dynamic_model.named_modules()}
    head = dict(dynamic_model.model[-1].__dict__)
    export(dynamic_model, dynamic=True)
    assert {name: type(m) for name, m in dynamic_model.named_modules()} == parts
    assert all(torch.equal(v, before[k]) for k, v in dynamic_model.state_dict().items())
    assert all(p.requires_grad for n, p in dynamic_model.named_parameters() if "dfl" not in n)
    assert {"export", "dynamic", "format"}.isdisjoint(set(dynamic_model.model[-1].__dict__) - set(head))
    assert not dynamic_model.model[3].conv.export_form


def test_metadata_is_the_public_one(dynamic_model):
    path = export(dynamic_model, dynamic=True)
    graph = onnx.load(path)
    stored = {p.key: p.value for p in graph.metadata_props}
    assert stored["names"] == "{0: 'thing 0', 1: 'thing 1', 2: 'thing 2'}"
    assert (stored["stride"], stored["task"], stored["batch"], stored["imgsz"]) == ("32", "detect", "1", "[96, 96]")
    assert stored["description"] == "Ultralytics YOLOv8n-DynamicConv model"
    assert (stored["head"], stored["channels"], stored["end2end"]) == ("Detect", "3", "False")
    assert {"author", "date", "version", "license", "docs", "args"} <= stored.keys()
    assert graph.ir_version <= 10
    assert [i.name for i in graph.graph.input] == ["images"] and [o.name for o in graph.graph.output] == ["output0"]
    axes = [d.dim_param or d.dim_value for d in graph.graph.input[0].type.tensor_type.shape.dim]
    assert axes == ["batch", 3, "height", "width"]
    backend = AutoBackend(path)
    assert backend.names == {0: "thing 0", 1: "thing 1", 2: "thing 2"} and backend.stride == 32
    assert backend.metadata["args"]["dynamic"] is True

    script = export(dynamic_model, format="torchscript")
    with zipfile.ZipFile(script) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith("extra/config.txt")]
        assert json.loads(archive.read(name))["names"] == {"0": "thing 0", "1": "thing 1", "2": "thing 2"}


def test_files_that_take_any_size_ask_for_the_same_ones(plain_model):
    model = copy.deepcopy(plain_model)
    model.stride = torch.tensor([4.0, 8.0, 16.0])
    native, free = AutoBackend(model, verbose=False), AutoBackend(export(model, dynamic=True))
    assert native.stride == free.stride == 32
    fixed = AutoBackend(export(model))
    assert fixed.stride == fixed.metadata["stride"] == free.metadata["stride"] == 16


def test_half_precision_halves_the_file(plain_model):
    whole = Path(export(plain_model)).stat().st_size
    path = export(plain_model, quantize=16)
    assert Path(path).stat().st_size < 0.6 * whole
    graph = onnx.load(path).graph
    assert graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    x = images(1)
    y, wanted = AutoBackend(path)(x), decoded(plain_model, x)
    assert (y - wanted).norm() / wanted.norm() < 1e-2 and not torch.equal(y, wanted)


def crowded(model: nn.Module) -> nn.Module:
    """Return a copy whose scores are spread, so that many boxes pass and none are close to the threshold."""
    model = copy.deepcopy(model)
    for branch in model.model[-1].cv3:
        nn.init.normal_(branch[-1].weight, std=0.05)
        nn.init.zeros_(branch[-1].bias)
    return model


@pytest.mark.parametrize("form", ["onnx", "torchscript", "pt2"])
@pytest.mark.parametrize("agnostic", [False, True])
def test_suppression_in_the_graph(plain_model, form, agnostic):
    model = crowded(plain_model)
    options = {"nms": True, "conf": 0.5, "iou": 0.5, "max_det": 50, "agnostic_nms": agnostic, "dynamic": True}
    backend = AutoBackend(export(model, format=form, **options))
    assert backend.end2end
    for x in (images(1), images(3), images(2, 64, 96, seed=3)):
        rows = backend(x)
        assert rows.shape == (len(x), 50, 6)
        wanted = non_max_suppression(decoded(model, x), 0.5, 0.5, agnostic=agnostic, max_det=50)
        for got, want in zip(rows, wanted, strict=True):
            got = got[got[:, 4] > 0]
            assert len(got) == len(want) > 0
            close(got, want[:, :6])
    few = AutoBackend(export(model, format=form, **{**options, "conf": 0.999}))(images(2))
    assert not few.any()


@pytest.mark.parametrize("form", ["onnx", "torchscript", "pt2"])
def test_suppression_of_rotated_boxes_in_the_graph(form):
    model = crowded(settled("yolov8n-obb.yaml"))
    options = {"nms": True, "conf": 0.5, "iou": 0.3, "max_det": 50, "dynamic": True}
    path = export(model, format=form, **options)
    backend = AutoBackend(path)
    for x in (images(1), images(3), images(2, 64, 96, seed=3)):
        rows = backend(x)
        assert rows.shape == (len(x), 50, 7)
        wanted = non_max_suppression(decoded(model, x), 0.5, 0.3, max_det=50, nc=3, rotated=True)
        for got, want in zip(rows, wanted, strict=True):
            got = got[got[:, 4] > 0]
            assert len(got) == len(want) > 0
            close(got, want)
    own, exported = (YOLO(path), YOLO(str(export(model, format="torchscript"))))
    a, b = (m.predict(images(1), conf=0.5, iou=0.3, imgsz=96, verbose=False)[0].obb.data for m in (own, exported))
    close(a, b)


@given(st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_a_matrix_suppresses_like_the_walk(seed):
    generator = torch.Generator().manual_seed(seed)
    centres, sizes = torch.rand(2, 2, 60, generator=generator) * 60, torch.rand(2, 2, 60, generator=generator) * 30
    boxes = torch.cat((centres - sizes / 2, centres + sizes / 2), 1)
    y = torch.cat((boxes, torch.rand(2, 3, 60, generator=generator)), 1)
    matrix, walk = (NMSModel(nn.Identity(), 3, 0.4, 0.3, 20, onnx=False, matrix=on)(y) for on in (True, False))
    torch.testing.assert_close(matrix, walk)


def test_other_heads_export():
    for name, shapes in (
        ("yolov8n-seg.yaml", [(2, 4 + 3 + 32, 189), (2, 32, 24, 24)]),
        ("yolov8n-cls.yaml", [(2, 3)]),
        ("yolov8n-obb.yaml", [(2, 4 + 3 + 1, 189)]),
    ):
        model = settled(name)
        backend = AutoBackend(export(model, dynamic=True))
        y = backend(images(2))
        y = y if isinstance(y, list) else [y]
        assert [tuple(t.shape) for t in y] == shapes, name


def test_report_names_file_and_commands(plain_model, capsys):
    path = export(plain_model, imgsz=[64, 96])
    text = capsys.readouterr().out
    assert "export success ✅" in text and "saved as 'yolov8n.onnx'" in text and "(1, 3, 64, 96) BCHW" in text
    assert f"yolo predict task=detect model={path} imgsz=[64,96]" in text
    assert "square" in text and "netron.app" in text and "Export complete" in text


def test_arguments_without_effect_are_named(plain_model, caplog, monkeypatch):
    monkeypatch.setattr(plain_model, "args", {"data": "trained-on.yaml"}, raising=False)
    onnx_file = export(plain_model)
    assert "has no effect" not in caplog.text and "data=trained-on.yaml" in caplog.text
    assert AutoBackend(onnx_file).metadata["args"]["data"] == "trained-on.yaml"
    export(plain_model, format="torchscript", data="coco8.yaml", fraction=0.5)
    assert caplog.text.count("data=coco8.yaml has no effect in export") == 1
    assert caplog.text.count("fraction=0.5 has no effect in export") == 1


def test_callbacks_run(plain_model):
    seen = []
    exporter = Exporter(overrides={"format": "torchscript", "imgsz": 64, "batch": 1})
    exporter.add_callback("on_export_start", lambda e: seen.append("start"))
    exporter.add_callback("on_export_end", lambda e: seen.append(e.target.name))
    exporter(plain_model)
    assert seen == ["start", "yolov8n.torchscript"]


@pytest.mark.parametrize(
    ("options", "error", "word"),
    [
        ({"format": "rknn"}, NotImplementedError, "format='onnx'"),
        ({"format": "hailo"}, NotImplementedError, "onnx"),
        ({"format": "xyz"}, ValueError, "xyz"),
        ({"format": "pt"}, ValueError, "own format"),
        ({"format": "onnx", "quantize": 8, "opset": 12}, ExportArgumentError, "allows 13 to"),
        ({"format": "onnx", "quantize": 8, "data": "nowhere.yaml"}, FileNotFoundError, "nowhere.yaml"),
        ({"format": "torchscript", "opset": 12}, ExportArgumentError, "opset=12"),
        ({"format": "torchscript", "quantize": 8}, ExportArgumentError, "quantize=8"),
        ({"format": "torchscript", "quantize": 16}, ExportArgumentError, "GPU"),
        ({"format": "onnx", "workspace": 4.0}, AssertionError, "workspace"),
        ({"format": "onnx", "opset": 7}, ExportArgumentError, "opset=7"),
        ({"format": "onnx", "batch": -1}, ExportArgumentError, "batch=-1"),
    ],
)
def test_errors_come_early_and_name_the_argument(plain_model, options, error, word):
    with pytest.raises(error, match=word):
        Exporter(overrides={"imgsz": 64, "batch": 1, **options})(plain_model)


def test_suppression_is_refused_where_it_makes_no_sense():
    with pytest.raises(ExportArgumentError, match="nms"):
        export(settled("yolov8n-cls.yaml"), nms=True)
    with pytest.raises(TypeError, match="network"):
        Exporter()("yolov8n.pt")


def test_nearest_format_is_taken_with_a_warning(plain_model, capsys):
    assert export(plain_model, format="onxn", imgsz=64).endswith(".onnx")
    assert "onxn" in capsys.readouterr().out


def test_full_disk_keeps_the_old_file(plain_model, monkeypatch, tmp_path):
    path = export(plain_model, imgsz=64)
    old = Path(path).read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=r"(?i)space|full"):
        export(plain_model, imgsz=64)
    assert Path(path).read_bytes() == old
    assert [f.name for f in tmp_path.iterdir()] == ["yolov8n.onnx"]


def test_public_helpers(tmp_path):
    table = export_formats()
    assert list(table) == ["Format", "Argument", "Suffix", "CPU", "GPU", "Arguments", "Env"]
    assert table["Argument"][:3] == ("-", "torchscript", "onnx") and len({len(v) for v in table.values()}) == 1
    validate_args("onnx", SimpleNamespace(dynamic=True), ["dynamic"])
    with pytest.raises(AssertionError, match=r"'dynamic=True'.*'pb'.*batch"):
        validate_args("pb", SimpleNamespace(dynamic=True), ["batch"])

    @try_export
    def write(size, *, prefix="Demo:"):
        file = tmp_path / "out.bin"
        file.write_bytes(b"x" * size)
        return file

    assert write(5000).name == "out.bin"
    with pytest.raises(RuntimeError, match="cannot hold a network"):
        write(0)
    assert exporter_module.NMSModel
    wanted = {
        "FP16_FORMATS": "torchscript onnx openvino engine coreml coreai mnn ncnn rknn ascend",
        "INT8_FORMATS": "onnx openvino engine coreml saved_model edgetpu litert mnn imx rknn axelera deepx hailo "
        "xilinx",
        "W8A16_FORMATS": "coreml litert qnn",
        "W8A32_FORMATS": "litert",
        "FP32_UNSUPPORTED_FORMATS": "edgetpu imx rknn axelera deepx qnn hailo ascend xilinx",
    }
    for name, formats in wanted.items():
        assert getattr(exporter_module, name) == frozenset(formats.split())
