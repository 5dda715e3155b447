"""Calls of version 8.1, when an application took its arguments from `set_args` and tracks from its caller:

    counter = ObjectCounter()
    counter.set_args(view_img=True, reg_pts=points, classes_names=model.names)
    tracks = model.track(frame, persist=True)
    frame = counter.start_counting(frame, tracks)

Each of the two says once in a process what to write instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ultralytics.cfg.errors import ConfigTypeError, ConfigValueError, close_names
from ultralytics.cfg.solutions import SOLUTION_ARGS
from ultralytics.utils.log import warn_once

__all__ = ["SHARED", "old_arguments", "old_call"]

# What arguments of several classes are called now; those without a name have no effect.
SHARED: dict[str, str] = {
    "names": "names",
    "classes_names": "names",
    "reg_pts": "region",
    "count_reg_pts": "region",
    "line_thickness": "line_width",
    "view_img": "show",
    "view_in_counts": "show_in",
    "view_out_counts": "show_out",
}


def old_arguments(order: str, **renamed: str | Callable[[Any], tuple[str, Any]]) -> Callable[..., None]:
    """Return a method `set_args`.

    Args:
        order: the arguments' names, in the order of their positions.
        **renamed: old name to the argument or attribute that it is now, or to a function of its value that returns name
            and value; besides those of `SHARED`.
    """
    names = order.split()
    meaning = {name: SHARED[name] for name in names if name in SHARED} | renamed

    def set_args(self: Any, *args: Any, **kwargs: Any) -> None:
        given = _bound(names, args, kwargs)
        idle = sorted(set(given) - set(meaning))
        text = f"{type(self).__name__}.set_args() is of version 8.1; give arguments to {type(self).__name__}() instead"
        warn_once(f"{text}. Without effect: {', '.join(idle)}." if idle else f"{text}.")
        for name, value in given.items():
            if name in meaning and value is not None:
                rule = meaning[name]
                _set(self, *(rule(value) if callable(rule) else (rule, value)))

    set_args.__doc__ = f"Take arguments as version 8.1 did: {', '.join(names)}."
    return set_args


def _bound(names: list[str], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by name; raises for those that there are not."""
    if len(args) > len(names):
        raise ConfigTypeError(f"set_args takes {len(names)} arguments, not {len(args)}: {', '.join(names)}.")
    for name in kwargs:
        if name not in names:
            close = close_names(name, names)
            hint = f" Did you mean {' or '.join(close)}?" if close else f" Arguments are {', '.join(names)}."
            raise ConfigValueError(f"'{name}' is not a valid argument of set_args.{hint}")
    return {**dict(zip(names, args, strict=False)), **kwargs}


def _set(solution: Any, name: str, value: Any) -> None:
    """Set an argument of a solution that has been made, checked, or an attribute."""
    if name in SOLUTION_ARGS:
        value = solution.CFG[name] = SOLUTION_ARGS[name].check(value)
    setattr(solution, name, value)


def old_call(name: str) -> Callable[..., np.ndarray]:
    """Return the method that version 8.1 called for every frame.

    Args:
        name: of the method.
    """

    def run(self: Any, im0: np.ndarray, tracks: Any = None, *more: Any, **named: Any) -> np.ndarray:
        kind, tracks = type(self).__name__, named.get("results", tracks)
        warn_once(f"{kind}.{name}(frame, tracks) is of version 8.1; call {kind}(...)(frame), which tracks by itself.")
        with self.given(tracks):
            return self(im0).plot_im

    run.__name__ = name
    run.__doc__ = """Work on a frame with tracks of the caller, as version 8.1 did, and return the drawn frame.

        Args:
            im0: (H, W, 3) BGR, drawn on.
            tracks: what `model.track(im0, persist=True)` returned.
            *more: accepted; older scripts gave the number of the frame.
            **named: accepted likewise; `results` is another name of `tracks`.
        """
    return run
