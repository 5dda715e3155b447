"""The graph of a `.pt2` file: parsed from its JSON into a list of calls of torch's operators, and run one by one.

`torch.export.load` evaluates expressions that a file holds, and unpickles. Nothing of the sort is needed to compute:
the file names operators, and each argument is a number, a text or an earlier result. Sizes that stay free are results
of operators too, so the symbolic expressions, guards and classes in the file are left unread.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from ultralytics.nn.backends.torchscript_archive import REACHING_OUT, ModelFileError, UnsafeModelError
from ultralytics.utils.text import printable

__all__ = ["DTYPES", "Graph", "parse_graph"]

# Numbers of the file format; torch's schema of exported programs defines them.
DTYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
    13: torch.bfloat16,
}
MEMORY_FORMATS = {
    1: torch.contiguous_format,
    2: torch.channels_last,
    3: torch.channels_last_3d,
    4: torch.preserve_format,
}
STRIDED = 7
OPERATOR = re.compile(r"torch\.ops\.(\w+)\.(\w+)\.(\w+)")
PLAIN = "aten"  # the namespace of torch's own operators
# Arithmetic of free sizes.
SIZES = ("add", "sub", "mul", "floordiv", "truediv", "mod", "neg", "eq", "ne", "lt", "le", "gt", "ge", "and_", "or_")
CHOICES = ("sym_max", "sym_min", "sym_int", "sym_float", "sym_not", "sym_ite")
ARITHMETIC: Mapping[str, Callable[..., Any]] = {
    **{f"_operator.{name}": getattr(operator, name) for name in SIZES},
    **{f"torch.{name}": getattr(torch, name) for name in CHOICES if hasattr(torch, name)},
}
LARGEST = 2**63  # above every size
CHECKS = frozenset({"_assert_tensor_metadata"})  # of dtype and device as recorded; the device may be another one here
NUMBERS = {"Infinity": float("inf"), "-Infinity": float("-inf"), "NaN": float("nan")}  # JSON has no such numbers


class Value(NamedTuple):
    """Name of an earlier result."""

    name: str


@dataclass(frozen=True)
class Call:
    """One operator, its arguments, what its results are called, and the results that nothing needs after it."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    outputs: tuple[Any, ...]
    last: tuple[str, ...] = ()


@dataclass(frozen=True)
class Graph:
    """A graph that only computes.

    Attributes:
        image: name of the input.
        shape: sizes of the input, None where they are free.
        dtype: type of the input.
        weights: name of a weight in the file, by its name in the graph.
        calls: in the order in which they run.
        outputs: names of the results.
    """

    image: str
    shape: tuple[int | None, ...]
    dtype: torch.dtype
    weights: Mapping[str, str]
    calls: Sequence[Call]
    outputs: Sequence[str]

    def run(self, image: torch.Tensor, weights: Mapping[str, torch.Tensor]) -> list[torch.Tensor]:
        """Return the results for images.

        Args:
            image: (B, C, H, W).
            weights: tensors by their names in the graph.
        """
        values: dict[str, Any] = {**weights, self.image: image}
        for call in self.calls:
            kwargs = {key: _filled(value, values) for key, value in call.kwargs.items()}
            result = call.function(*(_filled(value, values) for value in call.args), **kwargs)
            _bind(call.outputs, result, values)
            for name in call.last:
                del values[name]
        return [values[name] for name in self.outputs]


def _filled(value: Any, values: Mapping[str, Any]) -> Any:
    """Return an argument with results in the place of their names."""
    if type(value) is Value:
        return values[value.name]
    return [_filled(item, values) for item in value] if type(value) is list else value


def _bind(names: Sequence[Any], result: Any, values: dict[str, Any]) -> None:
    """Give results their names; one name stands for the whole, several for the parts."""
    for name, part in zip(names, (result,) if len(names) == 1 else result, strict=True) if names else ():
        if isinstance(name, tuple):
            values.update(zip(name, part, strict=True))
        elif name:
            values[name] = part


# Parsing --------------------------------------------------------------------------------------------------------------


