"""Wrong model YAMLs: one clear error with file, row, module and argument, whatever is wrong."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_blocks import ARGS, SOURCES
from torch import nn

from ultralytics.nn.builder.build import construct, parse_model, plan, probe
from ultralytics.nn.builder.registry import ModelYamlError, registered
from ultralytics.nn.models import ClassificationModel, DetectionModel

SMALL = {
    "nc": 2,
    "yaml_file": "small.yaml",
    "backbone": [[-1, 1, "Conv", [8, 3, 2]], [-1, 1, "Conv", [16, 3, 2]], [-1, 2, "C2f", [16, True]]],
    "head": [[[1, 2], 1, "Detect", ["nc"]]],
}


def changed(index, row=None, **top):
    cfg = copy.deepcopy(SMALL) | top
    if row is not None:
        cfg["backbone"][index] = row
    return cfg


@pytest.mark.parametrize(
    ("row", "module", "argument", "words"),
    [
        ([-1, 1, "Conv"], "", "", "must be [from, repeats, module, args]"),
        ("Conv", "", "", "must be [from"),
        ([-1, 1, 5, []], "", "module", "by text"),
        ([-1, 0, "Conv", [8]], "", "repeats", "from 1 to"),
        ([-1, 1.5, "Conv", [8]], "", "repeats", "got 1.5"),
        ([-1, 10**9, "Conv", [8]], "", "repeats", "1000"),
        ([-1, 1, "Conv", 8], "", "args", "list of arguments"),
        ([1, 1, "Conv", [8]], "", "from", "layer 1 is not above this row"),
        ([-5, 1, "Conv", [8]], "", "from", "not above"),
        ([[], 1, "Conv", [8]], "", "from", "no source"),
        (["0", 1, "Conv", [8]], "", "from", "whole numbers"),
        ([-1, 1, "Convv", [8]], "Convv", "", "did you mean ['Conv'"),
        ([-1, 1, "Conv", []], "Conv", "output channels", "lacks an argument"),
        ([-1, 1, "Conv", [-8]], "Conv", "output channels", "above 0"),
        ([-1, 1, "Conv", ["many"]], "Conv", "output channels", "'many'"),
        ([-1, 1, "Conv", [8, 3, 2, None, 1, 1, True, 9]], "Conv", "", "(c1, c2, k=1, s=1, p=None, g=1, d=1, act=True)"),
        ([-1, 1, "Conv", [8, "three"]], "Conv", "k", "must be int | tuple[int, int], got 'three'"),
        ([-1, 1, "Conv", [8, 3, 2, None, "nc2"]], "Conv", "g", "none named ['nc2']"),
        ([-1, 1, "Conv", [8, 3, 2, None, 3]], "Conv", "", "divisible by groups"),
        ([-1, 1, "Conv", [8, 0]], "Conv", "", "cannot be built"),
        ([-1, 1, "Concat", [1]], "Concat", "", "joins several layers"),
        ([[0, -1], 1, "Conv", [8]], "Conv", "c1", "must be int"),
        ([-1, 1, "nn.Conv2d", [9, 16, 1]], "nn.Conv2d", "", "does not accept maps of shape [(1, 8, 128, 128)]"),
        ([-1, 1, "nn.Conv2d", [8, 9, 1]], "nn.Conv2d", "", "gives 9 channels where its row and call pattern promise 8"),
        ([-1, 1, "nn.Upsample", [None, 2, "nearst"]], "nn.Upsample", "", "nearst"),
        ([-1, 1, "nn.Upsample", [None, 2, "nearest", 1, 1, 1]], "nn.Upsample", "", "called as"),
        ([-1, 1, "nn.Linear", [8, 16]], "nn.Linear", "", "does not accept"),
        ([-1, 1, "Detect", ["nc"]], "Detect", "ch", "must be"),
    ],
)
@pytest.mark.filterwarnings("ignore:Initializing zero-element")
def test_wrong_rows_are_told(row, module, argument, words):
    with pytest.raises(ModelYamlError) as caught:
        DetectionModel(changed(1, row), verbose=False)
    error = caught.value
    assert words in str(error)
    assert (error.file, error.row, error.module, error.argument) == ("small.yaml", 1, module, argument)
    assert error.__cause__ is None and (error.__context__ is None or error.__suppress_context__)  # no torch traceback


def test_maps_that_do_not_fit_are_told_with_their_shapes():
    cfg = changed(2, [[0, 1], 1, "Concat", [1]])
    with pytest.raises(ModelYamlError, match=r"row 2, module 'Concat'.*\(1, 8, 128, 128\), \(1, 16, 64, 64\)"):
        DetectionModel(cfg, verbose=False)
    classify = {"nc": 2, "backbone": SMALL["backbone"], "head": [[-1, 1, "nn.Linear", [3, 2]]]}
    with pytest.raises(ModelYamlError, match="row 3"):
        ClassificationModel(classify, verbose=False)


@pytest.mark.parametrize(
    ("top", "argument"),
    [
        ({"nc": "two"}, "nc"),
        ({"nc": 0}, "nc"),
        ({"nc": True}, "nc"),
        ({"nc": 10**12}, "nc"),
        ({"backbone": None}, "backbone"),
        ({"head": {"a": 1}}, "head"),
        ({"scales": [1, 2]}, "scales"),
        ({"scales": {"n": [0.33]}}, "scales"),
        ({"scales": {"n": [0.33, "x", 3]}}, "scales"),
        ({"scales": {"n": [0.33, 0.25, 1024]}, "scale": "q"}, "scale"),
        ({"scales": {"n": [0.33, 0.25, 1024]}, "scale": ["n"]}, "scale"),
        ({"depth_multiple": -1}, "scales"),
        ({"modules": [1]}, "modules"),
        ({"activation": "nn.Relu()"}, "activation"),
        ({"activation": "__import__('os').system('true')"}, "activation"),
        ({"activation": "nn.ReLU(inplace=print(1))"}, "activation"),
        ({"activation": "nn.ReLU(nothing=1)"}, "activation"),
        ({"activation": "nn.functional.relu"}, "activation"),
        ({"activation": "1 +"}, "activation"),
        ({"activation": 5}, "activation"),
        ({"activation": "nn.ReLU(" + "[" * 50_000}, "activation"),
    ],
)
def test_wrong_top_level_keys_are_told(top, argument):
    with pytest.raises(ModelYamlError) as caught:
        parse_model(changed(0, **top), verbose=False)
    assert (caught.value.argument, caught.value.row) == (argument, None)


def test_empty_yaml_and_wrong_channels():
    with pytest.raises(ModelYamlError, match="no layers"):
        plan({"backbone": [], "head": []})
    with pytest.raises(ModelYamlError, match="input channels"):
        plan(SMALL, ch=0)


def test_missing_scale_takes_the_first_with_a_warning(caplog):
    cfg = changed(0, scales={"s": [1.0, 0.5, 1024], "m": [1.0, 1.0, 1024]}, scale="")
    made = plan(cfg)
    assert made.scale.name == "s" and made.rows[0].c_out == 8


def test_activation_by_name_stays_with_its_model():
    for text, kind in (
        ("nn.LeakyReLU(0.1)", nn.LeakyReLU),
        ("torch.nn.ReLU()", nn.ReLU),
        ("nn.Hardswish", nn.Hardswish),
    ):
        layers, _ = parse_model(changed(0, activation=text), verbose=False)
        assert isinstance(layers[0].act, kind)
        assert layers[0].act is layers[1].act
    layers, _ = parse_model(SMALL, verbose=False)
    assert isinstance(layers[0].act, nn.SiLU)


def test_repeats_and_sources_are_wired():
    cfg = {
        "nc": 1,
        "backbone": [[-1, 1, "Conv", [8]], [-1, 2, "Conv", [8]], [0, 1, "Conv", [8]], [[-1, 1, -3], 1, "Concat", [1]]],
        "head": [],
    }
    made = plan(cfg)
    assert [row.copies for row in made.rows] == [1, 2, 1, 1]
    assert made.rows[3].c_out == 24
    assert made.save == [0, 0, 1]
    layers = construct(made)
    assert [layer.f for layer in layers] == [-1, -1, 0, [-1, 1, -3]]
    assert probe(layers, made, 3, 16).shape == (1, 24, 16, 16)
    assert layers.training and all(m.training for m in layers.modules())


def test_table_is_logged(caplog):
    with caplog.at_level("INFO", logger="ultralytics"):
        import logging

        logger = logging.getLogger("ultralytics")
        logger.addHandler(caplog.handler)
        try:
            parse_model(SMALL, verbose=True)
        finally:
            logger.removeHandler(caplog.handler)
    lines = caplog.text.splitlines()
    assert any("from  n    params  module" in line for line in lines)
    assert sum("ultralytics.nn.modules" in line for line in lines) == 4


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 40),
    st.floats(-2, 4),
    st.sampled_from(["nc", "None", "x", "3", "[1]", ""]),
)
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(st.text(max_size=2), SCALARS, max_size=1))
SOURCE = st.one_of(st.integers(-4, 4), st.lists(st.integers(-3, 3), max_size=3), VALUES)
NAMES = st.one_of(
    st.sampled_from(
        [*registered(), "nn.Upsample", "nn.Conv2d", "nn.BatchNorm2d", "nn.MaxPool2d", "nn.Identity", "C2ff"]
    ),
    VALUES,
)
ROWS = st.one_of(
    st.tuples(SOURCE, st.one_of(st.integers(0, 3), VALUES), NAMES, st.one_of(st.lists(VALUES, max_size=5), VALUES)).map(
        list
    ),
    VALUES,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(row=ROWS, place=st.integers(0, 2))
def test_any_row_builds_or_is_told(row, place):
    """No other exception than ours, and what is built runs."""
    cfg = changed(place, row)
    try:
        model = DetectionModel(cfg, verbose=False)
    except ModelYamlError as error:
        assert error.file == "small.yaml" and str(error).startswith("small.yaml, row ")
        return
    model.eval()(torch.zeros(1, 3, 64, 64))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    top=st.dictionaries(st.sampled_from(["nc", "scales", "scale", "modules", "activation", "ch"]), VALUES, max_size=2)
)
def test_any_top_level_builds_or_is_told(top):
    try:
        with torch.device("meta"):
            parse_model(changed(0, **top), verbose=False)
    except ModelYamlError as error:
        assert error.file == "small.yaml"


# A row that is right but for one thing, of every block: it gets further than a row of noise.
KEYWORDS = st.dictionaries(
    st.sampled_from(["num_experts", "min_kernel", "conv", "act", "k", "n", "legacy", "x"]), VALUES, max_size=2
)


def with_one_change(args, place, value, how):
    """Return arguments with one of them replaced, removed or added, or with keyword arguments behind them."""
    index = place % (len(args) + 1)
    return {
        "replace": [*args[:index], value, *args[index + 1 :]],
        "remove": [*args[:index], *args[index + 1 :]],
        "add": [*args[:index], value, *args[index:]],
        "name": [*args, value if isinstance(value, dict) else {"num_experts": value}],
        "none": args,
    }[how]


HOW = st.sampled_from(["replace", "remove", "add", "name", "none"])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(
    name=st.sampled_from(sorted({*ARGS, *(n for n in registered() if n.startswith("Dynamic"))} - {"TorchVision"})),
    place=st.integers(0, 5),
    value=st.one_of(VALUES, KEYWORDS),
    how=HOW,
    count=st.integers(1, 2),
    scale=st.sampled_from(["", "n", "m", "x"]),
)
def test_any_block_builds_or_is_told(name, place, value, how, count, scale):
    args = copy.deepcopy(ARGS.get(name, ARGS.get(name.removeprefix("Dynamic"), [16])))
    source = [0, 1] if isinstance(SOURCES.get(name), list) else -1
    cfg = changed(2, [source, count, name, with_one_change(args, place, value, how)])
    if scale:
        cfg |= {"scales": {scale: [0.5, 1.0, 64]}, "scale": scale}
    try:
        model = DetectionModel(cfg, verbose=False)
    except ModelYamlError as error:
        assert error.file == "small.yaml" and str(error).startswith("small.yaml, row ")
        return
    model.eval()(torch.zeros(1, 3, 64, 64))


ODD = [None, True, -1, 0, 1.5, float("nan"), float("inf"), 10**30, "x", "", [], [1], ["n"], [[1]], {}, {"n": [1]}, b"x"]
TOP_LEVEL = [
    *("nc", "scale", "scales", "depth_multiple", "width_multiple", "max_channels", "activation", "backbone", "head"),
    *("ch", "channels", "kpt_shape", "end2end", "reg_max", "names", "task", "modules", "parameters"),
]


@pytest.mark.parametrize("key", TOP_LEVEL)
def test_top_level_values_are_taken_or_refused_in_a_line(key):
    for value in ODD:
        for scales in ({}, {"scales": {"n": [0.5, 0.5, 64]}}):
            try:
                DetectionModel({**copy.deepcopy(SMALL), **scales, key: value}, verbose=False)
            except ModelYamlError as error:
                assert len(str(error).splitlines()) == 1, value


def test_sizes_that_are_no_letters():
    with pytest.raises(ModelYamlError, match=r"has no size '\['n'\]'; it defines \['n'\]"):
        DetectionModel({**copy.deepcopy(SMALL), "scales": {"n": [0.5, 0.5, 64]}, "scale": ["n"]}, verbose=False)
