"""Getting a run past what would end it: too little memory in the first epoch, or a loss that is no number any more."""

from __future__ import annotations

import gc
import math
from typing import Any

import torch

from ultralytics.utils.log import LOGGER

__all__ = [
    "MAX_BATCH_CUTS",
    "MAX_RELOADS",
    "RestartEpoch",
    "TrainingFailedError",
    "check_finite",
    "free_memory",
    "is_out_of_memory",
    "memory_in_use",
    "memory_share",
    "smaller_batch",
    "soften",
]

MAX_BATCH_CUTS = 3  # halvings of the batch in the first epoch
MAX_RELOADS = 3  # returns to the last checkpoint
MEMORY_TEXTS = ("out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_NOT_SUPPORTED", "can't allocate memory")


class RestartEpoch(Exception):
    """Asks the training loop to go back to the last checkpoint and try again with one thing changed.

    Args:
        reason: what happened, for the log.
        batch: new batch size, or None to keep it.
    """

    def __init__(self, reason: str, batch: int | None = None) -> None:
        super().__init__(reason)
        self.batch = batch


class TrainingFailedError(RuntimeError, ValueError):
    """Training blows up again and again; settings or data have to change."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that the device ran out of memory (libraries report it in several ways)."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(text.lower() in str(error).lower() for text in MEMORY_TEXTS)


def smaller_batch(error: BaseException, epoch: int, batch: int, cuts: int) -> RestartEpoch | None:
    """Return the restart with half the batch where that is allowed, None where the error has to go up.

    Args:
        error: what the epoch raised.
        epoch: present epoch; only the first one may change the batch size.
        batch: present batch size.
        cuts: halvings done so far.
    """
    if epoch > 0 or batch < 2 or cuts >= MAX_BATCH_CUTS or not is_out_of_memory(error):
        return None
    return RestartEpoch(f"out of memory with batch={batch}; trying batch={batch // 2}", batch=batch // 2)


def check_finite(loss: float, fitness: float | None, epoch: int, reloads: int) -> None:
    """Ask for a return to the last checkpoint when training has blown up.

    Args:
        loss: mean loss of the epoch.
        fitness: of the validation, None without one.
        epoch: the epoch just done.
        reloads: returns so far.

    Raises:
        RestartEpoch: to go back.
        TrainingFailedError: after `MAX_RELOADS` returns.
    """
    bad = "loss" if not math.isfinite(loss) else "fitness" if fitness is not None and not math.isfinite(fitness) else ""
    if not bad:
        return
    if reloads >= MAX_RELOADS:
        raise TrainingFailedError(
            f"training failed: {bad} is not a number in epoch {epoch + 1}, after {reloads} returns to the last "
            "checkpoint. "
            "Lower lr0, check the labels, or train with amp=False."
        )
    raise RestartEpoch(f"{bad} is not a number in epoch {epoch + 1}; going back to the last checkpoint")


def memory_in_use(device: torch.device) -> float:
    """Return the memory in use in GiB: of the device, or of this process on a processor."""
    if device.type == "cuda":
        used = torch.cuda.memory_reserved(device)
    elif device.type == "mps":
        used = torch.mps.driver_allocated_memory()
    else:
        import psutil  # a required package that takes long to import

        used = psutil.Process().memory_info().rss
    return used / 2**30


def memory_share(device: torch.device) -> float:
    """Return the share of a GPU's memory that this process has taken, 0 on a processor."""
    if device.type != "cuda":
        return 0.0
    return torch.cuda.memory_reserved(device) / torch.cuda.get_device_properties(device).total_memory


def free_memory(device: torch.device) -> None:
    """Give cached blocks back to the GPU, after the objects that used them are gone."""
    if device.type == "cuda":
        gc.collect()
        torch.cuda.empty_cache()


def soften(trainer: Any) -> None:
    """Change what most likely caused a blow-up: first the short arithmetic, then the learning rate.

    Without a change the run would repeat the same steps exactly and blow up again.
    """
    if trainer.precision.mixed:
        trainer.set_precision(trainer.precision.without_mixed("mixed precision off after a loss that was no number"))
        LOGGER.warning("mixed precision is off from here on.")
        return
    trainer.progress.lr_scale *= 0.5
    LOGGER.warning(f"the learning rate is {trainer.progress.lr_scale:g} of its plan from here on.")
