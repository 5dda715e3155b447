from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from ultralytics.optim import MuSGD
from ultralytics.optim.muon import muon_update, zeropower_via_newtonschulz5


def test_three_steps_match_the_golden_ones(golden):
    g = golden("schedules")
    params = {k: nn.Parameter(torch.tensor(g[f"musgd.in.{k}"])) for k in ("m", "c", "tall", "v")}
    shared = {"momentum": 0.9, "nesterov": True}
    matrices = {"params": [params[k] for k in ("m", "c", "tall")], "lr": 0.02, "weight_decay": 0.01, "use_muon": True}
    vector = {"params": [params["v"]], "lr": 0.01, "weight_decay": 0.0, "use_muon": False}
    optimizer = MuSGD([matrices | shared, vector | shared], muon=0.2, sgd=1.0)
    for step in range(3):
        for k, p in params.items():
            p.grad = torch.tensor(g[f"musgd.grads.{k}"][step])
        optimizer.step()
        for k, p in params.items():
            ok, _, message = g.compare(f"musgd.after{step + 1}.{k}", p, rtol=0, atol=5e-3 if k != "v" else 1e-6)
            assert ok, message


@pytest.mark.parametrize("shape", [(6, 40), (40, 6), (20, 20)])
def test_orthogonal_factor_has_singular_values_near_one(shape):
    singular = torch.linalg.svdvals(zeropower_via_newtonschulz5(torch.randn(shape, generator=torch.manual_seed(0))))
    assert singular.min() > 0.3 and singular.max() < 1.3


def test_only_matrices_are_accepted():
    with pytest.raises(ValueError, match=r"\(2, 3, 4\)"):
        zeropower_via_newtonschulz5(torch.zeros(2, 3, 4))


def test_update_keeps_shape_and_moves_the_momentum_only():
    grad, momentum = torch.randn(8, 4, 3, 3), torch.zeros(8, 4, 3, 3)
    before = grad.clone()
    update = muon_update(grad, momentum, beta=0.9)
    assert update.shape == grad.shape and torch.equal(grad, before)
    torch.testing.assert_close(momentum, 0.1 * grad)


def test_size_correction_looks_at_the_last_two_sides():
    tall = muon_update(torch.randn(64, 4), torch.zeros(64, 4)).norm()
    kernels = muon_update(torch.randn(64, 4, 1, 1), torch.zeros(64, 4, 1, 1)).norm()
    assert tall / kernels == pytest.approx(4.0, rel=0.1)  # sqrt(64 / 4) for the matrix, 1 for the 1x1 kernels


def test_plain_groups_follow_torch_sgd():
    a, b = (nn.Parameter(torch.linspace(-1, 1, 5)) for _ in range(2))
    ours = MuSGD([a], lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True)
    reference = torch.optim.SGD([b], lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True)
    for step in range(4):
        for p, optimizer in ((a, ours), (b, reference)):
            p.grad = torch.full((5,), float(step - 1))
            optimizer.step()
    torch.testing.assert_close(a, b)


def test_state_can_be_saved_and_restored():
    def fresh():
        torch.manual_seed(0)
        p = nn.Parameter(torch.randn(6, 5))
        return p, MuSGD([{"params": [p], "use_muon": True}], lr=0.1, momentum=0.9, nesterov=True)

    p, optimizer = fresh()
    q, other = fresh()
    p.grad = torch.ones(6, 5)
    optimizer.step()
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    q.data.copy_(p.data)
    for parameter, o in ((p, optimizer), (q, other)):
        parameter.grad = torch.eye(6, 5)
        o.step()
    assert torch.equal(p, q)


def test_closure_and_bad_values():
    p = nn.Parameter(torch.ones(3))
    assert MuSGD([p], lr=0.1).step(lambda: 7.0) == 7.0
    with pytest.raises(ValueError, match="momentum=-1"):
        MuSGD([p], momentum=-1)
