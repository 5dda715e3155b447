"""Making plain models dynamic: which layers, the same outputs, files that a person can edit."""

from __future__ import annotations

import copy
import functools

import pytest
import torch
import yaml
from torch import nn

from ultralytics.cfg.cli import entrypoint
from ultralytics.nn.block.conv import Conv
from ultralytics.nn.block.parameternet import DynamicConv, DynamicConv2d
from ultralytics.nn.builder.names import yaml_model_load
from ultralytics.nn.builder.yaml_text import model_yaml_text
from ultralytics.nn.cost.info import model_from
from ultralytics.nn.dynamic.dynamize import choose, dynamic_rows, dynamize, main, write_dynamic
from ultralytics.nn.models import DetectionModel
from ultralytics.nn.weights.checkpoint import load_checkpoint, save_checkpoint
from ultralytics.utils.yaml_io import YAML

SMALL = {
    "nc": 2,
    "scale": "",
    "backbone": [
        [-1, 1, "Conv", [8, 3, 2]],
        [-1, 1, "Conv", [16, 3, 2]],
        [-1, 2, "C2f", [16, True]],
        [-1, 1, "Conv", [16, 3, 2]],
        [-1, 1, "DWConv", [32, 3, 2]],
        [-1, 1, "SPPF", [32, 5]],
    ],
    "head": [[[3, 5], 1, "Detect", ["nc"]]],
}


def lived_in(model: nn.Module) -> nn.Module:
    """Give norms statistics, as training does."""
    torch.manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return model.eval()


@functools.cache
def plain() -> DetectionModel:
    torch.manual_seed(0)
    return lived_in(DetectionModel(SMALL, verbose=False))


@torch.no_grad()
def difference(old: nn.Module, new: nn.Module, size: int = 64) -> float:
    x = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(3))
    pairs = zip(*(floats(model(x)[1]) for model in (old, new)), strict=True)
    return max(((a - b).abs().max() / a.abs().max()).item() for a, b in pairs)


def floats(value: object) -> list[torch.Tensor]:
    """Raw predictions: not the decoded ones, whose order may turn on a rounding error."""
    if isinstance(value, torch.Tensor):
        return [value.float()]
    values = value.values() if isinstance(value, dict) else value
    return [tensor for item in values for tensor in floats(item)]


@pytest.mark.parametrize(
    ("layers", "chosen"),
    [
        ("stride2", {3: {}, 4: {}}),
        ("3x3", {2: {"min_kernel": 3}, 3: {}, 4: {}}),
        ([5, 0, 5], {0: {}, 5: {}}),
        (2, {2: {}}),
    ],
)
def test_layers_are_chosen(layers, chosen):
    assert choose(plain(), layers) == chosen
    with_experts = choose(plain(), layers, num_experts=6)
    assert with_experts == {i: {"num_experts": 6, **options} for i, options in chosen.items()}


@pytest.mark.parametrize("layers", ["stride2", "3x3", [0, 2, 5]])
@pytest.mark.parametrize("experts", [4, 3])
def test_outputs_stay(layers, experts):
    before = copy.deepcopy(plain().state_dict())
    made = dynamize(plain(), layers, experts)
    assert difference(plain(), made) < 1e-5
    assert all(torch.equal(value, before[key]) for key, value in plain().state_dict().items())
    banks = [m for m in made.modules() if isinstance(m, DynamicConv2d)]
    assert banks and {m.num_experts for m in banks} == {experts}
    assert sum(p.numel() for p in made.parameters()) > sum(p.numel() for p in plain().parameters())
    if layers == "3x3":
        assert {max(m.kernel_size) for m in banks} == {3}
        assert type(made.model[2].cv1) is Conv and isinstance(made.model[2].m[0].cv1, DynamicConv)
    # It trains: every expert of every layer gets a gradient of its own.
    made.train()
    loss = sum(
        t.float().square().mean() for t in made(torch.rand(2, 3, 64, 64)).values() if isinstance(t, torch.Tensor)
    )
    loss.backward()
    assert all(m.weight.grad.isfinite().all() for m in banks)


def test_stride2_gives_the_rows_that_ship():
    shipped = yaml_model_load("yolov8n-DynamicConv.yaml")
    model = dynamize("yolov8n.yaml", "stride2")
    for part in ("backbone", "head"):
        assert model.yaml[part] == shipped[part]


FAMILIES = ["yolov3-tiny", "yolov5n", "yolov6n", "yolov8n-cls", "yolov8n-ghost", "yolov9t", "yolov10n", "yolo11n-seg"]
FAMILIES += ["yolo12n", "yolo26n", "yolo26n-pose", "ghostnet"]


