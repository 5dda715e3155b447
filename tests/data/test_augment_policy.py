"""Automatic policies and random pictures: strengths, determinism, and what they leave alone."""

from __future__ import annotations

import itertools
import pickle

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from ultralytics.cfg.merge import get_cfg
from ultralytics.data.augment import classify_transforms
from ultralytics.data.augment.picture import RandomPicture, centre_picture, channels_first, draw_rectangle, policy_of
from ultralytics.data.augment.policy import (
    OPERATIONS,
    POLICIES,
    AugMix,
    AutoAugment,
    ColorJitter,
    RandAugment,
    Step,
    Steps,
    Strengths,
)
from ultralytics.data.augment.rng import GlobalRng, SampleRng


def picture(height: int = 60, width: int = 80, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    smooth = cv2.resize(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth.astype(int) + rng.integers(-9, 10, smooth.shape), 0, 255).astype(np.uint8)


def as_tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)


def differences(ours: np.ndarray, theirs: torch.Tensor) -> np.ndarray:
    return np.abs(ours.astype(int) - theirs.permute(1, 2, 0).numpy()[..., ::-1])


TORCHVISION = {
    "brightness": lambda t, a: functional.adjust_brightness(t, a),
    "color": lambda t, a: functional.adjust_saturation(t, a),
    "contrast": lambda t, a: functional.adjust_contrast(t, a),
    "sharpness": lambda t, a: functional.adjust_sharpness(t, a),
    "hue": lambda t, a: functional.adjust_hue(t, a),
    "posterize": lambda t, a: functional.posterize(t, int(a)),
    "solarize": lambda t, a: functional.solarize(t, a),
    "autocontrast": lambda t, a: functional.autocontrast(t),
    "equalize": lambda t, a: functional.equalize(t),
    "invert": lambda t, a: functional.invert(t),
    "rotate": lambda t, a: functional.rotate(t, a, interpolation=v2.InterpolationMode.BILINEAR),
}


@pytest.mark.parametrize(
    ("name", "amount", "mean", "most"),
    [
        ("brightness", 1.3, 1, 1), ("brightness", 0.6, 1, 1), ("color", 1.4, 1, 2), ("color", 0.0, 1, 2),
        ("contrast", 1.5, 1, 2), ("sharpness", 0.2, 1, 12), ("hue", 0.1, 3, 12), ("posterize", 5, 0, 0),
        ("solarize", 100, 0, 0), ("autocontrast", 0, 1, 1), ("equalize", 0, 6, 12), ("invert", 0, 0, 0),
        ("rotate", 20, 1, 60),
    ],
)  # fmt: skip
def test_operations_are_torchvisions(name, amount, mean, most):
    image = picture()
    before = image.copy()
    ours = OPERATIONS[name](image, amount)
    assert ours.shape == image.shape and ours.dtype == np.uint8
    off = differences(ours, TORCHVISION[name](as_tensor(image), amount))
    assert off.mean() <= mean and off.max() <= most
    assert (image == before).all(), "the given picture stays as it is"


def test_every_operation_of_no_strength_changes_nothing():
    image, strengths = picture(), Strengths()
    for name in set(OPERATIONS) - {"invert", "equalize", "autocontrast", "hue", "solarize"}:
        assert np.abs(OPERATIONS[name](image, strengths.amount(name, 0, 1)).astype(int) - image).max() <= 1, name


def test_shifts_and_shears_lead_where_torchvision_leads():
    """By the middle of a dot: +x to the right, +y down."""
    dot = np.zeros((61, 81, 3), np.uint8)
    cv2.circle(dot, (40, 30), 4, (255, 255, 255), -1)

    def centre(image):
        mass = image[..., 0].astype(float)
        y, x = np.mgrid[: mass.shape[0], : mass.shape[1]]
        return np.array([(x * mass).sum(), (y * mass).sum()]) / mass.sum()

    assert centre(OPERATIONS["translate_x"](dot, 0.1)) == pytest.approx([48.1, 30], abs=0.1)
    assert centre(OPERATIONS["translate_y"](dot, -0.1)) == pytest.approx([40, 23.9], abs=0.1)
    sheared = functional.affine(
        as_tensor(dot), 0, [0, 0], 1, [np.degrees(np.arctan(0.2)), 0], v2.InterpolationMode.BILINEAR, center=[0, 0]
    )
    theirs = centre(sheared.permute(1, 2, 0).numpy())
    assert centre(OPERATIONS["shear_x"](dot, 0.2)) == pytest.approx(theirs, abs=1)


