"""Exponential moving average of a model's weights, the model that is validated and saved."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ultralytics.engine.train.modules import copy_attr, unwrap_model

__all__ = ["ModelEMA"]


class ModelEMA:
    """Running average `v = d v + (1 - d) w` of all floating tensors of a model's state.

    The decay ramps up, `d = decay (1 - exp(-updates / tau))`, so that early updates follow the fast-moving weights.

    Args:
        model: the model in training; its present weights are the start.
        decay: final decay.
        tau: number of updates over which the decay ramps up.
        updates: updates done before, when continuing a run.
    """

    def __init__(self, model: nn.Module, decay: float = 0.9999, tau: float = 2000, updates: int = 0) -> None:
        self.ema = copy.deepcopy(unwrap_model(model)).eval()
        for p in self.ema.parameters():
            p.requires_grad_(False)
        self.updates = updates
        self.tau = tau
        self.decay_limit = decay
        self.enabled = True

    def decay(self, updates: int) -> float:
        """Return the decay that update number `updates` uses."""
        return self.decay_limit * (1 - math.exp(-updates / self.tau))

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move the average towards the model's present weights."""
        if not self.enabled:
            return
        self.updates += 1
        share = 1 - self.decay(self.updates)
        torch._foreach_lerp_(_floating(self.ema), _floating(unwrap_model(model)), weight=share)

    def update_attr(
        self, model: nn.Module, include: Sequence[str] = (), exclude: Sequence[str] = ("process_group", "reducer")
    ) -> None:
        """Copy plain attributes (names, class weights ...) of the model to the average."""
        if self.enabled:
            copy_attr(self.ema, unwrap_model(model), include, exclude)


def _floating(model: nn.Module) -> list[Tensor]:
    """Return the floating parameters and saved buffers, in state order; views of the module's own storage."""
    return [t.detach() for t in model.state_dict(keep_vars=True).values() if t.is_floating_point()]
