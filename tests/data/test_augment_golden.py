"""Public transforms against figures of the public package, with the process-wide generators seeded as there."""

from __future__ import annotations

import random

import cv2
import numpy as np
import pytest
from augment_inputs import cases, run_case

from ultralytics.data import augment
from ultralytics.data.augment import Format, LetterBox, MixUp, Mosaic, RandomFlip, RandomHSV, RandomPerspective
from ultralytics.data.augment.masks import polygon2mask, polygons2masks, polygons2masks_overlap
from ultralytics.data.labels.instances import Instances


@pytest.fixture(scope="module")
def g(golden):
    return golden("transforms")


def assert_pictures_agree(found, want, limit, name):
    """Compare pictures. OpenCV before 5 samples on a grid of 1/32 pixel and draws some outlines differently."""
    difference = np.abs(np.asarray(found).astype(int) - want)
    if int(cv2.__version__.split(".")[0]) >= 5:
        assert difference.max(initial=0) <= limit, name
    else:
        assert (difference > 6).mean() <= 0.01, name


def labels_of(g, name):
    def part(key):
        return g[f"{name}.in.{key}"].copy() if f"{name}.in.{key}" in g.z.files else None

    image = part("img")
    return {
        "img": image,
        "cls": part("cls"),
        "im_file": name,
        "ori_shape": image.shape[:2],
        "resized_shape": image.shape[:2],
        "ratio_pad": (1.0, 1.0),
        "instances": Instances(part("bboxes"), part("segments"), part("keypoints"), "xyxy", normalized=False),
    }


def check(g, name, labels, pixels=1):
    """Compare everything that is stored of the case."""
    instances = labels["instances"]
    found = {"img": labels["img"], "cls": labels["cls"], "bboxes": instances.bboxes}
    found |= {"segments": instances.segments, "keypoints": instances.keypoints}
    compared = 0
    for key, value in found.items():
        if f"{name}.out.{key}" in g.z.files:
            want = g[f"{name}.out.{key}"]
            assert value.shape == want.shape, key
            if key == "img":
                assert_pictures_agree(value, want, pixels, name)
            else:
                assert np.abs(value.astype(float) - want).max(initial=0) <= 1e-3, key
            compared += 1
    assert compared >= 2


@pytest.mark.parametrize("kind", ["box", "seg", "kpt"])
@pytest.mark.parametrize("number", range(5))
def test_perspective(g, number, kind):
    name = f"persp{number}.{kind}"
    transform = RandomPerspective(**g.meta[name]["config"])
    random.seed(g.meta[name]["random_seed"])
    params = transform.get_params(labels_of(g, name))
    np.testing.assert_allclose(params["M"], g[f"{name}.M"], atol=1e-4)
    assert params["scale"] == pytest.approx(float(g[f"{name}.scale"]))
    random.seed(g.meta[name]["random_seed"])
    check(g, name, transform(labels_of(g, name)))


def test_box_candidates(g):
    before, after = g["box_candidates.box1"].T, g["box_candidates.box2"].T
    np.testing.assert_array_equal(RandomPerspective.box_candidates(before, after), g["box_candidates.default"] > 0)
    kept = RandomPerspective.box_candidates(before, after, area_thr=0.01)
    np.testing.assert_array_equal(kept, g["box_candidates.area001"] > 0)


@pytest.mark.parametrize("number", range(5))
def test_letterbox(g, number):
    name = f"letterbox{number}"
    labels = LetterBox(**g.meta[name]["config"])(labels_of(g, name))
    check(g, name, labels)
    gains, pads = labels["ratio_pad"]
    np.testing.assert_allclose([*gains, *pads], g[f"{name}.out.ratio_pad"], rtol=1e-6)


@pytest.mark.parametrize("direction", ["horizontal", "vertical"])
def test_flip(g, direction):
    name = f"flip_{direction}"
    check(g, name, RandomFlip(1.0, direction, [0, 2, 1, 4, 3])(labels_of(g, name)), pixels=0)


