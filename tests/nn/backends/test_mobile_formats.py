"""MNN files and ncnn folders give what the network gives, say what they are; damaged ones are told."""

from __future__ import annotations

import copy
import importlib.util
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from export_helpers import decoded, export_beside, images
from shape_helpers import run_settings, stirred_file, write_network, write_shapes
from torch import nn

from ultralytics import YOLO
from ultralytics.nn.autobackend import AutoBackend
from ultralytics.nn.backends import MNNBackend, NCNNBackend
from ultralytics.nn.backends.base import ExportArgumentError, as_list
from ultralytics.nn.backends.converter import ConversionError, run_converter
from ultralytics.nn.backends.metadata import MetadataError
from ultralytics.ops.nms import non_max_suppression

NEEDS = {"mnn": ("MNN", "onnx"), "ncnn": ("ncnn", "pnnx")}
missing = {form: [name for name in names if importlib.util.find_spec(name) is None] for form, names in NEEDS.items()}
FORMS = [
    pytest.param(form, marks=pytest.mark.skipif(bool(lacks), reason=f"not installed: {lacks} (extra {form})"))
    for form, lacks in missing.items()
]
MNN, NCNN = (form.marks[0] for form in FORMS)
SUFFIX = {"mnn": ".mnn", "ncnn": "_ncnn_model"}
SIDE = 64
PIXELS, SCORE = 2e-3, 2e-5


def copied(path: Path, target: Path) -> Path:
    """Return a copy of an export under another name."""
    return Path(shutil.copytree(path, target) if path.is_dir() else shutil.copy(path, target))


def differences(got, want, nc=3) -> tuple[float, float]:
    """Largest difference of boxes and all else that is measured in pixels, and of scores."""
    error = (got - want).abs()
    scores = error[:, 4 : 4 + nc]
    return torch.cat((error[:, :4], error[:, 4 + nc :]), 1).max().item(), scores.max().item()


# Outputs --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["yolov8n", "yolov8n-DynamicConv", "yolov8n-seg", "yolov8n-pose", "yolov8n-obb"])
def test_outputs_are_those_of_torch(models, written, form, name):
    backend = AutoBackend(written(form, name), verbose=False)
    assert backend.format == form and getattr(backend, form) and not backend.dynamic
    for count in (1, 3):
        x = images(count, SIDE)
        got, want = as_list(backend(x)), as_list(decoded(models(name), x))
        assert [y.shape for y in got] == [y.shape for y in want]
        pixels, score = differences(got[0], want[0])
        assert pixels < PIXELS and score < SCORE
        for y, z in zip(got[1:], want[1:], strict=True):  # prototypes of masks
            torch.testing.assert_close(y, z, rtol=1e-4, atol=1e-4)
        # The images differ, and with them the kernels of dynamic convolutions.
        assert count == 1 or not torch.allclose(got[0][0], got[0][1], atol=1e-2)


@pytest.mark.parametrize("form", FORMS)
def test_classes_are_those_of_torch(models, written, form):
    backend = AutoBackend(written(form, "yolov8n-cls-DynamicConv"), verbose=False)
    for count in (1, 3):
        x = images(count, SIDE)
        assert (backend(x) - decoded(models("yolov8n-cls-DynamicConv"), x)).abs().max() < 5e-5


@MNN
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("yolov8n-DynamicConv", {"dynamic": True}),
        ("yolov8n-DynamicConv", {"dynamic": "batch"}),
        ("yolov8n-DynamicConv", {"batch": 2}),
        ("yolov8n-seg", {"dynamic": True}),
    ],
)
def test_mnn_takes_what_it_was_exported_for(models, written, name, arguments):
    backend = AutoBackend(written("mnn", name, **arguments), verbose=False)
    assert backend.dynamic is (arguments.get("dynamic") is True)
    for count, height, width in [(1, SIDE, SIDE), (4, SIDE, SIDE), *([(2, 96, 64)] if backend.dynamic else [])]:
        x = images(count, height, width)
        pixels, score = differences(as_list(backend(x))[0], as_list(decoded(models(name), x))[0])
        assert pixels < PIXELS and score < SCORE
    if not backend.dynamic:
        with pytest.raises(ValueError, match=r"takes images of \[64, 64\] pixels, got \(.*96, 96\)"):
            backend(images(1, 96))


@NCNN
def test_ncnn_takes_any_number_of_images_of_its_size(written):
    backend = AutoBackend(written("ncnn", "yolov8n"), verbose=False)
    assert backend.free_batch and backend.batch == 1
    with pytest.raises(ValueError, match="takes images of 64x64, got 96x96"):
        backend(images(1, 96))


@pytest.mark.parametrize("form", FORMS)
def test_fewer_bits(models, written, form):
    x = images(2, SIDE)
    whole, want = written(form, "yolov8n"), decoded(models("yolov8n"), x)
    for bits, share, limit in ((16, 0.55, 0.5), *([(8, 0.35, 2.0)] if form == "mnn" else [])):
        path = written(form, "yolov8n", quantize=bits)
        assert size(path) < share * size(whole)
        pixels, score = differences(AutoBackend(path, verbose=False)(x), want)
        assert 0 < pixels < limit and score < 5e-3
    half = AutoBackend(path, fp16=True, verbose=False)
    assert not half.fp16 and half(x).dtype == torch.float32


