"""Loss of detectors that predict a set: every target is matched with one query, the other queries should find nothing.

Every decoder layer, and the encoder's choice of cells before them, is matched and judged for itself; all of them are
worked on together. Matching is done on the processor, after one transfer for all layers.

Sources: Carion et al., "DETR" (2020, arXiv:2005.12872); the classification term is varifocal (Zhang et al. 2021,
arXiv:2008.13367), as in RT-DETR (Zhao et al. 2023, arXiv:2304.08069).

Shapes: K layers, B images, Q queries, n targets of the batch, M targets per image after padding, P matched pairs. Boxes
are centre x, centre y, width, height as shares of the image.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.nn.head.denoising import choose_targets, slot_table
from ultralytics.nn.loss.terms import FocalLoss, VarifocalLoss, focal, varifocal
from ultralytics.nn.precision import at_least_float32, full_precision
from ultralytics.nn.public import public
from ultralytics.ops.assignment import linear_sum_assignment
from ultralytics.ops.iou import bbox_iou
from ultralytics.utils.env import world_size

__all__ = ["DETRLoss", "HungarianMatcher", "Pairs", "RTDETRDetectionLoss"]

EPS = 1e-8
Match = tuple[torch.Tensor, torch.Tensor]  # queries and targets of one image, both (m,)
ITEMS = {"giou_loss": "loss_giou", "cls_loss": "loss_class", "l1_loss": "loss_bbox"}


@dataclass(frozen=True)
class Pairs:
    """Which query answers for which target, layer by layer and, within one, image by image.

    Attributes:
        layer, image, query, target: (P,) indices; targets are counted over the batch.
        layers: K.
    """

    layer: torch.Tensor
    image: torch.Tensor
    query: torch.Tensor
    target: torch.Tensor
    layers: int

    @classmethod
    def of(cls, matches: Sequence[Sequence[Match]], device: torch.device) -> Pairs:
        """Join the matches of every layer and image."""
        rows = [
            torch.stack((torch.full_like(query, k), torch.full_like(query, b), query, target))
            for k, images in enumerate(matches)
            for b, (query, target) in enumerate(images)
        ]
        table = torch.cat(rows, 1) if rows else torch.zeros(4, 0, dtype=torch.long)
        return cls(*table.to(device), layers=len(matches))

    @property
    def per_layer(self) -> int:
        """Number of pairs in each layer; all have the same."""
        return len(self.layer) // max(self.layers, 1)

    def at(self, table: torch.Tensor) -> torch.Tensor:
        """Return the rows (P, ...) that a table (K, B, Q, ...) has for the matched queries."""
        return table[self.layer, self.image, self.query]


@functools.cache
def solver() -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return the assignment of least cost: scipy's, which is ten times as fast, where it is installed, else ours."""
    try:
        from scipy.optimize import linear_sum_assignment as compiled
    except ImportError:
        return linear_sum_assignment
    return compiled


def finite(cost: np.ndarray) -> np.ndarray:
    """Return costs in which a pair that has none (NaN, infinite) is worse than any assignment without such pairs."""
    good = np.isfinite(cost)
    if good.all():
        return cost
    known = cost[good]
    low, high = (known.min(), known.max()) if known.size else (0.0, 0.0)
    return np.where(good, cost, high + (high - low + 1) * (min(cost.shape) + 1))


