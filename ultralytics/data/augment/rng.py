"""Where augmentation gets its random numbers.

Two sources with one vocabulary. `SampleRng` is the stream of one training sample: it depends on the key (seed, epoch,
position) alone, so neither the number of workers nor earlier work changes a picture. `GlobalRng` draws from the
process-wide generators of `random` and numpy, in the public order, for scripts that seed those.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np

__all__ = ["GlobalRng", "Rng", "SampleRng"]

T = TypeVar("T")
_WORD = (1 << 64) - 1


class Rng(Protocol):
    """What transforms may ask for."""

    def random(self) -> float:
        """A number in [0, 1)."""

    def uniform(self, low: float, high: float) -> float:
        """A number in [low, high]."""

    def randint(self, low: int, high: int) -> int:
        """A whole number, both ends included."""

    def choices(self, population: Sequence[T], k: int) -> list[T]:
        """`k` elements, repeats allowed."""

    def sample(self, population: Sequence[T], k: int) -> list[T]:
        """`k` different elements."""

    def integers(self, low: int, high: int | None = None) -> int:
        """A whole number in [low, high), or [0, low) when `high` is left out."""

    def beta(self, a: float, b: float) -> float:
        """A draw from Beta(a, b)."""

    def hsv3(self) -> Sequence[float]:
        """Three numbers in [-1, 1): hue, saturation, value."""


class SampleRng:
    """Random stream of one sample, a pure function of its key.

    Args:
        key: Whole numbers that name the sample, for instance `(seed, epoch, position)`.
    """

    __slots__ = ("beta", "generator", "randint", "random", "uniform")

    def __init__(self, key: Sequence[int]) -> None:
        state = 0
        for part in key:
            state = state << 64 | int(part) & _WORD
        self.generator = source = random.Random(state << 8 | len(key))
        # Bound once: these are called a dozen times a sample.
        self.random, self.uniform = source.random, source.uniform
        self.randint, self.beta = source.randint, source.betavariate

    def choices(self, population: Sequence[T], k: int) -> list[T]:
        """`k` elements, repeats allowed."""
        return self.generator.choices(population, k=k)

    def sample(self, population: Sequence[T], k: int) -> list[T]:
        """`k` different elements."""
        return self.generator.sample(population, k)

    def integers(self, low: int, high: int | None = None) -> int:
        """A whole number in [low, high), or [0, low) when `high` is left out."""
        return self.generator.randrange(low) if high is None else self.generator.randrange(low, high)

    def hsv3(self) -> tuple[float, float, float]:
        """Three numbers in [-1, 1): hue, saturation, value."""
        draw = self.random
        return 2 * draw() - 1, 2 * draw() - 1, 2 * draw() - 1


class GlobalRng:
    """The process-wide generators: `random` for most draws, numpy for Beta, colour gains and cut positions."""

    __slots__ = ()

    def random(self) -> float:
        """A number in [0, 1)."""
        return random.random()

    def uniform(self, low: float, high: float) -> float:
        """A number in [low, high]."""
        return random.uniform(low, high)

    def randint(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return random.randint(low, high)

    def choices(self, population: Sequence[T], k: int) -> list[T]:
        """`k` elements, repeats allowed."""
        return random.choices(population, k=k)

    def sample(self, population: Sequence[T], k: int) -> list[T]:
        """`k` different elements."""
        return random.sample(population, k)

    def integers(self, low: int, high: int | None = None) -> int:
        """A whole number in [low, high), or [0, low) when `high` is left out."""
        return int(np.random.randint(low, high))

    def beta(self, a: float, b: float) -> float:
        """A draw from Beta(a, b)."""
        return float(np.random.beta(a, b))

    def hsv3(self) -> np.ndarray:
        """Three numbers in [-1, 1): hue, saturation, value."""
        return np.random.uniform(-1, 1, 3)
