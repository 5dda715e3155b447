"""Maps follow their pictures: a picture painted by its class map still shows that map after every transform."""

from __future__ import annotations

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from augment_inputs import HYP
from hypothesis import given, settings
from hypothesis import strategies as st

from ultralytics.data.augment import (
    Albumentations,
    Compose,
    CutMix,
    DepthFormat,
    LetterBox,
    MixUp,
    Mosaic,
    RandomFlip,
    RandomPerspective,
    SemanticFormat,
    v8_transforms,
)
from ultralytics.data.augment.rng import SampleRng
from ultralytics.data.images.canvas import FILL, painted
from ultralytics.data.labels.instances import Instances
from ultralytics.data.sample import MAP_FILLS, Sample

SIDE = 48
COLOURS = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)  # no mixture of these is one of them
METRES = np.array([1.5, 2.5, 4.0, 8.0], np.float32)


def labels(seed: int, size_hw: tuple[int, int] = (SIDE, SIDE), block: int = 6) -> dict:
    """A picture that shows its class map in colours, and the depth that belongs to every class."""
    rows, columns = (-(-side // block) for side in size_hw)
    coarse = np.random.default_rng(seed).integers(0, len(COLOURS), (rows, columns)).astype(np.uint8)
    classes = np.ascontiguousarray(np.kron(coarse, np.ones((block, block), np.uint8))[: size_hw[0], : size_hw[1]])
    return {
        "img": COLOURS[classes],
        "semantic_mask": classes,
        "depth": METRES[classes],
        "cls": np.zeros((0, 1), np.float32),
        "instances": Instances(np.zeros((0, 4), np.float32)),
        "im_file": f"{seed}.jpg",
        "ori_shape": size_hw,
        "resized_shape": size_hw,
        "ratio_pad": (1.0, 1.0),
    }


class Partners:
    data: dict = {}
    cache = "ram"

    def __init__(self, sizes=((SIDE, SIDE), (36, SIDE), (SIDE, 30), (64, SIDE))):
        self.sizes = sizes

    def __len__(self):
        return 12

    def get_image_and_label(self, index):
        return labels(int(index), self.sizes[int(index) % len(self.sizes)])


def assert_shown(image: np.ndarray, classes: np.ndarray, depth: np.ndarray, least: float = 0.3) -> None:
    """Check that maps say what the picture shows, at all pixels that show one class or the fill and no mixture."""
    assert image.shape[:2] == classes.shape == depth.shape
    pure = np.zeros(classes.shape, bool)
    for value, colour in enumerate([*COLOURS, (FILL,) * 3]):
        shown = (image == np.asarray(colour)).all(-1)
        filled = value == len(COLOURS)
        np.testing.assert_array_equal(classes[shown], MAP_FILLS["semantic_mask"] if filled else value)
        np.testing.assert_array_equal(depth[shown], MAP_FILLS["depth"] if filled else METRES[value])
        pure |= shown
    assert pure.mean() >= least
    assert set(np.unique(classes)) <= {0, 1, 2, 3, 255}  # nothing is ever mixed
    np.testing.assert_array_equal(depth, np.append(METRES, np.zeros(252, np.float32))[classes])


def assert_sample(sample: Sample, least: float = 0.3) -> None:
    maps = {name: painted(one)[..., 0] for name, one in sample.maps.items()}
    assert_shown(sample.pixels(), maps["semantic_mask"], maps["depth"], least)


SIZES = st.tuples(st.integers(20, 90), st.integers(20, 90))
PERSPECTIVES = st.builds(
    dict,
    degrees=st.sampled_from([0.0, 30.0, 180.0]),
    translate=st.floats(0, 0.4),
    scale=st.one_of(st.floats(0, 0.9), st.just((0.99, 1.01)), st.just((1.0, 1.0))),
    shear=st.sampled_from([0.0, 10.0]),
    perspective=st.sampled_from([0.0, 0.002]),
    snap=st.booleans(),
    size=st.one_of(st.none(), st.just((40, 56))),
)


@settings(max_examples=60, deadline=None)
@given(options=PERSPECTIVES, size=SIZES, seed=st.integers(0, 1000))
def test_perspective(options, size, seed):
    moved = RandomPerspective(**options).run(Sample.from_labels(labels(seed, size)), SampleRng((seed,)))
    assert_sample(moved, least=0.05)


@settings(max_examples=30, deadline=None)
@given(size=SIZES, target=SIZES, seed=st.integers(0, 1000), scaleup=st.booleans(), fill=st.booleans())
def test_letterbox(size, target, seed, scaleup, fill):
    moved = LetterBox(target, scaleup=scaleup, scale_fill=fill).run(
        Sample.from_labels(labels(seed, size, block=12)), SampleRng((seed,))
    )
    assert moved.size_hw == target
    assert_sample(moved, least=0)


@settings(max_examples=20, deadline=None)
@given(size=SIZES, seed=st.integers(0, 1000), direction=st.sampled_from(["horizontal", "vertical"]))
def test_flip(size, seed, direction):
    start = labels(seed, size)
    moved = RandomFlip(1.0, direction).run(Sample.from_labels(start), SampleRng((seed,)))
    assert_sample(moved, least=1)
    axis = 1 if direction == "horizontal" else 0
    np.testing.assert_array_equal(painted(moved.maps["semantic_mask"])[..., 0], np.flip(start["semantic_mask"], axis))


@pytest.mark.parametrize("n", [4, 9])
def test_mosaic(n):
    for seed in range(5):
        moved = Mosaic(Partners(), SIDE, n=n).run(Sample.from_labels(labels(seed)), SampleRng((seed,)))
        assert_sample(moved, least=1)
        assert painted(moved.maps["semantic_mask"]).shape == (2 * SIDE, 2 * SIDE, 1)


def test_cutmix_pastes_without_objects():
    pasted = 0
    for seed in range(20):
        start = labels(seed)
        moved = CutMix(Partners([(SIDE, SIDE)]), p=1.0).run(Sample.from_labels(start), SampleRng((seed,)))
        assert_sample(moved, least=1)
        pasted += (painted(moved.maps["semantic_mask"])[..., 0] != start["semantic_mask"]).any()
    assert pasted > 10


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_mixup_keeps_the_map_of_the_larger_weight(share):
    first, second = (Sample.from_labels(labels(seed)) for seed in (1, 2))
    moved = MixUp(Partners()).move_map("semantic_mask", first, {"r": share, "partners": [second]})
    assert moved is (first if share >= 0.5 else second).maps["semantic_mask"]


@pytest.mark.parametrize("overrides", [{}, {"mosaic": 0.0}, {"perspective": 0.001, "copy_paste_mode": "mixup"}])
def test_whole_chain(overrides):
    hyp = SimpleNamespace(**{**HYP, "hsv_h": 0, "hsv_s": 0, "hsv_v": 0, "mixup": 0.0, **overrides})
    chain = v8_transforms(Partners(), SIDE, hyp)
    chain.transforms = [step for step in chain.transforms if not isinstance(step, Albumentations)]  # it may blur
    for seed in range(12):
        start = {**labels(seed), "ref": seed}
        moved = chain.run(dict(start), SampleRng((seed,)))
        assert_sample(moved, least=0.2)
        assert moved.size_hw == (SIDE, SIDE)


def through_hooks(kind):
    """A transform of which somebody has replaced a method by the same one: label dictionaries go through its hooks."""

    class Replaced(kind):
        def apply_depth(self, labels, params=None):
            return super().apply_depth(labels, params)

    return Replaced


HOOKED = {
    "mosaic": lambda change: change(Mosaic)(Partners(), SIDE),
    "mixup": lambda change: change(MixUp)(Partners([(SIDE, SIDE)]), p=1.0),
    "cutmix": lambda change: change(CutMix)(Partners([(SIDE, SIDE)]), p=1.0),
    "perspective": lambda change: change(RandomPerspective)(20, 0.2, 0.4, 5, 0.001, size=(40, 36)),
    "flip": lambda change: change(RandomFlip)(1.0),
    "letterbox": lambda change: change(LetterBox)((40, 56)),
}


@pytest.mark.parametrize("name", HOOKED)
def test_public_hooks_give_the_same(name):
    results = []
    for change in (lambda kind: kind, through_hooks):
        transform = HOOKED[name](change)
        random.seed(3)
        np.random.seed(4)
        results.append(transform(labels(7)))
    assert results[0].keys() == results[1].keys()
    for key in ("img", "semantic_mask", "depth"):
        np.testing.assert_array_equal(results[0][key], results[1][key])
    assert results[0]["semantic_mask"].ndim == 2


def test_spatial_transforms_of_albumentations_move_maps():
    A = pytest.importorskip("albumentations")
    step = Albumentations(transforms=[A.HorizontalFlip(p=1.0), A.Affine(translate_percent=0.25, p=1.0)])
    start = labels(3)
    moved = step.run(Sample.from_labels(start), SampleRng((1,)))
    classes, depth = (painted(moved.maps[name])[..., 0] for name in ("semantic_mask", "depth"))
    assert classes.dtype == np.uint8 and (classes == 255).any() and (depth[classes == 255] == 0).all()
    mirrored = start["semantic_mask"][:, ::-1]
    np.testing.assert_array_equal(classes[SIDE // 4 :, SIDE // 4 :], mirrored[: -SIDE // 4, : -SIDE // 4])


@pytest.mark.parametrize("hooks", [False, True])
def test_formats(hooks):
    change = through_hooks if hooks else lambda kind: kind
    start = {**labels(1, (30, 40)), "mix": False, "ref": 3}
    item = change(SemanticFormat)()(dict(start))
    assert item["img"].shape == (3, 30, 40) and item["img"].dtype == torch.uint8
    assert item["semantic_mask"].dtype == torch.int32
    np.testing.assert_array_equal(item["semantic_mask"].numpy(), start["semantic_mask"])
    assert {"ori_shape", "ratio_pad", "im_file"} <= set(item) and not {"cls", "instances", "resized_shape"} & set(item)
    item = change(DepthFormat)()(dict(start))
    assert item["depth"].shape == (1, 30, 40) and item["depth"].dtype == torch.float32
    np.testing.assert_array_equal(item["depth"].numpy()[0], start["depth"])
    assert not {"cls", "instances", "ori_shape", "resized_shape", "ratio_pad"} & set(item)


def test_maps_that_are_shared_are_not_written_to():
    start = labels(5)
    for key in ("img", "semantic_mask", "depth"):
        start[key].flags.writeable = False
    chain = Compose(
        [RandomFlip(0.0), RandomPerspective(0, 0, 0), CutMix(Partners([(SIDE, SIDE)]), p=1.0), DepthFormat()]
    )
    item = chain(start, SampleRng((1,)))
    item["depth"][:] = 7  # its own memory
    assert (start["depth"] < 9).all() and (start["depth"] != 7).all()


def test_ids_above_a_byte():
    start = labels(2)
    start["semantic_mask"] = start["semantic_mask"].astype(np.uint16) * 300
    moved = RandomPerspective(10, 0.3, 0.2).run(Sample.from_labels(start), SampleRng((1,)))
    assert set(np.unique(painted(moved.maps["semantic_mask"]))) == {0, 255, 300, 600, 900}
