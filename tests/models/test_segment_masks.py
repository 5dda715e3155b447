"""Masks that are drawn when something reads them."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ultralytics.models.yolo.segment.masks import DeferredMasks, IndexMap, PrototypeMasks
from ultralytics.models.yolo.segment.stages import segment_overlaps
from ultralytics.ops.iou import mask_iou

SIZE = (16, 24)
INPUT = (64, 96)


@pytest.fixture
def found():
    generator = torch.Generator().manual_seed(0)
    boxes = torch.tensor([[0.0, 0, 60, 50], [10, 10, 90, 60], [40, 5, 95, 30], [0, 40, 30, 64]])
    proto, coefficients = torch.randn(8, *SIZE, generator=generator), torch.randn(4, 8, generator=generator)
    return PrototypeMasks(proto, coefficients, boxes, INPUT)


@pytest.fixture(params=[torch.no_grad, torch.inference_mode], autouse=True)
def mode(request):
    with request.param():
        yield


def test_nothing_is_drawn_to_know_and_select(found):
    masks = DeferredMasks(found, SIZE)
    rows = torch.tensor([True, False, True, True])
    assert isinstance(masks, torch.Tensor) and masks.shape == (4, *SIZE) and len(masks[rows]) == 3
    assert masks.dtype == torch.uint8 and masks.ndim == 3 and masks.device == found.proto.device
    assert "drawn=False" in repr(masks) and "drawn=False" in repr(masks[rows]) and "drawn=False" in repr(masks[1:])
    assert torch.equal(masks[rows].drawn(), found.draw(SIZE)[rows])
    assert torch.equal(masks[[0, 2]].drawn(), found.draw(SIZE)[[0, 2]])


@pytest.mark.parametrize(
    "use",
    [
        lambda m: m.float(),
        lambda m: m.flatten(1),
        lambda m: m[2],
        lambda m: m[1:, 3, :4],
        lambda m: m[None],
        lambda m: m > 0.5,
        lambda m: ~m.bool(),
        lambda m: 2 * m + 1,
        lambda m: m.sum(0),
        lambda m: m.permute(1, 2, 0).contiguous(),
        lambda m: torch.cat([m, m]),
        lambda m: torch.stack(list(m)),
        lambda m: F.interpolate(m[None].float(), (8, 8)),
        lambda m: mask_iou(m.flatten(1).float(), m.flatten(1).float()),
        lambda m: torch.as_tensor(m, dtype=torch.float32),
        lambda m: torch.from_numpy(m.cpu().numpy()),
        lambda m: torch.from_numpy(np.asarray(m)),
        lambda m: torch.tensor(m.tolist()),
        copy.deepcopy,
        lambda m: pickle.loads(pickle.dumps(m)),
    ],
)
def test_they_are_tensors_to_everything_else(found, use):
    plain, deferred = use(found.draw(SIZE)), use(DeferredMasks(found, SIZE))
    assert torch.equal(torch.as_tensor(deferred), plain)


def test_writing_into_them_stays(found):
    masks = DeferredMasks(found, SIZE)
    masks[0] = 7
    assert (masks[0] == 7).all() and (masks.drawn()[0] == 7).all()


def test_masks_painted_into_one_map():
    painted = torch.zeros(SIZE)
    painted[:5], painted[8:, 3:] = 1, 3  # the second object is hidden
    masks = DeferredMasks(IndexMap(painted, torch.arange(3)), SIZE)
    assert masks.dtype == torch.float32
    assert masks.flatten(1).sum(1).tolist() == [5 * 24, 0, 8 * 21]
    assert masks[torch.tensor([False, True, True])].flatten(1).sum(1).tolist() == [0, 8 * 21]
    assert DeferredMasks(masks.source, (8, 12)).shape == (3, 8, 12) == masks.source.draw((8, 12)).shape


def test_overlaps_are_those_of_drawn_masks(found):
    """Drawing only what can match changes nothing for what can."""
    painted = torch.zeros(SIZE)
    painted[:8, :14], painted[9:, :9] = 1, 2
    boxes = torch.tensor([[0.0, 0, 56, 32], [0, 36, 36, 64]])
    targets = {"bboxes": boxes, "cls": torch.tensor([0.0, 1])}
    preds = {"bboxes": found.boxes, "cls": torch.tensor([0.0, 0, 1, 1])}
    lazy = segment_overlaps(
        {**preds, "masks": DeferredMasks(found, SIZE)},
        {**targets, "masks": DeferredMasks(IndexMap(painted, torch.arange(2)), SIZE)},
    )["tp_m"]
    stack = torch.stack([painted == 1, painted == 2]).float()
    plain = segment_overlaps({**preds, "masks": found.draw(SIZE)}, {**targets, "masks": stack})["tp_m"]
    same = targets["cls"][:, None] == preds["cls"]
    torch.testing.assert_close(lazy[same], plain[same])
