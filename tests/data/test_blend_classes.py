"""Mixup and CutMix of classification batches, and the losses that take their labels."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from ultralytics.data.augment.blend_classes import blend_batch
from ultralytics.nn.loss.classify import v8ClassificationLoss

CLASSES = torch.tensor([0, 1, 2, 3])
# Every picture is one colour, that of its class: what is in a mixed picture tells what its labels have to be.
IMAGES = CLASSES.float().view(4, 1, 1, 1).expand(4, 3, 40, 60).contiguous()


@given(seed=st.integers(0, 10**6), mixup=st.sampled_from([0.0, 1.0]))
def test_labels_say_what_is_in_the_pictures(seed, mixup):
    images, labels = blend_batch(IMAGES, CLASSES, 4, mixup, 1 - mixup, np.random.default_rng(seed))
    assert labels.shape == (4, 4) and torch.allclose(labels.sum(1), torch.ones(4))
    expected = (labels * torch.arange(4.0)).sum(1)
    assert torch.allclose(images.mean((1, 2, 3)), expected, atol=1e-4)
    if not mixup:  # pasted, not blended
        assert set(images.unique().tolist()) <= {0.0, 1.0, 2.0, 3.0}


def test_the_same_draws_give_the_same_batch_and_the_input_stays():
    before = IMAGES.clone()
    pairs = [blend_batch(IMAGES, CLASSES, 4, 0.5, 0.5, np.random.default_rng(5)) for _ in range(2)]
    assert torch.equal(pairs[0][0], pairs[1][0]) and torch.equal(IMAGES, before)


def test_shares_of_batches():
    rng = np.random.default_rng(0)
    found = [blend_batch(IMAGES, CLASSES, 4, 0.25, 0.25, rng) for _ in range(400)]
    assert 150 < sum(pair is not None for pair in found) < 250
    assert blend_batch(IMAGES[:1], CLASSES[:1], 4, 1.0, 0.0, rng) is None
    assert all(blend_batch(IMAGES, CLASSES, 4, 1.0, 1.0, rng) is not None for _ in range(50))


def loss_of(**args):
    return v8ClassificationLoss(SimpleNamespace(args=SimpleNamespace(**args)))


def test_losses():
    torch.manual_seed(0)
    logits, classes = torch.randn(4, 4, dtype=torch.float64), CLASSES
    hard, soft = F.one_hot(classes, 4).double(), torch.full((4, 4), 0.25, dtype=torch.float64)
    plain = F.cross_entropy(logits, classes)
    assert loss_of()(logits, {"cls": classes})[0].item() == pytest.approx(plain.item(), abs=1e-6)
    smoothed = loss_of(cls_smoothing=0.1)(logits, {"cls": classes})[0].item()
    assert smoothed == pytest.approx(F.cross_entropy(logits, 0.9 * hard + 0.1 * soft).item(), abs=1e-6)
    assert loss_of(cls_smoothing=0.1)(logits, {"cls": classes, "mixed": hard})[0].item() == pytest.approx(
        smoothed, abs=1e-6
    )
    binary = F.binary_cross_entropy_with_logits(logits, 0.9 * hard + 0.1 * soft, reduction="sum").item() / 4
    found = loss_of(cls_smoothing=0.1, cls_bce=True)(logits, {"cls": classes})[0].item()
    assert found == pytest.approx(binary, abs=1e-6)
    assert loss_of(cls_bce=True, cls_smoothing=0.1)(logits, {"cls": classes, "mixed": hard})[0].item() == pytest.approx(
        found, abs=1e-6
    )
