from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ultralytics.ops.anchors import bbox2dist, dist2bbox, dist2rbox, make_anchors, rbox2dist


def test_anchors_and_codecs_match_golden_assigner(golden):
    g = golden("assigner")
    height, width = g.meta["image_hw"]
    anchors, strides = make_anchors([torch.zeros(1, 1, height // s, width // s) for s in (8, 16, 32)], (8, 16, 32))
    g.check("anchors", anchors, 0, 0)
    g.check("strides", strides, 0, 0)
    dist, angle = torch.from_numpy(g["codec.in.dist"]), torch.from_numpy(g["codec.in.angle"])
    corners = dist2bbox(dist, anchors, xywh=False)
    g.check("codec.dist2bbox_xyxy", corners, 1e-5, 1e-6)
    g.check("codec.dist2bbox_xywh", dist2bbox(dist, anchors), 1e-5, 1e-6)
    g.check("codec.bbox2dist_regmax15", bbox2dist(anchors, 3 * corners, 15), 1e-5, 1e-6)
    rotated = dist2rbox(dist, angle, anchors)
    g.check("codec.dist2rbox", rotated, 1e-5, 1e-6)
    g.check("codec.rbox2dist", rbox2dist(rotated, anchors, angle), 1e-5, 1e-5)


def test_channel_first_layout_gives_the_same(golden):
    g = golden("assigner")
    anchors, dist = torch.from_numpy(g["anchors"]), torch.from_numpy(g["codec.in.dist"])
    angle = torch.from_numpy(g["codec.in.angle"])
    assert torch.equal(dist2bbox(dist.mT, anchors.T, dim=1).mT, dist2bbox(dist, anchors))
    assert torch.allclose(dist2rbox(dist.mT, angle.mT, anchors.T, dim=1).mT, dist2rbox(dist, angle, anchors))


@given(st.lists(st.floats(0, 15, width=32), min_size=4, max_size=4), st.floats(-1.5, 1.5), st.floats(0, 40, width=32))
def test_codecs_are_inverse(sides, angle, at):
    sides, point = torch.tensor([sides]), torch.tensor([[at, at / 2]])
    assert torch.allclose(bbox2dist(point, dist2bbox(sides, point, xywh=False)), sides, atol=1e-4)
    turned = torch.tensor([[angle]])
    assert torch.allclose(rbox2dist(dist2rbox(sides, turned, point), point, turned), sides, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_anchors_follow_the_features(dtype):
    points, strides = make_anchors([torch.zeros(1, 2, 1, 2, dtype=dtype)], torch.tensor([4.0]))
    assert points.tolist() == [[0.5, 0.5], [1.5, 0.5]] and points.dtype == dtype
    assert strides.tolist() == [[4.0], [4.0]]
