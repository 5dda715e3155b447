"""How a module name in a model YAML becomes a constructor call.

One YAML row `[from, repeats, Module, args]` becomes one call. How that happens is data: a *call pattern*, the
constructor's positional signature written in tokens.

| token           | meaning                                                                                   |
|-----------------|-------------------------------------------------------------------------------------------|
| `in`            | channels of the source layer: int, or a list when `from` names several layers             |
| `out`           | next YAML argument, width-scaled; becomes the layer's output channels                     |
| `out!`, `(out)` | next YAML argument, unscaled output channels; `(out)` is not passed to the constructor    |
| `wide`, `arg`   | next YAML argument, width-scaled inner width; next YAML argument unchanged                |
| `n`             | depth-scaled repeat count; its presence means that the block repeats internally           |
| `*`             | all remaining YAML arguments, unchanged                                                   |
| `$key`          | value of the top-level YAML key, None where absent                                        |

The package's own vocabulary is in `vocabulary.py`, which enters it here when the builder is imported.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import importlib
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from ultralytics.nn.builder.additions import (
    defined_in_file,
    home_of_additions,
    in_place,
    is_block,
    own_addition,
    placed,
)
from ultralytics.nn.builder.errors import ModelYamlError, UnbuiltBlockError
from ultralytics.nn.builder.suggest import parameters, suggested_call, suggested_out
from ultralytics.nn.builder.unbuilt import reason_for_block

__all__ = [
    "Filled",
    "LayerSpec",
    "ModelYamlError",
    "Scale",
    "UnbuiltBlockError",
    "admit",
    "admit_blocks",
    "admitted",
    "admitted_block",
    "enter_vocabulary",
    "hold",
    "import_block",
    "is_admitted",
    "is_block",
    "lookup",
    "names",
    "own_addition",
    "parse_call",
    "pickled_as",
    "register",
    "register_entry",
    "registered",
    "spec_of_class",
    "spec_of_entry",
    "split_path",
]

TOKENS = frozenset({"in", "out", "out!", "(out)", "wide", "arg", "n", "*"})
OUT_RULES = frozenset({"in", "sum", "last", "same"})
ANY_CALL = ("in", "out", "*")  # of blocks that do not tell
LIBRARIES = {"nn.": "torch.nn", "torch.nn.": "torch.nn", "torchvision.ops.": "torchvision.ops"}

_VOCABULARY: dict[str, LayerSpec] = {}  # the package's own blocks
_BLOCKS: dict[str, LayerSpec] = {}  # the user's
_PICKLED_AS: dict[str, str | type] = {}
_ADMITTED: set[str] = set()  # Python modules whose blocks the user has named, by register() or in a YAML file of theirs
_HELD: set[str] = set()  # packages, and modules, whose layers the user's blocks are made of


@dataclass(frozen=True)
class Scale:
    """Compound scaling of one model size: depth and width multipliers and the channel cap before scaling."""

    name: str = ""
    depth: float = 1.0
    width: float = 1.0
    max_channels: float = math.inf

    def channels(self, count: int) -> int:
        """Return the scaled width, rounded up to a multiple of 8."""
        return math.ceil(min(count, self.max_channels) * self.width / 8) * 8

    def repeats(self, count: int) -> int:
        """Return the scaled number of repeats; a single block stays single."""
        return max(round(count * self.depth), 1) if count > 1 else count


@dataclass(frozen=True)
class Filled:
    """A row's call pattern with its values: what to construct and what comes out."""

    args: list[Any]
    c_out: int | list[int]
    repeats: int  # copies the builder stacks; 1 for blocks that repeat internally


