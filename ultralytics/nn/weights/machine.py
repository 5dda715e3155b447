"""A machine that reads pickles and makes nothing live: its memory, and what its operations do to it.

A pickle is a program for a stack machine: it names globals, calls them, and gives objects a state. This machine runs
such programs on containers and records of its own. A global becomes a `Name`, a call or a new object a `Record`, an
object kept outside of the pickle a `Reference`; what these mean is decided elsewhere (`revive.py`), after the program
has ended. No operation (`opcodes.py`) looks a name up, calls what a file names, or touches an object that the machine
has not made.

What a program may cost is bounded: by the bytes of the file, by the number of operations, and by the rule for keys.
"""

from __future__ import annotations

import struct
from typing import Any

from ultralytics.nn.weights.errors import CheckpointError, UnsafeCheckpointError, shown

__all__ = ["ABSENT", "MAX_OPERATIONS", "Keys", "Machine", "Name", "Record", "Reference"]

MAX_OPERATIONS = 2_000_000  # the largest public files have some hundred thousand
MAX_INTEGER = 255  # bytes
MAX_KEY = 16  # parts of a key that is a tuple
MAX_LINE = 1000  # characters of a name or number written as text
MAX_SCATTERED_KEYS = 4_000  # see `Keys`
NEAR = 1024
ABSENT: Any = object()
SCALARS = frozenset({int, float, bool, type(None), complex})


class Name:
    """A global that a file names. Nothing has been looked up under it.

    Attributes:
        module: dotted path of a module, as the file has it.
        name: name inside of it, with dots where it is nested.
    """

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str):
        self.module, self.name = module, name

    def __str__(self) -> str:
        return shown(f"{self.module}.{self.name}")


class Record:
    """An object that a file describes.

    Attributes:
        what: what is called, or the class of the object: a name, or what another record returns.
        args: arguments of the call.
        called: whether it is called; a bare object is made otherwise.
        state: what the object is given as its state, `ABSENT` where it gets none.
        pairs: entries set in it, as in a dictionary.
        items: items added to it, as to a list.
    """

    __slots__ = ("args", "called", "items", "pairs", "state", "what")

    def __init__(self, what: Name | Record, args: tuple, called: bool):
        self.what, self.args, self.called = what, args, called
        self.state: Any = ABSENT
        self.pairs: Any = ()  # a list from the first entry on
        self.items: Any = ()

    def __str__(self) -> str:
        return str(self.what) if type(self.what) is Name else "the result of a call"


class Reference:
    """An object that is kept outside of the pickle, such as a storage.

    Attributes:
        key: what the pickle says of it.
    """

    __slots__ = ("key",)

    def __init__(self, key: Any):
        self.key = key


class Keys:
    """Which keys dictionaries and sets may have.

    Numbers can be chosen so that their hashes collide, and filling a table with some hundred thousand of those takes
    hours. So numbers are free where they count on from 0, as those of class names do, and few otherwise. Hashes of text
    are salted by Python.
    """

    __slots__ = ("scattered",)

    def __init__(self) -> None:
        self.scattered = 0

    def check(self, key: Any, size: int) -> None:
        """Check a key for a container that has `size` entries.

        Raises:
            CheckpointError: it may not be one.
        """
        kind = type(key)
        if kind is str or kind is bytes or (kind is int and 0 <= key <= size + NEAR):
            return
        flat = kind is tuple and len(key) <= MAX_KEY and all(type(part) in SCALARS or type(part) is str for part in key)
        if not (flat or kind in SCALARS or kind is Record):
            raise CheckpointError(f"a value of type {kind.__name__} is used as a key")
        self.scattered += 1
        if self.scattered > MAX_SCATTERED_KEYS:
            raise CheckpointError(f"more than {MAX_SCATTERED_KEYS} keys are neither text nor counted numbers")


