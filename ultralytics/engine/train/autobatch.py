"""Finding the batch size that fills a share of the GPU's memory: measure small ones, extrapolate a straight line."""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from ultralytics.cfg.merge import DEFAULT_CFG_DICT
from ultralytics.nn.cost.flops import input_channels
from ultralytics.utils.device import device_memory
from ultralytics.utils.log import LOGGER, colorstr

__all__ = ["autobatch", "check_train_batch_size", "choose_size", "trial_sizes"]

DEFAULT_BATCH = int(DEFAULT_CFG_DICT["batch"])
DEFAULT_SHARE = 0.6
SMALL_SIZES, LARGE_SIZES = (1, 2, 4, 8, 16), (32, 64)
LARGE_MEMORY = 16 * 2**30  # bytes from which the larger sizes are measured too
LARGEST = 1024


def check_train_batch_size(
    model: nn.Module,
    imgsz: int = 640,
    amp: bool | str = True,
    batch: float = -1,
    max_num_obj: int = 1,
    dataset_size: int = 0,
) -> int:
    """Return the batch size that fits into memory; see `autobatch`.

    Args:
        model: network on its device.
        imgsz: training image size.
        amp: whether mixed precision is on.
        batch: -1, or the share of memory to fill, 0..1.
        max_num_obj: most boxes an image has; the assignment's memory grows with it.
        dataset_size: number of training images, an upper limit (0 for none).
    """
    share = float(batch) if 0 < batch < 1 else DEFAULT_SHARE
    mixed = str(amp).lower() not in {"false", "fp32"}
    device = next(model.parameters()).device
    with torch.autocast(device.type, enabled=mixed and device.type == "cuda"):
        return autobatch(copy.deepcopy(model).train(), imgsz, share, DEFAULT_BATCH, max_num_obj, dataset_size)


def autobatch(
    model: nn.Module,
    imgsz: int = 640,
    fraction: float = DEFAULT_SHARE,
    batch_size: int = DEFAULT_BATCH,
    max_num_obj: int = 1,
    dataset_size: int = 0,
) -> int:
    """Measure training steps of growing batch sizes and return the one that fills `fraction` of the free memory.

    Without CUDA, or with cudnn.benchmark on (whose trials distort the measurement), `batch_size` is returned.
    """
    prefix = colorstr("AutoBatch: ")
    device = next(model.parameters()).device
    if device.type != "cuda":
        LOGGER.warning(f"{prefix}batch=-1 measures GPU memory; on {device.type} it means batch={batch_size}.")
        return batch_size
    if torch.backends.cudnn.benchmark:
        LOGGER.warning(f"{prefix}needs torch.backends.cudnn.benchmark=False; using batch={batch_size}.")
        return batch_size
    free, total = device_memory(device)
    used = total - free
    sizes = trial_sizes(total, dataset_size)
    peaks = [_peak(lambda n: _train_step(model, n, imgsz, max_num_obj, device), size, device) for size in sizes]
    chosen = choose_size(sizes, peaks, budget=free * fraction, fallback=batch_size, limit=dataset_size or LARGEST)
    LOGGER.info(
        f"{prefix}batch={chosen} for {imgsz} px, aiming at {fraction:.0%} of {free / 2**30:.1f} GiB free "
        f"({used / 2**30:.1f} of {total / 2**30:.1f} GiB in use)."
    )
    return chosen


def trial_sizes(total_memory: int, dataset_size: int) -> list[int]:
    """Return the batch sizes to measure on a device with so many bytes."""
    sizes = SMALL_SIZES + (LARGE_SIZES if total_memory >= LARGE_MEMORY else ())
    return [size for size in sizes if not dataset_size or size <= dataset_size] or [1]


def choose_size(
    sizes: Sequence[int], peaks: Sequence[float | None], budget: float, fallback: int, limit: int = LARGEST
) -> int:
    """Return the batch size whose memory meets the budget on a straight line through the measurements.

    Args:
        sizes: batch sizes measured, rising.
        peaks: bytes that each took, None where memory ran out.
        budget: bytes to use.
        fallback: answer where nothing can be concluded.
        limit: largest sensible answer.
    """
    good = [(size, peak) for size, peak in zip(sizes, peaks, strict=True) if peak]
    if len(good) < 2:
        return fallback if not good else min(good[-1][0], limit)
    slope, base = np.polyfit(*zip(*good, strict=True), deg=1)
    if slope <= 0:
        return fallback
    size = int((budget - base) / slope)
    failed = [size for size, peak in zip(sizes, peaks, strict=True) if not peak]
    if failed and size >= failed[0]:
        size = good[-1][0]
    return max(1, min(size, limit, LARGEST))


def _peak(step: Callable[[int], Any], size: int, device: torch.device) -> float | None:
    """Return the bytes that a step of this batch size needs at most, None when they are not there."""
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    try:
        step(size)
        return float(torch.cuda.max_memory_reserved(device))
    except torch.OutOfMemoryError:
        return None


def _train_step(model: nn.Module, size: int, imgsz: int, boxes: int, device: torch.device) -> None:
    """Run a forward and backward pass of random images with `boxes` targets each, the loss included."""
    loss = model(random_batch(size, imgsz, max(1, boxes), device, input_channels(model)))[0].sum()
    loss.backward()
    model.zero_grad(set_to_none=True)


def random_batch(
    size: int, imgsz: int, boxes: int, device: torch.device, channels: int = 3
) -> Mapping[str, torch.Tensor]:
    """Return a batch of noise with targets of detection and of tasks with a value per pixel."""
    total = size * boxes
    return {
        "img": torch.rand(size, channels, imgsz, imgsz, device=device),
        "cls": torch.zeros(total, 1, device=device),
        "bboxes": torch.rand(total, 4, device=device) * 0.5 + 0.25,
        "batch_idx": torch.arange(size, device=device).repeat_interleave(boxes).float(),
        "semantic_mask": torch.zeros(size, imgsz, imgsz, dtype=torch.int32, device=device),
        "depth": torch.rand(size, 1, imgsz, imgsz, device=device) + 0.5,
    }
