"""Array functions of zero objects: no error, and the shapes and types that some objects would have given.

Every public array function has a row here; `test_every_function_has_a_row` finds those that do not. A row gives the
arguments for `n` objects; the law is that zero objects give what 7 give, with 0 in place of 7.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from ultralytics.data.converter import merge_multi_segment
from ultralytics.ops.assignment import linear_sum_assignment
from ultralytics.ops.boxes import resample_segments, scale_coords, segment2box, segments2boxes
from ultralytics.ops.masks import join_outlines, masks2segments
from ultralytics.ops.nms import TorchNMS, non_max_suppression
from ultralytics.ops.rotated import xyxyxyxy2xywhr

HOMES = ("boxes", "common", "rotated", "masks", "keypoints", "iou", "nms", "anchors", "assignment", "former")
FACADES = ("ultralytics.utils.ops", "ultralytics.utils.metrics", "ultralytics.utils.nms", "ultralytics.utils.tal")
OBJECTS = 7  # a length that nothing else here has
SIZE = (48, 64)  # of the input, height and width
PICTURE = (100, 90)
NO_OBJECTS = {  # take no objects, or numbers about all of them
    "letterbox_geometry", "make_divisible", "clean_str", "oks_sigmas", "smooth_bce", "make_anchors", "plot_pr_curve",
    "plot_mc_curve",
}  # fmt: skip


class Library:
    """Makes arrays of random numbers, of torch or numpy."""

    def __init__(self, torch_arrays: bool, dtype: str = "float32") -> None:
        self.torch_arrays, self.dtype = torch_arrays, dtype
        self.rng = np.random.default_rng(0)

    def __call__(self, *shape: int, scale: float = 40.0) -> Any:
        array = (self.rng.random(shape) * scale + 1).astype(self.dtype)
        return torch.from_numpy(array) if self.torch_arrays else array

    def masks(self, *shape: int) -> Any:
        return self(*shape, scale=1.0) > 1.5


def ragged(make: Library, n: int) -> list[Any]:
    return [make(4 + i, 2) for i in range(n)]


# name -> arguments for n objects; what takes numpy arrays or tensors only is marked below
ROWS: dict[str, Callable[[Library, int], tuple]] = {
    "clip_boxes": lambda m, n: (m(n, 4), SIZE),
    "clip_coords": lambda m, n: (m(n, 17, 3), SIZE),
    "empty_like": lambda m, n: (m(n, 4),),
    "ltwh2xywh": lambda m, n: (m(n, 4),),
    "ltwh2xyxy": lambda m, n: (m(n, 4),),
    "xywh2ltwh": lambda m, n: (m(n, 4),),
    "xywh2xyxy": lambda m, n: (m(n, 4),),
    "xywhn2xyxy": lambda m, n: (m(n, 4), *SIZE),
    "xyxy2ltwh": lambda m, n: (m(n, 4),),
    "xyxy2xywh": lambda m, n: (m(n, 4),),
    "xyxy2xywhn": lambda m, n: (m(n, 4), *SIZE),
    "xyxy2xywhn clipped": lambda m, n: (m(n, 4), *SIZE, True),
    "resample_segments": lambda m, n: (ragged(m, n), 50),
    "scale_boxes": lambda m, n: (SIZE, m(n, 6), PICTURE),
    "scale_boxes rotated": lambda m, n: (SIZE, m(n, 5), PICTURE, None, True, True),
    "scale_coords": lambda m, n: (SIZE, m(n, 17, 3), PICTURE),
    "segment2box": lambda m, n: (m(n, 2),),
    "segments2boxes": lambda m, n: (ragged(m, n),),
    "as_float": lambda m, n: (m(n, 4),),
    "convert_torch2numpy_batch": lambda m, n: (m(n, 3, 8, 8),),
    "stack_last": lambda m, n: ([m(n), m(n)],),
    "batch_probiou": lambda m, n: (m(n, 5), m(3, 5)),
    "batch_probiou second": lambda m, n: (m(3, 5), m(n, 5)),
    "far_apart": lambda m, n: (m(n, 5), m(3, 5), 0.5),
    "far_apart second": lambda m, n: (m(3, 5), m(n, 5), 0.5),
    "probiou": lambda m, n: (m(n, 5), m(n, 5), True),
    "regularize_rboxes": lambda m, n: (m(n, 5),),
    "xywhr2xyxyxyxy": lambda m, n: (m(n, 5),),
    "xyxyxyxy2xywhr": lambda m, n: (m(n, 8),),
    "xyxyxyxy2xywhr points": lambda m, n: (m(n, 4, 2),),
    "crop_mask": lambda m, n: (m(n, *SIZE), m(n, 4)),
    "image_masks": lambda m, n: (m(8, 12, 16), m(n, 8), m(n, 4), SIZE, PICTURE),
    "index_map_overlaps": lambda m, n: (m(*SIZE).int() * 0, 3, m.masks(n, *SIZE)),
    "index_map_overlaps second": lambda m, n: (m(*SIZE).int() * 0, n, m.masks(3, *SIZE)),
    "masks2segments": lambda m, n: (m.masks(n, *SIZE),),
    "masks2segments largest": lambda m, n: (m.masks(n, *SIZE), "largest"),
    "process_mask": lambda m, n: (m(8, 12, 16), m(n, 8), m(n, 4), SIZE),
    "process_mask large": lambda m, n: (m(8, 12, 16), m(n, 8), m(n, 4), SIZE, True),
    "process_mask_native": lambda m, n: (m(8, 12, 16), m(n, 8), m(n, 4), PICTURE),
    "scale_masks": lambda m, n: (m(1, n, *SIZE), PICTURE),
    "scale_masks batch": lambda m, n: (m(n, 1, *SIZE), PICTURE),
    "scale_masks as they are": lambda m, n: (m(1, n, *SIZE), SIZE),
    "stack_overlaps": lambda m, n: (m.masks(n, *SIZE), m.masks(3, *SIZE)),
    "stack_overlaps second": lambda m, n: (m.masks(3, *SIZE), m.masks(n, *SIZE)),
    "join_outlines": lambda m, n: (ragged(m, n),),
    "kpt_iou": lambda m, n: (m(n, 17, 3), m(3, 17, 3), m(n), [0.1] * 17),
    "kpt_iou second": lambda m, n: (m(3, 17, 3), m(n, 17, 3), m(3), [0.1] * 17),
    "bbox_ioa": lambda m, n: (m(n, 4), m(3, 4)),
    "bbox_ioa second": lambda m, n: (m(3, 4), m(n, 4), True),
    "bbox_iou": lambda m, n: (m(n, 4), m(n, 4), False, False, False, True),
    "bbox_iou one": lambda m, n: (m(1, 4), m(n, 4)),
    "box_iou": lambda m, n: (m(n, 4), m(3, 4)),
    "box_iou second": lambda m, n: (m(3, 4), m(n, 4)),
    "mask_iou": lambda m, n: (m.masks(n, 99), m.masks(3, 99)),
    "mask_iou second": lambda m, n: (m.masks(3, 99), m.masks(n, 99)),
    "bbox2dist": lambda m, n: (m(n, 2), m(n, 4), 15),
    "dist2bbox": lambda m, n: (m(n, 4), m(n, 2)),
    "dist2rbox": lambda m, n: (m(n, 4), m(n, 1), m(n, 2)),
    "rbox2dist": lambda m, n: (m(n, 4), m(n, 2), m(n, 1)),
    "nms_rotated": lambda m, n: (m(n, 5, scale=1.0) * 100, m(n)),
    "process_mask_upsample": lambda m, n: (m(8, 12, 16), m(n, 8), m(n, 4), SIZE),
    "scale_image": lambda m, n: (m(*SIZE, n), PICTURE),
    "scale_image as it is": lambda m, n: (m(*SIZE, n), SIZE),
    "non_max_suppression": lambda m, n: (m(n, 6, 30, scale=-1.0), 0.25),
    "find_candidates": lambda m, n: (m(n, 6, 30), 0.25, 2),
}
TORCH_ONLY = {
    "convert_torch2numpy_batch", "probiou", "regularize_rboxes", "far_apart", "crop_mask", "image_masks",
    "index_map_overlaps", "process_mask", "process_mask_native", "process_mask_upsample", "scale_masks",
    "stack_overlaps", "kpt_iou", "bbox_iou", "box_iou", "mask_iou", "bbox2dist", "dist2bbox", "dist2rbox", "rbox2dist",
    "non_max_suppression", "find_candidates", "nms_rotated",
}  # fmt: skip
NUMPY_ONLY = {"resample_segments", "segment2box", "segments2boxes", "join_outlines", "bbox_ioa", "scale_image"}
NOT_PER_OBJECT = {"join_outlines", "segment2box", "find_candidates", "nms_rotated"}  # results count something else
OTHERS = {"linear_sum_assignment", "ap_per_class", "compute_ap", "smooth"}  # tested on their own below


def function(name: str) -> Callable:
    plain = name.split()[0]
    homes = (importlib.import_module(f"ultralytics.ops.{home}") for home in HOMES)
    return next(getattr(home, plain) for home in homes if hasattr(home, plain))


def described(value: Any) -> Any:
    """Return kinds, types and shapes of a nested result."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return type(value).__name__, str(value.dtype), tuple(value.shape)
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [described(part) for part in value]
    return value


