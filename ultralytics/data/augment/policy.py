"""Automatic augmentation of whole pictures: RandAugment, AutoAugment, AugMix and colour jitter, drawn and then applied.

Drawing and doing are apart: a policy draws a plan, a value, from a stream of random numbers, and the plan changes
pictures. So the same key gives the same picture in any thread or process, which torchvision's classes of these names,
drawing from torch's global generator, cannot promise. The operations work on bytes by tables and OpenCV, in a third of
the time that PIL pictures take. Strengths are torchvision's; what they do is theirs to a few levels.

Pictures are (H, W, 3) uint8 BGR. Levels are shares 0..1 of an operation's full strength.

Source: RandAugment, Cubuk et al. 2019 (arXiv 1909.13719); AutoAugment, Cubuk et al. 2018 (arXiv 1805.09501);
AugMix, Hendrycks et al. 2019 (arXiv 1912.02781).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from ultralytics.data.augment.rng import Rng

__all__ = ["POLICIES", "AugMix", "AutoAugment", "ColorJitter", "Mixture", "Plan", "RandAugment", "Step", "Steps"]

# Operations -----------------------------------------------------------------------------------------------------------

_LEVELS = np.arange(256, dtype=np.float32)
_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13


def _mapped(image: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Replace every byte by its value (256,)."""
    return cv2.LUT(image, values.round().clip(0, 255).astype(np.uint8))


def _grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)


def _brightness(image: np.ndarray, gain: float) -> np.ndarray:
    return _mapped(image, _LEVELS * gain)


def _contrast(image: np.ndarray, gain: float) -> np.ndarray:
    mean = round(cv2.mean(_grey(image))[0])
    return _mapped(image, mean + (_LEVELS - mean) * gain)


def _saturation(image: np.ndarray, gain: float) -> np.ndarray:
    return cv2.addWeighted(image, gain, cv2.cvtColor(_grey(image), cv2.COLOR_GRAY2BGR), 1 - gain, 0)


def _sharpness(image: np.ndarray, gain: float) -> np.ndarray:
    return cv2.addWeighted(image, gain, cv2.filter2D(image, -1, _SMOOTH), 1 - gain, 0)


def _hue(image: np.ndarray, share: float) -> np.ndarray:
    """Turn the hue by a share of the whole circle."""
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    turned = (np.arange(256) + round(share * 180)) % 180
    hsv[..., 0] = cv2.LUT(np.ascontiguousarray(hsv[..., 0]), turned.astype(np.uint8))
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)


def _posterize(image: np.ndarray, bits: float) -> np.ndarray:
    return image & np.uint8(256 - (1 << (8 - int(bits))) & 255)


def _solarize(image: np.ndarray, threshold: float) -> np.ndarray:
    return _mapped(image, np.where(threshold <= _LEVELS, 255 - _LEVELS, _LEVELS))


def _invert(image: np.ndarray, _: float) -> np.ndarray:
    return cv2.bitwise_not(image)


def _equalize(image: np.ndarray, _: float) -> np.ndarray:
    return cv2.merge([cv2.equalizeHist(channel) for channel in cv2.split(image)])


def _autocontrast(image: np.ndarray, _: float) -> np.ndarray:
    return cv2.merge([_stretched(channel) for channel in cv2.split(image)])


def _stretched(channel: np.ndarray) -> np.ndarray:
    low, high, _, _ = cv2.minMaxLoc(channel)
    return channel if low == high else _mapped(channel, (_LEVELS - low) * (255 / (high - low)))


def _warped(image: np.ndarray, back: Sequence[Sequence[float]]) -> np.ndarray:
    """Warp by the (2, 3) matrix that leads from a pixel of the result to its place in the picture; black outside."""
    size_wh = image.shape[1::-1]
    return cv2.warpAffine(image, np.array(back, np.float64), size_wh, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def _rotate(image: np.ndarray, degrees: float) -> np.ndarray:
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
    return cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR)