def size(path: Path) -> int:
    return sum(file.stat().st_size for file in (path.rglob("*") if path.is_dir() else [path]))


@MNN
@pytest.mark.parametrize("arguments", [{"batch": 2}, {"dynamic": True}], ids=["two", "free"])
def test_suppression_in_the_graph(models, tmp_path, arguments):
    model = copy.deepcopy(models("yolov8n"))
    for branch in model.model[-1].cv3:  # spread the scores: many boxes pass, none is close to the threshold
        nn.init.normal_(branch[-1].weight, std=0.05)
        nn.init.zeros_(branch[-1].bias)
    options = {"nms": True, "conf": 0.5, "iou": 0.5, "max_det": 50, **arguments}
    backend = AutoBackend(export_beside("mnn", model, tmp_path / "m.pt", **options), verbose=False)
    assert backend.end2end
    for x in (images(1, SIDE), images(2, SIDE), images(3, SIDE, seed=3)):
        rows = backend(x)
        assert rows.shape == (len(x), 50, 6)
        wanted = non_max_suppression(decoded(model, x), 0.5, 0.5, max_det=50)
        for got, want in zip(rows, wanted, strict=True):
            got = got[got[:, 4] > 0]
            assert len(got) == len(want) > 0
            torch.testing.assert_close(got, want[:, :6], rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("form", FORMS)
def test_end_to_end_heads(models, written, form, caplog):
    backend = AutoBackend(written(form, "yolo26n", **({"nms": False} if form == "mnn" else {})), verbose=False)
    twin = copy.deepcopy(models("yolo26n"))
    twin.end2end = backend.end2end
    assert backend.end2end is (form == "mnn")
    for count in (1, 3):
        x = images(count, SIDE)
        rows, want = backend(x), as_list(decoded(twin, x))[0]
        assert rows.shape == want.shape
        if backend.end2end:  # rows of the same score may change places; the best one stands out
            torch.testing.assert_close(rows[..., 4], want[..., 4], rtol=0, atol=SCORE)
            torch.testing.assert_close(rows[:, 0], want[:, 0], rtol=1e-4, atol=PIXELS)
        else:
            assert differences(rows, want)[0] < PIXELS


@pytest.mark.parametrize("form", FORMS)
def test_second_export_gives_the_same(models, written, form, tmp_path):
    again = export_beside(form, copy.deepcopy(models("yolov8n")), tmp_path / "m.pt")
    x = images(1, SIDE)
    assert torch.equal(*(AutoBackend(path, verbose=False)(x) for path in (written(form, "yolov8n"), again)))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("task", ["segment", "obb"])
def test_validates_predicts_and_tracks_like_the_network(tmp_path, form, task):
    data = write_shapes(tmp_path / "shapes", task)
    best = YOLO(stirred_file(write_network(tmp_path, task), tmp_path / "best.pt"))
    exported = YOLO(best.export(format=form, imgsz=SIDE, device="cpu"))
    assert exported.task == task
    a, b = (model.val(data=data, rect=False, **run_settings(tmp_path)).results_dict for model in (best, exported))
    assert a == pytest.approx(b, abs=1e-3) and len(a) > 4
    picture = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    for mode in ("predict", "track"):
        settings = {"conf": 0.1, "max_det": 20, "imgsz": SIDE, "verbose": False}
        ours, theirs = (getattr(model, mode)(picture, **settings)[0] for model in (best, exported))
        boxes = [(one.boxes or one.obb).data for one in (ours, theirs)]
        torch.testing.assert_close(boxes[1], boxes[0], rtol=1e-4, atol=1e-2)
        assert len(boxes[0]) > (3 if mode == "predict" else 0)


# Metadata -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_metadata_survives_another_name(written, form, tmp_path):
    path = copied(written(form, "yolov8n-pose"), tmp_path / f"x{SUFFIX[form]}")
    backend = AutoBackend(path, verbose=False)
    assert (backend.task, backend.stride, backend.kpt_shape, backend.imgsz) == ("pose", 32, [17, 3], [SIDE, SIDE])
    model = YOLO(path)
    assert model.task == "pose" and model.facts == backend.metadata
    result = model(np.zeros((SIDE, SIDE, 3), np.uint8), imgsz=SIDE, verbose=False)[0]
    assert result.names == {0: "thing 0", 1: "thing 1", 2: "thing 2"} and result.keypoints is not None
    if form == "ncnn":
        assert sorted(f.name for f in path.iterdir()) == ["metadata.yaml", "model.ncnn.bin", "model.ncnn.param"]


@pytest.mark.parametrize("form", FORMS)
def test_public_backend(written, form):
    kind = {"mnn": MNNBackend, "ncnn": NCNNBackend}[form]
    path, x = written(form, "yolov8n"), images(1, SIDE)
    backend = kind(path, "cpu")
    assert torch.equal(backend(x), AutoBackend(path, verbose=False)(x))
    assert kind.read_metadata(path)["stride"] == backend.stride == 32


@NCNN
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("stride: __import__('os').getcwd()\n", "'stride' is .*a whole number"),
        ("names: !!python/object/apply:os.getcwd []\n", r"'metadata\.yaml' cannot be read"),
    ],
)
def test_wrong_metadata_names_the_file(written, tmp_path, text, problem):
    path = copied(written("ncnn", "yolov8n"), tmp_path / "m_ncnn_model")
    (path / "metadata.yaml").write_text(text)
    for open_ in (AutoBackend, YOLO):
        with pytest.raises(MetadataError, match=rf"m_ncnn_model.*{problem}"):
            open_(path)
    (path / "metadata.yaml").unlink()
    assert AutoBackend(path).task == "detect" and YOLO(path).facts == {}


