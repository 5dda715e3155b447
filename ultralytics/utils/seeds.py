"""Random state: seeding every generator of a process, and saving and restoring what they hold."""

from __future__ import annotations

import os
import random
from typing import Any

import numpy as np
import torch

from ultralytics.utils.log import LOGGER

__all__ = ["init_seeds", "rng_state", "set_rng_state", "unset_deterministic"]


def init_seeds(seed: int = 0, deterministic: bool = False) -> None:
    """Seed Python's, numpy's and torch's generators (all CUDA devices included).

    Args:
        seed: 0 or more.
        deterministic: also ask torch for kernels that give the same bits every time. Operations without one warn and
            run anyway. cuBLAS needs `CUBLAS_WORKSPACE_CONFIG` in the environment for that; it is set where missing.
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    if deterministic:
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    else:
        unset_deterministic()


def unset_deterministic() -> None:
    """Let torch choose the fastest kernels again."""
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.deterministic = False


def rng_state() -> dict[str, Any]:
    """Return the state of all generators as plain numbers, tuples and tensors, so that it can go into a checkpoint.

    Returns:
        Keys python, numpy, torch and cuda (a list with one tensor a device, empty without CUDA).
    """
    kind, keys, position, has_gauss, gauss = np.random.get_state()
    return {
        "python": random.getstate(),
        "numpy": (str(kind), torch.from_numpy(keys.astype(np.int64)), int(position), int(has_gauss), float(gauss)),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def set_rng_state(state: dict[str, Any]) -> None:
    """Restore what `rng_state` returned; a different number of CUDA devices leaves theirs alone with a warning."""
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, keys.cpu().numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state["torch"].cpu())
    devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if len(state["cuda"]) == devices:
        torch.cuda.set_rng_state_all([part.cpu() for part in state["cuda"]])
    else:
        LOGGER.warning(
            f"random state of {len(state['cuda'])} CUDA devices saved, {devices} present; theirs is left as is."
        )