def parse_graph(module: Mapping[str, Any], device: torch.device, source: str, trust: bool = False) -> Graph:
    """Read a graph from the `graph_module` of a file's JSON.

    Args:
        module: the parsed JSON.
        device: where the graph is to run; it takes the place of the device in the file.
        source: what error messages call the file.
        trust: take operators of every namespace, and those that reach files.

    Raises:
        UnsafeModelError: an operator that may do more than compute.
        ModelFileError: something that is not read, such as graphs in graphs.
        KeyError, TypeError, ValueError, AttributeError, IndexError: no graph at all.
    """
    graph, weights, images = module["graph"], {}, []
    for spec in module["signature"]["input_specs"]:
        (kind, content) = _single(spec)
        if kind == "user_input":
            images.append(content["arg"]["as_tensor"]["name"])
        elif kind in {"parameter", "buffer", "tensor_constant"}:
            weights[content["arg"]["name"]] = content[f"{kind}_name"]
        else:
            raise ModelFileError(f"{source}: the graph takes an input of kind '{printable(kind, 40)}'.")
    if len(images) != 1:
        raise ModelFileError(f"{source}: the graph takes {len(images)} inputs; expected one, images (B, C, H, W).")
    facts = graph["tensor_values"][images[0]]
    shape = tuple(size.get("as_int") for size in facts["sizes"])
    if len(shape) != 4:
        raise ModelFileError(f"{source}: the graph takes a tensor with {len(shape)} axes; expected (B, C, H, W).")
    nodes = [(node, _function(node["target"], source, trust)) for node in graph["nodes"]]
    calls = [_call(node, function, device, source) for node, function in nodes if function is not None]
    outputs = [_result(output) for output in graph["outputs"]]
    calls = _with_last_uses(calls, {images[0], *weights}, outputs, source)
    return Graph(images[0], shape, DTYPES[facts["dtype"]], weights, calls, outputs)


def _single(union: Mapping[str, Any]) -> tuple[str, Any]:
    """Return kind and content of what the file writes as a mapping with one key."""
    ((kind, content),) = union.items()
    return kind, content


def _function(target: str, source: str, trust: bool) -> Callable[..., Any] | None:
    """Return an operator by its name in the file, None for one that need not run.

    Raises:
        UnsafeModelError: not one of those that only compute.
        ModelFileError: torch has no such operator.
    """
    if target in ARITHMETIC:
        return _of_numbers(ARITHMETIC[target])
    match = OPERATOR.fullmatch(target)
    namespace, name, overload = match.groups() if match else ("", "", "")
    if not match or (not trust and (namespace != PLAIN or name in REACHING_OUT)):
        raise UnsafeModelError(
            f"{source} uses '{printable(target, 80)}', which may do more than compute, so the model was not opened. "
            f"Operators of '{PLAIN}' are read; if you trust whoever made the file, import the package of its operators "
            "and pass trust=True."
        )
    if name in CHECKS:
        return None
    found = getattr(getattr(getattr(torch.ops, namespace), name, None), overload, None)
    if not isinstance(found, torch._ops.OpOverload):
        raise ModelFileError(f"{source} uses '{printable(target, 80)}', which torch {torch.__version__} does not have.")
    return found


