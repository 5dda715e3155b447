"""The ordinary unpickler, for files whose maker the user trusts. It may run any code."""

from __future__ import annotations

import functools
import io
import pickle
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import SimpleNamespace
from typing import Any

import torch

from ultralytics.nn.weights.classes import is_left_out, network_class
from ultralytics.nn.weights.moved import modern

__all__ = ["Dropped", "read_trusted", "trusting_pickle"]

NAMESPACE = ("ultralytics.utils", "IterableSimpleNamespace")


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


def posix_path(*parts: str) -> Path:
    """Return this system's path for the parts of one of POSIX."""
    return Path(PurePosixPath(*parts).as_posix())


def windows_path(*parts: str) -> Path:
    """Return this system's path for the parts of one of Windows."""
    return Path(PureWindowsPath(*parts).as_posix())


class TrustingUnpickler(pickle.Unpickler):
    """Ordinary unpickler that also knows classes that moved, paths of other systems and the user's own classes."""

    def find_class(self, module: str, name: str) -> Any:
        """Resolve a global."""
        module, name = modern(module, name)
        if module in {"pathlib", "pathlib._local"} and name.endswith("Path"):
            return windows_path if "Windows" in name else posix_path
        found = network_class(module, name)
        if found is not None:
            return found
        root = module.partition(".")[0]
        if root == "ultralytics" and is_left_out(module, name) and (module, name) != NAMESPACE and "." not in name:
            return Dropped.of(f"{module}.{name}")
        try:
            return super().find_class(module, name)
        except (ImportError, AttributeError):
            if is_left_out(module, name):
                return Dropped.of(f"{module}.{name}")
            raise


def trusting_pickle() -> SimpleNamespace:
    """Return what `torch.load` takes as `pickle_module`."""
    return SimpleNamespace(
        __name__=__name__,
        Unpickler=TrustingUnpickler,
        load=lambda stream, **kwargs: TrustingUnpickler(stream, **kwargs).load(),
        loads=lambda data, **kwargs: TrustingUnpickler(io.BytesIO(data), **kwargs).load(),
    )


def read_trusted(file: str | Path) -> Any:
    """Return the content of a file of torch, running whatever it asks for."""
    return torch.load(file, map_location="cpu", pickle_module=trusting_pickle(), weights_only=False)
