"""Stand-ins for models, so that losses are tested without networks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

GAINS = {"box": 7.5, "cls": 0.5, "dfl": 1.5, "pose": 12.0, "kobj": 1.0, "rle": 1.0, "angle": 1.0, "overlap_mask": True}


class Head(nn.Module):
    def __init__(self, nc: int, reg_max: int = 16, **facts: Any):
        super().__init__()
        self.nc, self.reg_max, self.stride = nc, reg_max, torch.tensor([8.0, 16.0, 32.0])
        self.weight = nn.Parameter(torch.zeros(1))
        for name, value in facts.items():
            setattr(self, name, value)


def model_of(nc: int, reg_max: int = 16, hyp: dict[str, Any] | None = None, **facts: Any) -> nn.Module:
    model = nn.Module()
    model.model = nn.ModuleList([Head(nc, reg_max, **facts)])
    model.args = SimpleNamespace(**(GAINS | (hyp or {})))
    return model


def levels(batch: int, size_hw: tuple[int, int]) -> list[torch.Tensor]:
    return [torch.zeros(batch, 1, size_hw[0] // s, size_hw[1] // s) for s in (8, 16, 32)]


def random_preds(batch: int, nc: int, size_hw: tuple[int, int] = (64, 96), reg_max: int = 16, **extra: int):
    """Raw predictions that require gradients; `extra` names further branches and their channels."""
    feats = levels(batch, size_hw)
    anchors = sum(f.shape[2] * f.shape[3] for f in feats)
    channels = {"boxes": 4 * reg_max, "scores": nc, **extra}
    g = torch.Generator().manual_seed(0)
    preds = {k: torch.randn(batch, c, anchors, generator=g).requires_grad_() for k, c in channels.items()}
    return {**preds, "feats": feats}


def random_batch(batch: int, nc: int, counts: list[int], seed: int = 0) -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    n = sum(counts)
    size = 0.1 + 0.4 * torch.rand(n, 2, generator=g)
    centre = size / 2 + (1 - size) * torch.rand(n, 2, generator=g)
    return {
        "batch_idx": torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts)).float(),
        "cls": torch.randint(nc, (n, 1), generator=g).float(),
        "bboxes": torch.cat([centre, size], 1),
    }
