"""From what a file says to live values: the one place where objects come into being.

The machine gives names, records and plain containers (`machine.py`). Here they become values, by functions of ours with
checked arguments (`plain.py`, `tensors.py`, `arrays.py`), and networks.

A network is remade module by module, never by running a constructor, `__new__`, `__setstate__` or any other method of
a class: a bare object of a class in the tables of `classes.py` gets the dictionaries that every `nn.Module` has, filled
with checked parameters, buffers and children, and plain attributes. What an attribute may be called depends on its
class (`rules.py`): a name under which the class has a method, property or text would change what the network does.

Networks are not built from their YAML, although most have one. Pruned, edited, folded and older ones differ from it and
would need the way of here anyway, and one way that all files take is tested by all files.
"""

from __future__ import annotations

import contextlib
import enum
import gc
import os
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import IO, Any

import numpy as np
import torch
from torch import nn

from ultralytics.nn.models import BaseModel
from ultralytics.nn.weights.archive import Container, opened
from ultralytics.nn.weights.arrays import ARRAY_MAKERS, NUMPY_TYPES
from ultralytics.nn.weights.classes import enum_class, function, is_left_out, network_class, refusal
from ultralytics.nn.weights.errors import CheckpointError, UnsafeCheckpointError, shown
from ultralytics.nn.weights.facts import check_network
from ultralytics.nn.weights.machine import ABSENT, MAX_OPERATIONS, Keys, Name, Record
from ultralytics.nn.weights.making import DROPPED, Maker, arguments, dotted, is_empty, is_ordered, wrong
from ultralytics.nn.weights.moved import modern
from ultralytics.nn.weights.plain import DILL_TYPES, PLAIN_MAKERS, PLAIN_TYPES, WITH_EXTRAS, ordered_pairs
from ultralytics.nn.weights.rules import MAX_MODULES, Rules, check_tree, restores_itself
from ultralytics.nn.weights.tensors import TENSOR_MAKERS, TORCH_CONSTANTS
from ultralytics.nn.weights.transforms import TRANSFORM_MAKERS
from ultralytics.nn.weights.upgrade import left_behind

__all__ = ["Reviver", "read_file"]

MAX_PATH = 10  # names in a name
MAX_DEPTH = 100  # of containers in containers; the deepest public networks have some 40
MAX_EXPANDED = MAX_OPERATIONS  # parts of the content, those counted again that occur in several places
REPEATED = "its content refers to the same parts so often that it cannot be written out"
SPARE_BYTES = 2**26  # that tensors may have beyond what `Reviver.spend` says

ATOMS = frozenset({type(None), bool, int, float, complex, bytes})
MAKERS: dict[str, Maker] = {**PLAIN_MAKERS, **TENSOR_MAKERS, **ARRAY_MAKERS, **TRANSFORM_MAKERS}
STATE = frozenset({"state"})
EXTRAS: dict[str, frozenset[str]] = {
    **WITH_EXTRAS,
    **dict.fromkeys((key for key in ARRAY_MAKERS if key.endswith((".dtype", "._reconstruct"))), STATE),
    **dict.fromkeys(TRANSFORM_MAKERS, STATE),
}
CONSTANTS: dict[str, Any] = {**TORCH_CONSTANTS, **NUMPY_TYPES, **PLAIN_TYPES}
PARTS = frozenset({"_parameters", "_buffers", "_modules"})
INTERNAL = frozenset(vars(nn.Module()))


def read_file(file: str | os.PathLike | IO[bytes]) -> Any:
    """Return the live content of a file of torch, on the CPU; nothing of it runs.

    Args:
        file: path, or a file that is open for reading and for going to places in it.

    Raises:
        CheckpointError: it is damaged, or no file of torch.
        UnsafeCheckpointError: it asks for something that is not known to be harmless.
    """
    with without_collections():
        return _content_of(file)


def _content_of(file: str | os.PathLike | IO[bytes]) -> Any:
    with opened(file) as container:
        return Reviver(container).content()


@contextlib.contextmanager
def without_collections() -> Iterator[None]:
    """Put off the search for garbage in cycles.

    Reading makes some ten thousand objects that live until its end and have no cycles. They would set off searches
    through all objects of the process, which take as long as the reading itself.
    """
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()


