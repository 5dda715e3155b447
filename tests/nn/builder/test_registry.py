"""The vocabulary of the model YAML and how users add to it."""

from __future__ import annotations

import functools
import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from torch import nn

from ultralytics.nn.builder import registry
from ultralytics.nn.builder.build import parse_model
from ultralytics.nn.builder.names import yaml_model_load
from ultralytics.nn.builder.registry import ModelYamlError, Scale, lookup, register
from ultralytics.nn.models import DetectionModel
from ultralytics.nn.weights.checkpoint import load_checkpoint, save_checkpoint
from ultralytics.nn.weights.errors import UnsafeCheckpointError
from ultralytics.utils.yaml_io import YAML

MINE = {"MyBlock": {"path": "my_blocks:MyBlock", "call": "in, out, n, *"}}
BLOCKS = """
import functools
from torch import nn
from ultralytics.nn.block.c2f import C2f
from ultralytics.nn.block.parameternet import DynamicBnAct
from ultralytics.nn.builder.registry import register


class Inner(nn.Module):
    def forward(self, x):
        return x


class MyBlock(nn.Module):
    def __init__(self, c1, c2, n=1, flag=False):
        super().__init__()
        self.conv, self.inner, self.n, self.flag = nn.Conv2d(c1, c2, 1), Inner(), n, flag

    def forward(self, x):
        return self.inner(self.conv(x))


DynamicC2f = functools.partial(C2f, conv=DynamicBnAct)
value = 3
"""


@pytest.fixture(autouse=True)
def clean_registry(monkeypatch):
    for name in ("_BLOCKS", "_PICKLED_AS", "_ADMITTED", "_HELD"):
        monkeypatch.setattr(registry, name, type(getattr(registry, name))())


@pytest.fixture
def my_blocks(tmp_path, monkeypatch):
    """A user's module `my_blocks`, importable here and in child processes."""
    (tmp_path / "my_blocks.py").write_text(BLOCKS)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("my_blocks", None)


def yaml_with(block, args=(64, True), repeats=3, **top):
    rows = [[-1, 1, "Conv", [16, 3, 2]], [-1, repeats, block, list(args)], [-1, 1, "Conv", [32, 3, 2]]]
    return {"nc": 2, "backbone": rows, "head": [[[1, 2], 1, "Detect", ["nc"]]], **top}


def own_yaml(folder, block, **top):
    """Return the path of a YAML file like `yaml_with`, which may bring blocks along."""
    file = folder / "own.yaml"
    YAML.save(file, yaml_with(block, **top))
    return str(file)


def run(code, folder):
    """Run a script in a fresh process and return its exit status and output."""
    (folder / "script.py").write_text(textwrap.dedent(code))
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=folder, env=env, capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


def test_every_block_of_the_vocabulary_resolves():
    for name, spec in registry.registered().items():
        assert registry.is_block(spec.resolve()), name


def test_scale_rounds_like_published_models():
    scale = Scale("n", 0.33, 0.25, 1024)
    assert [scale.channels(c) for c in (64, 100, 2048)] == [16, 32, 256]
    assert [scale.repeats(n) for n in (1, 3, 6)] == [1, 1, 2]


def test_decorator_teaches_a_block():
    @register(call="in, out, n, *")
    class Mine(nn.Module):
        def __init__(self, c1, c2, n, flag):
            super().__init__()
            self.conv, self.got = nn.Conv2d(c1, c2, 1), (c1, c2, n, flag)

        def forward(self, x):
            return self.conv(x)

    layers, _ = parse_model(yaml_with("Mine"), verbose=False)
    assert isinstance(layers[1], Mine)
    assert layers[1].got == (16, 64, 3, True)


def test_blocks_without_repeats_are_stacked():
    cfg = yaml_with("nn.Identity", args=())
    layers, _ = parse_model(cfg, verbose=False)
    assert [type(m) for m in layers[1]] == [nn.Identity] * 3
    assert layers[1].type == "torch.nn.modules.linear.Identity"


