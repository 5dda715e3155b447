"""Checkpoints in the shapes that 8.0 to 8.4 wrote open with the outputs of the networks that were saved."""

from __future__ import annotations

import collections
import copy
import io
import re
import sys
import types
import zipfile

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import transforms as T

from ultralytics.nn.models import (
    ClassificationModel,
    DepthModel,
    DetectionModel,
    OBBModel,
    PoseModel,
    RTDETRDetectionModel,
    SegmentationModel,
)
from ultralytics.nn.weights.checkpoint import load_checkpoint, save_checkpoint
from ultralytics.utils.namespace import IterableSimpleNamespace

BODY = [
    [-1, 1, "Conv", [8, 3, 2]],
    [-1, 1, "Conv", [16, 3, 2]],
    [-1, 1, "C2f", [16, True]],
    [-1, 1, "SPPF", [16, 5]],
]
HEADS = {
    DetectionModel: ["Detect", ["nc"]],
    SegmentationModel: ["Segment", ["nc", 4, 8]],
    PoseModel: ["Pose", ["nc", [3, 3]]],
    OBBModel: ["OBB", ["nc", 1]],
    ClassificationModel: ["Classify", ["nc"]],
    DepthModel: ["Depth", [8]],
}
X = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def network(kind: type[nn.Module]) -> nn.Module:
    """A small network of a task with norms that have seen something."""
    torch.manual_seed(0)
    source = {ClassificationModel: -1, DepthModel: [3]}.get(kind, [2, 3])
    cfg = {"nc": 2, "kpt_shape": [3, 3], "backbone": BODY, "head": [[source, 1, *HEADS[kind]]]}
    model = kind(cfg, verbose=False).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    model.names, model.args = {0: "cat", 1: "dog"}, {"imgsz": 32}
    return model


def outputs(model: nn.Module) -> list[torch.Tensor]:
    def flat(y):
        if isinstance(y, torch.Tensor):
            return [y]
        parts = y.values() if isinstance(y, dict) else y if isinstance(y, (list, tuple)) else ()
        return [tensor for part in parts for tensor in flat(part)]

    with torch.no_grad():
        return flat(model(X))


def check(file, want: list[torch.Tensor], ways: tuple[bool, ...] = (False, True)) -> nn.Module:
    """Return the network of a file after comparing its outputs; the ordinary unpickler must find the same."""
    models = [load_checkpoint(file, trust=trust)[0] for trust in ways]
    for model in models:
        got = outputs(model)
        assert len(got) == len(want) > 0 and all(torch.equal(a, b) for a, b in zip(got, want, strict=True))
    assert [type(m) for m in models[0].modules()] == [type(m) for m in models[-1].modules()]
    return models[0]


