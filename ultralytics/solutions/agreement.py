"""How far two runs over the same pictures agree: boxes, rotated boxes, masks, keypoints, classes, or every pixel.

Detections are paired picture by picture: same class, overlap above a limit. What is compared of a pair depends on the
parts that its results have.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch

from ultralytics.ops.iou import box_iou
from ultralytics.ops.rotated import batch_probiou, xywhr2xyxyxyxy

__all__ = [
    "Agreement",
    "ClassAgreement",
    "MapAgreement",
    "agreement",
    "class_agreement",
    "compare",
    "map_agreement",
]

LIMIT_PX, LIMIT_CONF, LIMIT_MASK = 1.0, 0.01, 0.9  # distances in pixels, scores, IoU of masks
# Exported class maps are enlarged by nearest pixels, logits by linear interpolation: edges may differ.
LIMIT_CLASSES, LIMIT_DEPTH = 0.03, 0.01  # part of the pixels, part of the depth
SMALLEST_DEPTH = 0.001  # metres


@dataclass(frozen=True)
class Agreement:
    """How far two runs over the same pictures agree on what is where.

    Attributes:
        images: pictures compared.
        boxes: boxes of the first run that have a partner of the same class in the second.
        missing: boxes of either run without a partner.
        box_px: largest difference between partners in pixels: of a coordinate, or between corners of rotated boxes.
        conf: largest difference between partner scores.
        mask_iou: smallest IoU of partner masks; None without masks.
        keypoint_px: largest distance between partner keypoints in pixels; None without keypoints.
    """

    images: int = 0
    boxes: int = 0
    missing: int = 0
    box_px: float = 0.0
    conf: float = 0.0
    mask_iou: float | None = None
    keypoint_px: float | None = None

    @property
    def ok(self) -> bool:
        """Whether both runs found boxes, and the same ones: all are paired and no difference is above its limit."""
        return (
            self.boxes > 0
            and self.missing == 0
            and self.box_px <= LIMIT_PX
            and self.conf <= LIMIT_CONF
            and (self.mask_iou is None or self.mask_iou >= LIMIT_MASK)
            and (self.keypoint_px is None or self.keypoint_px <= LIMIT_PX)
        )

    @property
    def compared(self) -> bool:
        """Whether there was anything to compare."""
        return self.boxes + self.missing > 0

    @property
    def cells(self) -> tuple[str, str]:
        """Two cells of the closing table."""
        apart = [f"within {self.box_px:.3f} px, {self.conf:.4f} score"]
        if self.mask_iou is not None:
            apart.append(f"masks IoU {self.mask_iou:.4f} or more")
        if self.keypoint_px is not None:
            apart.append(f"keypoints {self.keypoint_px:.3f} px")
        return f"{self.boxes} boxes on {self.images} pictures, {self.missing} without a partner", ", ".join(apart)

    @property
    def problem(self) -> str:
        """What an error says."""
        parts = [f"{self.missing} boxes without a partner", f"corners up to {self.box_px:.2f} px"]
        if self.mask_iou is not None:
            parts.append(f"masks down to an IoU of {self.mask_iou:.3f}")
        if self.keypoint_px is not None:
            parts.append(f"keypoints up to {self.keypoint_px:.2f} px")
        return f"{', '.join(parts)} and scores up to {self.conf:.3f} apart."

    def __add__(self, other: Agreement) -> Agreement:
        """Return the agreement over the pictures of both."""
        return Agreement(
            self.images + other.images,
            self.boxes + other.boxes,
            self.missing + other.missing,
            max(self.box_px, other.box_px),
            max(self.conf, other.conf),
            min((v for v in (self.mask_iou, other.mask_iou) if v is not None), default=None),
            max((v for v in (self.keypoint_px, other.keypoint_px) if v is not None), default=None),
        )


@dataclass(frozen=True)
class ClassAgreement:
    """How far two classifications of the same pictures agree.

    Attributes:
        images: pictures compared.
        different: pictures whose first guesses differ.
        conf: largest difference between probabilities.
    """

    images: int
    different: int
    conf: float

    @property
    def ok(self) -> bool:
        """Whether all first guesses are the same and probabilities within 0.01."""
        return self.images > 0 and self.different == 0 and self.conf <= LIMIT_CONF

    @property
    def compared(self) -> bool:
        """Whether there was anything to compare."""
        return self.images > 0

    @property
    def cells(self) -> tuple[str, str]:
        """Two cells of the closing table."""
        return f"{self.images} pictures, {self.different} classes differ", f"within {self.conf:.4f} probability"

    @property
    def problem(self) -> str:
        """What an error says."""
        return f"{self.different} of {self.images} classes differ, probabilities are up to {self.conf:.3f} apart."


@dataclass(frozen=True)
class MapAgreement:
    """How far two runs agree on every pixel of the same pictures.

    Attributes:
        images: pictures compared.
        different: largest part of a picture's pixels whose classes differ; None without class maps.
        depth: largest difference between depths as a part of the depth; None without depth.
    """

    images: int
    different: float | None = None
    depth: float | None = None

    @property
    def ok(self) -> bool:
        """Whether classes differ at no more than 3 % of the pixels of a picture, and depths by no more than 1 %."""
        return self.images > 0 and (self.different or 0.0) <= LIMIT_CLASSES and (self.depth or 0.0) <= LIMIT_DEPTH

    @property
    def compared(self) -> bool:
        """Whether there was anything to compare."""
        return self.images > 0

    @property
    def cells(self) -> tuple[str, str]:
        """Two cells of the closing table."""
        return f"{self.images} pictures", self._apart

    @property
    def problem(self) -> str:
        """What an error says."""
        return f"{self._apart}."

    @property
    def _apart(self) -> str:
        if self.depth is not None:
            return f"depths up to {self.depth:.2%} apart"
        return f"up to {self.different or 0.0:.2%} of the pixels differ"


def compare(first: Iterable[Any], second: Iterable[Any]) -> Agreement | ClassAgreement | MapAgreement:
    """Compare two lists of `Results` over the same pictures, by the parts that they have."""
    first, second = list(first), list(second)
    found = first[0] if first else None
    if found is not None and (found.semantic_mask is not None or found.depth is not None):
        return map_agreement(first, second)
    return (class_agreement if found is not None and found.probs is not None else agreement)(first, second)


def agreement(first: Iterable[Any], second: Iterable[Any], iou: float = 0.9) -> Agreement:
    """Pair the boxes or rotated boxes of two result lists, image by image: same class, best overlap above `iou`.

    Raises:
        ValueError: if the lists are of different lengths.
    """
    return sum((_picture(a, b, iou) for a, b in zip(first, second, strict=True)), Agreement())


def class_agreement(first: Iterable[Any], second: Iterable[Any]) -> ClassAgreement:
    """Compare the probabilities of two result lists, image by image."""
    pairs = [(a.probs.data.float().cpu(), b.probs.data.float().cpu()) for a, b in zip(first, second, strict=True)]
    different = sum(int(a.argmax()) != int(b.argmax()) for a, b in pairs)
    return ClassAgreement(len(pairs), different, max((float((a - b).abs().max()) for a, b in pairs), default=0.0))


def map_agreement(first: Iterable[Any], second: Iterable[Any]) -> MapAgreement:
    """Compare the class maps or depths of two result lists, image by image.

    Raises:
        ValueError: if the lists are of different lengths.
    """
    pairs = list(zip(first, second, strict=True))
    classes = [(a.semantic_mask.data, b.semantic_mask.data) for a, b in pairs if a.semantic_mask is not None]
    depths = [(a.depth.data.float(), b.depth.data.float()) for a, b in pairs if a.depth is not None]
    different = [float((a.cpu() != b.cpu()).float().mean()) for a, b in classes]
    apart = [float(((a.cpu() - b.cpu()).abs() / a.cpu().clamp(min=SMALLEST_DEPTH)).max()) for a, b in depths]
    return MapAgreement(len(pairs), max(different, default=None), max(apart, default=None))


def _picture(a: Any, b: Any, iou: float) -> Agreement:
    """Return the agreement on one picture, `Results` of both runs."""
    rotated = a.obb is not None
    left, right = ((r.obb if rotated else r.boxes).data.float().cpu() for r in (a, b))
    mine, partner = _pairs(left, right, iou, rotated)
    found = Agreement(1, len(mine), len(left) - len(mine) + len(right) - len(torch.unique(partner)))
    if not len(mine):
        return found
    left, right = left[mine], right[partner]
    conf = (left[:, -2] - right[:, -2]).abs().max()
    box_px = _corner_distance(left, right) if rotated else (left[:, :4] - right[:, :4]).abs().max()
    found = replace(found, box_px=float(box_px), conf=float(conf))
    if a.masks is not None and b.masks is not None:
        found = replace(found, mask_iou=_mask_overlap(a.masks.data.cpu()[mine], b.masks.data.cpu()[partner]))
    if a.keypoints is not None and b.keypoints is not None:
        apart = a.keypoints.xy.float().cpu()[mine] - b.keypoints.xy.float().cpu()[partner]
        found = replace(found, keypoint_px=float(apart.norm(dim=-1).max()))
    return found


def _pairs(left: torch.Tensor, right: torch.Tensor, iou: float, rotated: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Return indices into rows (N, D) and (M, D) of detections that belong together: (P,) and (P,)."""
    if not len(left) or not len(right):
        return torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long)
    overlap = batch_probiou(left[:, :5], right[:, :5]) if rotated else box_iou(left[:, :4], right[:, :4])
    best, partner = (overlap * (left[:, None, -1] == right[None, :, -1])).max(1)
    mine = (best > iou).nonzero().flatten()
    return mine, partner[mine]


def _corner_distance(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return the largest distance in pixels between corners of rotated boxes (N, >= 5) and (N, >= 5).

    A box that turns past a right angle names its corners from the next one on, so the best of the four starts counts.
    """
    corners, others = xywhr2xyxyxyxy(left[:, :5]), xywhr2xyxyxyxy(right[:, :5])
    starts = [(corners - others.roll(shift, 1)).norm(dim=-1).amax(1) for shift in range(4)]
    return torch.stack(starts).amin(0).max()


def _mask_overlap(left: torch.Tensor, right: torch.Tensor) -> float:
    """Return the smallest IoU of paired masks (N, H, W); two empty masks are the same."""
    left, right = left > 0, right > 0
    union = (left | right).sum((1, 2))
    iou = (left & right).sum((1, 2)) / union.clamp(min=1)
    return float(torch.where(union > 0, iou, 1.0).min())
