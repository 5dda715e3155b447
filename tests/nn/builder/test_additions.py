"""Classes that users put on the public modules, or into the package's files, are blocks without further ado."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from torch import nn

import ultralytics.nn.modules.block
import ultralytics.nn.modules.conv
import ultralytics.nn.tasks as tasks
from ultralytics.nn.builder import registry
from ultralytics.nn.builder.build import parse_model
from ultralytics.nn.builder.registry import (
    ModelYamlError,
    admit,
    is_admitted,
    lookup,
    own_addition,
    register,
    register_entry,
    registered,
)
from ultralytics.nn.builder.suggest import suggested_call, suggested_out
from ultralytics.nn.builder.vocabulary import VOCABULARY

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def clean_registry(monkeypatch):
    for name in ("_BLOCKS", "_PICKLED_AS", "_ADMITTED", "_HELD"):
        monkeypatch.setattr(registry, name, type(getattr(registry, name))())


def rows(*blocks, **top):
    """A small detector whose rows between stem and head are these."""
    backbone = [[-1, 1, "Conv", [16, 3, 2]], *map(list, blocks)]
    return {"nc": 2, "backbone": backbone, "head": [[[len(backbone) - 1], 1, "Detect", ["nc"]]], **top}


class TwoChannels(nn.Module):
    def __init__(self, c1, c2, k=1):
        super().__init__()
        self.conv = nn.Conv2d(c1, c2, k, padding=k // 2)

    def forward(self, x):
        return self.conv(x)


class Repeating(TwoChannels):
    def __init__(self, inp, oup, n=1, flag=False):
        super().__init__(inp, oup)
        self.n, self.flag = n, flag


class Gate(nn.Module):
    def __init__(self, channels, reduction=8):
        super().__init__()
        self.fc, self.reduction = nn.Conv2d(channels, channels, 1), reduction

    def forward(self, x):
        return x * self.fc(x).sigmoid()


class WeightedSum(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(len(channels)))

    def forward(self, maps):
        return sum(w * x for w, x in zip(self.weight, maps, strict=True))


class WeightedConcat(nn.Module):
    def __init__(self, dim=1):
        super().__init__()
        self.dim = dim

    def forward(self, maps):
        return torch.cat(maps, self.dim)


def constructor(signature):
    space = {}
    exec(f"class Block:\n    def __init__(self, {signature}): pass", space)
    return space["Block"]


@pytest.mark.parametrize(
    ("signature", "call"),
    [
        ("c1, c2", "in, out, *"),
        ("c1, c2, n=1, shortcut=True", "in, out, n, *"),
        ("inp, oup, stride=1", "in, out, *"),
        ("in_channels=3, out_channels=64", "in, out, *"),
        ("in_planes, planes", "in, out, *"),
        ("dim, dim_out", "in, out, *"),
        ("ch_in, ch_out, n", "in, out, n, *"),
        ("c1", "in, *"),
        ("channels, reduction=16", "in, *"),
        ("dim, num_heads=8", "in, *"),
        ("in_features, hidden_features=None", "in, *"),
        ("channel, n=2", "in, n, *"),
        ("ch, r=4", "in, *"),
        ("dim=1", "*"),
        ("dimension=1", "*"),
        ("kernel_size=7", "*"),
        ("", "*"),
        ("nc=80, ch=()", "*, in"),
        ("nc=80, hidc=256, ch=()", "*, in"),
        ("nc=80, reg_max=16, end2end=False, ch=()", "*, $reg_max, $end2end, in"),
        ("nc, ch, hidden=256", "arg, in, *"),
        ("*args, **kwargs", None),
    ],
)
def test_first_parameters_suggest_the_call(signature, call):
    found = suggested_call(constructor(signature))
    assert found == (call and tuple(call.split(", ")))


def test_library_classes_suggest_their_call():
    assert suggested_call(nn.Conv2d) == ("in", "out", "*")
    assert suggested_call(nn.ReLU) == ("*",)
    assert (suggested_out(WeightedSum), suggested_out(WeightedConcat)) == ("same", "sum")


def test_nothing_is_added_by_the_package_itself():
    assert registered() == VOCABULARY


def test_classes_on_the_public_modules_are_blocks(monkeypatch):
    monkeypatch.setattr(tasks, "Repeating", Repeating, raising=False)
    monkeypatch.setattr(ultralytics.nn.modules.block, "Gate", Gate, raising=False)
    layers, _ = parse_model(rows([-1, 3, "Repeating", [32, True]], [-1, 1, "Gate", [4]]), verbose=False)
    assert (layers[1].conv.out_channels, layers[1].n, layers[1].flag) == (32, 3, True)
    assert (layers[2].fc.in_channels, layers[2].reduction) == (32, 4)
    assert {"Repeating", "Gate"} <= set(registered())
    with pytest.raises(ModelYamlError, match=r"did you mean .*'Repeating'"):
        lookup("Repeatin")


def test_several_sources_give_a_list(monkeypatch):
    for kind in (WeightedSum, WeightedConcat):
        monkeypatch.setattr(tasks, kind.__name__, kind, raising=False)
    head = [[0, 1], 1, "WeightedSum", []], [[0, 2], 1, "WeightedConcat", []], [-1, 1, "Conv", [8]]
    layers, _ = parse_model(rows([-1, 1, "Conv", [16]], *head), verbose=False)
    assert layers[2].weight.numel() == 2
    assert layers[4].conv.in_channels == 32


def test_names_of_the_package_can_be_replaced(monkeypatch):
    class MyC2f(tasks.C2f):
        pass

    class MyConv(tasks.Conv):
        pass

    monkeypatch.setattr(tasks, "C2f", MyC2f)
    monkeypatch.setattr(ultralytics.nn.modules.conv, "Conv", MyConv)
    layers, _ = parse_model(rows([-1, 2, "C2f", [32, True]]), verbose=False)
    assert (type(layers[0]), type(layers[1]), len(layers[1].m)) == (MyConv, MyC2f, 2)
    assert lookup("C2f").entry() == {"path": f"{MyC2f.__module__}:{MyC2f.__qualname__}", "like": "C2f"}
    monkeypatch.undo()
    assert lookup("C2f").builtin and lookup("Conv").builtin


def test_what_a_module_only_imports_is_for_its_own_use(monkeypatch):
    monkeypatch.setattr(ultralytics.nn.modules.block, "Conv", TwoChannels)
    assert lookup("Conv").builtin


@pytest.mark.parametrize("wrong", [len, functools.partial(TwoChannels, k=3)])
def test_what_no_other_process_could_import_is_refused(monkeypatch, wrong):
    monkeypatch.setattr(tasks, "C2f", wrong)
    with pytest.raises(ModelYamlError, match="'C2f' was replaced by"):
        lookup("C2f")


def test_descendants_are_called_as_what_they_derive_from(monkeypatch):
    class Head(tasks.Detect):
        pass

    class OldHead(tasks.Detect):
        def __init__(self, nc=80, ch=()):
            super().__init__(nc, 16, False, ch)

    class Wide(tasks.C3k2):
        def __init__(self, c1, c2, n=1, c3k=False):
            super().__init__(c1, c2, n, c3k)

    for kind in (Head, OldHead, Wide):
        monkeypatch.setattr(tasks, kind.__name__, kind, raising=False)
    assert (lookup("Head").like, lookup("OldHead").like, lookup("Wide").like) == ("Detect", "", "C3k2")
    assert lookup("OldHead").call == ("*", "in")
    assert lookup("Wide").marks == VOCABULARY["C3k2"].marks
    cfg = {"nc": 3, "backbone": [[-1, 1, "Conv", [16, 3, 2]]], "head": [[[0], 1, "OldHead", ["nc"]]]}
    assert parse_model(cfg, verbose=False)[0][1].nc == 3


def test_register_without_a_pattern_reads_the_constructor():
    register(Gate)
    register(Repeating, name="Twice")
    register("torch.nn:Conv2d", name="Named")
    assert (lookup("Gate").call, lookup("Twice").call) == (("in", "*"), ("in", "out", "n", "*"))
    assert lookup("Named").call == ("in", "out", "*")


def test_entries_say_what_a_block_is_like():
    admit("torch.nn")
    register_entry("Mine", {"path": "torch.nn:Identity", "like": "C2f"})
    assert lookup("Mine").call == VOCABULARY["C2f"].call and lookup("Mine").resolve() is nn.Identity
    for entry in ({"path": "torch.nn:Identity", "like": "C2ff"}, {"path": "torch.nn:Identity", "like": 3}):
        with pytest.raises(ModelYamlError, match="modules"):
            parse_model(rows([-1, 1, "Other", []], modules={"Other": entry}), verbose=False)


def test_checkpoints_may_use_what_stands_on_the_public_modules(monkeypatch):
    here = __name__
    assert own_addition(here, "Gate") is None and not is_admitted(here)
    monkeypatch.setattr(tasks, "Gate", Gate, raising=False)
    assert own_addition(here, "Gate") is Gate and is_admitted(here)
    assert own_addition(here, "TwoChannels") is TwoChannels  # of the same file, as with register()
    assert own_addition(here, "functools") is None and own_addition(here, "Gate.forward") is None


def test_blocks_name_the_packages_that_they_are_made_of():
    assert not is_admitted("torch.nn.modules.conv")
    register(Gate, holds="torch.nn.modules")
    assert is_admitted("torch.nn.modules.conv") and not is_admitted("torch.nn.modules.nothing")
    assert not is_admitted("torch.nn.modulesx") and not is_admitted("torch.nn")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("ultralytics.nn.modules.block", "Conv"),  # is at home in another module
        ("ultralytics.nn.modules.block", "offer"),
        ("ultralytics.nn.modules.nothing", "Conv"),
        ("ultralytics.nn.block.conv", "autopad"),
        ("ultralytics.nn.loss.terms", "BboxLoss"),
        ("ultralytics.nn.weights.checkpoint", "CheckpointError"),
        ("ultralytics.nn", "register"),
        ("ultralytics.utils.files", "Path"),
        ("ultralytics.nn.block..conv", "Conv"),
        ("", ""),
    ],
)
def test_nothing_else_is_an_addition(module, name):
    assert own_addition(module, name) is None


PASTED = """