def without_objects(description: Any, n: int) -> Any:
    """Return a description for `n` objects turned into that for none."""
    if isinstance(description, tuple) and len(description) == 3:
        kind, dtype, shape = description
        return kind, dtype, tuple(0 if side == n else side for side in shape)
    if isinstance(description, tuple) and isinstance(description[1], list):
        kind, parts = description
        return kind, [] if len(parts) == n else [without_objects(part, n) for part in parts]
    return description


def libraries(name: str) -> list[Library]:
    plain = name.split()[0]
    kinds = [False] if plain in NUMPY_ONLY else [True] if plain in TORCH_ONLY else [True, False]
    return [Library(kind, dtype) for kind in kinds for dtype in ("float32", "float64")]


def test_every_function_has_a_row():
    modules = [*(f"ultralytics.ops.{home}" for home in HOMES), *FACADES]
    public = {
        name
        for module in map(importlib.import_module, modules)
        for name in module.__all__
        if inspect.isfunction(getattr(module, name))
    }
    covered = {name.split()[0] for name in ROWS} | NO_OBJECTS | OTHERS
    assert public - covered == set(), "give it a row, so that zero objects are tried"


@pytest.mark.parametrize("name", ROWS)
def test_zero_objects_give_zero_results(name):
    for library in libraries(name):
        call = function(name)
        none = described(call(*ROWS[name](library, 0)))
        if name.split()[0] not in NOT_PER_OBJECT:
            some = described(call(*ROWS[name](library, OBJECTS)))
            assert none == without_objects(some, OBJECTS), (library.torch_arrays, library.dtype)


