"""Methods of `Results` that users override are used, and classes put on public modules are taken."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from override_points import listed

import ultralytics.engine.results as public_results
import ultralytics.models.yolo.detect as public_detect
import ultralytics.utils.nms as public_nms
import ultralytics.utils.ops as public_ops
from ultralytics import YOLO
from ultralytics.engine.results import Results
from ultralytics.engine.task import SelectOptions, resolve
from ultralytics.models.yolo.detect.stages import select_boxes
from ultralytics.models.yolo.detect.task import DETECT
from ultralytics.ops.nms import non_max_suppression

PICTURE = np.zeros((20, 30, 3), np.uint8)
ROWS = torch.tensor([[1.0, 1, 9, 9, 0.5, 0], [2, 2, 8, 8, 0.4, 1]])


def made(body=None):
    return type("Own", (Results,), body or {})(PICTURE, "a.jpg", {0: "a", 1: "b"}, boxes=ROWS)


def first_only(self, fn, *args, **kwargs):
    other = Results._apply(self, fn, *args, **kwargs)
    other.boxes = other.boxes[:1]
    return other


def no_rows(self, normalize=False, decimals=5):
    return [{"mine": decimals}]


def grey(self, *args, save=False, filename=None, **kwargs):
    self.drawn = save, filename
    return np.full((2, 2, 3), 7, np.uint8)


POINTS = {
    "__getitem__": (lambda self, idx: "mine", lambda r, _: r[0] == "mine"),
    "_apply": (first_only, lambda r, _: len(r.cpu()) == len(r.numpy()) == len(r.to("cpu")) == len(r[:]) == 1),
    "new": (lambda self: made(), lambda r, _: type(r.cpu()).__name__ == "Own" and r.cpu().path == "a.jpg"),
    "plot": (grey, lambda r, folder: r.save(str(folder / "x.jpg")) and r.drawn == (True, str(folder / "x.jpg"))),
    "summary": (no_rows, lambda r, _: json.loads(r.to_json(decimals=3)) == [{"mine": 3}]),
    **{
        name: (lambda self, *args, **kwargs: "mine", lambda r, _, name=name: getattr(r, name)() == "mine")
        for name in ("update", "cpu", "numpy", "cuda", "to", "show", "save", "verbose", "save_txt", "save_crop")
    },
}


@pytest.mark.parametrize("method", POINTS)
def test_an_overridden_method_decides(method, tmp_path):
    mine, shows = POINTS[method]
    assert shows(made({method: mine}), tmp_path)


def test_every_listed_method_is_in_the_table():
    assert {method for _, method in listed("engine.results:")} <= set(POINTS)


def test_copies_keep_class_and_attributes():
    class Own(Results):
        def __init__(self, mine):
            super().__init__(PICTURE, "a.jpg", {0: "a"}, boxes=ROWS)
            self.mine = mine

    one = Own("kept")
    copy = one[:1]
    assert type(copy) is Own and copy.mine == "kept" and len(copy) == 1 and len(one) == 2
    assert copy.speed == one.speed and copy.speed is not one.speed and one.new().boxes is None


# Names that are replaced on public modules


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return YOLO("yolov8n.yaml")


def test_results_of_prediction(model, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    mine = type("Mine", (Results,), {"verbose": lambda self: "mine"})
    monkeypatch.setattr(public_results, "Results", mine)
    (result,) = model.predict(PICTURE, imgsz=32, verbose=False)
    assert type(result) is mine and result.verbose() == "mine"


@pytest.mark.parametrize("module", [public_nms, public_ops], ids=["nms", "ops"])
def test_suppression(module, monkeypatch):
    prediction = torch.rand(2, 7, 50) * torch.tensor([30.0, 30, 10, 10, 1, 1, 1])[None, :, None]
    options = SelectOptions(conf=0.3, nc=3)
    plain = select_boxes(prediction, options)
    calls = []

    def own(prediction, conf_thres=0.25, iou_thres=0.45, classes=None, agnostic=False, multi_label=False, max_det=300,
            nc=0, rotated=False):  # fmt: skip
        calls.append((conf_thres, iou_thres, nc))
        rows = non_max_suppression(prediction, conf_thres, iou_thres, classes, agnostic, multi_label, max_det=max_det)
        return [found[:1] for found in rows]

    monkeypatch.setattr(module, "non_max_suppression", own)
    found = select_boxes(prediction, options)
    assert calls == [(0.3, 0.7, 3)] and [len(d) for d in found] == [1, 1]
    assert torch.equal(found[0].boxes, plain[0].boxes[:1])
    end_to_end = select_boxes(torch.rand(1, 5, 6), SelectOptions(conf=0.0, end2end=True))
    assert len(calls) == 1 and len(end_to_end) == 1


@pytest.mark.parametrize("part", ["trainer", "validator", "predictor"])
def test_classes_of_a_task(part, monkeypatch):
    path = getattr(DETECT, part)
    original = resolve(path)
    mine = type(original.__name__, (original,), {})
    monkeypatch.setattr(public_detect, original.__name__, mine)
    assert resolve(path) is mine and YOLO("yolov8n.yaml").task_map["detect"][part] is mine
    monkeypatch.undo()
    assert resolve(path) is original
