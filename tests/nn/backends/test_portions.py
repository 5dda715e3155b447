"""Large batches that run a few pictures at a time."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ultralytics.nn import models
from ultralytics.nn.backends import portions
from ultralytics.nn.backends.base import each_tensor
from ultralytics.nn.backends.pytorch import NativeRuntime
from ultralytics.nn.head.detect import Detect

CPU, SIDE = torch.device("cpu"), 64
NETWORKS = {
    "yolov8n.yaml": models.DetectionModel,
    "yolov10n.yaml": models.DetectionModel,
    "yolo26n-seg.yaml": models.SegmentationModel,
    "yolov8n-pose.yaml": models.PoseModel,
    "yolov8n-obb.yaml": models.OBBModel,
    "yolov8n-cls.yaml": models.ClassificationModel,
}


@pytest.fixture(autouse=True)
def _two_pictures_at_a_time(monkeypatch):
    monkeypatch.setattr(portions, "PIXELS_PER_THREAD", -(-2 * SIDE * SIDE // torch.get_num_threads()))


def sizes_seen(runtime: NativeRuntime) -> list[int]:
    """Note how many pictures every call of the network gets."""
    sizes, forward = [], runtime.model.forward
    runtime.model.forward = lambda x, **options: sizes.append(len(x)) or forward(x, **options)
    return sizes


def tensors(y) -> list[torch.Tensor]:
    found = []
    each_tensor(y, lambda tensor: found.append(tensor) or tensor)
    return found


@pytest.mark.parametrize("name", NETWORKS)
@torch.inference_mode()
def test_outputs_are_those_of_the_whole_batch(name):
    torch.manual_seed(0)
    runtime = NativeRuntime(NETWORKS[name](name, nc=3, verbose=False), CPU)
    x = torch.rand(5, 3, SIDE, SIDE)
    whole = runtime.model(runtime._lay_out(x))
    sizes = sizes_seen(runtime)
    parts = runtime.run(x)
    assert sizes == [2, 2, 1]
    wanted, found = tensors(whole), tensors(parts)
    places = [[id(tensor) for tensor in one] for one in (wanted, found)]
    assert [p.index(i) for p in places[:1] for i in p] == [p.index(i) for p in places[1:] for i in p]
    assert each_tensor(parts, lambda _: None) == each_tensor(whole, lambda _: None), "the same nesting and keys"
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


class Reporting(Detect):
    """A head of a user, with something in its output that is not per picture."""

    def forward(self, x):
        return super().forward(x), torch.arange(2)


@torch.inference_mode()
def test_together_where_entries_are_not_known_to_be_pictures():
    network = models.DetectionModel("yolov8n.yaml", nc=3, verbose=False)
    network.model[-1].__class__ = Reporting
    runtime = NativeRuntime(network, CPU)
    sizes = sizes_seen(runtime)
    runtime.run(torch.rand(5, 3, SIDE, SIDE))
    assert sizes == [5]
    transformer = models.RTDETRDetectionModel("yolov8n-rtdetr.yaml", nc=3, verbose=False)
    assert portions.portion_size(transformer, torch.rand(5, 3, SIDE, SIDE)) == 5
    assert portions.portion_size(nn.Conv2d(3, 4, 1), torch.rand(5, 3, SIDE, SIDE)) == 5


@torch.inference_mode()
def test_together_where_somebody_watches_or_asks_for_more():
    runtime = NativeRuntime(models.DetectionModel("yolov8n.yaml", nc=3, verbose=False), CPU)
    sizes, x = sizes_seen(runtime), torch.rand(5, 3, SIDE, SIDE)
    assert len(runtime.run(x, embed=[2])) == 5
    seen = []
    hook = runtime.model.model[0].register_forward_hook(lambda module, inputs, y: seen.append(len(y)))
    runtime.run(x)
    hook.remove()
    assert (sizes, seen) == ([5, 5], [5])
    runtime.run(x[:, :, :32, :32])
    assert sizes == [5, 5, 5], "five small pictures are no more than two large ones"
