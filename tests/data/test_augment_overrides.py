"""Methods of transforms that users override are called, and what they return is used, inside a whole chain."""

from __future__ import annotations

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from augment_inputs import HYP, SIDE, Partners, make_labels
from override_points import listed

from ultralytics.data import augment
from ultralytics.data.augment import (
    Albumentations,
    BaseMixTransform,
    Compose,
    CopyPaste,
    CutMix,
    Format,
    LetterBox,
    MixUp,
    Mosaic,
    RandomFlip,
    RandomHSV,
    RandomPerspective,
    v8_transforms,
)
from ultralytics.data.augment.rng import SampleRng

TASKS = ("", "segments", "keypoints", "rotated")
TRANSFORMS = {
    "Mosaic": lambda kind, data: kind(data, SIDE),
    "Mosaic9": lambda kind, data: kind(data, SIDE, n=9),
    "MixUp": lambda kind, data: kind(data, p=1.0),
    "CutMix": lambda kind, data: kind(data, p=1.0),
    "CopyPaste": lambda kind, data: kind(data, p=1.0),
    "CopyPasteMixup": lambda kind, data: kind(data, p=1.0, mode="mixup"),
    "RandomPerspective": lambda kind, data: kind(10, 0.1, 0.3, 5, 0.0005, size=(40, 36)),
    "RandomFlip": lambda kind, data: kind(1.0),
    "RandomHSV": lambda kind, data: kind(0.5, 0.5, 0.5),
    "LetterBox": lambda kind, data: kind((40, 56)),
}
KINDS = {kind.__name__: kind for kind in (CopyPaste, CutMix, LetterBox, MixUp, Mosaic, RandomFlip, RandomHSV)}
KINDS |= {"Mosaic9": Mosaic, "CopyPasteMixup": CopyPaste, "RandomPerspective": RandomPerspective}


def seeded(transform, labels):
    random.seed(3)
    np.random.seed(4)
    return transform(dict(labels))


def same(first, second):
    assert set(first) == set(second)
    np.testing.assert_array_equal(np.asarray(first["img"]), np.asarray(second["img"]))
    np.testing.assert_array_equal(first["cls"], second["cls"])
    one, other = first["instances"], second["instances"]
    for instances in (one, other):
        instances.convert_bbox("xyxy")
    np.testing.assert_allclose(one.bboxes, other.bboxes, atol=1e-4)
    assert len(one.segments) == len(other.segments)
    np.testing.assert_allclose(one.segments, other.segments, atol=1e-4)
    if one.keypoints is not None:
        np.testing.assert_allclose(one.keypoints, other.keypoints, atol=1e-4)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", TRANSFORMS)
def test_the_plain_way_gives_what_the_fast_way_gives(name, task):
    """An override that changes nothing changes nothing; draws come in the same order."""
    if "CopyPaste" in name and task == "":
        pytest.skip("copy-paste needs polygons")
    kind = KINDS[name]
    own = type("Own", (kind,), {"get_params": lambda self, labels: kind.get_params(self, labels)})
    data = Partners(task)
    fast, plain = TRANSFORMS[name](kind, data), TRANSFORMS[name](own, data)
    assert fast.native and not plain.native
    for key in range(5):
        labels = {**make_labels(key, extra=task), "ratio_pad": (1.0, 1.0)}
        same(seeded(fast, labels), seeded(plain, labels))


@pytest.mark.parametrize("overlap", [True, False])
@pytest.mark.parametrize("task", TASKS)
def test_formatting_the_plain_way(task, overlap):
    class Own(Format):
        def _format_img(self, img):
            return super()._format_img(img)

    options = {
        "return_mask": task == "segments",
        "return_keypoint": task == "keypoints",
        "return_obb": task == "rotated",
        "mask_overlap": overlap,
    }
    labels = make_labels(5, extra=task)
    fast, plain = seeded(Format(**options), labels), seeded(Own(**options), labels)
    assert fast.keys() == plain.keys()
    for key, value in fast.items():
        if isinstance(value, torch.Tensor):
            torch.testing.assert_close(value, plain[key], msg=key)


# One row per method that is listed as a point of overriding: what the subclass does, and how the item shows it.

GREY = 7
asked: list[int] = []


class Asked(Partners):
    def get_image_and_label(self, index):
        asked.append(index)
        return super().get_image_and_label(index % 9)


def no_objects(labels):
    return {**labels, "instances": labels["instances"][[]], "cls": labels["cls"][:0]}


