"""Whole pictures for classification, as bytes: random crops for training, the middle for validation.

Pictures of other than three channels are cropped, mirrored and erased like all others; policies are about colours, so
they are left out there.

A training picture is described by a `Shot`, drawn from its random stream for a picture of known size, and then made in
one go: the crop is resized straight out of the source, mirrored, changed by a policy (`policy.py`) and partly erased.

Source: random resized crop, Szegedy et al. 2014 (arXiv 1409.4842); random erasing, Zhong et al. 2017
(arXiv 1708.04896).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from ultralytics.data.augment.policy import POLICIES, ColorJitter, Plan, Steps
from ultralytics.data.augment.rng import GlobalRng, Rng

__all__ = [
    "RandomPicture",
    "Shot",
    "antialiased",
    "centre_picture",
    "channels_first",
    "middle_part",
    "policy_of",
    "resized",
]

TRIES = 10  # to place a crop or an erased part of the drawn size and shape
ERASED_AREA, ERASED_RATIO = (0.02, 0.33), (0.3, 3.3)
MIN_AREA = 0.01  # of a crop, as a share of the picture
LONGEST = 32  # sides over each other, above which only the middle is resized: a line scan would take gigabytes

Rectangle = tuple[int, int, int, int]  # top, left, height, width in pixels


@dataclass(frozen=True)
class Shot:
    """What was drawn for one training picture.

    Attributes:
        crop: part of the source.
        mirror: OpenCV's flip code, 1 left-right, 0 top-bottom, -1 both, or None.
        plan: changes of colour and shape after that.
        erased: part of the result that becomes black, or None.
    """

    crop: Rectangle
    mirror: int | None
    plan: Plan
    erased: Rectangle | None


def policy_of(name: str | None) -> Any:
    """Return the automatic policy of that name, or None without one.

    Raises:
        ValueError: naming the known ones.
    """
    if not name or str(name).lower() == "none":
        return None
    if name not in POLICIES:
        raise ValueError(f"auto_augment={name!r} is not known; use one of {', '.join(POLICIES)}, or None.")
    return POLICIES[name]()


@dataclass(frozen=True)
class RandomPicture:
    """Training augmentation of whole pictures.

    Attributes:
        size: side of the result in pixels.
        area: smallest and largest share of the picture that a crop covers.
        ratio: smallest and largest width over height of a crop.
        hflip, vflip: probability of a mirror image left-right and top-bottom.
        policy: `RandAugment`, `AutoAugment`, `AugMix`, `ColorJitter` or None.
        erasing: probability of a black rectangle.
    """

    size: int = 224
    area: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    hflip: float = 0.5
    vflip: float = 0.0
    policy: Any = None
    erasing: float = 0.0

    @classmethod
    def from_args(cls, args: Any, channels: int = 3) -> RandomPicture:
        """Read a run's settings: imgsz, scale, fliplr, flipud, auto_augment, hsv_h, hsv_s, hsv_v, erasing."""
        scale = args.scale
        low, high = scale if isinstance(scale, (list, tuple)) else (1 - scale, 1.0)
        low, high = (min(max(value, MIN_AREA), 1.0) for value in (low, high))
        jitter = ColorJitter(args.hsv_v, args.hsv_v, args.hsv_s, args.hsv_h)
        return cls(
            size=args.imgsz,
            area=(low, max(low, high)),
            hflip=args.fliplr,
            vflip=args.flipud,
            policy=(policy_of(args.auto_augment) or jitter) if channels == 3 else None,
            erasing=args.erasing,
        )

    def draw(self, rng: Rng, size_hw: Sequence[int]) -> Shot:
        """Draw everything for a picture of that height and width."""
        crop = draw_rectangle(rng, size_hw, self.area, self.ratio) or _middle(size_hw, self.ratio)
        mirrored, upside_down = rng.random() < self.hflip, rng.random() < self.vflip
        codes = {(True, False): 1, (False, True): 0, (True, True): -1}
        plan = Steps() if self.policy is None else self.policy.draw(rng)
        erased = None
        if rng.random() < self.erasing:
            erased = draw_rectangle(rng, (self.size, self.size), ERASED_AREA, ERASED_RATIO)
        return Shot(crop, codes.get((mirrored, upside_down)), plan, erased)

    def make(self, image: np.ndarray, shot: Shot) -> np.ndarray:
        """Return the picture (size, size, C) that a shot describes; `image` (H, W, C) BGR stays as it is."""
        top, left, height, width = shot.crop
        # Averaging while shrinking keeps out the patterns that skipped pixels would leave.
        method = cv2.INTER_AREA if min(height, width) > self.size else cv2.INTER_LINEAR
        out = resized(image[top : top + height, left : left + width], (self.size, self.size), method)
        if shot.mirror is not None:
            out = cv2.flip(out, shot.mirror).reshape(out.shape)
        out = shot.plan(out)
        if shot.erased is not None:
            top, left, height, width = shot.erased
            out[top : top + height, left : left + width] = 0
        return out

    def run(self, image: np.ndarray, rng: Rng) -> np.ndarray:
        """Draw and make a picture."""
        return self.make(image, self.draw(rng, image.shape[:2]))

    def __call__(self, picture: Image.Image) -> torch.Tensor:
        """Return a training picture of an RGB picture as (3, size, size) bytes, drawn from the process's generators."""
        return channels_first(self.run(np.asarray(picture)[..., ::-1], GlobalRng()))

    def smallest_side(self, size_hw: Sequence[int]) -> float:
        """Return a length in pixels that no side of a crop falls below, for a picture of that height and width."""
        return min(min(size_hw), math.sqrt(self.area[0] * size_hw[0] * size_hw[1] * self.ratio[0]))


