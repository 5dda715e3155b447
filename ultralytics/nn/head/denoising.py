"""Queries made from the targets by adding noise, which teach a decoder to undo it.

Every target gives pairs of queries: a positive one, near it, that should find it, and a negative one, further off, that
should find nothing. Each group holds one pair per target; groups and ordinary queries do not see one another.

Source: Zhang et al., "DINO" (2023, arXiv:2203.03605), contrastive denoising.

Shapes: B images, M slots for targets of an image, G groups, C channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F

from ultralytics.nn.block.deformable import inverse_sigmoid
from ultralytics.ops.boxes import xywh2xyxy, xyxy2xywh

__all__ = ["get_cdn_group", "group_targets"]

LEAST_SIDE = 1e-6  # share of the image that a box with noise keeps
Group = tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor | None, dict[str, Any] | None]


def group_targets(batch: Mapping[str, Any]) -> dict[str, Any]:
    """Return the targets of a batch image by image.

    Args:
        batch: `img` (B, C, H, W), `batch_idx` (n,), `cls` (n, 1) and `bboxes` (n, 4) centre and size as shares of the
            image.

    Returns:
        `cls` (n,) int, `bboxes` (n, 4), `batch_idx` (n,) int, on the device of the images, and `gt_groups`, the number
        of targets of every image.
    """
    images = batch["img"]
    image = batch["batch_idx"].to(images.device).view(-1).long()
    order = image.argsort(stable=True)
    return {
        "cls": batch["cls"].to(images.device).view(-1)[order].long(),
        "bboxes": batch["bboxes"].to(images.device)[order],
        "batch_idx": image[order],
        "gt_groups": torch.bincount(image, minlength=len(images)).tolist(),
    }


def get_cdn_group(
    batch: Mapping[str, Any] | None,
    num_classes: int,
    num_queries: int,
    class_embed: torch.Tensor,
    num_dn: int = 100,
    cls_noise_ratio: float = 0.5,
    box_noise_scale: float = 1.0,
    training: bool = False,
) -> Group:
    """Make the denoising queries of a batch.

    Args:
        batch: `cls` (n,) int, `bboxes` (n, 4) centre and size as shares of the image, image by image, and `gt_groups`,
            the number of targets of every image.
        num_classes: number of classes.
        num_queries: ordinary queries that follow.
        class_embed: (nc, C) one vector per class.
        num_dn: wanted number of positive queries: so many groups are made; of images with more targets than that, a
            random choice takes part.
        cls_noise_ratio: half of it is the probability of a random class.
        box_noise_scale: how far corners move: up to half the box's size times this for positive queries, up to twice
            as far, and at least so far, for negative ones.
        training: make any at all.

    Returns:
        Queries (B, N, C), logits of their boxes (B, N, 4), mask (N + num_queries, N + num_queries) that is True where a
        query may not look at another, and a record of the rest: `dn_pos_idx` positive queries of every image,
        `dn_gt_idx` targets that take part, counted over the batch, `dn_num_group`, and `dn_num_split`, the numbers of
        both kinds of queries. Four times None where there is nothing to make queries from.
    """
    counts = list(batch["gt_groups"]) if batch is not None else []
    slots = min(max(counts, default=0), num_dn)
    if not training or slots < 1:
        return None, None, None, None
    groups = max(num_dn // slots, 1)
    kept = choose_targets(counts, slots)
    boxes, labels = batch["bboxes"], batch["cls"]
    table, filled = slot_table(kept, slots, boxes.device)
    labels = noisy_labels(_pairs(labels[table], groups), num_classes, cls_noise_ratio)
    boxes = noisy_boxes(_pairs(boxes[table].float(), groups), box_noise_scale)
    filled = _pairs(filled, groups)[..., None]
    queries = F.embedding(labels, class_embed) * filled
    logits = inverse_sigmoid(boxes) * filled
    count = 2 * slots * groups
    meta = {
        "dn_pos_idx": [positive_places(len(own), slots, groups).to(boxes.device) for own in kept],
        "dn_gt_idx": [own.to(boxes.device) for own in kept],
        "dn_num_group": groups,
        "dn_num_split": [count, num_queries],
    }
    mask = group_mask(2 * slots, groups, num_queries, boxes.device)
    return queries.flatten(1, 3), logits.flatten(1, 3), mask, meta


def choose_targets(counts: Sequence[int], limit: int) -> list[torch.Tensor]:
    """Return the targets of every image that take part, counted over the batch: all, or a random choice of `limit`."""
    chosen, start = [], 0
    for count in counts:
        own = torch.arange(count) if count <= limit else torch.randperm(count)[:limit].sort().values
        chosen.append(start + own)
        start += count
    return chosen


def slot_table(kept: Sequence[torch.Tensor], slots: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the target in every slot (B, M), 0 for empty ones, and whether a slot is filled (B, M)."""
    table = torch.zeros(len(kept), slots, dtype=torch.long)
    filled = torch.zeros(len(kept), slots, dtype=torch.bool)
    for row, own in enumerate(kept):
        table[row, : len(own)] = own
        filled[row, : len(own)] = True
    return table.to(device), filled.to(device)


def _pairs(x: torch.Tensor, groups: int) -> torch.Tensor:
    """Repeat (B, M, ...) for a positive and a negative query in every group: (B, G, 2, M, ...)."""
    return x[:, None, None].expand(-1, groups, 2, *x.shape[1:])


def noisy_labels(labels: torch.Tensor, num_classes: int, ratio: float) -> torch.Tensor:
    """Return labels of which a share of `ratio` / 2 is drawn anew."""
    if ratio <= 0:
        return labels
    drawn = torch.rand(labels.shape, device=labels.device) < ratio * 0.5
    return torch.where(drawn, torch.randint_like(labels, num_classes), labels)


def noisy_boxes(boxes: torch.Tensor, scale: float) -> torch.Tensor:
    """Return boxes (B, G, 2, M, 4) with moved corners, row 0 of the pairs a little and row 1 further.

    Corners that pass each other change places, and what lies outside the image is cut off.
    """
    if scale <= 0:
        return boxes
    share = torch.rand_like(boxes)
    share[:, :, 1] += 1
    sign = torch.randint_like(boxes, 2) * 2 - 1
    moved = xywh2xyxy(boxes) + sign * share * scale * boxes[..., 2:].repeat(1, 1, 1, 1, 2) / 2
    first, second = moved.clamp(0, 1).split(2, -1)
    noisy = xyxy2xywh(torch.cat((torch.minimum(first, second), torch.maximum(first, second)), -1))
    return torch.cat((noisy[..., :2], noisy[..., 2:].clamp(min=LEAST_SIDE)), -1)


def positive_places(count: int, slots: int, groups: int) -> torch.Tensor:
    """Return where the positive queries of an image with `count` targets stand, group by group: (groups * count,)."""
    return (torch.arange(groups)[:, None] * (2 * slots) + torch.arange(count)).flatten()


def group_mask(size: int, groups: int, num_queries: int, device: torch.device) -> torch.Tensor:
    """Return which query may not look at which: nobody sees a group of `size` queries but its own members."""
    noisy = torch.arange(groups, device=device).repeat_interleave(size)
    owner = torch.cat((noisy, torch.full((num_queries,), -1, device=device)))
    return (owner[:, None] != owner) & (owner >= 0)
