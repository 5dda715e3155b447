"""`yolo quickstart`: its tables, what it compares, and (slow) whole runs of every task."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch
from shape_helpers import SIDE, write_network, write_shapes

from ultralytics.cfg.tasks import TASK_INFOS
from ultralytics.data.mot import read_rows
from ultralytics.engine.results import Results
from ultralytics.nn.builder.names import guess_model_task, yaml_model_load
from ultralytics.solutions import quickstart, quickstart_track
from ultralytics.solutions.agreement import Agreement, MapAgreement, agreement, compare
from ultralytics.solutions.quickstart_track import DATA, MODEL, TRACK_DEFAULTS
from ultralytics.utils.env import ROOT
from ultralytics.utils.yaml_io import YAML

BOXES = [[10.0, 10, 50, 40, 0.9, 0], [60, 60, 90, 95, 0.8, 2]]
TURNED = [[40.0, 40, 30, 20, 0.0, 0.9, 0], [70, 70, 20, 10, 0.7, 0.8, 2]]  # x, y, w, h, radians, conf, cls
POINTS = [[[20.0, 20, 0.9], [30, 30, 0.8]], [[70, 70, 0.9], [80, 80, 0.1]]]


def result(**parts: Any) -> Results:
    tensors = {name: torch.tensor(rows, dtype=torch.float32) for name, rows in parts.items()}
    return Results(np.zeros((100, 100, 3), np.uint8), "a.jpg", {0: "a", 1: "b", 2: "c"}, **tensors)


def masks(shift: int = 0) -> list:
    drawn = torch.zeros(2, 100, 100)
    drawn[0, 10 + shift : 40 + shift, 10:50] = 1
    drawn[1, 60:95, 60:90] = 1
    return drawn.tolist()


def moved(rows: list, row: int, column: int, by: float) -> list:
    return [[v + by * ((i, j) == (row, column)) for j, v in enumerate(values)] for i, values in enumerate(rows)]


# Tables ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", [t for t in quickstart.DATA if t != "classify"])
def test_data_are_drawn_here(task):
    content = YAML.load(ROOT / "cfg" / "datasets" / quickstart.DATA[task])
    assert content["generator"] == "shapes" and content.get("task", "detect") == task


@pytest.mark.parametrize("task", quickstart.DATA)
def test_models_have_two_spellings(task):
    suffix = TASK_INFOS[task].suffix
    first, second = (f"yolov8n-DynamicConv{suffix}.yaml", f"yolov8n{suffix}-DynamicConv.yaml")
    contents = [yaml_model_load(name) for name in (first, second)]
    assert [guess_model_task(c) for c in contents] == [task, task]
    assert contents[0]["backbone"] == contents[1]["backbone"] and contents[0]["scale"] == "n"


@pytest.mark.parametrize("task", quickstart.DATA)
def test_page_has_every_task(task):
    page = (ROOT.parent / "docs" / "quickstart.md").read_text(encoding="utf-8")
    epochs = {**quickstart.DEFAULTS, **quickstart.TASK_DEFAULTS.get(task, {})}["epochs"]
    model = f"yolov8n-DynamicConv{TASK_INFOS[task].suffix}.yaml"
    assert f"| `{task}` | `{quickstart.DATA[task]}` | `{model}` | {epochs} |" in page


@pytest.mark.parametrize("task", ["segmnet"])
def test_other_tasks_are_refused(task):
    with pytest.raises(
        NotImplementedError,
        match=f"'{task}'; its tasks are detect, segment, semantic, depth, pose, obb, classify, track",
    ):
        quickstart.main({"task": task})


def test_page_has_track():
    page = (ROOT.parent / "docs" / "quickstart.md").read_text(encoding="utf-8")
    options = {**quickstart.DEFAULTS, **TRACK_DEFAULTS}
    assert "| `track` | `{}` | `{}` | {epochs} | ".format(DATA, MODEL, **options) in page
    assert f"at {options['imgsz']} pixels" in page
    assert YAML.load(ROOT / "cfg" / "datasets" / DATA)["task"] == "track"


# Comparison -----------------------------------------------------------------------------------------------------------


def test_same_boxes():
    same = compare([result(boxes=BOXES)] * 3, [result(boxes=BOXES)] * 3)
    assert same == Agreement(images=3, boxes=6) and same.ok and same.compared
    assert same.cells == ("6 boxes on 3 pictures, 0 without a partner", "within 0.000 px, 0.0000 score")


def test_order_does_not_matter():
    assert agreement([result(boxes=BOXES)], [result(boxes=BOXES[::-1])]).ok


@pytest.mark.parametrize(
    ("rows", "boxes", "missing"),
    [
        (BOXES[:1], 1, 1),  # one less
        (moved(BOXES, 0, 5, 1.0), 1, 2),  # another class: neither has a partner
        (moved(BOXES, 1, 0, 20.0), 1, 2),  # elsewhere
        ([*BOXES, [0.0, 0, 5, 5, 0.5, 1]], 2, 1),  # one more
        ([[0.0, 0, 1, 1, 0.3, 1]], 0, 3),  # nothing in common
    ],
)
def test_boxes_without_partner(rows, boxes, missing):
    found = agreement([result(boxes=BOXES)], [result(boxes=rows)])
    assert (found.boxes, found.missing, found.ok) == (boxes, missing, False)
    assert f"{missing} boxes without a partner" in found.problem


def test_nothing_found():
    nothing = Results(np.zeros((9, 9, 3), np.uint8), "a.jpg", {0: "a"}, boxes=torch.zeros(0, 6))
    found = compare([nothing], [nothing])
    assert not found.ok and not found.compared and found.images == 1
    assert agreement([nothing], [result(boxes=BOXES)]).missing == 2


@pytest.mark.parametrize(("column", "by", "ok"), [(0, 0.5, True), (0, 1.5, False), (4, 0.005, True), (4, 0.02, False)])
def test_limits_of_boxes(column, by, ok):
    found = agreement([result(boxes=BOXES)], [result(boxes=moved(BOXES, 0, column, by))])
    assert found.ok is ok and found.missing == 0
    assert max(found.box_px, found.conf) == pytest.approx(by, abs=1e-4)


@pytest.mark.parametrize(("shift", "ok"), [(0, True), (1, True), (3, False)])
def test_masks(shift, ok):
    found = compare([result(boxes=BOXES, masks=masks())], [result(boxes=BOXES, masks=masks(shift))])
    assert found.ok is ok and found.mask_iou == pytest.approx((30 - shift) / (30 + shift))
    assert "masks IoU" in found.cells[1] and "IoU" in found.problem


def test_masks_follow_their_boxes():
    found = compare([result(boxes=BOXES, masks=masks())], [result(boxes=BOXES[::-1], masks=masks()[::-1])])
    assert found.mask_iou == 1


def test_empty_masks_are_the_same():
    empty = result(boxes=BOXES, masks=torch.zeros(2, 8, 8).tolist())
    assert compare([empty], [empty]).mask_iou == 1


@pytest.mark.parametrize(("by", "ok"), [(0.0, True), (0.6, True), (0.9, False)])
def test_keypoints(by, ok):
    points = [POINTS[0], [[70 + by, 70 + by, 0.9], [80, 80, 0.1]]]
    found = compare([result(boxes=BOXES, keypoints=POINTS)], [result(boxes=BOXES, keypoints=points)])
    assert found.ok is ok and found.keypoint_px == pytest.approx(by * 2**0.5, abs=1e-4)
    assert "keypoints" in found.cells[1] and "keypoints" in found.problem


@pytest.mark.parametrize(("column", "by", "ok"), [(0, 0.5, True), (0, 1.5, False), (4, 0.02, True), (4, 0.08, False)])
def test_rotated_boxes(column, by, ok):
    found = compare([result(obb=TURNED)], [result(obb=moved(TURNED, 0, column, by))])
    assert (found.boxes, found.missing, found.ok) == (2, 0, ok)


def test_rotated_boxes_past_a_right_angle():
    """Width, height and angle jump where a box turns past a right angle; the box itself does not."""
    jumped = [[40.0, 40, 20, 30, np.pi / 2 - 1e-4, 0.9, 0], TURNED[1]]
    found = compare([result(obb=TURNED)], [result(obb=jumped)])
    assert found.ok and found.box_px < 0.01


def test_sum_keeps_the_worst():
    first = Agreement(1, 2, 0, 0.1, 0.001, mask_iou=0.95)
    assert first + replace(first, missing=1, box_px=0.3, mask_iou=0.92) == Agreement(2, 4, 1, 0.3, 0.001, 0.92)
    assert (first + Agreement(1)).mask_iou == 0.95 and (first + Agreement(1)).keypoint_px is None


def test_lists_of_different_lengths():
    with pytest.raises(ValueError, match="shorter"):
        agreement([result(boxes=BOXES)], [])


def test_maps():
    first, second = torch.zeros(2, 10, 20), torch.zeros(2, 10, 20)
    second[1, 0, :3] = 1
    same = compare(*([result(semantic_mask=one.tolist()) for one in run] for run in (first, second)))
    assert same == MapAgreement(2, different=pytest.approx(3 / 200)) and same.ok and same.compared
    assert same.cells == ("2 pictures", "up to 1.50% of the pixels differ")
    second[0, :2] = 1
    assert not compare(*([result(semantic_mask=one.tolist()) for one in run] for run in (first, second))).ok
    near, far = ([result(depth=torch.full((10, 20), metres).tolist())] for metres in (2.0, 2.01))
    assert compare(near, far).ok and compare(near, far).cells[1] == "depths up to 0.50% apart"
    far = [result(depth=torch.full((10, 20), 2.1).tolist())]
    assert not compare(near, far).ok and "5.00%" in compare(near, far).problem
    assert not compare([], []).ok


# Whole runs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["segment", *(pytest.param(task, marks=pytest.mark.slow) for task in ("pose", "obb"))])
def test_tiny_run(tmp_path, task):
    """A network of a few thousand weights goes the whole road; a low limit gives it boxes to compare."""
    counts = {"train": 8, "val": 4, "test": 2}
    figures = quickstart.main(
        {
            "task": task,
            "model": write_network(tmp_path, task),
            "data": write_shapes(tmp_path, task, counts=counts),
            "epochs": 1,
            "imgsz": SIDE,
            "workers": 0,
            "plots": False,
            "device": "cpu",
            "conf": 0.001,
            "project": str(tmp_path / "runs"),
        }
    )
    same = figures["agreement"]
    assert same.ok and same.images == 2
    assert (same.mask_iou is not None, same.keypoint_px is not None) == (task == "segment", task == "pose")
    assert figures["onnx"].is_file() and len(list(figures["pictures"].glob("*.jpg"))) == 2
    key = TASK_INFOS[task].metric
    assert figures[key] == pytest.approx(figures[f"{key} (ONNX)"], abs=0.01)


def tiny_track_run(folder):
    """Train a tiny network that follows what it takes for objects through half a second; return the figures."""
    return quickstart.main(
        {
            "task": "track",
            "model": write_network(folder, "detect"),
            "data": write_shapes(folder, "track", seconds=0.5),
            "tracker": "bytetrack.yaml",
            "epochs": 1,
            "imgsz": SIDE,
            "workers": 0,
            "plots": False,
            "device": "cpu",
            "conf": 0.001,
            "project": str(folder / "runs"),
        }
    )


@pytest.mark.skipif(find_spec("trackeval") is None, reason="trackeval, of the extra 'track-quality', is not installed")
def test_tiny_run_of_track(tmp_path):
    figures = tiny_track_run(tmp_path)
    quality = figures["quality"]
    assert figures["frames"] == quality.frames == 15 and quality.true_boxes == len(read_rows(figures["truth"])) > 15
    assert quality.found_boxes == len(read_rows(figures["tracks"])) and 0 <= quality.hota < 1
    assert all(figures[name].is_file() for name in ("weights", "film", "tracks")) and figures["film"].stem == "film"


def test_track_without_the_library_that_measures(tmp_path, monkeypatch, caplog):
    """All is done but the measuring, and one line says which extra does it."""
    monkeypatch.setattr(quickstart_track, "LIBRARY", "no_such_library")
    figures = tiny_track_run(tmp_path)
    assert figures["quality"] is None and figures["frames"] == 15 and figures["tracks"].is_file()
    line = next(line for line in caplog.text.splitlines() if line.startswith("quality"))
    assert "not measured" in line and "ultralytics[track-quality]" in line


def test_track_needs_a_film(tmp_path):
    data = write_shapes(tmp_path, "obb")
    with pytest.raises(FileNotFoundError, match=r"no 'film\.mp4' in .*task: track"):
        quickstart.main({"task": "track", "data": data})
    with pytest.raises(FileNotFoundError, match=r"nothing\.yaml"):
        quickstart.main({"task": "track", "data": data, "tracker": "nothing.yaml"})


@pytest.mark.parametrize("task", ["semantic", "depth"])
def test_tiny_run_of_maps(tmp_path, task):
    """Every pixel is compared, so that a network that has learnt nothing can be, too."""
    counts, names = {"train": 8, "val": 4, "test": 2}, ["background", "circle", "star"]
    data = write_shapes(tmp_path, task, counts=counts, names=names if task == "semantic" else ["depth"])
    figures = quickstart.main(
        {
            "task": task,
            "model": write_network(tmp_path, task),
            "data": data,
            "epochs": 1,
            "imgsz": SIDE,
            "workers": 0,
            "plots": False,
            "device": "cpu",
            "project": str(tmp_path / "runs"),
        }
    )
    same = figures["agreement"]
    assert same.ok and same.images == 2
    assert (same.different is not None, same.depth is not None) == (task == "semantic", task == "depth")
    key = TASK_INFOS[task].metric
    assert figures[key] == pytest.approx(figures[f"{key} (ONNX)"], abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["detect", "segment", "pose", "obb"])
def test_one_epoch_goes_the_whole_road(tmp_path, task):
    """One epoch finds nothing yet, which is said at the end of the road, when all files are there."""
    args = {"task": task, "epochs": 1, "imgsz": 64, "project": str(tmp_path), "workers": 0, "device": "cpu"}
    with pytest.raises(RuntimeError, match="nothing to compare"):
        quickstart.main(args)
    assert (tmp_path / "train" / "weights" / "best.onnx").is_file()
    assert len(list((tmp_path / "train" / "predict_onnx").glob("*.jpg"))) == 16