@public("ultralytics.models.utils.ops")
class HungarianMatcher(nn.Module):
    """Matches queries with targets at the least total cost of class, distance and overlap.

    Args:
        cost_gain: weights of `class`, `bbox` and `giou`.
        use_fl: focal cost of the class, else the probability by softmax.
        alpha: balance of the focal cost.
        gamma: focus of the focal cost.
    """

    def __init__(
        self,
        cost_gain: Mapping[str, float] | None = None,
        use_fl: bool = True,
        alpha: float = 0.25,
        gamma: float = 2.0,
    ):
        super().__init__()
        self.cost_gain = dict(cost_gain or {"class": 1, "bbox": 5, "giou": 2})
        self.use_fl, self.alpha, self.gamma = use_fl, alpha, gamma

    def forward(
        self,
        pred_bboxes: torch.Tensor,
        pred_scores: torch.Tensor,
        gt_bboxes: torch.Tensor,
        gt_cls: torch.Tensor,
        gt_groups: Sequence[int],
    ) -> list[Match]:
        """Match one layer.

        Args:
            pred_bboxes: (B, Q, 4).
            pred_scores: (B, Q, nc) logits.
            gt_bboxes: (n, 4), image by image.
            gt_cls: (n,) classes.
            gt_groups: number of targets of every image.

        Returns:
            For every image the matched queries and their targets, which are counted over the batch.
        """
        return self.match_layers(pred_bboxes[None], pred_scores[None], gt_bboxes, gt_cls, gt_groups)[0]

    @torch.no_grad()
    def match_layers(
        self,
        boxes: torch.Tensor,
        logits: torch.Tensor,
        gt_boxes: torch.Tensor,
        gt_labels: torch.Tensor,
        counts: Sequence[int],
    ) -> list[list[Match]]:
        """Match K layers, boxes (K, B, Q, 4) and logits (K, B, Q, nc); for the rest see `forward`."""
        starts = list(itertools.accumulate(counts, initial=0))
        if not starts[-1]:
            empty = torch.zeros(0, dtype=torch.long)
            return [[(empty, empty)] * len(counts) for _ in boxes]
        table, _ = slot_table(choose_targets(counts, max(counts)), max(counts), boxes.device)
        labels, targets = gt_labels.long()[table], at_least_float32(gt_boxes)[table]
        with full_precision(boxes.device.type):
            costs = [self.costs(b, s, targets, labels) for b, s in zip(boxes.detach(), logits.detach(), strict=True)]
            table = torch.stack(costs).cpu().numpy()
        solve = solver()
        matches = []
        for layer in table:
            solved = [solve(finite(cost[:, :count])) for cost, count in zip(layer, counts, strict=True)]
            places = zip(solved, starts, strict=False)
            matches.append([(torch.as_tensor(q), torch.as_tensor(t) + start) for (q, t), start in places])
        return matches

    def costs(
        self, boxes: torch.Tensor, logits: torch.Tensor, gt_boxes: torch.Tensor, gt_labels: torch.Tensor
    ) -> torch.Tensor:
        """Return the cost (B, Q, M) of every pair.

        Args:
            boxes: (B, Q, 4).
            logits: (B, Q, nc).
            gt_boxes: (B, M, 4).
            gt_labels: (B, M).
        """
        boxes, logits = at_least_float32(boxes), at_least_float32(logits)
        by_class = self.focal_cost(logits) if self.use_fl else -logits.softmax(-1)
        gain = self.cost_gain
        overlap = bbox_iou(boxes[:, :, None], gt_boxes[:, None], xywh=True, GIoU=True).squeeze(-1)
        return (
            gain["class"] * by_class.gather(2, gt_labels[:, None].expand(-1, boxes.shape[1], -1))
            + gain["bbox"] * (boxes[:, :, None] - gt_boxes[:, None]).abs().sum(-1)
            + gain["giou"] * (1 - overlap)
        )

    def focal_cost(self, logits: torch.Tensor) -> torch.Tensor:
        """Return what calling a query by a class changes in the focal loss, per class."""
        p = logits.sigmoid()
        called = -self.alpha * (1 - p).pow(self.gamma) * (p + EPS).log()
        uncalled = -(1 - self.alpha) * p.pow(self.gamma) * (1 - p + EPS).log()
        return called - uncalled


