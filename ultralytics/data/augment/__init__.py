"""Augmentation: pure functions over samples, and the public transform classes around them.

The classification chains are loaded when asked for, since they need torchvision, which is slow to import.
"""

from __future__ import annotations

from ultralytics.data.augment.albument import Albumentations
from ultralytics.data.augment.base import BaseTransform, Compose
from ultralytics.data.augment.blend import BaseMixTransform, CopyPaste, CutMix, MixUp, Mosaic
from ultralytics.data.augment.format import Format
from ultralytics.data.augment.format_maps import DepthFormat, SemanticFormat
from ultralytics.data.augment.letterbox import LetterBox
from ultralytics.data.augment.presets import v8_transforms
from ultralytics.data.augment.transforms import RandomFlip, RandomHSV, RandomPerspective
from ultralytics.utils.lazy import attach

__getattr__, __dir__, _ = attach(
    __name__,
    {
        name: f"ultralytics.data.augment.classify:{name}"
        for name in (
            "DEFAULT_CROP_FTACTION",
            "DEFAULT_MEAN",
            "DEFAULT_STD",
            "CenterCrop",
            "ClassifyLetterBox",
            "ToTensor",
            "classify_augmentations",
            "classify_transforms",
        )
    },
)

__all__ = [
    "DEFAULT_MEAN",
    "DEFAULT_STD",
    "Albumentations",
    "BaseMixTransform",
    "BaseTransform",
    "CenterCrop",
    "ClassifyLetterBox",
    "Compose",
    "CopyPaste",
    "CutMix",
    "DepthFormat",
    "Format",
    "LetterBox",
    "MixUp",
    "Mosaic",
    "RandomFlip",
    "RandomHSV",
    "RandomPerspective",
    "SemanticFormat",
    "ToTensor",
    "classify_augmentations",
    "classify_transforms",
    "v8_transforms",
]
