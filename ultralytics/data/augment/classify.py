"""Transforms for classification: chains built from torchvision, and the array transforms that old checkpoints name."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torchvision.transforms import v2

from ultralytics.data.images.canvas import FILL
from ultralytics.utils.log import LOGGER

__all__ = [
    "DEFAULT_MEAN",
    "DEFAULT_STD",
    "CenterCrop",
    "ClassifyLetterBox",
    "ToTensor",
    "classify_augmentations",
    "classify_transforms",
]

DEFAULT_MEAN = (0.0, 0.0, 0.0)
DEFAULT_STD = (1.0, 1.0, 1.0)
DEFAULT_CROP_FTACTION = 1.0  # spelled like this in 8.1
POLICIES = ("randaugment", "augmix", "autoaugment")


def _interpolation(mode: str | v2.InterpolationMode) -> v2.InterpolationMode:
    if isinstance(mode, v2.InterpolationMode):  # as 8.1 had it
        return mode
    try:
        return v2.InterpolationMode[str(mode).upper()]
    except KeyError:
        known = ", ".join(mode.name for mode in v2.InterpolationMode)
        raise ValueError(f"interpolation={mode!r} is not known; use one of {known}.") from None


def _to_normalized(mean: Sequence[float], std: Sequence[float]) -> list[v2.Transform]:
    """From a PIL picture to a float tensor `(3, H, W)` in [0, 1], then (x - mean) / std."""
    return [v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(list(mean), list(std))]


def classify_transforms(
    size: int | Sequence[int] = 224,
    mean: Sequence[float] = DEFAULT_MEAN,
    std: Sequence[float] = DEFAULT_STD,
    interpolation: str | v2.InterpolationMode = "BILINEAR",
    crop_fraction: float | None = None,
) -> v2.Compose:
    """Build the evaluation chain for PIL pictures: resize, crop the centre, to a tensor, normalize.

    Args:
        size: A number: the short side is resized to it and a square cut out. (height, width): stretched to it.
        mean: Per channel, for values in [0, 1].
        std: Per channel.
        interpolation: A `torchvision.transforms.InterpolationMode`, or its name.
        crop_fraction: No longer used.

    Returns:
        A chain from a PIL picture to a float tensor `(3, h, w)`.
    """
    if crop_fraction is not None:
        LOGGER.warning("'crop_fraction' has no effect any more; leave it out.")
    sides = (size, size) if isinstance(size, int) else tuple(size)
    scale_to = sides[0] if sides[0] == sides[1] else sides
    resize = v2.Resize(scale_to, interpolation=_interpolation(interpolation), antialias=True)
    return v2.Compose([resize, v2.CenterCrop(sides), *_to_normalized(mean, std)])


def _policy(name: str, mode: v2.InterpolationMode) -> v2.Transform:
    """An automatic augmentation policy by name."""
    if name == "randaugment":
        return v2.RandAugment(interpolation=mode)
    if name == "augmix":
        return v2.AugMix(interpolation=mode)
    if name == "autoaugment":
        return v2.AutoAugment(interpolation=mode)
    raise ValueError(f"auto_augment={name!r} is not known; use one of {', '.join(POLICIES)}, or None.")


def classify_augmentations(
    size: int = 224,
    mean: Sequence[float] = DEFAULT_MEAN,
    std: Sequence[float] = DEFAULT_STD,
    scale: Sequence[float] | None = None,
    ratio: Sequence[float] | None = None,
    hflip: float = 0.5,
    vflip: float = 0.0,
    auto_augment: str | None = None,
    hsv_h: float = 0.015,
    hsv_s: float = 0.4,
    hsv_v: float = 0.4,
    force_color_jitter: bool = False,
    erasing: float = 0.0,
    interpolation: str | v2.InterpolationMode = "BILINEAR",
) -> v2.Compose:
    """Build the training chain for PIL pictures.

    Args:
        size: Side of the square result.
        mean: Per channel, for values in [0, 1].
        std: Per channel.
        scale: Share of the picture that the random crop covers; (0.08, 1) when None.
        ratio: Aspect ratio of the crop; (3/4, 4/3) when None.
        hflip: Probability of a left-right mirror image.
        vflip: Probability of a top-bottom mirror image.
        auto_augment: "randaugment", "augmix", "autoaugment" or None; takes the place of the colour jitter.
        hsv_h: Largest hue shift.
        hsv_s: Largest change of saturation.
        hsv_v: Largest change of brightness and contrast.
        force_color_jitter: Keep the colour jitter beside a policy.
        erasing: Probability of a grey rectangle.
        interpolation: A `torchvision.transforms.InterpolationMode`, or its name.

    Raises:
        TypeError: `size` is not one number.
        ValueError: A name is unknown.
    """
    if not isinstance(size, int):
        raise TypeError(f"classify_augmentations: size must be one whole number, got {size!r}.")
    mode = _interpolation(interpolation)
    crop = v2.RandomResizedCrop(
        size,
        scale=tuple(scale or (0.08, 1.0)),
        ratio=tuple(ratio or (3 / 4, 4 / 3)),
        interpolation=mode,
        antialias=True,
    )
    chain: list[v2.Transform] = [crop]
    if hflip > 0:
        chain.append(v2.RandomHorizontalFlip(hflip))
    if vflip > 0:
        chain.append(v2.RandomVerticalFlip(vflip))
    if auto_augment:
        chain.append(_policy(auto_augment, mode))
    if not auto_augment or force_color_jitter:
        chain.append(v2.ColorJitter(brightness=hsv_v, contrast=hsv_v, saturation=hsv_s, hue=hsv_h))
    return v2.Compose([*chain, *_to_normalized(mean, std), v2.RandomErasing(p=erasing, inplace=True)])


class ClassifyLetterBox:
    """Fit a picture `(H, W, 3)` into `size`, centred on grey.

    Args:
        size: (height, width), or one number for both.
        auto: Only pad to the next multiple of `stride`.
        stride: Multiple of the network's stride.
    """

    def __init__(self, size: int | tuple[int, int] = (640, 640), auto: bool = False, stride: int = 32) -> None:
        self.h, self.w = (size, size) if isinstance(size, int) else size
        self.auto, self.stride = auto, stride

    def __call__(self, im: np.ndarray) -> np.ndarray:
        """Return the fitted picture."""
        gain = min(self.h / im.shape[0], self.w / im.shape[1])
        h, w = max(round(im.shape[0] * gain), 1), max(round(im.shape[1] * gain), 1)
        outer = [-(-side // self.stride) * self.stride for side in (h, w)] if self.auto else [self.h, self.w]
        top, left = (round((side - inner) / 2 - 0.1) for side, inner in zip(outer, (h, w), strict=True))
        picture = np.full((*outer, im.shape[2]), FILL, im.dtype)
        picture[top : top + h, left : left + w] = cv2.resize(im, (w, h), interpolation=cv2.INTER_LINEAR)
        return picture


class CenterCrop:
    """Cut the largest centred square out of a picture `(H, W, 3)` and resize it to `size`."""

    def __init__(self, size: int | tuple[int, int] = (640, 640)) -> None:
        self.h, self.w = (size, size) if isinstance(size, int) else size

    def __call__(self, im: np.ndarray) -> np.ndarray:
        """Return the cut-out."""
        side = min(im.shape[:2])
        top, left = ((length - side) // 2 for length in im.shape[:2])
        square = im[top : top + side, left : left + side]
        return cv2.resize(square, (self.w, self.h), interpolation=cv2.INTER_LINEAR)


class ToTensor:
    """Turn a BGR picture `(H, W, 3)` of bytes into an RGB tensor `(3, H, W)` in [0, 1]."""

    def __init__(self, half: bool = False) -> None:
        self.half = half

    def __call__(self, im: np.ndarray) -> torch.Tensor:
        """Return the tensor, of half precision if so configured."""
        tensor = torch.from_numpy(np.ascontiguousarray(im[..., ::-1].transpose(2, 0, 1)))
        return tensor.to(torch.float16 if self.half else torch.float32) / 255