@pytest.mark.parametrize("number", range(7))
def test_format(g, number):
    name = f"format{number}"
    random.seed(3)
    item = Format(**g.meta[name]["config"])(labels_of(g, name))
    for key, (shape, dtype) in g.meta[name]["shapes"].items():
        assert list(item[key].shape) == shape and str(item[key].dtype) == dtype, key
        np.testing.assert_allclose(item[key].numpy(), g[f"{name}.out.{key}"], atol=1e-4, err_msg=key)
    assert item["im_file"] == name and "instances" not in item


@pytest.mark.parametrize("number", range(3))
def test_hsv(g, number):
    meta = g.meta[f"hsv{number}"]
    np.random.seed(meta["numpy_seed"])
    picture = g[f"hsv{number}.in"].copy()
    result = RandomHSV(*meta["limits"])({"img": picture})["img"]
    assert np.abs(result.astype(int) - g[f"hsv{number}.out"]).max() <= 1
    np.testing.assert_array_equal(picture, g[f"hsv{number}.in"])


class Patches:
    """The stored patches of a mosaic, or the partner of a mixup."""

    cache, data = None, {}

    def __init__(self, g, names):
        self.g, self.names = g, names

    def __len__(self):
        return len(self.names)

    def get_image_and_label(self, index):
        return labels_of(self.g, self.names[index])


def test_mixup(g):
    transform = MixUp(Patches(g, ["mixup.a", "mixup.b"]), p=1.0)
    transform.get_indexes = lambda: 1
    np.random.seed(g.meta["mixup"]["numpy_seed"])
    check(g, "mixup", transform(labels_of(g, "mixup.a")))


@pytest.mark.parametrize("n", [4, 9])
def test_mosaic(g, n, monkeypatch):
    meta = g.meta[f"mosaic{n}"]
    names = [f"mosaic{n}.patch{i}" for i in range(n)]
    transform = Mosaic(Patches(g, names), meta["imgsz"], p=1.0, n=n)
    transform.get_indexes = lambda: list(range(1, n))
    draws = iter([0.0, *(meta["centre_yc_xc"] or ())])
    monkeypatch.setattr(random, "uniform", lambda low, high: next(draws))
    check(g, f"mosaic{n}", transform(labels_of(g, names[0])), pixels=0)


def test_masks_of_polygons(g):
    polygons = g["poly.in"]
    np.testing.assert_array_equal(polygon2mask((60, 80), [polygons[0]]), g["poly.polygon2mask"])
    np.testing.assert_array_equal(polygons2masks((60, 80), polygons, 1, 2), g["poly.masks_ds2"])
    index_map, order = polygons2masks_overlap((60, 80), polygons, 2)
    np.testing.assert_array_equal(index_map, g["poly.overlap"])
    np.testing.assert_array_equal(order, g["poly.overlap_order"])


ALL_CASES = cases(augment)


@pytest.mark.parametrize("name", list(ALL_CASES))
def test_mixing_chains_with_seeds(golden, name):
    figures = golden("transforms_mix")
    extra, transform = ALL_CASES[name]
    if name.startswith("preset"):
        transform.transforms[3].defaults = []  # albumentations was not installed when the figures were made
    for seed in range(3):
        found = run_case(extra, transform, seed)
        for key, value in found.items():
            stored = f"{name}.{seed}.{key}"
            if stored not in figures.z.files:
                assert key == "img" and seed
                continue
            want = figures[stored]
            assert value.shape == want.shape, stored
            if key == "segments" and extra == "rotated":
                value, want = (np.sort(v.reshape(len(v), -1), axis=1) for v in (value, want))  # any corner first
            if key == "img":
                assert_pictures_agree(value, want, 2, stored)
            else:
                assert np.abs(value.astype(float) - want).max(initial=0) <= 2e-3, stored
