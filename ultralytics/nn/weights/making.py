"""What the functions have in common that make values from records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from ultralytics.nn.weights.archive import Container
from ultralytics.nn.weights.errors import CheckpointError, UnsafeCheckpointError
from ultralytics.nn.weights.machine import ABSENT, Name, Record
from ultralytics.nn.weights.moved import modern

__all__ = [
    "DROPPED",
    "Maker",
    "Reads",
    "arguments",
    "dotted",
    "is_count",
    "is_empty",
    "is_ordered",
    "unmakable",
    "wrong",
]


class _Dropped:
    """Stands for an object of a part that networks do not need."""

    def __repr__(self) -> str:
        return "DROPPED"


DROPPED = _Dropped()


class Reads(Protocol):
    """What a maker may ask of the reader that calls it."""

    container: Container

    def value(self, raw: Any) -> Any:
        """Return the value of something that the machine has read."""

    def make(self, record: Record) -> Any:
        """Return the value of a record that the file does not have as such."""

    def fill(self, target: dict, pairs: Any) -> None:
        """Set entries in a dictionary."""

    def items(self, raw: Iterable[Any]) -> list[Any]:
        """Return the values of the items of a container."""

    def spend(self, size: int) -> None:
        """Account for so many bytes that are made of what the file has only once."""


Maker = Callable[[Reads, Record], Any]


def dotted(name: Name) -> str:
    """Return the whole name in today's form."""
    return ".".join(modern(name.module, name.name))


def wrong(record: Record) -> CheckpointError:
    """Return the error for arguments or a state that do not fit."""
    return CheckpointError(f"'{record}' has wrong arguments or a wrong state")


def arguments(record: Record, least: int, most: int | None = None) -> tuple:
    """Return a record's arguments after counting them.

    Raises:
        CheckpointError: there are fewer or more.
    """
    if not least <= len(record.args) <= (least if most is None else most):
        raise wrong(record)
    return record.args


def is_count(value: Any, limit: int = 2**62) -> bool:
    """Return whether something is a whole number from 0 on."""
    return type(value) is int and 0 <= value <= limit


def is_ordered(raw: Any) -> bool:
    """Return whether what was read is an ordered dictionary."""
    named = type(raw) is Record and type(raw.what) is Name
    return named and raw.what.name == "OrderedDict" and raw.what.module == "collections"


def is_empty(raw: Any) -> bool:
    """Return whether what was read is an empty dictionary, as those of hooks are."""
    if not is_ordered(raw):
        return type(raw) is dict and not raw
    bare = not raw.args or (len(raw.args) == 1 and type(raw.args[0]) is list and not raw.args[0])
    return bare and not (raw.pairs or raw.items) and raw.state is ABSENT


def unmakable(record: Record, why: str) -> UnsafeCheckpointError:
    """Return the error for a record that is not made."""
    return UnsafeCheckpointError(f"the checkpoint holds '{record}' {why}.", str(record))
