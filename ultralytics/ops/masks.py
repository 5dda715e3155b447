"""Instance masks: from prototypes and coefficients to pixels, to the original image, and to polygons.

Mask logits are thresholded at 0, which equals a probability of 0.5, so no sigmoid is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F

from ultralytics.ops.boxes import RatioPad

__all__ = ["crop_mask", "masks2segments", "process_mask", "process_mask_native", "scale_masks"]

# Full-size logits of many objects need much memory (100 objects in a 12 MP photo: 4.8 GB); work on this many values.
_CHUNK_VALUES = 1 << 25


def crop_mask(masks: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """Return masks that are zero outside their boxes.

    Args:
        masks: `(N, H, W)`.
        boxes: `(N, 4)` corners in mask pixels; a pixel stays when x1 <= column < x2 and y1 <= row < y2.
    """
    _, h, w = masks.shape
    x1, y1, x2, y2 = boxes[:, :4, None].unbind(1)
    columns = torch.arange(w, device=masks.device, dtype=boxes.dtype)
    rows = torch.arange(h, device=masks.device, dtype=boxes.dtype)
    in_x, in_y = (columns >= x1) & (columns < x2), (rows >= y1) & (rows < y2)
    return masks.masked_fill(~(in_y[:, :, None] & in_x[:, None, :]), 0)


def _logits(protos: torch.Tensor, coefficients: torch.Tensor) -> torch.Tensor:
    """Combine prototypes `(C, H, W)` with coefficients `(N, C)` into logits `(N, H, W)`."""
    c, h, w = protos.shape
    return (coefficients.float() @ protos.float().reshape(c, -1)).view(-1, h, w)


def _chunks(count: int, size_hw: Sequence[int]) -> Iterator[slice]:
    step = max(1, _CHUNK_VALUES // max(1, int(size_hw[0]) * int(size_hw[1])))
    for start in range(0, count, step):
        yield slice(start, start + step)


def process_mask(
    protos: torch.Tensor, masks_in: torch.Tensor, bboxes: torch.Tensor, shape: Sequence[int], upsample: bool = False
) -> torch.Tensor:
    """Return binary masks of one image in the pixels of the network input.

    Args:
        protos: `(C, H, W)` prototypes.
        masks_in: `(N, C)` coefficients.
        bboxes: `(N, 4)` corners in input pixels.
        shape: input size (height, width).
        upsample: return masks of the input's size instead of the prototypes' size.

    Returns:
        `(N, H, W)` uint8 of 0 and 1.
    """
    _, h, w = protos.shape
    size = tuple(shape[:2]) if upsample else (h, w)
    scale = torch.tensor([size[1] / shape[1], size[0] / shape[0]] * 2, device=bboxes.device)
    out = torch.empty((len(masks_in), *size), dtype=torch.uint8, device=protos.device)
    for part in _chunks(len(masks_in), size):
        logits = _logits(protos, masks_in[part])
        if upsample:
            logits = F.interpolate(logits[None], size, mode="bilinear", align_corners=False)[0]
        out[part] = crop_mask(logits > 0, bboxes[part] * scale)
    return out


def process_mask_native(
    protos: torch.Tensor, masks_in: torch.Tensor, bboxes: torch.Tensor, shape: Sequence[int]
) -> torch.Tensor:
    """Return binary masks of one image in the pixels of the original image.

    Args:
        protos: `(C, H, W)` prototypes of the letterboxed input.
        masks_in: `(N, C)` coefficients.
        bboxes: `(N, 4)` corners in original pixels.
        shape: original size (height, width).

    Returns:
        `(N, height, width)` uint8 of 0 and 1.
    """
    size = tuple(shape[:2])
    out = torch.empty((len(masks_in), *size), dtype=torch.uint8, device=protos.device)
    for part in _chunks(len(masks_in), size):
        logits = scale_masks(_logits(protos, masks_in[part])[None], size)[0]
        out[part] = crop_mask(logits > 0, bboxes[part])
    return out


def scale_masks(
    masks: torch.Tensor,
    shape: Sequence[int],
    ratio_pad: RatioPad | None = None,
    padding: bool = True,
    mode: str = "bilinear",
) -> torch.Tensor:
    """Resize maps of a letterboxed input to the original image, leaving out the letterbox border.

    Args:
        masks: `(B, C, H, W)` floating-point maps.
        shape: original size (height, width).
        ratio_pad: `((gain_y, gain_x), (left, top))` in mask pixels; worked out from the sizes when None.
        padding: the border lies on both sides; else it lies at the right and the bottom.
        mode: interpolation of `torch.nn.functional.interpolate`.

    Returns:
        `(B, C, height, width)`.
    """
    h, w = masks.shape[-2:]
    out_h, out_w = shape[:2]
    if (h, w) == (out_h, out_w):
        return masks
    gain_y, gain_x = ratio_pad[0] if ratio_pad is not None else (min(h / out_h, w / out_w),) * 2
    resized_h, resized_w = round(out_h * gain_y), round(out_w * gain_x)
    top = left = 0
    if padding:
        left, top = ratio_pad[1] if ratio_pad is not None else ((w - resized_w) / 2, (h - resized_h) / 2)
        left, top = round(left - 0.1), round(top - 0.1)
    masks = masks[..., top : top + resized_h, left : left + resized_w]
    smooth = {"align_corners": False} if mode in ("linear", "bilinear", "bicubic", "trilinear") else {}
    return F.interpolate(masks.float(), (out_h, out_w), mode=mode, **smooth)


def masks2segments(masks: np.ndarray | torch.Tensor, strategy: str = "all") -> list[np.ndarray]:
    """Return the outline of every mask as one polygon.

    Args:
        masks: `(N, H, W)` binary masks.
        strategy: `all` joins the outlines of separate parts by bridges of no width; `concat` puts them one after
            another; `largest` takes the one with most points.

    Returns:
        Float32 polygons `(P, 2)` in mask pixels, `(0, 2)` for empty masks.

    Raises:
        ValueError: if the strategy is unknown.
    """
    import cv2

    joiners = {"all": _bridge, "concat": np.concatenate, "largest": lambda parts: max(parts, key=len)}
    if strategy not in joiners:
        raise ValueError(f"unknown strategy '{strategy}' for masks2segments; choose from {', '.join(joiners)}.")
    stack = masks.detach().cpu().numpy() if isinstance(masks, torch.Tensor) else np.asarray(masks)
    out = []
    for mask in np.ascontiguousarray(stack.astype(np.uint8)):
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        parts = [c.reshape(-1, 2) for c in contours]
        out.append((joiners[strategy](parts) if parts else np.zeros((0, 2))).astype(np.float32))
    return out


def _bridge(parts: list[np.ndarray]) -> np.ndarray:
    """Join polygons, in order, into one outline: each is linked to the next between their closest vertices.

    The path goes out along one way round every part up to its exit, runs round the last part, and comes back along the
    other way round, so that every bridge is passed twice and encloses nothing.
    """
    if len(parts) == 1:
        return parts[0]
    links = []
    for here, there in pairwise(parts):
        distance2 = ((here[:, None].astype(np.int64) - there[None]) ** 2).sum(-1)
        links.append(np.unravel_index(distance2.argmin(), distance2.shape))
    entries, exits = [links[0][0], *(b for _, b in links)], [*(a for a, _ in links), links[-1][1]]
    ways_out, ways_back = [], []
    for polygon, entry, leave in zip(parts, entries, exits, strict=True):
        ring = np.roll(polygon, -entry, 0)
        ring = np.concatenate([ring, ring[:1]])
        turn = (leave - entry) % len(polygon) or len(polygon)  # entered and left at the same vertex: a full round
        ways_out.append(ring[: turn + 1])
        ways_back.append(ring[turn:])
    # The ends need no way back: the first is closed by the polygon itself, the last is where the path turns round.
    return np.concatenate([*ways_out, *reversed(ways_back[1:-1])])
