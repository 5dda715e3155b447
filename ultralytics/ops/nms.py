"""Non-maximum suppression: from decoded predictions `(B, 4 + nc + extra, A)` to the final rows of every image.

Greedy suppression walks the boxes in falling score order and drops every box that overlaps a kept one too much. Here
the walk goes block by block with array operations and stops as soon as `max_det` boxes are kept, which is what makes
validation at confidence 0.001 cheap. There is no time limit: the result depends on the input alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch

from ultralytics.ops.boxes import xywh2xyxy
from ultralytics.ops.iou import box_iou
from ultralytics.ops.rotated import far_apart, probiou

__all__ = ["Candidates", "TorchNMS", "find_candidates", "non_max_suppression"]

_BLOCK = 256  # boxes that are compared with each other at once
_CPU_BLOCK = 128


class Candidates(NamedTuple):
    """Predictions of one image that passed the filters, best score first.

    Attributes:
        rows: `(N, 6 + extra)` box, score, class, extra columns; float32.
        index: `(N,)` anchor of every row.
    """

    rows: torch.Tensor
    index: torch.Tensor


# Suppression ----------------------------------------------------------------------------------------------------------
def _resolve_block(overlaps: torch.Tensor) -> torch.Tensor:
    """Return which of K boxes greedy suppression keeps.

    Args:
        overlaps: `(K, K)` bool, `[i, j]` true when box i, better than j, would suppress j; strictly upper triangular.

    A box survives when no surviving better box suppresses it. Repeating that rule from "all survive" fixes at least one
    more box per round, in score order, so it ends at the greedy result; chains of overlaps are short, so it ends soon.
    """
    keep = torch.ones(len(overlaps), dtype=torch.bool, device=overlaps.device)
    while True:
        updated = ~(overlaps & keep[:, None]).any(0)
        if torch.equal(updated, keep):
            return keep
        keep = updated


def _greedy(boxes: torch.Tensor, iou_thres: float, limit: int | None) -> torch.Tensor:
    """Return the positions that greedy suppression keeps among corner boxes `(N, 4)` sorted by falling score."""
    if boxes.device.type == "cpu":
        return torch.from_numpy(_greedy_numpy(boxes.detach().numpy(), iou_thres, limit))
    kept: list[torch.Tensor] = []
    total = 0
    for start in range(0, len(boxes), _BLOCK):
        alive = torch.arange(start, min(start + _BLOCK, len(boxes)), device=boxes.device)
        for earlier in kept:
            alive = alive[~(_plain_iou(boxes[earlier], boxes[alive]) > iou_thres).any(0)]
        overlaps = (_plain_iou(boxes[alive], boxes[alive]) > iou_thres).triu_(1)
        kept.append(alive[_resolve_block(overlaps)])
        total += len(kept[-1])
        if limit is not None and total >= limit:
            break
    return torch.cat(kept)[:limit] if kept else torch.zeros(0, dtype=torch.long, device=boxes.device)


def _greedy_numpy(boxes: np.ndarray, iou_thres: float, limit: int | None) -> np.ndarray:
    """Do the same on the CPU: numpy on one array per side costs a third of torch's time on these small blocks."""
    x1, y1, x2, y2 = (np.ascontiguousarray(side) for side in boxes.T)
    area = (x2 - x1) * (y2 - y1)

    def too_close(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Return whether boxes at positions `a` (N,) and `b` (M,) overlap too much, `(N, M)`."""
        wide = np.minimum(x2[a, None], x2[b]) - np.maximum(x1[a, None], x1[b])
        high = np.minimum(y2[a, None], y2[b]) - np.maximum(y1[a, None], y1[b])
        inter = np.maximum(wide, 0) * np.maximum(high, 0)
        with np.errstate(invalid="ignore", divide="ignore"):  # two boxes without area: NaN, which suppresses nothing
            return inter / (area[a, None] + area[b] - inter) > iou_thres

    kept = np.empty(0, np.int64)
    for start in range(0, len(boxes), _CPU_BLOCK):
        alive = np.arange(start, min(start + _CPU_BLOCK, len(boxes)))
        alive = alive[~too_close(kept, alive).any(0)]
        hits = np.triu(too_close(alive, alive), 1)
        keep = np.ones(len(alive), bool)
        while not np.array_equal(survivors := ~hits[keep].any(0), keep):  # see _resolve_block
            keep = survivors
        kept = np.concatenate([kept, alive[keep]])
        if limit is not None and len(kept) >= limit:
            break
    return kept[:limit]


def _paired_probiou(boxes1: torch.Tensor, boxes2: torch.Tensor) -> torch.Tensor:
    """Return the probabilistic IoU `(N,)` of rotated boxes `(N, 5)` row by row."""
    return probiou(boxes1, boxes2)[..., 0]


def _plain_iou(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return the IoU `(N, M)` of corner boxes; two boxes without area give NaN, which suppresses nothing."""
    low, high = torch.maximum(a[:, None, :2], b[:, :2]), torch.minimum(a[:, None, 2:], b[:, 2:])
    inter = (high - low).clamp_(0)
    inter = inter[..., 0] * inter[..., 1]
    area_a, area_b = (a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1]), (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
    return inter / (area_a[:, None] + area_b - inter)


def _matrix(
    boxes: torch.Tensor,
    iou_thres: float,
    limit: int | None,
    iou_func: Callable[..., torch.Tensor],
    far: Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor] | None = None,
) -> torch.Tensor:
    """Return the positions that no better box overlaps too much, whether or not that better box is kept itself.

    Args:
        boxes: `(N, ...)` sorted by falling score.
        iou_thres: see `non_max_suppression`.
        limit: stop when so many are kept.
        iou_func: overlap of all pairs; of pairs in rows where `far` is given.
        far: cheap test `(N, M)` of which pairs cannot overlap that much.
    """
    kept: list[torch.Tensor] = []
    total = 0
    for start in range(0, len(boxes), _BLOCK):
        stop = min(start + _BLOCK, len(boxes))
        mine = torch.arange(start, stop, device=boxes.device)
        better = torch.arange(stop, device=boxes.device)[:, None] < mine
        if far is None:
            lost = ((iou_func(boxes[:stop], boxes[start:stop]) > iou_thres) & better).any(0)
        else:
            above, below = torch.nonzero(better & ~far(boxes[:stop], boxes[start:stop], iou_thres), as_tuple=True)
            hit = iou_func(boxes[above], boxes[start + below]) > iou_thres
            lost = torch.zeros(stop - start, dtype=torch.bool, device=boxes.device)
            lost[below[hit]] = True
        kept.append(mine[~lost])
        total += len(kept[-1])
        if limit is not None and total >= limit:
            break
    return torch.cat(kept)[:limit] if kept else torch.zeros(0, dtype=torch.long, device=boxes.device)


