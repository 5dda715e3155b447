"""Blocks of the user's own in checkpoints: what they may hold, where they are found, and what a file may not do."""

from __future__ import annotations

import sys
import types

import pytest
import torch
from checkpoint_helpers import glob, loads, named, new, text
from torch import nn

from ultralytics.nn.builder import registry
from ultralytics.nn.builder.registry import admitted_block, register
from ultralytics.nn.models import DetectionModel
from ultralytics.nn.weights.checkpoint import load_checkpoint, save_checkpoint
from ultralytics.nn.weights.errors import CheckpointError, UnsafeCheckpointError

BLOCKS = """
import enum
import functools
import os
from dataclasses import dataclass
import torch
import torch.nn.functional as F
from torch import nn
from ultralytics.nn.block.conv import Conv
from ultralytics.nn.head.detect import Detect


class Kind(enum.Enum):
    A = "a"
    B = 2


@dataclass
class Options:
    width: int = 3


class Inner(nn.Module):
    class Deep(nn.Identity):
        pass

    def forward(self, x):
        return x


class Block(nn.Module):
    flag, note, factors, path = False, "first", (1, 2), "my:loss"

    def __init__(self, c1, c2):
        super().__init__()
        self.conv, self.inner, self.deep = Conv(c1, c2), Inner(), Inner.Deep()
        self.sizes, self.table, self.kind, self.dtype = [1, (2, 3)], {"a": [1.5], 2: None}, Kind.B, torch.float32
        self.fn, self.norm, self.mask, self.others = F.silu, nn.BatchNorm2d, torch.ones(2), [nn.Linear(1, 1)]
        self.flag, self.note, self.factors = True, "second", (3, 4)

    def forward(self, x):
        return self.inner(self.fn(self.conv(x)))


class Mine(Conv):
    pass


class MyDetect(Detect):
    pass


class Restoring(nn.Module):
    def __setstate__(self, state):
        super().__setstate__(state)
        os.environ["RESTORED"] = "1"


Two = functools.partial(Block, c2=8)
"""


@pytest.fixture(autouse=True)
def clean_registry(monkeypatch):
    for name in ("_BLOCKS", "_PICKLED_AS", "_ADMITTED"):
        monkeypatch.setattr(registry, name, type(getattr(registry, name))())