class Reviver:
    """Makes the values of one file.

    Args:
        container: the file, with the bytes of its storages.
    """

    def __init__(self, container: Container):
        self.container = container
        self.rules = Rules()
        self.keys = Keys()
        # By the identity of what was read, which the container keeps alive: value, parts in it, and their depth.
        self.done: dict[int, tuple[Any, int, int]] = {}
        self.open: set[int] = set()
        self.modules: list[nn.Module] = []
        self.known: dict[tuple[str, str], Maker] = {}
        self.depth = self.height = self.expanded = 0
        self.bytes = 4 * container.size + SPARE_BYTES

    def content(self) -> Any:
        """Return the live content of the file.

        Raises:
            CheckpointError: something in it does not fit together.
            UnsafeCheckpointError: it asks for something that is not known to be harmless.
        """
        raw = self.container.content
        try:
            made = self.value(raw)
            for part in (raw.get("ema"), raw.get("model")) if type(raw) is dict else [raw]:
                if type(part) is Record and self.value(part) is DROPPED:
                    raise _missing(part)
            check_tree(self.modules)
        except CheckpointError:
            raise
        except Exception as error:  # of the values' own classes, which get what the file says
            raise CheckpointError(f"a value in it is wrong: {type(error).__name__}") from error
        return made

    def value(self, raw: Any) -> Any:
        """Return the value of something that the machine has read; what occurs twice is one object."""
        kind = type(raw)
        if kind in ATOMS:
            return raw
        if kind is str:
            self.expanded += len(raw) >> 6
            return raw
        key = id(raw)
        if key in self.done:
            return self._again(*self.done[key])
        if key in self.open:
            raise CheckpointError("a container contains itself")
        if self.depth > MAX_DEPTH:
            raise CheckpointError(f"its content is nested more than {MAX_DEPTH} deep")
        outer, before = self.height, self.expanded
        self.open.add(key)
        self.depth, self.height = self.depth + 1, 0
        made = KINDS.get(kind, _strange)(self, raw)
        self.depth, height = self.depth - 1, self.height + 1
        self.open.discard(key)
        self.height = max(outer, height)
        self.done[key] = made, self.expanded - before, height
        if self.expanded > MAX_EXPANDED:
            raise CheckpointError(REPEATED)
        return made

    def _again(self, made: Any, weight: int, height: int) -> Any:
        """Count what occurs in several places as if it were written out in each."""
        self.expanded += weight
        self.height = max(self.height, height)
        if self.expanded > MAX_EXPANDED or self.depth + height > MAX_DEPTH:
            raise CheckpointError(REPEATED)
        return made

    # What makers ask for ----------------------------------------------------------------------------------------------

    def fill(self, target: dict, pairs: Iterable[tuple[Any, Any]]) -> None:
        """Set entries in a dictionary."""
        for key, raw in pairs:
            key = key if type(key) is str else self._key(key, len(target))
            self.expanded += 1
            try:
                made = raw if type(raw) in ATOMS else self.value(raw)
            except CheckpointError as error:
                error.place.insert(0, shown(key, 40))
                raise
            target[key] = None if made is DROPPED else made

    def _key(self, raw: Any, size: int) -> Any:
        """Return a key: a number, bytes, or a tuple of numbers and text."""
        key = self.value(raw) if type(raw) is Record else raw
        self.keys.check(key.item() if isinstance(key, np.generic) else key, size)
        return key

    def spend(self, size: int) -> None:
        """Account for bytes that are made of what the file may have only once.

        Tensors may share a storage, one may repeat its elements, and several modules may hold the same, so few bytes
        can stand for many. Sooner or later each gets memory of its own, so all together may have four times the bytes
        of the file, and a little more. The same goes for bytes that several arrays are copied from.
        """
        self.bytes -= size
        if self.bytes < 0:
            raise CheckpointError("its tensors and arrays have many more elements than the file has bytes")

    def make(self, record: Record) -> Any:
        """Return the value of a record."""
        what = _name(record.what)
        key = what.module, what.name
        if key not in self.known:
            self.known[key] = _maker(*modern(*key))
        return self.known[key](self, record)

    # Kinds of things --------------------------------------------------------------------------------------------------

    def items(self, raw: Iterable[Any]) -> list[Any]:
        """Return the values of the items of a container."""
        made = [self.value(item) for item in raw]
        self.expanded += len(made)
        return [None if item is DROPPED else item for item in made]

    def dictionary(self, raw: dict[Any, Any]) -> dict[Any, Any]:
        """Return a dictionary of values."""
        made: dict[Any, Any] = {}
        self.fill(made, raw.items())
        return made

    def named(self, name: Name) -> Any:
        """Return what a name stands for by itself: a constant, a type, a class of layers, or an activation."""
        module, short = modern(name.module, name.name)
        found = CONSTANTS.get(f"{module}.{short}") or network_class(module, short) or function(module, short)
        if found is not None:
            return found
        owner, _, member = short.rpartition(".")
        members = enum_class(module, owner) if owner else None
        if members and member in members.__members__:
            return members.__members__[member]
        if is_left_out(module, short):
            return DROPPED
        raise UnsafeCheckpointError(refusal(module, short), f"{module}.{short}")

    # Networks ---------------------------------------------------------------------------------------------------------

    def module(self, record: Record, cls: type[nn.Module]) -> nn.Module:
        """Remake a module: a bare object and its dictionaries."""
        state = record.state
        if record.called or record.args or record.pairs or record.items or type(state) is not dict:
            raise UnsafeCheckpointError(
                f"the checkpoint runs the constructor of '{record}'; a network is read as objects with a state.",
                str(record),
            )
        if restores_itself(cls):
            raise UnsafeCheckpointError(
                f"class '{cls.__qualname__}' of '{cls.__module__}' restores its objects by a method '__setstate__', "
                "which is not run with the content of a file. Remove the method, or load the file with trust=True.",
                f"{cls.__module__}.{cls.__qualname__}.__setstate__",
            )
        module = object.__new__(cls)
        self.done[id(record)] = module, 0, 0  # for what refers to it from inside
        own = module.__dict__
        own.update(vars(nn.Module()))
        left = left_behind(cls)
        self.expanded += len(state)
        for name, raw in state.items():
            if name in left:
                continue
            try:
                if name in INTERNAL:
                    self._internal(cls, own, name, raw)
                else:
                    self._plain(cls, own, name, raw)
            except CheckpointError as error:
                error.place.insert(0, shown(name, 40))
                raise
        self.modules.append(module)
        if issubclass(cls, nn.RNNBase):
            _find_weights(own)
        if len(self.modules) > MAX_MODULES:
            raise CheckpointError(f"it has more than {MAX_MODULES:,} modules")
        if issubclass(cls, BaseModel):
            check_network(own)
        return module

    def _plain(self, cls: type[nn.Module], own: dict[str, Any], name: str, raw: Any) -> None:
        """Set a plain attribute."""
        value = self.value(raw)
        if value is DROPPED:
            return
        self.rules.check(cls, name, value)
        if isinstance(value, torch.Tensor):
            self.spend(value.nbytes)
        own[name] = value

    def _internal(self, cls: type[nn.Module], own: dict[str, Any], name: str, raw: Any) -> None:
        """Set what every module has."""
        if name in PARTS:
            pairs = _pairs(self, raw)
            self.expanded += len(pairs)
            for key, part in pairs:
                self.rules.check_part(cls, key)
                own[name][key] = None if part is None else self._part(name, key, part)
        elif name == "training":
            own[name] = _flag(raw)
        elif name == "_non_persistent_buffers_set":
            texts = _texts(raw)
            self.expanded += len(texts)
            own[name] = set(texts)
        elif not (raw is None or type(raw) is bool or is_empty(raw)):
            raise UnsafeCheckpointError(f"the checkpoint holds hooks of '{cls.__qualname__}'.", name)

    def _part(self, kind: str, key: str, raw: Any) -> Any:
        """Return a parameter, buffer or child."""
        try:
            part = self.value(raw)
            if part is DROPPED and type(raw) is Record:
                raise _missing(raw)
            if not isinstance(part, {"_parameters": nn.Parameter, "_buffers": torch.Tensor}.get(kind, nn.Module)):
                raise CheckpointError(f"the network has something else than a {kind[1:-1]} in its place")
            if kind == "_buffers":
                self.spend(part.nbytes)  # each module gets its own when the network changes type or device
        except CheckpointError as error:
            error.place.insert(0, shown(key, 40))
            raise
        return part


