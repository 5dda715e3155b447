"""OpenVINO folders give what the network gives, say what they are; damaged ones are told."""

from __future__ import annotations

import copy
import importlib.util
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from export_helpers import decoded, images, settled
from shape_helpers import run_settings, stirred_file, write_network, write_shapes
from torch import nn

from ultralytics import YOLO
from ultralytics.engine.exporter import Exporter
from ultralytics.nn.autobackend import AutoBackend
from ultralytics.nn.backends import OpenVINOBackend
from ultralytics.nn.backends.base import ExportArgumentError, as_list
from ultralytics.nn.backends.metadata import MetadataError
from ultralytics.ops.nms import non_max_suppression
from ultralytics.utils.yaml_io import YAML

# Looked for without importing it, which would start its telemetry.
installed = [importlib.util.find_spec(name) for name in ("openvino", "onnx")]
needs_openvino = pytest.mark.skipif(not all(installed), reason="openvino or onnx is not installed (extra openvino)")
SIDE = 64
PIXELS, SCORE = 1e-3, 1e-5  # largest differences to torch that float32 may have
HALF_PIXELS, HALF_SCORE = 0.05, 2e-4  # and weights of 16 bits


@pytest.fixture(scope="module")
def models():
    """A function that returns the settled network of a name, made once."""
    made = {}
    return lambda name: made[name] if name in made else made.setdefault(name, settled(f"{name}.yaml"))


@pytest.fixture(scope="module")
def written(models, tmp_path_factory):
    """A function that exports a model, once for each set of arguments, and returns the folder."""
    folders = {}
    root = tmp_path_factory.mktemp("open vino")

    def write(name, **arguments):
        key = (name, *sorted(arguments.items()))
        if key not in folders:
            folders[key] = export(copy.deepcopy(models(name)), root / f"{len(folders)} {name}.pt", **arguments)
        return folders[key]

    return write


@pytest.fixture
def folder(written, tmp_path):
    """A folder of the test's own."""
    return Path(shutil.copytree(written("yolov8n"), tmp_path / "m_openvino_model"))


def export(model, checkpoint, **arguments) -> str:
    """Export a network as if it came from a checkpoint, beside which the export goes."""
    model.pt_path = str(checkpoint)
    return Exporter(overrides={"format": "openvino", "imgsz": SIDE, "batch": 1, **arguments})(model)


def differences(got, want, nc=3) -> tuple[float, float]:
    """Largest difference of boxes and all else that is measured in pixels, and of scores."""
    error = (got - want).abs()
    scores = error[:, 4 : 4 + nc]
    return torch.cat((error[:, :4], error[:, 4 + nc :]), 1).max().item(), scores.max().item()


# Outputs --------------------------------------------------------------------------------------------------------------


@needs_openvino
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("yolov8n", {}),
        ("yolov8n", {"dynamic": True}),
        ("yolov8n-DynamicConv", {}),
        ("yolov8n-DynamicConv", {"batch": 2}),
        ("yolov8n-DynamicConv", {"dynamic": True}),
        ("yolov8n-DynamicConv", {"dynamic": "batch"}),
        ("yolov8n-seg", {"dynamic": True}),
        ("yolov8n-pose", {}),
        ("yolov8n-obb", {"dynamic": True}),
    ],
)
def test_outputs_are_those_of_torch(models, written, name, arguments):
    backend = AutoBackend(written(name, **arguments), verbose=False)
    assert backend.xml and backend.format == "openvino" and backend.dynamic is (arguments.get("dynamic") is True)
    assert backend.free_batch is bool(arguments.get("dynamic"))
    sizes = [(1, SIDE, SIDE), (3, SIDE, SIDE), *([(2, 96, 64)] if backend.dynamic else [])]
    for count, height, width in sizes:
        x = images(count, height, width)
        got, want = as_list(backend(x)), as_list(decoded(models(name), x))
        assert [y.shape for y in got] == [y.shape for y in want]
        pixels, score = differences(got[0], want[0])
        assert pixels < PIXELS and score < SCORE
        for y, z in zip(got[1:], want[1:], strict=True):  # prototypes of masks
            torch.testing.assert_close(y, z, rtol=1e-4, atol=1e-4)
        # The images differ, and with them the kernels of dynamic convolutions.
        assert count == 1 or not torch.allclose(got[0][0], got[0][1], atol=1e-2)


