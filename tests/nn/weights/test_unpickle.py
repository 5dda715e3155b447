"""The restricted reader: what a checkpoint may not do, and what it may hold."""

from __future__ import annotations

import builtins
import collections
import datetime
import io
import os
import pathlib
import pickle
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ultralytics.nn.head.detect import Detect
from ultralytics.nn.weights.unpickle import Dropped, UnsafeCheckpointError, reader

SAFE = reader()


class Call:
    """Pickles to a call of anything."""

    def __init__(self, function, *args, state=None):
        self.what = (function, args) if state is None else (function, args, state)

    def __reduce__(self):
        return self.what


def opcodes(module, name, tail=b"."):
    """A pickle that names a global and goes on as given."""
    return b"\x80\x02c" + module.encode() + b"\n" + name.encode() + b"\n" + tail


def marker(tmp_path):
    return str(tmp_path / "ran")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_runs(tmp_path, protocol, zipped):
    file = tmp_path / "evil.pt"
    evil = {"model": nn.Identity(), "x": Call(os.system, f"touch {marker(tmp_path)}")}
    torch.save(evil, file, pickle_protocol=max(protocol, 2), _use_new_zipfile_serialization=zipped)
    from ultralytics.nn.weights.checkpoint import load_checkpoint

    with pytest.raises(UnsafeCheckpointError, match=r"evil\.pt.*(posix|nt|os)\.system.*trust=True") as caught:
        load_checkpoint(file)
    assert caught.value.wanted.endswith(".system")
    with pytest.raises(UnsafeCheckpointError):
        SAFE.loads(pickle.dumps(evil["x"], protocol))
    assert not os.path.exists(marker(tmp_path))


def test_trust_opens_everything(tmp_path):
    file = tmp_path / "mine.pt"
    torch.save({"model": nn.Conv2d(1, 1, 1), "x": Call(os.path.join, "a", "b")}, file)
    from ultralytics.nn.weights.checkpoint import torch_safe_load

    with pytest.raises(UnsafeCheckpointError):
        torch_safe_load(file)
    content, _ = torch_safe_load(file, trust=True)
    assert content["x"] == os.path.join("a", "b")
    with pytest.raises(UnsafeCheckpointError):
        torch_safe_load(file, safe_only=True, trust=True)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("posix", "system"),
        ("builtins", "eval"),
        ("builtins", "exec"),
        ("builtins", "__import__"),
        ("builtins", "open"),
        ("builtins", "type"),
        ("builtins", "setattr"),
        ("builtins", "map"),
        ("__builtin__", "eval"),
        ("subprocess", "Popen"),
        ("importlib", "import_module"),
        ("functools", "partial"),
        ("operator", "attrgetter"),
        ("torch", "load"),
        ("torch.storage", "_load_from_bytes"),
        ("torch.hub", "load"),
        ("torch.nn", "Module"),
        ("torch.nn.modules.module", "torch"),
        ("torch.nn.modules.module", "register_module_forward_hook"),
        ("torch.nn.parallel", "DistributedDataParallel"),
        ("torch.nn.functional", "boolean_dispatch.__globals__"),
        ("torch.utils.data", "DataLoader"),
        ("torchvision.models", "resnet18"),
        ("torchvision.transforms.transforms", "Lambda"),
        ("numpy", "load"),
        ("numpy", "fromfile"),
        ("numpy.core.multiarray", "fromstring"),
        ("numpy.testing", "suppress_warnings"),
        ("dill._dill", "_create_function"),
        ("dill._dill", "_create_code"),
        ("dill._dill", "_import_module"),
        ("pathlib", "os"),
        ("timm.models", "create_model"),
        ("timm.layers", "config"),
        ("ultralytics.nn.tasks", "load_checkpoint"),
        ("ultralytics.nn.modules.conv", "autopad"),
        ("ultralytics.nn.builder.registry", "import_block"),
        ("ultralytics.nn.modules.block", "NoSuchBlock"),
        ("sys", "modules"),
        ("no.such.module", "x"),
    ],
)
def test_names_are_refused(module, name):
    with pytest.raises(UnsafeCheckpointError):
        SAFE.loads(opcodes(module, name))


