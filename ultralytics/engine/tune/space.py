"""What a search may change: one `Range` or `Choice` for each training argument, read from what a user wrote.

Values live in two forms: as the argument has them, and as a position in 0..1, in which all are alike and proposals are
made. A range that spans two powers of ten or more is walked on a logarithmic scale, as learning rates want it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ultralytics.cfg.errors import ConfigError, ConfigTypeError, ConfigValueError, close_names, shown
from ultralytics.cfg.schema import ARGS
from ultralytics.cfg.values import is_number
from ultralytics.utils.yaml_io import YAML

__all__ = ["DEFAULT_SPACE", "Choice", "Gene", "Range", "check_names", "plain_space", "read_space", "tunable"]

DECADES = 2.0  # powers of ten between the ends of a range from which on its scale is logarithmic
DIGITS = 5  # that a proposed number keeps
MOST_OPTIONS = 10_000

# Ends of the ranges, and the gain of a gene's steps where it is not 1: the public ones.
DEFAULT_SPACE: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "lr0": (1e-5, 1e-2),
        "lrf": (0.01, 1.0),
        "momentum": (0.7, 0.98, 0.3),
        "weight_decay": (0.0, 0.001),
        "warmup_epochs": (0.0, 5.0),
        "warmup_momentum": (0.0, 0.95),
        "box": (1.0, 20.0),
        "cls": (0.1, 4.0),
        "cls_pw": (0.0, 1.0),
        "dfl": (0.4, 12.0),
        "hsv_h": (0.0, 0.1),
        "hsv_s": (0.0, 0.9),
        "hsv_v": (0.0, 0.9),
        "degrees": (0.0, 45.0),
        "translate": (0.0, 0.9),
        "scale": (0.0, 0.95),
        "shear": (0.0, 10.0),
        "perspective": (0.0, 0.001),
        "flipud": (0.0, 1.0),
        "fliplr": (0.0, 1.0),
        "bgr": (0.0, 1.0),
        "mosaic": (0.0, 1.0),
        "mixup": (0.0, 1.0),
        "cutmix": (0.0, 1.0),
        "copy_paste": (0.0, 1.0),
        "close_mosaic": (0.0, 10.0),
    }
)
# Arguments that say what a run is, where it goes or what it prints; a search over them compares nothing.
_FIXED = frozenset(
    {"data", "device", "exist_ok", "name", "plots", "profile", "project", "resume", "save", "save_period", "seed"}
    | {"task", "time", "val", "verbose", "workers"}
)


@dataclass(frozen=True)
class Range:
    """Numbers between two ends.

    Attributes:
        key: training argument.
        low, high: smallest and largest value.
        gain: factor on the steps of a mutation.
        whole: only whole numbers.
    """

    key: str
    low: float
    high: float
    gain: float = 1.0
    whole: bool = False

    @cached_property
    def logarithmic(self) -> bool:
        """Whether equal steps multiply."""
        return self.low > 0 and not self.whole and math.log10(self.high / self.low) >= DECADES - 1e-9

    @property
    def count(self) -> float:
        """How many values there are."""
        return self.high - self.low + 1 if self.whole else math.inf

    def holds(self, value: Any) -> bool:
        """Whether a value is one of these numbers, the ends included."""
        return is_number(value) and self.low <= value <= self.high

    def position(self, value: Any) -> float:
        """Return where a value lies, 0..1; one from outside lies at the nearest end."""
        value = min(max(float(value), self.low), self.high)
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def value(self, position: float) -> float | int:
        """Return the value at a position in 0..1."""
        position = min(max(position, 0.0), 1.0)
        if self.logarithmic:
            value = self.low * (self.high / self.low) ** position
        else:
            value = self.low + (self.high - self.low) * position
        if self.whole:
            return round(value)
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)

    def plain(self) -> list[float]:
        """Return what a file keeps, and `read_space` reads."""
        return [self.low, self.high] + ([self.gain] if self.gain != 1 else [])


@dataclass(frozen=True)
class Choice:
    """One of several values, of any kind.

    Attributes:
        key: training argument.
        options: the values, checked by the argument.
    """

    key: str
    options: tuple[Any, ...]

    @property
    def count(self) -> int:
        """How many values there are."""
        return len(self.options)

    def holds(self, value: Any) -> bool:
        """Whether a value is one of the options."""
        return value in self.options

    def position(self, value: Any) -> float:
        """Return the middle of the option's share of 0..1, the first one's for a value that is none."""
        return ((self.options.index(value) if value in self.options else 0) + 0.5) / len(self.options)

    def value(self, position: float) -> Any:
        """Return the option in whose share of 0..1 a position lies."""
        return self.options[min(int(min(max(position, 0.0), 1.0) * len(self.options)), len(self.options) - 1)]

    def plain(self) -> dict[str, list[Any]]:
        """Return what a file keeps, and `read_space` reads."""
        return {"choice": list(self.options)}


Gene = Range | Choice


def tunable() -> list[str]:
    """Return the training arguments that a search may change."""
    return [
        key
        for key, row in ARGS.items()
        if key not in _FIXED and (key == "model" or row.group in {"train", "hyper", "augment"})
    ]


def read_space(space: Any = None, task: str | None = None) -> dict[str, Gene]:
    """Return the genes of a search by argument.

    Args:
        space: `{argument: (low, high)}` or `(low, high, gain)` for a range, `{argument: [texts]}` or
            `{argument: {"choice": [...]}}` for a choice; the path of a YAML file with the same; names of arguments
            (a list, or one text with commas), which take their ranges of `DEFAULT_SPACE`; None for all of these.
        task: leave arguments of other tasks out of the default space.

    Raises:
        ConfigError: an argument that there is not, a range or an option that it does not take; names it and what it
            would take.
    """
    if space is None:
        used = {
            key: ends for key, ends in DEFAULT_SPACE.items() if not ARGS[key].tasks or task in (*ARGS[key].tasks, None)
        }
        return {key: _gene(key, ends) for key, ends in used.items()}
    if isinstance(space, os.PathLike) or (isinstance(space, str) and Path(space).suffix in {".yaml", ".yml"}):
        space = YAML.load(space)
    if isinstance(space, str):
        space = [part for part in (piece.strip() for piece in space.strip("[]").split(",")) if part]
    if not isinstance(space, Mapping) and isinstance(space, Iterable):
        names = [str(name) for name in space]
        check_names(names)
        without = [name for name in names if name not in DEFAULT_SPACE]
        if without:
            raise ConfigValueError(
                f"space: {without[0]} has no range of its own; write {{'{without[0]}': (low, high)}}."
            )
        space = {name: DEFAULT_SPACE[name] for name in names}
    if not isinstance(space, Mapping) or not space:
        raise ConfigTypeError(f"space={shown(space)} is not valid; it takes {{argument: (low, high)}}, such as lr0.")
    check_names(map(str, space))
    return {str(key): _gene(str(key), given) for key, given in space.items()}


def plain_space(space: Mapping[str, Gene]) -> dict[str, Any]:
    """Return genes as numbers, texts, lists and mappings, which `read_space` reads."""
    return {key: gene.plain() for key, gene in space.items()}


def check_names(names: Iterable[str]) -> None:
    """Refuse names that are no training arguments, or of arguments that cannot be searched.

    Raises:
        ConfigValueError: names the first one, and the nearest that there are.
    """
    known = tunable()
    for name in names:
        if name in known:
            continue
        if name in ARGS:
            raise ConfigValueError(f"space: {name} cannot be searched; it does not change what is learned.")
        close = close_names(name, known, n=2)
        hint = f"Did you mean {' or '.join(close)}?" if close else "'yolo help train' lists them."
        raise ConfigValueError(f"space: '{name}' is no training argument. {hint}")


def _gene(key: str, given: Any) -> Gene:
    """Return the gene of one argument."""
    options = given.get("choice") if isinstance(given, Mapping) and set(given) == {"choice"} else None
    if options is None and isinstance(given, Sequence) and not isinstance(given, str):
        if 2 <= len(given) <= 3 and all(map(is_number, given)):
            return _range(key, *given)
        options = given if any(not is_number(item) for item in given) else None
    if isinstance(options, Sequence) and not isinstance(options, str) and 0 < len(options) <= MOST_OPTIONS:
        return Choice(key, tuple(_option(key, option) for option in options))
    raise ConfigTypeError(
        f"space: {key}={shown(given)} is not valid; it takes (low, high), (low, high, gain), a list of names or "
        "{'choice': [...]}."
    )


def _range(key: str, low: float, high: float, gain: float = 1.0) -> Range:
    if not low < high:
        raise ConfigValueError(f"space: {key}=({low}, {high}) is no range; the first number must be below the second.")
    if not 0 < gain <= 100:
        raise ConfigValueError(f"space: {key} has a gain of {gain}; it takes a number above 0, up to 100.")
    kind = ARGS[key].kind
    if kind in (bool, str) or key in {"model", "optimizer"}:
        raise ConfigTypeError(
            f"space: {key}=({low}, {high}) is not valid; {key} is no number, it takes a list of values."
        )
    whole = kind is int or (kind is object and isinstance(low, int) and isinstance(high, int) and key != "scale")
    if whole and (low != int(low) or high != int(high)):
        raise ConfigValueError(f"space: {key}=({low}, {high}) is not valid; {key} takes whole numbers.")
    low, high = (_checked(key, int(end) if whole else float(end)) for end in (low, high))
    return Range(key, low, high, float(gain), whole)


def _option(key: str, given: Any) -> Any:
    """Return an option as files keep it, so that it is the same after reading."""
    value = _checked(key, given)
    return str(value) if isinstance(value, os.PathLike) else list(value) if isinstance(value, tuple) else value


def _checked(key: str, value: Any) -> Any:
    try:
        return ARGS[key].check(value)
    except ConfigError as error:
        raise type(error)(f"space: {error}") from None
