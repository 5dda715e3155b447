"""A normalizing flow over the plane: how likely an error of a keypoint is.

Sources: Dinh, Sohl-Dickstein, Bengio, "Density estimation using Real NVP" (2017); its use for keypoints: Li et al.,
"Human Pose Regression with Residual Log-likelihood Estimation" (2021).
"""

from __future__ import annotations

import math

import torch
from torch import nn

from ultralytics.nn.public import public

__all__ = ["RealNVP"]

STEPS, WIDTH = 6, 64


def _net(*last: nn.Module) -> nn.Sequential:
    """Return a small perceptron from the plane to the plane, with weights near zero."""
    layers = [nn.Linear(2, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH), nn.SiLU(), nn.Linear(WIDTH, 2)]
    for layer in layers[::2]:
        nn.init.xavier_uniform_(layer.weight, gain=0.01)
    return nn.Sequential(*layers, *last)


@public("ultralytics.nn.modules.block")
class RealNVP(nn.Module):
    """Coupling steps that change one coordinate at a time by a scale and a shift computed from the other one.

    `s` and `t` hold the nets for log scale and shift of every step; `mask` says which coordinate a step keeps.
    """

    def __init__(self):
        super().__init__()
        self.register_buffer("loc", torch.zeros(2))
        self.register_buffer("cov", torch.eye(2))
        self.register_buffer("mask", torch.tensor([[0.0, 1.0], [1.0, 0.0]] * (STEPS // 2)))
        self.s = nn.ModuleList(_net(nn.Tanh()) for _ in range(STEPS))
        self.t = nn.ModuleList(_net() for _ in range(STEPS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return `log_prob(x)`."""
        return self.log_prob(x)

    def log_prob(self, x: torch.Tensor) -> torch.Tensor:
        """Return the log density (N,) of points (N, 2)."""
        z, volume = x, x.new_zeros(x.shape[0])
        for keep, scale_net, shift_net in reversed(list(zip(self.mask, self.s, self.t, strict=True))):
            kept = z * keep
            log_scale, shift = scale_net(kept) * (1 - keep), shift_net(kept) * (1 - keep)
            z = kept + (1 - keep) * (z - shift) * torch.exp(-log_scale)
            volume = volume - log_scale.sum(1)
        # The base is a normal distribution; its covariance is the identity unless a file says otherwise.
        offset = z - self.loc
        distance2 = (offset * torch.linalg.solve(self.cov, offset.T).T).sum(1)
        return volume - (distance2 + torch.logdet(self.cov)) / 2 - math.log(2 * math.pi)
