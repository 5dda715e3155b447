"""Taking over weights from another model as far as names and shapes allow, and a little further.

Further means: a first convolution for another number of image channels, classifier rows by class name, and dynamic
convolutions from plain ones (`upcycle.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import nn

from ultralytics.nn.head.detect import Detect
from ultralytics.nn.weights.upcycle import UpcycleReport, upcycle_state
from ultralytics.utils.log import LOGGER

__all__ = ["adapt_classes", "describe_layers", "intersect_dicts", "source_module", "transfer_weights"]

State = dict[str, torch.Tensor]
CLASSIFIERS = (
    *(".cv3.", ".one2one_cv3.", ".proto.semseg.", ".classifier.", ".aux_head."),
    *(".enc_score_head.", ".dec_score_head.", ".denoising_class_embed."),
)


def intersect_dicts(da: Mapping[str, Any], db: Mapping[str, Any], exclude: Collection[str] = ()) -> dict[str, Any]:
    """Return the entries of `da` that `db` has with the same shape and whose key contains none of `exclude`."""
    return {
        key: value
        for key, value in da.items()
        if key in db and value.shape == db[key].shape and not any(part in key for part in exclude)
    }


def source_module(weights: Any) -> nn.Module:
    """Return the network in `weights`: itself, or the `ema` or `model` entry of a checkpoint's dictionary.

    Raises:
        TypeError: there is none.
    """
    found = (weights.get("ema") or weights.get("model")) if isinstance(weights, Mapping) else weights
    if not isinstance(found, nn.Module):
        raise TypeError(f"weights must be a network or a loaded checkpoint, got {type(found or weights).__name__}.")
    return found


def transfer_weights(model: nn.Module, weights: Any, verbose: bool = True) -> UpcycleReport:
    """Fill `model` with what fits from `weights`, in place, and log how much that was.

    Args:
        model: network to be filled.
        weights: network, or loaded checkpoint.
        verbose: log the outcome.
    """
    source = source_module(weights)
    state: State = {k: v.detach().float() if v.is_floating_point() else v for k, v in source.state_dict().items()}
    adapt_width(model, source)
    own = model.state_dict()
    if _is_folded(state, own):
        LOGGER.warning(
            "the weights come from a fused model: its convolutions lost their norms, most of them do not fit."
        )
    adapt_input(state, own, model)
    remap = getattr(model, "_remap_cls_by_names", None)
    if remap is None:  # a network of another kind
        moved = adapt_classes(state, own, getattr(source, "names", None), getattr(model, "names", None), verbose)
    else:
        moved = remap(state, source, verbose=verbose)
    report = upcycle_state(model, state, source)
    model.load_state_dict(report.state, strict=False)
    total = report.transferred + report.upcycled
    complete = report.transferred == report.others
    if complete and not moved and _are_words(getattr(source, "names", None)) and len(source.names) == len(model.names):
        model.names = dict(source.names)
    if verbose:
        if report.upcycled:
            LOGGER.info(str(report))
        else:
            LOGGER.info(f"Transferred {total}/{len(own)} items from pretrained weights")
        if parts := describe_layers(own, report.state):
            LOGGER.info(parts)
    return report


def describe_layers(own: Collection[str], taken: Collection[str]) -> str:
    """Return which layers of a network came from weights: whole, in part, or not at all.

    Args:
        own: keys of the network's state, `model.<layer>.<...>`.
        taken: those that came.

    Returns:
        One sentence such as `layers 0-8 came whole, 9 in part, 10-22 start anew`; an empty text where all came, and
        for networks without such keys.
    """
    counts: dict[int, list[int]] = {}
    for key in own:
        start, _, rest = key.partition(".")
        number = rest.partition(".")[0]
        if start != "model" or not number.isdecimal():
            return ""
        count = counts.setdefault(int(number), [0, 0])
        count[0] += 1
        count[1] += key in taken
    kinds = {
        "came whole": [layer for layer, (total, came) in counts.items() if came == total],
        "in part": [layer for layer, (total, came) in counts.items() if 0 < came < total],
        "start anew": [layer for layer, (_, came) in counts.items() if not came],
    }
    if len(kinds["came whole"]) == len(counts):
        return ""
    order = sorted(counts)
    return "layers " + ", ".join(f"{_spans(layers, order)} {kind}" for kind, layers in kinds.items() if layers)


def _spans(layers: Collection[int], order: list[int]) -> str:
    """Return numbers as ranges, `0-8 10`; numbers that `order` lacks, layers without weights, do not part them."""
    spans: list[list[int]] = []
    for layer in sorted(layers, key=order.index):
        place = order.index(layer)
        if spans and order.index(spans[-1][-1]) == place - 1:
            spans[-1].append(layer)
        else:
            spans.append([layer])
    return " ".join(f"{span[0]}-{span[-1]}" if len(span) > 1 else str(span[0]) for span in spans)


def _is_folded(state: State, own: State) -> bool:
    """Return whether `state` lacks the norms that `own` has."""
    norms = [key for key in own if key.endswith(".running_mean")]
    return bool(norms) and not any(key.endswith(".running_mean") for key in state)


def adapt_width(model: nn.Module, source: nn.Module) -> None:
    """Give the class branches of `model`'s head the inner width of `source`'s where nothing else differs, in place.

    The width follows from the number of classes, so a model for another number would lose all of these layers.
    """
    layers = [getattr(net, "model", None) for net in (model, source)]
    if not all(isinstance(chain, nn.Sequential) and len(chain) for chain in layers):
        return
    head, other = (chain[-1] for chain in layers)
    if not all(isinstance(h, Detect) and h._modules.get("cv3") is not None for h in (head, other)):
        return
    (*form, width), (*other_form, other_width) = head.classifier_form, other.classifier_form
    if form == other_form and width != other_width:
        head.set_classifier_width(other_width)


def adapt_input(state: State, own: State, model: nn.Module) -> None:
    """Fit the first convolution to another number of image channels, in `state`.

    One channel gets the sum over the source's channels (a grey image is the same in all of them); otherwise the
    channels that both have are taken over and further ones stay as initialised.
    """
    first = next((name for name, m in model.named_modules() if isinstance(m, nn.Conv2d) and m.groups == 1), None)
    key = f"{first}.weight"
    if first is None or key not in state or state[key].ndim != 4:
        return
    old, new = state[key], own[key]
    if old.shape[1] == new.shape[1] or (old.shape[0], *old.shape[2:]) != (new.shape[0], *new.shape[2:]):
        return
    merged = new.detach().float().clone()
    if new.shape[1] == 1:
        merged.copy_(old.sum(1, keepdim=True))
    else:
        shared = min(old.shape[1], new.shape[1])
        merged[:, :shared] = old[:, :shared]
    state[key] = merged
    LOGGER.info(f"first convolution adapted from {old.shape[1]} to {new.shape[1]} image channels")


def adapt_classes(state: State, own: State, source_names: Any, names: Any, verbose: bool = True) -> int:
    """Move classifier rows to the place of their class's name in the new model, in `state`; in how many tensors.

    Rows of classes that the source does not know stay as initialised. Nothing happens where either side only has
    numbers for names, or both have the same list.
    """
    if not (_are_words(source_names) and _are_words(names)) or list(source_names.values()) == list(names.values()):
        return 0
    places = {name: index for index, name in source_names.items()}
    pairs = [(index, places[name]) for index, name in names.items() if name in places]
    if not pairs:
        return 0
    moved = 0
    target_rows, source_rows = (torch.tensor(rows) for rows in zip(*pairs, strict=True))
    for key, new in own.items():
        old = state.get(key)
        if old is None or not any(part in key for part in CLASSIFIERS) or new.ndim == 0:
            continue
        if old.shape[0] == len(source_names) and new.shape[0] == len(names) and old.shape[1:] == new.shape[1:]:
            merged = new.detach().float().clone()
            merged[target_rows] = old[source_rows]
            state[key] = merged
            moved += 1
    if verbose:
        LOGGER.info(f"classifier rows taken over by name for {len(pairs)} of {len(names)} classes")
    return moved


def _are_words(names: Any) -> bool:
    """Return whether class names are more than the numbers a model starts with."""
    return isinstance(names, Mapping) and bool(names) and not all(str(v) == str(k) for k, v in names.items())