OPERATIONS: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "identity": lambda image, _: image,
    "shear_x": lambda image, slope: _warped(image, ((1, slope, 0), (0, 1, 0))),
    "shear_y": lambda image, slope: _warped(image, ((1, 0, 0), (slope, 1, 0))),
    "translate_x": lambda image, share: _warped(image, ((1, 0, -share * image.shape[1]), (0, 1, 0))),
    "translate_y": lambda image, share: _warped(image, ((1, 0, 0), (0, 1, -share * image.shape[0]))),
    "rotate": _rotate,
    "brightness": _brightness,
    "color": _saturation,
    "contrast": _contrast,
    "sharpness": _sharpness,
    "posterize": _posterize,
    "solarize": _solarize,
    "autocontrast": _autocontrast,
    "equalize": _equalize,
    "invert": _invert,
    "hue": _hue,
}


@dataclass(frozen=True)
class Strengths:
    """Full strength of the operations.

    Attributes:
        translate: share of the picture's side.
        bits: bits that posterizing leaves at level 0; at full strength it leaves four fewer.
    """

    translate: float = 150 / 331
    bits: int = 8

    def amount(self, name: str, level: float, sign: float) -> float:
        """Return what an operation takes for a level 0..1; `sign` is 1 or -1."""
        if name in {"brightness", "color", "contrast", "sharpness"}:
            return 1 + sign * 0.9 * level
        if name == "posterize":
            return self.bits - round(4 * level)
        if name == "solarize":
            return 255 * (1 - level)
        full = {"rotate": 30.0, "translate_x": self.translate, "translate_y": self.translate}
        return sign * level * full.get(name, 0.3 if name.startswith("shear") else 0.0)


# Plans ----------------------------------------------------------------------------------------------------------------


class Plan(Protocol):
    """What was drawn for one picture."""

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Return the changed picture; the given one stays as it is."""


@dataclass(frozen=True)
class Step:
    """One operation and how much of it, in its own unit."""

    name: str
    amount: float = 0.0


@dataclass(frozen=True)
class Steps:
    """Operations one after another."""

    steps: tuple[Step, ...] = ()

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Return the changed picture."""
        for step in self.steps:
            image = OPERATIONS[step.name](image, step.amount)
        return image


@dataclass(frozen=True)
class Mixture:
    """The picture blended with the mean of several chains.

    Attributes:
        chains: operations of every chain.
        weights: share of every chain in the blend; with `rest`, the picture's own share, they add up to 1.
        rest: share of the picture itself.
    """

    chains: tuple[Steps, ...]
    weights: tuple[float, ...]
    rest: float

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Return the blend."""
        total = image.astype(np.float32) * self.rest
        for chain, weight in zip(self.chains, self.weights, strict=True):
            total += chain(image).astype(np.float32) * np.float32(weight)
        return total.round().clip(0, 255).astype(np.uint8)


# Policies -------------------------------------------------------------------------------------------------------------

_GEOMETRY = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate")
_ENHANCEMENT = ("brightness", "color", "contrast", "sharpness")
_TONES = ("posterize", "solarize", "autocontrast", "equalize")


def _sign(rng: Rng) -> float:
    return 1.0 if rng.random() < 0.5 else -1.0


@dataclass(frozen=True)
class RandAugment:
    """A number of operations, any of fourteen, all of one level.

    Attributes:
        count: operations per picture.
        level: their strength, 0..1; 9 of 30 bins is the paper's choice for ImageNet.
    """

    count: int = 2
    level: float = 9 / 30

    def draw(self, rng: Rng) -> Steps:
        """Draw the operations of one picture."""
        names = rng.choices(("identity", *_GEOMETRY, *_ENHANCEMENT, *_TONES), self.count)
        strengths = Strengths()
        return Steps(tuple(Step(name, strengths.amount(name, self.level, _sign(rng))) for name in names))


# Pairs that the search found on ImageNet: operation, probability, level of ten.
_IMAGENET = (
    (("posterize", 0.4, 8), ("rotate", 0.6, 9)),
    (("solarize", 0.6, 5), ("autocontrast", 0.6, 0)),
    (("equalize", 0.8, 0), ("equalize", 0.6, 0)),
    (("posterize", 0.6, 7), ("posterize", 0.6, 6)),
    (("equalize", 0.4, 0), ("solarize", 0.2, 4)),
    (("equalize", 0.4, 0), ("rotate", 0.8, 8)),
    (("solarize", 0.6, 3), ("equalize", 0.6, 0)),
    (("posterize", 0.8, 5), ("equalize", 1.0, 0)),
    (("rotate", 0.2, 3), ("solarize", 0.6, 8)),
    (("equalize", 0.6, 0), ("posterize", 0.4, 6)),
    (("rotate", 0.8, 8), ("color", 0.4, 0)),
    (("rotate", 0.4, 9), ("equalize", 0.6, 0)),
    (("equalize", 0.0, 0), ("equalize", 0.8, 0)),
    (("invert", 0.6, 0), ("equalize", 1.0, 0)),
    (("color", 0.6, 4), ("contrast", 1.0, 8)),
    (("rotate", 0.8, 8), ("color", 1.0, 2)),
    (("color", 0.8, 8), ("solarize", 0.8, 7)),
    (("sharpness", 0.4, 7), ("invert", 0.6, 0)),
    (("shear_x", 0.6, 5), ("equalize", 1.0, 0)),
    (("color", 0.4, 0), ("equalize", 0.6, 0)),
    (("equalize", 0.4, 0), ("solarize", 0.2, 4)),
    (("solarize", 0.6, 5), ("autocontrast", 0.6, 0)),
    (("invert", 0.6, 0), ("equalize", 1.0, 0)),
    (("color", 0.6, 4), ("contrast", 1.0, 8)),
    (("equalize", 0.8, 0), ("equalize", 0.6, 0)),
)


@dataclass(frozen=True)
class AutoAugment:
    """One of the 25 pairs of operations that the paper's search found on ImageNet."""

    def draw(self, rng: Rng) -> Steps:
        """Draw a pair, and which of its two operations take place."""
        pair, strengths = _IMAGENET[rng.integers(len(_IMAGENET))], Strengths()
        taken = [(name, level) for name, chance, level in pair if rng.random() < chance]
        return Steps(tuple(Step(name, strengths.amount(name, level / 9, _sign(rng))) for name, level in taken))


