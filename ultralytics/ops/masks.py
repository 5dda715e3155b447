"""Instance masks: from prototypes and coefficients to pixels, to the original image, and to polygons.

Mask logits are thresholded at 0, which equals a probability of 0.5, so no sigmoid is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F

from ultralytics.ops.boxes import RatioPad, letterbox_geometry

__all__ = [
    "crop_mask",
    "image_masks",
    "index_map_overlaps",
    "join_outlines",
    "masks2segments",
    "process_mask",
    "process_mask_native",
    "scale_masks",
    "stack_overlaps",
]

# Full-size logits of many objects need much memory (100 objects in a 12 MP photo: 4.8 GB); work on this many values.
_CHUNK_VALUES = 1 << 25
_COUNTED_VALUES = 1 << 22  # the same for work that needs several whole numbers per value


def _inside(boxes: torch.Tensor, h: int, w: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return which rows `(N, h, 1)` and columns `(N, 1, w)` of a map lie inside boxes `(N, 4)` in map pixels."""
    x1, y1, x2, y2 = boxes[:, :4, None].unbind(1)
    columns = torch.arange(w, device=boxes.device, dtype=boxes.dtype)
    rows = torch.arange(h, device=boxes.device, dtype=boxes.dtype)
    return ((rows >= y1) & (rows < y2))[:, :, None], ((columns >= x1) & (columns < x2))[:, None, :]


