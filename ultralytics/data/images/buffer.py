"""Recently decoded images, kept so that mosaic partners need not be decoded again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import numpy as np

__all__ = ["ImageBuffer"]


class ImageBuffer:
    """The images decoded last, at most `capacity` of them; whether one is found changes the speed and nothing else.

    The one that came first goes first. Use as a partner does not keep an image: the samplers' partner pools move on in
    the order in which images come, so what came longest ago is what no pool will name again.

    Args:
        capacity: number of images to hold; 0 holds none.
    """

    def __init__(self, capacity: int):
        self.capacity = capacity
        self.hits = self.misses = 0
        self._images: OrderedDict[int, tuple[np.ndarray, tuple[int, int]]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._images)

    def indices(self) -> list[int]:
        """Images held, the next to go first."""
        with self._lock:
            return list(self._images)

    def get(self, index: int, count: bool = True) -> tuple[np.ndarray, tuple[int, int]] | None:
        """Return (image, original size), or None; `count` it as a hit or a miss."""
        with self._lock:
            found = self._images.get(index)
            self.hits += count and found is not None
            self.misses += count and found is None
            return found

    def renew(self, index: int) -> None:
        """Count an image that is held as one that came just now."""
        with self._lock:
            if index in self._images:
                self._images.move_to_end(index)

    def put(self, index: int, image: np.ndarray, original_hw: tuple[int, int]) -> None:
        """Keep an image. Callers get the same array again, so it must not be changed afterwards."""
        if not self.capacity:
            return
        with self._lock:
            self._images[index] = (image, original_hw)
            while len(self._images) > self.capacity:
                self._images.popitem(last=False)

    def __getstate__(self) -> dict[str, Any]:
        """Pickle without content: another process fills its own."""
        return {"capacity": self.capacity}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["capacity"])
