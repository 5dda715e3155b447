from __future__ import annotations

import numpy as np
import pytest
import torch

from ultralytics.ops.masks import (
    crop_mask,
    index_map_overlaps,
    masks2segments,
    process_mask,
    process_mask_native,
    scale_masks,
)

cv2 = pytest.importorskip("cv2")


def test_masks_match_golden_ops(golden):
    g = golden("ops")
    protos, coefficients, boxes = (torch.from_numpy(g[f"mask.{k}"]) for k in ("protos", "coef", "boxes"))
    g.check("process_mask", process_mask(protos, coefficients, boxes, (96, 128)), 0, 0)
    g.check("process_mask_up", process_mask(protos, coefficients, boxes, (96, 128), upsample=True), 0, 0)
    g.check("process_mask_native", process_mask_native(protos, coefficients, boxes * 1.4, (150, 200)), 0, 0)
    g.check("process_mask_native_pad", process_mask_native(protos, coefficients, boxes, (90, 90)), 0, 0)
    masks = torch.from_numpy(g["masks"])
    windows = torch.tensor([[3.2, 4.9, 20.1, 19.5], [0, 0, 32, 24], [5, 5, 5.4, 30]])
    g.check("crop_mask", crop_mask(masks, windows), 0, 0)
    g.check("scale_masks", scale_masks(masks[None], (50, 40)), 1e-5, 1e-5)
    g.check("scale_masks_nopad", scale_masks(masks[None], (50, 40), padding=False), 1e-5, 1e-5)


def test_outlines_match_golden_ops(golden):
    g = golden("ops")
    for strategy in ("all", "largest"):
        for i, outline in enumerate(masks2segments(g["bin_masks"], strategy)):
            g.check(f"masks2segments.{strategy}.{i}", outline, 0, 0)


def test_crop_mask_keeps_its_argument():
    masks = torch.ones(1, 4, 4)
    cropped = crop_mask(masks, torch.tensor([[1.0, 1, 3, 3]]))
    assert masks.sum() == 16 and cropped.sum() == 4


def test_parts_do_not_change_the_result(golden, monkeypatch):
    g = golden("ops")
    protos, coefficients, boxes = (torch.from_numpy(g[f"mask.{k}"]) for k in ("protos", "coef", "boxes"))
    whole = process_mask_native(protos, coefficients, boxes, (150, 200))
    monkeypatch.setattr("ultralytics.ops.masks._CHUNK_VALUES", 1)
    assert torch.equal(process_mask_native(protos, coefficients, boxes, (150, 200)), whole)


def test_no_detections_give_no_masks():
    none = process_mask(torch.rand(8, 6, 6), torch.zeros(0, 8), torch.zeros(0, 4), (24, 24))
    assert none.shape == (0, 6, 6)


def test_overlaps_of_no_masks_and_of_exact_ones():
    index_map = torch.tensor([[0, 1, 1], [2, 2, 0]])
    assert index_map_overlaps(index_map, 2, torch.zeros(0, 2, 3, dtype=torch.uint8)).shape == (2, 0)
    masks = torch.stack([index_map == 1, index_map == 2])
    torch.testing.assert_close(index_map_overlaps(index_map, 2, masks), torch.eye(2))


def test_separate_parts_are_joined_without_gain_or_loss():
    mask = np.zeros((1, 60, 60), np.uint8)
    for top, left in ((5, 5), (30, 40), (50, 3), (20, 20)):
        mask[0, top : top + 8, left : left + 6] = 1
    drawn = np.zeros((60, 60), np.uint8)
    cv2.fillPoly(drawn, [masks2segments(mask, "all")[0].astype(np.int32)], 1)
    bridges = int(drawn.sum()) - int((drawn & mask[0]).sum())
    assert (drawn & mask[0]).sum() == mask.sum() and bridges < 100  # bridges are lines, one pixel wide
    assert len(masks2segments(mask, "concat")[0]) == 16
    assert len(masks2segments(mask, "largest")[0]) == 4


def test_empty_mask_and_unknown_strategy():
    assert masks2segments(torch.zeros(1, 4, 4))[0].shape == (0, 2)
    with pytest.raises(ValueError, match=r"largst.*all, concat, largest"):
        masks2segments(np.zeros((1, 4, 4)), "largst")