def _strange(read: Reviver, raw: Any) -> Any:
    raise CheckpointError("a storage stands by itself")


KINDS: dict[type, Callable[[Reviver, Any], Any]] = {
    dict: Reviver.dictionary,
    list: Reviver.items,
    tuple: lambda read, raw: tuple(read.items(raw)),
    set: lambda read, raw: set(read.dictionary(dict.fromkeys(raw))),
    frozenset: lambda read, raw: frozenset(read.dictionary(dict.fromkeys(raw))),
    bytearray: lambda read, raw: raw,
    Name: Reviver.named,
    Record: Reviver.make,
}


def _maker(module: str, name: str) -> Maker:
    """Return what makes the values of records under a name.

    Raises:
        UnsafeCheckpointError: nothing does.
    """
    key = f"{module}.{name}"
    if key in MAKERS:
        maker, extra = MAKERS[key], EXTRAS.get(key, frozenset())
        return lambda read, record: maker(read, _with_only(record, extra))
    if key in {"builtins.getattr", "dill._dill._load_type"}:
        return lambda read, record: read.named(_name(record))
    if found := network_class(module, name):
        return lambda read, record: read.module(record, found)
    if members := enum_class(module, name):
        return lambda read, record: _member(_with_only(record), members)
    if is_left_out(module, name):
        return lambda read, record: DROPPED
    raise UnsafeCheckpointError(refusal(module, name), key)


