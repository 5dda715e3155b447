"""Reading pickles that nobody has vouched for.

A pickle is a program: it names globals and calls them. The reader here resolves names through one table, calls only
what that table marks as callable, and sets the state of objects, never of classes or functions. Everything a checkpoint
legitimately holds gets through: tensors, this package's and torch's network classes, plain containers, numpy numbers,
paths. Objects of parts that a network does not need (losses, data pipelines) become inert placeholders.

The module has the names that `torch.load(pickle_module=...)` uses, through `reader()`.
"""

from __future__ import annotations

import codecs
import collections
import datetime
import enum
import functools
import importlib
import inspect
import io
import pickle
import types
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
import torch
from torch import nn

from ultralytics.nn.builder.registry import import_block, is_admitted, is_block, pickled_as
from ultralytics.nn.builder.unbuilt import reason_for_block
from ultralytics.nn.weights.upgrade import MOVED_CLASSES, MOVED_MODULES, PUBLIC_BLOCK_MODULES
from ultralytics.utils.namespace import IterableSimpleNamespace

__all__ = ["Dropped", "UnsafeCheckpointError", "reader"]


class UnsafeCheckpointError(pickle.UnpicklingError):
    """A checkpoint asks for something that is not known to be harmless; nothing of it has run.

    Attributes:
        wanted: dotted name it asked for.
    """

    def __init__(self, message: str, wanted: str = ""):
        super().__init__(message)
        self.wanted = wanted


class Dropped:
    """Stands for an object of a part that networks do not need; takes any construction and state and does nothing."""

    dump_patches = False  # torch asks container classes in its oldest format
    wanted = ""  # dotted name of the class left out

    @staticmethod
    @functools.cache
    def of(dotted: str) -> type[Dropped]:
        """Return the placeholder class for one name."""
        return type("Dropped", (Dropped,), {"wanted": dotted})

    def __new__(cls, *args: Any, **kwargs: Any) -> Dropped:
        """Make a placeholder, whatever the arguments."""
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any):
        pass

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def __call__(self, *args: Any, **kwargs: Any) -> Dropped:
        """Do nothing."""
        return self

    def append(self, item: Any) -> None:
        """Take an item of a list."""

    extend = add = append


def _path(kind: type) -> Callable[..., Path]:
    """Return a builder of this system's paths from the parts of a POSIX or Windows path."""
    return lambda *parts: Path(kind(*parts).as_posix())


def _method(owner: Any, name: str) -> Any:
    """Stand in for `getattr`, by which saved models refer to members of enums and to `forward...` methods."""
    kind = owner if isinstance(owner, type) else type(owner)
    if isinstance(owner, type) and issubclass(owner, enum.Enum) and name in owner.__members__:
        return owner[name]
    forward = issubclass(kind, nn.Module) and isinstance(name, str) and name.startswith("forward")
    if forward and isinstance(inspect.getattr_static(kind, name, None), (types.FunctionType, staticmethod)):
        return getattr(owner, name)
    if issubclass(kind, Dropped):
        return kind
    raise UnsafeCheckpointError(f"the checkpoint reads attribute '{name}' of {owner!r}.", "builtins.getattr")


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """Stand in for `_codecs.encode`, by which old pickles write bytes."""
    if codecs.lookup(encoding).name not in {"iso8859-1", "utf-8", "ascii"}:
        raise UnsafeCheckpointError(f"the checkpoint encodes bytes by '{encoding}'.", "_codecs.encode")
    return text.encode(encoding)


def _numpy_scalar(dtype: np.dtype, data: bytes | str = b"") -> np.generic:
    """Stand in for numpy's scalar: a number from its bytes."""
    if dtype.hasobject:
        raise UnsafeCheckpointError("the checkpoint holds a numpy scalar of Python objects.", "numpy.scalar")
    raw = data.encode("latin1") if isinstance(data, str) else data
    return np.frombuffer(raw, dtype, count=1)[0]


def _numpy_array(kind: type, shape: tuple, code: Any) -> np.ndarray:
    """Stand in for numpy's array constructor; the state follows."""
    if kind is not np.ndarray:
        raise UnsafeCheckpointError(f"the checkpoint holds a numpy array of class {kind!r}.", "numpy.ndarray")
    return np.ndarray(shape, np.int8)


def _numpy_buffer(data: bytes, dtype: np.dtype, shape: tuple, order: str) -> np.ndarray:
    """Stand in for the array builder of newer protocols."""
    if dtype.hasobject:
        raise UnsafeCheckpointError("the checkpoint holds a numpy array of Python objects.", "numpy._frombuffer")
    return np.frombuffer(data, dtype).reshape(shape, order=order)


