"""Losses of models with two heads: one that may find an object many times, one that finds it once (YOLOv10).

The first head learns faster, the second needs no suppression afterwards. Both see the same objects; the weight moves
from the first to the second while training goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ultralytics.nn.loss.detect import v8DetectionLoss
from ultralytics.nn.public import public
from ultralytics.utils.overrides import in_use

__all__ = ["E2EDetectLoss", "E2ELoss"]

PUBLIC = "ultralytics.utils.loss"
LossParts = tuple[torch.Tensor, dict[str, torch.Tensor]]


class _TwoHeads:
    """What both losses share: a criterion per head, `one2many` and `one2one`."""

    @property
    def item_names(self) -> tuple[str, ...]:
        """Names of the loss items, in the order of the loss vector."""
        return self.one2one.item_names

    @property
    def normalizer_reduce(self) -> Callable[[torch.Tensor], torch.Tensor] | None:
        """What joins the divisor of the losses over processes; see `v8DetectionLoss`."""
        return self.one2one.normalizer_reduce

    @normalizer_reduce.setter
    def normalizer_reduce(self, reduce: Callable[[torch.Tensor], torch.Tensor] | None) -> None:
        self.one2many.normalizer_reduce = self.one2one.normalizer_reduce = reduce

    def parts(self, preds: Mapping[str, Any] | Sequence[Any], batch: Mapping[str, Any]) -> tuple[LossParts, LossParts]:
        """Return the loss vector and the items of either head.

        Args:
            preds: `one2many` and `one2one` raw prediction dicts, or the pair of evaluation output and that dict.
            batch: see `v8DetectionLoss`.

        Raises:
            ValueError: one head is missing.
        """
        heads = preds[1] if isinstance(preds, tuple) else preds
        if not (heads.get("one2many") and heads.get("one2one")):
            raise ValueError("this loss needs the predictions of both heads; the model was fused, which dropped one.")
        return self.one2many(heads["one2many"], batch), self.one2one(heads["one2one"], batch)


@public(PUBLIC)
class E2ELoss(_TwoHeads):
    """Weighted sum of two criteria, with weights that move once per epoch.

    Args:
        model: model with a two-headed last layer; `model.args.epochs` is the length of the schedule.
        loss_fn: criterion of one head.

    Attributes:
        o2m: weight of the head that finds objects many times; falls from 0.8 to 0.1 in equal steps.
        o2o: weight of the other head, 1 - `o2m`.
        updates: epochs done.
    """

    start, end = 0.8, 0.1
    training_state = ("updates",)  # what a resumed run needs back

    def __init__(self, model: nn.Module, loss_fn: Callable[..., v8DetectionLoss] = v8DetectionLoss):
        loss_fn = in_use(loss_fn, PUBLIC)
        self.one2many = loss_fn(model, tal_topk=10)
        self.one2one = loss_fn(model, tal_topk=7, tal_topk2=1)
        self.updates = 0

    @property
    def o2m(self) -> float:
        """Weight of the one-to-many head."""
        return self.decay(self.updates)

    @property
    def o2o(self) -> float:
        """Weight of the one-to-one head."""
        return 1.0 - self.o2m

    def __call__(self, preds: Mapping[str, Any] | Sequence[Any], batch: Mapping[str, Any]) -> LossParts:
        """Return the weighted loss vector of both heads, and the items of the one-to-one head; see `parts`."""
        (many, _), (once, items) = self.parts(preds, batch)
        return many * self.o2m + once * self.o2o, items

    def update(self) -> None:
        """Move the weights on; called at the end of every epoch."""
        self.updates += 1

    def decay(self, x: float) -> float:
        """Return the weight of the one-to-many head after `x` epochs."""
        steps = max(self.one2one.hyp.epochs - 1, 1)
        return self.start - (self.start - self.end) * min(x / steps, 1.0)


@public(PUBLIC)
class E2EDetectLoss(_TwoHeads):
    """Plain sum of two criteria, as YOLOv10 was trained with.

    Args:
        model: model with a two-headed last layer.
    """

    def __init__(self, model: nn.Module):
        loss_fn = in_use(v8DetectionLoss, PUBLIC)
        self.one2many, self.one2one = loss_fn(model, tal_topk=10), loss_fn(model, tal_topk=1)

    def __call__(self, preds: Mapping[str, Any] | Sequence[Any], batch: Mapping[str, Any]) -> LossParts:
        """Return the summed loss vector of both heads, and the items of the one-to-one head; see `parts`."""
        (many, _), (once, items) = self.parts(preds, batch)
        return many + once, items