@public("ultralytics.models.utils.loss")
class DETRLoss(nn.Module):
    """Class, distance and overlap losses of matched queries, for the last layer and, summed, for those before it.

    Args:
        nc: number of classes.
        loss_gain: weights of `class`, `bbox` and `giou`.
        aux_loss: judge the layers before the last one too.
        use_fl: focal loss of the class, else binary cross entropy, where a matched query should score its overlap.
        use_vfl: with `use_fl`, varifocal loss, where it should do so too.
        use_uni_match: all layers before the last one use the matching of one of them.
        uni_match_ind: which one.
        gamma: focus of the class loss.
        alpha: balance of the class loss.
    """

    def __init__(
        self,
        nc: int = 80,
        loss_gain: Mapping[str, float] | None = None,
        aux_loss: bool = True,
        use_fl: bool = True,
        use_vfl: bool = False,
        use_uni_match: bool = False,
        uni_match_ind: int = 0,
        gamma: float = 1.5,
        alpha: float = 0.25,
    ):
        super().__init__()
        self.nc = nc
        self.loss_gain = dict(loss_gain or {"class": 1, "bbox": 5, "giou": 2})
        self.matcher = HungarianMatcher(cost_gain={"class": 2, "bbox": 5, "giou": 2})
        self.fl = FocalLoss(gamma, alpha) if use_fl else None
        self.vfl = VarifocalLoss(gamma, alpha) if use_fl and use_vfl else None
        self.aux_loss, self.use_uni_match, self.uni_match_ind = aux_loss, use_uni_match, uni_match_ind

    def forward(
        self,
        pred_bboxes: torch.Tensor,
        pred_scores: torch.Tensor,
        batch: Mapping[str, Any],
        postfix: str = "",
        match_indices: Sequence[Match] | None = None,
        **kwargs: Any,
    ) -> dict[str, torch.Tensor]:
        """Return the losses of the layers' predictions.

        Args:
            pred_bboxes: (K, B, Q, 4).
            pred_scores: (K, B, Q, nc) logits.
            batch: `cls` (n,), `bboxes` (n, 4), image by image, and `gt_groups`, the number of targets of every image.
            postfix: end of the losses' names.
            match_indices: queries and targets of every image, for all layers; the matcher finds them when None.
            **kwargs: `divisor`, the number of pairs that the losses are divided by; that of a layer when None.

        Returns:
            `loss_class`, `loss_bbox`, `loss_giou` of the last layer and, with `_aux`, of the others.
        """
        if not self.aux_loss:
            pred_bboxes, pred_scores = pred_bboxes[-1:], pred_scores[-1:]
        with full_precision(pred_bboxes.device.type):
            boxes, logits = at_least_float32(pred_bboxes), at_least_float32(pred_scores)
            pairs = self.pairs(boxes, logits, batch, match_indices)
            divisor = kwargs.get("divisor")
            divisor = max(pairs.per_layer, 1) if divisor is None else divisor
            last, others = self.terms(boxes, logits, batch, pairs, divisor)
        losses = {f"loss_{name}{postfix}": value for name, value in last.items()}
        if self.aux_loss:
            losses |= {f"loss_{name}_aux{postfix}": value for name, value in others.items()}
        return losses

    def pairs(
        self,
        boxes: torch.Tensor,
        logits: torch.Tensor,
        batch: Mapping[str, Any],
        match_indices: Sequence[Match] | None = None,
    ) -> Pairs:
        """Return who answers for what in every layer; arguments as in `forward`."""
        if match_indices is not None:
            return Pairs.of([match_indices] * len(boxes), boxes.device)
        targets = batch["bboxes"], batch["cls"], batch["gt_groups"]
        if not self.use_uni_match or len(boxes) < 2:
            return Pairs.of(self.matcher.match_layers(boxes, logits, *targets), boxes.device)
        chosen = [self.uni_match_ind, -1]
        shared, last = self.matcher.match_layers(boxes[chosen], logits[chosen], *targets)
        return Pairs.of([*[shared] * (len(boxes) - 1), last], boxes.device)

    def terms(
        self,
        boxes: torch.Tensor,
        logits: torch.Tensor,
        batch: Mapping[str, Any],
        pairs: Pairs,
        divisor: torch.Tensor | float,
    ) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """Return the terms of the last layer and the sums of those of the others."""
        found, wanted = pairs.at(boxes), batch["bboxes"].to(boxes)[pairs.target]
        distance = (found - wanted).abs().sum(-1)
        gap = 1 - bbox_iou(found, wanted, xywh=True, GIoU=True).squeeze(-1)
        overlap = bbox_iou(found.detach(), wanted, xywh=True).squeeze(-1)
        by_class = self.class_terms(logits, batch["cls"].long()[pairs.target], overlap, pairs, divisor)
        before_last = len(distance) - pairs.per_layer

        def gained(part: slice, layers: slice) -> dict[str, torch.Tensor]:
            return {
                "class": self.loss_gain["class"] * by_class[layers].sum(),
                "bbox": self.loss_gain["bbox"] * distance[part].sum() / divisor,
                "giou": self.loss_gain["giou"] * gap[part].sum() / divisor,
            }

        return gained(slice(before_last, None), slice(-1, None)), gained(slice(before_last), slice(-1))

    def class_terms(
        self,
        logits: torch.Tensor,
        labels: torch.Tensor,
        overlap: torch.Tensor,
        pairs: Pairs,
        divisor: torch.Tensor | float,
    ) -> torch.Tensor:
        """Return the class loss of every layer (K,).

        Args:
            logits: (K, B, Q, nc).
            labels: (P,) classes of the matched targets.
            overlap: (P,) IoU of the matched pairs, the wanted score of a matched query.
            pairs: who answers for what.
            divisor: number of pairs.
        """
        place = pairs.layer, pairs.image, pairs.query, labels
        quality = torch.zeros_like(logits).index_put_(place, overlap)
        if self.fl is None:
            return F.binary_cross_entropy_with_logits(logits, quality, reduction="none").mean(2).sum((1, 2))
        one_hot = torch.zeros_like(logits).index_put_(place, torch.ones_like(overlap))
        if self.vfl is not None:
            loss = varifocal(logits, quality, one_hot, self.vfl.gamma, self.vfl.alpha)
        else:
            loss = focal(logits, one_hot, self.fl.gamma, self.fl.alpha)
        return loss.sum((1, 2, 3)) / divisor