@dataclass(frozen=True)
class LayerSpec:
    """How rows that name one block are built.

    Attributes:
        target: class, `functools.partial` of one, or import path `package.module:Name` resolved on first use.
        call: tokens of the call pattern.
        out: output channels where the pattern has no `out` token: `in` as the source, `sum` of the sources, `last`
            source, `same` as the source or the last of several, or a function of the YAML arguments.
        adjust: per-size change of the YAML arguments before the pattern is filled.
        keywords: keyword arguments from the constructor's arguments and the marks that earlier rows have set.
        marks: facts that later rows may read, e.g. `dw_head`.
        builtin: part of this package's vocabulary: other processes know it without being told.
        like: name of the block in this package's vocabulary that it is called as, where that decided.
    """

    target: type[nn.Module] | functools.partial | str
    call: tuple[str, ...] = ("*",)
    out: str | Callable[[list], int | list[int]] = "in"
    adjust: Callable[[list, Scale], list] | None = None
    keywords: Callable[[list, frozenset[str]], dict[str, Any]] | None = None
    marks: frozenset[str] = field(default_factory=frozenset)
    builtin: bool = False
    like: str = ""

    @property
    def path(self) -> str:
        """Import path `package.module:Name` of the target."""
        return import_path(self.target)

    def resolve(self) -> Callable[..., nn.Module]:
        """Return the class, or partial of a class, that builds the block."""
        return import_block(self.target) if isinstance(self.target, str) else self.target

    def entry(self) -> dict[str, str]:
        """Return the `modules:` entry that tells another process about this block.

        Rules that are functions cannot be written down, unless they are those of a block of this package; then the
        block's own module has to register it when imported.
        """
        if self.like:
            return {"path": self.path, "like": self.like}
        if callable(self.out) or self.adjust or self.keywords:
            return {"path": self.path}
        return {"path": self.path, "call": ", ".join(self.call), **({} if self.out == "in" else {"out": self.out})}

    def fill(self, args: Sequence, c_in: int | list[int], n: int, scale: Scale, scope: Mapping) -> Filled:
        """Put one row's values into the call pattern.

        Args:
            args: YAML arguments with strings already resolved.
            c_in: channels of the source layer, a list for several.
            n: repeat count, already depth-scaled.
            scale: model size.
            scope: top-level YAML keys, for `$key` tokens.

        Raises:
            ModelYamlError: without file, row and module, which the caller adds.
        """
        given = self.adjust(list(args), scale) if self.adjust else list(args)
        rest, built, c_out = iter(given), [], None
        for token in self.call:
            if token == "in":
                built.append(c_in)
            elif token == "n":
                built.append(n)
            elif token == "*":
                built.extend(rest)
            elif token.startswith("$"):
                built.append(scope.get(token[1:]))
            else:
                value = _next_value(rest, token, scale)
                c_out = value if "out" in token else c_out
                built += [] if token == "(out)" else [value]
        surplus = list(rest)
        if surplus:
            raise ModelYamlError(f"has {len(surplus)} arguments too many: {surplus}; its call is {self.call}.")
        if c_out is None:
            c_out = self._ruled_width(given, c_in)
        return Filled(built, c_out, 1 if "n" in self.call else n)

    def _ruled_width(self, args: list, c_in: int | list[int]) -> int | list[int]:
        """Return the output channels by the spec's rule."""
        if callable(self.out):
            try:
                return self.out(args)
            except (IndexError, TypeError, KeyError) as error:
                raise ModelYamlError(f"cannot tell its output channels from {args}: {error}.") from None
        if self.out == "in" or (self.out == "same" and isinstance(c_in, int)):
            return c_in
        if isinstance(c_in, int):
            raise ModelYamlError("joins several layers, but 'from' names one; write for instance [-1, 6].")
        if self.out in {"last", "same"}:
            return c_in[-1]
        if not all(isinstance(c, int) for c in c_in):
            raise ModelYamlError(f"cannot join layers that return several maps (channels {c_in}).")
        return sum(c_in)


def _next_value(rest: Iterator, token: str, scale: Scale) -> Any:
    """Take the next YAML argument for `token` and check and scale it if it counts channels."""
    label = {"arg": "next argument", "wide": "inner channels"}.get(token, "output channels")
    try:
        value = next(rest)
    except StopIteration:
        raise ModelYamlError(f"lacks an argument ({label}).", argument=label) from None
    if token == "arg":
        return value
    several = token == "out!" and isinstance(value, (list, tuple)) and value
    for count in value if several else [value]:
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise ModelYamlError(f"needs a whole number of channels above 0, got {value!r}.", argument=label)
    return scale.channels(value) if token in {"out", "wide"} else value


def import_path(target: type | functools.partial | str) -> str:
    """Return `package.module:Name` of a class or of what is such a path already."""
    if isinstance(target, functools.partial):
        return import_path(target.func)
    return target if isinstance(target, str) else f"{target.__module__}:{target.__qualname__}"


def split_path(path: str) -> tuple[str, str]:
    """Return the module and the name in it of `package.module:Name` or `package.module.Name`."""
    module, _, name = path.partition(":") if ":" in path else path.rpartition(".")
    return module, name


