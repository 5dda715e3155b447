"""Forward parity with golden figures, in training and evaluation mode, unfused and fused."""

from __future__ import annotations

import pytest
import torch
import weights_rule

from ultralytics.nn import models

NAMES = {
    "yolov8n": models.DetectionModel,
    "yolov8n-seg": models.SegmentationModel,
    "yolov8n-pose": models.PoseModel,
    "yolov8n-obb": models.OBBModel,
    "yolov8n-cls": models.ClassificationModel,
}


def flat(output, path):
    if isinstance(output, torch.Tensor):
        yield path, output
    elif isinstance(output, dict):
        for key, value in output.items():
            yield from flat(value, f"{path}.{key}")
    else:
        for index, value in enumerate(output):
            yield from flat(value, f"{path}.{index}")


def compare(figures, output, path):
    known, seen = set(figures.names()), 0
    for name, value in flat(output, path):
        if name in known:
            atol = 2e-2 if name in {"eval.0", "eval.0.0"} else 1e-3
            ok, _, message = figures.compare(name, value, rtol=1e-3, atol=atol)
            assert ok, message
            seen += 1
    assert seen


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_outputs_are_the_published_ones(name, golden):
    figures = golden(f"fwd_{name}")
    model = NAMES[name](f"{name}.yaml", nc=figures.meta["nc"], verbose=False)
    weights_rule.apply(model, figures.meta["weights_seed"])
    assert weights_rule.digest(model) == figures.meta["rule_digest"]
    image = torch.from_numpy(figures["image"]).float() / 255

    compare(figures, model.train()(image), "train.y" if name.endswith("cls") else "train")

    weights_rule.apply(model, figures.meta["weights_seed"])
    figures.load_bn(model)
    assert weights_rule.digest(model) == figures.meta["loaded_digest"]
    compare(figures, model.eval()(image), "eval")
    assert model.fuse(verbose=False) is model
    assert model.is_fused()
    compare(figures, model(image), "eval")
