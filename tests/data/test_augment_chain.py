"""Chains, random streams, user transforms, mixing and the item that comes out."""

from __future__ import annotations

import pickle
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from augment_inputs import HYP, SIDE, Partners, make_labels

from ultralytics.data.augment import (
    Albumentations,
    BaseMixTransform,
    BaseTransform,
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
from ultralytics.data.augment.rng import GlobalRng, SampleRng
from ultralytics.data.images.canvas import Canvas, Scaled
from ultralytics.data.sample import Sample, join


class Ordered(Partners):
    """A data set that chooses partners itself."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.asked = []

    def draw_partners(self, ref, n, rng):
        self.asked.append((ref, n))
        return rng.choices(range(20), n)


def preset(dataset, **changes):
    chain = v8_transforms(dataset, SIDE, SimpleNamespace(**(HYP | changes)))
    chain.transforms[3].defaults = []
    return chain


def same(first, second):
    assert first.keys() == second.keys()
    for key, value in first.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, second[key]), key


# Random streams


def test_a_sample_stream_is_a_function_of_its_key():
    def numbers(key):
        rng = SampleRng(key)
        return [rng.random(), rng.uniform(2, 3), rng.randint(1, 6), rng.integers(9), rng.beta(32, 32), *rng.hsv3()] + (
            rng.choices(range(9), 3) + rng.sample(range(9), 3)
        )

    assert numbers((1, 2, 3)) == numbers((1, 2, 3))
    keys = [(1, 2, 3), (1, 3, 2), (0, 1, 2, 3), (1, 2), (-1, 2, 3), (1, 2, 4)]
    assert len({tuple(numbers(key)) for key in keys}) == len(keys)


def test_stream_ranges():
    rng = SampleRng((5,))
    assert {rng.randint(1, 3) for _ in range(200)} == {1, 2, 3}
    assert {rng.integers(1, 3) for _ in range(200)} == {1, 2}
    assert all(-1 <= value < 1 for _ in range(50) for value in rng.hsv3())
    shares = [rng.beta(32, 32) for _ in range(300)]
    assert abs(np.mean(shares) - 0.5) < 0.02 and 0.03 < np.std(shares) < 0.1


def test_draw_order_of_the_public_chain(monkeypatch):
    """The process-wide generators are asked in the documented order."""
    asked = []

    def record(module, name, label):
        original = getattr(module, name)

        def call(*args, **kwargs):
            asked.append(label)
            return original(*args, **kwargs)

        monkeypatch.setattr(module, name, call)

    for name in ("uniform", "random", "choices", "randint"):
        record(random, name, name)
    for name in ("uniform", "beta"):
        record(np.random, name, f"np.{name}")
    random.seed(0)
    np.random.seed(0)
    preset(Partners(), mixup=0.0, cutmix=0.0, copy_paste=0.0)(make_labels(0))
    mosaic, warp = ["uniform", "choices", "uniform", "uniform"], ["uniform"] * 8
    assert asked == [*mosaic, *warp, "uniform", "uniform", "np.uniform", "random", "random"]


def test_a_chain_with_a_stream_leaves_the_global_generators_alone():
    chain = preset(Ordered(varied=True), mixup=1.0, cutmix=1.0)
    before = random.getstate(), np.random.get_state()[1].tolist()
    chain({**make_labels(0), "ref": 0}, SampleRng((1, 2)))
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


@pytest.mark.parametrize("extra", ["", "segments", "keypoints", "rotated"])
def test_same_key_same_item(extra):
    chain = preset(Ordered(extra, varied=True))
    chain.append(Format(return_mask=extra == "segments", return_keypoint=extra == "keypoints", mask_ratio=2))
    for key in range(4):
        labels = {**make_labels(key, extra=extra), "ref": key}
        first, second = (chain(labels, SampleRng((0, key))) for _ in range(2))
        same(first, second)
        assert first["img"].shape == (3, SIDE, SIDE) and first["img"].dtype == torch.uint8
        assert first["bboxes"].shape == (len(first["cls"]), 4) and first["bboxes"].dtype == torch.float32
        assert first["resized_shape"] == (SIDE, SIDE) and "ref" not in first and "instances" not in first


def test_inputs_are_not_changed():
    chain, labels = preset(Ordered("segments"), mixup=1.0, cutmix=1.0), make_labels(0, extra="segments")
    before = labels["img"].copy(), labels["instances"].bboxes.copy(), labels["instances"].segments.copy()
    keys = set(labels)
    for key in range(5):
        chain(labels, SampleRng((key,)))
    assert set(labels) == keys
    for now, then in zip(
        (labels["img"], labels["instances"].bboxes, labels["instances"].segments), before, strict=True
    ):
        np.testing.assert_array_equal(now, then)


def test_chains_can_be_pickled():
    chain = preset(Partners("segments", varied=True))
    copy = pickle.loads(pickle.dumps(chain))
    first, second = (item(make_labels(3, extra="segments"), SampleRng((9,))) for item in (chain, copy))
    np.testing.assert_array_equal(first["img"], second["img"])


# Compose and user transforms


def test_compose_is_a_list():
    chain = Compose([RandomHSV(), RandomFlip()])
    chain.append(Format())
    chain.insert(0, LetterBox())
    assert [type(t).__name__ for t in chain.tolist()] == ["LetterBox", "RandomHSV", "RandomFlip", "Format"]
    assert isinstance(chain[0], LetterBox) and isinstance(chain[[1, 2]], Compose) and len(chain[1:3]) == 2
    chain[0] = RandomFlip(0.0)
    assert isinstance(chain[0], RandomFlip)
    with pytest.raises(ValueError, match="2 positions"):
        chain[[0, 1]] = [RandomHSV()]
    assert Compose(RandomHSV()).tolist()[0].hgain == 0.5


@pytest.mark.parametrize("position", [0, 1, 2, 3, 5])
def test_user_functions_get_dictionaries_with_pixels(position):
    seen = []

    def darken(labels):
        seen.append(labels)
        return {**labels, "img": labels["img"] // 2}

    chain = preset(Partners(varied=True), mixup=0.0, cutmix=0.0)
    chain.append(Format())
    inner = chain.transforms[0] if position < 3 else chain
    inner.insert(min(position, 3), darken)
    item = chain(make_labels(1), SampleRng((4,)))
    labels = seen[0]
    assert isinstance(labels["img"], np.ndarray) and labels["img"].ndim == 3
    assert len(labels["instances"]) == len(labels["cls"]) and labels["im_file"] == "1.jpg"
    assert item["img"].shape == (3, SIDE, SIDE)
    assert position == 0 or item["img"].max() <= 180  # before the mosaic, only one of four pictures is dark


def test_colour_order_is_restored_for_user_functions():
    def keep(labels):
        return labels

    picture = make_labels(2)["img"]
    for level in (-100, -3, 3, 70, 130):
        transform = RandomHSV(1.0, 0.5, 0.5)
        transform.draw = lambda rng, sample, level=level: {"gains": (level / 180 + 1e-3, 0.2, -0.1)}
        labels = {**make_labels(2), "img": picture}
        direct = Compose([transform, Format()])(labels)["img"]
        between = Compose([transform, keep, Format()])(labels)["img"]
        assert torch.equal(direct, between)


def test_subclasses_that_override_hooks_are_respected():
    class Still(RandomPerspective):
        def get_params(self, labels):
            params = dict(super().get_params(labels))
            params["M"] = np.eye(3)
            return {**params, "grid": None}

    class Loud(RandomFlip):
        def apply_instances(self, labels, params):
            return {**super().apply_instances(labels, params), "loud": True}

    assert RandomPerspective().native and not Still().native and not Loud().native
    labels = make_labels(0)
    result = Compose([Still(size=(SIDE, SIDE)), Loud(1.0)])(labels, SampleRng((0,)))
    np.testing.assert_array_equal(result["img"], labels["img"][:, ::-1])
    assert result["loud"]


def test_own_transforms_from_the_base_class():
    class Invert(BaseTransform):
        def get_params(self, labels):
            return {"top": 255}

        def apply_image(self, labels, params=None):
            labels["img"] = params["top"] - labels["img"]
            return labels

    labels = make_labels(0)
    result = Invert()(dict(labels))
    np.testing.assert_array_equal(result["img"], 255 - labels["img"])


@pytest.mark.parametrize("style", ["hooks", "mix_transform"])
def test_own_mixing_transforms(style):
    def average(labels, partner):
        labels["img"] = ((labels["img"].astype(int) + partner["img"]) // 2).astype(np.uint8)
        return labels

    if style == "hooks":

        class Mean(BaseMixTransform):
            def get_params(self, labels):
                return {"partner": labels["mix_labels"][0]}

            def apply_image(self, labels, params=None):
                return average(labels, params["partner"])

            def apply_instances(self, labels, params=None):
                return labels

    else:

        class Mean(BaseMixTransform):
            def get_indexes(self):
                return 7

            def _mix_transform(self, labels):
                return average(labels, labels["mix_labels"][0])

    labels, dataset = make_labels(0), Partners()
    result = Mean(dataset, p=1.0)(dict(labels))
    assert "mix_labels" not in result
    candidates = (
        [dataset.get_image_and_label(7)] if style == "mix_transform" else map(dataset.get_image_and_label, range(20))
    )
    means = [(labels["img"].astype(int) + other["img"]) // 2 for other in candidates]
    assert any((result["img"] == mean).all() for mean in means)
    assert Mean(dataset, p=0.0)(dict(labels))["img"] is labels["img"]


# Mixing


def test_partners_come_from_the_data_set():
    dataset = Ordered(varied=True)
    chain = preset(dataset, mixup=1.0, cutmix=0.0)
    chain({**make_labels(0), "ref": "me"}, SampleRng((1,)))
    assert dataset.asked[:2] == [("me", 3), ("me", 1)]


def test_mosaic_without_a_buffer_takes_any_index():
    dataset = Partners()
    del dataset.buffer
    assert Mosaic(dataset, SIDE)(make_labels(0))["img"].shape == (2 * SIDE, 2 * SIDE, 3)
    dataset.buffer, dataset.cache = [3], "ram"
    assert len({tuple(Mosaic(dataset, SIDE).get_indexes()) for _ in range(20)}) > 1


def test_no_mixing_on_request():
    dataset = Ordered("segments")
    chain = preset(dataset, mixup=1.0, cutmix=1.0, copy_paste=1.0, degrees=0.0, shear=0.0, translate=0.0, scale=0.0)
    labels = {**make_labels(0, extra="segments"), "ref": 0, "mix": False}
    result = Compose(chain.transforms[:3])(labels, SampleRng((0,)))
    assert not dataset.asked
    np.testing.assert_array_equal(result["img"], labels["img"])
    assert len(result["cls"]) <= 4


def test_mosaic_is_painted_late():
    sample = Mosaic(Partners(varied=True), SIDE).run(Sample.from_labels(make_labels(0)), SampleRng((3,)))
    assert isinstance(sample.image, Canvas) and sample.size_hw == (2 * SIDE, 2 * SIDE)
    assert sample.meta["resized_shape"] == (2 * SIDE, 2 * SIDE)
    fast = RandomPerspective(size=(SIDE, SIDE), snap=True).run(sample, SampleRng((3,)))
    assert isinstance(fast.image, Scaled) and fast.size_hw == (SIDE, SIDE)


def test_snapping_moves_picture_and_boxes_together():
    labels = make_labels(0)
    labels["img"][:] = 0
    labels["img"][10:20, 8:24] = 255
    labels["instances"].update(np.array([[8, 10, 24, 20]] * 4, np.float32))
    for key in range(30):
        result = Compose([RandomPerspective(translate=0.2, scale=0.4, size=(48, 48), snap=True)])(
            labels, SampleRng((key,))
        )
        rows, columns = np.nonzero(result["img"][..., 0] > 160)
        seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert np.abs(result["instances"].bboxes[0] - seen).max() <= 1.5


def test_mixup_needs_one_size():
    with pytest.raises(ValueError, match="one size"):
        MixUp(Partners(), p=1.0)(make_labels(0, (24, 32)))


def test_mosaic_refuses_rectangular_training():
    with pytest.raises(ValueError, match="rect"):
        Mosaic(Partners(), SIDE)({**make_labels(0), "rect_shape": (32, 64)})


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Mosaic(Partners(), n=3), "4 or 9"),
        (lambda: Mosaic(Partners(), p=1.5), "1.5"),
        (lambda: CopyPaste(mode="paste"), "mixup"),
        (lambda: RandomFlip(direction="sideways"), "sideways"),
        (lambda: RandomFlip(p=2), "2"),
    ],
)
def test_settings_are_checked(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_cutmix_covers_no_object():
    for seed in range(40):
        random.seed(seed)
        np.random.seed(seed)
        labels = make_labels(seed, n=2)
        result = CutMix(Partners(), p=1.0, num_areas=10)(labels)
        kept = labels["instances"].bboxes
        np.testing.assert_array_equal(result["instances"].bboxes[:2], kept)
        for x1, y1, x2, y2 in np.floor(kept).astype(int):
            box = slice(y1 + 1, max(y2, y1 + 1)), slice(x1 + 1, max(x2, x1 + 1))
            np.testing.assert_array_equal(result["img"][box], labels["img"][box])


def test_copy_paste_mirrors_keypoints_in_order():
    segments = np.array([[[2, 2], [9, 2], [9, 9], [2, 9]]], np.float32)
    points = np.array([[[3, 3, 2], [8, 3, 1]]], np.float32)
    sample = Sample(
        np.zeros((30, 40, 3), np.uint8), np.array([[2, 2, 9, 9]], np.float32), np.zeros((1, 1)), segments, points
    )
    pasted = CopyPaste(SimpleNamespace(data={"flip_idx": [1, 0]}), p=1.0).run(sample, SampleRng((0,)))
    np.testing.assert_array_equal(pasted.keypoints[1], [[32, 3, 1], [37, 3, 2]])


def test_copy_paste_of_version_8_1():
    assert CopyPaste(0.3).p == 0.3 and CopyPaste(0.3).dataset is None


def test_joining_with_empty_samples():
    full, empty = Sample.from_labels(make_labels(0, extra="segments")), Sample(np.zeros((8, 8, 3), np.uint8))
    joined = join((empty, full), empty.image, {})
    np.testing.assert_array_equal(joined.segments, full.segments)
    assert len(join((empty, empty), empty.image, {})) == 0


# Letterbox, format, presets


def test_letterbox_of_a_picture_alone():
    picture = make_labels(0, (24, 32))["img"]
    assert LetterBox((64, 64))(image=picture).shape == (64, 64, 3)
    assert LetterBox(64)(image=picture[..., 0]).shape == (64, 64)
    assert LetterBox((64, 64), auto=True)(image=picture).shape == (64, 64, 3)
    assert LetterBox((24, 32))(image=picture) is picture
    assert set(LetterBox((64, 64))({"img": picture})) == {"img", "resized_shape"}
    assert LetterBox(scaleFill=True).scale_fill


def test_letterbox_takes_the_shape_of_its_batch():
    result = LetterBox((64, 64), scaleup=False)({**make_labels(0, (24, 32)), "rect_shape": np.array([40, 48])})
    assert result["img"].shape == (40, 48, 3) and "rect_shape" not in result
    assert result["ratio_pad"] == ((1.0, 1.0), (8, 8))
    np.testing.assert_array_equal(result["instances"].bboxes, make_labels(0, (24, 32))["instances"].bboxes + 8)


def test_format_without_objects():
    item = Format(return_mask=True, return_keypoint=True)(
        {**make_labels(0, n=1), "instances": make_labels(0)["instances"][[]]} | {"cls": np.zeros((0, 1))}
    )
    assert item["masks"].shape == (1, SIDE // 4, SIDE // 4) and not item["masks"].any()
    assert item["bboxes"].shape == (0, 4) and item["cls"].shape == (0, 1) and item["batch_idx"].shape == (0,)
    assert Format(return_obb=True)(
        {**make_labels(0, n=1), "instances": make_labels(0)["instances"][[]], "cls": np.zeros((0, 1))}
    )["bboxes"].shape == (0, 5)


def test_background_of_semantic_masks_is_zero():
    for overlap in (True, False):
        item = Format(return_mask=True, mask_overlap=overlap, mask_ratio=1)(make_labels(3, extra="segments"))
        covered = (item["masks"] > 0).any(dim=0)
        assert not item["sem_masks"][~covered].any()
        for k in range(len(item["cls"])):
            mine = item["masks"][0] == k + 1 if overlap else item["masks"][k].bool() & (item["masks"].sum(0) == 1)
            assert (item["sem_masks"][mine] == item["cls"][k]).all()


def test_more_than_255_objects_in_one_mask():
    from ultralytics.data.augment.masks import polygons2masks_overlap

    corner = np.stack(np.meshgrid(np.arange(20) * 3, np.arange(15) * 3), -1).reshape(-1, 1, 2)
    squares = (corner + np.array([[0, 0], [1, 0], [1, 1], [0, 1]])).astype(np.float32)
    index_map, _ = polygons2masks_overlap((48, 64), squares)
    assert index_map.dtype == np.int32 and index_map.max() == 300


@pytest.mark.parametrize("channels", [1, 4])
def test_pictures_of_other_channel_counts(channels):
    labels = make_labels(0)
    labels["img"] = np.repeat(labels["img"][..., :1], channels, axis=2)
    chain = Compose(
        [RandomPerspective(10, size=(SIDE, SIDE)), RandomHSV(), RandomFlip(1.0), LetterBox((40, 40)), Format()]
    )
    assert chain(labels, SampleRng((0,)))["img"].shape == (channels, 40, 40)


def test_two_dimensional_pictures():
    labels = make_labels(0)
    labels["img"] = labels["img"][..., 0]
    assert Compose([LetterBox((40, 40)), Format()])(labels)["img"].shape == (1, 40, 40)


def test_preset_without_keypoint_order_does_not_flip(caplog):
    dataset = Partners("keypoints")
    dataset.data = {"kpt_shape": [5, 3]}
    hyp = SimpleNamespace(**HYP)
    flips = [t for t in v8_transforms(dataset, SIDE, hyp).transforms if isinstance(t, RandomFlip)]
    assert [flip.p for flip in flips] == [0.0, 0.0] and hyp.fliplr == 0.5
    dataset.data = {"kpt_shape": [5, 3], "flip_idx": [1, 0]}
    with pytest.raises(ValueError, match="flip_idx"):
        v8_transforms(dataset, SIDE, hyp)


def test_preset_order():
    def names(chain):
        return [type(t).__name__ for t in chain.transforms]

    chain = preset(Partners())
    assert names(chain) == [
        "Compose", "MixUp", "CutMix", "Albumentations", "RandomHSV", "RandomFlip", "RandomFlip"
    ]  # fmt: skip
    assert names(chain[0]) == ["Mosaic", "CopyPaste", "RandomPerspective"]
    assert names(preset(Partners(), copy_paste_mode="mixup")[0]) == ["Mosaic", "RandomPerspective", "CopyPaste"]
    assert [t.direction for t in chain[[5, 6]].transforms] == ["vertical", "horizontal"]


# Albumentations


def test_albumentations_default_is_rarely_felt():
    pytest.importorskip("albumentations")
    transform, labels = Albumentations(), Sample.from_labels(make_labels(0, (64, 64)))
    changed = [transform.run(labels, SampleRng((key,))) is not labels for key in range(400)]
    assert 4 <= sum(changed) <= 40
    assert not any(Albumentations(p=0.0).run(labels, SampleRng((key,))) is not labels for key in range(100))


@pytest.mark.parametrize("extra", ["", "segments", "keypoints"])
def test_albumentations_moves_objects(extra):
    A = pytest.importorskip("albumentations")
    order = [0, 2, 1, 4, 3]
    transform = Albumentations(transforms=[A.HorizontalFlip(p=1.0)], flip_idx=order)
    assert transform.contains_spatial and not Albumentations(transforms=[A.Blur()]).contains_spatial
    labels = make_labels(0, extra=extra)
    result = transform(labels)
    expected = Compose([RandomFlip(1.0, flip_idx=order)])(labels)
    np.testing.assert_array_equal(result["img"], expected["img"])
    np.testing.assert_allclose(result["instances"].bboxes, expected["instances"].bboxes, atol=1e-3)
    if extra == "segments":
        np.testing.assert_allclose(result["instances"].segments, expected["instances"].segments, atol=1.01)
    if extra == "keypoints":
        inside = expected["instances"].keypoints[..., 2] > 0
        np.testing.assert_allclose(
            result["instances"].keypoints[inside], expected["instances"].keypoints[inside], atol=1.01
        )


def test_albumentations_follow_the_stream():
    A = pytest.importorskip("albumentations")
    transform = Albumentations(transforms=[A.RandomBrightnessContrast(p=1.0), A.GaussNoise(p=0.5)])
    labels = make_labels(0)
    first, again, other = (Compose([transform])(labels, SampleRng((key,)))["img"] for key in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_global_rng_uses_the_process_generators():
    random.seed(1)
    np.random.seed(2)
    drawn = [GlobalRng().random(), GlobalRng().beta(1, 1), GlobalRng().integers(100)]
    random.seed(1)
    np.random.seed(2)
    assert drawn == [random.random(), np.random.beta(1, 1), np.random.randint(100)]