def _flag(raw: Any) -> bool:
    if type(raw) is not bool:
        raise CheckpointError("it is neither True nor False")
    return raw


def _missing(record: Record) -> UnsafeCheckpointError:
    """Return the error for a network, or a part of one, that is not there."""
    name = _name(record.what)
    what = modern(name.module, name.name)
    return UnsafeCheckpointError(refusal(*what), ".".join(what))


def _name(what: Name | Record) -> Name:
    """Return the name of what is called or referred to.

    Old pickles write names with dots as calls of `getattr`, those of methods with the object in the class's place; dill
    writes built-in types as calls of a function of its own.

    Raises:
        UnsafeCheckpointError: it is the result of another call.
    """
    inner: Name | Record = what
    path: list[str] = []
    while type(inner) is Record and len(path) < MAX_PATH:
        function, args = _plain_name(inner), inner.args
        if function == "builtins.getattr" and len(args) == 2 and type(args[1]) is str:
            path.insert(0, args[1])
            inner = args[0]
            if type(inner) is Record and _plain_name(inner) != "builtins.getattr":
                inner = inner.what  # an object; its class counts
        elif function == "dill._dill._load_type" and len(args) == 1 and type(args[0]) is str and args[0] in DILL_TYPES:
            inner = Name("builtins", DILL_TYPES[args[0]])
        else:
            break
    if type(inner) is not Name:
        called = str(inner) if type(inner) is Record else shown(inner)
        raise UnsafeCheckpointError(f"the checkpoint calls {called}.", called)
    return Name(inner.module, ".".join([inner.name, *path])) if path else inner


def _plain_name(record: Record) -> str:
    """Return the dotted name of what a record calls, nothing where that is no name."""
    return dotted(record.what) if type(record.what) is Name else ""


def _with_only(record: Record, extras: frozenset[str] = frozenset()) -> Record:
    """Return a record after checking that the file gives it nothing later that its kind cannot have."""
    given = {"state": record.state is not ABSENT, "pairs": bool(record.pairs), "items": bool(record.items)}
    if any(there and name not in extras for name, there in given.items()):
        raise wrong(record)
    return record


def _member(record: Record, members: type[enum.Enum]) -> enum.Enum:
    """Return a member of an enumeration by its value, a number or text."""
    (wanted,) = arguments(record, 1)
    for member in members.__members__.values():
        if type(wanted) in {int, str} and type(member.value) is type(wanted) and member.value == wanted:
            return member
    raise wrong(record)


def _pairs(read: Reviver, raw: Any) -> Collection[tuple[Any, Any]]:
    """Return the entries of a dictionary or ordered dictionary that was read."""
    if type(raw) is dict:
        return raw.items()
    if is_ordered(raw):
        return ordered_pairs(read, _with_only(raw, EXTRAS["collections.OrderedDict"]))
    raise CheckpointError("the parts of a module are no dictionary")


def _find_weights(own: dict[str, Any]) -> None:
    """Give a recurrent layer the list of its weights, of which it keeps references that are not in files."""
    names = own.get("_flat_weights_names")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise CheckpointError("a recurrent layer does not name its weights")
    weights = [own["_parameters"].get(name) for name in names]
    own["_flat_weights"] = weights
    own["_flat_weight_refs"] = [None if weight is None else weakref.ref(weight) for weight in weights]


def _texts(raw: Any) -> list[str]:
    """Return the items of a set of text that was read."""
    if type(raw) is Record and type(raw.what) is Name and dotted(raw.what) == "builtins.set" and len(raw.args) < 2:
        raw = raw.args[0] if raw.args else ()
    if type(raw) not in {set, list, tuple} or not all(type(text) is str for text in raw):
        raise CheckpointError("names of buffers are no text")
    return list(raw)
