"""Settings that are global to the training process: threads, allocator, deterministic kernels. Undone at the end."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator

import numpy as np
import torch

from ultralytics.utils import env
from ultralytics.utils.device import tune_allocator

__all__ = ["cpu_threads", "loader_workers", "reseed_epoch", "threads_are_pinned", "training_process"]

FEW_CORES = 4


def threads_are_pinned() -> bool:
    """Whether the user has fixed the number of threads, `OMP_NUM_THREADS=4`."""
    return os.environ.get("OMP_NUM_THREADS", "").isdigit()


def cpu_threads(local_processes: int = 1) -> int:
    """Return the number of threads for one training process: the physical cores, shared by the processes of a machine.

    Two threads on one core share its multiplication units, so more threads than cores make training slower.
    """
    if threads_are_pinned():
        return max(1, int(os.environ["OMP_NUM_THREADS"]))
    import psutil  # a required package that takes long to import

    cores = min(psutil.cpu_count(logical=False) or env.cpu_count(), env.cpu_count())
    return max(1, cores // local_processes)


def loader_workers(asked: int, device: torch.device) -> int:
    """Return the number of loader processes for a run.

    On a processor with few cores the step takes nearly all of its time, and one thread of this process makes batches
    as fast as they are used; processes cost memory and time to start. Measured on 2 cores, yolov8n at 320 px: 3.7 s an
    epoch with 0, 1 or 2 processes.
    """
    return 0 if device.type != "cuda" and env.cpu_count() <= FEW_CORES else asked


@contextlib.contextmanager
def training_process(device: torch.device, local_processes: int = 1) -> Iterator[None]:
    """Set this process up for training and put things back afterwards (the allocator's thresholds stay)."""
    threads = torch.get_num_threads()
    fills = torch.utils.deterministic.fill_uninitialized_memory
    if device.type == "cpu":
        tune_allocator()
        torch.set_num_threads(cpu_threads(local_processes))
    # Deterministic mode would also fill every fresh block with NaN, a pass over all activations; nothing reads them.
    torch.utils.deterministic.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.utils.deterministic.fill_uninitialized_memory = fills


def reseed_epoch(seed: int, epoch: int, rank: int, batch: int = 0) -> None:
    """Seed all generators for one epoch, a pure function of its place, so that a resumed run draws the same numbers.

    Args:
        seed: of the run.
        epoch: from 0.
        rank: of this process, from 0: dropout differs between processes.
        batch: first batch of the part of the epoch that these seeds are for.
    """
    place = (seed & 0xFFFFFFFF, epoch, rank, *([batch] if batch else []))
    numbers = np.random.SeedSequence(place).generate_state(3)
    random.seed(int(numbers[0]))
    np.random.seed(int(numbers[1]))
    torch.manual_seed(int(numbers[2]))