def import_block(path: str) -> Callable[..., nn.Module]:
    """Import `package.module:Name` (or `package.module.Name`) and make sure that it builds a network module.

    Raises:
        ImportError: no such module or name.
        TypeError: the name is neither an `nn.Module` class nor a `functools.partial` of one.
    """
    module, name = split_path(path)
    if not module or not name:
        raise ImportError(f"'{path}' is no import path; write it as 'package.module:ClassName'.")
    if module == "__main__" and "__main__" in sys.modules and not hasattr(sys.modules["__main__"], name):
        raise ImportError(
            f"block '{name}' was defined in a script that ran as the main program, which other processes cannot "
            f"import; move it into a module file and name it there, e.g. 'my_blocks:{name}'."
        )
    try:
        found = functools.reduce(getattr, name.split("."), importlib.import_module(module))
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):
            raise  # something that the module itself imports
        raise ImportError(
            f"there is no module '{error.name}' on the Python path; install it, or add its folder to PYTHONPATH."
        ) from None
    except AttributeError:
        hint = _hint(name, vars(sys.modules[module])) if module in sys.modules else "."
        raise ImportError(f"module '{module}' has no '{name}'{hint}") from None
    if not is_block(found):
        raise TypeError(
            f"'{path}' is no torch.nn.Module class (or functools.partial of one), but {type(found).__name__}."
        )
    return found


def register(
    target: Any = None,
    call: str | None = None,
    *,
    name: str | None = None,
    replace: bool = False,
    pickled_as: str | Iterable[str] = (),
    holds: str | Iterable[str] = (),
    **spec: Any,
) -> Any:
    """Teach model YAMLs one block: `register(Block, "in, out, *")`, or as decorator `@register(call="in, out, n, *")`.

    Args:
        target: `nn.Module` class, or import path `package.module:Name` of a class or of a `functools.partial`.
        call: call pattern, see the table at the head of this module. By default what the constructor's first
            parameters suggest; for import paths, which are not followed yet, `in, out, *`.
        name: name in the YAML; the class's name by default.
        replace: allow the name to be taken already.
        pickled_as: dotted paths under which checkpoints of other packages store this class.
        holds: Python packages or modules, such as `timm.models`, whose layers the block is made of; checkpoints may use
            them too.
        **spec: `out`, `adjust`, `keywords`, `marks` of `LayerSpec`.

    Returns:
        The target, or a decorator where no target is given.

    Raises:
        ValueError: the name is taken, the pattern is wrong, or the target is no network module.
    """
    tokens = None if call is None else parse_call(call, spec.get("out", "in"))
    given = {**spec, "marks": frozenset(spec["marks"])} if "marks" in spec else spec

    def add(block: Any) -> Any:
        if isinstance(block, functools.partial):
            raise ValueError(
                "a functools.partial has no name that another process could import: assign it in a module of yours and "
                "register its import path, register('my_blocks:Name')."
            )
        if not isinstance(block, str) and not is_block(block):
            raise ValueError(f"cannot register {block!r}: expected a torch.nn.Module class or its import path.")
        key = name or (block.rpartition(":")[2] if isinstance(block, str) else block.__name__)
        known = _BLOCKS.get(key) or _VOCABULARY.get(key)
        if known and not replace and known.path != import_path(block):
            raise ValueError(f"YAML block '{key}' is registered already, to {known.path}; pass replace=True.")
        if tokens is None and is_block(block):
            _BLOCKS[key] = dataclasses.replace(spec_of_class(key, block, ANY_CALL), **given)
        else:
            _BLOCKS[key] = LayerSpec(block, tokens or ANY_CALL, **given)
        admit(import_path(block))
        hold([holds] if isinstance(holds, str) else holds)
        for path in [pickled_as] if isinstance(pickled_as, str) else pickled_as:
            _PICKLED_AS[path.replace(":", ".")] = block
        return block

    return add if target is None else add(target)


def admit(path: str) -> None:
    """Let YAMLs and checkpoints use the network modules of the file that `path` (`package.module:Name`) lives in."""
    _ADMITTED.add(path.partition(":")[0])


def admit_blocks(modules: Any) -> None:
    """Admit what a YAML file that the user has named brings along under `modules:`; faults are told when it is built.

    Content from elsewhere, a checkpoint or an address, never comes here: it may use blocks of modules that the user
    has named and cannot make this process import any other.
    """
    for entry in modules.values() if isinstance(modules, Mapping) else ():
        path = entry.get("path") if isinstance(entry, Mapping) else entry
        if isinstance(path, str):
            admit(split_path(path)[0])


def hold(packages: Iterable[str]) -> None:
    """Let checkpoints use the layers of packages that blocks of the user's are made of, as `register(holds=...)`."""
    _HELD.update(packages)


def admitted() -> tuple[list[str], list[str]]:
    """Return what another process is to `admit` and to `hold`."""
    return sorted(_ADMITTED), sorted(_HELD)