def draw_rectangle(
    rng: Rng, size_hw: Sequence[int], area: tuple[float, float], ratio: tuple[float, float]
) -> Rectangle | None:
    """Draw a rectangle inside a picture, its shape evenly in the logarithm; None where no try fits."""
    height, width = size_hw
    for _ in range(TRIES):
        pixels = rng.uniform(*area) * height * width
        shape = math.exp(rng.uniform(math.log(ratio[0]), math.log(ratio[1])))
        h, w = round(math.sqrt(pixels / shape)), round(math.sqrt(pixels * shape))
        if 0 < h <= height and 0 < w <= width:
            return rng.integers(height - h + 1), rng.integers(width - w + 1), h, w
    return None


def _middle(size_hw: Sequence[int], ratio: tuple[float, float]) -> Rectangle:
    """Return the largest centred rectangle whose shape is allowed."""
    height, width = size_hw
    h = min(height, max(1, round(width / ratio[0])))
    w = min(width, max(1, round(height * ratio[1])))
    return (height - h) // 2, (width - w) // 2, h, w


def resized(image: np.ndarray, size_hw: tuple[int, int], interpolation: int) -> np.ndarray:
    """Resize a picture (H, W, C) of any number of channels; OpenCV averages four at most."""
    groups = [
        cv2.resize(image[..., i : i + 4], size_hw[::-1], interpolation=interpolation).reshape(*size_hw, -1)
        for i in range(0, image.shape[2], 4)
    ]
    return groups[0] if len(groups) == 1 else np.concatenate(groups, axis=2)


def middle_part(image: np.ndarray) -> np.ndarray:
    """Return what a square out of the middle can show: all of a usual picture (H, W, C), of a very long one a part."""
    height, width = image.shape[:2]
    most = min(height, width) * LONGEST
    top, left = (max(side - most, 0) // 2 for side in (height, width))
    return image[top : top + most, left : left + most]


def centre_picture(image: np.ndarray, size: int) -> np.ndarray:
    """Resize the short side of a picture (H, W, C) to `size` and cut a square out of its middle.

    Equal, byte by byte, to `classify_transforms` up to its conversion to numbers from 0 to 1: Pillow's antialiased
    resizing, and the square rounded the way torchvision rounds it.
    """
    image = middle_part(image)
    height, width = image.shape[:2]
    if height <= width:
        target_hw = size, int(size * width / height)
    else:
        target_hw = int(size * height / width), size
    image = antialiased(image, target_hw)
    top, left = (round((side - size) / 2) for side in target_hw)
    return image[top : top + size, left : left + size]


def antialiased(image: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Resize a picture (H, W, C) the way Pillow does, which averages over all that a new pixel covers."""
    if image.shape[:2] == tuple(size_hw):
        return image
    parts = [image] if image.shape[2] == 3 else np.split(image, image.shape[2], axis=2)
    pictures = (Image.fromarray(np.ascontiguousarray(part if part.shape[2] == 3 else part[..., 0])) for part in parts)
    return np.dstack([np.asarray(picture.resize(size_hw[::-1], Image.Resampling.BILINEAR)) for picture in pictures])


def channels_first(image: np.ndarray) -> torch.Tensor:
    """Return a picture (H, W, C) as a tensor (C, H, W) of bytes with memory of its own, BGR as RGB."""
    if image.shape[2] != 3:
        return torch.from_numpy(image.transpose(2, 0, 1).copy())
    out = np.empty((3, *image.shape[:2]), np.uint8)
    cv2.split(image, [out[2], out[1], out[0]])
    return torch.from_numpy(out)