@pytest.mark.parametrize(
    "name", [n if n == "yolo11n-seg" else pytest.param(n, marks=pytest.mark.slow) for n in FAMILIES]
)
@torch.no_grad()
def test_other_families(name):
    source = lived_in(model_from(f"{name}.yaml", nc=3))
    rules = ("stride2", "3x3")
    if name == "yolov3-tiny":  # shrinks its maps by pooling
        rules = ("3x3",)
        with pytest.raises(ValueError, match=r"'stride2' finds no layer.*0 \(Conv\)"):
            dynamize(source, "stride2")
    for rule in rules:
        made = dynamize(source, rule)
        assert type(made) is type(source)
        assert difference(source, made) < 1e-5, rule


def test_what_a_model_knows_comes_along():
    source = copy.deepcopy(plain())
    source.names, source.task, source.args = {0: "cat", 1: "dog"}, "detect", {"imgsz": 96}
    source.model[0].bn.eps = 0.5
    made = dynamize(source, [3])
    assert (made.names, made.task, made.args) == (source.names, "detect", {"imgsz": 96})
    assert made.model[0].bn.eps == 0.5 and not made.training
    assert "DynamicConv" not in str(source.yaml)
    grey = dynamize(DetectionModel(SMALL, ch=1, verbose=False), [3])
    assert grey.yaml["channels"] == 1 and grey.model[0].conv.in_channels == 1


def test_rows_keep_their_arguments():
    rows = dynamic_rows(SMALL | {"head": [[3, 1, "Conv", [8, {"act": False}]]]}, {3: {}, 6: {"num_experts": 2}})
    assert rows["backbone"][3] == [-1, 1, "DynamicConv", [16, 3, 2]]
    assert rows["head"][0] == [3, 1, "DynamicConv", [8, {"act": False, "num_experts": 2}]]
    assert rows["backbone"][2] == SMALL["backbone"][2]


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ("stride4", "use 'stride2' or '3x3', or indices"),
        ([7], "no layer 7; there are 0 to 6"),
        ([-1], "no layer -1"),
        ([True], "no layer True"),
        (["a"], "no layer 'a'"),
        ([], "names no layer"),
        ([6], r"layer 6 \(Detect\) has no dynamic form. Layers that can become dynamic: 0 \(Conv\), 1"),
    ],
)
def test_wrong_layers_are_told(layers, words):
    with pytest.raises(ValueError, match=words):
        dynamize(plain(), layers)


@pytest.mark.parametrize("experts", [0, -1, 2.0, True, "4"])
def test_wrong_number_of_experts(experts):
    with pytest.raises(ValueError, match="num_experts"):
        dynamize(plain(), num_experts=experts)


def test_dynamic_layers_are_told():
    made = dynamize(plain(), "stride2")
    with pytest.raises(ValueError, match=r"finds no layer.*layers \[3, 4\] are dynamic already. Layers that can"):
        dynamize(made, "stride2")
    with pytest.raises(ValueError, match=r"layer 3 .DynamicConv. is dynamic already"):
        dynamize(made, [3])
    again = dynamize(made, [2])  # the rest may follow, and what was dynamic stays as it was
    assert difference(plain(), again) < 1e-5
    assert torch.equal(again.model[3].conv.weight, made.model[3].conv.weight)


def test_networks_that_cannot_be_rebuilt_are_told():
    with pytest.raises(ValueError, match=r"is fused.*Use the checkpoint"):
        dynamize(copy.deepcopy(plain()).fuse(verbose=False))
    with pytest.raises(ValueError, match="no network with a model YAML"):
        dynamize(nn.Sequential(nn.Conv2d(3, 3, 1)))
    bare = copy.deepcopy(plain())
    bare.yaml = {}
    with pytest.raises(ValueError, match="no network with a model YAML"):
        dynamize(bare)
    longer = copy.deepcopy(plain())
    longer.model.append(nn.Identity())
    with pytest.raises(ValueError, match="8 layers and its YAML 7 rows"):
        dynamize(longer)
    other = copy.deepcopy(plain())
    other.model[3].act = nn.ReLU()
    with pytest.raises(ValueError, match=r"starts with other values.*an activation was replaced"):
        dynamize(other)
    wider = copy.deepcopy(plain())
    wider.model[1].conv = nn.Conv2d(8, 16, 5, 2, 2, bias=False)
    with pytest.raises(ValueError, match=r"transferred .*not what its YAML says"):
        dynamize(wider)


