"""Every YOLOv8 entry: parameters, state keys, wiring and strides against golden figures, without allocating weights."""

from __future__ import annotations

import hashlib
import json

import pytest
import torch

from ultralytics.nn import models
from ultralytics.nn.build import parse_model
from ultralytics.nn.names import guess_model_task, yaml_model_load

CLASSES = {
    "detect": models.DetectionModel,
    "segment": models.SegmentationModel,
    "pose": models.PoseModel,
    "obb": models.OBBModel,
    "classify": models.ClassificationModel,
}
BUILT = tuple(
    f"yolov8{size}{kind}"
    for size in "ns"
    for kind in (
        *("", "-p2", "-p6", "-ghost", "-ghost-p2", "-ghost-p6", "-seg", "-seg-p6", "-pose", "-pose-p6", "-obb"),
        *("-cls", "-cls-resnet50", "-cls-resnet101"),
    )
)
# Parameters of the remaining sizes with the YAML's own class count: (YAML, size) -> figure.
PARAMETERS = {
    ("yolov8", "m"): 25_902_640,
    ("yolov8", "l"): 43_691_520,
    ("yolov8", "x"): 68_229_648,
    ("yolov8-p2", "m"): 25_082_496,
    ("yolov8-p2", "x"): 66_637_536,
    ("yolov8-p6", "l"): 62_384_016,
    ("yolov8-p6", "x"): 97_423_072,
    ("yolov8-ghost", "m"): 10_336_312,
    ("yolov8-ghost", "x"): 22_229_308,
    ("yolov8-ghost-p2", "l"): 12_214_448,
    ("yolov8-ghost-p6", "x"): 33_057_852,
    ("yolov8-seg", "m"): 27_285_968,
    ("yolov8-seg-p6", "x"): 101_542_624,
    ("yolov8-pose", "l"): 44_489_196,
    ("yolov8-pose-p6", "x"): 99_182_640,
    ("yolov8-obb", "x"): 69_555_651,
    ("yolov8-cls", "x"): 57_422_840,
}


def facts(model: torch.nn.Module) -> dict:
    state = model.state_dict()
    keys = "".join(f"{key} {list(value.shape)}\n" for key, value in state.items())
    table = [[layer.i, layer.f, layer.type.rpartition(".")[2], layer.np] for layer in model.model]
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


@pytest.mark.parametrize("name", BUILT)
def test_model_has_the_published_structure(name, golden):
    entries = golden("structure.json")["models"]
    if name not in entries:
        pytest.skip(f"no golden entry for {name}")
    want = entries[name]
    with torch.device("meta"):
        model = CLASSES[want["task"]](f"{name}.yaml", nc=want["nc"], verbose=False)
    got = facts(model)
    assert {k: v for k, v in got.items() if v != want[k]} == {}


@pytest.mark.parametrize(("yaml", "size"), PARAMETERS)
def test_larger_sizes_have_the_published_parameters(yaml, size):
    name = yaml.replace("yolov8", f"yolov8{size}")
    with torch.device("meta"):
        layers, _ = parse_model(yaml_model_load(f"{name}.yaml"), verbose=False)
    assert sum(p.numel() for p in layers.parameters()) == PARAMETERS[yaml, size]


def test_state_keys_are_the_published_ones(golden):
    import gzip
    from pathlib import Path

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


@pytest.mark.parametrize("task", ["seg", "pose", "obb", "cls"])
def test_dynamic_convolution_is_there_for_every_task(task):
    name = f"yolov8n-{task}-DynamicConv.yaml"
    model = CLASSES[guess_model_task(yaml_model_load(name))](name, verbose=False)
    assert sum(type(m).__name__ == "DynamicConv" for m in model.modules()) == (3 if task == "cls" else 5)
    model.eval()(torch.zeros(1, 3, 64, 64))
