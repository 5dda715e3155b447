"""Loss of semantic segmentation against golden figures and against what its definition says."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import weights_rule
from torch import nn

from ultralytics.nn.loss.semantic import CITYSCAPES_WEIGHT, SemanticSegmentationLoss
from ultralytics.nn.models import SemanticSegmentationModel


def model_of(nc: int, **facts) -> nn.Module:
    model = nn.Module()
    head = nn.Conv2d(1, 1, 1)
    head.nc = nc
    model.model = nn.ModuleList([head])
    for name, value in facts.items():
        setattr(model, name, value)
    return model


def inputs(nc: int, seed: int = 0, ignored: float = 0.2):
    g = torch.Generator().manual_seed(seed)
    mask = torch.randint(max(nc, 2), (2, 16, 24), generator=g)
    mask[torch.rand(mask.shape, generator=g) < ignored] = 255
    return [torch.randn(2, nc, 2 // k, 3 // k + k % 2, generator=g).requires_grad_() for k in (1, 2)], mask.int()


def test_loss_and_gradient_match_golden_loss_yolo26n_sem(golden):
    g = golden("loss_yolo26n-sem")
    preds = [torch.from_numpy(g[f"pred.{i}"]).requires_grad_() for i in (0, 1)]
    batch = {"semantic_mask": torch.from_numpy(g["batch.semantic_mask"])}
    loss, items = SemanticSegmentationLoss(model_of(g.meta["nc"]))(tuple(preds), batch)
    g.check("loss_vector", loss, 1e-5, 1e-6)
    g.check("items", np.array([float(v) for v in items.values()]), 1e-5, 1e-6)
    assert list(items) == g.meta["item_names"] and not any(v.requires_grad for v in items.values())
    loss.backward()
    for i in (0, 1):
        g.check(f"dpred.{i}", preds[i].grad, 1e-4, 1e-7)


def test_gradients_of_the_network_match_golden_loss_yolo26n_sem(golden):
    g = golden("loss_yolo26n-sem")
    model = SemanticSegmentationModel("yolo26n-sem.yaml", nc=g.meta["nc"], verbose=False)
    weights_rule.apply(model, g.meta["weights_seed"])
    image = torch.from_numpy(g["batch.image_u8"]).float() / 255
    loss, _ = model.train()({"img": image, "semantic_mask": torch.from_numpy(g["batch.semantic_mask"])})
    g.check("loss_sum", loss, 1e-4, 1e-4)
    loss.sum().backward()
    parameters = dict(model.named_parameters())
    got = [float(parameters[name].grad.norm()) for name in g.meta["grad_param_names"]]
    g.check("grad_norm", np.array(got), 2e-3, 1e-5)
    assert not [name for name, p in parameters.items() if p.grad is None]


@pytest.mark.parametrize("weighted", [False, True])
def test_terms_are_what_their_definition_says(weighted):
    (logits, aux), mask = inputs(4)
    weights = torch.tensor([0.5, 1.0, 2.0, 4.0]) if weighted else None
    facts = {"class_weights": weights} if weighted else {}
    loss, items = SemanticSegmentationLoss(model_of(4, **facts))((logits, aux), {"semantic_mask": mask})
    large, large_aux = (F.interpolate(x, (16, 24), mode="bilinear") for x in (logits, aux))
    entropy, extra = (F.cross_entropy(x, mask.long(), weights, ignore_index=255) for x in (large, large_aux))
    valid, share = mask != 255, large.softmax(1)
    dice = []
    for c in range(4):
        p, t = share[:, c][valid], (mask == c)[valid].float()
        dice.append(1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1))
    want = torch.stack((entropy, torch.stack(dice).mean(), 0.4 * extra))
    torch.testing.assert_close(torch.stack(list(items.values())), want.detach())
    torch.testing.assert_close(loss, want.sum() * 2)


def test_one_class_is_told_from_the_rest():
    (logits, aux), mask = inputs(1)
    _, items = SemanticSegmentationLoss(model_of(1, class_weights=torch.tensor([9.0])))(
        (logits, aux), {"semantic_mask": mask}
    )
    valid = mask != 255
    large, large_aux = (F.interpolate(x, (16, 24), mode="bilinear")[:, 0][valid] for x in (logits, aux))
    truth = mask[valid].float()
    share = large.sigmoid()
    want = {
        "ce_loss": F.binary_cross_entropy_with_logits(large, truth),
        "dice_loss": 1 - (2 * (share * truth).sum() + 1) / (share.sum() + truth.sum() + 1),
        "aux_loss": 0.4 * F.binary_cross_entropy_with_logits(large_aux, truth),
    }
    torch.testing.assert_close(items, {name: value.detach() for name, value in want.items()})


@pytest.mark.parametrize("nc", [1, 3])
def test_a_batch_without_valid_pixels_has_no_entropy_and_finite_gradients(nc):
    (logits, _), mask = inputs(nc, ignored=1.1)
    loss, items = SemanticSegmentationLoss(model_of(nc))(logits, {"semantic_mask": mask})
    assert items["ce_loss"] == items["dice_loss"] == items["aux_loss"] == 0
    loss.backward()
    assert not logits.grad.any()


@pytest.mark.parametrize(
    ("args", "nc", "known"),
    [
        ({"data": "cityscapes.yaml"}, 19, True),
        (SimpleNamespace(data="folder/cityscapes8.yaml"), 19, True),
        ({"data": "cityscapes.yaml"}, 18, False),
        ({"data": "mine.yaml"}, 19, False),
        ({"data": None}, 19, False),
    ],
)
def test_cityscapes_has_weights_of_its_own(args, nc, known):
    weights = SemanticSegmentationLoss(model_of(nc, args=args)).class_weights
    assert (weights is not None) is known
    if known:
        assert np.allclose(weights.numpy(), CITYSCAPES_WEIGHT) and len(weights) == nc


def test_evaluation_logits_alone_have_a_loss_too():
    model = SemanticSegmentationModel("yolov8n-sem.yaml", nc=3, verbose=False).eval()
    batch = {"img": torch.rand(2, 3, 64, 64), "semantic_mask": torch.randint(3, (2, 64, 64), dtype=torch.int32)}
    loss, items = model.loss(batch, model(batch["img"]))
    assert loss > 0 and items["aux_loss"] == 0


@pytest.mark.parametrize("nc", [1, 4])
def test_two_processes_share_the_loss_of_the_joined_batch(monkeypatch, nc):
    """Value and mean gradient over two processes of unequal pixels are those of one process."""
    (logits, aux), mask = inputs(nc)
    mask[1, 3:] = 255
    facts = {"class_weights": torch.rand(nc) + 0.5}
    whole, items = SemanticSegmentationLoss(model_of(nc, **facts))((logits, aux), {"semantic_mask": mask})
    want = torch.autograd.grad(whole / 2, (logits, aux))

    monkeypatch.setattr("ultralytics.nn.loss.semantic.world_size", lambda: 2)
    asked = [[], []]  # sums that each process brings, in order

    def run(rank: int, reduce):
        criterion = SemanticSegmentationLoss(model_of(nc, **facts))
        criterion.normalizer_reduce = reduce
        parts = [x[rank : rank + 1] for x in (logits, aux)]
        return criterion(tuple(parts), {"semantic_mask": mask[rank : rank + 1]})

    for rank in (0, 1):
        run(rank, lambda total, rank=rank: asked[rank].append(total.detach()) or total.clamp(min=1))
    totals = [sum(pair) for pair in zip(*asked, strict=True)]
    outcomes = []
    for rank in (0, 1):
        answers = iter(totals)
        outcomes.append(run(rank, lambda total, answers=answers: next(answers).clamp(min=1) / 2))
    mean = sum(loss for loss, _ in outcomes) / 2
    torch.testing.assert_close(torch.autograd.grad(mean, (logits, aux)), want, rtol=1e-4, atol=1e-7)
    for name, value in items.items():
        torch.testing.assert_close(sum(found[name] for _, found in outcomes) / 2, value)
