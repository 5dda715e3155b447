"""Containers, bytes, dates, paths and namespaces, made from checked arguments."""

from __future__ import annotations

import collections
import datetime
from collections.abc import Callable
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from types import SimpleNamespace
from typing import Any

from ultralytics.nn.weights.errors import shown
from ultralytics.nn.weights.machine import ABSENT, Name, Record
from ultralytics.nn.weights.making import Maker, Reads, arguments, dotted, is_count, unmakable, wrong
from ultralytics.utils.namespace import IterableSimpleNamespace

__all__ = ["DILL_TYPES", "PLAIN_MAKERS", "PLAIN_TYPES", "WITH_EXTRAS", "ordered_pairs"]

PLAIN_TYPES: dict[str, type] = {
    f"builtins.{kind.__name__}": kind
    for kind in (bool, int, float, complex, str, bytes, list, dict, tuple, set, frozenset, object, slice)
}
DILL_TYPES = {
    "NoneType": "NoneType",
    **{f"{name.title()}Type": name for name in ("bool", "int", "float", "complex", "list", "dict", "tuple", "object")},
    **{kind.__name__: kind.__name__ for kind in PLAIN_TYPES.values()},
    **{"BooleanType": "bool", "StringType": "str", "UnicodeType": "str", "BytesType": "bytes", "LongType": "int"},
    "SliceType": "slice",
}  # dill's names of built-in types
MAX_PATH = 32_768  # characters
ENCODINGS = frozenset({"latin1", "latin-1", "iso8859-1", "utf-8", "utf8", "ascii"})


def ordered_pairs(read: Reads, record: Record) -> list[tuple[Any, Any]]:
    """Return the entries of a dictionary that is a record: those of its argument and those set later."""
    (first,) = arguments(record, 0, 1) or ((),)
    if type(first) is dict:
        return [*first.items(), *record.pairs]
    fits = type(first) in {list, tuple} and all(type(pair) in {list, tuple} and len(pair) == 2 for pair in first)
    if not fits:
        raise wrong(record)
    return [*map(tuple, first), *record.pairs]


def _ordered(read: Reads, record: Record) -> collections.OrderedDict:
    """Make an ordered dictionary; those of state dicts carry versions of their modules."""
    made: collections.OrderedDict = collections.OrderedDict()
    read.fill(made, ordered_pairs(read, record))
    if record.state is not ABSENT:
        state = record.state
        if type(state) is not dict or state.keys() - {"_metadata"}:
            raise unmakable(record, "with attributes")
        for value in map(read.value, state.values()):
            if not isinstance(value, dict) or not all(isinstance(part, dict) for part in value.values()):
                raise wrong(record)
            made._metadata = value
    return made


def _counter(read: Reads, record: Record) -> collections.Counter:
    made: collections.Counter = collections.Counter()
    read.fill(made, ordered_pairs(read, record))
    return made


def _default(read: Reads, record: Record) -> collections.defaultdict:
    """Make a dictionary with a default: an empty container or number."""
    (factory,) = arguments(record, 0, 1) or (None,)
    if factory is not None:
        factory = PLAIN_TYPES.get(dotted(factory)) if type(factory) is Name else None
        if factory is None or factory is slice:
            raise unmakable(record, "with a function of its own")
    made: collections.defaultdict = collections.defaultdict(factory)
    read.fill(made, record.pairs)
    return made


def _deque(read: Reads, record: Record) -> collections.deque:
    first, most = (*arguments(record, 0, 2), *((), None)[len(record.args) :])
    if type(first) not in {list, tuple} or not (most is None or is_count(most)):
        raise wrong(record)
    return collections.deque(read.items([*first, *record.items]), most)


def _collection(kind: Callable[[Any], Any]) -> Maker:
    """Return a maker of a set, list or tuple from its items."""

    def make(read: Reads, record: Record) -> Any:
        (items,) = arguments(record, 0, 1) or ((),)
        if type(items) not in {list, tuple, set, frozenset}:
            raise wrong(record)
        if kind in {set, frozenset}:
            entries: dict[Any, None] = {}
            read.fill(entries, ((item, None) for item in items))
            return kind(entries)
        return kind(read.items(items))

    return make


def _dictionary(read: Reads, record: Record) -> dict:
    made: dict = {}
    read.fill(made, ordered_pairs(read, record))
    return made


def _encoded(read: Reads, record: Record) -> bytes:
    """Make bytes from text, as old pickles write them."""
    text, encoding = (*arguments(record, 1, 2), "latin1")[:2]
    if type(text) is not str or type(encoding) is not str or encoding.lower() not in ENCODINGS:
        raise wrong(record)
    read.spend(len(text))
    return text.encode(encoding)


def _bytes(kind: Callable[[Any], Any]) -> Maker:
    """Return a maker of bytes from nothing, bytes, or text."""

    def make(read: Reads, record: Record) -> Any:
        args = arguments(record, 0, 2)
        if not args:
            return kind(b"")
        if len(args) == 1:
            data = read.value(args[0]) if type(args[0]) is Record else args[0]
            if type(data) is not bytes:
                raise wrong(record)
            read.spend(len(data))
            return kind(data)
        return kind(_encoded(read, record))

    return make


