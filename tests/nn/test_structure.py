"""Every model YAML: parameters, state keys, wiring and strides against golden figures, without allocating weights."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest
import torch

from ultralytics.nn import models
from ultralytics.nn.builder.build import parse_model
from ultralytics.nn.builder.names import guess_model_task, yaml_model_load
from ultralytics.utils.env import ROOT

CLASSES = {
    "detect": models.DetectionModel,
    "segment": models.SegmentationModel,
    "pose": models.PoseModel,
    "obb": models.OBBModel,
    "classify": models.ClassificationModel,
    "semantic": models.SemanticSegmentationModel,
    "depth": models.DepthModel,
}
GOLDEN = Path(__file__).resolve().parents[1] / "golden"
STRUCTURE = json.loads((GOLDEN / "structure.json").read_text())["models"]
# Stem of the YAML -> layers, layers whose output is kept, and parameters and state entries by size.
COUNTS = json.loads((GOLDEN / "parameter_counts.json").read_text())
LARGER = [(stem, size) for stem, row in COUNTS.items() for size in row["sizes"] if size not in {"n", "s", ""}]

OWN = {"yolov8-depth", "yolov8-sem"}  # not among the published package's


def fast(value, slow):
    """Mark what adds little to the others, so that all of it runs with --slow only."""
    return pytest.param(*value, marks=pytest.mark.slow if slow else ())


def facts(model: torch.nn.Module) -> dict:
    state = model.state_dict()
    keys = "".join(f"{key} {list(value.shape)}\n" for key, value in state.items())
    table = [[layer.i, layer.f, type(layer).__name__, layer.np] for layer in model.model]
    return {
        "task": guess_model_task(model),
        "model_class": type(model).__name__,
        "head_class": type(model.model[-1]).__name__,
        "layers": sum(not m._modules for m in model.modules()),
        "parameters": sum(p.numel() for p in model.parameters()),
        "gradients": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "stride": model.stride.tolist(),
        "n_state_keys": len(state),
        "state_sha256": hashlib.sha256(keys.encode()).hexdigest(),
        "top_level_layers": len(model.model),
        "save": model.save,
        "layer_table_sha256": hashlib.sha256(json.dumps(table).encode()).hexdigest(),
    }


@pytest.mark.parametrize("name", [fast([name], re.match(r"yolov?\d+s", name)) for name in STRUCTURE])
def test_model_has_the_published_structure(name):
    want = STRUCTURE[name]
    kind = getattr(models, want["model_class"])
    with torch.device("meta"):
        model = kind(f"{name.partition('@')[0]}.yaml", nc=want["nc"], verbose=False)
    got = facts(model)
    assert {k: v for k, v in got.items() if v != want[k]} == {}


def test_every_yaml_is_checked():
    families = {"v3", "v5", "v6", "v8", "v9", "v10", "11", "12", "26", "rt-detr"}
    stems = {path.stem for family in families for path in (ROOT / "cfg" / "models" / family).glob("*.yaml")}
    assert {stem for stem in stems if "Dynamic" not in stem} - OWN - {"yolo11-cls-resnet18"} == set(COUNTS)


@pytest.mark.parametrize(("stem", "size"), [fast(pair, pair[1] in {"m", "l"}) for pair in LARGER])
def test_larger_sizes_have_the_published_parameters(stem, size):
    name = stem if len(COUNTS[stem]["sizes"]) == 1 else re.sub(r"(yolov?\d+)", rf"\1{size}", stem, count=1)
    with torch.device("meta"):
        layers, save = parse_model(yaml_model_load(f"{name}.yaml"), verbose=False)
    counts = sum(p.numel() for p in layers.parameters()), len(layers.state_dict())
    assert (len(layers), save, *counts) == (*list(COUNTS[stem].values())[:2], *COUNTS[stem]["sizes"][size])


def test_state_keys_are_the_published_ones():
    path = Path(__file__).resolve().parents[3] / "shared" / "golden" / "state_keys.json.gz"
    if not path.exists():
        pytest.skip("the long list of state keys is not carried by this tree")
    want = json.loads(gzip.decompress(path.read_bytes()))["yolov8n"]["state"]
    model = models.DetectionModel("yolov8n.yaml", verbose=False)
    assert [[key, list(value.shape)] for key, value in model.state_dict().items()] == want


@pytest.mark.parametrize("kind", ["DynamicConv", "DynamicBnAct"])
@pytest.mark.parametrize("size", list("nsmlx"))
@pytest.mark.parametrize("nc", [3, 5, 80])
def test_dynamic_variants_have_the_known_parameters(kind, size, nc, golden):
    key = {"DynamicConv": "dynamic", "DynamicBnAct": "dynamic_extra_bn_relu"}[kind]
    want = golden("dynamic_conv.json")["models"][f"yolov8{size} {key} nc={nc}"]
    with torch.device("meta"):
        layers, save = parse_model({**yaml_model_load(f"yolov8{size}-{kind}.yaml"), "nc": nc}, verbose=False)
    assert sum(p.numel() for p in layers.parameters()) == want["parameters"]
    assert save == [4, 6, 9, 12, 15, 18, 21]
    assert [layer.i for layer in layers if type(layer).__name__ == kind] == [3, 5, 7, 16, 19]


@pytest.mark.parametrize(
    ("name", "count"),
    [
        *((f"yolov8n-{task}", count) for task, count in {"seg": 5, "pose": 5, "obb": 5, "cls": 3, "sem": 3}.items()),
        *((f"{name}-depth", 5) for name in ("yolov8n", "yolo26n")),
        ("yolo26n-sem", 3),
    ],
)
def test_dynamic_convolution_is_there_for_every_task(name, count):
    name = f"{name}-DynamicConv.yaml"
    model = CLASSES[guess_model_task(yaml_model_load(name))](name, verbose=False)
    assert sum(type(m).__name__ == "DynamicConv" for m in model.modules()) == count
    model.eval()(torch.zeros(1, 3, 64, 64))