def _of_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that takes and gives numbers of a sane length; squaring often makes one that fills memory."""

    def compute(*numbers: float) -> Any:
        result = function(*numbers) if all(isinstance(number, (int, float)) for number in numbers) else None
        if not isinstance(result, (int, float)) or (isinstance(result, int) and abs(result) > LARGEST):
            raise ValueError(f"the graph computes a size by '{function.__name__}' that can be none")
        return result

    return compute


def _call(node: Mapping[str, Any], function: Callable[..., Any], device: torch.device, source: str) -> Call:
    """Read one node."""
    arguments = {one["name"]: _argument(one["arg"], device, source) for one in node["inputs"]}
    outputs = tuple(_output(output, source) for output in node["outputs"])
    if isinstance(function, torch._ops.OpOverload):
        if unknown := set(arguments) - {one.name for one in function._schema.arguments}:
            raise ModelFileError(f"{source}: operator '{function}' has no argument '{printable(min(unknown), 40)}'.")
        return Call(function, (), arguments, outputs)
    return Call(function, tuple(arguments.values()), {}, outputs)


def _argument(union: Mapping[str, Any], device: torch.device, source: str) -> Any:
    """Return an argument: plain, or with `Value` where an earlier result belongs."""
    kind, content = _single(union)
    reader = READERS.get(kind)
    if kind == "as_device":
        return device
    if reader is None:
        raise ModelFileError(f"{source}: the graph has an argument of kind '{printable(kind, 40)}'.")
    return reader(content)


def _plain(kind: type) -> Callable[[Any], Any]:
    """Return a reader of one plain type."""

    def read(content: Any) -> Any:
        value = NUMBERS.get(content, content) if kind is float and isinstance(content, str) else content
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise TypeError(f"a {type(value).__name__} where {kind.__name__} belongs")
        return value

    return read


def _several(reader: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    """Return a reader of lists."""
    return lambda content: [reader(item) for item in content]


def _tensor(content: Mapping[str, str]) -> Value:
    return Value(content["name"])


def _either(union: Mapping[str, Any]) -> Any:
    """Read a result by name, or a plain value in its place."""
    kind, content = _single(union)
    return Value(content) if kind == "as_name" else READERS[kind](content)


def _layout(content: int) -> torch.layout:
    if content != STRIDED:
        raise ValueError("a sparse tensor")
    return torch.strided


READERS: dict[str, Callable[[Any], Any]] = {
    "as_none": lambda content: None,
    "as_tensor": _tensor,
    "as_tensors": _several(_tensor),
    "as_int": _plain(int),
    "as_ints": _several(_plain(int)),
    "as_float": _plain(float),
    "as_floats": _several(_plain(float)),
    "as_string": _plain(str),
    "as_bool": _plain(bool),
    "as_bools": _several(_plain(bool)),
    "as_sym_int": _either,
    "as_sym_ints": _several(_either),
    "as_sym_float": _either,
    "as_sym_floats": _several(_either),
    "as_sym_bool": _either,
    "as_sym_bools": _several(_either),
    "as_optional_tensor": _either,
    "as_optional_tensors": _several(_either),
    "as_scalar_type": DTYPES.__getitem__,
    "as_memory_format": MEMORY_FORMATS.__getitem__,
    "as_layout": _layout,
}


def _output(union: Mapping[str, Any], source: str) -> str | tuple[str, ...] | None:
    """Return what a result is called: a name, names for a list, None where it is dropped."""
    kind, content = _single(union)
    if kind == "as_tensors":
        return tuple(item["name"] for item in content)
    if kind == "as_none":
        return None
    return _result(union)


def _result(union: Mapping[str, Any]) -> str:
    """Return the name of one result."""
    kind, content = _single(union)
    if kind not in {"as_tensor", "as_sym_int", "as_sym_float", "as_sym_bool"}:
        raise ValueError(f"a result of kind '{printable(kind, 40)}'")
    return content["name"] if kind == "as_tensor" else content["as_name"]


def _with_last_uses(calls: Sequence[Call], given: set[str], kept: Sequence[str], source: str) -> list[Call]:
    """Check that every result is there when it is used, and note where memory can be given back.

    Raises:
        ModelFileError: a result is used before it is computed, or never is.
    """
    known, inputs, last = set(given), set(given), {}
    for index, call in enumerate(calls):
        used = _names((*call.args, *call.kwargs.values()))
        made = {name for output in call.outputs for name in (output if isinstance(output, tuple) else (output,))}
        if missing := used - known:
            raise ModelFileError(f"{source}: the graph uses '{printable(min(missing), 40)}' before it is computed.")
        if known & made:
            raise ModelFileError(f"{source}: the graph computes '{printable(str(min(known & made)), 40)}' twice.")
        made.discard(None)
        known |= made
        last.update(dict.fromkeys(used | made, index))
    if missing := set(kept) - known:
        raise ModelFileError(f"{source}: the graph returns '{printable(min(missing), 40)}', which it does not compute.")
    ends: dict[int, list[str]] = {}
    for name, index in last.items():
        if name not in inputs and name not in kept:
            ends.setdefault(index, []).append(name)
    return [Call(c.function, c.args, c.kwargs, c.outputs, tuple(ends.get(i, ()))) for i, c in enumerate(calls)]


def _names(values: Any) -> set[str]:
    """Return the names of all results in arguments."""
    found: set[str] = set()
    for value in values:
        if type(value) is Value:
            found.add(value.name)
        elif type(value) is list:
            found |= _names(value)
    return found
