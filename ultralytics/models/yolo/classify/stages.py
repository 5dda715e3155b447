"""Stages of the classification task: network output -> probabilities -> `Results`.

A picture has no detections here; what the stages hand on for it is one row of probabilities (nc,).
"""

from __future__ import annotations

from typing import Any

import torch

from ultralytics.engine.results import Results
from ultralytics.engine.results.results import results_class
from ultralytics.engine.task import Frame, SelectOptions

__all__ = ["GUESSES", "best_guesses", "finish_probabilities", "select_probabilities"]

GUESSES = 5  # that count for the second accuracy


def select_probabilities(outputs: Any, options: SelectOptions) -> torch.Tensor:
    """Return the probabilities (B, nc) of a batch: all of them, there is nothing to select.

    Args:
        outputs: that tensor, or a sequence that starts with it (the network's evaluation pair).
        options: not used.
    """
    return outputs[0] if isinstance(outputs, (list, tuple)) else outputs


def finish_probabilities(probabilities: torch.Tensor, frame: Frame) -> Results:
    """Return the result of one picture from its probabilities (nc,)."""
    return results_class()(frame.image, path=frame.path, names=frame.names, probs=probabilities)


def best_guesses(probabilities: torch.Tensor) -> torch.Tensor:
    """Return the most probable classes (B, 5), best first, of probabilities (B, nc); fewer with fewer classes."""
    return probabilities.argsort(dim=1, descending=True, stable=True)[:, :GUESSES]
