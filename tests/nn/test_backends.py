from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import torch
from export_helpers import decoded, images, settled
from torch import nn

from ultralytics.nn.autobackend import AutoBackend, check_class_names, default_class_names
from ultralytics.nn.backends import FORMATS, export_formats, find_format, format_of
from ultralytics.nn.backends.base import ExportFormat, format_class
from ultralytics.nn.backends.table import TOOLS, refusal, resolve_format_name
from ultralytics.utils.device import cpu_has_bf16


@pytest.fixture(scope="module")
def model():
    return settled("yolov8n-DynamicConv.yaml")


def test_table_loads_without_torch():
    code = "import sys, ultralytics.nn.backends as b; b.export_formats(); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


def test_every_built_format_has_its_class():
    for facts in FORMATS.values():
        if facts.home:
            form = format_class(facts)
            assert isinstance(form, ExportFormat) and form.facts is facts
        else:
            with pytest.raises(NotImplementedError):
                format_class(facts)
    assert set(FORMATS) - set(export_formats()["Argument"]) == {"pt2"}  # the public table has the published rows


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/yolov8n.pt", "-"),
        ("best.onnx", "onnx"),
        ("my.onnx.pt", "-"),
        ("my.pt.onnx", "onnx"),
        ("m_edgetpu.tflite", "edgetpu"),
        ("m.tflite", "litert"),
        ("m_qnn.onnx", "qnn"),
        ("m_openvino_model/", "openvino"),
        ("photo.jpg", None),
    ],
)
def test_format_of_a_file_name(path, name):
    found = format_of(path)
    assert (found and found.name) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [("ONNX", "onnx"), (".onnx", "onnx"), ("TensorRT", "engine"), ("trt", "engine"), ("ios", "coreml")],
)
def test_names_and_aliases(text, name):
    assert resolve_format_name(text) == (name, False)


def test_close_and_unknown_names():
    assert resolve_format_name("torchscrip") == ("torchscript", True)
    with pytest.raises(ValueError, match="allowed are torchscript"):
        resolve_format_name("qqqq")
    with pytest.raises(NotImplementedError, match=r"format='onnx', and give 'best\.onnx' to .*RKNN\(\)"):
        find_format("rknn")
    assert find_format("pt").name == "-"


def test_native_network_is_folded_in_a_copy(model):
    x = images(2)
    wanted = decoded(model, x)
    backend = AutoBackend(model)
    y, raw = backend(x)
    torch.testing.assert_close(y, wanted, rtol=1e-4, atol=1e-4)
    assert {"boxes", "scores"} <= raw.keys()
    assert not model.is_fused() and backend.model.is_fused()
    assert (backend.pt, backend.nn_module, backend.format, backend.onnx, backend.jit) == (
        True,
        True,
        "pt",
        False,
        False,
    )
    assert (backend.stride, backend.task, backend.channels, backend.names[1]) == (32, "detect", 3, "thing 1")
    assert backend.dynamic and not backend.end2end and not backend.fp16
    same = AutoBackend(model, fuse=False)
    assert same.model is model, "nothing had to change, so nothing should be copied"
    assert len(backend(x, embed=[2, 4])) == 2
    backend.warmup()
    with pytest.raises(ValueError, match="inference"):
        backend.train()


@pytest.mark.skipif(not cpu_has_bf16(), reason="needs a processor with bfloat16 instructions")
def test_half_on_a_processor_is_bfloat16_with_exact_decoding(model):
    x = images(2)
    wanted = decoded(model, x)
    backend = AutoBackend(model, fp16=True)
    y, raw = backend(x)
    assert backend.runtime.dtype == torch.bfloat16 and not backend.fp16
    assert y.dtype == torch.float32 and raw["boxes"].dtype == torch.float32
    error = (y - wanted).norm() / wanted.norm()
    assert 0 < error < 2e-2
    assert next(model.parameters()).dtype == torch.float32
    # Experts stay in float32, where they mix faster and more exactly.
    assert backend.model.model[3].conv.weight.dtype == torch.float32
    assert backend.model.model[3].conv.routing.weight.dtype == torch.float32
    assert backend.model.model[22].dfl.conv.weight.dtype == torch.bfloat16


