"""What a checkpoint says about data and folders does not decide where this machine reads from or writes to."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from train_helpers import make_data, settings

from ultralytics import YOLO
from ultralytics.data.describe.remembered import RememberedDataError
from ultralytics.models.yolo.detect.train import DetectionTrainer
from ultralytics.nn.models import DetectionModel
from ultralytics.nn.weights.checkpoint import save_checkpoint

ADDRESS = "https://example.org/data.zip"


@pytest.fixture
def fetched(monkeypatch, tmp_path) -> list[str]:
    """Every address that anything asks for."""
    asked: list[str] = []

    def note(url, *args, **kwargs):
        asked.append(str(url))
        raise ConnectionError("no network in tests")

    monkeypatch.setattr("requests.get", note)
    monkeypatch.setattr("requests.head", note)
    monkeypatch.delenv("YOLO_OFFLINE", raising=False)
    monkeypatch.chdir(tmp_path)
    return asked


def checkpoint(file: Path, names=None, **train_args) -> Path:
    torch.manual_seed(0)
    model = DetectionModel("yolov8n.yaml", nc=3, verbose=False)
    model.names = names
    save_checkpoint({"model": model.half(), "ema": None, "epoch": -1, "train_args": {"imgsz": 64, **train_args}}, file)
    return file


@pytest.mark.parametrize("data", [ADDRESS, "\\\\server\\share\\x.yaml", "none.yaml", "ul://a/b"])
def test_nothing_is_fetched_on_the_word_of_a_checkpoint(fetched, tmp_path, data):
    model = YOLO(checkpoint(tmp_path / "m.pt", {0: "a", 1: "b", 2: "c"}, data=data))
    for call in (model.val, model.train):
        with pytest.raises(RememberedDataError, match=r"m\.pt' remembers data="):
            call()
    model.predict(np.zeros((64, 64, 3), np.uint8), verbose=False, imgsz=64)
    assert fetched == []


def test_names_are_not_fetched_either(fetched, tmp_path):
    model = YOLO(checkpoint(tmp_path / "m.pt", None, data="https://example.org/names.yaml"))
    assert len(model.predict(np.zeros((64, 64, 3), np.uint8), verbose=False, imgsz=64)) == 1
    assert fetched == []


def test_data_that_is_given_is_used(fetched, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "ultralytics.models.yolo.detect.val.DetectionValidator.__call__",
        lambda self, model: seen.append(self.args.data),
    )
    data = make_data(tmp_path / "set")
    model = YOLO(checkpoint(tmp_path / "m.pt", {0: "a", 1: "b", 2: "c"}, data=ADDRESS))
    model.val(data=str(data))
    model = YOLO(checkpoint(tmp_path / "m.pt", {0: "a", 1: "b", 2: "c"}, data=str(data)))
    model.val()
    assert seen == [str(data)] * 2


def test_own_readers_find_names_of_their_own(tmp_path):
    seen = []

    class Validator:
        metrics = None

        def __init__(self, args, _callbacks):
            seen.append(args["data"])

        def __call__(self, model):
            pass

    YOLO(checkpoint(tmp_path / "m.pt", {0: "a", 1: "b", 2: "c"}, data="my data")).val(validator=Validator)
    assert seen == ["my data"]
    with pytest.raises(RememberedDataError):
        YOLO(checkpoint(tmp_path / "m.pt", {0: "a", 1: "b", 2: "c"}, data=ADDRESS)).val(validator=Validator)


class Interrupted(Exception):
    """Ends a run in its second epoch."""


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """Return the checkpoint of a run that ended in its second epoch."""
    root = tmp_path_factory.mktemp("run")
    trainer = DetectionTrainer(overrides=settings(make_data(root / "set"), root, epochs=2, plots=False))

    def stop(t):
        if t.epoch == 1:
            raise Interrupted

    trainer.add_callback("on_train_epoch_start", stop)
    with pytest.raises(Interrupted):
        trainer.train()
    return trainer.last


@pytest.fixture
def unfinished(run, tmp_path, monkeypatch) -> Path:
    """Return a copy of that checkpoint in a run folder of its own, for a stranger to change."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "own" / "weights").mkdir(parents=True)
    return Path(shutil.copy(run, tmp_path / "own" / "weights" / "last.pt"))


def rewritten(file: Path, target: Path, **train_args) -> Path:
    content = torch.load(file, weights_only=False)
    content["train_args"] |= train_args
    torch.save(content, target)
    return target


def test_resume_writes_where_the_file_lies(unfinished, tmp_path):
    (tmp_path / "victim").mkdir()
    (tmp_path / "given").mkdir()
    file = rewritten(
        unfinished, tmp_path / "given" / "last.pt", save_dir=str(tmp_path / "victim"), project="../../x", name="../y"
    )
    trainer = DetectionTrainer(overrides={"resume": str(file)})
    trainer._release()
    assert trainer.save_dir == tmp_path / "given" and not any((tmp_path / "victim").iterdir())
    trainer = DetectionTrainer(overrides={"resume": str(file), "save_dir": str(tmp_path / "mine")})
    trainer._release()
    assert trainer.save_dir == tmp_path / "mine"


def test_resume_asks_for_data_that_is_an_address(unfinished, tmp_path, fetched):
    data = torch.load(unfinished, weights_only=False)["train_args"]["data"]
    file = rewritten(unfinished, unfinished, data=ADDRESS)
    with pytest.raises(RememberedDataError, match="Give it: data="):
        DetectionTrainer(overrides={"resume": str(file)})
    with pytest.raises(RememberedDataError, match="Give it: data="):
        YOLO(file).train(resume=True)
    trainer = DetectionTrainer(overrides={"resume": str(file), "data": data})
    trainer._release()
    assert trainer.args.data == data and fetched == []


@pytest.mark.parametrize(
    "change",
    [
        {"results": {"epoch": [1], "a,b": [1]}},
        {"results": {"epoch": [1, 2], "a": [1]}},
        {"results": {"epoch": ["x"]}},
        {"results": {"epoch": [None]}},
        {"results": {"epoch": 5}},
        {"results": [1]},
        {"epoch": "1"},
        {"epochs": 2.5},
        {"precision": {"dtype": "__class__"}},
        {"stopper": 5},
        {"criterion": {"__class__": 5}},
        {"criterion": {"forward": 5}},
        {"gradients": None},
        {"model": {}},
    ],
    ids=repr,
)
def test_damaged_states_are_told(unfinished, change):
    content = torch.load(unfinished, weights_only=False)
    content["continuation"] |= change
    torch.save(content, unfinished)
    with pytest.raises(ValueError, match=r"checkpoint|dtype"):
        DetectionTrainer(overrides={"resume": str(unfinished)}).train()


def test_exports_lie_beside_the_file(tmp_path, monkeypatch):
    pytest.importorskip("onnx")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    model = YOLO(checkpoint(tmp_path / "m.pt", {0: "a\n\x1b[2J", 1: "b", 2: "c"}, data="x\n\x1b[2Jy"))
    model.model.yaml["yaml_file"] = "/somewhere/else.yaml"
    path = model.export(format="onnx", imgsz=64, simplify=False)
    assert Path(path) == tmp_path / "m.onnx" and not any((tmp_path / "here").iterdir())
    assert YOLO(path)(cv2.resize(np.zeros((8, 8, 3), np.uint8), (64, 64)), verbose=False)[0].names[0] == "a\n\x1b[2J"
