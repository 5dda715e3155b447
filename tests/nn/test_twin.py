"""Copies of layers: as `copy.deepcopy` makes them."""

from __future__ import annotations

import copy

import torch
from torch import nn

from ultralytics.nn.block.deformable import DeformableTransformerDecoder, DeformableTransformerDecoderLayer
from ultralytics.nn.block.twin import twin


def layer() -> DeformableTransformerDecoderLayer:
    return DeformableTransformerDecoderLayer(d_model=16, n_heads=2, d_ffn=8, n_levels=2, n_points=2, act=nn.PReLU())


def test_it_is_a_deep_copy():
    source = layer().eval()
    ours, theirs = twin(source), copy.deepcopy(source)
    assert str(ours) == str(theirs)
    for mine, other in zip(ours.modules(), theirs.modules(), strict=True):
        assert type(mine) is type(other)
        assert {k: type(v) for k, v in vars(mine).items()} == {k: type(v) for k, v in vars(other).items()}
        assert not mine.training
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for name, tensor in ours.state_dict().items():
        assert torch.equal(tensor, source.state_dict()[name]), name
    assert all(p.requires_grad and isinstance(p, nn.Parameter) for p in ours.parameters())


def test_it_shares_nothing():
    source = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    other = twin(source)
    before = copy.deepcopy(source.state_dict())
    with torch.no_grad():
        for tensor in other.state_dict().values():
            tensor.add_(1)
    other[0].register_forward_hook(lambda *_: None)
    other.append(nn.ReLU())
    assert all(torch.equal(tensor, before[name]) for name, tensor in source.state_dict().items())
    assert not source[0]._forward_hooks
    assert len(source) == 2


def test_layers_of_a_decoder_learn_apart():
    decoder = DeformableTransformerDecoder(16, layer(), 3)
    parts = [p for row in decoder.layers for p in row.parameters()]
    assert len({p.data_ptr() for p in parts}) == len(parts)
    assert len({id(m) for m in decoder.modules()}) == 1 + 1 + 3 * len(list(decoder.layers[0].modules()))


def test_what_is_shared_inside_stays_shared():
    act = nn.PReLU()
    source = nn.Sequential(nn.Linear(2, 2), act, nn.Linear(2, 2), act)
    source[2].weight = source[0].weight
    other = twin(source)
    assert other[1] is other[3]
    assert other[0].weight is other[2].weight
    assert other[1] is not act


class Foreign(nn.Module):
    """Keeps something that is no parameter, buffer or child."""

    def __init__(self):
        super().__init__()
        self.table = {"rows": [torch.zeros(2)]}


def test_modules_of_another_origin_are_copied_deeply():
    source = nn.Sequential(Foreign())
    twin(source)[0].table["rows"][0].add_(1)
    assert source[0].table["rows"][0].sum() == 0
