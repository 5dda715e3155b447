"""Model names: which YAML, which size, which task."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ultralytics.nn.builder.names import (
    guess_model_scale,
    guess_model_task,
    model_yaml_file,
    spellings,
    yaml_model_load,
)
from ultralytics.nn.head.segment import Segment


@pytest.mark.parametrize(
    ("name", "file", "scale"),
    [
        ("yolov8n.yaml", "yolov8.yaml", "n"),
        ("yolov8.yaml", "yolov8.yaml", ""),
        ("yolov8x-seg.yaml", "yolov8-seg.yaml", "x"),
        ("yolov8n-pose-p6.yaml", "yolov8-pose-p6.yaml", "n"),
        ("yolov8m-cls-resnet50.yaml", "yolov8-cls-resnet50.yaml", "m"),
        ("yolov8n-DynamicConv.yaml", "yolov8-DynamicConv.yaml", "n"),
        ("yolov8n_DynamicConv.yaml", "yolov8-DynamicConv.yaml", "n"),
        ("yolov8_DynamicConv.yaml", "yolov8-DynamicConv.yaml", ""),
        ("yolov8s-DynamicBnAct.yaml", "yolov8-DynamicBnAct.yaml", "s"),
    ],
)
def test_names_mean_a_file_and_a_size(name, file, scale):
    assert model_yaml_file(name).replace("\\", "/").endswith(f"/v8/{file}")
    content = yaml_model_load(name)
    assert (content["scale"], content["yaml_file"]) == (scale, name)


def test_six_is_shorthand_for_p6(caplog):
    assert yaml_model_load("yolov8n6.yaml")["yaml_file"] == "yolov8n-p6.yaml"


def test_an_exact_file_wins_over_the_unified_one(tmp_path):
    (tmp_path / "yolov8-mine.yaml").write_text("nc: 1\n")
    assert yaml_model_load(tmp_path / "yolov8n-mine.yaml")["nc"] == 1
    (tmp_path / "yolov8n-mine.yaml").write_text("nc: 2\n")
    assert yaml_model_load(tmp_path / "yolov8n-mine.yaml")["nc"] == 2


def test_folders_are_left_alone():
    assert list(spellings("runs8n/yolov8n.yaml")) == ["runs8n/yolov8n.yaml", "runs8n/yolov8.yaml"]


def test_unknown_names_are_refused_with_near_ones():
    with pytest.raises(FileNotFoundError, match=r"yolov9000\.yaml.*did you mean"):
        yaml_model_load("yolov9000.yaml")


@pytest.mark.parametrize(
    ("name", "scale"),
    [("yolov8n.pt", "n"), ("yolo11x-seg", "x"), ("yolo26s", "s"), ("yoloe-11l-seg", "l"), ("yolov10b", ""), ("a", "")],
)
def test_size_letter(name, scale):
    assert guess_model_scale(name) == scale


@pytest.mark.parametrize(
    ("model", "task"),
    [
        ({"head": [[-1, 1, "Detect", ["nc"]]]}, "detect"),
        ({"head": [[-1, 1, "Segment26", ["nc"]]]}, "segment"),
        ({"head": [[-1, 1, "SemanticSegment", ["nc"]]]}, "semantic"),
        ({"head": [[-1, 1, "MyPoseHead", ["nc"]]]}, "pose"),
        ({"head": [[-1, 1, "fc", ["nc"]]]}, "classify"),
        ("yolov8n-obb.pt", "obb"),
        ("runs/segment/train/weights/best.pt", "segment"),
        (Segment(3, 32, 64, ch=(16, 32)), "segment"),
    ],
)
def test_task(model, task):
    assert guess_model_task(model) == task


def test_task_of_an_onnx_file_is_what_the_file_says(tmp_path):
    onnx = pytest.importorskip("onnx")
    graph = onnx.helper.make_graph([], "empty", [], [])
    for name, said in (("plain.onnx", "obb"), ("yolo-pose.onnx", None), ("yolo-seg.onnx", "no such task")):
        model = onnx.helper.make_model(graph)
        onnx.helper.set_model_props(model, {} if said is None else {"task": said})
        onnx.save(model, str(tmp_path / name))
    (tmp_path / "broken-cls.onnx").write_bytes(b"no protobuf")
    found = {path.name: guess_model_task(path) for path in tmp_path.iterdir()}
    assert found == {
        "plain.onnx": "obb",
        "yolo-pose.onnx": "pose",
        "yolo-seg.onnx": "segment",
        "broken-cls.onnx": "classify",
    }
    assert guess_model_task("nowhere-obb.onnx") == "obb"


def test_task_of_a_subclassed_head_and_of_arguments():
    class Mine(Segment):
        pass

    assert guess_model_task(nn.Sequential(Mine(3, 32, 64, ch=(16, 32)))) == "segment"
    bare = nn.Linear(1, 1)
    bare.args = {"task": "pose"}
    assert guess_model_task(bare) == "pose"
    assert guess_model_task(torch.nn.Identity()) == "detect"
