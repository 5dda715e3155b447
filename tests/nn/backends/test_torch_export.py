"""`.pt2` files: the same outputs as the network, for every task and size, and nothing run but operators."""

from __future__ import annotations

import copy
import json
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from export_helpers import decoded, images, settled
from torch import nn

from ultralytics import YOLO
from ultralytics.engine.exporter import Exporter
from ultralytics.nn.autobackend import AutoBackend
from ultralytics.nn.backends import FORMATS, export_formats, format_of
from ultralytics.nn.backends.base import ExportArgumentError
from ultralytics.nn.backends.metadata import MetadataError
from ultralytics.nn.backends.table import FP16_FORMATS, resolve_format_name
from ultralytics.nn.backends.torch_export_archive import read_program
from ultralytics.nn.backends.torchscript_archive import ModelFileError, UnsafeModelError
from ultralytics.utils.checks.version import check_version

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(not check_version(torch.__version__, ">=2.9"), reason="torch is too old for this format"),
]
CPU = torch.device("cpu")


def export(model: nn.Module, folder: Path, **overrides) -> Path:
    model = copy.copy(model)
    model.pt_path = str(folder / "net.pt")
    return Path(Exporter(overrides={"format": "pt2", "imgsz": 64, "batch": 1, **overrides})(model))


@pytest.fixture(scope="module")
def plain():
    return settled("yolov8n.yaml")