class PastedGate(nn.Module):
    def __init__(self, c1, c2, n=1):
        super().__init__()
        self.cv = nn.Sequential(*(Conv(c1 if i == 0 else c2, c2, 3) for i in range(n)))

    def forward(self, x):
        return F.relu(self.cv(x))
"""
NEW_FILE = """
from torch import nn

from .modules.conv import Conv


class Inner(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.act = nn.PReLU(dim)

    def forward(self, x):
        return self.act(x)


class FromFile(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.cv, self.inner = Conv(channels, channels), Inner(channels)

    def forward(self, x):
        return self.inner(self.cv(x))


class C2f(Conv):
    def __init__(self, c1, c2, n, shortcut):
        super().__init__(c1, c2, 3)
"""
MODEL = """
nc: 6
backbone:
  - [-1, 1, Conv, [16, 3, 2]]
  - [-1, 2, PastedGate, [32]]
  - [-1, 1, FromFile, []]
  - [-1, 1, Alone, []]
  - [-1, 1, C2f, [32, True]]
head:
  - [[4], 1, Detect, [nc]]
"""
ALONE = "from torch import nn\n\n\nclass Alone(nn.BatchNorm2d):\n    pass\n"
WRITE = """
from ultralytics import YOLO
from ultralytics.nn.tasks import FromFile

model = YOLO("pasted.yaml")
assert len(model.model.model[1].cv) == 2 and isinstance(model.model.model[2], FromFile)
assert type(model.model.model[4]).__module__ == "ultralytics.nn.my_blocks"
model.save("pasted.pt")
"""
READ = """
import sys
from ultralytics import YOLO

model = YOLO("pasted.pt")
assert [type(m).__name__ for m in model.model.model][1:5] == ["PastedGate", "FromFile", "Alone", "C2f"]
again = type(model.model)(model.model.yaml, nc=3, verbose=False)
assert type(again.model[4]) is type(model.model.model[4])
print("fine")
"""


def test_classes_in_the_packages_own_files(tmp_path):
    """The recipe of tutorials: paste, import in tasks.py, name in a YAML; a later process has the checkpoint alone."""
    shutil.copytree(ROOT / "ultralytics", tmp_path / "ultralytics", ignore=shutil.ignore_patterns("__pycache__"))
    network = tmp_path / "ultralytics" / "nn"
    with open(network / "modules" / "block.py", "a", encoding="utf-8") as file:
        file.write(PASTED)
    (network / "my_blocks.py").write_text(NEW_FILE, encoding="utf-8")
    (network / "modules" / "alone.py").write_text(ALONE, encoding="utf-8")
    text = (network / "tasks.py").read_text(encoding="utf-8")
    start, end = text.split("\n__all__", 1)
    text = f"{start}\nfrom ultralytics.nn.my_blocks import C2f, FromFile\n\n__all__{end}"
    (network / "tasks.py").write_text(text, encoding="utf-8")
    (tmp_path / "pasted.yaml").write_text(MODEL, encoding="utf-8")
    for code in (WRITE, READ):
        (tmp_path / "script.py").write_text(textwrap.dedent(code), encoding="utf-8")
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        command = [sys.executable, "script.py"]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "fine" in done.stdout


def test_names_that_the_builder_sets_are_told(monkeypatch):
    class Clash(nn.Module):
        def __init__(self, c1):
            super().__init__()
            self.f = nn.Identity()

    monkeypatch.setattr(tasks, "Clash", Clash, raising=False)
    with pytest.raises(ModelYamlError, match=r"module 'Clash': has children or weights named \['f'\]"):
        parse_model(rows([-1, 1, "Clash", []]), verbose=False)