def test_refusing_imports_nothing():
    for module in ("antigravity", "this", "turtle"):
        with pytest.raises(UnsafeCheckpointError):
            SAFE.loads(opcodes(module, "x"))
        assert module not in sys.modules


def test_yolov5_files_are_explained():
    with pytest.raises(UnsafeCheckpointError, match="original YOLOv5"):
        SAFE.loads(opcodes("models.yolo", "DetectionModel"))


@pytest.mark.parametrize(
    "evil",
    [
        Call(nn.Linear, 3, 3),  # constructors are not run, networks come as bare objects with a state
        Call(getattr, nn.Linear, "__init__"),
        Call(getattr, nn.Linear, "register_module"),
        Call(getattr, "text", "format"),
        Call(Call(getattr, nn.Linear, "forward"), nn.Identity(), 1),
        Call(torch.nn.functional.relu, torch.zeros(1)),
        Call(collections.defaultdict, os.getcwd),
        Call(np.ndarray.__reduce__(np.zeros(1))[0], np.matrix, (0,), b"b"),
        Call(np.float64(1).__reduce__()[0], np.dtype("O"), b"abc"),
        Call(torch._tensor._rebuild_from_type_v2, os.getcwd, torch.Tensor, (), {}),
        Call("".join, "ab"),
    ],
)
def test_calls_are_refused(evil):
    with pytest.raises((UnsafeCheckpointError, pickle.PicklingError)):
        SAFE.loads(pickle.dumps(evil, 2))


def test_classes_and_functions_cannot_be_changed():
    """BUILD with a slot state would set attributes of a class."""
    head = opcodes("ultralytics.nn.modules.head", "Detect", b"")
    state = b"N}X\x07\x00\x00\x00forwardX\x01\x00\x00\x00xs\x86b."
    before = Detect.forward
    with pytest.raises(UnsafeCheckpointError, match="changes"):
        SAFE.loads(head + state)
    function = opcodes("torch.nn.functional", "relu", b"}X\x01\x00\x00\x00aK\x01sb.")
    with pytest.raises(UnsafeCheckpointError, match="changes"):
        SAFE.loads(function)
    assert Detect.forward is before and not hasattr(torch.nn.functional.relu, "a")


@pytest.mark.parametrize("code", [b"\x82\x01.", b"\x83\x01\x00.", b"\x84\x01\x00\x00\x00."])
def test_extension_codes_are_refused(code):
    with pytest.raises(UnsafeCheckpointError, match="extension"):
        SAFE.loads(b"\x80\x02" + code)


def test_oldest_ways_to_make_objects_are_checked():
    with pytest.raises(UnsafeCheckpointError):
        SAFE.loads(b"(S'true'\nios\nsystem\n.")
    with pytest.raises(UnsafeCheckpointError):
        SAFE.loads(b"(cos\nsystem\nS'true'\no.")
    with pytest.raises(UnsafeCheckpointError):
        SAFE.loads(b"(K\x03K\x03itorch.nn.modules.linear\nLinear\n.")


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
        st.text(max_size=5),
        st.binary(max_size=5),
        st.complex_numbers(allow_nan=False),
        st.datetimes(),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=3), inner, max_size=3),
        st.frozensets(st.integers(), max_size=3),
    ),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None)
@given(value=VALUES, protocol=st.integers(2, pickle.HIGHEST_PROTOCOL))
def test_plain_values_come_back(value, protocol):
    assert SAFE.loads(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "value",
    [
        np.float32(1.5),
        np.int64(-3),
        np.bool_(True),
        np.arange(12.0).reshape(3, 4),
        np.array(["a", "bc"]),
        np.dtype("float16"),
        np.datetime64("2024-01-01"),
        {1, 2},
        bytearray(b"ab"),
        slice(1, 2),
        collections.OrderedDict(a=1),
        collections.defaultdict(list, a=[1]),
        collections.deque([1, 2]),
        datetime.timedelta(seconds=3),
        torch.float16,
        torch.device("cpu"),
        torch.Size([1, 2]),
        torch.nn.functional.relu,
    ],
    ids=str,
)
def test_harmless_objects_come_back(value, protocol):
    again = SAFE.loads(pickle.dumps(value, protocol))
    assert type(again) is type(value)
    assert np.array_equal(again, value) if isinstance(value, np.ndarray) else again == value