@pytest.fixture
def blocks(tmp_path, monkeypatch):
    """A module of the user's, in the current folder."""
    (tmp_path / "the_blocks.py").write_text(BLOCKS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    import the_blocks

    yield the_blocks
    sys.modules.pop("the_blocks", None)


def model_of(block: str = "Block", head: str = "Detect") -> DetectionModel:
    rows = [[-1, 1, "Conv", [8, 3, 2]], [-1, 1, block, [8]], [-1, 1, "Conv", [8, 3, 2]]]
    return DetectionModel({"nc": 2, "backbone": rows, "head": [[[1, 2], 1, head, ["nc"]]]}, verbose=False).eval()


def test_what_blocks_may_hold(blocks):
    register(blocks.Block)
    model = model_of()
    save_checkpoint({"model": model}, "a.pt")
    again, _ = load_checkpoint("a.pt")
    old, new_one = model.model[1], again.model[1]
    assert type(new_one) is blocks.Block and vars(new_one).keys() == vars(old).keys()
    for name in ("sizes", "table", "kind", "dtype", "fn", "norm", "flag", "note", "factors"):
        assert getattr(new_one, name) == getattr(old, name), name
    assert new_one.kind is blocks.Kind.B and type(new_one.deep) is blocks.Inner.Deep
    assert type(new_one.others[0]) is nn.Linear and torch.equal(new_one.mask, old.mask)
    x = torch.rand(1, 3, 32, 32)
    assert torch.equal(again(x)[0], model(x)[0])
    assert blocks.Block.flag is False


@pytest.mark.parametrize(
    ("name", "value"),
    [("options", "Options()"), ("options", "[Options()]"), ("two", "Two"), ("run", "os.getcwd"), ("op", "torch.add")],
)
def test_what_they_may_not_hold_is_named(blocks, name, value):
    register(blocks.Block)
    model = model_of()
    setattr(model.model[1], name, eval(value, vars(blocks)))
    save_checkpoint({"model": model}, "a.pt")
    with pytest.raises(UnsafeCheckpointError, match=rf"trust=True.*At: 'model\._modules\.model\._modules\.1\.{name}'"):
        load_checkpoint("a.pt")
    again, _ = load_checkpoint("a.pt", trust=True)
    assert type(again.model[1]) is blocks.Block


def test_text_of_other_classes_is_not_replaced(blocks):
    """A class of the user's own may have its text replaced in an object, but not what it inherits from this package."""
    register(blocks.Block)
    state = named(_parameters=b"}", _modules=b"}", path=text("your:loss"))
    assert loads(new(glob("the_blocks", "Block"), state) + b".").path == "your:loss"
    for name, value in (("forward", text("x")), ("flag", text("x")), ("path", b"K\x01"), ("factors", b"]")):
        with pytest.raises(UnsafeCheckpointError, match=f"replaces '{name}'"):
            loads(new(glob("the_blocks", "Block"), named(**{name: value})) + b".")


def test_objects_that_want_to_restore_themselves(blocks, capsys, monkeypatch):
    monkeypatch.delenv("RESTORED", raising=False)
    register(blocks.Block)
    model = model_of()
    model.model[1].inner = blocks.Restoring()
    save_checkpoint({"model": model}, "a.pt")
    assert "['Restoring'] restore their objects by a method '__setstate__'" in capsys.readouterr().out
    import os

    with pytest.raises(UnsafeCheckpointError, match=r"class 'Restoring' of 'the_blocks'.*trust=True"):
        load_checkpoint("a.pt")
    assert "RESTORED" not in os.environ
    load_checkpoint("a.pt", trust=True)
    assert os.environ.pop("RESTORED") == "1"


def test_classes_derived_from_this_packages(blocks):
    register(blocks.Mine)
    register(blocks.MyDetect, "*, $reg_max, $end2end, in")
    model = model_of("Mine", "MyDetect").fuse(verbose=False)
    save_checkpoint({"model": model}, "a.pt")
    again, _ = load_checkpoint("a.pt")
    x = torch.rand(1, 3, 32, 32)
    assert type(again.model[1]) is blocks.Mine and type(again.model[-1]) is blocks.MyDetect and again.is_fused()
    assert torch.equal(again(x)[0], model(x)[0]) and "forward" not in vars(again.model[1])


@pytest.mark.parametrize(
    "name",
    [
        *("nn.Linear", "Conv", "Kind", "Options", "Two", "os", "os.system", "functools.partial"),
        *("Inner.forward", "Inner.__class__", "__doc__", "x"),
    ],
)
def test_only_what_the_module_defines_is_found(blocks, name):
    """What it imports is not of the user's choice, and attributes are not followed."""
    register(blocks.Block)
    with pytest.raises(CheckpointError):
        loads(new(glob("the_blocks", name), named(_modules=b"}")) + b".")
    admitted = {"Block", "Two"}
    assert admitted_block(f"the_blocks:{name}") == (name in admitted)


def test_nothing_is_found_before_it_is_registered(blocks):
    with pytest.raises(UnsafeCheckpointError, match="the_blocks"):
        loads(new(glob("the_blocks", "Block"), b"}") + b".")


@pytest.mark.parametrize(
    ("modules", "kind"),
    [
        (["the_blocks:Block"], CheckpointError),
        ("the_blocks:Block", CheckpointError),
        (5, CheckpointError),
        ({5: "the_blocks:Block"}, CheckpointError),
        ({"B": 5}, CheckpointError),
        ({"B": ["the_blocks:Block"]}, CheckpointError),
        ({"B": {"path": 5}}, CheckpointError),
        ({"B": {}}, CheckpointError),
        ({"B": {"path": "the_blocks:Block", "call": "nonsense"}}, CheckpointError),
        ({"B": {"path": "the_blocks:Block", "out": "nonsense"}}, CheckpointError),
        ({"B": "the_blocks:os.system"}, UnsafeCheckpointError),
        ({"B": "the_blocks:nn.Linear"}, UnsafeCheckpointError),
        ({"B": "the_blocks:Conv"}, UnsafeCheckpointError),
        ({"B": {"path": "the_blocks:Block", "like": "nonsense"}}, CheckpointError),
        ({"B": "the_blocks.nn.Linear"}, UnsafeCheckpointError),
        ({"B": "this:x"}, UnsafeCheckpointError),
        ({"B": ""}, UnsafeCheckpointError),
    ],
)
def test_modules_of_a_checkpoints_yaml(blocks, modules, kind):
    register(blocks.Block, name="Registered")
    model = model_of("Conv")
    model.yaml["modules"] = modules
    save_checkpoint({"model": model}, "a.pt")
    with pytest.raises(kind, match=r"modules|not registered"):
        load_checkpoint("a.pt")
    assert "this" not in sys.modules and "B" not in registry.registered()


def test_blocks_that_a_checkpoint_names_can_be_built_again(blocks):
    register(blocks.Block)
    register("the_blocks:Two", "in", name="Two")
    model = model_of()
    save_checkpoint({"model": model}, "a.pt")
    again, _ = load_checkpoint("a.pt")
    assert type(DetectionModel(again.yaml, nc=5, verbose=False).model[1]) is blocks.Block


@pytest.mark.parametrize("written", ["__main__", "__mp_main__"])
@pytest.mark.parametrize("here", ["__main__", "__mp_main__"])
def test_blocks_of_a_script_in_its_own_and_in_training_processes(written, here, monkeypatch):
    """Processes that train run the script again under another name."""
    script = types.ModuleType(here)
    script.Local = type("Local", (nn.Identity,), {"__module__": here})
    monkeypatch.setitem(sys.modules, "__main__", script)
    data = new(glob(written, "Local"), named(_modules=b"}")) + b"."
    with pytest.raises(UnsafeCheckpointError, match="main program"):
        loads(data)
    register(script.Local)
    assert type(loads(data)) is script.Local