class TorchNMS:
    """Suppression in plain torch operations."""

    @staticmethod
    def nms(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
        """Return the positions that greedy suppression keeps, best score first.

        Args:
            boxes: `(N, 4)` corners.
            scores: `(N,)`.
            iou_threshold: a box goes when its IoU with a kept one is above this.
        """
        order = scores.argsort(descending=True, stable=True)
        return order[_greedy(boxes[order].float(), iou_threshold, None)]

    @staticmethod
    def fast_nms(
        boxes: torch.Tensor,
        scores: torch.Tensor,
        iou_threshold: float,
        use_triu: bool = True,
        iou_func: Callable[..., torch.Tensor] = box_iou,
        exit_early: bool = True,
    ) -> torch.Tensor:
        """Return the positions that matrix suppression keeps, best score first (YOLACT, arXiv:1904.02689).

        Args:
            boxes: `(N, 4)` corners, or whatever `iou_func` takes.
            scores: `(N,)`.
            iou_threshold: a box goes when any better box, kept or not, overlaps it by more than this.
            use_triu: build the comparison in one piece with `triu`; False avoids that operation and limits memory.
            iou_func: overlap of `(N, ...)` and `(M, ...)` boxes: `(N, M)`.
            exit_early: return at once when there are no boxes; False keeps one path for tracing.
        """
        if exit_early and not len(boxes):
            return torch.zeros(0, dtype=torch.long, device=boxes.device)
        order = scores.argsort(descending=True, stable=True)
        ordered = boxes[order]
        if use_triu and len(boxes) <= 4 * _BLOCK:
            return order[~(iou_func(ordered, ordered) > iou_threshold).triu(1).any(0)]
        return order[_matrix(ordered, iou_threshold, None, iou_func)]


# Candidates -----------------------------------------------------------------------------------------------------------
def _check_fraction(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name}={value} is out of range; it must lie between 0.0 and 1.0.")


def find_candidates(
    prediction: torch.Tensor,
    conf_thres: float,
    nc: int,
    classes: Sequence[int] | None = None,
    multi_label: bool = False,
    max_nms: int = 30000,
    rotated: bool = False,
) -> list[Candidates]:
    """Filter decoded predictions by score and class, and sort what is left.

    Args:
        prediction: `(B, 4 + nc + extra, A)` centre and size, class scores, extra columns.
        conf_thres: a score must exceed this.
        nc: number of classes.
        classes: keep only these classes.
        multi_label: every class above the threshold gives a row, else only the best class of an anchor.
        max_nms: keep at most so many rows an image, the best ones.
        rotated: keep boxes as centre and size, else turn them into corners.

    Returns:
        One `Candidates` per image.
    """
    scores = prediction[:, 4 : 4 + nc]
    wanted = None
    if classes is not None:
        wanted = torch.zeros(nc, dtype=torch.bool, device=prediction.device)
        wanted[[c for c in classes if 0 <= c < nc]] = True
    promising = scores.amax(1) > conf_thres
    out = []
    for image, passed in zip(prediction, promising, strict=True):
        anchor = torch.nonzero(passed)[:, 0]
        table = image.index_select(1, anchor).T.float()  # (n, 4 + nc + extra)
        score = table[:, 4 : 4 + nc].contiguous()
        if multi_label:
            row, label = torch.nonzero(score > conf_thres, as_tuple=True)
            conf = score[row, label]
        else:
            conf, label = score.max(1)
            row = torch.arange(len(conf), device=conf.device)
        if wanted is not None:
            chosen = wanted[label]
            row, label, conf = row[chosen], label[chosen], conf[chosen]
        conf, order = conf.sort(descending=True, stable=True)
        order = order[:max_nms]
        row, label, conf = row[order], label[order], conf[: len(order)]
        box, extra = table[:, :4][row], table[:, 4 + nc :][row]
        columns = [box if rotated else xywh2xyxy(box), conf[:, None], label[:, None].float(), extra]
        out.append(Candidates(torch.cat(columns, 1), anchor[row]))
    return out


def _suppress(found: Candidates, iou_thres: float, max_det: int, class_gap: float, rotated: bool) -> torch.Tensor:
    """Return the positions of `found` to keep; `class_gap` pixels between classes keep them from meeting."""
    offset = found.rows[:, 5:6] * class_gap
    if rotated:  # the angle is the last extra column
        boxes = torch.cat([found.rows[:, :2] + offset, found.rows[:, 2:4], found.rows[:, -1:]], 1)
        return _matrix(boxes, iou_thres, max_det, _paired_probiou, far_apart)
    return _greedy(found.rows[:, :4] + offset, iou_thres, max_det)


def _select_final(prediction: torch.Tensor, conf_thres: float, classes: Sequence[int] | None, max_det: int):
    """Pick rows of an end-to-end model `(B, N, 6 + extra)`, which need no suppression."""
    rows, indices = [], []
    for image in prediction:
        keep = image[:, 4] > conf_thres
        if classes is not None:
            keep &= torch.isin(image[:, 5], torch.as_tensor(list(classes), dtype=image.dtype, device=image.device))
        index = torch.nonzero(keep)[:max_det, 0]
        rows.append(image[index])
        indices.append(index)
    return rows, indices


def _with_labels(prediction: torch.Tensor, labels: Sequence[torch.Tensor], nc: int) -> torch.Tensor:
    """Append known objects `(n, 5)` class, centre and size to the predictions of their image, with score 1."""
    longest = max((len(known) for known in labels), default=0)
    extra = prediction.new_zeros((*prediction.shape[:2], longest))
    for image, known in enumerate(labels):
        if len(known):
            at = torch.arange(len(known), device=prediction.device)
            extra[image, :4, : len(known)] = known[:, 1:5].T.to(prediction)
            extra[image, 4 + known[:, 0].long().to(prediction.device), at] = 1.0
    return torch.cat([prediction, extra], 2)


def non_max_suppression(
    prediction: torch.Tensor | Sequence[torch.Tensor],
    conf_thres: float = 0.25,
    iou_thres: float = 0.45,
    classes: Sequence[int] | None = None,
    agnostic: bool = False,
    multi_label: bool = False,
    max_det: int = 300,
    nc: int = 0,
    max_time_img: float = 0.05,
    max_nms: int = 30000,
    max_wh: int = 7680,
    rotated: bool = False,
    end2end: bool = False,
    return_idxs: bool = False,
    labels: Sequence[torch.Tensor] = (),
) -> list[torch.Tensor] | tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Return the final detections of every image.

    Args:
        prediction: `(B, 4 + nc + extra, A)` centre and size, class scores, extra columns, or the output of a model
            whose first item is that tensor. End-to-end models give `(B, N, 6 + extra)` final rows.
        conf_thres: a score must exceed this, 0..1.
        iou_thres: a box goes when it overlaps a better one by more than this, 0..1.
        classes: keep only these classes.
        agnostic: boxes of different classes suppress each other too.
        multi_label: an anchor may give one row per class.
        max_det: keep at most so many rows an image.
        nc: number of classes; 0 takes every column after the box for a class.
        max_time_img: accepted for old callers and not used; there is no time limit.
        max_nms: suppress among at most so many rows an image.
        max_wh: distance put between the classes, px; must exceed the largest coordinate.
        rotated: boxes are centre, size and, as last extra column, an angle.
        end2end: `prediction` holds final rows; a last axis of 6 says the same.
        return_idxs: also return where the rows came from.
        labels: known objects `(n, 5)` per image, class then centre and size, added with score 1.

    Returns:
        One `(n, 6 + extra)` tensor per image: corners (centre and size when rotated), score, class, extra columns. With
        `return_idxs`, also one `(n,)` tensor of positions in the input per image.

    Raises:
        ValueError: if a threshold lies outside 0..1.
    """
    _check_fraction("conf_thres", conf_thres)
    _check_fraction("iou_thres", iou_thres)
    if isinstance(prediction, (list, tuple)):
        prediction = prediction[0]
    if end2end or prediction.shape[-1] == 6:
        rows, indices = _select_final(prediction, conf_thres, classes, max_det)
        return (rows, indices) if return_idxs else rows

    nc = nc or prediction.shape[1] - 4
    if len(labels):
        prediction = _with_labels(prediction, labels, nc)
    rows, indices = [], []
    for found in find_candidates(prediction, conf_thres, nc, classes, multi_label and nc > 1, max_nms, rotated):
        keep = _suppress(found, iou_thres, max_det, 0 if agnostic else max_wh, rotated)
        rows.append(found.rows[keep])
        indices.append(found.index[keep])
    return (rows, indices) if return_idxs else rows
