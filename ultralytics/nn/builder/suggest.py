"""How a class wants to be called by a model YAML, read from the names of its constructor's first parameters.

| first parameters                                   | pattern                     |
|----------------------------------------------------|-----------------------------|
| channels in, channels out: `c1, c2`, `inp, oup`    | `in, out, *`                |
| channels: `c1`, `channels`, `dim`, `in_channels`   | `in, *`                     |
| `n` right after them                               | `n` there                   |
| `ch` as the last one, a head: `nc, ch`             | `*, in`                     |
| `ch` further ahead: `nc, ch, hidden`               | `arg, in, *`                |
| `reg_max`, `end2end` right before `ch`             | `$reg_max`, `$end2end` there |
| anything else, or none                             | `*`                         |

A `dim` whose default is an axis, such as 1, counts no channels.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["parameters", "suggested_call", "suggested_out"]

UNIT = r"(?:c|chs?|chans?|channels?|planes?|dims?|features?|feats?|filters?)"
CHANNELS_IN = re.compile(rf"c1|ch1|inp|inc|n_?in|(?:in|inp|input)_?{UNIT}|{UNIT}_?in")
CHANNELS_OUT = re.compile(rf"c2|ch2|oup|outp|ouc|n_?out|(?:out|output|ou)_?{UNIT}|{UNIT}_?out|planes|filters")
CHANNELS = re.compile(rf"{UNIT}|n(?:um)?_?{UNIT}|(?:embed|hidden|base)_?{UNIT}|d_model")
LAST_AXIS = 3  # of a batch of maps
TOP_LEVEL = {"reg_max": "$reg_max", "end2end": "$end2end"}  # keys of a YAML that heads take


def parameters(target: Callable) -> list[str] | None:
    """Return the names of a constructor's positional parameters, None where it does not tell them."""
    try:
        known = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_POSITIONAL for p in known):
        return None
    return [p.name for p in known if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def suggested_call(target: Callable) -> tuple[str, ...] | None:
    """Return the call pattern that a constructor's first parameters suggest, None where it does not tell them."""
    known = parameters(target)
    if known is None:
        return None
    names = [name.lower().strip("_") for name in known]
    if "ch" in names[1:]:
        return _call_of_head(names)
    if not names or not _counts_channels(names[0], inspect.signature(target).parameters[known[0]].default):
        return ("*",)
    both = len(names) > 1 and CHANNELS_OUT.fullmatch(names[1])
    channels = ("in", "out") if both else ("in",)
    inside = ("n",) if names[len(channels) : len(channels) + 1] == ["n"] else ()
    return (*channels, *inside, "*")


def _counts_channels(name: str, default: Any) -> bool:
    """Return whether a first parameter of this name and default takes channels."""
    axis = name in {"dim", "dims"} and isinstance(default, int) and default <= LAST_AXIS
    return not axis and bool(CHANNELS_IN.fullmatch(name) or CHANNELS.fullmatch(name))


def _call_of_head(names: Sequence[str]) -> tuple[str, ...]:
    """Return the pattern of a constructor that takes the channels of its source layers as `ch`."""
    place = names.index("ch", 1)
    lead = list(names[:place])
    tail: list[str] = []
    while lead and lead[-1] in TOP_LEVEL:
        tail.insert(0, TOP_LEVEL[lead.pop()])
    if place == len(names) - 1:
        return (*(["*"] if lead else []), *tail, "in")
    return (*(["arg"] * len(lead)), *tail, "in", "*")


def suggested_out(target: Callable) -> str:
    """Return the rule for output channels of a block that takes no such argument; see `LayerSpec.out`."""
    name = getattr(target, "__name__", "").lower()
    return "sum" if "concat" in name else "same"