def crop_mask(masks: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """Return masks that are zero outside their boxes.

    Args:
        masks: `(N, H, W)`.
        boxes: `(N, 4)` corners in mask pixels; a pixel stays when x1 <= column < x2 and y1 <= row < y2.
    """
    in_y, in_x = _inside(boxes, *masks.shape[1:])
    return masks.masked_fill(~(in_y & in_x), 0)


def _positive(logits: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """Return where logits `(N, H, W)` are above 0 inside boxes `(N, 4)`: bool."""
    in_y, in_x = _inside(boxes, *logits.shape[1:])
    if logits.device.type == "cpu":  # numpy broadcasts here at five times torch's speed
        inside = logits.detach().numpy() > 0
        inside &= in_y.numpy()
        inside &= in_x.numpy()
        return torch.from_numpy(inside)
    return (logits > 0).logical_and_(in_y).logical_and_(in_x)


def _logits(protos: torch.Tensor, coefficients: torch.Tensor) -> torch.Tensor:
    """Combine prototypes `(C, H, W)` with coefficients `(N, C)` into logits `(N, H, W)`."""
    c, h, w = protos.shape
    return (coefficients.float() @ protos.float().reshape(c, -1)).view(-1, h, w)


def _chunks(count: int, size_hw: Sequence[int], values: int | None = None) -> Iterator[slice]:
    step = max(1, (values or _CHUNK_VALUES) // max(1, int(size_hw[0]) * int(size_hw[1])))
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
        out[part] = _positive(logits, bboxes[part] * scale)
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
        out[part] = _positive(logits, bboxes[part])
    return out


def image_masks(
    protos: torch.Tensor,
    coefficients: torch.Tensor,
    boxes: torch.Tensor,
    input_hw: Sequence[int],
    image_hw: Sequence[int],
    ratio_pad: RatioPad | None = None,
) -> torch.Tensor:
    """Return binary masks of one image in the pixels of the original image, exact to a part of a pixel.

    Every pixel of the image is looked up in the logits where the letterbox put its middle. `process_mask_native`, which
    rounds the border to whole pixels of the prototypes, can be off by half of such a pixel, two input pixels.

    Args:
        protos: `(C, h, w)` prototypes of the letterboxed input.
        coefficients: `(N, C)`.
        boxes: `(N, 4)` corners in original pixels.
        input_hw: height and width of the letterboxed input.
        image_hw: height and width of the original image.
        ratio_pad: see `letterbox_geometry`.

    Returns:
        `(N, height, width)` uint8 of 0 and 1.
    """
    size = int(image_hw[0]), int(image_hw[1])
    gains, borders = letterbox_geometry(input_hw, size, ratio_pad)
    x, y = (
        ((torch.arange(side, device=protos.device) + 0.5) * gain + border) * (2 / whole) - 1
        for side, gain, border, whole in zip(size[::-1], gains, borders, input_hw[1::-1], strict=True)
    )
    grid = torch.stack((x.expand(len(y), -1), y[:, None].expand(-1, len(x))), -1)[None]
    out = torch.empty((len(coefficients), *size), dtype=torch.uint8, device=protos.device)
    for part in _chunks(len(coefficients), size):
        logits = _logits(protos, coefficients[part])[None]
        logits = F.grid_sample(logits, grid, mode="bilinear", padding_mode="border", align_corners=False)[0]
        out[part] = _positive(logits, boxes[part])
    return out


def _iou(inter: torch.Tensor, area1: torch.Tensor, area2: torch.Tensor, eps: float) -> torch.Tensor:
    """Return the IoU `(N, M)` for intersections and areas `(N,)` and `(M,)`."""
    return inter / (area1[:, None] + area2 - inter + eps)


def index_map_overlaps(index_map: torch.Tensor, count: int, masks: torch.Tensor, eps: float = 1e-7) -> torch.Tensor:
    """Return the IoU of objects painted into one map and masks, without taking the map apart.

    Only the pixels of the masks are looked at, each once, whatever the number of objects.

    Args:
        index_map: `(H, W)` integers, 0 for background, k + 1 for object k of M.
        count: M.
        masks: `(N, H, W)` of 0 and 1.
        eps: keeps divisions finite.

    Returns:
        `(M, N)` float32 in main memory.
    """
    owner = index_map.detach().cpu().numpy().reshape(-1).astype(np.int64)
    flat = (masks != 0).cpu().numpy().reshape(len(masks), index_map.numel())
    sizes = np.bincount(owner, minlength=count + 1)[1 : count + 1]
    table = np.zeros((len(flat), count + 1), np.int64)
    for part in _chunks(len(flat), index_map.shape, _COUNTED_VALUES):
        row, pixel = np.divmod(np.flatnonzero(flat[part]), flat.shape[1])
        keys = row * (count + 1) + owner[pixel]
        rows = table[part]
        rows[:] = np.bincount(keys, minlength=rows.size).reshape(rows.shape)
    inter, areas = (torch.from_numpy(x.astype(np.float32)) for x in (table[:, 1:].T, table.sum(1)))
    return _iou(inter, torch.from_numpy(sizes.astype(np.float32)), areas, eps)


def stack_overlaps(masks1: torch.Tensor, masks2: torch.Tensor, eps: float = 1e-7) -> torch.Tensor:
    """Return the IoU `(N, M)` of binary masks `(N, H, W)` and `(M, H, W)`; large stacks are widened part by part."""
    flat1, flat2 = masks1.flatten(1), masks2.flatten(1)
    inter = torch.zeros((len(flat1), len(flat2)), device=masks1.device)
    step = max(1, _CHUNK_VALUES // max(1, len(flat1) + len(flat2)))
    for start in range(0, flat1.shape[1], step):
        inter += flat1[:, start : start + step].float() @ flat2[:, start : start + step].float().T
    return _iou(inter, flat1.sum(1).float(), flat2.sum(1).float(), eps)


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
    if not masks.shape[0] or not masks.shape[1]:  # torch resizes nothing but something
        return torch.zeros((*masks.shape[:2], out_h, out_w), dtype=torch.float32, device=masks.device)
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

    joiners = {"all": join_outlines, "concat": np.concatenate, "largest": lambda parts: max(parts, key=len)}
    if strategy not in joiners:
        raise ValueError(f"unknown strategy '{strategy}' for masks2segments; choose from {', '.join(joiners)}.")
    torch_masks = isinstance(masks, torch.Tensor)
    stack = masks.detach().to(torch.uint8).cpu().numpy() if torch_masks else np.asarray(masks).astype(np.uint8)
    out = []
    for mask in np.ascontiguousarray(stack):
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        parts = [c.reshape(-1, 2) for c in contours]
        out.append((joiners[strategy](parts) if parts else np.zeros((0, 2))).astype(np.float32))
    return out


def join_outlines(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Join polygons, in order, into one outline: each is linked to the next between their closest vertices.

    The path goes out along one way round every part up to its exit, runs round the last part, and comes back along the
    other way round, so that every bridge is passed twice and encloses nothing. Parts without points are left out.
    """
    parts = [part for part in parts if len(part)]
    if len(parts) < 2:
        return parts[0] if parts else np.zeros((0, 2), np.float32)
    links = []
    for here, there in pairwise(parts):
        distance2 = ((here[:, None].astype(np.float64) - there[None]) ** 2).sum(-1)
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