@needs_openvino
@pytest.mark.parametrize(("name", "dynamic"), [("yolov8n-cls", True), ("yolov8n-cls-DynamicConv", False)])
def test_classes_are_those_of_torch(models, written, name, dynamic):
    backend = AutoBackend(written(name, dynamic=dynamic), verbose=False)
    for count in (1, 3):
        x = images(count, SIDE)
        assert (backend(x) - decoded(models(name), x)).abs().max() < SCORE


@needs_openvino
@pytest.mark.parametrize("name", ["yolov8n", "yolov8n-DynamicConv"])
def test_half_stores_weights_in_16_bits(models, written, name):
    whole, half = (Path(written(name, **arguments)) for arguments in ({}, {"half": True}))
    sizes = [next(path.glob("*.bin")).stat().st_size for path in (whole, half)]
    assert sizes[1] < 0.52 * sizes[0]
    x = images(3, SIDE)
    got, want = AutoBackend(half, verbose=False)(x), decoded(models(name), x)
    pixels, score = differences(got, want)
    assert 0 < pixels < HALF_PIXELS and score < HALF_SCORE


@needs_openvino
def test_precision_is_float32_unless_half_is_asked_for(models, written):
    exact, fast = (AutoBackend(written("yolov8n"), fp16=half, verbose=False) for half in (False, True))
    assert exact.runtime.compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name() == "f32"
    x = images(2, SIDE)
    assert exact(x).dtype == fast(x).dtype == torch.float32 and not fast.fp16
    pixels, score = differences(fast(x), decoded(models("yolov8n"), x))
    assert pixels < 4 and score < 0.02  # bfloat16 has eight bits, so here a box of 64 pixels is good to a quarter


@needs_openvino
@pytest.mark.parametrize("arguments", [{"batch": 2}, {"dynamic": True}], ids=["two", "free"])
def test_suppression_in_the_graph(models, tmp_path, arguments):
    model = copy.deepcopy(models("yolov8n"))
    for branch in model.model[-1].cv3:  # spread the scores: many boxes pass, none is close to the threshold
        nn.init.normal_(branch[-1].weight, std=0.05)
        nn.init.zeros_(branch[-1].bias)
    options = {"nms": True, "conf": 0.5, "iou": 0.5, "max_det": 50, **arguments}
    backend = AutoBackend(export(model, tmp_path / "m.pt", **options), verbose=False)
    assert backend.end2end
    for x in (images(1, SIDE), images(2, SIDE), images(3, SIDE, seed=3)):
        rows = backend(x)
        assert rows.shape == (len(x), 50, 6)
        wanted = non_max_suppression(decoded(model, x), 0.5, 0.5, max_det=50)
        for got, want in zip(rows, wanted, strict=True):
            got = got[got[:, 4] > 0]
            assert len(got) == len(want) > 0
            torch.testing.assert_close(got, want[:, :6], rtol=1e-4, atol=1e-3)


@needs_openvino
@pytest.mark.parametrize(("name", "dynamic"), [("yolo26n", False), ("yolo26n", True), ("yolo26n-seg", True)])
def test_final_rows(models, written, name, dynamic):
    backend = AutoBackend(written(name, nms=False, dynamic=dynamic), verbose=False)
    assert backend.end2end
    twin = copy.deepcopy(models(name))
    twin.end2end = True
    for count in (1, 3):
        x = images(count, SIDE)
        rows, want = as_list(backend(x))[0], as_list(decoded(twin, x))[0]
        assert rows.shape == want.shape
        torch.testing.assert_close(rows[..., 4], want[..., 4], rtol=0, atol=SCORE)
        # Rows of the same score may change places; the best one stands out.
        torch.testing.assert_close(rows[:, 0], want[:, 0], rtol=1e-4, atol=PIXELS)


@needs_openvino
def test_second_export_gives_the_same(models, written, tmp_path):
    first, second = Path(written("yolov8n")), Path(export(copy.deepcopy(models("yolov8n")), tmp_path / "m.pt"))
    x = images(1, SIDE)
    assert torch.equal(AutoBackend(first, verbose=False)(x), AutoBackend(second, verbose=False)(x))
    assert next(first.glob("*.bin")).read_bytes() == next(second.glob("*.bin")).read_bytes()


