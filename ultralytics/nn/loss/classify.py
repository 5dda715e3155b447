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

    Args:
        model: not used; other losses read the network's head.
    """

    def __init__(self, model: nn.Module | None = None) -> None:
        pass

    def __call__(
        self, preds: torch.Tensor | Sequence[torch.Tensor], batch: Mapping[str, Any]
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the loss of logits `(B, nc)`, or of the evaluation pair (probabilities, logits).

        Args:
            preds: output of the model.
            batch: `cls` `(B,)` class indices; where several processes share a batch, `joined`, the number of pictures
                of all of them, by which the loss then divides instead of by B.
        """
        logits = preds[1] if isinstance(preds, (list, tuple)) else preds
        mean = F.cross_entropy(logits.float(), batch["cls"].view(-1).to(logits.device).long())
        joined = batch.get("joined")
        return mean if joined is None else mean * (len(logits) / joined), {"loss": mean.detach()}