def test_strengths_are_those_of_the_papers():
    full = Strengths()
    assert full.amount("rotate", 1, -1) == -30 and full.amount("shear_x", 1, 1) == 0.3
    assert full.amount("translate_y", 1, 1) == pytest.approx(150 / 331)
    assert full.amount("brightness", 1, 1) == 1.9 and full.amount("contrast", 1, -1) == pytest.approx(0.1)
    assert full.amount("posterize", 1, 1) == 4 and full.amount("solarize", 0.5, 1) == 127.5


@pytest.mark.parametrize("policy", [RandAugment(), AutoAugment(), AugMix(), ColorJitter()])
def test_same_key_same_picture(policy):
    image = picture()
    made = [policy.draw(SampleRng((0, i)))(image) for i in range(30)]
    again = [policy.draw(SampleRng((0, i)))(image) for i in range(30)]
    assert all((a == b).all() for a, b in zip(made, again, strict=True))
    assert len({a.tobytes() for a in made}) > 15
    assert pickle.loads(pickle.dumps(policy)) == policy
    assert policy.draw(GlobalRng())(image).shape == image.shape


def test_randaugment_draws_every_operation():
    names = {step.name for i in range(300) for step in RandAugment().draw(SampleRng((i,))).steps}
    assert len(names) == 14 and names <= set(OPERATIONS)
    assert len(RandAugment(count=3).draw(SampleRng((0,))).steps) == 3


def test_autoaugment_has_the_papers_pairs():
    theirs = {
        tuple((name.lower(), chance, level) for name, chance, level in pair)
        for pair in v2.AutoAugment(v2.AutoAugmentPolicy.IMAGENET)._policies
    }
    from ultralytics.data.augment.policy import _IMAGENET

    ours = {tuple((name.replace("_", ""), chance, level) for name, chance, level in pair) for pair in _IMAGENET}
    levelless = {"equalize", "autocontrast", "invert"}
    plain = {tuple((n, c, 0 if n in levelless else m) for n, c, m in pair) for pair in theirs}
    assert ours == plain


