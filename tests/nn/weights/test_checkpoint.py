"""Writing and reading `.pt` files: round trips, old content, damaged and foreign files."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from ultralytics.cfg.merge import DEFAULT_CFG_DICT
from ultralytics.nn.head.detect import Detect
from ultralytics.nn.models import DetectionModel
from ultralytics.nn.weights import checkpoint
from ultralytics.nn.weights.checkpoint import (
    CheckpointError,
    attempt_load_one_weight,
    attempt_load_weights,
    load_checkpoint,
    save_checkpoint,
    strip_optimizer,
    torch_safe_load,
)
from ultralytics.nn.weights.errors import UnsafeCheckpointError
from ultralytics.utils.namespace import IterableSimpleNamespace

TINY = {
    "nc": 2,
    "backbone": [[-1, 1, "Conv", [8, 3, 2]], [-1, 1, "SPPF", [8, 5]], [-1, 1, "nn.Upsample", ["None", 2, "nearest"]]],
    "head": [[-1, 1, "Conv", [8, 3, 2]], [[2, 3], 1, "Detect", ["nc"]]],
}


@pytest.fixture
def model():
    torch.manual_seed(0)
    made = DetectionModel(TINY, verbose=False).eval()
    made.args = {"task": "detect", "imgsz": 64}
    return made


X = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture(autouse=True)
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_round_trip(model):
    content = {
        "epoch": 3,
        "best_fitness": np.float64(0.5),
        "model": model,
        "ema": None,
        "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 0.01, "params": [0]}]},
        "train_args": {"imgsz": 96, "project": Path("runs") / "x"},
        "train_results": {"a": [1, 2]},
        "rng": (3, (1, 2), None),
        "array": np.arange(6, dtype=np.float32).reshape(2, 3),
        "words": {"a", "b"},
    }
    save_checkpoint(content, "a.pt", Path("deep/er/b.pt"))
    assert Path("a.pt").read_bytes() == Path("deep/er/b.pt").read_bytes()
    loaded, again = load_checkpoint("a.pt")
    assert torch.equal(loaded(X)[0], model(X)[0])
    assert (again["best_fitness"], again["epoch"], again["rng"], again["words"]) == (
        0.5,
        3,
        (3, (1, 2), None),
        {"a", "b"},
    )
    assert np.array_equal(again["array"], content["array"]) and again["array"].dtype == np.float32
    assert again["train_args"]["project"] == Path("runs/x")
    assert (loaded.args["imgsz"], loaded.args["lr0"]) == (96, DEFAULT_CFG_DICT["lr0"])
    assert (loaded.pt_path, loaded.task, loaded.training) == ("a.pt", "detect", False)


def test_averaged_weights_win_and_halves_become_floats(model):
    import copy

    averaged = copy.deepcopy(model)
    nn.init.constant_(averaged.model[0].conv.weight, 0.25)
    save_checkpoint({"model": model, "ema": averaged.half()}, "a.pt")
    loaded, _ = load_checkpoint("a.pt")
    assert torch.all(loaded.model[0].conv.weight == 0.25) and loaded.model[0].conv.weight.dtype == torch.float32
    assert loaded.stride.dtype == torch.float32


def test_folding_on_load(model):
    save_checkpoint({"model": model}, "a.pt")
    loaded, _ = load_checkpoint("a.pt", fuse=True, inplace=False)
    assert loaded.is_fused() and not loaded.model[0].act.inplace and not loaded.model[-1].inplace
    torch.testing.assert_close(loaded(X)[0], model(X)[0], rtol=1e-4, atol=1e-3)
    save_checkpoint({"model": loaded}, "fused.pt")
    again, _ = load_checkpoint("fused.pt")
    assert again.is_fused() and torch.equal(again(X)[0], loaded(X)[0])


def test_names_of_81(model):
    save_checkpoint({"model": model, "train_args": {"imgsz": 32, "old_key": 1}}, "a.pt")
    one, _ = attempt_load_one_weight("a.pt")
    assert "old_key" not in one.args and one.args["imgsz"] == 32
    assert type(attempt_load_weights("a.pt")) is DetectionModel
    many = attempt_load_weights(["a.pt", "a.pt"])
    assert len(many) == 2 and many.names == one.names and many.stride.tolist() == one.stride.tolist()
    other = DetectionModel(TINY, nc=5, verbose=False)
    save_checkpoint({"model": other}, "b.pt")
    with pytest.raises(ValueError, match="same classes"):
        attempt_load_weights(["a.pt", "b.pt"])


def test_public_paths_are_written(model):
    save_checkpoint({"model": model}, "a.pt")
    with zipfile.ZipFile("a.pt") as archive:
        data = archive.read(next(n for n in archive.namelist() if n.endswith("data.pkl")))
    for path in (b"ultralytics.nn.tasks\nDetectionModel", b"ultralytics.nn.modules.conv\nConv", b"head\nDetect"):
        assert path in data
    assert b"ultralytics.nn.block" not in data and b"ultralytics.nn.head" not in data


@pytest.mark.filterwarnings("ignore:Couldn't retrieve source")
def test_the_oldest_format_is_read(model):
    torch.save({"model": model}, "a.pt", _use_new_zipfile_serialization=False)
    assert torch.equal(load_checkpoint("a.pt")[0](X)[0], model(X)[0])


def test_a_bare_network_is_read(model):
    torch.save(model, "a.pt")
    assert torch.equal(load_checkpoint("a.pt")[0](X)[0], model(X)[0])


def test_objects_of_older_versions_are_upgraded(model):
    """Attributes as 8.0 to 8.3 stored them."""
    want = model(X)[0]
    head, pool, up = model.model[-1], model.model[1], model.model[2]
    for layer in model.model:
        del layer.np
    del pool.n, pool.add, up.recompute_scale_factor
    head.export, head.format = True, "onnx"
    head.__dict__["end2end"] = model.__dict__["end2end"] = False
    model.args = IterableSimpleNamespace(task="detect", imgsz=64)
    model.names = ["cat", "dog"]
    model.yaml["ch"] = model.yaml.pop("channels")
    torch.save({"model": model}, "a.pt")
    loaded, _ = load_checkpoint("a.pt")
    y, _ = loaded(X)
    assert torch.equal(y, want)
    assert loaded.names == {0: "cat", 1: "dog"} and loaded.args["imgsz"] == 64
    assert loaded.model[0].np == sum(p.numel() for p in loaded.model[0].parameters())
    assert "end2end" not in loaded.__dict__ and "export" not in loaded.model[-1].__dict__


class Loss:
    def __init__(self):
        self.device = torch.device("cpu")


def test_losses_and_data_of_older_versions_are_left_out(model, monkeypatch):
    for name in ("criterion", "transforms"):
        setattr(model, name, Loss())
    monkeypatch.setattr(DetectionModel, "__getstate__", lambda self: dict(self.__dict__))
    data = pickled(model, {Loss: "ultralytics.utils.loss\nv8DetectionLoss"})
    Path("a.pt").write_bytes(data)
    loaded, _ = load_checkpoint("a.pt")
    assert getattr(loaded, "criterion", None) is None and not hasattr(loaded, "transforms")


def pickled(model, renamed):
    """Return a checkpoint in which classes are stored under other paths."""
    buffer = io.BytesIO()
    torch.save({"model": model}, buffer)
    out = io.BytesIO()
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as new:
        for entry in old.namelist():
            data = old.read(entry)
            if entry.endswith("data.pkl"):
                for cls, path in renamed.items():
                    old_path = f"c{cls.__module__}\n{cls.__qualname__}\n".encode()
                    assert old_path in data
                    data = data.replace(old_path, f"c{path}\n".encode())
            new.writestr(entry, data)
    return out.getvalue()


class Old(Detect):
    """Stands for a class under another path."""


@pytest.mark.parametrize("path", ["ultralytics.nn.modules\nDetect", "ultralytics.nn.modules.block\nDetect"])
def test_classes_that_moved_are_found(model, path):
    model.model[-1].__class__ = Old
    Path("a.pt").write_bytes(pickled(model, {Old: path}))
    assert type(load_checkpoint("a.pt")[0].model[-1]) is Detect


@pytest.mark.parametrize("path", ["ultralytics.models.sam.blocks\nOld", "ultralytics.nn.modules.block\nOld"])
def test_layers_that_are_not_here_are_named(model, path):
    model.model[-1].__class__ = Old
    Path("a.pt").write_bytes(pickled(model, {Old: path}))
    with pytest.raises((CheckpointError, UnsafeCheckpointError), match=path.replace("\n", ".")) as caught:
        load_checkpoint("a.pt")
    assert "a.pt" in str(caught.value) and "pickled_as" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>Not Found</html>", "web page"),
        (b"\n  <html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        (b"hello", "no PyTorch file"),
        (b"PK\x03\x04 and then nothing", "cut off or damaged"),
        (b"\x80\x02 rubbish", "damaged"),
        (pickle.dumps({"a": 1}, 2), "damaged"),
    ],
)
def test_files_that_are_no_checkpoints(content, words):
    Path("a.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match=words) as caught:
        load_checkpoint("a.pt")
    assert "a.pt" in str(caught.value)


@pytest.mark.parametrize("keep", [0.2, 0.6, 0.99])
def test_cut_files(model, keep):
    save_checkpoint({"model": model}, "a.pt")
    data = Path("a.pt").read_bytes()
    Path("a.pt").write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(CheckpointError, match="cut off or damaged"):
        load_checkpoint("a.pt")


def test_zip_and_torchscript_are_recognised():
    with zipfile.ZipFile("a.pt", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(CheckpointError, match=r"no PyTorch file.*readme"):
        load_checkpoint("a.pt")
    with zipfile.ZipFile("b.pt", "w") as archive:
        archive.writestr("b/constants.pkl", "")
        archive.writestr("b/data.pkl", "")
    with pytest.raises(CheckpointError, match="TorchScript"):
        load_checkpoint("b.pt")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"weight": torch.zeros(1)}, "bare state_dict"),
        ({}, "keys are none"),
        ({"model": None, "ema": None}, "no network"),
        ({"model": {"a": 1}}, "no network"),
        ([1, 2], "holds list"),
    ],
)
def test_content_without_a_network(content, words):
    torch.save(content, "a.pt")
    with pytest.raises(CheckpointError, match=words):
        torch_safe_load("a.pt")


def test_missing_files_say_where_to_put_them(monkeypatch):
    monkeypatch.setenv("YOLO_OFFLINE", "1")
    with pytest.raises(FileNotFoundError, match=r"'nothing\.pt' does not exist.*put it there"):
        load_checkpoint("nothing.pt")
    with pytest.raises(FileNotFoundError, match=r"yolov8n\.pt"):
        load_checkpoint("yolov8n.pt")


def test_writing_is_all_or_nothing(model, monkeypatch):
    save_checkpoint({"model": model, "epoch": 1}, "a.pt")
    before = Path("a.pt").read_bytes()

    def failing(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match="full"):
        save_checkpoint({"model": model, "epoch": 2}, "a.pt")
    assert Path("a.pt").read_bytes() == before and os.listdir() == ["a.pt"]
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="top level of a module"):
        save_checkpoint({"model": model, "f": lambda: None}, Path(before and "a.pt").absolute())


def test_half_precision_is_not_for_values_beyond_it(model):
    norm = next(m for m in model.modules() if isinstance(m, nn.BatchNorm2d))
    norm.running_var.fill_(1e6)
    norm.running_mean.fill_(float("inf"))  # was none before
    save_checkpoint({"model": model, "epoch": 3}, "a.pt")
    slim = strip_optimizer("a.pt")["model"]
    kinds = {name: tensor.dtype for name, tensor in slim.state_dict().items() if tensor.is_floating_point()}
    assert [name for name, kind in kinds.items() if kind == torch.float32] == [
        name for name, tensor in model.state_dict().items() if tensor.is_floating_point() and tensor.max() == 1e6
    ]
    assert load_checkpoint("a.pt")[0].float().state_dict().keys() == model.state_dict().keys()


def test_strip_keeps_the_averaged_network(model, capsys):
    import copy

    averaged = copy.deepcopy(model)
    nn.init.constant_(averaged.model[0].conv.weight, 0.25)
    content = {
        "epoch": 7,
        "best_fitness": 0.3,
        "model": model,
        "ema": averaged,
        "updates": 12,
        "optimizer": {"state": {}},
        "scaler": {"scale": 1.0},
        "train_args": {"imgsz": 96, "gone": 1},
        "train_metrics": {"fitness": 0.3},
        "continuation": {"model": {"w": torch.zeros(3)}},
    }
    save_checkpoint(content, "a.pt")
    result = strip_optimizer("a.pt", "b.pt", updates={"note": "x"})
    assert Path("a.pt").stat().st_size > Path("b.pt").stat().st_size
    _, again = load_checkpoint("b.pt")
    assert again.keys() == result.keys()
    assert (again["epoch"], again["note"], again["train_metrics"]) == (-1, "x", {"fitness": 0.3})
    assert all(again[k] is None for k in ("best_fitness", "ema", "updates", "optimizer", "scaler"))
    assert "continuation" not in again and "gone" not in again["train_args"]
    slim = result["model"]
    assert slim.args["imgsz"] == 96 and "lr0" in slim.args and not any(p.requires_grad for p in slim.parameters())
    assert slim.model[0].conv.weight.dtype == torch.float16 and torch.all(slim.model[0].conv.weight == 0.25)
    strip_optimizer("a.pt")
    assert torch_safe_load("a.pt")[0]["epoch"] == -1
    Path("c.pt").write_bytes(b"rubbish")
    assert strip_optimizer("c.pt") == {}


def test_trust_is_not_the_second_argument():
    """The published second argument means the opposite."""
    with pytest.raises(TypeError):
        torch_safe_load("a.pt", None, True)
    assert checkpoint.torch_safe_load.__kwdefaults__ == {"trust": False}


def test_namespaces_in_train_args(model):
    model.args = SimpleNamespace(imgsz=77)
    torch.save({"model": model}, "a.pt")
    assert load_checkpoint("a.pt")[0].args["imgsz"] == 77
