"""Array functions of 8.1."""

from __future__ import annotations

import numpy as np
import torch

from ultralytics.utils.ops import nms_rotated, process_mask, process_mask_upsample, scale_image


def test_suppression_of_rotated_boxes():
    boxes = torch.tensor([[10, 10, 8, 4, 0.3], [10.2, 10, 8, 4, 0.3], [40, 40, 8, 4, 0.3]])
    assert nms_rotated(boxes, torch.tensor([0.5, 0.9, 0.7])).tolist() == [1, 2]
    assert nms_rotated(boxes, torch.tensor([0.5, 0.9, 0.7]), threshold=1.1).tolist() == [1, 2, 0]
    assert nms_rotated(boxes[:0], torch.zeros(0)).tolist() == []


def test_masks_of_the_input_s_size():
    protos, coefficients = torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(0)), torch.eye(4)[:2]
    boxes = torch.tensor([[0.0, 0, 32, 32], [4, 4, 20, 28]])
    found = process_mask_upsample(protos, coefficients, boxes, (32, 32))
    assert found.shape == (2, 32, 32) and torch.equal(found, process_mask(protos, coefficients, boxes, (32, 32), True))


def test_masks_of_the_original_s_size():
    masks = np.zeros((32, 32, 2), np.uint8)
    masks[8:24, :16, 0] = 1  # the left half of a picture twice as wide as high, between borders
    scaled = scale_image(masks, (50, 100, 3))
    assert scaled.shape == (50, 100, 2) and scaled.dtype == np.uint8
    assert scaled[:, :48, 0].all() and not scaled[:, 52:].any()
    assert scale_image(masks[..., 0], (32, 32)).shape == (32, 32, 1)
    padded = scale_image(masks, (16, 32), ratio_pad=((1.0, 1.0), (0.0, 8.0)))
    assert np.array_equal(padded, masks[8:24])