@MNN
def test_wrong_metadata_in_mnn(written, tmp_path):
    content = written("mnn", "yolov8n").read_bytes()
    assert content.count(b'"stride": 32') == 1
    (tmp_path / "m.mnn").write_bytes(content.replace(b'"stride": 32', b'"stride": 0.'))
    with pytest.raises(MetadataError, match=r"m\.mnn: metadata '(bizCode|stride)'"):
        AutoBackend(tmp_path / "m.mnn")


# Damage and wrong use -------------------------------------------------------------------------------------------------


def cut(file: Path, part: float) -> None:
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * part)])


@MNN
@pytest.mark.parametrize("part", [0, 0.001, 0.5, 0.999])
def test_damaged_mnn_is_told(written, tmp_path, part):
    path = copied(written("mnn", "yolov8n"), tmp_path / "m.mnn")
    cut(path, part)
    with pytest.raises(ValueError, match=r"m\.mnn is not a file that MNN .* can read"):
        AutoBackend(path, verbose=False)
    assert YOLO(path).facts == {}


@NCNN
@pytest.mark.parametrize("name", ["model.ncnn.bin", "model.ncnn.param"])
@pytest.mark.parametrize("part", [None, 0, 0.5])
def test_damaged_ncnn_is_told(written, tmp_path, name, part):
    path = copied(written("ncnn", "yolov8n"), tmp_path / "m_ncnn_model")
    if part is None:
        (path / name).unlink()
    else:
        cut(path / name, part)
    with pytest.raises(ValueError, match=r"m_ncnn_model.*(should have one file|has no|ncnn .* can read)"):
        AutoBackend(path, verbose=False)
    for file in path.iterdir():
        file.unlink()
    path.rmdir()
    path.touch()
    with pytest.raises(ValueError, match="is a file; a model of this format is a folder"):
        AutoBackend(path, verbose=False)


@pytest.mark.parametrize(
    ("form", "arguments", "word"),
    [
        ("ncnn", {"dynamic": True}, "dynamic=True"),
        ("ncnn", {"dynamic": "batch"}, "dynamic=batch"),
        ("ncnn", {"nms": True}, "nms=True"),
        ("ncnn", {"quantize": 8}, "quantize=8"),
        ("mnn", {"quantize": "w8a16"}, "quantize=w8a16"),
        ("mnn", {"workspace": 4.0}, "workspace"),
        ("mnn", {"batch": 0}, "batch=0"),
        ("mnn", {"dnn": True}, "dnn=True"),
    ],
)
def test_arguments_that_they_do_not_take(models, tmp_path, form, arguments, word):
    with pytest.raises((ExportArgumentError, ValueError), match=word):
        export_beside(form, copy.deepcopy(models("yolov8n")), tmp_path / "m.pt", **arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("form", "package"), [("mnn", "MNN"), ("ncnn", "pnnx")])
def test_missing_packages_are_told(models, tmp_path, monkeypatch, form, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"pip install 'ultralytics\[{form}\]'"):
        export_beside(form, copy.deepcopy(models("yolov8n")), tmp_path / "m.pt")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("code", ["print('no such layer'); raise SystemExit(3)", "print('no such layer')"])
def test_failed_conversions_show_last_words(tmp_path, code):
    with pytest.raises(ConversionError, match=r"the tool failed \(exit status [03], wrote no 'x'\): no such layer"):
        run_converter("the tool", [sys.executable, "-c", code], tmp_path, ["x"])
    with pytest.raises(ConversionError, match="the tool cannot be started"):
        run_converter("the tool", [tmp_path / "none"], tmp_path, ["x"])


@pytest.mark.parametrize("form", FORMS)
def test_what_is_written_is_whole_or_as_it_was(models, tmp_path, monkeypatch, form):
    model = copy.deepcopy(models("yolov8n"))
    path = Path(export_beside(form, model, tmp_path / "m.pt"))
    before = sorted((f.name, f.stat().st_mtime_ns) for f in tmp_path.rglob("*"))

    def fails(*_):
        raise ConversionError("the tool failed")

    monkeypatch.setattr(f"ultralytics.nn.backends.{form}.run_converter", fails)
    with pytest.raises(ConversionError):
        export_beside(form, model, tmp_path / "m.pt")
    assert sorted((f.name, f.stat().st_mtime_ns) for f in tmp_path.rglob("*")) == before and path.exists()
