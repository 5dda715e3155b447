from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from ultralytics.data import augment
from ultralytics.data.augment import (
    CenterCrop,
    ClassifyLetterBox,
    ToTensor,
    classify_augmentations,
    classify_transforms,
)


@pytest.mark.parametrize("number", range(3))
def test_golden(golden, number):
    g = golden("transforms")
    size = g.meta[f"cls{number}"]["size"]
    picture = g[f"cls{number}.in"]
    assert np.abs(CenterCrop(size)(picture).astype(int) - g[f"cls{number}.center_crop"]).max() <= 1
    assert np.abs(ClassifyLetterBox(size)(picture).astype(int) - g[f"cls{number}.letterbox"]).max() <= 1
    assert ToTensor()(picture).mean().item() == pytest.approx(g[f"cls{number}.to_tensor_stat"][0], rel=1e-5)
    tensor = classify_transforms(size)(Image.fromarray(picture))
    assert type(tensor) is torch.Tensor
    np.testing.assert_allclose(tensor.numpy(), g[f"cls{number}.classify_transforms"], atol=1e-5)


def test_to_tensor_swaps_channels_and_halves():
    picture = np.zeros((4, 6, 3), np.uint8)
    picture[..., 0] = 255  # blue
    assert ToTensor()(picture)[:, 0, 0].tolist() == [0, 0, 1]
    assert ToTensor(half=True)(picture).dtype == torch.float16


def test_auto_letterbox_pads_to_the_stride():
    assert ClassifyLetterBox(64, auto=True)(np.zeros((30, 64, 3), np.uint8)).shape == (32, 64, 3)


@pytest.mark.parametrize(
    ("settings", "present", "absent"),
    [
        ({}, {"RandomHorizontalFlip", "ColorJitter", "RandomErasing"}, {"RandomVerticalFlip", "RandAugment"}),
        (
            {"auto_augment": "randaugment", "hflip": 0, "vflip": 0.5},
            {"RandAugment", "RandomVerticalFlip"},
            {"ColorJitter"},
        ),
        ({"auto_augment": "augmix", "force_color_jitter": True}, {"AugMix", "ColorJitter"}, {"AutoAugment"}),
        ({"auto_augment": "autoaugment"}, {"AutoAugment"}, {"ColorJitter"}),
    ],
)
def test_augmentations(settings, present, absent):
    chain = classify_augmentations(32, **settings)
    names = {type(transform).__name__ for transform in chain.transforms}
    assert present <= names and not absent & names
    picture = Image.fromarray(np.random.RandomState(0).randint(0, 256, (50, 70, 3)).astype(np.uint8))
    tensor = chain(picture)
    assert type(tensor) is torch.Tensor and tensor.shape == (3, 32, 32) and tensor.dtype == torch.float32


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"size": (3, 4)}, TypeError, "whole number"),
        ({"auto_augment": "randaugmnt"}, ValueError, "randaugment"),
        ({"interpolation": "LINEAR"}, ValueError, "BILINEAR"),
    ],
)
def test_errors(settings, error, text):
    with pytest.raises(error, match=text):
        classify_augmentations(**settings)


def test_loaded_when_asked_for():
    assert augment.DEFAULT_MEAN == (0.0, 0.0, 0.0) and "classify_transforms" in augment.__all__
    with pytest.raises(AttributeError, match="classify_transforms"):
        augment.classify_transform  # noqa: B018


def test_interpolation_by_name_or_as_an_enum():
    from torchvision.transforms import InterpolationMode

    from ultralytics.data.augment import classify_augmentations, classify_transforms

    for build in (classify_augmentations, classify_transforms):
        chains = [repr(build(8, interpolation=mode)) for mode in ("BICUBIC", "bicubic", InterpolationMode.BICUBIC)]
        assert len(set(chains)) == 1 and chains[0] != repr(build(8))
        with pytest.raises(ValueError, match="BILINEAR"):
            build(8, interpolation="soft")