@pytest.fixture(scope="module")
def whole(plain, tmp_path_factory) -> Path:
    """Return a file for fixed sizes."""
    return export(plain, tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def free(tmp_path_factory) -> tuple[nn.Module, Path]:
    """Return a network with dynamic convolutions, and its file for all sizes."""
    model = settled("yolov8n-DynamicConv.yaml")
    return model, export(model, tmp_path_factory.mktemp("free"), dynamic=True)


@pytest.fixture
def file(whole, tmp_path) -> Path:
    """Return a copy of a file, to be damaged."""
    target = tmp_path / "net.pt2"
    target.write_bytes(whole.read_bytes())
    return target


def edited(path: Path, change) -> Path:
    """Pass every member's content through `change(name, content)`."""
    with zipfile.ZipFile(path) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members:
            archive.writestr(name, change(name, content))
    return path


def with_json(path: Path, change, member: str = "models/model.json") -> Path:
    """Let `change` edit the JSON of one member in place."""

    def edit(name, content):
        if not name.endswith(member):
            return content
        parsed = json.loads(content)
        change(parsed)
        return json.dumps(parsed).encode()

    return edited(path, edit)


def with_target(path: Path, target: str) -> Path:
    """Give the first node another operator."""
    return with_json(path, lambda content: content["graph_module"]["graph"]["nodes"][0].update(target=target))


def same(found, model: nn.Module, x: torch.Tensor) -> None:
    """Check that a file gives for all images together what the network gives for each on its own."""
    with torch.no_grad():
        single = [model(image[None]) for image in x]
    want = [y[0] if isinstance(y, tuple) else y for y in single]
    if isinstance(found, list):  # with mask prototypes
        torch.testing.assert_close(found[1], torch.cat([y[1] for y in want]), rtol=1e-4, atol=1e-3)
        found, want = found[0], [y[0] for y in want]
    torch.testing.assert_close(found, torch.cat(want), rtol=1e-4, atol=1e-3)


NETWORKS = {
    "yolov8n": "detect",
    "yolov8n-DynamicConv": "detect",
    "yolo26n": "detect",
    "yolov8n-seg": "segment",
    "yolov8n-pose": "pose",
    "yolov8n-obb": "obb",
    "yolov8n-cls": "classify",
    "yolov8n-cls-DynamicConv": "classify",
}
SIZES = [(1, 64, 64), (3, 64, 64), (2, 96, 160), (1, 32, 32), (5, 32, 96)]


@pytest.mark.parametrize(("name", "task"), NETWORKS.items())
def test_every_task_gives_what_the_network_gives(name, task, tmp_path):
    model = settled(f"{name}.yaml")
    backend = AutoBackend(export(model, tmp_path), verbose=False)
    assert backend.format == "pt2" and not backend.pt and backend.task == task
    for count in (1, 3):
        same(backend(images(count, 64)), model, images(count, 64))


@pytest.mark.parametrize("name", ["yolov8n-seg.yaml", "yolov8n-obb.yaml", "yolov8n-cls.yaml"])
def test_tasks_with_free_sizes(name, tmp_path):
    model = settled(name)
    backend = AutoBackend(export(model, tmp_path, dynamic=True, imgsz=32), verbose=False)
    for x in (images(1, 64), images(3, 96, 128)):
        same(backend(x), model, x)


@pytest.mark.parametrize(
    ("count", "height", "width"), [(1, 64, 64), (3, 64, 64), (2, 96, 160), (1, 32, 32), (5, 32, 96)]
)
def test_batch_height_and_width_are_free(free, count, height, width):
    model, path = free
    x = images(count, height, width)
    same(AutoBackend(path, verbose=False)(x), model, x)


def test_torch_reads_the_file_too(free):
    model, path = free
    x = images(2, 96)
    extra = {"config.txt": ""}
    program = torch.export.load(str(path), extra_files=extra)
    torch.testing.assert_close(program.module()(x), decoded(model, x), rtol=1e-4, atol=1e-3)
    assert json.loads(extra["config.txt"])["task"] == "detect"


def test_fixed_batches_are_filled_and_other_sizes_refused(plain, tmp_path):
    backend = AutoBackend(export(plain, tmp_path, batch=2), verbose=False)
    same(backend(images(3, 64)), plain, images(3, 64))
    with pytest.raises(ValueError, match=r"shape \(2, 3, 64, 64\), got \(2, 3, 96, 96\); export with dynamic=True"):
        backend(images(2, 96))


def test_metadata_survives_a_new_name(whole, tmp_path):
    (tmp_path / "other.pt2").write_bytes(whole.read_bytes())
    backend = AutoBackend(tmp_path / "other.pt2", verbose=False)
    assert backend.names == {0: "thing 0", 1: "thing 1", 2: "thing 2"}
    assert (backend.task, backend.stride, backend.imgsz, backend.batch) == ("detect", 32, [64, 64], 1)
    assert FORMATS["pt2"].name == format_of("a/best.pt2").name == resolve_format_name(".pt2")[0]
    assert format_of("best.pt").name == "-"


def test_the_file_says_nothing_of_this_machine(whole):
    with zipfile.ZipFile(whole) as archive:
        texts = [archive.read(i) for i in archive.infolist() if not i.filename.rpartition("/")[2].startswith("weight_")]
    assert not any(str(Path(torch.__file__).parent.parent).encode() in text for text in texts)
    assert not any(b"stack_trace" in text for text in texts)


def test_predicts(whole, free):
    x = images(2, 64)
    for path in (whole, free[1]):
        results = YOLO(path).predict(x, conf=0.001, imgsz=64, verbose=False)
        assert len(results) == 2 and all(len(r.boxes) for r in results)


def test_arguments_it_does_not_take(plain, tmp_path):
    with pytest.raises(ExportArgumentError, match="'opset=17' is not an argument of format='pt2'; it takes batch"):
        export(plain, tmp_path, opset=17)
    with pytest.raises(ExportArgumentError, match="needs a GPU"):
        export(plain, tmp_path, quantize=16)
    with pytest.raises(ExportArgumentError, match="'quantize=8' is not a precision"):
        export(plain, tmp_path, quantize=8)
    assert not any(tmp_path.iterdir())


def test_older_torch_is_named(plain, tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "__version__", "2.8.0+cu128")
    with pytest.raises(NotImplementedError, match=r"torch 2\.9 or newer.*2\.8\.0.*format='onnx'"):
        export(plain, tmp_path)


def test_the_public_table_has_the_published_rows():
    assert "pt2" not in export_formats()["Argument"] and "pt2" not in FP16_FORMATS


# Strangers' files -----------------------------------------------------------------------------------------------------


class Trap:
    """Writes a file where it is unpickled."""

    def __reduce__(self):
        return Path.touch, (Path("trapped"),)


@pytest.fixture
def trap(tmp_path, monkeypatch):
    """Return the file that exists once something of a stranger ran."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "trapped"


@pytest.mark.parametrize(
    "target",
    [
        "torch.ops.mylib.open_door.default",
        "torch.ops.prim.device.default",
        "torch.ops.aten.from_file.default",
        "torch.ops.aten.save.default",
        "torch.ops.higher_order.cond",
        "os.system",
        "_operator.call",
        "_operator.pow",
        "torch.ops.aten.conv2d.default.__class__",
        "torch.ops.aten.__class__.mro",
    ],
)
def test_operators_that_do_more_than_compute(file, target):
    with pytest.raises(ModelFileError, match="uses") as caught:
        AutoBackend(with_target(file, target), verbose=False)
    assert str(file) in str(caught.value)
    if "__class__.mro" not in target:
        assert isinstance(caught.value, UnsafeModelError) and "trust=True" in str(caught.value)


def test_trust_takes_operators_of_other_packages(file, capsys):
    with torch.library._scoped_library("pt2_test", "FRAGMENT") as library:
        schema = str(torch.ops.aten.conv2d.default._schema).partition("(")[2]
        library.define(f"mine({schema}")
        library.impl("mine", torch.ops.aten.conv2d.default, "CompositeImplicitAutograd")
        want = AutoBackend(file, verbose=False)(images(1, 64))
        with_target(file, "torch.ops.pt2_test.mine.default")
        with pytest.raises(UnsafeModelError, match=r"pt2_test\.mine"):
            AutoBackend(file, verbose=False)
        assert torch.equal(AutoBackend(file, verbose=False, trust=True)(images(1, 64)), want)
    assert "trust=True" in capsys.readouterr().out


def test_pickles_are_never_read(file, trap):
    evil = pickle.dumps(Trap())

    def pickled(content):
        for facts in content["config"].values():
            facts["use_pickle"] = True

    edited(file, lambda name, content: evil if "/weights/weight_" in name or "sample_inputs" in name else content)
    with_json(file, pickled, "model_weights_config.json")
    for trust in (False, True):
        with pytest.raises(UnsafeModelError, match="is pickled"):
            AutoBackend(file, verbose=False, trust=trust)
    assert not trap.exists()


def test_expressions_are_never_evaluated(file, trap):
    code = "__import__('pathlib').Path('trapped').touch()"

    def infect(content):
        content["guards_code"] = [code]
        content["range_constraints"] = {code: {"min_val": 1, "max_val": 2}}
        for facts in content["graph_module"]["graph"]["tensor_values"].values():
            facts["sizes"] = [{"as_expr": {"expr_str": code, "hint": {"as_int": 1}}} for _ in facts["sizes"]]
        for node in content["graph_module"]["graph"]["nodes"]:
            node["metadata"] = {"nn_module_stack": code, "torch_fn": code}
        for one in content["graph_module"]["module_call_graph"]:
            one["signature"] = {"inputs": [], "outputs": [], "in_spec": code, "out_spec": code}

    x = images(1, 64)
    want = AutoBackend(file, verbose=False)(x)
    assert torch.equal(AutoBackend(with_json(file, infect), verbose=False)(x), want)
    assert not trap.exists()


def _first(content):
    return content["graph_module"]["graph"]["nodes"][0]


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c["graph_module"]["graph"]["nodes"].pop(0),  # a result that nothing computes
        lambda c: c["graph_module"]["graph"]["nodes"].reverse(),
        lambda c: c["graph_module"]["graph"]["nodes"].insert(0, _first(c)),  # computed twice
        lambda c: c["graph_module"].pop("graph"),
        lambda c: c["graph_module"]["signature"]["input_specs"].pop(),  # no images
        lambda c: c["graph_module"]["signature"]["input_specs"].append({"token": {"arg": {"name": "t"}}}),
        lambda c: _first(c)["inputs"][0].update(arg={"as_custom_obj": {"name": "x", "class_fqn": "os.system"}}),
        lambda c: _first(c)["inputs"][0].update(arg={"as_int": "1"}),
        lambda c: _first(c)["inputs"][0].update(name="self_"),
        lambda c: _first(c)["inputs"][0].update(arg={"as_string": ["x"]}),
        lambda c: _first(c).update(outputs=[{"as_tensor": {"name": ["x"]}}]),
        lambda c: c.update(schema_version={"major": 9, "minor": 1}),
        lambda c: c.update(graph_module=[1]),
    ],
)
def test_graphs_that_cannot_be_right(file, change):
    with pytest.raises(ModelFileError, match=r"net\.pt2"):
        AutoBackend(with_json(file, change), verbose=False)


@pytest.mark.parametrize(
    ("first", "times"), [({"as_int": 2**40}, {"as_int": 2**40}), ({"as_ints": [0]}, {"as_int": 2**40})]
)
def test_sizes_that_would_fill_memory(file, first, times):
    def change(content):
        node = {
            "target": "_operator.mul",
            "inputs": [{"name": "a", "arg": first}, {"name": "b", "arg": times}],
            "outputs": [{"as_sym_int": {"as_name": "large"}}],
        }
        content["graph_module"]["graph"]["nodes"].insert(0, node)

    with pytest.raises(ValueError, match="a size by 'mul' that can be none"):
        AutoBackend(with_json(file, change), verbose=False)(images(1, 64))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sizes", [{"as_int": 1 << 40}]),
        ("sizes", [{"as_int": -1}]),
        ("storage_offset", {"as_int": 1 << 40}),
        ("dtype", 99),
    ],
)
def test_weights_outside_of_their_bytes(file, key, value):
    def change(content):
        meta = next(iter(content["config"].values()))["tensor_meta"]
        meta[key] = value
        if key == "sizes":
            meta["strides"] = [{"as_int": 1}]

    with pytest.raises(ModelFileError, match="can be read"):
        AutoBackend(with_json(file, change, "model_weights_config.json"), verbose=False)


def test_damaged_files(file, tmp_path):
    content = file.read_bytes()
    for part in (content[: len(content) // 2], content[:-30], b"", b"no archive"):
        file.write_bytes(part)
        with pytest.raises(ValueError, match=r"net\.pt2 is not a torch\.export file"):
            AutoBackend(file, verbose=False)
    with pytest.raises(FileNotFoundError, match=r"torch\.export file"):
        AutoBackend(tmp_path / "none.pt2")


def test_other_archives(file):
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("holiday/photo.jpg", b"x")
    with pytest.raises(ModelFileError, match=r"its members are: holiday/photo\.jpg"):
        AutoBackend(file, verbose=False)
    torch.save({"a": torch.zeros(2)}, file)
    with pytest.raises(ModelFileError, match=r"its members are: .*data\.pkl"):
        AutoBackend(file, verbose=False)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("serialized_exported_program.json", b"{}")
    with pytest.raises(ModelFileError, match=r"before 2\.9"):
        AutoBackend(file, verbose=False)


def test_members_that_torch_does_not_write(file):
    members = {}
    edited(file, lambda name, content: members.setdefault(name, content))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ModelFileError, match="compressed"):
        read_program(file, CPU)


def test_metadata_that_cannot_be_right(file):
    with pytest.raises(MetadataError, match=r"net\.pt2.*'stride'"):
        AutoBackend(with_json(file, lambda c: c.update(stride="__import__('os')"), "extra/config.txt"), verbose=False)
