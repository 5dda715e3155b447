"""Loss of image classification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.nn.public import public

__all__ = ["v8ClassificationLoss"]


@public("ultralytics.utils.loss")
class v8ClassificationLoss:
    """Mean cross entropy of class logits.

    With `cls_bce` it is the binary cross entropy of every class instead, summed over the classes ("ResNet strikes
    back", arXiv 2110.00476), in which classes do not exclude each other.

    Args:
        model: its `args` may hold `cls_smoothing`, the share of a label that goes to all classes alike, and `cls_bce`.
    """

    def __init__(self, model: nn.Module | None = None) -> None:
        args = getattr(model, "args", None)
        given = args if isinstance(args, Mapping) else getattr(args, "__dict__", {})
        self.smoothing, self.binary = float(given.get("cls_smoothing") or 0), bool(given.get("cls_bce"))

    def __call__(
        self, preds: torch.Tensor | Sequence[torch.Tensor], batch: Mapping[str, Any]
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the loss of logits `(B, nc)`, or of the evaluation pair (probabilities, logits).

        Args:
            preds: output of the model.
            batch: `cls` `(B,)` class indices; `mixed` `(B, nc)` labels of mixed pictures instead, rows with sum 1;
                where several processes share a batch, `joined`, the number of pictures of all of them, by which the
                loss then divides instead of by B.
        """
        logits = (preds[1] if isinstance(preds, (list, tuple)) else preds).float()
        mixed = batch.get("mixed")
        target = batch["cls"].view(-1).to(logits.device).long() if mixed is None else mixed.to(logits.device)
        if self.binary:
            mean = self._binary(logits, target)
        else:
            mean = F.cross_entropy(logits, target, label_smoothing=self.smoothing)
        joined = batch.get("joined")
        return mean if joined is None else mean * (len(logits) / joined), {"loss": mean.detach()}

    def _binary(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        nc = logits.shape[1]
        shares = F.one_hot(target, nc).to(logits.dtype) if target.ndim == 1 else target
        shares = shares * (1 - self.smoothing) + self.smoothing / nc
        return F.binary_cross_entropy_with_logits(logits, shares, reduction="sum") / len(logits)
