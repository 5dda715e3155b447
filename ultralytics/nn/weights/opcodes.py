"""The operations of pickles: what each does to the machine, and running a whole pickle.

Names are those of the module `pickletools` of Python, which also describes the operations.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from ultralytics.nn.weights.errors import CheckpointError, UnsafeCheckpointError
from ultralytics.nn.weights.machine import ABSENT, MAX_LINE, MAX_OPERATIONS, Machine, Name, Record, Reference

__all__ = ["OPERATIONS", "run"]

STOP = ord(".")


def run(machine: Machine) -> Any:
    """Return what a pickle describes, as names, records and plain containers.

    Raises:
        CheckpointError: it is damaged, or costs more than a checkpoint may.
        UnsafeCheckpointError: it uses a part of the format that no checkpoint needs and that is not inert.
    """
    data, operations = machine.data, OPERATIONS
    try:
        for _ in range(MAX_OPERATIONS):
            code = data[machine.at]
            machine.at += 1
            if code == STOP:
                return machine.stack.pop()
            operations[code](machine)
    except CheckpointError:
        raise
    except (IndexError, ValueError, OverflowError, TypeError, struct.error, MemoryError) as error:
        reason = "it ends too early" if isinstance(error, IndexError) else type(error).__name__
        raise CheckpointError(f"the pickle is broken at byte {machine.at}: {reason}") from None
    raise CheckpointError(f"the pickle has more than {MAX_OPERATIONS:,} operations")


def _unknown(m: Machine) -> None:
    raise CheckpointError(f"byte {m.at - 1} of the pickle is no operation")


OPERATIONS: list[Callable[[Machine], None]] = [_unknown] * 256
SHORT, INT = struct.Struct("<H"), struct.Struct("<i")
UINT, ULONG, DOUBLE = struct.Struct("<I"), struct.Struct("<Q"), struct.Struct(">d")


def operation(codes: str) -> Callable[[Callable[[Machine], None]], Callable[[Machine], None]]:
    """Return a decorator that enters a function into the table."""

    def enter(function: Callable[[Machine], None]) -> Callable[[Machine], None]:
        for code in codes.encode("latin1"):
            OPERATIONS[code] = function
        return function

    return enter


def pushing(codes: str, make: Callable[[Machine], Any]) -> None:
    """Enter operations that put a new value onto the stack."""

    @operation(codes)
    def push(m: Machine) -> None:
        m.stack.append(make(m))


def text_of(data: bytes) -> str:
    """Return text; single surrogates stand for bytes of file names that are no UTF-8."""
    return data.decode("utf-8", "surrogatepass")


def decimal(line: bytes) -> int:
    """Return a whole number that is written as text."""
    return int(line.decode("ascii").rstrip("L"))


def old_integer(m: Machine) -> int | bool:
    """INT: a number, or a truth value written with two digits."""
    line = m.line()
    return line == b"01" if line in {b"00", b"01"} else decimal(line)


def old_string(m: Machine) -> str:
    """STRING: text in quotes; escapes, which the oldest format allows, are not read."""
    line = m.line()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in b"\"'" or b"\\" in line:
        raise CheckpointError("a text of the oldest format is not in quotes, or has escapes")
    return line[1:-1].decode("ascii")


def referred(m: Machine, key: Any) -> Reference | Name:
    """Note an object outside of the pickle. Files of torch before 1.6 wrap classes so, together with their source."""
    if type(key) is tuple and len(key) == 4 and key[0] == "module" and type(key[1]) is Name:
        return key[1]
    m.references.append(Reference(key))
    return m.references[-1]


pushing("N", lambda m: None)  # NONE
pushing("\x88", lambda m: True)  # NEWTRUE
pushing("\x89", lambda m: False)  # NEWFALSE
pushing("I", old_integer)
pushing("L", lambda m: decimal(m.line()))  # LONG
pushing("K", lambda m: m.byte())  # BININT1
pushing("M", lambda m: m.number(SHORT))  # BININT2
pushing("J", lambda m: m.number(INT))  # BININT
pushing("\x8a", lambda m: m.integer(m.byte()))  # LONG1
pushing("\x8b", lambda m: m.integer(m.number(INT)))  # LONG4
pushing("F", lambda m: float(m.line()))  # FLOAT
pushing("G", lambda m: m.number(DOUBLE))  # BINFLOAT
pushing("S", old_string)
pushing("T", lambda m: m.take(m.number(INT)).decode("ascii"))  # BINSTRING
pushing("U", lambda m: m.take(m.byte()).decode("ascii"))  # SHORT_BINSTRING
pushing("V", lambda m: m.line().decode("raw-unicode-escape"))  # UNICODE
pushing("X", lambda m: text_of(m.take(m.number(UINT))))  # BINUNICODE
pushing("\x8c", lambda m: text_of(m.take(m.byte())))  # SHORT_BINUNICODE
pushing("\x8d", lambda m: text_of(m.take(m.number(ULONG))))  # BINUNICODE8
pushing("B", lambda m: m.take(m.number(UINT)))  # BINBYTES
pushing("C", lambda m: m.take(m.byte()))  # SHORT_BINBYTES
pushing("\x8e", lambda m: m.take(m.number(ULONG)))  # BINBYTES8
pushing("\x96", lambda m: bytearray(m.take(m.number(ULONG))))  # BYTEARRAY8
pushing(")", lambda m: ())  # EMPTY_TUPLE
pushing("]", lambda m: [])  # EMPTY_LIST
pushing("}", lambda m: {})  # EMPTY_DICT
pushing("\x8f", lambda m: set())  # EMPTY_SET
pushing("2", lambda m: m.stack[-1])  # DUP
pushing("P", lambda m: referred(m, m.line().decode("ascii")))  # PERSID
pushing("Q", lambda m: referred(m, m.stack.pop()))  # BINPERSID
pushing("c", lambda m: Name(text_of(m.line()), text_of(m.line())))  # GLOBAL


@operation("(")
def mark(m: Machine) -> None:
    """MARK."""
    m.marked.append(m.stack)
    m.stack = []


@operation("0")
def pop(m: Machine) -> None:
    """POP: take a value off, or a mark where none is above it."""
    if m.stack:
        m.stack.pop()
    else:
        m.since_mark()


@operation("1")
def pop_mark(m: Machine) -> None:
    """POP_MARK."""
    m.since_mark()


@operation("t")
def make_tuple(m: Machine) -> None:
    """TUPLE."""
    items = m.since_mark()
    m.stack.append(tuple(items))


@operation("\x85\x86\x87")
def make_short_tuple(m: Machine) -> None:
    """TUPLE1, TUPLE2, TUPLE3."""
    size = m.data[m.at - 1] - 0x84
    if len(m.stack) < size:
        raise IndexError
    m.stack[-size:] = [tuple(m.stack[-size:])]


@operation("l")
def make_list(m: Machine) -> None:
    """LIST."""
    items = m.since_mark()
    m.stack.append(items)


@operation("d")
def make_dictionary(m: Machine) -> None:
    """DICT."""
    flat = m.since_mark()
    made: dict[Any, Any] = {}
    m.update(made, flat)
    m.stack.append(made)


@operation("\x91")
def make_frozen_set(m: Machine) -> None:
    """FROZENSET."""
    items = m.since_mark()
    m.stack.append(frozenset(m.collect(set(), items)))


@operation("a")
def append(m: Machine) -> None:
    """APPEND."""
    item = m.stack.pop()
    m.extend(m.stack[-1], [item])


@operation("e")
def append_all(m: Machine) -> None:
    """APPENDS."""
    items = m.since_mark()
    m.extend(m.stack[-1], items)


@operation("s")
def set_item(m: Machine) -> None:
    """SETITEM."""
    value, key = m.stack.pop(), m.stack.pop()
    m.update(m.stack[-1], [key, value])


@operation("u")
def set_items(m: Machine) -> None:
    """SETITEMS."""
    flat = m.since_mark()
    m.update(m.stack[-1], flat)


@operation("\x90")
def add_items(m: Machine) -> None:
    """ADDITEMS."""
    items = m.since_mark()
    m.collect(m.stack[-1], items)


@operation("p")
def put(m: Machine) -> None:
    """PUT."""
    m.remember(decimal(m.line()))


@operation("q")
def put_short(m: Machine) -> None:
    """BINPUT."""
    m.remember(m.byte())


@operation("r")
def put_long(m: Machine) -> None:
    """LONG_BINPUT."""
    m.remember(m.number(UINT))


@operation("\x94")
def memoize(m: Machine) -> None:
    """MEMOIZE."""
    m.remember(len(m.memo))


@operation("g")
def get(m: Machine) -> None:
    """GET."""
    m.recall(decimal(m.line()))


@operation("h")
def get_short(m: Machine) -> None:
    """BINGET."""
    m.recall(m.byte())


@operation("j")
def get_long(m: Machine) -> None:
    """LONG_BINGET."""
    m.recall(m.number(UINT))


@operation("\x93")
def global_of_stack(m: Machine) -> None:
    """STACK_GLOBAL."""
    name, module = m.stack.pop(), m.stack.pop()
    if type(name) is not str or type(module) is not str or len(name) + len(module) > MAX_LINE:
        raise CheckpointError("a global is not named by text, or by a long one")
    m.stack.append(Name(module, name))


@operation("R")
def call(m: Machine) -> None:
    """REDUCE."""
    args, what = m.stack.pop(), m.stack.pop()
    m.record(what, args, called=True)


@operation("\x81")
def new_object(m: Machine) -> None:
    """NEWOBJ."""
    args, what = m.stack.pop(), m.stack.pop()
    m.record(what, args, called=False)


@operation("\x92")
def new_object_with_keywords(m: Machine) -> None:
    """NEWOBJ_EX: only without keywords, which nothing in a checkpoint has."""
    keywords, args, what = m.stack.pop(), m.stack.pop(), m.stack.pop()
    m.record(what, args, called=False)
    if type(keywords) is not dict or keywords:
        raise UnsafeCheckpointError(f"the checkpoint makes '{what}' with keyword arguments.", str(what))


@operation("i")
def old_instance(m: Machine) -> None:
    """INST."""
    what = Name(text_of(m.line()), text_of(m.line()))
    args = m.since_mark()
    m.record(what, tuple(args), called=bool(args))


@operation("o")
def old_object(m: Machine) -> None:
    """OBJ."""
    what, *args = m.since_mark()
    m.record(what, tuple(args), called=bool(args))


@operation("b")
def build(m: Machine) -> None:
    """BUILD: note the state of a record."""
    state = m.stack.pop()
    target = m.stack[-1]
    if type(target) is Name:
        raise UnsafeCheckpointError(f"the checkpoint changes '{target}' itself.", str(target))
    if type(target) is not Record or target.state is not ABSENT:
        raise CheckpointError(f"a state is given to a value of type {type(target).__name__}, or a second time")
    target.state = state


@operation("\x80")
def protocol(m: Machine) -> None:
    """PROTO."""
    if m.byte() > 5:
        raise CheckpointError("the pickle is of a protocol above 5")


@operation("\x95")
def frame(m: Machine) -> None:
    """FRAME: how many bytes follow together."""
    if m.number(ULONG) > len(m.data) - m.at:
        raise IndexError


@operation("\x82\x83\x84")
def extension(m: Machine) -> None:
    """EXT1, EXT2, EXT4: globals by the numbers of a registry of the process."""
    raise UnsafeCheckpointError("the checkpoint uses the extension registry of pickle.", "copyreg")


@operation("\x97\x98")
def outside_buffer(m: Machine) -> None:
    """NEXT_BUFFER, READONLY_BUFFER: bytes that are passed beside the pickle."""
    raise CheckpointError("the pickle refers to buffers outside of itself")