def _default_dict(factory: Any = None) -> collections.defaultdict:
    """Stand in for `defaultdict`: the factory must be a plain container or number."""
    if factory not in {None, list, dict, set, int, float, str, bool, tuple}:
        raise UnsafeCheckpointError(f"the checkpoint holds a defaultdict of {factory!r}.", "collections.defaultdict")
    return collections.defaultdict(factory)


def _tensor_with_attributes(rebuild: Callable, kind: type, args: tuple, state: Any) -> torch.Tensor:
    """Stand in for torch's rebuilding of tensors that carry Python attributes; the attributes are left out."""
    if kind not in {torch.Tensor, nn.Parameter} or rebuild not in _TENSOR_BUILDERS.values():
        raise UnsafeCheckpointError(f"the checkpoint rebuilds a tensor by {rebuild!r}.", "torch._tensor")
    return rebuild(*args)


def _dill_type(name: str) -> type:
    """Stand in for dill's look-up of built-in types by name; only data types."""
    kind = _DILL_TYPES.get(name)
    if kind is None:
        raise UnsafeCheckpointError(f"the checkpoint looks up the type '{name}'.", "dill._dill._load_type")
    return kind


def _dill_array(builder: Callable, args: tuple, state: tuple, attributes: Any = None) -> np.ndarray:
    """Stand in for dill's way to write numpy arrays; attributes of subclasses are left out."""
    if builder is not _numpy_array:
        raise UnsafeCheckpointError(f"the checkpoint builds an array by {builder!r}.", "dill._dill._create_array")
    array = _numpy_array(*args)
    array.__setstate__(state)
    return array


_DILL_TYPES = {
    "NoneType": type(None),
    **{f"{k.__name__.title()}Type": k for k in (bool, int, float, complex, list, dict, tuple, object)},
    **{k.__name__: k for k in (bool, int, float, complex, list, dict, tuple, set, frozenset, object, str, bytes)},
    "BooleanType": bool,
    "StringType": str,
    "UnicodeType": str,
    "BytesType": bytes,
    "LongType": int,
    "SliceType": slice,
}

_TENSOR_BUILDERS = {
    f"torch._utils.{name}": getattr(torch._utils, name)
    for name in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter", "_rebuild_parameter_with_state")
    if hasattr(torch._utils, name)
}

