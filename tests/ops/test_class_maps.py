"""Class maps: the same pixel by pixel as stacking all resized logits first."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from ultralytics.ops.class_maps import best_class, class_map, class_map_dtype, class_map_of_picture
from ultralytics.ops.masks import scale_masks


def logits(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(*(st.integers(low, high) for low, high in ((1, 3), (2, 7), (1, 9), (1, 9)))),
    st.tuples(st.integers(1, 70), st.integers(1, 70)),
    st.integers(0, 99),
)
def test_class_maps_are_those_of_the_whole(shape, size_hw, seed):
    values = logits(*shape, seed=seed)
    want = F.interpolate(values, size_hw, mode="bilinear", align_corners=False).argmax(1)
    assert torch.equal(class_map(values, size_hw).long(), want)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 5), st.tuples(st.integers(5, 90), st.integers(5, 90)), st.integers(0, 99))
def test_class_maps_of_pictures_are_those_of_the_whole(nc, picture_hw, seed):
    values, input_hw = logits(nc, 4, 8, seed=seed), (32, 64)
    large = F.interpolate(values[None], input_hw, mode="bilinear", align_corners=False)
    want = scale_masks(large, picture_hw)[0].argmax(0)
    got = class_map_of_picture(values, input_hw, picture_hw)
    assert got.dtype == torch.uint8 and torch.equal(got.long(), want)


def test_large_pictures_need_no_copy_of_all_logits():
    values = logits(19, 128, 256)
    seen = []

    def planes():
        for index in range(19):
            seen.append(index)
            yield F.interpolate(values[None, index : index + 1], (1024, 2048), mode="bilinear")[:, 0]

    want = F.interpolate(values[None], (1024, 2048), mode="bilinear").argmax(1)[0]
    assert torch.equal(best_class(planes(), 19)[0].long(), want) and seen == list(range(19))
    assert torch.equal(class_map_of_picture(values, (1024, 2048), (1024, 2048)).long(), want)


@pytest.mark.parametrize("value", [-1.0, 0.0, 2.0])
def test_one_class_is_where_its_logit_is_above_zero(value):
    values = torch.full((2, 1, 2, 2), value)
    assert class_map(values, (4, 4)).tolist() == torch.full((2, 4, 4), int(value > 0)).tolist()


def test_equal_logits_go_to_the_first_class():
    assert class_map(torch.ones(1, 3, 2, 2), (4, 4)).unique().tolist() == [0]


@pytest.mark.parametrize(
    ("nc", "dtype"),
    [(1, torch.uint8), (256, torch.uint8), (257, torch.int16), (32768, torch.int16), (40000, torch.int32)],
)
def test_types_hold_all_classes(nc, dtype):
    assert class_map_dtype(nc) is dtype


def test_maps_of_exported_models_are_resized_to_the_nearest():
    values = torch.randint(0, 300, (1, 8, 16), dtype=torch.int32)
    large = class_map(values, (16, 32))
    assert large.dtype == torch.int32 and torch.equal(large[:, ::2, ::2], values)
    assert class_map(values, (8, 16)) is values
    # 16 x 16 with a border of 4 above and below is a picture twice as wide as it is high
    square = torch.zeros(16, 16, dtype=torch.uint8)
    square[4:12] = 7
    assert class_map_of_picture(square, (16, 16), (4, 8)).unique().tolist() == [7]


def test_half_precision_logits_are_compared_in_full():
    values = logits(1, 3, 4, 4).bfloat16()
    assert torch.equal(class_map(values, (32, 32)), class_map(values.float(), (32, 32)))