def nothing_left(self, labels, *args, **kwargs):
    return no_objects(labels)


def greyed(original):
    def apply_image(self, labels, params=None):
        labels = original(self, labels, params)
        return {**labels, "img": np.full_like(labels["img"], GREY)}

    return apply_image


def marking(original):
    def get_params(self, labels):
        labels["marked"] = True
        return original(self, labels)

    return get_params


def mark(self, labels, params=None):
    return {**labels, "marked": True}


def moved_away(original):
    return staticmethod(lambda labels, padw, padh, img_shape=None: original(labels, 9 * SIDE, 0, img_shape))


def grey_tensor(self, *args):
    return torch.full((3, 4, 4), GREY)


def all_grey(item):
    return bool((item["img"] == GREY).all())


def none_left(item):
    return len(item["cls"]) == 0


def marked(item):
    return item["marked"]


HOOKED = (Mosaic, RandomPerspective, LetterBox, MixUp)
POINTS = {
    **{(kind, "get_params"): (marking(kind.get_params), marked) for kind in (*HOOKED, Format)},
    **{(kind, "apply_image"): (greyed(kind.apply_image), all_grey) for kind in HOOKED},
    **{(kind, "apply_instances"): (nothing_left, none_left) for kind in HOOKED},
    **{(kind, "apply_semantic"): (mark, marked) for kind in (*HOOKED, Format)},
    **{(kind, "__call__"): (nothing_left, none_left) for kind in (MixUp, LetterBox, Albumentations)},
    (RandomPerspective, "apply_depth"): (mark, marked),
    (Mosaic, "get_indexes"): (lambda self: [5, 5, 5], lambda item: set(asked) == {5}),
    (Mosaic, "_update_labels"): (moved_away(Mosaic._update_labels), none_left),
    (Mosaic, "_cat_labels"): (lambda self, patches: no_objects(patches[0]), none_left),
    (MixUp, "get_indexes"): (lambda self: 11, lambda item: set(asked) == {11}),
    (MixUp, "_update_label_text"): (staticmethod(lambda labels: {**labels, "marked": True}), marked),
    (LetterBox, "_update_labels"): (staticmethod(lambda labels, *args: no_objects(labels)), none_left),
    (RandomPerspective, "_compute_affine_matrix"): (
        lambda self, img, size: (np.array([[1, 0, 999], [0, 1, 0], [0, 0, 1.0]]), 1.0),
        none_left,
    ),
    (RandomPerspective, "apply_bboxes"): (lambda self, bboxes, M: np.zeros_like(bboxes), none_left),
    (RandomPerspective, "apply_segments"): (
        lambda self, segments, M, size: (np.zeros((len(segments), 4), np.float32), segments),
        none_left,
    ),
    (RandomPerspective, "apply_keypoints"): (
        lambda self, keypoints, M, size: np.full_like(keypoints, 1),
        lambda item: bool((item["instances"].keypoints == 1).all()),
    ),
    (RandomPerspective, "box_candidates"): (
        staticmethod(lambda box1, box2, **kwargs: np.zeros(box1.shape[1], bool)),
        none_left,
    ),
    (Format, "apply_image"): (lambda self, labels, params: {**labels, "img": grey_tensor(self)}, all_grey),
    (Format, "apply_instances"): (lambda self, labels, params: {**labels, "cls": torch.zeros(0, 1)}, none_left),
    (Format, "_format_img"): (grey_tensor, all_grey),
    (Format, "_format_segments"): (
        lambda self, instances, cls, w, h: (np.zeros((1, h // 4, w // 4), np.uint8), instances[[]], cls[:0]),
        none_left,
    ),
}
MADE = {
    "Mosaic": lambda kind, data: kind(data, SIDE),
    "MixUp": lambda kind, data: kind(data, p=1.0),
    "RandomPerspective": lambda kind, data: kind(translate=0.0, scale=0.0),
    "LetterBox": lambda kind, data: kind((40, 56)),
    "Albumentations": lambda kind, data: kind(),
    "Format": lambda kind, data: kind(return_mask=True),
}
EXTRA = {"apply_segments": "segments", "_format_segments": "segments", "apply_keypoints": "keypoints"}


@pytest.mark.parametrize("how", ["subclass", "class", "object"])
@pytest.mark.parametrize(("kind", "method"), [pytest.param(*key, id=f"{key[0].__name__}.{key[1]}") for key in POINTS])
def test_an_overridden_method_decides(kind, method, how, monkeypatch):
    if how == "object" and method == "__call__":
        pytest.skip("Python looks calls up on the class")
    mine, shows = POINTS[kind, method]
    data, make = Asked(EXTRA.get(method, "")), MADE[kind.__name__]
    if how == "subclass":
        made = make(type("Own", (kind,), {method: mine}), data)
    elif how == "class":
        monkeypatch.setattr(kind, method, mine)
        made = make(kind, data)
    else:
        made = make(kind, data)
        monkeypatch.setattr(made, method, mine.__func__ if isinstance(mine, staticmethod) else mine.__get__(made))
    for rng in (SampleRng((0, 1)), None):
        asked.clear()
        item = Compose([made])({**make_labels(0, extra=data.extra), "ref": 0}, rng)
        assert shows(item)
        assert "mix_labels" not in item


def test_every_listed_method_of_transforms_is_in_the_table():
    covered = {(kind.__name__, method) for kind, method in POINTS}
    covered |= {("BaseMixTransform", method) for kind, method in covered if kind == "MixUp"}
    assert listed("data.augment:") <= covered


def test_replaced_constructor_of_albumentations(monkeypatch):
    A = pytest.importorskip("albumentations")

    def init(self, p=1.0):  # as tutorials for 8.1 to 8.3 have it
        self.p, self.transform = p, None
        steps = [A.HorizontalFlip(p=1.0)]
        self.contains_spatial = True
        params = A.BboxParams(format="yolo", label_fields=["class_labels"])
        self.transform = A.Compose(steps, bbox_params=params)

    monkeypatch.setattr(Albumentations, "__init__", init)
    chain = v8_transforms(Partners(), SIDE, SimpleNamespace(**HYP))
    made = chain.transforms[3]
    assert isinstance(made, Albumentations) and made.contains_spatial
    labels = make_labels(0)
    result, expected = made(labels), RandomFlip(1.0)(labels)
    np.testing.assert_array_equal(result["img"], expected["img"])
    expected["instances"].convert_bbox("xyxy")
    np.testing.assert_allclose(result["instances"].bboxes, expected["instances"].bboxes, atol=1e-3)


def test_composition_put_into_an_object():
    A = pytest.importorskip("albumentations")
    made, labels = Albumentations(), make_labels(0)
    made.transform = A.Compose([A.InvertImg(p=1.0)])
    np.testing.assert_array_equal(made(labels)["img"], 255 - labels["img"])
    made.transform = A.VerticalFlip(p=1.0)
    np.testing.assert_array_equal(made(labels)["img"], labels["img"][::-1])
    made.transform = A.Compose([A.VerticalFlip(p=1.0)], p=0.0)
    np.testing.assert_array_equal(made(labels)["img"], labels["img"])


PARTS = ("Mosaic", "CopyPaste", "RandomPerspective", "MixUp", "CutMix", "Albumentations", "RandomHSV", "RandomFlip")


@pytest.mark.parametrize("name", PARTS)
def test_a_class_replaced_on_the_public_module_is_used(name, monkeypatch):
    mine = type("Mine", (getattr(augment, name),), {})
    monkeypatch.setattr(augment, name, mine)
    chain = v8_transforms(Partners(), SIDE, SimpleNamespace(**HYP))
    kinds = [type(one) for one in (*chain.transforms[0].transforms, *chain.transforms)]
    assert kinds.count(mine) == (2 if name == "RandomFlip" else 1)
    assert chain({**make_labels(0), "ref": 0})["img"].shape == (SIDE, SIDE, 3)


def test_hooks_of_older_versions_are_told(caplog):
    body = {"_mosaic4": lambda self, labels: labels}
    for _ in range(2):
        type("Old", (Mosaic,), body)(Partners(), SIDE)
    type("Old", (RandomPerspective,), {"affine_transform": lambda self, img, border: img})()
    type("Old", (CopyPaste,), {"_transform": lambda self, labels, other={}: labels})()
    assert [r.getMessage().split(" has no")[0] for r in caplog.records if "no effect" in r.getMessage()] == [
        "Old._mosaic4()", "Old._mosaic4()", "Old.affine_transform()", "Old._transform()",
    ]  # fmt: skip


def test_base_of_mixing_transforms_goes_through_its_hooks():
    seen = []

    class Own(BaseMixTransform):
        def get_indexes(self):
            seen.append("get_indexes")
            return [1, 2]

        def apply_image(self, labels, params=None):
            seen.append(len(params["mix_labels"]))
            return labels

    Own(Partners(), p=1.0)(make_labels(0))
    assert seen == ["get_indexes", 2]