# Functions and types a checkpoint may call, by the name it uses.
_CALLABLES: dict[str, Any] = {
    **_TENSOR_BUILDERS,
    "torch._tensor._rebuild_from_type_v2": _tensor_with_attributes,
    "torch.nn.parameter.Parameter": nn.Parameter,
    "torch.Size": torch.Size,
    "torch.device": torch.device,
    "collections.OrderedDict": collections.OrderedDict,
    "collections.defaultdict": _default_dict,
    "collections.deque": collections.deque,
    "collections.Counter": collections.Counter,
    "builtins.getattr": _method,
    "_codecs.encode": _encode,
    "dill._dill._load_type": _dill_type,
    "dill._dill._create_array": _dill_array,
    "types.SimpleNamespace": types.SimpleNamespace,
    "argparse.Namespace": types.SimpleNamespace,
    "ultralytics.utils.IterableSimpleNamespace": IterableSimpleNamespace,
    "numpy.dtype": np.dtype,
    "numpy.ndarray": np.ndarray,
    **{f"numpy.{core}.multiarray.scalar": _numpy_scalar for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray._reconstruct": _numpy_array for core in ("core", "_core")},
    **{f"numpy.{core}.numeric._frombuffer": _numpy_buffer for core in ("core", "_core")},
    **{f"builtins.{t.__name__}": t for t in (set, frozenset, list, dict, tuple, int, float, complex, bool, str)},
    **{f"builtins.{t.__name__}": t for t in (bytes, bytearray, slice, object)},
    **{f"datetime.{t}": getattr(datetime, t) for t in ("datetime", "date", "time", "timedelta", "timezone")},
    **{f"pathlib{home}.{kind}": _path(PurePosixPath) for home in ("", "._local") for kind in ("Path", "PosixPath")},
    **{f"pathlib{home}.PurePosixPath": _path(PurePosixPath) for home in ("", "._local")},
    **{f"pathlib{home}.{pure}WindowsPath": _path(PureWindowsPath) for home in ("", "._local") for pure in ("", "Pure")},
}

# Import paths whose network classes are harmless to create; the longest prefix of a name need not match further.
_NETWORK_LIBRARIES = ("torch.nn.modules.", "torchvision.", "timm.layers.", "timm.models.")
_SETTINGS_LIBRARIES = frozenset({"omegaconf", "hydra"})  # held the training arguments in the first 8.0 versions
_TRANSFORMS = frozenset({"Compose", "ToTensor", "PILToTensor"})  # torchvision transforms that are no modules
_YOLOV5 = ("models", "models.common", "models.yolo", "models.experimental", "utils", "utils.general")


def find_safe(module: str, name: str) -> Any:
    """Return what a checkpoint may use under a name.

    Raises:
        UnsafeCheckpointError: nothing.
    """
    module = modern_module(module)
    dotted = f"{module}.{name}"
    if dotted in _CALLABLES:
        return _CALLABLES[dotted]
    if dotted in MOVED_CLASSES:
        module, _, name = MOVED_CLASSES[dotted].rpartition(".")
        dotted = f"{module}.{name}"
    root = module.partition(".")[0]
    found = pickled_as(dotted) or _foreign(module, name)
    if found is None and root == "ultralytics":
        found = _own(module, name)
    if found is None and root in _SETTINGS_LIBRARIES:
        found = Dropped.of(dotted)
    if found is None:
        found = _library(module, name)
    if found is None:
        raise UnsafeCheckpointError(refusal(module, name), dotted)
    return found


def modern_module(module: str) -> str:
    """Return today's path of a module that a pickle names."""
    if module in {"__builtin__", "copy_reg"}:
        return {"__builtin__": "builtins", "copy_reg": "copyreg"}[module]
    for old, new in MOVED_MODULES.items():
        if module == old or module.startswith(f"{old}."):
            return new + module[len(old) :]
    return module


def _own(module: str, name: str) -> Any:
    """Return a class of this package; losses, data and engine parts as placeholders."""
    if not module.startswith("ultralytics.nn"):
        return Dropped.of(f"{module}.{name}")
    outer, _, method = name.partition(".")
    for home in dict.fromkeys((module, *PUBLIC_BLOCK_MODULES)):
        try:
            found = getattr(importlib.import_module(home), outer, None)
        except ImportError:
            continue
        if is_block(found):
            return _method(found, method) if method else found
    return None


def _foreign(module: str, name: str) -> Any:
    """Return a block of the user's own: of a file from which one was registered or named in a YAML of theirs."""
    if not is_admitted(module):
        return None
    try:
        return import_block(f"{module}:{name}")
    except (ImportError, TypeError):
        return None


def _library(module: str, name: str) -> Any:
    """Return a network class, functional or number type of torch, torchvision, timm or numpy."""
    if module == "torch" and isinstance(getattr(torch, name, None), (torch.dtype, torch.layout, torch.memory_format)):
        return getattr(torch, name)
    if module.startswith("numpy"):
        found = getattr(np, name, None) or getattr(getattr(np, "dtypes", None), name, None)
        fits = isinstance(found, type) and issubclass(found, (np.generic, np.dtype))
        return found if fits and module in {"numpy", "numpy.dtypes"} else None
    known = module == "torch.nn.functional" or f"{module}.".startswith(_NETWORK_LIBRARIES)
    if not known or not name.isidentifier():
        return None
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None
    if module == "torch.nn.functional":
        return found if callable(found) and not isinstance(found, type) else None
    enum_kind = isinstance(found, type) and issubclass(found, enum.Enum)
    transform = module.startswith("torchvision.transforms") and name in _TRANSFORMS
    return found if is_block(found) or enum_kind or transform else None


def refusal(module: str, name: str) -> str:
    """Return why a name is refused and what can be done."""
    dotted = f"{module}.{name}"
    if module in _YOLOV5 or module.startswith("models."):
        return (
            f"this is a checkpoint of the original YOLOv5 code (it names '{dotted}'), which cannot be run here; take "
            "the anchor-free weights of that model instead, e.g. 'yolov5su.pt', or train 'yolov5s.yaml' again."
        )
    if module == "__main__":
        return (
            f"it needs the block '{name}', which was defined in a script that ran as the main program; move the "
            f"class into a module file, register it there with @register(...), and import that module before loading."
        )
    if module.startswith("ultralytics."):
        if reason := reason_for_block(name):
            return f"it needs '{dotted}': {reason}"
        return (
            f"it needs '{dotted}', which this version does not have. If it is a block of a modified package, bring a "
            f'class of your own for it: register(MyBlock, pickled_as="{dotted}").'
        )
    return (
        f"it asks for '{dotted}', which is not known to be harmless; nothing was run. If '{name}' is a block of "
        f"yours, import its module and register it (ultralytics.nn.register). If you trust whoever made the "
        f"file, load it with trust=True (command line: trust=true): it may then run any code."
    )


class SafeUnpickler(pickle._Unpickler):
    """Unpickler that calls and changes only what `find_safe` knows.

    The pure Python implementation is used because it lets single operations be checked; a checkpoint has some ten
    thousand of them, so speed is no concern.
    """

    dispatch = dict(pickle._Unpickler.dispatch)

    def find_class(self, module: str, name: str) -> Any:
        """Resolve a global."""
        return find_safe(module, name)

    def load_reduce(self) -> None:
        """Call a function: only those of the table, number types and enums."""
        args, function = self.stack.pop(), self.stack.pop()
        self.append(_checked_call(function)(*args))

    def load_newobj(self) -> None:
        """Make an object without calling its constructor."""
        args, kind = self.stack.pop(), self.stack.pop()
        self.append(_checked_new(kind, args, {}))

    def load_newobj_ex(self) -> None:
        """Make an object with keyword arguments for `__new__`."""
        kwargs, args, kind = self.stack.pop(), self.stack.pop(), self.stack.pop()
        self.append(_checked_new(kind, args, kwargs))

    def _instantiate(self, klass: Any, args: Any) -> None:
        """Make an object by the oldest protocols' operations."""
        if is_block(klass) and not args:
            self.append(klass.__new__(klass))
        else:
            self.append(_checked_call(klass)(*args))

    def load_build(self) -> None:
        """Set an object's state, which classes and functions do not have."""
        target = self.stack[-2]
        if isinstance(
            target, (type, types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.ModuleType)
        ):
            raise UnsafeCheckpointError(f"the checkpoint changes {target!r} itself.", str(target))
        pickle._Unpickler.load_build(self)

    def load_extension(self, *args: Any) -> None:
        """Refuse globals by number."""
        raise UnsafeCheckpointError("the checkpoint uses the extension registry of pickle.", "copyreg")

    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.NEWOBJ[0]] = load_newobj
    dispatch[pickle.NEWOBJ_EX[0]] = load_newobj_ex
    dispatch[pickle.BUILD[0]] = load_build
    for _code in (pickle.EXT1, pickle.EXT2, pickle.EXT4):
        dispatch[_code[0]] = load_extension