@given(seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_augmix_is_a_blend(seed):
    plan = AugMix().draw(SampleRng((seed,)))
    assert 0 <= plan.rest <= 1 and min(plan.weights) >= 0
    assert plan.rest + sum(plan.weights) == pytest.approx(1)
    assert all(1 <= len(chain.steps) <= 3 for chain in plan.chains)


def test_jitter_leaves_out_what_cannot_change():
    names = [step.name for step in ColorJitter(0.2, 0, 0.2, 0).draw(SampleRng((0,))).steps]
    assert sorted(names) == ["brightness", "color"]
    orders = {tuple(step.name for step in ColorJitter().draw(SampleRng((i,))).steps) for i in range(60)}
    assert len(orders) > 10


def test_policy_names():
    assert {name: type(policy_of(name)) for name in POLICIES} == POLICIES
    assert policy_of(None) is None and policy_of("None") is None
    with pytest.raises(ValueError, match=r"'autoaugmnt'.*randaugment, autoaugment, augmix"):
        policy_of("autoaugmnt")


# Pictures -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size_hw", [(300, 400), (224, 224), (223, 500), (501, 333), (37, 90), (64, 64)])
@pytest.mark.parametrize("size", [64, 224])
def test_centre_is_torchvisions(size_hw, size):
    image = picture(*size_hw)
    ours = channels_first(centre_picture(image, size))
    theirs = classify_transforms(size)(Image.fromarray(image[..., ::-1].copy()))
    assert ours.shape == (3, size, size) and ours.dtype == torch.uint8
    assert torch.equal(ours, (theirs * 255).round().to(torch.uint8))


def test_channels_first_has_its_own_memory():
    image = picture()
    out = channels_first(image)
    assert torch.equal(out, as_tensor(image))
    out[:] = 0
    assert image.any()


@given(height=st.integers(1, 400), width=st.integers(1, 400), seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_crops_lie_inside_and_are_large_enough(height, width, seed):
    chain = RandomPicture(32, area=(0.3, 0.9))
    top, left, h, w = chain.draw(SampleRng((seed,)), (height, width)).crop
    assert 0 <= top <= height - h and 0 <= left <= width - w and h > 0 and w > 0
    if min(height, width) > 20:
        assert min(h, w) >= np.floor(chain.smallest_side((height, width))) - 1


def test_crop_statistics():
    chain = RandomPicture(32, area=(0.2, 0.8))
    crops = np.array([chain.draw(SampleRng((i,)), (300, 400)).crop for i in range(400)], float)
    areas = crops[:, 2] * crops[:, 3] / (300 * 400)
    ratios = crops[:, 3] / crops[:, 2]
    assert areas.min() > 0.19 and areas.max() < 0.81 and 0.45 < areas.mean() < 0.55
    assert ratios.min() > 0.74 and ratios.max() < 1.35


def test_impossible_crops_fall_back_to_the_middle():
    chain = RandomPicture(32, area=(1.0, 1.0), ratio=(3 / 4, 4 / 3))
    assert chain.draw(SampleRng((0,)), (10, 100)).crop == (0, 43, 10, 13)
    assert draw_rectangle(SampleRng((0,)), (10, 100), (1.0, 1.0), (1.0, 1.0)) is None


def test_mirrors_erasing_and_defaults_of_a_run():
    image = picture(64, 64)
    plain = RandomPicture(64, area=(1.0, 1.0), ratio=(1.0, 1.0), hflip=0)
    assert (plain.run(image, SampleRng((0,))) == image).all()
    both = RandomPicture(64, area=(1.0, 1.0), ratio=(1.0, 1.0), hflip=1, vflip=1)
    assert (both.run(image, SampleRng((0,))) == image[::-1, ::-1]).all()
    erased = RandomPicture(64, area=(1.0, 1.0), ratio=(1.0, 1.0), hflip=0, erasing=1)
    shares = [(erased.run(image, SampleRng((i,))) != image).any(-1).mean() for i in range(50)]
    assert min(shares) > 0 and max(shares) < 0.34

    args = get_cfg(overrides={"imgsz": 32, "scale": 0.5})
    chain = RandomPicture.from_args(args)
    assert (chain.size, chain.area, chain.hflip, chain.erasing) == (32, (0.5, 1.0), 0.5, 0.4)
    assert chain.policy == RandAugment()
    assert RandomPicture.from_args(get_cfg(overrides={"imgsz": 32, "auto_augment": None})).policy == ColorJitter(
        0.4, 0.4, 0.7, 0.015
    )
    assert RandomPicture.from_args(get_cfg(overrides={"imgsz": 32, "scale": 1.0})).area[0] > 0


def test_a_source_is_never_written_to():
    image = picture(40, 40)
    image.flags.writeable = False
    chain = RandomPicture(40, area=(1.0, 1.0), ratio=(1.0, 1.0), hflip=0, erasing=1, policy=RandAugment())
    for i in range(40):
        chain.run(image, SampleRng((i,)))


def test_pil_pictures_work_too():
    out = RandomPicture(32)(Image.fromarray(picture()))
    assert out.shape == (3, 32, 32) and out.dtype == torch.uint8
    assert [Steps((Step("invert"), Step("invert")))(picture())[0, 0].tolist()] == [picture()[0, 0].tolist()]


def test_all_flips_are_possible():
    codes = {RandomPicture(8, hflip=0.5, vflip=0.5).draw(SampleRng((i,)), (9, 9)).mirror for i in range(60)}
    assert codes == {None, 0, 1, -1}
    assert len(list(itertools.islice(codes, 9))) == 4