def test_checkpoint_file(model, tmp_path):
    from ultralytics.nn.weights.checkpoint import save_checkpoint

    file = tmp_path / "best.pt"
    save_checkpoint({"model": copy.deepcopy(model).half(), "ema": None, "train_args": {"imgsz": 96}}, file)
    backend = AutoBackend(file)
    x = images(2)
    y, wanted = backend(x)[0], decoded(model, x)
    assert backend.pt and not backend.nn_module and backend.model.is_fused()
    assert (y - wanted).norm() / wanted.norm() < 1e-2
    assert backend.names == model.names and backend.imgsz == [96, 96]


def test_wrong_input_and_wrong_files(model, tmp_path):
    backend = AutoBackend(model)
    with pytest.raises(ValueError, match=r"\(B, 3, H, W\)"):
        backend(torch.zeros(1, 1, 64, 64))
    with pytest.raises(ValueError, match=r"\(B, 3, H, W\)"):
        backend(torch.zeros(3, 64, 64))
    with pytest.raises(FileNotFoundError, match="does not exist"):
        AutoBackend(tmp_path / "none.onnx")
    with pytest.raises(TypeError, match=r"\.onnx"):
        AutoBackend(tmp_path / "photo.jpg")
    for name in ("broken.onnx", "broken.torchscript"):
        (tmp_path / name).write_bytes(b"<html>not found</html>")
        with pytest.raises(ValueError, match=name):
            AutoBackend(tmp_path / name)
    (tmp_path / "m_rknn_model").mkdir()
    with pytest.raises(NotImplementedError, match="ONNX"):
        AutoBackend(tmp_path / "m_rknn_model")


def test_graph_without_metadata_gets_defaults(tmp_path, capsys):
    with torch.no_grad():
        graph = torch.jit.trace(nn.Conv2d(3, 5, 1).eval(), torch.zeros(1, 3, 8, 8))
    file = tmp_path / "bare.torchscript"
    torch.jit.save(graph, str(file))
    backend = AutoBackend(file)
    assert (backend.stride, backend.task, len(backend.names)) == (32, "detect", 999)
    assert "no metadata" in capsys.readouterr().out
    assert backend(torch.zeros(1, 3, 8, 8)).shape == (1, 5, 8, 8)
    with pytest.raises(ValueError, match="PyTorch model"):
        backend(torch.zeros(1, 3, 8, 8), augment=True)


def test_class_names(tmp_path):
    assert check_class_names(["a", "b"]) == {0: "a", 1: "b"}
    assert check_class_names({"0": 7}) == {0: "7"}
    with pytest.raises(KeyError, match="0 to 1"):
        check_class_names({0: "a", 2: "b"})
    assert len(default_class_names(None, 3)) == 3
    file = tmp_path / "data.yaml"
    file.write_text("names: [cat, dog]\n")
    assert default_class_names(file) == {0: "cat", 1: "dog"}
    assert default_class_names(tmp_path / "none.yaml", 2) == {0: "class0", 1: "class1"}


def test_a_plain_module_can_be_run():
    net = nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4)).eval()
    backend = AutoBackend(copy.deepcopy(net))
    x = torch.rand(2, 1, 8, 8)
    torch.testing.assert_close(backend(x), net(x))


def test_formats_that_are_not_built_name_their_tool():
    unbuilt = [facts for facts in FORMATS.values() if facts.home is None]
    assert {facts.name for facts in unbuilt} <= set(TOOLS) and not {f for f in TOOLS if FORMATS[f].home}
    for facts in unbuilt:
        text = refusal(facts, "a b.onnx")
        assert text.startswith(facts.title) and "give 'a b.onnx' to " in text and "FILE" not in text