def test_blocks_of_a_users_own(tmp_path, monkeypatch):
    (tmp_path / "pair_blocks.py").write_text(
        "from functools import partial\n"
        "from torch import nn\n"
        "from ultralytics.nn.modules import Conv\n"
        "from ultralytics.nn.block.parameternet import DynamicConv\n"
        "class Pair(nn.Module):\n"
        "    def __init__(self, c1, c2, *, conv=Conv):\n"
        "        super().__init__()\n"
        "        self.a, self.b = conv(c1, c2, 3, 2), conv(c2, c2, 3)\n"
        "    def forward(self, x):\n"
        "        return self.b(self.a(x))\n"
        "DynamicPair = partial(Pair, conv=DynamicConv)\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    cfg = copy.deepcopy(SMALL)
    cfg["modules"] = {"Pair": "pair_blocks:Pair", "DynamicPair": "pair_blocks:DynamicPair"}
    cfg["backbone"][3] = [-1, 1, "Pair", [16]]
    YAML.save(tmp_path / "own.yaml", cfg)  # a file of one's own may bring blocks along
    source = lived_in(DetectionModel(tmp_path / "own.yaml", verbose=False))
    made = dynamize(source, "stride2")
    assert made.yaml["backbone"][3][2] == "DynamicPair"
    assert difference(source, made) < 1e-5


# Files ----------------------------------------------------------------------------------------------------------------


def test_text_reads_back_as_it_was():
    content = {
        **SMALL,
        "kpt_shape": [17, 3],
        "activation": "nn.ReLU()",
        "scales": {"n": [0.33, 0.25, 1024]},
        "end2end": True,
    }
    content["head"] = [[-1, 1, "nn.Upsample", ["None", 2, "nearest"]], *SMALL["head"]]
    text = model_yaml_text(content, "a model\n\nof two lines", {3: "dynamic"})
    assert yaml.safe_load(text) == content
    assert text.startswith("# a model\n#\n# of two lines\n\nnc: 2\n")
    assert "  - [-1, 1, Conv, [16, 3, 2]] # 3 dynamic\n" in text
    assert yaml.safe_load(model_yaml_text({"nc": 1, "backbone": [], "head": []}))["head"] == []


def test_command_writes_a_checkpoint_and_a_yaml(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    source = copy.deepcopy(plain())
    source.names = {0: "cat", 1: "dog"}
    save_checkpoint({"model": copy.deepcopy(source).half(), "train_args": {"imgsz": 64}}, "best.pt")
    source, _ = load_checkpoint("best.pt")
    entrypoint("dynamize model=best.pt layers=3x3 num_experts=2")
    assert "layers 2, 3, 4 are dynamic" in capsys.readouterr().out
    model, content = load_checkpoint("best-dynamic.pt")
    assert difference(source, model) < 1e-5
    assert (model.names, content["train_args"]["imgsz"]) == ({0: "cat", 1: "dog"}, 64)
    assert (model.yaml["yaml_file"], content["optimizer"]) == ("best-dynamic.yaml", None)
    rows = yaml_model_load("best-dynamic.yaml")
    assert rows["backbone"][2] == [-1, 2, "DynamicC2f", [16, True, {"num_experts": 2, "min_kernel": 3}]]
    rebuilt = DetectionModel("best-dynamic.yaml", verbose=False)
    rebuilt.load(model, verbose=False)
    assert difference(source, rebuilt.eval()) < 1e-5
    with pytest.raises(FileExistsError, match="exist_ok"):
        main({"model": "best.pt"})
    files = main({"model": "best.pt", "layers": (3, 4), "exist_ok": True})
    assert "layers=3,4 num_experts=4" in files[0].read_text()
    assert main({"model": "best.pt", "layers": 3, "out": "new/a.pt"})[1].as_posix() == "new/a.pt"


def test_command_on_a_yaml_keeps_the_size(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = main({"model": "yolov8n.yaml", "nc": 3, "out": "mine"})
    assert files[0].name == "mine.yaml" and files[1] is None and not (tmp_path / "mine.pt").exists()
    content = yaml_model_load("mine.yaml")
    assert (content["scale"], content["nc"]) == ("n", 3)
    with torch.device("meta"):
        assert sum(p.numel() for p in DetectionModel("mine.yaml", verbose=False).parameters()) == 4_727_293


def test_command_says_what_is_wrong(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="does not know layer; allowed are model, layers"):
        main({"model": "yolov8n.yaml", "layer": 3})
    with pytest.raises(ValueError, match="needs model"):
        main({})
    with pytest.raises(FileNotFoundError):
        main({"model": "nothing.pt"})
    assert list(tmp_path.iterdir()) == []


def test_failed_writing_leaves_nothing(tmp_path, monkeypatch):
    made = dynamize(plain(), [3])
    monkeypatch.setattr(
        "ultralytics.nn.dynamic.dynamize.save_checkpoint", lambda *_: (_ for _ in ()).throw(OSError("full"))
    )
    with pytest.raises(OSError, match="full"):
        write_dynamic(made, tmp_path / "x")
    assert [f.suffix for f in tmp_path.iterdir()] in ([], [".yaml"])
