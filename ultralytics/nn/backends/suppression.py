"""Non-maximum suppression inside an exported graph, for runtimes whose callers cannot suppress.

The result has a fixed number of rows per image, padded with zeros, and holds for any batch size: no Python loop over
images ends up in the graph. ONNX gets its own operator; TorchScript gets torchvision's, once for all images and
classes, with boxes shifted apart so that only boxes of one image and class meet.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

__all__ = ["NMSModel"]

SPAN = 1e5  # pixels; no image is larger


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
    ) -> None:
        super().__init__()
        self.model, self.nc, self.onnx = model, nc, onnx
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
        kept = best * self._survivors(boxes, scores, best, label)
        # Padding makes the top rows exist on images with fewer anchors than rows.
        padded = torch.cat((kept, kept.new_zeros(1, self.max_det).expand(kept.shape[0], -1)), 1)
        score, index = padded.topk(self.max_det, 1)
        index = index.clamp(max=boxes.shape[1] - 1).unsqueeze(-1)
        parts = torch.cat((boxes, best.unsqueeze(-1), label.unsqueeze(-1).to(boxes), extra.transpose(1, 2)), 2)
        rows = parts.gather(1, index.expand(-1, -1, parts.shape[2]))
        return rows * (score > 0).unsqueeze(-1).to(rows)

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
