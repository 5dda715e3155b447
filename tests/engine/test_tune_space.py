"""What a search may change: reading spaces, and values as positions in 0..1."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ultralytics.cfg.errors import ConfigError
from ultralytics.engine.tune.space import DEFAULT_SPACE, Choice, Range, plain_space, read_space

POSITIONS = st.floats(0, 1)


def test_the_default_space_is_the_public_one():
    space = read_space()
    assert list(space) == list(DEFAULT_SPACE) and len(space) == 26
    assert space["lr0"] == Range("lr0", 1e-5, 0.01) and space["momentum"] == Range("momentum", 0.7, 0.98, 0.3)
    assert space["close_mosaic"] == Range("close_mosaic", 0, 10, whole=True)


def test_a_task_leaves_out_what_it_does_not_use():
    assert {"box", "cls", "dfl", "mosaic", "degrees"} & set(read_space(None, "classify")) == set()
    assert {"lr0", "fliplr", "scale"} <= set(read_space(None, "classify"))
    assert "copy_paste" not in read_space(None, "pose") and "copy_paste" in read_space(None, "segment")
    assert "box" in read_space({"box": (1, 2)}, "classify")  # what a user names is searched


@pytest.mark.parametrize("names", ["lr0,box", "[lr0, box]", ["lr0", "box"], ("lr0", "box")])
def test_names_take_the_usual_ranges(names):
    assert read_space(names) == {"lr0": Range("lr0", 1e-5, 0.01), "box": Range("box", 1.0, 20.0)}


def test_kinds_of_genes(tmp_path):
    given = {
        "lr0": (1e-4, 1e-2, 0.5),
        "epochs": [5, 10],
        "imgsz": (320, 640),
        "optimizer": ["SGD", "AdamW"],
        "batch": {"choice": [8, 16]},
        "cos_lr": [True, False],
        "scale": (0, 0.9),
    }
    space = read_space(given)
    assert space["lr0"].gain == 0.5 and space["lr0"].logarithmic
    assert space["epochs"].whole and space["imgsz"].whole and not space["scale"].whole
    assert space["optimizer"] == Choice("optimizer", ("SGD", "AdamW"))
    assert space["batch"] == Choice("batch", (8, 16)) and space["cos_lr"].options == (True, False)
    file = tmp_path / "space.yaml"
    file.write_text("lr0: [1e-4, 1e-2, 0.5]\noptimizer: [SGD, AdamW]\n", encoding="utf-8")
    assert read_space(str(file)) == {key: space[key] for key in ("lr0", "optimizer")}


@pytest.mark.parametrize(
    ("space", "text"),
    [
        ({"lro": (0, 1)}, "'lro' is no training argument. Did you mean lrf or lr0?"),
        ("lr0,momentom", "Did you mean momentum"),
        ({"lr0": (0.1, 0.01)}, r"lr0=\(0.1, 0.01\) is no range; the first number must be below the second"),
        ({"momentum": (0.5, 1.5)}, "momentum takes a number in 0..1"),
        ({"lr0": (0.1, float("nan"))}, "lr0"),
        ({"lr0": (0.1, 0.2, 0)}, "gain of 0"),
        ({"epochs": (1.5, 3)}, "epochs takes whole numbers"),
        ({"optimizer": (0, 1)}, "optimizer is no number"),
        ({"optimizer": [3, "SGD"]}, "optimizer"),
        ({"seed": (0, 9)}, "seed cannot be searched"),
        ({"data": ["a.yaml", "b.yaml"]}, "data cannot be searched"),
        ({"lr0": 0.01}, r"lr0=0.01 is not valid; it takes \(low, high\)"),
        ({"nbs": [1, 2, 3, 4]}, "nbs"),
        ("nbs", "nbs has no range of its own"),
        ({}, "space="),
        (3, "space=3"),
    ],
)
def test_what_is_wrong_is_named(space, text):
    with pytest.raises(ConfigError, match=text):
        read_space(space)


def genes() -> st.SearchStrategy:
    ends = st.tuples(st.floats(1e-6, 1e3), st.floats(1e-6, 1e3)).filter(lambda pair: pair[1] > pair[0] * 1.01)
    ranges = ends.map(lambda pair: Range("box", *pair))
    whole = st.tuples(st.integers(0, 50), st.integers(51, 100)).map(lambda pair: Range("nbs", *pair, whole=True))
    choices = st.integers(1, 12).map(lambda count: Choice("optimizer", tuple(f"o{i}" for i in range(count))))
    return ranges | whole | choices


@settings(deadline=None)
@given(genes(), POSITIONS)
def test_values_stay_inside_and_come_back(gene, position):
    value = gene.value(position)
    assert gene.holds(value) and gene.holds(gene.value(position * 3 - 1))
    back = gene.value(gene.position(value))
    assert math.isclose(back, value, rel_tol=1e-4) if isinstance(gene, Range) and not gene.whole else back == value


@settings(deadline=None)
@given(genes(), POSITIONS, POSITIONS)
def test_order_is_kept(gene, one, other):
    if isinstance(gene, Range) and one <= other:
        assert gene.value(one) <= gene.value(other)


def test_logarithms_are_for_ranges_over_two_powers_of_ten():
    assert Range("lr0", 1e-4, 1e-2).value(0.5) == pytest.approx(1e-3)
    assert Range("box", 1, 20).value(0.5) == 10.5 and Range("weight_decay", 0, 1).value(0.5) == 0.5


def test_a_space_survives_a_file():
    space = read_space({"lr0": (1e-4, 1e-2, 0.5), "epochs": (3, 9), "optimizer": ["SGD", "AdamW"], "box": (1, 2)})
    assert read_space(plain_space(space)) == space