@needs_openvino
@pytest.mark.parametrize("task", ["segment", "pose", "obb"])
def test_validates_and_predicts_like_the_network(tmp_path, task):
    data = write_shapes(tmp_path / "shapes", task)
    best = YOLO(stirred_file(write_network(tmp_path, task), tmp_path / "best.pt"))
    exported = YOLO(best.export(format="openvino", dynamic=True, imgsz=SIDE, device="cpu"))
    assert exported.task == task
    a, b = (model.val(data=data, **run_settings(tmp_path)).results_dict for model in (best, exported))
    assert a == pytest.approx(b, abs=1e-4) and len(a) > 4
    picture = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    ours, theirs = (model(picture, conf=0.1, max_det=20, imgsz=SIDE, verbose=False)[0] for model in (best, exported))
    boxes = [(one.boxes or one.obb).data for one in (ours, theirs)]
    torch.testing.assert_close(boxes[1], boxes[0], rtol=1e-4, atol=1e-2)
    assert len(boxes[0]) > 3


# Metadata -------------------------------------------------------------------------------------------------------------


@needs_openvino
def test_metadata_is_beside_and_inside(written, tmp_path):
    source = Path(written("yolov8n-pose"))
    folder = Path(shutil.copytree(source, tmp_path / "x_openvino_model"))  # another name tells no task
    assert {file.suffix for file in folder.iterdir()} == {".xml", ".bin", ".yaml"}
    stored = YAML.load(folder / "metadata.yaml")
    assert stored["names"] == {0: "thing 0", 1: "thing 1", 2: "thing 2"} and stored["imgsz"] == [SIDE, SIDE]
    assert (stored["task"], stored["stride"], stored["batch"], stored["kpt_shape"]) == ("pose", 32, 1, [17, 3])
    beside = AutoBackend(folder, verbose=False).metadata
    (folder / "metadata.yaml").unlink()
    backend = AutoBackend(folder, verbose=False)
    assert backend.metadata == beside and backend.kpt_shape == [17, 3]
    model = YOLO(folder)
    assert model.task == "pose" and model.facts == beside
    result = model(np.zeros((SIDE, SIDE, 3), np.uint8), imgsz=SIDE, verbose=False)[0]
    assert result.names == stored["names"] and result.keypoints is not None


@needs_openvino
def test_public_backend(written):
    backend = OpenVINOBackend(written("yolov8n"), "cpu")
    x = images(1, SIDE)
    assert torch.equal(backend(x), AutoBackend(written("yolov8n"), verbose=False)(x))
    assert OpenVINOBackend.read_metadata(written("yolov8n"))["stride"] == backend.stride == 32


@needs_openvino
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("stride: __import__('os').getcwd()\n", "'stride' is .*a whole number"),
        ("names: '{0: open(\"/etc/hostname\").read()}'\n", "'names' is .*class names"),
        ("names: !!python/object/apply:os.getcwd []\n", r"'metadata\.yaml' cannot be read"),
        ("[1, 2", r"'metadata\.yaml' cannot be read"),
        ("task: [detect]\n", "'task' is .*a text"),
    ],
)
def test_wrong_metadata_names_the_file(folder, text, problem):
    (folder / "metadata.yaml").write_text(text)
    for open_ in (AutoBackend, YOLO):
        with pytest.raises(MetadataError, match=rf"m_openvino_model.*{problem}"):
            open_(folder)


@needs_openvino
def test_graphs_of_others_get_defaults(folder, caplog):
    import openvino

    (folder / "metadata.yaml").unlink()
    graph = openvino.Core().read_model(next(folder.glob("*.xml")))
    del graph.get_rt_info()["model_info"]
    bare = folder.with_name("bare_openvino_model")
    bare.mkdir()
    openvino.save_model(graph, bare / "model.xml", compress_to_fp16=False)
    backend = AutoBackend(bare)
    assert "carries no metadata" in caplog.text and (backend.stride, backend.task) == (32, "detect")


# Damage and wrong use -------------------------------------------------------------------------------------------------


def cut(file: Path, part: float) -> None:
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * part)])


def remove(folder: Path, suffix: str) -> None:
    next(folder.glob(f"*{suffix}")).unlink()