def test_taken_names_are_refused_unless_replaced():
    class Conv(nn.Module):
        pass

    with pytest.raises(ValueError, match=r"'Conv' is registered already.*replace=True"):
        register(Conv, "in, out, *")
    register(Conv, "in, out, *", replace=True)
    assert lookup("Conv").resolve() is Conv
    register(Conv, "in, out")  # the same class again, as when a notebook cell runs twice


@pytest.mark.parametrize(
    ("call", "word"), [("in, outt", "outt"), ("in, *, out", "after"), ("$1x", "1x"), ("in, sum", "sum")]
)
def test_wrong_patterns_are_refused(call, word):
    with pytest.raises(ValueError, match=word):
        register(nn.Identity, call, name="X")
    with pytest.raises(ValueError, match="out="):
        register(nn.Identity, "in, *", name="X", out="mean")


def test_only_network_modules_are_taken():
    with pytest.raises(ValueError, match=r"torch\.nn\.Module"):
        register(dict, "in, out, *")
    with pytest.raises(ValueError, match="import path"):
        register(functools.partial(nn.Identity), name="P")


@pytest.mark.parametrize("name", ["C2ff", "c2f", "nn.Convv2d", "nn.functional", "torchvision.ops.nms", "os.system", ""])
def test_unknown_names_are_refused_with_near_ones(name):
    with pytest.raises(ModelYamlError) as caught:
        lookup(name)
    if name.lower().startswith("c2f"):
        assert "did you mean ['C2f'" in str(caught.value)


def test_library_layers_need_no_registration():
    assert lookup("nn.Upsample").resolve() is nn.Upsample
    assert lookup("torchvision.ops.SqueezeExcitation").resolve().__name__ == "SqueezeExcitation"


def test_attributes_of_the_public_module_are_found(monkeypatch):
    import ultralytics.nn.tasks as tasks

    class Added(nn.Identity):
        pass

    monkeypatch.setattr(tasks, "Added", Added, raising=False)
    assert lookup("Added").resolve() is Added


def test_modules_key_brings_blocks_along(my_blocks):
    model = DetectionModel(own_yaml(my_blocks, "MyBlock", modules=MINE), verbose=False)
    assert type(model.model[1]).__name__ == "MyBlock"
    assert (model.model[1].n, model.model[1].flag) == (3, True)
    with pytest.raises(ModelYamlError, match="unknown YAML block 'MyBlock'"):  # valid for that YAML only
        parse_model(yaml_with("MyBlock"), verbose=False)


def test_partials_work_by_import_path(my_blocks):
    register("my_blocks:DynamicC2f", "in, out, n, *", name="MyDynamicC2f")
    model = DetectionModel(yaml_with("MyDynamicC2f"), verbose=False)
    assert type(model.model[1]).__name__ == "C2f"
    assert sum(type(m).__name__ == "DynamicBnAct" for m in model.model[1].modules()) == 2 + 2 * 3
    assert model.yaml["modules"]["MyDynamicC2f"]["path"] == "my_blocks:DynamicC2f"
    DetectionModel(model.yaml, nc=5, verbose=False)


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        ("my_blocks:Nothing", "has no 'Nothing'"),
        ("my_blocks:value", "no torch.nn.Module"),
        ("os:system", "no torch.nn.Module"),
        ("no_such_module_here:X", "no module 'no_such_module_here' on the Python path"),
        ("nocolon", "no import path"),
        ({"call": "in"}, "path"),
        ({"path": "my_blocks:MyBlock", "call": "in, nonsense"}, "nonsense"),
        (3, "path"),
        ([1], "path"),
        ({"path": 3}, "texts"),
        ({"path": "my_blocks:MyBlock", "call": 3}, "texts"),
        ({"path": "my_blocks:MyBlock", "out": ["in"]}, "texts"),
        ({"path": "my_blocks:MyBlock", "more": "x"}, "path, call, out"),
    ],
)
def test_wrong_modules_entries_are_refused(my_blocks, entry, word):
    with pytest.raises(ModelYamlError, match=rf"own\.yaml, argument 'modules': .*{word}"):
        DetectionModel(own_yaml(my_blocks, "MyBlock", modules={"MyBlock": entry}), verbose=False)


