"""The lines that training prints: header and rows of the progress table."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from ultralytics.utils.log import LOGGER, colorstr
from ultralytics.utils.tqdm import TQDM

__all__ = ["EpochBar", "announce", "header", "interrupted"]

WIDTH = 11
REFRESH_S = 0.25  # reading the losses waits for the GPU, so not every batch


def header(loss_names: Sequence[str], device: torch.device) -> str:
    """Return the column heads: epoch, memory, one per loss, boxes in the batch, image side."""
    memory = "RAM" if device.type == "cpu" else "GPU_mem"
    return "\n" + "".join(f"{name:>{WIDTH}}" for name in ("Epoch", memory, *loss_names, "Instances", "Size"))


def announce(trainer: Any) -> None:
    """Say what is about to run, and where its results go."""
    workers = getattr(trainer.train_loader, "num_workers", 0) * trainer.world_size
    length = f"{trainer.args.time} hours" if trainer.args.time else f"{trainer.epochs} epochs"
    LOGGER.info(
        f"Image sizes {trainer.args.imgsz} train, {trainer.args.imgsz} val\n"
        f"Using {workers} dataloader workers\n"
        f"Logging results to {colorstr('bold', str(trainer.save_dir))}\n"
        f"Starting training for {length}..."
    )


def interrupted(trainer: Any) -> None:
    """Tell an interrupting user what has been saved and how to go on from it."""
    if not hasattr(trainer, "last") or not trainer.last.exists():
        LOGGER.info("\nTraining interrupted; nothing has been saved.")
        return
    done, batches = trainer.progress.epoch + 1, trainer.progress.batches
    saved = f"{done} finished epochs" if done > 0 or batches else "the start of the run"
    saved += f" and {batches} batches" if batches else ""
    LOGGER.info(
        f"\nTraining interrupted in epoch {trainer.epoch + 1}. '{trainer.last}' holds {saved}; "
        f"go on exactly from there with: yolo train resume model={trainer.last}"
    )


class EpochBar(TQDM):
    """Progress over the batches of an epoch whose text shows memory, mean losses, boxes and image size.

    Args:
        loader: the batches.
        epoch: number from 0.
        epochs: planned number.
        memory: returns the memory in use in GiB.
        done: batches of the epoch that are done already and that the loader leaves out.
    """

    def __init__(self, loader: Any, epoch: int, epochs: int, memory: Callable[[], float], done: int = 0) -> None:
        super().__init__(loader, total=len(loader) - done)
        self.place = f"{epoch + 1}/{epochs}"
        self.memory = memory
        self._shown = 0.0

    def show(self, losses: Mapping[str, torch.Tensor] | None, instances: int, size: int, last: bool = False) -> None:
        """Refresh the text, not too often."""
        now = time.monotonic()
        if self.disable or losses is None or (now - self._shown < REFRESH_S and not last):
            return
        self._shown = now
        numbers = "".join(f"{float(v):>{WIDTH}.4g}" for v in losses.values())
        memory = f"{self.memory():.3g}G"
        text = f"{self.place:>{WIDTH}}{memory:>{WIDTH}}{numbers}{instances:>{WIDTH}}{size:>{WIDTH}}"
        self.set_description(text)
