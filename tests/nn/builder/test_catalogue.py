"""`yolo blocks`: lists and explains what a model YAML may name."""

from __future__ import annotations

import pytest
from torch import nn

from ultralytics.cfg.cli import entrypoint
from ultralytics.nn.builder import registry
from ultralytics.nn.builder.catalogue import describe, explain, listing, yaml_arguments
from ultralytics.nn.builder.registry import ModelYamlError, UnbuiltBlockError, lookup, register, registered


def rows(name):
    return [str(argument) for argument in yaml_arguments(lookup(name))]


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("Conv", ["c2", "k=1", "s=1", "p=None", "g=1", "d=1", "act=True"]),
        ("C2f", ["c2", "shortcut=False", "g=1", "e=0.5"]),  # the builder fills in repeats
        ("C3k2", ["c2", "c3k=False", "e=0.5", "attn=False", "g=1", "shortcut=True"]),
        ("Concat", ["dimension=1"]),
        ("Index", ["c_out", "index=0"]),
        ("Detect", ["nc=80"]),  # and what stands at the top of the YAML
        ("Segment26", ["nc=80", "nm=32", "npr=256"]),
        ("CBLinear", ["c2s", "k=1", "s=1", "p=None", "g=1"]),
        ("nn.Identity", []),
        ("nn.BatchNorm2d", ["eps=1e-05", "momentum=0.1", "affine=True", "track_running_stats=True"]),
    ],
)
def test_arguments_are_those_of_a_row(name, want):
    assert [text for text in rows(name) if not text.startswith(("device", "dtype", "bias"))] == want


@pytest.mark.parametrize("name", sorted(registered()))
def test_every_block_is_explained(name):
    text = explain(name)
    assert text.startswith(f"{name}  (ultralytics.nn.") and f"[from, repeats, {name}, [" in text
    assert "repeats: " in text
    assert len(text.splitlines()[1].strip()) > 10, "no docstring"


def test_explanation_holds_arguments_call_and_rules():
    text = explain("C3k2")
    assert "call   C3k2(<channels of the source>, c2, <repeats>, c3k, e, attn, g, shortcut)" in text
    assert "c3k" in text and "inner blocks are C3k stages" in text
    assert "repeats: inside the block" in text and "builder: Let the larger sizes" in text
    head = explain("Segment26")
    assert "nm           int, 32 if left out: number of prototypes" in head  # documented in the base class
    assert "<end2end of the YAML>" in head
    assert "scaled by the model size" in explain("Conv")
    assert "the sum of the sources'" in explain("Concat")


def test_blocks_of_a_user_are_explained(monkeypatch):
    monkeypatch.setattr(registry, "_BLOCKS", {})

    @register(call="in, out, n, *")
    class Mine(nn.Module):
        """A block of mine.

        Args:
            c1: channels in.
            c2: channels out.
            n: repeats.
            flag: whether.
        """

        def __init__(self, c1: int, c2: int, n: int = 1, flag: bool = False, *, speed: float = 2.0):
            super().__init__()

    text = explain("Mine")
    assert "A block of mine." in text and "flag         bool, False if left out" in text
    assert "speed        float, 2.0 if left out" in text
    assert "Mine " in listing("mine")


def test_lists_by_part_of_the_name(capsys):
    text = describe({"name": "psa"})
    assert "C2PSA" in text and "C3k2" not in text
    assert describe({"psa": True}) == text  # as `yolo blocks psa`
    assert "C3k2" in describe()
    entrypoint("blocks C2f")
    assert "row    [from, repeats, C2f, [c2, shortcut=False, g=1, e=0.5]]" in capsys.readouterr().out


def test_wrong_words_are_refused():
    with pytest.raises(ModelYamlError, match="did you mean"):
        describe({"C2ff": True})
    with pytest.raises(ValueError, match="width="):
        describe({"width": 3})
    with pytest.raises(UnbuiltBlockError, match="open-vocabulary"):
        describe({"WorldDetect": True})