def renamed(data: bytes, rename) -> bytes:
    """Return an archive in whose pickle every global has another name."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as made:
        for entry in old.namelist():
            content = old.read(entry)
            if entry.endswith("data.pkl"):
                content = re.sub(rb"c([\w.]+)\n([\w.]+)\n", lambda m: b"c%s\n%s\n" % rename(m[1], m[2]), content)
            made.writestr(entry, content)
    return out.getvalue()


def saved(content, rename=None) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return renamed(buffer.getvalue(), rename) if rename else buffer.getvalue()


@pytest.fixture
def foreign(monkeypatch):
    """Give classes a home of an older version, for as long as a file is written."""

    def place(module: str, name: str, **members):
        parts = module.split(".")
        for end in range(1, len(parts) + 1):
            path = ".".join(parts[:end])
            if path not in sys.modules:
                monkeypatch.setitem(sys.modules, path, types.ModuleType(path))
        made = type(name, (members.pop("base", object),), {"__module__": module, "__qualname__": name, **members})
        monkeypatch.setattr(sys.modules[module], name, made, raising=False)
        return made

    yield place
    monkeypatch.undo()


@pytest.mark.parametrize("kind", HEADS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.filterwarnings("ignore")
def test_every_task_of_84(kind, zipped, tmp_path):
    model = network(kind)
    want = outputs(model)
    content = {
        "epoch": -1,
        "best_fitness": None,
        "model": None,
        "ema": model,
        "updates": None,
        "modelopt": None,
        "optimizer": None,
        "scaler": None,
        "stopper": None,
        "train_args": {"imgsz": 32, "data": "x.yaml", "project": None, "time": None},
        "train_metrics": {"fitness": 0.5, "metrics/x": np.float64(0.25)},
        "train_results": {"epoch": [1, 2], "time": [0.5, 1.0]},
        "date": "2026-01-01T00:00:00+00:00",
        "version": "8.4.0",
        "git": {"root": "/x", "branch": None, "commit": None, "message": None, "origin": None},
        "license": "x",
        "docs": "y",
    }
    torch.save(content, tmp_path / "a.pt", _use_new_zipfile_serialization=zipped)
    check(tmp_path / "a.pt", want)
    _, again = load_checkpoint(tmp_path / "a.pt")
    assert all(again[key] == value for key, value in content.items() if key not in {"ema", "model"})
    assert type(again["train_metrics"]["metrics/x"]) is np.float64


def test_rtdetr(tmp_path):
    torch.manual_seed(0)
    rows = [[-1, 1, "Conv", [8, 3, 2]], [-1, 1, "Conv", [16, 3, 2]], [-1, 1, "AIFI", [32, 4]]]
    cfg = {"nc": 2, "backbone": rows, "head": [[[1, 2], 1, "RTDETRDecoder", ["nc", 16, 10, 2, 2, 1]]]}
    model = RTDETRDetectionModel(cfg, verbose=False).eval()
    want = outputs(model)
    save_checkpoint({"model": model}, tmp_path / "a.pt")
    assert type(check(tmp_path / "a.pt", want)) is RTDETRDetectionModel
    in_81 = saved({"model": model}, lambda m, n: (m, n.replace(b"RTDETRDetectionModel", b"DetectionModel")))
    (tmp_path / "b.pt").write_bytes(in_81)
    assert type(check(tmp_path / "b.pt", want)) is RTDETRDetectionModel  # 8.x had the plain class for it too


@pytest.mark.parametrize("kind", HEADS, ids=lambda kind: kind.__name__)
def test_the_flat_modules_of_80(kind, tmp_path, foreign):
    """One module for all blocks, settings as a namespace of `ultralytics.yolo`, names as a list."""
    model = network(kind)
    want = outputs(model)
    model.args = foreign("ultralytics.yolo.utils", "IterableSimpleNamespace", base=types.SimpleNamespace)(imgsz=64)
    model.names = ["cat", "dog"]
    model.yaml["ch"] = model.yaml.pop("channels")

    def flat(module, name):
        return (b"ultralytics.nn.modules", name) if module.startswith(b"ultralytics.nn.modules.") else (module, name)

    data = saved({"epoch": -1, "model": model, "ema": None, "train_args": vars(model.args)}, flat)
    assert b"ultralytics.nn.modules\nConv" in data and b"ultralytics.yolo.utils" in data
    (tmp_path / "a.pt").write_bytes(data)
    loaded = check(tmp_path / "a.pt", want)
    assert loaded.names == {0: "cat", 1: "dog"} and loaded.args["imgsz"] == 64


def test_the_settings_of_the_first_80(tmp_path, foreign):
    model = network(DetectionModel)
    want = outputs(model)
    settings = foreign("omegaconf.dictconfig", "DictConfig")()
    settings.parent, settings.content = settings, {"a": foreign("omegaconf.nodes", "AnyNode")()}
    model.args = settings
    torch.save({"model": model, "train_args": settings}, tmp_path / "a.pt")
    loaded = check(tmp_path / "a.pt", want, ways=(False,))
    assert loaded.args["imgsz"] == 640
    assert load_checkpoint(tmp_path / "a.pt")[1]["train_args"] is None


def test_the_loss_of_81(tmp_path, foreign, monkeypatch):
    """Training left its loss in the file: with modules, settings, tensors, and with dill also built-in types."""
    model = network(SegmentationModel)
    want = outputs(model)
    loss = foreign("ultralytics.utils.loss", "v8SegmentationLoss")()
    loss.bbox_loss = foreign("ultralytics.utils.loss", "BboxLoss", base=nn.Module)()
    loss.assigner = foreign("ultralytics.utils.tal", "TaskAlignedAssigner", base=nn.Module)()
    loss.hyp, loss.stride, loss.device = IterableSimpleNamespace(box=7.5), model.stride, torch.device("cpu")
    loss.bce, loss.proj = nn.BCEWithLogitsLoss(reduction="none"), torch.arange(16.0)
    loss.kinds = [foreign("dill._dill", "_load_type")]
    loss.model = model
    monkeypatch.setattr(SegmentationModel, "__getstate__", lambda self: dict(self.__dict__))
    model.criterion = loss
    data = saved({"model": model, "ema": None})
    assert b"TaskAlignedAssigner" in data and b"detect" in data  # heads hold the function `Detect.forward`
    (tmp_path / "a.pt").write_bytes(data)
    loaded = check(tmp_path / "a.pt", want)
    assert getattr(loaded, "criterion", None) is None and "detect" not in vars(loaded.model[-1])


def test_leftovers_of_82_and_83(tmp_path):
    model = network(DetectionModel)
    want = outputs(model)
    head = model.model[-1]
    vars(head).update(export=True, format="onnx", dynamic=True, end2end=False, shape=torch.Size([1, 3, 32, 32]))
    vars(model)["end2end"] = False
    for layer in model.model:
        del layer.np
    del model.model[3].n, model.model[3].add
    torch.save({"model": model, "best_fitness": np.float64(0.5)}, tmp_path / "a.pt")
    loaded = check(tmp_path / "a.pt", want)
    assert not {"export", "format", "dynamic", "end2end"} & vars(loaded.model[-1]).keys()


def test_names_that_moved(tmp_path):
    model = network(DetectionModel)
    model.model[3].cv1.act = nn.Identity()
    want = outputs(model)
    old = {
        b"Identity": (b"ultralytics.nn.modules.block", b"Silence"),
        b"DetectionModel": (b"ultralytics.nn.tasks", b"YOLOv10DetectionModel"),
    }
    (tmp_path / "a.pt").write_bytes(saved({"model": model}, lambda m, n: old.get(n, (m, n))))
    assert type(check(tmp_path / "a.pt", want)) is DetectionModel


def test_folded_networks(tmp_path):
    """Every folded block of the published package holds its method `forward_fuse` as `forward`."""
    model = network(SegmentationModel)
    folded = copy.deepcopy(model).fuse(verbose=False)
    want = outputs(folded)
    data = saved({"model": folded})
    assert b"forward_fuse" in data
    (tmp_path / "a.pt").write_bytes(data)
    loaded = check(tmp_path / "a.pt", want)
    assert loaded.is_fused() and not any("forward" in vars(m) for m in loaded.modules())


def test_half_precision_and_shared_parts(tmp_path):
    model = network(DetectionModel).half()
    model.model[2].m[0].cv2 = model.model[2].m[0].cv1 = model.model[2].m[0].cv2
    torch.save({"model": None, "ema": model}, tmp_path / "a.pt")
    loaded, _ = load_checkpoint(tmp_path / "a.pt")
    assert loaded.model[2].m[0].cv1 is loaded.model[2].m[0].cv2
    wanted = copy.deepcopy(model).float()
    assert all(torch.equal(v, wanted.state_dict()[k]) for k, v in loaded.state_dict().items())
    assert loaded.stride.dtype == torch.float32


def test_pruned_and_edited_networks(tmp_path):
    """They differ from their YAML."""
    model = network(DetectionModel)
    first, second = model.model[0], model.model[1]
    first.conv.weight = nn.Parameter(first.conv.weight[:5].detach().clone())
    first.conv.out_channels = 5
    for name in ("weight", "bias"):
        setattr(first.bn, name, nn.Parameter(getattr(first.bn, name)[:5].detach().clone()))
    for name in ("running_mean", "running_var"):
        setattr(first.bn, name, getattr(first.bn, name)[:5].clone())
    first.bn.num_features = second.conv.in_channels = 5
    second.conv.weight = nn.Parameter(second.conv.weight[:, :5].detach().clone())
    first.act = nn.Sequential(nn.Hardswish(), nn.Dropout(0.1))
    model.model[3].extra = nn.ModuleList([nn.Linear(2, 2)])
    model.eval()
    want = outputs(model)
    torch.save({"model": model}, tmp_path / "a.pt")
    loaded = check(tmp_path / "a.pt", want)
    assert [type(m) for m in loaded.modules()] == [type(m) for m in model.modules()]


@pytest.mark.parametrize("steps", ["known", "others", "of this package"])
def test_transforms_of_classification_files(steps, tmp_path, foreign):
    model = network(ClassificationModel)
    want = outputs(model)
    chain = [T.Resize(8), T.CenterCrop(8), T.ToTensor(), T.Normalize((0.5,), (0.5,))]
    if steps == "others":
        chain.insert(0, T.Lambda(len))
    if steps == "of this package":
        chain.insert(0, foreign("ultralytics.data.augment", "OldCrop")())
    model.transforms = T.Compose(chain)
    torch.save({"model": model}, tmp_path / "a.pt")
    loaded = check(tmp_path / "a.pt", want)
    if steps == "known":
        assert str(loaded.transforms) == str(model.transforms)
    else:
        assert not hasattr(loaded, "transforms")


def test_training_state_comes_back_exactly(tmp_path):
    model = network(DetectionModel)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    sum(p.sum() for p in model.parameters()).backward()
    optimizer.step()
    content = {
        "model": None,
        "ema": model,
        "epoch": 3,
        "updates": 7,
        "optimizer": optimizer.state_dict(),
        "scaler": {"scale": 65536.0, "growth_factor": 2.0, "_growth_tracker": 5},
        "rng": {
            "torch": torch.get_rng_state(),
            "numpy": np.random.RandomState(3).get_state(),
            "python": (3, (1, 2), None),
        },
        "continuation": {"model": model.state_dict(), "gradients": {"a": torch.ones(2)}, "results": {"epoch": [1]}},
    }
    save_checkpoint(content, tmp_path / "a.pt")
    _, again = load_checkpoint(tmp_path / "a.pt")

    def same(a, b):
        if isinstance(a, dict):
            return type(a) is type(b) and a.keys() == b.keys() and all(same(v, b[k]) for k, v in a.items())
        if isinstance(a, (list, tuple)):
            return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
        if isinstance(a, torch.Tensor):
            return torch.equal(a, b) and a.dtype == b.dtype
        return np.array_equal(a, b) and a.dtype == b.dtype if isinstance(a, np.ndarray) else a == b

    for key in ("optimizer", "scaler", "rng", "continuation"):
        assert same(content[key], again[key]), key
    state = again["continuation"]["model"]
    assert type(state) is collections.OrderedDict and state._metadata == model.state_dict()._metadata
