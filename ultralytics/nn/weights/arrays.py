"""Numbers and arrays of numpy: of number kinds only, copied from bytes whose length is checked."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from ultralytics.nn.weights.machine import ABSENT, Name, Record
from ultralytics.nn.weights.making import Maker, Reads, arguments, dotted, is_count, unmakable, wrong

__all__ = ["ARRAY_MAKERS", "NUMPY_TYPES"]

NUMBER_TYPE = re.compile(r"(b1|i[1248]|u[1248]|f[248]|c8|c16)\Z")
ORDERS = frozenset({"<", ">", "|", "="})
MAX_DIMENSIONS = 32
NUMPY_TYPES: dict[str, Any] = {
    f"numpy.{name}": getattr(np, name)
    for name in (
        *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("float16", "float32", "float64", "complex64", "complex128", "bool_"),
    )
}


def _dtype(read: Reads, record: Record) -> np.dtype:
    """Make a type; its state has the order of bytes and otherwise says that there are no fields."""
    args = arguments(record, 1, 3)
    if type(args[0]) is not str or not NUMBER_TYPE.match(args[0]):
        raise unmakable(record, "of a kind that is no number")
    made = np.dtype(args[0])
    if record.state is ABSENT:
        return made
    state = record.state
    plain = type(state) is tuple and len(state) in {8, 9} and state[2:5] == (None, None, None)
    if not plain or type(state[1]) is not str or state[1] not in ORDERS:
        raise unmakable(record, "with fields")
    return made.newbyteorder(state[1]) if state[1] in "<>" else made


def _type_of(read: Reads, raw: Any, record: Record) -> np.dtype:
    made = read.value(raw) if type(raw) is Record else None
    if not isinstance(made, np.dtype):
        raise wrong(record)
    return made


def _content(read: Reads, raw: Any, size: int, record: Record) -> bytes:
    """Return so many bytes; old pickles write them as text."""
    data = read.value(raw) if type(raw) is Record else raw
    if type(data) not in {bytes, bytearray, str} or len(data) != size:
        raise wrong(record)
    read.spend(size)
    return data.encode("latin1") if type(data) is str else bytes(data)


def _scalar(read: Reads, record: Record) -> np.generic:
    """Make one number from its bytes."""
    args = arguments(record, 2)
    dtype = _type_of(read, args[0], record)
    return np.frombuffer(_content(read, args[1], dtype.itemsize, record), dtype)[0]


def _array(read: Reads, record: Record) -> np.ndarray:
    """Make an array, whose content is in its state."""
    kind = record.args[0] if record.args else None
    if type(kind) is not Name or dotted(kind) != "numpy.ndarray":
        raise unmakable(record, "of a class of its own")
    return _filled(read, record, record.state)


def _filled(read: Reads, record: Record, state: Any) -> np.ndarray:
    if type(state) is not tuple or len(state) != 5:
        raise wrong(record)
    _, shape, dtype, by_column, data = state
    if type(by_column) not in {bool, int}:
        raise wrong(record)
    order = "F" if by_column else "C"
    return _shaped(read, record, data, _type_of(read, dtype, record), shape, order)


def _shaped(read: Reads, record: Record, raw: Any, dtype: np.dtype, shape: Any, order: str) -> np.ndarray:
    """Return a copy of bytes as an array of a shape that they fill exactly."""
    fits = type(shape) is tuple and len(shape) <= MAX_DIMENSIONS and all(is_count(side, 2**31) for side in shape)
    if not fits:
        raise wrong(record)
    data = _content(read, raw, math.prod(shape) * dtype.itemsize, record)
    return np.frombuffer(data, dtype).reshape(shape, order=order).copy(order="A")


def _array_of_buffer(read: Reads, record: Record) -> np.ndarray:
    """Make an array as protocol 5 writes it."""
    data, dtype, shape, order = arguments(record, 4)
    if type(order) is not str or order not in {"C", "F"}:
        raise wrong(record)
    return _shaped(read, record, data, _type_of(read, dtype, record), shape, order)


def _array_of_dill(read: Reads, record: Record) -> np.ndarray:
    """Make an array as dill writes it: function, its arguments, state, and attributes, which are left out."""
    function, args, state = arguments(record, 3, 4)[:3]
    inner = type(function) is Name and ARRAY_MAKERS.get(dotted(function)) is _array and type(args) is tuple
    if not inner:
        raise unmakable(record, "of an unknown kind")
    made = Record(function, args, called=True)
    made.state = state
    return read.make(made)


ARRAY_MAKERS: dict[str, Maker] = {
    "numpy.dtype": _dtype,
    **{f"numpy.{core}.multiarray.scalar": _scalar for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray._reconstruct": _array for core in ("core", "_core")},
    **{f"numpy.{core}.numeric._frombuffer": _array_of_buffer for core in ("core", "_core")},
    "dill._dill._create_array": _array_of_dill,
}