def is_admitted(module: str) -> bool:
    """Return whether the user has named a block of this Python module, or has put one from it on a public module.

    So is one of which `register(holds=...)` speaks, once the block has imported it. Files of this package are not
    meant: for classes that the user has put into them see `own_addition`.
    """
    held = module in sys.modules and any(f"{module}.".startswith(f"{package}.") for package in _HELD)
    outside = module.partition(".")[0] != __name__.partition(".")[0]
    return held or module in _ADMITTED or (outside and home_of_additions(module) is not None)


def admitted_block(path: str) -> bool:
    """Return whether a file may name the block at `path` (`package.module:Name`).

    That is a network class, or a partial of one, that a Python module from which the user has named a block defines.
    What such a module imports from elsewhere is none of its blocks, and attributes of classes are not looked into.
    """
    module, _, name = path.partition(":")
    if own_addition(module, name):
        return True
    if not is_admitted(module) or not name.isidentifier():
        return False
    try:
        found = vars(importlib.import_module(module)).get(name)
    except ImportError:
        return False
    home = getattr(found, "__module__", "")
    return is_block(found) and (isinstance(found, functools.partial) or f"{home}.".startswith(f"{module}."))


def parse_call(call: str, out: Any = "in") -> tuple[str, ...]:
    """Split and check a call pattern."""
    tokens = tuple(token.strip() for token in call.split(",") if token.strip())
    wrong = [t for t in tokens if t not in TOKENS and not (t.startswith("$") and t[1:].isidentifier())]
    if wrong:
        raise ValueError(f"unknown tokens {wrong} in call pattern '{call}'; allowed are {sorted(TOKENS)} and $key.")
    if "*" in tokens and any(t in {"out", "out!", "(out)", "wide", "arg"} for t in tokens[tokens.index("*") :]):
        raise ValueError(f"call pattern '{call}' takes an argument after '*', which has taken them all.")
    _check_rule(out)
    return tokens


def _check_rule(out: Any) -> None:
    if not callable(out) and out not in OUT_RULES:
        raise ValueError(f"out={out!r} is no rule for output channels; allowed are {sorted(OUT_RULES)} or a function.")


def enter_vocabulary(blocks: Mapping[str, LayerSpec]) -> None:
    """Make the package's own blocks known; the user's come over them."""
    _VOCABULARY.update(blocks)


def registered() -> dict[str, LayerSpec]:
    """Return all known blocks by YAML name; the user's own come over the package's."""
    added = {name: in_place(name, _VOCABULARY[name].path if name in _VOCABULARY else "") for name in placed()}
    return {**_VOCABULARY, **{name: spec_of_class(name, own) for name, own in added.items() if own}, **_BLOCKS}


def spec_of_class(name: str, block: Any, unsaid: tuple[str, ...] = ("*",)) -> LayerSpec:
    """Return how a class (or a partial of one) is called of which nobody has said so.

    In place of a block of this package it is called as that one; so is one that derives from it and has its first
    parameters. For others the names of the parameters tell (`suggest.py`).

    Args:
        name: name in the YAML.
        block: the class.
        unsaid: call pattern where the constructor does not tell its parameters.
    """
    if name in _VOCABULARY:
        return _called_as(name, block)
    for base in block.__mro__[1:] if isinstance(block, type) else block.func.__mro__:
        known = _VOCABULARY.get(base.__name__)
        if known and known.resolve() is base and _starts_alike(block, base, known.call):
            return _called_as(base.__name__, block)
    return LayerSpec(block, suggested_call(block) or unsaid, suggested_out(block))


def _called_as(like: str, block: Any) -> LayerSpec:
    """Return the spec of a block that is called as one of this package's vocabulary."""
    return dataclasses.replace(_VOCABULARY[like], target=block, builtin=False, like=like)


def _starts_alike(block: Any, base: type[nn.Module], call: Sequence[str]) -> bool:
    """Return whether a constructor passes everything on, or has the other's parameters: all that `call` fills."""
    own, theirs = parameters(block), parameters(base) or []
    filled = sum(token not in {"*", "(out)"} for token in call)
    return own is None or (len(own) >= filled and own[: len(theirs)] == theirs[: len(own)])