@pytest.mark.parametrize("modules", [["my_blocks:MyBlock"], "my_blocks:MyBlock", 3, {1: "my_blocks:MyBlock"}])
def test_modules_of_another_form_are_told(my_blocks, modules):
    with pytest.raises(ModelYamlError, match=r"own\.yaml, argument 'modules'"):
        DetectionModel(own_yaml(my_blocks, "MyBlock", modules=modules), verbose=False)


def test_only_a_local_file_that_was_named_imports(my_blocks, monkeypatch):
    file = own_yaml(my_blocks, "MyBlock", modules=MINE)
    content = YAML.load(file)
    with pytest.raises(ModelYamlError, match=r"'MyBlock': 'my_blocks:MyBlock' is imported only"):
        DetectionModel(content, verbose=False)
    # As if the address had been fetched to the very file.
    monkeypatch.setattr("ultralytics.nn.builder.names.model_yaml_file", lambda name: file)
    for address in ("https://example.org/own.yaml", "HTTP:/example.org/own.yaml"):
        with pytest.raises(ModelYamlError, match=r"'MyBlock': 'my_blocks:MyBlock' is imported only"):
            DetectionModel(address, verbose=False)
    assert "my_blocks" not in sys.modules
    assert DetectionModel(file, verbose=False).model[1].flag
    assert DetectionModel(content, verbose=False).model[1].flag, "the user has named the file meanwhile"


def test_a_registered_block_serves_content_from_anywhere(my_blocks):
    register("my_blocks:MyBlock", "in, out, n, *")
    assert DetectionModel(yaml_with("MyBlock", modules=MINE), verbose=False).model[1].flag


@pytest.mark.parametrize("name", ["DetectionModel", "BaseModel", "ClassificationModel"])
def test_networks_are_no_blocks(name):
    import ultralytics.nn.tasks  # noqa: F401 - where rows also look for classes

    with pytest.raises(ModelYamlError, match=f"unknown YAML block '{name}'"):
        parse_model(yaml_with(name, args=("https://example.org/x.yaml",)), verbose=False)


def test_foreign_blocks_survive_files_and_processes(my_blocks):
    model = DetectionModel(own_yaml(my_blocks, "MyBlock", modules=MINE), verbose=False)
    assert pickle.loads(pickle.dumps(model)).yaml == model.yaml
    file = my_blocks / "mine.pt"
    save_checkpoint({"model": model}, file)
    again, _ = load_checkpoint(file)  # this process has named the block in a YAML of its own
    assert DetectionModel(again.yaml, nc=4, verbose=False).model[1].flag

    load = "from ultralytics.nn.weights.checkpoint import load_checkpoint\n"
    code, text = run(load + "load_checkpoint('mine.pt')", my_blocks)
    assert code and "my_blocks.MyBlock" in text and "trust=True" in text
    rebuild = (
        "from ultralytics.nn.models import DetectionModel\nDetectionModel(m.yaml, nc=7, verbose=False)\nprint('fine')"
    )
    code, text = run(f"{load}m, _ = load_checkpoint('mine.pt', trust=True)\n{rebuild}", my_blocks)
    assert code == 0 and "fine" in text, text
    known = "import my_blocks\nfrom ultralytics.nn.builder.registry import register\n"
    known += "register(my_blocks.MyBlock, 'in, out, n, *')\n"
    code, text = run(f"{known}{load}m, _ = load_checkpoint('mine.pt')\n{rebuild}", my_blocks)
    assert code == 0 and "fine" in text, text


DECORATED = """
from torch import nn
from ultralytics.nn.builder.registry import register


@register(call="arg, in", out=lambda args: args[0] + 1, name="Plus")
class Plus(nn.Conv2d):
    def __init__(self, width, c1):
        super().__init__(c1, width + 1, 1)
"""


