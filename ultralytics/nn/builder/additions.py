"""Network classes that users put into this package: in its files, or in place of one of its names.

The usual recipe for a block of one's own is to paste its class into `nn/modules/block.py`, or to import it into
`nn/tasks.py`; scripts assign it there at run time, `ultralytics.nn.tasks.MyBlock = MyBlock`. What stands there is known
to model YAMLs by its name, and whoever put it there has thereby named it as a class that checkpoints may hold.
"""

from __future__ import annotations

import functools
import importlib
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

__all__ = ["defined_in_file", "home_of_additions", "in_place", "is_block", "own_addition", "placed"]

NETWORKS = "ultralytics.nn"
# Public modules that name blocks, the one that counts most first; YAML names are looked up in the first.
PLACES = (
    f"{NETWORKS}.tasks",
    f"{NETWORKS}.modules",
    *(f"{NETWORKS}.modules.{name}" for name in ("block", "conv", "head", "transformer", "activation")),
)
FOLDERS = ("modules", "block", "head")  # of `ultralytics/nn`, where people put files with blocks
# Parts of blocks, and networks, that those modules name and that are no blocks of a YAML by themselves: a network as a
# row would read a file, or fetch it, that the row names.
_PARTS = """
    BaseModel ClassificationModel DFL DeformableTransformerDecoder DeformableTransformerDecoderLayer DepthModel
    DetectionModel Ensemble LayerNorm2d MLP MLPBlock MSDeformAttn OBBModel PoseModel Proto Proto26 RTDETRDetectionModel
    RealNVP ResNetBlock SegmentationModel SemanticSegmentationModel TransformerBlock TransformerEncoderLayer
    TransformerLayer
"""
PARTS = frozenset(_PARTS.split())
# Folders and files of `ultralytics/nn` in which nobody puts blocks.
TOOLS = frozenset({"autobackend", "backends", "builder", "cost", "dynamic", "loss", "models", "weights"})


def is_block(target: Any) -> bool:
    """Return whether `target` is an `nn.Module` class or a partial of one."""
    core = target.func if isinstance(target, functools.partial) else target
    return isinstance(core, type) and issubclass(core, nn.Module)


def places() -> list[ModuleType]:
    """Return the public modules that name blocks; they are imported, since users edit their files."""
    return [importlib.import_module(name) for name in PLACES]


def in_place(name: str, path: str = "") -> type[nn.Module] | None:
    """Return what a user has put under a name on a public module, None where nothing but this package's own is there.

    Args:
        name: name of a block.
        path: import path of this package's block of that name, where there is one. Then only its home counts besides
            `nn.tasks` and `nn.modules`: what other modules import from there is for their own use.

    Raises:
        TypeError: something else than a network class stands there.
    """
    if not path and name in PARTS:
        return None
    found = _others(name, path) if path else [vars(place).get(name) for place in places()]
    for own in filter(None, found):
        if isinstance(own, type) and issubclass(own, nn.Module):
            return own
        if path or isinstance(own, functools.partial):
            raise TypeError(
                f"'{name}' was replaced by {own!r}, no class that other processes could import; put a class there, or "
                f"name an import path, register('my_blocks:{name}', name='{name}', replace=True)."
            )
    return None


def _others(name: str, path: str) -> list[Any]:
    """Return what stands where a block of this package should stand."""
    home, _, attribute = path.partition(":")
    original = vars(importlib.import_module(home)).get(attribute)
    core = original.func if isinstance(original, functools.partial) else original
    module = getattr(core, "__module__", "")
    if not module.startswith("ultralytics."):  # replaced at its home
        return [original]
    homes = {*PLACES[:2], module}
    found = [vars(place).get(name) for place in places() if place.__name__ in homes]
    return [other for other in found if other is not original]


def defined_in_file(name: str) -> type[nn.Module] | None:
    """Return the class of that name which a file of blocks defines, None where none does; other files stay unloaded."""
    pattern = re.compile(rf"^class {re.escape(name)}\b", re.MULTILINE)
    for folder in FOLDERS if name.isidentifier() else ():
        for file in sorted((Path(__file__).parents[1] / folder).glob("*.py")):
            if pattern.search(file.read_text(encoding="utf-8", errors="replace")):
                found = vars(importlib.import_module(f"{NETWORKS}.{folder}.{file.stem}")).get(name)
                if isinstance(found, type) and issubclass(found, nn.Module):
                    return found
    return None


def placed() -> dict[str, type[nn.Module]]:
    """Return the network classes that the public modules name, this package's own included, without parts of blocks."""
    named = {name: found for place in reversed(places()) for name, found in vars(place).items()}
    return {
        name: found
        for name, found in named.items()
        if isinstance(found, type) and issubclass(found, nn.Module) and name not in PARTS and name[0] != "_"
    }


def own_addition(module: str, name: str) -> type[nn.Module] | None:
    """Return the network class that a checkpoint may use because the user has put it into this package.

    That is a class in a file of blocks (`nn/modules/`, `nn/block/`, `nn/head/`) or in a file of their own below `nn/`
    that `nn/tasks.py` imports, or one of a Python module from which a class stands on `nn.tasks` or `nn.modules.*`.
    Nothing but this package's own files is imported for that.

    Args:
        module: dotted name of the Python module, as a checkpoint gives it.
        name: qualified name of the class.

    Returns:
        The class, which bears that module and name itself; None where there is none.
    """
    home = home_of_additions(module)
    found: Any = home
    for part in name.split("."):
        found = vars(found).get(part) if isinstance(found, (type, ModuleType)) else None
    part = module in PLACES and name in PARTS
    fits = home is not None and not part and isinstance(found, type) and issubclass(found, nn.Module)
    return found if fits and (found.__module__, found.__qualname__) == (module, name) else None


def home_of_additions(module: str) -> ModuleType | None:
    """Return a Python module whose network classes the user has put into this package, None where it is none."""
    if not f"{module}.".startswith("ultralytics."):
        kinds = [kind.__module__ for kind in placed().values()]
        return sys.modules.get(module) if module in kinds else None
    folder, *inside = module.removeprefix(f"{NETWORKS}.").split(".")
    if folder in FOLDERS and len(inside) == 1 and inside[0].isidentifier():
        file = Path(__file__).parents[1] / folder / f"{inside[0]}.py"
        return importlib.import_module(module) if file.is_file() else None
    own = module.startswith(f"{NETWORKS}.") and folder not in TOOLS
    return sys.modules.get(module) if own and places() else None
