"""Batch normalisation layers made without torch's constructor: nothing must tell them from others."""

from __future__ import annotations

import copy
import io
import pickle

import torch
from torch import nn

from ultralytics.nn.block.norm import batch_norm


def test_every_attribute_is_that_of_torchs_own():
    ours, theirs = vars(batch_norm(7)), vars(nn.BatchNorm2d(7))
    assert list(ours) == list(theirs)
    for name, value in theirs.items():
        assert type(ours[name]) is type(value), name
        if name in {"_parameters", "_buffers"}:
            assert list(ours[name]) == list(value)
            for key, tensor in value.items():
                assert type(ours[name][key]) is type(tensor)
                assert ours[name][key].dtype == tensor.dtype
                assert ours[name][key].requires_grad == tensor.requires_grad
                assert torch.equal(ours[name][key], tensor)
        else:
            assert ours[name] == value, name


def test_two_layers_share_nothing_that_can_change():
    first, second = vars(batch_norm(3)), vars(batch_norm(3))
    for name, value in first.items():
        assert value is not second[name] or not isinstance(value, (dict, set, list, torch.Tensor)), name
    for name in ("_parameters", "_buffers"):
        places = {t.data_ptr() for layer in (first, second) for t in layer[name].values()}
        assert len(places) == 2 * len(first[name])


def test_hooks_stay_with_their_layer():
    first, second = batch_norm(3), batch_norm(3)
    seen = []
    first.register_forward_hook(lambda *_: seen.append(1))
    second(torch.zeros(2, 3, 4, 4))
    nn.BatchNorm2d(3)(torch.zeros(2, 3, 4, 4))
    assert not seen
    first(torch.zeros(2, 3, 4, 4))
    assert seen


def test_it_learns_copies_and_travels():
    layer = batch_norm(3)
    layer(torch.randn(4, 3, 5, 5)).square().mean().backward()
    assert layer.weight.grad is not None
    assert layer.num_batches_tracked == 1
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(twin.running_mean, layer.running_mean)
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    assert nn.BatchNorm2d(3).load_state_dict(torch.load(file, weights_only=True)).missing_keys == []


def test_default_device_and_dtype_count():
    with torch.device("meta"):
        layer = batch_norm(3)
    assert {t.device.type for t in layer.state_dict().values()} == {"meta"}
    torch.set_default_dtype(torch.float64)
    try:
        assert batch_norm(3).running_var.dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert batch_norm(3).weight.dtype == torch.float32
