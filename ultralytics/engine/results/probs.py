"""Class probabilities of one picture."""

from __future__ import annotations

import numpy as np
import torch

from ultralytics.engine.results.tensors import PUBLIC_HOME, Array, BaseTensor
from ultralytics.nn.public import public

__all__ = ["Probs"]


@public(PUBLIC_HOME)
class Probs(BaseTensor):
    """Class probabilities.

    Args:
        probs: (nc,) probabilities.
        orig_shape: not used; classification has no coordinates.
    """

    def __init__(self, probs: Array, orig_shape: tuple[int, int] | None = None) -> None:
        super().__init__(probs, orig_shape)

    @property
    def top1(self) -> int:
        """Index of the most probable class.

        Raises:
            ValueError: if there are no classes.
        """
        if not len(self.data):
            raise ValueError("these probabilities are of no classes, so none of them is the most probable.")
        return int(self.data.argmax())

    @property
    def top5(self) -> list[int]:
        """Indices of the five most probable classes, best first; fewer where the model has fewer classes."""
        if isinstance(self.data, torch.Tensor):
            return self.data.argsort(descending=True, stable=True)[:5].tolist()
        return np.argsort(-self.data, kind="stable")[:5].tolist()

    @property
    def top1conf(self) -> Array:
        """Probability of the most probable class."""
        return self.data[self.top1]

    @property
    def top5conf(self) -> Array:
        """Probabilities of `top5`."""
        return self.data[self.top5]
