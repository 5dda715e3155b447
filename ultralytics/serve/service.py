"""A model as the server uses it: opened, tried, and called by one thread."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from ultralytics.serve.batcher import Batcher

__all__ = ["PredictService"]

Options = tuple[tuple[str, Any], ...]


class PredictService:
    """Predictions of one model for many callers.

    Args:
        model: a `Model`, which is called by the service's thread alone from here on.
        fixed: arguments of every prediction.
        size, wait, limit, watch: see `Batcher`.

    Attributes:
        batcher: the queue.
        about: what the model is, for callers.
    """

    def __init__(
        self,
        model: Any,
        fixed: Mapping[str, Any],
        size: int = 8,
        wait: float = 0.005,
        limit: int = 256,
        watch: Callable[[int, float], None] = lambda count, seconds: None,
    ) -> None:
        self.model = model
        self.fixed = {**fixed, "verbose": False, "save": False}
        model.predict(np.zeros((64, 64, 3), np.uint8), **self.fixed)  # what does not work should not wait for a caller
        backend = model.predictor.model
        self._free_size = backend.format == "pt" or bool(backend.dynamic)
        self.about = {
            "task": model.task,
            "format": backend.format,
            "imgsz": list(model.predictor.imgsz),
            "names": {str(number): name for number, name in backend.names.items()},
        }
        self.batcher = Batcher(self.run, size, wait, limit, self.group, watch)

    def group(self, picture: np.ndarray) -> Hashable:
        """Return what pictures of a batch have to share.

        A network that takes any size sees a picture with the smallest border that fits, which pictures of different
        shapes in one batch cannot all have.
        """
        return picture.shape if self._free_size else None

    def run(self, pictures: Sequence[np.ndarray], options: Options = ()) -> list[dict[str, Any]]:
        """Return for each picture (H, W, 3) BGR its `shape`, `results` as `Results.summary()` and `speed`.

        Args:
            pictures: what to predict on.
            options: arguments of the prediction by name, and `normalize` for coordinates as fractions.
        """
        given = dict(options)
        normalize = bool(given.pop("normalize", False))
        found = self.model.predict(list(pictures), **{**self.fixed, **given})
        return [
            {"shape": list(one.orig_shape), "results": one.summary(normalize=normalize), "speed": one.speed}
            for one in found
        ]

    def close(self) -> None:
        """Answer what waits and stop."""
        self.batcher.close()
