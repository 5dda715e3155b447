"""`SolutionConfig`: the arguments of the video applications, with their defaults."""

from __future__ import annotations

import copy
from dataclasses import field, make_dataclass
from typing import Any

from ultralytics.cfg.merge import deprecation_warn
from ultralytics.cfg.solutions import SOLUTION_ARGS, unknown_argument

__all__ = ["SolutionConfig"]

HALF = 16  # bits


class _Update:
    """What the dataclass does besides holding values."""

    def update(self, **kwargs: Any) -> Any:
        """Set arguments, checked, and return the configuration.

        Args:
            **kwargs: arguments by name. `half`, of earlier versions, is `quantize=16`.

        Raises:
            ValueError: an argument that there is not; names the nearest ones.
            ConfigError: a value of a wrong type (also a TypeError) or out of range (also a ValueError).
        """
        given = dict(kwargs)
        if "half" in given:
            deprecation_warn("half", "quantize=16")
            half = given.pop("half")
            if half and given.get("quantize") is None:
                given["quantize"] = HALF
        for name, value in given.items():
            if name not in SOLUTION_ARGS:
                raise unknown_argument(name, SOLUTION_ARGS)
            setattr(self, name, SOLUTION_ARGS[name].check(value))
        return self


SolutionConfig = make_dataclass(
    "SolutionConfig",
    [(row.name, Any, field(default_factory=lambda row=row: copy.copy(row.default))) for row in SOLUTION_ARGS.values()],
    bases=(_Update,),
    namespace={
        "__doc__": "Arguments of the video applications; `yolo solutions help` lists them with their meanings.",
        "__module__": __name__,
    },
)
