"""Which nodes of a recorded graph may be computed in 8 bits, by what they are and where in the network they stand.

Whole numbers of 8 bits suit convolutions with constant kernels and what passes their outputs on. Everything else stays
in float:

* what follows the last convolutions: decoding, the activation of scores, and the last Concat, which puts boxes
  (0..640) and scores (0..1) into one tensor, so that one scale for it makes every score 0;
* the first convolutions, which see the picture, and the last ones, whose outputs are the predictions: they cost little,
  and leaving them halves the error of scores;
* blocks that say so (`stays_float`): the mean over bins (DFL), and dynamic convolutions, whose kernels change with
  every picture.

A node's name has the path of the module that made it, so nothing here is a list of names.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator
from typing import Any

from torch import nn

__all__ = ["WRAPPERS", "module_of", "nodes_for_8_bits"]

WEIGHTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
PASSING = frozenset({"Add", "Concat", "LeakyRelu", "MaxPool", "Relu", "Resize", "Split"})  # of the body of a network
TYPES = ("Conv", "Sigmoid", "Mul", *sorted(PASSING))
WRAPPERS = "model"  # attribute by which networks, and what wraps them, hold what is inside


def nodes_for_8_bits(graph: Any, model: nn.Module | None = None, types: Collection[str] = TYPES) -> list[str]:
    """Return the names of the nodes that may be computed in 8 bits.

    Args:
        graph: ONNX graph (`GraphProto`) that was recorded from the model.
        model: prepared network; without it only what the graph itself tells is known.
        types: kinds of nodes that the runtime is faster with in 8 bits.
    """
    nodes, modules = list(graph.node), dict(model.named_modules()) if model is not None else {}
    owners = {id(node): module_of(node.name, modules) for node in nodes}
    head = _head_path(model)
    floats = [path for path, module in modules.items() if getattr(module, "stays_float", False)]
    constants = _constants(graph)
    free = [node for node in nodes if not any(_within(owners[id(node)], path) for path in floats)]
    weighted = [n for n in free if n.op_type in WEIGHTED and any(name in constants for name in n.input)]
    inner = _between(nodes, weighted)
    convolutions = [n for n in weighted if n.op_type == "Conv" and n.input[1] in constants and id(n) in inner]
    gates = [n for n in _gates(free) if id(n) in inner]
    body = [n for n in free if head is not None and owners[id(n)] and _before(owners[id(n)], head)]
    passing = [n for n in body if n.op_type in PASSING and not (n.op_type == "Add" and constants.intersection(n.input))]
    chosen = {id(node) for node in (*convolutions, *gates, *passing)}
    return [node.name for node in nodes if id(node) in chosen and node.op_type in types]


def module_of(name: str, modules: Container[str]) -> str:
    """Return the path of the module that a node was recorded in, as far as its name tells it.

    `/model.22/cv2.0/cv2.0.1/conv/Conv` stands in `model.22.cv2.0.1.conv`: where a list holds a sequence, the recorder
    names the list twice.

    Args:
        name: name of the node.
        modules: paths of all modules.
    """
    owner = ""
    for part in name.split("/")[1:-1]:
        above = owner.split(".") if owner else []
        paths = (".".join([*above[:depth], part]) for depth in range(len(above), -1, -1))
        owner = next((path for path in paths if path in modules), owner)
    return owner


def _head_path(model: nn.Module | None) -> str | None:
    """Return the path of the last layer of a network that is a sequence of layers, None for others."""
    path: list[str] = []
    while not isinstance(model, nn.Sequential):
        model = getattr(model, WRAPPERS, None)
        if not isinstance(model, nn.Module):
            return None
        path.append(WRAPPERS)
    return ".".join([*path, str(len(model) - 1)]) if len(model) else None


def _before(path: str, head: str) -> bool:
    """Whether a module stands in a layer before the head."""
    layers = head.rpartition(".")[0]
    return _within(path, layers) and path != layers and not _within(path, head)


def _within(path: str, module: str) -> bool:
    return path == module or path.startswith(f"{module}.")


def _constants(graph: Any) -> set[str]:
    """Return the names of the tensors that are the same for every picture."""
    return {tensor.name for tensor in graph.initializer} | {
        name for node in graph.node if node.op_type == "Constant" for name in node.output
    }


def _between(nodes: list[Any], weighted: list[Any]) -> set[int]:
    """Return the ids of the nodes that have nodes with weights both before and behind them."""
    marks = {id(node) for node in weighted}
    return _reached(nodes, marks, "input", "output") & _reached(nodes[::-1], marks, "output", "input")


def _reached(nodes: list[Any], marks: set[int], inlet: str, outlet: str) -> set[int]:
    """Return the ids of nodes that something marked comes before, in an order in which makers precede takers."""
    tensors: set[str] = set()
    reached = set()
    for node in nodes:
        hit = any(name in tensors for name in getattr(node, inlet) if name)
        if hit:
            reached.add(id(node))
        if hit or id(node) in marks:
            tensors.update(getattr(node, outlet))
    return reached


def _gates(nodes: list[Any]) -> Iterator[Any]:
    """Yield the nodes of activations x * sigmoid(x) (SiLU); other products and sigmoids stay in float."""
    sigmoids = {node.output[0]: node for node in nodes if node.op_type == "Sigmoid"}
    for node in nodes:
        if node.op_type == "Mul":
            for gate, other in (node.input, reversed(node.input)):
                if gate in sigmoids and sigmoids[gate].input[0] == other:
                    yield from (sigmoids[gate], node)