def spec_of_entry(name: str, entry: Mapping[str, str] | str) -> LayerSpec:
    """Return the spec of a block that a `modules:` entry describes.

    Where the entry does not say how to call the block, what its own module has registered counts, else what its
    constructor suggests.

    Args:
        name: name in the YAML.
        entry: import path, or a mapping with `path`, and `like` or `call` and `out`.

    Raises:
        ImportError: there is no such module or class.
        TypeError: it is no network class.
        ValueError: the user has named no block of that module, a wrong call pattern or rule, or `like` something that
            is no block of this package.
    """
    fields = {"path": entry} if isinstance(entry, str) else entry
    path = ":".join(split_path(fields["path"]))
    if not (is_admitted(split_path(path)[0]) or own_addition(*split_path(path))):
        raise ValueError(
            f"'{path}' is imported only where a YAML file on this machine names it and you name that file, not on the "
            f"word of an address, a checkpoint or a dictionary. If you trust it, name it yourself: register('{path}') "
            "of ultralytics.nn."
        )
    _check_rule(fields.get("out", "in"))
    if "like" in fields:
        if fields["like"] not in _VOCABULARY:
            raise ValueError(f"like='{fields['like']}' is no block of this package{_hint(fields['like'], _VOCABULARY)}")
        return _called_as(fields["like"], path)
    block = import_block(path)  # runs the module's own @register
    if "call" in fields:
        out = fields.get("out", "in")
        return LayerSpec(path, parse_call(fields["call"], out), out)
    known = _BLOCKS.get(name) or _VOCABULARY.get(name)
    if known is None or known.path != path:
        known = dataclasses.replace(spec_of_class(name, block, ANY_CALL), target=path)
    return dataclasses.replace(known, out=fields["out"]) if "out" in fields else known


def register_entry(name: str, entry: Mapping[str, str] | str) -> None:
    """Make the block of a `modules:` entry known to all YAMLs, unless its own module has just done so.

    Raises:
        ImportError: there is no such module or class.
        TypeError: it is no network class.
        ValueError: a wrong call pattern or rule.
    """
    spec = spec_of_entry(name, entry)
    if name not in _BLOCKS:
        _BLOCKS[name] = spec
        admit(spec.path)


def names() -> list[str]:
    """Return the names a model YAML may use, besides `nn.X` and `torchvision.ops.X`."""
    return sorted(registered())


def lookup(name: str, extra: Mapping[str, LayerSpec] | None = None) -> LayerSpec:
    """Return the spec for a row's module name; `nn.X` and `torchvision.ops.X` need no registration.

    Args:
        name: third item of a YAML row.
        extra: blocks of this one YAML, from its `modules:` key; they win.

    Raises:
        ModelYamlError: no such block; names the nearest ones.
        UnbuiltBlockError: it belongs to a family that is not built; also a `NotImplementedError`.
    """
    # What somebody has said counts before what stands in place of a name, and that before what the package has.
    found = (extra or {}).get(name) or _BLOCKS.get(name)
    if found:
        return found
    known = _VOCABULARY.get(name)
    try:
        added = in_place(name, known.path if known else "")
    except TypeError as error:
        raise ModelYamlError(str(error), module=name) from None
    if added or known:
        return spec_of_class(name, added) if added else known
    for prefix, module in LIBRARIES.items():
        short = name[len(prefix) :]
        if name.startswith(prefix):
            return _library_block(name, module, short)
    added = defined_in_file(name)
    if added:
        return spec_of_class(name, added)
    reason = reason_for_block(name)
    if reason:
        raise UnbuiltBlockError(reason, module=name)
    raise ModelYamlError(
        f"unknown YAML block '{name}'{_hint(name, {**registered(), **(extra or {})})} Register your own with "
        f"'@register(call=\"in, out, *\")' from ultralytics.nn, or name it under 'modules:' in the YAML.",
        module=name,
    )


def _library_block(name: str, module: str, short: str) -> LayerSpec:
    """Return the spec of `nn.X` or `torchvision.ops.X`."""
    home = importlib.import_module(module)
    if not short.isidentifier() or not is_block(getattr(home, short, None)):
        layers = [key for key, value in vars(home).items() if is_block(value)]
        raise ModelYamlError(f"{module} has no module class '{short}'{_hint(short, layers)}", module=name)
    # Normalisation layers take the source's channels and nothing else that a YAML could know.
    pattern = ("in", "*") if short == "BatchNorm2d" else ("in", "out", "*") if short == "ConvTranspose2d" else ("*",)
    return LayerSpec(f"{module}:{short}", pattern, builtin=True)


def _hint(name: str, known: Iterable[str]) -> str:
    """Return `, did you mean [...]?` for close names, else a full stop."""
    by_lower = {key.lower(): key for key in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=3)
    return f", did you mean {[by_lower[key] for key in close]}?" if close else "."


def pickled_as(path: str) -> Any:
    """Return the class that `register(..., pickled_as=path)` has given for a dotted path, or None."""
    target = _PICKLED_AS.get(path)
    return import_block(target) if isinstance(target, str) else target
