"""LiteRT, ExecuTorch and Core ML: each in an environment of its own, since their packages pin each other's.

`pip install 'ultralytics[litert]'` (or executorch, coreml) makes such an environment; run with --slow there. What can
be said without the packages is tested everywhere.
"""

from __future__ import annotations

import copy
import importlib.util
import shutil
import sys
import zipfile

import numpy as np
import pytest
import torch
from export_helpers import decoded, export_beside, images

from ultralytics import YOLO
from ultralytics.nn.autobackend import AutoBackend
from ultralytics.nn.backends import ExecuTorchBackend, LiteRTBackend
from ultralytics.nn.backends.base import ExportArgumentError, as_list
from ultralytics.nn.backends.litert import add_metadata, read_metadata
from ultralytics.nn.backends.metadata import MetadataError

NEEDS = {
    "litert": ("litert_torch", "ai_edge_litert", "ai_edge_quantizer"),
    "executorch": ("executorch",),
    "coreml": ("coremltools",),
}
SUFFIX = {"litert": ".tflite", "executorch": "_executorch_model", "coreml": ".mlpackage"}
SIDE = 64
missing = {form: [name for name in names if not importlib.util.find_spec(name)] for form, names in NEEDS.items()}
lacks = {
    form: pytest.mark.skipif(bool(names), reason=f"not installed: {names} (extra {form})")
    for form, names in missing.items()
}
FORMS = [pytest.param(form, marks=lacks[form]) for form in ("litert", "executorch")]


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["yolov8n-DynamicConv", "yolov8n-seg", "yolov8n-pose", "yolov8n-obb", "yolov8n-cls"])
def test_outputs_are_those_of_torch(models, written, form, name):
    backend = AutoBackend(written(form, name), verbose=False)
    assert backend.format == form and not backend.dynamic
    for count in (1, 3):
        x = images(count, SIDE)
        got, want = as_list(backend(x)), as_list(decoded(models(name), x))
        for y, z in zip(got, want, strict=True):
            torch.testing.assert_close(y, z, rtol=1e-4, atol=1e-3)
        assert count == 1 or not torch.allclose(got[0][0], got[0][1], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_batch_is_fixed_and_divided(models, written, form):
    backend = AutoBackend(written(form, "yolov8n", batch=2), verbose=False)
    assert backend.batch == 2
    x = images(3, SIDE)
    torch.testing.assert_close(backend(x), decoded(models("yolov8n"), x), rtol=1e-4, atol=1e-3)
    with pytest.raises(ValueError, match="takes images of"):
        backend(images(2, 96))


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_end_to_end_heads_give_the_other_branch(models, written, form):
    backend = AutoBackend(written(form, "yolo26n"), verbose=False)
    twin, x = copy.deepcopy(models("yolo26n")), images(1, SIDE)
    twin.end2end = False
    assert not backend.end2end
    torch.testing.assert_close(backend(x), decoded(twin, x), rtol=1e-4, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_metadata_survives_another_name_and_damage_is_told(written, form, tmp_path):
    source, path = written(form, "yolov8n-pose"), tmp_path / f"x{SUFFIX[form]}"
    shutil.copytree(source, path) if source.is_dir() else shutil.copy(source, path)
    model = YOLO(path)
    assert (model.task, model.facts["kpt_shape"], model.facts["imgsz"]) == ("pose", [17, 3], [SIDE, SIDE])
    result = model(np.zeros((SIDE, SIDE, 3), np.uint8), imgsz=SIDE, verbose=False)[0]
    assert result.keypoints is not None and result.names[0] == "thing 0"
    kind = {"litert": LiteRTBackend, "executorch": ExecuTorchBackend}[form]
    assert kind.read_metadata(path)["stride"] == kind(path, "cpu").stride == 32
    file = path if path.is_file() else next(path.glob("*.pte"))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(ValueError, match=r"x(\.tflite|_executorch_model).* can read"):
        AutoBackend(path, verbose=False)


@pytest.mark.slow
@lacks["litert"]
@pytest.mark.parametrize("name", ["yolov8n", "yolov8n-DynamicConv"])
def test_weights_of_8_bits(models, written, name):
    whole, small = (written("litert", name, **more) for more in ({}, {"quantize": "w8a32"}))
    assert small.stat().st_size < 0.6 * whole.stat().st_size
    x = images(2, SIDE)
    got, want = AutoBackend(small, verbose=False)(x), decoded(models(name), x)
    assert 0 < (got - want)[:, :4].abs().max() < 5 and (got - want)[:, 4:].abs().max() < 5e-3


@pytest.mark.slow
@lacks["coreml"]
@pytest.mark.parametrize(
    ("name", "more"), [("yolov8n-DynamicConv", {}), ("yolov8n-seg", {"half": True}), ("yolov8n-obb", {"quantize": 8})]
)
def test_core_ml_says_what_it_is(written, name, more):
    import coremltools

    path = written("coreml", name, **more)
    spec = coremltools.models.MLModel(str(path), skip_model_load=True).get_spec().description
    assert [(one.name, one.type.imageType.height, one.type.imageType.width) for one in spec.input] == [
        ("image", 64, 64)
    ]
    assert [one.name for one in spec.output] == (["output0", "output1"] if "seg" in name else ["output0"])
    assert YOLO(path).facts["names"] == {0: "thing 0", 1: "thing 1", 2: "thing 2"}
    with pytest.raises(NotImplementedError, match="Apple"):
        AutoBackend(path, verbose=False)


# Without the packages -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "arguments", "error", "word"),
    [
        ("litert", {"dynamic": True}, ExportArgumentError, "dynamic=True"),
        ("litert", {"quantize": "w8a16"}, NotImplementedError, "use quantize=w8a32"),
        ("litert", {"half": True}, ExportArgumentError, "quantize=16"),
        ("executorch", {"dynamic": "batch"}, ExportArgumentError, "dynamic=batch"),
        ("executorch", {"quantize": 8}, ExportArgumentError, "quantize=8"),
        ("coreml", {"dynamic": True}, NotImplementedError, "dynamic=True is not built"),
        ("coreml", {"nms": True}, NotImplementedError, "nms=True is not built"),
        ("coreml", {"batch": 2}, NotImplementedError, "one picture"),
        ("coreml", {"workspace": 2.0}, ExportArgumentError, "workspace"),
    ],
)
def test_arguments_that_they_do_not_take(models, tmp_path, form, arguments, error, word):
    with pytest.raises(error, match=word):
        export_beside(form, copy.deepcopy(models("yolov8n")), tmp_path / "m.pt", **arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("form", "package"), [("litert", "litert_torch"), ("executorch", "executorch"), ("coreml", "coremltools")]
)
def test_missing_packages_are_told(models, tmp_path, monkeypatch, form, package):
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"pip install 'ultralytics\[{form}\]'"):
        export_beside(form, copy.deepcopy(models("yolov8n")), tmp_path / "m.pt")
    assert not list(tmp_path.iterdir())


def test_metadata_behind_a_litert_file(tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(b"\x00TFL3" * 100)
    assert read_metadata(path) == {}
    add_metadata(path, {"stride": 32, "names": {0: "a"}, "task": "pose"})
    assert path.read_bytes().startswith(b"\x00TFL3") and YOLO(path).task == "pose"
    assert read_metadata(path) == {"stride": 32, "names": {0: "a"}, "task": "pose"}
    for value in ({"stride": "__import__('os')"}, {"stride": -1}):
        add_metadata(path, value)
        with pytest.raises(MetadataError, match=r"m\.tflite"):
            read_metadata(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("metadata.json", "x" * 2_000_000)
    with pytest.raises(MetadataError, match="2,000,000 bytes"):
        read_metadata(path)