@dataclass(frozen=True)
class AugMix:
    """Several short chains of weak operations, blended with each other and with the picture.

    Attributes:
        severity: levels are drawn from the lowest so many of ten.
        width: number of chains.
        depth: operations of a chain at most.
    """

    severity: int = 3
    width: int = 3
    depth: int = 3

    def draw(self, rng: Rng) -> Mixture:
        """Draw chains and weights."""
        chains = tuple(self._chain(rng) for _ in range(self.width))
        parts = [-math.log(1 - rng.random()) for _ in chains]  # divided by their sum: a flat Dirichlet distribution
        mixed, total = rng.random(), sum(parts) or 1.0
        weights = tuple(mixed * part / total for part in parts)
        return Mixture(chains, weights, 1 - sum(weights))

    def _chain(self, rng: Rng) -> Steps:
        strengths = Strengths(translate=1 / 3, bits=4)
        names = rng.choices((*_GEOMETRY, *_TONES, *_ENHANCEMENT), rng.randint(1, self.depth))
        return Steps(
            tuple(Step(name, strengths.amount(name, rng.integers(self.severity) / 9, _sign(rng))) for name in names)
        )


@dataclass(frozen=True)
class ColorJitter:
    """Brightness, contrast, saturation and hue, each by a random amount and in random order.

    Attributes:
        brightness, contrast, saturation: largest change of the gain 1.
        hue: largest turn as a share of the circle, up to 0.5.
    """

    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4
    hue: float = 0.015

    def draw(self, rng: Rng) -> Steps:
        """Draw amounts and order; what cannot change anything is left out."""
        steps = [
            Step(name, rng.uniform(max(0.0, 1 - spread), 1 + spread))
            for name, spread in (
                ("brightness", self.brightness), ("contrast", self.contrast), ("color", self.saturation),
            )
            if spread
        ]  # fmt: skip
        if self.hue:
            steps.append(Step("hue", rng.uniform(-min(self.hue, 0.5), min(self.hue, 0.5))))
        return Steps(tuple(rng.sample(steps, len(steps))))


POLICIES = {"randaugment": RandAugment, "autoaugment": AutoAugment, "augmix": AugMix}