@needs_openvino
@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda folder: remove(folder, ".bin"), r"has no '0 yolov8n\.bin', the weights"),
        (lambda folder: remove(folder, ".xml"), "should have one .xml file, the graph, and has none"),
        (lambda folder: shutil.copy(next(folder.glob("*.xml")), folder / "b.xml"), r"has .*b\.xml"),
        (lambda folder: cut(next(folder.glob("*.xml")), 0.5), "is not a model that OpenVINO can read: "),
        (lambda folder: cut(next(folder.glob("*.xml")), 0), "is not a model that OpenVINO can read: "),
        (lambda folder: cut(next(folder.glob("*.bin")), 0.5), "is not a model that OpenVINO can read: Incorrect"),
        (lambda folder: cut(next(folder.glob("*.bin")), 0), "is not a model that OpenVINO can read: "),
    ],
    ids=["no bin", "no xml", "two", "half xml", "empty xml", "half bin", "empty bin"],
)
def test_damage_is_told_in_one_line(folder, damage, problem):
    damage(folder)
    with pytest.raises(ValueError, match=rf"m_openvino_model.* {problem}") as caught:
        AutoBackend(folder, verbose=False)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 700
    (folder / "metadata.yaml").unlink()
    assert YOLO(folder).facts == {}  # what is wrong with it shows when it runs


@needs_openvino
def test_other_things_of_that_name(tmp_path, written):
    (tmp_path / "m_openvino_model").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"is a file; an OpenVINO model is a folder"):
        AutoBackend(tmp_path / "m_openvino_model")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        AutoBackend(tmp_path / "none_openvino_model")
    with pytest.raises(ValueError, match=r"takes images of shape \(1, 3, 64, 64\), got \(1, 3, 96, 96\)"):
        AutoBackend(written("yolov8n"), verbose=False)(images(1, 96))
    with pytest.raises(ValueError, match="dnn=True has OpenCV run ONNX files"):
        AutoBackend(written("yolov8n"), dnn=True)


@needs_openvino
def test_graphs_with_other_inputs_are_told(tmp_path):
    import openvino
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in ("a", "b", "y")]
    graph = helper.make_graph([helper.make_node("Add", ["a", "b"], ["y"])], "g", ends[:2], ends[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (tmp_path / "m_openvino_model").mkdir()
    read = openvino.Core().read_model(model.SerializeToString())
    openvino.save_model(read, tmp_path / "m_openvino_model" / "m.xml")
    with pytest.raises(ValueError, match=r"the graph takes \[1,3\], \[1,3\]; expected one input of images"):
        AutoBackend(tmp_path / "m_openvino_model")


@needs_openvino
@pytest.mark.parametrize(
    ("arguments", "error", "word"),
    [
        ({"quantize": "w8a16"}, ExportArgumentError, "w8a16"),
        ({"quantize": 8, "dynamic": True}, ExportArgumentError, "dynamic='batch'"),
        ({"opset": 13}, ExportArgumentError, "opset=13"),
        ({"workspace": 4.0}, ExportArgumentError, "workspace"),
        ({"dnn": True}, ExportArgumentError, "dnn=True"),
        ({"batch": -1}, ExportArgumentError, "batch=-1"),
    ],
)
def test_arguments_that_it_does_not_take(models, tmp_path, arguments, error, word):
    with pytest.raises(error, match=word):
        export(copy.deepcopy(models("yolov8n")), tmp_path / "m.pt", **arguments)
    assert not list(tmp_path.iterdir())


def test_missing_package_is_told(models, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ImportError, match=r"pip install 'ultralytics\[openvino\]'"):
        export(copy.deepcopy(models("yolov8n")), tmp_path / "m.pt")
    assert not list(tmp_path.iterdir())


@needs_openvino
def test_folder_is_whole_or_as_it_was(models, tmp_path, monkeypatch):
    model = copy.deepcopy(models("yolov8n"))
    path = Path(export(model, tmp_path / "m.pt"))
    (path / "mark").write_text("of the first export")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match=r"(?i)space|full"):
            export(model, tmp_path / "m.pt")
    assert (path / "mark").exists() and [file.name for file in tmp_path.iterdir()] == ["m_openvino_model"]
    export(model, tmp_path / "m.pt")
    assert sorted(file.name for file in path.iterdir()) == ["m.bin", "m.xml", "metadata.yaml"]