def _complex(read: Reads, record: Record) -> complex:
    parts = arguments(record, 2)
    if not all(type(part) is float for part in parts):
        raise wrong(record)
    return complex(*parts)


def _slice(read: Reads, record: Record) -> slice:
    ends = arguments(record, 3)
    if not all(end is None or type(end) is int for end in ends):
        raise wrong(record)
    return slice(*ends)


def _path(kind: type[PurePath]) -> Maker:
    """Return a maker of this system's paths from the parts of a POSIX or Windows path."""

    def make(read: Reads, record: Record) -> Path:
        if not all(type(part) is str for part in record.args) or sum(map(len, record.args)) > MAX_PATH:
            raise wrong(record)
        return Path(kind(*record.args).as_posix())

    return make


def _stamp(read: Reads, record: Record, length: int) -> tuple[bytes, list[Any]]:
    """Return the bytes that stand for a date or time, and the time zone if there is one."""
    first, *rest = arguments(record, 1, 2)
    data = read.value(first) if type(first) is Record else first
    data = data.encode("latin1") if type(data) is str and len(data) == length else data
    zone = [read.value(part) for part in rest]
    if type(data) is not bytes or len(data) != length or not all(type(z) is datetime.timezone for z in zone):
        raise wrong(record)
    return data, zone


def _clock(data: bytes) -> tuple[int, int, int, int]:
    """Return hour, minute, second and microsecond."""
    return data[0] & 127, data[1], data[2], int.from_bytes(data[3:], "big")


def _date(read: Reads, record: Record) -> datetime.date:
    data, _ = _stamp(read, record, 4)
    return datetime.date(data[0] * 256 + data[1], data[2], data[3])


def _time(read: Reads, record: Record) -> datetime.time:
    data, zone = _stamp(read, record, 6)
    return datetime.time(*_clock(data), *zone, fold=data[0] >> 7)


def _datetime(read: Reads, record: Record) -> datetime.datetime:
    data, zone = _stamp(read, record, 10)
    day = data[0] * 256 + data[1], data[2] & 127, data[3]
    return datetime.datetime(*day, *_clock(data[4:]), *zone, fold=data[2] >> 7)


def _duration(read: Reads, record: Record) -> datetime.timedelta:
    parts = arguments(record, 3)
    if not all(type(part) is int and abs(part) < 10**9 for part in parts):
        raise wrong(record)
    return datetime.timedelta(*parts)


def _zone(read: Reads, record: Record) -> datetime.timezone:
    offset, *name = [read.value(part) for part in arguments(record, 1, 2)]
    if type(offset) is not datetime.timedelta or not all(type(part) is str for part in name):
        raise wrong(record)
    return datetime.timezone(offset, *name)


def _namespace(kind: type[SimpleNamespace]) -> Maker:
    """Return a maker of namespaces, whose state has their attributes."""

    def make(read: Reads, record: Record) -> SimpleNamespace:
        arguments(record, 0)
        made = kind()
        state = {} if record.state is ABSENT or record.state is None else record.state
        if type(state) is not dict:
            raise wrong(record)
        for key in state:
            if type(key) is not str or key.startswith("__"):
                raise unmakable(record, f"with an attribute {shown(key, 40)}")
        read.fill(vars(made), state.items())
        return made

    return make


POSIX, WINDOWS = _path(PurePosixPath), _path(PureWindowsPath)
PLAIN_MAKERS: dict[str, Maker] = {
    "collections.OrderedDict": _ordered,
    "collections.Counter": _counter,
    "collections.defaultdict": _default,
    "collections.deque": _deque,
    **{f"builtins.{kind.__name__}": _collection(kind) for kind in (set, frozenset, list, tuple)},
    "builtins.dict": _dictionary,
    **{f"builtins.{kind.__name__}": _bytes(kind) for kind in (bytes, bytearray)},
    "builtins.complex": _complex,
    "builtins.slice": _slice,
    "_codecs.encode": _encoded,
    **{f"pathlib{home}.{kind}": POSIX for home in ("", "._local") for kind in ("Path", "PosixPath", "PurePosixPath")},
    **{f"pathlib{home}.{kind}": WINDOWS for home in ("", "._local") for kind in ("WindowsPath", "PureWindowsPath")},
    "datetime.date": _date,
    "datetime.time": _time,
    "datetime.datetime": _datetime,
    "datetime.timedelta": _duration,
    "datetime.timezone": _zone,
    "types.SimpleNamespace": _namespace(SimpleNamespace),
    "argparse.Namespace": _namespace(SimpleNamespace),
    "ultralytics.utils.IterableSimpleNamespace": _namespace(IterableSimpleNamespace),
}
# What the file may give to which of them later: a state, entries, or items.
STATE, PAIRS = frozenset({"state"}), frozenset({"pairs"})
WITH_EXTRAS: dict[str, frozenset[str]] = {
    "collections.OrderedDict": STATE | PAIRS,
    "collections.Counter": PAIRS,
    "collections.defaultdict": PAIRS,
    "collections.deque": frozenset({"items"}),
    "builtins.dict": PAIRS,
    "types.SimpleNamespace": STATE,
    "argparse.Namespace": STATE,
    "ultralytics.utils.IterableSimpleNamespace": STATE,
}