@pytest.mark.parametrize("classes", [None, [0]])
@pytest.mark.parametrize("options", [{}, {"agnostic": True}, {"multi_label": True}, {"end2end": True}])
@pytest.mark.parametrize("rotated", [False, True])
def test_suppression_without_anchors_pictures_or_strong_ones(classes, options, rotated):
    columns = 7 if rotated else 6
    final = options.get("end2end")
    for count, anchors in ((2, 0), (0, 30), (2, 30)):
        shape = (count, anchors, columns) if final else (count, columns, anchors)
        call = {"classes": classes, "nc": 0 if final else 2, "rotated": rotated, "return_idxs": True, **options}
        rows, index = non_max_suppression(torch.zeros(shape), 0.25, **call)
        assert [tuple(row.shape) for row in rows] == [(0, columns)] * count
        assert [tuple(kept.shape) for kept in index] == [(0,)] * count and not any(r.is_floating_point() for r in index)


def test_suppression_of_no_boxes():
    boxes, scores = torch.zeros(0, 4), torch.zeros(0)
    for kept in (TorchNMS.nms(boxes, scores, 0.5), TorchNMS.fast_nms(boxes, scores, 0.5)):
        assert kept.shape == (0,) and kept.dtype == torch.int64


def test_polygons_without_points():
    """What an empty mask gives goes through every function of polygons."""
    empty, square = np.zeros((0, 2), np.float32), np.float32([[1, 1], [9, 1], [9, 9], [1, 9]])
    assert masks2segments(np.zeros((1, 8, 8)))[0].shape == empty.shape
    assert [p.shape for p in resample_segments([empty, square], 20)] == [(20, 2)] * 2
    assert segments2boxes([empty, square]).tolist() == [[0, 0, 0, 0], [5, 5, 8, 8]]
    assert segment2box(empty).tolist() == [0, 0, 0, 0]
    assert xyxyxyxy2xywhr(np.zeros((2, 0, 2))).tolist() == [[0] * 5] * 2
    assert join_outlines([empty, square, empty]).tolist() == square.tolist() and join_outlines([]).shape == (0, 2)
    assert [p.tolist() for p in merge_multi_segment([empty, square])] == [square.tolist()]
    assert scale_coords((8, 8), empty, (16, 16)).shape == (0, 2)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_assignment_of_nothing(shape):
    rows, columns = linear_sum_assignment(np.zeros(shape))
    assert len(rows) == len(columns) == 0