_CALLABLE_IDS = frozenset(id(f) for f in _CALLABLES.values())


def _checked_call(function: Any) -> Callable:
    """Return `function` if a checkpoint may call it."""
    kind = isinstance(function, type) and issubclass(function, (np.dtype, np.generic, enum.Enum, Dropped))
    if id(function) in _CALLABLE_IDS or kind or isinstance(function, Dropped):
        return function
    raise UnsafeCheckpointError(f"the checkpoint calls {function!r}.", str(function))


def _checked_new(kind: Any, args: tuple, kwargs: Mapping[str, Any]) -> Any:
    """Return a bare object of a class that a checkpoint may use."""
    if is_block(kind) and not isinstance(kind, functools.partial):
        return kind.__new__(kind)
    if isinstance(kind, type) and (issubclass(kind, Dropped) or id(kind) in _CALLABLE_IDS or _is_transform(kind)):
        return kind.__new__(kind, *args, **kwargs)
    raise UnsafeCheckpointError(f"the checkpoint makes an object of {kind!r}.", str(kind))


def _is_transform(kind: type) -> bool:
    return kind.__module__.startswith("torchvision.transforms") and kind.__name__ in _TRANSFORMS


class TrustingUnpickler(pickle.Unpickler):
    """Ordinary unpickler that also knows classes that moved, paths of other systems and the user's own classes."""

    def find_class(self, module: str, name: str) -> Any:
        """Resolve a global."""
        if not module.startswith(("ultralytics", "pathlib")) and pickled_as(f"{module}.{name}") is None:
            try:
                return super().find_class(module, name)
            except (ImportError, AttributeError):
                return find_safe(module, name)
        try:
            return find_safe(module, name)
        except UnsafeCheckpointError:
            return super().find_class(modern_module(module), name)


def reader(trust: bool = False) -> types.SimpleNamespace:
    """Return what `torch.load` takes as `pickle_module`.

    Args:
        trust: let the file run whatever it asks for.
    """
    unpickler = TrustingUnpickler if trust else SafeUnpickler

    def load(file: Any, **kwargs: Any) -> Any:
        return unpickler(file, **kwargs).load()

    def loads(data: bytes, **kwargs: Any) -> Any:
        return unpickler(io.BytesIO(data), **kwargs).load()

    return types.SimpleNamespace(
        __name__="ultralytics.nn.weights.unpickle", Unpickler=unpickler, load=load, loads=loads
    )
