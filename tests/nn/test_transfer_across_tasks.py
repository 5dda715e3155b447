"""A detector takes the backbone of a classifier over, and says what came."""

from __future__ import annotations

import pytest
import torch

from ultralytics import YOLO
from ultralytics.nn.weights.transfer import describe_layers, transfer_weights

BACKBONE = 9  # layers that yolov8's classifiers and detectors share


@pytest.mark.parametrize(
    ("classifier", "detector", "shared"),
    [
        ("yolov8n-DynamicConv-cls.yaml", "yolov8n-DynamicConv.yaml", BACKBONE),
        ("yolov8n-cls.yaml", "yolov8n.yaml", BACKBONE),
        ("parameternet-600m.yaml", "parameternet-600m-det.yaml", 17),
    ],
)
def test_a_detector_takes_the_backbone_of_a_classifier(classifier, detector, shared, caplog):
    source, target = YOLO(classifier).model, YOLO(detector).model
    for parameter in source.parameters():  # nothing may be equal by chance
        torch.nn.init.uniform_(parameter, -0.1, 0.1)
    caplog.set_level("INFO", logger="ultralytics")
    report = transfer_weights(target, source)
    given, own = source.state_dict(), target.state_dict()
    inside = [key for key in own if int(key.split(".")[1]) < shared]
    assert inside and set(report.state) == set(inside)
    assert all(torch.equal(own[key], given[key]) for key in inside)
    assert f"layers 0-{shared - 1} came whole" in caplog.text and "start anew" in caplog.text
    assert target.names != source.names


def test_plain_classifier_for_a_dynamic_detector(caplog):
    source, target = YOLO("yolov8n-cls.yaml").model, YOLO("yolov8n-DynamicConv.yaml").model
    caplog.set_level("INFO", logger="ultralytics")
    report = transfer_weights(target, source)
    assert report.upcycled == 3 and "layers 0-8 came whole" in caplog.text


def test_layers_in_words():
    own = [f"model.{layer}.{name}" for layer in (0, 1, 3, 4) for name in ("weight", "bias")]
    assert describe_layers(own, own) == ""
    assert describe_layers(own, own[:4]) == "layers 0-1 came whole, 3-4 start anew"
    assert describe_layers(own, [*own[:2], own[2], *own[4:]]) == "layers 0 3-4 came whole, 1 in part"
    assert describe_layers(["weight"], []) == ""
