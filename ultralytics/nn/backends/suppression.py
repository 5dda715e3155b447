"""Non-maximum suppression inside an exported graph, for runtimes whose callers cannot suppress.

The result has a fixed number of rows per image, padded with zeros, and holds for any batch size: no Python loop over
images ends up in the graph. ONNX gets its own operator; TorchScript gets torchvision's, once for all images and
classes, with boxes shifted apart so that only boxes of one image and class meet. Rotated boxes, and graphs of
`torch.export`, for which the number of surviving boxes is no size that may be free, compare the best boxes of every
image in a matrix.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ultralytics.ops.rotated import probiou

__all__ = ["NMSModel"]

SPAN = 1e5  # pixels; no image is larger
COMPARED = 5  # times `max_det` boxes of an image are compared in a matrix, the best ones
ROUNDS = 32  # longest chain of boxes, each of which would suppress the next, that a matrix resolves


class _OnnxNms(torch.autograd.Function):
    """Suppression that becomes the ONNX operator `NonMaxSuppression` when a graph is recorded."""

    @staticmethod
    def forward(
        ctx: Any, boxes: torch.Tensor, scores: torch.Tensor, max_det: int, iou: float, conf: float
    ) -> torch.Tensor:
        """Return (K, 3) int64 rows of image, class and box, for boxes (B, A, 4) corners and scores (B, C, A)."""
        image, group, box = torch.where(scores > conf)
        keep = _separate_nms(boxes[image, box], scores[image, group, box], image * scores.shape[1] + group, iou)
        return torch.stack((image, group, box), 1)[keep]

    @staticmethod
    def symbolic(g: Any, boxes: Any, scores: Any, max_det: int, iou: float, conf: float) -> Any:
        """Write the operator."""
        limit = g.op("Constant", value_t=torch.tensor([max_det], dtype=torch.int64))
        overlap = g.op("Constant", value_t=torch.tensor([iou], dtype=torch.float32))
        least = g.op("Constant", value_t=torch.tensor([conf], dtype=torch.float32))
        return g.op("NonMaxSuppression", boxes, scores, limit, overlap, least)


def _separate_nms(boxes: torch.Tensor, scores: torch.Tensor, group: torch.Tensor, iou: float) -> torch.Tensor:
    """Return indices of the boxes (N, 4) that survive among those of their own `group` (N,)."""
    import torchvision  # loads a thousand modules, which exports without suppression do without

    # In float64, because the shift of a late group would eat the fraction of a float32 coordinate.
    shifted = boxes.double() + (group.double() * SPAN).unsqueeze(1)
    return torchvision.ops.nms(shifted, scores.double(), iou)


class NMSModel(nn.Module):
    """A detector with the suppression behind it.

    Output is (B, max_det, 6 + extra): corners in pixels, score, class, extras, by falling score; unused rows are
    zero. A second output of the detector, mask prototypes, passes through.

    Args:
        model: network prepared for export, whose head decodes to corners (`xyxy`).
        nc: number of classes.
        conf: keep scores above.
        iou: drop a box that overlaps a better one by more.
        max_det: rows per image.
        agnostic: boxes of different classes suppress each other.
        onnx: record ONNX's own operator.
        matrix: compare boxes in a matrix.
        rotated: boxes are centre, size and, as the last extra value, an angle; always in a matrix. As in prediction, a
            box goes when any better one overlaps it, whether that one stays or not.
    """

    def __init__(
        self,
        model: nn.Module,
        nc: int,
        conf: float = 0.25,
        iou: float = 0.7,
        max_det: int = 300,
        agnostic: bool = False,
        onnx: bool = True,
        matrix: bool = False,
        rotated: bool = False,
    ) -> None:
        super().__init__()
        self.model, self.nc, self.onnx = model, nc, onnx
        self.matrix, self.rotated = matrix or rotated, rotated
        self.conf, self.iou, self.max_det, self.agnostic = conf, iou, max_det, agnostic

    def forward(self, x: torch.Tensor) -> Any:
        """Map images (B, C, H, W) to rows, or to (rows, prototypes)."""
        y = self.model(x)
        y, rest = (y[0], tuple(y[1:])) if isinstance(y, (tuple, list)) else (y, ())
        rows = self.rows(y.float())
        return (rows, *rest) if rest else rows

    def rows(self, y: torch.Tensor) -> torch.Tensor:
        """Select the rows of decoded predictions (B, 4 + nc + extra, A)."""
        boxes, scores, extra = y.split([4, self.nc, y.shape[1] - 4 - self.nc], 1)
        boxes = boxes.transpose(1, 2)
        best, label = scores.max(1)
        if self.matrix:
            angles = extra[:, -1:].transpose(1, 2) if self.rotated else boxes[..., :0]
            score, index = self._best_of_matrix(torch.cat((boxes, angles), 2), best, label)
        else:
            score, index = _top(best * self._survivors(boxes, scores, best, label), self.max_det)
        index = index.unsqueeze(-1)
        parts = torch.cat((boxes, best.unsqueeze(-1), label.unsqueeze(-1).to(boxes), extra.transpose(1, 2)), 2)
        rows = parts.gather(1, index.expand(-1, -1, parts.shape[2]))
        return rows * (score > 0).unsqueeze(-1).to(rows)

    def _best_of_matrix(
        self, boxes: torch.Tensor, best: torch.Tensor, label: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return score and index (B, max_det) of the boxes (B, A, 4 or 5) that stay, best first, then of score 0."""
        score, index = _top(best, COMPARED * self.max_det)
        chosen = boxes.gather(1, index.unsqueeze(-1).expand(-1, -1, boxes.shape[2]))
        overlap = probiou if self.rotated else _iou
        hits = overlap(chosen.unsqueeze(2), chosen.unsqueeze(1)).squeeze(-1) > self.iou
        if not self.agnostic:
            group = label.gather(1, index)
            hits = hits & (group.unsqueeze(2) == group.unsqueeze(1))
        usable = score > self.conf
        rank = usable.to(score).cumsum(1)  # a matrix of who is better would be a constant of megabytes
        hits = (hits & (rank.unsqueeze(2) < rank.unsqueeze(1)) & usable.unsqueeze(2)).to(score)
        kept = usable.to(score)
        for _ in range(1 if self.rotated else ROUNDS):
            kept = usable.to(score) * (torch.bmm(kept.unsqueeze(1), hits).squeeze(1) < 0.5).to(score)
        score, place = (score * kept).topk(self.max_det, 1)
        return score, index.gather(1, place)

    def _survivors(
        self, boxes: torch.Tensor, scores: torch.Tensor, best: torch.Tensor, label: torch.Tensor
    ) -> torch.Tensor:
        """Return (B, A), 1 for boxes that stay and 0 for the others."""
        batch, anchors = best.shape
        if self.onnx:
            if self.agnostic:
                groups = best.unsqueeze(1)
            else:
                groups = torch.where(scores == best.unsqueeze(1), scores, torch.zeros_like(scores))
            picked = _OnnxNms.apply(boxes, groups, self.max_det, self.iou, self.conf)
            flat = picked[:, 0] * anchors + picked[:, 2]
        else:
            candidates = torch.nonzero(best.flatten() > self.conf).squeeze(1)
            image = torch.div(candidates, anchors, rounding_mode="floor")
            group = image if self.agnostic else image * self.nc + label.flatten()[candidates]
            keep = _separate_nms(boxes.reshape(-1, 4)[candidates], best.flatten()[candidates], group, self.iou)
            flat = candidates[keep]
        mask = torch.zeros_like(best).flatten()
        return mask.scatter(0, flat, torch.ones_like(flat, dtype=mask.dtype)).view(batch, anchors)


def _top(score: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the best scores and their indices (B, count) of (B, A); where there are fewer, score 0 and some index."""
    padded = torch.cat((score, score.new_zeros(1, count).expand(score.shape[0], -1)), 1)
    best, index = padded.topk(count, 1)
    return best, index.clamp(max=score.shape[1] - 1)


def _iou(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return the overlap (..., 1) of broadcastable corner boxes (..., 4)."""
    shared = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(0).prod(-1)
    area_a, area_b = ((box[..., 2:] - box[..., :2]).prod(-1) for box in (a, b))
    return (shared / (area_a + area_b - shared)).unsqueeze(-1)
