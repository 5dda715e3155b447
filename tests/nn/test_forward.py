"""Forward parity with golden figures, in training and evaluation mode, unfused and fused."""

from __future__ import annotations

import copy

import pytest
import torch
import weights_rule

from ultralytics.nn import models

CLASSES = {
    "": models.DetectionModel,
    "-seg": models.SegmentationModel,
    "-pose": models.PoseModel,
    "-obb": models.OBBModel,
    "-cls": models.ClassificationModel,
    "-sem": models.SemanticSegmentationModel,
    "-depth": models.DepthModel,
}
NAMES = (
    *("yolov8n", "yolov8n-seg", "yolov8n-pose", "yolov8n-obb", "yolov8n-cls", "yolov3-tiny", "yolov5n", "yolov6n"),
    *("yolov9t", "yolov10n", "yolo11n", "yolo11n-seg", "yolo11n-pose", "yolo11n-obb", "yolo11n-cls", "yolo12n"),
    *("yolo26n", "yolo26n-seg", "yolo26n-pose", "yolo26n-obb", "yolo26n-cls"),
    *("yolo26n-depth", "yolo26n-sem"),
)


def flat(output, path):
    if isinstance(output, torch.Tensor):
        yield path, output
    elif isinstance(output, dict):
        for key, value in output.items():
            yield from flat(value, f"{path}.{key}")
    else:
        for index, value in enumerate(output):
            yield from flat(value, f"{path}.{index}")


def compare(figures, output, path, fused=False):
    """Check every output that the figures hold, and that no figure is missing from the outputs."""
    known = {n for n in figures.names() if n.startswith(f"{path}.") and ".layer_" not in n and "bn_running" not in n}
    seen = set()
    for name, value in flat(output, path):
        if name in known:
            decoded = name.removeprefix(path) in {".0", ".0.0"}
            if decoded and path == "eval.o2o" and name in figures.z.files:
                same_rows(torch.from_numpy(figures[name]).float(), value)
                seen.add(name)
                continue
            ok, _, message = figures.compare(name, value, rtol=1e-3, atol=2e-2 if decoded else 1e-3)
            assert ok, message
            seen.add(name)
    assert seen if fused else seen == known


def named(output, figures):
    """Return an evaluation output as the figures name it: a single tensor is `y` there."""
    return {"y": output} if "eval.y" in figures.names() else output


def evaluate(figures, model, image):
    """Compare evaluation outputs, unfused and fused; of models with two heads, those of either head."""
    two_headed = figures.meta["has_one_to_one_head"]
    for end2end, path in ((False, "eval.o2m"), (True, "eval.o2o")) if two_headed else ((False, "eval"),):
        twin = copy.deepcopy(model)
        if two_headed:
            assert not model.end2end
            twin.end2end = end2end
        plain = named(twin(image), figures)
        compare(figures, plain, path)
        assert twin.fuse(verbose=False) is twin and twin.is_fused()
        if end2end:
            same_rows(*(next(flat(output, ""))[1] for output in (plain, twin(image))))
        else:
            compare(figures, named(twin(image), figures), path, fused=True)


def same_rows(want, got):
    """Check that two sets of final rows agree; rows of nearly equal scores may swap places."""
    torch.testing.assert_close(got[..., 4], want[..., 4], rtol=1e-3, atol=1e-4)
    scale = want.abs().amax(1, keepdim=True).clamp(min=1)
    distances = torch.cdist(got / scale, want / scale, p=1)
    assert distances.amin(2).max() < 1e-3


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_outputs_are_the_published_ones(name, golden):
    figures = golden(f"fwd_{name}")
    kind = name[name.index("-") :] if name.endswith(tuple(CLASSES)[1:]) else ""
    model = CLASSES[kind](f"{name}.yaml", nc=figures.meta["nc"], verbose=False)
    weights_rule.apply(model, figures.meta["weights_seed"])
    assert weights_rule.digest(model) == figures.meta["rule_digest"]
    image = torch.from_numpy(figures["image"]).float() / 255

    output = model.train()(image)
    if any(key.startswith("train.") for key in figures.names()):
        compare(figures, output, "train.y" if kind == "-cls" else "train")

    weights_rule.apply(model, figures.meta["weights_seed"])
    figures.load_bn(model)
    assert weights_rule.digest(model) == figures.meta["loaded_digest"]
    model.eval()
    evaluate(figures, model, image)
