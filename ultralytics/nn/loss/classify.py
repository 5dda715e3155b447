"""Loss of image classification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F

from ultralytics.nn.public import public

__all__ = ["v8ClassificationLoss"]


@public("ultralytics.utils.loss")
class v8ClassificationLoss:
    """Mean cross entropy of class logits."""

    def __call__(
        self, preds: torch.Tensor | Sequence[torch.Tensor], batch: Mapping[str, Any]
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the loss of logits `(B, nc)`, or of the evaluation pair (probabilities, logits).

        Args:
            preds: output of the model.
            batch: `cls` `(B,)` class indices.
        """
        logits = preds[1] if isinstance(preds, (list, tuple)) else preds
        loss = F.cross_entropy(logits.float(), batch["cls"].to(logits.device).long())
        return loss, {"loss": loss.detach()}