def test_paths_of_any_system_become_ours():
    assert SAFE.loads(pickle.dumps(pathlib.PurePosixPath("a/b"), 2)) == pathlib.Path("a/b")
    windows = opcodes("pathlib", "WindowsPath", b"(X\x01\x00\x00\x00aX\x01\x00\x00\x00btR.")
    assert SAFE.loads(windows) == pathlib.Path("a/b")
    newer = opcodes("pathlib._local", "PosixPath", b"(X\x01\x00\x00\x00aX\x01\x00\x00\x00btR.")
    assert SAFE.loads(newer) == pathlib.Path("a/b")


def test_modules_come_back_with_their_state():
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.SiLU(), nn.Upsample(scale_factor=2))
    buffer = io.BytesIO()
    torch.save(net, buffer)
    buffer.seek(0)
    again = torch.load(buffer, pickle_module=SAFE, weights_only=False)
    assert all(torch.equal(v, again.state_dict()[k]) for k, v in net.state_dict().items())


def test_methods_that_saved_models_refer_to():
    """8.1 heads keep `Detect.forward`; a fused block keeps its `forward_fuse`."""
    function = SAFE.loads(
        opcodes("__builtin__", "getattr", b"cultralytics.nn.modules.head\nDetect\nX\x07\x00\x00\x00forward\x86R.")
    )
    assert function is Detect.forward
    assert SAFE.loads(pickle.dumps(Detect.forward, 4)) is Detect.forward


def test_enums_by_either_way():
    from torchvision.transforms.functional import InterpolationMode

    for protocol in (2, 4):
        assert SAFE.loads(pickle.dumps(InterpolationMode.BILINEAR, protocol)) is InterpolationMode.BILINEAR
    name = b"X\x08\x00\x00\x00BILINEAR"
    by_name = opcodes(
        "builtins", "getattr", b"ctorchvision.transforms.functional\nInterpolationMode\n" + name + b"\x86R."
    )
    assert SAFE.loads(by_name) is InterpolationMode.BILINEAR


def test_transforms_of_classification_files_come_back():
    from torchvision import transforms as T

    pipeline = T.Compose([T.Resize(8), T.CenterCrop(8), T.ToTensor(), T.Normalize((0.5,), (0.5,))])
    again = SAFE.loads(pickle.dumps(pipeline, 2))
    assert [type(t) for t in again.transforms] == [type(t) for t in pipeline.transforms]


def test_parts_networks_do_not_need_become_placeholders():
    for module, name in (
        ("ultralytics.utils.loss", "v8DetectionLoss"),
        ("ultralytics.yolo.utils.loss", "BboxLoss"),
        ("ultralytics.utils.tal", "TaskAlignedAssigner"),
        ("ultralytics.data.augment", "ToTensor"),
        ("omegaconf.dictconfig", "DictConfig"),
    ):
        assert SAFE.loads(opcodes(module, name)).wanted.endswith(name)
        thing = SAFE.loads(opcodes(module, name, b")\x81}X\x01\x00\x00\x00aK\x01sb."))
        assert isinstance(thing, Dropped) and not hasattr(thing, "a")


def test_types_by_dill():
    assert SAFE.loads(opcodes("dill._dill", "_load_type", b"X\x03\x00\x00\x00set\x85R.")) is set
    with pytest.raises(UnsafeCheckpointError):
        SAFE.loads(opcodes("dill._dill", "_load_type", b"X\x08\x00\x00\x00CodeType\x85R."))


def test_the_reader_leaves_pickle_alone():
    before = dict(pickle._Unpickler.dispatch)
    reader(True), reader(False)
    assert pickle._Unpickler.dispatch == before and builtins.getattr is getattr
