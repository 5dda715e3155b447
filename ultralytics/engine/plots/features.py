"""Looking inside a network: maps of single channels, and which parts of a picture speak for its predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ultralytics.data.images.depth import drawable_inputs
from ultralytics.engine.plots.files import write_image
from ultralytics.utils.files import increment_path
from ultralytics.utils.log import LOGGER

__all__ = ["class_activation_map", "feature_visualization"]

OVERLAY = 0.5  # share of the heat colours in the picture


def feature_visualization(
    x: torch.Tensor, module_type: str, stage: int, n: int = 32, save_dir: str | Path = Path("runs/detect/exp")
) -> None:
    """Write the first channels of a feature map as a grid of grey pictures, and the map itself as `.npy`.

    Args:
        x: (B, C, H, W) output of a layer; the first picture is shown.
        module_type: name of the layer's class.
        stage: index of the layer.
        n: number of channels.
        save_dir: target folder.
    """
    if not isinstance(x, torch.Tensor) or x.ndim != 4 or x.shape[2] * x.shape[3] <= 1:
        return
    maps = x[0].detach().float().cpu().numpy()
    shown = maps[:n]
    columns = 8
    rows = math.ceil(len(shown) / columns)
    height, width = shown.shape[1:]
    grid = np.zeros((rows * (height + 1), columns * (width + 1)), np.uint8)
    for k, channel in enumerate(shown):
        low, high = float(channel.min()), float(channel.max())
        top, left = k // columns * (height + 1), k % columns * (width + 1)
        grid[top : top + height, left : left + width] = (channel - low) / max(high - low, 1e-12) * 255
    path = Path(save_dir) / f"stage{stage}_{module_type.rsplit('.', 1)[-1]}_features.png"
    LOGGER.info(f"Saving {path}... ({len(shown)}/{len(maps)})")
    write_image(path, cv2.applyColorMap(grid, cv2.COLORMAP_VIRIDIS))
    np.save(path.with_suffix(".npy"), maps)


def class_activation_map(
    model: nn.Module,
    im: torch.Tensor,
    paths: Sequence[str | Path],
    save_dir: str | Path,
    *args: Any,
    conf: float = 0.25,
    classes: Sequence[int] | None = None,
    topk: int = 16,
    **kwargs: Any,
) -> None:
    """Write `<stem>_cam.jpg` for every picture: heat where the head's input maps speak for the strongest predictions.

    Every position of a map counts with its own gradient. Source: LayerCAM (Jiang et al., 2021, IEEE TIP 30:5875).

    Args:
        model: network whose last layer of `model.model` is the head, taking a map or a list of maps.
        im: (B, C, H, W) network input, 0..1, RGB where C is 3.
        paths: sources of the pictures, for the names; one that is taken gets -2, -3 ...
        save_dir: target folder.
        *args: ignored.
        conf: explain predictions with a score above this; the strongest one in any case.
        classes: explain only these classes.
        topk: explain at most so many predictions per picture.
        **kwargs: ignored.
    """
    head = model.model[-1]
    seen: list[Any] = []
    hook = head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        model(im.to(next(model.parameters()).dtype))  # which may be a lower one than that of the input
    finally:
        hook.remove()
    several = isinstance(seen[-1], (list, tuple))
    # Gradients do not flow through tensors made in inference mode, so the head runs again on copies made outside of it.
    with torch.inference_mode(False), torch.enable_grad():
        levels = [level.clone().requires_grad_(True) for level in (seen[-1] if several else seen)]
        output = head(list(levels) if several else levels[0])
        scores = _class_scores(output, getattr(head, "nc", None))
        if scores is None:
            LOGGER.warning(f"visualize: the scores in the output of head {type(head).__name__} are not known; no maps.")
            return
        strong = _strongest(scores.detach(), conf, classes, topk)
        grads = torch.autograd.grad(_explained(output, scores)[strong].sum(), levels, allow_unused=True)
    heat = _heat([(a.detach(), g) for a, g in zip(levels, grads, strict=True) if g is not None], im.shape[2:])
    for picture, warm, source in zip(drawable_inputs(im.detach().float().cpu().numpy()), heat, paths, strict=False):
        target = increment_path(Path(save_dir) / f"{Path(source).stem}_cam.jpg")
        LOGGER.info(f"Saving {target}... (LayerCAM)")
        colored = cv2.applyColorMap((warm * 255).astype(np.uint8), cv2.COLORMAP_JET)
        write_image(target, cv2.addWeighted(colored, OVERLAY, picture, 1 - OVERLAY, 0))


def _class_scores(output: Any, nc: int | None) -> torch.Tensor | None:
    """Return the class scores (B, nc, A) of a head's output: its logits where it gives them. None if unknown."""
    decoded, raw = output if isinstance(output, tuple) and len(output) == 2 else (output, None)
    if isinstance(raw, dict):
        raw = raw.get("one2many", raw)
        if "scores" in raw:
            return raw["scores"].sigmoid()
    if isinstance(raw, tuple):  # of a decoder: boxes and logits (K, B, Q, nc) of its layers, ...
        return raw[1][-1].sigmoid().transpose(1, 2)
    if not isinstance(decoded, torch.Tensor):
        return None
    if decoded.ndim == 2:  # probabilities of whole pictures
        return decoded[..., None]
    return decoded[:, 4 : 4 + nc] if decoded.ndim == 3 and nc else None


def _explained(output: Any, scores: torch.Tensor) -> torch.Tensor:
    """Return the values (B, nc, A) whose gradients count: of classifiers the logits.

    The gradient of a probability near 1 is 0 everywhere.
    """
    logits = output[1] if isinstance(output, tuple) and len(output) == 2 else None
    if scores.shape[2] == 1 and isinstance(logits, torch.Tensor) and logits.shape == scores.shape[:2]:
        return logits[..., None]
    return scores


def _strongest(scores: torch.Tensor, conf: float, classes: Sequence[int] | None, topk: int) -> torch.Tensor:
    """Return a mask (B, nc, A) of the predictions to explain."""
    if classes is not None:
        chosen = torch.as_tensor(classes, device=scores.device).reshape(-1)
        wanted = torch.isin(torch.arange(scores.shape[1], device=scores.device), chosen)
        scores = scores.masked_fill(~wanted[None, :, None], 0)
    best = scores.float().flatten(1).topk(min(topk, scores[0].numel()), 1)
    keep = best.values > conf
    keep[:, 0] = True
    mask = torch.zeros_like(scores, dtype=torch.bool).flatten(1)
    return mask.scatter_(1, best.indices, keep).view_as(scores)


def _heat(pairs: Sequence[tuple[torch.Tensor, torch.Tensor]], size_hw: Sequence[int]) -> np.ndarray:
    """Return the heat (B, H, W), 0..1, of maps and their gradients: the strongest level counts."""
    levels = []
    for activation, gradient in pairs:
        warm = (gradient.float().clamp(min=0) * activation.float()).sum(1, keepdim=True).clamp(min=0)
        warm = F.interpolate(warm, tuple(size_hw), mode="bilinear", align_corners=False)[:, 0]
        levels.append(warm / warm.amax((1, 2), keepdim=True).clamp(min=1e-12))
    return torch.stack(levels).amax(0).cpu().numpy()