class Machine:
    """The state of one pickle while it runs.

    Args:
        data: bytes that hold the pickle.
        at: where it begins.

    Attributes:
        at: place of the next operation; after the last one, where the pickle has ended.
        references: what it refers to outside of itself.
    """

    def __init__(self, data: bytes, at: int = 0):
        self.data, self.at = data, at
        self.stack: list[Any] = []
        self.marked: list[list[Any]] = []
        self.memo: list[Any] = []
        self.references: list[Reference] = []
        self.keys = Keys()

    # Reading ----------------------------------------------------------------------------------------------------------

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        start, self.at = self.at, self.at + count
        if count < 0 or self.at > len(self.data):
            raise IndexError
        return self.data[start : self.at]

    def byte(self) -> int:
        """Return the next byte as a number."""
        value = self.data[self.at]
        self.at += 1
        return value

    def number(self, form: struct.Struct) -> Any:
        """Return the next number."""
        start, self.at = self.at, self.at + form.size
        return form.unpack_from(self.data, start)[0]

    def line(self) -> bytes:
        """Return the bytes up to the next line feed."""
        end = self.data.find(b"\n", self.at, self.at + MAX_LINE)
        if end < 0:
            raise CheckpointError(f"a name or number at byte {self.at} does not end")
        start, self.at = self.at, end + 1
        return self.data[start:end]

    def since_mark(self) -> list[Any]:
        """Return what was put on the stack since the last mark, and take it off."""
        items, self.stack = self.stack, self.marked.pop()
        return items

    def integer(self, count: int) -> int:
        """Return the next whole number, of so many bytes."""
        if not 0 <= count <= MAX_INTEGER:
            raise CheckpointError(f"a number has {count} bytes")
        return int.from_bytes(self.take(count), "little", signed=True)

    # Writing ----------------------------------------------------------------------------------------------------------

    def remember(self, index: int) -> None:
        """Put the top of the stack into the memo."""
        value, memo = self.stack[-1], self.memo
        if index == len(memo):
            memo.append(value)
            return
        if not 0 <= index <= len(self.data):
            raise CheckpointError(f"the pickle uses place {shown(index)} of its memo")
        memo.extend([ABSENT] * (index + 1 - len(memo)))
        memo[index] = value

    def recall(self, index: int) -> None:
        """Put a value of the memo onto the stack."""
        value = self.memo[index] if index >= 0 else ABSENT
        if value is ABSENT:
            raise CheckpointError(f"the pickle recalls place {shown(index)} of its memo, which is empty")
        self.stack.append(value)

    def record(self, what: Any, args: Any, called: bool) -> None:
        """Put a record onto the stack."""
        if type(what) is not Name and type(what) is not Record:
            raise UnsafeCheckpointError(f"the checkpoint calls a value of type {type(what).__name__}.")
        if type(args) is not tuple:
            raise CheckpointError(f"arguments of a call are of type {type(args).__name__}")
        self.stack.append(Record(what, args, called))

    def extend(self, target: Any, items: list[Any]) -> None:
        """Add items to a list, or note them in a record."""
        if type(target) is list:
            target.extend(items)
        elif type(target) is Record:
            if not target.items:
                target.items = []
            target.items += items
        else:
            raise CheckpointError(f"items are added to a value of type {type(target).__name__}")

    def update(self, target: Any, flat: list[Any]) -> None:
        """Set entries, given as keys and values in turn, in a dictionary, or note them in a record."""
        if len(flat) % 2:
            raise CheckpointError("a dictionary has a key without a value")
        pairs = zip(flat[::2], flat[1::2], strict=True)
        if type(target) is dict:
            check = self.keys.check
            for key, value in pairs:
                if type(key) is not str:
                    check(key, len(target))
                target[key] = value
        elif type(target) is Record:
            if not target.pairs:
                target.pairs = []
            target.pairs += pairs
        else:
            raise CheckpointError(f"entries are set in a value of type {type(target).__name__}")

    def collect(self, target: set, items: list[Any]) -> set:
        """Add items to a set."""
        if type(target) is not set:
            raise CheckpointError(f"items are added to a value of type {type(target).__name__}")
        for item in items:
            self.keys.check(item, len(target))
            target.add(item)
        return target