def test_a_modules_own_decorator_says_how_to_call_it(my_blocks):
    (my_blocks / "decorated.py").write_text(DECORATED)
    modules = {"Plus": "decorated:Plus"}
    model = DetectionModel(own_yaml(my_blocks, "Plus", args=(7,), repeats=1, modules=modules), verbose=False)
    assert model.model[1].out_channels == 8
    with pytest.raises(ModelYamlError, match=r"stacked 3 times with the same arguments \[7, 16\]"):
        DetectionModel(own_yaml(my_blocks, "Plus", args=(7,), modules=modules), verbose=False)
    save_checkpoint({"model": model}, my_blocks / "plus.pt")
    code, text = run(
        """
        from ultralytics.nn.weights.checkpoint import load_checkpoint
        from ultralytics.nn.models import DetectionModel
        model, _ = load_checkpoint("plus.pt", trust=True)
        print(DetectionModel(model.yaml, nc=5, verbose=False).model[1].out_channels)
        """,
        my_blocks,
    )
    assert code == 0 and text.rstrip().endswith("8"), text
    sys.modules.pop("decorated", None)


def test_modules_of_a_file_are_not_imported_unasked(my_blocks):
    model = DetectionModel("yolov8n.yaml", verbose=False)
    model.yaml["modules"] = {"Sneaky": "my_blocks:MyBlock"}
    save_checkpoint({"model": model}, my_blocks / "sneaky.pt")
    with pytest.raises(UnsafeCheckpointError, match="Sneaky"):
        load_checkpoint(my_blocks / "sneaky.pt")
    assert "my_blocks" not in sys.modules


def test_blocks_of_a_script_are_warned_of_and_explained(tmp_path):
    script = """
    from torch import nn
    from ultralytics.nn.builder.registry import register
    from ultralytics.nn.models import DetectionModel
    from ultralytics.nn.weights.checkpoint import load_checkpoint, save_checkpoint

    @register(call="in, out, *")
    class Local(nn.Conv2d):
        def __init__(self, c1, c2):
            super().__init__(c1, c2, 1)

    cfg = {"nc": 1, "backbone": [[-1, 1, "Local", [16]], [-1, 1, "Conv", [16, 3, 2]]],
           "head": [[[1], 1, "Detect", ["nc"]]]}
    model = DetectionModel(cfg, verbose=False)
    save_checkpoint({"model": model}, "local.pt")
    load_checkpoint("local.pt")
    print("same script: fine")
    """
    code, text = run(script, tmp_path)
    assert code == 0 and "same script: fine" in text, text
    assert "WARNING" in text and "'Local'" in text
    with pytest.raises(UnsafeCheckpointError, match=r"'Local'.*main program"):
        load_checkpoint(tmp_path / "local.pt")


def test_classes_of_other_packages_get_a_home(my_blocks):
    import my_blocks as mine

    model = DetectionModel(own_yaml(my_blocks, "MyBlock", modules=MINE), verbose=False)
    model.yaml.pop("modules")
    mine.MyBlock.__module__ = "ultralytics.nn.modules.block"  # as a fork that edits the package's own files
    import ultralytics.nn.modules.block as block

    block.MyBlock = mine.MyBlock
    try:
        save_checkpoint({"model": model}, my_blocks / "fork.pt")
    finally:
        del block.MyBlock
        mine.MyBlock.__module__ = "my_blocks"
    with pytest.raises(UnsafeCheckpointError, match="pickled_as"):
        load_checkpoint(my_blocks / "fork.pt")
    register(mine.MyBlock, "in, out, n, *", pickled_as="ultralytics.nn.modules.block.MyBlock")
    loaded, _ = load_checkpoint(my_blocks / "fork.pt")
    assert type(loaded.model[1]) is mine.MyBlock


def test_published_yaml_is_left_unchanged():
    cfg = yaml_model_load("yolov8n.yaml")
    before = repr(cfg)
    parse_model(cfg, verbose=False)
    DetectionModel(cfg, nc=3, verbose=False)
    assert repr(cfg) == before


def test_errors_can_be_pickled_and_placed():
    error = ModelYamlError("is wrong.", row=3, module="Conv").at(file="a.yaml", row=9)
    assert str(error) == "a.yaml, row 3, module 'Conv': is wrong."
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.row, again.file) == (str(error), 3, "a.yaml")


def test_torch_loads_weights_of_models_with_foreign_blocks(my_blocks):
    register("my_blocks:MyBlock", "in, out, n, *")
    a, b = (DetectionModel(yaml_with("MyBlock"), verbose=False) for _ in range(2))
    b.load(a, verbose=False)
    assert torch.equal(a.model[1].conv.weight, b.model[1].conv.weight)
