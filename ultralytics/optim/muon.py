"""MuSGD: Muon (momentum orthogonalised by Newton-Schulz) for weight matrices, blended with Nesterov SGD.

Muon replaces a matrix's momentum by the nearest semi-orthogonal matrix, so that all directions of the update have about
the same size. Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["MuSGD", "muon_update", "zeropower_via_newtonschulz5"]

# Quintic a*x + b*x^3 + c*x^5: steepest slope at zero whose iteration stays in about [0.7, 1.2] on singular values <= 1.
QUINTIC = (3.4445, -4.7750, 2.0315)
NEWTON_SCHULZ_STEPS = 5


def _orthogonalize(matrices: Tensor, eps: float) -> Tensor:
    """Map the singular values of every matrix of a stack (N, R, C) to about 1."""
    a, b, c = QUINTIC
    wide = matrices.mT if matrices.shape[-2] > matrices.shape[-1] else matrices  # the Gram matrix is the smaller one
    # Tensor cores make bfloat16 much faster; elsewhere float32 costs the same and is exact.
    x = wide.bfloat16() if wide.device.type == "cuda" else wide.float()
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + eps)
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    x = x.to(matrices.dtype)
    return x.mT if wide is not matrices else x


def zeropower_via_newtonschulz5(G: Tensor, eps: float = 1e-7) -> Tensor:
    """Return the approximate orthogonal factor of a matrix `G` (R, C): singular values end between about 0.7 and 1.2.

    Raises:
        ValueError: if `G` is not a matrix.
    """
    if G.ndim != 2:
        raise ValueError(f"expected a matrix, got shape {tuple(G.shape)}; flatten the trailing dimensions first.")
    return _orthogonalize(G[None], eps)[0]


def muon_update(grad: Tensor, momentum: Tensor, beta: float = 0.95, nesterov: bool = True) -> Tensor:
    """Return Muon's update direction for one parameter and advance its `momentum` buffer in place.

    Args:
        grad: gradient with two dimensions or more; trailing ones are flattened to (R, C) for the orthogonalisation.
        momentum: running mean of gradients, same shape.
        beta: decay of that mean, 0..1.
        nesterov: look one step ahead: orthogonalise the mean of gradient and momentum instead of the momentum.
    """
    return _muon_updates([grad], [momentum], beta, nesterov)[0]


def _muon_updates(grads: Sequence[Tensor], momenta: Sequence[Tensor], beta: float, nesterov: bool) -> list[Tensor]:
    """Return the update directions of many parameters; equal shapes are orthogonalised as one stack."""
    torch._foreach_lerp_(momenta, grads, weight=1 - beta)
    directions = torch._foreach_lerp(grads, momenta, weight=beta) if nesterov else list(momenta)
    stacks: dict[tuple, list[int]] = defaultdict(list)
    for i, direction in enumerate(directions):
        stacks[(direction.shape, direction.dtype, direction.device)].append(i)
    updates: list[Tensor] = [grads[0]] * len(grads)
    for (shape, _, _), rows in stacks.items():
        flat = torch.stack([directions[i].reshape(shape[0], -1) for i in rows])
        # The size correction looks at the kernel's last two sides, so it acts on matrices and leaves k x k kernels
        # alone.
        scaled = _orthogonalize(flat, 1e-7) * max(1.0, shape[-2] / shape[-1]) ** 0.5
        for i, update in zip(rows, scaled, strict=True):
            updates[i] = update.reshape(shape)
    return updates


class MuSGD(torch.optim.Optimizer):
    """SGD with momentum whose groups marked `use_muon` add an orthogonalised step on top.

    A `use_muon` parameter moves by `lr * muon` along the Muon direction and then by `lr * sgd` along the SGD direction;
    other parameters follow plain SGD with `lr`. Weight decay enters the SGD gradient only.

    Args:
        params: parameters or groups; a group may set `use_muon`.
        lr: learning rate.
        momentum: decay of both momentum buffers.
        weight_decay: L2 factor.
        nesterov: Nesterov form of both momenta.
        use_muon: default of the group key of that name.
        muon: share of the learning rate that the Muon step uses.
        sgd: share that the SGD step of `use_muon` groups uses.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        use_muon: bool = False,
        muon: float = 0.5,
        sgd: float = 0.5,
    ) -> None:
        settings = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        negative = [f"{name}={value}" for name, value in settings.items() if value < 0]
        if negative:
            raise ValueError(f"{', '.join(negative)} must not be negative.")
        super().__init__(params, settings | {"nesterov": nesterov, "use_muon": use_muon})
        self.muon, self.sgd = muon, sgd

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step; a `closure` recomputes and returns the loss."""
        result = torch.enable_grad()(closure)() if closure else None
        for group in self.param_groups:
            if moved := [p for p in group["params"] if p.grad is not None]:
                self._step_group(moved, group)
        return result

    def _step_group(self, params: list[Tensor], group: dict[str, Any]) -> None:
        """Move the parameters of one group that have a gradient."""
        grads, rate = [p.grad for p in params], group["lr"]
        if not group["use_muon"]:
            self._sgd(params, grads, group, rate, "momentum_buffer")
            return
        momenta = self._buffers(params, "momentum_buffer")
        directions = _muon_updates(grads, momenta, group["momentum"], group["nesterov"])
        torch._foreach_add_(params, directions, alpha=-rate * self.muon)
        self._sgd(params, grads, group, rate * self.sgd, "momentum_buffer_SGD")

    def _buffers(self, params: Sequence[Tensor], name: str) -> list[Tensor]:
        """Return one state tensor per parameter, zeros on first use."""
        for p in params:
            if name not in self.state[p]:
                self.state[p][name] = torch.zeros_like(p)
        return [self.state[p][name] for p in params]

    def _sgd(self, params: list[Tensor], grads: list[Tensor], group: dict[str, Any], rate: float, name: str) -> None:
        """Apply SGD with (Nesterov) momentum, keeping its buffers under state key `name`."""
        decay, momentum = group["weight_decay"], group["momentum"]
        if decay:
            grads = torch._foreach_add(grads, params, alpha=decay)
        if momentum:
            buffers = self._buffers(params, name)
            torch._foreach_mul_(buffers, momentum)
            torch._foreach_add_(buffers, grads)
            grads = torch._foreach_add(grads, buffers, alpha=momentum) if group["nesterov"] else buffers
        torch._foreach_add_(params, grads, alpha=-rate)