@public("ultralytics.models.utils.loss")
class RTDETRDetectionLoss(DETRLoss):
    """The same, with the denoising queries judged beside the ordinary ones; their match is known."""

    # Set by a trainer of several processes, so that losses divide by the number of pairs of the joined batch.
    normalizer_reduce = None

    def forward(
        self,
        preds: tuple[torch.Tensor, torch.Tensor],
        batch: Mapping[str, Any],
        dn_bboxes: torch.Tensor | None = None,
        dn_scores: torch.Tensor | None = None,
        dn_meta: Mapping[str, Any] | None = None,
    ) -> dict[str, torch.Tensor]:
        """Return the losses by name, those of the denoising queries with `_dn`; they are 0 without such queries.

        Args:
            preds: boxes (K, B, Q, 4) and logits (K, B, Q, nc).
            batch: see `DETRLoss.forward`.
            dn_bboxes: (K', B, N, 4) of denoising queries.
            dn_scores: (K', B, N, nc).
            dn_meta: their record, see `get_cdn_group`.
        """
        boxes, logits = preds
        known = self.get_dn_match_indices(*(dn_meta[k] for k in DN_KEYS)) if dn_meta else []
        plain, noisy = self.divisors(boxes.shape[2], batch["gt_groups"], known, boxes.device)
        losses = super().forward(boxes, logits, batch, divisor=plain)
        if not dn_meta:
            return losses | {f"{name}_dn": torch.zeros_like(value) for name, value in losses.items()}
        return losses | super().forward(dn_bboxes, dn_scores, batch, "_dn", known, divisor=noisy)

    def divisors(
        self, queries: int, counts: Sequence[int], known: Sequence[Match], device: torch.device
    ) -> tuple[torch.Tensor | float, torch.Tensor | float]:
        """Return the numbers of pairs of ordinary and of denoising queries, at least 1, over all processes if need be.

        Both are reduced whether or not this process has denoising queries: others may.
        """
        pairs = [float(sum(min(count, queries) for count in counts)), float(sum(len(query) for query, _ in known))]
        if self.normalizer_reduce is None:
            return max(pairs[0], 1.0), max(pairs[1], 1.0)
        return tuple(self.normalizer_reduce(torch.tensor(pairs, device=device)))

    @staticmethod
    def get_dn_match_indices(
        dn_pos_idx: Sequence[torch.Tensor], dn_num_group: int, dn_gt_idx: Sequence[torch.Tensor]
    ) -> list[Match]:
        """Return the positive denoising queries and their targets of every image.

        Args:
            dn_pos_idx: positive queries of every image, group by group.
            dn_num_group: number of groups.
            dn_gt_idx: targets of every image that took part, counted over the batch.
        """
        return [(place, own.repeat(dn_num_group)) for place, own in zip(dn_pos_idx, dn_gt_idx, strict=True)]

    def of_network(self, preds: Any, targets: Mapping[str, Any]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the sum of the losses of what a network gave, and the last layer's items by name, without gradient.

        Args:
            preds: output of `RTDETRDecoder` in training or evaluation.
            targets: see `group_targets`.
        """
        raw = preds[1] if len(preds) == 2 else preds
        boxes, logits, enc_boxes, enc_logits, record = raw
        noisy = None, None
        if record:
            (noisy_boxes, boxes), (noisy_logits, logits) = (x.split(record["dn_num_split"], 2) for x in (boxes, logits))
            noisy = noisy_boxes, noisy_logits
        layers = torch.cat((enc_boxes[None], boxes)), torch.cat((enc_logits[None], logits))
        losses = self(layers, targets, *noisy, record)
        # A trainer of several processes weighs them for losses that grow with the batch, which this mean does not.
        share = 1.0 if self.normalizer_reduce is None else 1.0 / world_size()
        return sum(losses.values()) * share, {item: losses[name].detach() for item, name in ITEMS.items()}


DN_KEYS = ("dn_pos_idx", "dn_num_group", "dn_gt_idx")
