"""Tensors, parameters, shapes, types and devices, made from checked arguments."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from ultralytics.nn.weights.archive import StorageType
from ultralytics.nn.weights.errors import CheckpointError, UnsafeCheckpointError
from ultralytics.nn.weights.machine import Name, Record, Reference
from ultralytics.nn.weights.making import Maker, Reads, arguments, dotted, is_count, is_empty, wrong

__all__ = ["TENSOR_MAKERS", "TORCH_CONSTANTS"]

DEVICES = frozenset({"cpu", "cuda", "mps", "xpu", "meta", "npu", "xla", "hpu"})
MAX_DIMENSIONS = 32
MAX_SIDE = 2**48  # of shapes and strides; what a shape may hold is checked against its storage

DTYPES = {
    f"torch.{name}": getattr(torch, name)
    for name in (
        *("float16", "bfloat16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool"),
        *("complex64", "complex128", "uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2"),
    )
}
LAYOUTS = {f"torch.{name}": getattr(torch, name) for name in ("strided", "sparse_coo", "sparse_csr")}
TORCH_CONSTANTS: dict[str, Any] = {**DTYPES, **LAYOUTS}


def tensor_of(read: Reads, record: Record, dtype: Any = None, requires_grad: Any = False) -> torch.Tensor:
    """Return a view of a storage; its first four arguments are storage, offset, shape and strides.

    Raises:
        CheckpointError: it reaches beyond its storage.
    """
    reference, offset, shape, strides = record.args[:4]
    if type(reference) is not Reference:
        raise wrong(record)
    kind = StorageType(reference)
    dtype = dtype or kind.dtype
    shape, strides = (size_of(read, part, record) for part in (shape, strides))
    if not is_count(offset) or len(shape) != len(strides) or type(requires_grad) is not bool:
        raise wrong(record)
    elements = math.prod(shape)
    last = offset + sum((side - 1) * step for side, step in zip(shape, strides, strict=True)) if elements else 0
    if elements and last >= kind.size // dtype.itemsize:
        raise CheckpointError("a tensor reaches beyond its storage")
    read.spend(elements * dtype.itemsize)
    made = torch.empty(0, dtype=dtype)
    made.set_(read.container.storage(kind), offset if elements else 0, shape, strides)
    return _with_gradient(made, record) if requires_grad else made


def _with_gradient(tensor: torch.Tensor, record: Record) -> torch.Tensor:
    """Mark a tensor as trained, which only numbers with a fraction can be."""
    if not (tensor.is_floating_point() or tensor.is_complex()):
        raise wrong(record)
    return tensor.requires_grad_()


def size_of(read: Reads, raw: Any, record: Record) -> tuple[int, ...]:
    """Return a shape or strides: a tuple of counts, or a record of `torch.Size`."""
    sides = read.value(raw) if type(raw) is Record else raw
    if (
        not isinstance(sides, tuple)
        or len(sides) > MAX_DIMENSIONS
        or not all(is_count(side, MAX_SIDE) for side in sides)
    ):
        raise wrong(record)
    return tuple(sides)


def _rebuild_tensor(read: Reads, record: Record) -> torch.Tensor:
    arguments(record, 4)
    return tensor_of(read, record)


def _rebuild_tensor_v2(read: Reads, record: Record) -> torch.Tensor:
    args = arguments(record, 6, 7)
    _without_hooks(args[5])
    return tensor_of(read, record, None, args[4])


def _rebuild_tensor_v3(read: Reads, record: Record) -> torch.Tensor:
    args = arguments(record, 7, 8)
    _without_hooks(args[5])
    dtype = DTYPES.get(dotted(args[6])) if type(args[6]) is Name else None
    if dtype is None:
        raise wrong(record)
    return tensor_of(read, record, dtype, args[4])


def _without_hooks(raw: Any) -> None:
    """Refuse functions that would run with gradients."""
    if not (raw is None or is_empty(raw)):
        raise UnsafeCheckpointError("the checkpoint holds a tensor with hooks.", "hooks")


def _rebuild_parameter(read: Reads, record: Record) -> nn.Parameter:
    args = arguments(record, 3, 4)  # the fourth are attributes, which are left out
    _without_hooks(args[2])
    return _parameter(read, record, *args[:2])


def _new_parameter(read: Reads, record: Record) -> nn.Parameter:
    return _parameter(read, record, *arguments(record, 2))


def _parameter(read: Reads, record: Record, raw: Any, requires_grad: Any) -> nn.Parameter:
    data = read.value(raw) if type(raw) is Record else None
    if type(data) not in {torch.Tensor, nn.Parameter} or type(requires_grad) is not bool:
        raise wrong(record)
    made = nn.Parameter(data.detach(), False)
    return _with_gradient(made, record) if requires_grad else made


def _rebuild_from_type_v2(read: Reads, record: Record) -> torch.Tensor:
    """Make a tensor that had Python attributes; those are left out."""
    function, kind, args, _ = arguments(record, 4)
    names = [dotted(name) if type(name) is Name else "" for name in (function, kind)]
    if names[0] not in BUILDERS or names[1] not in {"torch.Tensor", "torch.nn.parameter.Parameter"}:
        raise UnsafeCheckpointError(f"the checkpoint holds a tensor of class '{kind if names[1] else '?'}'.", names[1])
    if type(args) is not tuple:
        raise wrong(record)
    return read.make(Record(function, args, called=True))


def _size(read: Reads, record: Record) -> torch.Size:
    (sides,) = arguments(record, 1)
    fits = type(sides) in {tuple, list} and len(sides) <= MAX_DIMENSIONS and all(is_count(side) for side in sides)
    if not fits:
        raise wrong(record)
    return torch.Size(sides)


def _device(read: Reads, record: Record) -> torch.device:
    args = arguments(record, 1, 2)
    known = type(args[0]) is str and args[0] in DEVICES
    if not known or (len(args) == 2 and not is_count(args[1], 127)):
        raise wrong(record)
    return torch.device(*args)


def _layout(read: Reads, record: Record) -> torch.layout:
    (name,) = arguments(record, 1)
    if type(name) is not str or name not in LAYOUTS:
        raise wrong(record)
    return LAYOUTS[name]


BUILDERS: dict[str, Maker] = {
    "torch._utils._rebuild_tensor": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor_v2,
    "torch._utils._rebuild_tensor_v3": _rebuild_tensor_v3,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": _rebuild_parameter,
}
TENSOR_MAKERS: dict[str, Maker] = {
    **BUILDERS,
    "torch._tensor._rebuild_from_type_v2": _rebuild_from_type_v2,
    "torch.nn.parameter.Parameter": _new_parameter,
    "torch.Size": _size,
    "torch.device": _device,
    "torch.serialization._get_layout": _layout,
}
